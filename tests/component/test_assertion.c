/* The assertion control (RFC 4528): what is asserted of an entry decides whether anything is done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ldapd/assertion.h"
#include "tests/support/server.h"

#define PEOPLE "ou=people," DIRECTORY_SUFFIX
#define GROUPS "ou=groups," DIRECTORY_SUFFIX
#define ANNA "uid=anna," PEOPLE
#define BEN "uid=ben," PEOPLE
#define STAFF "cn=staff," GROUPS

static struct client *
client_of(struct server *s, const char *name)
{
	struct client *client = client_open(s);

	if (name != NULL)
		client_bind(client, name, SERVER_PASSWORD);
	return client;
}

/* The next request asserts this. */
static void
if_it_is(struct client *client, const char *filter)
{
	client->requests.control =
	    (struct ldap_control){ .oid = IDM_SPAN_LIT(LDAP_CONTROL_ASSERTION),
		    .critical = true,
		    .has_value = true,
		    .value = filter_value(filter) };
}

static const struct answer *
ask(struct client *client, enum ldap_result_code code)
{
	client_send(client);
	return client_expect(client, 1, code);
}

static const char *
stored(struct server *s, const char *name, uint32_t attr_number)
{
	static char text[256];
	struct idm_entry entry = realm_entry(s->realm, name);

	snprintf(text, sizeof(text), "%.*s", IDM_SPAN_ARG(idm_entry_text(&entry, attr_number)));
	realm_done(s->realm);
	return text;
}

static void
an_entry_is_modified_if_it_is_as_asserted(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "idm_admin");

	if_it_is(client, "(displayName=Somebody Else)");
	request_modify(&client->requests, 1, BEN, "=displayName", "New", NULL);
	ask(client, LDAP_ASSERTION_FAILED);
	assert_string_equal(client->answer.text, "the entry is not as it was asserted");
	assert_string_equal(stored(s, "ben", IDM_ATTR_DISPLAYNAME), "Ben Birne");
	if_it_is(client, "(&(displayName=Ben Birne)(!(mail=*)))");
	request_modify(&client->requests, 1, BEN, "=displayName", "New", NULL);
	ask(client, LDAP_SUCCESS);
	assert_string_equal(stored(s, "ben", IDM_ATTR_DISPLAYNAME), "New");
	client_close(&client);
}

/* Two who saw the same value can't both replace it. */
static void
of_two_changes_that_assert_one_value_one_is_made(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "idm_admin");

	for (int32_t id = 1; id <= 2; id++) {
		if_it_is(client, "(displayName=Ben Birne)");
		request_modify(
		    &client->requests, id, BEN, "=displayName", id == 1 ? "One" : "Two", NULL);
	}
	client_send(client);
	client_expect(client, 1, LDAP_SUCCESS);
	client_expect(client, 2, LDAP_ASSERTION_FAILED);
	assert_string_equal(stored(s, "ben", IDM_ATTR_DISPLAYNAME), "One");
	client_close(&client);
}

static void
membership_is_asserted_as_it_is_when_the_change_is_decided(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "idm_admin");

	for (int32_t id = 1; id <= 2; id++) {
		if_it_is(client, "(!(member=" BEN "))");
		request_modify(&client->requests, id, STAFF, "+member", BEN, NULL);
	}
	client_send(client);
	client_expect(client, 1, LDAP_SUCCESS);
	client_expect(client, 2, LDAP_ASSERTION_FAILED);
	if_it_is(client, "(memberOf=" STAFF ")");
	request_modify(&client->requests, 1, BEN, "=displayName", "Of Staff", NULL);
	ask(client, LDAP_SUCCESS);
	client_close(&client);
}

static void
an_entry_is_deleted_or_renamed_if_it_is_as_asserted(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "idm_admin");

	if_it_is(client, "(uid=somebody)");
	request_rename(&client->requests, 1, BEN, "uid=benno", NULL);
	ask(client, LDAP_ASSERTION_FAILED);
	if_it_is(client, "(uid=ben)");
	request_rename(&client->requests, 1, BEN, "uid=benno", NULL);
	ask(client, LDAP_SUCCESS);
	if_it_is(client, "(!(uid=carl))");
	request_delete(&client->requests, 1, "uid=carl," PEOPLE);
	ask(client, LDAP_ASSERTION_FAILED);
	if_it_is(client, "(&(objectClass=person)(uid=carl))");
	request_delete(&client->requests, 1, "uid=carl," PEOPLE);
	ask(client, LDAP_SUCCESS);
	client_close(&client);
}

/* A new entry is asserted as it is to be. */
static void
an_entry_is_added_if_it_is_as_asserted(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "idm_admin");

	if_it_is(client, "(displayName=Other)");
	request_add(&client->requests, 1, "uid=dora," PEOPLE, "displayName", "Dora", NULL);
	ask(client, LDAP_ASSERTION_FAILED);
	if_it_is(client, "(&(displayName=dora)(uid=dora)(objectClass=person))");
	request_add(&client->requests, 1, "uid=dora," PEOPLE, "displayName", "Dora", NULL);
	ask(client, LDAP_SUCCESS);
	client_close(&client);
}

