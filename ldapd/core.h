/*
 * The core process from inside: what its files share.  core_process runs it; core_bind, core_write
 * and core_exop (core_exop.h) each serve one kind of request; core_batch commits changes,
 * core_follow does what one brings along on this box, core_keep does what time alone brings, by the
 * clock of core_clock; core_job and core_worker are what all of them stand on.
 */
#ifndef LDAPD_CORE_H
#define LDAPD_CORE_H

#include <event2/event.h>

#include "common/server_data.h"
#include "common/tree.h"
#include "core/audit.h"
#include "core/change.h"
#include "core/floor.h"
#include "core/groups.h"
#include "core/log.h"
#include "core/radius_report.h"
#include "core/session.h"
#include "core/softlock.h"
#include "core/verified.h"
#include "ldapd/channel.h"
#include "ldapd/hash_pool.h"
#include "ldapd/ipc.h"
#include "ldapd/metrics.h"

enum {
	CORE_JOB_ARENA_BYTES = 64 * 1024 * 1024, /* 100,000 may become high privilege at once */
	CORE_BATCH_MAX = 64,                     /* changes that share a commit */
	CORE_JOB_BYTES = 16 * 1024,              /* that a waiting job holds, besides its PDU */
	CORE_WAITING_MAX = 64 * 1024 * 1024,     /* octets of jobs that wait for a commit */
	CORE_IDENTITY_MAX = 65536,               /* bound connections of one worker */
	CORE_GUESS_PLACES = 1024,                /* of sources of wrong reset tokens */
};

struct core_worker;
struct core_job;
struct core_audit;
struct core_updates;
struct core_rehashing;

enum core_clock_state {
	CORE_CLOCK_FINE,
	CORE_CLOCK_JUMPED,
	CORE_CLOCK_BEHIND,
	CORE_CLOCK_UNSYNCHRONISED,
};

struct core_clock {
	uint8_t boot[IDM_CLOCK_BOOT_BYTES];
	bool synchronised;          /* when it was last looked at */
	struct idm_clock_seen seen; /* where it was last believed; stored */
	enum core_clock_state state;
};

/* Wrong reset tokens of the sources that share a place (core_reset.c). */
struct core_guesses {
	uint64_t begun_ms;
	uint32_t wrong;
};

/* What comes of a bind. */
enum core_bind_outcome {
	CORE_BOUND_PASSWORD,
	CORE_BOUND_UNIX_PASSWORD,
	CORE_BOUND_APPLICATION_PASSWORD,
	CORE_BOUND_TOKEN,
	CORE_BOUND_SESSION,
	CORE_BOUND_ANONYMOUS, /* by its name */
	CORE_BIND_NO_ACCOUNT,
	CORE_BIND_OUTSIDE_WINDOW,
	CORE_BIND_NO_CREDENTIAL,
	CORE_BIND_NEEDS_FACTOR,
	CORE_BIND_BARRED, /* by account policy */
	CORE_BIND_SOFTLOCKED,
	CORE_BIND_WRONG_PASSWORD,
	CORE_BIND_BAD_TOKEN,
	CORE_BIND_BAD_APPLICATION_PASSWORD,
	CORE_BIND_BUSY,
	CORE_BIND_FAILED, /* for want of memory, of a database that can be read */
	CORE_BIND_OUTCOMES,
};

/* Since the process began (core_metrics.c). */
struct core_counts {
	uint64_t binds[CORE_BIND_OUTCOMES];
	uint64_t changes;         /* that were committed */
	uint64_t changes_refused; /* by what they are, or who wanted them */
	uint64_t changes_failed;
	struct metric_histogram batches;
	struct counts workers;                    /* of workers that are gone */
	uint64_t reports[IDM_REPORT_STOPPED + 1]; /* of FreeRADIUS, by kind */
	uint64_t reports_over_rate;
	uint64_t reports_unknown;
	uint64_t backups; /* by schedule */
	uint64_t backups_failed;
};

struct metrics_server;

