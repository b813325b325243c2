/* kanidmd import (SPEC 10.5): an LDIF file into the database, all of it or nothing. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include <jansson.h>
#include <unistr.h>

#include "admin/server.h"
#include "admin/server_progress.h"
#include "common/clock.h"
#include "common/import.h"
#include "common/privilege.h"
#include "common/server_data.h"

enum { TEXT_BYTES = 512 };

static volatile sig_atomic_t interrupted;

static void
on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

/* One run of the command. */
struct run {
	const struct server_cli *cli;
	const char *path;
	struct server_progress progress;
	uint64_t problem_count;
};

/* --- what is told */

/* A copy that can be shown and that is UTF-8: the file may hold anything. */
static void
clean(const char *text, char out[TEXT_BYTES])
{
	size_t len = strlen(text);
	bool utf8;

	if (len >= TEXT_BYTES)
		len = TEXT_BYTES - 1;
	memcpy(out, text, len);
	out[len] = '\0';
	utf8 = u8_check((const uint8_t *)out, len) == NULL;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)out[i];

		if (c < ' ' || c == 0x7f || (c >= 0x80 && !utf8))
			out[i] = '?';
	}
}

static void
tell_json(struct run *run, uint64_t line, const char *type, const char *why)
{
	json_t *problem = json_pack(
	    "{s:I, s:s, s:s}", "line", (json_int_t)line, "attribute", type, "reason", why);

	if (problem == NULL)
		return;
	fputs(run->problem_count == 0 ? "\n    " : ",\n    ", stdout);
	json_dumpf(problem, stdout, JSON_COMPACT);
	json_decref(problem);
}

static void
on_problem(void *ctx, uint64_t line, struct idm_span type, const char *why)
{
	struct run *run = ctx;
	char clean_type[TEXT_BYTES], clean_why[TEXT_BYTES], text[TEXT_BYTES];

	snprintf(text, sizeof(text), "%.*s", IDM_SPAN_ARG(type));
	clean(text, clean_type);
	clean(why, clean_why);
	if (run->cli->json) {
		tell_json(run, line, clean_type, clean_why);
	} else {
		server_progress_clear(&run->progress);
		fprintf(stderr, "%s:%" PRIu64 ": %s%s%s\n", run->path, line, clean_type,
		    type.len != 0 ? ": " : "", clean_why);
	}
	run->problem_count++;
}

static bool
on_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct run *run = ctx;

	server_progress_show(&run->progress, what, done, total);
	return !interrupted;
}

/* "1 group", "2 groups" */
static void
put_count(FILE *out, const char *before, uint64_t count, const char *one)
{
	if (count != 0)
		fprintf(out, "%s%" PRIu64 " %s%s", before, count, one, count == 1 ? "" : "s");
}

static void
tell_totals(const struct server_cli *cli, const struct import_totals *totals)
{
	fputs(cli->dry_run ? "Nothing was changed; the import would bring " : "Imported ", stdout);
	put_count(stdout, "", totals->persons, "person");
	put_count(
	    stdout, totals->persons != 0 ? ", " : "", totals->service_accounts, "service account");
	put_count(stdout, totals->persons + totals->service_accounts != 0 ? ", " : "",
	    totals->groups + totals->others, "group");
	if (totals->persons + totals->service_accounts + totals->groups + totals->others == 0)
		fputs("nothing", stdout);
	put_count(stdout, ", ", totals->memberships, "membership");
	put_count(stdout, "; left out: ", totals->containers, "container");
	put_count(stdout, "; ignored: ", totals->ignored, "line");
	put_count(stdout, "; not taken: ", totals->problems, "line");
	fputc('\n', stdout);
}

static void
tell_json_end(const struct run *run, const struct import_totals *totals, bool stored)
{
	printf("%s],\n  \"persons\": %" PRIu64 ",\n  \"service_accounts\": %" PRIu64
	       ",\n  \"groups\": %" PRIu64 ",\n  \"others\": %" PRIu64
	       ",\n  \"memberships\": %" PRIu64 ",\n  \"containers\": %" PRIu64
	       ",\n  \"ignored\": %" PRIu64 ",\n  \"dry_run\": %s,\n  \"stored\": %s\n}\n",
	    run->problem_count == 0 ? "" : "\n  ", totals->persons, totals->service_accounts,
	    totals->groups, totals->others, totals->memberships, totals->containers,
	    totals->ignored, run->cli->dry_run ? "true" : "false", stored ? "true" : "false");
}

