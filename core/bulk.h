/*
 * Many changes of the console at once (import): each decided and applied as any other, on what the
 * one before it left, but in a scratch copy of the database (core/scratch.h), with the index
 * written for thousands of entries together.  In the end all of them are there, or none.
 */
#ifndef CORE_BULK_H
#define CORE_BULK_H

#include "core/change.h"

struct idm_bulk;

/*
 * Begin on a copy of the database of `store`, which must stay open and is not written meanwhile.
 * `context` tells the key rings.  IDM_LIMIT: no space, no file.
 */
enum idm_result idm_bulk_begin(struct idm_store *store, const struct idm_change_context *context,
    struct idm_now now, struct idm_bulk **out, struct idm_error *err);

/*
 * Decide and apply one request, whose id and source are filled in.  A refusal leaves no trace.
 * The index does not know of it before idm_bulk_settle.  `made` (may be NULL): the entry's uuid.
 * IDM_INVALID also: attributes and classes are not made so.
 */
enum idm_result idm_bulk_run(struct idm_bulk *bulk, struct idm_request *request,
    struct idm_uuid *made, struct idm_error *err);

/* Did something fail that was no refusal?  Then nothing but idm_bulk_drop is left to do. */
bool idm_bulk_is_broken(const struct idm_bulk *bulk);

/*
 * The state so far, to look entries up in; what is found lives until the next idm_bulk_run.  Its
 * arena is the caller's until then.  NULL: it is broken.
 */
const struct idm_read *idm_bulk_read(struct idm_bulk *bulk, struct idm_error *err);

/* Write the index and commit to the copy. */
enum idm_result idm_bulk_settle(struct idm_bulk *bulk, struct idm_error *err);

/*
 * Put the copy into the place of the database; `store` is closed then, and *bulk NULL, whatever
 * happens.  Unless this is IDM_OK the database is as it was.
 */
enum idm_result idm_bulk_adopt(
    struct idm_bulk **bulk, struct idm_store **store, struct idm_error *err);

/* Forget all of it. */
void idm_bulk_drop(struct idm_bulk **bulk);

#endif
