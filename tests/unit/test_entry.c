#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/entry.h"

enum { HEADER_BYTES = 32, ROW_BYTES = 12 };

/* The flat bytes of a small person, made once. */
static struct idm_arena *arena;
static struct idm_span person;
static struct idm_uuid person_uuid;
static uint32_t checksum; /* of what was read, so that no read is left out */

static void
add(struct idm_draft *draft, uint32_t number, const char *stored, const char *norm)
{
	struct idm_value value = { idm_span_cstr(stored), idm_span_cstr(norm) };

	assert_int_equal(idm_draft_add(draft, number, value), IDM_OK);
}

static int
make_person(void **state)
{
	static uint8_t expire[8];
	struct idm_draft *draft;

	(void)state;
	arena = idm_arena_new(1024 * 1024);
	draft = idm_draft_new(arena);
	add(draft, IDM_ATTR_CLASS, "object", "object");
	add(draft, IDM_ATTR_CLASS, "account", "account");
	add(draft, IDM_ATTR_CLASS, "person", "person");
	add(draft, IDM_ATTR_NAME, "alice", "alice");
	add(draft, IDM_ATTR_DISPLAYNAME, "Alice", "alice");
	add(draft, IDM_ATTR_MAIL, "Alice@example.com", "alice@example.com");
	add(draft, IDM_ATTR_MAIL, "a@example.com", "a@example.com");
	idm_datetime_store(1600996924, expire);
	assert_int_equal(idm_draft_add(draft, IDM_ATTR_ACCOUNT_EXPIRE,
			     (struct idm_value){ idm_span_of(expire, 8), idm_span_of(expire, 8) }),
	    IDM_OK);
	person_uuid = idm_uuid_builtin(0x123456);
	return idm_draft_encode(draft, &person_uuid, 77, &person, NULL) == IDM_OK ? 0 : -1;
}

static int
drop_person(void **state)
{
	(void)state;
	idm_arena_free(&arena);
	return 0;
}

static void
touch(struct idm_span bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		checksum = checksum * 31 + bytes.ptr[i];
}

/* Read all that can be read; ASan and the counts say whether that stayed inside. */
static void
read_all(const struct idm_entry *entry)
{
	uint32_t number, last = 0;

	for (uint32_t i = 0; (number = idm_entry_attr_at(entry, i)) != 0; i++) {
		struct idm_value_iter iter = idm_entry_values(entry, number);
		struct idm_value value;
		uint32_t count = 0;

		assert_true(number > last);
		assert_true(idm_entry_has(entry, number));
		while (idm_value_next(&iter, &value)) {
			touch(value.stored);
			touch(value.norm);
			assert_true(idm_entry_has_norm(entry, number, value.norm));
			count++;
		}
		assert_true(count > 0);
		last = number;
	}
	idm_entry_datetime(entry, IDM_ATTR_ACCOUNT_EXPIRE, 0);
	touch(idm_entry_text(entry, IDM_ATTR_NAME));
	idm_entry_has_class(entry, "person");
}

/* A copy of its own, of exactly `len` bytes. */
static uint8_t *
copy_of(struct idm_span bytes, size_t len)
{
	uint8_t *copy = malloc(len + (len == 0));

	assert_non_null(copy);
	memcpy(copy, bytes.ptr, len < bytes.len ? len : bytes.len);
	return copy;
}

static void
a_view_gives_what_was_encoded(void **state)
{
	struct idm_entry entry;
	struct idm_value_iter mails;
	struct idm_value value;

	(void)state;
	assert_int_equal(idm_entry_view(person, 5, &entry, NULL), IDM_OK);
	assert_int_equal(entry.id, 5);
	assert_int_equal(entry.version, 77);
	assert_true(idm_uuid_equal(&entry.uuid, &person_uuid));
	assert_int_equal(entry.attr_count, 5);
	assert_true(idm_entry_has_class(&entry, "person"));
	assert_true(idm_entry_has_class(&entry, "object"));
	assert_false(idm_entry_has_class(&entry, "group"));
	assert_true(idm_span_is(idm_entry_text(&entry, IDM_ATTR_NAME), "alice"));
	assert_true(idm_span_is(idm_entry_text(&entry, IDM_ATTR_DISPLAYNAME), "Alice"));
	assert_true(idm_entry_datetime(&entry, IDM_ATTR_ACCOUNT_EXPIRE, 0) == 1600996924);
	assert_true(idm_entry_datetime(&entry, IDM_ATTR_ACCOUNT_VALID_FROM, -9) == -9);
	mails = idm_entry_values(&entry, IDM_ATTR_MAIL);
	assert_int_equal(mails.left, 2);
	assert_true(idm_value_next(&mails, &value));
	assert_true(idm_span_is(value.stored, "Alice@example.com"));
	assert_true(idm_span_is(value.norm, "alice@example.com"));
	assert_true(idm_value_next(&mails, &value));
	assert_true(idm_span_is(value.stored, "a@example.com"));
	assert_ptr_equal(value.norm.ptr, value.stored.ptr);
	assert_false(idm_value_next(&mails, &value));
	assert_false(idm_value_next(&mails, &value));
	assert_true(idm_entry_has_norm(&entry, IDM_ATTR_MAIL, IDM_SPAN_LIT("alice@example.com")));
	assert_false(idm_entry_has_norm(&entry, IDM_ATTR_MAIL, IDM_SPAN_LIT("Alice@example.com")));
}

