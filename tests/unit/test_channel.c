/* Two ends of a channel on one loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "ldapd/channel.h"

struct end {
	struct event_base *base;
	struct channel *channel;
	uint64_t sum; /* of the handles that came */
	int frames;
	int stop_at; /* frames; then the loop ends */
	bool refuse; /* the next frame breaks the rules */
	bool free_in_callback;
	bool closed;
};

static bool
on_frame(void *context, const struct ipc_frame *frame)
{
	struct end *end = context;

	assert_int_equal(frame->type, IPC_RELEASE);
	end->sum += frame->release.handle;
	end->frames++;
	if (end->free_in_callback)
		channel_free(&end->channel);
	if (end->frames == end->stop_at || end->free_in_callback)
		event_base_loopbreak(end->base);
	return !end->refuse;
}

static void
on_closed(void *context)
{
	struct end *end = context;

	end->closed = true;
	channel_free(&end->channel);
	event_base_loopbreak(end->base);
}

/* One end is a channel, the other a bare socket. */
static int
setup(struct end *end)
{
	int pair[2];

	memset(end, 0, sizeof(*end));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	end->base = event_base_new();
	end->channel = channel_new(end->base, pair[0], on_frame, on_closed, end);
	assert_non_null(end->channel);
	return pair[1];
}

static void
teardown(struct end *end, int fd)
{
	channel_free(&end->channel);
	event_base_free(end->base);
	close(fd);
}

static void
put_release(struct ipc_buffer *buffer, uint64_t handle)
{
	struct ipc_frame frame = { .type = IPC_RELEASE };

	frame.release.handle = handle;
	assert_true(ipc_encode(buffer, &frame));
}

static void
send_all(int fd, const uint8_t *data, size_t len)
{
	assert_int_equal(write(fd, data, len), len);
}

/* The frames 1 to `count`, in one write. */
static void
send_releases(int fd, uint64_t count)
{
	struct ipc_buffer buffer = { NULL, 0, 0 };

	for (uint64_t i = 1; i <= count; i++)
		put_release(&buffer, i);
	send_all(fd, buffer.data, buffer.len);
	ipc_buffer_free(&buffer);
}

static void
several_frames_in_one_write_all_come(void **state)
{
	struct end end;
	int fd = setup(&end);

	(void)state;
	send_releases(fd, 10);
	end.stop_at = 10;
	event_base_dispatch(end.base);
	assert_int_equal(end.sum, 55);
	teardown(&end, fd);
}

static void
a_frame_octet_by_octet_comes_once(void **state)
{
	struct end end;
	struct ipc_buffer buffer = { NULL, 0, 0 };
	int fd = setup(&end);

	(void)state;
	put_release(&buffer, 5);
	for (size_t i = 0; i < buffer.len; i++) {
		assert_int_equal(end.frames, 0);
		send_all(fd, buffer.data + i, 1);
		event_base_loop(end.base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(end.frames, 1);
	assert_int_equal(end.sum, 5);
	ipc_buffer_free(&buffer);
	teardown(&end, fd);
}

static void
what_is_no_frame_closes_it(void **state)
{
	struct end end;
	const uint8_t nonsense[] = { 0, 0, 0, 2, 99, 0 };
	int fd = setup(&end);

	(void)state;
	send_all(fd, nonsense, sizeof(nonsense));
	event_base_dispatch(end.base);
	assert_true(end.closed);
	assert_int_equal(end.frames, 0);
	teardown(&end, fd);
}

static void
a_refused_frame_closes_it(void **state)
{
	struct end end;
	int fd = setup(&end);

	(void)state;
	send_releases(fd, 2);
	end.refuse = true;
	event_base_dispatch(end.base);
	assert_true(end.closed);
	assert_int_equal(end.frames, 1);
	teardown(&end, fd);
}

static void
the_peer_s_end_closes_it(void **state)
{
	struct end end;
	int fd = setup(&end);

	(void)state;
	close(fd);
	event_base_dispatch(end.base);
	assert_true(end.closed);
	event_base_free(end.base);
}

static void
it_may_be_freed_by_its_callback(void **state)
{
	struct end end;
	int fd = setup(&end);

	(void)state;
	send_releases(fd, 2);
	end.free_in_callback = true;
	event_base_dispatch(end.base);
	assert_int_equal(end.frames, 1);
	assert_false(end.closed);
	assert_null(end.channel);
	teardown(&end, fd);
}

/* More than the socket takes at once: it leaves as the peer reads. */
static void
much_output_leaves_in_order(void **state)
{
	struct end end, peer;
	struct ipc_frame frame = { .type = IPC_RELEASE };
	int pair[2];

	(void)state;
	memset(&end, 0, sizeof(end));
	memset(&peer, 0, sizeof(peer));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	end.base = peer.base = event_base_new();
	end.channel = channel_new(end.base, pair[0], on_frame, on_closed, &end);
	peer.channel = channel_new(peer.base, pair[1], on_frame, on_closed, &peer);
	peer.stop_at = 50000;
	for (uint64_t i = 0; i < 50000; i++) {
		frame.release.handle = i;
		assert_true(channel_send(end.channel, &frame));
	}
	event_base_dispatch(end.base);
	assert_int_equal(peer.frames, 50000);
	assert_int_equal(peer.sum, UINT64_C(50000) * 49999 / 2);
	channel_free(&end.channel);
	channel_free(&peer.channel);
	event_base_free(end.base);
}

/* A whole frame, a part of the next, and nothing behind: both ends hear that it is over. */
static void
a_peer_that_takes_nothing_is_cut_off(void **state)
{
	struct end end;
	int fd = setup(&end);
	char password[4096] = "";
	struct ipc_frame frame = { .type = IPC_BIND };
	uint8_t buffer[65536];
	size_t sent = 0;
	ssize_t n;

	(void)state;
	frame.bind.password = idm_span_of(password, sizeof(password));
	while (channel_send(end.channel, &frame))
		assert_true(++sent < 1000000);
	assert_true(sent > 1000); /* a slow one is waited for */
	assert_false(channel_send(end.channel, &frame));
	event_base_dispatch(end.base);
	assert_true(end.closed);
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		;
	assert_int_equal(n, 0);
	teardown(&end, fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_frames_in_one_write_all_come),
		cmocka_unit_test(a_frame_octet_by_octet_comes_once),
		cmocka_unit_test(what_is_no_frame_closes_it),
		cmocka_unit_test(a_refused_frame_closes_it),
		cmocka_unit_test(the_peer_s_end_closes_it),
		cmocka_unit_test(it_may_be_freed_by_its_callback),
		cmocka_unit_test(much_output_leaves_in_order),
		cmocka_unit_test(a_peer_that_takes_nothing_is_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
