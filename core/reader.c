#include "core/reader.h"

#include <sched.h>
#include <sys/stat.h>

enum {
	SPINS = 50,     /* tries before a reader looks whether the writer lives, and sleeps */
	PAUSE_US = 100, /* between tries after that */
};

static struct idm_environment *
current(struct idm_store *store)
{
	struct idm_environment *env;

	pthread_rwlock_rdlock(&store->identity_lock);
	env = idm_environment_ref(store->identity);
	pthread_rwlock_unlock(&store->identity_lock);
	return env;
}

static bool
is_at_path(const struct idm_store *store, const struct idm_environment *env)
{
	struct stat st;

	return stat(store->identity_path, &st) == 0 && st.st_dev == env->device &&
	       st.st_ino == env->inode;
}

/*
 * Another file than `seen` may stand at the path: open it.  Its users keep the old one until their
 * transactions end.  Where the path still names `seen`, there is nothing to do.
 */
static enum idm_result
follow_path(struct idm_store *store, const struct idm_environment *seen, struct idm_error *err)
{
	struct idm_environment *fresh = NULL;
	enum idm_result result = IDM_OK;

	if (is_at_path(store, seen))
		return IDM_OK;
	pthread_rwlock_wrlock(&store->identity_lock);
	if (store->identity == seen) { /* else another thread was here first */
		result = idm_environment_open_reader(&fresh, store->identity_path, err);
		if (result == IDM_OK) {
			idm_environment_unref(&store->identity);
			store->identity = fresh;
		}
	}
	pthread_rwlock_unlock(&store->identity_lock);
	return result;
}

static void
take(struct idm_store *store, struct idm_txn *txn, MDB_txn *mdb, uint64_t begun_ms)
{
	*txn = (struct idm_txn){ .store = store, .mdb = mdb, .begun_ms = begun_ms };
}

/* IDM_BUSY: not the published commit, or a new one was published meanwhile; or another file. */
static enum idm_result
try_published(struct idm_store *store, struct idm_environment *env, struct idm_txn *txn,
    struct idm_error *err)
{
	uint64_t begun_ms = idm_store_ms(); /* before the first look at what is published */
	struct idm_published_view view;
	MDB_txn *mdb;
	int rc;

	if (!idm_published_load(&store->pub, &view))
		return IDM_BUSY;
	if (!idm_file_id_equal(&view.file_id, &env->file_id))
		return IDM_BUSY;
	rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &mdb);
	if (rc != 0)
		return idm_lmdb_fail(err, rc, "begin");
	if (mdb_txn_id(mdb) != view.commit_id || !idm_published_is_still(&store->pub, &view)) {
		mdb_txn_abort(mdb);
		return IDM_BUSY;
	}
	take(store, txn, mdb, begun_ms);
	return IDM_OK;
}

/*
 * The newest commit of all.  Its pages were written before its meta page, and no later commit
 * reuses them: either a writer holds guards, or none lives, and the next one waits before it
 * writes.
 */
static enum idm_result
try_newest(struct idm_store *store, struct idm_environment *env, struct idm_txn *txn,
    struct idm_error *err)
{
	uint64_t begun_ms = idm_store_ms();
	MDB_txn *mdb;
	enum idm_result result;

	if (!is_at_path(store, env))
		return IDM_BUSY;
	result = idm_environment_begin_agreed(env, &mdb, err);
	if (result == IDM_OK)
		take(store, txn, mdb, begun_ms);
	return result;
}

static enum idm_result
try_once(struct idm_store *store, struct idm_environment *env, struct idm_txn *txn,
    bool take_newest, struct idm_error *err)
{
	enum idm_result result = try_published(store, env, txn, err);

	if (result == IDM_BUSY && take_newest)
		result = try_newest(store, env, txn, err);
	return result;
}

static void
pause_a_little(int tries)
{
	struct timespec pause = { .tv_nsec = PAUSE_US * 1000 };

	if (tries < SPINS)
		sched_yield();
	else
		nanosleep(&pause, NULL);
}

enum idm_result
idm_reader_begin(struct idm_store *store, struct idm_txn *txn, struct idm_error *err)
{
	uint64_t start_ms = 0;
	uint64_t waited_ms = 0;

	for (int tries = 0;; tries++) {
		struct idm_environment *env = current(store);
		bool newest = tries >= SPINS && (waited_ms >= IDM_STORE_PATIENCE_MS ||
						    !idm_published_writer_lives(&store->pub));
		enum idm_result result = try_once(store, env, txn, newest, err);

		if (result == IDM_OK)
			return IDM_OK; /* the reference belongs to `txn` now */
		if (result == IDM_BUSY)
			result = follow_path(store, env, err);
		idm_environment_unref(&env);
		if (result != IDM_OK)
			return result;
		if (tries == 0)
			start_ms = idm_store_ms();
		waited_ms = idm_store_ms() - start_ms;
		if (waited_ms >= IDM_STORE_GIVE_UP_MS)
			return idm_fail(err, IDM_SYSTEM,
			    "no snapshot within %d ms: the writer commits or replaces files "
			    "without "
			    "publishing",
			    IDM_STORE_GIVE_UP_MS);
		pause_a_little(tries);
	}
}

void
idm_reader_end(struct idm_txn *txn)
{
	struct idm_environment *env = mdb_env_get_userctx(mdb_txn_env(txn->mdb));

	mdb_txn_abort(txn->mdb);
	idm_environment_unref(&env);
}
