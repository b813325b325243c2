/* Attributes and classes of administrators as LDAP clients see them (SPEC 8.2, 8.5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/reserved.h"
#include "ldapd/rootdse.h"
#include "tests/support/directory.h"

static void
assert_ok(struct directory *d, enum idm_result result)
{
	if (result != IDM_OK)
		fail_msg("%s: %s", idm_result_name(result), d->realm->err.text);
}

/* badge and since may be held by who is employee; anna has both. */
static void
employ(struct directory *d)
{
	struct realm *r = d->realm;

	assert_ok(d, realm_create(r, NULL, "class", "attributetype", "attributetype_name", "badge",
			 "attributetype_syntax", "utf8_nocase", "attributetype_index", "substring",
			 "description", "What opens O'Brien's \\door", NULL));
	assert_ok(d, realm_create(r, NULL, "class", "attributetype", "attributetype_name", "since",
			 "attributetype_syntax", "datetime", "attributetype_multi", "true", NULL));
	assert_ok(d, realm_create(r, NULL, "class", "attributetype", "attributetype_name", "boss",
			 "attributetype_syntax", "reference", NULL));
	assert_ok(d, realm_create(r, NULL, "class", "classtype", "classtype_name", "employee",
			 "classtype_must", "badge", "classtype_may", "since", "classtype_may",
			 "boss", "description", "Who works here", NULL));
	assert_ok(d, realm_modify(r, NULL, "anna", "+class", "employee", "=badge", "A-17", "+since",
			 "2020-01-01T00:00:00Z", "=boss", "ben", NULL));
	directory_look(d, NULL);
}

/* The description in the subschema that has this name; "" none. */
static const char *
told(struct directory *d, const char *attribute, const char *name)
{
	static char text[4096];
	struct made_entry entry;
	const struct made_attr *attr;
	char wanted[80];

	snprintf(wanted, sizeof(wanted), " NAME '%s'", name);
	assert_int_equal(subschema_make(&d->view, &entry, &d->err), IDM_OK);
	attr = made_find(&entry, idm_span_cstr(attribute));
	text[0] = '\0';
	for (size_t i = 0; i < attr->count; i++) {
		if (memmem(attr->values[i].ptr, attr->values[i].len, wanted, strlen(wanted)) !=
		    NULL)
			snprintf(text, sizeof(text), "%.*s", IDM_SPAN_ARG(attr->values[i]));
	}
	return text;
}

static void
values_and_classes_are_shown(void **state)
{
	struct directory *d = *state;

	employ(d);
	assert_string_equal(directory_values(d, "anna", "badge"), "A-17");
	assert_string_equal(directory_values(d, "anna", "BADGE"), "A-17");
	assert_string_equal(directory_values(d, "anna", "since"), "2020-01-01T00:00:00Z");
	assert_string_equal(
	    directory_values(d, "anna", "boss"), "uid=ben,ou=people," DIRECTORY_SUFFIX);
	assert_string_equal(directory_values(d, "ben", "badge"), "");
	assert_non_null(strstr(directory_values(d, "anna", "objectClass"), "employee"));
}

static void
filters_go_by_them(void **state)
{
	struct directory *d = *state;

	employ(d);
	assert_string_equal(directory_search(d, "(badge=a-17)"), "anna");
	assert_string_equal(directory_search(d, "(badge=*-1*)"), "anna");
	assert_string_equal(directory_search(d, "(badge>=a)"), "anna");
	assert_string_equal(directory_search(d, "(badge<=a)"), "");
	assert_string_equal(directory_search(d, "(since>=2019-12-31T00:00:00Z)"), "anna");
	assert_string_equal(directory_search(d, "(objectClass=employee)"), "anna");
	assert_string_equal(
	    directory_search(d, "(boss=uid=ben,ou=people," DIRECTORY_SUFFIX ")"), "anna");
	assert_string_equal(directory_search(d, "(badge:caseIgnoreMatch:=A-17)"), "anna");
	assert_string_equal(directory_search(d, "(&(objectClass=person)(!(badge=*)))"), "ben|carl");
	assert_string_equal(directory_search(d, "(nosuch=*)"), "");
}

static void
the_subschema_tells_of_them(void **state)
{
	struct directory *d = *state;
	const char *text;

	assert_string_equal(told(d, "attributeTypes", "badge"), "");
	employ(d);
	text = told(d, "attributeTypes", "badge");
	assert_non_null(strstr(text, ".10.4096 NAME 'badge'"));
	assert_non_null(strstr(text, " DESC 'What opens O\\27Brien\\27s \\5Cdoor' "));
	assert_non_null(strstr(text, "EQUALITY caseIgnoreMatch"));
	assert_non_null(strstr(text, "SINGLE-VALUE"));
	assert_null(strstr(told(d, "attributeTypes", "since"), "SINGLE-VALUE"));
	text = told(d, "objectClasses", "employee");
	assert_memory_equal(text, "( 2.25.", 7);
	assert_non_null(strstr(
	    text, " NAME 'employee' DESC 'Who works here' SUP top AUXILIARY MUST ( badge ) "));
	assert_non_null(strstr(text, "since"));
}

