/*
 * From each format to the next one.  A step that was shipped is never changed, and reads what it
 * needs by the layout of its own time.
 */
#ifndef CORE_UPGRADE_STEPS_H
#define CORE_UPGRADE_STEPS_H

#include "core/arena.h"
#include "core/store.h"

/* What is done to each file; NULL: nothing. */
struct idm_upgrade_step {
	enum idm_result (*identity)(
	    const struct idm_txn *txn, struct idm_arena *arena, struct idm_error *err);
	enum idm_result (*local)(
	    const struct idm_txn *txn, struct idm_arena *arena, struct idm_error *err);
};

/* By the format that it leads on from. */
extern const struct idm_upgrade_step idm_upgrade_steps[IDM_STORE_FORMAT];

#endif
