/* The LDAP face of entries: names, values, selections, and the way back of what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "ldapd/view.h"
#include "tests/support/directory.h"

#define STAFF "cn=staff,ou=groups," DIRECTORY_SUFFIX
#define EVERYONE "cn=everyone,ou=groups," DIRECTORY_SUFFIX
#define ANNA "uid=anna,ou=people," DIRECTORY_SUFFIX
#define PERSONS "cn=idm_all_persons,ou=groups," DIRECTORY_SUFFIX
#define ACCOUNTS "cn=idm_all_accounts,ou=groups," DIRECTORY_SUFFIX

struct shown {
	const char *entry;
	const char *attribute;
	const char *values;
};

static void
assert_shown(struct directory *d, const struct shown *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *values = directory_values(d, cases[i].entry, cases[i].attribute);

		if (strcmp(values, cases[i].values) != 0)
			fail_msg("%s of %s: %s, not %s", cases[i].attribute, cases[i].entry, values,
			    cases[i].values);
	}
}

#define ASSERT_SHOWN(d, cases) assert_shown(d, cases, sizeof(cases) / sizeof((cases)[0]))

static void
an_entry_is_shown_under_standard_and_native_names(void **state)
{
	static const struct shown cases[] = {
		{ "anna", "uid", "anna" },
		{ "anna", "name", "anna" },
		{ "anna", "spn", "anna@idm.example.com" },
		{ "anna", "cn", "Anna Apfel|anna" },
		{ "anna", "displayName", "Anna Apfel" },
		{ "anna", "sn", "Apfel" },
		{ "anna", "givenName", "Anna" },
		{ "carl", "sn", "Carl" },
		{ "carl", "givenName", "" },
		{ "anna", "gecos", "Anna Apfel" },
		{ "ben", "gecos", "" },
		{ "anna", "mail", "Anna@example.com|apfel@example.com" },
		{ "anna", "mail;primary", "Anna@example.com" },
		{ "anna", "mail;alternative", "apfel@example.com" },
		{ "anna", "emailPrimary", "Anna@example.com" },
		{ "anna", "emailAddress", "Anna@example.com|apfel@example.com" },
		{ "anna", "uidNumber", "70001" },
		{ "anna", "gidNumber", "70001" },
		{ "staff", "uidNumber", "" },
		{ "staff", "gidNumber", "70002" },
		{ "staff", "uid", "" },
		{ "staff", "cn", "staff" },
		{ "anna", "homeDirectory", "/home/anna" },
		{ "anna", "loginShell", "/bin/sh" },
		{ "anna", "sshPublicKey", DIRECTORY_KEY " laptop" },
		{ "anna", "keys", DIRECTORY_KEY " laptop" },
		{ "anna", "ssh_publickey", "laptop " DIRECTORY_KEY },
		{ "anna", "userPassword", "" },
		{ "anna", "entryDN", ANNA },
		{ "anna", "subschemaSubentry", "cn=subschema" },
		{ "anna", "createTimestamp", "20231114221320Z" },
		{ "anna", "created", "2023-11-14T22:13:20Z" },
		{ "ou=people", "ou", "people" },
		{ "ou=people", "entryDN", "ou=people," DIRECTORY_SUFFIX },
		{ "ou=people", "hasSubordinates", "TRUE" },
		{ "anna", "hasSubordinates", "FALSE" },
		{ DIRECTORY_SUFFIX, "dc", "idm" },
		{ DIRECTORY_SUFFIX, "entryDN", DIRECTORY_SUFFIX },
	};
	struct directory *d = *state;

	ASSERT_SHOWN(d, cases);
	assert_string_equal(
	    directory_values(d, "anna", "entryUUID"), directory_values(d, "anna", "uuid"));
	assert_int_equal(strlen(directory_values(d, "anna", "entryUUID")), 36);
	assert_memory_equal(directory_values(d, "anna", "entryCSN"), "20231114221320.000000Z#", 23);
}

static void
classes_are_native_and_standard(void **state)
{
	static const struct shown cases[] = {
		{ "ben", "objectClass",
		    "object|account|person|top|organizationalPerson|inetOrgPerson|ldapPublicKey" },
		{ "everyone", "objectClass", "object|group|top|groupOfNames|groupOfUniqueNames" },
		{ "ben", "structuralObjectClass", "inetOrgPerson" },
		{ "staff", "structuralObjectClass", "groupOfNames" },
		{ "robot", "structuralObjectClass", "account" },
		{ "ou=people", "structuralObjectClass", "organizationalUnit" },
		{ DIRECTORY_SUFFIX, "structuralObjectClass", "domain" },
	};
	struct directory *d = *state;
	const char *anna = directory_values(d, "anna", "objectClass");

	ASSERT_SHOWN(d, cases);
	assert_non_null(strstr(anna, "posixAccount"));
	assert_non_null(strstr(anna, "shadowAccount"));
	assert_null(strstr(anna, "posixaccount"));
}

static void
members_and_groups_are_dns(void **state)
{
	static const struct shown cases[] = {
		{ "staff", "member", ANNA },
		{ "everyone", "member", STAFF },
		{ "everyone", "uniqueMember", STAFF },
		{ "everyone", "memberUid", "anna" },
		{ "staff", "memberOf", EVERYONE },
		{ "anna", "directmemberof", PERSONS "|" ACCOUNTS "|" STAFF },
		{ "anna", "memberOf", PERSONS "|" ACCOUNTS "|" STAFF "|" EVERYONE },
		{ "idm_all_persons", "member", "" },
		{ "idm_all_persons", "memberUid", "anna|ben|carl" },
	};
	struct directory *d = *state;

	ASSERT_SHOWN(d, cases);
	assert_non_null(strstr(directory_values(d, "idm_all_persons", "uniqueMember"), ANNA));
	assert_string_equal(directory_values(d, "idm_all_persons", "uniqueMember"),
	    directory_values(d, "idm_all_persons", "dynmember"));
}

static void
a_cycle_of_groups_ends(void **state)
{
	struct directory *d = *state;

	assert_int_equal(
	    realm_modify(d->realm, NULL, "staff", "+member", "everyone", NULL), IDM_OK);
	directory_look(d, NULL);
	assert_string_equal(directory_values(d, "staff", "memberUid"), "anna");
	assert_string_equal(directory_values(d, "staff", "memberOf"), STAFF "|" EVERYONE);
}

static void
validity_is_told_in_the_words_of_other_servers(void **state)
{
	static const struct shown cases[] = {
		{ "anna", "nsAccountLock", "FALSE" },
		{ "anna", "loginDisabled", "FALSE" },
		{ "anna", "pwdAccountLockedTime", "" },
		{ "anna", "shadowExpire", "" },
		{ "anna", "krbPrincipalExpiration", "" },
		{ "anna", "accountExpires", "9223372036854775807" },
		{ "ben", "nsAccountLock", "FALSE" },
		{ "ben", "shadowExpire", "19677" },
		{ "ben", "krbPrincipalExpiration", "20231115221320Z" },
		{ "ben", "accountExpires", "133445600000000000" },
		{ "carl", "nsAccountLock", "TRUE" },
		{ "carl", "pwdAccountLockedTime", "000001010000Z" },
		{ "carl", "shadowExpire", "1" },
		{ "carl", "krbPrincipalExpiration", "19700101000001Z" },
		{ "carl", "accountExpires", "1" },
		{ "staff", "nsAccountLock", "" },
	};

	ASSERT_SHOWN(*state, cases);
}

static void
an_account_that_expired_is_locked_and_tells_when(void **state)
{
	static const struct shown cases[] = {
		{ "ben", "nsAccountLock", "TRUE" },
		{ "ben", "krbPrincipalExpiration", "20231115221320Z" },
		{ "ben", "shadowExpire", "19677" },
		{ "carl", "nsAccountLock", "FALSE" },
	};
	struct directory *d = *state;

	d->realm->now.at_s += 86400;
	directory_look(d, NULL);
	ASSERT_SHOWN(d, cases);
	d->realm->now.trusted = false;
	directory_look(d, NULL);
	assert_string_equal(directory_values(d, "anna", "nsAccountLock"), "FALSE");
	assert_string_equal(directory_values(d, "carl", "nsAccountLock"), "TRUE");
}

static void
what_may_not_be_read_has_no_value_under_any_name(void **state)
{
	static const struct shown cases[] = {
		{ "anna", "mail", "" },
		{ "anna", "mail;primary", "" },
		{ "anna", "email", "" },
		{ "anna", "legalname", "" },
		{ "ben", "nsAccountLock", "" },
		{ "carl", "pwdAccountLockedTime", "" },
		{ "ben", "shadowExpire", "" },
		{ "ben", "accountExpires", "" },
		{ "anna", "sn", "Apfel" },
		{ "anna", "uid", "anna" },
	};
	struct directory *d = *state;

	assert_int_equal(
	    realm_modify(d->realm, NULL, "anna", "=legalname", "Maria Zwetschge", NULL), IDM_OK);
	directory_look(d, "anonymous");
	ASSERT_SHOWN(d, cases);
	directory_look(d, "anna");
	assert_string_equal(directory_values(d, "anna", "sn"), "Zwetschge|Apfel");
	assert_string_equal(directory_values(d, "anna", "givenName"), "Maria|Anna");
}

/* --- names and selections */

