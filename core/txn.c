/* Transactions: reading, writing, nested writing; commit, publish, sync. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/dbfile.h"
#include "core/reader.h"
#include "core/space.h"
#include "core/store_impl.h"

/* So much of the file is there before a write transaction begins; see idm_dbfile_reach. */
enum { REACH_PAGES = 256 };

static enum idm_result
begin_read(struct idm_store *store, struct idm_environment *env, struct idm_txn *txn,
    struct idm_error *err)
{
	MDB_txn *mdb;
	int rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &mdb);

	if (rc != 0)
		return idm_lmdb_fail(err, rc, "begin");
	*txn = (struct idm_txn){ .store = store, .mdb = mdb, .begun_ms = idm_store_ms() };
	return IDM_OK;
}

enum idm_result
idm_store_read_begin(struct idm_store *store, struct idm_txn *txn, struct idm_error *err)
{
	*txn = (struct idm_txn){ 0 };
	if (!store->writer)
		return idm_reader_begin(store, txn, err);
	return begin_read(store, store->identity, txn, err);
}

enum idm_result
idm_store_local_read_begin(struct idm_store *store, struct idm_txn *txn, struct idm_error *err)
{
	assert(store->writer);
	*txn = (struct idm_txn){ 0 };
	return begin_read(store, store->local, txn, err);
}

void
idm_store_file_id(const struct idm_txn *txn, uint8_t out[IDM_STORE_FILE_ID_BYTES])
{
	_Static_assert(sizeof(struct idm_file_id) == IDM_STORE_FILE_ID_BYTES, "id of a data file");
	memcpy(out, &idm_txn_environment(txn)->file_id, IDM_STORE_FILE_ID_BYTES);
}

uint64_t
idm_store_commit_id(const struct idm_txn *txn)
{
	assert(!txn->write);
	return mdb_txn_id(txn->mdb);
}

enum idm_result
idm_store_read_check(const struct idm_txn *txn, struct idm_error *err)
{
	/* Where LMDB's own lock file keeps the snapshot, any age will do. */
	if (txn->store == NULL || txn->store->writer ||
	    idm_store_ms() - txn->begun_ms <= IDM_STORE_READ_MS)
		return IDM_OK;
	return idm_fail(err, IDM_BUSY, "the snapshot is older than %d ms", IDM_STORE_READ_MS);
}

void
idm_store_read_end(struct idm_txn *txn)
{
	if (txn->mdb == NULL)
		return;
	assert(!txn->write);
	if (txn->store->writer)
		mdb_txn_abort(txn->mdb);
	else
		idm_reader_end(txn);
	*txn = (struct idm_txn){ 0 };
}

static enum idm_result
fail_for_good(struct idm_store *store, struct idm_error *err)
{
	atomic_store(&store->failed, true);
	return idm_fail(err, IDM_SYSTEM,
	    "writing failed before: this process must end, a new one repairs the state");
}

static enum idm_result
begin_write(struct idm_store *store, struct idm_environment *env, struct idm_txn *txn,
    struct idm_error *err)
{
	MDB_envinfo info;
	MDB_txn *mdb;
	int fd;
	int rc = mdb_txn_begin(env->mdb, NULL, 0, &mdb);

	if (rc == MDB_PANIC)
		return fail_for_good(store, err);
	if (rc != 0)
		return idm_lmdb_fail(err, rc, "begin to write");
	if (mdb_env_info(env->mdb, &info) == 0 && mdb_env_get_fd(env->mdb, &fd) == 0)
		idm_dbfile_reach(fd, env->page_bytes, info.me_last_pgno + REACH_PAGES);
	*txn = (struct idm_txn){ .store = store, .mdb = mdb, .write = true };
	txn->begun_ms = idm_store_ms();
	return IDM_OK;
}

/* Readers of an earlier writer may hold snapshots that no guard keeps, for so long. */
static void
wait_for_old_readers(struct idm_store *store)
{
	for (;;) {
		uint64_t now_ms = idm_store_ms();
		struct timespec pause = { 0 };

		if (now_ms >= store->write_after_ms)
			return;
		pause.tv_nsec = (long)(store->write_after_ms - now_ms) * 1000000;
		nanosleep(&pause, NULL);
	}
}

enum idm_result
idm_store_write_begin(struct idm_store *store, struct idm_txn *txn, struct idm_error *err)
{
	assert(store->writer);
	*txn = (struct idm_txn){ 0 };
	if (idm_store_failed(store))
		return fail_for_good(store, err);
	if (!store->scratch) {
		wait_for_old_readers(store);
		idm_store_tick(store); /* a tool that has no timer needs guards just as well */
		idm_space_wait(store);
	}
	return begin_write(store, store->identity, txn, err);
}

enum idm_result
idm_store_local_write_begin(struct idm_store *store, struct idm_txn *txn, struct idm_error *err)
{
	assert(store->writer);
	*txn = (struct idm_txn){ 0 };
	if (idm_store_failed(store))
		return fail_for_good(store, err);
	return begin_write(store, store->local, txn, err);
}

enum idm_result
idm_store_write_nest(struct idm_txn *parent, struct idm_txn *child, struct idm_error *err)
{
	MDB_txn *mdb;
	int rc;

	assert(parent->write);
	*child = (struct idm_txn){ 0 };
	rc = mdb_txn_begin(mdb_txn_env(parent->mdb), parent->mdb, 0, &mdb);
	if (rc != 0)
		return idm_lmdb_fail(err, rc, "nested begin");
	*child = *parent;
	child->parent = parent;
	child->mdb = mdb;
	return IDM_OK;
}

