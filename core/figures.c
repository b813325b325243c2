#include "core/figures.h"

#include "core/session.h"
#include "core/space.h"

uint64_t
idm_store_records(const struct idm_txn *txn, enum idm_db db)
{
	MDB_stat stat_of;

	if (mdb_stat(txn->mdb, idm_txn_environment(txn)->dbis[db], &stat_of) != 0)
		return 0;
	return stat_of.ms_entries;
}

static void
look_at_file(const struct idm_txn *txn, uint64_t commits, struct idm_file_figures *out)
{
	const struct idm_environment *env = idm_txn_environment(txn);
	MDB_envinfo info;

	out->commits = commits;
	out->map_bytes = env->map_bytes;
	out->used_bytes = idm_space_used_pages(txn) * env->page_bytes;
	if (mdb_env_info(env->mdb, &info) == 0)
		out->file_bytes = ((uint64_t)info.me_last_pgno + 1) * env->page_bytes;
}

static void
look_at_guards(const struct idm_store *store, struct idm_figures *out)
{
	const struct idm_guards *guards = &store->guards;
	uint64_t now_ms = idm_store_ms();

	out->guards = guards->count;
	if (guards->count != 0 && guards->list[0].begun_ms < now_ms)
		out->oldest_guard_ms = now_ms - guards->list[0].begun_ms;
}

static enum idm_result
look_at_identity(struct idm_store *store, struct idm_figures *out, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_read_begin(store, &txn, err);

	if (result != IDM_OK)
		return result;
	look_at_file(&txn, store->identity_commits, &out->identity);
	out->nearly_full = idm_store_nearly_full(&txn);
	result = idm_store_get_number(&txn, IDM_DB_META, "applied", &out->change_no, err);
	idm_store_read_end(&txn);
	return result;
}

static enum idm_result
look_at_local(struct idm_store *store, struct idm_figures *out, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_local_read_begin(store, &txn, err);

	if (result != IDM_OK)
		return result;
	look_at_file(&txn, store->local_commits, &out->local);
	out->sessions = idm_session_count(&txn);
	idm_store_read_end(&txn);
	return IDM_OK;
}

enum idm_result
idm_store_figures(struct idm_store *store, struct idm_figures *out, struct idm_error *err)
{
	enum idm_result result;

	*out = (struct idm_figures){ 0 };
	look_at_guards(store, out);
	result = look_at_identity(store, out, err);
	return result == IDM_OK ? look_at_local(store, out, err) : result;
}
