#include "core/timefmt.h"

#include <stdio.h>

enum {
	MINUTE_S = 60,
	HOUR_S = 3600,
	DAY_S = 86400,
	EPOCH_DAYS = 719528, /* from 0000-01-01 to 1970-01-01 */
	YEAR_MAX = 9999,
};

#define FIRST_S (-(int64_t)EPOCH_DAYS * DAY_S) /* 0000-01-01T00:00:00Z */
#define LAST_S INT64_C(253402300799)           /* 9999-12-31T23:59:59Z */

struct moment {
	int year, month, day; /* month and day from 1 */
	int hour, minute, second;
	int fraction_s; /* whole seconds out of a fraction of an hour or a minute */
	int offset_s;   /* of local time, east of Greenwich */
};

/* A cursor over the text; a read beyond the end or of a wrong octet sets `bad` for good. */
struct reader {
	const uint8_t *pos;
	const uint8_t *end;
	bool bad;
};

static bool
at_digit(const struct reader *r)
{
	return r->pos < r->end && *r->pos >= '0' && *r->pos <= '9';
}

/* Consume `c`; false: something else stands there. */
static bool
accept(struct reader *r, char c)
{
	if (r->pos == r->end || *r->pos != c)
		return false;
	r->pos++;
	return true;
}

static void
expect(struct reader *r, char c)
{
	if (!accept(r, c))
		r->bad = true;
}

/* Exactly `digits` digits that give no more than `max`. */
static int
number(struct reader *r, int digits, int max)
{
	int value = 0;

	for (int i = 0; i < digits; i++) {
		if (!at_digit(r)) {
			r->bad = true;
			return 0;
		}
		value = value * 10 + (*r->pos++ - '0');
	}
	if (value > max)
		r->bad = true;
	return value;
}

/* The digits of a fraction, as whole seconds of a unit of `unit_s` seconds. */
static int
fraction(struct reader *r, int unit_s)
{
	int64_t value = 0, scale = 1;

	if (!at_digit(r))
		r->bad = true;
	for (; at_digit(r); r->pos++) {
		if (scale < INT64_C(1000000000)) {
			value = value * 10 + (*r->pos - '0');
			scale *= 10;
		}
	}
	return (int)(unit_s * value / scale);
}

static bool
is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int
month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 0000-01-01 to the first day of `year`. */
static int64_t
days_before(int year)
{
	return INT64_C(365) * year + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
}

/* `at_s` lies in the years 0000 to 9999. */
static void
split(int64_t at_s, struct moment *out)
{
	int64_t days = (at_s - FIRST_S) / DAY_S;
	int rest_s = (int)((at_s - FIRST_S) % DAY_S);
	int year = (int)(days / 366); /* never late; at most seven years early */

	while (days_before(year + 1) <= days)
		year++;
	days -= days_before(year);
	out->year = year;
	out->month = 1;
	while (days >= month_days(year, out->month))
		days -= month_days(year, out->month++);
	out->day = (int)days + 1;
	out->hour = rest_s / HOUR_S;
	out->minute = rest_s % HOUR_S / MINUTE_S;
	out->second = rest_s % MINUTE_S;
}

/* A leap second ends the last minute of a month, in UTC: the second after begins a month. */
static bool
begins_month(int64_t at_s)
{
	struct moment m;

	if ((at_s - FIRST_S) % DAY_S != 0)
		return false;
	split(at_s, &m);
	return m.day == 1;
}

static bool
join(const struct moment *m, int64_t *out_s)
{
	int64_t days, at_s;

	if (m->month < 1 || m->month > 12 || m->day < 1 || m->day > month_days(m->year, m->month))
		return false;
	days = days_before(m->year) + m->day - 1;
	for (int month = 1; month < m->month; month++)
		days += month_days(m->year, month);
	at_s = FIRST_S + days * DAY_S + m->hour * HOUR_S + m->minute * MINUTE_S + m->second +
	       m->fraction_s - m->offset_s;
	if (at_s < FIRST_S || at_s > LAST_S)
		return false; /* the offset leads out of the years that have a text */
	if (m->second == 60 && !begins_month(at_s))
		return false;
	*out_s = at_s;
	return true;
}

