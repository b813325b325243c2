#include "core/due.h"

#include "core/index.h"
#include "core/token_store.h"

struct finding {
	const struct idm_read *read;
	size_t left; /* entries that may be looked at */
	struct idm_due *out;
	size_t room;
	size_t count;
	struct idm_error *err;
};

/* The entries of one window that were deleted. */
static enum idm_result
deleted_of_window(struct finding *f, uint64_t no, struct idm_window *window)
{
	static const struct idm_span classes[] = { IDM_SPAN_LIT("recycled"),
		IDM_SPAN_LIT("tombstone") };
	const struct idm_attr *class = idm_schema_attr_number(f->read->schema, IDM_ATTR_CLASS);
	enum idm_result result = IDM_OK;

	idm_window_clear(window);
	for (size_t i = 0; i < 2 && result == IDM_OK; i++)
		result = idm_index_equal(f->read, class, classes[i], no, window, f->err);
	return result;
}

static enum idm_result
look_at(struct finding *f, uint64_t id)
{
	struct idm_entry entry;
	bool tombstone;
	int64_t since_s;
	enum idm_result result = idm_lookup_id(f->read, id, &entry, f->err);

	if (result == IDM_NOT_FOUND)
		return idm_fail(f->err, IDM_CORRUPT, "the index names an entry that is not there");
	if (result != IDM_OK)
		return result;
	tombstone = idm_entry_has_class(&entry, "tombstone");
	since_s = idm_entry_datetime(&entry, IDM_ATTR_LAST_MODIFIED, INT64_MAX);
	if (f->read->now.at_s < since_s ||
	    f->read->now.at_s - since_s < (tombstone ? IDM_TOMBSTONE_S : IDM_RECYCLED_S))
		return IDM_OK;
	f->out[f->count++] = (struct idm_due){ .target = entry.uuid,
		.operation = tombstone ? IDM_OP_PURGE : IDM_OP_TOMBSTONE,
		.base = entry.version };
	return IDM_OK;
}

/* The entries of a window from *from on; *from: the first that was not looked at, or behind. */
static enum idm_result
look_through(struct finding *f, uint64_t no, uint64_t *from)
{
	struct idm_window window;
	enum idm_result result = deleted_of_window(f, no, &window);

	while (result == IDM_OK) {
		uint64_t id = idm_window_next(&window, no, *from);

		if (id == UINT64_MAX) {
			*from = (no + 1) << IDM_WINDOW_BITS;
			break;
		}
		*from = id;
		if (f->left == 0 || f->count == f->room)
			break;
		f->left--;
		result = look_at(f, id);
		*from = id + 1;
	}
	return result;
}

enum idm_result
idm_due_find(const struct idm_read *read, uint64_t *from, size_t look, struct idm_due *out,
    size_t room, size_t *count, struct idm_error *err)
{
	struct finding f = { .read = read, .left = look, .out = out, .room = room, .err = err };
	uint64_t end;
	enum idm_result result = idm_index_window_end(read, &end, err);

	*count = 0;
	if (!read->now.trusted)
		*from = end << IDM_WINDOW_BITS;
	while (result == IDM_OK && idm_window_of(*from) < end && f.left != 0 && f.count != f.room)
		result = look_through(&f, idm_window_of(*from), from);
	*count = f.count;
	if (idm_window_of(*from) >= end)
		*from = 0;
	return result;
}

/* --- API tokens */

static bool
has_rested(const struct idm_token_row *row, int64_t now_s)
{
	int64_t since_s = row->expire_s > row->issued_s ? row->expire_s : row->issued_s;

	return row->kind == IDM_TOKEN_API && row->expire_s != INT64_MAX && since_s < now_s &&
	       now_s - since_s >= IDM_TOKEN_SHOWN_S;
}

static enum idm_result
look_at_token(struct finding *f, struct idm_span bytes)
{
	struct idm_token_row row;
	enum idm_result result = idm_token_row_decode(bytes, &row, f->err);

	if (result == IDM_OK && has_rested(&row, f->read->now.at_s))
		f->out[f->count++] = (struct idm_due){
			.target = row.account, .operation = IDM_OP_MODIFY, .token = row.id
		};
	return result;
}

/* From *from on, until the rows end (IDM_NOT_FOUND) or enough was looked at. */
static enum idm_result
look_through_tokens(struct finding *f, struct idm_cursor *cursor, struct idm_uuid *from)
{
	struct idm_span key, value;
	enum idm_result result = idm_cursor_seek(cursor, idm_uuid_span(from), f->err);

	while (result == IDM_OK) {
		result = idm_cursor_next(cursor, &key, &value, f->err);
		if (result != IDM_OK)
			break;
		if (key.len != IDM_UUID_BYTES)
			continue; /* it says whose one is */
		memcpy(from->bytes, key.ptr, IDM_UUID_BYTES);
		if (f->left == 0 || f->count == f->room)
			break;
		f->left--;
		result = look_at_token(f, value);
	}
	return result;
}

enum idm_result
idm_due_find_tokens(const struct idm_read *read, struct idm_uuid *from, size_t look,
    struct idm_due *out, size_t room, size_t *count, struct idm_error *err)
{
	struct finding f = { .read = read, .left = look, .out = out, .room = room, .err = err };
	struct idm_cursor cursor;
	enum idm_result result;

	*count = 0;
	result = read->now.trusted
		     ? idm_cursor_open(read->txn, IDM_DB_TOKENS, IDM_SPAN_EMPTY, &cursor, err)
		     : IDM_NOT_FOUND;
	if (result == IDM_OK) {
		result = look_through_tokens(&f, &cursor, from);
		idm_cursor_close(&cursor);
	}
	*count = f.count;
	if (result == IDM_NOT_FOUND)
		memset(from, 0, sizeof(*from));
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}
