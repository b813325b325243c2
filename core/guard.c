#include "core/guard.h"

#include <string.h>

#include "core/store.h"

static int
begin(struct idm_guards *guards, MDB_env *env, uint64_t now_ms)
{
	struct idm_guard *guard = &guards->list[guards->count];
	int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &guard->txn);

	if (rc != 0)
		return rc;
	guard->begun_ms = now_ms;
	guards->count++;
	return 0;
}

enum idm_result
idm_guards_begin(struct idm_guards *guards, MDB_env *env, uint64_t now_ms, struct idm_error *err)
{
	int rc = begin(guards, env, now_ms);

	if (rc != 0)
		return idm_fail(err, IDM_SYSTEM, "first guard: %s", mdb_strerror(rc));
	return IDM_OK;
}

static void
end_oldest(struct idm_guards *guards)
{
	mdb_txn_abort(guards->list[0].txn);
	guards->count--;
	memmove(&guards->list[0], &guards->list[1], guards->count * sizeof(guards->list[0]));
}

/* Is there something that the newest guard does not cover on its own? */
static bool
is_behind(const struct idm_guard *newest, MDB_env *env)
{
	MDB_envinfo info;

	return mdb_env_info(env, &info) == 0 && info.me_last_txnid != mdb_txn_id(newest->txn);
}

void
idm_guards_tick(struct idm_guards *guards, MDB_env *env, uint64_t now_ms)
{
	const struct idm_guard *newest = &guards->list[guards->count - 1];

	/* A guard that can't begin leaves its snapshots to the one before it: later, not unsafe. */
	if (guards->count < IDM_GUARD_MAX && now_ms - newest->begun_ms >= IDM_STORE_TICK_MS &&
	    is_behind(newest, env))
		(void)begin(guards, env, now_ms);
	if (guards->count > 1 && now_ms - guards->list[1].begun_ms >= IDM_STORE_KEEP_MS)
		end_oldest(guards);
}

bool
idm_guards_keep_something(const struct idm_guards *guards, MDB_env *env)
{
	return guards->count > 1 || is_behind(&guards->list[0], env);
}

void
idm_guards_end(struct idm_guards *guards)
{
	while (guards->count > 0)
		mdb_txn_abort(guards->list[--guards->count].txn);
}
