/* Softlocks in local.mdb: what the next process knows of them, also where rows are damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/attributes.h"
#include "core/softlock.h"
#include "tests/support/store_dir.h"

enum { DAY_MS = 24 * 3600 * 1000, HEAD_BYTES = 34, SLOT_BYTES = 21, KEY_BYTES = 20 };

static const uint8_t this_boot[IDM_CLOCK_BOOT_BYTES] = { 1 };
static const uint8_t other_boot[IDM_CLOCK_BOOT_BYTES] = { 2 };
static const uint8_t no_boot[IDM_CLOCK_BOOT_BYTES] = { 0 };

struct rows {
	struct store_dir *dir;
	struct idm_softlocks *locks;
	uint64_t now_ms;
	struct idm_clock_seen seen;
	char bad[4][256]; /* what was said of damaged rows */
	size_t bad_count;
};

static struct rows rows;

static int
set_up(void **state)
{
	void *dir;

	if (store_dir_setup(&dir) != 0)
		return -1;
	memset(&rows, 0, sizeof(rows));
	rows.dir = dir;
	rows.now_ms = 7000000;
	rows.locks = idm_softlocks_new(64, 256);
	assert_non_null(rows.locks);
	*state = &rows;
	return 0;
}

static int
tear_down(void **state)
{
	void *dir = rows.dir;

	(void)state;
	idm_softlocks_free(&rows.locks);
	return store_dir_teardown(&dir);
}

static struct idm_softlock_id
credential(uint64_t account)
{
	return (struct idm_softlock_id){ idm_uuid_builtin(account), IDM_ATTR_PRIMARY_CREDENTIAL };
}

static void
fail_from(struct rows *r, uint64_t account, const char *from, int failures)
{
	struct idm_softlock_id id = credential(account);
	struct idm_softlock_source source = idm_softlock_source_of(from);

	for (int i = 0; i < failures; i++) {
		assert_true(idm_softlock_begin(r->locks, &id, &source, r->now_ms));
		idm_softlock_end(r->locks, &id, &source, true, r->now_ms);
	}
}

/* Until when it is locked for the source; 0: it is open. */
static uint64_t
locked_until(struct rows *r, uint64_t account, const char *from)
{
	struct idm_softlock_id id = credential(account);
	struct idm_softlock_source source = idm_softlock_source_of(from);
	uint64_t until_ms;

	return idm_softlock_look(r->locks, &id, &source, r->now_ms, &until_ms) ==
		       IDM_SOFTLOCK_LOCKED
		   ? until_ms
		   : 0;
}

static struct idm_softlock_status
status_of(struct rows *r, uint64_t account)
{
	struct idm_softlock_id id = credential(account);

	return idm_softlock_status_of(r->locks, &id, r->now_ms);
}

static void
begin_write(struct rows *r, struct idm_txn *txn)
{
	assert_int_equal(idm_store_local_write_begin(r->dir->store, txn, &r->dir->err), IDM_OK);
}

static void
commit(struct rows *r, struct idm_txn *txn)
{
	assert_int_equal(idm_store_write_commit(txn, &r->dir->err), IDM_OK);
}

static void
store(struct rows *r, const uint8_t boot[IDM_CLOCK_BOOT_BYTES])
{
	struct idm_txn txn;

	begin_write(r, &txn);
	assert_int_equal(
	    idm_softlocks_store(r->locks, &txn, boot, r->now_ms, &r->dir->err), IDM_OK);
	commit(r, &txn);
	idm_softlocks_stored(r->locks);
	assert_false(idm_softlocks_dirty(r->locks));
}

static void
on_bad(void *context, const struct idm_error *err)
{
	struct rows *r = context;

	assert_true(r->bad_count < sizeof(r->bad) / sizeof(r->bad[0]));
	strcpy(r->bad[r->bad_count++], err->text);
}

