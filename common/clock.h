/*
 * The clocks that programs read; core/ takes the time from its caller.
 *
 * In the test variant of the programs (-DIDM_TEST_CLOCK) the wall clock can be moved from outside,
 * at once and without a system call: the environment variable KANIDM_TEST_CLOCK names a file of 32
 * octets that clock_init maps shared.  It holds the same line twice, 15 characters and a newline:
 *
 *	+3600          so many seconds after the real clock (-3600: before it)
 *	@1600955000    stands still at this second since 1970
 *
 * A `?` behind the number says that the clock is not synchronised.  Write both lines with one
 * write at offset 0 and never truncate the file; in Python:
 *
 *	os.pwrite(fd, (f"{setting:<15}\n" * 2).encode(), 0)
 *
 * A reader takes the second line, then the first, and tries again while they differ, so it never
 * sees half of a change.  Programs as shipped do not look at the variable at all.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include "core/result.h"
#include "core/span.h"

/*
 * Call once, early in main: before files are out of reach and before other processes are forked,
 * which then follow the same file.  False (test variant only): the file named is missing or wrong.
 */
bool clock_init(struct idm_error *err);

/* Seconds since 1970, UTC (CLOCK_REALTIME). */
int64_t clock_now_s(void);

/* Milliseconds since boot, suspended time included (CLOCK_BOOTTIME): time-outs, softlocks. */
uint64_t clock_monotonic_ms(void);

/* Does the kernel say that the wall clock is synchronised (adjtimex)? */
bool clock_is_synchronised(void);

/* Another value after each start of the machine; all nulls where the kernel does not tell. */
enum { CLOCK_BOOT_BYTES = 16 };
void clock_boot_id(uint8_t out[CLOCK_BOOT_BYTES]);

/* When this program was made: no earlier time can be right.  0 in the test variant. */
int64_t clock_build_s(void);

#endif