static void
what_an_entry_has_not_is_empty(void **state)
{
	struct idm_entry entry;
	struct idm_value value;

	(void)state;
	assert_int_equal(idm_entry_view(person, 5, &entry, NULL), IDM_OK);
	for (uint32_t number = 0; number < 300; number++) {
		if (idm_entry_has(&entry, number))
			continue;
		assert_int_equal(idm_entry_values(&entry, number).left, 0);
		assert_false(idm_entry_first(&entry, number, &value));
		assert_int_equal(idm_entry_text(&entry, number).len, 0);
	}
	assert_false(idm_entry_has(&entry, UINT32_MAX));
	assert_int_equal(idm_entry_attr_at(&entry, 5), 0);
	assert_int_equal(idm_entry_attr_at(&entry, UINT32_MAX), 0);
}

static void
a_view_needs_no_alignment(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 8; shift++) {
		uint8_t *bytes = malloc(person.len + shift);
		struct idm_entry entry;

		assert_non_null(bytes);
		memcpy(bytes + shift, person.ptr, person.len);
		assert_int_equal(
		    idm_entry_view(idm_span_of(bytes + shift, person.len), 5, &entry, NULL),
		    IDM_OK);
		read_all(&entry);
		free(bytes);
	}
}

static void
every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t n = 0; n < person.len; n++) {
		uint8_t *cut = copy_of(person, n);
		struct idm_entry entry;
		struct idm_error err;

		assert_int_equal(idm_entry_view(idm_span_of(cut, n), 5, &entry, &err), IDM_CORRUPT);
		assert_true(strlen(err.text) > 0 && err.client_text[0] == '\0');
		free(cut);
	}
}

static void
bytes_behind_the_end_are_refused(void **state)
{
	(void)state;
	for (size_t more = 1; more <= 16; more++) {
		uint8_t *longer = copy_of(person, person.len + more);
		struct idm_entry entry;

		memset(longer + person.len, 0, more);
		assert_int_equal(
		    idm_entry_view(idm_span_of(longer, person.len + more), 5, &entry, NULL),
		    IDM_CORRUPT);
		free(longer);
	}
}

static void
every_changed_byte_is_refused_or_read_safely(void **state)
{
	(void)state;
	for (size_t i = 0; i < person.len; i++) {
		for (unsigned flip = 1; flip < 256; flip++) {
			uint8_t *bytes = copy_of(person, person.len);
			struct idm_entry entry;

			bytes[i] ^= (uint8_t)flip;
			if (idm_entry_view(idm_span_of(bytes, person.len), 5, &entry, NULL) ==
			    IDM_OK)
				read_all(&entry);
			free(bytes);
		}
	}
}

/* A change of the table or the lengths must not only be safe: each of these must be seen. */
static void
a_damaged_header_or_table_is_refused(void **state)
{
	size_t table_end = HEADER_BYTES + 5 * ROW_BYTES;

	(void)state;
	for (size_t i = 0; i < table_end; i++) {
		uint8_t *bytes;
		struct idm_entry entry;

		if (i >= 8 && i < HEADER_BYTES)
			continue; /* version and uuid may be anything */
		if (i >= HEADER_BYTES && (i - HEADER_BYTES) % ROW_BYTES < 4)
			continue; /* a number may become another that keeps the order */
		bytes = copy_of(person, person.len);
		bytes[i] ^= 0x01;
		assert_int_equal(
		    idm_entry_view(idm_span_of(bytes, person.len), 5, &entry, NULL), IDM_CORRUPT);
		free(bytes);
	}
}

