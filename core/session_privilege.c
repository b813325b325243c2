#include "core/session_privilege.h"

#include "core/closure.h"

/* The account that was looked at last: it may have several sessions. */
struct account {
	struct idm_uuid uuid;
	bool known;
	bool high_privilege;
};

static enum idm_result
look_up(const struct idm_read *read, const struct idm_uuid *uuid, struct account *account,
    struct idm_error *err)
{
	struct idm_entry entry;
	enum idm_result result;

	if (account->known && idm_uuid_equal(&account->uuid, uuid))
		return IDM_OK;
	*account = (struct account){ .uuid = *uuid, .known = true };
	result = idm_lookup_uuid(read, uuid, &entry, err);
	if (result == IDM_NOT_FOUND)
		return IDM_OK; /* its sessions are refused, and expire */
	if (result == IDM_OK)
		result = idm_closure_is_hp(read, &entry, &account->high_privilege, err);
	return result;
}

static enum idm_result
review_one(const struct idm_read *read, const struct idm_txn *local, const struct idm_uuid *id,
    bool high_privilege, struct idm_error *err)
{
	struct idm_token_row row;
	enum idm_result result = idm_session_get(local, id, &row, err);

	if (result == IDM_NOT_FOUND)
		return idm_fail(err, IDM_CORRUPT, "an account's session is not there");
	if (result != IDM_OK || row.high_privilege == high_privilege)
		return result;
	if (high_privilege)
		return idm_session_remove(local, id, err);
	row.label = idm_arena_copy(read->arena, row.label); /* the map moves under the write */
	row.high_privilege = false;
	return idm_session_put(local, &row, read->arena, err);
}

enum idm_result
idm_session_review(const struct idm_read *read, const struct idm_txn *local,
    struct idm_session_place *place, size_t most, bool *more, struct idm_error *err)
{
	struct idm_arena_mark mark = idm_arena_mark(read->arena);
	struct account account = { .known = false };
	enum idm_result result = IDM_OK;

	*more = true;
	for (size_t i = 0; i < most && *more && result == IDM_OK; i++) {
		result = idm_session_next(local, place, err);
		if (result == IDM_OK)
			result = look_up(read, &place->account, &account, err);
		if (result == IDM_OK)
			result = review_one(read, local, &place->id, account.high_privilege, err);
		idm_arena_rewind(read->arena, mark);
		*more = result == IDM_OK && idm_session_place_behind(place);
	}
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}
