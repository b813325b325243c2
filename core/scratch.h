/*
 * A copy of a writer's identity.mdb to make many changes in (import): nobody reads it and nothing
 * is synced while it grows.  In the end it takes the place of the database whole, or it is dropped.
 */
#ifndef CORE_SCRATCH_H
#define CORE_SCRATCH_H

#include "core/store.h"

/*
 * Copy the newest commit of `of` and open the copy for writing, one transaction at a time; it has
 * no local.mdb.  What an earlier one left behind is removed.  `of` must stay open, and be written
 * no more.  IDM_LIMIT: no space, no file.  IDM_BUSY: a
 * backup is reading `of`; none can any more until that is closed.
 */
enum idm_result idm_scratch_open(
    struct idm_store *of, struct idm_store **out, struct idm_error *err);

/*
 * Open the data file at `path` in the same way; where there is none, an empty one is made.
 * idm_scratch_finish makes it durable and leaves it where it is.
 */
enum idm_result idm_scratch_at(const char *path, struct idm_store **out, struct idm_error *err);
enum idm_result idm_scratch_finish(struct idm_store **scratch, struct idm_error *err);

/* What was read of it so far no longer counts as memory of the process; it is read again. */
void idm_scratch_trim(const struct idm_store *scratch);

/*
 * Make the scratch durable and put it into the place of `of`, whose writer's lock is held until
 * then; both are closed, whatever happens.  Unless this is IDM_OK the database is as it was.
 */
enum idm_result idm_scratch_adopt(
    struct idm_store **of, struct idm_store **scratch, struct idm_error *err);

/* Close it and remove its file. */
void idm_scratch_drop(struct idm_store **scratch);

#endif
