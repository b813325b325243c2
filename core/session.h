/*
 * Login sessions: rows of local.mdb (SPEC 7.3, CHANGES 18), durable before the answer.  Reset
 * tokens (core/reset.h) are rows beside them, by their kind: what ends all sessions of an account
 * ends these too.
 */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include "core/policy.h"
#include "core/token.h"

enum {
	IDM_SESSION_S = 8 * 3600,
	IDM_SESSION_SHORT_S = 3600, /* HP accounts and generated passwords */
	IDM_SESSION_PRIVILEGED_S = 600,
	IDM_SESSIONS_MAX = 64, /* of one account: a new one ends the oldest */
};

/* How long a login lasts: as the account's policy says; if it is high privilege, or logs in by a
 * generated password, an hour at most (SPEC 7.3). */
int64_t idm_session_lifetime_s(
    const struct idm_entry *account, bool high_privilege, const struct idm_policy *policy);

/* Store a session, or store it anew.  `txn` is a write transaction of local.mdb. */
enum idm_result idm_session_put(const struct idm_txn *txn, const struct idm_token_row *row,
    struct idm_arena *arena, struct idm_error *err);

/* IDM_NOT_FOUND: there is none of that id.  The row's label borrows from the map. */
enum idm_result idm_session_get(const struct idm_txn *txn, const struct idm_uuid *id,
    struct idm_token_row *out, struct idm_error *err);

/* IDM_NOT_FOUND: there is none of that id. */
enum idm_result idm_session_remove(
    const struct idm_txn *txn, const struct idm_uuid *id, struct idm_error *err);

/* The sessions of an account, those that expired included, the first that began first; in the
 * arena. */
enum idm_result idm_session_list(const struct idm_txn *txn, const struct idm_uuid *account,
    struct idm_arena *arena, struct idm_token_row **out, size_t *count, struct idm_error *err);

/* End all sessions of an account but `except` (NULL: all); *count (may be NULL): how many ended. */
enum idm_result idm_session_remove_all(const struct idm_txn *txn, const struct idm_uuid *account,
    const struct idm_uuid *except, size_t *count, struct idm_error *err);

/*
 * The first session at or behind a place in the order of accounts, and of ids within one: its
 * account and id replace the place.  IDM_NOT_FOUND: there is none.
 */
struct idm_session_place {
	struct idm_uuid account;
	struct idm_uuid id;
};
enum idm_result idm_session_next(
    const struct idm_txn *txn, struct idm_session_place *place, struct idm_error *err);
/* The place right behind this one; false: there is none. */
bool idm_session_place_behind(struct idm_session_place *place);

/*
 * Make room for one more row of an account and a kind, of which it may have `most`: *any: it had as
 * many, and *ended, the one that began first, is over.
 */
enum idm_result idm_session_make_room(const struct idm_txn *txn, const struct idm_uuid *account,
    enum idm_token_kind kind, size_t most, struct idm_uuid *ended, bool *any,
    struct idm_error *err);

/* Forget up to `most` sessions that expired; *more: others are over too. */
enum idm_result idm_session_sweep(
    const struct idm_txn *txn, struct idm_now now, size_t most, bool *more, struct idm_error *err);

/* How many there are, those that are over and not swept yet too. */
uint64_t idm_session_count(const struct idm_txn *txn);

/*
 * Does a row of IDM_DB_SESSIONS fit the others of its session?  IDM_CORRUPT with a text: it does
 * not.
 */
enum idm_result idm_session_check_row(
    const struct idm_txn *txn, struct idm_span key, struct idm_span value, struct idm_error *err);

#endif
