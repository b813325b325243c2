/* kanidmd database restore, verify, reindex, vacuum; domain rename (SPEC 10.5, 11.2). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/server_report.h"
#include "common/clock.h"
#include "common/server_data.h"
#include "core/domain.h"
#include "core/rebuild.h"
#include "core/restore.h"

/* What a command has: the options, where the database is, what it is asked to read. */
struct job {
	const struct server_cli *cli;
	struct server_config config;
	struct server_report report;
	char passphrase[SERVER_PASSPHRASE_BYTES];
	int fd; /* of the file; -1: none */
	struct idm_error err;
};

/* What root alone may read is opened before he is the database's owner. */
static bool
begin(struct job *job, const struct server_cli *cli, const char *path, FILE *lines)
{
	job->cli = cli;
	job->fd = -1;
	if (!server_load_config(cli, &job->config) ||
	    !server_read_passphrase(cli, NULL, false, job->passphrase))
		return false;
	if (path != NULL)
		job->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (path != NULL && job->fd < 0) {
		server_fail("%s: %s", path, strerror(errno));
		return false;
	}
	return server_become_owner(&job->config) && server_report_begin(&job->report, cli, lines);
}

static int
end(struct job *job, int status)
{
	explicit_bzero(job->passphrase, sizeof(job->passphrase));
	server_report_end(&job->report);
	return status;
}

/* The answer of a command that failed: the findings, where JSON is asked for, and why. */
static int
fail(struct job *job, enum idm_result result)
{
	server_progress_clear(&job->report.progress);
	if (job->cli->json && json_array_size(job->report.findings) != 0)
		server_report_answer(&job->report, json_object());
	if (result == IDM_BUSY)
		return server_fail(
		    "%s: stop it or wait for it; nothing was changed", job->err.text);
	return server_fail("%s", job->err.text);
}

/* --- verify */

static void
print_totals(const struct idm_verify_totals *totals)
{
	if (totals->findings == 0)
		printf("No damage: ");
	else
		printf("%" PRIu64 " findings: ", totals->findings);
	printf("%" PRIu64 " entries of %s, up to change %" PRIu64 ", %" PRIu64
	       " memberships, %" PRIu64 " index rows, %" PRIu64 " secrets, %" PRIu64 " pages\n",
	    totals->entries, totals->domain, totals->no, totals->edges, totals->index_rows,
	    totals->secrets, totals->pages);
	if (totals->untried != 0)
		printf("%" PRIu64 " secrets were not tried: there is no key ring to open them\n",
		    totals->untried);
}

static json_t *
totals_json(const struct idm_verify_totals *totals)
{
	return json_pack("{s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "count",
	    (json_int_t)totals->findings, "domain", totals->domain, "change",
	    (json_int_t)totals->no, "entries", (json_int_t)totals->entries, "memberships",
	    (json_int_t)totals->edges, "index_rows", (json_int_t)totals->index_rows, "secrets",
	    (json_int_t)totals->secrets, "secrets_untried", (json_int_t)totals->untried);
}

/* The key rings that a backup brings along, written where it was unpacked. */
static enum idm_result
open_backups_rings(
    struct job *job, const struct idm_workdir *work, struct idm_arena *arena, struct idm_rings *out)
{
	struct idm_key_texts texts;
	char path[PATH_MAX];
	enum idm_result result =
	    idm_unpack_keys(work, idm_span_cstr(job->passphrase), arena, &texts, &job->err);

	idm_workdir_path(work, "password.keys", path);
	if (result == IDM_OK)
		result = idm_keyring_write(path, texts.password, (gid_t)-1, &job->err);
	idm_workdir_path(work, "radius.keys", path);
	if (result == IDM_OK)
		result = idm_keyring_write(path, texts.radius, (gid_t)-1, &job->err);
	return result == IDM_OK ? idm_rings_open(work->path, out, &job->err) : result;
}

static enum idm_result
open_rings(struct job *job, const struct idm_workdir *work, const struct idm_unpacked *unpacked,
    struct idm_rings *out)
{
	enum { ARENA_BYTES = 1024 * 1024 };
	struct idm_arena *arena;
	enum idm_result result;

	if (job->passphrase[0] == '\0')
		return idm_rings_open(job->config.key_path, out, &job->err);
	if (!unpacked->has_keys)
		return idm_fail(&job->err, IDM_INVALID,
		    "there are no key rings in this backup: leave the passphrase out");
	arena = idm_arena_new(ARENA_BYTES);
	if (arena == NULL)
		return idm_fail(&job->err, IDM_SYSTEM, "out of memory");
	result = open_backups_rings(job, work, arena, out);
	idm_arena_free(&arena);
	return result;
}