static void
what_a_class_lists_is_asked_for_by_its_name(void **state)
{
	struct directory *d = *state;
	const struct idm_span asked[] = { IDM_SPAN_LIT("@employee"), IDM_SPAN_LIT("*") };
	struct view_selection selection;
	bool badge = false, uid = false;

	employ(d);
	assert_int_equal(
	    view_select(d->view.read->schema, asked, 1, d->view.read->arena, &selection, &d->err),
	    IDM_OK);
	assert_int_equal(selection.count, 3);
	assert_int_equal(view_select(d->view.read->schema, asked + 1, 1, d->view.read->arena,
			     &selection, &d->err),
	    IDM_OK);
	for (size_t i = 0; i < selection.count; i++) {
		badge = badge || strcmp(selection.columns[i].attr->name, "badge") == 0;
		uid = uid || strcmp(selection.columns[i].attr->name, "uid") == 0;
	}
	assert_true(badge && uid);
}

static void
their_makers_stand_in_a_container(void **state)
{
	struct directory *d = *state;
	const char *dn = "cn=badge,ou=schema," DIRECTORY_SUFFIX;

	employ(d);
	assert_string_equal(directory_values(d, dn, "entryDN"), dn);
	assert_string_equal(directory_values(d, dn, "cn"), "badge");
	assert_string_equal(directory_values(d, dn, "attributetype_number"), "4096");
	assert_string_equal(
	    directory_values(d, "cn=Employee,OU=Schema," DIRECTORY_SUFFIX, "classtype_may"),
	    "since|boss");
	assert_string_equal(
	    directory_values(d, "ou=schema," DIRECTORY_SUFFIX, "hasSubordinates"), "TRUE");
	assert_string_equal(directory_search(d, "(&(cn=badge)(objectClass=attributetype))"),
	    "domain"); /* which is what has no name there */
	assert_string_equal(directory_search(d, "(cn=*mploye*)"), "domain");
	directory_look(d, "ben");
	assert_string_equal(directory_search(d, "(cn=badge)"), "");
	assert_string_equal(directory_search(d, "(ou=schema)"), "");
	assert_string_equal(directory_search(d, "(badge=*)"), ""); /* no profile lets him read it */
	directory_look(d, "admin");
	assert_string_equal(directory_search(d, "(cn=badge)"), "domain");
	assert_string_equal(directory_search(d, "(ou=schema)"), "schema");
}

static void
what_is_gone_is_unknown(void **state)
{
	struct directory *d = *state;
	struct idm_entry entry;
	char text[IDM_UUID_TEXT];

	employ(d);
	assert_ok(d, realm_create(d->realm, NULL, "class", "attributetype", "attributetype_name",
			 "brief", "attributetype_syntax", "utf8", NULL));
	directory_look(d, NULL);
	assert_non_null(view_find(d->view.read->schema, IDM_SPAN_LIT("brief")));
	entry = directory_entry(d, "cn=brief,ou=schema," DIRECTORY_SUFFIX);
	idm_uuid_format(&entry.uuid, text);
	assert_ok(d, realm_delete(d->realm, NULL, text));
	directory_look(d, NULL);
	assert_null(view_find(d->view.read->schema, IDM_SPAN_LIT("brief")));
	assert_non_null(view_find(d->view.read->schema, IDM_SPAN_LIT("badge")));
}

/* What LDAP gives a meaning here can't be given another by an administrator. */
static void
all_names_of_ldap_are_reserved(void **state)
{
	struct directory *d = *state;
	const struct idm_schema *schema = d->view.read->schema;
	const struct view_attr *attr;
	const struct view_class *class;
	struct made_entry rootdse;

	for (size_t i = 0; (attr = view_attr_at(schema, i)) != NULL; i++) {
		if (strchr(attr->name, ';') == NULL &&
		    !idm_name_is_reserved(idm_span_cstr(attr->name)) &&
		    idm_schema_attr(schema, idm_span_cstr(attr->name)) == NULL)
			fail_msg("%s is not reserved", attr->name);
		if (attr->other != NULL && !idm_name_is_reserved(idm_span_cstr(attr->other)))
			fail_msg("%s is not reserved", attr->other);
	}
	for (size_t i = 0; (class = view_class_at(i)) != NULL; i++) {
		if (!idm_name_is_reserved(idm_span_cstr(class->name)))
			fail_msg("class %s is not reserved", class->name);
	}
	assert_int_equal(rootdse_make(&d->view, &rootdse, &d->err), IDM_OK);
	for (size_t i = 0; i < rootdse.count; i++)
		assert_true(idm_name_is_reserved(idm_span_cstr(rootdse.attrs[i].name)));
	assert_int_equal(subschema_make(&d->view, &rootdse, &d->err), IDM_OK);
	for (size_t i = 0; i < rootdse.count; i++)
		assert_true(idm_name_is_reserved(idm_span_cstr(rootdse.attrs[i].name)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)
		T(values_and_classes_are_shown),
		T(filters_go_by_them),
		T(the_subschema_tells_of_them),
		T(what_a_class_lists_is_asked_for_by_its_name),
		T(their_makers_stand_in_a_container),
		T(what_is_gone_is_unknown),
		T(all_names_of_ldap_are_reserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
