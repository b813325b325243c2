/* Which deleted entries are due to become tombstones, or to be purged (SPEC 11.6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "core/due.h"
#include "core/index.h"
#include "tests/support/realm.h"

enum { ROOM = 64 };

static struct idm_due due[ROOM];

static size_t
find(struct realm *r, uint64_t *from, size_t look, size_t room)
{
	size_t count;

	realm_entry(r, "admin");
	assert_int_equal(idm_due_find(&r->read, from, look, due, room, &count, &r->err), IDM_OK);
	realm_done(r);
	return count;
}

static size_t
find_all(struct realm *r)
{
	uint64_t from = 0;
	size_t count = find(r, &from, SIZE_MAX, ROOM);

	assert_int_equal(from, 0);
	return count;
}

static void
run_due(struct realm *r, const struct idm_due *one)
{
	struct idm_identity console = realm_identity(r, NULL);
	struct idm_request request = {
		.operation = one->operation, .target = one->target, .base = one->base
	};

	assert_int_equal(realm_run(r, &console, &request), IDM_OK);
}

static void
an_entry_is_due_twice_and_then_gone(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	assert_int_equal(find_all(r), 0);
	assert_int_equal(realm_delete(r, NULL, "alice"), IDM_OK);
	assert_int_equal(find_all(r), 0);
	r->now.at_s += IDM_RECYCLED_S - 1;
	assert_int_equal(find_all(r), 0);
	r->now.at_s++;
	r->now.trusted = false;
	assert_int_equal(find_all(r), 0);
	r->now.trusted = true;
	assert_int_equal(find_all(r), 1);
	assert_int_equal(due[0].operation, IDM_OP_TOMBSTONE);
	run_due(r, &due[0]);
	assert_int_equal(find_all(r), 0);
	r->now.at_s += IDM_TOMBSTONE_S;
	assert_int_equal(find_all(r), 1);
	assert_int_equal(due[0].operation, IDM_OP_PURGE);
	run_due(r, &due[0]);
	assert_int_equal(find_all(r), 0);
	r->now.at_s += 100 * IDM_RECYCLED_S;
	assert_int_equal(find_all(r), 0);
}

static void
delete_many(struct realm *r, int count)
{
	char name[16];

	realm_group_begin(r);
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		realm_person(r, name);
	}
	realm_group_commit(r);
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		assert_int_equal(realm_delete(r, NULL, name), IDM_OK);
	}
}

/* In steps, each of which looks at few and finds few; together they come to all, each once. */
static void
a_round_of_steps_comes_to_all_of_them(void **state)
{
	struct realm *r = *state;
	uint64_t from = 0;
	size_t found = 0, steps = 0;

	delete_many(r, 50);
	r->now.at_s += IDM_RECYCLED_S;
	do {
		size_t count = find(r, &from, 7, 5);

		assert_true(count <= 5);
		found += count;
		steps++;
	} while (from != 0 && steps < 100);
	assert_int_equal(found, 50);
	assert_int_equal(steps, 10);
	found = 0;
	do
		found += find(r, &from, 7, 5);
	while (from != 0);
	assert_int_equal(found, 50); /* none was changed, so all are due again */
}

static void
those_that_are_not_due_do_not_stand_in_the_way(void **state)
{
	struct realm *r = *state;
	uint64_t from = 0;
	size_t found = 0;

	delete_many(r, 20);
	r->now.at_s += IDM_RECYCLED_S;
	realm_person(r, "alice");
	assert_int_equal(realm_delete(r, NULL, "alice"), IDM_OK);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(find(r, &from, 1, 1), 1);
		found++;
	}
	assert_int_equal(find(r, &from, 1, 1), 0);
	assert_int_equal(found, 20);
}

static void
an_index_that_names_nobody_is_damage(void **state)
{
	struct realm *r = *state;
	struct idm_txn txn;
	struct idm_read read;
	uint64_t from = 0;
	size_t count;
	uint8_t key[8];
	uint64_t id;

	realm_person(r, "alice");
	id = realm_entry(r, "alice").id;
	realm_done(r);
	assert_int_equal(realm_delete(r, NULL, "alice"), IDM_OK);
	assert_int_equal(idm_store_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(idm_read_attach(&txn, r->arena, r->now, &read, &r->err), IDM_OK);
	idm_store_u64(id, key);
	assert_int_equal(idm_store_del(&txn, IDM_DB_ENTRIES, idm_span_of(key, 8), &r->err), IDM_OK);
	assert_int_equal(idm_due_find(&read, &from, 10, due, ROOM, &count, &r->err), IDM_CORRUPT);
	idm_store_write_abort(&txn);
}

/* --- API tokens (CHANGES 22) */

static size_t
find_tokens(struct realm *r)
{
	struct idm_uuid from = { { 0 } };
	size_t count, all = 0;

	do { /* in the smallest steps */
		realm_entry(r, "admin");
		assert_int_equal(
		    idm_due_find_tokens(&r->read, &from, 1, due + all, ROOM - all, &count, &r->err),
		    IDM_OK);
		realm_done(r);
		all += count;
	} while (!idm_uuid_is_null(&from));
	return all;
}

static struct idm_uuid
issue(struct realm *r, const char *account, int64_t expire_s)
{
	struct idm_identity console = realm_identity(r, NULL);
	struct idm_token_row row = { .expire_s = expire_s, .label = IDM_SPAN_LIT("label") };
	struct idm_request_token token = { .issue = &row };
	struct idm_request request = {
		.operation = IDM_OP_MODIFY, .target = realm_uuid(r, account), .token = &token
	};
	char text[IDM_TOKEN_TEXT];

	assert_true(idm_token_generate(text, &row));
	token.id = row.id;
	assert_int_equal(realm_run(r, &console, &request), IDM_OK);
	return row.id;
}

static void
a_token_that_expired_long_ago_is_due(void **state)
{
	struct realm *r = *state;
	int64_t now_s = r->now.at_s;
	struct idm_uuid first, past;

	assert_int_equal(realm_create(r, NULL, "class", "account", "class", "service_account",
			     "name", "robot", "displayname", "Robot", NULL),
	    IDM_OK);
	issue(r, "robot", INT64_MAX);
	first = issue(r, "robot", now_s + 60);
	past = issue(r, "robot", now_s - 900 * INT64_C(86400)); /* it is shown all the same */
	assert_int_equal(find_tokens(r), 0);
	r->now.at_s = now_s + IDM_TOKEN_SHOWN_S - 1;
	assert_int_equal(find_tokens(r), 0);
	r->now.at_s++;
	assert_int_equal(find_tokens(r), 1);
	assert_true(idm_uuid_equal(&due[0].token, &past));
	r->now.at_s += 60;
	assert_int_equal(find_tokens(r), 2);
	assert_true(idm_uuid_equal(&due[0].token, &first) || idm_uuid_equal(&due[1].token, &first));
	r->now.trusted = false;
	assert_int_equal(find_tokens(r), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(an_entry_is_due_twice_and_then_gone),
		T(a_token_that_expired_long_ago_is_due),
		T(a_round_of_steps_comes_to_all_of_them),
		T(those_that_are_not_due_do_not_stand_in_the_way),
		T(an_index_that_names_nobody_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
