/* `kanidmd recover_account` (SPEC 6.9): a way back in from the machine itself, offline. */
#ifndef CORE_RECOVER_H
#define CORE_RECOVER_H

#include "core/change.h"
#include "core/credential.h"

/*
 * Give the account a generated password, which is `password` afterwards (wipe it), open its
 * validity window (no valid_from, no expire in the past), and end its sessions.  With
 * `restore_roles` admin and idm_admin are also put back into their initial groups.  Through the one
 * write path, durable when this returns.  IDM_NOT_FOUND: no such account; IDM_PROTECTED: anonymous.
 */
enum idm_result idm_recover_account(struct idm_store *store,
    const struct idm_change_context *context, const char *name, bool restore_roles,
    const struct idm_argon2 *params, struct idm_now now,
    char password[IDM_GENERATED_PASSWORD_BYTES], struct idm_error *err);

#endif
