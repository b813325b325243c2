#include "core/token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "core/base64.h"
#include "core/fields.h"
#include "core/store.h"

enum {
	PREFIX_CHARS = 3,
	SECRET_BYTES = 24,
	TOKEN_BYTES = IDM_UUID_BYTES + SECRET_BYTES,
	/* A stored row: format, kind, scope, high privilege, three uuids, the hash, four numbers,
	 * of an application password the application's uuid, the label. */
	ROW_FORMAT = 1,
	ROW_HEAD_BYTES = 4,
	ROW_FIXED_BYTES = ROW_HEAD_BYTES + 3 * IDM_UUID_BYTES + IDM_TOKEN_HASH_BYTES + 4 * 8,
	/* How far an untrusted clock may lie before a session that it issued: small steps back. */
	CLOCK_STEP_S = 300,
};

static bool
hash_secret(const uint8_t secret[SECRET_BYTES], uint8_t hash[IDM_TOKEN_HASH_BYTES])
{
	unsigned len = 0;

	return EVP_Digest(secret, SECRET_BYTES, hash, &len, EVP_sha256(), NULL) == 1 &&
	       len == IDM_TOKEN_HASH_BYTES;
}

bool
idm_token_generate(char text[IDM_TOKEN_TEXT], struct idm_token_row *row)
{
	uint8_t bytes[TOKEN_BYTES];
	bool ok = idm_uuid_generate(&row->id) &&
		  RAND_bytes(bytes + IDM_UUID_BYTES, SECRET_BYTES) == 1 &&
		  hash_secret(bytes + IDM_UUID_BYTES, row->hash);

	if (ok) {
		memcpy(bytes, row->id.bytes, IDM_UUID_BYTES);
		memcpy(text, "kt_", PREFIX_CHARS);
		idm_base64_encode(
		    IDM_BASE64_URL, idm_span_of(bytes, sizeof(bytes)), text + PREFIX_CHARS);
	}
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return ok;
}

bool
idm_token_parse(struct idm_span text, struct idm_uuid *id, uint8_t hash[IDM_TOKEN_HASH_BYTES])
{
	uint8_t bytes[TOKEN_BYTES];
	struct idm_span digits;
	bool ok;

	if (text.len != IDM_TOKEN_TEXT - 1 || memcmp(text.ptr, "kt_", PREFIX_CHARS) != 0)
		return false;
	digits = idm_span_of(text.ptr + PREFIX_CHARS, text.len - PREFIX_CHARS);
	ok = idm_base64_decode(IDM_BASE64_URL, digits, bytes, sizeof(bytes)) &&
	     hash_secret(bytes + IDM_UUID_BYTES, hash);
	if (ok)
		memcpy(id->bytes, bytes, IDM_UUID_BYTES);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return ok;
}

enum idm_result
idm_token_check(const struct idm_token_row *row, const uint8_t hash[IDM_TOKEN_HASH_BYTES],
    struct idm_now now, struct idm_error *err)
{
	char text[IDM_TIME_TEXT];

	if (CRYPTO_memcmp(row->hash, hash, IDM_TOKEN_HASH_BYTES) != 0)
		return idm_fail(err, IDM_DENIED, "the token's secret is wrong");
	if (row->expire_s == INT64_MAX)
		return IDM_OK;
	if (now.at_s >= row->expire_s) {
		idm_time_format(row->expire_s, text);
		return idm_fail(err, IDM_DENIED, "the token expired at %s", text);
	}
	/*
	 * A clock that is not trusted may stand before an expiry that has passed.  A session that
	 * was begun by that same clock goes on, or nobody could log in to set the clock right.
	 */
	if (!now.trusted &&
	    (row->kind != IDM_TOKEN_SESSION || row->issued_s > now.at_s + CLOCK_STEP_S))
		return idm_fail(err, IDM_DENIED, "the token expires, and time is not trusted");
	return IDM_OK;
}

static uint8_t *
put(uint8_t *to, const void *from, size_t len)
{
	if (len > 0)
		memcpy(to, from, len);
	return to + len;
}

static uint8_t *
put_number(uint8_t *to, uint64_t value)
{
	idm_store_u64(value, to);
	return to + sizeof(value);
}

