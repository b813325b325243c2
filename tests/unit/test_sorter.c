/* Ids in the order of their keys: the order, looking twice, and the bounds of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ldapd/sorter.h"

enum { BUDGET = 1024 * 1024, IDS = 5000 };

static struct sorter_total total;

static int
new_total(void **state)
{
	(void)state;
	total = (struct sorter_total){ 0, (size_t)4 * BUDGET };
	return 0;
}

static void
add(struct sorter *sorter, const char *key, uint64_t id)
{
	assert_int_equal(sorter_add(sorter, idm_span_cstr(key), id), IDM_OK);
}

/* The ids, a space between them. */
static const char *
order_of(struct sorter *sorter)
{
	static char text[256];

	text[0] = '\0';
	for (size_t i = 0; i < sorter->count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u",
		    i != 0 ? " " : "", (unsigned)sorter_at(sorter, i));
	return text;
}

static void
ids_come_in_the_order_of_their_keys(void **state)
{
	struct sorter *sorter = sorter_new(BUDGET, &total);

	(void)state;
	add(sorter, "m", 1);
	add(sorter, "", 2);
	add(sorter, "z", 3);
	add(sorter, "mm", 4);
	add(sorter, "a", 6);
	add(sorter, "a", 5); /* equal: by id */
	sorter_keep(sorter);
	assert_string_equal(order_of(sorter), "2 5 6 1 4 3");
	assert_string_equal(order_of(sorter), "2 5 6 1 4 3");
	sorter_unref(&sorter);
	assert_null(sorter);
	assert_int_equal(total.used_bytes, 0);
}

static void
nothing_sorted_is_nothing(void **state)
{
	struct sorter *sorter = sorter_new(BUDGET, &total);

	(void)state;
	sorter_keep(sorter);
	assert_int_equal(sorter->count, 0);
	sorter_unref(&sorter);
	sorter_unref(&sorter); /* there is none any more */
}

static void
what_is_forgotten_was_never_there(void **state)
{
	struct sorter *sorter = sorter_new(BUDGET, &total);

	(void)state;
	sorter_forget(sorter);
	add(sorter, "b", 1);
	add(sorter, "d", 2);
	sorter_keep(sorter);
	add(sorter, "a", 3);
	add(sorter, "c", 4);
	sorter_forget(sorter);
	add(sorter, "c", 5);
	sorter_keep(sorter);
	assert_string_equal(order_of(sorter), "1 5 2");
	sorter_unref(&sorter);
}

struct pair {
	char key[12];
	uint64_t id;
};

static int
compare_pairs(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order != 0 ? order : x->id < y->id ? -1 : 1;
}

/* Whatever place somebody looks at first, and in whatever steps he goes on. */
static void
any_place_may_be_looked_at_as_often_as_one_likes(void **state)
{
	static struct pair pairs[IDS];
	struct sorter *sorter = sorter_new(BUDGET, &total);
	unsigned seed = 1;

	(void)state;
	for (size_t i = 0; i < IDS; i++) {
		seed = seed * 1103515245 + 12345;
		snprintf(pairs[i].key, sizeof(pairs[i].key), "%u", seed >> 16 & 0xfff);
		pairs[i].id = i + 1;
		add(sorter, pairs[i].key, pairs[i].id);
		if (i % 777 == 0)
			sorter_keep(sorter);
	}
	sorter_keep(sorter);
	qsort(pairs, IDS, sizeof(pairs[0]), compare_pairs);
	for (size_t i = 100; i < 200; i++)
		assert_int_equal(sorter_at(sorter, i), pairs[i].id);
	assert_int_equal(sorter_at(sorter, 0), pairs[0].id);
	for (size_t i = 0; i < IDS; i += 7)
		assert_int_equal(sorter_at(sorter, i), pairs[i].id);
	for (size_t i = IDS; i-- != 0;)
		assert_int_equal(sorter_at(sorter, i), pairs[i].id);
	sorter_unref(&sorter);
}

static void
one_search_takes_as_much_as_it_may(void **state)
{
	struct sorter *sorter = sorter_new(16384, &total);
	enum idm_result result = IDM_OK;
	uint64_t id = 0;

	(void)state;
	while (result == IDM_OK)
		result = sorter_add(sorter, IDM_SPAN_LIT("a key of some length"), ++id);
	assert_int_equal(result, IDM_LIMIT);
	assert_in_range(id, 100, 16384 / 20);
	assert_in_range(total.used_bytes, 8192, 16384);
	sorter_clear(sorter);
	assert_int_equal(total.used_bytes, 0);
	assert_int_equal(sorter->count, 0);
	add(sorter, "x", 1);
	sorter_unref(&sorter);
	assert_int_equal(total.used_bytes, 0);
}

static void
all_searches_together_take_as_much_as_they_may(void **state)
{
	struct sorter *one = sorter_new(BUDGET, &total);
	struct sorter *other = sorter_new(BUDGET, &total);
	uint64_t id = 0;

	(void)state;
	total.max_bytes = 20000;
	while (sorter_add(one, IDM_SPAN_LIT("a key of some length"), ++id) == IDM_OK)
		;
	assert_int_equal(sorter_add(other, IDM_SPAN_LIT("k"), 1), IDM_BUSY);
	assert_in_range(total.used_bytes, 20000, 20000 + BUDGET / 8);
	sorter_unref(&one);
	assert_int_equal(sorter_add(other, IDM_SPAN_LIT("k"), 1), IDM_OK);
	sorter_unref(&other);
	assert_int_equal(total.used_bytes, 0);
}

static void
it_lives_as_long_as_somebody_refers_to_it(void **state)
{
	struct sorter *one = sorter_new(BUDGET, &total);
	struct sorter *other = sorter_ref(one);

	(void)state;
	add(one, "x", 9);
	sorter_keep(one);
	sorter_unref(&one);
	assert_int_equal(sorter_at(other, 0), 9);
	sorter_unref(&other);
	assert_int_equal(total.used_bytes, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, new_total)
		T(ids_come_in_the_order_of_their_keys),
		T(nothing_sorted_is_nothing),
		T(what_is_forgotten_was_never_there),
		T(any_place_may_be_looked_at_as_often_as_one_likes),
		T(one_search_takes_as_much_as_it_may),
		T(all_searches_together_take_as_much_as_they_may),
		T(it_lives_as_long_as_somebody_refers_to_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
