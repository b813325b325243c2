/* Softlocks: when a credential may be tested again, and what that costs in memory (SPEC 6.6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "core/attributes.h"
#include "core/softlock.h"

enum {
	START_MS = 5000000,
	DAY_MS = 24 * 3600 * 1000,
	SMALL_CREDENTIALS = 4,
	SMALL_SOURCES = 8,
};

struct table {
	struct idm_softlocks *locks;
	uint64_t now_ms; /* turned by hand */
};

static int
set_up(void **state)
{
	static struct table table;

	table.locks = idm_softlocks_new(64, 4096);
	table.now_ms = START_MS;
	assert_non_null(table.locks);
	*state = &table;
	return 0;
}

static int
set_up_small(void **state)
{
	struct table *t;

	set_up(state);
	t = *state;
	idm_softlocks_free(&t->locks);
	t->locks = idm_softlocks_new(SMALL_CREDENTIALS, SMALL_SOURCES);
	assert_non_null(t->locks);
	return 0;
}

static int
tear_down(void **state)
{
	struct table *t = *state;

	idm_softlocks_free(&t->locks);
	return 0;
}

static struct idm_softlock_id
credential(uint64_t account, uint32_t attr_number)
{
	return (struct idm_softlock_id){ idm_uuid_builtin(account), attr_number };
}

static enum idm_softlock_state
look(struct table *t, uint64_t account, const char *from, uint64_t *until_ms)
{
	struct idm_softlock_id id = credential(account, IDM_ATTR_PRIMARY_CREDENTIAL);
	struct idm_softlock_source source = idm_softlock_source_of(from);
	uint64_t unused;

	return idm_softlock_look(
	    t->locks, &id, &source, t->now_ms, until_ms == NULL ? &unused : until_ms);
}

static bool
is_open(struct table *t, uint64_t account, const char *from)
{
	return look(t, account, from, NULL) == IDM_SOFTLOCK_OPEN;
}

static bool
begin(struct table *t, uint64_t account, const char *from)
{
	struct idm_softlock_id id = credential(account, IDM_ATTR_PRIMARY_CREDENTIAL);
	struct idm_softlock_source source = idm_softlock_source_of(from);

	return idm_softlock_begin(t->locks, &id, &source, t->now_ms);
}

static void
end(struct table *t, uint64_t account, const char *from, bool failed)
{
	struct idm_softlock_id id = credential(account, IDM_ATTR_PRIMARY_CREDENTIAL);
	struct idm_softlock_source source = idm_softlock_source_of(from);

	idm_softlock_end(t->locks, &id, &source, failed, t->now_ms);
}

/* A guess, if it may be tested: was it? */
static bool
guess(struct table *t, uint64_t account, const char *from)
{
	if (!is_open(t, account, from))
		return false;
	assert_true(begin(t, account, from));
	end(t, account, from, true);
	return true;
}

static void
succeed(struct table *t, uint64_t account, const char *from)
{
	assert_true(is_open(t, account, from));
	assert_true(begin(t, account, from));
	end(t, account, from, false);
}

static struct idm_softlock_status
status_of(struct table *t, uint64_t account)
{
	struct idm_softlock_id id = credential(account, IDM_ATTR_PRIMARY_CREDENTIAL);

	return idm_softlock_status_of(t->locks, &id, t->now_ms);
}

static void
assert_count(struct table *t, size_t credentials, size_t sources)
{
	size_t are, from;

	idm_softlock_count(t->locks, &are, &from);
	assert_int_equal(are, credentials);
	assert_int_equal(from, sources);
}

/* --- the rule */

