/*
 * The second factor of an account (SPEC 6.1): one-time codes (core/totp.h), and backup codes for
 * when the authenticator is gone, each of which works once.
 *
 * Both are secrets of the entry (CHANGES 16), sealed as password hashes are: who may write
 * primary_credential may write them, and nobody reads them.  Which codes were used is a row of
 * local.mdb, for the secrets that were set by the changes that it names.
 */
#ifndef CORE_SECOND_FACTOR_H
#define CORE_SECOND_FACTOR_H

#include "core/credential.h"
#include "core/lookup.h"
#include "core/seal.h"
#include "core/totp.h"

enum {
	IDM_BACKUP_CODES = 8,
	IDM_BACKUP_HASH_BYTES = 32,
	IDM_FACTOR_PASSWORD_MIN_CHARS = 10, /* of a password beside a second factor */
};

struct idm_backup_codes {
	uint8_t hashes[IDM_BACKUP_CODES][IDM_BACKUP_HASH_BYTES];
};

struct idm_factor {
	bool set;
	struct idm_totp totp;
	bool short_password; /* the password has fewer characters than it needs without */
	uint64_t totp_no;    /* of the change that set it */
	bool has_codes;
	struct idm_backup_codes codes;
	uint64_t codes_no;
};

/* Has the account one?  Asked of any snapshot; nothing is unsealed. */
bool idm_factor_is_set(const struct idm_entry *account);

/* To be wiped by idm_factor_wipe, also after a failure. */
enum idm_result idm_factor_load(const struct idm_read *read, const struct idm_keyring *ring,
    const struct idm_entry *account, struct idm_factor *out, struct idm_error *err);
void idm_factor_wipe(struct idm_factor *factor);

/* What is sealed; in the arena.  ptr NULL: no room. */
struct idm_span idm_factor_encode_totp(
    const struct idm_totp *totp, bool short_password, struct idm_arena *arena);
struct idm_span idm_factor_encode_codes(
    const struct idm_backup_codes *codes, struct idm_arena *arena);

/* New codes: the texts to hand out (wipe them), and what is kept of them.  False: no random
 * octets. */
bool idm_backup_generate(
    char texts[IDM_BACKUP_CODES][IDM_GENERATED_SECRET_BYTES], struct idm_backup_codes *out);

/*
 * Take a code: it is right, was not taken before, and is not taken again.  `local` is a write
 * transaction of local.mdb, to be committed before the code counts.  IDM_DENIED with the reason in
 * err->text: it is wrong, or used.
 */
enum idm_result idm_factor_use(const struct idm_txn *local, const struct idm_uuid *account,
    const struct idm_factor *factor, struct idm_span code, int64_t now_s, struct idm_error *err);

/* Note the step by which a new one was proved, so that its code is not taken for a login. */
enum idm_result idm_factor_begin(const struct idm_txn *local, const struct idm_uuid *account,
    uint64_t totp_no, uint64_t step, struct idm_error *err);

/* Forget what was used: the account is gone. */
enum idm_result idm_factor_forget(
    const struct idm_txn *local, const struct idm_uuid *account, struct idm_error *err);

/* How many backup codes were not used yet. */
enum idm_result idm_factor_codes_left(const struct idm_txn *local, const struct idm_uuid *account,
    const struct idm_factor *factor, uint32_t *out, struct idm_error *err);

#endif
