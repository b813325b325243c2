/* The supervisor, in a process of its own: what it starts, starts again, and does not start. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "ldapd/supervisor.h"
#include "tests/support/temp_dir.h"

enum { CHILDREN_MAX = 8, PATIENCE_S = 30 };

struct running {
	char dir[TEMP_DIR_BYTES];
	struct server_config config;
	pid_t pid;     /* of the supervisor; 0: none runs */
	int notify_fd; /* systemd's */
};

static int
setup(void **state)
{
	struct running *r = calloc(1, sizeof(*r));
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct server_config *config;

	assert_non_null(r);
	temp_dir_make("supervisor", r->dir, sizeof(r->dir));
	assert_int_equal(chmod(r->dir, 0777), 0); /* where root runs this, nobody serves */
	config = &r->config;
	config_defaults(config);
	snprintf(config->domain, sizeof(config->domain), "idm.example.com");
	snprintf(config->db_path, sizeof(config->db_path), "%s", r->dir);
	snprintf(config->key_path, sizeof(config->key_path), "%s", r->dir);
	snprintf(config->ldapi_path, sizeof(config->ldapi_path), "%s/ldapi", r->dir);
	snprintf(config->tls_chain, sizeof(config->tls_chain), "%s/chain.pem", r->dir);
	snprintf(config->tls_key, sizeof(config->tls_key), "%s/key.pem", r->dir);
	snprintf(config->core_user, sizeof(config->core_user), "nobody");
	snprintf(config->worker_user, sizeof(config->worker_user), "nobody");
	snprintf(config->read_group, sizeof(config->read_group), "nogroup");
	config->ldapbindaddress_count = 0;
	config->workers = 2;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/notify", r->dir);
	r->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(r->notify_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", addr.sun_path, 1), 0);
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	struct running *r = *state;

	if (r->pid > 0) { /* a test failed; its children end with it */
		kill(r->pid, SIGKILL);
		waitpid(r->pid, NULL, 0);
	}
	close(r->notify_fd);
	temp_dir_remove(r->dir);
	free(r);
	return 0;
}

static void
start(struct running *r)
{
	r->pid = fork();
	assert_true(r->pid >= 0);
	if (r->pid != 0)
		return;
	dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
	_exit(supervisor_run(&r->config, "server.toml"));
}

static void
await_ready(const struct running *r)
{
	struct pollfd pfd = { r->notify_fd, POLLIN, 0 };
	char text[16] = "";

	assert_int_equal(poll(&pfd, 1, PATIENCE_S * 1000), 1);
	assert_int_equal(read(r->notify_fd, text, sizeof(text)), 7);
	assert_string_equal(text, "READY=1");
}

/* The exit status of the supervisor. */
static int
await_end(struct running *r)
{
	int status;

	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	r->pid = 0;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Its children in the order of their start: the core process, then the workers. */
static size_t
list_children(const struct running *r, pid_t out[CHILDREN_MAX])
{
	char path[64];
	size_t count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)r->pid, (int)r->pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (count < CHILDREN_MAX && fscanf(file, "%d", &out[count]) == 1)
		count++;
	fclose(file);
	return count;
}

static bool
has(const pid_t *pids, size_t count, pid_t pid)
{
	for (size_t i = 0; i < count; i++) {
		if (pids[i] == pid)
			return true;
	}
	return false;
}

/* Until there are three children, and `gone` is none of them. */
static void
await_children(const struct running *r, pid_t gone, pid_t out[CHILDREN_MAX])
{
	time_t since = time(NULL);
	size_t count;

	while ((count = list_children(r, out)) != 3 || has(out, count, gone)) {
		assert_true(time(NULL) - since < PATIENCE_S);
		poll(NULL, 0, 5);
	}
}

static bool
answers(const struct running *r)
{
	static const uint8_t bind_anonymous[] = { 0x30, 0x0c, 0x02, 0x01, 0x01, 0x60, 0x07, 0x02,
		0x01, 0x03, 0x04, 0x00, 0x80, 0x00 };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE_S };
	uint8_t answer[64];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good;

	strcpy(addr.sun_path, r->config.ldapi_path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	good = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
	       write(fd, bind_anonymous, sizeof(bind_anonymous)) == sizeof(bind_anonymous) &&
	       read(fd, answer, sizeof(answer)) > 0 && answer[0] == 0x30;
	close(fd);
	return good;
}

static void
a_worker_that_dies_takes_nobody_with_it(void **state)
{
	struct running *r = *state;
	pid_t before[CHILDREN_MAX], after[CHILDREN_MAX];

	start(r);
	await_ready(r);
	assert_int_equal(list_children(r, before), 3);
	assert_int_equal(kill(before[1], SIGKILL), 0);
	await_children(r, before[1], after);
	assert_true(has(after, 3, before[0])); /* the core process */
	assert_true(has(after, 3, before[2])); /* and the other worker */
	assert_true(answers(r));
	assert_int_equal(kill(r->pid, SIGTERM), 0);
	assert_int_equal(await_end(r), EXIT_SUCCESS);
	assert_int_equal(access(r->config.ldapi_path, F_OK), -1);
}

static void
without_the_core_process_all_begin_anew(void **state)
{
	struct running *r = *state;
	pid_t before[CHILDREN_MAX], after[CHILDREN_MAX];

	start(r);
	await_ready(r);
	assert_int_equal(list_children(r, before), 3);
	assert_int_equal(kill(before[0], SIGKILL), 0);
	await_children(r, before[0], after);
	for (size_t i = 0; i < 3; i++)
		assert_false(has(after, 3, before[i]));
	assert_true(answers(r));
	assert_int_equal(kill(r->pid, SIGINT), 0);
	assert_int_equal(await_end(r), EXIT_SUCCESS);
}

/* Nothing stays of a start that failed. */
static void
what_can_not_start_does_not(void **state)
{
	struct running *r = *state;

	snprintf(r->config.db_path, sizeof(r->config.db_path), "%s/none", r->dir);
	start(r); /* the core process says no */
	assert_int_equal(await_end(r), EXIT_FAILURE);
	assert_int_equal(access(r->config.ldapi_path, F_OK), -1);
	snprintf(r->config.db_path, sizeof(r->config.db_path), "%s", r->dir);
	r->config.ldapbindaddress_count = 1;
	start(r); /* there is no certificate */
	assert_int_equal(await_end(r), EXIT_FAILURE);
	assert_int_equal(access(r->config.ldapi_path, F_OK), -1);
}

#define on_its_own(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		on_its_own(a_worker_that_dies_takes_nobody_with_it),
		on_its_own(without_the_core_process_all_begin_anew),
		on_its_own(what_can_not_start_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
