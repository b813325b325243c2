#include "tests/support/far_end.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct far_frame {
	struct far_frame *next;
	struct ipc_buffer bytes;
	struct ipc_frame frame; /* borrows from them */
};

/* A copy, by way of its octets. */
static bool
on_frame(void *context, const struct ipc_frame *frame)
{
	struct far_end *end = context;
	struct far_frame **at = &end->frames;
	struct far_frame *kept = calloc(1, sizeof(*kept));

	assert_non_null(kept);
	assert_true(ipc_encode(&kept->bytes, frame));
	assert_true(ipc_decode(idm_span_of(kept->bytes.data, kept->bytes.len), &kept->frame));
	while (*at != NULL)
		at = &(*at)->next;
	*at = kept;
	return true;
}

static void
on_closed(void *context)
{
	struct far_end *end = context;

	end->closed = true;
	channel_free(&end->channel);
}

void
far_end_open(struct far_end *end, int fd)
{
	memset(end, 0, sizeof(*end));
	end->base = event_base_new();
	end->channel = channel_new(end->base, fd, on_frame, on_closed, end);
	assert_non_null(end->channel);
}

static void
free_frame(struct far_frame **frame)
{
	if (*frame == NULL)
		return;
	ipc_buffer_free(&(*frame)->bytes);
	free(*frame);
	*frame = NULL;
}

void
far_end_close(struct far_end *end)
{
	while (far_end_take(end) != NULL)
		;
	free_frame(&end->taken);
	channel_free(&end->channel);
	if (end->base != NULL)
		event_base_free(end->base);
	end->base = NULL;
}

void
far_end_turn(struct far_end *end)
{
	if (end->base != NULL && !end->deaf)
		event_base_loop(end->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

void
far_end_send(struct far_end *end, const struct ipc_frame *frame)
{
	assert_non_null(end->channel);
	assert_true(channel_send(end->channel, frame));
}

const struct ipc_frame *
far_end_take(struct far_end *end)
{
	free_frame(&end->taken);
	end->taken = end->frames;
	if (end->taken == NULL)
		return NULL;
	end->frames = end->taken->next;
	return &end->taken->frame;
}
