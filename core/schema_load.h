/*
 * The schema of a database: what is built in, and the entries of class attributetype and classtype.
 * A process parses them once per `schema` generation (DESIGN 2).
 */
#ifndef CORE_SCHEMA_LOAD_H
#define CORE_SCHEMA_LOAD_H

#include "core/lookup.h"

/* In meta: the number of the next attribute that is made, or 0 before the first. */
#define IDM_SCHEMA_NEXT_ATTR "schema.next_attr"

/*
 * Parse what `txn` sees.  *out is the caller's: idm_schema_unref.  What can't be used, because a
 * later release has something of that name built in, is left out.
 */
enum idm_result idm_schema_load(
    const struct idm_txn *txn, const struct idm_schema **out, struct idm_error *err);

/*
 * The same without a look at the index, which may be damaged: reads every entry.  *out lives as
 * long as what is in `arena`.
 */
enum idm_result idm_schema_scan(const struct idm_txn *txn, struct idm_arena *arena,
    const struct idm_schema **out, struct idm_error *err);

/*
 * The same from what this process has parsed before, where the generation is the same; thread safe.
 * It lives as long as what is in `arena`.  After a failure *out is what is built in.
 */
enum idm_result idm_schema_current(const struct idm_txn *txn, struct idm_arena *arena,
    const struct idm_schema **out, struct idm_error *err);

/*
 * Behind all else of a change of the schema, while `read` still has the one from before: attributes
 * whose flags have changed get the index and the claims that they have now, and the numbers of new
 * ones are noted.  Derived data (CHANGES 10): needs nothing but what is stored.
 */
enum idm_result idm_schema_derive(const struct idm_read *read, struct idm_error *err);

#endif
