#include "core/closure.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/index.h"

enum {
	ID_BYTES = 8,
	DOWN_GROUP_BYTES = ID_BYTES + 1,              /* group and kind of member */
	DOWN_KEY_BYTES = DOWN_GROUP_BYTES + ID_BYTES, /* and window */
	FIRST_SLOTS = 64,
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

/* --- upward, one step */

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
	enum idm_result result = idm_closure_listed_by(read, entry->id, out, err);

	for (size_t i = 0; result == IDM_OK && i < sizeof(by_class) / sizeof(by_class[0]); i++) {
		if (!is_member_by_class(read, by_class[i], entry))
			continue;
		result = idm_ids_add(out, read->arena, by_class[i], NULL);
		if (result != IDM_OK)
			return idm_fail(err, result, "groups of entry %" PRIu64, entry->id);
	}
	return result;
}

/* --- walks */

/*
 * Everything that a walk has found, in that order, so that it is the queue too; and a hash set of
 * it, so that a walk over n groups takes n steps whatever their ids are.
 */
struct walk {
	const struct idm_read *read;
	uint64_t *found;
	size_t count;
	uint64_t *slots; /* 0: empty; never more than half full */
	size_t slot_count;
	uint64_t stop_at; /* end the walk when this one is found; 0: none */
	bool stopped;
};

