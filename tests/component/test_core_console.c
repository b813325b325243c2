/* What comes over the console of a running server is hostile too, whoever sent it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/console.h"
#include "ldapd/core_console.h"
#include "tests/support/server.h"

static int
open_console(struct server *s)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	if (s->core->console == NULL)
		s->core->console = core_console_new(s->core, &s->err);
	assert_non_null(s->core->console);
	assert_true(console_address(&s->config, &address));
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* The answer to a packet, with a NUL behind it; its length, 0: the connection was closed. */
static size_t
ask(struct server *s, const void *packet, size_t len, char answer[CONSOLE_PACKET_BYTES + 1])
{
	int fd = open_console(s);
	ssize_t got;

	assert_int_equal(send(fd, packet, len, MSG_NOSIGNAL), len);
	server_settle(s);
	got = recv(fd, answer, CONSOLE_PACKET_BYTES, MSG_DONTWAIT);
	assert_true(got >= 0);
	answer[got] = '\0';
	close(fd);
	return (size_t)got;
}

static void
a_packet_is_never_read_beyond_its_end(void **state)
{
	struct server *s = *state;
	char full[CONSOLE_PACKET_BYTES + 1], answer[CONSOLE_PACKET_BYTES + 1];

	memset(full, 'a', sizeof(full));
	for (size_t len = 1; len <= 3; len++) {
		assert_true(ask(s, full, len, answer) > 1);
		assert_int_equal(answer[0], CONSOLE_FAILED);
	}
	assert_true(ask(s, full, CONSOLE_PACKET_BYTES, answer) > 1);
	assert_int_equal(answer[0], CONSOLE_FAILED);
	assert_true(ask(s, "", 1, answer) > 1);
	assert_int_equal(answer[0], CONSOLE_FAILED);
	assert_int_equal(ask(s, full, sizeof(full), answer), 0);
}

static void
words_that_are_no_command_are_refused(void **state)
{
	static const struct {
		const char *packet;
		size_t len;
	} bad[] = { { "hold\0add", 9 }, { "hold\0keep\0anna", 15 }, { "recover_account", 16 },
		{ "recover_account\0anna\0all", 25 }, { "disable_account\0anna\0x", 23 },
		{ "hold\0add\0nobody", 16 }, { "recover_account\0anonymous", 26 },
		{ "a\0b\0c\0d\0e", 10 } };
	struct server *s = *state;
	char answer[CONSOLE_PACKET_BYTES + 1];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(ask(s, bad[i].packet, bad[i].len, answer) > 1);
		assert_int_equal(answer[0], CONSOLE_FAILED);
	}
	assert_int_equal(ask(s, "hold\0add\0anna", 14, answer), 2);
	assert_string_equal(answer, "+*");
	assert_int_equal(ask(s, "hold\0remove\0anna", 17, answer), 2);
	assert_string_equal(answer, "+*");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_packet_is_never_read_beyond_its_end, server_fresh),
		cmocka_unit_test_setup(words_that_are_no_command_are_refused, server_fresh),
	};

	return cmocka_run_group_tests(tests, server_setup_core, server_teardown);
}