static void
a_search_and_a_compare_answer_if_it_is_as_asserted(void **state)
{
	static const struct search anna = { .base = ANNA, .attributes = "uid" };
	static const struct search people = { .base = PEOPLE, .scope = LDAP_SCOPE_ONE };
	static const struct search root = { .base = "", .attributes = "1.1" };
	static const struct search nobody = { .base = "uid=nobody," PEOPLE };
	struct client *client = client_of(*state, "anna");

	if_it_is(client, "(uid=ben)");
	request_search(&client->requests, 1, &anna);
	ask(client, LDAP_ASSERTION_FAILED);
	if_it_is(client, "(&(uid=anna)(memberOf=" STAFF "))");
	request_search(&client->requests, 1, &anna);
	client_send(client);
	assert_int_equal(client_take(client)->tag, LDAP_TAG_SEARCH_ENTRY);
	client_expect(client, 1, LDAP_SUCCESS);
	if_it_is(client, "(ou=groups)"); /* of the base, not of what is below it */
	request_search(&client->requests, 1, &people);
	ask(client, LDAP_ASSERTION_FAILED);
	if_it_is(client, "(supportedLDAPVersion=3)");
	request_search(&client->requests, 1, &root);
	client_send(client);
	assert_int_equal(client_take(client)->tag, LDAP_TAG_SEARCH_ENTRY);
	client_expect(client, 1, LDAP_SUCCESS);
	if_it_is(client, "(supportedLDAPVersion=2)");
	request_search(&client->requests, 1, &root);
	ask(client, LDAP_ASSERTION_FAILED);
	if_it_is(client, "(uid=nobody)");
	request_search(&client->requests, 1, &nobody);
	ask(client, LDAP_NO_SUCH_OBJECT);
	if_it_is(client, "(uid=ben)");
	request_compare(&client->requests, 1, ANNA, "uid", "anna");
	ask(client, LDAP_ASSERTION_FAILED);
	if_it_is(client, "(uid=anna)");
	request_compare(&client->requests, 1, ANNA, "uid", "anna");
	ask(client, LDAP_COMPARE_TRUE);
	client_close(&client);
}

/* An assertion is no way around the rights to search: what one may not is Undefined, also under
 * NOT. */
static void
what_one_may_not_search_cannot_be_asserted(void **state)
{
	static const char *const filters[] = { "(mail=anna@example.com)", "(mail=*)",
		"(!(mail=nobody@example.com))", "(legalname=*)", "(!(legalname=*))",
		"(!(radius_secret=*))", "(sn=Maria)", "(favouriteDrink=*)" };
	static const struct search anna = { .base = ANNA, .attributes = "uid" };
	struct server *s = *state;
	struct client *client = client_of(s, NULL);

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		if_it_is(client, filters[i]);
		request_search(&client->requests, 1, &anna);
		ask(client, LDAP_ASSERTION_FAILED);
		if_it_is(client, filters[i]);
		request_compare(&client->requests, 1, ANNA, "uid", "anna");
		ask(client, LDAP_ASSERTION_FAILED);
	}
	client_close(&client);
	/* Nor on the way to a write; and who may not write hears that, whatever he asserts. */
	client = client_of(s, "anna");
	for (int i = 0; i < 2; i++) {
		if_it_is(client, i == 0 ? "(displayName=Ben Birne)" : "(displayName=other)");
		request_modify(&client->requests, 1, BEN, "=displayName", "x", NULL);
		ask(client, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
		if_it_is(client, i == 0 ? "(acp_enable=TRUE)" : "(name=all_read)");
		request_modify(&client->requests, 1, "cn=all_read,ou=access," DIRECTORY_SUFFIX,
		    "=description", "x", NULL);
		ask(client, LDAP_NO_SUCH_OBJECT);
	}
	client_close(&client);
}

static void
an_assertion_that_does_not_decode_is_refused(void **state)
{
	static const struct search anna = { .base = ANNA };
	static const struct ldap_control controls[] = {
		{ .oid = IDM_SPAN_LIT(LDAP_CONTROL_ASSERTION) },
		{ .oid = IDM_SPAN_LIT(LDAP_CONTROL_ASSERTION),
		    .has_value = true,
		    .value = IDM_SPAN_LIT("x") },
		{ .oid = IDM_SPAN_LIT(LDAP_CONTROL_ASSERTION),
		    .has_value = true,
		    .value = IDM_SPAN_LIT("\x87\x03uid!") },
	};
	struct client *client = client_of(*state, "idm_admin");

	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		client->requests.control = controls[i];
		request_search(&client->requests, 1, &anna);
		ask(client, LDAP_PROTOCOL_ERROR);
		client->requests.control = controls[i];
		request_compare(&client->requests, 1, ANNA, "uid", "anna");
		ask(client, LDAP_PROTOCOL_ERROR);
		client->requests.control = controls[i];
		request_modify(&client->requests, 1, BEN, "=displayName", "x", NULL);
		ask(client, LDAP_PROTOCOL_ERROR);
	}
	client_close(&client);
}

static void
one_that_is_nested_too_deeply_is_refused(void **state)
{
	char filter[512] = "";
	struct client *client = client_of(*state, "idm_admin");

	for (int i = 0; i < 40; i++)
		strcat(filter, "(!");
	strcat(filter, "(uid=ben)");
	for (int i = 0; i < 40; i++)
		strcat(filter, ")");
	if_it_is(client, filter);
	request_compare(&client->requests, 1, BEN, "uid", "ben");
	ask(client, LDAP_ADMIN_LIMIT_EXCEEDED);
	if_it_is(client, filter);
	request_modify(&client->requests, 1, BEN, "=displayName", "x", NULL);
	ask(client, LDAP_ADMIN_LIMIT_EXCEEDED);
	client_close(&client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)
		T(an_entry_is_modified_if_it_is_as_asserted),
		T(of_two_changes_that_assert_one_value_one_is_made),
		T(membership_is_asserted_as_it_is_when_the_change_is_decided),
		T(an_entry_is_deleted_or_renamed_if_it_is_as_asserted),
		T(an_entry_is_added_if_it_is_as_asserted),
		T(a_search_and_a_compare_answer_if_it_is_as_asserted),
		T(what_one_may_not_search_cannot_be_asserted),
		T(an_assertion_that_does_not_decode_is_refused),
		T(one_that_is_nested_too_deeply_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
