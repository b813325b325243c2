/* The handles that workers are given for identities. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ldapd/core.h"

static struct idm_identity
identity_of(uint8_t number)
{
	struct idm_identity identity = { .kind = IDM_IDENTITY_PASSWORD };

	identity.uuid.bytes[0] = number;
	return identity;
}

static uint64_t
add(struct core_worker *worker, uint8_t number)
{
	struct idm_identity identity = identity_of(number);
	uint64_t handle = core_identity_add(worker, &identity);

	assert_true(handle != 0);
	return handle;
}

static void
a_handle_stands_for_its_identity(void **state)
{
	struct core_worker worker = { .core = NULL };
	uint64_t first = add(&worker, 1);
	uint64_t second = add(&worker, 2);

	(void)state;
	assert_int_equal(core_identity(&worker, first)->uuid.bytes[0], 1);
	assert_int_equal(core_identity(&worker, second)->uuid.bytes[0], 2);
	free(worker.logins);
}

static void
what_was_not_given_stands_for_nobody(void **state)
{
	struct core_worker worker = { .core = NULL };
	uint64_t handle;

	(void)state;
	assert_null(core_identity(&worker, 0));
	assert_null(core_identity(&worker, 1));
	handle = add(&worker, 1);
	assert_null(core_identity(&worker, 0));
	assert_null(core_identity(&worker, handle + 1));
	assert_null(core_identity(&worker, handle + ((uint64_t)1 << 32)));
	assert_null(core_identity(&worker, UINT64_MAX));
	free(worker.logins);
}

static void
a_released_handle_is_never_another_s(void **state)
{
	struct core_worker worker = { .core = NULL };
	uint64_t old = add(&worker, 1);
	uint64_t fresh;

	(void)state;
	core_identity_remove(&worker, old);
	assert_null(core_identity(&worker, old));
	fresh = add(&worker, 2);
	assert_null(core_identity(&worker, old));
	core_identity_remove(&worker, old); /* once more: it takes nothing from the new one */
	assert_int_equal(core_identity(&worker, fresh)->uuid.bytes[0], 2);
	free(worker.logins);
}

static void
places_are_used_again_up_to_the_limit(void **state)
{
	struct core_worker worker = { .core = NULL };
	struct idm_identity identity = identity_of(1);
	uint64_t last = 0;

	(void)state;
	for (size_t i = 0; i < CORE_IDENTITY_MAX; i++)
		last = add(&worker, 1);
	assert_true(core_identity_add(&worker, &identity) == 0);
	assert_true(core_identity_add(&worker, &identity) == 0);
	core_identity_remove(&worker, last);
	add(&worker, 2);
	assert_true(core_identity_add(&worker, &identity) == 0);
	free(worker.logins);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handle_stands_for_its_identity),
		cmocka_unit_test(what_was_not_given_stands_for_nobody),
		cmocka_unit_test(a_released_handle_is_never_another_s),
		cmocka_unit_test(places_are_used_again_up_to_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
