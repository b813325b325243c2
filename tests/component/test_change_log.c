/* The record of changes and requests: what is kept, for how long, and what goes (CHANGES 14, 24).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "core/change_log.h"
#include "tests/support/realm.h"

static void
put_number(struct realm *r, const char *name, uint64_t value)
{
	struct idm_txn txn;

	assert_int_equal(idm_store_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(idm_store_put_number(&txn, IDM_DB_META, name, value, &r->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &r->err), IDM_OK);
}

static uint64_t
number(struct realm *r, const char *name)
{
	uint64_t value;

	realm_entry(r, "admin");
	assert_int_equal(idm_store_get_number(&r->txn, IDM_DB_META, name, &value, &r->err), IDM_OK);
	realm_done(r);
	return value;
}

/* The records of a database whose keys begin with `prefix`, and the octets of their values. */
static size_t
count_prefix(struct realm *r, enum idm_db db, const char *prefix, uint64_t *bytes)
{
	struct idm_cursor cursor;
	struct idm_span key, value;
	size_t n = 0;

	*bytes = 0;
	realm_entry(r, "admin");
	assert_int_equal(
	    idm_cursor_open(&r->txn, db, idm_span_cstr(prefix), &cursor, &r->err), IDM_OK);
	while (idm_cursor_next(&cursor, &key, &value, &r->err) == IDM_OK) {
		n++;
		*bytes += value.len;
	}
	idm_cursor_close(&cursor);
	realm_done(r);
	return n;
}

static size_t
count_changes(struct realm *r)
{
	uint64_t bytes;

	return count_prefix(r, IDM_DB_CHANGES, "", &bytes);
}

/* Each is found by its id, and by its number. */
static size_t
count_requests(struct realm *r)
{
	uint64_t bytes;
	size_t n = count_prefix(r, IDM_DB_REQUESTS, "i", &bytes);

	assert_int_equal(count_prefix(r, IDM_DB_REQUESTS, "n", &bytes), n);
	return n;
}

static void
make_changes(struct realm *r, int n)
{
	static int made; /* each is another value, for the same one would be no change */
	char value[24];

	realm_group_begin(r);
	for (int i = 0; i < n; i++) {
		snprintf(value, sizeof(value), "value %d", made++);
		assert_int_equal(realm_modify(r, NULL, "alice", "=legalname", value, NULL), IDM_OK);
	}
	realm_group_commit(r);
}

static void
every_change_is_recorded_with_its_request(void **state)
{
	struct realm *r = *state;
	struct idm_change_set set;
	uint64_t bytes, no, first;

	realm_person(r, "alice");
	first = r->set.no;
	make_changes(r, 10);
	assert_int_equal(count_prefix(r, IDM_DB_CHANGES, "", &bytes), first + 10);
	assert_int_equal(number(r, "changes.bytes"), bytes);
	assert_int_equal(count_requests(r), first + 10);
	for (no = 1; no <= first + 10; no++) {
		struct idm_answer found;

		realm_entry(r, "admin");
		assert_int_equal(idm_change_log_get(&r->read, no, &set, &r->err), IDM_OK);
		assert_int_equal(set.no, no);
		assert_int_equal(
		    idm_change_log_find(&r->read, &set.request_id, &found, &r->err), IDM_OK);
		assert_int_equal(found.no, no);
		assert_int_equal(found.result, IDM_OK);
		realm_done(r);
	}
	realm_entry(r, "admin");
	assert_int_equal(idm_change_log_get(&r->read, no, &set, &r->err), IDM_NOT_FOUND);
}

/* Numbers are let to jump, for the sake of a hundred thousand changes that need not be made. */
static void
requests_are_kept_by_count_and_by_time(void **state)
{
	struct realm *r = *state;
	size_t kept;

	realm_person(r, "alice");
	make_changes(r, 40);
	kept = count_requests(r);
	r->now.at_s += 15 * 60;
	make_changes(r, 10); /* old enough, but few */
	assert_int_equal(count_requests(r), kept + 10);
	put_number(r, "applied", number(r, "applied") + IDM_REQUESTS_KEEP);
	make_changes(r, 1);
	assert_int_equal(count_requests(r), kept + 11 - 2); /* a change pays for two at most */
	make_changes(r, 20);
	/* 42 are old enough by now, the 10 that came later are not. */
	assert_int_equal(kept, 42);
	assert_int_equal(count_requests(r), 31);
	assert_int_equal(count_changes(r), kept + 31);
}