static size_t
application_bytes(enum idm_token_kind kind)
{
	return kind == IDM_TOKEN_APPLICATION ? IDM_UUID_BYTES : 0;
}

struct idm_span
idm_token_row_encode(const struct idm_token_row *row, struct idm_arena *arena)
{
	const uint8_t head[ROW_HEAD_BYTES] = { ROW_FORMAT, (uint8_t)row->kind, (uint8_t)row->scope,
		row->high_privilege };
	size_t bytes = ROW_FIXED_BYTES + application_bytes(row->kind) + row->label.len;
	uint8_t *out;
	uint8_t *to;

	if (row->label.len > IDM_TOKEN_LABEL_MAX)
		return IDM_SPAN_EMPTY;
	out = idm_arena_alloc(arena, bytes);
	if (out == NULL)
		return IDM_SPAN_EMPTY;
	to = put(out, head, sizeof(head));
	to = put(to, row->id.bytes, IDM_UUID_BYTES);
	to = put(to, row->account.bytes, IDM_UUID_BYTES);
	to = put(to, row->issued_by.bytes, IDM_UUID_BYTES);
	to = put(to, row->hash, IDM_TOKEN_HASH_BYTES);
	to = put_number(to, (uint64_t)row->issued_s);
	to = put_number(to, (uint64_t)row->expire_s);
	to = put_number(to, (uint64_t)row->privileged_until_s);
	to = put_number(to, row->credential_no);
	to = put(to, row->application.bytes, application_bytes(row->kind));
	put(to, row->label.ptr, row->label.len);
	return idm_span_of(out, bytes);
}

enum idm_result
idm_token_row_decode(struct idm_span bytes, struct idm_token_row *out, struct idm_error *err)
{
	struct idm_fields row = { bytes, false };
	struct idm_span head = idm_fields_take(&row, ROW_HEAD_BYTES);

	if (bytes.len < ROW_FIXED_BYTES ||
	    bytes.len > ROW_FIXED_BYTES + IDM_UUID_BYTES + IDM_TOKEN_LABEL_MAX)
		return idm_fail(
		    err, IDM_CORRUPT, "a token's row has a length of %zu octets", bytes.len);
	if (head.ptr[0] != ROW_FORMAT || head.ptr[1] < IDM_TOKEN_API ||
	    head.ptr[1] > IDM_TOKEN_APPLICATION || head.ptr[2] > IDM_SCOPE_READ_WRITE ||
	    head.ptr[3] > 1)
		return idm_fail(err, IDM_CORRUPT, "a token's row of unknown format, kind or scope");
	out->kind = (enum idm_token_kind)head.ptr[1];
	out->scope = (enum idm_scope)head.ptr[2];
	out->high_privilege = head.ptr[3] != 0;
	out->id = idm_fields_uuid(&row);
	out->account = idm_fields_uuid(&row);
	out->issued_by = idm_fields_uuid(&row);
	memcpy(out->hash, idm_fields_take(&row, IDM_TOKEN_HASH_BYTES).ptr, IDM_TOKEN_HASH_BYTES);
	out->issued_s = (int64_t)idm_fields_u64(&row);
	out->expire_s = (int64_t)idm_fields_u64(&row);
	out->privileged_until_s = (int64_t)idm_fields_u64(&row);
	out->credential_no = idm_fields_u64(&row);
	memset(&out->application, 0, sizeof(out->application));
	if (out->kind == IDM_TOKEN_APPLICATION)
		out->application = idm_fields_uuid(&row);
	out->label = row.rest;
	if (row.bad || out->label.len > IDM_TOKEN_LABEL_MAX)
		return idm_fail(
		    err, IDM_CORRUPT, "a token's row has a length of %zu octets", bytes.len);
	return IDM_OK;
}

int
idm_token_row_by_age(const void *a, const void *b)
{
	const struct idm_token_row *left = a, *right = b;

	if (left->issued_s != right->issued_s)
		return left->issued_s < right->issued_s ? -1 : 1;
	return memcmp(left->id.bytes, right->id.bytes, IDM_UUID_BYTES);
}