/* Another process, at `now_ms`. */
static void
load(struct rows *r, const uint8_t boot[IDM_CLOCK_BOOT_BYTES], uint64_t now_ms)
{
	struct idm_txn txn;

	idm_softlocks_free(&r->locks);
	r->locks = idm_softlocks_new(64, 256);
	assert_non_null(r->locks);
	r->now_ms = now_ms;
	begin_write(r, &txn);
	if (idm_softlocks_load(r->locks, &txn, boot, &r->seen, now_ms, on_bad, r, &r->dir->err) !=
	    IDM_OK)
		fail_msg("%s", r->dir->err.text);
	commit(r, &txn);
}

static size_t
count_rows(struct rows *r)
{
	struct idm_txn txn;
	struct idm_cursor cursor;
	struct idm_span key, value;
	size_t count = 0;

	assert_int_equal(idm_store_local_read_begin(r->dir->store, &txn, &r->dir->err), IDM_OK);
	assert_int_equal(
	    idm_cursor_open(&txn, IDM_DB_SOFTLOCKS, IDM_SPAN_EMPTY, &cursor, &r->dir->err), IDM_OK);
	while (idm_cursor_next(&cursor, &key, &value, &r->dir->err) != IDM_NOT_FOUND)
		count++;
	idm_cursor_close(&cursor);
	idm_store_read_end(&txn);
	return count;
}

/* --- over a restart */

static void
what_remains_goes_on_in_the_next_process(void **state)
{
	struct rows *r = *state;

	fail_from(r, 1, "192.0.2.7", 30);
	fail_from(r, 1, "ldapi", 1);
	fail_from(r, 2, "2001:db8::1", 5);
	store(r, this_boot);
	load(r, this_boot, r->now_ms + 400);
	assert_int_equal(locked_until(r, 1, "192.0.2.7"), 7010000);
	assert_int_equal(locked_until(r, 1, "ldapi"), 7001000);
	assert_int_equal(locked_until(r, 2, "2001:db8::ffff"), 7003000);
	assert_int_equal(locked_until(r, 1, "192.0.3.7"), 0);
	assert_int_equal(status_of(r, 1).failures, 31);
	assert_int_equal(status_of(r, 1).sources, 2);
	assert_int_equal(status_of(r, 1).reset_ms, 7000000 + DAY_MS);
}

static void
time_that_passed_is_taken_off_as_far_as_it_is_known(void **state)
{
	struct rows *r = *state;

	fail_from(r, 1, "192.0.2.7", 100);
	store(r, this_boot);
	load(r, this_boot, 7000000 + DAY_MS - 1);
	assert_int_equal(status_of(r, 1).failures, 100);
	assert_int_equal(locked_until(r, 1, "192.0.2.7"), 0);
	load(r, this_boot, 7000000 + DAY_MS);
	assert_int_equal(status_of(r, 1).failures, 0);

	/* In another boot, which counts from 0: nothing is known but when the clock was last seen.
	 */
	load(r, other_boot, 5000);
	assert_int_equal(status_of(r, 1).reset_ms, 5000 + DAY_MS);
	assert_int_equal(locked_until(r, 1, "192.0.2.7"), 5000 + 60000);
	memcpy(r->seen.boot, this_boot, sizeof(this_boot));
	r->seen.boot_ms = 7000000 + 50000;
	load(r, other_boot, 5000);
	assert_int_equal(status_of(r, 1).reset_ms, 5000 + DAY_MS - 50000);
	assert_int_equal(locked_until(r, 1, "192.0.2.7"), 5000 + 10000);
	store(r, other_boot); /* it goes on from there */
	load(r, other_boot, 6000);
	assert_int_equal(locked_until(r, 1, "192.0.2.7"), 5000 + 10000);
}

