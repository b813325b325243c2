/* The compare operation (RFC 4511 section 4.10): what is equal, and what is not shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/server.h"
#include "tests/support/test_clock.h"

#define PEOPLE "ou=people," DIRECTORY_SUFFIX
#define ANNA "uid=anna," PEOPLE
#define STAFF "cn=staff,ou=groups," DIRECTORY_SUFFIX

struct comparison {
	const char *dn;
	const char *attribute;
	const char *value;
	enum ldap_result_code code;
};

static const struct answer *
compare(struct client *client, const char *dn, const char *attribute, const char *value)
{
	const struct answer *answer;

	request_compare(&client->requests, 1, dn, attribute, value);
	client_send(client);
	answer = client_take(client);
	assert_int_equal(answer->id, 1);
	assert_int_equal(answer->tag, LDAP_TAG_COMPARE_RESPONSE);
	return answer;
}

static void
run(struct client *client, const struct comparison *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct comparison *c = &cases[i];
		const struct answer *answer = compare(client, c->dn, c->attribute, c->value);

		if (answer->code != c->code)
			fail_msg("%s of %s and %s: %s %s", c->attribute, c->dn, c->value,
			    ldap_result_name(answer->code), answer->text);
	}
}

#define RUN(client, cases) run(client, cases, sizeof(cases) / sizeof((cases)[0]))

static struct client *
client_of(struct server *s, const char *name)
{
	struct client *client = client_open(s);

	if (name != NULL)
		client_bind(client, name, SERVER_PASSWORD);
	return client;
}

static void
values_are_equal_as_their_syntax_has_it(void **state)
{
	static const struct comparison cases[] = {
		{ ANNA, "uid", "anna", LDAP_COMPARE_TRUE },
		{ ANNA, "UID", "ANNA", LDAP_COMPARE_TRUE },
		{ ANNA, "name", "anna", LDAP_COMPARE_TRUE },
		{ ANNA, "uid", "ann", LDAP_COMPARE_FALSE },
		{ ANNA, "uid", "", LDAP_COMPARE_FALSE },
		{ ANNA, "displayName", "anna  APFEL", LDAP_COMPARE_TRUE },
		{ ANNA, "displayName", "Anna", LDAP_COMPARE_FALSE },
		{ ANNA, "mail", "apfel@example.com", LDAP_COMPARE_TRUE },
		{ ANNA, "mail", "ANNA@EXAMPLE.COM", LDAP_COMPARE_TRUE },
		{ ANNA, "mail", "ben@example.com", LDAP_COMPARE_FALSE },
		{ ANNA, "gidNumber", "70001", LDAP_COMPARE_TRUE },
		{ ANNA, "gidNumber", "70002", LDAP_COMPARE_FALSE },
		{ ANNA, "homeDirectory", "/home/anna", LDAP_COMPARE_TRUE },
		{ ANNA, "objectClass", "person", LDAP_COMPARE_TRUE },
		{ ANNA, "objectClass", "POSIXACCOUNT", LDAP_COMPARE_TRUE },
		{ ANNA, "objectClass", "group", LDAP_COMPARE_FALSE },
		{ ANNA, "spn", "anna@idm.example.com", LDAP_COMPARE_TRUE },
		{ ANNA, "entryDN", "UID=Anna, OU=People, " DIRECTORY_SUFFIX, LDAP_COMPARE_TRUE },
		{ ANNA, "entryDN", "uid=ben," PEOPLE, LDAP_COMPARE_FALSE },
		{ ANNA, "hasSubordinates", "FALSE", LDAP_COMPARE_TRUE },
		{ ANNA, "hasSubordinates", "TRUE", LDAP_COMPARE_FALSE },
		{ PEOPLE, "hasSubordinates", "TRUE", LDAP_COMPARE_TRUE },
		{ ANNA, "subschemaSubentry", "CN=subschema", LDAP_COMPARE_TRUE },
		{ ANNA, "loginDisabled", "TRUE", LDAP_COMPARE_FALSE },
		{ ANNA, "sn", "apfel", LDAP_COMPARE_TRUE },
		{ ANNA, "givenName", "ANNA", LDAP_COMPARE_TRUE },
		{ DIRECTORY_SUFFIX, "dc", "idm", LDAP_COMPARE_TRUE },
		{ PEOPLE, "ou", "People", LDAP_COMPARE_TRUE },
		{ PEOPLE, "ou", "groups", LDAP_COMPARE_FALSE },
	};
	struct client *client = client_of(*state, "anna");

	RUN(client, cases);
	client_close(&client);
}

static void
a_name_of_a_member_or_group_may_have_any_form(void **state)
{
	static const struct comparison cases[] = {
		{ STAFF, "member", ANNA, LDAP_COMPARE_TRUE },
		{ STAFF, "member", "UID=Anna, OU=People, " DIRECTORY_SUFFIX, LDAP_COMPARE_TRUE },
		{ STAFF, "member", "anna", LDAP_COMPARE_TRUE },
		{ STAFF, "member", "anna@idm.example.com", LDAP_COMPARE_TRUE },
		{ STAFF, "member", "uid=ben," PEOPLE, LDAP_COMPARE_FALSE },
		{ STAFF, "member", "uid=nobody," PEOPLE, LDAP_COMPARE_FALSE },
		{ ANNA, "memberOf", STAFF, LDAP_COMPARE_TRUE },
		{ ANNA, "memberOf", "cn=everyone,ou=groups," DIRECTORY_SUFFIX, LDAP_COMPARE_TRUE },
		{ ANNA, "memberOf", "everyone", LDAP_COMPARE_TRUE },
		{ ANNA, "directmemberof", "everyone", LDAP_COMPARE_FALSE },
		{ ANNA, "memberOf", "idm_admins", LDAP_COMPARE_FALSE },
		{ ANNA, "memberOf", "no such group", LDAP_COMPARE_FALSE },
	};
	struct client *client = client_of(*state, "anna");

	RUN(client, cases);
	client_close(&client);
}

/* Whether it is there is not to be told: it is answered as what is not there. */
static void
what_may_not_be_read_is_as_if_it_were_not_there(void **state)
{
	static const struct comparison as_anna[] = {
		{ ANNA, "mail", "anna@example.com", LDAP_COMPARE_TRUE },
		{ "uid=robot,ou=services," DIRECTORY_SUFFIX, "account_expire", "x",
		    LDAP_NO_SUCH_ATTRIBUTE },
		{ "uid=ben," PEOPLE, "account_expire", "2023-11-15T22:13:20Z",
		    LDAP_NO_SUCH_ATTRIBUTE },
		{ "uid=ben," PEOPLE, "mail", "ben@example.com", LDAP_NO_SUCH_ATTRIBUTE },
	};
	static const struct comparison as_nobody[] = {
		{ ANNA, "uid", "anna", LDAP_COMPARE_TRUE },
		{ ANNA, "mail", "anna@example.com", LDAP_NO_SUCH_ATTRIBUTE },
		{ ANNA, "mail", "no@example.com", LDAP_NO_SUCH_ATTRIBUTE },
		{ ANNA, "legalname", "Anna Maria Apfel", LDAP_NO_SUCH_ATTRIBUTE },
	};
	static const struct comparison as_admin[] = {
		{ ANNA, "mail", "anna@example.com", LDAP_COMPARE_TRUE },
		{ ANNA, "legalname", "anna maria apfel", LDAP_COMPARE_TRUE },
		{ "uid=ben," PEOPLE, "mail", "ben@example.com", LDAP_NO_SUCH_ATTRIBUTE },
	};
	struct server *s = *state;
	struct client *client = client_of(s, "anna");

	RUN(client, as_anna);
	client_close(&client);
	client = client_of(s, NULL);
	RUN(client, as_nobody);
	client_close(&client);
	client = client_of(s, "idm_admin");
	RUN(client, as_admin);
	client_close(&client);
}

