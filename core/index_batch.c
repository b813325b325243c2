#include "core/index_batch.h"

#include <stdlib.h>

#include <xxhash.h>

enum {
	KEYS_BYTES = 1 << 30,
	FIRST_ROWS = 1 << 12,
	FIRST_NOTES = 1 << 14,
	NONE = UINT32_MAX,
};

struct note {
	uint32_t next; /* of the same row; NONE: it is the last */
	uint16_t id;   /* within the window */
	bool present;
};

struct row {
	struct idm_span key;
	uint64_t first_id; /* names the window */
	uint32_t first;    /* notes */
	uint32_t last;
};

struct idm_index_batch {
	struct idm_arena *keys;
	struct row *rows;
	size_t row_count;
	size_t row_room;
	uint32_t *slots; /* a hash table of rows, twice as many as there is room for */
	struct note *notes;
	size_t note_count;
	size_t note_room;
};

struct idm_index_batch *
idm_index_batch_new(void)
{
	struct idm_index_batch *batch = calloc(1, sizeof(*batch));

	if (batch == NULL)
		return NULL;
	batch->keys = idm_arena_new(KEYS_BYTES);
	batch->row_room = FIRST_ROWS;
	batch->rows = malloc(batch->row_room * sizeof(*batch->rows));
	batch->slots = malloc(2 * batch->row_room * sizeof(*batch->slots));
	batch->note_room = FIRST_NOTES;
	batch->notes = malloc(batch->note_room * sizeof(*batch->notes));
	if (batch->keys == NULL || batch->rows == NULL || batch->slots == NULL ||
	    batch->notes == NULL)
		idm_index_batch_free(&batch);
	else
		idm_index_batch_clear(batch);
	return batch;
}

void
idm_index_batch_free(struct idm_index_batch **batch)
{
	struct idm_index_batch *it = *batch;

	*batch = NULL;
	if (it == NULL)
		return;
	idm_arena_free(&it->keys);
	free(it->rows);
	free(it->slots);
	free(it->notes);
	free(it);
}

void
idm_index_batch_clear(struct idm_index_batch *batch)
{
	idm_arena_reset(batch->keys);
	batch->row_count = 0;
	batch->note_count = 0;
	memset(batch->slots, 0xff, 2 * batch->row_room * sizeof(*batch->slots));
}

/* Where the key's row stands in the slots, or would. */
static size_t
find_slot(const struct idm_index_batch *batch, struct idm_span key)
{
	size_t mask = 2 * batch->row_room - 1;
	size_t at = (size_t)XXH3_64bits(key.ptr, key.len) & mask;

	while (batch->slots[at] != NONE && !idm_span_equal(batch->rows[batch->slots[at]].key, key))
		at = (at + 1) & mask;
	return at;
}

static bool
grow_rows(struct idm_index_batch *batch)
{
	size_t room = 2 * batch->row_room;
	struct row *rows = room >= NONE ? NULL : realloc(batch->rows, room * sizeof(*rows));
	uint32_t *slots;

	if (rows == NULL)
		return false;
	batch->rows = rows;
	slots = realloc(batch->slots, 2 * room * sizeof(*slots));
	if (slots == NULL)
		return false;
	batch->slots = slots;
	batch->row_room = room;
	memset(slots, 0xff, 2 * room * sizeof(*slots));
	for (size_t i = 0; i < batch->row_count; i++)
		slots[find_slot(batch, rows[i].key)] = (uint32_t)i;
	return true;
}

/* The row of a key; NULL: out of memory. */
static struct row *
row_of(struct idm_index_batch *batch, struct idm_span key, uint64_t id)
{
	size_t at = find_slot(batch, key);
	struct row *row;

	if (batch->slots[at] != NONE)
		return &batch->rows[batch->slots[at]];
	if (batch->row_count == batch->row_room) {
		if (!grow_rows(batch))
			return NULL;
		at = find_slot(batch, key);
	}
	row = &batch->rows[batch->row_count];
	*row = (struct row){ idm_arena_copy(batch->keys, key), id, NONE, NONE };
	if (row->key.ptr == NULL)
		return NULL;
	batch->slots[at] = (uint32_t)batch->row_count++;
	return row;
}

