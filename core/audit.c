#include "core/audit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include <openssl/evp.h>

/*
 * Rows: serial (u64, big endian) -> hash, encoded record.  In local meta: "audit.last" and
 * "audit.before" -> serial and hash of the last record and of the last one that was forgotten;
 * numbers "audit.bytes" and "audit.change".
 */
enum {
	SERIAL_BYTES = 8,
	MARK_BYTES = SERIAL_BYTES + IDM_AUDIT_HASH_BYTES,
	FORGET_PART = 64, /* of the trail goes at once, so that it does not happen at every end */
};

static const char last_key[] = "audit.last";
static const char before_key[] = "audit.before";
static const char bytes_key[] = "audit.bytes";
static const char change_key[] = "audit.change";

/* --- the chain */

static enum idm_result
chain(const uint8_t before[IDM_AUDIT_HASH_BYTES], uint64_t serial, struct idm_span body,
    uint8_t out[IDM_AUDIT_HASH_BYTES], struct idm_error *err)
{
	uint8_t octets[MARK_BYTES + IDM_AUDIT_BODY_MAX];

	if (body.len > IDM_AUDIT_BODY_MAX)
		return idm_fail(err, IDM_CORRUPT, "a record of %zu octets", body.len);
	memcpy(octets, before, IDM_AUDIT_HASH_BYTES);
	idm_store_u64(serial, octets + IDM_AUDIT_HASH_BYTES);
	if (body.len != 0)
		memcpy(octets + MARK_BYTES, body.ptr, body.len);
	if (EVP_Digest(octets, MARK_BYTES + body.len, out, NULL, EVP_sha256(), NULL) != 1)
		return idm_fail(err, IDM_SYSTEM, "SHA-256 failed");
	return IDM_OK;
}

/* --- rows */

/* A row's hash and its record's octets.  IDM_NOT_FOUND without a text. */
static enum idm_result
load_row(const struct idm_txn *txn, uint64_t serial, struct idm_span *hash, struct idm_span *body,
    struct idm_error *err)
{
	uint8_t key[SERIAL_BYTES];
	struct idm_span row;
	enum idm_result result;

	idm_store_u64(serial, key);
	result = idm_store_get(txn, IDM_DB_AUDIT, idm_span_of(key, sizeof(key)), &row, err);
	if (result != IDM_OK)
		return result;
	if (row.len <= IDM_AUDIT_HASH_BYTES)
		return idm_fail(err, IDM_CORRUPT, "a row of %zu octets", row.len);
	*hash = idm_span_of(row.ptr, IDM_AUDIT_HASH_BYTES);
	*body = idm_span_of(row.ptr + IDM_AUDIT_HASH_BYTES, row.len - IDM_AUDIT_HASH_BYTES);
	return IDM_OK;
}

enum idm_result
idm_audit_get(
    const struct idm_txn *txn, uint64_t serial, struct idm_audit_record *out, struct idm_error *err)
{
	struct idm_span hash, body;
	enum idm_result result = load_row(txn, serial, &hash, &body, err);

	if (result == IDM_OK)
		result = idm_audit_decode(body, out, err);
	if (result != IDM_OK)
		return result;
	out->serial = serial;
	memcpy(out->hash, hash.ptr, IDM_AUDIT_HASH_BYTES);
	return IDM_OK;
}

/* --- serial and hash in local meta */

static enum idm_result
load_mark(const struct idm_txn *txn, const char *name, uint64_t *serial,
    uint8_t hash[IDM_AUDIT_HASH_BYTES], struct idm_error *err)
{
	struct idm_span value;
	enum idm_result result =
	    idm_store_get(txn, IDM_DB_LOCAL_META, idm_span_cstr(name), &value, err);

	*serial = 0;
	memset(hash, 0, IDM_AUDIT_HASH_BYTES);
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	if (result != IDM_OK)
		return result;
	if (value.len != MARK_BYTES)
		return idm_fail(err, IDM_CORRUPT, "%s has %zu octets", name, value.len);
	*serial = idm_store_load_u64(value.ptr);
	memcpy(hash, value.ptr + SERIAL_BYTES, IDM_AUDIT_HASH_BYTES);
	return IDM_OK;
}

