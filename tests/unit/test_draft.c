#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/entry.h"

struct fixture {
	struct idm_arena *arena;
	struct idm_draft *draft;
};

enum { ARENA_BYTES = 8 * 1024 * 1024 };

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->arena = idm_arena_new(ARENA_BYTES);
	f->draft = idm_draft_new(f->arena);
	assert_non_null(f->draft);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	idm_arena_free(&f->arena);
	free(f);
	return 0;
}

static enum idm_result
add(struct idm_draft *draft, uint32_t number, const char *stored, const char *norm)
{
	struct idm_value value = { idm_span_cstr(stored), idm_span_cstr(norm) };

	return idm_draft_add(draft, number, value);
}

/* The stored values of an attribute, with a comma in between. */
static void
assert_values(const struct idm_draft *draft, uint32_t number, const char *joined)
{
	size_t count;
	const struct idm_value *values = idm_draft_values(draft, number, &count);
	char text[256] = "";

	assert_int_equal(values == NULL, count == 0);
	for (size_t i = 0; i < count; i++) {
		strcat(text, i == 0 ? "" : ",");
		strncat(text, (const char *)values[i].stored.ptr, values[i].stored.len);
	}
	assert_string_equal(text, joined);
}

static struct idm_entry
encode(struct fixture *f, const struct idm_draft *draft)
{
	struct idm_uuid uuid = idm_uuid_builtin(0x42);
	struct idm_entry entry;
	struct idm_span bytes;

	assert_int_equal(idm_draft_encode(draft, &uuid, 9, &bytes, NULL), IDM_OK);
	assert_int_equal(idm_entry_view(bytes, 1, &entry, NULL), IDM_OK);
	(void)f;
	return entry;
}

static void
values_keep_their_order(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f->draft, IDM_ATTR_MAIL, "c@x", "c@x"), IDM_OK);
	assert_int_equal(add(f->draft, IDM_ATTR_MAIL, "a@x", "a@x"), IDM_OK);
	assert_int_equal(add(f->draft, IDM_ATTR_MAIL, "b@x", "b@x"), IDM_OK);
	assert_values(f->draft, IDM_ATTR_MAIL, "c@x,a@x,b@x");
}

static void
an_equal_value_is_replaced_in_its_place(void **state)
{
	struct fixture *f = *state;

	add(f->draft, IDM_ATTR_MAIL, "a@x", "a@x");
	add(f->draft, IDM_ATTR_MAIL, "b@x", "b@x");
	assert_int_equal(add(f->draft, IDM_ATTR_MAIL, "A@X", "a@x"), IDM_OK);
	assert_values(f->draft, IDM_ATTR_MAIL, "A@X,b@x");
}

static void
attributes_are_listed_in_ascending_order(void **state)
{
	struct fixture *f = *state;
	uint32_t last = 0, number;
	size_t count = 0;

	for (uint32_t i = 0; i < 200; i++) /* 4096 and up: custom attributes */
		assert_int_equal(add(f->draft, 4096 + i * 83 % 200, "x", "x"), IDM_OK);
	for (; (number = idm_draft_attr_at(f->draft, count)) != 0; count++) {
		assert_true(number > last);
		last = number;
	}
	assert_int_equal(count, 200);
	assert_int_equal(encode(f, f->draft).attr_count, 200);
}

static void
what_is_removed_is_gone(void **state)
{
	struct fixture *f = *state;

	add(f->draft, IDM_ATTR_NAME, "alice", "alice");
	add(f->draft, IDM_ATTR_MAIL, "a@x", "a@x");
	add(f->draft, IDM_ATTR_MAIL, "B@x", "b@x");
	add(f->draft, IDM_ATTR_MAIL, "c@x", "c@x");
	assert_false(idm_draft_remove(f->draft, IDM_ATTR_MAIL, IDM_SPAN_LIT("B@x")));
	assert_false(idm_draft_remove(f->draft, IDM_ATTR_SPN, IDM_SPAN_LIT("b@x")));
	assert_true(idm_draft_remove(f->draft, IDM_ATTR_MAIL, IDM_SPAN_LIT("b@x")));
	assert_false(idm_draft_remove(f->draft, IDM_ATTR_MAIL, IDM_SPAN_LIT("b@x")));
	assert_values(f->draft, IDM_ATTR_MAIL, "a@x,c@x");
	assert_true(idm_draft_remove(f->draft, IDM_ATTR_MAIL, IDM_SPAN_LIT("a@x")));
	assert_true(idm_draft_remove(f->draft, IDM_ATTR_MAIL, IDM_SPAN_LIT("c@x")));
	assert_int_equal(idm_draft_attr_at(f->draft, 0), IDM_ATTR_NAME);
	assert_int_equal(idm_draft_attr_at(f->draft, 1), 0);
}

