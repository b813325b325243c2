/* The window valid_from <= now < expire, at each border (SPEC 10.6, 11.5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/validity.h"

enum { NONE = -1 }; /* no such border */

#define FROM 1600955000   /* 2020-09-24T13:43:20Z */
#define EXPIRE 1600958600 /* an hour later */

static struct idm_arena *arena;

static int
make_arena(void **state)
{
	(void)state;
	arena = idm_arena_new(1 << 20);
	return arena == NULL;
}

static int
free_arena(void **state)
{
	(void)state;
	idm_arena_free(&arena);
	return 0;
}

static void
add_border(struct idm_draft *draft, uint32_t number, int64_t at_s)
{
	uint8_t *stored = idm_arena_alloc(arena, 8);
	struct idm_value value = { idm_span_of(stored, 8), idm_span_of(stored, 8) };

	assert_non_null(stored);
	if (at_s == NONE)
		return;
	idm_datetime_store(at_s, stored);
	assert_int_equal(idm_draft_add(draft, number, value), IDM_OK);
}

static struct idm_entry
entry_with(int64_t from_s, int64_t expire_s)
{
	struct idm_uuid uuid = { { 1 } };
	struct idm_draft *draft = idm_draft_new(arena);
	struct idm_entry entry;
	struct idm_span bytes;

	assert_non_null(draft);
	add_border(draft, IDM_ATTR_ACCOUNT_VALID_FROM, from_s);
	add_border(draft, IDM_ATTR_ACCOUNT_EXPIRE, expire_s);
	assert_int_equal(idm_draft_encode(draft, &uuid, 1, &bytes, NULL), IDM_OK);
	assert_int_equal(idm_entry_view(bytes, 1, &entry, NULL), IDM_OK);
	return entry;
}

struct row {
	int64_t from_s;
	int64_t expire_s;
	int64_t now_s;
	bool valid;
	const char *text;
	int64_t border_s; /* the next second at which the answer changes */
};

static const struct row rows[] = {
	{ NONE, NONE, INT64_MIN, true, NULL, INT64_MAX },
	{ NONE, NONE, FROM, true, NULL, INT64_MAX },
	{ NONE, NONE, INT64_MAX, true, NULL, INT64_MAX },

	{ FROM, NONE, INT64_MIN, false, "not valid before 2020-09-24T13:43:20Z", FROM },
	{ FROM, NONE, FROM - 1, false, "not valid before 2020-09-24T13:43:20Z", FROM },
	{ FROM, NONE, FROM, true, NULL, INT64_MAX },
	{ FROM, NONE, FROM + 1, true, NULL, INT64_MAX },
	{ FROM, NONE, 253402300799, true, NULL, INT64_MAX },

	{ NONE, EXPIRE, INT64_MIN, true, NULL, EXPIRE },
	{ NONE, EXPIRE, EXPIRE - 1, true, NULL, EXPIRE },
	{ NONE, EXPIRE, EXPIRE, false, "expired at 2020-09-24T14:43:20Z", INT64_MAX },
	{ NONE, EXPIRE, EXPIRE + 1, false, "expired at 2020-09-24T14:43:20Z", INT64_MAX },
	{ NONE, EXPIRE, INT64_MAX, false, "expired at 2020-09-24T14:43:20Z", INT64_MAX },

	{ FROM, EXPIRE, FROM - 1, false, "not valid before 2020-09-24T13:43:20Z", FROM },
	{ FROM, EXPIRE, FROM, true, NULL, EXPIRE },
	{ FROM, EXPIRE, EXPIRE - 1, true, NULL, EXPIRE },
	{ FROM, EXPIRE, EXPIRE, false, "expired at 2020-09-24T14:43:20Z", INT64_MAX },

	/* one second long, and empty */
	{ FROM, FROM + 1, FROM, true, NULL, FROM + 1 },
	{ FROM, FROM + 1, FROM + 1, false, "expired at 2020-09-24T13:43:21Z", INT64_MAX },
	{ FROM, FROM, FROM - 1, false, "not valid before 2020-09-24T13:43:20Z", INT64_MAX },
	{ FROM, FROM, FROM, false, "expired at 2020-09-24T13:43:20Z", INT64_MAX },

	/* an expire before valid_from locks at every second */
	{ EXPIRE, FROM, FROM - 1, false, "not valid before 2020-09-24T14:43:20Z", INT64_MAX },
	{ EXPIRE, FROM, FROM, false, "expired at 2020-09-24T13:43:20Z", INT64_MAX },
	{ EXPIRE, FROM, EXPIRE - 1, false, "expired at 2020-09-24T13:43:20Z", INT64_MAX },
	{ EXPIRE, FROM, EXPIRE, false, "expired at 2020-09-24T13:43:20Z", INT64_MAX },
	{ EXPIRE, FROM, INT64_MAX, false, "expired at 2020-09-24T13:43:20Z", INT64_MAX },

	/* the epoch is a time as any other, and so is one before it */
	{ 0, NONE, -1, false, "not valid before 1970-01-01T00:00:00Z", 0 },
	{ 0, NONE, 0, true, NULL, INT64_MAX },
	{ NONE, 0, -1, true, NULL, 0 },
	{ NONE, 0, 0, false, "expired at 1970-01-01T00:00:00Z", INT64_MAX },
	{ -10, -5, -7, true, NULL, -5 },
	{ -10, -5, -5, false, "expired at 1969-12-31T23:59:55Z", INT64_MAX },

	/* beyond 2038 and at the end of what is written with four digits */
	{ NONE, 4102444800, 4102444799, true, NULL, 4102444800 },
	{ NONE, 4102444800, 4102444800, false, "expired at 2100-01-01T00:00:00Z", INT64_MAX },
	{ NONE, 253402300799, 253402300798, true, NULL, 253402300799 },
};

