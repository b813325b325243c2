#include "ldapd/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/privilege.h"
#include "ldapd/back_off.h"
#include "ldapd/control.h"
#include "ldapd/core_process.h"
#include "ldapd/listen.h"
#include "ldapd/log.h"
#include "ldapd/sandbox.h"
#include "ldapd/scheduled_backup.h"
#include "ldapd/worker.h"

enum {
	START_MS = 30 * 1000, /* a child reports within this, or is ended */
	END_MS = 5 * 1000,    /* a child that was told to end ends within this */
	TURN_S = 1,           /* how often it is looked whether a backup is due */
	OWN_FDS = 64,         /* descriptors of a process besides its connections and listeners */
};

struct child {
	pid_t pid; /* 0: none */
	int control_fd;
	time_t started;
};

struct supervisor {
	const struct server_config *config;
	struct tls_material tls;
	int (*listen_fds)[CONFIG_ADDRESSES_MAX]; /* a row a worker */
	int local_fd;
	struct child core;
	struct child *workers;
	pid_t backup_pid;        /* 0: none is being made */
	int64_t backup_due_s;    /* 0: never */
	int64_t backup_looked_s; /* when that was looked at; a clock may go back */
	sigset_t signals;        /* blocked here, and waited for */
	uint32_t back_off_s;
	bool ending; /* told to end while it was about something else */
};

/* --- children */

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* In the child: nothing of the parent but what it was given. */
static void
become_child(void)
{
	sigset_t none;

	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT,
	    SIG_IGN); /* a terminal's Ctrl-C reaches all: the supervisor ends us, in order */
	signal(SIGXFSZ, SIG_IGN); /* a file's limit is an error of a write, and no end */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
give_up(int control_fd, const struct idm_error *err)
{
	supervisor_report(control_fd, err->text);
	_exit(EXIT_FAILURE);
}

/* Children that are there already: their control sockets are not this one's business. */
static void
close_controls(const struct supervisor *s)
{
	if (s->core.pid != 0)
		close(s->core.control_fd);
	for (uint32_t i = 0; i < s->config->workers; i++) {
		if (s->workers[i].pid != 0)
			close(s->workers[i].control_fd);
	}
}

/* The listeners of other workers; `keep` is one's own number, UINT32_MAX: none. */
static void
close_listeners(const struct supervisor *s, uint32_t keep)
{
	for (uint32_t i = 0; i < s->config->workers; i++) {
		for (size_t k = 0; i != keep && k < s->config->ldapbindaddress_count; k++)
			close(s->listen_fds[i][k]);
	}
}

static pid_t
fork_child(struct supervisor *s, struct child *child, int *child_fd)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		become_child();
		close_controls(s);
		close(pair[0]);
		*child_fd = pair[1];
		return 0;
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return -1;
	}
	*child = (struct child){ pid, pair[0], time(NULL) };
	return pid;
}

/* Wait for its report.  False: it did not come up, and *text says why. */
static bool
await_report(const struct child *child, char text[CONTROL_BYTES])
{
	struct pollfd pfd = { child->control_fd, POLLIN, 0 };
	char type = 0;
	int fd;

	snprintf(text, CONTROL_BYTES, "it gave no reason");
	if (poll(&pfd, 1, START_MS) <= 0 ||
	    control_receive(child->control_fd, &type, text, &fd) != CONTROL_MESSAGE)
		return false;
	if (fd >= 0)
		close(fd);
	return type == 'O';
}

static bool
start_core(struct supervisor *s, char text[CONTROL_BYTES])
{
	struct idm_error err = { .text = "" };
	int control_fd = -1;
	pid_t pid = fork_child(s, &s->core, &control_fd);

	if (pid < 0) {
		snprintf(text, CONTROL_BYTES, "can't fork: %s", strerror(errno));
		return false;
	}
	if (pid == 0) {
		close_fd(&s->local_fd);
		close_listeners(s, UINT32_MAX);
		tls_material_free(&s->tls);
		if (privilege_drop(s->config->core_user, s->config->read_group, &err) != IDM_OK ||
		    sandbox_common(&err) != IDM_OK)
			give_up(control_fd, &err);
		exit(core_process_run(s->config, control_fd));
	}
	return await_report(&s->core, text);
}

