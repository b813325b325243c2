/* The clock of the programs as shipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/timex.h>
#include <time.h>
#include <cmocka.h>

#include "common/clock.h"

static void
the_wall_clock_is_the_systems(void **state)
{
	int64_t before_s = time(NULL);
	int64_t now_s = clock_now_s();

	(void)state;
	assert_in_range(now_s, before_s, time(NULL) + 1);
}

static void
the_monotonic_clock_never_goes_back(void **state)
{
	uint64_t last_ms = clock_monotonic_ms();

	(void)state;
	assert_true(last_ms > 0);
	for (int i = 0; i < 1000; i++) {
		uint64_t now_ms = clock_monotonic_ms();

		assert_true(now_ms >= last_ms);
		last_ms = now_ms;
	}
}

static void
the_shipped_clock_ignores_the_test_variable(void **state)
{
	(void)state;
	assert_int_equal(setenv("KANIDM_TEST_CLOCK", "/nonexistent/clock", 1), 0);
	assert_true(clock_init(NULL));
	assert_in_range(clock_now_s(), time(NULL) - 1, time(NULL) + 1);
	unsetenv("KANIDM_TEST_CLOCK");
}

static void
synchronised_means_what_the_kernel_says(void **state)
{
	struct timex kernel = { .modes = 0 };
	int result = adjtimex(&kernel);

	(void)state;
	assert_int_equal(
	    clock_is_synchronised(), result != TIME_ERROR && (kernel.status & STA_UNSYNC) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_wall_clock_is_the_systems),
		cmocka_unit_test(the_monotonic_clock_never_goes_back),
		cmocka_unit_test(the_shipped_clock_ignores_the_test_variable),
		cmocka_unit_test(synchronised_means_what_the_kernel_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
