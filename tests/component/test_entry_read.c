/* The read entry controls (RFC 4527): entries as they were before a change, and are after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ldapd/entry_read.h"
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

	client_bind(client, name, SERVER_PASSWORD);
	return client;
}

static struct ldap_control
reading(const char *oid, const char *const *attributes, size_t count)
{
	static uint8_t values[2][512];
	static unsigned next;
	uint8_t *value = values[next++ % 2];
	struct idm_span list = exop_strings(attributes, count);

	assert_true(list.len <= sizeof(values[0]));
	memcpy(value, list.ptr, list.len);
	return (struct ldap_control){ .oid = idm_span_cstr(oid),
		.critical = true,
		.has_value = true,
		.value = idm_span_of(value, list.len) };
}

#define READING(oid, ...)                                                                          \
	reading(oid, (const char *const[]){ __VA_ARGS__ },                                         \
	    sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

/* "DN|type: value|..." of the control with this OID; "" there is none. */
static const char *
entry_read(const struct answer *answer, const char *oid)
{
	static char texts[2][2048];
	static unsigned next;
	char *text = texts[next++ % 2];
	static struct answer entry;
	struct idm_span value = IDM_SPAN_EMPTY;
	struct ber_writer w;
	struct ber_reader top;
	size_t message;
	bool bad = false;

	if (strcmp(answer->control, oid) == 0)
		value = idm_span_of(answer->control_value, answer->control_value_len);
	if (strcmp(answer->other, oid) == 0)
		value = idm_span_of(answer->other_value, answer->other_value_len);
	text[0] = '\0';
	if (value.len == 0)
		return text;
	top = ber_reader_of(value, &bad);
	value = ber_read_octets(&top, LDAP_TAG_SEARCH_ENTRY);
	ber_read_end(&top);
	ber_writer_init(&w, 4096); /* a message around it, which is what can be decoded */
	message = ber_open(&w, BER_SEQUENCE, BER_LONG);
	ber_write_integer(&w, BER_INTEGER, 1);
	ber_write_octets(&w, LDAP_TAG_SEARCH_ENTRY, value);
	ber_close(&w, message);
	assert_true(!bad && !w.failed);
	answer_decode(idm_span_of(w.data, w.len), &entry);
	ber_writer_free(&w);
	snprintf(text, sizeof(texts[0]), "%.900s|%.1000s", entry.dn, entry.entry);
	for (char *c = text; *c != '\0'; c++)
		*c = *c == '\n' ? '|' : *c;
	return text;
}

static const struct answer *
ask(struct client *client, enum ldap_result_code code)
{
	client_send(client);
	return client_expect(client, 1, code);
}

static void
an_entry_is_read_before_and_after_its_change(void **state)
{
	struct client *client = client_of(*state, "idm_admin");
	const struct answer *answer;

	client->requests.control = READING(LDAP_CONTROL_PRE_READ, "displayName", "uid");
	client->requests.other = READING(LDAP_CONTROL_POST_READ, "displayName");
	request_modify(&client->requests, 1, BEN, "=displayName", "New", NULL);
	answer = ask(client, LDAP_SUCCESS);
	assert_string_equal(
	    entry_read(answer, LDAP_CONTROL_PRE_READ), BEN "|displayName: Ben Birne|uid: ben|");
	assert_string_equal(entry_read(answer, LDAP_CONTROL_POST_READ), BEN "|displayName: New|");
	client->requests.control = READING(LDAP_CONTROL_PRE_READ, "1.1");
	client->requests.other = READING(LDAP_CONTROL_POST_READ, "uid");
	request_rename(&client->requests, 1, BEN, "uid=benno", NULL);
	answer = ask(client, LDAP_SUCCESS);
	assert_string_equal(entry_read(answer, LDAP_CONTROL_PRE_READ), BEN "|");
	assert_string_equal(
	    entry_read(answer, LDAP_CONTROL_POST_READ), "uid=benno," PEOPLE "|uid: benno|");
	client->requests.control = READING(LDAP_CONTROL_PRE_READ, "uid");
	request_delete(&client->requests, 1, "uid=benno," PEOPLE);
	answer = ask(client, LDAP_SUCCESS);
	assert_string_equal(
	    entry_read(answer, LDAP_CONTROL_PRE_READ), "uid=benno," PEOPLE "|uid: benno|");
	client->requests.control = READING(LDAP_CONTROL_POST_READ, "displayName");
	request_add(&client->requests, 1, "uid=dora," PEOPLE, "displayName", "Dora", NULL);
	answer = ask(client, LDAP_SUCCESS);
	assert_string_equal(
	    entry_read(answer, LDAP_CONTROL_POST_READ), "uid=dora," PEOPLE "|displayName: Dora|");
	client->requests.control = READING(LDAP_CONTROL_POST_READ, "member");
	request_modify(&client->requests, 1, STAFF, "+member", "uid=dora," PEOPLE, NULL);
	answer = ask(client, LDAP_SUCCESS);
	assert_string_equal(entry_read(answer, LDAP_CONTROL_POST_READ),
	    STAFF "|member: " ANNA "|member: uid=dora," PEOPLE "|");
	client_close(&client);
}

