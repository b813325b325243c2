/* Sets of ids against a plain array of bools, and stored forms against every damage. */
#include "core/idset.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

enum { WINDOW_NO = 5, ARENA_BYTES = 1 << 20 };

#define FIRST ((uint64_t)WINDOW_NO << IDM_WINDOW_BITS)

static uint64_t
random_number(void)
{
	static uint64_t x = 88172645463325252U; /* the same numbers in each run */

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* A set with about `percent` of all ids. */
static void
fill(struct idm_window *window, bool naive[IDM_WINDOW_IDS], unsigned percent)
{
	idm_window_clear(window);
	for (uint64_t i = 0; i < IDM_WINDOW_IDS; i++) {
		naive[i] = random_number() % 100 < percent;
		if (naive[i])
			idm_window_add(window, FIRST + i);
	}
}

static struct idm_window
first_ids(uint32_t count)
{
	struct idm_window window = { 0 };

	for (uint32_t i = 0; i < count; i++)
		idm_window_add(&window, i);
	return window;
}

static void
a_window_is_a_set(void **state)
{
	static bool naive[IDM_WINDOW_IDS];
	struct idm_window window;

	(void)state;
	for (unsigned percent = 0; percent <= 100; percent += 20) {
		uint64_t next = UINT64_MAX;
		uint32_t count = 0;

		fill(&window, naive, percent);
		for (uint64_t i = IDM_WINDOW_IDS; i-- > 0;) {
			if (naive[i]) {
				next = FIRST + i;
				count++;
			}
			assert_int_equal(idm_window_has(&window, FIRST + i), naive[i]);
			assert_int_equal(idm_window_next(&window, WINDOW_NO, FIRST + i), next);
		}
		assert_int_equal(idm_window_next(&window, WINDOW_NO, FIRST - 1), UINT64_MAX);
		assert_int_equal(
		    idm_window_next(&window, WINDOW_NO, FIRST + IDM_WINDOW_IDS), UINT64_MAX);
		assert_int_equal(idm_window_count(&window), count);
		assert_false(idm_window_has_more(&window, count));
		assert_false(idm_window_has_more(&window, UINT32_MAX));
		if (count != 0) {
			assert_true(idm_window_has_more(&window, count - 1));
			assert_true(idm_window_has_more(&window, 0));
		}
	}
	idm_window_remove(&window, FIRST + 64);
	assert_false(idm_window_has(&window, FIRST + 64));
	assert_int_equal(idm_window_count(&window), IDM_WINDOW_IDS - 1);
}

static void
windows_combine_as_sets_do(void **state)
{
	static bool a[IDM_WINDOW_IDS], b[IDM_WINDOW_IDS];
	struct idm_window x, y, and, or, and_not;

	(void)state;
	fill(&x, a, 30);
	fill(&y, b, 60);
	and = or = and_not = x;
	idm_window_and(&and, &y);
	idm_window_or(& or, &y);
	idm_window_and_not(&and_not, &y);
	for (uint64_t i = 0; i < IDM_WINDOW_IDS; i++) {
		assert_int_equal(idm_window_has(&and, i), a[i] && b[i]);
		assert_int_equal(idm_window_has(& or, i), a[i] || b[i]);
		assert_int_equal(idm_window_has(&and_not, i), a[i] && !b[i]);
	}
}

/* Encode, check the form, decode again. */
static void
assert_round_trip(const struct idm_window *window)
{
	uint8_t bytes[IDM_CONTAINER_MAX_BYTES];
	size_t len = idm_container_encode(window, bytes);
	struct idm_span span = { bytes, len };
	struct idm_window back;
	struct idm_error err;

	assert_true(len > 1 && len <= sizeof(bytes));
	assert_int_equal(bytes[0], idm_window_count(window) <= IDM_WINDOW_LIST_MAX ? 1 : 2);
	idm_window_clear(&back);
	assert_int_equal(idm_container_decode(span, &back, &err), IDM_OK);
	assert_memory_equal(&back, window, sizeof(back));
}

static void
a_container_gives_its_window_back(void **state)
{
	static const uint32_t counts[] = { 1, 2, 127, 128, 129, IDM_WINDOW_LIST_MAX,
		IDM_WINDOW_LIST_MAX + 1, IDM_WINDOW_IDS };
	static bool naive[IDM_WINDOW_IDS];
	struct idm_window window;
	uint8_t bytes[IDM_CONTAINER_MAX_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		window = first_ids(counts[i]);
		assert_round_trip(&window);
	}
	for (unsigned percent = 1; percent <= 100; percent += 9) {
		fill(&window, naive, percent);
		assert_round_trip(&window);
	}
	idm_window_clear(&window);
	idm_window_add(&window, IDM_WINDOW_IDS - 1);
	assert_round_trip(&window);
	idm_window_clear(&window);
	assert_int_equal(idm_container_encode(&window, bytes), 0);
}

static void
decoding_adds_to_what_is_there(void **state)
{
	struct idm_window window = first_ids(3);
	struct idm_error err;
	static const uint8_t list[] = { 1, 5, 1 }; /* 5 and 7 */

	(void)state;
	assert_int_equal(
	    idm_container_decode((struct idm_span){ list, sizeof(list) }, &window, &err), IDM_OK);
	assert_int_equal(idm_window_count(&window), 5);
	assert_true(idm_window_has(&window, 2));
	assert_true(idm_window_has(&window, 5));
	assert_true(idm_window_has(&window, 7));
}

/* The widest list: gaps of two bytes each as far as the window allows. */
static struct idm_window
widest_list(void)
{
	struct idm_window window = { 0 };

	for (uint64_t id = 130; id < IDM_WINDOW_IDS; id += 130)
		idm_window_add(&window, id);
	return window;
}

static bool
is_refused(const uint8_t *bytes, size_t len)
{
	struct idm_window window;
	struct idm_error err;
	uint8_t out[IDM_CONTAINER_MAX_BYTES];
	size_t out_len;
	bool changed;
	uint8_t *own =
	    malloc(len > 0 ? len : 1); /* a block of its own: ASan sees one byte too far */
	struct idm_span span = { own, len };
	enum idm_result decoded, set;

	assert_non_null(own);
	memcpy(own, bytes, len);
	idm_window_clear(&window);
	decoded = idm_container_decode(span, &window, &err);
	set = len == 0 ? IDM_CORRUPT
		       : idm_container_set(span, 77, true, out, &out_len, &changed, &err);
	assert_int_equal(decoded, set); /* they agree on what is canonical */
	free(own);
	return decoded == IDM_CORRUPT;
}

static void
every_truncation_of_a_container_is_refused_or_canonical(void **state)
{
	struct idm_window windows[] = { widest_list(), first_ids(IDM_WINDOW_LIST_MAX),
		first_ids(IDM_WINDOW_LIST_MAX + 1), first_ids(1) };

	(void)state;
	for (size_t w = 0; w < 4; w++) {
		uint8_t bytes[IDM_CONTAINER_MAX_BYTES];
		size_t len = idm_container_encode(&windows[w], bytes);

		for (size_t n = 0; n < len; n++) {
			/* A list that is cut between two numbers is a shorter list; its record's
			 * checksum tells.  Nothing else may pass. */
			bool is_list = bytes[0] == 1 && n >= 2 && bytes[n - 1] < 0x80;

			assert_int_equal(is_refused(bytes, n), !is_list);
		}
	}
}

static void
what_is_not_canonical_is_refused(void **state)
{
	static const uint8_t long_zero[] = { 1, 0x80, 0 };
	static const uint8_t long_one[] = { 1, 5, 0x81, 0 };
	static const uint8_t beyond[] = { 1, 0x80, 0x40 };
	static const uint8_t sum_beyond[] = { 1, 0xFF, 0x3F, 0 };
	static const uint8_t huge[] = { 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
		1 };
	static const uint8_t unknown_kind[] = { 3, 1 };
	static const uint8_t kind_alone[] = { 1 };
	uint8_t sparse[1025] = { 2, 1 };
	uint8_t many[2 + IDM_WINDOW_LIST_MAX] = { 1 };
	uint8_t longer[1026] = { 2 };

	(void)state;
	assert_true(is_refused(long_zero, sizeof(long_zero)));
	assert_true(is_refused(long_one, sizeof(long_one)));
	assert_true(is_refused(beyond, sizeof(beyond)));
	assert_true(is_refused(sum_beyond, sizeof(sum_beyond)));
	assert_true(is_refused(huge, sizeof(huge)));
	assert_true(is_refused(unknown_kind, sizeof(unknown_kind)));
	assert_true(is_refused(kind_alone, sizeof(kind_alone)));
	assert_true(is_refused(sparse, sizeof(sparse))); /* has to be a list */
	assert_true(is_refused(many, sizeof(many)));     /* has to be a bitmap */
	assert_false(is_refused(many, sizeof(many) - 1));
	memset(longer + 1, 0xFF, sizeof(longer) - 1);
	assert_true(is_refused(longer, sizeof(longer)));
	assert_false(is_refused(longer, sizeof(longer) - 1));
}

static void
random_bytes_are_refused_or_canonical(void **state)
{
	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint8_t bytes[24];
		uint8_t again[IDM_CONTAINER_MAX_BYTES];
		size_t len = 2 + random_number() % (sizeof(bytes) - 1);
		struct idm_window window;
		struct idm_error err;

		len = len > sizeof(bytes) ? sizeof(bytes) : len;
		bytes[0] = 1;
		for (size_t i = 1; i < len; i++)
			bytes[i] = (uint8_t)random_number() & 0x8F;
		if (is_refused(bytes, len))
			continue;
		idm_window_clear(&window);
		assert_int_equal(
		    idm_container_decode((struct idm_span){ bytes, len }, &window, &err), IDM_OK);
		assert_int_equal(idm_container_encode(&window, again), len);
		assert_memory_equal(again, bytes, len);
	}
}

