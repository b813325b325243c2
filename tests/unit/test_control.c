/* The control sockets between the supervisor and its children. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "ldapd/control.h"
#include "ldapd/supervisor.h"

struct pair {
	int parent;
	int child;
};

static int
setup(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	int fds[2];

	assert_non_null(pair);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	pair->parent = fds[0];
	pair->child = fds[1];
	*state = pair;
	return 0;
}

static int
teardown(void **state)
{
	struct pair *pair = *state;

	close(pair->parent);
	if (pair->child >= 0)
		close(pair->child);
	free(pair);
	return 0;
}

static int
count_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	return count;
}

static void
a_child_reports_that_it_serves_or_why_not(void **state)
{
	struct pair *pair = *state;
	char type = 0, text[CONTROL_BYTES];
	int fd;

	supervisor_report(pair->child, NULL);
	supervisor_report(pair->child, "no memory");
	assert_int_equal(control_receive(pair->parent, &type, text, &fd), CONTROL_MESSAGE);
	assert_int_equal(type, 'O');
	assert_string_equal(text, "");
	assert_int_equal(fd, -1);
	assert_int_equal(control_receive(pair->parent, &type, text, &fd), CONTROL_MESSAGE);
	assert_int_equal(type, 'E');
	assert_string_equal(text, "no memory");
	assert_int_equal(control_receive(pair->parent, &type, text, &fd), CONTROL_AGAIN);
}

static void
a_long_reason_is_cut(void **state)
{
	struct pair *pair = *state;
	char type = 0, text[CONTROL_BYTES], reason[2 * CONTROL_BYTES];
	int fd;

	memset(reason, 'x', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	supervisor_report(pair->child, reason);
	assert_int_equal(control_receive(pair->parent, &type, text, &fd), CONTROL_MESSAGE);
	assert_in_range(strlen(text), CONTROL_BYTES - 16, CONTROL_BYTES - 1);
	assert_int_equal(strspn(text, "x"), strlen(text));
}

static void
an_end_that_is_closed_is_gone(void **state)
{
	struct pair *pair = *state;
	struct tls_material material;
	char type = 0, text[CONTROL_BYTES];
	int fd;

	close(pair->child);
	pair->child = -1;
	assert_int_equal(control_receive(pair->parent, &type, text, &fd), CONTROL_GONE);
	assert_int_equal(fd, -1);
	assert_int_equal(supervisor_receive_worker(pair->parent, &fd), SUPERVISOR_GONE);
	assert_int_equal(supervisor_receive_material(pair->parent, &material), SUPERVISOR_GONE);
	assert_false(control_send(pair->parent, 'W', NULL, -1)); /* and no SIGPIPE */
}

static void
a_socket_for_a_worker_comes_through(void **state)
{
	struct pair *pair = *state;
	int fds[2], fd = -1;
	char octet = 'x';

	assert_int_equal(pipe(fds), 0);
	assert_true(control_send(pair->parent, 'W', NULL, fds[1]));
	close(fds[1]);
	assert_int_equal(supervisor_receive_worker(pair->child, &fd), SUPERVISOR_WORKER);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(fd, "y", 1), 1);
	assert_int_equal(read(fds[0], &octet, 1), 1);
	assert_int_equal(octet, 'y');
	close(fd);
	close(fds[0]);
}

static void
the_core_process_hears_of_backups(void **state)
{
	struct pair *pair = *state;
	int fd = -1;

	assert_true(control_send(pair->parent, 'B', NULL, -1));
	assert_true(control_send(pair->parent, 'F', NULL, -1));
	assert_true(control_send(pair->parent, 'B', NULL, pair->parent)); /* with what it has not */
	assert_int_equal(supervisor_receive_worker(pair->child, &fd), SUPERVISOR_BACKED_UP);
	assert_int_equal(supervisor_receive_worker(pair->child, &fd), SUPERVISOR_BACKUP_FAILED);
	assert_int_equal(supervisor_receive_worker(pair->child, &fd), SUPERVISOR_AGAIN);
}

