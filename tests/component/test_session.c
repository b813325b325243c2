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
	struct idm_uuid old, fresh, from = { { 0 } };

	begin(r);
	old = put(r, &alice, 1000);
	fresh = put(r, &alice, 2000);
	assert_int_equal(
	    idm_session_sweep(&txn, (struct idm_now){ 1500, false }, 100, &from, &r->err), IDM_OK);
	assert_true(is_there(r, &old));
	assert_int_equal(
	    idm_session_sweep(&txn, (struct idm_now){ 1500, true }, 100, &from, &r->err), IDM_OK);
	assert_false(is_there(r, &old));
	assert_true(is_there(r, &fresh));
	commit(r);
}

static size_t
count_sessions(struct realm *r, const struct idm_uuid *ids, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += is_there(r, &ids[i]);
	return n;
}

/* However many live sessions stand in front of those that expired. */
static void
the_sweep_comes_round_to_all_of_them(void **state)
{
	struct realm *r = *state;
	struct idm_uuid from = { { 0 } }, old[30], fresh[30];
	const struct idm_now now = { 1500, true };

	begin(r);
	for (size_t i = 0; i < 30; i++) {
		old[i] = put(r, &alice, 1000 + (int64_t)i);
		fresh[i] = put(r, i % 2 == 0 ? &alice : &bob, 2000);
	}
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(idm_session_sweep(&txn, now, 10, &from, &r->err), IDM_OK);
	assert_int_equal(count_sessions(r, old, 30), 0);
	assert_int_equal(count_sessions(r, fresh, 30), 30);
	commit(r);
}

static void
a_sweep_looks_at_no_more_than_it_was_told(void **state)
{
	struct realm *r = *state;
	struct idm_uuid from = { { 0 } }, old[30];

	begin(r);
	for (size_t i = 0; i < 30; i++)
		old[i] = put(r, &alice, 1000);
	assert_int_equal(
	    idm_session_sweep(&txn, (struct idm_now){ 1500, true }, 10, &from, &r->err), IDM_OK);
	assert_int_equal(count_sessions(r, old, 30), 20);
	commit(r);
}

static void
a_session_that_is_stored_anew_is_one(void **state)
{
	struct realm *r = *state;
	struct idm_token_row row;
	struct idm_uuid id;
	size_t count;

	begin(r);
	id = put(r, &alice, 2000);
	assert_int_equal(idm_session_get(&txn, &id, &row, &r->err), IDM_OK);
	row.label = IDM_SPAN_LIT("ssh");
	row.privileged_until_s = 77;
	assert_int_equal(idm_session_put(&txn, &row, r->arena, &r->err), IDM_OK);
	assert_int_equal(idm_session_get(&txn, &id, &row, &r->err), IDM_OK);
	assert_int_equal(row.privileged_until_s, 77);
	assert_true(idm_span_is(row.label, "ssh"));
	assert_int_equal(idm_session_remove_all(&txn, &alice, NULL, &count, &r->err), IDM_OK);
	assert_int_equal(count, 1);
	commit(r);
}

static void
damaged_rows_are_told(void **state)
{
	struct realm *r = *state;
	struct idm_uuid from = { { 0 } };
	struct idm_token_row row;
	uint8_t key[1 + 2 * IDM_UUID_BYTES] = { 's' };

	begin(r);
	assert_int_equal(idm_store_put(&txn, IDM_DB_SESSIONS, idm_span_of(key, 1 + IDM_UUID_BYTES),
			     IDM_SPAN_LIT("x"), &r->err),
	    IDM_OK);
	assert_int_equal(idm_session_get(&txn, &from, &row, &r->err), IDM_CORRUPT);
	assert_int_equal(idm_session_remove(&txn, &from, &r->err), IDM_CORRUPT);
	assert_int_equal(
	    idm_session_sweep(&txn, (struct idm_now){ 1500, true }, 10, &from, &r->err),
	    IDM_CORRUPT);
	key[0] = 'a';
	memcpy(key + 1, alice.bytes, IDM_UUID_BYTES);
	key[1 + IDM_UUID_BYTES] = 0xff;
	assert_int_equal(idm_store_put(&txn, IDM_DB_SESSIONS,
			     idm_span_of(key, 1 + IDM_UUID_BYTES + 3), IDM_SPAN_EMPTY, &r->err),
	    IDM_OK);
	assert_int_equal(idm_session_remove_all(&txn, &alice, NULL, NULL, &r->err), IDM_CORRUPT);
	idm_store_write_abort(&txn);
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
		T(the_sweep_comes_round_to_all_of_them),
		T(a_sweep_looks_at_no_more_than_it_was_told),
		T(a_session_that_is_stored_anew_is_one),
		T(damaged_rows_are_told),
		T(the_floor_is_kept_and_moves_once_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
