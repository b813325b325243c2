/* The audit trail in a store: it is appended to, forgets its beginning, and shows what was done to
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/audit.h"
#include "tests/support/fixture.h"

enum { NOW_S = 1700000000, PLENTY = 1 << 20, ALL = 1 << 20 };

static const struct idm_now now = { NOW_S, true };

struct trail {
	struct fixture f;
	struct idm_txn txn; /* of local.mdb */
	struct idm_audit audit;
};

static struct idm_audit_record
record_of(const char *actor, const char *reason)
{
	return (struct idm_audit_record){ .at_s = NOW_S,
		.trusted = true,
		.protocol = IDM_AUDIT_LDAP,
		.operation = IDM_AUDIT_LOGIN,
		.outcome = IDM_DENIED,
		.actor_name = idm_span_cstr(actor),
		.reason = idm_span_cstr(reason) };
}

static int
set_up(void **state)
{
	struct trail *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	fixture_open(&t->f);
	*state = t;
	return 0;
}

static int
tear_down(void **state)
{
	struct trail *t = *state;

	fixture_close(&t->f);
	free(t);
	return 0;
}

static void
assert_ok(struct trail *t, enum idm_result result)
{
	if (result != IDM_OK)
		fail_msg("%s: %s", idm_result_name(result), t->f.err.text);
}

static void
begin(struct trail *t)
{
	assert_ok(t, idm_store_local_write_begin(t->f.store, &t->txn, &t->f.err));
	assert_ok(t, idm_audit_begin(&t->txn, &t->audit, &t->f.err));
}

static void
end(struct trail *t, uint64_t keep_bytes)
{
	assert_ok(t, idm_audit_end(&t->audit, keep_bytes, now, &t->f.err));
	assert_ok(t, idm_store_write_commit(&t->txn, &t->f.err));
}

/* Records "one" to this number, in a transaction each of three. */
static void
append(struct trail *t, unsigned count, uint64_t keep_bytes)
{
	for (unsigned i = 0; i < count; i++) {
		char reason[32];
		struct idm_audit_record record;

		if (i % 3 == 0)
			begin(t);
		snprintf(reason, sizeof(reason), "reason %u", i);
		record = record_of("anna@idm.example.com", reason);
		assert_ok(t, idm_audit_append(&t->audit, &record, &t->f.err));
		if (i % 3 == 2 || i + 1 == count)
			end(t, keep_bytes);
	}
}

static void
look(struct trail *t)
{
	assert_ok(t, idm_store_local_read_begin(t->f.store, &t->txn, &t->f.err));
}

static void
look_end(struct trail *t)
{
	idm_store_read_end(&t->txn);
}

static struct idm_audit_check
check(struct trail *t)
{
	struct idm_audit_check found;

	look(t);
	assert_ok(t, idm_audit_check(&t->txn, 0, ALL, &found, &t->f.err));
	look_end(t);
	return found;
}

static void
expect_broken(struct trail *t, uint64_t serial, const char *text)
{
	struct idm_audit_check found = check(t);

	assert_int_equal(found.broken, serial);
	if (strstr(found.text, text) == NULL)
		fail_msg("%s", found.text);
}

/* --- what is appended */

