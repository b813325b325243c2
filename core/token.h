/*
 * API tokens and login sessions (SPEC 7.1): `kt_` + base64url (no padding) of a 16-byte id and a
 * 24-byte random secret, 57 characters.  The store keeps SHA-256 of the secret.
 */
#ifndef CORE_TOKEN_H
#define CORE_TOKEN_H

#include "core/arena.h"
#include "core/result.h"
#include "core/timefmt.h"
#include "core/uuid.h"

enum {
	IDM_TOKEN_TEXT = 58, /* with its NUL */
	IDM_TOKEN_HASH_BYTES = 32,
	IDM_TOKEN_LABEL_MAX = 128,
};

enum idm_scope {
	IDM_SCOPE_READ_ONLY = 0,
	IDM_SCOPE_READ_WRITE = 1,
};

enum idm_token_kind {
	IDM_TOKEN_API = 1,         /* tokens in identity.mdb */
	IDM_TOKEN_SESSION = 2,     /* sessions in local.mdb */
	IDM_TOKEN_RESET = 3,       /* core/reset.h; among the sessions */
	IDM_TOKEN_APPLICATION = 4, /* application passwords, among the tokens */
};

struct idm_token_row {
	struct idm_uuid id;
	uint8_t hash[IDM_TOKEN_HASH_BYTES];
	struct idm_uuid account;
	struct idm_uuid issued_by;
	enum idm_token_kind kind;
	enum idm_scope scope;
	int64_t issued_s;
	int64_t expire_s;           /* INT64_MAX: never */
	int64_t privileged_until_s; /* sessions: read-write until then, then read-only */
	uint64_t credential_no;     /* sessions: set-at number of the credential that began it */
	bool high_privilege;        /* sessions, application passwords: that the account was then */
	struct idm_uuid application; /* of an application password; else null */
	struct idm_span label;       /* borrows */
};

/* A fresh id and secret: the text to hand out (wipe it), id and hash in `row`. */
bool idm_token_generate(char text[IDM_TOKEN_TEXT], struct idm_token_row *row);

/* Split a token into its id and the hash of its secret.  False: not of this form. */
bool idm_token_parse(struct idm_span text, struct idm_uuid *id, uint8_t hash[IDM_TOKEN_HASH_BYTES]);

/* Constant-time comparison of the hash, then the expiry.  IDM_DENIED says which for the log. */
enum idm_result idm_token_check(const struct idm_token_row *row,
    const uint8_t hash[IDM_TOKEN_HASH_BYTES], struct idm_now now, struct idm_error *err);

/* For qsort(3) of rows: oldest first. */
int idm_token_row_by_age(const void *a, const void *b);

/* Row <-> stored bytes (bounds-checked).  encode: ptr NULL: arena used up. */
struct idm_span idm_token_row_encode(const struct idm_token_row *row, struct idm_arena *arena);
enum idm_result idm_token_row_decode(
    struct idm_span bytes, struct idm_token_row *out, struct idm_error *err);

#endif