struct core {
	const struct server_config *config;
	struct event_base *base;
	struct server_data data;
	struct idm_log log;
	struct tree *tree;
	struct idm_groups *groups; /* what it found out about groups */
	struct hash_pool *pool;
	struct idm_verified *verified; /* passwords that fitted lately; NULL: none are kept */
	struct idm_softlocks *softlocks;
	struct event *softlock_event;     /* to store those that changed */
	struct core_verify *verifies;     /* tests that are not done; list, in order */
	struct core_rehashing *rehashing; /* passwords that are being hashed anew (core_rehash.c) */
	struct core_worker *workers;      /* list */
	uint64_t worker_count;            /* ever: each has its own number */

	struct core_job *batch; /* changes that wait for the next commit, in order */
	struct core_job **batch_end;
	size_t batch_bytes; /* that they hold */
	struct event *batch_event;
	struct event *tick_event;
	struct event *minute_event;
	struct event *step_event;   /* of the housekeeping that a minute began */
	uint64_t due_from;          /* the entry at which it goes on; 0: it came to all of them */
	struct idm_uuid due_token;  /* the API token likewise; null */
	size_t due_waiting;         /* its changes that are not committed yet */
	struct event *review_event; /* of what a change of high privilege brings along */
	struct idm_session_place review; /* where it goes on */
	bool reviewing;                  /* it is not at its end: no change is decided meanwhile */
	struct core_clock clock;
	struct core_audit *audit;     /* core_audit.h; NULL: nothing is recorded */
	struct core_updates *updates; /* credential update sessions (core_update.h) */
	struct core_guesses guesses[CORE_GUESS_PLACES];
	struct event *control_event;
	struct core_console *console; /* NULL: it could not listen */

	int64_t begun_s;
	int64_t backup_s; /* when the last backup by schedule was made; 0: none yet */
	struct core_counts counts;
	struct metrics_server *metrics; /* NULL: not served */
	struct core_radius *radius;     /* NULL: it could not listen */
};

/* The data of a server with all that serves it from a loop; `control_fd` stays the caller's.  On
 * anything but IDM_OK, *out is NULL. */
enum idm_result core_open(
    const struct server_config *config, int control_fd, struct core **out, struct idm_error *err);
/* Commits what waits; *core = NULL. */
void core_close(struct core **core);

/*
 * An identity that a worker was given.  A handle says whose turn it is too, so that one that was
 * released stands for nobody when its place is another login's: work that began for the first may
 * end after that.
 */
struct core_login {
	struct idm_identity identity;
	uint32_t turn;
	bool used;
};

/* A worker's end of the socketpair, and the identities that it was given. */
struct core_worker {
	struct core *core;
	uint64_t no;
	struct channel *channel;
	struct core_login *logins;
	size_t login_room;
	size_t first_free; /* no free one is below */
	size_t login_count;
	struct counts counts;
	struct core_worker *next;
};

/* An entry that is to be read with its change. */
struct core_entry_read {
	bool asked;
	const struct idm_span *attributes;
	size_t count;
	struct idm_span value; /* a SearchResultEntry, in the job's arena; empty: none */
};

/* Ends a job's change: `result` of its request, the change set committed. */
typedef void (*core_changed)(
    struct core_job *job, enum idm_result result, const struct idm_error *err);

/*
 * One bind or operation, from its frame to its answer.  It owns its arena, in which all that came
 * with it is copied, so it may wait for a hash or a commit.
 */
struct core_job {
	struct core *core;
	uint64_t worker_no; /* who asked; may be gone when the answer is ready */
	uint64_t seq;
	uint64_t handle;
	char source[IPC_SOURCE_MAX];
	struct idm_arena *arena;
	struct idm_identity identity;
	struct ldap_message message; /* of an operation */
	bool has_target;             /* request.target is an entry; null: admin */
	struct idm_span target_name; /* of a bind: its name for the audit trail, if it is known */
	struct idm_span subject;     /* whom a bind or an extended operation is about, as written */
	enum idm_audit_operation asked; /* by an extended operation that does several; or 0 */
	struct idm_uuid update;         /* the update session that it is a step of */
	size_t bytes;                   /* held while it waits */

