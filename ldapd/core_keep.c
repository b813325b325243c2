/*
 * What time alone brings, once a minute: the clock is looked at, sessions and tokens that
 * expired are forgotten, deleted entries become tombstones and are gone (SPEC 11.6, CHANGES 22),
 * and of the log no more is kept than is to be.  Where there is much of it, it is done in steps
 * between which clients are served.
 */
#include <stdlib.h>

#include "common/clock.h"
#include "core/due.h"
#include "core/session.h"
#include "ldapd/core_update.h"
#include "ldapd/log.h"

enum {
	MINUTE_S = 60,
	STEP_MS = 50,
	FIRST_S = 1, /* after the start: a machine that is on for minutes only is kept too */
	SWEEP_AT_ONCE = 256, /* sessions a step */
	DUE_AT_ONCE = 32,    /* changes a step */
	LOOK_AT_ONCE = 2048, /* entries a step */
	LOOK_ARENA_BYTES = 1024 * 1024,
};

/* --- sessions */

/* *more: there are others that expired. */
static enum idm_result
sweep_sessions(struct core *core, bool *more, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_local_write_begin(core->data.store, &txn, err);

	if (result == IDM_OK)
		result = idm_session_sweep(&txn, core_now(core), SWEEP_AT_ONCE, more, err);
	return idm_store_write_end(&txn, result, err);
}

/* --- entries that were deleted, tokens that expired */

static void
on_due_done(struct core_job *job, enum idm_result result, const struct idm_error *err)
{
	job->core->due_waiting--;
	/* Somebody revived it meanwhile, or the clock went back: then it was not due. */
	if (result != IDM_OK && result != IDM_BUSY && result != IDM_NOT_FOUND &&
	    result != IDM_CONSTRAINT)
		log_error("core: what is due could not be taken away: %s", err->text);
	core_job_done(job, LDAP_SUCCESS, "");
}

static void
request_due(struct core *core, const struct idm_due *due)
{
	struct core_job *job = core_job_own(core);

	job->request.operation = due->operation;
	job->request.target = due->target;
	job->request.base = due->base;
	if (!idm_uuid_is_null(&due->token)) {
		struct idm_request_token *token = idm_arena_alloc(job->arena, sizeof(*token));

		if (token == NULL) {
			core_job_done(job, LDAP_SUCCESS, "");
			return;
		}
		*token = (struct idm_request_token){ .id = due->token };
		job->request.token = token;
	}
	core->due_waiting++;
	core_change(job, on_due_done);
}

static enum idm_result
find_due(struct core *core, struct idm_arena *arena, struct idm_due *due, size_t *count,
    struct idm_error *err)
{
	struct idm_txn txn;
	struct idm_read read;
	size_t tokens = 0;
	enum idm_result result = idm_store_read_begin(core->data.store, &txn, err);

	if (result != IDM_OK)
		return result;
	result = idm_read_attach(&txn, arena, core_now(core), &read, err);
	if (result == IDM_OK)
		result = idm_due_find(
		    &read, &core->due_from, LOOK_AT_ONCE, due, DUE_AT_ONCE, count, err);
	if (result == IDM_OK)
		result = idm_due_find_tokens(&read, &core->due_token, LOOK_AT_ONCE, due + *count,
		    DUE_AT_ONCE - *count, &tokens, err);
	*count += tokens;
	idm_store_read_end(&txn);
	return result;
}

/* *more: the round has not come to all of them. */
static enum idm_result
keep_due(struct core *core, bool *more, struct idm_error *err)
{
	struct idm_due due[DUE_AT_ONCE];
	struct idm_arena *arena;
	size_t count = 0;
	enum idm_result result = IDM_OK;

	*more = true;
	if (core->due_waiting != 0)
		return IDM_OK;
	*more = false;
	if (core_clock_jumped(core))
		return IDM_OK;
	arena = idm_arena_new(LOOK_ARENA_BYTES);
	if (arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = find_due(core, arena, due, &count, err);
	idm_arena_free(&arena);
	for (size_t i = 0; i < count && result == IDM_OK; i++)
		request_due(core, &due[i]);
	*more = core->due_from != 0 || !idm_uuid_is_null(&core->due_token);
	return result;
}

/* --- timers */

static void
step(struct core *core)
{
	const struct timeval next = { .tv_usec = STEP_MS * 1000 };
	struct idm_error err = { .text = "" };
	bool sessions = false, entries = false, changes = false;
	enum idm_result result = sweep_sessions(core, &sessions, &err);

	if (result == IDM_OK)
		result = keep_due(core, &entries, &err);
	if (result == IDM_OK)
		result = core->log.trim(&core->log, &changes, &err);
	if (result != IDM_OK)
		log_error("core: housekeeping failed: %s", err.text);
	else if (sessions || entries || changes)
		event_add(core->step_event, &next);
}

static void
on_step(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	step(arg);
}

static void
on_minute(evutil_socket_t fd, short what, void *arg)
{
	struct core *core = arg;
	struct idm_error err = { .text = "" };

	(void)fd;
	(void)what;
	core_clock_keep(core);
	core_softlock_keep(core);
	idm_verified_sweep(core->verified, clock_monotonic_ms());
	core_updates_sweep(core);
	if (core_follow_mark(core, &err) != IDM_OK)
		log_error("core: housekeeping failed: %s", err.text);
	if (event_pending(core->step_event, EV_TIMEOUT, NULL) == 0)
		step(core);
}

bool
core_keep_start(struct core *core)
{
	const struct timeval minute = { .tv_sec = MINUTE_S };
	const struct timeval first = { .tv_sec = FIRST_S };

	core->step_event = event_new(core->base, -1, 0, on_step, core);
	core->minute_event = event_new(core->base, -1, EV_PERSIST, on_minute, core);
	return core->step_event != NULL && core->minute_event != NULL &&
	       event_add(core->minute_event, &minute) == 0 &&
	       event_add(core->step_event, &first) == 0;
}

void
core_keep_stop(struct core *core)
{
	if (core->step_event != NULL)
		event_free(core->step_event);
	if (core->minute_event != NULL)
		event_free(core->minute_event);
	core->step_event = core->minute_event = NULL;
}
