#include "core/rest.h"

/*
 * "rest.NAME" -> holder, until; and "rest_until.", until and NAME -> nothing, to find those whose
 * time is over without a look at the others.
 */
static const char name_prefix[] = "rest.";
static const char until_prefix[] = "rest_until.";

enum {
	UNTIL_PREFIX_BYTES = sizeof(until_prefix) - 1,
	UNTIL_BYTES = UNTIL_PREFIX_BYTES + 8, /* in front of the name */
	ROW_BYTES = IDM_UUID_BYTES + 8,
};

struct rest_key {
	uint8_t bytes[UNTIL_BYTES + IDM_REST_NAME_MAX];
	size_t len;
};

static struct idm_span
key_span(const struct rest_key *key)
{
	return idm_span_of(key->bytes, key->len);
}

static void
put_bytes(struct rest_key *key, const void *bytes, size_t len)
{
	if (len != 0)
		memcpy(key->bytes + key->len, bytes, len);
	key->len += len;
}

static enum idm_result
check_name(struct idm_span name, struct idm_error *err)
{
	if (name.len > IDM_REST_NAME_MAX)
		return idm_fail(err, IDM_INVALID, "a name of %zu octets", name.len);
	return IDM_OK;
}

static struct rest_key
name_key(struct idm_span name)
{
	struct rest_key key = { .len = 0 };

	put_bytes(&key, name_prefix, sizeof(name_prefix) - 1);
	put_bytes(&key, name.ptr, name.len);
	return key;
}

static struct rest_key
until_key(int64_t until_s, struct idm_span name)
{
	struct rest_key key = { .len = 0 };
	uint8_t until[8];

	idm_datetime_store(until_s, until); /* octets in the order of time */
	put_bytes(&key, until_prefix, UNTIL_PREFIX_BYTES);
	put_bytes(&key, until, sizeof(until));
	put_bytes(&key, name.ptr, name.len);
	return key;
}

enum idm_result
idm_rest_find(
    const struct idm_txn *txn, struct idm_span name, struct idm_rest *out, struct idm_error *err)
{
	struct rest_key key;
	struct idm_span row;
	enum idm_result result = check_name(name, err);

	if (result != IDM_OK)
		return result;
	key = name_key(name);
	result = idm_store_get(txn, IDM_DB_META, key_span(&key), &row, err);
	if (result != IDM_OK)
		return result;
	if (row.len != ROW_BYTES)
		return idm_fail(err, IDM_CORRUPT, "how long a name rests has %zu octets", row.len);
	memcpy(out->holder.bytes, row.ptr, IDM_UUID_BYTES);
	out->until_s = (int64_t)idm_store_load_u64(row.ptr + IDM_UUID_BYTES);
	return IDM_OK;
}

