/*
 * The other end of a channel between worker and core process: a test that stands for one of them.
 * Frames that come are kept in their order, until they are taken.
 */
#ifndef TESTS_SUPPORT_FAR_END_H
#define TESTS_SUPPORT_FAR_END_H

#include "ldapd/channel.h"

struct far_frame;

struct far_end {
	struct event_base *base;
	struct channel *channel;
	struct far_frame *frames; /* that came, in order */
	struct far_frame *taken;  /* what far_end_take gave last borrows from it */
	bool closed;              /* by the other side */
	bool deaf;                /* reads nothing, as a process that hangs */
};

/* Takes over `fd`. */
void far_end_open(struct far_end *end, int fd);
void far_end_close(struct far_end *end);

/* One turn of its loop. */
void far_end_turn(struct far_end *end);

void far_end_send(struct far_end *end, const struct ipc_frame *frame);

/* The oldest frame that was not taken, NULL: none.  Lives until the next is taken. */
const struct ipc_frame *far_end_take(struct far_end *end);

#endif
