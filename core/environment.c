#include "core/environment.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/dbfile.h"
#include "core/store_impl.h"
#include "core/upgrade.h"

enum { PATH_BYTES = 4096, READER_SLOTS = 254 };

static_assert(sizeof(size_t) == 8, "the maps need a 64-bit address space");

const struct idm_db_range idm_dbs_identity = { IDM_DB_META, IDM_DB_LOCAL_META };
const struct idm_db_range idm_dbs_local = { IDM_DB_LOCAL_META, IDM_DB_COUNT };

static const char *const names[IDM_DB_COUNT] = {
	[IDM_DB_META] = "meta",
	[IDM_DB_ENTRIES] = "entries",
	[IDM_DB_UUID] = "uuid",
	[IDM_DB_NAME] = "name",
	[IDM_DB_INDEX] = "index",
	[IDM_DB_UP] = "up",
	[IDM_DB_DOWN] = "down",
	[IDM_DB_SECRETS] = "secrets",
	[IDM_DB_TOKENS] = "tokens",
	[IDM_DB_CHANGES] = "changes",
	[IDM_DB_REQUESTS] = "requests",
	[IDM_DB_LOCAL_META] = "meta",
	[IDM_DB_SESSIONS] = "sessions",
	[IDM_DB_SOFTLOCKS] = "softlocks",
	[IDM_DB_AUDIT] = "audit",
};

enum idm_result
idm_lmdb_fail(struct idm_error *err, int rc, const char *what)
{
	enum idm_result result;

	switch (rc) {
	case MDB_NOTFOUND: return IDM_NOT_FOUND;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
	case ENOSPC:
	case EDQUOT:
	case EFBIG: result = IDM_LIMIT; break;
	case MDB_BAD_VALSIZE: result = IDM_INVALID; break;
	case MDB_PAGE_NOTFOUND:
	case MDB_CORRUPTED:
	case MDB_INVALID: result = IDM_CORRUPT; break;
	case MDB_VERSION_MISMATCH: result = IDM_INVALID; break;
	default: result = IDM_SYSTEM; break;
	}
	return idm_fail(err, result, "%s: %s", what, mdb_strerror(rc));
}

static struct idm_environment *
environment_new(struct idm_db_range range, uint64_t map_bytes)
{
	struct idm_environment *env = calloc(1, sizeof(*env));

	if (env == NULL)
		return NULL;
	env->range = range;
	env->map_bytes = map_bytes;
	atomic_init(&env->refs, 1);
	return env;
}

/* mdb_env_create and mdb_env_open, and what is known only then. */
static enum idm_result
open_lmdb(struct idm_environment *env, const char *path, unsigned flags, struct idm_error *err)
{
	MDB_stat stat_of_main;
	struct stat st;
	int fd;
	int rc = mdb_env_create(&env->mdb);

	if (rc == 0)
		rc = mdb_env_set_mapsize(env->mdb, env->map_bytes);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(env->mdb, (MDB_dbi)(env->range.end - env->range.first));
	if (rc == 0)
		rc = mdb_env_set_maxreaders(env->mdb, READER_SLOTS);
	if (rc == 0)
		rc = mdb_env_open(env->mdb, path, flags | MDB_NOSUBDIR | MDB_NOTLS, 0600);
	if (rc == 0)
		rc = mdb_env_set_userctx(env->mdb, env);
	if (rc == 0)
		rc = mdb_env_stat(env->mdb, &stat_of_main);
	if (rc == 0)
		rc = mdb_env_get_fd(env->mdb, &fd);
	if (rc != 0)
		return idm_lmdb_fail(err, rc, path);
	if (fstat(fd, &st) != 0)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
	env->page_bytes = stat_of_main.ms_psize;
	env->device = st.st_dev;
	env->inode = st.st_ino;
	return IDM_OK;
}