static void
run_worker(struct supervisor *s, uint32_t i, int control_fd, int core_fd)
{
	struct idm_error err = { .text = "" };
	struct worker_start start = { .config = s->config,
		.tls = &s->tls,
		.listen_fds = s->listen_fds[i],
		.listen_count = s->config->ldapbindaddress_count,
		.local_fd = s->local_fd,
		.core_fd = core_fd,
		.control_fd = control_fd,
		.number = i + 1 };

	close_listeners(s, i);
	if (privilege_drop(s->config->worker_user, s->config->read_group, &err) != IDM_OK ||
	    sandbox_common(&err) != IDM_OK)
		give_up(control_fd, &err);
	exit(worker_run(&start));
}

/* A worker, with a new channel to the core process. */
static bool
start_worker(struct supervisor *s, uint32_t i, char text[CONTROL_BYTES])
{
	struct child *child = &s->workers[i];
	int control_fd = -1;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
		snprintf(text, CONTROL_BYTES, "no socketpair: %s", strerror(errno));
		return false;
	}
	pid = fork_child(s, child, &control_fd);
	if (pid == 0) {
		close(pair[0]);
		run_worker(s, i, control_fd, pair[1]);
	}
	close(pair[1]);
	if (pid < 0 || !control_send(s->core.control_fd, 'W', NULL, pair[0])) {
		close(pair[0]);
		snprintf(text, CONTROL_BYTES, "can't start: %s", strerror(errno));
		return false;
	}
	close(pair[0]);
	return await_report(child, text);
}

static void
end_child(struct child *child, int signal_no)
{
	if (child->pid != 0)
		kill(child->pid, signal_no);
}

static void
forget_child(struct child *child)
{
	if (child->pid != 0)
		close_fd(&child->control_fd);
	child->pid = 0;
}

static struct child *
child_of(struct supervisor *s, pid_t pid)
{
	if (s->core.pid == pid)
		return &s->core;
	for (uint32_t i = 0; i < s->config->workers; i++) {
		if (s->workers[i].pid == pid)
			return &s->workers[i];
	}
	return NULL;
}

static bool
any_child(const struct supervisor *s)
{
	bool any = s->core.pid != 0;

	for (uint32_t i = 0; i < s->config->workers; i++)
		any = any || s->workers[i].pid != 0;
	return any;
}

/* It was waited for: from now on its number may be anybody's. */
static void
forget_pid(struct supervisor *s, pid_t pid)
{
	struct child *child = child_of(s, pid);

	if (pid == s->backup_pid)
		s->backup_pid = 0;
	if (child != NULL)
		forget_child(child);
}

static void
reap_quietly(struct supervisor *s)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		forget_pid(s, pid);
}

/* Workers first, so that no answer is lost that the core process could still give. */
static void
end_all(struct supervisor *s)
{
	const struct timespec turn = { 0, 50 * 1000 * 1000 };
	sigset_t ended; /* that alone: what tells us to end is for whoever called */

	sigemptyset(&ended);
	sigaddset(&ended, SIGCHLD);

	for (uint32_t i = 0; i < s->config->workers; i++)
		end_child(&s->workers[i], SIGTERM);
	end_child(&s->core, SIGTERM);
	for (int waited_ms = 0; any_child(s) && waited_ms < END_MS; waited_ms += 50) {
		reap_quietly(s);
		if (any_child(s))
			sigtimedwait(&ended, NULL, &turn);
	}
	for (uint32_t i = 0; i < s->config->workers; i++)
		end_child(&s->workers[i], SIGKILL);
	end_child(&s->core, SIGKILL);
	while (any_child(s)) {
		pid_t pid = waitpid(-1, NULL, 0);

		if (pid > 0)
			forget_pid(s, pid);
		else if (errno != EINTR)
			return;
	}
}

static bool
start_all(struct supervisor *s, char text[CONTROL_BYTES])
{
	if (!start_core(s, text))
		return false;
	for (uint32_t i = 0; i < s->config->workers; i++) {
		if (!start_worker(s, i, text))
			return false;
	}
	return true;
}

/* --- what was opened while one may */

static bool
open_listeners(struct supervisor *s, struct idm_error *err)
{
	const struct server_config *config = s->config;

	for (size_t k = 0; k < config->ldapbindaddress_count; k++) {
		if (!listen_is_free(&config->ldapbindaddress[k], err))
			return false;
	}
	for (uint32_t i = 0; i < config->workers; i++) {
		for (size_t k = 0; k < config->ldapbindaddress_count; k++) {
			s->listen_fds[i][k] = listen_tcp(&config->ldapbindaddress[k], err);
			if (s->listen_fds[i][k] < 0)
				return false;
		}
	}
	if (config->ldapi_path[0] == '\0')
		return true;
	s->local_fd = listen_local(config->ldapi_path, err);
	return s->local_fd >= 0;
}