/* A clock that was set back, or a copy of another machine: no time has passed. */
static void
a_moment_that_is_yet_to_come_frees_nothing(void **state)
{
	struct rows *r = *state;

	fail_from(r, 1, "192.0.2.7", 100);
	store(r, this_boot);
	load(r, this_boot, 1000);
	assert_int_equal(locked_until(r, 1, "192.0.2.7"), 1000 + 60000);
	idm_softlocks_free(&r->locks);
	r->locks = idm_softlocks_new(64, 256);
	r->now_ms = 7000000;
	fail_from(r, 1, "192.0.2.7", 100);
	store(r, no_boot); /* a kernel that does not tell its boots apart */
	load(r, no_boot, 7000000 + DAY_MS);
	assert_int_equal(locked_until(r, 1, "192.0.2.7"), 7000000 + DAY_MS + 60000);
}

static void
what_is_forgotten_is_gone_from_the_file_too(void **state)
{
	struct rows *r = *state;
	struct idm_uuid account = idm_uuid_builtin(1);

	fail_from(r, 1, "192.0.2.7", 3);
	fail_from(r, 2, "192.0.2.7", 3);
	store(r, this_boot);
	assert_int_equal(count_rows(r), 2);
	assert_true(idm_softlock_clear(r->locks, &account));
	assert_true(idm_softlocks_dirty(r->locks));
	store(r, this_boot);
	assert_int_equal(count_rows(r), 1);
	r->now_ms += DAY_MS;
	idm_softlock_sweep(r->locks, r->now_ms);
	store(r, this_boot);
	assert_int_equal(count_rows(r), 0);
}

static void
rows_that_are_over_are_gone_after_a_start(void **state)
{
	struct rows *r = *state;

	fail_from(r, 1, "192.0.2.7", 3);
	store(r, this_boot);
	load(r, this_boot, r->now_ms + DAY_MS);
	assert_int_equal(count_rows(r), 1);
	store(r, this_boot);
	assert_int_equal(count_rows(r), 0);
}

/* An account's only, whose uuid may begin like another's key. */
static void
an_account_s_rows_are_deleted(void **state)
{
	struct rows *r = *state;
	struct idm_uuid account = idm_uuid_builtin(1);
	struct idm_txn txn;

	fail_from(r, 1, "192.0.2.7", 3);
	fail_from(r, 2, "192.0.2.7", 3);
	store(r, this_boot);
	begin_write(r, &txn);
	assert_int_equal(idm_softlock_delete_rows(&txn, &account, &r->dir->err), IDM_OK);
	commit(r, &txn);
	load(r, this_boot, r->now_ms);
	assert_int_equal(status_of(r, 1).failures, 0);
	assert_int_equal(status_of(r, 2).failures, 3);
}

/* What could not be written is written the next time. */
static void
a_commit_that_failed_loses_nothing(void **state)
{
	struct rows *r = *state;
	struct idm_txn txn;

	fail_from(r, 1, "192.0.2.7", 3);
	begin_write(r, &txn);
	assert_int_equal(
	    idm_softlocks_store(r->locks, &txn, this_boot, r->now_ms, &r->dir->err), IDM_OK);
	idm_store_write_abort(&txn);
	assert_true(idm_softlocks_dirty(r->locks));
	store(r, this_boot);
	assert_int_equal(count_rows(r), 1);
}

static void
so_many_sources_as_there_may_be_fit_a_row(void **state)
{
	struct rows *r = *state;
	char from[32];

	for (int i = 0; i < IDM_SOFTLOCK_SOURCES_OF_ONE + 20; i++) {
		snprintf(from, sizeof(from), "10.0.%d.1", i);
		fail_from(r, 1, from, 1);
	}
	store(r, this_boot);
	load(r, this_boot, r->now_ms);
	assert_int_equal(r->bad_count, 0);
	assert_int_equal(status_of(r, 1).sources, IDM_SOFTLOCK_SOURCES_OF_ONE + 1);
	assert_int_equal(status_of(r, 1).failures, IDM_SOFTLOCK_SOURCES_OF_ONE + 20);
	assert_true(locked_until(r, 1, "172.16.0.1") != 0); /* the place that is shared */
}

/* --- damage */