/* With MDB_CREATE: make those that are missing. */
static enum idm_result
open_databases(struct idm_environment *env, MDB_txn *txn, unsigned flags, struct idm_error *err)
{
	for (enum idm_db db = env->range.first; db < env->range.end; db++) {
		int rc = mdb_dbi_open(txn, names[db], flags, &env->dbis[db]);

		if (rc == MDB_NOTFOUND)
			return idm_fail(err, IDM_CORRUPT, "database %s is missing", names[db]);
		if (rc != 0)
			return idm_lmdb_fail(err, rc, names[db]);
	}
	return IDM_OK;
}

/* `former`: a format that idm_upgrade leads on from will do. */
static enum idm_result
check_format(
    struct idm_environment *env, const struct idm_txn *txn, bool former, struct idm_error *err)
{
	enum idm_result result =
	    idm_store_get_number(txn, env->range.first, "format_version", &env->format, err);

	if (result != IDM_OK || env->format == IDM_STORE_FORMAT)
		return result;
	if (env->format > IDM_STORE_FORMAT)
		return idm_fail(err, IDM_INVALID,
		    "the database has format %" PRIu64 ", which a newer version of this program "
		    "wrote; this one reads format %d: install the newer one, or restore a backup "
		    "that this one made",
		    env->format, IDM_STORE_FORMAT);
	if (env->format < IDM_STORE_FORMAT_OLDEST)
		return idm_fail(err, IDM_INVALID,
		    "the database has format %" PRIu64 ", which no version of this program wrote",
		    env->format);
	if (!former)
		return idm_fail(err, IDM_INVALID,
		    "the database has the former format %" PRIu64 ": kanidm-ldapd upgrades it to "
		    "format %d when it starts",
		    env->format, IDM_STORE_FORMAT);
	return IDM_OK;
}

static enum idm_result
read_file_id(
    const struct idm_txn *txn, enum idm_db meta, struct idm_file_id *out, struct idm_error *err)
{
	struct idm_span value;
	enum idm_result result = idm_store_get(txn, meta, IDM_SPAN_LIT("file_id"), &value, err);

	if (result == IDM_NOT_FOUND || (result == IDM_OK && value.len != sizeof(*out)))
		return idm_fail(err, IDM_CORRUPT, "meta.file_id is missing");
	if (result == IDM_OK)
		memcpy(out, value.ptr, sizeof(*out));
	return result;
}

enum idm_result
idm_environment_renew_id(
    struct idm_environment *env, const struct idm_txn *txn, struct idm_error *err)
{
	struct idm_file_id id;

	if (getentropy(&id, sizeof(id)) != 0)
		return idm_fail(err, IDM_SYSTEM, "random bytes: %s", strerror(errno));
	env->file_id = id;
	return idm_store_put(
	    txn, env->range.first, IDM_SPAN_LIT("file_id"), idm_span_of(&id, sizeof(id)), err);
}

/* All in one transaction, so that a file is either empty or whole. */
static enum idm_result
create_databases(struct idm_environment *env, const struct idm_txn *txn, struct idm_error *err)
{
	enum idm_result result = open_databases(env, txn->mdb, MDB_CREATE, err);

	env->format = IDM_STORE_FORMAT;
	if (result == IDM_OK)
		result = idm_store_put_number(
		    txn, env->range.first, "format_version", IDM_STORE_FORMAT, err);
	if (result == IDM_OK)
		result = idm_environment_renew_id(env, txn, err);
	return result;
}

/* Databases that came later are made where the transaction is one to write. */
static enum idm_result
open_existing(
    struct idm_environment *env, const struct idm_txn *txn, bool former, struct idm_error *err)
{
	enum idm_db meta = env->range.first;
	enum idm_result result;
	int rc = mdb_dbi_open(txn->mdb, names[meta], 0, &env->dbis[meta]);

