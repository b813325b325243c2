/* AES-256-GCM (NIST SP 800-38D) with a random nonce: what seals and passphrases are made of. */
#ifndef CORE_GCM_H
#define CORE_GCM_H

#include <openssl/evp.h>

#include "core/span.h"

enum {
	IDM_GCM_KEY_BYTES = 32,
	IDM_GCM_NONCE_BYTES = 12,
	IDM_GCM_TAG_BYTES = 16,
	IDM_GCM_EXTRA_BYTES = IDM_GCM_NONCE_BYTES + IDM_GCM_TAG_BYTES,
};

/* NULL: OpenSSL has none.  EVP_CIPHER_free ends it. */
EVP_CIPHER *idm_gcm_cipher(void);

/* Write nonce, ciphertext and tag, plain.len + IDM_GCM_EXTRA_BYTES, to `out`.  False: OpenSSL
 * failed.
 */
bool idm_gcm_seal(const EVP_CIPHER *cipher, const uint8_t key[IDM_GCM_KEY_BYTES],
    struct idm_span aad, struct idm_span plain, uint8_t *out);

/*
 * Write the plain text, sealed.len - IDM_GCM_EXTRA_BYTES, to `plain`, which is wiped when it does
 * not verify: false.
 */
bool idm_gcm_open(const EVP_CIPHER *cipher, const uint8_t key[IDM_GCM_KEY_BYTES],
    struct idm_span aad, struct idm_span sealed, uint8_t *plain);

#endif
