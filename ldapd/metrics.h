/*
 * What the server tells of itself (SPEC 11.4): families of metrics, their samples at one moment,
 * and the Prometheus text of them.  cn=monitor shows the same samples (monitor.h).
 */
#ifndef LDAPD_METRICS_H
#define LDAPD_METRICS_H

#include "core/arena.h"
#include "core/span.h"

enum metric_kind {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_HISTOGRAM, /* samples with the suffixes _bucket, _sum and _count */
};

enum { METRIC_LABELS = 2 };

/* A metric, maybe with labels; the table of them is in metrics.c. */
struct metric_family {
	const char *name; /* "kanidm_ldap_operations_total" */
	const char *help;
	enum metric_kind kind;
	bool milli; /* samples are thousandths */
	const char *labels[METRIC_LABELS];
	/* Its place below cn=monitor: cn=LEAF,cn=GROUP; leaf NULL: the first label's value. */
	const char *group;
	const char *leaf;
	const char *attribute; /* that shows the sum of its samples; NULL: only they themselves */
};

enum metric {
	METRIC_BUILD,
	METRIC_START,
	METRIC_WORKERS,
	METRIC_WORKERS_STARTED,
	METRIC_CONNECTIONS,
	METRIC_CONNECTIONS_OPENED,
	METRIC_CONNECTIONS_REFUSED,
	METRIC_CONNECTIONS_ENDED,
	METRIC_HANDSHAKES,
	METRIC_HANDSHAKES_FAILED,
	METRIC_OPERATIONS_BEGUN,
	METRIC_OPERATIONS,
	METRIC_ENTRIES,
	METRIC_OCTETS_IN,
	METRIC_OCTETS_OUT,
	METRIC_LOGINS,
	METRIC_BINDS,
	METRIC_SESSIONS,
	METRIC_POOL_THREADS,
	METRIC_POOL_RUNNING,
	METRIC_POOL_QUEUED,
	METRIC_POOL_DONE,
	METRIC_CHANGES,
	METRIC_CHANGES_WAITING,
	METRIC_CHANGE_NUMBER,
	METRIC_BATCH,
	METRIC_COMMITS,
	METRIC_FILE_LIMIT,
	METRIC_FILE_SIZE,
	METRIC_FILE_USED,
	METRIC_NEARLY_FULL,
	METRIC_GUARDS,
	METRIC_OLDEST_GUARD,
	METRIC_BACKUPS,
	METRIC_BACKUP,
	METRIC_REPORTS,
	METRIC_REPORTS_LOST,
	METRIC_CLOCK,
	METRIC_CLOCK_SYNCHRONISED,
	METRIC_CLOCK_FLOOR,
	METRIC_COUNT,
};

const struct metric_family *metric_family(enum metric metric);

struct metric_sample {
	enum metric metric;
	const char *suffix;                /* of a histogram's sample; else "" */
	const char *labels[METRIC_LABELS]; /* their values; NULL: no such label */
	uint64_t value;
};

/* Samples in the order of enum metric, those of one family together. */
struct metric_samples {
	struct idm_arena *arena;
	struct metric_sample *list;
	size_t count;
	size_t room;
	bool failed; /* the arena is used up */
};

/* Add one; the values of labels must outlive it.  NULL: no such label. */
void metrics_add(struct metric_samples *samples, enum metric metric, const char *first,
    const char *second, uint64_t value);

/*
 * Numbers of something, told by how many came to so much or less: 1, 2, 4 ... and, in the last
 * bucket, any.
 */
enum { METRIC_BUCKETS = 8 };
struct metric_histogram {
	uint64_t buckets[METRIC_BUCKETS];
	uint64_t sum;
	uint64_t count;
};
void metric_observe(struct metric_histogram *histogram, uint64_t value);
void metrics_add_histogram(
    struct metric_samples *samples, enum metric metric, const struct metric_histogram *histogram);

/* "12", or with thousandths "0.012". */
enum { METRIC_NUMBER_BYTES = 32 };
void metric_number(const struct metric_sample *sample, char out[METRIC_NUMBER_BYTES]);

/*
 * The text of all samples, in the arena: Prometheus' exposition format 0.0.4.  ptr NULL: the arena
 * is used up.
 */
struct idm_span metrics_text(const struct metric_samples *samples);

#endif