static void
names_are_found_in_any_case_and_by_oid(void **state)
{
	const struct idm_schema *schema = idm_schema_builtin();
	const struct view_attr *cn = view_find(schema, IDM_SPAN_LIT("cn"));

	(void)state;
	assert_non_null(cn);
	assert_ptr_equal(cn, view_find(schema, IDM_SPAN_LIT("CN")));
	assert_ptr_equal(cn, view_find(schema, IDM_SPAN_LIT("commonname")));
	assert_ptr_equal(cn, view_find(schema, IDM_SPAN_LIT("2.5.4.3")));
	assert_ptr_equal(view_find(schema, IDM_SPAN_LIT("displayname")),
	    view_find(schema, IDM_SPAN_LIT("displayName")));
	assert_null(view_find(schema, IDM_SPAN_LIT("")));
	assert_null(view_find(schema, IDM_SPAN_LIT("cn;lang-en")));
	assert_null(view_find(schema, IDM_SPAN_LIT("dn")));
	for (size_t i = 0; i < 1000; i++) {
		const struct view_attr *attr = view_attr_at(schema, i);

		if (attr == NULL)
			break;
		assert_ptr_equal(view_find(schema, idm_span_cstr(attr->name)), attr);
		if (attr->oid != NULL)
			assert_ptr_equal(view_find(schema, idm_span_cstr(attr->oid)), attr);
	}
}

