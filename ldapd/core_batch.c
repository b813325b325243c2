/*
 * Group commit (DESIGN 4, CHANGES 23): changes that wait are decided one after the other, each on
 * the state that the one before it left, and share a frame of the log, which on one box is one
 * commit.  One that fails leaves no trace; an answer leaves when all is durable.
 */
#include <assert.h>
#include <stdlib.h>

#include "common/clock.h"
#include "ldapd/core_audit.h"
#include "ldapd/log.h"

struct outcome {
	struct core_job *job;
	enum idm_result result;
	struct idm_change_set set; /* in the job's arena */
	struct idm_error err;
};

void
core_change(struct core_job *job, core_changed changed)
{
	struct core *core = job->core;
	struct idm_error err = { .text = "" };

	if (job->bytes > CORE_WAITING_MAX - core->batch_bytes) {
		idm_refuse(&err, IDM_BUSY, "too many changes are waiting; try again");
		changed(job, IDM_BUSY, &err);
		return;
	}
	if (!idm_uuid_generate(&job->request.id)) { /* kept over retries */
		idm_fail(&err, IDM_SYSTEM, "no random octets");
		changed(job, IDM_SYSTEM, &err);
		return;
	}
	job->changed = changed;
	job->mark = idm_arena_mark(job->arena);
	job->next = NULL;
	*core->batch_end = job;
	core->batch_end = &job->next;
	core->batch_bytes += job->bytes;
	/* Behind what is ready to be read now, so that it can share the commit. */
	event_active(core->batch_event, EV_TIMEOUT, 0);
}

/* The next job in line; NULL: there is none. */
static struct core_job *
take_job(struct core *core)
{
	struct core_job *job = core->batch;

	if (job == NULL)
		return NULL;
	core->batch = job->next;
	core->batch_bytes -= job->bytes;
	if (core->batch == NULL)
		core->batch_end = &core->batch;
	return job;
}

/* To the front of the line again, in their order, as if they had never been looked at. */
static void
put_back(struct core *core, struct outcome *outcomes, size_t count)
{
	while (count > 0) {
		struct core_job *job = outcomes[--count].job;

		idm_arena_rewind(job->arena, job->mark);
		job->next = core->batch;
		if (core->batch == NULL)
			core->batch_end = &job->next;
		core->batch = job;
		core->batch_bytes += job->bytes;
	}
	idm_access_table_free(&core->data.table); /* it may be that of changes that are undone */
}

/* Decide what waits, until the frame is full, or the first has waited long enough. */
static size_t
fill_frame(struct core *core, struct idm_txn *txn, struct outcome *outcomes)
{
	uint64_t begun_ms = clock_monotonic_ms();
	size_t bytes = 0, count = 0;

	while (count < CORE_BATCH_MAX && bytes < IDM_FRAME_BYTES &&
	       (count == 0 || clock_monotonic_ms() < begun_ms + IDM_FRAME_MS)) {
		struct outcome *one = &outcomes[count];
		struct core_job *job = take_job(core);

		if (job == NULL)
			break;
		*one = (struct outcome){ .job = job };
		core->data.change.clock_jumped = core_clock_jumped(core);
		one->result = idm_change_run(txn, &core->data.change, &job->identity, &job->request,
		    core_now(core), job->arena, &one->set, &one->err);
		bytes += one->set.bytes;
		count++;
		if (one->result == IDM_OK && core_changes_privilege(&one->set))
			break; /* it is followed on its own (core_review.h) */
	}
	return count;
}

/* None of it was stored: all that would have been is refused for the same reason. */
static void
fail_all(struct core *core, struct outcome *outcomes, size_t count, enum idm_result result,
    const struct idm_error *err)
{
	idm_access_table_free(&core->data.table);
	for (size_t i = 0; i < count; i++) {
		if (outcomes[i].result == IDM_OK) {
			outcomes[i].result = result;
			outcomes[i].err = *err;
		}
	}
	log_error("core: a commit failed: %s", err->text);
}

static bool
anything_done(const struct outcome *outcomes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (outcomes[i].result == IDM_OK && outcomes[i].set.item_count != 0)
			return true;
	}
	return false;
}

/* No answer leaves; the supervisor starts a new process, which finds out what was stored. */
_Noreturn static void
start_anew(const struct idm_error *err)
{
	log_error("core: a commit failed, and a new process has to look: %s", err->text);
	exit(EXIT_FAILURE);
}

/* Fill a frame and append it.  How many changes have their outcome; 0: they wait again. */
static size_t
run(struct core *core, struct outcome *outcomes)
{
	struct idm_txn txn = { .mdb = NULL };
	struct idm_error err = { .text = "" };
	uint64_t on;
	enum idm_result result = core->log.head(&core->log, &on, &err);
	size_t count;

	if (result == IDM_OK)
		result = idm_store_write_begin(core->data.store, &txn, &err);
	if (result != IDM_OK) {
		if (idm_store_failed(core->data.store))
			start_anew(&err);
		outcomes[0] = (struct outcome){ .job = take_job(core) };
		fail_all(core, outcomes, 1, result, &err);
		return 1;
	}
	count = fill_frame(core, &txn, outcomes);
	if (!anything_done(outcomes, count)) {
		idm_store_write_abort(&txn);
		return count;
	}
	switch (core->log.append(&core->log, on, &txn, &result, &err)) {
	case IDM_LOG_OK: break;
	case IDM_LOG_MOVED: put_back(core, outcomes, count); return 0;
	case IDM_LOG_UNKNOWN: start_anew(&err);
	case IDM_LOG_UNAVAILABLE: fail_all(core, outcomes, count, result, &err); break;
	}
	return count;
}