static void
put32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static void
lengths_and_counts_that_wrap_are_refused(void **state)
{
	static const uint32_t evil[] = { 0, 0x7fffffff, 0x80000000, 0xfffffff4, 0xfffffff8,
		0xfffffffc, 0xfffffffe, 0xffffffff };
	size_t values = HEADER_BYTES + 5 * ROW_BYTES;
	const size_t places[] = { 4, HEADER_BYTES + 4, HEADER_BYTES + 8,
		HEADER_BYTES + ROW_BYTES + 4, HEADER_BYTES + ROW_BYTES + 8, values };

	(void)state;
	for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
		for (size_t e = 0; e < sizeof(evil) / sizeof(evil[0]); e++) {
			uint8_t *bytes = copy_of(person, person.len);
			struct idm_entry entry;

			put32(bytes + places[p], evil[e]);
			assert_int_equal(
			    idm_entry_view(idm_span_of(bytes, person.len), 5, &entry, NULL),
			    IDM_CORRUPT);
			free(bytes);
		}
	}
}

static void
attributes_out_of_order_are_refused(void **state)
{
	uint8_t *bytes = copy_of(person, person.len);
	struct idm_entry entry;

	(void)state;
	put32(bytes + HEADER_BYTES + ROW_BYTES, IDM_ATTR_CLASS); /* twice */
	assert_int_equal(
	    idm_entry_view(idm_span_of(bytes, person.len), 5, &entry, NULL), IDM_CORRUPT);
	put32(bytes + HEADER_BYTES + ROW_BYTES, IDM_ATTR_UUID); /* behind class */
	assert_int_equal(
	    idm_entry_view(idm_span_of(bytes, person.len), 5, &entry, NULL), IDM_CORRUPT);
	put32(bytes + HEADER_BYTES, 0);
	assert_int_equal(
	    idm_entry_view(idm_span_of(bytes, person.len), 5, &entry, NULL), IDM_CORRUPT);
	free(bytes);
}

/* Else a damaged account_expire would read as "never". */
static void
a_time_of_another_length_is_refused(void **state)
{
	size_t row = HEADER_BYTES + 4 * ROW_BYTES;
	uint8_t *bytes = copy_of(person, person.len);
	struct idm_entry entry;
	size_t value;

	(void)state;
	value = bytes[row + 4] | (size_t)bytes[row + 5] << 8;
	assert_int_equal(bytes[row], IDM_ATTR_ACCOUNT_EXPIRE);
	assert_int_equal(bytes[value], 8);
	for (uint8_t len = 5; len < 8; len++) { /* padded to the same size */
		bytes[value] = len;
		assert_int_equal(
		    idm_entry_view(idm_span_of(bytes, person.len), 5, &entry, NULL), IDM_CORRUPT);
	}
	free(bytes);
}

static void
an_entry_larger_than_the_limit_is_refused(void **state)
{
	size_t len = IDM_ENTRY_BYTES_MAX + 4;
	uint8_t *bytes = copy_of(person, len);
	struct idm_entry entry;

	(void)state;
	assert_int_equal(idm_entry_view(idm_span_of(bytes, len), 5, &entry, NULL), IDM_CORRUPT);
	free(bytes);
}

static void
random_bytes_are_refused_or_read_safely(void **state)
{
	uint32_t seed = 12345;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint8_t *bytes = copy_of(person, person.len);
		struct idm_entry entry;

		for (int i = 0; i < 3; i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[seed / 256 % person.len] = (uint8_t)(seed >> 24);
		}
		if (idm_entry_view(idm_span_of(bytes, person.len), 5, &entry, NULL) == IDM_OK)
			read_all(&entry);
		free(bytes);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_view_gives_what_was_encoded),
		cmocka_unit_test(what_an_entry_has_not_is_empty),
		cmocka_unit_test(a_view_needs_no_alignment),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(bytes_behind_the_end_are_refused),
		cmocka_unit_test(every_changed_byte_is_refused_or_read_safely),
		cmocka_unit_test(a_damaged_header_or_table_is_refused),
		cmocka_unit_test(lengths_and_counts_that_wrap_are_refused),
		cmocka_unit_test(attributes_out_of_order_are_refused),
		cmocka_unit_test(a_time_of_another_length_is_refused),
		cmocka_unit_test(an_entry_larger_than_the_limit_is_refused),
		cmocka_unit_test(random_bytes_are_refused_or_read_safely),
	};

	return cmocka_run_group_tests(tests, make_person, drop_person);
}
