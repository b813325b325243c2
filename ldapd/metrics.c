#include "ldapd/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum {
	FIRST_ROOM = 128,
	LINE_BYTES = 512, /* of a sample or a comment: names, help and labels are ours */
};

#define COUNTER "monitorCounter"

static const struct metric_family families[METRIC_COUNT] = {
	[METRIC_BUILD] = { "kanidm_build_info", "The version that runs.", METRIC_GAUGE, false,
	    { "version" }, "server", "version", NULL },
	[METRIC_START] = { "kanidm_start_time_seconds", "When the core process began, since 1970.",
	    METRIC_GAUGE, false, { NULL }, "server", "start", COUNTER },
	[METRIC_WORKERS] = { "kanidm_workers", "Processes that serve clients.", METRIC_GAUGE, false,
	    { NULL }, "workers", "current", COUNTER },
	[METRIC_WORKERS_STARTED] = { "kanidm_workers_started_total",
	    "Workers since the core process began: more than there are came for some that died.",
	    METRIC_COUNTER, false, { NULL }, "workers", "total", COUNTER },
	[METRIC_CONNECTIONS] = { "kanidm_ldap_connections", "Connections that are open.",
	    METRIC_GAUGE, false, { "transport" }, "connections", "current", COUNTER },
	[METRIC_CONNECTIONS_OPENED] = { "kanidm_ldap_connections_total",
	    "Connections that were opened.", METRIC_COUNTER, false, { "transport" }, "connections",
	    "total", COUNTER },
	[METRIC_CONNECTIONS_REFUSED] = { "kanidm_ldap_connections_refused_total",
	    "Connections that were closed at once, by the limit that was reached.", METRIC_COUNTER,
	    false, { "limit" }, "connections", "refused", COUNTER },
	[METRIC_CONNECTIONS_ENDED] = { "kanidm_ldap_disconnections_total",
	    "Connections that the server ended.", METRIC_COUNTER, false, { "reason" },
	    "connections", "ended", COUNTER },
	[METRIC_HANDSHAKES] = { "kanidm_tls_handshakes_total",
	    "TLS handshakes that came to an end.", METRIC_COUNTER, false, { NULL }, "tls",
	    "handshakes", COUNTER },
	[METRIC_HANDSHAKES_FAILED] = { "kanidm_tls_handshakes_failed_total",
	    "TLS handshakes that failed, or took too long.", METRIC_COUNTER, false, { NULL }, "tls",
	    "failed", COUNTER },
	[METRIC_OPERATIONS_BEGUN] = { "kanidm_ldap_operations_begun_total", "Operations begun.",
	    METRIC_COUNTER, false, { "operation" }, "operations", NULL, "monitorOpInitiated" },
	[METRIC_OPERATIONS] = { "kanidm_ldap_operations_total",
	    "Operations ended, by their result.", METRIC_COUNTER, false, { "operation", "result" },
	    "operations", NULL, "monitorOpCompleted" },
	[METRIC_ENTRIES] = { "kanidm_ldap_entries_total", "Entries that searches gave.",
	    METRIC_COUNTER, false, { NULL }, "statistics", "entries", COUNTER },
	[METRIC_OCTETS_IN] = { "kanidm_ldap_received_bytes_total",
	    "Octets of LDAP from clients, without what TLS adds.", METRIC_COUNTER, false, { NULL },
	    "statistics", "received", COUNTER },
	[METRIC_OCTETS_OUT] = { "kanidm_ldap_sent_bytes_total",
	    "Octets of LDAP to clients, without what TLS adds.", METRIC_COUNTER, false, { NULL },
	    "statistics", "bytes", COUNTER },
	[METRIC_LOGINS] = { "kanidm_ldap_bound_connections",
	    "Connections that are bound as somebody.", METRIC_GAUGE, false, { NULL }, "connections",
	    "bound", COUNTER },
	[METRIC_BINDS] = { "kanidm_binds_total",
	    "Binds by what came of them, those of anonymous without a name left out.",
	    METRIC_COUNTER, false, { "reason" }, "binds", NULL, COUNTER },
	[METRIC_SESSIONS] = { "kanidm_sessions", "Login sessions.", METRIC_GAUGE, false, { NULL },
	    "sessions", "current", COUNTER },
	[METRIC_POOL_THREADS] = { "kanidm_password_pool_threads", "Threads that test passwords.",
	    METRIC_GAUGE, false, { NULL }, "passwords", "threads", COUNTER },
	[METRIC_POOL_RUNNING] = { "kanidm_password_pool_running", "Password tests at work.",
	    METRIC_GAUGE, false, { NULL }, "passwords", "running", COUNTER },
	[METRIC_POOL_QUEUED] = { "kanidm_password_pool_queued", "Password tests that wait.",
	    METRIC_GAUGE, false, { NULL }, "passwords", "queued", COUNTER },
	[METRIC_POOL_DONE] = { "kanidm_password_pool_tests_total", "Password tests done.",
	    METRIC_COUNTER, false, { NULL }, "passwords", "total", COUNTER },
	[METRIC_CHANGES] = { "kanidm_changes_total", "Changes, by what came of them.",
	    METRIC_COUNTER, false, { "result" }, "changes", "total", COUNTER },
	[METRIC_CHANGES_WAITING] = { "kanidm_changes_waiting_bytes",
	    "Octets of changes that wait for a commit.", METRIC_GAUGE, false, { NULL }, "changes",
	    "waiting", COUNTER },
	[METRIC_CHANGE_NUMBER] = { "kanidm_change_number", "The number of the last change.",
	    METRIC_GAUGE, false, { NULL }, "changes", "number", COUNTER },
	[METRIC_BATCH] = { "kanidm_change_batch_size", "Changes that shared a commit.",
	    METRIC_HISTOGRAM, false, { "le" }, "changes", "batches", NULL },
	[METRIC_COMMITS] = { "kanidm_database_commits_total",
	    "Commits, each made durable with fsync.", METRIC_COUNTER, false, { "file" },
	    "databases", "commits", COUNTER },
	[METRIC_FILE_LIMIT] = { "kanidm_database_limit_bytes", "What a file can grow to.",
	    METRIC_GAUGE, false, { "file" }, "databases", "limit", COUNTER },
	[METRIC_FILE_SIZE] = { "kanidm_database_size_bytes", "What a file has grown to.",
	    METRIC_GAUGE, false, { "file" }, "databases", "size", COUNTER },
	[METRIC_FILE_USED] = { "kanidm_database_used_bytes",
	    "What of a file holds something; new entries are refused from nine tenths of the "
	    "limit.",
	    METRIC_GAUGE, false, { "file" }, "databases", "used", COUNTER },
	[METRIC_NEARLY_FULL] = { "kanidm_database_nearly_full",
	    "1: new entries are refused, and the rest is kept for revocations.", METRIC_GAUGE,
	    false, { NULL }, "databases", "full", COUNTER },
	[METRIC_GUARDS] = { "kanidm_database_snapshots", "Snapshots that are kept for readers.",
	    METRIC_GAUGE, false, { NULL }, "databases", "snapshots", COUNTER },
	[METRIC_OLDEST_GUARD] = { "kanidm_database_oldest_snapshot_seconds",
	    "The age of the oldest of them.", METRIC_GAUGE, true, { NULL }, "databases", "oldest",
	    COUNTER },
	[METRIC_BACKUPS] = { "kanidm_backups_total", "Backups by schedule, by what came of them.",
	    METRIC_COUNTER, false, { "result" }, "backups", "total", COUNTER },
	[METRIC_BACKUP] = { "kanidm_last_backup_seconds",
	    "When the last backup by schedule was made, since 1970; 0: none since the start.",
	    METRIC_GAUGE, false, { NULL }, "backups", "last", COUNTER },
	[METRIC_REPORTS] = { "kanidm_radius_reports_total",
	    "What FreeRADIUS reported: logins by what came of them, sessions begun and ended.",
	    METRIC_COUNTER, false, { "kind" }, "radius", "reports", COUNTER },
	[METRIC_REPORTS_LOST] = { "kanidm_radius_reports_lost_total",
	    "Reports that came too fast to be recorded, or are not understood.", METRIC_COUNTER,
	    false, { "reason" }, "radius", "lost", COUNTER },
	[METRIC_CLOCK] = { "kanidm_clock_state", "1 at the state that the clock is in.",
	    METRIC_GAUGE, false, { "state" }, "clock", "state", NULL },
	[METRIC_CLOCK_SYNCHRONISED] = { "kanidm_clock_synchronised",
	    "1: the kernel says that its clock is synchronised.", METRIC_GAUGE, false, { NULL },
	    "clock", "synchronised", COUNTER },
	[METRIC_CLOCK_FLOOR] = { "kanidm_clock_floor_seconds",
	    "The newest time that was trusted, since 1970.", METRIC_GAUGE, false, { NULL }, "clock",
	    "floor", COUNTER },
};

