/*
 * Databases of former formats: what is done to bring one to the format of this build, step by step.
 * For the store alone, which does it when a writer opens such a database.
 */
#ifndef CORE_UPGRADE_H
#define CORE_UPGRADE_H

#include "core/environment.h"

/* The oldest format that a step leads on from. */
enum { IDM_STORE_FORMAT_OLDEST = 1 };

/*
 * Bring one file (identity.mdb or local.mdb) that is open for writing to this build's format:
 *
 *   1. a copy of it beside it, PATH.format-N, that is compared with it, record by record;
 *   2. all steps in the one transaction that `begin` begins, a new file id, the new format number.
 *
 * Whatever fails before the commit leaves the file as it was.  IDM_CORRUPT: it is damaged, or the
 * copy is; IDM_LIMIT: no space for the copy, or for the steps.
 */
enum idm_result idm_upgrade(struct idm_store *store, struct idm_environment *env, const char *path,
    enum idm_result (*begin)(struct idm_store *store, struct idm_txn *txn, struct idm_error *err),
    struct idm_error *err);

#endif
