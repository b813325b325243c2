/* When something is to be done again and again: the five fields of crontab(5). */
#ifndef COMMON_SCHEDULE_H
#define COMMON_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

/* A bit for each minute, hour, day of the month, month, and day of the week at which it is due. */
struct schedule {
	uint64_t minutes;
	uint64_t hours;
	uint64_t days;     /* from 1 */
	uint64_t months;   /* from 1 */
	uint64_t weekdays; /* from 0, Sunday */
	/* One of the fields of days and weekdays begins with an asterisk: both must match; else one
	 * of them must, as cron has it. */
	bool any_day;
};

/*
 * "MINUTE HOUR DAY MONTH WEEKDAY", each `*`, a number, a range `a-b`, one of these with a step
 * `/n`, or several of all that with commas between; 7 is Sunday too.  False: it is none.
 */
bool schedule_parse(const char *text, struct schedule *out);

/* The first second behind `after_s` at which it is due, in local time; 0: never (30 February). */
int64_t schedule_next(const struct schedule *schedule, int64_t after_s);

#endif
