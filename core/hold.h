/*
 * Holds: accounts that are let in nowhere until the hold is taken away, whatever else is said of
 * them (CHANGES 20).  Set at the console of a box, also while it is cut off from where changes are
 * made: rows of local.mdb, which only deny, published to all processes beside the commit id.
 */
#ifndef CORE_HOLD_H
#define CORE_HOLD_H

#include "core/lookup.h"
#include "core/published.h"

/* Publish those that are stored: before the first decision of a process that writes. */
enum idm_result idm_hold_load(struct idm_store *store, struct idm_error *err);

/*
 * Hold an account, or no longer; stored and published when this returns, with a record in the audit
 * trail.  *changed (may be NULL) false: it was so.  IDM_LIMIT: IDM_HOLDS_MAX are held.
 */
enum idm_result idm_hold_set(struct idm_store *store, const struct idm_uuid *account,
    struct idm_now now, bool *changed, struct idm_error *err);
enum idm_result idm_hold_clear(struct idm_store *store, const struct idm_uuid *account,
    struct idm_now now, bool *changed, struct idm_error *err);

/*
 * The same for an account by its name, spn, uuid or gid number; *account: which one.  A hold of an
 * account that is there no more is taken away by its uuid.
 */
enum idm_result idm_hold_set_named(struct idm_store *store, const char *name, struct idm_now now,
    struct idm_uuid *account, bool *changed, struct idm_error *err);
enum idm_result idm_hold_clear_named(struct idm_store *store, const char *name, struct idm_now now,
    struct idm_uuid *account, bool *changed, struct idm_error *err);

/* Who is held, as published: by readers too.  How many. */
size_t idm_hold_list(const struct idm_store *store, struct idm_uuid out[IDM_HOLDS_MAX]);

#endif
