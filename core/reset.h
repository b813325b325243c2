/*
 * Reset tokens (SPEC 6.8): who holds one may begin a credential update session of its account
 * without a login.  Four groups of five characters, which are typed or scanned.
 *
 * The store keeps the SHA-256 of a token alone, in a row among the login sessions of local.mdb.  So
 * it survives a restart, and ends with them: by another password, by its account's deletion, when
 * that becomes high privilege, with a restored backup, and at its own time.
 */
#ifndef CORE_RESET_H
#define CORE_RESET_H

#include "core/credential.h"
#include "core/token.h"

enum {
	IDM_RESET_MIN_S = 5 * 60,
	IDM_RESET_S = 3600,
	IDM_RESET_MAX_S = 24 * 3600,
	IDM_RESETS_MAX = 4, /* of one account: a new one ends the oldest */
};

/* A fresh token: the text to hand out (wipe it), and kind, id and hash of its row. */
bool idm_reset_generate(char text[IDM_GENERATED_SECRET_BYTES], struct idm_token_row *row);

/* The id and the hash of what may be a token; case counts, blanks around it do not.  False: it is
 * none. */
bool idm_reset_parse(struct idm_span text, struct idm_uuid *id, uint8_t hash[IDM_TOKEN_HASH_BYTES]);

/*
 * Note that a token is used until `until_s`: so long its row is kept, whenever it expires.  It
 * still expires when it was to.
 */
void idm_reset_use(struct idm_token_row *row, int64_t until_s);
/* When a new update session can't be begun with it any more. */
int64_t idm_reset_expire_s(const struct idm_token_row *row);

#endif
