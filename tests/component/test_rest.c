/* Names that were given up: who may have them, and that none is remembered for ever (SPEC 2.5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "core/rest.h"
#include "tests/support/realm.h"

/* The rows of meta about names that rest. */
static size_t
count_rows(struct realm *r)
{
	struct idm_cursor cursor;
	struct idm_span key, value;
	size_t n = 0;

	realm_entry(r, "admin");
	assert_int_equal(
	    idm_cursor_open(&r->txn, IDM_DB_META, IDM_SPAN_LIT("rest"), &cursor, &r->err), IDM_OK);
	while (idm_cursor_next(&cursor, &key, &value, &r->err) == IDM_OK)
		n++;
	idm_cursor_close(&cursor);
	realm_done(r);
	return n;
}

static enum idm_result
find(struct realm *r, const char *name, struct idm_rest *out)
{
	enum idm_result result;

	realm_entry(r, "admin");
	result = idm_rest_find(&r->txn, idm_span_cstr(name), out, &r->err);
	realm_done(r);
	return result;
}

static void
rename_to(struct realm *r, const char *from, const char *to)
{
	assert_int_equal(realm_modify(r, NULL, from, "=name", to, NULL), IDM_OK);
}

static void
a_name_rests_for_seven_days_after_the_last_who_had_it(void **state)
{
	struct realm *r = *state;
	struct idm_rest rest;
	struct idm_uuid alice;

	realm_person(r, "alice");
	alice = realm_uuid(r, "alice");
	assert_int_equal(find(r, "alice", &rest), IDM_NOT_FOUND);
	rename_to(r, "alice", "alice2");
	assert_int_equal(find(r, "alice", &rest), IDM_OK);
	assert_true(idm_uuid_equal(&rest.holder, &alice));
	assert_int_equal(rest.until_s, REALM_NOW_S + IDM_NAME_REST_S);

	r->now.at_s += 1000;
	rename_to(r, "alice2", "alice");
	assert_int_equal(find(r, "alice", &rest), IDM_NOT_FOUND);
	rename_to(r, "alice", "alice3");
	assert_int_equal(find(r, "alice", &rest), IDM_OK);
	assert_int_equal(rest.until_s, REALM_NOW_S + 1000 + IDM_NAME_REST_S);
}

static void
names_are_forgotten_when_their_time_is_over(void **state)
{
	struct realm *r = *state;
	struct idm_rest rest;
	char name[16];

	realm_person(r, "alice");
	realm_person(r, "bob");
	rename_to(r, "alice", "n0");
	for (int i = 0; i < 20; i++) {
		char old[16];

		snprintf(old, sizeof(old), "n%d", i);
		snprintf(name, sizeof(name), "n%d", i + 1);
		r->now.at_s += 60;
		rename_to(r, old, name);
	}
	assert_int_equal(count_rows(r), 2 * 21);
	r->now.at_s = REALM_NOW_S + IDM_NAME_REST_S + 60; /* two of them are over */
	assert_int_equal(realm_modify(r, NULL, "bob", "=displayname", "B", NULL), IDM_OK);
	assert_int_equal(count_rows(r), 2 * 19);
	assert_int_equal(find(r, "n0", &rest), IDM_NOT_FOUND);
	assert_int_equal(find(r, "n1", &rest), IDM_OK);
	r->now.at_s += 3600; /* and all: as many as one change takes, then the others */
	assert_int_equal(realm_modify(r, NULL, "bob", "=displayname", "C", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "bob", "=displayname", "D", NULL), IDM_OK);
	assert_int_equal(count_rows(r), 0);
}

static void
a_name_that_someone_has_does_not_rest(void **state)
{
	struct realm *r = *state;
	struct idm_rest rest;

	realm_person(r, "alice");
	assert_int_equal(realm_delete(r, NULL, "alice"), IDM_OK);
	assert_int_equal(find(r, "alice", &rest), IDM_OK);
	realm_group(r, "alice");
	assert_int_equal(find(r, "alice", &rest), IDM_NOT_FOUND);
	assert_int_equal(count_rows(r), 0);
}

static void
damaged_rows_are_told(void **state)
{
	struct realm *r = *state;
	struct idm_txn txn;
	struct idm_rest rest;
	uint8_t name[65] = { 'n' };

	assert_int_equal(idm_store_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(
	    idm_store_put(&txn, IDM_DB_META, IDM_SPAN_LIT("rest.x"), IDM_SPAN_LIT("?"), &r->err),
	    IDM_OK);
	assert_int_equal(idm_rest_find(&txn, IDM_SPAN_LIT("x"), &rest, &r->err), IDM_CORRUPT);
	assert_int_equal(
	    idm_rest_find(&txn, idm_span_of(name, sizeof(name)), &rest, &r->err), IDM_INVALID);
	assert_int_equal(
	    idm_store_put(&txn, IDM_DB_META, IDM_SPAN_LIT("rest_until.x"), IDM_SPAN_EMPTY, &r->err),
	    IDM_OK);
	assert_int_equal(idm_rest_sweep(&txn, REALM_NOW_S, 10, &r->err), IDM_CORRUPT);
	idm_store_write_abort(&txn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(a_name_rests_for_seven_days_after_the_last_who_had_it),
		T(names_are_forgotten_when_their_time_is_over),
		T(a_name_that_someone_has_does_not_rest),
		T(damaged_rows_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