static void
each_border_holds_to_the_second(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct idm_entry entry = entry_with(row->from_s, row->expire_s);
		struct idm_now now = { row->now_s, true };
		struct idm_error err;

		assert_int_equal(
		    idm_validity_check(&entry, now, &err), row->valid ? IDM_OK : IDM_DENIED);
		if (!row->valid)
			assert_string_equal(err.text, row->text);
		assert_int_equal(idm_validity_border_s(&entry, now), row->border_s);
	}
}

static void
the_answer_changes_at_the_border_and_not_before(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct idm_entry entry = entry_with(row->from_s, row->expire_s);

		if (row->border_s == INT64_MAX)
			continue;
		assert_int_equal(
		    idm_validity_check(&entry, (struct idm_now){ row->border_s - 1, true }, NULL),
		    row->valid ? IDM_OK : IDM_DENIED);
		assert_int_equal(
		    idm_validity_check(&entry, (struct idm_now){ row->border_s, true }, NULL),
		    row->valid ? IDM_DENIED : IDM_OK);
	}
}

static void
without_trusted_time_every_window_locks(void **state)
{
	static const struct row windows[] = {
		{ FROM, NONE, FROM, false, NULL, 0 },
		{ NONE, EXPIRE, FROM, false, NULL, 0 },
		{ FROM, EXPIRE, FROM, false, NULL, 0 },
		{ EXPIRE, FROM, FROM, false, NULL, 0 },
	};
	struct idm_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		struct idm_entry entry = entry_with(windows[i].from_s, windows[i].expire_s);

		assert_int_equal(
		    idm_validity_check(&entry, (struct idm_now){ windows[i].now_s, false }, &err),
		    IDM_DENIED);
		assert_string_equal(err.text, "time is not trusted");
	}
}

static void
without_trusted_time_others_work(void **state)
{
	struct idm_entry entry = entry_with(NONE, NONE);

	(void)state;
	assert_int_equal(idm_validity_check(&entry, (struct idm_now){ FROM, false }, NULL), IDM_OK);
}

static void
a_refusal_tells_the_client_nothing(void **state)
{
	struct idm_entry entry = entry_with(NONE, EXPIRE);
	struct idm_error err = { .client_text = "old" };

	(void)state;
	assert_int_equal(
	    idm_validity_check(&entry, (struct idm_now){ EXPIRE, true }, &err), IDM_DENIED);
	assert_string_equal(err.client_text, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_border_holds_to_the_second),
		cmocka_unit_test(the_answer_changes_at_the_border_and_not_before),
		cmocka_unit_test(without_trusted_time_every_window_locks),
		cmocka_unit_test(without_trusted_time_others_work),
		cmocka_unit_test(a_refusal_tells_the_client_nothing),
	};

	return cmocka_run_group_tests(tests, make_arena, free_arena);
}