/* One change, checked against the same change of `window`. */
static void
change_one(uint8_t *bytes, size_t *len, struct idm_window *window, uint64_t id, bool present)
{
	uint8_t out[IDM_CONTAINER_MAX_BYTES];
	uint8_t expected[IDM_CONTAINER_MAX_BYTES];
	size_t out_len;
	size_t expected_len;
	struct idm_error err;
	bool changed;

	assert_int_equal(idm_container_set((struct idm_span){ bytes, *len }, id, present, out,
			     &out_len, &changed, &err),
	    IDM_OK);
	assert_int_equal(changed, idm_window_has(window, id) != present);
	if (present)
		idm_window_add(window, id);
	else
		idm_window_remove(window, id);
	expected_len = idm_container_encode(window, expected);
	assert_int_equal(out_len, expected_len);
	assert_memory_equal(out, expected, out_len);
	memcpy(bytes, out, out_len);
	*len = out_len;
}

static void
changing_one_id_gives_the_one_encoding_of_the_set(void **state)
{
	uint8_t bytes[IDM_CONTAINER_MAX_BYTES];
	size_t len = 0;
	struct idm_window window = { 0 };

	(void)state;
	/* Grows past the border of lists and bitmaps, and shrinks to nothing again. */
	for (int i = 0; i < 2000; i++)
		change_one(bytes, &len, &window, FIRST + random_number() % 2048, i % 8 != 0);
	assert_int_equal(bytes[0], 2);
	for (int i = 0; i < 2000; i++)
		change_one(bytes, &len, &window, FIRST + random_number() % 2048, i % 8 == 0);
	assert_int_equal(bytes[0], 1);
	for (uint64_t id = 0; id < IDM_WINDOW_IDS; id++)
		change_one(bytes, &len, &window, FIRST + id, false);
	assert_int_equal(len, 0);
	for (int i = 0; i < 3000; i++)
		change_one(bytes, &len, &window, random_number() % IDM_WINDOW_IDS, i % 3 != 0);
}