	if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE)
		return idm_fail(err, IDM_INVALID, "a database of another program");
	if (rc != 0)
		return idm_lmdb_fail(err, rc, names[meta]);
	result = check_format(env, txn, former, err);
	if (result == IDM_OK)
		result = read_file_id(txn, meta, &env->file_id, err);
	if (result == IDM_OK)
		result = open_databases(env, txn->mdb, txn->write ? MDB_CREATE : 0, err);
	return result;
}

/* Commit what was created and make it durable. */
static enum idm_result
finish(struct idm_environment *env, MDB_txn *txn, const char *path, struct idm_error *err)
{
	int rc = mdb_txn_commit(txn); /* keeps the handles of the databases */

	if (rc == 0 && env->is_new)
		rc = mdb_env_sync(env->mdb, 1);
	return rc == 0 ? IDM_OK : idm_lmdb_fail(err, rc, path);
}

/* Put the path in front of what went wrong in it. */
static enum idm_result
with_path(enum idm_result result, const char *path, struct idm_error *err)
{
	struct idm_error inner;

	if (err == NULL)
		return result;
	inner = *err;
	return idm_fail(err, result, "%s: %s", path, inner.text);
}

static enum idm_result
open_or_create(struct idm_environment *env, const char *path, struct idm_error *err)
{
	struct idm_txn txn = { .write = true };
	MDB_stat main_db;
	MDB_txn *mdb;
	enum idm_result result;
	int rc = mdb_txn_begin(env->mdb, NULL, 0, &mdb);

	if (rc != 0)
		return idm_lmdb_fail(err, rc, path);
	txn.mdb = mdb;
	rc = mdb_env_stat(env->mdb, &main_db);
	if (rc != 0) {
		mdb_txn_abort(mdb);
		return idm_lmdb_fail(err, rc, path);
	}
	env->is_new = main_db.ms_entries == 0;
	result =
	    env->is_new ? create_databases(env, &txn, err) : open_existing(env, &txn, true, err);
	if (result != IDM_OK) {
		mdb_txn_abort(mdb);
		return with_path(result, path, err);
	}
	return finish(env, mdb, path, err);
}

/* LMDB would give its lock file the mode of the data file. */
static enum idm_result
create_files(const char *path, mode_t mode, gid_t group, struct idm_error *err)
{
	char lock_path[PATH_BYTES];
	enum idm_result result;
	int fd;

	if (snprintf(lock_path, sizeof(lock_path), "%s-lock", path) >= (int)sizeof(lock_path))
		return idm_fail(err, IDM_INVALID, "%s: path too long", path);
	result = idm_dbfile_create(path, mode, group, &fd, err);
	if (result != IDM_OK)
		return result;
	close(fd);
	result = idm_dbfile_create(lock_path, 0600, (gid_t)-1, &fd, err);
	if (result == IDM_OK)
		close(fd);
	return result;
}

enum idm_result
idm_environment_open_writer(struct idm_environment **out, const char *path, gid_t group,
    struct idm_db_range range, uint64_t map_bytes, unsigned flags, struct idm_error *err)
{
	bool shared = range.first == IDM_DB_META;
	struct idm_dbfile_info info;
	struct idm_environment *env;
	enum idm_result result;

