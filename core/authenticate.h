/*
 * From a bind's name and password to an identity (DESIGN 6, SPEC 7, 8.3, 8.4), in the core process
 * alone.  Hashes take tens of milliseconds, so the work is cut in two: a plan on one snapshot, its
 * tests elsewhere (a pool), and the verdict on a newer snapshot.
 */
#ifndef CORE_AUTHENTICATE_H
#define CORE_AUTHENTICATE_H

#include "core/access.h"
#include "core/credential.h"
#include "core/seal.h"
#include "core/verified.h"

enum { IDM_AUTH_TESTS = 2 /* every refused password bind costs two verifications */ };

/* One verification to be done: of a stored hash, or a dummy of the same cost. */
struct idm_auth_test {
	uint32_t attr_number;    /* UNIX_PASSWORD or PRIMARY_CREDENTIAL; 0: a dummy */
	uint64_t set_at_no;      /* of the secret that is tested */
	char phc[IDM_PHC_BYTES]; /* once unsealed; wipe with idm_auth_plan_wipe */
};

/* Why nothing is tested. */
enum idm_auth_why {
	IDM_AUTH_WHY_NOT, /* tests are real */
	IDM_AUTH_NO_ACCOUNT,
	IDM_AUTH_OUTSIDE_WINDOW,
	IDM_AUTH_NO_CREDENTIAL,
	IDM_AUTH_NEEDS_FACTOR, /* the primary password; others may have been tested */
	IDM_AUTH_BARRED,       /* the primary password, by account policy; likewise */
	IDM_AUTH_SOFTLOCKED,   /* all that are set */
};

/* Holds no pointers: it may be handed to a thread. */
struct idm_auth_plan {
	struct idm_uuid account; /* whose secrets are tested */
	uint64_t account_id;
	struct idm_auth_test tests[IDM_AUTH_TESTS];
	bool no_primary; /* it does not bind by itself, so it is not tested */
	bool login;      /* whoever runs it asks for the second factor himself */
	enum idm_auth_why why;
	char reason[256]; /* for the log, where no test fits; empty: nothing but that */
};

/*
 * Plan the tests for an account that was found (NULL: no such name).  Never fails for a reason
 * that a client could tell from another: such a plan holds dummies and a reason.  It names the
 * credentials alone; to be run it needs their hashes too.
 */
enum idm_result idm_auth_plan_tests(const struct idm_read *read, const struct idm_entry *account,
    struct idm_auth_plan *out, struct idm_error *err);

/* What a test of a plan is called in the cache; attribute 0: it is a dummy. */
static inline struct idm_verified_id
idm_auth_verified_id(const struct idm_auth_plan *plan, int test)
{
	return (struct idm_verified_id){ .account = plan->account,
		.attr_number = plan->tests[test].attr_number,
		.set_at_no = plan->tests[test].set_at_no };
}

/*
 * The number of a test that needs not be run, for the password is known to fit; or -1.  It takes
 * the place of idm_auth_plan_run alone: the verdict is still to be asked for.
 */
int idm_auth_plan_recall(const struct idm_auth_plan *plan, struct idm_verified *cache,
    struct idm_span password, uint64_t now_ms);

/* Fill in the hashes, on the plan's snapshot. */
enum idm_result idm_auth_plan_unseal(const struct idm_read *read, const struct idm_keyring *ring,
    struct idm_auth_plan *plan, struct idm_error *err);

/* idm_auth_plan_tests and idm_auth_plan_unseal. */
enum idm_result idm_auth_plan(const struct idm_read *read, const struct idm_keyring *ring,
    const struct idm_entry *account, struct idm_auth_plan *out, struct idm_error *err);

/*
 * The same for a login, or for what proves one again: of the primary password alone, whether there
 * is a second factor or not.  If there is, the caller asks for it behind the verdict.
 */
enum idm_result idm_auth_plan_login(const struct idm_read *read, const struct idm_keyring *ring,
    const struct idm_entry *account, struct idm_auth_plan *out, struct idm_error *err);

/* Run the plan's tests: always two verifications unless the first fits.  The number of the test
 * that fitted, or -1. */
int idm_auth_plan_run(
    const struct idm_auth_plan *plan, struct idm_span password, const struct idm_argon2 *params);

/* The most memory that running it takes at once. */
uint32_t idm_auth_plan_memory_kib(
    const struct idm_auth_plan *plan, const struct idm_argon2 *params);

/* Let a dummy stand for one of its tests. */
void idm_auth_plan_drop(struct idm_auth_plan *plan, size_t test);

void idm_auth_plan_wipe(struct idm_auth_plan *plan);

/*
 * The verdict on a fresh snapshot: the account is there, live, in its window, and the credential
 * that fitted is still the stored one.  IDM_DENIED with the reason in err->text alone.
 */
enum idm_result idm_auth_verdict(const struct idm_read *read, const struct idm_auth_plan *plan,
    int fitted, struct idm_identity *out, struct idm_error *err);

/*
 * A token's bind: `read` on identity.mdb, `local` on local.mdb.  `account` (may be NULL) is the
 * account that the bind named, which must be the token's.  IDM_DENIED with the reason for the log.
 */
enum idm_result idm_auth_token(const struct idm_read *read, const struct idm_txn *local,
    struct idm_span token, const struct idm_uuid *account, struct idm_identity *out,
    struct idm_error *err);

/*
 * May a bound identity go on?  The account live and in its window, the password that proved it
 * still the stored one, not high privilege unless it was when it logged in; its API token still
 * there, its session too, when `local` is given.  IDM_DENIED: send it away.
 */
enum idm_result idm_auth_recheck(const struct idm_read *read, const struct idm_txn *local,
    const struct idm_identity *identity, struct idm_error *err);

#endif
