/*
 * How a process without LMDB's lock file comes by a snapshot that is whole and stays whole for
 * IDM_STORE_READ_MS: the newest published one, or the newest of all where no writer publishes.
 */
#ifndef CORE_READER_H
#define CORE_READER_H

#include "core/store_impl.h"

/*
 * Begin on the newest published commit of the data file that is published with it.  On IDM_OK
 * `txn` is begun and holds a reference to its environment.
 */
enum idm_result idm_reader_begin(
    struct idm_store *store, struct idm_txn *txn, struct idm_error *err);
void idm_reader_end(struct idm_txn *txn);

#endif
