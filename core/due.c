#include "core/due.h"

#include "core/index.h"

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
	f->out[f->count++] = (struct idm_due){ entry.uuid,
		tombstone ? IDM_OP_PURGE : IDM_OP_TOMBSTONE, entry.version };
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
