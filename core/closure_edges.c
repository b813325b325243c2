/* Rows of `up` and `down`: direct edges, and the members of the groups that hold a class. */
#include "core/closure.h"

#include <inttypes.h>

#include "core/groups.h"
#include "core/index.h"

enum {
	ID_BYTES = 8,
	DOWN_GROUP_BYTES = ID_BYTES + 1,              /* group and kind of member */
	DOWN_KEY_BYTES = DOWN_GROUP_BYTES + ID_BYTES, /* and window */
};

/* --- the groups that hold everybody of a class */

/* The class whose entries are in the group; NULL: its members are stored edges. */
static const char *
class_of_group(const struct idm_read *read, uint64_t group_id)
{
	if (group_id == 0)
		return NULL;
	if (group_id == read->all_persons_id)
		return "person";
	if (group_id == read->all_accounts_id)
		return "account";
	return NULL;
}

bool
idm_closure_is_by_class(const struct idm_read *read, uint64_t group_id)
{
	return class_of_group(read, group_id) != NULL;
}

static bool
is_member_by_class(const struct idm_read *read, uint64_t group_id, const struct idm_entry *entry)
{
	const char *class_name = class_of_group(read, group_id);

	return class_name != NULL && idm_entry_has_class(entry, class_name) &&
	       idm_entry_is_live(entry);
}

static enum idm_result
class_members(const struct idm_read *read, const char *class_name, uint64_t window_no,
    struct idm_window *window, struct idm_error *err)
{
	static const char *const dead[] = { "recycled", "tombstone" };
	const struct idm_attr *attr = idm_schema_attr_number(read->schema, IDM_ATTR_CLASS);
	struct idm_window members = { { 0 } }, gone = { { 0 } };
	enum idm_result result;

	result = idm_index_equal(read, attr, idm_span_cstr(class_name), window_no, &members, err);
	for (size_t i = 0; result == IDM_OK && i < sizeof(dead) / sizeof(dead[0]); i++)
		result = idm_index_equal(read, attr, idm_span_cstr(dead[i]), window_no, &gone, err);
	if (result != IDM_OK)
		return result;
	idm_window_and_not(&members, &gone);
	idm_window_or(window, &members);
	return IDM_OK;
}

/* --- upward */

enum idm_result
idm_closure_listed_by(
    const struct idm_read *read, uint64_t member_id, struct idm_ids *out, struct idm_error *err)
{
	uint8_t key[ID_BYTES];
	struct idm_span row;
	enum idm_result result;

	memset(out, 0, sizeof(*out));
	idm_store_u64(member_id, key);
	result = idm_store_get(read->txn, IDM_DB_UP, idm_span_of(key, sizeof(key)), &row, err);
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	if (result != IDM_OK)
		return result;
	return idm_packed_decode(row, out, read->arena, err);
}

enum idm_result
idm_closure_direct(const struct idm_read *read, const struct idm_entry *entry, struct idm_ids *out,
    struct idm_error *err)
{
	const uint64_t by_class[] = { read->all_persons_id, read->all_accounts_id };
	enum idm_result result;

	if (idm_groups_find_direct(read->groups, entry->id, read->arena, out))
		return IDM_OK;
	result = idm_closure_listed_by(read, entry->id, out, err);
	for (size_t i = 0; result == IDM_OK && i < sizeof(by_class) / sizeof(by_class[0]); i++) {
		if (!is_member_by_class(read, by_class[i], entry))
			continue;
		result = idm_ids_add(out, read->arena, by_class[i], NULL);
		if (result != IDM_OK)
			return idm_fail(err, result, "groups of entry %" PRIu64, entry->id);
	}
	if (result == IDM_OK)
		idm_groups_keep_direct(read->groups, entry->id, out);
	return result;
}

/* --- downward */

static void
down_prefix(uint64_t group_id, enum idm_member_kind kind, uint8_t out[DOWN_GROUP_BYTES])
{
	idm_store_u64(group_id, out);
	out[ID_BYTES] = (uint8_t)kind;
}

static void
down_key(
    uint64_t group_id, enum idm_member_kind kind, uint64_t window_no, uint8_t out[DOWN_KEY_BYTES])
{
	down_prefix(group_id, kind, out);
	idm_store_u64(window_no, out + DOWN_GROUP_BYTES);
}

