#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/entry.h"

static const struct idm_schema *schema;

/* --- look-ups */

static void
every_attribute_is_found_by_name_and_number(void **state)
{
	const struct idm_attr *attr;
	uint32_t last = 0;

	(void)state;
	for (size_t i = 0; (attr = idm_schema_attr_at(schema, i)) != NULL; i++) {
		assert_true(attr->number > last && attr->number < 4096);
		assert_int_equal(attr->slot, i);
		assert_ptr_equal(idm_schema_attr_number(schema, attr->number), attr);
		assert_ptr_equal(idm_schema_attr(schema, idm_span_cstr(attr->name)), attr);
		last = attr->number;
	}
	assert_true(last >= IDM_ATTR_LINKED_GROUP);
}

static void
names_are_found_in_any_case(void **state)
{
	(void)state;
	assert_int_equal(
	    idm_schema_attr(schema, IDM_SPAN_LIT("displayName"))->number, IDM_ATTR_DISPLAYNAME);
	assert_int_equal(
	    idm_schema_attr(schema, IDM_SPAN_LIT("GIDNUMBER"))->number, IDM_ATTR_GIDNUMBER);
	assert_string_equal(idm_schema_class(schema, IDM_SPAN_LIT("PERSON"))->name, "person");
}

static void
what_is_not_there_is_not_found(void **state)
{
	char longer[300];

	(void)state;
	memset(longer, 'a', sizeof(longer));
	assert_null(idm_schema_attr(schema, IDM_SPAN_EMPTY));
	assert_null(idm_schema_attr(schema, IDM_SPAN_LIT("nam")));
	assert_null(idm_schema_attr(schema, IDM_SPAN_LIT("name ")));
	assert_null(idm_schema_attr(schema, idm_span_of("name", 5)));
	assert_null(idm_schema_attr(schema, idm_span_of(longer, sizeof(longer))));
	assert_null(idm_schema_class(schema, IDM_SPAN_EMPTY));
	assert_null(idm_schema_class(schema, IDM_SPAN_LIT("persons")));
	assert_null(idm_schema_class(schema, idm_span_of(longer, sizeof(longer))));
	assert_null(idm_schema_attr_number(schema, 0));
	assert_null(idm_schema_attr_number(schema, 38));
	assert_null(idm_schema_attr_number(schema, 4096));
	assert_null(idm_schema_attr_number(schema, UINT32_MAX));
	assert_null(idm_schema_attr_at(schema, 100000));
	assert_null(idm_schema_class_at(schema, 100000));
}

static void
every_class_is_found_and_its_structure_is_the_specs(void **state)
{
	static const char *const structural[] = { "person", "service_account", "group",
		"radius_client", "domain_info", "system_config", "attributetype", "classtype",
		"access_control_profile", "application", "container" };
	const struct idm_class *class;
	size_t count = 0;

	(void)state;
	for (size_t i = 0; (class = idm_schema_class_at(schema, i)) != NULL; i++) {
		assert_ptr_equal(idm_schema_class(schema, idm_span_cstr(class->name)), class);
		count += class->structural;
	}
	assert_int_equal(count, sizeof(structural) / sizeof(structural[0]));
	for (size_t i = 0; i < count; i++)
		assert_true(idm_schema_class(schema, idm_span_cstr(structural[i]))->structural);
}

static void
sets_hold_what_was_added(void **state)
{
	struct idm_attrset set = { { 0 } };
	const struct idm_attr *mail = idm_schema_attr_number(schema, IDM_ATTR_MAIL);
	const struct idm_attr *last = idm_schema_attr_number(schema, IDM_ATTR_LINKED_GROUP);

	(void)state;
	idm_attrset_add(&set, mail);
	idm_attrset_add(&set, last);
	for (size_t i = 0; idm_schema_attr_at(schema, i) != NULL; i++) {
		const struct idm_attr *attr = idm_schema_attr_at(schema, i);

		assert_int_equal(idm_attrset_has(&set, attr), attr == mail || attr == last);
	}
}

/* --- the check of an entry */