/* --- the import */

static bool
brings_something(const struct import_totals *totals)
{
	return totals->persons + totals->service_accounts + totals->groups + totals->others +
		   totals->memberships !=
	       0;
}

/* Take the file in, and store it if it is to be. */
static enum idm_result
import(struct run *run, struct ldif_file *ldif, struct server_data *data,
    struct import_totals *totals, bool *stored, struct idm_error *err)
{
	struct import_request request = { .ldif = ldif,
		.ignore = run->cli->ignore,
		.ignore_count = run->cli->ignore_count,
		.problem = on_problem,
		.progress = on_progress,
		.ctx = run };
	enum idm_result result = idm_bulk_begin(data->store, &data->change,
	    idm_store_now(data->store, clock_now_s()), &request.bulk, err);

	if (result != IDM_OK)
		return result;
	result = import_run(&request, totals, err);
	*stored = result == IDM_OK && !run->cli->dry_run &&
		  (totals->problems == 0 || run->cli->keep_going) && brings_something(totals);
	server_progress_show(&run->progress, *stored ? "storing" : "cleaning up", 0, 0);
	if (*stored)
		result = idm_bulk_adopt(&request.bulk, &data->store, err);
	else
		idm_bulk_drop(&request.bulk);
	*stored = *stored && result == IDM_OK;
	server_progress_clear(&run->progress);
	return result;
}

static int
tell_outcome(struct run *run, const struct import_totals *totals, bool stored,
    enum idm_result result, const struct idm_error *err)
{
	bool refused = totals->problems != 0 && !run->cli->keep_going;

	if (run->cli->json)
		tell_json_end(run, totals, stored);
	if (result != IDM_OK)
		return server_fail("%s: %s; nothing was changed", run->path, err->text);
	if (refused)
		return server_fail("nothing was imported: %" PRIu64
				   " lines can't be taken; correct them, leave attributes out with "
				   "--ignore, or take all else with --keep-going",
		    totals->problems);
	if (!run->cli->json)
		tell_totals(run->cli, totals);
	if (fflush(stdout) != 0)
		return server_fail("stdout: %s", strerror(errno));
	return totals->problems == 0 ? SERVER_DONE : SERVER_FAILED;
}

static int
import_with(struct run *run, struct ldif_file *ldif, const struct server_config *config)
{
	struct import_totals totals = { .persons = 0 };
	struct server_data data;
	struct idm_error err = { .text = "" };
	bool stored = false;
	enum idm_result result = privilege_drop(config->core_user, config->read_group, &err);

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* no core file with a hash or a key */
	if (result == IDM_OK)
		result = server_data_open(config, &data, &err);
	if (result == IDM_BUSY)
		return server_fail("%s: stop the server first; nothing was changed", err.text);
	if (result != IDM_OK)
		return server_fail("%s", err.text);
	server_progress_begin(&run->progress, run->cli->json);
	if (run->cli->json)
		fputs("{\n  \"problems\": [", stdout);
	result = import(run, ldif, &data, &totals, &stored, &err);
	server_data_close(&data);
	return tell_outcome(run, &totals, stored, result, &err);
}

int
server_import(struct server_cli *cli)
{
	static struct server_config config;
	struct run run = { .cli = cli, .path = cli->args[0] };
	struct sigaction action = { .sa_handler = on_signal };
	struct ldif_file *ldif = NULL;
	struct idm_error err = { .text = "" };
	enum idm_result result = config_load(cli->config_path, &config, &err);
	int status;

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	/* As whoever calls: the database's owner need not be let at the file. */
	if (result == IDM_OK)
		result = ldif_file_open(run.path, &ldif, &err);
	if (result != IDM_OK)
		return server_fail("%s", err.text);
	status = import_with(&run, ldif, &config);
	ldif_file_close(&ldif);
	return status;
}