/* The row of account 1, with failures from two sources. */
static void
take_row(struct rows *r, uint8_t key[KEY_BYTES], uint8_t value[HEAD_BYTES + 2 * SLOT_BYTES])
{
	struct idm_txn txn;
	struct idm_cursor cursor;
	struct idm_span k, v;

	fail_from(r, 1, "192.0.2.7", 3);
	fail_from(r, 1, "ldapi", 1);
	store(r, this_boot);
	assert_int_equal(idm_store_local_read_begin(r->dir->store, &txn, &r->dir->err), IDM_OK);
	assert_int_equal(
	    idm_cursor_open(&txn, IDM_DB_SOFTLOCKS, IDM_SPAN_EMPTY, &cursor, &r->dir->err), IDM_OK);
	assert_int_equal(idm_cursor_next(&cursor, &k, &v, &r->dir->err), IDM_OK);
	assert_int_equal(k.len, KEY_BYTES);
	assert_int_equal(v.len, HEAD_BYTES + 2 * SLOT_BYTES);
	memcpy(key, k.ptr, k.len);
	memcpy(value, v.ptr, v.len);
	idm_cursor_close(&cursor);
	idm_store_read_end(&txn);
}

static void
expect_corrupt(struct rows *r, const uint8_t *key, size_t key_len, const uint8_t *value, size_t len)
{
	uint8_t *cut = malloc(len == 0 ? 1 : len); /* of its own: ASan sees one octet too far */

	assert_non_null(cut);
	if (len != 0)
		memcpy(cut, value, len);
	assert_int_equal(
	    idm_softlock_check_row(idm_span_of(key, key_len), idm_span_of(cut, len), &r->dir->err),
	    IDM_CORRUPT);
	if (key_len == KEY_BYTES)
		assert_non_null(
		    strstr(r->dir->err.text, "softlock of 00000000-0000-0000-0000-000000000001"));
	free(cut);
}

static void
every_truncation_is_refused_and_named(void **state)
{
	struct rows *r = *state;
	uint8_t key[KEY_BYTES], value[HEAD_BYTES + 2 * SLOT_BYTES + 1] = { 0 };

	take_row(r, key, value);
	assert_int_equal(idm_softlock_check_row(idm_span_of(key, sizeof(key)),
			     idm_span_of(value, sizeof(value) - 1), &r->dir->err),
	    IDM_OK);
	for (size_t n = 0; n < sizeof(value) - 1; n++)
		expect_corrupt(r, key, KEY_BYTES, value, n);
	expect_corrupt(r, key, KEY_BYTES, value, sizeof(value));
	for (size_t n = 1; n < KEY_BYTES; n++)
		expect_corrupt(r, key, n, value, sizeof(value) - 1);
}

static void
what_is_out_of_range_is_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t octet;
		const char *said;
	} cases[] = {
		{ 0, 2, "format" },
		{ HEAD_BYTES - 5, 6, "out of range" },   /* how long for all sources: over a day */
		{ HEAD_BYTES - 1, 255, "out of range" }, /* how many sources */
		{ HEAD_BYTES - 1, 3, "cut off" },
		{ HEAD_BYTES - 1, 1, "length" },
		{ HEAD_BYTES + 12, 0, "out of range" }, /* failures: none */
		{ HEAD_BYTES + 14, 1, "out of range" }, /* locked for longer than any lock */
		{ HEAD_BYTES + 17, 6, "out of range" },
	};
	struct rows *r = *state;
	uint8_t key[KEY_BYTES], value[HEAD_BYTES + 2 * SLOT_BYTES];

	take_row(r, key, value);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t was = value[cases[i].at];

		value[cases[i].at] = cases[i].octet;
		expect_corrupt(r, key, KEY_BYTES, value, sizeof(value));
		if (strstr(r->dir->err.text, cases[i].said) == NULL)
			fail_msg("octet %zu: %s", cases[i].at, r->dir->err.text);
		value[cases[i].at] = was;
	}
	memcpy(value + HEAD_BYTES, value + HEAD_BYTES + SLOT_BYTES, 9);
	expect_corrupt(r, key, KEY_BYTES, value, sizeof(value));
	assert_non_null(strstr(r->dir->err.text, "twice"));
}