static enum idm_result
verify_file(struct job *job, struct idm_verify_totals *totals)
{
	struct idm_workdir work;
	struct idm_unpacked unpacked;
	struct idm_rings rings = { NULL, NULL };
	enum idm_result result =
	    idm_workdir_open(job->config.db_path, "verify.work", &work, &job->err);

	if (result != IDM_OK)
		return result;
	result = idm_unpack(job->fd, &work, &job->report.report, &unpacked, &job->err);
	if (result == IDM_OK)
		result = open_rings(job, &work, &unpacked, &rings);
	if (result == IDM_OK)
		result = idm_verify_unpacked(
		    &work, &unpacked, &rings, &job->report.report, totals, &job->err);
	idm_rings_close(&rings);
	idm_workdir_close(&work);
	return result;
}

static enum idm_result
verify_database(struct job *job, struct idm_verify_totals *totals)
{
	struct idm_rings rings = { NULL, NULL };
	enum idm_result result = idm_rings_open(job->config.key_path, &rings, &job->err);

	if (result == IDM_OK)
		result = idm_verify_directory(
		    job->config.db_path, &rings, &job->report.report, totals, &job->err);
	idm_rings_close(&rings);
	return result;
}

int
server_verify(struct server_cli *cli)
{
	static struct job job;
	struct idm_verify_totals totals = { 0 };
	enum idm_result result;
	int status;

	if (cli->passphrase_file != NULL && cli->arg_count == 0)
		return server_fail("a passphrase is for a backup: name its file");
	if (!begin(&job, cli, cli->arg_count == 0 ? NULL : cli->args[0], stdout))
		return SERVER_FAILED;
	result = job.fd < 0 ? verify_database(&job, &totals) : verify_file(&job, &totals);
	if (result != IDM_OK)
		return end(&job, fail(&job, result));
	server_progress_clear(&job.report.progress);
	if (!cli->json)
		print_totals(&totals);
	status = server_report_answer(&job.report, totals_json(&totals));
	return end(&job, totals.findings != 0 ? SERVER_FAILED : status);
}

/* --- restore */

static void
print_restored(const struct job *job, const struct idm_restored *restored)
{
	const struct idm_verify_totals *totals = &restored->totals;

	printf("Restored %s: %" PRIu64 " entries, up to change %" PRIu64
	       "; changes from now on are of "
	       "epoch %" PRIu64 "\n",
	    totals->domain, totals->entries, totals->no, restored->epoch);
	if (restored->former)
		printf(
		    "The former database is %s/identity.mdb.replaced: remove it when all is well\n",
		    job->config.db_path);
	if (restored->keys)
		printf(
		    "The key rings are those of the backup; the former ones are *.replaced in %s\n",
		    job->config.key_path);
	if (restored->local)
		puts("local.mdb is that of the backup; all sessions ended");
	if (totals->untried != 0)
		printf("%" PRIu64 " passwords and RADIUS secrets can't be opened: set them anew\n",
		    totals->untried);
}

int
server_restore(struct server_cli *cli)
{
	static struct job job;
	struct idm_restored restored;
	struct idm_restore ask;
	enum idm_result result;

	if (!begin(&job, cli, cli->args[0], stderr))
		return SERVER_FAILED;
	ask = (struct idm_restore){ .db_dir = job.config.db_path,
		.key_dir = job.config.key_path,
		.read_group = server_read_group(&job.config),
		.radius_group = server_radius_group(&job.config),
		.domain = job.config.domain,
		.fd = job.fd,
		.passphrase = idm_span_cstr(job.passphrase),
		.local = cli->local,
		.lost_secrets = cli->without_secrets,
		.report = job.report.report };
	result = idm_restore(&ask, &restored, &job.err);
	if (result != IDM_OK)
		return end(&job, fail(&job, result));
	server_progress_clear(&job.report.progress);
	if (!cli->json)
		print_restored(&job, &restored);
	return end(&job,
	    server_report_answer(&job.report,
		json_pack("{s:s, s:I, s:I, s:I, s:b, s:b, s:I}", "domain", restored.totals.domain,
		    "change", (json_int_t)restored.totals.no, "epoch", (json_int_t)restored.epoch,
		    "entries", (json_int_t)restored.totals.entries, "keys", restored.keys, "local",
		    restored.local, "secrets_untried", (json_int_t)restored.totals.untried)));
}

/* --- reindex and vacuum */

