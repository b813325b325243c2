#include "core/change_log.h"

enum {
	REQUESTS_KEEP_S = 15 * 60,
	TRIM_AT_ONCE = 16, /* rows a change forgets at most, so that no change pays for many */
};

/* A row of `changes` as far as trimming needs it; where each field stands is the codec's layout. */
struct change_head {
	uint64_t no;
	struct idm_uuid request_id;
	int64_t at_s;
	size_t bytes;
};

enum { HEAD_REQUEST_ID = 1, HEAD_AT = 1 + 16 + 8, HEAD_BYTES = HEAD_AT + 8 };

enum idm_result
idm_change_log_find(const struct idm_read *read, const struct idm_uuid *request_id, uint64_t *no,
    struct idm_error *err)
{
	struct idm_span row;
	enum idm_result result =
	    idm_store_get(read->txn, IDM_DB_REQUESTS, idm_uuid_span(request_id), &row, err);

	if (result != IDM_OK)
		return result;
	if (row.len != 8)
		return idm_fail(err, IDM_CORRUPT, "a row of requests has %zu octets", row.len);
	*no = idm_store_load_u64(row.ptr);
	return IDM_OK;
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
	if (result != IDM_OK)
		return result;
	row = idm_arena_copy(read->arena, row); /* it may move under the caller's writes */
	if (row.ptr == NULL)
		return idm_fail(err, IDM_LIMIT, "no room for a change set");
	return idm_change_decode(row, read->arena, out, err);
}

/* The first recorded change whose number is >= `from`. */
static enum idm_result
find_head(
    const struct idm_read *read, uint64_t from, struct change_head *out, struct idm_error *err)
{
	struct idm_cursor cursor;
	struct idm_span key, row;
	uint8_t seek[8];
	enum idm_result result =
	    idm_cursor_open(read->txn, IDM_DB_CHANGES, IDM_SPAN_EMPTY, &cursor, err);

	if (result != IDM_OK)
		return result;
	idm_store_u64(from, seek);
	result = idm_cursor_seek(&cursor, idm_span_of(seek, 8), err);
	if (result == IDM_OK)
		result = idm_cursor_next(&cursor, &key, &row, err);
	if (result == IDM_OK && (key.len != 8 || row.len < HEAD_BYTES))
		result = idm_fail(err, IDM_CORRUPT, "a row of changes is too short");
	if (result == IDM_OK) {
		out->no = idm_store_load_u64(key.ptr);
		memcpy(out->request_id.bytes, row.ptr + HEAD_REQUEST_ID, IDM_UUID_BYTES);
		out->at_s = (int64_t)idm_store_load_u64(row.ptr + HEAD_AT);
		out->bytes = row.len;
	}
	idm_cursor_close(&cursor);
	return result;
}

/* Forget the oldest requests, while there are more than are kept and they are old by `at`. */
static enum idm_result
trim_requests(const struct idm_read *read, const struct idm_change_set *set, struct idm_error *err)
{
	uint64_t first;
	struct change_head head;
	enum idm_result result =
	    idm_store_get_number(read->txn, IDM_DB_META, "requests.first", &first, err);

	for (int i = 0; i < TRIM_AT_ONCE && result == IDM_OK; i++) {
		result = find_head(read, first, &head, err);
		if (result != IDM_OK || head.no + IDM_REQUESTS_KEEP > set->no ||
		    head.at_s + REQUESTS_KEEP_S > set->at_s)
			break;
		result =
		    idm_store_del(read->txn, IDM_DB_REQUESTS, idm_uuid_span(&head.request_id), err);
		if (result == IDM_NOT_FOUND)
			result = IDM_OK;
		first = head.no + 1;
		if (result == IDM_OK)
			result = idm_store_put_number(
			    read->txn, IDM_DB_META, "requests.first", first, err);
	}
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* A request is forgotten with its change at the latest, for nothing would lead to it any more. */
static enum idm_result
forget_change(const struct idm_read *read, const struct change_head *head, struct idm_error *err)
{
	uint8_t key[8];
	enum idm_result result;

	idm_store_u64(head->no, key);
	result = idm_store_del(read->txn, IDM_DB_CHANGES, idm_span_of(key, 8), err);
	if (result == IDM_OK)
		result = idm_store_del(
		    read->txn, IDM_DB_REQUESTS, idm_uuid_span(&head->request_id), err);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* Forget the oldest change sets but for the one at hand, while all take more than is kept. */
static enum idm_result
trim_changes(const struct idm_read *read, const struct idm_change_set *set, uint64_t bytes,
    struct idm_error *err)
{
	struct change_head head;
	enum idm_result result = IDM_OK;

	for (int i = 0; i < TRIM_AT_ONCE && bytes > IDM_CHANGES_KEEP_BYTES; i++) {
		result = find_head(read, 0, &head, err);
		if (result == IDM_OK && head.no == set->no) {
			bytes = head.bytes; /* it was counted wrong: nothing else is there */
			break;
		}
		if (result == IDM_OK)
			result = forget_change(read, &head, err);
		if (result != IDM_OK)
			return result;
		bytes -= head.bytes < bytes ? head.bytes : bytes;
	}
	return idm_store_put_number(read->txn, IDM_DB_META, "changes.bytes", bytes, err);
}

enum idm_result
idm_change_log_append(
    const struct idm_read *read, const struct idm_change_set *set, struct idm_error *err)
{
	uint8_t no[8];
	uint64_t bytes;
	struct idm_span row;
	enum idm_result result = idm_change_encode(set, read->arena, &row, err);

	idm_store_u64(set->no, no);
	if (result == IDM_OK)
		result = idm_store_put(read->txn, IDM_DB_CHANGES, idm_span_of(no, 8), row, err);
	if (result == IDM_OK)
		result = idm_store_put(read->txn, IDM_DB_REQUESTS, idm_uuid_span(&set->request_id),
		    idm_span_of(no, 8), err);
	if (result == IDM_OK)
		result = idm_store_get_number(read->txn, IDM_DB_META, "changes.bytes", &bytes, err);
	if (result == IDM_OK)
		result = trim_requests(read, set, err);
	if (result == IDM_OK)
		result = trim_changes(read, set, bytes + row.len, err);
	return result;
}
