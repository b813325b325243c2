/* Change sets as octets: the encoder, and the decoder that trusts none of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/change.h"

static struct idm_arena *arena;

static int
setup(void **state)
{
	(void)state;
	arena = idm_arena_new(4 * 1024 * 1024);
	return arena == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	idm_arena_free(&arena);
	return 0;
}

/* One of everything. */
static struct idm_change_set
sample(void)
{
	static struct idm_value values[] = {
		{ IDM_SPAN_LIT("Alice A."), IDM_SPAN_LIT("alice a.") },
		{ IDM_SPAN_LIT("same"), IDM_SPAN_LIT("same") },
	};
	static struct idm_mod mods[] = {
		{ IDM_MOD_SET, IDM_ATTR_DISPLAYNAME, values, 2 },
		{ IDM_MOD_CLEAR, IDM_ATTR_MAIL, NULL, 0 },
	};
	static struct idm_claim_change claims[] = {
		{ IDM_CLAIM_NAME, true, IDM_ATTR_NAME, IDM_SPAN_LIT("alice") },
		{ IDM_CLAIM_MAIL, false, IDM_ATTR_MAIL, IDM_SPAN_LIT("a@example.com") },
	};
	static struct idm_secret_change secrets[] = {
		{ IDM_ATTR_RADIUS_SECRET, IDM_SPAN_LIT("sealed") },
		{ IDM_ATTR_UNIX_PASSWORD, { NULL, 0 } },
	};
	static struct idm_token_change tokens[] = { { { { 5 } }, IDM_SPAN_LIT("row") } };
	static struct idm_item items[] = {
		{ .uuid = { { 1 } },
		    .base = 7,
		    .kind = IDM_ITEM_MODIFY,
		    .flags = IDM_ITEM_REVOKES | IDM_ITEM_FLAG_GROUPS,
		    .mods = mods,
		    .mod_count = 2,
		    .claims = claims,
		    .claim_count = 2,
		    .secrets = secrets,
		    .secret_count = 2,
		    .tokens = tokens,
		    .token_count = 1 },
		{ .uuid = { { 2 } }, .base = 3, .kind = IDM_ITEM_SESSION },
	};

	return (struct idm_change_set){ .request_id = { { 9 } },
		.no = (UINT64_C(3) << 40) + 12,
		.at_s = 1700000000,
		.actor = { { 4 } },
		.session = { { 6 } },
		.box = { { 8 } },
		.source = IDM_SPAN_LIT("192.0.2.7"),
		.operation = IDM_OP_MODIFY,
		.items = items,
		.item_count = 2 };
}

static struct idm_span
encoded(void)
{
	struct idm_change_set set = sample();
	struct idm_span bytes;

	assert_int_equal(idm_change_encode(&set, arena, &bytes, NULL), IDM_OK);
	return bytes;
}

/* From a block of its own, so that ASan sees one octet too far. */
static enum idm_result
decode_copy(struct idm_span bytes)
{
	uint8_t *copy = malloc(bytes.len == 0 ? 1 : bytes.len);
	struct idm_arena *own = idm_arena_new(4 * 1024 * 1024);
	struct idm_change_set set;
	struct idm_error err;
	enum idm_result result;

	assert_non_null(copy);
	assert_non_null(own);
	memcpy(copy, bytes.ptr, bytes.len);
	result = idm_change_decode(idm_span_of(copy, bytes.len), own, &set, &err);
	idm_arena_free(&own);
	free(copy);
	return result;
}

static void
it_comes_out_as_it_went_in(void **state)
{
	struct idm_span bytes = encoded();
	struct idm_span again;
	struct idm_change_set set;
	const struct idm_item *item;

	(void)state;
	assert_int_equal(idm_change_decode(bytes, arena, &set, NULL), IDM_OK);
	assert_int_equal(set.no, (UINT64_C(3) << 40) + 12);
	assert_int_equal(set.at_s, 1700000000);
	assert_int_equal(set.item_count, 2);
	item = &set.items[0];
	assert_int_equal(item->mod_count, 2);
	assert_true(idm_span_is(item->mods[0].values[0].stored, "Alice A."));
	assert_true(idm_span_is(item->mods[0].values[0].norm, "alice a."));
	assert_true(idm_span_is(item->mods[0].values[1].norm, "same"));
	assert_true(item->claims[0].take);
	assert_false(item->claims[1].take);
	assert_int_equal(item->secrets[1].blob.len, 0);
	assert_true(idm_span_is(item->tokens[0].row, "row"));
	assert_int_equal(set.items[1].kind, IDM_ITEM_SESSION);
	assert_int_equal(idm_change_encode(&set, arena, &again, NULL), IDM_OK);
	assert_true(idm_span_equal(bytes, again));
}