/* What is not expected is not kept, nor are the descriptors that came with it. */
static void
what_is_none_of_a_child_s_business_is_dropped(void **state)
{
	struct pair *pair = *state;
	struct tls_material material;
	int before = count_fds(), fd = -1;

	assert_true(control_send(pair->parent, 'W', NULL, -1)); /* without a socket */
	assert_int_equal(supervisor_receive_worker(pair->child, &fd), SUPERVISOR_AGAIN);
	assert_true(control_send(pair->parent, 'M', NULL, pair->parent));
	assert_int_equal(supervisor_receive_worker(pair->child, &fd), SUPERVISOR_AGAIN);
	assert_true(control_send(pair->parent, 'W', NULL, pair->parent));
	assert_int_equal(supervisor_receive_material(pair->child, &material), SUPERVISOR_AGAIN);
	assert_true(control_send(pair->parent, 'M', "a text", -1));
	assert_int_equal(supervisor_receive_material(pair->child, &material), SUPERVISOR_AGAIN);
	assert_int_equal(supervisor_receive_material(pair->child, &material), SUPERVISOR_AGAIN);
	assert_int_equal(count_fds(), before);
}

static void
certificate_and_key_come_through(void **state)
{
	static uint8_t chain[] = "the chain\0with anything in it", key[] = "the key";
	const struct tls_material sent = {
		.chain = chain, .chain_len = sizeof(chain), .key = key, .key_len = sizeof(key)
	};
	struct pair *pair = *state;
	struct tls_material got;
	int before = count_fds();

	assert_true(control_send_material(pair->parent, &sent));
	assert_int_equal(supervisor_receive_material(pair->child, &got), SUPERVISOR_MATERIAL);
	assert_int_equal(got.chain_len, sizeof(chain));
	assert_memory_equal(got.chain, chain, sizeof(chain));
	assert_int_equal(got.key_len, sizeof(key));
	assert_memory_equal(got.key, key, sizeof(key));
	assert_non_null(got.chain_name);
	assert_non_null(got.key_name);
	tls_material_free(&got);
	assert_int_equal(count_fds(), before);
}

/* The chain's length is the sender's word: it must not lead outside what came. */
static void
a_length_that_lies_is_not_believed(void **state)
{
	static const struct {
		const char *octets;
		size_t len;
	} cases[] = {
		{ "", 0 },
		{ "\0\0\0\0\0\0\0", 7 },
		{ "\0\0\0\0\0\0\0\0", 8 },
		{ "\0\0\0\0\0\0\0\x03key", 11 }, /* no key behind it */
		{ "\0\0\0\0\0\0\0\x04key", 11 },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff"
		  "chain",
		    13 },
		{ "\x7f\xff\xff\xff\xff\xff\xff\xff"
		  "chain",
		    13 },
	};
	struct pair *pair = *state;
	struct tls_material material;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = memfd_create("lie", MFD_CLOEXEC);

		assert_int_equal(write(fd, cases[i].octets, cases[i].len), cases[i].len);
		assert_true(control_send(pair->parent, 'M', NULL, fd));
		close(fd);
		assert_int_equal(
		    supervisor_receive_material(pair->child, &material), SUPERVISOR_AGAIN);
		assert_null(material.chain);
		assert_null(material.key);
	}
}

#define on_a_pair(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		on_a_pair(a_child_reports_that_it_serves_or_why_not),
		on_a_pair(a_long_reason_is_cut),
		on_a_pair(an_end_that_is_closed_is_gone),
		on_a_pair(a_socket_for_a_worker_comes_through),
		on_a_pair(the_core_process_hears_of_backups),
		on_a_pair(what_is_none_of_a_child_s_business_is_dropped),
		on_a_pair(certificate_and_key_come_through),
		on_a_pair(a_length_that_lies_is_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