static enum idm_result
load_material(const struct server_config *config, struct tls_material *out, struct idm_error *err)
{
	if (config->ldapbindaddress_count == 0)
		return IDM_OK;
	return tls_material_load(config->tls_chain, config->tls_key, out, err);
}

/* SIGHUP: a new certificate, if it is a good one (SPEC 8.1). */
static void
reload(struct supervisor *s)
{
	struct tls_material fresh;
	struct idm_error err = { .text = "" };

	memset(&fresh, 0, sizeof(fresh));
	if (load_material(s->config, &fresh, &err) != IDM_OK) {
		log_error("the certificate stays as it was: %s", err.text);
		return;
	}
	tls_material_free(&s->tls);
	s->tls = fresh;
	for (uint32_t i = 0; i < s->config->workers; i++) {
		if (s->workers[i].pid != 0 && s->tls.chain != NULL &&
		    !control_send_material(s->workers[i].control_fd, &s->tls))
			log_error("worker %u could not be given the certificate", i + 1);
	}
}

/* --- backups by schedule */

/* A child of its own, for it takes long; at most one. */
static void
start_backup(struct supervisor *s)
{
	pid_t pid = fork();

	if (pid == 0) {
		become_child();
		close_controls(s);
		close_fd(&s->local_fd);
		close_listeners(s, UINT32_MAX);
		tls_material_free(&s->tls);
		exit(scheduled_backup_run(s->config));
	}
	if (pid < 0)
		log_error("backup: can't fork: %s", strerror(errno));
	else
		s->backup_pid = pid;
}

/* One that is due is started; what was due while the last one was made, or while we did not run, is
 * not made up for. */
static void
keep_backups(struct supervisor *s)
{
	const struct schedule *schedule = &s->config->online_backup_schedule;
	int64_t now_s = clock_now_s();
	bool due = s->backup_due_s != 0 && s->backup_due_s <= now_s;

	if (s->config->online_backup_path[0] == '\0')
		return;
	if (due && s->backup_pid == 0)
		start_backup(s);
	else if (due)
		log_warn("backup: the last one is still being made: this one is left out");
	if (due || now_s < s->backup_looked_s || s->backup_looked_s == 0)
		s->backup_due_s = schedule_next(schedule, now_s);
	s->backup_looked_s = now_s;
}

static void
end_backup(struct supervisor *s)
{
	if (s->backup_pid == 0)
		return;
	kill(s->backup_pid, SIGKILL);
	while (waitpid(s->backup_pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	s->backup_pid = 0;
}

/* --- systemd: READY=1 (sd_notify(3)) */

static void
notify_ready(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	socklen_t len;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@') ||
	    strlen(path) >= sizeof(addr.sun_path))
		return;
	memcpy(addr.sun_path, path, strlen(path));
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (struct sockaddr *)&addr, len) < 0)
		log_warn("systemd could not be told: %s", strerror(errno));
	close(fd);
}

/* --- watching */

/*
 * Wait before a start: longer each time, if the last one did not last.  False: we were told to end
 * meanwhile.
 */
static bool
back_off(struct supervisor *s, time_t started)
{
	const struct timespec wait = { .tv_sec =
					   back_off_next(&s->back_off_s, time(NULL) - started) };
	sigset_t ends;

	if (wait.tv_sec != 0)
		log_info("waiting %lds before the next start", (long)wait.tv_sec);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	s->ending = sigtimedwait(&ends, NULL, &wait) > 0;
	return !s->ending;
}

static const char *
describe_end(int status, char *out, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(out, size, "ended by signal %d", WTERMSIG(status));
	else
		snprintf(out, size, "ended with status %d", WEXITSTATUS(status));
	return out;
}

/* True: all serve again, or we were told to end meanwhile. */
static bool
restart_all(struct supervisor *s, time_t started)
{
	char text[CONTROL_BYTES] = "";

	end_all(s);
	if (!back_off(s, started))
		return true;
	if (start_all(s, text)) {
		log_info("serving again");
		return true;
	}
	log_error("the start failed: %s", text);
	return false;
}