static void
follow(struct core *core, const struct outcome *outcome)
{
	struct idm_error err = { .text = "" };

	if (core_follow(core, &outcome->set, outcome->job->arena, &err) == IDM_OK)
		return;
	log_error("core: what a change brings along failed: %s", err.text);
	exit(EXIT_FAILURE); /* the change is durable, and the start catches up */
}

/* Somebody whose connections the workers are to look at. */
struct revoked {
	struct idm_uuid account;
	bool all; /* its sessions have ended, which a worker can't see */
};

/* malloc'd, for the jobs go first. */
static struct revoked *
collect_revoked(const struct outcome *outcomes, size_t count, size_t *out)
{
	struct revoked *list;
	size_t room = 0;

	for (size_t i = 0; i < count; i++)
		room += outcomes[i].result == IDM_OK ? outcomes[i].set.item_count : 0;
	*out = 0;
	list = calloc(room + 1, sizeof(*list));
	for (size_t i = 0; list != NULL && i < count; i++) {
		const struct idm_change_set *set = &outcomes[i].set;
		bool privilege = outcomes[i].result == IDM_OK && core_changes_privilege(set);

		for (size_t k = 0; outcomes[i].result == IDM_OK && k < set->item_count; k++) {
			const struct idm_item *item = &set->items[k];

			if ((item->flags & IDM_ITEM_REVOKES) == 0 ||
			    (item->kind == IDM_ITEM_SESSION && privilege))
				continue; /* the second: with all that rose, by one frame */
			list[(*out)++] =
			    (struct revoked){ item->uuid, item->kind == IDM_ITEM_SESSION };
		}
	}
	return list;
}

static void
count_outcomes(struct core_counts *counts, const struct outcome *outcomes, size_t count)
{
	uint64_t done = 0;

	for (size_t i = 0; i < count; i++) {
		switch (outcomes[i].result) {
		case IDM_OK: done += outcomes[i].set.item_count != 0; break;
		case IDM_SYSTEM:
		case IDM_CORRUPT:
		case IDM_BUSY: counts->changes_failed++; break;
		case IDM_NOT_FOUND:
		case IDM_DENIED:
		case IDM_INVALID:
		case IDM_SCHEMA:
		case IDM_CONSTRAINT:
		case IDM_EXISTS:
		case IDM_PROTECTED:
		case IDM_ASSERTION:
		case IDM_LIMIT: counts->changes_refused++; break;
		}
	}
	counts->changes += done;
	if (done != 0)
		metric_observe(&counts->batches, done);
}

/*
 * What ends here ends before an answer says that it did.  Workers are told behind the answers: one
 * that changed its own password hears of the new one before it is asked to look at its logins.
 */
static void
finish(struct core *core, struct outcome *outcomes, size_t count)
{
	struct revoked *revoked;
	size_t revoked_count;
	bool profiles = false, risen = false;

	for (size_t i = 0; i < count; i++) {
		if (outcomes[i].result != IDM_OK)
			continue;
		follow(core, &outcomes[i]);
		profiles = profiles || core_changes_profiles(&outcomes[i].set);
		risen = risen || core_changes_privilege(&outcomes[i].set);
	}
	core_audit_changed(core);
	count_outcomes(&core->counts, outcomes, count);
	revoked = collect_revoked(outcomes, count, &revoked_count);
	for (size_t i = 0; i < count; i++) {
		struct core_job *job = outcomes[i].job;

		assert(job != NULL);
		job->change_no = outcomes[i].set.no;
		job->note = outcomes[i].set.note;
		job->changed(job, outcomes[i].result, &outcomes[i].err);
	}
	if (revoked == NULL) {
		log_error("core: out of memory");
		exit(EXIT_FAILURE);
	}
	for (size_t i = 0; i < revoked_count; i++) {
		idm_verified_drop(core->verified, &revoked[i].account);
		if (revoked[i].all)
			core_revoke_all(core, &revoked[i].account);
		else
			core_revoke(core, &revoked[i].account);
	}
	free(revoked);
	if (risen)
		core_revoke_risen(core);
	if (profiles)
		core_check_profiles(core);
}

void
core_batch_run(struct core *core)
{
	struct outcome *outcomes = calloc(CORE_BATCH_MAX, sizeof(*outcomes));
	size_t count;

	if (outcomes == NULL) {
		log_error("core: out of memory");
		exit(EXIT_FAILURE);
	}
	count = core->batch == NULL || core->reviewing ? 0 : run(core, outcomes);
	if (count != 0)
		finish(core, outcomes, count);
	free(outcomes);
	if (core->batch != NULL && !core->reviewing)
		event_active(core->batch_event, EV_TIMEOUT, 0);
}
