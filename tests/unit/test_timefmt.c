#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "core/timefmt.h"

#define FIRST_S INT64_C(-62167219200)
#define LAST_S INT64_C(253402300799)

static int64_t
parsed(const char *text)
{
	size_t len = strlen(text);
	uint8_t *exact = malloc(len + (len == 0)); /* ASan sees one byte too far */
	int64_t at_s = INT64_MIN;

	assert_non_null(exact);
	memcpy(exact, text, len);
	if (!idm_time_parse(idm_span_of(exact, len), &at_s))
		assert_int_equal(at_s, INT64_MIN);
	free(exact);
	return at_s;
}

static void
assert_parses(const char *text, int64_t at_s)
{
	if (parsed(text) != at_s)
		fail_msg("%s: %lld, not %lld", text, (long long)parsed(text), (long long)at_s);
}

static void
assert_refuses(const char *text)
{
	if (parsed(text) != INT64_MIN)
		fail_msg("%s is taken for %lld", text, (long long)parsed(text));
}

static void
rfc3339_times_are_read(void **state)
{
	(void)state;
	assert_parses("1970-01-01T00:00:00Z", 0);
	assert_parses("2020-09-25T11:22:04+10:00", 1600996924);
	assert_parses("2020-09-25t01:22:04z", 1600996924);
	assert_parses("1985-04-12T23:20:50.52Z", 482196050);
	assert_parses("1996-12-19T16:39:57-08:00", 851042397);
	assert_parses("1937-01-01T12:00:27.87+00:20", -1041337173);
	assert_parses("2038-01-19T03:14:07Z", INT32_MAX);
	assert_parses("2038-01-19T03:14:08Z", INT64_C(1) << 31);
	assert_parses("2106-02-07T06:28:16Z", INT64_C(1) << 32);
	assert_parses("0000-01-01T00:00:00Z", FIRST_S);
	assert_parses("9999-12-31T23:59:59Z", LAST_S);
}

static void
offsets_reach_from_minus_to_plus(void **state)
{
	(void)state;
	assert_parses("1970-01-01T14:00:00+14:00", 0);
	assert_parses("1969-12-31T10:00:00-14:00", 0);
	assert_parses("1970-01-01T00:00:00-00:00", 0);
	assert_parses("1970-01-01T23:59:00+23:59", 0);
	assert_refuses("1970-01-01T00:00:00+24:00");
	assert_refuses("1970-01-01T00:00:00+00:60");
	assert_refuses("1970-01-01T00:00:00+1400");
	assert_refuses("1970-01-01T00:00:00+14");
	assert_refuses("1970-01-01T00:00:00 14:00");
}

static void
an_offset_that_leads_out_of_the_years_is_refused(void **state)
{
	(void)state;
	assert_refuses("0000-01-01T00:00:00+00:01");
	assert_parses("0000-01-01T00:01:00+00:01", FIRST_S);
	assert_refuses("9999-12-31T23:59:59-00:01");
	assert_parses("9999-12-31T23:58:59-00:01", LAST_S);
}

static void
leap_seconds_are_the_second_after_and_end_a_month(void **state)
{
	(void)state;
	assert_parses("1990-12-31T23:59:60Z", 662688000);
	assert_parses("1990-12-31T15:59:60-08:00", 662688000);
	assert_parses("2015-06-30T23:59:60.5Z", 1435708800);
	assert_parses("20150630235960Z", 1435708800);
	assert_refuses("2015-06-29T23:59:60Z");
	assert_refuses("2015-06-30T22:59:60Z");
	assert_refuses("2015-06-30T23:58:60Z");
	assert_refuses("2015-06-30T23:59:61Z");
	assert_refuses("9999-12-31T23:59:60Z"); /* the second after has no text */
}

static void
february_has_its_29th_in_leap_years_only(void **state)
{
	(void)state;
	assert_parses("2024-02-29T00:00:00Z", 1709164800);
	assert_parses("2000-02-29T00:00:00Z", 951782400);
	assert_parses("0000-02-29T00:00:00Z", FIRST_S + 59 * 86400);
	assert_refuses("2023-02-29T00:00:00Z");
	assert_refuses("1900-02-29T00:00:00Z");
	assert_refuses("2100-02-29T00:00:00Z");
	assert_refuses("2024-02-30T00:00:00Z");
	assert_refuses("2024-04-31T00:00:00Z");
	assert_refuses("2024-00-10T00:00:00Z");
	assert_refuses("2024-13-10T00:00:00Z");
	assert_refuses("2024-01-00T00:00:00Z");
	assert_refuses("2024-01-32T00:00:00Z");
}

static void
fractions_are_cut_off(void **state)
{
	(void)state;
	assert_parses("1970-01-01T00:00:01.999999999999999999999999999999Z", 1);
	assert_parses("1969-12-31T23:59:59.9Z", -1);
	assert_parses("1970-01-01T00:00:01.0+00:00", 1);
	assert_refuses("1970-01-01T00:00:01.Z");
	assert_refuses("1970-01-01T00:00:01,5Z");
	assert_refuses("1970-01-01T00:00.5Z");
}