static void
lists_in_memory_stay_sorted_and_without_doubles(void **state)
{
	struct idm_arena *arena = idm_arena_new(ARENA_BYTES);
	struct idm_ids list = { 0 };
	bool naive[512] = { false };
	bool added;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t id = random_number() % 512;

		assert_int_equal(idm_ids_add(&list, arena, id, &added), IDM_OK);
		assert_int_equal(added, !naive[id]);
		naive[id] = true;
	}
	assert_int_equal(idm_ids_add(&list, arena, 600, NULL), IDM_OK);
	for (uint64_t id = 0; id < 512; id++)
		assert_int_equal(idm_ids_has(&list, id), naive[id]);
	for (size_t i = 1; i < list.count; i++)
		assert_true(list.ids[i - 1] < list.ids[i]);
	assert_false(idm_ids_has(&list, 601));
	idm_arena_free(&arena);
}

static void
lists_intersect_where_they_share_an_id(void **state)
{
	struct idm_arena *arena = idm_arena_new(ARENA_BYTES);
	struct idm_ids odd = { 0 }, even = { 0 }, none = { 0 };

	(void)state;
	for (uint64_t id = 0; id < 100; id += 2) {
		assert_int_equal(idm_ids_add(&even, arena, id, NULL), IDM_OK);
		assert_int_equal(idm_ids_add(&odd, arena, id + 1, NULL), IDM_OK);
	}
	assert_false(idm_ids_intersect(&odd, &even));
	assert_false(idm_ids_intersect(&none, &even));
	assert_false(idm_ids_intersect(&even, &none));
	assert_int_equal(idm_ids_add(&even, arena, 99, NULL), IDM_OK);
	assert_true(idm_ids_intersect(&odd, &even));
	assert_true(idm_ids_intersect(&even, &odd));
	idm_arena_free(&arena);
}

