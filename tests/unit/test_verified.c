/* What is remembered of passwords that fitted, and when it is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/credential.h"
#include "core/verified.h"

enum { ROOM = 64, LIFETIME_S = 60 };

static const struct idm_span password = { (const uint8_t *)"correct horse", 13 };

static struct idm_verified_id
id_of(uint8_t account, uint32_t attr_number, uint64_t set_at_no)
{
	struct idm_verified_id id = { .attr_number = attr_number, .set_at_no = set_at_no };

	id.account.bytes[0] = account;
	return id;
}

static int
setup(void **state)
{
	struct idm_error err = { .text = "" };
	struct idm_verified *cache;

	if (idm_verified_open(ROOM, LIFETIME_S, &cache, &err) != IDM_OK)
		fail_msg("%s", err.text);
	*state = cache;
	return 0;
}

static int
teardown(void **state)
{
	struct idm_verified *cache = *state;

	idm_verified_close(&cache);
	assert_null(cache);
	return 0;
}

static void
what_was_put_in_is_known_and_nothing_like_it(void **state)
{
	struct idm_verified *cache = *state;
	const struct idm_verified_id id = id_of(1, 10, 7);
	const struct idm_verified_id others[] = { id_of(2, 10, 7), id_of(1, 11, 7), id_of(1, 10, 8),
		id_of(1, 10, 6), id_of(1, 10, 0), id_of(1, 0, 7) };

	assert_false(idm_verified_has(cache, &id, password, 0));
	idm_verified_put(cache, &id, password, 0);
	assert_true(idm_verified_has(cache, &id, password, 0));
	assert_true(idm_verified_has(cache, &id, password, 1));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(idm_verified_has(cache, &others[i], password, 0));
}

static void
another_password_is_not_known_and_does_not_drive_out_the_right_one(void **state)
{
	struct idm_verified *cache = *state;
	const struct idm_verified_id id = id_of(1, 10, 7);
	char text[15];

	idm_verified_put(cache, &id, password, 0);
	for (size_t i = 0; i < password.len; i++) {
		snprintf(text, sizeof(text), "%.*s", IDM_SPAN_ARG(password));
		text[i] ^= 1;
		assert_false(idm_verified_has(cache, &id, idm_span_cstr(text), 0));
		assert_false(idm_verified_has(cache, &id, idm_span_of(password.ptr, i), 0));
	}
	snprintf(text, sizeof(text), "%.*s ", IDM_SPAN_ARG(password));
	assert_false(idm_verified_has(cache, &id, idm_span_cstr(text), 0));
	assert_false(idm_verified_has(
	    cache, &id, idm_span_of((const uint8_t *)"correct horse", 14), 0)); /* and its NUL */
	assert_true(idm_verified_has(cache, &id, password, 0));
}

static void
one_credential_has_one_password(void **state)
{
	struct idm_verified *cache = *state;
	const struct idm_verified_id id = id_of(1, 10, 7);

	idm_verified_put(cache, &id, password, 0);
	idm_verified_put(cache, &id, IDM_SPAN_LIT("another"), 0);
	assert_int_equal(idm_verified_count(cache), 1);
	assert_false(idm_verified_has(cache, &id, password, 0));
	assert_true(idm_verified_has(cache, &id, IDM_SPAN_LIT("another"), 0));
}

static void
its_time_is_over_however_often_it_was_used(void **state)
{
	struct idm_verified *cache = *state;
	const struct idm_verified_id id = id_of(1, 10, 7);
	const struct idm_verified_id later = id_of(2, 10, 7);

	idm_verified_put(cache, &id, password, 5000);
	for (uint64_t now_ms = 5000; now_ms < 65000; now_ms += 1000)
		assert_true(idm_verified_has(cache, &id, password, now_ms));
	assert_true(idm_verified_has(cache, &id, password, 64999));
	assert_false(idm_verified_has(cache, &id, password, 65000));
	assert_int_equal(idm_verified_count(cache), 0);

	idm_verified_put(cache, &id, password, 5000);
	idm_verified_put(cache, &later, password, 5001);
	idm_verified_sweep(cache, 64999);
	assert_int_equal(idm_verified_count(cache), 2);
	idm_verified_sweep(cache, 65000);
	assert_int_equal(idm_verified_count(cache), 1);
	assert_true(idm_verified_has(cache, &later, password, 65000));
}