/* Also of changes that share a commit: each sees what the one before it left. */
static void
no_other_change_comes_between(void **state)
{
	struct client *client = client_of(*state, "idm_admin");
	char text[16], expected[160];

	for (int i = 1; i <= 5; i++) {
		snprintf(text, sizeof(text), "Ben %d", i);
		client->requests.control = READING(LDAP_CONTROL_PRE_READ, "displayName");
		request_modify(&client->requests, i, BEN, "=displayName", text, NULL);
	}
	client_send(client);
	for (int i = 1; i <= 5; i++) {
		snprintf(text, sizeof(text), "Ben %d", i - 1);
		snprintf(expected, sizeof(expected), "%s|displayName: %s|", BEN,
		    i == 1 ? "Ben Birne" : text);
		assert_string_equal(
		    entry_read(client_expect(client, i, LDAP_SUCCESS), LDAP_CONTROL_PRE_READ),
		    expected);
	}
	client_close(&client);
}

static void
what_is_refused_is_not_read(void **state)
{
	struct client *client = client_of(*state, "anna");

	client->requests.control = READING(LDAP_CONTROL_PRE_READ, "displayName");
	client->requests.other = READING(LDAP_CONTROL_POST_READ, "displayName");
	request_modify(&client->requests, 1, BEN, "=displayName", "x", NULL);
	assert_string_equal(ask(client, LDAP_INSUFFICIENT_ACCESS_RIGHTS)->control, "");
	client_close(&client);
}

/* Who may write an attribute may not search all others. */
static void
only_what_one_may_search_is_read(void **state)
{
	struct server *s = *state;
	struct client *client;
	const struct answer *answer;

	assert_int_equal(
	    realm_modify(s->realm, NULL, "ben", "+mail", "ben@example.com", NULL), IDM_OK);
	assert_int_equal(
	    realm_create(s->realm, NULL, "class", "access_control_profile", "name", "rename_people",
		"acp_receiver", "idm_service_desk", "acp_target", "(class=person)",
		"acp_modify_present", "displayname", "acp_modify_removed", "displayname", NULL),
	    IDM_OK);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_service_desk", "+member", "anna", NULL), IDM_OK);
	client = client_of(s, "anna");
	client->requests.control =
	    READING(LDAP_CONTROL_PRE_READ, "uid", "primary_credential", "radius_secret");
	client->requests.other =
	    READING(LDAP_CONTROL_POST_READ, "uid", "password_import", "radius_secret");
	request_modify(&client->requests, 1, BEN, "=displayName", "By The Desk", NULL);
	answer = ask(client, LDAP_SUCCESS);
	assert_string_equal(entry_read(answer, LDAP_CONTROL_PRE_READ), BEN "|uid: ben|");
	assert_string_equal(entry_read(answer, LDAP_CONTROL_POST_READ), BEN "|uid: ben|");
	client_close(&client);
}

static void
what_cannot_be_read_refuses_the_change(void **state)
{
	static const struct ldap_control bad[] = {
		{ .oid = IDM_SPAN_LIT(LDAP_CONTROL_PRE_READ) },
		{ .oid = IDM_SPAN_LIT(LDAP_CONTROL_POST_READ),
		    .has_value = true,
		    .value = IDM_SPAN_LIT("\x30\x02\x02\x00") },
		{ .oid = IDM_SPAN_LIT(LDAP_CONTROL_POST_READ),
		    .has_value = true,
		    .value = IDM_SPAN_LIT("\x30\x00!") },
	};
	struct server *s = *state;
	struct client *client = client_of(s, "idm_admin");
	char name[16];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		client->requests.control = bad[i];
		request_modify(&client->requests, 1, BEN, "=displayName", "x", NULL);
		ask(client, LDAP_PROTOCOL_ERROR);
	}
	client->requests.control = READING(LDAP_CONTROL_PRE_READ, "uid");
	request_add(&client->requests, 1, "uid=dora," PEOPLE, "displayName", "Dora", NULL);
	ask(client, LDAP_UNAVAILABLE_CRITICAL_EXTENSION);
	client->requests.control = READING(LDAP_CONTROL_POST_READ, "uid");
	request_delete(&client->requests, 1, BEN);
	ask(client, LDAP_UNAVAILABLE_CRITICAL_EXTENSION);
	/* more members than others may wait for */
	realm_group_begin(s->realm);
	for (int i = 0; i < 2100; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		realm_person(s->realm, name);
		assert_int_equal(
		    realm_modify(s->realm, NULL, "staff", "+member", name, NULL), IDM_OK);
	}
	realm_group_commit(s->realm);
	client->requests.control = READING(LDAP_CONTROL_POST_READ, "member");
	request_modify(&client->requests, 1, STAFF, "+member", BEN, NULL);
	ask(client, LDAP_UNWILLING_TO_PERFORM);
	assert_false(realm_is_memberof(s->realm, "ben", "staff"));
	client->requests.control = READING(LDAP_CONTROL_POST_READ, "cn");
	request_modify(&client->requests, 1, STAFF, "+member", BEN, NULL);
	ask(client, LDAP_SUCCESS);
	assert_true(realm_is_memberof(s->realm, "ben", "staff"));
	client_close(&client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)
		T(an_entry_is_read_before_and_after_its_change),
		T(no_other_change_comes_between),
		T(what_is_refused_is_not_read),
		T(only_what_one_may_search_is_read),
		T(what_cannot_be_read_refuses_the_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