	struct core_entry_read pre_read; /* with the answer to a change (entry_read.h) */
	struct core_entry_read post_read;

	/* A change that the job waits for. */
	struct idm_request request;
	struct idm_arena_mark mark; /* of its arena, when it began to wait */
	core_changed changed;
	uint64_t change_no;               /* of the change that was made; 0: none */
	const char *note;                 /* what the client is to know of its success, or NULL */
	struct idm_request_secret secret; /* of the request, where it sets one */
	struct idm_span code;             /* of a second factor, as the client sent it */
	bool short_password;              /* the new one, for one without a second factor */
	bool clears_factor;               /* the request takes the second factor away too */
	uint64_t factor_step;             /* whose code proved the one that it sets; 0: none */
	struct idm_span generated;        /* to be told when it is stored; else empty */
	struct core_job *next;
};

/* A job of a worker; never NULL, for without memory the process ends. */
struct core_job *core_job_new(struct core_worker *worker, uint64_t seq, struct idm_span source);
/* A job of the core itself, whose answer is for nobody. */
struct core_job *core_job_own(struct core *core);

/* --- workers (core_worker.c) */

/* Serve a new worker over `fd`, which is taken over.  False: out of memory, and fd is the caller's.
 */
bool core_worker_new(
    struct core *core, int fd, channel_on_frame on_frame, channel_on_closed on_closed);
void core_worker_free(struct core_worker *worker);
/* The worker of this number; NULL: it is gone. */
struct core_worker *core_worker_find(const struct core *core, uint64_t no);

/* The handle for an identity of a worker; 0: it has too many. */
uint64_t core_identity_add(struct core_worker *worker, const struct idm_identity *identity);
void core_identity_remove(struct core_worker *worker, uint64_t handle);
/* NULL: the worker was not given such a handle. */
struct idm_identity *core_identity(struct core_worker *worker, uint64_t handle);

/* Tell all workers that connections of an account are over: those that its state does not let go
 * on, those of one session, or all. */
void core_revoke(struct core *core, const struct idm_uuid *account);
void core_revoke_session(
    struct core *core, const struct idm_uuid *account, const struct idm_uuid *session);
void core_revoke_all(struct core *core, const struct idm_uuid *account);
/* Those of any account that it had before it was high privilege. */
void core_revoke_risen(struct core *core);

/* --- metrics (core_metrics.c) */

/* What the server tells of itself now, in the arena of `out`. */
enum idm_result core_metrics(struct core *core, struct metric_samples *out, struct idm_error *err);

/* --- the clock (core_clock.c) */

/* The clock as decisions take it. */
struct idm_now core_now(const struct core *core);
/* It went ahead more than a day further than time has passed, and nobody vouches for that. */
bool core_clock_jumped(const struct core *core);
/* Before the first decision; then once a minute: move the floor, publish, tell. */
enum idm_result core_clock_start(struct core *core, struct idm_error *err);
void core_clock_keep(struct core *core);

/* --- passwords that are tested (core_verify.c) */

/*
 * Let the pool run a plan for a job, as far as softlocks let it be done.  The hash is taken over;
 * `done` has the job as its context, and where hash->result is not IDM_OK, nothing was tested, and
 * hash->err says why.
 */
void core_verify(struct core_job *job, struct hash_job *hash, hash_done done);

/*
 * The number of a test that needs not be run (idm_auth_plan_recall), or -1: then core_verify does
 * what is left of the plan, of which what is locked is taken out here.
 */
int core_verify_recall(struct core_job *job, struct idm_auth_plan *plan, struct idm_span password);

/* End those that are not done; the pool has ended. */
void core_verify_stop(struct core *core);

/* --- softlocks (core_softlock.c): read at the start, and stored soon after they changed */

enum idm_result core_softlock_start(struct core *core, struct idm_error *err);
void core_softlock_changed(struct core *core);
void core_softlock_keep(struct core *core); /* once a minute */
/* Forget an account's failures, durably. */
enum idm_result core_softlock_clear(
    struct core *core, const struct idm_uuid *account, struct idm_error *err);
void core_softlock_stop(struct core *core);

