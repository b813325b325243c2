#include "core/passphrase.h"

#include <argon2.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "core/credential.h"
#include "core/gcm.h"
#include "core/store.h"

/* "KPP1", m, t, p (u32, big endian), salt; then nonce, ciphertext, tag.  All of it is covered. */
enum {
	MAGIC_BYTES = 4,
	SALT_BYTES = 16,
	HEAD_BYTES = MAGIC_BYTES + 3 * 4 + SALT_BYTES,
};

static const uint8_t magic[MAGIC_BYTES] = { 'K', 'P', 'P', '1' };
static const struct idm_argon2 cost = { .m_kib = 64 * 1024, .t = 3, .p = 1 };

static enum idm_result
derive_key(struct idm_span passphrase, const struct idm_argon2 *params, const uint8_t *salt,
    uint8_t key[IDM_GCM_KEY_BYTES], struct idm_error *err)
{
	int code = argon2id_hash_raw(params->t, params->m_kib, params->p, passphrase.ptr,
	    passphrase.len, salt, SALT_BYTES, key, IDM_GCM_KEY_BYTES);

	if (code != ARGON2_OK)
		return idm_fail(err, IDM_SYSTEM, "Argon2: %s", argon2_error_message(code));
	return IDM_OK;
}

static enum idm_result
seal_with(struct idm_span passphrase, struct idm_span plain, uint8_t *out, struct idm_error *err)
{
	EVP_CIPHER *cipher = idm_gcm_cipher();
	uint8_t key[IDM_GCM_KEY_BYTES];
	enum idm_result result =
	    derive_key(passphrase, &cost, out + HEAD_BYTES - SALT_BYTES, key, err);

	if (result == IDM_OK &&
	    (cipher == NULL ||
		!idm_gcm_seal(cipher, key, idm_span_of(out, HEAD_BYTES), plain, out + HEAD_BYTES)))
		result = idm_fail(err, IDM_SYSTEM, "OpenSSL could not seal the keys");
	OPENSSL_cleanse(key, sizeof(key));
	EVP_CIPHER_free(cipher);
	return result;
}

enum idm_result
idm_passphrase_seal(struct idm_span passphrase, struct idm_span plain, struct idm_arena *arena,
    struct idm_span *sealed, struct idm_error *err)
{
	size_t len = HEAD_BYTES + plain.len + IDM_GCM_EXTRA_BYTES;
	uint8_t *out = plain.len > IDM_PASSPHRASE_PLAIN_MAX ? NULL : idm_arena_alloc(arena, len);

	if (passphrase.len < IDM_PASSPHRASE_MIN_BYTES || passphrase.len > IDM_PASSPHRASE_MAX_BYTES)
		return idm_fail(err, IDM_INVALID, "a passphrase has %d to %d characters",
		    IDM_PASSPHRASE_MIN_BYTES, IDM_PASSPHRASE_MAX_BYTES);
	if (out == NULL)
		return idm_fail(err, IDM_LIMIT, "no room to seal the keys");
	memcpy(out, magic, MAGIC_BYTES);
	idm_store_u32(cost.m_kib, out + MAGIC_BYTES);
	idm_store_u32(cost.t, out + MAGIC_BYTES + 4);
	idm_store_u32(cost.p, out + MAGIC_BYTES + 8);
	if (RAND_bytes(out + HEAD_BYTES - SALT_BYTES, SALT_BYTES) != 1)
		return idm_fail(err, IDM_SYSTEM, "no random octets");
	*sealed = idm_span_of(out, len);
	return seal_with(passphrase, plain, out, err);
}

static enum idm_result
open_with(struct idm_span passphrase, const struct idm_argon2 *params, struct idm_span sealed,
    uint8_t *out, struct idm_error *err)
{
	EVP_CIPHER *cipher = idm_gcm_cipher();
	uint8_t key[IDM_GCM_KEY_BYTES];
	enum idm_result result =
	    derive_key(passphrase, params, sealed.ptr + HEAD_BYTES - SALT_BYTES, key, err);

	if (result == IDM_OK && cipher == NULL)
		result = idm_fail(err, IDM_SYSTEM, "OpenSSL has no AES-256-GCM");
	if (result == IDM_OK &&
	    !idm_gcm_open(cipher, key, idm_span_of(sealed.ptr, HEAD_BYTES),
		idm_span_of(sealed.ptr + HEAD_BYTES, sealed.len - HEAD_BYTES), out))
		result = idm_fail(err, IDM_DENIED, "the passphrase is not the one of these keys");
	OPENSSL_cleanse(key, sizeof(key));
	EVP_CIPHER_free(cipher);
	return result;
}

enum idm_result
idm_passphrase_open(struct idm_span passphrase, struct idm_span sealed, struct idm_arena *arena,
    struct idm_span *plain, struct idm_error *err)
{
	struct idm_argon2 params;
	size_t len;
	uint8_t *out;

	if (sealed.len < HEAD_BYTES + IDM_GCM_EXTRA_BYTES ||
	    sealed.len > HEAD_BYTES + IDM_GCM_EXTRA_BYTES + IDM_PASSPHRASE_PLAIN_MAX ||
	    memcmp(sealed.ptr, magic, MAGIC_BYTES) != 0)
		return idm_fail(err, IDM_CORRUPT, "these are no keys under a passphrase");
	params.m_kib = idm_store_load_u32(sealed.ptr + MAGIC_BYTES);
	params.t = idm_store_load_u32(sealed.ptr + MAGIC_BYTES + 4);
	params.p = idm_store_load_u32(sealed.ptr + MAGIC_BYTES + 8);
	if (!idm_argon2_valid(&params))
		return idm_fail(err, IDM_CORRUPT, "the cost of the passphrase is out of bounds");
	len = sealed.len - HEAD_BYTES - IDM_GCM_EXTRA_BYTES;
	out = idm_arena_alloc(arena, len + 1);
	if (out == NULL)
		return idm_fail(err, IDM_LIMIT, "no room for the keys");
	*plain = idm_span_of(out, len);
	return open_with(passphrase, &params, sealed, out, err);
}
