#include "ldapd/core_review.h"

#include <stdlib.h>

#include "core/closure.h"
#include "core/session_privilege.h"
#include "ldapd/log.h"

enum {
	REVIEW_AT_ONCE = 2048, /* sessions a step */
	REVIEW_ARENA_BYTES = 1024 * 1024,
};

static const char review_key[] = "review";

/* --- one snapshot */

struct reviewing {
	struct core *core;
	struct idm_arena *arena;
	struct idm_txn txn;
	struct idm_read read;
};

static void
end(struct reviewing *r)
{
	if (r->txn.store != NULL)
		idm_store_read_end(&r->txn);
	idm_arena_free(&r->arena);
}

/* Always ended by end(), also after a failure. */
static enum idm_result
begin(struct core *core, struct reviewing *r, struct idm_error *err)
{
	enum idm_result result;

	*r = (struct reviewing){ .core = core, .arena = idm_arena_new(REVIEW_ARENA_BYTES) };
	if (r->arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = idm_store_read_begin(core->data.store, &r->txn, err);
	if (result == IDM_OK)
		result = idm_read_attach(&r->txn, r->arena, core_now(core), &r->read, err);
	if (result == IDM_OK)
		result = idm_groups_use(core->groups, &r->read, err);
	return result;
}

/* --- sessions */

static enum idm_result
review_sessions(struct reviewing *r, const struct idm_txn *local, struct idm_error *err)
{
	struct core *core = r->core;
	enum idm_result result = idm_session_review(
	    &r->read, local, &core->review, REVIEW_AT_ONCE, &core->reviewing, err);

	if (result == IDM_OK && !core->reviewing)
		result = idm_store_del(local, IDM_DB_LOCAL_META, idm_span_cstr(review_key), err);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

static enum idm_result
step(struct core *core, struct idm_error *err)
{
	struct reviewing r;
	struct idm_txn local;
	enum idm_result result = begin(core, &r, err);

	if (result == IDM_OK) {
		result = idm_store_local_write_begin(core->data.store, &local, err);
		if (result == IDM_OK)
			result = review_sessions(&r, &local, err);
		result = idm_store_write_end(&local, result, err);
	}
	end(&r);
	return result;
}

/* --- logins of connections that were high privilege when they began */

static enum idm_result
review_login(struct reviewing *r, struct core_login *login, struct idm_error *err)
{
	struct idm_arena_mark mark = idm_arena_mark(r->arena);
	struct idm_entry entry;
	enum idm_result result = idm_lookup_uuid(&r->read, &login->identity.uuid, &entry, err);

	if (result == IDM_OK)
		result = idm_closure_is_hp(&r->read, &entry, &login->identity.high_privilege, err);
	idm_arena_rewind(r->arena, mark);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

static enum idm_result
review_logins(struct core *core, struct idm_error *err)
{
	struct reviewing r;
	enum idm_result result = begin(core, &r, err);

	for (struct core_worker *w = core->workers; w != NULL; w = w->next) {
		for (size_t i = 0; i < w->login_room && result == IDM_OK; i++) {
			if (w->logins[i].used && w->logins[i].identity.high_privilege)
				result = review_login(&r, &w->logins[i], err);
		}
	}
	end(&r);
	return result;
}

/* --- the whole */

static void
go_on_later(struct core *core)
{
	static const struct timeval at_once = { 0, 0 };

	if (core->reviewing)
		event_add(core->review_event, &at_once); /* a timer: others are polled for first */
	else if (core->batch != NULL)
		event_active(core->batch_event, EV_TIMEOUT, 0);
}

static void
on_review(evutil_socket_t fd, short what, void *arg)
{
	struct core *core = arg;
	struct idm_error err = { .text = "" };

	(void)fd;
	(void)what;
	if (!core->reviewing)
		return;
	if (step(core, &err) != IDM_OK) {
		log_error("core: sessions could not be looked through: %s", err.text);
		exit(EXIT_FAILURE); /* the start goes on with it */
	}
	go_on_later(core);
}

bool
core_review_set_up(struct core *core)
{
	core->review_event = event_new(core->base, -1, 0, on_review, core);
	return core->review_event != NULL;
}

void
core_review_tear_down(struct core *core)
{
	if (core->review_event != NULL)
		event_free(core->review_event);
	core->review_event = NULL;
}

enum idm_result
core_review_note(const struct idm_txn *local, struct idm_error *err)
{
	return idm_store_put_number(local, IDM_DB_LOCAL_META, review_key, 1, err);
}

enum idm_result
core_review_begin(struct core *core, struct idm_error *err)
{
	enum idm_result result = review_logins(core, err);

	core->review = (struct idm_session_place){ .id = { { 0 } } };
	core->reviewing = true;
	if (result == IDM_OK)
		result = step(core, err);
	if (result == IDM_OK)
		go_on_later(core);
	return result;
}

enum idm_result
core_review_finish(struct core *core, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	while (core->reviewing && result == IDM_OK)
		result = step(core, err);
	return result;
}

enum idm_result
core_review_missed(struct core *core, struct idm_error *err)
{
	struct idm_txn txn;
	uint64_t noted;
	enum idm_result result = idm_store_local_read_begin(core->data.store, &txn, err);

	if (result != IDM_OK)
		return result;
	result = idm_store_get_number(&txn, IDM_DB_LOCAL_META, review_key, &noted, err);
	idm_store_read_end(&txn);
	if (result == IDM_OK && noted != 0)
		result = core_review_begin(core, err);
	return result == IDM_OK ? core_review_finish(core, err) : result;
}
