#include "core/seal.h"

#include <endian.h>

#include "core/keyring.h"

enum {
	BLOB_FORMAT = 1,
	HEAD_BYTES = 1 + 1 + 4 + 8, /* format, purpose, key id, set-at */
	AAD_BYTES = HEAD_BYTES + IDM_UUID_BYTES + 4,
	BLOB_MIN_BYTES = HEAD_BYTES + IDM_GCM_EXTRA_BYTES,
	PLAIN_MAX_BYTES = 64 * 1024,
};

/* The active key that was made last: ids only grow. */
static const struct key *
newest_key(const struct idm_keyring *ring)
{
	const struct key *newest = NULL;

	for (size_t i = 0; i < ring->count; i++) {
		const struct key *key = &ring->keys[i];

		if (key->active && (newest == NULL || key->id > newest->id))
			newest = key;
	}
	return newest;
}

static const struct key *
find_key(const struct idm_keyring *ring, uint32_t id)
{
	for (size_t i = 0; i < ring->count; i++)
		if (ring->keys[i].id == id)
			return &ring->keys[i];
	return NULL;
}

static void
put_head(uint8_t head[HEAD_BYTES], enum idm_purpose purpose, uint32_t key_id, uint64_t set_at_no)
{
	uint32_t id = htobe32(key_id);
	uint64_t no = htobe64(set_at_no);

	head[0] = BLOB_FORMAT;
	head[1] = (uint8_t)purpose;
	memcpy(head + 2, &id, sizeof(id));
	memcpy(head + 6, &no, sizeof(no));
}

/* What the tag covers besides: a blob fits one attribute of one entry, and no other. */
static void
put_aad(uint8_t aad[AAD_BYTES], const uint8_t head[HEAD_BYTES], const struct idm_uuid *uuid,
    uint32_t attr_number)
{
	uint32_t number = htobe32(attr_number);

	memcpy(aad, head, HEAD_BYTES);
	memcpy(aad + HEAD_BYTES, uuid->bytes, IDM_UUID_BYTES);
	memcpy(aad + HEAD_BYTES + IDM_UUID_BYTES, &number, sizeof(number));
}

enum idm_result
idm_seal(const struct idm_keyring *ring, const struct idm_uuid *uuid, uint32_t attr_number,
    uint64_t set_at_no, struct idm_span plain, struct idm_arena *arena, struct idm_span *blob,
    struct idm_error *err)
{
	const struct key *key = newest_key(ring);
	uint8_t aad[AAD_BYTES];
	uint8_t *out;

	if (key == NULL)
		return idm_fail(err, IDM_INVALID, "the %s key ring has no active key",
		    idm_purpose_name(ring->purpose));
	if (plain.len > PLAIN_MAX_BYTES)
		return idm_fail(err, IDM_LIMIT, "a secret of %zu octets", plain.len);
	out = idm_arena_alloc(arena, BLOB_MIN_BYTES + plain.len);
	if (out == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory to seal a secret");
	put_head(out, ring->purpose, key->id, set_at_no);
	put_aad(aad, out, uuid, attr_number);
	if (!idm_gcm_seal(
		ring->cipher, key->bytes, idm_span_of(aad, sizeof(aad)), plain, out + HEAD_BYTES))
		return idm_fail(err, IDM_SYSTEM, "OpenSSL could not seal a secret");
	*blob = idm_span_of(out, BLOB_MIN_BYTES + plain.len);
	return IDM_OK;
}

/* The key that a blob was sealed with; NULL: the text says why there is none. */
static const struct key *
key_of(const struct idm_keyring *ring, struct idm_span blob, struct idm_error *err)
{
	const struct key *key;
	uint32_t id;

	if (blob.len < BLOB_MIN_BYTES || blob.len > BLOB_MIN_BYTES + PLAIN_MAX_BYTES ||
	    blob.ptr[0] != BLOB_FORMAT) {
		idm_fail(err, IDM_CORRUPT, "a sealed secret is damaged");
		return NULL;
	}
	if (blob.ptr[1] != ring->purpose) {
		idm_fail(err, IDM_CORRUPT, "a secret is not sealed for the %s key ring",
		    idm_purpose_name(ring->purpose));
		return NULL;
	}
	memcpy(&id, blob.ptr + 2, sizeof(id));
	key = find_key(ring, be32toh(id));
	if (key == NULL)
		idm_fail(err, IDM_CORRUPT, "the %s key ring lacks key %u",
		    idm_purpose_name(ring->purpose), be32toh(id));
	return key;
}

enum idm_result
idm_unseal(const struct idm_keyring *ring, const struct idm_uuid *uuid, uint32_t attr_number,
    struct idm_span blob, struct idm_arena *arena, struct idm_span *plain, struct idm_error *err)
{
	const struct key *key = key_of(ring, blob, err);
	uint8_t aad[AAD_BYTES];
	size_t len;
	uint8_t *out;

	if (key == NULL)
		return IDM_CORRUPT;
	len = blob.len - BLOB_MIN_BYTES;
	out = idm_arena_alloc(arena, len + 1); /* never of 0 octets */
	if (out == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory to unseal a secret");
	put_aad(aad, blob.ptr, uuid, attr_number);
	if (!idm_gcm_open(ring->cipher, key->bytes, idm_span_of(aad, sizeof(aad)),
		idm_span_of(blob.ptr + HEAD_BYTES, blob.len - HEAD_BYTES), out))
		return idm_fail(err, IDM_CORRUPT,
		    "a sealed secret does not verify: changed, or of another entry or key");
	*plain = idm_span_of(out, len);
	return IDM_OK;
}

uint64_t
idm_seal_set_at(struct idm_span blob)
{
	uint64_t no;

	if (blob.len < BLOB_MIN_BYTES || blob.ptr[0] != BLOB_FORMAT)
		return 0;
	memcpy(&no, blob.ptr + 6, sizeof(no));
	return be64toh(no);
}

enum idm_result
idm_reseal(const struct idm_keyring *ring, const struct idm_uuid *uuid, uint32_t attr_number,
    struct idm_span blob, struct idm_arena *arena, struct idm_span *out, bool *changed,
    struct idm_error *err)
{
	const struct key *key;
	struct idm_span plain;
	enum idm_result result;

	*changed = false;
	if (blob.len >= BLOB_MIN_BYTES && blob.ptr[1] != ring->purpose)
		return IDM_OK;
	key = key_of(ring, blob, err);
	if (key == NULL)
		return IDM_CORRUPT;
	if (key == newest_key(ring))
		return IDM_OK;
	result = idm_unseal(ring, uuid, attr_number, blob, arena, &plain, err);
	if (result == IDM_OK)
		result = idm_seal(
		    ring, uuid, attr_number, idm_seal_set_at(blob), plain, arena, out, err);
	*changed = result == IDM_OK;
	return result;
}