/* One that is far longer is searched, not walked along. */
static void
a_short_list_intersects_a_long_one(void **state)
{
	struct idm_arena *arena = idm_arena_new(ARENA_BYTES);
	struct idm_ids many = { 0 }, few = { 0 };

	(void)state;
	for (uint64_t id = 2; id <= 2000; id += 2)
		assert_int_equal(idm_ids_add(&many, arena, id, NULL), IDM_OK);
	for (uint64_t id = 1; id <= 2001; id += 400)
		assert_int_equal(idm_ids_add(&few, arena, id, NULL), IDM_OK);
	assert_false(idm_ids_intersect(&few, &many));
	assert_false(idm_ids_intersect(&many, &few));
	for (uint64_t id = 2; id <= 2000; id += 998) {
		struct idm_ids one = { &id, 1, 1 };

		assert_true(idm_ids_intersect(&one, &many));
		assert_true(idm_ids_intersect(&many, &one));
	}
	idm_arena_free(&arena);
}

static void
an_id_that_is_taken_out_is_gone_and_the_others_stay(void **state)
{
	struct idm_arena *arena = idm_arena_new(ARENA_BYTES);
	struct idm_ids list = { 0 };

	(void)state;
	for (uint64_t id = 1; id <= 9; id++)
		assert_int_equal(idm_ids_add(&list, arena, id, NULL), IDM_OK);
	assert_true(idm_ids_remove(&list, 1));
	assert_true(idm_ids_remove(&list, 5));
	assert_true(idm_ids_remove(&list, 9));
	assert_false(idm_ids_remove(&list, 5));
	assert_false(idm_ids_remove(&list, 10));
	assert_int_equal(list.count, 6);
	for (uint64_t id = 1; id <= 9; id++)
		assert_int_equal(idm_ids_has(&list, id), id % 4 != 1);
	idm_arena_free(&arena);
}

