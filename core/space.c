#include "core/space.h"

enum {
	ENOUGH_PAGES = 16384, /* for any change set, and for a small map a twentieth of it */
	META_PAGES = 2,
	CORE_DBIS = 2, /* LMDB's own: the list of free pages and the list of databases */
};

static uint64_t
map_pages(const struct idm_environment *env)
{
	return env->map_bytes / env->page_bytes;
}

uint64_t
idm_space_used_pages(const struct idm_txn *txn)
{
	const struct idm_environment *env = idm_txn_environment(txn);
	MDB_dbi count = CORE_DBIS + (MDB_dbi)(env->range.end - env->range.first);
	uint64_t used = META_PAGES;

	for (MDB_dbi dbi = 0; dbi < count; dbi++) {
		MDB_stat stat_of;

		if (mdb_stat(txn->mdb, dbi, &stat_of) == 0)
			used += stat_of.ms_branch_pages + stat_of.ms_leaf_pages +
				stat_of.ms_overflow_pages;
	}
	return used;
}

bool
idm_store_nearly_full(const struct idm_txn *txn)
{
	return idm_space_used_pages(txn) > map_pages(idm_txn_environment(txn)) / 10 * 9;
}

/*
 * Free pages that LMDB would use: those freed before the oldest guard's snapshot.  Each record of
 * its list holds, under the id of the transaction that freed them, their number and then they.
 */
static uint64_t
count_free(MDB_env *mdb, uint64_t oldest_id)
{
	uint64_t pages = 0;
	MDB_cursor *cursor;
	MDB_txn *txn;
	MDB_val key;
	MDB_val data;

	if (mdb_txn_begin(mdb, NULL, MDB_RDONLY, &txn) != 0)
		return 0;
	if (mdb_cursor_open(txn, 0, &cursor) == 0) {
		while (mdb_cursor_get(cursor, &key, &data, MDB_NEXT) == 0) {
			size_t freed_by;
			size_t count;

			memcpy(&freed_by, key.mv_data, sizeof(freed_by));
			memcpy(&count, data.mv_data, sizeof(count));
			if (freed_by >= oldest_id)
				break;
			pages += count;
		}
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	return pages;
}

static bool
is_scarce(const struct idm_store *store)
{
	const struct idm_environment *env = store->identity;
	uint64_t twentieth = map_pages(env) / 20;
	uint64_t enough = twentieth < ENOUGH_PAGES ? twentieth : ENOUGH_PAGES;
	uint64_t behind_last;
	MDB_envinfo info;

	if (mdb_env_info(env->mdb, &info) != 0)
		return false;
	behind_last = map_pages(env) - info.me_last_pgno - 1;
	if (behind_last >= enough) /* nearly always */
		return false;
	return behind_last + count_free(env->mdb, mdb_txn_id(store->guards.list[0].txn)) < enough;
}

void
idm_space_wait(struct idm_store *store)
{
	const struct timespec pause = { .tv_nsec = IDM_STORE_TICK_MS * 1000000L };
	uint64_t deadline_ms = idm_store_ms() + 2 * IDM_STORE_KEEP_MS;

	if (is_scarce(store))
		idm_store_sweep_readers(store);
	/* One guard alone is the newest snapshot's, or will be followed by it and then end. */
	while (is_scarce(store) &&
	       idm_guards_keep_something(&store->guards, store->identity->mdb) &&
	       idm_store_ms() < deadline_ms) {
		nanosleep(&pause, NULL);
		idm_store_tick(store);
	}
}
