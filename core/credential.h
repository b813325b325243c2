/* Passwords: generated, judged, hashed with Argon2id and verified (SPEC 6.2, 6.4, 6.5). */
#ifndef CORE_CREDENTIAL_H
#define CORE_CREDENTIAL_H

#include "core/arena.h"
#include "core/result.h"
#include "core/span.h"

enum {
	IDM_PASSWORD_MAX_BYTES = 1024,
	IDM_PASSWORD_MIN_CHARS = 15,
	IDM_PHC_BYTES = 256,               /* room for a stored hash's text with its NUL */
	IDM_GENERATED_PASSWORD_BYTES = 49, /* 48 characters and a NUL */
	IDM_GENERATED_SECRET_BYTES = 24,   /* 4 groups of 5, `-` between, and a NUL */
};

struct idm_argon2 {
	uint32_t m_kib;
	uint32_t t;
	uint32_t p;
};

#define IDM_ARGON2_DEFAULT ((struct idm_argon2){ .m_kib = 19456, .t = 2, .p = 1 })

/* Bounds of what is computed (facts: a tampered record must not be a memory bomb). */
bool idm_argon2_valid(const struct idm_argon2 *params);

/* Hash with a fresh 16-byte salt into a PHC string.  Takes tens of milliseconds. */
enum idm_result idm_password_hash(struct idm_span password, const struct idm_argon2 *params,
    char out[IDM_PHC_BYTES], struct idm_error *err);

/*
 * A hash that another directory made (SPEC 6.3), as it is to be stored: {ARGON2} and PHC strings of
 * Argon2id and Argon2i within our bounds, and what core/foreign_hash.h takes.  IDM_INVALID: none of
 * these, or a password in clear text; the text for the client never quotes it.
 */
enum idm_result idm_password_import(
    struct idm_span text, char out[IDM_PHC_BYTES], struct idm_error *err);

/*
 * IDM_OK: the password fits; IDM_DENIED: it does not; IDM_CORRUPT: no hash as it is stored here, or
 * its parameters are out of bounds.  Thread safe; memory is m_kib, wiped and freed.
 */
enum idm_result idm_password_verify(
    struct idm_span phc, struct idm_span password, struct idm_error *err);

/* The memory that idm_password_verify takes for this hash; what is small is not counted. */
uint32_t idm_password_memory_kib(struct idm_span phc);

/* As much work as one verification at `params`, for accounts and credentials that do not exist. */
void idm_password_dummy(struct idm_span password, const struct idm_argon2 *params);

/* True: the hash was not made as idm_password_hash would at `params`, so it is to be made anew. */
bool idm_password_needs_upgrade(struct idm_span phc, const struct idm_argon2 *params);

/* From RAND_bytes without modulo bias, alphabet of SPEC 6.5.  False: the random source failed. */
bool idm_password_generate(char out[IDM_GENERATED_PASSWORD_BYTES]);
/* Is it of the form that idm_password_generate makes? */
bool idm_password_looks_generated(struct idm_span password);
bool idm_secret_generate(char out[IDM_GENERATED_SECRET_BYTES]);

/* What a password chosen by a person may not be. */
struct idm_quality {
	uint32_t min_chars;           /* IDM_PASSWORD_MIN_CHARS, or the policy's */
	const struct idm_span *words; /* the account's own: name, displayname, mail ... */
	size_t word_count;
	const struct idm_span *badlist; /* lower case */
	size_t badlist_count;
	struct idm_span radius_secret; /* empty: none */
};

/*
 * IDM_CONSTRAINT: err->client_text tells every rule that is broken in plain words, never the
 * password.  Rules: UTF-8 without control characters, length in characters and bytes, not in the
 * badlist, no own word makes up most of it, not the RADIUS secret, zxcvbn score 4 (libzxcvbn) with
 * the own words as inputs.
 */
enum idm_result idm_password_judge(
    struct idm_span password, const struct idm_quality *quality, struct idm_error *err);

#endif