static void
clearing_removes_all_values(void **state)
{
	struct fixture *f = *state;

	add(f->draft, IDM_ATTR_NAME, "alice", "alice");
	add(f->draft, IDM_ATTR_MAIL, "a@x", "a@x");
	add(f->draft, IDM_ATTR_DESCRIPTION, "x", "x");
	idm_draft_clear(f->draft, IDM_ATTR_MAIL);
	idm_draft_clear(f->draft, IDM_ATTR_MAIL);
	assert_values(f->draft, IDM_ATTR_MAIL, "");
	assert_values(f->draft, IDM_ATTR_NAME, "alice");
	assert_values(f->draft, IDM_ATTR_DESCRIPTION, "x");
	add(f->draft, IDM_ATTR_MAIL, "b@x", "b@x");
	assert_values(f->draft, IDM_ATTR_MAIL, "b@x");
}

static void
a_draft_of_an_entry_encodes_to_the_same_bytes(void **state)
{
	struct fixture *f = *state;
	struct idm_entry first, second;
	uint8_t *bytes;

	add(f->draft, IDM_ATTR_CLASS, "object", "object");
	add(f->draft, IDM_ATTR_CLASS, "group", "group");
	add(f->draft, IDM_ATTR_DISPLAYNAME, "Ops", "ops");
	add(f->draft, IDM_ATTR_DESCRIPTION, "", "");
	add(f->draft, 5000, "custom", "");
	first = encode(f, f->draft);
	bytes = malloc(first.bytes.len);
	assert_non_null(bytes);
	memcpy(bytes, first.bytes.ptr, first.bytes.len);
	first.bytes.ptr = bytes;
	f->draft = idm_draft_of(f->arena, &first);
	assert_non_null(f->draft);
	memset(bytes, 0xff, first.bytes.len); /* the draft must not borrow from it */
	free(bytes);
	assert_true(idm_draft_has_class(f->draft, "group"));
	assert_false(idm_draft_has_class(f->draft, "person"));
	second = encode(f, f->draft);
	assert_int_equal(second.bytes.len, first.bytes.len);
	assert_true(idm_span_is(idm_entry_text(&second, IDM_ATTR_DISPLAYNAME), "Ops"));
	assert_true(idm_entry_has_norm(&second, 5000, IDM_SPAN_EMPTY));
	assert_true(idm_entry_has_norm(&second, IDM_ATTR_DESCRIPTION, IDM_SPAN_EMPTY));
}

static void
a_draft_of_an_entry_can_be_changed(void **state)
{
	struct fixture *f = *state;
	struct idm_entry entry;
	struct idm_draft *copy;

	add(f->draft, IDM_ATTR_MAIL, "a@x", "a@x");
	entry = encode(f, f->draft);
	copy = idm_draft_of(f->arena, &entry);
	assert_non_null(copy);
	for (uint32_t i = 0; i < 40; i++) {
		char *text = idm_arena_printf(f->arena, "%u@x", i);

		assert_int_equal(add(copy, IDM_ATTR_MAIL, text, text), IDM_OK);
		assert_int_equal(add(copy, 4096 + i, text, text), IDM_OK);
	}
	entry = encode(f, copy);
	assert_int_equal(entry.attr_count, 41);
	assert_int_equal(idm_entry_values(&entry, IDM_ATTR_MAIL).left, 41);
	assert_values(f->draft, IDM_ATTR_MAIL, "a@x"); /* the first draft is another one */
}

static void
an_empty_draft_is_an_entry_without_attributes(void **state)
{
	struct fixture *f = *state;
	struct idm_entry entry = encode(f, f->draft);

	assert_int_equal(entry.bytes.len, 32);
	assert_int_equal(entry.attr_count, 0);
	assert_int_equal(entry.version, 9);
	assert_false(idm_entry_has(&entry, IDM_ATTR_CLASS));
	assert_non_null(idm_draft_of(f->arena, &entry));
}