static void
what_is_not_there_has_its_own_answers(void **state)
{
	static const struct comparison cases[] = {
		{ ANNA, "favouriteDrink", "tea", LDAP_UNDEFINED_ATTRIBUTE_TYPE },
		{ ANNA, "", "tea", LDAP_UNDEFINED_ATTRIBUTE_TYPE },
		{ "uid=nobody," PEOPLE, "uid", "nobody", LDAP_NO_SUCH_OBJECT },
		{ "uid=anna,ou=groups," DIRECTORY_SUFFIX, "uid", "anna", LDAP_NO_SUCH_OBJECT },
		{ "dc=example,dc=org", "dc", "example", LDAP_NO_SUCH_OBJECT },
		{ "ou=nowhere," DIRECTORY_SUFFIX, "ou", "nowhere", LDAP_NO_SUCH_OBJECT },
		{ "dn=token", "dn", "token", LDAP_NO_SUCH_OBJECT },
		{ "uuid=00000000-0000-0000-0000-000000f00002," DIRECTORY_SUFFIX, "uuid", "x",
		    LDAP_NO_SUCH_OBJECT }, /* there, and not to be seen */
		{ "=,", "uid", "anna", LDAP_INVALID_DN_SYNTAX },
		{ "uid=anna,,", "uid", "anna", LDAP_INVALID_DN_SYNTAX },
	};
	struct client *client = client_of(*state, "anna");

	RUN(client, cases);
	assert_string_equal(compare(client, "uid=nobody," PEOPLE, "uid", "x")->matched_dn, PEOPLE);
	assert_string_equal(
	    compare(client, "uid=x,ou=nowhere," DIRECTORY_SUFFIX, "uid", "x")->matched_dn,
	    DIRECTORY_SUFFIX);
	assert_string_equal(compare(client, "dc=example,dc=org", "dc", "x")->matched_dn, "");
	client_close(&client);
}

