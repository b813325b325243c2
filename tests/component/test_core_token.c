/* API tokens over LDAP: asked for in the core process, and used by clients of a worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/exop.h"
#include "tests/support/asking.h"
#include "tests/support/test_clock.h"

#define ROBOT_DN "uid=robot,ou=services," DIRECTORY_SUFFIX
#define NO_ID "6c1c2d53-43e0-4c57-9b3c-6f3a9a4d0001"

enum { NEVER = -2, NO_ACTION = -1, OPEN_CLIENTS = 4 };

/* --- what is asked */

/* Ends a value that was begun by `begin_value`. */
static struct idm_span
end_value(struct ber_writer *w, size_t mark)
{
	static uint8_t value[1024];
	size_t len;

	ber_close(w, mark);
	assert_false(w->failed);
	len = w->len;
	memcpy(value, w->data, len);
	ber_writer_free(w);
	return idm_span_of(value, len);
}

static size_t
begin_value(struct ber_writer *w, const char *target, int action)
{
	size_t mark;

	ber_writer_init(w, 1024);
	mark = ber_open(w, BER_SEQUENCE, BER_SHORT);
	ber_write_octets(w, BER_OCTET_STRING, idm_span_cstr(target));
	if (action != NO_ACTION)
		ber_write_integer(w, BER_ENUMERATED, action);
	return mark;
}

static struct idm_span
status_value(const char *target)
{
	struct ber_writer w;
	size_t mark = begin_value(&w, target, EXOP_TOKEN_STATUS);

	return end_value(&w, mark);
}

static struct idm_span
generate_value(const char *target, const char *label, bool read_write, int64_t expire_s)
{
	struct ber_writer w;
	size_t mark = begin_value(&w, target, EXOP_TOKEN_GENERATE);

	ber_write_octets(&w, BER_OCTET_STRING, idm_span_cstr(label));
	ber_write_boolean(&w, BER_BOOLEAN, read_write);
	if (expire_s != NEVER)
		ber_write_integer(&w, BER_INTEGER, expire_s);
	return end_value(&w, mark);
}

static struct idm_span
destroy_value(const char *target, const char *id)
{
	struct ber_writer w;
	size_t mark = begin_value(&w, target, EXOP_TOKEN_DESTROY);

	ber_write_octets(&w, BER_OCTET_STRING, idm_span_cstr(id));
	return end_value(&w, mark);
}

/* --- clients */

static const struct answer *
ask_token(struct client *client, struct idm_span value)
{
	return client_ask(client, EXOP_API_TOKEN, value);
}

/* The same by somebody who comes for nothing else. */
static const struct answer *
ask_as(struct server *s, const char *actor, struct idm_span value)
{
	struct client *client = client_as(s, actor, SERVER_PASSWORD);
	static struct answer answer;

	answer = *ask_token(client, value);
	client_close(&client);
	return &answer;
}

/* A token of robot, made by admin, and its id. */
static void
make_token(struct server *s, bool read_write, int64_t expire_s, char token[IDM_TOKEN_TEXT],
    char id[IDM_UUID_TEXT])
{
	const char *fields = answer_fields(
	    ask_as(s, "admin", generate_value("robot", "Test Token", read_write, expire_s)));

	assert_int_equal(strlen(fields), IDM_TOKEN_TEXT - 1 + 1 + IDM_UUID_TEXT - 1);
	assert_int_equal(fields[IDM_TOKEN_TEXT - 1], '|');
	memcpy(token, fields, IDM_TOKEN_TEXT - 1);
	token[IDM_TOKEN_TEXT - 1] = '\0';
	memcpy(id, fields + IDM_TOKEN_TEXT, IDM_UUID_TEXT);
}

static void
destroy_token(struct server *s, const char *id)
{
	answer_expect(ask_as(s, "admin", destroy_value("robot", id)), LDAP_SUCCESS, "");
}

/* --- they are listed */

