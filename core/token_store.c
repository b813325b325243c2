#include "core/token_store.h"

/* id -> row; account and id -> nothing.  The two kinds of keys differ in their length. */
enum { OF_ACCOUNT_BYTES = 2 * IDM_UUID_BYTES };

static void
account_key(
    const struct idm_uuid *account, const struct idm_uuid *id, uint8_t out[OF_ACCOUNT_BYTES])
{
	memcpy(out, account->bytes, IDM_UUID_BYTES);
	memcpy(out + IDM_UUID_BYTES, id->bytes, IDM_UUID_BYTES);
}

enum idm_result
idm_token_get(const struct idm_txn *txn, const struct idm_uuid *id, struct idm_token_row *out,
    struct idm_error *err)
{
	struct idm_span bytes;
	enum idm_result result = idm_store_get(txn, IDM_DB_TOKENS, idm_uuid_span(id), &bytes, err);

	return result == IDM_OK ? idm_token_row_decode(bytes, out, err) : result;
}

/* Take away what is stored under the id, in both its rows. */
static enum idm_result
forget(const struct idm_txn *txn, const struct idm_uuid *id, struct idm_error *err)
{
	struct idm_token_row row;
	uint8_t key[OF_ACCOUNT_BYTES];
	enum idm_result result = idm_token_get(txn, id, &row, err);

	if (result != IDM_OK)
		return result == IDM_NOT_FOUND ? IDM_OK : result;
	account_key(&row.account, id, key);
	result = idm_store_del(txn, IDM_DB_TOKENS, idm_span_of(key, sizeof(key)), err);
	if (result == IDM_OK || result == IDM_NOT_FOUND)
		result = idm_store_del(txn, IDM_DB_TOKENS, idm_uuid_span(id), err);
	return result;
}

enum idm_result
idm_token_put(const struct idm_txn *txn, const struct idm_uuid *id, struct idm_span bytes,
    struct idm_error *err)
{
	struct idm_token_row row;
	uint8_t key[OF_ACCOUNT_BYTES];
	enum idm_result result = forget(txn, id, err);

	if (result != IDM_OK || bytes.len == 0)
		return result;
	result = idm_token_row_decode(bytes, &row, err);
	if (result != IDM_OK)
		return result;
	account_key(&row.account, id, key);
	result = idm_store_put(txn, IDM_DB_TOKENS, idm_uuid_span(id), bytes, err);
	if (result != IDM_OK)
		return result;
	return idm_store_put(
	    txn, IDM_DB_TOKENS, idm_span_of(key, sizeof(key)), IDM_SPAN_EMPTY, err);
}

/* Room for one id more, in lists of one, two, four, ...: most accounts have one, and are many. */
static bool
make_room(struct idm_arena *arena, struct idm_uuid **list, size_t count)
{
	struct idm_uuid *more;

	if (count != 0 && (count & (count - 1)) != 0)
		return true;
	more = idm_arena_array(arena, count == 0 ? 1 : 2 * count, sizeof(*more));
	if (more == NULL)
		return false;
	if (count != 0)
		memcpy(more, *list, count * sizeof(*more));
	*list = more;
	return true;
}

enum idm_result
idm_token_list(const struct idm_txn *txn, const struct idm_uuid *account, struct idm_arena *arena,
    struct idm_uuid **out, size_t *count, struct idm_error *err)
{
	struct idm_cursor cursor;
	struct idm_span key, value;
	enum idm_result result =
	    idm_cursor_open(txn, IDM_DB_TOKENS, idm_uuid_span(account), &cursor, err);

	*out = NULL;
	*count = 0;
	if (result != IDM_OK)
		return result;
	while ((result = idm_cursor_next(&cursor, &key, &value, err)) == IDM_OK) {
		if (key.len != OF_ACCOUNT_BYTES)
			continue; /* a token whose id is the account's uuid */
		if (!make_room(arena, out, *count)) {
			result = idm_fail(err, IDM_LIMIT, "no room for the tokens of an account");
			break;
		}
		memcpy((*out)[(*count)++].bytes, key.ptr + IDM_UUID_BYTES, IDM_UUID_BYTES);
	}
	idm_cursor_close(&cursor);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* --- whether what is stored fits */

static enum idm_result
check_token(const struct idm_txn *txn, struct idm_span key, const struct idm_token_row *row,
    struct idm_error *err)
{
	uint8_t other[OF_ACCOUNT_BYTES];
	struct idm_span value;
	enum idm_result result;

	if (!idm_span_equal(idm_uuid_span(&row->id), key) ||
	    (row->kind != IDM_TOKEN_API && row->kind != IDM_TOKEN_APPLICATION))
		return idm_fail(err, IDM_CORRUPT, "it holds another token");
	account_key(&row->account, &row->id, other);
	result = idm_store_get(txn, IDM_DB_TOKENS, idm_span_of(other, sizeof(other)), &value, err);
	if (result == IDM_NOT_FOUND)
		return idm_fail(err, IDM_CORRUPT, "it is not among those of its account");
	return result;
}

enum idm_result
idm_token_check_row(const struct idm_txn *txn, struct idm_span key, struct idm_span value,
    struct idm_token_row *row, struct idm_error *err)
{
	struct idm_uuid id;
	enum idm_result result;

	if (key.len == IDM_UUID_BYTES) {
		result = idm_token_row_decode(value, row, err);
		return result == IDM_OK ? check_token(txn, key, row, err) : result;
	}
	if (key.len != OF_ACCOUNT_BYTES)
		return idm_fail(err, IDM_CORRUPT, "it is no key");
	memcpy(id.bytes, key.ptr + IDM_UUID_BYTES, IDM_UUID_BYTES);
	result = idm_token_get(txn, &id, row, err);
	if (result == IDM_NOT_FOUND ||
	    (result == IDM_OK && memcmp(row->account.bytes, key.ptr, IDM_UUID_BYTES) != 0))
		return idm_fail(err, IDM_CORRUPT, "it leads to no token of that account");
	return result;
}
