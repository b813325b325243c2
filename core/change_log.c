#include "core/change_log.h"

#include <inttypes.h>

/*
 * Two kinds of rows share the database of requests: 'i' and a request's id -> number and result of
 * the change that answered it; 'n' and the number -> id and second, to find the oldest.
 */
enum {
	ID_KEY_BYTES = 1 + IDM_UUID_BYTES,
	ID_ROW_BYTES = 8 + 1,
	NO_KEY_BYTES = 1 + 8,
	NO_ROW_BYTES = IDM_UUID_BYTES + 8,
	REQUESTS_KEEP_S = 15 * 60,
	TRIM_AT_ONCE = 16, /* rows a change forgets at most, so that no change pays for many */
	TRIM_REQUESTS_AT_ONCE = 2, /* each on a page of its own, for their keys are random */
};

static void
id_key(const struct idm_uuid *id, uint8_t out[ID_KEY_BYTES])
{
	out[0] = 'i';
	memcpy(out + 1, id->bytes, IDM_UUID_BYTES);
}

static void
no_key(uint64_t no, uint8_t out[NO_KEY_BYTES])
{
	out[0] = 'n';
	idm_store_u64(no, out + 1);
}

enum idm_result
idm_change_log_find(const struct idm_read *read, const struct idm_uuid *request_id,
    struct idm_answer *out, struct idm_error *err)
{
	uint8_t key[ID_KEY_BYTES];
	struct idm_span row;
	enum idm_result result;

	id_key(request_id, key);
	result =
	    idm_store_get(read->txn, IDM_DB_REQUESTS, idm_span_of(key, sizeof(key)), &row, err);
	if (result != IDM_OK)
		return result;
	if (row.len != ID_ROW_BYTES)
		return idm_fail(err, IDM_CORRUPT, "a row of requests has %zu octets", row.len);
	out->no = idm_store_load_u64(row.ptr);
	out->result = row.ptr[8];
	return IDM_OK;
}

/* Decode a row, from a copy: it may move under the caller's writes. */
static enum idm_result
decode_row(const struct idm_read *read, struct idm_span row, struct idm_change_set *out,
    struct idm_error *err)
{
	row = idm_arena_copy(read->arena, row);
	if (row.ptr == NULL)
		return idm_fail(err, IDM_LIMIT, "no room for a change set");
	return idm_change_decode(row, read->arena, out, err);
}

enum idm_result
idm_change_log_get(
    const struct idm_read *read, uint64_t no, struct idm_change_set *out, struct idm_error *err)
{
	uint8_t key[8];
	struct idm_span row;
	enum idm_result result;

	idm_store_u64(no, key);
	result = idm_store_get(read->txn, IDM_DB_CHANGES, idm_span_of(key, 8), &row, err);
	return result == IDM_OK ? decode_row(read, row, out, err) : result;
}

enum idm_result
idm_change_log_next(
    const struct idm_read *read, uint64_t from, struct idm_change_set *out, struct idm_error *err)
{
	struct idm_cursor cursor;
	struct idm_span key, row;
	uint8_t seek[8];
	enum idm_result result =
	    idm_cursor_open(read->txn, IDM_DB_CHANGES, IDM_SPAN_EMPTY, &cursor, err);

	if (result != IDM_OK)
		return result;
	idm_store_u64(from + 1, seek);
	result = idm_cursor_seek(&cursor, idm_span_of(seek, sizeof(seek)), err);
	if (result == IDM_OK)
		result = idm_cursor_next(&cursor, &key, &row, err);
	if (result == IDM_OK)
		result = decode_row(read, row, out, err);
	if (result == IDM_OK && out->no <= from) /* or who follows would never come to an end */
		result = idm_fail(err, IDM_CORRUPT, "a change is recorded under another number");
	idm_cursor_close(&cursor);
	return result;
}

/* --- requests */

static enum idm_result
put_request(const struct idm_read *read, const struct idm_change_set *set, struct idm_error *err)
{
	uint8_t by_id[ID_KEY_BYTES], answer[ID_ROW_BYTES], by_no[NO_KEY_BYTES], row[NO_ROW_BYTES];
	enum idm_result result;

	id_key(&set->request_id, by_id);
	idm_store_u64(set->no, answer);
	answer[8] = IDM_OK; /* what was refused left no trace, and is decided anew */
	no_key(set->no, by_no);
	memcpy(row, set->request_id.bytes, IDM_UUID_BYTES);
	idm_store_u64((uint64_t)set->at_s, row + IDM_UUID_BYTES);
	result = idm_store_put(read->txn, IDM_DB_REQUESTS, idm_span_of(by_id, sizeof(by_id)),
	    idm_span_of(answer, sizeof(answer)), err);
	if (result != IDM_OK)
		return result;
	return idm_store_put(read->txn, IDM_DB_REQUESTS, idm_span_of(by_no, sizeof(by_no)),
	    idm_span_of(row, sizeof(row)), err);
}

