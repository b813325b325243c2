/* Records: a value with a checksum of it and of its key and database behind it. */
#include <assert.h>
#include <inttypes.h>
#include <xxhash.h>

#include "core/store_impl.h"

enum { CHECKSUM_BYTES = 8 };

/* The key is in it so that a record that turns up under another key is noticed too. */
static uint64_t
checksum(enum idm_db db, struct idm_span key, const void *value, size_t len)
{
	return XXH3_64bits(value, len) ^
	       XXH3_64bits_withSeed(key.ptr, key.len, (XXH64_hash_t)db + 1);
}

static MDB_val
to_val(struct idm_span span)
{
	union { /* LMDB takes keys as void *, and only reads them */
		const uint8_t *from;
		void *to;
	} ptr = { .from = span.ptr };

	return (MDB_val){ span.len, ptr.to };
}

static enum idm_result
check_key(struct idm_span key, struct idm_error *err)
{
	if (key.len == 0 || key.len > IDM_STORE_KEY_BYTES)
		return idm_fail(err, IDM_INVALID, "a key of %zu bytes", key.len);
	return IDM_OK;
}

static MDB_dbi
dbi_of(const struct idm_txn *txn, enum idm_db db)
{
	const struct idm_environment *env = idm_txn_environment(txn);

	assert(db >= env->range.first && db < env->range.end);
	return env->dbis[db];
}

/* Take the checksum off `stored`. */
static enum idm_result
verify(enum idm_db db, struct idm_span key, const MDB_val *stored, struct idm_span *value,
    struct idm_error *err)
{
	const uint8_t *bytes = stored->mv_data;
	uint64_t sum;
	size_t len;

	if (stored->mv_size < CHECKSUM_BYTES)
		return idm_fail(err, IDM_CORRUPT, "database %d: a record without checksum", db);
	len = stored->mv_size - CHECKSUM_BYTES;
	memcpy(&sum, bytes + len, CHECKSUM_BYTES);
	if (sum != checksum(db, key, bytes, len))
		return idm_fail(err, IDM_CORRUPT, "database %d: a record's checksum is wrong", db);
	*value = idm_span_of(bytes, len);
	return IDM_OK;
}

enum idm_result
idm_record_verify(const struct idm_txn *txn, enum idm_db db, struct idm_span key,
    struct idm_span stored, struct idm_span *value, struct idm_error *err)
{
	MDB_val val = to_val(stored);
	enum idm_result result = verify(db, key, &val, value, err);

	/* What looked damaged may have been overwritten under a reader that slept. */
	if (result != IDM_OK && idm_store_read_check(txn, err) != IDM_OK)
		return IDM_BUSY;
	return result;
}

enum idm_result
idm_store_get(const struct idm_txn *txn, enum idm_db db, struct idm_span key,
    struct idm_span *value, struct idm_error *err)
{
	MDB_val mdb_key = to_val(key);
	MDB_val stored;
	enum idm_result result = check_key(key, err);
	int rc;

	*value = IDM_SPAN_EMPTY;
	if (result == IDM_OK)
		result = idm_store_read_check(txn, err);
	if (result != IDM_OK)
		return result;
	rc = mdb_get(txn->mdb, dbi_of(txn, db), &mdb_key, &stored);
	if (rc != 0)
		return idm_lmdb_fail(err, rc, "get");
	return idm_record_verify(
	    txn, db, key, idm_span_of(stored.mv_data, stored.mv_size), value, err);
}

enum idm_result
idm_store_put(const struct idm_txn *txn, enum idm_db db, struct idm_span key, struct idm_span value,
    struct idm_error *err)
{
	MDB_val mdb_key = to_val(key);
	MDB_val stored = { value.len + CHECKSUM_BYTES, NULL };
	enum idm_result result = check_key(key, err);
	uint64_t sum;
	int rc;

	if (result != IDM_OK)
		return result;
	assert(txn->write);
	sum = checksum(db, key, value.ptr, value.len);
	rc = mdb_put(txn->mdb, dbi_of(txn, db), &mdb_key, &stored, MDB_RESERVE);
	if (rc != 0)
		return idm_lmdb_fail(err, rc, "put");
	if (value.len > 0)
		memcpy(stored.mv_data, value.ptr, value.len);
	memcpy((uint8_t *)stored.mv_data + value.len, &sum, CHECKSUM_BYTES);
	return IDM_OK;
}

enum idm_result
idm_store_del(const struct idm_txn *txn, enum idm_db db, struct idm_span key, struct idm_error *err)
{
	MDB_val mdb_key = to_val(key);
	enum idm_result result = check_key(key, err);
	int rc;

	if (result != IDM_OK)
		return result;
	assert(txn->write);
	rc = mdb_del(txn->mdb, dbi_of(txn, db), &mdb_key, NULL);
	return rc == 0 ? IDM_OK : idm_lmdb_fail(err, rc, "delete");
}

enum idm_result
idm_store_get_number(const struct idm_txn *txn, enum idm_db db, const char *name, uint64_t *out,
    struct idm_error *err)
{
	struct idm_span value;
	enum idm_result result = idm_store_get(txn, db, idm_span_cstr(name), &value, err);

	*out = 0;
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	if (result != IDM_OK)
		return result;
	if (value.len != 8)
		return idm_fail(err, IDM_CORRUPT, "%s is not a number", name);
	*out = idm_store_load_u64(value.ptr);
	return IDM_OK;
}

enum idm_result
idm_store_put_number(const struct idm_txn *txn, enum idm_db db, const char *name, uint64_t value,
    struct idm_error *err)
{
	uint8_t bytes[8];

	idm_store_u64(value, bytes);
	return idm_store_put(txn, db, idm_span_cstr(name), idm_span_of(bytes, sizeof(bytes)), err);
}
