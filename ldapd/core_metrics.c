/* What the core process tells of itself, of its workers and of the store (SPEC 11.4). */
#include "core/figures.h"
#include "ldapd/core.h"

/* --- the workers: those that are there, and what those that are gone had counted */

static void
sum_up(const struct core *core, struct counts *sum, uint64_t *workers, uint64_t *logins)
{
	*sum = core->counts.workers;
	*workers = *logins = 0;
	for (const struct core_worker *w = core->workers; w != NULL; w = w->next) {
		counts_add(sum, &w->counts, true);
		*logins += w->login_count;
		++*workers;
	}
}

static void
tell_connections(struct metric_samples *out, const struct counts *sum)
{
	static const struct {
		const char *label;
		enum metric metric;
		enum count count;
	} parts[] = {
		{ "ldaps", METRIC_CONNECTIONS, COUNT_OPEN_TLS },
		{ "ldapi", METRIC_CONNECTIONS, COUNT_OPEN_LOCAL },
		{ "ldaps", METRIC_CONNECTIONS_OPENED, COUNT_OPENED_TLS },
		{ "ldapi", METRIC_CONNECTIONS_OPENED, COUNT_OPENED_LOCAL },
		{ "connections", METRIC_CONNECTIONS_REFUSED, COUNT_REFUSED_ALL },
		{ "connections_per_source", METRIC_CONNECTIONS_REFUSED, COUNT_REFUSED_SOURCE },
		{ "time", METRIC_CONNECTIONS_ENDED, COUNT_ENDED_TIME },
		{ "protocol", METRIC_CONNECTIONS_ENDED, COUNT_ENDED_PROTOCOL },
		{ "login", METRIC_CONNECTIONS_ENDED, COUNT_ENDED_LOGIN },
		{ NULL, METRIC_HANDSHAKES, COUNT_HANDSHAKES },
		{ NULL, METRIC_HANDSHAKES_FAILED, COUNT_HANDSHAKES_FAILED },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		metrics_add(out, parts[i].metric, parts[i].label, NULL, sum->of[parts[i].count]);
}

static void
tell_operations(struct metric_samples *out, const struct counts *sum)
{
	for (enum count_op op = 0; op < COUNT_OPS; op++)
		metrics_add(out, METRIC_OPERATIONS_BEGUN, count_op_name(op), NULL,
		    sum->of[COUNT_BEGUN + op]);
	for (enum count_op op = 0; op < COUNT_OPS; op++) {
		for (enum count_result r = 0; r < COUNT_RESULTS; r++)
			metrics_add(out, METRIC_OPERATIONS, count_op_name(op), count_result_name(r),
			    sum->of[count_done(op, r)]);
	}
	metrics_add(out, METRIC_ENTRIES, NULL, NULL, sum->of[COUNT_ENTRIES]);
	metrics_add(out, METRIC_OCTETS_IN, NULL, NULL, sum->of[COUNT_OCTETS_IN]);
	metrics_add(out, METRIC_OCTETS_OUT, NULL, NULL, sum->of[COUNT_OCTETS_OUT]);
}

static void
tell_workers(const struct core *core, struct metric_samples *out)
{
	struct counts sum;
	uint64_t workers, logins;

	sum_up(core, &sum, &workers, &logins);
	metrics_add(out, METRIC_WORKERS, NULL, NULL, workers);
	metrics_add(out, METRIC_WORKERS_STARTED, NULL, NULL, core->worker_count);
	tell_connections(out, &sum);
	tell_operations(out, &sum);
	metrics_add(out, METRIC_LOGINS, NULL, NULL, logins);
}

/* --- binds */

static void
tell_binds(const struct core *core, struct metric_samples *out)
{
	static const char *const names[CORE_BIND_OUTCOMES] = {
		[CORE_BOUND_PASSWORD] = "password",
		[CORE_BOUND_UNIX_PASSWORD] = "unix_password",
		[CORE_BOUND_APPLICATION_PASSWORD] = "application_password",
		[CORE_BOUND_TOKEN] = "token",
		[CORE_BOUND_SESSION] = "session",
		[CORE_BOUND_ANONYMOUS] = "anonymous",
		[CORE_BIND_NO_ACCOUNT] = "no_account",
		[CORE_BIND_OUTSIDE_WINDOW] = "outside_window",
		[CORE_BIND_NO_CREDENTIAL] = "no_credential",
		[CORE_BIND_NEEDS_FACTOR] = "needs_factor",
		[CORE_BIND_BARRED] = "barred",
		[CORE_BIND_SOFTLOCKED] = "softlocked",
		[CORE_BIND_WRONG_PASSWORD] = "wrong_password",
		[CORE_BIND_BAD_TOKEN] = "bad_token",
		[CORE_BIND_BAD_APPLICATION_PASSWORD] = "bad_application_password",
		[CORE_BIND_BUSY] = "busy",
		[CORE_BIND_FAILED] = "error",
	};

	for (size_t i = 0; i < CORE_BIND_OUTCOMES; i++)
		metrics_add(out, METRIC_BINDS, names[i], NULL, core->counts.binds[i]);
}

static void
tell_pool(const struct core *core, struct metric_samples *out)
{
	struct hash_pool_state state;

	hash_pool_look(core->pool, &state);
	metrics_add(out, METRIC_POOL_THREADS, NULL, NULL, state.threads);
	metrics_add(out, METRIC_POOL_RUNNING, NULL, NULL, state.running);
	metrics_add(out, METRIC_POOL_QUEUED, NULL, NULL, state.queued);
	metrics_add(out, METRIC_POOL_DONE, NULL, NULL, state.done);
}

/* --- changes and the store */

static void
tell_changes(const struct core *core, const struct idm_figures *figures, struct metric_samples *out)
{
	metrics_add(out, METRIC_CHANGES, "committed", NULL, core->counts.changes);
	metrics_add(out, METRIC_CHANGES, "refused", NULL, core->counts.changes_refused);
	metrics_add(out, METRIC_CHANGES, "failed", NULL, core->counts.changes_failed);
	metrics_add(out, METRIC_CHANGES_WAITING, NULL, NULL, core->batch_bytes);
	metrics_add(out, METRIC_CHANGE_NUMBER, NULL, NULL, figures->change_no);
	metrics_add_histogram(out, METRIC_BATCH, &core->counts.batches);
}

static void
tell_files(const struct idm_figures *figures, struct metric_samples *out)
{
	static const char identity[] = "identity.mdb", local[] = "local.mdb";

	metrics_add(out, METRIC_COMMITS, identity, NULL, figures->identity.commits);
	metrics_add(out, METRIC_COMMITS, local, NULL, figures->local.commits);
	metrics_add(out, METRIC_FILE_LIMIT, identity, NULL, figures->identity.map_bytes);
	metrics_add(out, METRIC_FILE_LIMIT, local, NULL, figures->local.map_bytes);
	metrics_add(out, METRIC_FILE_SIZE, identity, NULL, figures->identity.file_bytes);
	metrics_add(out, METRIC_FILE_SIZE, local, NULL, figures->local.file_bytes);
	metrics_add(out, METRIC_FILE_USED, identity, NULL, figures->identity.used_bytes);
	metrics_add(out, METRIC_FILE_USED, local, NULL, figures->local.used_bytes);
	metrics_add(out, METRIC_NEARLY_FULL, NULL, NULL, figures->nearly_full);
	metrics_add(out, METRIC_GUARDS, NULL, NULL, figures->guards);
	metrics_add(out, METRIC_OLDEST_GUARD, NULL, NULL, figures->oldest_guard_ms);
}

static void
tell_backups(const struct core *core, struct metric_samples *out)
{
	metrics_add(out, METRIC_BACKUPS, "made", NULL, core->counts.backups);
	metrics_add(out, METRIC_BACKUPS, "failed", NULL, core->counts.backups_failed);
	metrics_add(out, METRIC_BACKUP, NULL, NULL, (uint64_t)core->backup_s);
}

/* --- RADIUS */

static void
tell_radius(const struct core *core, struct metric_samples *out)
{
	static const char *const kinds[] = {
		[IDM_REPORT_ACCEPTED] = "accepted",
		[IDM_REPORT_REFUSED] = "refused",
		[IDM_REPORT_FAILED] = "failed",
		[IDM_REPORT_STARTED] = "started",
		[IDM_REPORT_STOPPED] = "stopped",
	};

	for (size_t i = IDM_REPORT_ACCEPTED; i <= IDM_REPORT_STOPPED; i++)
		metrics_add(out, METRIC_REPORTS, kinds[i], NULL, core->counts.reports[i]);
	metrics_add(out, METRIC_REPORTS_LOST, "rate", NULL, core->counts.reports_over_rate);
	metrics_add(out, METRIC_REPORTS_LOST, "unknown", NULL, core->counts.reports_unknown);
}

/* --- the clock */

static void
tell_clock(const struct core *core, struct metric_samples *out)
{
	static const char *const names[] = {
		[CORE_CLOCK_FINE] = "fine",
		[CORE_CLOCK_JUMPED] = "jumped",
		[CORE_CLOCK_BEHIND] = "behind",
		[CORE_CLOCK_UNSYNCHRONISED] = "unsynchronised",
	};
	int64_t floor_s = idm_store_clock_floor(core->data.store);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		metrics_add(out, METRIC_CLOCK, names[i], NULL, core->clock.state == i);
	metrics_add(out, METRIC_CLOCK_SYNCHRONISED, NULL, NULL, core->clock.synchronised);
	metrics_add(out, METRIC_CLOCK_FLOOR, NULL, NULL, floor_s > 0 ? (uint64_t)floor_s : 0);
}

enum idm_result
core_metrics(struct core *core, struct metric_samples *out, struct idm_error *err)
{
	struct idm_figures figures;
	enum idm_result result = idm_store_figures(core->data.store, &figures, err);

	if (result != IDM_OK)
		return result;
	metrics_add(out, METRIC_BUILD, IDM_VERSION, NULL, 1);
	metrics_add(out, METRIC_START, NULL, NULL, (uint64_t)core->begun_s);
	tell_workers(core, out);
	tell_binds(core, out);
	metrics_add(out, METRIC_SESSIONS, NULL, NULL, figures.sessions);
	tell_pool(core, out);
	tell_changes(core, &figures, out);
	tell_files(&figures, out);
	tell_backups(core, out);
	tell_radius(core, out);
	tell_clock(core, out);
	return out->failed ? idm_fail(err, IDM_LIMIT, "no memory for the metrics") : IDM_OK;
}
