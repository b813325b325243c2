/* Copies of identity.mdb, and another file put into its place: backup, vacuum, restore, import. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/dbfile.h"
#include "core/store_impl.h"

enum idm_result
idm_store_copy(struct idm_store *store, const char *path, struct idm_error *err)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	int fd;
	int rc;

	if (!store->writer)
		return idm_fail(err, IDM_INVALID, "only the writer can keep a snapshot so long");
	fd = open(path, flags, 0600);
	if (fd < 0)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
	rc = mdb_env_copyfd2(store->identity->mdb, fd, MDB_CP_COMPACT);
	if (rc == 0 && fsync(fd) != 0)
		rc = errno;
	close(fd);
	if (rc == 0)
		return IDM_OK;
	unlink(path);
	return idm_lmdb_fail(err, rc, path);
}

static enum idm_result
renew(struct idm_environment *env, const char *path, struct idm_error *err)
{
	struct idm_txn txn = { .write = true };
	MDB_txn *mdb;
	enum idm_result result;
	int rc = mdb_txn_begin(env->mdb, NULL, 0, &mdb);

	if (rc != 0)
		return idm_lmdb_fail(err, rc, path);
	txn.mdb = mdb;
	result = idm_environment_renew_id(env, &txn, err);
	if (result != IDM_OK) {
		mdb_txn_abort(mdb);
		return result;
	}
	rc = mdb_txn_commit(mdb);
	return rc == 0 ? IDM_OK : idm_lmdb_fail(err, rc, path);
}

static void
remove_lock_file(const char *path)
{
	char *lock = NULL;

	if (asprintf(&lock, "%s-lock", path) >= 0)
		unlink(lock);
	free(lock);
}

/*
 * Check the file's format and give it an id of its own, with which its commits can't be taken for
 * those of the file that it replaces, nor for those of the last time it was put here.
 */
static enum idm_result
prepare(const char *path, struct idm_file_id *file_id, uint64_t *commit_id, struct idm_error *err)
{
	struct idm_environment *env;
	struct idm_dbfile_info info;
	MDB_envinfo newest;
	enum idm_result result = idm_dbfile_check(path, &info, err);

	if (result == IDM_OK && info.page_bytes == 0)
		result = idm_fail(err, IDM_CORRUPT, "%s: empty", path);
	if (result != IDM_OK)
		return result;
	result = idm_environment_open_writer(
	    &env, path, (gid_t)-1, idm_dbs_identity, IDM_IDENTITY_MAP_BYTES, 0, err);
	if (result != IDM_OK)
		return result;
	result = renew(env, path, err);
	mdb_env_info(env->mdb, &newest);
	*file_id = env->file_id;
	*commit_id = newest.me_last_txnid;
	idm_environment_unref(&env);
	remove_lock_file(path);
	return result;
}

static enum idm_result
set_mode(const char *path, gid_t group, struct idm_error *err)
{
	if ((group != (gid_t)-1 && chown(path, (uid_t)-1, group) != 0) || chmod(path, 0640) != 0)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
	return IDM_OK;
}

/* Rename and publish: readers that come in between stay with what was published before. */
enum idm_result
idm_store_rename_in(const char *dir, gid_t group, const char *path, struct idm_error *err)
{
	char *to = idm_store_path(dir, "identity.mdb");
	char *pub_path = idm_store_path(dir, "identity.pub");
	struct idm_published pub = { .fd = -1 };
	struct idm_file_id file_id;
	uint64_t commit_id;
	enum idm_result result;

	if (to == NULL || pub_path == NULL)
		result = idm_fail(err, IDM_SYSTEM, "out of memory");
	else
		result = idm_published_open_writer(&pub, pub_path, group, err);
	if (result == IDM_OK)
		result = prepare(path, &file_id, &commit_id, err);
	if (result == IDM_OK)
		result = set_mode(path, group, err);
	if (result == IDM_OK && rename(path, to) != 0)
		result = idm_fail(err, IDM_SYSTEM, "%s to %s: %s", path, to, strerror(errno));
	if (result == IDM_OK) {
		idm_published_set(&pub, &file_id, commit_id);
		result = idm_dbfile_sync_directory(dir, err);
	}
	idm_published_close(&pub);
	free(pub_path);
	free(to);
	return result;
}

enum idm_result
idm_store_replace(const char *dir, gid_t read_group, const char *path, struct idm_error *err)
{
	int lock_fd = -1;
	enum idm_result result = idm_dbfile_check_directory(dir, err);

	if (result == IDM_OK)
		result = idm_store_lock_writer(dir, &lock_fd, err);
	if (result == IDM_OK)
		result = idm_store_rename_in(dir, read_group, path, err);
	if (lock_fd >= 0)
		close(lock_fd);
	return result;
}
