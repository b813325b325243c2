/* Room in identity.mdb's map, which never grows. */
#ifndef CORE_SPACE_H
#define CORE_SPACE_H

#include "core/store_impl.h"

/*
 * Before a write: where the map has little room left besides what guards keep, wait until they end,
 * IDM_STORE_KEEP_MS and a little at most.  Else a burst of changes to a well-filled database could
 * use up in pages of old snapshots what is kept in reserve for revocations.
 */
void idm_space_wait(struct idm_store *store);

/* Pages of the transaction's file that hold something. */
uint64_t idm_space_used_pages(const struct idm_txn *txn);

#endif
