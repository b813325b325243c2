/* Copies of identity.mdb, and another file put into its place: backup, vacuum, restore, import. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/child.h"
#include "core/dbfile.h"
#include "core/store_impl.h"

/* A compact copy; where pages were lost, which LMDB then refuses, a plain one. */
static int
copy_to(MDB_env *mdb, int fd)
{
	int rc = mdb_env_copyfd2(mdb, fd, MDB_CP_COMPACT);

	if (rc == MDB_INCOMPATIBLE && lseek(fd, 0, SEEK_SET) == 0 && ftruncate(fd, 0) == 0)
		rc = mdb_env_copyfd2(mdb, fd, 0);
	return rc;
}

enum idm_result
idm_environment_copy(const struct idm_environment *env, const char *path, struct idm_error *err)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	int fd = open(path, flags, 0600);
	int rc;

	if (fd < 0)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
	rc = copy_to(env->mdb, fd);
	if (rc == 0 && fsync(fd) != 0)
		rc = errno;
	close(fd);
	if (rc == 0)
		return IDM_OK;
	unlink(path);
	return idm_lmdb_fail(err, rc, path);
}

enum idm_result
idm_store_copy(struct idm_store *store, const char *path, struct idm_error *err)
{
	if (!store->writer)
		return idm_fail(err, IDM_INVALID, "only the writer can keep a snapshot so long");
	return idm_environment_copy(store->identity, path, err);
}

static const char *
file_name(enum idm_store_file file)
{
	return file == IDM_STORE_IDENTITY ? "identity.mdb" : "local.mdb";
}

struct copy_job {
	const char *from;
	enum idm_store_file file;
	const char *to;
};

static enum idm_result
copy_in_child(void *ctx, int to_parent, struct idm_error *err)
{
	const struct copy_job *job = ctx;
	struct idm_db_range range =
	    job->file == IDM_STORE_IDENTITY ? idm_dbs_identity : idm_dbs_local;
	struct idm_environment *env;
	enum idm_result result = idm_environment_open_bare(&env, job->from, range, true, err);

	(void)to_parent;
	if (result == IDM_OK)
		result = idm_environment_copy(env, job->to, err);
	idm_environment_unref(&env);
	return result;
}

enum idm_result
idm_store_copy_beside(
    const char *dir, enum idm_store_file file, const char *path, struct idm_error *err)
{
	char *from = idm_store_path(dir, file_name(file));
	struct copy_job job = { from, file, path };
	const struct idm_child_task task = { copy_in_child, NULL, &job };
	bool was_there = access(path, F_OK) == 0;
	enum idm_result result;

	if (from == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = idm_child_run(&task, err);
	if (result != IDM_OK && !was_there)
		unlink(path); /* what a child that died has left */
	free(from);
	return result;
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
set_mode(const char *path, gid_t group, mode_t mode, struct idm_error *err)
{
	if ((group != (gid_t)-1 && chown(path, (uid_t)-1, group) != 0) || chmod(path, mode) != 0)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
	return IDM_OK;
}

static enum idm_result
rename_to(const char *dir, enum idm_store_file file, const char *path, struct idm_error *err)
{
	char *to = idm_store_path(dir, file_name(file));
	enum idm_result result = IDM_OK;

	if (to == NULL)
		result = idm_fail(err, IDM_SYSTEM, "out of memory");
	else if (rename(path, to) != 0)
		result = idm_fail(err, IDM_SYSTEM, "%s to %s: %s", path, to, strerror(errno));
	free(to);
	return result;
}

/* Rename and publish: readers that come in between stay with what was published before. */
enum idm_result
idm_store_rename_in(const char *dir, gid_t group, const char *path, struct idm_error *err)
{
	char *pub_path = idm_store_path(dir, "identity.pub");
	struct idm_published pub = { .fd = -1 };
	struct idm_file_id file_id;
	uint64_t commit_id;
	enum idm_result result;

	if (pub_path == NULL)
		result = idm_fail(err, IDM_SYSTEM, "out of memory");
	else
		result = idm_published_open_writer(&pub, pub_path, group, err);
	if (result == IDM_OK)
		result = prepare(path, &file_id, &commit_id, err);
	if (result == IDM_OK)
		result = set_mode(path, group, 0640, err);
	if (result == IDM_OK)
		result = rename_to(dir, IDM_STORE_IDENTITY, path, err);
	if (result == IDM_OK) {
		idm_published_set(&pub, &file_id, commit_id);
		result = idm_dbfile_sync_directory(dir, err);
	}
	idm_published_close(&pub);
	free(pub_path);
	return result;
}

static enum idm_result
replace_local(const char *dir, const char *path, struct idm_error *err)
{
	enum idm_result result = set_mode(path, (gid_t)-1, 0600, err);

	if (result == IDM_OK)
		result = rename_to(dir, IDM_STORE_LOCAL, path, err);
	return result == IDM_OK ? idm_dbfile_sync_directory(dir, err) : result;
}

enum idm_result
idm_store_replace_locked(const char *dir, enum idm_store_file file, gid_t read_group,
    const char *path, struct idm_error *err)
{
	return file == IDM_STORE_IDENTITY ? idm_store_rename_in(dir, read_group, path, err)
					  : replace_local(dir, path, err);
}

enum idm_result
idm_store_replace(const char *dir, gid_t read_group, const char *path, struct idm_error *err)
{
	int lock_fd = -1;
	enum idm_result result = idm_dbfile_check_directory(dir, err);

	if (result == IDM_OK)
		result = idm_store_lock(dir, &lock_fd, err);
	if (result == IDM_OK)
		result = idm_store_replace_locked(dir, IDM_STORE_IDENTITY, read_group, path, err);
	if (lock_fd >= 0)
		close(lock_fd);
	return result;
}
