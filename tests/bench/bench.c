#include "tests/bench/bench.h"

#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LEAST_COUNT = 20, BUDGET_MS = 1500, QUICK_MS = 20 };

void
bench_die(const char *fmt, ...)
{
	va_list args;

	fputs("bench: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

void
bench_check(enum idm_result result, const struct idm_error *err, const char *what)
{
	if (result != IDM_OK)
		bench_die("%s: %s: %s", what, idm_result_name(result), err->text);
}

uint64_t
bench_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t
bench_budget_ns(void)
{
	return UINT64_C(1000000) * (getenv("BENCH_QUICK") != NULL ? QUICK_MS : BUDGET_MS);
}

/* Instructions of this thread in user mode; many virtual machines have no such counter. */
static int
open_counter(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.disabled = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

void
meter_open(struct meter *meter, const char *row, size_t room)
{
	*meter = (struct meter){ .row = row, .room = room, .counter = open_counter() };
	meter->ns = calloc(room, sizeof(*meter->ns));
	if (meter->ns == NULL)
		bench_die("out of memory");
}

void
meter_start(struct meter *meter)
{
	if (meter->counter >= 0)
		ioctl(meter->counter, PERF_EVENT_IOC_ENABLE, 0);
	meter->begun_ns = bench_ns();
}

void
meter_stop(struct meter *meter)
{
	uint64_t took_ns = bench_ns() - meter->begun_ns;

	if (meter->counter >= 0)
		ioctl(meter->counter, PERF_EVENT_IOC_DISABLE, 0);
	if (meter->count < meter->room)
		meter->ns[meter->count++] = took_ns;
}

static uint64_t
sum_ns(const struct meter *meter)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < meter->count; i++)
		sum += meter->ns[i];
	return sum;
}

bool
meter_goes_on(const struct meter *meter)
{
	if (meter->count >= meter->room)
		return false;
	/* The sum is looked at now and then: it is not to cost more than what is measured. */
	return meter->count < LEAST_COUNT || meter->count % 64 != 0 ||
	       sum_ns(meter) < bench_budget_ns();
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void
print_instructions(const struct meter *meter)
{
	uint64_t counted;

	if (meter->counter >= 0 &&
	    read(meter->counter, &counted, sizeof(counted)) == (ssize_t)sizeof(counted))
		printf(", \"instructions\": %" PRIu64, counted / meter->count);
}

void
meter_close(struct meter *meter, const char *fmt, ...)
{
	size_t n = meter->count;
	va_list args;

	if (n == 0)
		bench_die("%s: nothing was measured", meter->row);
	qsort(meter->ns, n, sizeof(*meter->ns), compare);
	printf("{\"row\": \"%s\", \"count\": %zu, \"p50_ns\": %" PRIu64 ", \"p99_ns\": %" PRIu64
	       ", \"mean_ns\": %" PRIu64,
	    meter->row, n, meter->ns[n / 2], meter->ns[n - 1 - n / 100], sum_ns(meter) / n);
	print_instructions(meter);
	if (fmt != NULL) {
		fputs(", ", stdout);
		va_start(args, fmt);
		vprintf(fmt, args);
		va_end(args);
	}
	puts("}");
	if (meter->counter >= 0)
		close(meter->counter);
	free(meter->ns);
}

void
bench_number(const char *row, double value)
{
	printf("{\"row\": \"%s\", \"value\": %.3f}\n", row, value);
}
