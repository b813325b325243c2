/* A way back in from the machine itself, and a way to lock somebody out (SPEC 6.9). */
#ifndef CORE_RECOVER_H
#define CORE_RECOVER_H

#include "core/change.h"
#include "core/credential.h"

/*
 * Give the account a generated password, which is `password` afterwards (wipe it), open its
 * validity window (no valid_from, no expire in the past), and end its sessions and softlocks.  With
 * `restore_roles` admin and idm_admin are also put back into their initial groups.  Through the one
 * write path, durable when this returns.  IDM_NOT_FOUND: no such account; IDM_PROTECTED: anonymous.
 * *account: whose connections are to be closed, and softlocks cleared, where a server runs.
 */
enum idm_result idm_recover_account(struct idm_store *store,
    const struct idm_change_context *context, const char *name, bool restore_roles,
    const struct idm_argon2 *params, struct idm_now now,
    char password[IDM_GENERATED_PASSWORD_BYTES], struct idm_uuid *account, struct idm_error *err);

/*
 * Let the account expire, long ago, and end its sessions: it is let in on no protocol until
 * somebody sets its account_expire anew.  Durable when this returns; *account as above.
 * IDM_NOT_FOUND: no such account.
 */
enum idm_result idm_disable_account(struct idm_store *store,
    const struct idm_change_context *context, const char *name, struct idm_now now,
    struct idm_uuid *account, struct idm_error *err);

#endif
