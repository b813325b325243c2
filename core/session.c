#include "core/session.h"

/*
 * Two kinds of rows share the database: 's' and the session's id -> its row; 'a', the account's
 * uuid and the session's id -> nothing, to find the sessions of an account.
 */
enum { ID_KEY_BYTES = 1 + IDM_UUID_BYTES, ACCOUNT_KEY_BYTES = 1 + 2 * IDM_UUID_BYTES };

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

enum idm_result
idm_session_put(const struct idm_txn *txn, const struct idm_token_row *row, struct idm_arena *arena,
    struct idm_error *err)
{
	struct idm_span bytes = idm_token_row_encode(row, arena);
	uint8_t id[ID_KEY_BYTES];
	uint8_t account[ACCOUNT_KEY_BYTES];
	enum idm_result result;

	if (bytes.ptr == NULL)
		return idm_fail(err, IDM_LIMIT, "no room for a session");
	id_key(&row->id, id);
	account_key(&row->account, &row->id, account);
	result = idm_store_put(txn, IDM_DB_SESSIONS, idm_span_of(id, sizeof(id)), bytes, err);
	if (result == IDM_OK)
		result = idm_store_put(txn, IDM_DB_SESSIONS, idm_span_of(account, sizeof(account)),
		    IDM_SPAN_EMPTY, err);
	return result;
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
	struct idm_token_row row;
	uint8_t key[ID_KEY_BYTES];
	uint8_t account[ACCOUNT_KEY_BYTES];
	enum idm_result result = idm_session_get(txn, id, &row, err);

	if (result != IDM_OK)
		return result;
	id_key(id, key);
	account_key(&row.account, id, account);
	result = idm_store_del(txn, IDM_DB_SESSIONS, idm_span_of(account, sizeof(account)), err);
	if (result == IDM_OK || result == IDM_NOT_FOUND)
		result = idm_store_del(txn, IDM_DB_SESSIONS, idm_span_of(key, sizeof(key)), err);
	return result;
}

/* The first session of an account whose id is >= `from`. */
static enum idm_result
find_session(const struct idm_txn *txn, const struct idm_uuid *account, const struct idm_uuid *from,
    struct idm_uuid *out, struct idm_error *err)
{
	uint8_t seek[ACCOUNT_KEY_BYTES];
	struct idm_cursor cursor;
	struct idm_span key, value;
	enum idm_result result;

	account_key(account, from, seek);
	result = idm_cursor_open(
	    txn, IDM_DB_SESSIONS, idm_span_of(seek, 1 + IDM_UUID_BYTES), &cursor, err);
	if (result != IDM_OK)
		return result;
	result = idm_cursor_seek(&cursor, idm_span_of(seek, sizeof(seek)), err);
	if (result == IDM_OK)
		result = idm_cursor_next(&cursor, &key, &value, err);
	if (result == IDM_OK && key.len != ACCOUNT_KEY_BYTES)
		result = idm_fail(err, IDM_CORRUPT, "a session's key has %zu octets", key.len);
	if (result == IDM_OK)
		memcpy(out->bytes, key.ptr + 1 + IDM_UUID_BYTES, IDM_UUID_BYTES);
	idm_cursor_close(&cursor);
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

/* The first session whose id is >= `from`. */
static enum idm_result
find_row(const struct idm_txn *txn, const struct idm_uuid *from, struct idm_token_row *out,
    struct idm_error *err)
{
	uint8_t seek[ID_KEY_BYTES];
	struct idm_cursor cursor;
	struct idm_span key, value;
	enum idm_result result;

	id_key(from, seek);
	result = idm_cursor_open(txn, IDM_DB_SESSIONS, idm_span_of(seek, 1), &cursor, err);
	if (result != IDM_OK)
		return result;
	result = idm_cursor_seek(&cursor, idm_span_of(seek, sizeof(seek)), err);
	if (result == IDM_OK)
		result = idm_cursor_next(&cursor, &key, &value, err);
	if (result == IDM_OK)
		result = idm_token_row_decode(value, out, err);
	idm_cursor_close(&cursor);
	return result;
}

enum idm_result
idm_session_sweep(const struct idm_txn *txn, struct idm_now now, size_t most, struct idm_uuid *from,
    struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	if (!now.trusted)
		return IDM_OK; /* a wrong clock must not end sessions for good */
	for (size_t seen = 0; seen < most && result == IDM_OK; seen++) {
		struct idm_token_row row;

		result = find_row(txn, from, &row, err);
		if (result == IDM_NOT_FOUND) {
			*from = (struct idm_uuid){ { 0 } }; /* the next time from the beginning */
			return IDM_OK;
		}
		if (result != IDM_OK)
			return result;
		*from = row.id;
		if (row.expire_s <= now.at_s)
			result = idm_session_remove(txn, &row.id, err);
		if (!next_id(from))
			break; /* all nulls again */
	}
	return result;
}
