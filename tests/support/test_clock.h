/*
 * The clock of a test program, in the place of common/clock: it stands still until the test moves
 * it.  For the one file of a program, whose clock the programs' own is then not linked with.
 */
#ifndef TESTS_SUPPORT_TEST_CLOCK_H
#define TESTS_SUPPORT_TEST_CLOCK_H

#include "common/clock.h"
#include "tests/support/realm.h"

static struct {
	int64_t now_s;
	uint64_t monotonic_ms;
	bool unsynchronised;
} test_clock = { .now_s = REALM_NOW_S, .monotonic_ms = 1000000 };

bool
clock_init(struct idm_error *err)
{
	(void)err;
	return true;
}

int64_t
clock_now_s(void)
{
	return test_clock.now_s;
}

uint64_t
clock_monotonic_ms(void)
{
	return test_clock.monotonic_ms;
}

bool
clock_is_synchronised(void)
{
	return !test_clock.unsynchronised;
}

void
clock_boot_id(uint8_t out[CLOCK_BOOT_BYTES])
{
	memset(out, 1, CLOCK_BOOT_BYTES);
}

int64_t
clock_build_s(void)
{
	return 0;
}

#endif
