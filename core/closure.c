#include "core/closure.h"

#include <stdlib.h>

#include "core/groups.h"

enum { FIRST_SLOTS = 64 };

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

static bool
walk_has(const struct walk *walk, uint64_t id)
{
	return walk->count != 0 && walk->slots[find_slot(walk, id)] == id;
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

/* --- upward */

/* What was found so far, and all above it. */
static enum idm_result
walk_up(struct walk *walk, struct idm_error *err)
{
	struct idm_ids above;
	enum idm_result result = IDM_OK;

	for (size_t i = 0; result == IDM_OK && !walk->stopped && i < walk->count; i++) {
		result = idm_closure_listed_by(walk->read, walk->found[i], &above, err);
		if (result == IDM_OK)
			result = walk_add_all(walk, &above, err);
	}
	return result;
}

/* The groups above a group; as a process knows them, or else found out, and kept. */
static enum idm_result
groups_above(
    const struct idm_read *read, uint64_t group_id, struct idm_ids *out, struct idm_error *err)
{
	struct walk walk = { .read = read };
	struct idm_ids above;
	enum idm_result result;

	if (idm_groups_find(read->groups, IDM_GROUPS_ABOVE, group_id, out))
		return IDM_OK;
	result = idm_closure_listed_by(read, group_id, &above, err);
	if (result == IDM_OK)
		result = walk_add_all(&walk, &above, err);
	if (result == IDM_OK)
		result = walk_up(&walk, err);
	if (result != IDM_OK)
		return result;
	walk_result(&walk, out);
	idm_groups_keep(read->groups, IDM_GROUPS_ABOVE, group_id, out);
	return IDM_OK;
}

/*
 * The same as walk_up, by what is known of each of the groups that list the entry.  One that stands
 * above another of them is done with: whatever is above it was added with it.
 */
static enum idm_result
walk_known(struct walk *walk, const struct idm_ids *direct, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	for (size_t i = 0; result == IDM_OK && i < direct->count; i++) {
		struct idm_ids above;

		if (walk_has(walk, direct->ids[i]))
			continue;
		result = groups_above(walk->read, direct->ids[i], &above, err);
		if (result == IDM_OK)
			result = walk_add(walk, direct->ids[i], err);
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
	struct idm_ids direct;
	enum idm_result result = idm_closure_direct(read, entry, &direct, err);

	if (result == IDM_OK && read->groups != NULL) {
		result = walk_known(&walk, &direct, err);
	} else if (result == IDM_OK) {
		result = walk_add_all(&walk, &direct, err);
		if (result == IDM_OK)
			result = walk_up(&walk, err);
	}
	walk_result(&walk, out);
	return result;
}

/* Is it above one of the groups, or one of them? */
static enum idm_result
is_above_known(const struct idm_read *read, uint64_t group_id, const struct idm_ids *groups,
    bool *out, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	*out = idm_ids_has(groups, group_id);
	for (size_t i = 0; result == IDM_OK && !*out && i < groups->count; i++) {
		struct idm_ids above;

		result = groups_above(read, groups->ids[i], &above, err);
		*out = result == IDM_OK && idm_ids_has(&above, group_id);
	}
	return result;
}

static enum idm_result
is_above(const struct idm_read *read, uint64_t group_id, const struct idm_ids *groups, bool *out,
    struct idm_error *err)
{
	struct walk walk = { .read = read, .stop_at = group_id };
	enum idm_result result;

	if (read->groups != NULL)
		return is_above_known(read, group_id, groups, out, err);
	result = walk_add_all(&walk, groups, err);
	if (result == IDM_OK)
		result = walk_up(&walk, err);
	*out = result == IDM_OK && walk.stopped;
	return result;
}

/* Everybody who is listed by idm_high_privilege or a group below it, if they are few. */
static enum idm_result
find_all_hp(const struct idm_read *read, struct idm_error *err)
{
	struct idm_ids groups, all = { NULL, 0, 0 };
	bool few;
	enum idm_result result =
	    idm_closure_groups_below(read, read->high_privilege_id, &groups, err);

	if (result == IDM_OK)
		result = idm_closure_few_members(read, &groups, IDM_GROUPS_HP_MAX, &all, &few, err);
	if (result == IDM_OK && few)
		idm_groups_keep_hp(read->groups, &all);
	return result;
}

/* By what is known of all, once that is worth it; *known false: ask about the entry itself. */
static enum idm_result
is_hp_known(const struct idm_read *read, uint64_t id, bool *known, bool *out, struct idm_error *err)
{
	struct idm_ids all;
	bool ask;
	enum idm_result result = IDM_OK;

	*known = idm_groups_find_hp(read->groups, &all, &ask);
	if (!*known && ask) {
		result = find_all_hp(read, err);
		if (result == IDM_OK)
			*known = idm_groups_find_hp(read->groups, &all, &ask);
	}
	*out = *known && idm_ids_has(&all, id);
	return result;
}

static enum idm_result
is_hp_itself(
    const struct idm_read *read, const struct idm_entry *entry, bool *out, struct idm_error *err)
{
	struct idm_ids direct;
	enum idm_result result = idm_closure_direct(read, entry, &direct, err);

	*out = false;
	return result == IDM_OK ? is_above(read, read->high_privilege_id, &direct, out, err)
				: result;
}

enum idm_result
idm_closure_is_hp(
    const struct idm_read *read, const struct idm_entry *entry, bool *out, struct idm_error *err)
{
	struct idm_arena_mark mark = idm_arena_mark(read->arena);
	bool known;
	enum idm_result result;

	*out = false;
	if (read->high_privilege_id == 0)
		return IDM_OK;
	result = is_hp_known(read, entry->id, &known, out, err);
	if (result == IDM_OK && !known)
		result = is_hp_itself(read, entry, out, err);
	idm_arena_rewind(read->arena, mark);
	return result;
}

/* --- downward */

static enum idm_result
walk_add_window(
    struct walk *walk, const struct idm_window *window, uint64_t window_no, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	for (uint64_t id = idm_window_next(window, window_no, window_no << IDM_WINDOW_BITS);
	     result == IDM_OK && id != UINT64_MAX; id = idm_window_next(window, window_no, id + 1))
		result = walk_add(walk, id, err);
	return result;
}

/* The groups that `group_id` lists, from a cursor over the whole of `down`. */
static enum idm_result
walk_add_groups(
    struct walk *walk, struct idm_cursor *cursor, uint64_t group_id, struct idm_error *err)
{
	struct idm_window window;
	struct idm_span container;
	uint64_t no;
	enum idm_result result =
	    idm_closure_seek_members(cursor, group_id, IDM_MEMBER_GROUP, 0, err);

	while (result == IDM_OK) {
		result = idm_closure_next_members(
		    cursor, group_id, IDM_MEMBER_GROUP, &no, &container, err);
		if (result != IDM_OK)
			break;
		idm_window_clear(&window);
		result = idm_container_decode(container, &window, err);
		if (result == IDM_OK)
			result = walk_add_window(walk, &window, no, err);
	}
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

static enum idm_result
walk_down(struct walk *walk, struct idm_error *err)
{
	struct idm_cursor cursor;
	enum idm_result result =
	    idm_cursor_open(walk->read->txn, IDM_DB_DOWN, IDM_SPAN_EMPTY, &cursor, err);

	if (result != IDM_OK)
		return result;
	for (size_t i = 0; result == IDM_OK && i < walk->count; i++)
		result = walk_add_groups(walk, &cursor, walk->found[i], err);
	idm_cursor_close(&cursor);
	return result;
}

enum idm_result
idm_closure_groups_below(
    const struct idm_read *read, uint64_t group_id, struct idm_ids *out, struct idm_error *err)
{
	struct walk walk = { .read = read };
	enum idm_result result;

	memset(out, 0, sizeof(*out));
	if (idm_groups_find(read->groups, IDM_GROUPS_BELOW, group_id, out))
		return IDM_OK;
	result = walk_add(&walk, group_id, err);
	if (result == IDM_OK)
		result = walk_down(&walk, err);
	if (result != IDM_OK)
		return result;
	walk_result(&walk, out);
	idm_groups_keep(read->groups, IDM_GROUPS_BELOW, group_id, out);
	return IDM_OK;
}
