/* Entries that are made up for one request: how they grow, and what of them is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "ldapd/made_entry.h"
#include "tests/support/pdu.h"

static struct made_entry
entry_in(struct idm_arena *arena)
{
	struct made_entry entry = { .arena = arena, .dn = "cn=made" };

	made_add_text(&entry, "objectClass", VIEW_USER, "top");
	made_add_text(&entry, "objectClass", VIEW_USER, "thing");
	made_add_text(&entry, "description", VIEW_USER, "made up");
	made_add_text(&entry, "supportedThing", VIEW_OPERATIONAL, "1.2.3");
	assert_false(entry.failed);
	return entry;
}

/* What is sent when `asked` is asked for, "" between a space; lives until the next. */
static const struct answer *
written(const struct made_entry *entry, const char *const *asked, size_t count, bool types_only)
{
	static struct answer answer;
	struct idm_span attributes[8];
	struct ldap_message message = { .message_id = 7, .op = LDAP_SEARCH_REQUEST };
	struct ber_writer w;

	for (size_t i = 0; i < count; i++)
		attributes[i] = idm_span_cstr(asked[i]);
	message.search = (struct ldap_search_request){
		.attributes = attributes, .attribute_count = count, .types_only = types_only
	};
	ber_writer_init(&w, 4096);
	assert_true(made_write(entry, &message, &w));
	answer_decode(idm_span_of(w.data, w.len), &answer);
	ber_writer_free(&w);
	assert_int_equal(answer.id, 7);
	assert_string_equal(answer.dn, "cn=made");
	return &answer;
}

static void
what_is_asked_for_is_sent(void **state)
{
	static const struct {
		const char *asked[3];
		size_t count;
		const char *entry;
	} cases[] = {
		{ { NULL }, 0, "objectClass: top\nobjectClass: thing\ndescription: made up\n" },
		{ { "*" }, 1, "objectClass: top\nobjectClass: thing\ndescription: made up\n" },
		{ { "+" }, 1, "supportedThing: 1.2.3\n" },
		{ { "*", "+" }, 2,
		    "objectClass: top\nobjectClass: thing\ndescription: made up\nsupportedThing: "
		    "1.2.3\n" },
		{ { "DESCRIPTION" }, 1, "description: made up\n" },
		{ { "description", "supportedThing", "uid" }, 3,
		    "description: made up\nsupportedThing: 1.2.3\n" },
		{ { "1.1" }, 1, "" },
		{ { "" }, 1, "" },
	};
	struct idm_arena *arena = idm_arena_new(65536);
	struct made_entry entry = entry_in(arena);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(
		    written(&entry, cases[i].asked, cases[i].count, false)->entry, cases[i].entry);
	assert_string_equal(written(&entry, NULL, 0, true)->entry, "objectClass:\ndescription:\n");
	idm_arena_free(&arena);
}

static void
an_entry_that_does_not_fit_leaves_nothing(void **state)
{
	struct idm_arena *arena = idm_arena_new(65536);
	struct made_entry entry = entry_in(arena);
	struct ldap_message message = { .message_id = 1, .op = LDAP_SEARCH_REQUEST };
	struct ber_writer w;

	(void)state;
	ber_writer_init(&w, 40);
	assert_false(made_write(&entry, &message, &w));
	assert_int_equal(w.len, 0);
	assert_false(w.failed);
	ber_writer_free(&w);
	idm_arena_free(&arena);
}

static void
an_attribute_takes_as_many_values_as_memory(void **state)
{
	struct idm_arena *arena = idm_arena_new(65536);
	struct made_entry entry = { .arena = arena, .dn = "" };
	const struct made_attr *attr;

	(void)state;
	for (int i = 0; i < 1000; i++)
		made_add_text(&entry, "number", VIEW_USER, i % 2 == 0 ? "even" : "odd");
	assert_false(entry.failed);
	attr = made_find(&entry, IDM_SPAN_LIT("NUMBER"));
	assert_non_null(attr);
	assert_int_equal(attr->count, 1000);
	assert_true(idm_span_is(attr->values[999], "odd"));
	for (int i = 0; i < 100000 && !entry.failed; i++)
		made_add_text(&entry, "number", VIEW_USER, "more");
	assert_true(entry.failed); /* and nothing worse */
	idm_arena_free(&arena);
}

static void
more_attributes_than_there_is_room_for_are_told(void **state)
{
	struct idm_arena *arena = idm_arena_new(65536);
	struct made_entry entry = { .arena = arena, .dn = "" };
	static char names[MADE_ATTRS_MAX + 1][8];

	(void)state;
	for (int i = 0; i <= MADE_ATTRS_MAX; i++) {
		assert_false(entry.failed);
		snprintf(names[i], sizeof(names[i]), "a%d", i);
		made_add_text(&entry, names[i], VIEW_USER, "x");
	}
	assert_true(entry.failed);
	assert_int_equal(entry.count, MADE_ATTRS_MAX);
	idm_arena_free(&arena);
}

/* A text that could not be made, for want of memory. */
static void
a_value_that_is_not_there_is_told(void **state)
{
	struct idm_arena *arena = idm_arena_new(65536);
	struct made_entry entry = { .arena = arena, .dn = "" };

	(void)state;
	made_add_text(&entry, "a", VIEW_USER, NULL);
	assert_true(entry.failed);
	idm_arena_free(&arena);
}

static void
values_are_found_without_regard_to_case_and_spaces(void **state)
{
	struct idm_arena *arena = idm_arena_new(65536);
	struct made_entry entry = entry_in(arena);
	const struct made_attr *attr = made_find(&entry, IDM_SPAN_LIT("description"));

	(void)state;
	assert_non_null(attr);
	assert_true(made_has_value(attr, IDM_SPAN_LIT("Made  UP ")));
	assert_false(made_has_value(attr, IDM_SPAN_LIT("madeup")));
	assert_false(made_has_value(attr, IDM_SPAN_LIT("")));
	assert_null(made_find(&entry, IDM_SPAN_LIT("descriptio")));
	assert_null(made_find(&entry, IDM_SPAN_LIT("")));
	idm_arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_for_is_sent),
		cmocka_unit_test(an_entry_that_does_not_fit_leaves_nothing),
		cmocka_unit_test(an_attribute_takes_as_many_values_as_memory),
		cmocka_unit_test(more_attributes_than_there_is_room_for_are_told),
		cmocka_unit_test(a_value_that_is_not_there_is_told),
		cmocka_unit_test(values_are_found_without_regard_to_case_and_spaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
