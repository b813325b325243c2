#include "core/change_digest.h"

#include <openssl/evp.h>

#include "core/closure.h"
#include "core/filter.h"

static const char digest_key[] = "digest";

/* SHA-256 of some octets, XORed into the digest. */
static enum idm_result
toggle(uint8_t digest[IDM_DIGEST_BYTES], struct idm_span first, struct idm_span second,
    struct idm_error *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t hash[IDM_DIGEST_BYTES];
	bool ok;

	ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
	     EVP_DigestUpdate(ctx, first.ptr, first.len) == 1 &&
	     EVP_DigestUpdate(ctx, second.ptr, second.len) == 1 &&
	     EVP_DigestFinal_ex(ctx, hash, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return idm_fail(err, IDM_SYSTEM, "SHA-256 failed");
	for (size_t i = 0; i < sizeof(hash); i++)
		digest[i] ^= hash[i];
	return IDM_OK;
}

enum idm_result
idm_digest_entry(uint8_t digest[IDM_DIGEST_BYTES], struct idm_span flat, struct idm_error *err)
{
	return toggle(digest, flat, IDM_SPAN_EMPTY, err);
}

enum idm_result
idm_digest_edge(uint8_t digest[IDM_DIGEST_BYTES], const struct idm_uuid *group,
    const struct idm_uuid *member, struct idm_error *err)
{
	return toggle(digest, idm_uuid_span(group), idm_uuid_span(member), err);
}

enum idm_result
idm_digest_load(const struct idm_txn *txn, uint8_t out[IDM_DIGEST_BYTES], struct idm_error *err)
{
	struct idm_span stored;
	enum idm_result result =
	    idm_store_get(txn, IDM_DB_META, idm_span_cstr(digest_key), &stored, err);

	memset(out, 0, IDM_DIGEST_BYTES);
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	if (result != IDM_OK)
		return result;
	if (stored.len != IDM_DIGEST_BYTES)
		return idm_fail(err, IDM_CORRUPT, "meta.digest has %zu octets", stored.len);
	memcpy(out, stored.ptr, IDM_DIGEST_BYTES);
	return IDM_OK;
}

enum idm_result
idm_digest_store(
    const struct idm_txn *txn, const uint8_t digest[IDM_DIGEST_BYTES], struct idm_error *err)
{
	return idm_store_put(txn, IDM_DB_META, idm_span_cstr(digest_key),
	    idm_span_of(digest, IDM_DIGEST_BYTES), err);
}

static enum idm_result
add_edges(const struct idm_read *read, const struct idm_entry *group,
    uint8_t digest[IDM_DIGEST_BYTES], struct idm_error *err)
{
	struct idm_ids ids = { NULL, 0, 0 };
	enum idm_result result;

	/* The edges of a dynamic group are derived. */
	if (!idm_entry_has_class(group, "group") || idm_entry_is_dynamic_group(group))
		return IDM_OK;
	result = idm_closure_member_ids(read, group->id, IDM_MEMBER_GROUP, &ids, err);
	if (result == IDM_OK)
		result = idm_closure_member_ids(read, group->id, IDM_MEMBER_ACCOUNT, &ids, err);
	for (size_t i = 0; i < ids.count && result == IDM_OK; i++) {
		struct idm_entry member;

		result = idm_lookup_id(read, ids.ids[i], &member, err);
		if (result == IDM_OK)
			result = idm_digest_edge(digest, &group->uuid, &member.uuid, err);
		else if (result == IDM_NOT_FOUND)
			result = idm_fail(err, IDM_CORRUPT, "a group lists an entry that is gone");
	}
	return result;
}

static enum idm_result
add_record(const struct idm_read *read, struct idm_span key, struct idm_span flat,
    uint8_t digest[IDM_DIGEST_BYTES], struct idm_error *err)
{
	struct idm_arena_mark mark = idm_arena_mark(read->arena);
	struct idm_entry entry;
	enum idm_result result;

	if (key.len != 8)
		return idm_fail(err, IDM_CORRUPT, "an entry's key has %zu octets", key.len);
	result = idm_entry_view(flat, idm_store_load_u64(key.ptr), &entry, err);
	if (result == IDM_OK)
		result = idm_digest_entry(digest, flat, err);
	if (result == IDM_OK)
		result = add_edges(read, &entry, digest, err);
	idm_arena_rewind(read->arena, mark);
	return result;
}

enum idm_result
idm_digest_compute(
    const struct idm_read *read, uint8_t out[IDM_DIGEST_BYTES], struct idm_error *err)
{
	struct idm_cursor cursor;
	struct idm_span key, flat;
	enum idm_result result =
	    idm_cursor_open(read->txn, IDM_DB_ENTRIES, IDM_SPAN_EMPTY, &cursor, err);

	memset(out, 0, IDM_DIGEST_BYTES);
	if (result != IDM_OK)
		return result;
	while (result == IDM_OK) {
		result = idm_cursor_next(&cursor, &key, &flat, err);
		if (result == IDM_OK)
			result = add_record(read, key, flat, out, err);
	}
	idm_cursor_close(&cursor);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

enum idm_result
idm_digest_verify(const struct idm_read *read, struct idm_error *err)
{
	uint8_t kept[IDM_DIGEST_BYTES], made[IDM_DIGEST_BYTES];
	enum idm_result result = idm_digest_load(read->txn, kept, err);

	if (result == IDM_OK)
		result = idm_digest_compute(read, made, err);
	if (result == IDM_OK && memcmp(kept, made, sizeof(kept)) != 0)
		return idm_fail(err, IDM_CORRUPT, "the digest is not that of what is stored");
	return result;
}