/* Any octets at all: a result, and no harm. */
static void
octets_by_chance_do_no_harm(void **state)
{
	struct rows *r = *state;
	uint8_t key[KEY_BYTES], value[HEAD_BYTES + 2 * SLOT_BYTES];
	uint32_t seed = 7;

	take_row(r, key, value);
	for (int i = 0; i < 20000; i++) {
		uint8_t changed[sizeof(value)];

		memcpy(changed, value, sizeof(value));
		for (int k = 0; k < 4; k++) {
			seed = seed * 1103515245 + 12345;
			changed[(seed >> 16) % sizeof(changed)] = (uint8_t)(seed >> 8);
		}
		idm_softlock_check_row(
		    idm_span_of(key, sizeof(key)), idm_span_of(changed, sizeof(changed)), NULL);
	}
}

/* The others are there, and the damaged one is told of and deleted. */
static void
a_damaged_row_does_not_keep_the_server_from_starting(void **state)
{
	struct rows *r = *state;
	struct idm_txn txn;

	fail_from(r, 1, "192.0.2.7", 3);
	fail_from(r, 2, "192.0.2.7", 4);
	store(r, this_boot);
	begin_write(r, &txn);
	assert_int_equal(idm_store_put(&txn, IDM_DB_SOFTLOCKS, IDM_SPAN_LIT("a key of its own"),
			     IDM_SPAN_LIT("and nonsense"), &r->dir->err),
	    IDM_OK);
	commit(r, &txn);
	load(r, this_boot, r->now_ms);
	assert_int_equal(r->bad_count, 1);
	assert_string_equal(
	    r->bad[0], "softlock of 61206b6579206f6620697473206f776e: it is no key");
	assert_int_equal(status_of(r, 1).failures, 3);
	assert_int_equal(count_rows(r), 2);
}

static void
a_row_whose_checksum_is_wrong_is_named(void **state)
{
	static const uint8_t boot[IDM_CLOCK_BOOT_BYTES] = "to be found here";
	struct rows *r = *state;
	char path[256];

	fail_from(r, 1, "192.0.2.7", 3);
	store(r, boot);
	snprintf(path, sizeof(path), "%s", store_dir_file(r->dir, "local.mdb"));
	idm_store_close(&r->dir->store);
	store_dir_patch(path, "to be found here", "to be found hare");
	store_dir_open(r->dir);
	load(r, boot, r->now_ms);
	assert_int_equal(r->bad_count, 1);
	assert_non_null(strstr(r->bad[0], "softlock of 00000000-0000-0000-0000-000000000001"));
	assert_non_null(strstr(r->bad[0], "checksum"));
	assert_int_equal(count_rows(r), 0);
	load(r, boot, r->now_ms);
	assert_int_equal(r->bad_count, 1);
}

#define in_a_store(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		in_a_store(what_remains_goes_on_in_the_next_process),
		in_a_store(time_that_passed_is_taken_off_as_far_as_it_is_known),
		in_a_store(a_moment_that_is_yet_to_come_frees_nothing),
		in_a_store(what_is_forgotten_is_gone_from_the_file_too),
		in_a_store(rows_that_are_over_are_gone_after_a_start),
		in_a_store(an_account_s_rows_are_deleted),
		in_a_store(a_commit_that_failed_loses_nothing),
		in_a_store(so_many_sources_as_there_may_be_fit_a_row),
		in_a_store(every_truncation_is_refused_and_named),
		in_a_store(what_is_out_of_range_is_refused),
		in_a_store(octets_by_chance_do_no_harm),
		in_a_store(a_damaged_row_does_not_keep_the_server_from_starting),
		in_a_store(a_row_whose_checksum_is_wrong_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