static void
every_truncation_and_a_tail_are_refused(void **state)
{
	struct idm_span bytes = encoded();
	uint8_t *longer = idm_arena_alloc(arena, bytes.len + 1);

	(void)state;
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(decode_copy(idm_span_of(bytes.ptr, len)), IDM_CORRUPT);
	memcpy(longer, bytes.ptr, bytes.len);
	assert_int_equal(decode_copy(idm_span_of(longer, bytes.len + 1)), IDM_CORRUPT);
}

static void
every_changed_octet_is_refused_or_read_within_bounds(void **state)
{
	struct idm_span bytes = encoded();
	uint8_t *changed = idm_arena_alloc(arena, bytes.len);

	(void)state;
	for (size_t i = 0; i < bytes.len; i++) {
		static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };

		for (size_t k = 0; k < sizeof(values); k++) {
			memcpy(changed, bytes.ptr, bytes.len);
			changed[i] = values[k];
			decode_copy(idm_span_of(changed, bytes.len));
		}
	}
}

static void
another_format_is_named(void **state)
{
	struct idm_span bytes = encoded();
	uint8_t *changed = idm_arena_alloc(arena, bytes.len);
	struct idm_change_set set;
	struct idm_error err;

	(void)state;
	memcpy(changed, bytes.ptr, bytes.len);
	changed[0] = IDM_CHANGE_FORMAT + 1;
	assert_int_equal(
	    idm_change_decode(idm_span_of(changed, bytes.len), arena, &set, &err), IDM_CORRUPT);
	assert_non_null(strstr(err.text, "format 2"));
}

/* A lie about a count must not become an allocation. */
static void
a_count_beyond_the_octets_is_refused(void **state)
{
	struct idm_span bytes = encoded();
	uint8_t *changed = idm_arena_alloc(arena, bytes.len);
	size_t count_at = 1 + 16 + 8 + 8 + 3 * 16 + 4 + strlen("192.0.2.7") + 1;

	(void)state;
	memcpy(changed, bytes.ptr, bytes.len);
	assert_int_equal(idm_store_load_u32(changed + count_at), 2);
	idm_store_u32(1 << 19, changed + count_at);
	assert_int_equal(decode_copy(idm_span_of(changed, bytes.len)), IDM_CORRUPT);
}

/* A set with a mod of `count` values. */
static enum idm_result
encode_many(size_t count, struct idm_arena *own, struct idm_span *out)
{
	struct idm_value *values = calloc(count, sizeof(*values));
	struct idm_mod mod = { IDM_MOD_ADD, IDM_ATTR_MEMBER, values, count };
	struct idm_item item = { .kind = IDM_ITEM_MODIFY, .mods = &mod, .mod_count = 1 };
	struct idm_change_set set = sample();
	struct idm_error err;
	enum idm_result result;

	assert_non_null(values);
	set.items = &item;
	set.item_count = 1;
	result = idm_change_encode(&set, own, out, &err);
	if (result != IDM_OK)
		assert_non_null(strstr(err.client_text, "split it"));
	free(values);
	return result;
}

/* Else it would be recorded, and nobody could read it. */
static void
what_could_not_be_decoded_is_not_encoded(void **state)
{
	struct idm_arena *own = idm_arena_new(128 * 1024 * 1024);
	struct idm_change_set set;
	struct idm_span bytes;

	(void)state;
	assert_non_null(own);
	assert_int_equal(encode_many(1 << 20, own, &bytes), IDM_OK);
	assert_int_equal(idm_change_decode(bytes, own, &set, NULL), IDM_OK);
	assert_int_equal(set.items[0].mods[0].count, 1 << 20);
	assert_int_equal(encode_many((1 << 20) + 1, own, &bytes), IDM_LIMIT);
	idm_arena_free(&own);
}