static void
each_failure_locks_as_long_as_its_step_says(void **state)
{
	static const struct {
		uint32_t upto;
		uint64_t pause_ms;
	} steps[] = { { 2, 1000 }, { 8, 3000 }, { 24, 5000 }, { 99, 10000 }, { 130, 60000 } };
	struct table *t = *state;
	uint32_t failures = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		while (failures < steps[i].upto) {
			assert_true(guess(t, 1, "192.0.2.7"));
			failures++;
			assert_int_equal(status_of(t, 1).failures, failures);
			assert_int_equal(status_of(t, 1).until_ms, t->now_ms + steps[i].pause_ms);
			assert_false(guess(t, 1, "192.0.2.7"));
			t->now_ms += steps[i].pause_ms - 1;
			assert_false(guess(t, 1, "192.0.2.7"));
			t->now_ms++;
		}
	}
	assert_int_equal(idm_softlock_pause_ms(0), 0);
	assert_int_equal(idm_softlock_pause_ms(UINT32_MAX), 60000);
}

/* In a day a source has 100 tests within 801 s, and then one a minute. */
static void
a_day_of_guesses_is_counted_to_the_last_one(void **state)
{
	struct table *t = *state;
	uint64_t first_ms = t->now_ms;
	uint32_t tested = 0, expected = 100;
	uint64_t at_ms = 2 * 1000 + 6 * 3000 + 16 * 5000 + 75 * 10000;

	for (at_ms += 60000; at_ms < DAY_MS; at_ms += 60000)
		expected++;
	for (; t->now_ms < first_ms + DAY_MS; t->now_ms += 500)
		tested += guess(t, 1, "192.0.2.7");
	assert_int_equal(tested, expected);
	assert_true(guess(t, 1, "192.0.2.7"));
	assert_int_equal(status_of(t, 1).failures, 1);
}

static void
a_lock_is_one_source_s_and_one_credential_s(void **state)
{
	struct table *t = *state;
	struct idm_softlock_id unix_password = credential(1, IDM_ATTR_UNIX_PASSWORD);
	struct idm_softlock_source source = idm_softlock_source_of("192.0.2.7");
	uint64_t until_ms;

	assert_true(guess(t, 1, "192.0.2.7"));
	assert_false(is_open(t, 1, "192.0.2.7"));
	assert_false(is_open(t, 1, "192.0.2.200"));
	assert_false(is_open(t, 1, "::ffff:192.0.2.9"));
	assert_true(is_open(t, 1, "192.0.3.7"));
	assert_true(is_open(t, 1, "2001:db8::1"));
	assert_true(is_open(t, 1, "ldapi"));
	assert_true(is_open(t, 2, "192.0.2.7"));
	assert_int_equal(idm_softlock_look(t->locks, &unix_password, &source, t->now_ms, &until_ms),
	    IDM_SOFTLOCK_OPEN);
}

static void
sources_are_networks_and_the_console_is_one(void **state)
{
	struct table *t = *state;

	assert_true(guess(t, 1, "2001:db8:0:1::1"));
	assert_false(is_open(t, 1, "2001:db8:0:1:ffff::2"));
	assert_true(is_open(t, 1, "2001:db8:0:2::1"));
	assert_true(guess(t, 2, "ldapi"));
	assert_false(is_open(t, 2, "console"));
	assert_true(is_open(t, 2, "::1"));
	assert_true(is_open(t, 2, "0.0.0.0"));
	assert_true(guess(t, 3, "::1"));
	assert_true(is_open(t, 3, "ldapi"));
}

static void
success_forgets_nothing(void **state)
{
	struct table *t = *state;

	for (int i = 0; i < 3; i++) {
		assert_true(guess(t, 1, "192.0.2.7"));
		t->now_ms += 3000;
		succeed(t, 1, "192.0.2.7");
	}
	assert_int_equal(status_of(t, 1).failures, 3);
	assert_true(guess(t, 1, "192.0.2.7"));
	t->now_ms += 2999;
	assert_false(is_open(t, 1, "192.0.2.7"));
}

static void
a_day_after_the_first_failure_the_count_begins_anew(void **state)
{
	struct table *t = *state;
	uint64_t first_ms = t->now_ms;

	while (status_of(t, 1).failures < 110) {
		guess(t, 1, "192.0.2.7");
		t->now_ms += 1000;
	}
	t->now_ms = first_ms + DAY_MS - 1;
	assert_true(guess(t, 1, "192.0.2.7"));
	assert_false(is_open(t, 1, "192.0.2.7"));
	assert_int_equal(status_of(t, 1).failures, 111);
	t->now_ms++;
	assert_int_equal(status_of(t, 1).failures, 0);
	assert_true(guess(t, 1, "192.0.2.7"));
	assert_int_equal(status_of(t, 1).failures, 1);
	assert_int_equal(status_of(t, 1).until_ms, t->now_ms + 1000);
}

