/*
 * Changes of index rows, gathered over many entries and then written in key order, a row once:
 * of 20,000 persons thousands share each trigram's row.  For bulk changes in one transaction; what
 * is gathered is not yet found by a look into the index.
 */
#ifndef CORE_INDEX_BATCH_H
#define CORE_INDEX_BATCH_H

#include "core/idset.h"
#include "core/store.h"

struct idm_index_batch;

struct idm_index_batch *idm_index_batch_new(void); /* NULL: out of memory */
void idm_index_batch_free(struct idm_index_batch **batch);

/* Note that the row `key` is to hold `id`, or not to; the last word counts.  False: no memory. */
bool idm_index_batch_add(
    struct idm_index_batch *batch, struct idm_span key, uint64_t id, bool present);

/* Write the rows into IDM_DB_INDEX and forget the notes. */
enum idm_result idm_index_batch_flush(
    struct idm_index_batch *batch, const struct idm_txn *txn, struct idm_error *err);

/* Forget the notes: their transaction is undone. */
void idm_index_batch_clear(struct idm_index_batch *batch);

#endif