/* RFC 3339 section 5.6: date-time. */
static void
read_rfc3339(struct reader *r, struct moment *m)
{
	bool east;

	m->year = number(r, 4, YEAR_MAX);
	expect(r, '-');
	m->month = number(r, 2, 12);
	expect(r, '-');
	m->day = number(r, 2, 31);
	if (!accept(r, 't'))
		expect(r, 'T');
	m->hour = number(r, 2, 23);
	expect(r, ':');
	m->minute = number(r, 2, 59);
	expect(r, ':');
	m->second = number(r, 2, 60);
	if (accept(r, '.'))
		fraction(r, 1);
	if (accept(r, 'Z') || accept(r, 'z'))
		return;
	east = accept(r, '+');
	if (!east)
		expect(r, '-');
	m->offset_s = number(r, 2, 23) * HOUR_S;
	expect(r, ':');
	m->offset_s += number(r, 2, 59) * MINUTE_S;
	if (!east)
		m->offset_s = -m->offset_s;
}

/* RFC 4517 section 3.3.13: minutes and seconds may lack; a fraction is one of the last unit. */
static void
read_generalized(struct reader *r, struct moment *m)
{
	int unit_s = HOUR_S;
	bool east;

	m->year = number(r, 4, YEAR_MAX);
	m->month = number(r, 2, 12);
	m->day = number(r, 2, 31);
	m->hour = number(r, 2, 23);
	if (at_digit(r)) {
		m->minute = number(r, 2, 59);
		unit_s = MINUTE_S;
		if (at_digit(r)) {
			m->second = number(r, 2, 60);
			unit_s = 1;
		}
	}
	if (accept(r, '.') || accept(r, ','))
		m->fraction_s = fraction(r, unit_s);
	if (accept(r, 'Z'))
		return;
	east = accept(r, '+');
	if (!east)
		expect(r, '-');
	m->offset_s = number(r, 2, 23) * HOUR_S;
	if (at_digit(r))
		m->offset_s += number(r, 2, 59) * MINUTE_S;
	if (!east)
		m->offset_s = -m->offset_s;
}

bool
idm_time_parse(struct idm_span text, int64_t *out_s)
{
	struct reader r = { text.ptr, text.ptr + text.len, false };
	struct moment m = { 0 };

	if (text.len > 4 && text.ptr[4] == '-')
		read_rfc3339(&r, &m);
	else
		read_generalized(&r, &m);
	return !r.bad && r.pos == r.end && join(&m, out_s);
}

static int64_t
clamp(int64_t at_s)
{
	return at_s < FIRST_S ? FIRST_S : at_s > LAST_S ? LAST_S : at_s;
}

void
idm_time_format(int64_t at_s, char out[IDM_TIME_TEXT])
{
	struct moment m;

	split(clamp(at_s), &m);
	snprintf(out, IDM_TIME_TEXT, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)m.year % 10000,
	    (unsigned)m.month % 100, (unsigned)m.day % 100, (unsigned)m.hour % 100,
	    (unsigned)m.minute % 100, (unsigned)m.second % 100);
}

void
idm_time_format_generalized(int64_t at_s, char out[IDM_TIME_TEXT])
{
	struct moment m;

	split(clamp(at_s), &m);
	snprintf(out, IDM_TIME_TEXT, "%04u%02u%02u%02u%02u%02uZ", (unsigned)m.year % 10000,
	    (unsigned)m.month % 100, (unsigned)m.day % 100, (unsigned)m.hour % 100,
	    (unsigned)m.minute % 100, (unsigned)m.second % 100);
}
