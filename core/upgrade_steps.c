#include "core/upgrade_steps.h"

#include "core/entry.h"
#include "core/lookup.h"
#include "core/token.h"

/*
 * Walk over the records of a database whose keys begin with `prefix`, and let `visit` change the
 * database meanwhile: key and value are copies.
 */
struct visit {
	const struct idm_txn *txn;
	struct idm_arena *arena;
	struct idm_error *err;
};

static enum idm_result
visit_all(const struct visit *v, enum idm_db db, const char *prefix,
    enum idm_result (*visit)(const struct visit *v, struct idm_span key, struct idm_span value))
{
	struct idm_cursor cursor;
	struct idm_span key, value;
	enum idm_result result =
	    idm_cursor_open(v->txn, db, idm_span_cstr(prefix), &cursor, v->err);

	if (result != IDM_OK)
		return result;
	while ((result = idm_cursor_next(&cursor, &key, &value, v->err)) == IDM_OK) {
		struct idm_arena_mark mark = idm_arena_mark(v->arena);

		key = idm_arena_copy(v->arena, key);
		value = idm_arena_copy(v->arena, value);
		if (key.ptr == NULL || value.ptr == NULL)
			result = idm_fail(v->err, IDM_LIMIT, "no memory for a record");
		else
			result = visit(v, key, value);
		idm_arena_rewind(v->arena, mark);
		if (result != IDM_OK)
			break;
	}
	idm_cursor_close(&cursor);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* --- from 1 to 2 */

enum { V1_CHANGE_AT = 1 + 16 + 8, V1_CHANGE_HEAD = V1_CHANGE_AT + 8 };

/* The second of a change; of one that is no longer recorded, long ago. */
static enum idm_result
v1_change_at(const struct visit *v, struct idm_span no, uint64_t *at)
{
	struct idm_span row;
	enum idm_result result = idm_store_get(v->txn, IDM_DB_CHANGES, no, &row, v->err);

	*at = 0;
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	if (result == IDM_OK && row.len < V1_CHANGE_HEAD)
		return idm_fail(v->err, IDM_CORRUPT, "a row of changes is too short");
	if (result == IDM_OK)
		*at = idm_store_load_u64(row.ptr + V1_CHANGE_AT);
	return result;
}

/*
 * Requests were id -> number; now 'i' and id -> number and result, 'n' and number -> id and second.
 * The walk comes to the new rows too, which are longer or shorter than an id.
 */
static enum idm_result
v1_request(const struct visit *v, struct idm_span key, struct idm_span value)
{
	uint8_t by_id[1 + IDM_UUID_BYTES] = { 'i' }, answer[8 + 1] = { 0 };
	uint8_t by_no[1 + 8] = { 'n' }, row[IDM_UUID_BYTES + 8];
	uint64_t at;
	enum idm_result result;

	if (key.len != IDM_UUID_BYTES)
		return IDM_OK;
	if (value.len != 8)
		return idm_fail(v->err, IDM_CORRUPT, "a row of requests has %zu octets", value.len);
	memcpy(by_id + 1, key.ptr, IDM_UUID_BYTES);
	memcpy(answer, value.ptr, 8);
	memcpy(by_no + 1, value.ptr, 8);
	memcpy(row, key.ptr, IDM_UUID_BYTES);
	result = v1_change_at(v, value, &at);
	idm_store_u64(at, row + IDM_UUID_BYTES);
	if (result == IDM_OK)
		result = idm_store_del(v->txn, IDM_DB_REQUESTS, key, v->err);
	if (result == IDM_OK)
		result = idm_store_put(v->txn, IDM_DB_REQUESTS, idm_span_of(by_id, sizeof(by_id)),
		    idm_span_of(answer, sizeof(answer)), v->err);
	if (result == IDM_OK)
		result = idm_store_put(v->txn, IDM_DB_REQUESTS, idm_span_of(by_no, sizeof(by_no)),
		    idm_span_of(row, sizeof(row)), v->err);
	return result;
}

/* "rest.NAME" -> holder, until; now "rest_until.", until and NAME -> nothing beside it. */
static enum idm_result
v1_rest(const struct visit *v, struct idm_span key, struct idm_span value)
{
	static const char old[] = "rest.", new[] = "rest_until.";
	size_t name_len = key.len - strlen(old);
	uint8_t until[sizeof(new) - 1 + 8 + IDM_STORE_KEY_BYTES];
	uint8_t *to = until;

	if (value.len != IDM_UUID_BYTES + 8)
		return idm_fail(v->err, IDM_CORRUPT, "a name that rests has %zu octets", value.len);
	memcpy(to, new, strlen(new));
	to += strlen(new);
	idm_datetime_store((int64_t)idm_store_load_u64(value.ptr + IDM_UUID_BYTES), to);
	to += 8;
	if (name_len != 0)
		memcpy(to, key.ptr + strlen(old), name_len);
	to += name_len;
	return idm_store_put(
	    v->txn, IDM_DB_META, idm_span_of(until, (size_t)(to - until)), IDM_SPAN_EMPTY, v->err);
}

/* id -> row; now account and id -> nothing beside it. */
static enum idm_result
v1_token(const struct visit *v, struct idm_span key, struct idm_span value)
{
	uint8_t of_account[2 * IDM_UUID_BYTES];
	struct idm_token_row row;
	enum idm_result result;

	if (key.len != IDM_UUID_BYTES)
		return IDM_OK;
	result = idm_token_row_decode(value, &row, v->err);
	if (result != IDM_OK)
		return result;
	memcpy(of_account, row.account.bytes, IDM_UUID_BYTES);
	memcpy(of_account + IDM_UUID_BYTES, key.ptr, IDM_UUID_BYTES);
	return idm_store_put(v->txn, IDM_DB_TOKENS, idm_span_of(of_account, sizeof(of_account)),
	    IDM_SPAN_EMPTY, v->err);
}

/* Names of profiles were not claimed. */
static enum idm_result
v1_profile(const struct visit *v, struct idm_span key, struct idm_span value)
{
	struct idm_claim_key claim;
	struct idm_entry entry;
	struct idm_span name, other;
	enum idm_result result =
	    key.len == 8 ? idm_entry_view(value, idm_store_load_u64(key.ptr), &entry, v->err)
			 : idm_fail(v->err, IDM_CORRUPT, "an entry without an id");

	if (result != IDM_OK || !idm_entry_has_class(&entry, "access_control_profile") ||
	    !idm_entry_is_live(&entry))
		return result;
	name = idm_entry_text(&entry, IDM_ATTR_NAME);
	claim = idm_claim_key(IDM_CLAIM_PROFILE, IDM_ATTR_NAME, name);
	result =
	    idm_store_get(v->txn, IDM_DB_NAME, idm_span_of(claim.bytes, claim.len), &other, v->err);
	if (result == IDM_OK && idm_span_equal(other, key))
		return IDM_OK;
	if (result == IDM_OK)
		return idm_fail(v->err, IDM_INVALID,
		    "two access control profiles have the name %.*s: rename one, with the former "
		    "version of this program",
		    IDM_SPAN_ARG(name));
	if (result != IDM_NOT_FOUND)
		return result;
	return idm_store_put(v->txn, IDM_DB_NAME, idm_span_of(claim.bytes, claim.len), key, v->err);
}

static enum idm_result
v1_identity(const struct idm_txn *txn, struct idm_arena *arena, struct idm_error *err)
{
	const struct visit v = { txn, arena, err };
	enum idm_result result = visit_all(&v, IDM_DB_REQUESTS, "", v1_request);

	if (result == IDM_OK)
		result = visit_all(&v, IDM_DB_META, "rest.", v1_rest);
	if (result == IDM_OK)
		result = visit_all(&v, IDM_DB_TOKENS, "", v1_token);
	if (result == IDM_OK)
		result = visit_all(&v, IDM_DB_ENTRIES, "", v1_profile);
	return result;
}

/* 's' and id -> row; now 'e', the second of its end and id -> nothing beside it. */
static enum idm_result
v1_session(const struct visit *v, struct idm_span key, struct idm_span value)
{
	uint8_t end[1 + 8 + IDM_UUID_BYTES] = { 'e' };
	struct idm_token_row row;
	enum idm_result result = idm_token_row_decode(value, &row, v->err);

	if (result == IDM_OK && key.len != 1 + IDM_UUID_BYTES)
		result = idm_fail(v->err, IDM_CORRUPT, "a session's key has %zu octets", key.len);
	if (result != IDM_OK)
		return result;
	idm_datetime_store(row.expire_s, end + 1);
	memcpy(end + 1 + 8, key.ptr + 1, IDM_UUID_BYTES);
	return idm_store_put(
	    v->txn, IDM_DB_SESSIONS, idm_span_of(end, sizeof(end)), IDM_SPAN_EMPTY, v->err);
}

static enum idm_result
v1_local(const struct idm_txn *txn, struct idm_arena *arena, struct idm_error *err)
{
	const struct visit v = { txn, arena, err };

	return visit_all(&v, IDM_DB_SESSIONS, "s", v1_session);
}

/* --- all of them */

const struct idm_upgrade_step idm_upgrade_steps[IDM_STORE_FORMAT] = {
	[1] = { v1_identity, v1_local }, [2] = { NULL, NULL }, /* a database and built-in entries
								  that were new */
};