static void
all_of_an_account_is_dropped_and_nothing_else(void **state)
{
	struct idm_verified *cache = *state;
	const struct idm_verified_id of_one[] = { id_of(1, 10, 7), id_of(1, 11, 7),
		id_of(1, 10, 9) };
	const struct idm_verified_id other = id_of(2, 10, 7);

	for (size_t i = 0; i < 3; i++)
		idm_verified_put(cache, &of_one[i], password, 0);
	idm_verified_put(cache, &other, password, 0);
	idm_verified_drop(cache, &of_one[0].account);
	for (size_t i = 0; i < 3; i++)
		assert_false(idm_verified_has(cache, &of_one[i], password, 0));
	assert_true(idm_verified_has(cache, &other, password, 0));
	assert_int_equal(idm_verified_count(cache), 1);
}

/* Whoever proves one password after the other does not make it grow; the last is there. */
static void
it_never_holds_more_than_it_has_room_for(void **state)
{
	struct idm_verified *cache = *state;

	for (uint64_t no = 1; no <= 100; no++) {
		for (int account = 0; account < 256; account++) {
			const struct idm_verified_id id = id_of((uint8_t)account, 10, no);

			idm_verified_put(cache, &id, password, 0);
			assert_true(idm_verified_has(cache, &id, password, 0));
			assert_true(idm_verified_count(cache) <= ROOM);
		}
	}
	assert_int_equal(idm_verified_count(cache), ROOM);
}

static void
what_is_used_stays_when_others_have_to_go(void **state)
{
	struct idm_verified *cache = *state;
	const struct idm_verified_id used = id_of(1, 10, 7);

	idm_verified_put(cache, &used, password, 0);
	for (uint64_t no = 100; no < 200; no++) {
		const struct idm_verified_id id = id_of(1, 11, no);

		idm_verified_put(cache, &id, password, 0);
		assert_true(idm_verified_has(cache, &used, password, 0));
	}
}

/* Two that were opened know nothing of each other: a restart forgets all. */
static void
another_cache_knows_nothing(void **state)
{
	struct idm_verified *cache = *state;
	struct idm_verified *other;
	struct idm_error err;
	const struct idm_verified_id id = id_of(1, 10, 7);

	idm_verified_put(cache, &id, password, 0);
	assert_int_equal(idm_verified_open(1, 1, &other, &err), IDM_OK);
	assert_false(idm_verified_has(other, &id, password, 0));
	idm_verified_close(&other);
	idm_verified_close(&other);
}

static void
what_can_be_no_password_is_not_kept(void **state)
{
	static const uint8_t long_one[IDM_PASSWORD_MAX_BYTES + 1] = { 'x' };
	struct idm_verified *cache = *state;
	const struct idm_verified_id id = id_of(1, 10, 7);
	struct idm_span longest = { long_one, IDM_PASSWORD_MAX_BYTES };
	struct idm_span too_long = { long_one, sizeof(long_one) };

	idm_verified_put(cache, &id, IDM_SPAN_EMPTY, 0);
	idm_verified_put(cache, &id, too_long, 0);
	assert_int_equal(idm_verified_count(cache), 0);
	idm_verified_put(cache, &id, longest, 0);
	assert_true(idm_verified_has(cache, &id, longest, 0));
	assert_false(idm_verified_has(cache, &id, too_long, 0));
	assert_false(idm_verified_has(cache, &id, IDM_SPAN_EMPTY, 0));
}

static void
none_at_all_holds_nothing(void **state)
{
	const struct idm_verified_id id = id_of(1, 10, 7);
	struct idm_verified *none = NULL;

	(void)state;
	idm_verified_put(none, &id, password, 0);
	assert_false(idm_verified_has(none, &id, password, 0));
	idm_verified_drop(none, &id.account);
	idm_verified_sweep(none, UINT64_MAX);
	assert_int_equal(idm_verified_count(none), 0);
	idm_verified_close(&none);
}

#define on_its_own(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		on_its_own(what_was_put_in_is_known_and_nothing_like_it),
		on_its_own(another_password_is_not_known_and_does_not_drive_out_the_right_one),
		on_its_own(one_credential_has_one_password),
		on_its_own(its_time_is_over_however_often_it_was_used),
		on_its_own(all_of_an_account_is_dropped_and_nothing_else),
		on_its_own(it_never_holds_more_than_it_has_room_for),
		on_its_own(what_is_used_stays_when_others_have_to_go),
		on_its_own(another_cache_knows_nothing),
		on_its_own(what_can_be_no_password_is_not_kept),
		cmocka_unit_test(none_at_all_holds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