static enum idm_result
store_mark(const struct idm_txn *txn, const char *name, uint64_t serial,
    const uint8_t hash[IDM_AUDIT_HASH_BYTES], struct idm_error *err)
{
	uint8_t mark[MARK_BYTES];

	idm_store_u64(serial, mark);
	memcpy(mark + SERIAL_BYTES, hash, IDM_AUDIT_HASH_BYTES);
	return idm_store_put(
	    txn, IDM_DB_LOCAL_META, idm_span_cstr(name), idm_span_of(mark, sizeof(mark)), err);
}

enum idm_result
idm_audit_extent(const struct idm_txn *txn, struct idm_audit_extent *out, struct idm_error *err)
{
	enum idm_result result = load_mark(txn, before_key, &out->before, out->before_hash, err);

	if (result == IDM_OK)
		result = load_mark(txn, last_key, &out->last, out->last_hash, err);
	if (result == IDM_OK)
		result = idm_store_get_number(txn, IDM_DB_LOCAL_META, bytes_key, &out->bytes, err);
	if (result == IDM_OK && out->before > out->last)
		return idm_fail(err, IDM_CORRUPT,
		    "the audit trail was forgotten up to %" PRIu64 " and ends at %" PRIu64,
		    out->before, out->last);
	return result;
}

/* --- appending */

enum idm_result
idm_audit_begin(const struct idm_txn *txn, struct idm_audit *out, struct idm_error *err)
{
	enum idm_result result;

	memset(out, 0, sizeof(*out));
	out->txn = txn;
	result = load_mark(txn, last_key, &out->serial, out->hash, err);
	if (result == IDM_OK)
		result = idm_store_get_number(txn, IDM_DB_LOCAL_META, bytes_key, &out->bytes, err);
	if (result == IDM_OK)
		result =
		    idm_store_get_number(txn, IDM_DB_LOCAL_META, change_key, &out->change_no, err);
	return result;
}

enum idm_result
idm_audit_append_body(struct idm_audit *audit, struct idm_span body, struct idm_error *err)
{
	uint8_t key[SERIAL_BYTES], row[IDM_AUDIT_HASH_BYTES + IDM_AUDIT_BODY_MAX];
	enum idm_result result = chain(audit->hash, audit->serial + 1, body, row, err);

	if (result != IDM_OK)
		return result;
	memcpy(row + IDM_AUDIT_HASH_BYTES, body.ptr, body.len);
	idm_store_u64(audit->serial + 1, key);
	result = idm_store_put(audit->txn, IDM_DB_AUDIT, idm_span_of(key, sizeof(key)),
	    idm_span_of(row, IDM_AUDIT_HASH_BYTES + body.len), err);
	if (result != IDM_OK)
		return result;
	audit->serial++;
	audit->bytes += IDM_AUDIT_HASH_BYTES + body.len;
	memcpy(audit->hash, row, IDM_AUDIT_HASH_BYTES);
	return IDM_OK;
}

enum idm_result
idm_audit_append(
    struct idm_audit *audit, const struct idm_audit_record *record, struct idm_error *err)
{
	uint8_t body[IDM_AUDIT_BODY_MAX];
	size_t len = idm_audit_encode(record, body);

	return idm_audit_append_body(audit, idm_span_of(body, len), err);
}

/* Forgetting, from the oldest row on. */
struct forgetting {
	struct idm_audit *audit;
	uint64_t before; /* the last one that is gone, and its hash */
	uint8_t hash[IDM_AUDIT_HASH_BYTES];
	uint64_t damaged; /* rows that were not there, or not whole */
};