static void
what_was_appended_is_read_back_in_its_place(void **state)
{
	struct trail *t = *state;
	struct idm_audit_record record = record_of("anna@idm.example.com", "wrong password");
	struct idm_audit_record read;

	record.trusted = false;
	record.protocol = IDM_AUDIT_RADIUS;
	record.operation = IDM_AUDIT_MODIFY;
	record.change_no = 77;
	record.source = IDM_SPAN_LIT("192.0.2.7");
	record.target_name = IDM_SPAN_LIT("ben@idm.example.com");
	assert_true(idm_uuid_generate(&record.actor));
	assert_true(idm_uuid_generate(&record.session));
	assert_true(idm_uuid_generate(&record.target));
	idm_audit_name_attribute(&record, IDM_SPAN_LIT("mail"));
	idm_audit_name_attribute(&record, IDM_SPAN_LIT("name"));
	idm_audit_name_attribute(&record, IDM_SPAN_LIT("Mail"));
	append(t, 2, PLENTY);
	begin(t);
	assert_ok(t, idm_audit_append(&t->audit, &record, &t->f.err));
	end(t, PLENTY);

	look(t);
	assert_ok(t, idm_audit_get(&t->txn, 3, &read, &t->f.err));
	assert_int_equal(read.serial, 3);
	assert_int_equal(read.at_s, NOW_S);
	assert_false(read.trusted);
	assert_int_equal(read.protocol, IDM_AUDIT_RADIUS);
	assert_int_equal(read.operation, IDM_AUDIT_MODIFY);
	assert_int_equal(read.outcome, IDM_DENIED);
	assert_int_equal(read.change_no, 77);
	assert_true(idm_uuid_equal(&read.actor, &record.actor));
	assert_true(idm_uuid_equal(&read.session, &record.session));
	assert_true(idm_uuid_equal(&read.target, &record.target));
	assert_true(idm_span_is(read.actor_name, "anna@idm.example.com"));
	assert_true(idm_span_is(read.source, "192.0.2.7"));
	assert_true(idm_span_is(read.target_name, "ben@idm.example.com"));
	assert_true(idm_span_is(read.reason, "wrong password"));
	assert_int_equal(read.attribute_count, 2);
	assert_true(idm_span_is(read.attributes[0], "mail"));
	assert_true(idm_span_is(read.attributes[1], "name"));
	assert_int_equal(idm_audit_get(&t->txn, 4, &read, &t->f.err), IDM_NOT_FOUND);
	look_end(t);
	assert_int_equal(check(t).broken, 0);
}

static void
texts_are_printable_and_cut_where_they_are_long(void **state)
{
	static const char typed[] = "a\tb\n\xc3\xa9\x7f";
	struct idm_audit_record record = record_of("x", "y"), read;
	uint8_t body[IDM_AUDIT_BODY_MAX];
	char longer[2 * IDM_AUDIT_TEXT_MAX];
	size_t len;

	(void)state;
	memset(longer, '\n', sizeof(longer));
	record.actor_name = idm_span_of(typed, sizeof(typed)); /* with the NUL */
	record.reason = idm_span_of(longer, sizeof(longer));
	len = idm_audit_encode(&record, body);
	assert_int_equal(idm_audit_decode(idm_span_of(body, len), &read, NULL), IDM_OK);
	assert_true(idm_span_is(read.actor_name, "a\\x09b\\x0A\\xC3\\xA9\\x7F\\x00"));
	assert_int_equal(read.reason.len, 4 * ((IDM_AUDIT_TEXT_MAX - 3) / 4) + 3);
	assert_memory_equal(read.reason.ptr + read.reason.len - 7, "\\x0A...", 7);

	memset(longer, 'x', sizeof(longer));
	record.reason = idm_span_of(longer, IDM_AUDIT_TEXT_MAX);
	len = idm_audit_encode(&record, body);
	assert_int_equal(idm_audit_decode(idm_span_of(body, len), &read, NULL), IDM_OK);
	assert_true(idm_span_equal(read.reason, record.reason));
	record.reason.len++;
	len = idm_audit_encode(&record, body);
	assert_int_equal(idm_audit_decode(idm_span_of(body, len), &read, NULL), IDM_OK);
	assert_int_equal(read.reason.len, IDM_AUDIT_TEXT_MAX);
	assert_memory_equal(read.reason.ptr + IDM_AUDIT_TEXT_MAX - 4, "x...", 4);
}

static void
attributes_without_room_are_counted(void **state)
{
	struct idm_audit_record record = record_of("x", "y"), read;
	char names[IDM_AUDIT_ATTRIBUTES_MAX + 5][2 * IDM_AUDIT_ATTRIBUTE_MAX];
	uint8_t body[IDM_AUDIT_BODY_MAX];
	size_t len;

	(void)state;
	for (size_t i = 0; i < IDM_AUDIT_ATTRIBUTES_MAX + 5; i++) {
		snprintf(names[i], sizeof(names[i]), "%0100zu", i);
		idm_audit_name_attribute(&record, idm_span_cstr(names[i]));
	}
	len = idm_audit_encode(&record, body);
	assert_int_equal(idm_audit_decode(idm_span_of(body, len), &read, NULL), IDM_OK);
	assert_int_equal(read.attribute_count, IDM_AUDIT_ATTRIBUTES_MAX);
	assert_int_equal(read.attributes_left, 5);
	assert_int_equal(read.attributes[0].len, IDM_AUDIT_ATTRIBUTE_MAX);
}