/* --- over all sources */

static const char *
network(uint32_t n)
{
	static char text[32];

	snprintf(text, sizeof(text), "10.%u.%u.1", n / 256, n % 256);
	return text;
}

static void
more_than_a_hundred_failures_slow_it_for_all_but_close_it_for_none(void **state)
{
	struct table *t = *state;

	for (uint32_t i = 0; i < 101; i++)
		assert_true(guess(t, 1, network(i)));
	assert_true(status_of(t, 1).slowed);
	assert_false(guess(t, 1, network(500)));
	assert_false(is_open(t, 1, "ldapi"));
	t->now_ms += 999;
	assert_false(is_open(t, 1, "ldapi"));
	t->now_ms++;
	succeed(t, 1, "ldapi"); /* the owner, from where nobody else is */
	assert_false(is_open(t, 1, network(600)));
	t->now_ms += 1000;
	assert_true(guess(t, 1, network(600)));
	assert_false(is_open(t, 1, network(601)));
	assert_true(is_open(t, 2, network(601)));
	assert_int_equal(status_of(t, 1).failures, 102);
}

/* Strangers who ask all the time leave a gap of a second between two of their tests. */
static void
who_never_failed_gets_in_between_the_strangers(void **state)
{
	struct table *t = *state;
	uint32_t tested = 0, let_in = 0, waited_ms = 0;

	for (uint32_t i = 0; i < 101; i++)
		assert_true(guess(t, 1, network(i)));
	for (t->now_ms += 60000; let_in < 10; t->now_ms += 10) {
		for (uint32_t i = 0; i < 101; i++)
			tested += guess(t, 1, network(i));
		waited_ms += 10;
		if (!is_open(t, 1, "ldapi"))
			continue;
		assert_true(waited_ms <= 1010);
		succeed(t, 1, "ldapi");
		waited_ms = 0;
		let_in++;
		t->now_ms += 7000;
	}
	assert_in_range(tested, 10, 11);
}

static void
in_a_day_all_sources_together_have_a_test_a_second(void **state)
{
	struct table *t = *state;
	uint32_t tested = 0, n = 0;

	for (uint32_t i = 0; i < 101; i++)
		assert_true(guess(t, 1, network(n++)));
	for (uint32_t ms = 0; ms < 100000; ms += 100, t->now_ms += 100)
		tested += guess(t, 1, network(n++));
	assert_in_range(tested, 98, 100);
}

/* --- tests under way */

static void
a_credential_is_tested_for_a_source_one_at_a_time(void **state)
{
	struct table *t = *state;

	assert_true(begin(t, 1, "192.0.2.7"));
	assert_int_equal(look(t, 1, "192.0.2.9", NULL), IDM_SOFTLOCK_TESTING);
	assert_int_equal(look(t, 1, "192.0.3.7", NULL), IDM_SOFTLOCK_OPEN);
	assert_int_equal(look(t, 2, "192.0.2.7", NULL), IDM_SOFTLOCK_OPEN);
	end(t, 1, "192.0.2.7", false);
	assert_int_equal(look(t, 1, "192.0.2.9", NULL), IDM_SOFTLOCK_OPEN);
	assert_count(t, 0, 0);
	end(t, 1, "192.0.2.7", true); /* it was not begun: nothing comes of it */
	assert_count(t, 0, 0);
}

static void
what_is_cleared_under_a_test_counts_that_test_alone(void **state)
{
	struct table *t = *state;
	struct idm_uuid account = idm_uuid_builtin(1);

	for (int i = 0; i < 5; i++, t->now_ms += 3000)
		assert_true(guess(t, 1, "192.0.2.7"));
	assert_true(begin(t, 1, "192.0.2.7"));
	assert_true(idm_softlock_clear(t->locks, &account));
	assert_int_equal(look(t, 1, "192.0.2.7", NULL), IDM_SOFTLOCK_TESTING);
	end(t, 1, "192.0.2.7", true);
	assert_int_equal(status_of(t, 1).failures, 1);
}

