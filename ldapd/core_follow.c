/*
 * What a committed change brings along on this box (CHANGES 18): login sessions that end.  Local
 * state may lag behind by a crash, so local.mdb remembers up to which change this was done, and the
 * start catches up.
 */
#include "core/second_factor.h"
#include "core/session.h"
#include "ldapd/core_review.h"
#include "ldapd/core_update.h"

static const char followed_key[] = "followed";

/* Passwords that are new here: a login by the old one is over (authenticate.h), but the session
 * that set the new one goes on. */
static bool
sets_primary(const struct idm_change_set *set, const struct idm_item *item)
{
	for (size_t i = 0; i < item->secret_count; i++) {
		if (item->secrets[i].attr_number == IDM_ATTR_PRIMARY_CREDENTIAL &&
		    idm_secret_change_is_new(set, &item->secrets[i]))
			return true;
	}
	return false;
}

/*
 * Are all of the account's sessions over, whichever one asked for this?  Where a change makes
 * accounts high privilege, of which there may be very many, a review ends them (core_review.h).
 */
static bool
ends_sessions(const struct idm_change_set *set, const struct idm_item *item)
{
	if (item->kind == IDM_ITEM_SESSION)
		return !core_changes_privilege(set);
	return item->kind == IDM_ITEM_RECYCLE;
}

static enum idm_result
keep_own_session(const struct idm_txn *txn, const struct idm_change_set *set,
    struct idm_arena *arena, struct idm_error *err)
{
	struct idm_token_row row;
	enum idm_result result;

	if (idm_uuid_is_null(&set->session))
		return IDM_OK;
	result = idm_session_get(txn, &set->session, &row, err);
	if (result == IDM_NOT_FOUND || (result == IDM_OK && row.credential_no == 0))
		return IDM_OK;
	if (result != IDM_OK)
		return result;
	row.label = idm_arena_copy(arena, row.label);
	row.credential_no = set->no;
	return idm_session_put(txn, &row, arena, err);
}

/* Those update sessions live in this process alone: after a restart there are none. */
static void
end_updates(struct core *core, const struct idm_change_set *set)
{
	for (size_t i = 0; i < set->item_count; i++) {
		if (ends_sessions(set, &set->items[i]))
			core_updates_revoke(core, &set->items[i].uuid);
	}
}

static enum idm_result
follow_item(const struct idm_txn *txn, const struct idm_change_set *set,
    const struct idm_item *item, struct idm_arena *arena, struct idm_error *err)
{
	bool own = idm_uuid_equal(&item->uuid, &set->actor);

	if (sets_primary(set, item)) {
		enum idm_result result =
		    idm_session_remove_all(txn, &item->uuid, own ? &set->session : NULL, NULL, err);

		return result == IDM_OK && own ? keep_own_session(txn, set, arena, err) : result;
	}
	if (ends_sessions(set, item))
		return idm_session_remove_all(txn, &item->uuid, NULL, NULL, err);
	if (item->kind == IDM_ITEM_TOMBSTONE)
		return idm_factor_forget(txn, &item->uuid, err);
	return IDM_OK;
}

bool
core_changes_privilege(const struct idm_change_set *set)
{
	for (size_t i = 0; i < set->item_count; i++) {
		if ((set->items[i].flags & IDM_ITEM_FLAG_PRIVILEGE) != 0)
			return true;
	}
	return false;
}

static bool
has_consequences(const struct idm_change_set *set)
{
	if (core_changes_privilege(set))
		return true;
	for (size_t i = 0; i < set->item_count; i++) {
		if (sets_primary(set, &set->items[i]) || ends_sessions(set, &set->items[i]) ||
		    set->items[i].kind == IDM_ITEM_TOMBSTONE)
			return true;
	}
	return false;
}

static enum idm_result
follow_local(struct core *core, const struct idm_change_set *set, struct idm_arena *arena,
    struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_local_write_begin(core->data.store, &txn, err);

	for (size_t i = 0; i < set->item_count && result == IDM_OK; i++)
		result = follow_item(&txn, set, &set->items[i], arena, err);
	if (result == IDM_OK && core_changes_privilege(set))
		result = core_review_note(&txn, err);
	if (result == IDM_OK)
		result = idm_store_put_number(&txn, IDM_DB_LOCAL_META, followed_key, set->no, err);
	return idm_store_write_end(&txn, result, err);
}

enum idm_result
core_follow(struct core *core, const struct idm_change_set *set, struct idm_arena *arena,
    struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	end_updates(core, set);
	if (has_consequences(set))
		result = follow_local(core, set, arena, err);
	if (result == IDM_OK && core_changes_privilege(set))
		result = core_updates_review(core, err);
	if (result == IDM_OK && core_changes_privilege(set))
		result = core_review_begin(core, err);
	return result;
}

/* The number of the last change that was followed. */
static enum idm_result
load_followed(struct core *core, uint64_t *followed, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_local_read_begin(core->data.store, &txn, err);

	*followed = 0;
	if (result != IDM_OK)
		return result;
	result = idm_store_get_number(&txn, IDM_DB_LOCAL_META, followed_key, followed, err);
	idm_store_read_end(&txn);
	return result;
}

/* What a change in the record brings along; its arena is the one that it was decoded in. */
struct following {
	struct core *core;
	struct idm_arena *arena;
};

static enum idm_result
follow_recorded(void *ctx, const struct idm_change_set *set, struct idm_error *err)
{
	const struct following *f = ctx;

	return has_consequences(set) ? follow_local(f->core, set, f->arena, err) : IDM_OK;
}

/* Changes that are too old to be kept ended sessions that have expired since. */
enum idm_result
core_follow_missed(struct core *core, struct idm_error *err)
{
	struct following f = { core, idm_arena_new(CORE_JOB_ARENA_BYTES) };
	uint64_t followed;
	enum idm_result result;

	if (f.arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = load_followed(core, &followed, err);
	if (result == IDM_OK)
		result = core->log.follow(&core->log, followed, f.arena, follow_recorded, &f, err);
	idm_arena_free(&f.arena);
	if (result == IDM_OK)
		result = core_follow_mark(core, err);
	return result == IDM_OK ? core_review_missed(core, err) : result;
}

enum idm_result
core_follow_mark(struct core *core, struct idm_error *err)
{
	uint64_t followed, applied;
	struct idm_txn txn;
	enum idm_result result = load_followed(core, &followed, err);

	if (result == IDM_OK)
		result = core->log.head(&core->log, &applied, err);
	if (result != IDM_OK || followed >= applied)
		return result;
	result = idm_store_local_write_begin(core->data.store, &txn, err);
	if (result == IDM_OK)
		result = idm_store_put_number(&txn, IDM_DB_LOCAL_META, followed_key, applied, err);
	return idm_store_write_end(&txn, result, err);
}
