/* Schedules as crontab(5) has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "common/schedule.h"

/* Local time, as "2024-02-28 22:00:00". */
static int64_t
at(const char *text)
{
	struct tm tm = { .tm_isdst = -1 };

	assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
	return mktime(&tm);
}

static void
expect(const char *text, const char *after, const char *due)
{
	struct schedule schedule;
	char found[32] = "never";
	time_t next;

	if (!schedule_parse(text, &schedule))
		fail_msg("%s: does not parse", text);
	next = (time_t)schedule_next(&schedule, at(after));
	if (next != 0)
		strftime(found, sizeof(found), "%Y-%m-%d %H:%M:%S", localtime(&next));
	if (strcmp(found, due) != 0)
		fail_msg("%s after %s: %s, not %s", text, after, found, due);
}

static void
zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

static void
the_next_time_is_found(void **state)
{
	(void)state;
	zone("UTC");
	expect("00 22 * * *", "2024-02-28 21:59:59", "2024-02-28 22:00:00");
	expect("00 22 * * *", "2024-02-28 22:00:00", "2024-02-29 22:00:00");
	expect("* * * * *", "2024-12-31 23:59:01", "2025-01-01 00:00:00");
	expect("*/15 * * * *", "2024-05-05 10:15:00", "2024-05-05 10:30:00");
	expect("5/20 3-4,9 * * *", "2024-05-05 04:46:00", "2024-05-05 09:05:00");
	expect("0 0 29 2 *", "2024-03-01 00:00:00", "2028-02-29 00:00:00");
	expect("30 6 * 1,7 *", "2024-02-01 00:00:00", "2024-07-01 06:30:00");
	expect("0 12 * * 1-5", "2024-05-03 12:00:00", "2024-05-06 12:00:00"); /* a Friday */
	expect("0 12 * * 7", "2024-05-03 12:00:00", "2024-05-05 12:00:00");
	expect("\t0  12\t* *  0 ", "2024-05-03 12:00:00", "2024-05-05 12:00:00");
}

/* As cron has it: of days and weekdays one is enough, unless one of the fields is an asterisk. */
static void
days_and_weekdays_are_alternatives(void **state)
{
	(void)state;
	zone("UTC");
	expect("0 1 13 * 5", "2024-05-05 00:00:00", "2024-05-10 01:00:00");  /* Friday the 10th */
	expect("0 1 13 * 5", "2024-05-10 01:00:00", "2024-05-13 01:00:00");  /* Monday the 13th */
	expect("0 1 */2 * 1", "2024-05-05 00:00:00", "2024-05-13 01:00:00"); /* odd, and Monday */
}

static void
what_never_comes_is_never_due(void **state)
{
	(void)state;
	zone("UTC");
	expect("0 0 30 2 *", "2024-02-01 00:00:00", "never");
}

/* In Berlin the clocks go from 02:00 to 03:00, and from 03:00 back to 02:00. */
static void
the_hour_that_is_not_there_loses_no_day(void **state)
{
	(void)state;
	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	expect("30 2 * * *", "2024-03-30 12:00:00", "2024-03-31 03:30:00");
	expect("30 2 * * *", "2024-03-31 12:00:00", "2024-04-01 02:30:00");
	expect("30 3 * * *", "2024-10-26 12:00:00", "2024-10-27 03:30:00");
	zone("UTC");
}

static void
what_is_no_schedule_is_refused(void **state)
{
	static const char *const bad[] = { "", " ", "*", "* * * *", "* * * * * *", "60 * * * *",
		"* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * 0 *", "* * * * 8",
		"-1 * * * *", "5-1 * * * *", "*/0 * * * *", "1, * * * *", ",1 * * * *", "a * * * *",
		"1-2-3 * * * *", "1000 * * * *", "99999999999999999999 * * * *", "@daily",
		"* * * * mon", "*5 * * * *", "1 2 3 4 5x" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct schedule schedule;

		if (schedule_parse(bad[i], &schedule))
			fail_msg("\"%s\" passes for a schedule", bad[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_time_is_found),
		cmocka_unit_test(days_and_weekdays_are_alternatives),
		cmocka_unit_test(what_never_comes_is_never_due),
		cmocka_unit_test(the_hour_that_is_not_there_loses_no_day),
		cmocka_unit_test(what_is_no_schedule_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
