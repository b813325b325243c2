#include "core/rotate.h"

#include <inttypes.h>

#include "core/entry.h"

enum {
	SECRETS_A_COMMIT = 4096,
	KEY_BYTES = 8 + 4, /* of a row: entry id, attribute number */
	ARENA_BYTES = 16 * 1024 * 1024,
};

struct rotation {
	struct idm_store *store;
	const struct idm_keyring *ring;
	struct idm_arena *arena;
	uint8_t next[KEY_BYTES]; /* where the next transaction goes on */
	bool over;
	uint64_t resealed;
	struct idm_error *err;
};

static enum idm_result
entry_uuid(
    const struct idm_txn *txn, struct idm_span key, struct idm_uuid *out, struct idm_error *err)
{
	struct idm_entry entry;
	struct idm_span bytes;
	enum idm_result result =
	    idm_store_get(txn, IDM_DB_ENTRIES, idm_span_of(key.ptr, 8), &bytes, err);

	if (result == IDM_OK)
		result = idm_entry_view(bytes, idm_store_load_u64(key.ptr), &entry, err);
	if (result == IDM_OK)
		*out = entry.uuid;
	return result;
}

/* One row, whose key is copied: the map moves under the put. */
static enum idm_result
reseal_row(struct rotation *r, const struct idm_txn *txn, struct idm_span key, struct idm_span blob)
{
	struct idm_uuid uuid;
	struct idm_span renewed;
	bool changed;
	enum idm_result result;

	if (key.len != KEY_BYTES)
		return idm_fail(r->err, IDM_CORRUPT, "secrets: a key has %zu octets", key.len);
	memcpy(r->next, key.ptr, KEY_BYTES);
	result = entry_uuid(txn, key, &uuid, r->err);
	if (result == IDM_NOT_FOUND)
		return idm_fail(r->err, IDM_CORRUPT,
		    "secrets: one of id %" PRIu64 ", which is no entry",
		    idm_store_load_u64(r->next));
	if (result == IDM_OK)
		result = idm_reseal(r->ring, &uuid, idm_store_load_u32(r->next + 8), blob, r->arena,
		    &renewed, &changed, r->err);
	if (result != IDM_OK || !changed)
		return result;
	r->resealed++;
	return idm_store_put(txn, IDM_DB_SECRETS, idm_span_of(r->next, KEY_BYTES), renewed, r->err);
}

/* As many rows as a transaction takes; `next` is then the last one that was looked at. */
static enum idm_result
reseal_some(struct rotation *r, const struct idm_txn *txn)
{
	struct idm_cursor cursor;
	struct idm_span key, blob;
	enum idm_result result =
	    idm_cursor_open(txn, IDM_DB_SECRETS, IDM_SPAN_EMPTY, &cursor, r->err);

	if (result != IDM_OK)
		return result;
	result = idm_cursor_seek(&cursor, idm_span_of(r->next, KEY_BYTES), r->err);
	for (int i = 0; i < SECRETS_A_COMMIT && result == IDM_OK; i++) {
		result = idm_cursor_next(&cursor, &key, &blob, r->err);
		if (result == IDM_OK)
			result = reseal_row(r, txn, key, blob);
	}
	idm_cursor_close(&cursor);
	r->over = result == IDM_NOT_FOUND;
	return r->over ? IDM_OK : result;
}

static enum idm_result
reseal_transaction(struct rotation *r)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_write_begin(r->store, &txn, r->err);

	if (result == IDM_OK)
		result = reseal_some(r, &txn);
	return idm_store_write_end(&txn, result, r->err);
}

enum idm_result
idm_secrets_reseal(struct idm_store *store, const struct idm_keyring *ring,
    idm_rotate_progress progress, void *context, uint64_t *resealed, struct idm_error *err)
{
	struct rotation r = { .store = store, .ring = ring, .err = err };
	enum idm_result result = IDM_OK;

	r.arena = idm_arena_new(ARENA_BYTES);
	if (r.arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	while (result == IDM_OK && !r.over) {
		result = reseal_transaction(&r);
		idm_arena_reset(r.arena); /* it held what was sealed */
		if (progress != NULL)
			progress(context, r.resealed);
	}
	*resealed = r.resealed;
	idm_arena_free(&r.arena);
	return result;
}
