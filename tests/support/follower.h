/*
 * A second store that applies the record of a first one, and the comparison of both: each database,
 * record by record, derived data too.
 */
#ifndef TESTS_SUPPORT_FOLLOWER_H
#define TESTS_SUPPORT_FOLLOWER_H

#include "tests/support/realm.h"

/* Decode the changes `first` to `last` of `from`, and apply them to `to` in one transaction. */
void follower_apply(struct realm *from, struct realm *to, uint64_t first, uint64_t last);

/* Fail with the database and the key of the first difference; what belongs to a file is left out.
 */
void assert_same_stores(struct realm *a, struct realm *b);

/* A hash over all records of identity.mdb: equal ones have not changed. */
void store_hash(struct realm *r, uint8_t out[32]);

#endif