static void
tokens_are_listed_as_they_were_made(void **state)
{
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT], id[3][IDM_UUID_TEXT], wanted[1024];

	assert_string_equal(
	    answer_fields(ask_as(s, "admin", status_value("robot"))), "robot@idm.example.com|");
	make_token(s, false, NEVER, token, id[0]);
	test_clock.now_s++;
	make_token(s, true, REALM_NOW_S + 3600, token, id[1]);
	test_clock.now_s++;
	make_token(s, true, -1, token, id[2]);
	test_clock.now_s -= 2;
	snprintf(wanted, sizeof(wanted),
	    "robot@idm.example.com|%s|Test Token|%lld|FALSE|%s|Test Token|%lld|TRUE|%lld|%s|Test "
	    "Token|%lld|TRUE|-1",
	    id[0], (long long)REALM_NOW_S, id[1], (long long)REALM_NOW_S + 1,
	    (long long)REALM_NOW_S + 3600, id[2], (long long)REALM_NOW_S + 2);
	assert_string_equal(answer_fields(ask_as(s, "admin", status_value("robot"))), wanted);
	assert_string_equal(answer_fields(ask_as(s, "idm_admin", status_value("robot"))), wanted);
	assert_string_equal(answer_fields(ask_as(s, "admin", status_value(ROBOT_DN))), wanted);
	for (int i = 0; i < 3; i++)
		destroy_token(s, id[i]);
	assert_string_equal(
	    answer_fields(ask_as(s, "admin", status_value("robot"))), "robot@idm.example.com|");
}

static void
who_may_not_see_them_is_told_who_may(void **state)
{
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT], id[IDM_UUID_TEXT];
	struct client *client;

	make_token(s, false, NEVER, token, id);
	answer_expect(ask_as(s, "anna", status_value("robot")), LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "needs the right to read api_token_session; idm_account_read_priv grants it");
	answer_expect(
	    ask_as(s, "anna", status_value("nobody")), LDAP_NO_SUCH_OBJECT, "no matching entries");
	client = client_as(s, "", token); /* its own it may */
	assert_non_null(strstr(answer_fields(ask_token(client, status_value(""))), id));
	client_close(&client);
	destroy_token(s, id);
}

static const struct answer *
search_tokens(struct client *client, const char *attributes)
{
	const struct search search = {
		.base = ROBOT_DN, .scope = LDAP_SCOPE_BASE, .attributes = attributes
	};
	static struct answer entry;

	request_search(&client->requests, 3, &search);
	client_send(client);
	entry = *client_take(client);
	client_expect(client, 3, LDAP_SUCCESS);
	return &entry;
}

static void
a_search_that_names_them_shows_what_may_be_known_of_them(void **state)
{
	struct server *s = *state;
	struct client *admin = client_as(s, "admin", SERVER_PASSWORD);
	struct client *anna = client_as(s, "anna", SERVER_PASSWORD);
	char token[IDM_TOKEN_TEXT], id[2][IDM_UUID_TEXT], line[256];
	const struct answer *entry;

	assert_null(strstr(search_tokens(admin, "api_token_session")->entry, "api_token"));
	make_token(s, false, NEVER, token, id[0]);
	make_token(s, true, REALM_NOW_S + 60, token, id[1]);
	entry = search_tokens(admin, "api_token_session");
	snprintf(line, sizeof(line), "api_token_session: %s ro 2023-11-14T22:13:", id[0]);
	assert_non_null(strstr(entry->entry, line));
	assert_non_null(strstr(entry->entry, "Z never Test Token\n"));
	snprintf(line, sizeof(line), "api_token_session: %s rw 2023-11-14T22:13:", id[1]);
	assert_non_null(strstr(entry->entry, line));
	assert_non_null(strstr(entry->entry, "Z 2023-11-14T22:14:20Z Test Token\n"));
	assert_null(strstr(search_tokens(admin, "* +")->entry, "Test Token"));
	assert_null(strstr(search_tokens(anna, "api_token_session")->entry, "Test Token"));
	destroy_token(s, id[0]);
	destroy_token(s, id[1]);
	client_close(&admin);
	client_close(&anna);
}

/* --- who gets some */

static void
only_service_accounts_have_them(void **state)
{
	struct server *s = *state;

	for (int i = 0; i < 2; i++) {
		const char *who = i == 0 ? "anna" : "staff";

		answer_expect(ask_as(s, "idm_admin", status_value(who)), LDAP_CONSTRAINT_VIOLATION,
		    "is no service account: only those have API tokens");
		answer_expect(ask_as(s, "idm_admin", generate_value(who, "x", false, NEVER)),
		    LDAP_CONSTRAINT_VIOLATION, "only those have API tokens");
		answer_expect(ask_as(s, "idm_admin", destroy_value(who, NO_ID)),
		    LDAP_CONSTRAINT_VIOLATION, "only those have API tokens");
	}
	answer_expect(ask_as(s, "idm_admin", generate_value("anonymous", "x", false, NEVER)),
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "anonymous never has an API token");
}