/* --- housekeeping (core_keep.c): sessions that expired, entries that were deleted long ago */

bool core_keep_start(struct core *core);
void core_keep_stop(struct core *core);

/* --- answers; each ends the job and frees it */

void core_job_done(struct core_job *job, enum ldap_result_code code, const char *text);
/* A result of core/: its code, and what the client may know of it. */
void core_job_fail(struct core_job *job, enum idm_result result, const struct idm_error *err);
/* A line in the log about what an account was refused, and why; anonymous' attempts are left out.
 */
void core_log_refusal(struct core_job *job, enum idm_result result, const struct idm_error *err);
/* The entry that the request is about, as the client named it. */
struct idm_span core_job_subject(const struct core_job *job);
/* With the responseValue in `value`, which is freed; `identity` (may be NULL) replaces the one
 * behind the handle. */
void core_job_value(
    struct core_job *job, struct ber_writer *value, const struct idm_identity *identity);

/* With the whole answer to a search in `messages`, which is freed; `code` is that of its end. */
void core_job_found(struct core_job *job, enum ldap_result_code code, struct ber_writer *messages);

/* The answer to a bind; fills in its seq. */
void core_job_bound(struct core_job *job, struct ipc_frame *frame);

/* --- snapshots */

struct core_read {
	struct core_job *job;
	struct idm_txn txn;
	struct idm_txn local;
	struct idm_read read;
	const struct tree *tree;
};

/* Both environments, in the job's arena.  Always ended by core_read_end, also after a failure. */
enum idm_result core_read_begin(struct core_job *job, struct core_read *out, struct idm_error *err);
void core_read_end(struct core_read *read);

/* The rights of the job's identity, in its arena; they hold for this snapshot. */
enum idm_result core_rights(
    const struct core_read *read, struct idm_access **out, struct idm_error *err);

/*
 * The entry that a DN, name, spn, uuid or gid number stands for, for who asks: by a mail address
 * only those name one who may search that, but whoever binds may.  IDM_NOT_FOUND without a text.
 */
enum idm_result core_find(const struct core_read *read, struct idm_span text, struct idm_entry *out,
    struct idm_error *err);

/* --- requests */

/* A bind (core_bind.c). */
void core_bind(struct core_job *job, struct idm_span name, struct idm_span password);
/* Add, modify, delete, modifyDN (core_write.c); the extended operations (core_exop.c). */
void core_write(struct core_job *job);
void core_exop(struct core_job *job);
/* Searches and comparisons of what the core process alone knows (core_monitor.c). */
void core_monitor(struct core_job *job);
/* EXOP_ACCESS_EXPLAIN (core_explain.c). */
void core_explain(struct core_job *job);

/*
 * Let job->request be decided in the next commit; `changed` is called when that is durable, or when
 * it was refused: at once, as busy, where too many wait already.  What a worker limits does not
 * reach here: a client may abandon, or close, what it has asked for.
 */
void core_change(struct core_job *job, core_changed changed);

/* Let the password that fitted be stored as hashes are made now, if it is not (core_rehash.c). */
void core_rehash(struct core *core, const struct hash_job *fitted);

/* Decide and commit all that waits, and answer. */
void core_batch_run(struct core *core);

/* Warn of profiles that are left out, or parts of them (core_profiles.c): at start, and after a
 * change of profiles or schema. */
void core_check_profiles(struct core *core);
bool core_changes_profiles(const struct idm_change_set *set);

/*
 * What a committed change brings along on this box: sessions that end (core_follow.c).  An error
 * ends the process: the start catches up.
 */
enum idm_result core_follow(struct core *core, const struct idm_change_set *set,
    struct idm_arena *arena, struct idm_error *err);
/* May others be high privilege after it? */
bool core_changes_privilege(const struct idm_change_set *set);
/* At start: what was committed but not followed before the process ended. */
enum idm_result core_follow_missed(struct core *core, struct idm_error *err);
/* Note that all changes up to now are followed; now and then, so that a start has little to do. */
enum idm_result core_follow_mark(struct core *core, struct idm_error *err);

#endif
