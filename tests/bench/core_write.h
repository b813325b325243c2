/* What writing costs in the process that may write: on the way of ldapd/core_batch.c. */
#ifndef TESTS_BENCH_CORE_WRITE_H
#define TESTS_BENCH_CORE_WRITE_H

#include <stdint.h>

/*
 * Joins and leaves of a person and of a group of 10,000, without the commit; then durable changes,
 * one and 64 a commit.  The directory is not as it was afterwards.
 */
void core_write(const char *dir, uint32_t persons);

#endif
