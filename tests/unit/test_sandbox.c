/* What a worker can no longer do once it serves: each is tried in a process of its own. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <linux/landlock.h>

#include "ldapd/log.h"
#include "ldapd/sandbox.h"
#include "tests/support/temp_dir.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static char dir[TEMP_DIR_BYTES];
static char inside[sizeof(dir) + 16];

static int
setup(void **state)
{
	int fd;

	(void)state;
	temp_dir_make("sandbox", dir, sizeof(dir));
	snprintf(inside, sizeof(inside), "%s/data", dir);
	fd = open(inside, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_equal(write(fd, "data", 4), 4);
	close(fd);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

/* The exit status of `act` in the sandbox: 0 if it holds. */
static int
run_sandboxed(int (*act)(void))
{
	struct idm_error err = { .text = "" };
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		log_set_level(CONFIG_LOG_ERROR);
		if (sandbox_common(&err) != IDM_OK || sandbox_worker(dir, &err) != IDM_OK)
			_exit(99);
		_exit(act());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool
is_denied(int result)
{
	return result < 0 && (errno == EACCES || errno == EPERM);
}

static int
serves(void)
{
	char octets[8];
	int pair = open(inside, O_RDONLY | O_CLOEXEC);
	void *map;

	if (pair < 0 || pread(pair, octets, 4, 0) != 4 || memcmp(octets, "data", 4) != 0)
		return 1;
	map = mmap(NULL, 4, PROT_READ, MAP_SHARED, pair, 0);
	if (map == MAP_FAILED || munmap(map, 4) != 0 || close(pair) != 0)
		return 2;
	map = malloc(8 * 1024 * 1024);
	if (map == NULL)
		return 3;
	memset(map, 1, 8 * 1024 * 1024);
	free(map);
	return 0;
}

static int
writes_nothing(void)
{
	if (!is_denied(open(inside, O_WRONLY | O_CLOEXEC)) ||
	    !is_denied(open(inside, O_RDWR | O_CLOEXEC)))
		return 1;
	strcat(inside, "2");
	return is_denied(open(inside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) ? 0 : 2;
}

static int
reads_nothing_elsewhere(void)
{
	if (!is_denied(open("/etc/passwd", O_RDONLY | O_CLOEXEC)) ||
	    !is_denied(open("/proc/self/maps", O_RDONLY | O_CLOEXEC)))
		return 1;
	return is_denied(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) ? 0 : 2;
}

static int
makes_nothing_new(void)
{
	char *const argv[] = { NULL };
	void *code;

	if (!is_denied(socket(AF_INET, SOCK_STREAM, 0)) ||
	    !is_denied(socket(AF_UNIX, SOCK_STREAM, 0)))
		return 1;
	if (!is_denied((int)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0)))
		return 2;
	if (!is_denied(execve("/bin/true", argv, argv)))
		return 3;
	code = mmap(
	    NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (code != MAP_FAILED)
		return 4;
	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (code == MAP_FAILED || mprotect(code, 4096, PROT_READ | PROT_EXEC) == 0)
		return 5;
	return is_denied(kill(getppid(), 0)) ? 0 : 6;
}

static int
leaves_nothing_behind(void)
{
	struct rlimit core;

	if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0)
		return 1;
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 2;
	return 0;
}

static void
it_still_reads_its_database_and_has_memory(void **state)
{
	(void)state;
	assert_int_equal(run_sandboxed(serves), 0);
}

/* Kernels without landlock are let go on without: then there is nothing to see here. */
static bool
has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

static void
it_writes_no_file(void **state)
{
	(void)state;
	if (!has_landlock())
		skip();
	assert_int_equal(run_sandboxed(writes_nothing), 0);
}

static void
it_opens_no_file_but_its_database(void **state)
{
	(void)state;
	if (!has_landlock())
		skip();
	assert_int_equal(run_sandboxed(reads_nothing_elsewhere), 0);
}

static void
it_makes_no_process_no_socket_and_no_code(void **state)
{
	(void)state;
	if (SANITIZED) /* which need other system calls, so that all are let through */
		skip();
	assert_int_equal(run_sandboxed(makes_nothing_new), 0);
}

/* In a process that gave up no system call, for prctl(2) is one. */
static void
it_leaves_no_core_dump(void **state)
{
	struct idm_error err = { .text = "" };
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(sandbox_common(&err) == IDM_OK ? leaves_nothing_behind() : 99);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
a_database_that_is_not_there_is_an_error(void **state)
{
	struct idm_error err = { .text = "" };
	pid_t pid = fork();
	int status;

	(void)state;
	if (!has_landlock())
		skip();
	if (pid == 0) {
		sandbox_common(&err);
		_exit(sandbox_worker("/no/such/directory", &err) == IDM_SYSTEM &&
			      strstr(err.text, "sandbox") != NULL
			  ? 0
			  : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_still_reads_its_database_and_has_memory),
		cmocka_unit_test(it_writes_no_file),
		cmocka_unit_test(it_opens_no_file_but_its_database),
		cmocka_unit_test(it_makes_no_process_no_socket_and_no_code),
		cmocka_unit_test(it_leaves_no_core_dump),
		cmocka_unit_test(a_database_that_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