static struct note *
note_new(struct idm_index_batch *batch)
{
	if (batch->note_count == batch->note_room) {
		size_t room = 2 * batch->note_room;
		struct note *notes =
		    room >= NONE ? NULL : realloc(batch->notes, room * sizeof(*notes));

		if (notes == NULL)
			return NULL;
		batch->notes = notes;
		batch->note_room = room;
	}
	return &batch->notes[batch->note_count++];
}

bool
idm_index_batch_add(struct idm_index_batch *batch, struct idm_span key, uint64_t id, bool present)
{
	struct row *row = row_of(batch, key, id);
	uint16_t within = (uint16_t)(id % IDM_WINDOW_IDS);
	struct note *note;

	if (row == NULL)
		return false;
	/* A value may hold a trigram more than once, and so be noted again at once. */
	if (row->last != NONE && batch->notes[row->last].id == within) {
		batch->notes[row->last].present = present;
		return true;
	}
	note = note_new(batch);
	if (note == NULL)
		return false;
	*note = (struct note){ NONE, within, present };
	if (row->last == NONE)
		row->first = (uint32_t)(note - batch->notes);
	else
		batch->notes[row->last].next = (uint32_t)(note - batch->notes);
	row->last = (uint32_t)(note - batch->notes);
	return true;
}

/* What `stored` becomes, in `out`. */
static enum idm_result
merge(const struct idm_index_batch *batch, const struct row *row, struct idm_span stored,
    uint8_t out[IDM_CONTAINER_MAX_BYTES], size_t *len, bool *changed, struct idm_error *err)
{
	const struct note *note = &batch->notes[row->first];
	struct idm_window window;
	enum idm_result result = IDM_OK;

	if (row->first == row->last)
		return idm_container_set(
		    stored, row->first_id, note->present, out, len, changed, err);
	idm_window_clear(&window);
	if (stored.len != 0)
		result = idm_container_decode(stored, &window, err);
	for (uint32_t at = row->first; at != NONE; at = batch->notes[at].next) {
		note = &batch->notes[at];
		if (note->present)
			idm_window_add(&window, note->id);
		else
			idm_window_remove(&window, note->id);
	}
	*len = idm_container_encode(&window, out);
	*changed = true;
	return result;
}

static enum idm_result
write_row(const struct idm_index_batch *batch, const struct row *row, const struct idm_txn *txn,
    struct idm_error *err)
{
	uint8_t container[IDM_CONTAINER_MAX_BYTES];
	struct idm_span stored = IDM_SPAN_EMPTY;
	size_t len = 0;
	bool changed;
	enum idm_result result = idm_store_get(txn, IDM_DB_INDEX, row->key, &stored, err);

	if (result == IDM_OK || result == IDM_NOT_FOUND)
		result = merge(batch, row, stored, container, &len, &changed, err);
	if (result != IDM_OK || !changed)
		return result;
	if (len != 0)
		return idm_store_put(txn, IDM_DB_INDEX, row->key, idm_span_of(container, len), err);
	result = idm_store_del(txn, IDM_DB_INDEX, row->key, err);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

static int
compare_rows(const void *a, const void *b)
{
	return idm_span_compare(((const struct row *)a)->key, ((const struct row *)b)->key);
}

enum idm_result
idm_index_batch_flush(
    struct idm_index_batch *batch, const struct idm_txn *txn, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	/* The slots are of no use from here on. */
	if (batch->row_count > 1)
		qsort(batch->rows, batch->row_count, sizeof(*batch->rows), compare_rows);
	for (size_t i = 0; i < batch->row_count && result == IDM_OK; i++)
		result = write_row(batch, &batch->rows[i], txn, err);
	idm_index_batch_clear(batch);
	return result;
}
