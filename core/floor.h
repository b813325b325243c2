/*
 * The clock's floor (SPEC 11.5): the newest trusted second, kept in local.mdb and published to all
 * processes.  A clock that lies more than five minutes below it is not believed.
 */
#ifndef CORE_FLOOR_H
#define CORE_FLOOR_H

#include "core/store.h"

enum { IDM_FLOOR_EVERY_S = 60 /* the floor moves at most once a minute */ };

/* Publish the stored floor: before the first decision of a process that writes. */
enum idm_result idm_floor_load(struct idm_store *store, struct idm_error *err);

/*
 * Store and publish `trusted_s`, a second that the caller trusts (the kernel says that the clock is
 * synchronised, or an administrator set it), when the floor is a minute or more behind.
 */
enum idm_result idm_floor_raise(struct idm_store *store, int64_t trusted_s, struct idm_error *err);

#endif
