/* Walks over the records of one database, in key order. */
#include <assert.h>

#include "core/store_impl.h"

enum idm_result
idm_cursor_open(const struct idm_txn *txn, enum idm_db db, struct idm_span prefix,
    struct idm_cursor *cursor, struct idm_error *err)
{
	const struct idm_environment *env = idm_txn_environment(txn);
	MDB_cursor *mdb;
	int rc;

	assert(db >= env->range.first && db < env->range.end);
	cursor->mdb = NULL;
	cursor->txn = txn;
	cursor->db = db;
	cursor->prefix_len = prefix.len;
	cursor->seek_len = 0;
	cursor->started = false;
	cursor->ended = false;
	if (prefix.len > sizeof(cursor->prefix))
		return idm_fail(err, IDM_INVALID, "a prefix of %zu bytes", prefix.len);
	if (prefix.len > 0)
		memcpy(cursor->prefix, prefix.ptr, prefix.len);
	rc = mdb_cursor_open(txn->mdb, env->dbis[db], &mdb);
	if (rc != 0)
		return idm_lmdb_fail(err, rc, "cursor");
	cursor->mdb = mdb;
	return IDM_OK;
}

/* Where the walk begins: at the key sought, or else at the prefix, or else at the first record. */
static int
start(struct idm_cursor *cursor, MDB_val *key, MDB_val *stored)
{
	*key = (MDB_val){ cursor->prefix_len, cursor->prefix };
	if (cursor->seek_len > 0)
		*key = (MDB_val){ cursor->seek_len, cursor->seek };
	cursor->started = true;
	return mdb_cursor_get(
	    cursor->mdb, key, stored, key->mv_size > 0 ? MDB_SET_RANGE : MDB_FIRST);
}

enum idm_result
idm_cursor_next(
    struct idm_cursor *cursor, struct idm_span *key, struct idm_span *value, struct idm_error *err)
{
	enum idm_result result = idm_store_read_check(cursor->txn, err);
	MDB_val found;
	MDB_val stored;
	int rc;

	*key = IDM_SPAN_EMPTY;
	*value = IDM_SPAN_EMPTY;
	if (result != IDM_OK)
		return result;
	if (cursor->ended)
		return IDM_NOT_FOUND;
	if (cursor->started)
		rc = mdb_cursor_get(cursor->mdb, &found, &stored, MDB_NEXT);
	else
		rc = start(cursor, &found, &stored);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return idm_lmdb_fail(err, rc, "walk");
	if (rc != 0 || found.mv_size < cursor->prefix_len ||
	    memcmp(found.mv_data, cursor->prefix, cursor->prefix_len) != 0) {
		cursor->ended = true; /* LMDB would begin again at the first record */
		return IDM_NOT_FOUND;
	}
	*key = idm_span_of(found.mv_data, found.mv_size);
	return idm_record_verify(
	    cursor->txn, cursor->db, *key, idm_span_of(stored.mv_data, stored.mv_size), value, err);
}

enum idm_result
idm_cursor_seek(struct idm_cursor *cursor, struct idm_span key, struct idm_error *err)
{
	struct idm_span prefix = { cursor->prefix, cursor->prefix_len };

	if (key.len > sizeof(cursor->seek))
		return idm_fail(err, IDM_INVALID, "a key of %zu bytes", key.len);
	/* What is below the prefix must not lead out of it. */
	if (idm_span_compare(key, prefix) < 0)
		key = prefix;
	if (key.len > 0)
		memcpy(cursor->seek, key.ptr, key.len);
	cursor->seek_len = key.len;
	cursor->started = false;
	cursor->ended = false;
	return IDM_OK;
}

void
idm_cursor_close(struct idm_cursor *cursor)
{
	if (cursor->mdb != NULL)
		mdb_cursor_close(cursor->mdb);
	cursor->mdb = NULL;
}

enum idm_result
idm_store_del_all(
    const struct idm_txn *txn, enum idm_db db, struct idm_span prefix, struct idm_error *err)
{
	struct idm_cursor cursor;
	struct idm_span key, value;
	uint8_t copy[IDM_STORE_KEY_BYTES]; /* of the key, for a change ends what it borrows */
	enum idm_result result = idm_cursor_open(txn, db, prefix, &cursor, err);

	if (result != IDM_OK)
		return result;
	while ((result = idm_cursor_next(&cursor, &key, &value, err)) == IDM_OK) {
		size_t len = key.len;

		assert(key.ptr != NULL);
		memcpy(copy, key.ptr, len);
		result = idm_store_del(txn, db, idm_span_of(copy, len), err);
		if (result != IDM_OK)
			break;
	}
	idm_cursor_close(&cursor);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}
