/* Points in time as people write and read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "admin/timearg.h"

static const int64_t now_s = 1700000000;

static void
assert_time(const char *text, int64_t expected_s)
{
	int64_t at_s = -1;
	bool none = true;

	assert_true(timearg_parse(text, "any", now_s, &at_s, &none));
	assert_false(none);
	assert_int_equal(at_s, expected_s);
}

static void
use_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static void
the_words_for_none_are_the_border_s_own_and_clear(void **state)
{
	int64_t at_s = -1;
	bool none = false;

	(void)state;
	assert_true(timearg_parse("any", "any", now_s, &at_s, &none) && none);
	assert_true(timearg_parse("clear", "any", now_s, &at_s, &none) && none);
	assert_true(timearg_parse("never", "never", now_s, &at_s, &none) && none);
	assert_true(timearg_parse("clear", "never", now_s, &at_s, &none) && none);
	assert_false(timearg_parse("never", "any", now_s, &at_s, &none));
	assert_false(timearg_parse("any", "never", now_s, &at_s, &none));
}

static void
now_and_epoch_are_seconds(void **state)
{
	(void)state;
	assert_time("now", now_s);
	assert_time("epoch", 0);
}

static void
rfc_3339_is_taken_in_every_zone(void **state)
{
	(void)state;
	assert_time("1970-01-01T00:00:00+00:00", 0);
	assert_time("2020-09-25T11:22:04+00:00", 1601032924);
	assert_time("2020-09-25T11:22:04Z", 1601032924);
	assert_time("2020-09-25T21:22:04+10:00", 1601032924);
	assert_time("2020-09-25T01:22:04-10:00", 1601032924);
}

static void
anything_else_is_no_time(void **state)
{
	static const char *const texts[] = { "", " ", "Now", "now ", "tomorrow", "2020-09-25",
		"2020-09-25T11:22:04", "2020-09-25T11:22:04+0000", "2020-02-30T00:00:00Z",
		"2020-09-25T24:00:00Z", "1601032924", "2020-09-25T11:22:04Zx",
		"99999-01-01T00:00:00Z", "-2020-09-25T11:22:04Z", "clear any" };
	int64_t at_s;
	bool none;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(timearg_parse(texts[i], "any", now_s, &at_s, &none));
}

static void
a_time_is_shown_in_the_caller_s_zone(void **state)
{
	static const char *const zones[][2] = { { "UTC0", "2020-09-25T11:22:04+00:00" },
		{ "EST-10", "2020-09-25T21:22:04+10:00" },
		{ "XST+3:30", "2020-09-25T07:52:04-03:30" },
		{ "YST-5:45", "2020-09-25T17:07:04+05:45" } };
	char text[TIMEARG_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		use_zone(zones[i][0]);
		timearg_format_local(1601032924, text);
		assert_string_equal(text, zones[i][1]);
	}
}

static void
the_offset_is_the_one_of_that_day(void **state)
{
	char text[TIMEARG_TEXT];

	(void)state;
	use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	timearg_format_local(1577880000, text);
	assert_string_equal(text, "2020-01-01T13:00:00+01:00");
	timearg_format_local(1593604800, text);
	assert_string_equal(text, "2020-07-01T14:00:00+02:00");
}

static void
what_is_shown_is_what_is_taken(void **state)
{
	static const int64_t times[] = { 0, 1, 951782400, 1601032924, 4102444799, 253402214400 };
	char text[TIMEARG_TEXT];

	(void)state;
	use_zone("XST+3:30");
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		timearg_format_local(times[i], text);
		assert_time(text, times[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_words_for_none_are_the_border_s_own_and_clear),
		cmocka_unit_test(now_and_epoch_are_seconds),
		cmocka_unit_test(rfc_3339_is_taken_in_every_zone),
		cmocka_unit_test(anything_else_is_no_time),
		cmocka_unit_test(a_time_is_shown_in_the_caller_s_zone),
		cmocka_unit_test(the_offset_is_the_one_of_that_day),
		cmocka_unit_test(what_is_shown_is_what_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
