/* Guards against a clock that the test sets: they never end while a reader may need them. */
#include "core/guard.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "core/store_impl.h"
#include "tests/support/store_dir.h"

enum { SNAPSHOTS = 4000 };

struct world {
	struct store_dir *dir;
	MDB_env *env;
	struct idm_guards guards;
	uint64_t now_ms;
	uint64_t first_id;                 /* of the snapshot that superseded_ms[0] is about */
	uint64_t count;                    /* snapshots that were superseded */
	uint64_t superseded_ms[SNAPSHOTS]; /* when the next one was published */
};

static uint64_t
random_number(void)
{
	static uint64_t x = 362436069;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void
world_begin(struct world *w, struct store_dir *dir)
{
	MDB_envinfo info;

	*w = (struct world){ .dir = dir, .env = dir->store->identity->mdb, .now_ms = 1000000 };
	assert_int_equal(mdb_env_info(w->env, &info), 0);
	w->first_id = info.me_last_txnid;
	assert_int_equal(idm_guards_begin(&w->guards, w->env, w->now_ms, &dir->err), IDM_OK);
}

static void
world_commit(struct world *w)
{
	MDB_txn *txn;
	char name[] = "k";
	MDB_val key = { sizeof(name), name };
	MDB_val value = { sizeof(w->count), &w->count };

	assert_int_equal(mdb_txn_begin(w->env, NULL, 0, &txn), 0);
	assert_int_equal(
	    mdb_put(txn, w->dir->store->identity->dbis[IDM_DB_CHANGES], &key, &value, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	assert_true(w->count < SNAPSHOTS);
	w->superseded_ms[w->count++] = w->now_ms;
}

/* Every snapshot that was superseded less than KEEP ago is at least as new as the oldest guard. */
static void
assert_recent_snapshots_are_kept(const struct world *w)
{
	uint64_t oldest_id = mdb_txn_id(w->guards.list[0].txn);

	for (uint64_t i = w->count; i-- > 0;) {
		if (w->now_ms - w->superseded_ms[i] >= IDM_STORE_KEEP_MS)
			break;
		assert_true(w->first_id + i >= oldest_id);
	}
}

static void
world_tick(struct world *w)
{
	size_t before = w->guards.count;

	idm_guards_tick(&w->guards, w->env, w->now_ms);
	assert_true(w->guards.count + 1 >= before); /* at most one ends */
	assert_true(w->guards.count > 0);
	assert_recent_snapshots_are_kept(w);
}

static void
one_guard_is_enough_while_nothing_is_written(void **state)
{
	struct world *w = malloc(sizeof(*w));

	assert_non_null(w);
	world_begin(w, *state);
	for (int i = 0; i < 100; i++, w->now_ms += IDM_STORE_TICK_MS)
		world_tick(w);
	assert_int_equal(w->guards.count, 1);
	assert_false(idm_guards_keep_something(&w->guards, w->env));
	world_commit(w);
	assert_true(idm_guards_keep_something(&w->guards, w->env));
	for (int i = 0; i < 12; i++, w->now_ms += IDM_STORE_TICK_MS)
		world_tick(w);
	assert_int_equal(w->guards.count, 1);
	assert_false(idm_guards_keep_something(&w->guards, w->env));
	idm_guards_end(&w->guards);
	assert_int_equal(w->guards.count, 0);
	free(w);
}

static void
a_guard_lives_until_the_next_newer_one_is_old_enough(void **state)
{
	struct world *w = malloc(sizeof(*w));
	uint64_t first_id, begun_ms;

	assert_non_null(w);
	world_begin(w, *state);
	first_id = mdb_txn_id(w->guards.list[0].txn);
	w->now_ms += 10 * IDM_STORE_KEEP_MS; /* the first guard is old; a reader of it may not be */
	world_commit(w);
	world_tick(w);
	begun_ms = w->now_ms;
	assert_int_equal(w->guards.count, 2);
	for (; w->now_ms < begun_ms + IDM_STORE_KEEP_MS; w->now_ms += 10) {
		world_tick(w);
		assert_true(mdb_txn_id(w->guards.list[0].txn) == first_id);
	}
	world_tick(w);
	assert_true(mdb_txn_id(w->guards.list[0].txn) > first_id);
	idm_guards_end(&w->guards);
	free(w);
}

static void
guards_stay_few_under_steady_writes(void **state)
{
	struct world *w = malloc(sizeof(*w));

	assert_non_null(w);
	world_begin(w, *state);
	for (int i = 0; i < 1000; i++, w->now_ms += 13) {
		world_commit(w);
		world_tick(w);
		assert_true(w->guards.count <= IDM_STORE_KEEP_MS / IDM_STORE_TICK_MS + 2);
	}
	idm_guards_end(&w->guards);
	free(w);
}

/* Ticks that come late, or not at all for seconds, while commits go on. */
static void
no_stall_of_the_ticks_ends_a_guard_too_early(void **state)
{
	struct world *w = malloc(sizeof(*w));

	assert_non_null(w);
	world_begin(w, *state);
	while (w->count < SNAPSHOTS - 100) {
		bool stall = random_number() % 50 == 0;
		uint64_t until_ms = w->now_ms + (stall ? random_number() % 4000 : 100);

		while (w->now_ms < until_ms && w->count < SNAPSHOTS) {
			if (random_number() % 3 == 0)
				world_commit(w);
			w->now_ms += random_number() % 60;
		}
		world_tick(w);
		if (random_number() % 4 == 0)
			world_tick(w); /* a write begins, too */
	}
	idm_guards_end(&w->guards);
	free(w);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_dir_setup, store_dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_guard_is_enough_while_nothing_is_written),
		TEST(a_guard_lives_until_the_next_newer_one_is_old_enough),
		TEST(guards_stay_few_under_steady_writes),
		TEST(no_stall_of_the_ticks_ends_a_guard_too_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