static void
a_refusal_names_the_right_that_is_missing(void **state)
{
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT], id[IDM_UUID_TEXT];

	make_token(s, false, NEVER, token, id);
	answer_expect(ask_as(s, "anna", generate_value("robot", "x", false, NEVER)),
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "needs the right to write api_token_session; idm_account_write_priv grants it");
	answer_expect(ask_as(s, "anna", destroy_value("robot", id)),
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "needs the right to remove api_token_session; idm_account_write_priv grants it");
	answer_expect(ask_as(s, "admin", destroy_value("robot", NO_ID)), LDAP_CONSTRAINT_VIOLATION,
	    "there is no API token " NO_ID);
	answer_expect(ask_as(s, "admin", generate_value("robot", "", false, NEVER)),
	    LDAP_INVALID_ATTRIBUTE_SYNTAX, "the label");
	assert_true(server_lets_in(s, "", token));
	destroy_token(s, id);
}

static void
what_does_not_decode_makes_no_token(void **state)
{
	static const int64_t no_times[] = { INT64_MIN, INT64_C(-62167219201), INT64_C(253402300800),
		INT64_MAX };
	struct server *s = *state;
	struct client *client = client_as(s, "admin", SERVER_PASSWORD);
	struct ber_writer w;
	size_t mark;

	answer_expect(ask_token(client, IDM_SPAN_EMPTY), LDAP_PROTOCOL_ERROR, "does not decode");
	answer_expect(ask_token(client, IDM_SPAN_LIT("x")), LDAP_PROTOCOL_ERROR, "does not decode");
	for (int action = -1; action <= 3; action++) {
		if (action == EXOP_TOKEN_STATUS)
			continue;
		mark = begin_value(&w, "robot", action); /* and nothing of what that takes */
		answer_expect(
		    ask_token(client, end_value(&w, mark)), LDAP_PROTOCOL_ERROR, "does not decode");
	}
	mark = begin_value(&w, "robot", EXOP_TOKEN_STATUS);
	ber_write_octets(&w, BER_OCTET_STRING, IDM_SPAN_LIT("x"));
	answer_expect(
	    ask_token(client, end_value(&w, mark)), LDAP_PROTOCOL_ERROR, "does not decode");
	for (size_t i = 0; i < sizeof(no_times) / sizeof(no_times[0]); i++)
		answer_expect(ask_token(client, generate_value("robot", "x", false, no_times[i])),
		    LDAP_PROTOCOL_ERROR, "does not decode");
	answer_expect(
	    ask_token(client, destroy_value("robot", "4")), LDAP_PROTOCOL_ERROR, "does not decode");
	assert_string_equal(
	    answer_fields(ask_token(client, status_value("robot"))), "robot@idm.example.com|");
	client_close(&client);
}

/* --- they are used */

static void
a_token_binds_without_a_name_by_dn_token_and_by_its_account_s_names(void **state)
{
	static const char *const names[] = { "", "dn=token", "DN=Token", ROBOT_DN, "robot",
		"robot@idm.example.com", "uid=Robot,ou=services," DIRECTORY_SUFFIX,
		"name=robot,dc=idm, dc=example,DC=com" };
	static const char *const others[] = { "anna", "admin", "nobody",
		"=,,=", "uid=anna,ou=people," DIRECTORY_SUFFIX, "dn=tokens", DIRECTORY_SUFFIX };
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT], id[IDM_UUID_TEXT], wrong[IDM_TOKEN_TEXT];
	struct client *client;

	make_token(s, false, NEVER, token, id);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		client = client_as(s, names[i], token);
		assert_string_equal(client_whoami(client), "u:robot@idm.example.com");
		client_close(&client);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(server_lets_in(s, others[i], token));
	for (size_t i = 0; i < sizeof(wrong) - 1; i++) {
		memcpy(wrong, token, sizeof(wrong));
		wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
		assert_false(server_lets_in(s, "dn=token", wrong));
	}
	destroy_token(s, id);
	assert_false(server_lets_in(s, "", token));
}