/* --- clearing and forgetting */

static void
clearing_is_one_account_s_with_all_its_credentials(void **state)
{
	struct table *t = *state;
	struct idm_softlock_id unix_password = credential(1, IDM_ATTR_UNIX_PASSWORD);
	struct idm_softlock_source source = idm_softlock_source_of("192.0.2.7");
	struct idm_uuid account = idm_uuid_builtin(1);

	assert_false(idm_softlock_clear(t->locks, &account));
	assert_true(guess(t, 1, "192.0.2.7"));
	assert_true(guess(t, 1, "ldapi"));
	assert_true(guess(t, 2, "192.0.2.7"));
	assert_true(idm_softlock_begin(t->locks, &unix_password, &source, t->now_ms));
	idm_softlock_end(t->locks, &unix_password, &source, true, t->now_ms);
	assert_true(idm_softlock_clear(t->locks, &account));
	assert_true(is_open(t, 1, "192.0.2.7"));
	assert_true(is_open(t, 1, "ldapi"));
	assert_false(is_open(t, 2, "192.0.2.7"));
	assert_count(t, 1, 1);
	assert_false(idm_softlock_clear(t->locks, &account));
}

static void
what_is_over_costs_no_memory(void **state)
{
	struct table *t = *state;

	assert_true(guess(t, 1, "192.0.2.7"));
	t->now_ms += 1000;
	assert_true(guess(t, 1, "192.0.3.7"));
	assert_true(guess(t, 2, "192.0.2.7"));
	t->now_ms = START_MS + DAY_MS;
	idm_softlock_sweep(t->locks, t->now_ms);
	assert_count(t, 2, 2);
	assert_int_equal(status_of(t, 1).failures, 1);
	t->now_ms += 1000;
	idm_softlock_sweep(t->locks, t->now_ms);
	assert_count(t, 0, 0);
}

/* --- memory */

static void
a_locked_credential_is_not_pushed_out(void **state)
{
	struct table *t = *state;

	for (uint64_t i = 1; i <= SMALL_CREDENTIALS; i++)
		assert_true(guess(t, i, "192.0.2.7"));
	assert_true(is_open(t, 9, "192.0.2.7"));
	assert_false(begin(t, 9, "192.0.2.7")); /* no room: it must not be tested */
	for (uint64_t i = 1; i <= SMALL_CREDENTIALS; i++)
		assert_false(is_open(t, i, "192.0.2.7"));
	assert_count(t, SMALL_CREDENTIALS, SMALL_CREDENTIALS);
}

static void
the_fewest_failures_make_room_and_of_those_the_oldest(void **state)
{
	struct table *t = *state;

	for (int i = 0; i < 12; i++, t->now_ms += 5000)
		assert_true(guess(t, 1, "192.0.2.7"));
	for (uint64_t i = 2; i <= SMALL_CREDENTIALS; i++, t->now_ms += 1000)
		assert_true(guess(t, i, "192.0.2.7"));
	assert_true(guess(t, 9, "192.0.2.7"));
	assert_int_equal(status_of(t, 1).failures, 12);
	assert_int_equal(status_of(t, 2).failures, 0);
	assert_int_equal(status_of(t, 3).failures, 1);
	assert_int_equal(status_of(t, 9).failures, 1);
}

static void
a_credential_under_test_is_not_pushed_out(void **state)
{
	struct table *t = *state;

	for (uint64_t i = 1; i <= SMALL_CREDENTIALS; i++)
		assert_true(begin(t, i, "192.0.2.7"));
	assert_false(begin(t, 9, "192.0.2.7"));
	end(t, 1, "192.0.2.7", false);
	assert_true(begin(t, 9, "192.0.2.7"));
	assert_int_equal(look(t, 2, "192.0.2.7", NULL), IDM_SOFTLOCK_TESTING);
}