/* The types of a selection, a space between them. */
static const char *
selected(struct idm_arena *arena, const char *asked)
{
	static char text[4096];
	struct idm_span list[16];
	size_t count = 0;
	struct view_selection selection;
	struct idm_error err;

	while (*asked != '\0') {
		size_t len = strcspn(asked, " ");

		list[count++] = idm_span_of(asked, len);
		asked += len;
		asked += strspn(asked, " ");
	}
	assert_int_equal(
	    view_select(idm_schema_builtin(), list, count, arena, &selection, &err), IDM_OK);
	text[0] = '\0';
	for (size_t i = 0; i < selection.count; i++) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof(text) - len, " %.*s",
		    IDM_SPAN_ARG(selection.columns[i].type));
	}
	strcat(text, " ");
	return text;
}

static void
a_list_of_attributes_is_resolved_once(void **state)
{
	struct idm_arena *arena = idm_arena_new(1 << 20);

	(void)state;
	assert_string_equal(selected(arena, "1.1"), " ");
	assert_string_equal(selected(arena, "uid UID userid cn"), " uid cn ");
	assert_string_equal(selected(arena, "UiD 2.5.4.3 dn no-such"), " UiD cn ");
	assert_string_equal(selected(arena, "mail;primary mail"), " mail;primary mail ");
	assert_non_null(strstr(selected(arena, ""), " uid "));
	assert_non_null(strstr(selected(arena, "*"), " memberOf "));
	assert_null(strstr(selected(arena, "*"), " entryUUID "));
	assert_null(strstr(selected(arena, "*"), " uniqueMember "));
	assert_null(strstr(selected(arena, "*"), " dynmember "));
	assert_non_null(strstr(selected(arena, "+"), " entryUUID "));
	assert_non_null(strstr(selected(arena, "+"), " memberOf "));
	assert_null(strstr(selected(arena, "+"), " uid "));
	assert_non_null(strstr(selected(arena, "MEMBEROF *"), " MEMBEROF "));
	assert_null(strstr(selected(arena, "MEMBEROF *"), " memberOf "));
	assert_non_null(strstr(selected(arena, "@posixAccount"), " homeDirectory "));
	assert_null(strstr(selected(arena, "@posixAccount"), " mail "));
	assert_non_null(strstr(selected(arena, "@inetOrgPerson"), " sn "));
	assert_non_null(strstr(selected(arena, "@radius_client"), " radius_client_network "));
	assert_string_equal(selected(arena, "@no-such-class"), " ");
	idm_arena_free(&arena);
}