/* A request that is known, and when it was answered. */
struct known_request {
	uint64_t no;
	struct idm_uuid id;
	int64_t at_s;
};

static enum idm_result
oldest_request(const struct idm_read *read, struct known_request *out, struct idm_error *err)
{
	struct idm_cursor cursor;
	struct idm_span key, row;
	enum idm_result result =
	    idm_cursor_open(read->txn, IDM_DB_REQUESTS, IDM_SPAN_LIT("n"), &cursor, err);

	if (result != IDM_OK)
		return result;
	result = idm_cursor_next(&cursor, &key, &row, err);
	if (result == IDM_OK && (key.len != NO_KEY_BYTES || row.len != NO_ROW_BYTES))
		result = idm_fail(err, IDM_CORRUPT, "a row of requests has %zu octets", row.len);
	if (result == IDM_OK) {
		out->no = idm_store_load_u64(key.ptr + 1);
		memcpy(out->id.bytes, row.ptr, IDM_UUID_BYTES);
		out->at_s = (int64_t)idm_store_load_u64(row.ptr + IDM_UUID_BYTES);
	}
	idm_cursor_close(&cursor);
	return result;
}

static enum idm_result
forget_request(
    const struct idm_read *read, const struct known_request *request, struct idm_error *err)
{
	uint8_t by_id[ID_KEY_BYTES], by_no[NO_KEY_BYTES];
	enum idm_result result;

	id_key(&request->id, by_id);
	no_key(request->no, by_no);
	result = idm_store_del(read->txn, IDM_DB_REQUESTS, idm_span_of(by_id, sizeof(by_id)), err);
	if (result == IDM_OK || result == IDM_NOT_FOUND)
		result = idm_store_del(
		    read->txn, IDM_DB_REQUESTS, idm_span_of(by_no, sizeof(by_no)), err);
	return result;
}

/*
 * Forget the oldest requests, up to `most` of them, while there are more than are kept behind the
 * change `no` and they are old at its second; *forgotten: how many were.
 */
