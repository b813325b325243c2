#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/arena.h"

static void
a_rewind_gives_back_what_came_since_the_mark(void **state)
{
	struct idm_arena *arena = idm_arena_new(1000);
	struct idm_arena_mark mark;
	uint8_t *kept;

	(void)state;
	assert_non_null(arena);
	kept = idm_arena_alloc(arena, 100);
	assert_non_null(kept);
	memset(kept, 0xaa, 100);
	mark = idm_arena_mark(arena);
	for (int round = 0; round < 1000; round++) {
		assert_non_null(idm_arena_alloc(arena, 800));
		assert_null(idm_arena_alloc(arena, 200));
		idm_arena_rewind(arena, mark);
	}
	for (int i = 0; i < 100; i++)
		assert_int_equal(kept[i], 0xaa);
	idm_arena_free(&arena);
}

static void
a_rewind_wipes(void **state)
{
	struct idm_arena *arena = idm_arena_new(1000);
	struct idm_arena_mark mark;
	uint8_t *secret;

	(void)state;
	assert_non_null(arena);
	mark = idm_arena_mark(arena);
	secret = idm_arena_alloc(arena, 64);
	assert_non_null(secret);
	memset(secret, 0xaa, 64);
	idm_arena_rewind(arena, mark);
	for (int i = 0; i < 64; i++) /* the first block stays, so it may be looked at */
		assert_int_equal(secret[i], 0);
	idm_arena_free(&arena);
}

static void
a_rewind_passes_over_blocks(void **state)
{
	enum { LARGE = 100 * 1024 };
	struct idm_arena *arena = idm_arena_new(10 * LARGE);
	struct idm_arena_mark first, second;
	uint8_t *large;

	(void)state;
	assert_non_null(arena);
	first = idm_arena_mark(arena);
	large = idm_arena_alloc(arena, LARGE);
	assert_non_null(large);
	large[0] = 7;
	second = idm_arena_mark(arena);
	for (int i = 0; i < 8; i++)
		assert_non_null(idm_arena_alloc(arena, LARGE));
	idm_arena_rewind(arena, second);
	assert_int_equal(large[0], 7);
	idm_arena_rewind(arena, first);
	for (int i = 0; i < 10; i++)
		assert_non_null(idm_arena_alloc(arena, LARGE));
	assert_null(idm_arena_alloc(arena, 1));
	idm_arena_free(&arena);
}

static void
count_release(void *thing)
{
	(*(int *)thing)++;
}

static void
what_is_held_is_released_once_with_the_memory(void **state)
{
	struct idm_arena *arena = idm_arena_new(1000);
	struct idm_arena_mark mark;
	int one = 0, other = 0;

	(void)state;
	assert_non_null(arena);
	mark = idm_arena_mark(arena);
	assert_true(idm_arena_hold(arena, &one, count_release));
	assert_true(idm_arena_holds(arena, &one));
	assert_false(idm_arena_holds(arena, &other));
	idm_arena_rewind(arena, mark);
	assert_int_equal(one, 0); /* who points to it may have been there before the mark */
	idm_arena_reset(arena);
	assert_int_equal(one, 1);
	assert_false(idm_arena_holds(arena, &one));
	assert_true(idm_arena_hold(arena, &other, count_release));
	idm_arena_free(&arena);
	assert_int_equal(one, 1);
	assert_int_equal(other, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rewind_gives_back_what_came_since_the_mark),
		cmocka_unit_test(a_rewind_wipes),
		cmocka_unit_test(a_rewind_passes_over_blocks),
		cmocka_unit_test(what_is_held_is_released_once_with_the_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