	result = create_files(path, shared ? 0640 : 0600, group, err);
	if (result == IDM_OK)
		result = idm_dbfile_check(path, &info, err);
	if (result != IDM_OK)
		return result;
	env = environment_new(range, map_bytes);
	if (env == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = open_lmdb(env, path, flags, err);
	if (result == IDM_OK)
		result = open_or_create(env, path, err);
	if (result != IDM_OK)
		idm_environment_unref(&env);
	*out = env;
	return result;
}

enum idm_result
idm_environment_open_bare(struct idm_environment **out, const char *path, struct idm_db_range range,
    bool beside, struct idm_error *err)
{
	uint64_t map_bytes =
	    range.first == IDM_DB_META ? IDM_IDENTITY_MAP_BYTES : IDM_LOCAL_MAP_BYTES;
	struct idm_dbfile_info info;
	enum idm_result result;

	*out = NULL;
	result = idm_dbfile_check(path, &info, err);
	if (result != IDM_OK)
		return result;
	if (info.page_bytes == 0 || info.txn_id == 0)
		return idm_fail(err, IDM_CORRUPT, "%s: empty", path);
	*out = environment_new(range, map_bytes);
	if (*out == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = open_lmdb(*out, path, MDB_RDONLY | (beside ? 0 : MDB_NOLOCK), err);
	if (result != IDM_OK)
		idm_environment_unref(out);
	return result;
}

enum idm_result
idm_environment_look(struct idm_environment *env, const struct idm_txn *txn, struct idm_error *err)
{
	return open_existing(env, txn, false, err);
}

enum idm_result
idm_environment_look_former(
    struct idm_environment *env, const struct idm_txn *txn, struct idm_error *err)
{
	return open_existing(env, txn, true, err);
}

const char *
idm_db_name(enum idm_db db)
{
	return names[db];
}

enum idm_result
idm_environment_begin_agreed(struct idm_environment *env, MDB_txn **txn, struct idm_error *err)
{
	MDB_txn *second;
	bool agreed;
	int rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, txn);

	if (rc != 0)
		return idm_lmdb_fail(err, rc, "begin");
	atomic_thread_fence(memory_order_seq_cst);
	rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &second);
	agreed = rc == 0 && mdb_txn_id(second) == mdb_txn_id(*txn);
	if (rc == 0)
		mdb_txn_abort(second);
	if (agreed)
		return IDM_OK;
	mdb_txn_abort(*txn);
	*txn = NULL;
	return rc == 0 ? IDM_BUSY : idm_lmdb_fail(err, rc, "begin");
}

/* Open the databases and learn the file's id; a few tries while a writer commits. */
static enum idm_result
open_snapshot(struct idm_environment *env, const char *path, struct idm_error *err)
{
	struct idm_txn txn = { .write = false };
	MDB_txn *mdb = NULL;
	enum idm_result result = IDM_BUSY;

	for (int tries = 0; result == IDM_BUSY && tries < 1000; tries++)
		result = idm_environment_begin_agreed(env, &mdb, err);
	if (result == IDM_BUSY)
		return idm_fail(err, IDM_SYSTEM, "%s: no two begins agree", path);
	if (result != IDM_OK)
		return with_path(result, path, err);
	txn.mdb = mdb;
	result = open_existing(env, &txn, false, err);
	if (result != IDM_OK) {
		mdb_txn_abort(mdb);
		return with_path(result, path, err);
	}
	return finish(env, mdb, path, err);
}

enum idm_result
idm_environment_open_reader(struct idm_environment **out, const char *path, struct idm_error *err)
{
	struct idm_dbfile_info info;
	struct idm_environment *env;
	enum idm_result result = idm_dbfile_check(path, &info, err);

	if (result != IDM_OK)
		return result;
	if (info.page_bytes == 0 || info.txn_id == 0)
		return idm_fail(err, IDM_SYSTEM, "%s: it is still being created", path);
	env = environment_new(idm_dbs_identity, IDM_IDENTITY_MAP_BYTES);
	if (env == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = open_lmdb(env, path, MDB_RDONLY | MDB_NOLOCK, err);
	if (result == IDM_OK)
		result = open_snapshot(env, path, err);
	if (result != IDM_OK)
		idm_environment_unref(&env);
	*out = env;
	return result;
}

struct idm_environment *
idm_environment_ref(struct idm_environment *env)
{
	atomic_fetch_add_explicit(&env->refs, 1, memory_order_relaxed);
	return env;
}

void
idm_environment_unref(struct idm_environment **env)
{
	struct idm_environment *it = *env;

	*env = NULL;
	if (it == NULL || atomic_fetch_sub_explicit(&it->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (it->mdb != NULL)
		mdb_env_close(it->mdb);
	free(it);
}
