/* Fill a database with the persons and groups of people.h, through the core's own changes. */
#ifndef TESTS_BENCH_FILL_H
#define TESTS_BENCH_FILL_H

#include <stdint.h>

/*
 * Open DIR's database for writing (a new one is made) and add `persons` with all that goes along,
 * in bulk.  Prints the rate.
 */
void fill(const char *dir, uint32_t persons);

/* The same people as LDIF on stdout, for an import. */
void fill_ldif(uint32_t persons);

#endif