static void
every_truncation_and_every_unknown_word_is_refused(void **state)
{
	struct idm_audit_record record = record_of("anna", "wrong password"), read;
	uint8_t body[IDM_AUDIT_BODY_MAX];
	size_t len;

	(void)state;
	idm_audit_name_attribute(&record, IDM_SPAN_LIT("mail"));
	len = idm_audit_encode(&record, body);
	for (size_t n = 0; n < len; n++) {
		uint8_t *cut = malloc(n == 0 ? 1 : n);

		assert_non_null(cut);
		memcpy(cut, body, n);
		assert_int_equal(idm_audit_decode(idm_span_of(cut, n), &read, NULL), IDM_CORRUPT);
		free(cut);
	}
	body[len] = 0;
	assert_int_equal(idm_audit_decode(idm_span_of(body, len + 1), &read, NULL), IDM_CORRUPT);
	for (size_t i = 9; i < 13; i++) { /* flags, protocol, operation, outcome */
		uint8_t was = body[i];

		body[i] = 0xee;
		assert_int_equal(
		    idm_audit_decode(idm_span_of(body, len), &read, NULL), IDM_CORRUPT);
		body[i] = was;
	}
	body[9] = 1;     /* nobody has done it, */
	body[9 + 4] = 1; /* and has a uuid */
	assert_int_equal(idm_audit_decode(idm_span_of(body, len), &read, NULL), IDM_CORRUPT);
	body[9 + 4] = 0;
	assert_int_equal(idm_audit_decode(idm_span_of(body, len), &read, NULL), IDM_OK);
	body[len - 1] = '\n'; /* in the attribute's name */
	assert_int_equal(idm_audit_decode(idm_span_of(body, len), &read, NULL), IDM_CORRUPT);
}

static void
each_operation_is_found_by_its_name(void **state)
{
	enum idm_audit_operation operation;
	unsigned known = 0;

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		const char *name = idm_audit_operation_name((enum idm_audit_operation)i);

		if (name == NULL)
			continue;
		known++;
		assert_true(idm_audit_operation_find(idm_span_cstr(name), &operation));
		assert_int_equal(operation, i);
	}
	assert_true(known > 10);
	assert_false(idm_audit_operation_find(IDM_SPAN_LIT("logi"), &operation));
	assert_false(idm_audit_operation_find(IDM_SPAN_EMPTY, &operation));
}

/* Whatever becomes of enum idm_result: what is stored is read as what it was. */
static void
outcomes_keep_their_numbers(void **state)
{
	static const struct {
		uint8_t number;
		enum idm_result outcome;
	} stored[] = { { 0, IDM_OK }, { 1, IDM_NOT_FOUND }, { 2, IDM_DENIED }, { 3, IDM_INVALID },
		{ 4, IDM_SCHEMA }, { 5, IDM_CONSTRAINT }, { 6, IDM_EXISTS }, { 7, IDM_PROTECTED },
		{ 8, IDM_LIMIT }, { 9, IDM_BUSY }, { 10, IDM_CORRUPT }, { 11, IDM_SYSTEM },
		{ 12, IDM_ASSERTION } };
	struct idm_audit_record record = record_of("x", "y"), read;
	uint8_t body[IDM_AUDIT_BODY_MAX];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++) {
		record.outcome = stored[i].outcome;
		len = idm_audit_encode(&record, body);
		assert_int_equal(body[12], stored[i].number);
		assert_int_equal(idm_audit_decode(idm_span_of(body, len), &read, NULL), IDM_OK);
		assert_int_equal(read.outcome, stored[i].outcome);
	}
}

/* --- what is forgotten */

