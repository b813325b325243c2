#include "core/scratch.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/store_impl.h"

static void
remove_files(const char *path)
{
	char *lock = NULL;

	unlink(path);
	if (asprintf(&lock, "%s-lock", path) >= 0)
		unlink(lock);
	free(lock);
}

static enum idm_result
open_environment(struct idm_store *scratch, struct idm_error *err)
{
	return idm_environment_open_writer(&scratch->identity, scratch->identity_path, (gid_t)-1,
	    idm_dbs_identity, IDM_IDENTITY_MAP_BYTES, MDB_NOSYNC, err);
}

static struct idm_store *
scratch_new(const char *path, const char *suffix)
{
	struct idm_store *scratch = calloc(1, sizeof(*scratch));

	if (scratch == NULL)
		return NULL;
	scratch->writer = true;
	scratch->scratch = true;
	scratch->pub.fd = -1;
	scratch->lock_fd = -1;
	pthread_rwlock_init(&scratch->identity_lock, NULL);
	pthread_mutex_init(&scratch->companion_lock, NULL);
	if (asprintf(&scratch->identity_path, "%s%s", path, suffix) < 0) {
		scratch->identity_path = NULL;
		idm_store_close(&scratch);
	}
	return scratch;
}

enum idm_result
idm_scratch_open(struct idm_store *of, struct idm_store **out, struct idm_error *err)
{
	enum idm_result result = idm_store_own_files(of, err);

	*out = NULL;
	if (result != IDM_OK)
		return result;
	*out = scratch_new(of->identity_path, ".scratch");
	if (*out == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	remove_files((*out)->identity_path);
	result = idm_store_copy(of, (*out)->identity_path, err);
	if (result == IDM_OK)
		result = open_environment(*out, err);
	if (result != IDM_OK)
		idm_scratch_drop(out);
	return result;
}

enum idm_result
idm_scratch_at(const char *path, struct idm_store **out, struct idm_error *err)
{
	enum idm_result result;

	*out = scratch_new(path, "");
	if (*out == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = open_environment(*out, err);
	if (result != IDM_OK)
		idm_store_close(out);
	return result;
}

/* "from-to mode offset device inode path", as proc(5) has it.  False: another file's. */
static bool
parse_mapping(char *line, uint64_t inode, uintptr_t *from, uintptr_t *to)
{
	char *rest;

	*from = strtoul(line, &rest, 16);
	if (*rest != '-')
		return false;
	*to = strtoul(rest + 1, &rest, 16);
	for (int field = 0; field < 3; field++)
		rest += strcspn(rest + (*rest == ' '), " ") + (*rest == ' ');
	return strtoul(rest, NULL, 10) == inode;
}

void
idm_scratch_trim(const struct idm_store *scratch)
{
	const struct idm_environment *env = scratch->identity;
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[PATH_MAX + 128];
	uintptr_t from, to;

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
		if (parse_mapping(line, env->inode, &from, &to) && to - from == env->map_bytes)
			madvise((void *)from, to - from, MADV_DONTNEED);
	}
	if (maps != NULL)
		fclose(maps);
}

/* Durable, and closed. */
static enum idm_result
finish(struct idm_store *scratch, struct idm_error *err)
{
	int rc = mdb_env_sync(scratch->identity->mdb, 1);

	idm_environment_unref(&scratch->identity);
	return rc == 0 ? IDM_OK : idm_lmdb_fail(err, rc, scratch->identity_path);
}

enum idm_result
idm_scratch_finish(struct idm_store **scratch, struct idm_error *err)
{
	enum idm_result result = finish(*scratch, err);

	idm_store_close(scratch);
	return result;
}

/* The environments of `of` are closed, and its lock is still held. */
static enum idm_result
rename_over(struct idm_store *of, const struct idm_store *scratch, struct idm_error *err)
{
	char *copy = strdup(of->identity_path); /* for dirname, which writes into it */
	struct stat st;
	enum idm_result result;

	if (copy == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	if (stat(of->identity_path, &st) != 0)
		result = idm_fail(err, IDM_SYSTEM, "%s: %s", of->identity_path, strerror(errno));
	else
		result = idm_store_rename_in(dirname(copy), st.st_gid, scratch->identity_path, err);
	free(copy);
	return result;
}

enum idm_result
idm_scratch_adopt(struct idm_store **of, struct idm_store **scratch, struct idm_error *err)
{
	enum idm_result result = finish(*scratch, err);

	if (result == IDM_OK) {
		idm_store_close_data(*of);
		result = rename_over(*of, *scratch, err);
	}
	idm_scratch_drop(scratch);
	idm_store_close(of);
	return result;
}

void
idm_scratch_drop(struct idm_store **scratch)
{
	if (*scratch == NULL)
		return;
	idm_environment_unref(&(*scratch)->identity);
	remove_files((*scratch)->identity_path);
	idm_store_close(scratch);
}