static void
values_of_another_length_than_their_syntax_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f->draft, IDM_ATTR_ACCOUNT_EXPIRE, "1234567", "1"), IDM_INVALID);
	assert_int_equal(add(f->draft, IDM_ATTR_MEMBER, "alice", "alice"), IDM_INVALID);
	assert_int_equal(add(f->draft, IDM_ATTR_GIDNUMBER, "12345", "1"), IDM_INVALID);
	assert_int_equal(add(f->draft, 0, "x", "x"), IDM_INVALID);
	assert_int_equal(idm_draft_attr_at(f->draft, 0), 0);
	assert_int_equal(add(f->draft, IDM_ATTR_GIDNUMBER, "1234", "1234"), IDM_OK);
}

static void
an_entry_that_is_too_large_is_refused_with_a_remedy(void **state)
{
	struct fixture *f = *state;
	struct idm_uuid uuid = idm_uuid_builtin(1);
	struct idm_error err;
	struct idm_span bytes;
	size_t most = IDM_ENTRY_BYTES_MAX - 32 - 12 - 8;
	uint8_t *large = malloc(most + 1);
	struct idm_value value;

	assert_non_null(large);
	memset(large, 'x', most + 1);
	value = (struct idm_value){ idm_span_of(large, most), idm_span_of(large, most) };
	assert_int_equal(idm_draft_add(f->draft, IDM_ATTR_DESCRIPTION, value), IDM_OK);
	assert_int_equal(idm_draft_encode(f->draft, &uuid, 1, &bytes, &err), IDM_OK);
	assert_int_equal(bytes.len, IDM_ENTRY_BYTES_MAX);
	idm_draft_clear(f->draft, IDM_ATTR_DESCRIPTION);
	value.stored.len = value.norm.len = most + 1;
	assert_int_equal(idm_draft_add(f->draft, IDM_ATTR_DESCRIPTION, value), IDM_OK);
	assert_int_equal(idm_draft_encode(f->draft, &uuid, 1, &bytes, &err), IDM_LIMIT);
	assert_string_equal(
	    err.client_text, "the entry is larger than 1048576 octets: remove or shorten values");
	idm_draft_clear(f->draft, IDM_ATTR_DESCRIPTION);
	value.norm.len = SIZE_MAX - 4; /* sizes are compared before they are summed */
	assert_int_equal(idm_draft_add(f->draft, IDM_ATTR_DESCRIPTION, value), IDM_OK);
	assert_int_equal(idm_draft_encode(f->draft, &uuid, 1, &bytes, &err), IDM_LIMIT);
	free(large);
}

/* With every smaller arena, each step fails as a limit and none crashes. */
static void
a_used_up_arena_is_a_limit(void **state)
{
	struct idm_uuid uuid = idm_uuid_builtin(1);

	(void)state;
	for (size_t budget = 16; budget < 4096; budget += 16) {
		struct idm_arena *arena = idm_arena_new(budget);
		struct idm_draft *draft = idm_draft_new(arena);
		enum idm_result result = draft == NULL ? IDM_LIMIT : IDM_OK;
		struct idm_entry entry;
		struct idm_span bytes;

		for (uint32_t i = 0; i < 18 && result == IDM_OK; i++)
			result = add(draft, IDM_ATTR_CLASS + 5000 * (i % 2 + i / 6), "x", "x");
		for (uint32_t i = 0; i < 6 && result == IDM_OK; i++)
			result = add(draft, IDM_ATTR_MAIL, &"abcdef"[i], &"abcdef"[i]);
		if (result == IDM_OK)
			result = idm_draft_encode(draft, &uuid, 1, &bytes, NULL);
		if (result == IDM_OK) {
			assert_int_equal(idm_entry_view(bytes, 1, &entry, NULL), IDM_OK);
			if (idm_draft_of(arena, &entry) == NULL)
				result = IDM_LIMIT;
		}
		assert_true(result == IDM_LIMIT || (result == IDM_OK && budget > 1024));
		idm_arena_free(&arena);
	}
}

#define WITH_DRAFT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DRAFT(values_keep_their_order),
		WITH_DRAFT(an_equal_value_is_replaced_in_its_place),
		WITH_DRAFT(attributes_are_listed_in_ascending_order),
		WITH_DRAFT(what_is_removed_is_gone),
		WITH_DRAFT(clearing_removes_all_values),
		WITH_DRAFT(a_draft_of_an_entry_encodes_to_the_same_bytes),
		WITH_DRAFT(a_draft_of_an_entry_can_be_changed),
		WITH_DRAFT(an_empty_draft_is_an_entry_without_attributes),
		WITH_DRAFT(values_of_another_length_than_their_syntax_are_refused),
		WITH_DRAFT(an_entry_that_is_too_large_is_refused_with_a_remedy),
		WITH_DRAFT(a_used_up_arena_is_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
