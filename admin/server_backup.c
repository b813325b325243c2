/* kanidmd database backup (SPEC 10.5, 11.2). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/server_report.h"
#include "common/clock.h"
#include "core/dbfile.h"

/* How the child that makes the backup has ended. */
enum { BACKUP_MADE = 0, BACKUP_FAILED = 1, BACKUP_DAMAGED = 3 /* made, and there are findings */ };

/*
 * The file is the caller's, wherever root may write; all else is done by the database's owner.  So
 * the file is opened here, filled by a child that is no longer root, and named here again.
 */
struct target {
	const char *path; /* NULL: stdout */
	char *beside;
	int fd;
};

static bool
open_target(struct target *target, const char *path)
{
	*target = (struct target){ .path = path, .fd = STDOUT_FILENO };
	if (strcmp(path, "-") == 0) {
		target->path = NULL;
		if (isatty(STDOUT_FILENO) != 1)
			return true;
		server_fail("a backup is no text for a terminal: redirect it into a file");
		return false;
	}
	if (access(path, F_OK) == 0) {
		server_fail("%s: it is there already: choose another name", path);
		return false;
	}
	if (asprintf(&target->beside, "%s.part-%ld", path, (long)getpid()) < 0)
		target->beside = NULL;
	target->fd = target->beside == NULL
			 ? -1
			 : open(target->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (target->fd >= 0)
		return true;
	server_fail("%s: %s", target->beside == NULL ? path : target->beside, strerror(errno));
	free(target->beside);
	return false;
}

static bool
name_target(const struct target *target)
{
	struct idm_error err = { .text = "" };
	char *copy = strdup(target->path);
	bool ok =
	    renameat2(AT_FDCWD, target->beside, AT_FDCWD, target->path, RENAME_NOREPLACE) == 0;

	if (!ok)
		server_fail("%s: %s", target->path, strerror(errno));
	else if (copy == NULL || idm_dbfile_sync_directory(dirname(copy), &err) != IDM_OK)
		ok = server_fail("%s: %s", target->path, err.text) == SERVER_DONE;
	free(copy);
	return ok;
}

static void
close_target(struct target *target, bool keep)
{
	if (target->path == NULL)
		return;
	close(target->fd);
	if (!keep)
		unlink(target->beside);
	free(target->beside);
}

/* --- in the child */

static void
tell(struct server_report *report, const struct target *target,
    const struct idm_verify_totals *totals, bool keys)
{
	const char *path = target->path == NULL ? "-" : target->path;

	if (report->json && target->path != NULL) {
		server_report_answer(
		    report, json_pack("{s:s, s:s, s:I, s:I, s:I, s:b}", "file", path, "domain",
				totals->domain, "change", (json_int_t)totals->no, "entries",
				(json_int_t)totals->entries, "count", (json_int_t)totals->findings,
				"keys", keys));
		return;
	}
	server_progress_clear(&report->progress);
	if (target->path == NULL)
		return; /* stdout is the backup's alone */
	printf("Backed up %s: %" PRIu64 " entries, up to change %" PRIu64 ", into %s\n%s",
	    totals->domain, totals->entries, totals->no, path,
	    keys ? "The key rings are in it, under the passphrase\n" : "");
	fflush(stdout);
}

static void
warn_of_keys(const struct server_config *config)
{
	fprintf(stderr,
	    "kanidmd: warning: the key rings are not in this backup, and without them its "
	    "passwords "
	    "and RADIUS secrets are lost: give --passphrase-file, or keep copies of password.keys "
	    "and radius.keys of %s elsewhere\n",
	    config->key_path);
}

static int
make_backup(const struct server_cli *cli, const struct server_config *config,
    const struct target *target, const char *passphrase)
{
	struct server_report report;
	struct idm_verify_totals totals;
	struct idm_error err = { .text = "" };
	struct idm_backup ask = { .db_dir = config->db_path,
		.key_dir = config->key_path,
		.fd = target->fd,
		.passphrase = idm_span_cstr(passphrase),
		.now_s = clock_now_s() };
	enum idm_result result;

	if (!server_become_owner(config) || !server_report_begin(&report, cli, stderr))
		return BACKUP_FAILED;
	ask.report = report.report;
	result = idm_backup(&ask, &totals, &err);
	if (result == IDM_OK)
		tell(&report, target, &totals, passphrase[0] != '\0');
	server_report_end(&report);
	if (result != IDM_OK)
		return server_fail("%s", err.text) == SERVER_DONE ? BACKUP_MADE : BACKUP_FAILED;
	if (passphrase[0] == '\0')
		warn_of_keys(config);
	if (totals.findings == 0)
		return BACKUP_MADE;
	server_fail("the database is damaged: %" PRIu64
		    " findings; the backup was made all the same, "
		    "but it can't be restored: keep an older one",
	    totals.findings);
	return BACKUP_DAMAGED;
}

/* --- and its parent */

static int
run_child(const struct server_cli *cli, const struct server_config *config,
    const struct target *target, const char *passphrase)
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(make_backup(cli, config, target, passphrase));
	}
	if (pid < 0) {
		server_fail("a child process: %s", strerror(errno));
		return BACKUP_FAILED;
	}
	signal(SIGINT, SIG_IGN); /* it ends the child; then there is something to clear away */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : BACKUP_FAILED;
}

int
server_backup(struct server_cli *cli)
{
	static struct server_config config;
	char passphrase[SERVER_PASSPHRASE_BYTES];
	struct target target;
	int status;
	bool made;

	signal(SIGPIPE, SIG_IGN);
	if (!server_load_config(cli, &config) ||
	    !server_read_passphrase(
		cli, "Passphrase for the key rings (nothing: leave them out): ", true, passphrase))
		return SERVER_FAILED;
	if (!open_target(&target, cli->args[0])) {
		explicit_bzero(passphrase, sizeof(passphrase));
		return SERVER_FAILED;
	}
	status = run_child(cli, &config, &target, passphrase);
	explicit_bzero(passphrase, sizeof(passphrase));
	made = status == BACKUP_MADE || status == BACKUP_DAMAGED;
	if (made && target.path != NULL)
		made = name_target(&target);
	close_target(&target, made);
	return made && status == BACKUP_MADE ? SERVER_DONE : SERVER_FAILED;
}