static const char *
edges_text(const struct idm_rebuilt *rebuilt)
{
	if (rebuilt->new_digest)
		return "memberships that both directions had were taken, and the digest made anew";
	switch (rebuilt->edges) {
	case IDM_EDGES_AGREE: return "both directions of the memberships agreed";
	case IDM_EDGES_DOWN: return "memberships are those of the groups' lists, by the digest";
	case IDM_EDGES_UP: return "memberships are those of the members' lists, by the digest";
	case IDM_EDGES_UNION: return "memberships are those of either direction, by the digest";
	case IDM_EDGES_BOTH: return "memberships are those of both directions, by the digest";
	}
	return "";
}

static int
rebuild(struct server_cli *cli,
    enum idm_result (*function)(
	const struct idm_rebuild *ask, struct idm_rebuilt *out, struct idm_error *err),
    struct job *job, struct idm_rebuilt *rebuilt)
{
	struct idm_rebuild ask;
	enum idm_result result;

	if (!begin(job, cli, NULL, stderr))
		return SERVER_FAILED;
	ask = (struct idm_rebuild){ .db_dir = job->config.db_path,
		.read_group = server_read_group(&job->config),
		.accept = cli->accept,
		.report = job->report.report };
	result = function(&ask, rebuilt, &job->err);
	if (result != IDM_OK)
		return end(job, fail(job, result));
	server_progress_clear(&job->report.progress);
	return SERVER_DONE;
}

int
server_reindex(struct server_cli *cli)
{
	static struct job job;
	struct idm_rebuilt rebuilt;

	if (rebuild(cli, idm_reindex, &job, &rebuilt) != SERVER_DONE)
		return SERVER_FAILED;
	if (!cli->json)
		printf("Reindexed %" PRIu64 " entries, %" PRIu64 " memberships, %" PRIu64
		       " index rows; %s\n",
		    rebuilt.totals.entries, rebuilt.totals.edges, rebuilt.totals.index_rows,
		    edges_text(&rebuilt));
	return end(&job, server_report_answer(&job.report,
			     json_pack("{s:I, s:I, s:I, s:s, s:b}", "entries",
				 (json_int_t)rebuilt.totals.entries, "memberships",
				 (json_int_t)rebuilt.totals.edges, "index_rows",
				 (json_int_t)rebuilt.totals.index_rows, "source",
				 edges_text(&rebuilt), "new_digest", rebuilt.new_digest)));
}

int
server_vacuum(struct server_cli *cli)
{
	static struct job job;
	struct idm_rebuilt rebuilt;

	if (rebuild(cli, idm_vacuum, &job, &rebuilt) != SERVER_DONE)
		return SERVER_FAILED;
	if (!cli->json)
		printf("Vacuumed: %" PRIu64 " KiB were %" PRIu64 " KiB\n",
		    rebuilt.bytes_after / 1024, rebuilt.bytes_before / 1024);
	return end(
	    &job, server_report_answer(&job.report,
		      json_pack("{s:I, s:I}", "bytes_before", (json_int_t)rebuilt.bytes_before,
			  "bytes_after", (json_int_t)rebuilt.bytes_after)));
}

/* --- domain rename */

static int
tell_renamed(struct job *job, const char *former, const char *domain)
{
	bool agrees = strcmp(job->config.domain, domain) == 0;

	if (!job->cli->json)
		printf("The domain was %s and is %s: every spn and the LDAP suffix with it\n",
		    former, domain);
	if (!agrees)
		fprintf(stderr,
		    "kanidmd: %s still says domain = \"%s\": write \"%s\" there, or no server "
		    "starts\n",
		    job->cli->config_path, job->config.domain, domain);
	return server_report_answer(&job->report,
	    json_pack("{s:s, s:s, s:b}", "former", former, "domain", domain, "configured", agrees));
}

int
server_rename_domain(struct server_cli *cli)
{
	static struct job job;
	struct server_data data;
	char former[IDM_DOMAIN_MAX] = "";
	enum idm_result result;

	if (!begin(&job, cli, NULL, stderr))
		return SERVER_FAILED;
	for (char *c = cli->args[0]; *c != '\0'; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
	result = server_data_open_any_domain(&job.config, &data, &job.err);
	if (result != IDM_OK)
		return end(&job, fail(&job, result));
	server_tell_upgrade(data.store, &job.config);
	result = idm_domain_rename(data.store, &data.change, cli->args[0],
	    idm_store_now(data.store, clock_now_s()), former, &job.err);
	server_data_close(&data);
	return end(
	    &job, result == IDM_OK ? tell_renamed(&job, former, cli->args[0]) : fail(&job, result));
}
