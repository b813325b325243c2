/* Login sessions in local.mdb, and the clock's floor beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/floor.h"
#include "core/session.h"
#include "tests/support/realm.h"

static const struct idm_uuid alice = { { 0xa1 } };
static const struct idm_uuid bob = { { 0xb0 } };

static struct idm_txn txn;

static void
begin(struct realm *r)
{
	assert_int_equal(idm_store_local_write_begin(r->store, &txn, &r->err), IDM_OK);
}

static void
commit(struct realm *r)
{
	assert_int_equal(idm_store_write_commit(&txn, &r->err), IDM_OK);
}

static struct idm_uuid
put(struct realm *r, const struct idm_uuid *account, int64_t expire_s)
{
	char text[IDM_TOKEN_TEXT];
	struct idm_token_row row = { .account = *account,
		.kind = IDM_TOKEN_SESSION,
		.expire_s = expire_s,
		.label = IDM_SPAN_LIT("ldapi") };

	assert_true(idm_token_generate(text, &row));
	assert_int_equal(idm_session_put(&txn, &row, r->arena, &r->err), IDM_OK);
	return row.id;
}

static bool
is_there(struct realm *r, const struct idm_uuid *id)
{
	struct idm_token_row row;
	enum idm_result result = idm_session_get(&txn, id, &row, &r->err);

	assert_true(result == IDM_OK || result == IDM_NOT_FOUND);
	return result == IDM_OK;
}

static void
a_session_is_found_until_it_is_removed(void **state)
{
	struct realm *r = *state;
	struct idm_uuid id;

	begin(r);
	id = put(r, &alice, INT64_MAX);
	commit(r);
	begin(r);
	assert_true(is_there(r, &id));
	assert_int_equal(idm_session_remove(&txn, &id, &r->err), IDM_OK);
	assert_int_equal(idm_session_remove(&txn, &id, &r->err), IDM_NOT_FOUND);
	commit(r);
	begin(r);
	assert_false(is_there(r, &id));
	commit(r);
}

static void
all_of_an_account_end_but_one_and_nobody_else_s(void **state)
{
	struct realm *r = *state;
	struct idm_uuid first, second, third, other;
	size_t count;

	begin(r);
	first = put(r, &alice, INT64_MAX);
	second = put(r, &alice, INT64_MAX);
	third = put(r, &alice, INT64_MAX);
	other = put(r, &bob, INT64_MAX);
	assert_int_equal(idm_session_remove_all(&txn, &alice, &second, &count, &r->err), IDM_OK);
	assert_int_equal(count, 2);
	assert_false(is_there(r, &first));
	assert_true(is_there(r, &second));
	assert_false(is_there(r, &third));
	assert_true(is_there(r, &other));
	assert_int_equal(idm_session_remove_all(&txn, &alice, NULL, &count, &r->err), IDM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(idm_session_remove_all(&txn, &alice, NULL, &count, &r->err), IDM_OK);
	assert_int_equal(count, 0);
	assert_true(is_there(r, &other));
	commit(r);
}

static void
the_sweep_takes_what_expired_and_only_by_a_clock_that_is_trusted(void **state)
{
	struct realm *r = *state;
	struct idm_uuid old, fresh;

	begin(r);
	old = put(r, &alice, 1000);
	fresh = put(r, &alice, 2000);
	assert_int_equal(
	    idm_session_sweep(&txn, (struct idm_now){ 1500, false }, 100, &r->err), IDM_OK);
	assert_true(is_there(r, &old));
	assert_int_equal(
	    idm_session_sweep(&txn, (struct idm_now){ 1500, true }, 100, &r->err), IDM_OK);
	assert_false(is_there(r, &old));
	assert_true(is_there(r, &fresh));
	commit(r);
}

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(a_session_is_found_until_it_is_removed),
		T(all_of_an_account_end_but_one_and_nobody_else_s),
		T(the_sweep_takes_what_expired_and_only_by_a_clock_that_is_trusted),
		T(the_floor_is_kept_and_moves_once_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
