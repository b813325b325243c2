/* Login sessions in local.mdb. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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

static bool
sweep(struct realm *r, struct idm_now now, size_t most)
{
	bool more;

	assert_int_equal(idm_session_sweep(&txn, now, most, &more, &r->err), IDM_OK);
	return more;
}

static void
the_sweep_takes_what_expired_and_only_by_a_clock_that_is_trusted(void **state)
{
	struct realm *r = *state;
	struct idm_uuid old, fresh, endless;

	begin(r);
	old = put(r, &alice, 1000);
	fresh = put(r, &alice, 2000);
	endless = put(r, &alice, INT64_MAX);
	assert_false(sweep(r, (struct idm_now){ 1500, false }, 100));
	assert_true(is_there(r, &old));
	assert_false(sweep(r, (struct idm_now){ 999, true }, 100));
	assert_true(is_there(r, &old));
	assert_false(sweep(r, (struct idm_now){ 1500, true }, 100));
	assert_false(is_there(r, &old));
	assert_true(is_there(r, &fresh));
	assert_false(sweep(r, (struct idm_now){ 2000, true }, 100));
	assert_false(is_there(r, &fresh));
	assert_true(is_there(r, &endless));
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

/* However many live sessions there are, a sweep looks at those that are over alone. */
static void
a_sweep_takes_as_many_as_it_was_told_and_says_that_there_are_more(void **state)
{
	struct realm *r = *state;
	struct idm_uuid old[30], fresh[30];
	const struct idm_now now = { 1500, true };

	begin(r);
	for (size_t i = 0; i < 30; i++) {
		old[i] = put(r, &alice, 1000 + (int64_t)i);
		fresh[i] = put(r, i % 2 == 0 ? &alice : &bob, 2000);
	}
	assert_true(sweep(r, now, 10));
	assert_int_equal(count_sessions(r, old, 30), 20);
	assert_true(sweep(r, now, 10));
	assert_false(sweep(r, now, 10));
	assert_int_equal(count_sessions(r, old, 30), 0);
	assert_int_equal(count_sessions(r, fresh, 30), 30);
	commit(r);
}

static struct idm_uuid
put_begun(struct realm *r, const struct idm_uuid *account, int64_t issued_s)
{
	char text[IDM_TOKEN_TEXT];
	struct idm_token_row row = { .account = *account,
		.kind = IDM_TOKEN_SESSION,
		.issued_s = issued_s,
		.expire_s = INT64_MAX,
		.label = IDM_SPAN_LIT("ldapi") };

	assert_true(idm_token_generate(text, &row));
	assert_int_equal(idm_session_put(&txn, &row, r->arena, &r->err), IDM_OK);
	return row.id;
}

static void
an_account_has_no_more_sessions_than_it_may_and_the_oldest_ends(void **state)
{
	struct realm *r = *state;
	struct idm_uuid ids[IDM_SESSIONS_MAX], ended, other;
	bool any;

	begin(r);
	other = put_begun(r, &bob, 1);
	for (int i = 0; i < IDM_SESSIONS_MAX; i++) {
		assert_int_equal(idm_session_make_room(&txn, &alice, IDM_TOKEN_SESSION,
				     IDM_SESSIONS_MAX, &ended, &any, &r->err),
		    IDM_OK);
		assert_false(any);
		ids[i] = put_begun(r, &alice, 1000 + (i * 7) % IDM_SESSIONS_MAX);
	}
	assert_int_equal(idm_session_make_room(&txn, &alice, IDM_TOKEN_SESSION, IDM_SESSIONS_MAX,
			     &ended, &any, &r->err),
	    IDM_OK);
	assert_true(any);
	assert_true(idm_uuid_equal(&ended, &ids[0]));
	assert_false(is_there(r, &ids[0]));
	assert_int_equal(count_sessions(r, ids, IDM_SESSIONS_MAX), IDM_SESSIONS_MAX - 1);
	assert_true(is_there(r, &other));
	put_begun(r, &alice, 5000);
	assert_int_equal(idm_session_make_room(&txn, &alice, IDM_TOKEN_SESSION, IDM_SESSIONS_MAX,
			     &ended, &any, &r->err),
	    IDM_OK);
	assert_true(any);
	assert_false(idm_uuid_equal(&ended, &ids[0])); /* and the next one after that */
	commit(r);
}

static size_t
count_rows(struct realm *r)
{
	struct idm_cursor cursor;
	struct idm_span key, value;
	size_t n = 0;

	assert_int_equal(
	    idm_cursor_open(&txn, IDM_DB_SESSIONS, IDM_SPAN_EMPTY, &cursor, &r->err), IDM_OK);
	while (idm_cursor_next(&cursor, &key, &value, &r->err) == IDM_OK)
		n++;
	idm_cursor_close(&cursor);
	return n;
}

static void
nothing_is_left_of_a_session_that_is_over(void **state)
{
	struct realm *r = *state;
	struct idm_token_row row;
	struct idm_uuid id;

	begin(r);
	id = put(r, &alice, 1000);
	assert_int_equal(idm_session_get(&txn, &id, &row, &r->err), IDM_OK);
	row.label = IDM_SPAN_LIT("ldapi");
	row.expire_s = 3000; /* another end: the old one is forgotten */
	assert_int_equal(idm_session_put(&txn, &row, r->arena, &r->err), IDM_OK);
	assert_int_equal(count_rows(r), 3);
	assert_false(sweep(r, (struct idm_now){ 2000, true }, 10));
	assert_true(is_there(r, &id));
	put(r, &bob, 1000);
	assert_false(sweep(r, (struct idm_now){ 2000, true }, 10));
	assert_int_equal(idm_session_remove_all(&txn, &alice, NULL, NULL, &r->err), IDM_OK);
	assert_int_equal(count_rows(r), 0);
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
	bool more;

	begin(r);
	assert_int_equal(idm_store_put(&txn, IDM_DB_SESSIONS, idm_span_of(key, 1 + IDM_UUID_BYTES),
			     IDM_SPAN_LIT("x"), &r->err),
	    IDM_OK);
	assert_int_equal(idm_session_get(&txn, &from, &row, &r->err), IDM_CORRUPT);
	assert_int_equal(idm_session_remove(&txn, &from, &r->err), IDM_CORRUPT);
	key[0] = 'e';
	assert_int_equal(idm_store_put(&txn, IDM_DB_SESSIONS, idm_span_of(key, 1 + IDM_UUID_BYTES),
			     IDM_SPAN_EMPTY, &r->err),
	    IDM_OK);
	assert_int_equal(
	    idm_session_sweep(&txn, (struct idm_now){ 1500, true }, 10, &more, &r->err),
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(a_session_is_found_until_it_is_removed),
		T(all_of_an_account_end_but_one_and_nobody_else_s),
		T(the_sweep_takes_what_expired_and_only_by_a_clock_that_is_trusted),
		T(a_sweep_takes_as_many_as_it_was_told_and_says_that_there_are_more),
		T(an_account_has_no_more_sessions_than_it_may_and_the_oldest_ends),
		T(nothing_is_left_of_a_session_that_is_over),
		T(a_session_that_is_stored_anew_is_one),
		T(damaged_rows_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
