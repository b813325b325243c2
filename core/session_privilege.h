/*
 * Sessions and high privilege (SPEC 4): a session that began before its account was HP is over.  No
 * bind takes it (core/authenticate.h) from the moment on at which the account is; this takes its
 * row away, and lets those that go on say what their accounts are now, so that who ceases to be HP
 * and becomes it again loses them too.
 */
#ifndef CORE_SESSION_PRIVILEGE_H
#define CORE_SESSION_PRIVILEGE_H

#include "core/lookup.h"
#include "core/session.h"

/*
 * Look at up to `most` sessions from *place on (zeroed: from the beginning) by the snapshot of
 * `read`; `local` is a write transaction of local.mdb.  *place: where to go on; *more: there are
 * others.  Uses no memory of the read's arena beyond what one session takes.
 */
enum idm_result idm_session_review(const struct idm_read *read, const struct idm_txn *local,
    struct idm_session_place *place, size_t most, bool *more, struct idm_error *err);

#endif