static void
changes_are_kept_by_size_and_requests_whatever_theirs(void **state)
{
	struct realm *r = *state;
	size_t kept;

	realm_person(r, "alice");
	make_changes(r, 40);
	kept = count_changes(r);
	put_number(r, "changes.bytes", IDM_CHANGES_KEEP_BYTES - 20);
	make_changes(r, 1); /* the first row, of all built-in entries, is enough to make room */
	assert_int_equal(count_changes(r), kept);
	assert_int_equal(count_requests(r), kept + 1);
	make_changes(r, 10);
	assert_int_equal(count_changes(r), kept + 10);
	assert_int_equal(count_requests(r), kept + 11);
}

/* One step of housekeeping: how many rows it forgot. */
static size_t
trim(struct realm *r, size_t most)
{
	struct idm_txn txn;
	struct idm_read read;
	size_t forgotten;

	idm_arena_reset(r->arena);
	assert_int_equal(idm_store_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(idm_read_attach(&txn, r->arena, r->now, &read, &r->err), IDM_OK);
	assert_int_equal(idm_change_log_trim(&read, most, &forgotten, &r->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &r->err), IDM_OK);
	return forgotten;
}

static void
what_changes_left_to_forget_is_forgotten_in_steps(void **state)
{
	struct realm *r = *state;
	struct idm_change_set last;
	uint64_t bytes, ignored;
	size_t changes;

	realm_person(r, "alice");
	make_changes(r, 40);
	changes = count_prefix(r, IDM_DB_CHANGES, "", &bytes);
	assert_int_equal(trim(r, 100), 0); /* all of it is kept */
	assert_int_equal(count_changes(r), changes);
	/* As after a change of half of what is kept: all but a few of the others have to go. */
	put_number(r, "changes.bytes", IDM_CHANGES_KEEP_BYTES + bytes - 1000);
	assert_int_equal(trim(r, 8), 8);
	assert_int_equal(count_changes(r), changes - 8);
	while (trim(r, 8) == 8)
		;
	assert_true(number(r, "changes.bytes") <= IDM_CHANGES_KEEP_BYTES);
	assert_in_range(count_changes(r), 1, changes - 20);
	realm_entry(r, "admin");
	assert_int_equal(
	    idm_change_log_get(&r->read, r->set.no, &last, &r->err), IDM_OK); /* the newest */
	realm_done(r);

	/* Requests by their number and age, whatever became of their changes. */
	assert_int_equal(count_requests(r), changes);
	put_number(r, "applied", number(r, "applied") + IDM_REQUESTS_KEEP);
	assert_int_equal(trim(r, 100), 0);
	put_number(r, "at", number(r, "at") + 15 * 60);
	assert_int_equal(trim(r, 10), 10);
	assert_int_equal(trim(r, 100), changes - 10);
	assert_int_equal(count_prefix(r, IDM_DB_REQUESTS, "", &ignored), 0);
}

/* A size that was counted wrong must not end all changes. */
static void
a_wrong_size_heals(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	put_number(r, "changes.bytes", UINT64_C(1) << 50);
	for (int i = 0; i < 10; i++)
		make_changes(r, 1);
	put_number(r, "changes.bytes", 0);
	make_changes(r, 3);
	assert_true(count_changes(r) >= 3);
}

static void
a_row_that_does_not_decode_is_named(void **state)
{
	struct realm *r = *state;
	struct idm_change_set set;
	struct idm_txn txn;
	struct idm_read read;
	struct idm_uuid id = { { 1, 2, 3 } };
	uint8_t key[8], request[1 + IDM_UUID_BYTES] = { 'i', 1, 2, 3 };
	struct idm_answer answer;

	realm_person(r, "alice");
	idm_store_u64(1, key);
	assert_int_equal(idm_store_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(idm_store_put(&txn, IDM_DB_CHANGES, idm_span_of(key, 8),
			     IDM_SPAN_LIT("\1short"), &r->err),
	    IDM_OK);
	assert_int_equal(idm_store_put(&txn, IDM_DB_REQUESTS, idm_span_of(request, sizeof(request)),
			     IDM_SPAN_LIT("short"), &r->err),
	    IDM_OK);
	assert_int_equal(idm_read_attach(&txn, r->arena, r->now, &read, &r->err), IDM_OK);
	assert_int_equal(idm_change_log_get(&read, 1, &set, &r->err), IDM_CORRUPT);
	assert_int_equal(idm_change_log_find(&read, &id, &answer, &r->err), IDM_CORRUPT);
	idm_store_write_abort(&txn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(every_change_is_recorded_with_its_request),
		T(requests_are_kept_by_count_and_by_time),
		T(changes_are_kept_by_size_and_requests_whatever_theirs),
		T(what_changes_left_to_forget_is_forgotten_in_steps),
		T(a_wrong_size_heals),
		T(a_row_that_does_not_decode_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
