#include "core/session.h"

#include <stdlib.h>

#include "core/figures.h"
#include "core/schema.h"

/*
 * Three kinds of rows share the database: 's' and the session's id -> its row; 'a', the account's
 * uuid and the session's id -> nothing, to find the sessions of an account; 'e', the second of its
 * end and the session's id -> nothing, to find those that are over.
 */
enum {
	ID_KEY_BYTES = 1 + IDM_UUID_BYTES,
	ACCOUNT_KEY_BYTES = 1 + 2 * IDM_UUID_BYTES,
	END_KEY_BYTES = 1 + 8 + IDM_UUID_BYTES,
	ROWS_EACH = 3,
};

int64_t
idm_session_lifetime_s(
    const struct idm_entry *account, bool high_privilege, const struct idm_policy *policy)
{
	struct idm_span marker = idm_entry_text(account, IDM_ATTR_PRIMARY_CREDENTIAL);
	bool brief = high_privilege || idm_span_is(marker, "generated");

	return brief && policy->session_s > IDM_SESSION_SHORT_S ? IDM_SESSION_SHORT_S
								: policy->session_s;
}

static void
id_key(const struct idm_uuid *id, uint8_t out[ID_KEY_BYTES])
{
	out[0] = 's';
	memcpy(out + 1, id->bytes, IDM_UUID_BYTES);
}

static void
account_key(
    const struct idm_uuid *account, const struct idm_uuid *id, uint8_t out[ACCOUNT_KEY_BYTES])
{
	out[0] = 'a';
	memcpy(out + 1, account->bytes, IDM_UUID_BYTES);
	memcpy(out + 1 + IDM_UUID_BYTES, id->bytes, IDM_UUID_BYTES);
}

static void
end_key(int64_t expire_s, const struct idm_uuid *id, uint8_t out[END_KEY_BYTES])
{
	out[0] = 'e';
	idm_datetime_store(expire_s, out + 1); /* octets in the order of time */
	memcpy(out + 1 + 8, id->bytes, IDM_UUID_BYTES);
}

