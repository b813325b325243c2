/*
 * What the programs of the bench share: an end with a message, and meters.  Each result is one line
 * of JSON on stdout, which tests/bench/run gathers; times are in nanoseconds.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/result.h"

void bench_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* End unless the result is IDM_OK. */
void bench_check(enum idm_result result, const struct idm_error *err, const char *what);

uint64_t bench_ns(void);

/* How long one row may be measured; with BENCH_QUICK in the environment hardly at all. */
uint64_t bench_budget_ns(void);

/* The times of one operation, and the instructions of all of them where the machine counts them. */
struct meter {
	const char *row;
	uint64_t *ns;
	size_t count;
	size_t room;
	uint64_t begun_ns;
	int counter; /* of perf_event_open; -1: none */
};

void meter_open(struct meter *meter, const char *row, size_t room);
void meter_start(struct meter *meter);
void meter_stop(struct meter *meter);
/* Room is left, and no more than bench_budget_ns was spent; 20 are measured in any case. */
bool meter_goes_on(const struct meter *meter);

/* Print the line, with more members if `fmt` is not NULL ("\"found\": %u"), and free. */
void meter_close(struct meter *meter, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A line of one number that is no time. */
void bench_number(const char *row, double value);

#endif
