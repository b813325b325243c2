#include "core/workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_ROOM = 64 }; /* for names in the directory */

static void
remove_files(int fd)
{
	int again = dup(fd); /* closedir closes it */
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	const struct dirent *entry;

	if (dir == NULL) {
		if (again >= 0)
			close(again);
		return;
	}
	rewinddir(dir);
	while ((entry = readdir(dir)) != NULL)
		unlinkat(fd, entry->d_name, 0); /* "." and ".." are none */
	closedir(dir);
}

/* Did somebody remove it between our opening and locking? */
static bool
is_still_there(const struct idm_workdir *work)
{
	struct stat ours, theirs;

	return fstat(work->fd, &ours) == 0 && lstat(work->path, &theirs) == 0 &&
	       ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

enum idm_result
idm_workdir_open(const char *dir, const char *name, struct idm_workdir *out, struct idm_error *err)
{
	int len = snprintf(out->path, sizeof(out->path), "%s/%s", dir, name);

	out->fd = -1;
	if (len < 0 || (size_t)len + NAME_ROOM > sizeof(out->path))
		return idm_fail(err, IDM_INVALID, "%s: path too long", dir);
	if (mkdir(out->path, 0700) != 0 && errno != EEXIST)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", out->path, strerror(errno));
	out->fd = open(out->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out->fd < 0)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", out->path, strerror(errno));
	if (flock(out->fd, LOCK_EX | LOCK_NB) != 0 || !is_still_there(out)) {
		close(out->fd);
		out->fd = -1;
		return idm_fail(
		    err, IDM_BUSY, "%s: in use: another command does the same", out->path);
	}
	remove_files(out->fd);
	return IDM_OK;
}

void
idm_workdir_path(const struct idm_workdir *work, const char *name, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%.*s/%s", PATH_MAX - NAME_ROOM, work->path, name);
}

void
idm_workdir_close(struct idm_workdir *work)
{
	if (work->fd < 0)
		return;
	remove_files(work->fd);
	rmdir(work->path);
	close(work->fd);
	work->fd = -1;
}
