/* What vacuum and reindex share; for nobody else. */
#ifndef CORE_REBUILD_IMPL_H
#define CORE_REBUILD_IMPL_H

#include "core/rebuild.h"
#include "core/store_impl.h"

/* One of them, with the database for itself. */
struct rebuild {
	const struct idm_rebuild *ask;
	struct idm_rebuilt *out;
	struct idm_workdir work;
	char identity[PATH_MAX]; /* of DIR */
	char made[PATH_MAX];     /* the file that is made */
	int lock_fd;
	struct idm_error *err;
};

/* Lock DIR and make the directory NAME in it.  rebuild_end ends what was begun. */
enum idm_result rebuild_begin(struct rebuild *r, const struct idm_rebuild *ask,
    struct idm_rebuilt *out, const char *name, struct idm_error *err);
void rebuild_end(struct rebuild *r);

/* Verify what was made, with local.mdb of the work directory if that is there, and replace. */
enum idm_result rebuild_adopt(struct rebuild *r);

#endif
