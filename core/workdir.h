/*
 * A directory below DIR for the files of one piece of work, which nobody else has meanwhile: a
 * database that is copied, checked or made anew before it is put in the place of another.
 */
#ifndef CORE_WORKDIR_H
#define CORE_WORKDIR_H

#include <limits.h>

#include "core/result.h"
#include "core/span.h"

struct idm_workdir {
	char path[PATH_MAX];
	int fd; /* locked; -1: closed */
};

/* Make DIR/name (0700), empty of what an earlier one has left.  IDM_BUSY: it is in use. */
enum idm_result idm_workdir_open(
    const char *dir, const char *name, struct idm_workdir *out, struct idm_error *err);

/* PATH/name into `out`, which it fits. */
void idm_workdir_path(const struct idm_workdir *work, const char *name, char out[PATH_MAX]);

/* Remove it with its files. */
void idm_workdir_close(struct idm_workdir *work);

#endif