static enum idm_result
delete_key(const struct idm_txn *txn, const uint8_t *key, size_t len, struct idm_error *err)
{
	enum idm_result result = idm_store_del(txn, IDM_DB_SESSIONS, idm_span_of(key, len), err);

	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* The rows that lead to a session, whose own row says what they are. */
static enum idm_result
unlink_session(const struct idm_txn *txn, const struct idm_uuid *id, struct idm_error *err)
{
	struct idm_token_row row;
	uint8_t account[ACCOUNT_KEY_BYTES], end[END_KEY_BYTES];
	enum idm_result result = idm_session_get(txn, id, &row, err);

	if (result != IDM_OK)
		return result;
	account_key(&row.account, id, account);
	end_key(row.expire_s, id, end);
	result = delete_key(txn, account, sizeof(account), err);
	return result == IDM_OK ? delete_key(txn, end, sizeof(end), err) : result;
}

static enum idm_result
link_session(const struct idm_txn *txn, const struct idm_token_row *row, struct idm_error *err)
{
	uint8_t account[ACCOUNT_KEY_BYTES], end[END_KEY_BYTES];
	enum idm_result result;

	account_key(&row->account, &row->id, account);
	end_key(row->expire_s, &row->id, end);
	result = idm_store_put(
	    txn, IDM_DB_SESSIONS, idm_span_of(account, sizeof(account)), IDM_SPAN_EMPTY, err);
	if (result != IDM_OK)
		return result;
	return idm_store_put(
	    txn, IDM_DB_SESSIONS, idm_span_of(end, sizeof(end)), IDM_SPAN_EMPTY, err);
}

enum idm_result
idm_session_put(const struct idm_txn *txn, const struct idm_token_row *row, struct idm_arena *arena,
    struct idm_error *err)
{
	struct idm_span bytes = idm_token_row_encode(row, arena);
	uint8_t id[ID_KEY_BYTES];
	enum idm_result result;

	if (bytes.ptr == NULL)
		return idm_fail(err, IDM_LIMIT, "no room for a session");
	result = unlink_session(txn, &row->id, err);
	if (result != IDM_OK && result != IDM_NOT_FOUND)
		return result;
	id_key(&row->id, id);
	result = idm_store_put(txn, IDM_DB_SESSIONS, idm_span_of(id, sizeof(id)), bytes, err);
	return result == IDM_OK ? link_session(txn, row, err) : result;
}

enum idm_result
idm_session_get(const struct idm_txn *txn, const struct idm_uuid *id, struct idm_token_row *out,
    struct idm_error *err)
{
	struct idm_span bytes;
	uint8_t key[ID_KEY_BYTES];
	enum idm_result result;

	id_key(id, key);
	result = idm_store_get(txn, IDM_DB_SESSIONS, idm_span_of(key, sizeof(key)), &bytes, err);
	return result == IDM_OK ? idm_token_row_decode(bytes, out, err) : result;
}

enum idm_result
idm_session_remove(const struct idm_txn *txn, const struct idm_uuid *id, struct idm_error *err)
{
	uint8_t key[ID_KEY_BYTES];
	enum idm_result result = unlink_session(txn, id, err);

	if (result != IDM_OK)
		return result;
	id_key(id, key);
	return delete_key(txn, key, sizeof(key), err);
}

/* Read the id, and the account, of a key of an account's session. */
static enum idm_result
read_account_key(struct idm_span key, struct idm_session_place *out, struct idm_error *err)
{
	if (key.len != ACCOUNT_KEY_BYTES)
		return idm_fail(err, IDM_CORRUPT, "a session's key has %zu octets", key.len);
	memcpy(out->account.bytes, key.ptr + 1, IDM_UUID_BYTES);
	memcpy(out->id.bytes, key.ptr + 1 + IDM_UUID_BYTES, IDM_UUID_BYTES);
	return IDM_OK;
}

/* The first session at or behind `place` whose key begins with `prefix`; there goes `place`. */
static enum idm_result
find_behind(const struct idm_txn *txn, struct idm_span prefix, struct idm_session_place *place,
    struct idm_error *err)
{
	uint8_t seek[ACCOUNT_KEY_BYTES];
	struct idm_cursor cursor;
	struct idm_span key, value;
	enum idm_result result = idm_cursor_open(txn, IDM_DB_SESSIONS, prefix, &cursor, err);

	if (result != IDM_OK)
		return result;
	account_key(&place->account, &place->id, seek);
	result = idm_cursor_seek(&cursor, idm_span_of(seek, sizeof(seek)), err);
	if (result == IDM_OK)
		result = idm_cursor_next(&cursor, &key, &value, err);
	if (result == IDM_OK)
		result = read_account_key(key, place, err);
	idm_cursor_close(&cursor);
	return result;
}

enum idm_result
idm_session_next(const struct idm_txn *txn, struct idm_session_place *place, struct idm_error *err)
{
	return find_behind(txn, IDM_SPAN_LIT("a"), place, err);
}

/* The first session of an account whose id is >= `from`. */
static enum idm_result
find_session(const struct idm_txn *txn, const struct idm_uuid *account, const struct idm_uuid *from,
    struct idm_uuid *out, struct idm_error *err)
{
	struct idm_session_place place = { *account, *from };
	uint8_t prefix[ACCOUNT_KEY_BYTES];
	enum idm_result result;

	account_key(account, from, prefix);
	result = find_behind(txn, idm_span_of(prefix, 1 + IDM_UUID_BYTES), &place, err);
	if (result == IDM_OK)
		*out = place.id;
	return result;
}

/* The id behind this one in key order; false: there is none. */
static bool
next_id(struct idm_uuid *id)
{
	for (size_t i = IDM_UUID_BYTES; i > 0; i--) {
		if (++id->bytes[i - 1] != 0)
			return true;
	}
	return false;
}

bool
idm_session_place_behind(struct idm_session_place *place)
{
	return next_id(&place->id) || next_id(&place->account);
}

enum idm_result
idm_session_remove_all(const struct idm_txn *txn, const struct idm_uuid *account,
    const struct idm_uuid *except, size_t *count, struct idm_error *err)
{
	struct idm_uuid from = { { 0 } };
	struct idm_uuid id;
	size_t ended = 0;
	enum idm_result result;

	do {
		result = find_session(txn, account, &from, &id, err);
		if (result == IDM_OK && (except == NULL || !idm_uuid_equal(&id, except))) {
			result = idm_session_remove(txn, &id, err);
			ended++;
		}
		from = id;
	} while (result == IDM_OK && next_id(&from));
	if (count != NULL)
		*count = ended;
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* --- all that there are of one account */

static enum idm_result
load_row(const struct idm_txn *txn, const struct idm_uuid *id, struct idm_token_row *out,
    struct idm_error *err)
{
	enum idm_result result = idm_session_get(txn, id, out, err);

	if (result == IDM_NOT_FOUND)
		return idm_fail(err, IDM_CORRUPT, "an account's session is not there");
	return result;
}

enum idm_result
idm_session_list(const struct idm_txn *txn, const struct idm_uuid *account, struct idm_arena *arena,
    struct idm_token_row **out, size_t *count, struct idm_error *err)
{
	struct idm_uuid from = { { 0 } };
	struct idm_uuid id;
	enum idm_result result;

	*count = 0;
	*out = idm_arena_array(arena, IDM_SESSIONS_MAX, sizeof(**out));
	if (*out == NULL)
		return idm_fail(err, IDM_LIMIT, "no room for the sessions of an account");
	do {
		struct idm_token_row *row = &(*out)[*count];

		result = find_session(txn, account, &from, &id, err);
		if (result != IDM_OK)
			break;
		result = load_row(txn, &id, row, err);
		if (result != IDM_OK)
			return result;
		from = id;
		if (row->kind != IDM_TOKEN_SESSION)
			continue; /* a reset token */
		row->label = idm_arena_copy(arena, row->label);
		(*count)++;
	} while (*count < IDM_SESSIONS_MAX && next_id(&from));
	qsort(*out, *count, sizeof(**out), idm_token_row_by_age);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* --- as many as one account may have */

/* How many rows of a kind an account has, and the one that began first; between two, either. */
static enum idm_result
find_oldest(const struct idm_txn *txn, const struct idm_uuid *account, enum idm_token_kind kind,
    size_t *count, struct idm_uuid *oldest, struct idm_error *err)
{
	struct idm_uuid from = { { 0 } };
	struct idm_uuid id;
	int64_t oldest_s = 0;
	enum idm_result result;

	*count = 0;
	do {
		struct idm_token_row row;

		result = find_session(txn, account, &from, &id, err);
		if (result != IDM_OK)
			break;
		result = load_row(txn, &id, &row, err);
		if (result == IDM_OK && row.kind == kind &&
		    ((*count)++ == 0 || row.issued_s < oldest_s)) {
			oldest_s = row.issued_s;
			*oldest = id;
		}
		from = id;
	} while (result == IDM_OK && next_id(&from));
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

enum idm_result
idm_session_make_room(const struct idm_txn *txn, const struct idm_uuid *account,
    enum idm_token_kind kind, size_t most, struct idm_uuid *ended, bool *any, struct idm_error *err)
{
	size_t count;
	enum idm_result result = find_oldest(txn, account, kind, &count, ended, err);

	*any = result == IDM_OK && count >= most;
	return *any ? idm_session_remove(txn, ended, err) : result;
}

/* --- those that are over */

/* The session that ends first.  IDM_NOT_FOUND: there is none. */
static enum idm_result
find_first_end(
    const struct idm_txn *txn, int64_t *expire_s, struct idm_uuid *id, struct idm_error *err)
{
	struct idm_cursor cursor;
	struct idm_span key, value;
	enum idm_result result =
	    idm_cursor_open(txn, IDM_DB_SESSIONS, IDM_SPAN_LIT("e"), &cursor, err);

	if (result != IDM_OK)
		return result;
	result = idm_cursor_next(&cursor, &key, &value, err);
	if (result == IDM_OK && key.len != END_KEY_BYTES)
		result = idm_fail(err, IDM_CORRUPT, "a session's key has %zu octets", key.len);
	if (result == IDM_OK) {
		*expire_s = idm_datetime_load(idm_span_of(key.ptr + 1, 8));
		memcpy(id->bytes, key.ptr + 1 + 8, IDM_UUID_BYTES);
	}
	idm_cursor_close(&cursor);
	return result;
}

/* The row is taken away also where it leads to no session, so that the sweep gets on. */
static enum idm_result
sweep_one(
    const struct idm_txn *txn, int64_t expire_s, const struct idm_uuid *id, struct idm_error *err)
{
	uint8_t key[END_KEY_BYTES];
	enum idm_result result = idm_session_remove(txn, id, err);

	if (result != IDM_OK && result != IDM_NOT_FOUND)
		return result;
	end_key(expire_s, id, key);
	return delete_key(txn, key, sizeof(key), err);
}

enum idm_result
idm_session_sweep(
    const struct idm_txn *txn, struct idm_now now, size_t most, bool *more, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	*more = false;
	if (!now.trusted)
		return IDM_OK; /* a wrong clock must not end sessions for good */
	for (size_t i = 0; result == IDM_OK; i++) {
		struct idm_uuid id;
		int64_t expire_s;

		result = find_first_end(txn, &expire_s, &id, err);
		if (result != IDM_OK || expire_s > now.at_s)
			break;
		*more = i == most;
		if (*more)
			break;
		result = sweep_one(txn, expire_s, &id, err);
	}
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* --- whether what is stored fits */

static enum idm_result
check_there(const struct idm_txn *txn, struct idm_span key, const char *what, struct idm_error *err)
{
	struct idm_span value;
	enum idm_result result = idm_store_get(txn, IDM_DB_SESSIONS, key, &value, err);

	return result == IDM_NOT_FOUND ? idm_fail(err, IDM_CORRUPT, "%s", what) : result;
}

static enum idm_result
check_session(
    const struct idm_txn *txn, struct idm_span key, struct idm_span value, struct idm_error *err)
{
	uint8_t account[ACCOUNT_KEY_BYTES], end[END_KEY_BYTES];
	struct idm_token_row row;
	enum idm_result result = idm_token_row_decode(value, &row, err);

	if (result != IDM_OK)
		return result;
	if (memcmp(key.ptr + 1, row.id.bytes, IDM_UUID_BYTES) != 0)
		return idm_fail(err, IDM_CORRUPT, "it holds another session");
	account_key(&row.account, &row.id, account);
	result = check_there(txn, idm_span_of(account, sizeof(account)),
	    "it is not among those of its account", err);
	if (result != IDM_OK)
		return result;
	end_key(row.expire_s, &row.id, end);
	return check_there(
	    txn, idm_span_of(end, sizeof(end)), "it is not among those that end", err);
}

/* A row that leads to a session, of which `id` is the last part of its key. */
static enum idm_result
check_link(const struct idm_txn *txn, struct idm_span key, struct idm_error *err)
{
	uint8_t wanted[ACCOUNT_KEY_BYTES];
	struct idm_token_row row;
	struct idm_uuid id;
	enum idm_result result;

	memcpy(id.bytes, key.ptr + key.len - IDM_UUID_BYTES, IDM_UUID_BYTES);
	result = idm_session_get(txn, &id, &row, err);
	if (result == IDM_NOT_FOUND)
		return idm_fail(err, IDM_CORRUPT, "it leads to no session");
	if (result != IDM_OK)
		return result;
	if (key.len == ACCOUNT_KEY_BYTES)
		account_key(&row.account, &id, wanted);
	else
		end_key(row.expire_s, &id, wanted);
	if (memcmp(key.ptr, wanted, key.len) != 0)
		return idm_fail(err, IDM_CORRUPT, "it leads to a session that does not lead back");
	return IDM_OK;
}

enum idm_result
idm_session_check_row(
    const struct idm_txn *txn, struct idm_span key, struct idm_span value, struct idm_error *err)
{
	if (key.len == ID_KEY_BYTES && key.ptr[0] == 's')
		return check_session(txn, key, value, err);
	if ((key.len == ACCOUNT_KEY_BYTES && key.ptr[0] == 'a') ||
	    (key.len == END_KEY_BYTES && key.ptr[0] == 'e'))
		return check_link(txn, key, err);
	return idm_fail(err, IDM_CORRUPT, "it is no key");
}

uint64_t
idm_session_count(const struct idm_txn *txn)
{
	return idm_store_records(txn, IDM_DB_SESSIONS) / ROWS_EACH;
}