/* Where `id` stands in the slots, or would. */
static size_t
find_slot(const struct walk *walk, uint64_t id)
{
	size_t at = (size_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (walk->slot_count - 1);

	while (walk->slots[at] != 0 && walk->slots[at] != id)
		at = (at + 1) & (walk->slot_count - 1);
	return at;
}

static enum idm_result
walk_grow(struct walk *walk, struct idm_error *err)
{
	size_t slot_count = walk->slot_count == 0 ? FIRST_SLOTS : 2 * walk->slot_count;
	uint64_t *slots = idm_arena_array(walk->read->arena, slot_count, sizeof(*slots));
	uint64_t *found = idm_arena_array(walk->read->arena, slot_count / 2, sizeof(*found));

	if (slots == NULL || found == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory to walk over %zu groups", walk->count);
	if (walk->count != 0)
		memcpy(found, walk->found, walk->count * sizeof(*found));
	walk->found = found;
	walk->slots = slots;
	walk->slot_count = slot_count;
	for (size_t i = 0; i < walk->count; i++)
		slots[find_slot(walk, found[i])] = found[i];
	return IDM_OK;
}

static enum idm_result
walk_add(struct walk *walk, uint64_t id, struct idm_error *err)
{
	enum idm_result result;
	size_t at;

	if (id == 0)
		return idm_fail(err, IDM_CORRUPT, "a membership names id 0");
	if (walk->count == walk->slot_count / 2) {
		result = walk_grow(walk, err);
		if (result != IDM_OK)
			return result;
	}
	at = find_slot(walk, id);
	if (walk->slots[at] == id)
		return IDM_OK;
	walk->slots[at] = id;
	walk->found[walk->count++] = id;
	if (id == walk->stop_at)
		walk->stopped = true;
	return IDM_OK;
}

static enum idm_result
walk_add_all(struct walk *walk, const struct idm_ids *ids, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	for (size_t i = 0; result == IDM_OK && i < ids->count; i++)
		result = walk_add(walk, ids->ids[i], err);
	return result;
}

static int
compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void
walk_result(struct walk *walk, struct idm_ids *out)
{
	if (walk->count > 1)
		qsort(walk->found, walk->count, sizeof(*walk->found), compare_ids);
	out->ids = walk->found;
	out->count = walk->count;
	out->room = walk->slot_count / 2;
}

static enum idm_result
walk_up(struct walk *walk, const struct idm_entry *entry, struct idm_error *err)
{
	struct idm_ids above;
	enum idm_result result = idm_closure_direct(walk->read, entry, &above, err);

	if (result == IDM_OK)
		result = walk_add_all(walk, &above, err);
	for (size_t i = 0; result == IDM_OK && !walk->stopped && i < walk->count; i++) {
		result = idm_closure_listed_by(walk->read, walk->found[i], &above, err);
		if (result == IDM_OK)
			result = walk_add_all(walk, &above, err);
	}
	return result;
}

enum idm_result
idm_closure_memberof(const struct idm_read *read, const struct idm_entry *entry,
    struct idm_ids *out, struct idm_error *err)
{
	struct walk walk = { .read = read };
	enum idm_result result = walk_up(&walk, entry, err);

	walk_result(&walk, out);
	return result;
}

enum idm_result
idm_closure_is_hp(
    const struct idm_read *read, const struct idm_entry *entry, bool *out, struct idm_error *err)
{
	struct walk walk = { .read = read, .stop_at = read->high_privilege_id };
	struct idm_arena_mark mark = idm_arena_mark(read->arena);
	enum idm_result result;

	*out = false;
	if (walk.stop_at == 0)
		return IDM_OK;
	result = walk_up(&walk, entry, err);
	*out = walk.stopped;
	idm_arena_rewind(read->arena, mark);
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

/* The window of a key that belongs to `prefix`; false: it belongs to another group or kind. */
static bool
down_window(struct idm_span key, const uint8_t prefix[DOWN_GROUP_BYTES], uint64_t *window_no)
{
	if (key.len != DOWN_KEY_BYTES || memcmp(key.ptr, prefix, DOWN_GROUP_BYTES) != 0)
		return false;
	*window_no = idm_store_load_u64(key.ptr + DOWN_GROUP_BYTES);
	return true;
}

static enum idm_result
walk_add_window(
    struct walk *walk, struct idm_span container, uint64_t window_no, struct idm_error *err)
{
	struct idm_window window = { { 0 } };
	uint64_t first = window_no << IDM_WINDOW_BITS;
	enum idm_result result = idm_container_decode(container, &window, err);

	for (size_t word = 0; result == IDM_OK && word < IDM_WINDOW_IDS / 64; word++) {
		for (uint64_t bits = window.bits[word]; result == IDM_OK && bits != 0;
		     bits &= bits - 1)
			result = walk_add(
			    walk, first + 64 * word + (uint64_t)__builtin_ctzll(bits), err);
	}
	return result;
}

/* The groups that `group_id` lists, from a cursor over the whole of `down`. */
static enum idm_result
walk_add_groups(
    struct walk *walk, struct idm_cursor *cursor, uint64_t group_id, struct idm_error *err)
{
	uint8_t prefix[DOWN_GROUP_BYTES];
	struct idm_span key, container;
	uint64_t window_no;
	enum idm_result result;

	down_prefix(group_id, IDM_MEMBER_GROUP, prefix);
	result = idm_cursor_seek(cursor, idm_span_of(prefix, sizeof(prefix)), err);
	while (result == IDM_OK) {
		result = idm_cursor_next(cursor, &key, &container, err);
		if (result != IDM_OK || !down_window(key, prefix, &window_no))
			break;
		result = walk_add_window(walk, container, window_no, err);
	}
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

enum idm_result
idm_closure_groups_below(
    const struct idm_read *read, uint64_t group_id, struct idm_ids *out, struct idm_error *err)
{
	struct walk walk = { .read = read };
	struct idm_cursor cursor;
	enum idm_result result;

	memset(out, 0, sizeof(*out));
	result = idm_cursor_open(read->txn, IDM_DB_DOWN, IDM_SPAN_EMPTY, &cursor, err);
	if (result != IDM_OK)
		return result;
	result = walk_add(&walk, group_id, err);
	for (size_t i = 0; result == IDM_OK && i < walk.count; i++)
		result = walk_add_groups(&walk, &cursor, walk.found[i], err);
	idm_cursor_close(&cursor);
	walk_result(&walk, out);
	return result;
}

/* --- members */

/* The stored members in a window, from a cursor over those of one group and kind. */
static enum idm_result
read_members(struct idm_cursor *cursor, const uint8_t wanted[DOWN_KEY_BYTES],
    struct idm_window *window, bool *last, struct idm_error *err)
{
	struct idm_span key, container;
	enum idm_result result;

	result = idm_cursor_seek(cursor, idm_span_of(wanted, DOWN_KEY_BYTES), err);
	if (result == IDM_OK)
		result = idm_cursor_next(cursor, &key, &container, err);
	if (result == IDM_OK && idm_span_equal(key, idm_span_of(wanted, DOWN_KEY_BYTES))) {
		result = idm_container_decode(container, window, err);
		if (result == IDM_OK)
			result = idm_cursor_next(cursor, &key, &container, err);
	}
	*last = result == IDM_NOT_FOUND;
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

static enum idm_result
stored_members(const struct idm_read *read, uint64_t group_id, enum idm_member_kind kind,
    uint64_t window_no, struct idm_window *window, bool *last, struct idm_error *err)
{
	uint8_t key[DOWN_KEY_BYTES];
	struct idm_cursor cursor;
	enum idm_result result;

	down_key(group_id, kind, window_no, key);
	result = idm_cursor_open(
	    read->txn, IDM_DB_DOWN, idm_span_of(key, DOWN_GROUP_BYTES), &cursor, err);
	if (result != IDM_OK)
		return result;
	result = read_members(&cursor, key, window, last, err);
	idm_cursor_close(&cursor);
	return result;
}

enum idm_result
idm_closure_members(const struct idm_read *read, uint64_t group_id, enum idm_member_kind kind,
    uint64_t window_no, struct idm_window *window, bool *last, struct idm_error *err)
{
	const char *class_name = class_of_group(read, group_id);
	uint64_t end;
	enum idm_result result;

	*last = true;
	if (class_name == NULL)
		return stored_members(read, group_id, kind, window_no, window, last, err);
	if (kind == IDM_MEMBER_GROUP)
		return IDM_OK; /* no group is a person or an account */
	result = idm_index_window_end(read, &end, err);
	if (result != IDM_OK)
		return result;
	*last = end <= window_no + 1;
	return class_members(read, class_name, window_no, window, err);
}

static enum idm_result
add_window_ids(const struct idm_read *read, const struct idm_window *window, uint64_t window_no,
    struct idm_ids *out)
{
	uint64_t id = idm_window_next(window, window_no, window_no << IDM_WINDOW_BITS);
	enum idm_result result = IDM_OK;

	while (id != UINT64_MAX && result == IDM_OK) {
		result = idm_ids_add(out, read->arena, id, NULL);
		id = idm_window_next(window, window_no, id + 1);
	}
	return result;
}

enum idm_result
idm_closure_member_ids(const struct idm_read *read, uint64_t group_id, enum idm_member_kind kind,
    struct idm_ids *out, struct idm_error *err)
{
	enum idm_result result = IDM_OK;
	bool last = false;

	for (uint64_t no = 0; !last && result == IDM_OK; no++) {
		struct idm_window window;

		idm_window_clear(&window);
		result = idm_closure_members(read, group_id, kind, no, &window, &last, err);
		if (result == IDM_OK)
			result = add_window_ids(read, &window, no, out);
	}
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

/* Take an id out of a list; false: it was not there. */
static bool
ids_remove(struct idm_ids *list, uint64_t id)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->ids[i] != id)
			continue;
		list->count--;
		memmove(list->ids + i, list->ids + i + 1, (list->count - i) * sizeof(*list->ids));
		return true;
	}
	return false;
}

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
		*changed = ids_remove(&above, group_id);
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
