#include "ldapd/sorter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"

enum { FIRST_ROOM = 256 };

struct record {
	uint64_t id;
	size_t key_len;
	uint8_t key[];
};

static size_t
spent_bytes(const struct sorter *sorter)
{
	return idm_arena_mark(sorter->arena).spent;
}

struct sorter *
sorter_new(size_t max_bytes, struct sorter_total *total)
{
	struct sorter *sorter = calloc(1, sizeof(*sorter));

	if (sorter == NULL)
		return NULL;
	sorter->arena = idm_arena_new(max_bytes);
	if (sorter->arena == NULL) {
		free(sorter);
		return NULL;
	}
	sorter->total = total;
	sorter->refs = 1;
	return sorter;
}

struct sorter *
sorter_ref(struct sorter *sorter)
{
	sorter->refs++;
	return sorter;
}

void
sorter_unref(struct sorter **sorter)
{
	struct sorter *old = *sorter;

	*sorter = NULL;
	if (old == NULL || --old->refs != 0)
		return;
	sorter_clear(old);
	idm_arena_free(&old->arena);
	free(old);
}

/* --- the heap */

static bool
is_before(const struct record *a, const struct record *b)
{
	int order =
	    idm_span_compare(idm_span_of(a->key, a->key_len), idm_span_of(b->key, b->key_len));

	return order != 0 ? order < 0 : a->id < b->id;
}

static void
sift_up(struct sorter *sorter, size_t at)
{
	struct record *record = sorter->records[at];

	while (at != 0 && is_before(record, sorter->records[(at - 1) / 2])) {
		sorter->records[at] = sorter->records[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	sorter->records[at] = record;
}

/* Put a record where it belongs, from the top down, which is free. */
static void
sift_down(struct sorter *sorter, struct record *record)
{
	size_t at = 0, child;

	while ((child = 2 * at + 1) < sorter->heap) {
		if (child + 1 < sorter->heap &&
		    is_before(sorter->records[child + 1], sorter->records[child]))
			child++;
		if (!is_before(sorter->records[child], record))
			break;
		sorter->records[at] = sorter->records[child];
		at = child;
	}
	sorter->records[at] = record;
}

/* The least goes behind the heap, before those that went there earlier. */
static void
take_least(struct sorter *sorter)
{
	struct record *least = sorter->records[0];
	struct record *last = sorter->records[--sorter->heap];

	if (sorter->heap != 0)
		sift_down(sorter, last);
	sorter->records[sorter->heap] = least;
}

/* --- adding and looking */

static bool
grow(struct sorter *sorter)
{
	size_t room = sorter->room == 0 ? FIRST_ROOM : 2 * sorter->room;
	struct record **records = idm_arena_array(sorter->arena, room, sizeof(struct record *));

	if (records == NULL)
		return false;
	if (sorter->count != 0)
		memcpy(records, sorter->records, sorter->count * sizeof(struct record *));
	sorter->records = records;
	sorter->room = room;
	return true;
}

static bool
append(struct sorter *sorter, struct idm_span key, uint64_t id)
{
	struct record *record = idm_arena_alloc(sorter->arena, sizeof(*record) + key.len);

	if (record == NULL || (sorter->count == sorter->room && !grow(sorter)))
		return false;
	record->id = id;
	record->key_len = key.len;
	if (key.len != 0)
		memcpy(record->key, key.ptr, key.len);
	sorter->records[sorter->count++] = record;
	return true;
}

enum idm_result
sorter_add(struct sorter *sorter, struct idm_span key, uint64_t id)
{
	size_t before = spent_bytes(sorter);
	bool added;

	if (sorter->total->used_bytes >= sorter->total->max_bytes)
		return IDM_BUSY;
	added = append(sorter, key, id);
	sorter->total->used_bytes += spent_bytes(sorter) - before;
	return added ? IDM_OK : IDM_LIMIT;
}

void
sorter_keep(struct sorter *sorter)
{
	while (sorter->heap < sorter->count)
		sift_up(sorter, sorter->heap++);
}

void
sorter_forget(struct sorter *sorter)
{
	sorter->count = sorter->heap;
}

void
sorter_clear(struct sorter *sorter)
{
	sorter->total->used_bytes -= spent_bytes(sorter);
	idm_arena_reset(sorter->arena);
	sorter->records = NULL;
	sorter->heap = sorter->count = sorter->room = 0;
}

uint64_t
sorter_at(struct sorter *sorter, size_t position)
{
	size_t place = sorter->count - 1 - position;

	assert(position < sorter->count);
	while (sorter->heap > place)
		take_least(sorter);
	return sorter->records[place]->id;
}