static enum idm_result
trim_requests(const struct idm_read *read, uint64_t no, int64_t at_s, size_t most,
    size_t *forgotten, struct idm_error *err)
{
	struct known_request oldest;
	enum idm_result result = IDM_OK;

	for (*forgotten = 0; *forgotten < most && result == IDM_OK; ++*forgotten) {
		result = oldest_request(read, &oldest, err);
		if (result != IDM_OK ||
		    idm_change_counter(oldest.no) + IDM_REQUESTS_KEEP > idm_change_counter(no) ||
		    oldest.at_s + REQUESTS_KEEP_S > at_s)
			break;
		result = forget_request(read, &oldest, err);
	}
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* --- changes */

/* The oldest recorded change: its number, and the octets of its row. */
static enum idm_result
oldest_change(const struct idm_read *read, uint64_t *no, size_t *bytes, struct idm_error *err)
{
	struct idm_cursor cursor;
	struct idm_span key, row;
	enum idm_result result =
	    idm_cursor_open(read->txn, IDM_DB_CHANGES, IDM_SPAN_EMPTY, &cursor, err);

	if (result != IDM_OK)
		return result;
	result = idm_cursor_next(&cursor, &key, &row, err);
	if (result == IDM_OK && key.len != 8)
		result = idm_fail(err, IDM_CORRUPT, "a key of changes has %zu octets", key.len);
	if (result == IDM_OK) {
		*no = idm_store_load_u64(key.ptr);
		*bytes = row.len;
	}
	idm_cursor_close(&cursor);
	return result;
}

/*
 * Forget the oldest change sets, up to `most` of them but never `no`, while all take more than is
 * kept; *bytes: that they take; *forgotten: how many were.
 */
static enum idm_result
trim_changes(const struct idm_read *read, uint64_t no, size_t most, uint64_t *bytes,
    size_t *forgotten, struct idm_error *err)
{
	for (*forgotten = 0; *forgotten < most; ++*forgotten) {
		uint8_t key[8];
		uint64_t oldest;
		size_t row_bytes;
		enum idm_result result;

		if (*bytes <= IDM_CHANGES_KEEP_BYTES)
			break;
		result = oldest_change(read, &oldest, &row_bytes, err);
		if (result != IDM_OK)
			return result;
		if (oldest == no) {
			*bytes = row_bytes; /* it was counted wrong: nothing else is there */
			break;
		}
		idm_store_u64(oldest, key);
		result =
		    idm_store_del(read->txn, IDM_DB_CHANGES, idm_span_of(key, sizeof(key)), err);
		if (result != IDM_OK)
			return result;
		*bytes -= row_bytes < *bytes ? row_bytes : *bytes;
	}
	return IDM_OK;
}

enum idm_result
idm_change_log_append(
    const struct idm_read *read, const struct idm_change_set *set, struct idm_error *err)
{
	uint8_t no[8];
	uint64_t bytes = 0;
	size_t forgotten;
	struct idm_span row;
	enum idm_result result = idm_change_encode(set, read->arena, &row, err);

	idm_store_u64(set->no, no);
	if (result == IDM_OK)
		result = idm_store_put(read->txn, IDM_DB_CHANGES, idm_span_of(no, 8), row, err);
	if (result == IDM_OK)
		result = put_request(read, set, err);
	if (result == IDM_OK)
		result = idm_store_get_number(read->txn, IDM_DB_META, "changes.bytes", &bytes, err);
	if (result != IDM_OK)
		return result;
	bytes += row.len;
	result = trim_requests(read, set->no, set->at_s, TRIM_REQUESTS_AT_ONCE, &forgotten, err);
	if (result == IDM_OK)
		result = trim_changes(read, set->no, TRIM_AT_ONCE, &bytes, &forgotten, err);
	if (result == IDM_OK)
		result = idm_store_put_number(read->txn, IDM_DB_META, "changes.bytes", bytes, err);
	return result;
}

enum idm_result
idm_change_log_trim(
    const struct idm_read *read, size_t most, size_t *forgotten, struct idm_error *err)
{
	uint64_t no, at, before, bytes;
	size_t requests;
	enum idm_result result = idm_store_get_number(read->txn, IDM_DB_META, "applied", &no, err);

	*forgotten = 0;
	if (result == IDM_OK)
		result = idm_store_get_number(read->txn, IDM_DB_META, "at", &at, err);
	if (result == IDM_OK)
		result =
		    idm_store_get_number(read->txn, IDM_DB_META, "changes.bytes", &before, err);
	if (result != IDM_OK)
		return result;
	bytes = before;
	result = trim_requests(read, no, (int64_t)at, most, &requests, err);
	if (result == IDM_OK)
		result = trim_changes(read, no, most - requests, &bytes, forgotten, err);
	*forgotten += requests;
	if (result == IDM_OK && bytes != before)
		result = idm_store_put_number(read->txn, IDM_DB_META, "changes.bytes", bytes, err);
	return result;
}

/* --- whether what is stored fits */

static enum idm_result
check_pair(
    const struct idm_read *read, struct idm_span key, struct idm_span wanted, struct idm_error *err)
{
	struct idm_span row;
	enum idm_result result = idm_store_get(read->txn, IDM_DB_REQUESTS, key, &row, err);

	if (result == IDM_NOT_FOUND ||
	    (result == IDM_OK &&
		(row.len < wanted.len || memcmp(row.ptr, wanted.ptr, wanted.len) != 0)))
		return idm_fail(err, IDM_CORRUPT, "it is not the one that it leads to");
	return result;
}

/* The change that answered it; it may be forgotten, when it is older than those that are kept. */
static enum idm_result
check_answer(
    const struct idm_read *read, uint64_t no, const struct idm_uuid *id, struct idm_error *err)
{
	struct idm_change_set set;
	uint64_t oldest = UINT64_MAX;
	size_t bytes;
	enum idm_result result = idm_change_log_get(read, no, &set, err);

	if (result == IDM_OK && !idm_uuid_equal(&set.request_id, id))
		return idm_fail(
		    err, IDM_CORRUPT, "it leads to change %" PRIu64 ", which answered another", no);
	if (result != IDM_NOT_FOUND)
		return result == IDM_CORRUPT ? IDM_OK : result; /* the change's own damage */
	result = oldest_change(read, &oldest, &bytes, err);
	if ((result == IDM_OK || result == IDM_NOT_FOUND) && no >= oldest)
		return idm_fail(
		    err, IDM_CORRUPT, "it leads to no change: %" PRIu64 " is not there", no);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

enum idm_result
idm_change_log_check_request(
    const struct idm_read *read, struct idm_span key, struct idm_span row, struct idm_error *err)
{
	struct idm_uuid id;
	uint8_t other[ID_KEY_BYTES];
	uint64_t no;

	if (key.len == ID_KEY_BYTES && key.ptr[0] == 'i' && row.len == ID_ROW_BYTES) {
		memcpy(id.bytes, key.ptr + 1, IDM_UUID_BYTES);
		no = idm_store_load_u64(row.ptr);
		if (check_answer(read, no, &id, err) != IDM_OK)
			return IDM_CORRUPT;
		no_key(no, other);
		return check_pair(read, idm_span_of(other, NO_KEY_BYTES), idm_uuid_span(&id), err);
	}
	if (key.len == NO_KEY_BYTES && key.ptr[0] == 'n' && row.len == NO_ROW_BYTES) {
		memcpy(id.bytes, row.ptr, IDM_UUID_BYTES);
		id_key(&id, other);
		return check_pair(
		    read, idm_span_of(other, ID_KEY_BYTES), idm_span_of(key.ptr + 1, 8), err);
	}
	return idm_fail(err, IDM_CORRUPT, "it is no key of a request, or of another length");
}
