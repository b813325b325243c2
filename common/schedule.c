#include "common/schedule.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DAYS_LOOKED_AT = 366 * 8 + 1 /* a 29 February may be eight years away */ };

/* Up to three digits. */
static bool
take_number(const char **at, unsigned *out)
{
	size_t digits = strspn(*at, "0123456789");

	if (digits == 0 || digits > 3)
		return false;
	*out = (unsigned)strtoul(*at, NULL, 10);
	*at += digits;
	return true;
}

/* `*`, `n` or `a-b`, and maybe `/n`. */
static bool
take_part(const char **at, unsigned low, unsigned high, uint64_t *bits)
{
	unsigned from = low, to = high, step = 1;

	if (**at == '*') {
		(*at)++;
	} else {
		if (!take_number(at, &from))
			return false;
		to = from;
		if (**at == '-') {
			(*at)++;
			if (!take_number(at, &to))
				return false;
		} else if (**at == '/') {
			to = high;
		}
	}
	if (**at == '/') {
		(*at)++;
		if (!take_number(at, &step) || step == 0)
			return false;
	}
	if (from < low || to > high || from > to)
		return false;
	for (unsigned n = from; n <= to; n += step)
		*bits |= UINT64_C(1) << n;
	return true;
}

static bool
take_field(const char **at, unsigned low, unsigned high, uint64_t *bits)
{
	*bits = 0;
	*at += strspn(*at, " \t");
	while (take_part(at, low, high, bits)) {
		if (**at != ',')
			return **at == '\0' || **at == ' ' || **at == '\t';
		(*at)++;
	}
	return false;
}

static bool
is_asterisk(const char *at)
{
	return at[strspn(at, " \t")] == '*';
}

bool
schedule_parse(const char *text, struct schedule *out)
{
	const char *at = text;
	bool any_day, any_weekday;

	if (!take_field(&at, 0, 59, &out->minutes) || !take_field(&at, 0, 23, &out->hours))
		return false;
	any_day = is_asterisk(at);
	if (!take_field(&at, 1, 31, &out->days) || !take_field(&at, 1, 12, &out->months))
		return false;
	any_weekday = is_asterisk(at);
	if (!take_field(&at, 0, 7, &out->weekdays))
		return false;
	out->any_day = any_day || any_weekday;
	if ((out->weekdays & UINT64_C(1) << 7) != 0)
		out->weekdays |= 1;
	return at[strspn(at, " \t")] == '\0';
}

static bool
has(uint64_t bits, int n)
{
	return (bits >> n & 1) != 0;
}

static bool
is_day(const struct schedule *schedule, const struct tm *day)
{
	bool by_day = has(schedule->days, day->tm_mday);
	bool by_weekday = has(schedule->weekdays, day->tm_wday);

	if (!has(schedule->months, day->tm_mon + 1))
		return false;
	return schedule->any_day ? by_day && by_weekday : by_day || by_weekday;
}

/* The first minute of the day that is due behind `after_s`; 0: none is. */
static int64_t
next_in_day(const struct schedule *schedule, const struct tm *day, int64_t after_s)
{
	for (int minute = 0; minute < 24 * 60; minute++) {
		struct tm at = *day;
		time_t at_s;

		if (!has(schedule->hours, minute / 60) || !has(schedule->minutes, minute % 60))
			continue;
		at.tm_hour = minute / 60;
		at.tm_min = minute % 60;
		at.tm_sec = 0;
		at.tm_isdst = -1; /* where the clocks are moved, mktime finds what comes nearest */
		at_s = mktime(&at);
		if (at_s > after_s)
			return at_s;
	}
	return 0;
}

int64_t
schedule_next(const struct schedule *schedule, int64_t after_s)
{
	time_t start = (time_t)after_s;
	struct tm first;

	if (localtime_r(&start, &first) == NULL)
		return 0;
	for (int i = 0; i < DAYS_LOOKED_AT; i++) {
		struct tm day = first;
		int64_t due_s;

		day.tm_mday += i;
		day.tm_hour = 12; /* no day begins or ends there */
		day.tm_isdst = -1;
		if (mktime(&day) == -1)
			return 0;
		due_s = is_day(schedule, &day) ? next_in_day(schedule, &day, after_s) : 0;
		if (due_s != 0)
			return due_s;
	}
	return 0;
}
