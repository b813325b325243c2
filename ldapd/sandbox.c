#include "ldapd/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ldapd/log.h"

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

static enum idm_result
fail(struct idm_error *err, const char *what)
{
	return idm_fail(err, IDM_SYSTEM, "sandbox: %s: %s", what, strerror(errno));
}

enum idm_result
sandbox_no_core(struct idm_error *err)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return fail(err, "RLIMIT_CORE");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return fail(err, "PR_SET_DUMPABLE");
	return IDM_OK;
}

enum idm_result
sandbox_common(struct idm_error *err)
{
	enum idm_result result = sandbox_no_core(err); /* a change of user takes it back */

	if (result != IDM_OK)
		return result;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fail(err, "PR_SET_NO_NEW_PRIVS");
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) /* here, for a change of user takes it back */
		return fail(err, "PR_SET_PDEATHSIG");
	return IDM_OK;
}

/* All file rights that landlock's first version knows: what is handled and not granted is denied.
 */
static enum idm_result
lock_files(const char *db_path, struct idm_error *err)
{
	struct landlock_ruleset_attr ruleset = { .handled_access_fs =
						     (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 };
	struct landlock_path_beneath_attr rule = { .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE };
	int ruleset_fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
	bool locked;

	if (ruleset_fd < 0 && (errno == ENOSYS || errno == EOPNOTSUPP)) {
		log_info("sandbox: this kernel has no landlock; going on without");
		return IDM_OK;
	}
	if (ruleset_fd < 0)
		return fail(err, "landlock");
	rule.parent_fd = open(db_path, O_PATH | O_CLOEXEC);
	locked =
	    rule.parent_fd >= 0 &&
	    syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 &&
	    syscall(SYS_landlock_restrict_self, ruleset_fd, 0) == 0;
	if (rule.parent_fd >= 0)
		close(rule.parent_fd);
	close(ruleset_fd);
	return locked ? IDM_OK : fail(err, "landlock");
}

static const int allowed[] = {
	/* connections */
	SCMP_SYS(accept4),
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(sendto),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvmsg),
	SCMP_SYS(shutdown),
	SCMP_SYS(close),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockopt),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockname),
	SCMP_SYS(fcntl),
	SCMP_SYS(ioctl),
	/* the loop */
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(eventfd2),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall),
	/* time, memory, chance */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(sched_yield),
	SCMP_SYS(futex),
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(getrandom),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	/* the database, and another file in its place */
	SCMP_SYS(openat),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(fstatfs),
	SCMP_SYS(lseek),
	SCMP_SYS(pread64),
	SCMP_SYS(flock),
	SCMP_SYS(uname),
	/* the end */
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* Memory, but no new code; signals, but to itself alone (abort). */
static int
allow_some(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp no_code = {
		.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0
	};
	const struct scmp_arg_cmp itself = {
		.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)getpid(), .datum_b = 0
	};
	int failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_code);

	if (failed == 0)
		failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_code);
	if (failed == 0)
		failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, itself);
	return failed;
}

static enum idm_result
lock_calls(struct idm_error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int failed = filter == NULL ? -ENOMEM : 0;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && failed == 0; i++)
		failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	if (failed == 0)
		failed = allow_some(filter);
	if (failed == 0)
		failed = seccomp_load(filter);
	seccomp_release(filter);
	if (failed == 0)
		return IDM_OK;
	errno = -failed;
	return fail(err, "seccomp");
}

enum idm_result
sandbox_worker(const char *db_path, struct idm_error *err)
{
	enum idm_result result = lock_files(db_path, err);

	if (result == IDM_OK && !SANITIZED)
		result = lock_calls(err);
	return result;
}