const struct metric_family *
metric_family(enum metric metric)
{
	assert(metric < METRIC_COUNT);
	return &families[metric];
}

/* --- samples */

static bool
make_room(struct metric_samples *samples)
{
	size_t room = samples->room == 0 ? FIRST_ROOM : 2 * samples->room;
	struct metric_sample *list;

	if (samples->count < samples->room)
		return true;
	list = idm_arena_array(samples->arena, room, sizeof(*list));
	if (list == NULL)
		return false;
	if (samples->count != 0)
		memcpy(list, samples->list, samples->count * sizeof(*list));
	samples->list = list;
	samples->room = room;
	return true;
}

static void
add(struct metric_samples *samples, const struct metric_sample *sample)
{
	if (make_room(samples))
		samples->list[samples->count++] = *sample;
	else
		samples->failed = true;
}

void
metrics_add(struct metric_samples *samples, enum metric metric, const char *first,
    const char *second, uint64_t value)
{
	add(samples, &(struct metric_sample){ metric, "", { first, second }, value });
}

void
metric_observe(struct metric_histogram *histogram, uint64_t value)
{
	size_t i = 0;

	while (i < METRIC_BUCKETS - 1 && value > UINT64_C(1) << i)
		i++;
	histogram->buckets[i]++;
	histogram->sum += value;
	histogram->count++;
}