static void
the_oldest_go_where_the_trail_is_full_and_the_rest_still_holds(void **state)
{
	struct trail *t = *state;
	struct idm_audit_record record;
	struct idm_audit_check found;

	append(t, 300, 20000);
	found = check(t);
	assert_int_equal(found.broken, 0);
	assert_true(found.extent.before > 100);
	assert_true(found.extent.bytes <= 20000);
	assert_true(found.extent.last > 300); /* forgetting is told */
	look(t);
	assert_int_equal(
	    idm_audit_get(&t->txn, found.extent.before, &record, &t->f.err), IDM_NOT_FOUND);
	assert_ok(t, idm_audit_get(&t->txn, found.extent.before + 1, &record, &t->f.err));
	for (uint64_t i = found.extent.last; i > found.extent.before; i--) {
		assert_ok(t, idm_audit_get(&t->txn, i, &record, &t->f.err));
		if (record.operation == IDM_AUDIT_FORGET)
			break;
	}
	assert_int_equal(record.operation, IDM_AUDIT_FORGET);
	assert_int_equal(record.protocol, IDM_AUDIT_INTERNAL);
	assert_non_null(strstr((const char *)record.reason.ptr, "the trail was full"));
	look_end(t);
}

static void
the_last_record_is_never_forgotten(void **state)
{
	struct trail *t = *state;
	struct idm_audit_check found;

	append(t, 30, 1);
	found = check(t);
	assert_int_equal(found.broken, 0);
	assert_true(found.extent.last > found.extent.before);
	append(t, 3, PLENTY);
	assert_int_equal(check(t).broken, 0);
}

/* --- what somebody did to it */

static void
put_row(struct trail *t, uint64_t serial, const uint8_t *row, size_t len)
{
	uint8_t key[8];

	idm_store_u64(serial, key);
	assert_ok(t, idm_store_put(&t->txn, IDM_DB_AUDIT, idm_span_of(key, 8),
			 idm_span_of(row, len), &t->f.err));
}

static size_t
get_row(struct trail *t, uint64_t serial, uint8_t *row)
{
	uint8_t key[8];
	struct idm_span value;

	idm_store_u64(serial, key);
	assert_ok(t, idm_store_get(&t->txn, IDM_DB_AUDIT, idm_span_of(key, 8), &value, &t->f.err));
	memcpy(row, value.ptr, value.len);
	return value.len;
}

static void
del_row(struct trail *t, uint64_t serial)
{
	uint8_t key[8];

	idm_store_u64(serial, key);
	assert_ok(t, idm_store_del(&t->txn, IDM_DB_AUDIT, idm_span_of(key, 8), &t->f.err));
}

static void
tamper(struct trail *t)
{
	assert_ok(t, idm_store_local_write_begin(t->f.store, &t->txn, &t->f.err));
}

static void
tamper_end(struct trail *t)
{
	assert_ok(t, idm_store_write_commit(&t->txn, &t->f.err));
}

static void
a_record_that_was_changed_is_seen(void **state)
{
	struct trail *t = *state;
	uint8_t row[8192];
	size_t len;

	append(t, 9, PLENTY);
	tamper(t);
	len = get_row(t, 5, row);
	row[len - 5 - 1] ^= 1; /* the last character of its reason */
	put_row(t, 5, row, len);
	tamper_end(t);
	expect_broken(t, 5, "its hash is not that of itself");
}

static void
a_record_that_was_taken_out_or_put_in_is_seen(void **state)
{
	struct trail *t = *state;
	uint8_t row[8192];
	size_t len;

	append(t, 9, PLENTY);
	tamper(t);
	del_row(t, 5);
	tamper_end(t);
	expect_broken(t, 5, "it is not there");

	tamper(t); /* and the others moved up */
	for (uint64_t i = 6; i <= 9; i++) {
		len = get_row(t, i, row);
		put_row(t, i - 1, row, len);
	}
	del_row(t, 9);
	tamper_end(t);
	expect_broken(t, 5, "its hash is not that of itself");
}