static enum idm_result
forget(const struct idm_txn *txn, struct idm_span name, int64_t until_s, struct idm_error *err)
{
	struct rest_key key = name_key(name), until = until_key(until_s, name);
	enum idm_result result = idm_store_del(txn, IDM_DB_META, key_span(&key), err);

	if (result == IDM_OK || result == IDM_NOT_FOUND)
		result = idm_store_del(txn, IDM_DB_META, key_span(&until), err);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

enum idm_result
idm_rest_set(const struct idm_txn *txn, struct idm_span name, const struct idm_rest *rest,
    struct idm_error *err)
{
	struct rest_key key, until;
	struct idm_rest old;
	uint8_t row[ROW_BYTES];
	enum idm_result result = idm_rest_find(txn, name, &old, err);

	if (result == IDM_OK)
		result = forget(txn, name, old.until_s, err);
	else if (result == IDM_NOT_FOUND)
		result = IDM_OK;
	if (result != IDM_OK || rest == NULL)
		return result;
	key = name_key(name);
	until = until_key(rest->until_s, name);
	memcpy(row, rest->holder.bytes, IDM_UUID_BYTES);
	idm_store_u64((uint64_t)rest->until_s, row + IDM_UUID_BYTES);
	result =
	    idm_store_put(txn, IDM_DB_META, key_span(&key), idm_span_of(row, sizeof(row)), err);
	if (result == IDM_OK)
		result = idm_store_put(txn, IDM_DB_META, key_span(&until), IDM_SPAN_EMPTY, err);
	return result;
}

/* The name whose rest ends first.  IDM_NOT_FOUND: none rests. */
static enum idm_result
find_first(const struct idm_txn *txn, struct rest_key *out, struct idm_error *err)
{
	struct idm_cursor cursor;
	struct idm_span key, value;
	enum idm_result result = idm_cursor_open(
	    txn, IDM_DB_META, idm_span_of(until_prefix, UNTIL_PREFIX_BYTES), &cursor, err);

	if (result != IDM_OK)
		return result;
	result = idm_cursor_next(&cursor, &key, &value, err);
	if (result == IDM_OK && (key.len < UNTIL_BYTES || key.len > sizeof(out->bytes)))
		result = idm_fail(
		    err, IDM_CORRUPT, "a name that rests has a key of %zu octets", key.len);
	if (result == IDM_OK) {
		out->len = 0;
		put_bytes(out, key.ptr, key.len);
	}
	idm_cursor_close(&cursor);
	return result;
}

enum idm_result
idm_rest_sweep(const struct idm_txn *txn, int64_t at_s, size_t most, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < most && result == IDM_OK; i++) {
		struct rest_key key;
		struct idm_span name;
		int64_t until_s;

		result = find_first(txn, &key, err);
		if (result != IDM_OK)
			break;
		until_s = idm_datetime_load(idm_span_of(key.bytes + UNTIL_PREFIX_BYTES, 8));
		if (until_s > at_s)
			break;
		name = idm_span_of(key.bytes + UNTIL_BYTES, key.len - UNTIL_BYTES);
		result = forget(txn, name, until_s, err);
	}
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* --- whether what is stored fits */

static bool
begins_with(struct idm_span key, const char *prefix)
{
	size_t len = strlen(prefix);

	return key.len > len && memcmp(key.ptr, prefix, len) == 0;
}

static enum idm_result
check_name_row(const struct idm_txn *txn, struct idm_span name, struct idm_error *err)
{
	struct idm_rest rest;
	struct rest_key until;
	struct idm_span value;
	enum idm_result result = idm_rest_find(txn, name, &rest, err);

	if (result != IDM_OK)
		return result;
	until = until_key(rest.until_s, name);
	result = idm_store_get(txn, IDM_DB_META, key_span(&until), &value, err);
	if (result == IDM_NOT_FOUND)
		return idm_fail(err, IDM_CORRUPT, "a name would rest for ever");
	return result;
}

static enum idm_result
check_until_row(const struct idm_txn *txn, struct idm_span key, struct idm_error *err)
{
	struct idm_rest rest;
	enum idm_result result;

	if (key.len < UNTIL_BYTES)
		return idm_fail(err, IDM_CORRUPT, "the end of a rest has %zu octets", key.len);
	result = idm_rest_find(
	    txn, idm_span_of(key.ptr + UNTIL_BYTES, key.len - UNTIL_BYTES), &rest, err);
	if (result == IDM_NOT_FOUND ||
	    (result == IDM_OK &&
		rest.until_s != idm_datetime_load(idm_span_of(key.ptr + UNTIL_PREFIX_BYTES, 8))))
		return idm_fail(err, IDM_CORRUPT, "the end of a rest that no name has");
	return result;
}

enum idm_result
idm_rest_check_row(const struct idm_txn *txn, struct idm_span key, bool *is, struct idm_error *err)
{
	size_t len = sizeof(name_prefix) - 1;

	*is = true;
	if (begins_with(key, until_prefix))
		return check_until_row(txn, key, err);
	if (begins_with(key, name_prefix))
		return check_name_row(txn, idm_span_of(key.ptr + len, key.len - len), err);
	*is = false;
	return IDM_OK;
}
