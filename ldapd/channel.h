/*
 * One end of the socketpair between a worker and the core process: frames of ipc.h, buffered, on an
 * event loop.  What was read is wiped when it is consumed, for it may hold passwords.
 */
#ifndef LDAPD_CHANNEL_H
#define LDAPD_CHANNEL_H

#include <event2/event.h>

#include "ldapd/ipc.h"

struct channel;

/* A whole frame, which lives until this returns.  False: the peer broke the rules; it is closed. */
typedef bool (*channel_on_frame)(void *context, const struct ipc_frame *frame);
/* The peer is gone or was closed; the callee may free the channel. */
typedef void (*channel_on_closed)(void *context);

/* Takes over `fd`, a stream socket that does not block.  NULL: out of memory. */
struct channel *channel_new(struct event_base *base, int fd, channel_on_frame on_frame,
    channel_on_closed on_closed, void *context);
void channel_free(struct channel **channel);

/*
 * Queue a frame; it leaves when the socket takes it.  False: it never will, for the peer takes
 * nothing or memory is short.  Then the channel is cut: both ends hear that it was closed, rather
 * than that one of them waits for an answer, or never learns that a login is over.
 */
bool channel_send(struct channel *channel, const struct ipc_frame *frame);

/* Octets that the socket has not taken yet. */
size_t channel_waiting(const struct channel *channel);

#endif
