/* A client's socket: what the client does, and what of it is seen. */
#include "ldapd/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* The client's end of a new stream, which stands for the server's. */
static int
setup(struct stream *stream, SSL_CTX *tls)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_true(stream_open(stream, pair[0], tls));
	return pair[1];
}

static void
octets_pass_both_ways(void **state)
{
	struct stream stream;
	uint8_t got[16];
	size_t n = 0;
	int fd = setup(&stream, NULL);

	(void)state;
	assert_int_equal(write(fd, "hello", 5), 5);
	assert_int_equal(stream_read(&stream, got, sizeof(got), &n), STREAM_DONE);
	assert_int_equal(n, 5);
	assert_memory_equal(got, "hello", 5);
	assert_int_equal(stream_write(&stream, (const uint8_t *)"bye", 3, &n), STREAM_DONE);
	assert_int_equal(n, 3);
	assert_int_equal(read(fd, got, sizeof(got)), 3);
	assert_memory_equal(got, "bye", 3);
	assert_false(stream.want_write);
	stream_close(&stream, true);
	assert_int_equal(read(fd, got, sizeof(got)), 0);
	close(fd);
}

static void
a_silent_client_is_waited_for_and_one_that_left_is_not(void **state)
{
	struct stream stream;
	uint8_t got[16];
	size_t n = 0;
	int fd = setup(&stream, NULL);

	(void)state;
	assert_int_equal(stream_read(&stream, got, sizeof(got), &n), STREAM_LATER);
	close(fd);
	assert_int_equal(stream_read(&stream, got, sizeof(got), &n), STREAM_END);
	assert_int_equal(stream_write(&stream, got, 1, &n), STREAM_END); /* and no SIGPIPE */
	stream_close(&stream, false);
}

static void
a_client_that_takes_nothing_makes_it_want_to_write(void **state)
{
	static const uint8_t octets[4096];
	struct stream stream;
	enum stream_io io = STREAM_DONE;
	size_t n = 0;
	int fd = setup(&stream, NULL);

	(void)state;
	while (io == STREAM_DONE)
		io = stream_write(&stream, octets, sizeof(octets), &n);
	assert_int_equal(io, STREAM_LATER);
	assert_true(stream.want_write);
	stream_close(&stream, false);
	close(fd);
}

static void
what_is_no_tls_ends_the_handshake(void **state)
{
	static const uint8_t bind[] = { 0x30, 0x0c, 0x02, 0x01, 0x01, 0x60, 0x07, 0x02, 0x01, 0x03,
		0x04, 0x00, 0x80, 0x00 };
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	struct stream stream;
	int fd;

	(void)state;
	assert_non_null(tls);
	fd = setup(&stream, tls);
	assert_int_equal(stream_shake_hands(&stream), STREAM_LATER);
	assert_int_equal(write(fd, bind, sizeof(bind)), sizeof(bind));
	assert_int_equal(stream_shake_hands(&stream), STREAM_END);
	assert_false(stream_has_pending(&stream));
	stream_close(&stream, false);
	close(fd);
	SSL_CTX_free(tls);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(octets_pass_both_ways),
		cmocka_unit_test(a_silent_client_is_waited_for_and_one_that_left_is_not),
		cmocka_unit_test(a_client_that_takes_nothing_makes_it_want_to_write),
		cmocka_unit_test(what_is_no_tls_ends_the_handshake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
