#include "core/index_build.h"

#include <assert.h>
#include <stdlib.h>

#include <xxhash.h>

enum {
	ARENA_BYTES = 1024 * 1024 * 1024, /* for keys; a window of persons takes a few MiB */
	FIRST_ROWS = 1 << 14,
	FIRST_UNITS = 1 << 16,
	NONE = UINT32_MAX,
};

/* Ids of a row, in a chain of small pieces. */
enum { UNIT_IDS = 6 };
struct unit {
	uint32_t next;
	uint16_t ids[UNIT_IDS]; /* within the window */
};

struct row {
	struct idm_span key;
	uint32_t first; /* unit */
	uint32_t last;
	uint32_t count; /* of ids */
};

struct idm_index_build {
	struct idm_arena *keys;
	struct row *rows;
	size_t row_count;
	size_t row_room;
	uint32_t *slots; /* a hash table of rows: index, or NONE; twice as many as rows */
	struct unit *units;
	size_t unit_count;
	size_t unit_room;
	uint8_t container[IDM_CONTAINER_MAX_BYTES]; /* of the row asked for last */
};

struct idm_index_build *
idm_index_build_new(void)
{
	struct idm_index_build *build = calloc(1, sizeof(*build));

	if (build == NULL)
		return NULL;
	build->keys = idm_arena_new(ARENA_BYTES);
	build->row_room = FIRST_ROWS;
	build->rows = malloc(build->row_room * sizeof(*build->rows));
	build->slots = malloc(2 * build->row_room * sizeof(*build->slots));
	build->unit_room = FIRST_UNITS;
	build->units = malloc(build->unit_room * sizeof(*build->units));
	if (build->keys == NULL || build->rows == NULL || build->slots == NULL ||
	    build->units == NULL)
		idm_index_build_free(&build);
	else
		idm_index_build_reset(build);
	return build;
}

void
idm_index_build_free(struct idm_index_build **build)
{
	struct idm_index_build *it = *build;

	*build = NULL;
	if (it == NULL)
		return;
	if (it->keys != NULL)
		idm_arena_free(&it->keys);
	free(it->rows);
	free(it->slots);
	free(it->units);
	free(it);
}

void
idm_index_build_reset(struct idm_index_build *build)
{
	idm_arena_reset(build->keys);
	build->row_count = 0;
	build->unit_count = 0;
	memset(build->slots, 0xff, 2 * build->row_room * sizeof(*build->slots));
}

/* Where the key's row stands in the slots, or would. */
static size_t
find_slot(const struct idm_index_build *build, struct idm_span key)
{
	size_t mask = 2 * build->row_room - 1;
	size_t at = (size_t)XXH3_64bits(key.ptr, key.len) & mask;

	while (build->slots[at] != NONE && !idm_span_equal(build->rows[build->slots[at]].key, key))
		at = (at + 1) & mask;
	return at;
}

static bool
grow_rows(struct idm_index_build *build)
{
	size_t room = 2 * build->row_room;
	struct row *rows = realloc(build->rows, room * sizeof(*rows));
	uint32_t *slots = malloc(2 * room * sizeof(*slots));

	if (rows != NULL)
		build->rows = rows;
	if (rows == NULL || slots == NULL) {
		free(slots);
		return false;
	}
	free(build->slots);
	build->slots = slots;
	build->row_room = room;
	memset(slots, 0xff, 2 * room * sizeof(*slots));
	for (size_t i = 0; i < build->row_count; i++)
		slots[find_slot(build, build->rows[i].key)] = (uint32_t)i;
	return true;
}

static struct row *
row_of(struct idm_index_build *build, struct idm_span key)
{
	size_t at = find_slot(build, key);
	struct row *row;

	if (build->slots[at] != NONE)
		return &build->rows[build->slots[at]];
	if (build->row_count == build->row_room) {
		if (!grow_rows(build))
			return NULL;
		at = find_slot(build, key);
	}
	row = &build->rows[build->row_count];
	*row = (struct row){ idm_arena_copy(build->keys, key), NONE, NONE, 0 };
	if (row->key.ptr == NULL)
		return NULL;
	build->slots[at] = (uint32_t)build->row_count++;
	return row;
}

static bool
grow_units(struct idm_index_build *build)
{
	size_t room = 2 * build->unit_room;
	struct unit *units = room >= NONE ? NULL : realloc(build->units, room * sizeof(*units));

	if (units == NULL)
		return false;
	build->units = units;
	build->unit_room = room;
	return true;
}

static bool
add_id(struct idm_index_build *build, struct row *row, uint16_t id)
{
	uint32_t at = row->count % UNIT_IDS;

	if (at == 0) {
		uint32_t fresh = (uint32_t)build->unit_count;

		if (build->unit_count == build->unit_room && !grow_units(build))
			return false;
		build->unit_count++;
		build->units[fresh].next = NONE;
		if (row->first == NONE)
			row->first = fresh;
		else
			build->units[row->last].next = fresh;
		row->last = fresh;
	}
	build->units[row->last].ids[at] = id;
	row->count++;
	return true;
}

static enum idm_result
add_keys(struct idm_index_build *build, const struct idm_index_keys *keys, uint64_t id,
    struct idm_error *err)
{
	for (size_t i = 0; i < keys->count; i++) {
		struct row *row = row_of(build, keys->keys[i]);

		if (row == NULL || !add_id(build, row, (uint16_t)(id & (IDM_WINDOW_IDS - 1))))
			return idm_fail(err, IDM_LIMIT, "no memory for an index of so many keys");
	}
	return IDM_OK;
}

enum idm_result
idm_index_build_add(struct idm_index_build *build, const struct idm_read *read,
    const struct idm_entry *entry, struct idm_error *err)
{
	struct idm_arena_mark mark = idm_arena_mark(read->arena);
	struct idm_index_keys keys;
	enum idm_result result = idm_index_keys(read, entry, &keys, err);

	if (result == IDM_OK)
		result = add_keys(build, &keys, entry->id, err);
	idm_arena_rewind(read->arena, mark);
	return result;
}

enum idm_result
idm_index_build_add_attr(struct idm_index_build *build, const struct idm_read *read,
    const struct idm_attr *attr, const struct idm_entry *entry, struct idm_error *err)
{
	struct idm_arena_mark mark = idm_arena_mark(read->arena);
	struct idm_index_keys keys;
	enum idm_result result = idm_index_attr_keys(read, attr, entry, &keys, err);

	if (result == IDM_OK)
		result = add_keys(build, &keys, entry->id, err);
	idm_arena_rewind(read->arena, mark);
	return result;
}

static int
compare_rows(const void *a, const void *b)
{
	return idm_span_compare(((const struct row *)a)->key, ((const struct row *)b)->key);
}

void
idm_index_build_sort(struct idm_index_build *build)
{
	/* The slots are of no use from here on. */
	if (build->row_count > 1)
		qsort(build->rows, build->row_count, sizeof(*build->rows), compare_rows);
}

bool
idm_index_build_row(
    struct idm_index_build *build, size_t index, struct idm_span *key, struct idm_span *container)
{
	struct idm_window window;
	const struct row *row;
	uint32_t left;

	if (index >= build->row_count)
		return false;
	row = &build->rows[index];
	left = row->count;
	idm_window_clear(&window);
	for (uint32_t at = row->first; at != NONE; at = build->units[at].next) {
		for (uint32_t i = 0; i < UNIT_IDS && left > 0; i++, left--)
			idm_window_add(&window, build->units[at].ids[i]);
	}
	assert(left == 0);
	*key = row->key;
	*container = idm_span_of(build->container, idm_container_encode(&window, build->container));
	return true;
}