static void
a_token_is_refused_from_the_second_of_its_expiry_on(void **state)
{
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT], id[IDM_UUID_TEXT], past[IDM_TOKEN_TEXT], other[IDM_UUID_TEXT];
	struct client *client;

	make_token(s, false, REALM_NOW_S + 60, token, id);
	make_token(s, false, INT64_C(1600996922), past, other); /* 2020-09-25T11:22:02+10:00 */
	assert_false(server_lets_in(s, "", past));
	client = client_as(s, "", token);
	test_clock.now_s = REALM_NOW_S + 59;
	server_second(s);
	assert_string_equal(client_whoami(client), "u:robot@idm.example.com");
	assert_true(server_lets_in(s, "", token));
	test_clock.now_s = REALM_NOW_S + 60;
	server_second(s);
	client_expect_notice(client, LDAP_UNAVAILABLE); /* idle as it is */
	assert_false(server_lets_in(s, "", token));
	client_close(&client);
	test_clock.now_s = REALM_NOW_S;
	destroy_token(s, id);
	destroy_token(s, other);
}

/* Each kind of write by who is bound with a read-only token: what is said. */
static void
expect_reads_only(struct client *client)
{
	static const char *const told = "this token is read-only";
	struct requests *requests = &client->requests;
	static const char *const password[] = { "robot" };

	request_add(requests, 7, "cn=made,ou=groups," DIRECTORY_SUFFIX, "description", "x", NULL);
	client_send(client);
	answer_expect(client_take(client), LDAP_INSUFFICIENT_ACCESS_RIGHTS, told);
	request_modify(requests, 7, ROBOT_DN, "=displayname", "Other", NULL);
	client_send(client);
	answer_expect(client_take(client), LDAP_INSUFFICIENT_ACCESS_RIGHTS, told);
	request_delete(requests, 7, "uid=ben,ou=people," DIRECTORY_SUFFIX);
	client_send(client);
	answer_expect(client_take(client), LDAP_INSUFFICIENT_ACCESS_RIGHTS, told);
	request_rename(requests, 7, "uid=ben,ou=people," DIRECTORY_SUFFIX, "uid=bernd", NULL);
	client_send(client);
	answer_expect(client_take(client), LDAP_INSUFFICIENT_ACCESS_RIGHTS, told);
	answer_expect(ask_token(client, generate_value("", "x", true, NEVER)),
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, told);
	answer_expect(
	    ask_token(client, destroy_value("", NO_ID)), LDAP_INSUFFICIENT_ACCESS_RIGHTS, told);
	assert_int_not_equal(
	    client_ask(client, EXOP_PASSWORD_MODIFY, IDM_SPAN_EMPTY)->code, LDAP_SUCCESS);
	assert_int_not_equal(
	    client_ask(client, EXOP_SESSION_BEGIN, IDM_SPAN_EMPTY)->code, LDAP_SUCCESS);
	assert_int_not_equal(
	    client_ask(client, EXOP_SESSION_END, IDM_SPAN_EMPTY)->code, LDAP_SUCCESS);
	assert_int_not_equal(
	    client_ask(client, EXOP_SESSION_REAUTH, exop_strings(password, 1))->code, LDAP_SUCCESS);
}

static void
a_read_only_token_searches_and_compares_and_changes_nothing(void **state)
{
	struct server *s = *state;
	const struct search search = {
		.base = DIRECTORY_SUFFIX, .scope = LDAP_SCOPE_SUB, .filter = "(uid=anna)"
	};
	char token[IDM_TOKEN_TEXT], id[IDM_UUID_TEXT];
	struct client *client;

	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_admins", "+member", "robot", NULL), IDM_OK);
	make_token(s, false, NEVER, token, id);
	client = client_as(s, "", token);
	request_search(&client->requests, 2, &search);
	request_compare(&client->requests, 3, ROBOT_DN, "displayname", "Robot");
	client_send(client);
	assert_non_null(strstr(client_take(client)->dn, "anna"));
	client_expect(client, 2, LDAP_SUCCESS);
	assert_int_equal(client_take(client)->id, 3);
	expect_reads_only(client);
	client_close(&client);
	destroy_token(s, id);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_admins", "-member", "robot", NULL), IDM_OK);
}

static void
a_read_write_token_writes_what_its_account_may(void **state)
{
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT], id[IDM_UUID_TEXT];
	struct client *client;

	assert_int_equal(
	    realm_modify(s->realm, NULL, "staff", "+entry_managed_by", "robot", NULL), IDM_OK);
	make_token(s, true, NEVER, token, id);
	client = client_as(s, "dn=token", token);
	test_clock.now_s += 8 * 3600; /* it has no window of some minutes */
	request_modify(&client->requests, 2, "cn=staff,ou=groups," DIRECTORY_SUFFIX, "=description",
	    "by a token", NULL);
	request_modify(&client->requests, 3, "uid=anna,ou=people," DIRECTORY_SUFFIX, "=displayname",
	    "by a token", NULL);
	client_send(client);
	client_expect(client, 2, LDAP_SUCCESS);
	client_expect(client, 3, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	test_clock.now_s -= 8 * 3600;
	client_close(&client);
	destroy_token(s, id);
}