/*
 * LMDB reports a short write as EIO.  Which of the two it was is found out by asking for space; if
 * the disk itself failed, nothing that this process has in memory can be relied on.
 */
static enum idm_result
commit_failed(
    struct idm_store *store, const struct idm_environment *env, int rc, struct idm_error *err)
{
	enum idm_result result = idm_lmdb_fail(err, rc, "commit");
	MDB_txn *probe = NULL;
	int fd;

	if (mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &probe) == MDB_PANIC) {
		atomic_store(&store->failed, true); /* the meta page could not be written */
		return idm_fail(err, IDM_SYSTEM, "commit: %s", mdb_strerror(rc));
	}
	mdb_txn_abort(probe);
	if (rc == EIO && mdb_env_get_fd(env->mdb, &fd) == 0 && idm_dbfile_is_full(fd))
		return idm_fail(err, IDM_LIMIT, "commit: the disk is full");
	if (result == IDM_SYSTEM)
		atomic_store(&store->failed, true);
	return result;
}

static enum idm_result
sync_failed(struct idm_store *store, int rc, struct idm_error *err)
{
	atomic_store(&store->failed, true);
	return idm_fail(err, IDM_SYSTEM, "sync: %s", mdb_strerror(rc));
}

/* Make up for pages at the end that LMDB has not written; see idm_dbfile_reach. */
static void
reach_last_page(const struct idm_environment *env, const MDB_envinfo *info)
{
	int fd;

	if (mdb_env_get_fd(env->mdb, &fd) == 0)
		idm_dbfile_reach(fd, env->page_bytes, info->me_last_pgno);
}

/* Commit, publish, sync: in this order, so that readers need not wait for the disk. */
static enum idm_result
commit_identity(struct idm_store *store, MDB_txn *mdb, struct idm_error *err)
{
	struct idm_environment *env = store->identity;
	_Atomic uint64_t *last_ms = &store->pub.page->last_commit_ms;
	uint64_t before_ms = atomic_load(last_ms);
	MDB_envinfo info;
	int rc;

	atomic_store(last_ms, IDM_PUBLISHED_COMMITTING);
	rc = mdb_txn_commit(mdb);
	if (rc != 0) {
		atomic_fetch_add(&store->undone, 1);
		atomic_store(last_ms, before_ms);
		return commit_failed(store, env, rc, err);
	}
	mdb_env_info(env->mdb, &info);
	if (info.me_last_txnid == atomic_load(&store->pub.page->commit_id)) {
		atomic_store(last_ms, before_ms);
		return IDM_OK; /* nothing was written */
	}
	idm_published_set(&store->pub, &env->file_id, info.me_last_txnid);
	atomic_store(last_ms, idm_store_ms());
	reach_last_page(env, &info);
	rc = mdb_env_sync(env->mdb, 1);
	store->identity_commits++;
	return rc == 0 ? IDM_OK : sync_failed(store, rc, err);
}

/* Commit alone: who adopts it will sync it. */
static enum idm_result
commit_scratch(struct idm_store *store, MDB_txn *mdb, struct idm_error *err)
{
	MDB_envinfo info;
	int rc = mdb_txn_commit(mdb);

	if (rc != 0)
		return commit_failed(store, store->identity, rc, err);
	mdb_env_info(store->identity->mdb, &info);
	reach_last_page(store->identity, &info);
	return IDM_OK;
}

static enum idm_result
commit_local(struct idm_store *store, MDB_txn *mdb, struct idm_error *err)
{
	MDB_envinfo info;
	int rc = mdb_txn_commit(mdb); /* durable: this environment has LMDB's default flags */

	if (rc != 0)
		return commit_failed(store, store->local, rc, err);
	store->local_commits++;
	mdb_env_info(store->local->mdb, &info);
	reach_last_page(store->local, &info);
	return IDM_OK;
}

/* A change that failed spoils the transaction: LMDB's half of it may be done. */
static bool
is_spoilt(MDB_txn *mdb)
{
	MDB_stat main_db;

	return mdb_stat(mdb, 1, &main_db) == MDB_BAD_TXN;
}

enum idm_result
idm_store_write_commit(struct idm_txn *txn, struct idm_error *err)
{
	struct idm_store *store = txn->store;
	MDB_txn *mdb = txn->mdb;
	bool nested = txn->parent != NULL;
	bool identity = idm_txn_environment(txn) == store->identity;
	int rc;

	assert(txn->write);
	*txn = (struct idm_txn){ 0 };
	if (is_spoilt(mdb)) {
		atomic_fetch_add(&store->undone, 1);
		mdb_txn_abort(mdb);
		return idm_fail(err, IDM_LIMIT, "commit: a change before it failed");
	}
	if (!nested && store->scratch)
		return commit_scratch(store, mdb, err);
	if (!nested)
		return identity ? commit_identity(store, mdb, err) : commit_local(store, mdb, err);
	rc = mdb_txn_commit(mdb);
	if (rc == 0)
		return IDM_OK;
	atomic_fetch_add(&store->undone, 1);
	return idm_lmdb_fail(err, rc, "nested commit");
}

void
idm_store_write_abort(struct idm_txn *txn)
{
	if (txn->mdb == NULL)
		return;
	assert(txn->write);
	atomic_fetch_add(&txn->store->undone, 1);
	mdb_txn_abort(txn->mdb);
	*txn = (struct idm_txn){ 0 };
}

enum idm_result
idm_store_write_end(struct idm_txn *txn, enum idm_result result, struct idm_error *err)
{
	if (result == IDM_OK)
		return idm_store_write_commit(txn, err);
	idm_store_write_abort(txn);
	return result;
}

uint64_t
idm_store_undone(const struct idm_store *store)
{
	return atomic_load(&store->undone);
}