enum idm_result
idm_closure_seek_members(struct idm_cursor *cursor, uint64_t group_id, enum idm_member_kind kind,
    uint64_t window_no, struct idm_error *err)
{
	uint8_t key[DOWN_KEY_BYTES];

	down_key(group_id, kind, window_no, key);
	return idm_cursor_seek(cursor, idm_span_of(key, sizeof(key)), err);
}

enum idm_result
idm_closure_next_members(struct idm_cursor *cursor, uint64_t group_id, enum idm_member_kind kind,
    uint64_t *window_no, struct idm_span *container, struct idm_error *err)
{
	uint8_t prefix[DOWN_GROUP_BYTES];
	struct idm_span key;
	enum idm_result result = idm_cursor_next(cursor, &key, container, err);

	if (result != IDM_OK)
		return result;
	down_prefix(group_id, kind, prefix);
	if (key.len != DOWN_KEY_BYTES || memcmp(key.ptr, prefix, sizeof(prefix)) != 0)
		return IDM_NOT_FOUND;
	*window_no = idm_store_load_u64(key.ptr + DOWN_GROUP_BYTES);
	return IDM_OK;
}

/* --- members */

/* The stored members in a window, from a cursor; *next_no as idm_closure_members. */
static enum idm_result
read_members(struct idm_cursor *cursor, uint64_t group_id, enum idm_member_kind kind,
    uint64_t window_no, struct idm_window *window, uint64_t *next_no, struct idm_error *err)
{
	struct idm_span container;
	uint64_t no;
	enum idm_result result = idm_closure_seek_members(cursor, group_id, kind, window_no, err);

	if (result == IDM_OK)
		result = idm_closure_next_members(cursor, group_id, kind, &no, &container, err);
	if (result == IDM_OK && no == window_no) {
		result = idm_container_decode(container, window, err);
		if (result == IDM_OK)
			result =
			    idm_closure_next_members(cursor, group_id, kind, &no, &container, err);
	}
	*next_no = result == IDM_OK ? no : IDM_NO_WINDOW;
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

static enum idm_result
stored_members(const struct idm_read *read, uint64_t group_id, enum idm_member_kind kind,
    uint64_t window_no, struct idm_window *window, uint64_t *next_no, struct idm_error *err)
{
	uint8_t prefix[DOWN_GROUP_BYTES];
	struct idm_cursor cursor;
	enum idm_result result;

	down_prefix(group_id, kind, prefix);
	result = idm_cursor_open(
	    read->txn, IDM_DB_DOWN, idm_span_of(prefix, sizeof(prefix)), &cursor, err);
	if (result != IDM_OK)
		return result;
	result = read_members(&cursor, group_id, kind, window_no, window, next_no, err);
	idm_cursor_close(&cursor);
	return result;
}

enum idm_result
idm_closure_members(const struct idm_read *read, uint64_t group_id, enum idm_member_kind kind,
    uint64_t window_no, struct idm_window *window, uint64_t *next_no, struct idm_error *err)
{
	const char *class_name = class_of_group(read, group_id);
	uint64_t end;
	enum idm_result result;

	*next_no = IDM_NO_WINDOW;
	if (class_name == NULL)
		return stored_members(read, group_id, kind, window_no, window, next_no, err);
	if (kind == IDM_MEMBER_GROUP)
		return IDM_OK; /* no group is a person or an account */
	result = idm_index_window_end(read, &end, err);
	if (result != IDM_OK)
		return result;
	if (window_no + 1 < end)
		*next_no = window_no + 1;
	return class_members(read, class_name, window_no, window, err);
}

/* OR the stored members of one kind in a window. */
static enum idm_result
or_stored(const struct idm_read *read, uint64_t group_id, enum idm_member_kind kind,
    uint64_t window_no, struct idm_window *window, struct idm_error *err)
{
	uint8_t key[DOWN_KEY_BYTES];
	struct idm_span container;
	enum idm_result result;

	down_key(group_id, kind, window_no, key);
	result =
	    idm_store_get(read->txn, IDM_DB_DOWN, idm_span_of(key, sizeof(key)), &container, err);
	if (result != IDM_OK)
		return result == IDM_NOT_FOUND ? IDM_OK : result;
	return idm_container_decode(container, window, err);
}

enum idm_result
idm_closure_all_members(const struct idm_read *read, uint64_t group_id, uint64_t window_no,
    struct idm_window *window, struct idm_error *err)
{
	const char *class_name = class_of_group(read, group_id);
	enum idm_result result;

	if (class_name != NULL)
		return class_members(read, class_name, window_no, window, err);
	result = or_stored(read, group_id, IDM_MEMBER_GROUP, window_no, window, err);
	return result == IDM_OK
		   ? or_stored(read, group_id, IDM_MEMBER_ACCOUNT, window_no, window, err)
		   : result;
}

enum idm_result
idm_closure_member_ids(const struct idm_read *read, uint64_t group_id, enum idm_member_kind kind,
    struct idm_ids *out, struct idm_error *err)
{
	enum idm_result result = IDM_OK;
	uint64_t next_no = 0;

	for (uint64_t no = 0; no != IDM_NO_WINDOW && result == IDM_OK; no = next_no) {
		struct idm_window window;

		idm_window_clear(&window);
		result = idm_closure_members(read, group_id, kind, no, &window, &next_no, err);
		if (result == IDM_OK)
			result = idm_ids_add_window(out, read->arena, &window, no);
		if (result == IDM_LIMIT)
			idm_fail(err, result, "no memory for the members of %" PRIu64, group_id);
	}
	return result;
}

/* What one group lists of one kind, from a cursor over the whole of `down`. */
static enum idm_result
add_few(const struct idm_read *read, struct idm_cursor *cursor, uint64_t group_id,
    enum idm_member_kind kind, size_t most, struct idm_ids *out, bool *few, struct idm_error *err)
{
	struct idm_window window;
	struct idm_span container;
	uint64_t no;
	enum idm_result result = idm_closure_seek_members(cursor, group_id, kind, 0, err);

	while (result == IDM_OK) {
		result = idm_closure_next_members(cursor, group_id, kind, &no, &container, err);
		if (result != IDM_OK)
			break;
		idm_window_clear(&window);
		result = idm_container_decode(container, &window, err);
		*few = out->count + idm_window_count(&window) <= most;
		if (result != IDM_OK || !*few)
			return result;
		result = idm_ids_add_window(out, read->arena, &window, no);
		if (result != IDM_OK)
			idm_fail(err, result, "no memory for a list of members");
	}
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

enum idm_result
idm_closure_few_members(const struct idm_read *read, const struct idm_ids *groups, size_t most,
    struct idm_ids *out, bool *few, struct idm_error *err)
{
	static const enum idm_member_kind kinds[] = { IDM_MEMBER_GROUP, IDM_MEMBER_ACCOUNT };
	struct idm_cursor cursor;
	enum idm_result result;

	*few = groups->count <= most;
	if (!*few)
		return IDM_OK;
	result = idm_cursor_open(read->txn, IDM_DB_DOWN, IDM_SPAN_EMPTY, &cursor, err);
	if (result != IDM_OK)
		return result;
	for (size_t i = 0; i < 2 * groups->count && *few && result == IDM_OK; i++) {
		uint64_t group_id = groups->ids[i / 2];

		*few = !idm_closure_is_by_class(read, group_id);
		if (*few)
			result =
			    add_few(read, &cursor, group_id, kinds[i % 2], most, out, few, err);
	}
	idm_cursor_close(&cursor);
	return result;
}

enum idm_result
idm_closure_has_member(const struct idm_read *read, uint64_t group_id,
    const struct idm_entry *member, bool *out, struct idm_error *err)
{
	struct idm_arena_mark mark = idm_arena_mark(read->arena);
	struct idm_ids above;
	enum idm_result result;

	*out = is_member_by_class(read, group_id, member);
	if (idm_closure_is_by_class(read, group_id))
		return IDM_OK;
	result = idm_closure_listed_by(read, member->id, &above, err);
	*out = result == IDM_OK && idm_ids_has(&above, group_id);
	idm_arena_rewind(read->arena, mark);
	return result;
}

/* --- edges */

static enum idm_result
set_up(const struct idm_read *read, uint64_t group_id, uint64_t member_id, bool present,
    bool *changed, struct idm_error *err)
{
	uint8_t key_bytes[ID_BYTES];
	struct idm_span key = idm_span_of(key_bytes, sizeof(key_bytes)), row = IDM_SPAN_EMPTY;
	struct idm_ids above;
	enum idm_result result = idm_closure_listed_by(read, member_id, &above, err);

	*changed = false;
	if (result != IDM_OK)
		return result;
	if (present)
		result = idm_ids_add(&above, read->arena, group_id, changed);
	else
		*changed = idm_ids_remove(&above, group_id);
	if (result == IDM_OK && !*changed)
		return IDM_OK;
	idm_store_u64(member_id, key_bytes);
	if (result == IDM_OK && above.count == 0)
		return idm_store_del(read->txn, IDM_DB_UP, key, err);
	if (result == IDM_OK)
		row = idm_packed_encode(&above, read->arena);
	if (row.ptr == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory for the groups of %" PRIu64, member_id);
	return idm_store_put(read->txn, IDM_DB_UP, key, row, err);
}

static enum idm_result
set_down(const struct idm_read *read, uint64_t group_id, const struct idm_entry *member,
    bool present, bool *changed, struct idm_error *err)
{
	uint8_t key[DOWN_KEY_BYTES];

	down_key(group_id,
	    idm_entry_has_class(member, "group") ? IDM_MEMBER_GROUP : IDM_MEMBER_ACCOUNT,
	    idm_window_of(member->id), key);
	return idm_index_set_id(
	    read, IDM_DB_DOWN, idm_span_of(key, sizeof(key)), member->id, present, changed, err);
}

enum idm_result
idm_closure_set_edge(const struct idm_read *read, uint64_t group_id, const struct idm_entry *member,
    bool present, bool *changed, struct idm_error *err)
{
	struct idm_arena_mark mark = idm_arena_mark(read->arena);
	bool up_changed;
	enum idm_result result;

	*changed = false;
	if (idm_closure_is_by_class(read, group_id))
		return idm_fail(err, IDM_INVALID, "group %" PRIu64 " takes no members", group_id);
	result = set_down(read, group_id, member, present, changed, err);
	if (result != IDM_OK)
		return result;
	result = set_up(read, group_id, member->id, present, &up_changed, err);
	idm_arena_rewind(read->arena, mark);
	if (result == IDM_OK && up_changed != *changed)
		return idm_fail(err, IDM_CORRUPT,
		    "group %" PRIu64 " and member %" PRIu64 " disagree on each other", group_id,
		    member->id);
	return result;
}

/* Both sides of the ids that differ: what `wanted` has alone comes, what `now` has alone goes. */
static enum idm_result
set_ups(const struct idm_read *read, uint64_t group_id, uint64_t window_no,
    const struct idm_window *differ, const struct idm_window *wanted, struct idm_error *err)
{
	struct idm_arena_mark mark = idm_arena_mark(read->arena);
	enum idm_result result = IDM_OK;

	for (uint64_t id = idm_window_next(differ, window_no, window_no << IDM_WINDOW_BITS);
	     result == IDM_OK && id != UINT64_MAX;
	     id = idm_window_next(differ, window_no, id + 1)) {
		bool changed;

		result = set_up(read, group_id, id, idm_window_has(wanted, id), &changed, err);
		idm_arena_rewind(read->arena, mark);
		if (result == IDM_OK && !changed)
			return idm_fail(err, IDM_CORRUPT,
			    "group %" PRIu64 " and member %" PRIu64 " disagree on each other",
			    group_id, id);
	}
	return result;
}

enum idm_result
idm_closure_set_window(const struct idm_read *read, uint64_t group_id, enum idm_member_kind kind,
    uint64_t window_no, const struct idm_window *wanted, bool *changed, struct idm_error *err)
{
	uint8_t container[IDM_CONTAINER_MAX_BYTES], key_bytes[DOWN_KEY_BYTES];
	struct idm_span key = idm_span_of(key_bytes, sizeof(key_bytes));
	struct idm_window now = { { 0 } }, differ = *wanted;
	size_t len;
	enum idm_result result = or_stored(read, group_id, kind, window_no, &now, err);

	if (result != IDM_OK)
		return result;
	idm_window_xor(&differ, &now);
	*changed = idm_window_count(&differ) != 0;
	if (!*changed)
		return IDM_OK;
	down_key(group_id, kind, window_no, key_bytes);
	len = idm_container_encode(wanted, container);
	result = len == 0
		     ? idm_store_del(read->txn, IDM_DB_DOWN, key, err)
		     : idm_store_put(read->txn, IDM_DB_DOWN, key, idm_span_of(container, len), err);
	return result == IDM_OK ? set_ups(read, group_id, window_no, &differ, wanted, err) : result;
}