/* Where every place is taken by what is locked, sources share one: none is tested more often. */
static void
sources_without_a_place_share_one(void **state)
{
	struct table *t = *state;
	uint32_t n = 0;

	while (n < SMALL_SOURCES)
		assert_true(guess(t, 1, network(n++)));
	assert_true(guess(t, 1, network(n++)));
	assert_false(guess(t, 1, network(n++)));
	assert_false(guess(t, 1, network(0)));
	assert_count(t, 1, SMALL_SOURCES);
	assert_int_equal(status_of(t, 1).failures, SMALL_SOURCES + 1);
	t->now_ms += 1000;
	assert_true(guess(t, 1, network(0)));
	assert_int_equal(status_of(t, 1).failures, SMALL_SOURCES + 2);
}

static void
one_credential_s_sources_are_bounded_and_its_failures_stay(void **state)
{
	struct table *t = *state;
	uint32_t n = 0;

	for (; n < 100; n++)
		assert_true(guess(t, 1, network(n)));
	for (; n < 600; n++, t->now_ms += 1000)
		assert_true(guess(t, 1, network(n)));
	assert_count(t, 1, IDM_SOFTLOCK_SOURCES_OF_ONE);
	assert_int_equal(status_of(t, 1).failures, 600);
	assert_true(status_of(t, 1).slowed);
}

/* Thousands of names and networks, many guesses each: memory stays, and so does each lock. */
static void
no_storm_of_names_and_networks_frees_a_lock(void **state)
{
	struct table *t = *state;
	uint32_t seed = 1;
	size_t credentials, sources;

	for (int i = 0; i < 40; i++, t->now_ms += 10000)
		guess(t, 1, "192.0.2.7");
	assert_true(guess(t, 1, "192.0.2.7"));
	for (int i = 0; i < 20000; i++) {
		seed = seed * 1103515245 + 12345;
		if (is_open(t, 2 + seed % 500, network(seed >> 8 & 0xffff)) &&
		    begin(t, 2 + seed % 500, network(seed >> 8 & 0xffff)))
			end(t, 2 + seed % 500, network(seed >> 8 & 0xffff), true);
		t->now_ms += i % 4 == 0;
		assert_false(is_open(t, 1, "192.0.2.7"));
	}
	idm_softlock_count(t->locks, &credentials, &sources);
	assert_true(credentials <= 64 && sources <= 4096);
	assert_int_equal(status_of(t, 1).failures, 41);
}

#define in_a_table(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define in_a_small_table(test) cmocka_unit_test_setup_teardown(test, set_up_small, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		in_a_table(each_failure_locks_as_long_as_its_step_says),
		in_a_table(a_day_of_guesses_is_counted_to_the_last_one),
		in_a_table(a_lock_is_one_source_s_and_one_credential_s),
		in_a_table(sources_are_networks_and_the_console_is_one),
		in_a_table(success_forgets_nothing),
		in_a_table(a_day_after_the_first_failure_the_count_begins_anew),
		in_a_table(more_than_a_hundred_failures_slow_it_for_all_but_close_it_for_none),
		in_a_table(who_never_failed_gets_in_between_the_strangers),
		in_a_table(in_a_day_all_sources_together_have_a_test_a_second),
		in_a_table(a_credential_is_tested_for_a_source_one_at_a_time),
		in_a_table(what_is_cleared_under_a_test_counts_that_test_alone),
		in_a_table(clearing_is_one_account_s_with_all_its_credentials),
		in_a_table(what_is_over_costs_no_memory),
		in_a_small_table(a_locked_credential_is_not_pushed_out),
		in_a_small_table(the_fewest_failures_make_room_and_of_those_the_oldest),
		in_a_small_table(a_credential_under_test_is_not_pushed_out),
		in_a_small_table(sources_without_a_place_share_one),
		in_a_table(one_credential_s_sources_are_bounded_and_its_failures_stay),
		in_a_table(no_storm_of_names_and_networks_frees_a_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
