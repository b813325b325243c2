#include "core/gcm.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

EVP_CIPHER *
idm_gcm_cipher(void)
{
	return EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

static bool
encrypt(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, const uint8_t *key, struct idm_span aad,
    struct idm_span plain, uint8_t *nonce)
{
	uint8_t *text = nonce + IDM_GCM_NONCE_BYTES;
	uint8_t *tag = text + plain.len;
	int len;

	return RAND_bytes(nonce, IDM_GCM_NONCE_BYTES) == 1 &&
	       EVP_EncryptInit_ex2(ctx, cipher, key, nonce, NULL) == 1 &&
	       EVP_EncryptUpdate(ctx, NULL, &len, aad.ptr, (int)aad.len) == 1 &&
	       (plain.len == 0 ||
		   EVP_EncryptUpdate(ctx, text, &len, plain.ptr, (int)plain.len) == 1) &&
	       EVP_EncryptFinal_ex(ctx, tag, &len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, IDM_GCM_TAG_BYTES, tag) == 1;
}

bool
idm_gcm_seal(const EVP_CIPHER *cipher, const uint8_t key[IDM_GCM_KEY_BYTES], struct idm_span aad,
    struct idm_span plain, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool ok = ctx != NULL && encrypt(ctx, cipher, key, aad, plain, out);

	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

static bool
decrypt(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, const uint8_t *key, struct idm_span aad,
    struct idm_span sealed, uint8_t *plain)
{
	const uint8_t *text = sealed.ptr + IDM_GCM_NONCE_BYTES;
	size_t text_len = sealed.len - IDM_GCM_EXTRA_BYTES;
	uint8_t tag[IDM_GCM_TAG_BYTES];
	int len;

	memcpy(tag, text + text_len, sizeof(tag));
	return EVP_DecryptInit_ex2(ctx, cipher, key, sealed.ptr, NULL) == 1 &&
	       EVP_DecryptUpdate(ctx, NULL, &len, aad.ptr, (int)aad.len) == 1 &&
	       (text_len == 0 || EVP_DecryptUpdate(ctx, plain, &len, text, (int)text_len) == 1) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) == 1 &&
	       EVP_DecryptFinal_ex(ctx, plain + text_len, &len) == 1;
}

bool
idm_gcm_open(const EVP_CIPHER *cipher, const uint8_t key[IDM_GCM_KEY_BYTES], struct idm_span aad,
    struct idm_span sealed, uint8_t *plain)
{
	EVP_CIPHER_CTX *ctx;
	bool ok;

	if (sealed.len < IDM_GCM_EXTRA_BYTES)
		return false;
	ctx = EVP_CIPHER_CTX_new();
	ok = ctx != NULL && decrypt(ctx, cipher, key, aad, sealed, plain);
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		OPENSSL_cleanse(plain, sealed.len - IDM_GCM_EXTRA_BYTES);
	return ok;
}
