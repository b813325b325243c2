/* The clock's floor in local.mdb, and jumps told from time that passed (SPEC 11.5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "core/floor.h"
#include "tests/support/realm.h"

static void
the_floor_is_kept_and_moves_once_a_minute(void **state)
{
	struct realm *r = *state;

	assert_int_equal(idm_floor_raise(r->store, 1000000, &r->err), IDM_OK);
	assert_int_equal(idm_store_clock_floor(r->store), 1000000);
	assert_int_equal(
	    idm_floor_raise(r->store, 1000000 + IDM_FLOOR_EVERY_S - 1, &r->err), IDM_OK);
	assert_int_equal(idm_store_clock_floor(r->store), 1000000);
	assert_int_equal(idm_floor_raise(r->store, 1000000 + IDM_FLOOR_EVERY_S, &r->err), IDM_OK);
	assert_int_equal(idm_store_clock_floor(r->store), 1000000 + IDM_FLOOR_EVERY_S);
	assert_int_equal(idm_floor_raise(r->store, 5, &r->err), IDM_OK);
	idm_store_publish_clock(r->store, 0, true);
	assert_int_equal(idm_floor_load(r->store, &r->err), IDM_OK);
	assert_int_equal(idm_store_clock_floor(r->store), 1000000 + IDM_FLOOR_EVERY_S);
	assert_true(idm_store_now(r->store, 1000000 + IDM_FLOOR_EVERY_S - 300).trusted);
	assert_false(idm_store_now(r->store, 1000000 + IDM_FLOOR_EVERY_S - 301).trusted);
}

static void
no_time_before_the_build_is_believed(void **state)
{
	struct realm *r = *state;

	assert_int_equal(idm_floor_raise(r->store, 1000000, &r->err), IDM_OK);
	idm_floor_at_least(r->store, 900000);
	assert_int_equal(idm_store_clock_floor(r->store), 1000000);
	idm_floor_at_least(r->store, 2000000);
	assert_int_equal(idm_store_clock_floor(r->store), 2000000);
	assert_false(idm_store_now(r->store, 1500000).trusted);
	assert_int_equal(idm_floor_load(r->store, &r->err), IDM_OK); /* it is not stored */
	assert_int_equal(idm_store_clock_floor(r->store), 1000000);
}

static void
an_administrator_sets_the_floor_also_below(void **state)
{
	struct realm *r = *state;

	assert_int_equal(idm_floor_raise(r->store, 9000000, &r->err), IDM_OK);
	assert_int_equal(idm_floor_set(r->store, 1000000, &r->err), IDM_OK);
	assert_int_equal(idm_store_clock_floor(r->store), 1000000);
	idm_store_publish_clock(r->store, 0, true);
	assert_int_equal(idm_floor_load(r->store, &r->err), IDM_OK);
	assert_int_equal(idm_store_clock_floor(r->store), 1000000);
}

static const struct idm_clock_seen noon = {
	.boot = "one boot", .wall_s = 1700000000, .boot_ms = 5000, .synchronised = true
};

static void
where_the_clock_was_seen_is_kept(void **state)
{
	struct realm *r = *state;
	struct idm_clock_seen seen;

	assert_int_equal(idm_clock_seen_load(r->store, &seen, &r->err), IDM_OK);
	assert_int_equal(seen.wall_s, 0);
	assert_false(seen.synchronised);
	assert_int_equal(idm_clock_seen_store(r->store, &noon, &r->err), IDM_OK);
	assert_int_equal(idm_clock_seen_load(r->store, &seen, &r->err), IDM_OK);
	assert_memory_equal(seen.boot, noon.boot, sizeof(seen.boot));
	assert_int_equal(seen.wall_s, noon.wall_s);
	assert_int_equal(seen.boot_ms, noon.boot_ms);
	assert_true(seen.synchronised);
}

static void
a_damaged_row_is_told(void **state)
{
	struct realm *r = *state;
	struct idm_clock_seen seen;
	struct idm_txn txn;

	assert_int_equal(idm_store_local_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(idm_store_put(&txn, IDM_DB_LOCAL_META, IDM_SPAN_LIT("clock_seen"),
			     IDM_SPAN_LIT("short"), &r->err),
	    IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &r->err), IDM_OK);
	assert_int_equal(idm_clock_seen_load(r->store, &seen, &r->err), IDM_CORRUPT);
}

static bool
jumps(int64_t wall_s, int64_t boot_s, const char *boot)
{
	struct idm_clock_seen now = { .wall_s = noon.wall_s + wall_s,
		.boot_ms = noon.boot_ms + (uint64_t)boot_s * 1000 };

	snprintf((char *)now.boot, sizeof(now.boot), "%s", boot);
	return idm_clock_has_jumped(&noon, &now);
}

static void
a_jump_is_told_from_time_that_passed(void **state)
{
	const int64_t day_s = 86400;
	const struct idm_clock_seen never = { .wall_s = 0 };

	(void)state;
	assert_false(jumps(0, 0, "one boot"));
	assert_false(jumps(day_s, 0, "one boot"));
	assert_true(jumps(day_s + 1, 0, "one boot"));
	assert_false(jumps(30 * day_s, 30 * day_s, "one boot")); /* it was idle for a month */
	assert_true(jumps(32 * day_s, 30 * day_s, "one boot"));
	assert_false(jumps(-30 * day_s, 0, "one boot")); /* that is the floor's business */
	assert_false(jumps(day_s, 30 * day_s, "another"));
	assert_true(jumps(day_s + 1, 30 * day_s, "another"));
	assert_false(idm_clock_has_jumped(&never, &noon));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(the_floor_is_kept_and_moves_once_a_minute),
		T(no_time_before_the_build_is_believed),
		T(an_administrator_sets_the_floor_also_below),
		T(where_the_clock_was_seen_is_kept),
		T(a_damaged_row_is_told),
		T(a_jump_is_told_from_time_that_passed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