/* --- they end */

static void
destroying_a_token_ends_its_connections_and_no_others(void **state)
{
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT], id[IDM_UUID_TEXT], stays[IDM_TOKEN_TEXT], other[IDM_UUID_TEXT];
	struct client *gone[OPEN_CLIENTS], *kept;

	make_token(s, true, NEVER, token, id);
	make_token(s, true, NEVER, stays, other);
	for (int i = 0; i < OPEN_CLIENTS; i++)
		gone[i] = i % 2 == 0 ? client_as(s, "", token) : client_as(s, "robot", token);
	kept = client_as(s, "", stays);
	destroy_token(s, id);
	for (int i = 0; i < OPEN_CLIENTS; i++) { /* no second has to pass, nor they to ask */
		assert_string_equal(
		    client_expect_notice(gone[i], LDAP_UNAVAILABLE)->text, "this login is over");
		client_close(&gone[i]);
	}
	assert_string_equal(client_whoami(kept), "u:robot@idm.example.com");
	destroy_token(s, other);
	client_expect_notice(kept, LDAP_UNAVAILABLE);
	client_close(&kept);
}

static void
a_token_may_destroy_itself(void **state)
{
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT], id[IDM_UUID_TEXT];
	struct client *client;

	assert_int_equal(
	    realm_modify(s->realm, NULL, "robot", "=entry_managed_by", "robot", NULL), IDM_OK);
	make_token(s, true, NEVER, token, id);
	client = client_as(s, "", token);
	answer_expect(ask_token(client, destroy_value("", id)), LDAP_SUCCESS, "");
	client_expect_notice(client, LDAP_UNAVAILABLE);
	client_close(&client);
	assert_false(server_lets_in(s, "", token));
	assert_int_equal(
	    realm_modify(s->realm, NULL, "robot", "=entry_managed_by", "", NULL), IDM_OK);
}

/* A modification by a client: the core process tells the workers what it ends. */
static void
modify_as(
    struct server *s, const char *actor, const char *dn, const char *attribute, const char *value)
{
	struct client *client = client_as(s, actor, SERVER_PASSWORD);

	request_modify(&client->requests, 2, dn, attribute, value, NULL);
	client_send(client);
	client_expect(client, 2, LDAP_SUCCESS);
	client_close(&client);
}

static void
becoming_high_privilege_ends_tokens_and_their_connections(void **state)
{
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT], id[IDM_UUID_TEXT];
	struct client *client;

	make_token(s, true, NEVER, token, id);
	client = client_as(s, "", token);
	modify_as(
	    s, "admin", "cn=idm_service_desk,ou=groups," DIRECTORY_SUFFIX, "+member", ROBOT_DN);
	client_expect_notice(client, LDAP_UNAVAILABLE);
	client_close(&client);
	assert_false(server_lets_in(s, "", token));
	modify_as(
	    s, "admin", "cn=idm_service_desk,ou=groups," DIRECTORY_SUFFIX, "-member", ROBOT_DN);
	assert_false(server_lets_in(s, "", token));
}

#define on_its_own(test) cmocka_unit_test_setup(test, server_fresh)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		on_its_own(tokens_are_listed_as_they_were_made),
		on_its_own(who_may_not_see_them_is_told_who_may),
		on_its_own(a_search_that_names_them_shows_what_may_be_known_of_them),
		on_its_own(only_service_accounts_have_them),
		on_its_own(a_refusal_names_the_right_that_is_missing),
		on_its_own(what_does_not_decode_makes_no_token),
		on_its_own(a_token_binds_without_a_name_by_dn_token_and_by_its_account_s_names),
		on_its_own(a_token_is_refused_from_the_second_of_its_expiry_on),
		on_its_own(a_read_only_token_searches_and_compares_and_changes_nothing),
		on_its_own(a_read_write_token_writes_what_its_account_may),
		on_its_own(destroying_a_token_ends_its_connections_and_no_others),
		on_its_own(a_token_may_destroy_itself),
		on_its_own(becoming_high_privilege_ends_tokens_and_their_connections),
	};

	return cmocka_run_group_tests(tests, server_setup, server_teardown);
}
