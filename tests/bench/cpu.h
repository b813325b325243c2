/* What other processes have cost. */
#ifndef TESTS_BENCH_CPU_H
#define TESTS_BENCH_CPU_H

#include <stdint.h>

/* Nanoseconds of CPU that all threads of some processes have had; "12,34,56". */
uint64_t cpu_ns_of(const char *pids);

#endif