/* --- entries on the wire */

static bool
holds(const struct ber_writer *w, const char *text)
{
	return memmem(w->data, w->len, text, strlen(text)) != NULL;
}

static void
write_as(
    struct directory *d, const char *name, const char *asked, bool types_only, struct ber_writer *w)
{
	struct idm_span list[1] = { idm_span_cstr(asked) };
	struct idm_entry entry = directory_entry(d, name);
	struct idm_attrset readable = directory_readable(d, &entry);
	struct view_selection selection;
	struct ldap_entry_writer writer;
	uint8_t dn[TREE_DN_BYTES];

	assert_int_equal(
	    view_select(d->view.read->schema, list, 1, d->view.read->arena, &selection, &d->err),
	    IDM_OK);
	ber_writer_init(w, 1 << 16);
	ldap_entry_begin(&writer, w, 7, tree_dn(d->view.suffix, &entry, dn), types_only);
	assert_int_equal(
	    view_write(&d->view, &entry, &readable, &selection, NULL, &writer, &d->err), IDM_OK);
	assert_true(ldap_entry_end(&writer, (struct ldap_controls){ NULL, 0 }));
}

static void
an_entry_is_written_with_what_it_has(void **state)
{
	struct directory *d = *state;
	struct ber_writer w;

	write_as(d, "anna", "*", false, &w);
	assert_true(holds(&w, ANNA));
	assert_true(holds(&w, "Anna Apfel"));
	assert_true(holds(&w, STAFF));
	assert_false(holds(&w, "description"));
	assert_false(holds(&w, "entryUUID"));
	ber_writer_free(&w);
	write_as(d, "anna", "mail", true, &w);
	assert_true(holds(&w, "mail"));
	assert_false(holds(&w, "example.com\x30"));
	assert_false(holds(&w, "Anna@"));
	ber_writer_free(&w);
	directory_look(d, "anonymous");
	write_as(d, "anna", "mail", true, &w);
	assert_false(holds(&w, "mail"));
	ber_writer_free(&w);
}

/* --- what is written */

static const char *
native_of(const char *description, enum dn_container container)
{
	const struct idm_attr *attr;

	switch (view_native(idm_schema_builtin(), idm_span_cstr(description), container, &attr)) {
	case VIEW_WRITABLE: return attr->name;
	case VIEW_COMPUTED: return "computed";
	case VIEW_UNKNOWN: break;
	}
	return "unknown";
}