static void
made_up_entries_are_compared_too(void **state)
{
	static const struct comparison cases[] = {
		{ "", "supportedLDAPVersion", "3", LDAP_COMPARE_TRUE },
		{ "", "supportedLDAPVersion", "2", LDAP_COMPARE_FALSE },
		{ "", "namingContexts", "DC=idm,DC=example,DC=com", LDAP_COMPARE_TRUE },
		{ "", "uid", "x", LDAP_NO_SUCH_ATTRIBUTE },
		{ "cn=subschema", "objectClass", "subschema", LDAP_COMPARE_TRUE },
	};
	struct client *client = client_of(*state, NULL);

	RUN(client, cases);
	client_close(&client);
}

static void
an_unknown_critical_control_refuses_it(void **state)
{
	struct client *client = client_of(*state, NULL);

	client->requests.control =
	    (struct ldap_control){ .oid = IDM_SPAN_LIT("1.2.3.4"), .critical = true };
	assert_int_equal(
	    compare(client, ANNA, "uid", "anna")->code, LDAP_UNAVAILABLE_CRITICAL_EXTENSION);
	client->requests.control =
	    (struct ldap_control){ .oid = IDM_SPAN_LIT("2.16.840.1.113730.3.4.2"),
		    .critical = true }; /* ManageDsaIT */
	assert_int_equal(compare(client, ANNA, "uid", "anna")->code, LDAP_COMPARE_TRUE);
	client_close(&client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_equal_as_their_syntax_has_it),
		cmocka_unit_test(a_name_of_a_member_or_group_may_have_any_form),
		cmocka_unit_test(what_may_not_be_read_is_as_if_it_were_not_there),
		cmocka_unit_test(what_is_not_there_has_its_own_answers),
		cmocka_unit_test(made_up_entries_are_compared_too),
		cmocka_unit_test(an_unknown_critical_control_refuses_it),
	};

	return cmocka_run_group_tests(tests, server_setup, server_teardown);
}
