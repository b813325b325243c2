/*
 * Password hashes that other directories made (SPEC 6.3): {SSHA} and its kin, PBKDF2, crypt(5), NT.
 * They are kept in one written form, which begins with `{`, until the account's next success.
 */
#ifndef CORE_FOREIGN_HASH_H
#define CORE_FOREIGN_HASH_H

#include "core/credential.h"

/* Is this such a hash, and no PHC string? */
static inline bool
idm_foreign_hash_is(struct idm_span text)
{
	return text.len != 0 && text.ptr[0] == '{';
}

/*
 * Check a hash as it stands in other directories and write it as it is kept:
 *
 *   {SHA} {SSHA} {SHA256} {SSHA256} {SHA384} {SSHA384} {SHA512} {SSHA512}    RFC 2307 and OpenLDAP
 *   {PBKDF2} {PBKDF2-SHA1} {PBKDF2-SHA256} {PBKDF2-SHA512}                   OpenLDAP, 389-ds
 *   {PBKDF2_SHA256}                                                         389-ds, older
 *   pbkdf2_sha1$ pbkdf2_sha256$ pbkdf2_sha512$                              Django
 *   {CRYPT}$1$ $5$ $6$ $y$, with or without {CRYPT}                         crypt(5)
 *   {NT}, ipaNTHash:, sambaNTPassword:                                      hexadecimal or base64
 *
 * IDM_INVALID: it is none of these, does not decode, or would take too long to test; the text for
 * the client says so, and never quotes it.
 */
enum idm_result idm_foreign_hash_import(
    struct idm_span text, char out[IDM_PHC_BYTES], struct idm_error *err);

/* The memory that testing it takes; 0: not enough to count. */
uint32_t idm_foreign_hash_memory_kib(struct idm_span text);

/* As idm_password_verify, of a hash as it is kept. */
enum idm_result idm_foreign_hash_verify(
    struct idm_span text, struct idm_span password, struct idm_error *err);

#endif