struct fixture {
	struct idm_arena *arena;
	struct idm_draft *draft;
	struct idm_error err;
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->arena = idm_arena_new(64 * 1024);
	f->draft = idm_draft_new(f->arena);
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

static void
add(struct fixture *f, const char *name, const char *text)
{
	const struct idm_attr *attr = idm_schema_attr(schema, idm_span_cstr(name));
	struct idm_value value;

	assert_non_null(attr);
	assert_int_equal(
	    idm_value_parse(attr, idm_span_cstr(text), f->arena, &value, &f->err), IDM_OK);
	assert_int_equal(idm_draft_add(f->draft, attr->number, value), IDM_OK);
}

static void
add_person(struct fixture *f)
{
	add(f, "class", "object");
	add(f, "class", "account");
	add(f, "class", "person");
	add(f, "name", "alice");
	add(f, "displayname", "Alice");
}

static void
assert_check(struct fixture *f, const char *text)
{
	enum idm_result result = idm_schema_check(schema, f->draft, &f->err);

	if (text == NULL) {
		assert_int_equal(result, IDM_OK);
		return;
	}
	assert_int_equal(result, IDM_INVALID);
	assert_string_equal(f->err.client_text, text);
}

static void
clear(struct fixture *f, uint32_t number)
{
	idm_draft_clear(f->draft, number);
}

static void
a_person_is_an_entry(void **state)
{
	struct fixture *f = *state;

	add_person(f);
	assert_check(f, NULL);
	add(f, "mail", "alice@example.com");
	add(f, "mail", "a@example.com");
	add(f, "legalname", "Alice Liddell");
	add(f, "description", "of Wonderland");
	add(f, "account_expire", "2030-01-01T00:00:00Z");
	assert_check(f, NULL);
	assert_int_equal(
	    idm_draft_add(f->draft, IDM_ATTR_PRIMARY_CREDENTIAL, idm_value_marker("password")),
	    IDM_OK);
	assert_check(f, NULL);
}

static void
what_a_class_needs_must_be_there(void **state)
{
	struct fixture *f = *state;

	add_person(f);
	clear(f, IDM_ATTR_DISPLAYNAME);
	assert_check(f, "person needs displayname");
	add(f, "displayname", "Alice");
	clear(f, IDM_ATTR_NAME);
	assert_check(f, "person needs name");
	add(f, "name", "alice");
	add(f, "class", "posixaccount");
	assert_check(f, "posixaccount needs gidnumber");
	add(f, "gidnumber", "65537");
	assert_check(f, NULL);
}

static void
an_attribute_needs_a_class_that_has_it(void **state)
{
	struct fixture *f = *state;

	add_person(f);
	add(f, "loginshell", "/bin/sh");
	assert_check(f, "loginshell is not allowed on this person: no class of the entry has it");
	add(f, "class", "posixaccount");
	add(f, "gidnumber", "65537");
	assert_check(f, NULL);
	add(f, "member", "00000000-0000-0000-0000-000000000001");
	assert_check(f, "member is not allowed on this person: no class of the entry has it");
}

static void
what_the_core_fills_in_is_no_ones_fault(void **state)
{
	struct fixture *f = *state;

	add_person(f);
	add(f, "spn", "alice@idm.example.com");
	add(f, "memberof", "00000000-0000-0000-0000-000000000001");
	add(f, "last_modified", "2030-01-01T00:00:00Z");
	add(f, "uuid", "01234567-89ab-4cde-8f01-23456789abcd");
	assert_check(f, NULL);
}

static void
single_values_stay_single(void **state)
{
	struct fixture *f = *state;

	add_person(f);
	add(f, "displayname", "Somebody else");
	assert_check(f, "displayname takes one value: remove the old one first");
}

static void
exactly_one_structural_class(void **state)
{
	struct fixture *f = *state;

	assert_check(f, "every entry needs the class object");
	add(f, "class", "object");
	assert_check(f, "class must say what the entry is: person, service_account, group, ...");
	add(f, "class", "account");
	assert_check(f, "class must say what the entry is: person, service_account, group, ...");
	add(f, "class", "group");
	add(f, "name", "ops");
	assert_check(f, "account needs the class person or service_account");
	clear(f, IDM_ATTR_CLASS);
	add_person(f);
	clear(f, IDM_ATTR_NAME);
	add(f, "name", "ops");
	add(f, "class", "group");
	assert_check(f, "class person and class group exclude each other: keep one");
}

static void
a_person_is_always_an_account(void **state)
{
	struct fixture *f = *state;

	add_person(f);
	assert_true(idm_draft_remove(f->draft, IDM_ATTR_CLASS, IDM_SPAN_LIT("account")));
	assert_check(f, "person needs the class account");
	assert_true(idm_draft_remove(f->draft, IDM_ATTR_CLASS, IDM_SPAN_LIT("person")));
	add(f, "class", "service_account");
	assert_check(f, "service_account needs the class account");
	add(f, "class", "account");
	assert_check(f, NULL);
	add(f, "class", "person");
	assert_check(f, "class service_account and class person exclude each other: keep one");
}

static void
unknown_classes_and_attributes_are_refused(void **state)
{
	struct fixture *f = *state;

	add_person(f);
	assert_int_equal(idm_draft_add(f->draft, 39, idm_value_marker("x")), IDM_OK);
	assert_check(f, "there is no attribute with the number 39");
	clear(f, 39);
	add(f, "class", "wizard");
	assert_check(f, "class wizard is unknown: check its name");
}

static void
groups_take_radius_policy_and_dynamic_ones_a_filter(void **state)
{
	struct fixture *f = *state;

	add(f, "class", "object");
	add(f, "class", "group");
	add(f, "name", "wifi");
	add(f, "member", "00000000-0000-0000-0000-000000000001");
	add(f, "member", "00000000-0000-0000-0000-000000000002");
	assert_check(f, NULL);
	add(f, "radius_vlan", "42");
	assert_check(f, "radius_vlan is not allowed on this group: no class of the entry has it");
	add(f, "class", "radius_policy");
	assert_check(f, NULL);
	add(f, "class", "dyngroup");
	assert_check(f, "dyngroup needs dyngroup_filter");
}

static void
some_classes_need_another(void **state)
{
	struct fixture *f = *state;

	add_person(f);
	add(f, "class", "radius_policy");
	assert_check(f, "class radius_policy needs the class group");
	clear(f, IDM_ATTR_CLASS);
	add(f, "class", "object");
	add(f, "class", "group");
	clear(f, IDM_ATTR_DISPLAYNAME);
	add(f, "class", "radius_policy");
	add(f, "class", "account_policy");
	assert_check(f, NULL);
	add(f, "gidnumber", "65537");
	add(f, "class", "posixaccount");
	assert_check(f, "class posixaccount needs the class account");
}

static void
a_tombstone_holds_nothing_else(void **state)
{
	struct fixture *f = *state;

	add(f, "class", "object");
	add(f, "class", "tombstone");
	add(f, "last_modified", "2030-01-01T00:00:00Z");
	assert_check(f, NULL);
	add(f, "name", "alice");
	assert_check(f, "a tombstone holds no name");
	clear(f, IDM_ATTR_NAME);
	assert_int_equal(idm_draft_add(f->draft, 39, idm_value_marker("x")), IDM_OK);
	assert_check(f, "a tombstone holds no such attribute");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_attribute_is_found_by_name_and_number),
		cmocka_unit_test(names_are_found_in_any_case),
		cmocka_unit_test(what_is_not_there_is_not_found),
		cmocka_unit_test(every_class_is_found_and_its_structure_is_the_specs),
		cmocka_unit_test(sets_hold_what_was_added),
		cmocka_unit_test_setup_teardown(a_person_is_an_entry, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_a_class_needs_must_be_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    an_attribute_needs_a_class_that_has_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_the_core_fills_in_is_no_ones_fault, set_up, tear_down),
		cmocka_unit_test_setup_teardown(single_values_stay_single, set_up, tear_down),
		cmocka_unit_test_setup_teardown(exactly_one_structural_class, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_person_is_always_an_account, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    unknown_classes_and_attributes_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    groups_take_radius_policy_and_dynamic_ones_a_filter, set_up, tear_down),
		cmocka_unit_test_setup_teardown(some_classes_need_another, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_tombstone_holds_nothing_else, set_up, tear_down),
	};

	schema = idm_schema_builtin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
