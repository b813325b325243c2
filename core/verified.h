/*
 * Which passwords have fitted lately (SPEC 6.7), so that the next bind with one need not hash it
 * again: in the memory of the one process that tests passwords, and nowhere else.  What is kept of
 * a password is a MAC of it and of the credential that it fitted, under a key that no other process
 * has and that ends with this one.
 *
 * A credential is named with the number of the change that set it, so one that was changed since is
 * not found.  All else that a bind depends on is not looked at here: who asks does that, each time.
 */
#ifndef CORE_VERIFIED_H
#define CORE_VERIFIED_H

#include "core/result.h"
#include "core/span.h"
#include "core/uuid.h"

struct idm_verified;

struct idm_verified_id {
	struct idm_uuid account;
	uint32_t attr_number; /* PRIMARY_CREDENTIAL, UNIX_PASSWORD ... */
	uint64_t set_at_no;   /* of the stored secret (core/seal.h) */
};

/* A cache of at most `room` passwords (8 or more), each for `lifetime_s` after it was put in, used
 * or not. */
enum idm_result idm_verified_open(
    uint32_t room, uint32_t lifetime_s, struct idm_verified **out, struct idm_error *err);
void idm_verified_close(struct idm_verified **cache); /* wipes */

/*
 * Has the password fitted this credential?  `now_ms` is of a clock that never goes back.  A cache
 * that is NULL holds nothing, here and below.
 */
bool idm_verified_has(struct idm_verified *cache, const struct idm_verified_id *id,
    struct idm_span password, uint64_t now_ms);

/* It has.  An account has eight places, which it shares with a few others: where all are taken, the
 * one used longest ago goes. */
void idm_verified_put(struct idm_verified *cache, const struct idm_verified_id *id,
    struct idm_span password, uint64_t now_ms);

/* Forget, and wipe: all of an account's; all whose time is over.  How many are left. */
void idm_verified_drop(struct idm_verified *cache, const struct idm_uuid *account);
void idm_verified_sweep(struct idm_verified *cache, uint64_t now_ms);
size_t idm_verified_count(const struct idm_verified *cache);

#endif