static void
a_set_larger_than_one_may_be_is_refused(void **state)
{
	static uint8_t large[1024 * 1024];
	struct idm_value values[65];
	struct idm_mod mod = { IDM_MOD_ADD, IDM_ATTR_DESCRIPTION, values, 65 };
	struct idm_item item = { .kind = IDM_ITEM_MODIFY, .mods = &mod, .mod_count = 1 };
	struct idm_change_set set = sample();
	struct idm_span bytes;
	struct idm_error err;

	(void)state;
	for (size_t i = 0; i < 65; i++)
		values[i].stored = values[i].norm = idm_span_of(large, sizeof(large));
	set.items = &item;
	set.item_count = 1;
	assert_int_equal(idm_change_encode(&set, arena, &bytes, &err), IDM_LIMIT);
	mod.count = 5; /* more than the arena has */
	assert_int_equal(idm_change_encode(&set, arena, &bytes, &err), IDM_LIMIT);
	mod.count = 1;
	assert_int_equal(idm_change_encode(&set, arena, &bytes, &err), IDM_OK);
}

static void
what_no_encoder_writes_is_refused(void **state)
{
	/* Offsets in the sample: of its operation, its first item, that one's first claim. */
	const size_t operation = 1 + 16 + 8 + 8 + 3 * 16 + 4 + strlen("192.0.2.7");
	const size_t kind = operation + 1 + 4 + 16 + 8;
	const size_t mods = kind + 1 + 4 + 4;
	const size_t claims = mods + 9 + 1 + 4 + 8 + 4 + 8 + 1 + 4 + 4 + 9 + 4;
	struct {
		size_t at;
		uint8_t was, bad;
	} cases[] = {
		{ operation, IDM_OP_MODIFY, 0 },
		{ operation, IDM_OP_MODIFY, IDM_OP_RENAME_DOMAIN + 1 },
		{ kind, IDM_ITEM_MODIFY, 0 },
		{ kind, IDM_ITEM_MODIFY, IDM_ITEM_SESSION + 1 },
		{ mods, IDM_MOD_SET, 0 },
		{ mods, IDM_MOD_SET, IDM_MOD_CLEAR + 1 },
		{ mods + 9, false, 2 },
		{ claims, IDM_CLAIM_NAME, 'x' },
		{ claims, IDM_CLAIM_NAME, 0 },
		{ claims + 1, true, 2 },
	};
	struct idm_span bytes = encoded();
	uint8_t *changed = idm_arena_alloc(arena, bytes.len);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(changed, bytes.ptr, bytes.len);
		assert_int_equal(changed[cases[i].at], cases[i].was);
		changed[cases[i].at] = cases[i].bad;
		assert_int_equal(decode_copy(idm_span_of(changed, bytes.len)), IDM_CORRUPT);
	}
}

static void
an_arena_that_is_used_up_is_no_crash(void **state)
{
	struct idm_span bytes = encoded();
	struct idm_change_set set;
	enum idm_result result = IDM_CORRUPT;

	(void)state;
	for (size_t budget = 16; result != IDM_OK; budget += 16) {
		struct idm_arena *small = idm_arena_new(budget);

		assert_non_null(small);
		assert_true(budget < 64 * 1024);
		result = idm_change_decode(bytes, small, &set, NULL);
		assert_true(result == IDM_OK || result == IDM_LIMIT);
		idm_arena_free(&small);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(it_comes_out_as_it_went_in),
		T(every_truncation_and_a_tail_are_refused),
		T(every_changed_octet_is_refused_or_read_within_bounds),
		T(another_format_is_named),
		T(a_count_beyond_the_octets_is_refused),
		T(what_could_not_be_decoded_is_not_encoded),
		T(a_set_larger_than_one_may_be_is_refused),
		T(what_no_encoder_writes_is_refused),
		T(an_arena_that_is_used_up_is_no_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
