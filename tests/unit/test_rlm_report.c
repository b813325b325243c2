/* Reports of the module: sent without waiting, and counted where nobody takes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "rlm_kanidm/report.h"
#include "tests/support/temp_dir.h"

/* The library expects these two of the daemon; nothing here starts a process. */
__attribute__((visibility("default"))) pid_t
rad_fork(void)
{
	return -1;
}

__attribute__((visibility("default"))) pid_t
rad_waitpid(pid_t pid, int *status)
{
	(void)pid;
	(void)status;
	return -1;
}

static char dir[TEMP_DIR_BYTES];

static const struct idm_report rita = { .kind = IDM_REPORT_ACCEPTED,
	.name = { (const uint8_t *)"rita", 4 } };

static int
setup(void **state)
{
	(void)state;
	temp_dir_make("report", dir, sizeof(dir));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

static int
listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void
a_report_arrives_also_when_its_receiver_came_later(void **state)
{
	uint8_t datagram[IDM_REPORT_MAX];
	char path[TEMP_DIR_BYTES + 16];
	struct reporter *reporter;
	struct idm_report out;
	ssize_t n;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/later", dir);
	reporter = reporter_new(path);
	assert_non_null(reporter);
	report_send(reporter, &rita);
	assert_int_equal(reporter_lost(reporter), 1);
	fd = listen_at(path);
	report_send(reporter, &rita);
	assert_int_equal(reporter_lost(reporter), 1);
	n = recv(fd, datagram, sizeof(datagram), 0);
	assert_true(n > 0);
	assert_true(idm_report_decode(idm_span_of(datagram, (size_t)n), &out));
	assert_true(idm_span_is(out.name, "rita"));
	close(fd);
	reporter_free(&reporter);
	assert_null(reporter);
}

static void
a_receiver_that_takes_nothing_holds_up_nobody(void **state)
{
	char path[TEMP_DIR_BYTES + 16];
	struct reporter *reporter;
	uint64_t sent = 0, lost;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/stuck", dir);
	fd = listen_at(path);
	reporter = reporter_new(path);
	assert_non_null(reporter);
	for (; sent < 100000 && reporter_lost(reporter) == 0; sent++)
		report_send(reporter, &rita);
	assert_int_equal(reporter_lost(reporter), 1);
	report_send(reporter, &rita);
	lost = reporter_lost(reporter);
	assert_int_equal(lost, 2);
	close(fd);
	reporter_free(&reporter);
}

static void
reports_may_go_nowhere(void **state)
{
	struct reporter *reporter = reporter_new("");

	(void)state;
	assert_non_null(reporter);
	report_send(reporter, &rita);
	assert_int_equal(reporter_lost(reporter), 0);
	reporter_free(&reporter);
}

static void
a_path_that_is_too_long_is_refused(void **state)
{
	char path[200];

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_null(reporter_new(path));
}

static void
the_socket_lies_beside_the_keys(void **state)
{
	TALLOC_CTX *ctx = talloc_new(NULL);

	(void)state;
	assert_string_equal(report_default_path(ctx, "/var/lib/kanidm/keys/radius.keys"),
	    "/var/lib/kanidm/keys/radius.socket");
	assert_string_equal(report_default_path(ctx, "radius.keys"), "radius.socket");
	talloc_free(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_arrives_also_when_its_receiver_came_later),
		cmocka_unit_test(a_receiver_that_takes_nothing_holds_up_nobody),
		cmocka_unit_test(reports_may_go_nowhere),
		cmocka_unit_test(a_path_that_is_too_long_is_refused),
		cmocka_unit_test(the_socket_lies_beside_the_keys),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