static void
packed_lists_give_their_ids_back(void **state)
{
	struct idm_arena *arena = idm_arena_new(ARENA_BYTES);
	struct idm_ids list = { 0 }, back;
	struct idm_error err;
	struct idm_span packed = idm_packed_encode(&list, arena);

	(void)state;
	assert_non_null(packed.ptr);
	assert_int_equal(packed.len, 0);
	assert_int_equal(idm_packed_decode(packed, &back, arena, &err), IDM_OK);
	assert_int_equal(back.count, 0);
	for (int i = 0; i < 64; i++)
		for (uint64_t off = 0; off < 3; off++)
			assert_int_equal(
			    idm_ids_add(&list, arena, (UINT64_C(1) << i) - 1 + off, NULL), IDM_OK);
	assert_int_equal(idm_ids_add(&list, arena, UINT64_MAX - 1, NULL), IDM_OK);
	packed = idm_packed_encode(&list, arena);
	assert_int_equal(idm_packed_decode(packed, &back, arena, &err), IDM_OK);
	assert_int_equal(back.count, list.count);
	assert_memory_equal(back.ids, list.ids, list.count * sizeof(*list.ids));
	idm_arena_free(&arena);
}

static void
damaged_packed_lists_are_refused(void **state)
{
	static const uint8_t open_end[] = { 1, 0x80 };
	static const uint8_t not_short[] = { 1, 0x80, 0 };
	static const uint8_t eleven[] = { 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81,
		0x81, 1 };
	static const uint8_t top_bit[] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
		2 };
	static const uint8_t no_id[] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1 };
	static const uint8_t overflow[] = { 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1,
		0 };
	static const struct idm_span damaged[] = { { open_end, 2 }, { not_short, 3 },
		{ eleven, 11 }, { top_bit, 10 }, { no_id, 10 }, { overflow, 11 } };
	struct idm_arena *arena = idm_arena_new(ARENA_BYTES);
	struct idm_ids list;
	struct idm_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		assert_int_equal(idm_packed_decode(damaged[i], &list, arena, &err), IDM_CORRUPT);
		assert_int_equal(list.count, 0);
	}
	idm_arena_free(&arena);
}

static void
a_list_stops_at_the_arena_s_budget(void **state)
{
	struct idm_arena *arena = idm_arena_new(4096);
	struct idm_ids list = { 0 };
	struct idm_ids big;
	struct idm_error err;
	static uint8_t packed[8192];
	enum idm_result result = IDM_OK;
	uint64_t id = 0;

	(void)state;
	while (result == IDM_OK && id < 4096)
		result = idm_ids_add(&list, arena, id++, NULL);
	assert_int_equal(result, IDM_LIMIT);
	assert_int_equal(list.count, id - 1);
	assert_true(idm_ids_has(&list, id - 2));
	assert_null(idm_packed_encode(&list, arena).ptr);
	assert_int_equal(
	    idm_packed_decode((struct idm_span){ packed, sizeof(packed) }, &big, arena, &err),
	    IDM_LIMIT);
	idm_arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_is_a_set),
		cmocka_unit_test(windows_combine_as_sets_do),
		cmocka_unit_test(a_container_gives_its_window_back),
		cmocka_unit_test(decoding_adds_to_what_is_there),
		cmocka_unit_test(every_truncation_of_a_container_is_refused_or_canonical),
		cmocka_unit_test(what_is_not_canonical_is_refused),
		cmocka_unit_test(random_bytes_are_refused_or_canonical),
		cmocka_unit_test(changing_one_id_gives_the_one_encoding_of_the_set),
		cmocka_unit_test(lists_in_memory_stay_sorted_and_without_doubles),
		cmocka_unit_test(lists_intersect_where_they_share_an_id),
		cmocka_unit_test(a_short_list_intersects_a_long_one),
		cmocka_unit_test(an_id_that_is_taken_out_is_gone_and_the_others_stay),
		cmocka_unit_test(packed_lists_give_their_ids_back),
		cmocka_unit_test(damaged_packed_lists_are_refused),
		cmocka_unit_test(a_list_stops_at_the_arena_s_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
