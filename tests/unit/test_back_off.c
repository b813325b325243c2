/* How long the supervisor waits before it starts something again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ldapd/back_off.h"

static void
the_first_start_is_at_once_and_later_ones_wait_longer(void **state)
{
	static const uint32_t waits[] = { 0, 1, 2, 4, 8, 16, 30, 30, 30 };
	uint32_t step_s = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		assert_int_equal(back_off_next(&step_s, 0), waits[i]);
}

static void
who_lived_long_is_started_at_once(void **state)
{
	uint32_t step_s = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		back_off_next(&step_s, BACK_OFF_STEADY_S - 1);
	assert_int_equal(back_off_next(&step_s, BACK_OFF_STEADY_S - 1), BACK_OFF_MAX_S);
	assert_int_equal(back_off_next(&step_s, BACK_OFF_STEADY_S), 0);
	assert_int_equal(back_off_next(&step_s, 0), 1);
}

/* A clock that was set back makes a life of less than no time: it counts as short. */
static void
a_life_of_less_than_no_time_is_short(void **state)
{
	uint32_t step_s = 0;

	(void)state;
	back_off_next(&step_s, 0);
	assert_int_equal(back_off_next(&step_s, -86400), 1);
	assert_int_equal(back_off_next(&step_s, -86400), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_start_is_at_once_and_later_ones_wait_longer),
		cmocka_unit_test(who_lived_long_is_started_at_once),
		cmocka_unit_test(a_life_of_less_than_no_time_is_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
