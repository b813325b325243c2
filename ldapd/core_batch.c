/*
 * Group commit (DESIGN 4): changes that wait are decided one after the other, each on the state
 * that the one before it left, and share one commit.  One that fails leaves no trace; an answer
 * leaves when all is durable.
 */
#include <stdlib.h>

#include "ldapd/core.h"
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
	job->changed = changed;
	job->next = NULL;
	*core->batch_end = job;
	core->batch_end = &job->next;
	core->batch_bytes += job->bytes;
	/* Behind what is ready to be read now, so that it can share the commit. */
	event_active(core->batch_event, EV_TIMEOUT, 0);
}

static size_t
take_batch(struct core *core, struct outcome *out)
{
	size_t count = 0;

	while (core->batch != NULL && count < CORE_BATCH_MAX) {
		out[count++] = (struct outcome){ .job = core->batch };
		core->batch_bytes -= core->batch->bytes;
		core->batch = core->batch->next;
	}
	if (core->batch == NULL)
		core->batch_end = &core->batch;
	return count;
}

static void
decide(struct core *core, struct idm_txn *txn, struct outcome *outcome)
{
	struct core_job *job = outcome->job;

	core->data.change.clock_jumped = core_clock_jumped(core);
	if (!idm_uuid_generate(&job->request.id))
		outcome->result = idm_fail(&outcome->err, IDM_SYSTEM, "no random octets");
	else
		outcome->result = idm_change_run(txn, &core->data.change, &job->identity,
		    &job->request, core_now(core), job->arena, &outcome->set, &outcome->err);
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
	if (idm_store_failed(core->data.store)) {
		log_error("core: the store needs a new process");
		exit(EXIT_FAILURE); /* no answer leaves; the supervisor starts anew */
	}
}

static bool
anything_done(const struct outcome *outcomes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (outcomes[i].result == IDM_OK)
			return true;
	}
	return false;
}

static void
run(struct core *core, struct outcome *outcomes, size_t count)
{
	struct idm_txn txn;
	struct idm_error err = { .text = "" };
	enum idm_result result = idm_store_write_begin(core->data.store, &txn, &err);

	if (result != IDM_OK) {
		fail_all(core, outcomes, count, result, &err);
		return;
	}
	for (size_t i = 0; i < count; i++)
		decide(core, &txn, &outcomes[i]);
	if (!anything_done(outcomes, count)) {
		idm_store_write_abort(&txn);
		return;
	}
	result = idm_store_write_commit(&txn, &err);
	if (result != IDM_OK)
		fail_all(core, outcomes, count, result, &err);
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

		for (size_t k = 0; outcomes[i].result == IDM_OK && k < set->item_count; k++) {
			const struct idm_item *item = &set->items[k];

			if ((item->flags & IDM_ITEM_REVOKES) != 0)
				list[(*out)++] =
				    (struct revoked){ item->uuid, item->kind == IDM_ITEM_SESSION };
		}
	}
	return list;
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

	for (size_t i = 0; i < count; i++) {
		if (outcomes[i].result == IDM_OK)
			follow(core, &outcomes[i]);
	}
	revoked = collect_revoked(outcomes, count, &revoked_count);
	for (size_t i = 0; i < count; i++) {
		struct core_job *job = outcomes[i].job;

		job->change_no = outcomes[i].set.no;
		job->note = outcomes[i].set.note;
		job->changed(job, outcomes[i].result, &outcomes[i].err);
	}
	if (revoked == NULL) {
		log_error("core: out of memory");
		exit(EXIT_FAILURE);
	}
	for (size_t i = 0; i < revoked_count; i++) {
		if (revoked[i].all)
			core_revoke_all(core, &revoked[i].account);
		else
			core_revoke(core, &revoked[i].account);
	}
	free(revoked);
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
	count = take_batch(core, outcomes);
	if (count != 0) {
		run(core, outcomes, count);
		finish(core, outcomes, count);
	}
	free(outcomes);
	if (core->batch != NULL)
		event_active(core->batch_event, EV_TIMEOUT, 0);
}