static void
what_is_written_goes_to_native_attributes(void **state)
{
	(void)state;
	assert_string_equal(native_of("displayName", DN_CONTAINER_PEOPLE), "displayname");
	assert_string_equal(native_of("uid", DN_CONTAINER_PEOPLE), "name");
	assert_string_equal(native_of("cn", DN_CONTAINER_PEOPLE), "displayname");
	assert_string_equal(native_of("cn", DN_CONTAINER_GROUPS), "name");
	assert_string_equal(native_of("uniqueMember", DN_CONTAINER_GROUPS), "member");
	assert_string_equal(native_of("memberUid", DN_CONTAINER_GROUPS), "member");
	assert_string_equal(native_of("uidNumber", DN_CONTAINER_PEOPLE), "gidnumber");
	assert_string_equal(native_of("sshPublicKey", DN_CONTAINER_PEOPLE), "ssh_publickey");
	assert_string_equal(native_of("objectClass", DN_CONTAINER_PEOPLE), "class");
	assert_string_equal(native_of("account_expire", DN_CONTAINER_PEOPLE), "account_expire");
	assert_string_equal(native_of("sn", DN_CONTAINER_PEOPLE), "computed");
	assert_string_equal(native_of("nsAccountLock", DN_CONTAINER_PEOPLE), "computed");
	assert_string_equal(native_of("entryDN", DN_CONTAINER_PEOPLE), "computed");
	assert_string_equal(native_of("no-such", DN_CONTAINER_PEOPLE), "unknown");
}

static const char *
native_value(struct directory *d, uint32_t number, const char *value)
{
	const struct idm_attr *attr = idm_schema_attr_number(d->view.read->schema, number);
	struct idm_span out;
	static char text[512];

	assert_int_equal(
	    view_native_value(&d->view, attr, idm_span_cstr(value), &out, &d->err), IDM_OK);
	if (out.ptr == NULL)
		return NULL;
	snprintf(text, sizeof(text), "%.*s", IDM_SPAN_ARG(out));
	return text;
}

static void
values_become_what_the_core_takes(void **state)
{
	struct directory *d = *state;
	const char *anna = directory_values(d, "anna", "uuid");
	const struct idm_attr *member =
	    idm_schema_attr_number(d->view.read->schema, IDM_ATTR_MEMBER);
	struct idm_span out;

	assert_string_equal(native_value(d, IDM_ATTR_MEMBER, ANNA), anna);
	assert_string_equal(native_value(d, IDM_ATTR_MEMBER, "UID=Anna,ou=people"), anna);
	assert_string_equal(native_value(d, IDM_ATTR_MEMBER, "anna"), anna);
	assert_string_equal(
	    native_value(d, IDM_ATTR_MEMBER, "uid=nobody,ou=people," DIRECTORY_SUFFIX), "nobody");
	assert_int_equal(
	    view_native_value(&d->view, member, IDM_SPAN_LIT("="), &out, &d->err), IDM_INVALID);
	assert_string_equal(native_value(d, IDM_ATTR_SSH_PUBLICKEY, DIRECTORY_KEY " laptop"),
	    "laptop " DIRECTORY_KEY);
	assert_string_equal(native_value(d, IDM_ATTR_SSH_PUBLICKEY, "laptop " DIRECTORY_KEY),
	    "laptop " DIRECTORY_KEY);
	assert_string_equal(
	    native_value(d, IDM_ATTR_SSH_PUBLICKEY, DIRECTORY_KEY), "ldap " DIRECTORY_KEY);
	assert_string_equal(native_value(d, IDM_ATTR_CLASS, "inetOrgPerson"), "person");
	assert_string_equal(native_value(d, IDM_ATTR_CLASS, "groupOfNames"), "group");
	assert_string_equal(native_value(d, IDM_ATTR_CLASS, "posixAccount"), "posixaccount");
	assert_string_equal(native_value(d, IDM_ATTR_CLASS, "service_account"), "service_account");
	assert_null(native_value(d, IDM_ATTR_CLASS, "top"));
	assert_null(native_value(d, IDM_ATTR_CLASS, "shadowAccount"));
	assert_string_equal(native_value(d, IDM_ATTR_DISPLAYNAME, "Anna"), "Anna");
}

