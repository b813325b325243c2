/* What reading costs in a process that links core/, as the workers and rlm_kanidm do. */
#ifndef TESTS_BENCH_CORE_READ_H
#define TESTS_BENCH_CORE_READ_H

#include <stdint.h>

/* Each kind of look-up and search over the directory of `persons` in DIR, then RSS. */
void core_read(const char *dir, uint32_t persons);

/* Opening DIR, as a reader with a first look-up and as the writer. */
void core_open(const char *dir);

/* Pages of each database, divided by the number of entries; needs no writer. */
void core_sizes(const char *dir, uint32_t persons);

#endif
