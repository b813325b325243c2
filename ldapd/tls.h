/* Certificate and key of LDAPS, and the TLS settings (SPEC 8.1; facts of hardening in DESIGN). */
#ifndef LDAPD_TLS_H
#define LDAPD_TLS_H

#include <openssl/ssl.h>

#include "core/result.h"
#include "core/span.h"

/* PEM, read while one may; checked: they belong together, and the certificate holds today. */
struct tls_material {
	uint8_t *chain; /* malloc'd */
	size_t chain_len;
	uint8_t *key; /* malloc'd, wiped by tls_material_free */
	size_t key_len;
	const char *chain_name; /* for messages; not owned */
	const char *key_name;
};

/* IDM_INVALID, IDM_NOT_FOUND: err->text names the file and what to do. */
enum idm_result tls_material_load(
    const char *chain_path, const char *key_path, struct tls_material *out, struct idm_error *err);
void tls_material_free(struct tls_material *material);

/*
 * A server context: TLS 1.2 and 1.3, ECDHE with AEAD, no renegotiation, compression or tickets
 * (each worker has its own keys, so a ticket of one would be nothing to another).
 */
enum idm_result tls_context_new(
    const struct tls_material *material, SSL_CTX **out, struct idm_error *err);

#endif