void
metrics_add_histogram(
    struct metric_samples *samples, enum metric metric, const struct metric_histogram *histogram)
{
	static const char *const bounds[METRIC_BUCKETS] = { "1", "2", "4", "8", "16", "32", "64",
		"+Inf" };
	uint64_t so_far = 0;

	for (size_t i = 0; i < METRIC_BUCKETS; i++) {
		so_far += histogram->buckets[i];
		add(samples, &(struct metric_sample){ metric, "_bucket", { bounds[i] }, so_far });
	}
	add(samples, &(struct metric_sample){ metric, "_sum", { NULL }, histogram->sum });
	add(samples, &(struct metric_sample){ metric, "_count", { NULL }, histogram->count });
}

void
metric_number(const struct metric_sample *sample, char out[METRIC_NUMBER_BYTES])
{
	if (metric_family(sample->metric)->milli)
		snprintf(out, METRIC_NUMBER_BYTES, "%" PRIu64 ".%03u", sample->value / 1000,
		    (unsigned)(sample->value % 1000));
	else
		snprintf(out, METRIC_NUMBER_BYTES, "%" PRIu64, sample->value);
}

/* --- the text */

struct text {
	struct idm_arena *arena;
	char *bytes; /* NULL: the arena is used up */
	size_t len;
	size_t room;
};

static void __attribute__((format(printf, 2, 3))) put(struct text *text, const char *fmt, ...)
{
	va_list args;
	int len;

	if (text->bytes != NULL && text->room - text->len < LINE_BYTES) {
		char *bytes = idm_arena_alloc(text->arena, 2 * text->room);

		if (bytes != NULL)
			memcpy(bytes, text->bytes, text->len);
		text->bytes = bytes;
		text->room *= 2;
	}
	if (text->bytes == NULL)
		return;
	va_start(args, fmt);
	len = vsnprintf(text->bytes + text->len, LINE_BYTES, fmt, args);
	va_end(args);
	assert(len >= 0 && len < LINE_BYTES);
	text->len += (size_t)len;
}

static void
put_family(struct text *text, const struct metric_family *family)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };

	put(text, "# HELP %s %s\n", family->name, family->help);
	put(text, "# TYPE %s %s\n", family->name, kinds[family->kind]);
}

static void
put_sample(struct text *text, const struct metric_sample *sample)
{
	const struct metric_family *family = metric_family(sample->metric);
	char number[METRIC_NUMBER_BYTES];

	put(text, "%s%s", family->name, sample->suffix);
	for (size_t i = 0; i < METRIC_LABELS && sample->labels[i] != NULL; i++)
		put(text, "%s%s=\"%s\"", i == 0 ? "{" : ",", family->labels[i], sample->labels[i]);
	metric_number(sample, number);
	put(text, "%s %s\n", sample->labels[0] != NULL ? "}" : "", number);
}

struct idm_span
metrics_text(const struct metric_samples *samples)
{
	struct text text = { .arena = samples->arena, .room = 16 * LINE_BYTES };
	enum metric last = METRIC_COUNT;

	text.bytes = samples->failed ? NULL : idm_arena_alloc(text.arena, text.room);
	for (size_t i = 0; i < samples->count; i++) {
		const struct metric_sample *sample = &samples->list[i];

		if (sample->metric != last)
			put_family(&text, metric_family(sample->metric));
		last = sample->metric;
		put_sample(&text, sample);
	}
	return text.bytes == NULL ? IDM_SPAN_EMPTY : idm_span_of(text.bytes, text.len);
}