/* --- the tree */

static void
an_entry_is_found_by_its_dn_in_its_container_alone(void **state)
{
	static const char *const none[] = { "uid=staff,ou=people," DIRECTORY_SUFFIX,
		"uid=anna,ou=services," DIRECTORY_SUFFIX, "uid=nobody,ou=people," DIRECTORY_SUFFIX,
		"spn=anna," DIRECTORY_SUFFIX, "uuid=anna," DIRECTORY_SUFFIX,
		"mail=nobody@example.com," DIRECTORY_SUFFIX, "name=anna,app=wiki,dc=elsewhere",
		"dc=elsewhere", "" };
	static const char *const anna[] = { ANNA, "mail=ANNA@example.com," DIRECTORY_SUFFIX,
		"spn=anna@idm.example.com," DIRECTORY_SUFFIX, "name=anna", "cn=anna,ou=people",
		"anna", "70001" };
	struct directory *d = *state;
	struct idm_entry entry;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(tree_find_text(d->view.read, d->view.suffix,
				     idm_span_cstr(none[i]), &entry, &d->err),
		    IDM_NOT_FOUND);
	for (size_t i = 0; i < sizeof(anna) / sizeof(anna[0]); i++)
		assert_string_equal(directory_values(d, anna[i], "entryDN"), ANNA);
	assert_int_equal(
	    tree_find_text(d->view.read, d->view.suffix, IDM_SPAN_LIT("uid=,"), &entry, &d->err),
	    IDM_INVALID);
}

static void
what_has_no_place_is_named_by_its_uuid(void **state)
{
	struct directory *d = *state;
	char dn[64 + sizeof(DIRECTORY_SUFFIX)];

	snprintf(dn, sizeof(dn), "uuid=%s," DIRECTORY_SUFFIX, directory_values(d, "ben", "uuid"));
	assert_string_equal(
	    directory_values(d, dn, "entryDN"), "uid=ben,ou=people," DIRECTORY_SUFFIX);
	assert_int_equal(realm_delete(d->realm, NULL, "ben"), IDM_OK);
	directory_look(d, NULL);
	assert_string_equal(directory_values(d, dn, "entryDN"), dn);
}

static void
the_suffix_follows_the_base_dn(void **state)
{
	struct directory *d = *state;

	assert_int_equal(realm_modify(d->realm, NULL, "00000000-0000-0000-0000-000000f00001",
			     "=ldap_base_dn", "O=Example, C=DE", NULL),
	    IDM_OK);
	directory_look(d, NULL);
	assert_string_equal(
	    directory_values(d, "anna", "entryDN"), "uid=anna,ou=people,O=Example,C=DE");
	assert_string_equal(
	    directory_values(d, "uid=anna,ou=people,o=example,c=de", "uid"), "anna");
	assert_string_equal(directory_values(d, "o=example,c=de", "dc"), "");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_entry_is_shown_under_standard_and_native_names),
		TEST(classes_are_native_and_standard),
		TEST(members_and_groups_are_dns),
		TEST(a_cycle_of_groups_ends),
		TEST(validity_is_told_in_the_words_of_other_servers),
		TEST(an_account_that_expired_is_locked_and_tells_when),
		TEST(what_may_not_be_read_has_no_value_under_any_name),
		cmocka_unit_test(names_are_found_in_any_case_and_by_oid),
		cmocka_unit_test(a_list_of_attributes_is_resolved_once),
		TEST(an_entry_is_written_with_what_it_has),
		cmocka_unit_test(what_is_written_goes_to_native_attributes),
		TEST(values_become_what_the_core_takes),
		TEST(an_entry_is_found_by_its_dn_in_its_container_alone),
		TEST(what_has_no_place_is_named_by_its_uuid),
		TEST(the_suffix_follows_the_base_dn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