/* The core process, which tells who watches. */
static void
tell_backup(const struct supervisor *s, bool made)
{
	if (s->core.pid != 0)
		control_send(s->core.control_fd, made ? 'B' : 'F', NULL, -1);
}

static void
on_end(struct supervisor *s, pid_t pid, int status)
{
	struct child *child = child_of(s, pid);
	char how[64], text[CONTROL_BYTES] = "";
	bool was_core = child == &s->core;
	time_t started;

	if (pid == s->backup_pid) /* it has said what came of it */
		tell_backup(s, WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
	started = child == NULL ? 0 : child->started;
	forget_pid(s, pid);
	if (child == NULL)
		return;
	describe_end(status, how, sizeof(how));
	if (!was_core) {
		uint32_t i = (uint32_t)(child - s->workers);

		log_error("worker %u %s; starting another", i + 1, how);
		if (!back_off(s, started))
			return;
		if (s->core.pid != 0 && start_worker(s, i, text))
			return;
		log_error("worker %u: %s", i + 1, text);
	} else {
		log_error("the core process %s; starting all anew", how);
	}
	while (!restart_all(s, started))
		started = time(NULL);
}

static void
reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while (!s->ending && (pid = waitpid(-1, &status, WNOHANG)) > 0)
		on_end(s, pid, status);
}

static void
watch(struct supervisor *s)
{
	const struct timespec turn = { .tv_sec = TURN_S };

	for (;;) {
		int signal_no = sigtimedwait(&s->signals, NULL, &turn);

		if (signal_no == SIGTERM || signal_no == SIGINT)
			return;
		if (signal_no == SIGHUP)
			reload(s);
		reap(s); /* also when a signal was merged with another */
		if (s->ending)
			return;
		keep_backups(s);
	}
}

static void
block_signals(struct supervisor *s)
{
	sigemptyset(&s->signals);
	sigaddset(&s->signals, SIGTERM);
	sigaddset(&s->signals, SIGINT);
	sigaddset(&s->signals, SIGHUP);
	sigaddset(&s->signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &s->signals, NULL);
}

/* Shells and systemd give 1024 descriptors, for the sake of select(2), and let us have more. */
static void
raise_descriptors(const struct server_config *config)
{
	rlim_t need = config->limits.connections + OWN_FDS +
		      config->workers * (rlim_t)config->ldapbindaddress_count;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need)
		return;
	limit.rlim_cur = limit.rlim_max < need ? limit.rlim_max : need;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < need)
		log_warn("%llu descriptors are not enough for %u connections: raise the limit "
			 "(LimitNOFILE=, ulimit -n) to %llu",
		    (unsigned long long)limit.rlim_cur, config->limits.connections,
		    (unsigned long long)need);
}

static bool
set_up(struct supervisor *s, struct idm_error *err)
{
	uint32_t workers = s->config->workers;

	raise_descriptors(s->config);
	s->workers = calloc(workers, sizeof(*s->workers));
	s->listen_fds = calloc(workers, sizeof(*s->listen_fds));
	if (s->workers == NULL || s->listen_fds == NULL) {
		idm_fail(err, IDM_SYSTEM, "out of memory");
		return false;
	}
	return load_material(s->config, &s->tls, err) == IDM_OK && open_listeners(s, err);
}

static void
tear_down(struct supervisor *s)
{
	if (s->local_fd >= 0)
		unlink(s->config->ldapi_path);
	close_fd(&s->local_fd);
	tls_material_free(&s->tls);
	free(s->workers);
	free(s->listen_fds);
}

int
supervisor_run(const struct server_config *config, const char *config_path)
{
	struct supervisor s = { .config = config, .local_fd = -1 };
	struct idm_error err = { .text = "" };
	char text[CONTROL_BYTES] = "";
	bool up;

	block_signals(&s);
	if (sandbox_no_core(&err) != IDM_OK || !set_up(&s, &err)) {
		log_error("%s", err.text);
		tear_down(&s);
		return EXIT_FAILURE;
	}
	keep_backups(&s); /* from now on they are due */
	up = start_all(&s, text);
	if (up) {
		log_info("ready: %s with %u workers for %s", config_path, config->workers,
		    config->domain);
		notify_ready();
		watch(&s);
		log_info("stopping");
	} else {
		log_error("%s", text);
	}
	end_backup(&s);
	end_all(&s);
	tear_down(&s);
	return up ? EXIT_SUCCESS : EXIT_FAILURE;
}