static void
a_cut_at_either_end_is_seen(void **state)
{
	struct trail *t = *state;
	uint8_t row[8192];
	size_t len;

	append(t, 9, PLENTY);
	tamper(t);
	len = get_row(t, 9, row);
	del_row(t, 9);
	tamper_end(t);
	expect_broken(t, 9, "it is not there");
	tamper(t);
	put_row(t, 9, row, len);
	put_row(t, 10, row, len);
	tamper_end(t);
	expect_broken(t, 10, "behind the end");
	tamper(t);
	del_row(t, 10);
	del_row(t, 1);
	tamper_end(t);
	expect_broken(t, 1, "it is not there");
}

static void
an_end_of_one_s_own_making_is_seen_where_the_true_one_was_noted(void **state)
{
	struct trail *t = *state;
	struct idm_audit_extent noted, extent;

	append(t, 9, PLENTY);
	noted = check(t).extent;
	begin(t);
	del_row(t, 9);
	t->audit.serial = 8;
	end(t, PLENTY); /* the mark says 8, with the hash of 9 */
	expect_broken(t, 8, "not the one that was noted");
	look(t);
	assert_ok(t, idm_audit_extent(&t->txn, &extent, &t->f.err));
	look_end(t);
	assert_true(extent.last < noted.last);
}

/* In slices it finds the same. */
static void
a_walk_can_be_cut_into_slices(void **state)
{
	struct trail *t = *state;
	struct idm_audit_check found;
	uint64_t from = 0;
	unsigned slices = 0;
	uint8_t row[8192];
	size_t len;

	append(t, 20, PLENTY);
	look(t);
	do {
		assert_ok(t, idm_audit_check(&t->txn, from, 7, &found, &t->f.err));
		assert_int_equal(found.broken, 0);
		from = found.next;
		slices++;
	} while (from != 0);
	assert_int_equal(slices, 3);
	assert_ok(t, idm_audit_check(&t->txn, 100, 7, &found, &t->f.err)); /* behind its end */
	assert_int_equal(found.broken + found.next, 0);
	look_end(t);
	tamper(t);
	len = get_row(t, 8, row);
	row[0] ^= 1; /* of the row on which the second slice goes on */
	put_row(t, 7, row, len);
	tamper_end(t);
	look(t);
	assert_ok(t, idm_audit_check(&t->txn, 8, 7, &found, &t->f.err));
	look_end(t);
	assert_int_equal(found.broken, 8);
}

static void
a_trail_that_is_damaged_is_appended_to_and_forgotten_all_the_same(void **state)
{
	struct trail *t = *state;
	struct idm_audit_extent extent;

	append(t, 9, PLENTY);
	tamper(t);
	del_row(t, 3);
	put_row(t, 4, (const uint8_t *)"short", 5);
	tamper_end(t);
	append(t, 300, 20000);
	assert_int_equal(check(t).broken, 0);
	look(t);
	assert_ok(t, idm_audit_extent(&t->txn, &extent, &t->f.err));
	look_end(t);
	assert_true(extent.before > 9 && extent.bytes <= 20000);
}

static void
an_empty_trail_holds(void **state)
{
	struct trail *t = *state;
	struct idm_audit_check found = check(t);

	assert_int_equal(found.broken, 0);
	assert_int_equal(found.extent.last, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_was_appended_is_read_back_in_its_place, set_up, tear_down),
		cmocka_unit_test(texts_are_printable_and_cut_where_they_are_long),
		cmocka_unit_test(attributes_without_room_are_counted),
		cmocka_unit_test(every_truncation_and_every_unknown_word_is_refused),
		cmocka_unit_test(each_operation_is_found_by_its_name),
		cmocka_unit_test(outcomes_keep_their_numbers),
		cmocka_unit_test_setup_teardown(
		    the_oldest_go_where_the_trail_is_full_and_the_rest_still_holds, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    the_last_record_is_never_forgotten, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_record_that_was_changed_is_seen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_record_that_was_taken_out_or_put_in_is_seen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_cut_at_either_end_is_seen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    an_end_of_one_s_own_making_is_seen_where_the_true_one_was_noted, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(a_walk_can_be_cut_into_slices, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_trail_that_is_damaged_is_appended_to_and_forgotten_all_the_same, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(an_empty_trail_holds, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