static void
generalized_time_is_read(void **state)
{
	(void)state;
	assert_parses("20200925112204Z", 1601032924);
	assert_parses("199412161032Z", 787573920); /* the example of RFC 4517 section 3.3.13 */
	assert_parses("199412160532-0500", 787573920);
	assert_parses("1994121605-05", 787572000);
	assert_parses("1994121610.5Z", 787573800);
	assert_parses("199412161032,25Z", 787573935);
	assert_parses("19941216103205.9Z", 787573925);
	assert_parses("1994121610.99999999999999Z", 787575599);
	assert_refuses("20200925112204");
	assert_refuses("20200925112204z");
	assert_refuses("20200925Z");
	assert_refuses("202009251Z");
	assert_refuses("20200925112Z");
	assert_refuses("2020092511220Z");
	assert_refuses("20200925112204.Z");
	assert_refuses("20200925112204+10:00");
	assert_refuses("20200925112204+1");
	assert_refuses("20200925112204+2400");
}

static void
anything_else_is_refused(void **state)
{
	(void)state;
	assert_refuses("");
	assert_refuses("now");
	assert_refuses("never");
	assert_refuses("1600996924");
	assert_refuses("2020-09-25");
	assert_refuses("2020-09-25 11:22:04Z");
	assert_refuses("2020-09-25T11:22:04");
	assert_refuses("2020-09-25T11:22Z");
	assert_refuses("2020-9-25T11:22:04Z");
	assert_refuses("20-09-25T11:22:04Z");
	assert_refuses("+2020-09-25T11:22:04Z");
	assert_refuses("10000-01-01T00:00:00Z");
	assert_refuses("-001-01-01T00:00:00Z");
	assert_refuses("2020-09-25T24:00:00Z");
	assert_refuses("2020-09-25T11:60:04Z");
	assert_refuses("2020-09-25T11:22:04ZZ");
	assert_refuses(" 2020-09-25T11:22:04Z");
	assert_refuses("2020-09-25T11:22:04Z ");
	assert_refuses("2020-09-25T-1:22:04Z");
	assert_refuses("2020\xe2\x88\x92"
		       "09-25T11:22:04Z");
}

static void
every_truncation_is_refused(void **state)
{
	static const char *const texts[] = { "2020-09-25T11:22:04.25+10:00",
		"20200925112204.25+1000" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char cut[32];

		for (size_t n = 0; n < strlen(texts[i]); n++) {
			int64_t at_s;

			memcpy(cut, texts[i], n);
			cut[n] = '\0';
			/* "+10" and "+1000" are both offsets of GeneralizedTime */
			if (i == 1 && n == strlen(texts[i]) - 2)
				assert_true(idm_time_parse(idm_span_cstr(cut), &at_s));
			else
				assert_refuses(cut);
		}
	}
}

static void
text_agrees_with_the_c_library(void **state)
{
	(void)state;
	/* 61-day steps over all ten thousand years, at an odd second */
	for (int64_t at_s = FIRST_S; at_s <= LAST_S; at_s += 61 * 86400 + 3671) {
		time_t at = at_s;
		struct tm tm;
		char expected[40], text[IDM_TIME_TEXT];

		assert_non_null(gmtime_r(&at, &tm));
		snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02dZ",
		    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
		idm_time_format(at_s, text);
		assert_string_equal(text, expected);
		assert_true(parsed(text) == at_s);
		idm_time_format_generalized(at_s, text);
		assert_true(parsed(text) == at_s);
	}
}

static void
times_without_a_text_are_clamped(void **state)
{
	char text[IDM_TIME_TEXT];

	(void)state;
	idm_time_format(INT64_MIN, text);
	assert_string_equal(text, "0000-01-01T00:00:00Z");
	idm_time_format(FIRST_S - 1, text);
	assert_string_equal(text, "0000-01-01T00:00:00Z");
	idm_time_format(LAST_S + 1, text);
	assert_string_equal(text, "9999-12-31T23:59:59Z");
	idm_time_format_generalized(INT64_MAX, text);
	assert_string_equal(text, "99991231235959Z");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3339_times_are_read),
		cmocka_unit_test(offsets_reach_from_minus_to_plus),
		cmocka_unit_test(an_offset_that_leads_out_of_the_years_is_refused),
		cmocka_unit_test(leap_seconds_are_the_second_after_and_end_a_month),
		cmocka_unit_test(february_has_its_29th_in_leap_years_only),
		cmocka_unit_test(fractions_are_cut_off),
		cmocka_unit_test(generalized_time_is_read),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(text_agrees_with_the_c_library),
		cmocka_unit_test(times_without_a_text_are_clamped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