/* Take away the oldest row.  One that is damaged goes too, or the trail would grow for ever. */
static enum idm_result
forget_row(struct forgetting *f, struct idm_error *err)
{
	struct idm_audit *audit = f->audit;
	uint8_t key[SERIAL_BYTES];
	struct idm_span hash, body;
	enum idm_result result = load_row(audit->txn, f->before + 1, &hash, &body, err);

	if (result == IDM_OK) {
		uint64_t row_bytes = IDM_AUDIT_HASH_BYTES + body.len;

		memcpy(f->hash, hash.ptr, IDM_AUDIT_HASH_BYTES);
		audit->bytes -= row_bytes < audit->bytes ? row_bytes : audit->bytes;
	} else if (result == IDM_NOT_FOUND || result == IDM_CORRUPT) {
		f->damaged++;
	} else {
		return result;
	}
	idm_store_u64(++f->before, key);
	result = idm_store_del(audit->txn, IDM_DB_AUDIT, idm_span_of(key, sizeof(key)), err);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* The record of it. */
static enum idm_result
tell_forgotten(
    const struct forgetting *f, uint64_t first, struct idm_now now, struct idm_error *err)
{
	struct idm_audit_record record = { .at_s = now.at_s,
		.trusted = now.trusted,
		.protocol = IDM_AUDIT_INTERNAL,
		.operation = IDM_AUDIT_FORGET };
	char reason[160];
	int len = snprintf(reason, sizeof(reason),
	    "records %" PRIu64 " to %" PRIu64 ": the trail was full", first, f->before);

	if (f->damaged != 0)
		snprintf(reason + len, sizeof(reason) - (size_t)len,
		    "; %" PRIu64 " of them were damaged or not there", f->damaged);
	record.reason = idm_span_cstr(reason);
	return idm_audit_append(f->audit, &record, err);
}

/* Until the rows take `keep_bytes` at most; the last one stays. */
static enum idm_result
forget(struct idm_audit *audit, uint64_t keep_bytes, struct idm_now now, struct idm_error *err)
{
	struct forgetting f = { .audit = audit };
	uint64_t first;
	enum idm_result result = load_mark(audit->txn, before_key, &f.before, f.hash, err);

	first = f.before + 1;
	while (result == IDM_OK && audit->bytes > keep_bytes && f.before + 1 < audit->serial)
		result = forget_row(&f, err);
	if (result != IDM_OK || f.before + 1 == first)
		return result;
	if (f.before + 1 == audit->serial)
		audit->bytes = 0; /* whatever was counted: one row is left */
	result = store_mark(audit->txn, before_key, f.before, f.hash, err);
	return result == IDM_OK ? tell_forgotten(&f, first, now, err) : result;
}

enum idm_result
idm_audit_end(
    struct idm_audit *audit, uint64_t keep_bytes, struct idm_now now, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	if (audit->bytes > keep_bytes)
		result = forget(audit, keep_bytes - keep_bytes / FORGET_PART, now, err);
	if (result == IDM_OK)
		result = store_mark(audit->txn, last_key, audit->serial, audit->hash, err);
	if (result == IDM_OK)
		result = idm_store_put_number(
		    audit->txn, IDM_DB_LOCAL_META, bytes_key, audit->bytes, err);
	if (result == IDM_OK)
		result = idm_store_put_number(
		    audit->txn, IDM_DB_LOCAL_META, change_key, audit->change_no, err);
	return result;
}

/* --- whether it holds */

static void __attribute__((format(printf, 3, 4)))
break_at(struct idm_audit_check *check, uint64_t serial, const char *fmt, ...)
{
	va_list args;

	check->broken = serial;
	check->next = 0;
	va_start(args, fmt);
	vsnprintf(check->text, sizeof(check->text), fmt, args);
	va_end(args);
}

/* A row's own part of the chain: `hash` is that of the row before, and becomes its own. */
static enum idm_result
check_row(const struct idm_txn *txn, uint64_t serial, uint8_t hash[IDM_AUDIT_HASH_BYTES],
    struct idm_audit_check *check, struct idm_error *err)
{
	uint8_t made[IDM_AUDIT_HASH_BYTES];
	struct idm_audit_record record;
	struct idm_span stored, body;
	enum idm_result result = load_row(txn, serial, &stored, &body, err);

	if (result == IDM_NOT_FOUND) {
		break_at(check, serial, "it is not there");
		return IDM_OK;
	}
	if (result == IDM_OK)
		result = idm_audit_decode(body, &record, err);
	if (result == IDM_CORRUPT) {
		break_at(check, serial, "it is damaged");
		return IDM_OK;
	}
	if (result == IDM_OK)
		result = chain(hash, serial, body, made, err);
	if (result != IDM_OK)
		return result;
	memcpy(hash, stored.ptr, IDM_AUDIT_HASH_BYTES);
	if (memcmp(made, stored.ptr, IDM_AUDIT_HASH_BYTES) != 0)
		break_at(check, serial, "its hash is not that of itself and the one before it");
	return IDM_OK;
}

/* Is there a row outside of what is kept? */
static enum idm_result
check_ends(const struct idm_txn *txn, struct idm_audit_check *check, struct idm_error *err)
{
	const struct idm_audit_extent *extent = &check->extent;
	uint8_t behind[SERIAL_BYTES];
	struct idm_cursor cursor;
	struct idm_span key, value;
	enum idm_result result = idm_cursor_open(txn, IDM_DB_AUDIT, IDM_SPAN_EMPTY, &cursor, err);

	if (result != IDM_OK)
		return result;
	result = idm_cursor_next(&cursor, &key, &value, err);
	if (result == IDM_OK &&
	    (key.len != SERIAL_BYTES || idm_store_load_u64(key.ptr) <= extent->before))
		break_at(check, extent->before + 1, "a row stands before it");
	idm_store_u64(extent->last + 1, behind);
	if (result == IDM_OK)
		result = idm_cursor_seek(&cursor, idm_span_of(behind, sizeof(behind)), err);
	if (result == IDM_OK)
		result = idm_cursor_next(&cursor, &key, &value, err);
	if (result == IDM_OK)
		break_at(check, extent->last + 1, "it stands behind the end of the trail");
	idm_cursor_close(&cursor);
	return result == IDM_NOT_FOUND || result == IDM_CORRUPT ? IDM_OK : result;
}

/* The hash that the row `from` goes on from. */
static enum idm_result
hash_before(const struct idm_txn *txn, uint64_t from, struct idm_audit_check *check,
    uint8_t hash[IDM_AUDIT_HASH_BYTES], struct idm_error *err)
{
	struct idm_span stored, body;
	enum idm_result result = IDM_OK;

	memcpy(hash, check->extent.before_hash, IDM_AUDIT_HASH_BYTES);
	if (from > check->extent.before + 1)
		result = load_row(txn, from - 1, &stored, &body, err);
	if (result == IDM_NOT_FOUND || result == IDM_CORRUPT) {
		break_at(check, from - 1, "it is not there, or damaged");
		return IDM_OK;
	}
	if (result == IDM_OK && from > check->extent.before + 1)
		memcpy(hash, stored.ptr, IDM_AUDIT_HASH_BYTES);
	return result;
}

static enum idm_result
check_from(const struct idm_txn *txn, uint64_t from, size_t most, struct idm_audit_check *out,
    struct idm_error *err)
{
	uint8_t hash[IDM_AUDIT_HASH_BYTES];
	uint64_t serial = from;
	enum idm_result result = hash_before(txn, from, out, hash, err);

	for (; result == IDM_OK && out->broken == 0 && serial <= out->extent.last; serial++) {
		if (most-- == 0) {
			out->next = serial;
			return IDM_OK;
		}
		result = check_row(txn, serial, hash, out, err);
	}
	if (result == IDM_OK && out->broken == 0 &&
	    memcmp(hash, out->extent.last_hash, IDM_AUDIT_HASH_BYTES) != 0)
		break_at(out, out->extent.last, "its hash is not the one that was noted of it");
	return result;
}

enum idm_result
idm_audit_check(const struct idm_txn *txn, uint64_t from, size_t most, struct idm_audit_check *out,
    struct idm_error *err)
{
	enum idm_result result;

	memset(out, 0, sizeof(*out));
	result = idm_audit_extent(txn, &out->extent, err);
	if (result != IDM_OK)
		return result;
	if (from <= out->extent.before) {
		from = out->extent.before + 1;
		result = check_ends(txn, out, err);
	}
	if (from > out->extent.last + 1)
		from = out->extent.last + 1;
	if (result == IDM_OK && out->broken == 0)
		result = check_from(txn, from, most, out, err);
	return result;
}
