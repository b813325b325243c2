/* Login sessions as their clients see them: begun, proved again, listed, ended (SPEC 7.3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/exop.h"
#include "core/session.h"
#include "tests/support/asking.h"
#include "tests/support/test_clock.h"

#define BETTER "a much better pass phrase than before"
#define ANNA_DN "uid=anna,ou=people," DIRECTORY_SUFFIX
#define NO_ID "6c1c2d53-43e0-4c57-9b3c-6f3a9a4d0001"

/* One line of a list. */
struct listed {
	char id[IDM_UUID_TEXT];
	long long begun_s, expire_s, privileged_s;
	bool current;
};

enum { LISTED_MAX = IDM_SESSIONS_MAX + 1 };

static const struct answer *
ask_texts(struct client *client, const char *oid, const char *a, const char *b)
{
	const char *texts[] = { a, b };

	return client_ask(client, oid, exop_strings(texts, b == NULL ? 1 : 2));
}

/* The sessions of `target` ("": one's own). */
static size_t
list(struct client *client, const char *target, struct listed out[LISTED_MAX])
{
	const char *at = answer_fields(ask_texts(client, EXOP_SESSION_LIST, target, NULL));
	size_t count = 0;

	at = strchr(at, '|') + 1; /* behind the spn */
	while (*at != '\0') {
		struct listed *one = &out[count++];
		char source[64], current[8];
		int len = 0;

		assert_true(count < LISTED_MAX);
		assert_int_equal(
		    sscanf(at, "%36[^|]|%63[^|]|%lld|%lld|%lld|%7[A-Z]%n", one->id, source,
			&one->begun_s, &one->expire_s, &one->privileged_s, current, &len),
		    6);
		assert_string_equal(source, "ldapi");
		one->current = strcmp(current, "TRUE") == 0;
		at += len + (at[len] == '|');
	}
	return count;
}

/* Log in; the token is the caller's to keep. */
static void
begin(struct server *s, const char *name, const char *password, char token[IDM_TOKEN_TEXT])
{
	struct client *client = client_as(s, name, password);
	const char *fields = answer_fields(client_ask(client, EXOP_SESSION_BEGIN, IDM_SPAN_EMPTY));

	assert_int_equal(strcspn(fields, "|"), IDM_TOKEN_TEXT - 1);
	memcpy(token, fields, IDM_TOKEN_TEXT - 1);
	token[IDM_TOKEN_TEXT - 1] = '\0';
	client_close(&client);
}

/* A client that is bound by a new session, whose token may be kept. */
static struct client *
log_in(struct server *s, const char *name, char token[IDM_TOKEN_TEXT])
{
	char own[IDM_TOKEN_TEXT];

	begin(s, name, SERVER_PASSWORD, own);
	if (token != NULL)
		memcpy(token, own, IDM_TOKEN_TEXT);
	return client_as(s, "dn=token", own);
}

/* The id of the session that a client is bound by. */
static void
own_id(struct client *client, char id[IDM_UUID_TEXT])
{
	struct listed listed[LISTED_MAX];
	size_t count = list(client, "", listed), found = 0;

	for (size_t i = 0; i < count; i++) {
		if (!listed[i].current)
			continue;
		memcpy(id, listed[i].id, IDM_UUID_TEXT);
		found++;
	}
	assert_int_equal(found, 1);
}

static const struct answer *
set_displayname(struct client *client, const char *dn, const char *value)
{
	request_modify(&client->requests, 8, dn, "=displayname", value, NULL);
	client_send(client);
	return client_take(client);
}

static void
end_own(struct client **client)
{
	answer_expect(client_ask(*client, EXOP_SESSION_END, IDM_SPAN_EMPTY), LDAP_SUCCESS, "");
	client_expect_notice(*client, LDAP_UNAVAILABLE);
	client_close(client);
}

/* --- listed */

static void
one_s_own_sessions_are_listed_the_first_first(void **state)
{
	struct server *s = *state;
	struct listed listed[LISTED_MAX];
	struct client *first = log_in(s, "anna", NULL), *second, *by_password;

	test_clock.now_s = REALM_NOW_S + 5;
	second = log_in(s, "anna", NULL);
	assert_int_equal(list(first, "", listed), 2);
	assert_true(listed[0].current && !listed[1].current);
	assert_int_equal(listed[0].begun_s, REALM_NOW_S);
	assert_int_equal(listed[1].begun_s, REALM_NOW_S + 5);
	assert_int_equal(listed[0].expire_s, REALM_NOW_S + 8 * 3600);
	assert_int_equal(listed[1].privileged_s, REALM_NOW_S + 5 + 600);
	assert_int_equal(list(second, "anna", listed), 2);
	assert_true(!listed[0].current && listed[1].current);
	by_password = client_as(s, "anna", SERVER_PASSWORD);
	assert_int_equal(list(by_password, "", listed), 2);
	assert_true(!listed[0].current && !listed[1].current);

	test_clock.now_s = REALM_NOW_S + 8 * 3600; /* the first is over, swept or not */
	client_close(&by_password);
	by_password = client_as(s, "anna", SERVER_PASSWORD);
	assert_int_equal(list(by_password, "", listed), 1);
	assert_int_equal(listed[0].begun_s, REALM_NOW_S + 5);
	test_clock.now_s = REALM_NOW_S;
	client_close(&by_password);
	end_own(&first);
	end_own(&second);
}

static void
another_s_are_listed_for_who_may_read_them(void **state)
{
	struct server *s = *state;
	struct listed listed[LISTED_MAX];
	struct client *anna = log_in(s, "anna", NULL);
	struct client *idm_admin = log_in(s, "idm_admin", NULL);
	struct client *admin = client_as(s, "admin", SERVER_PASSWORD);

	assert_int_equal(list(idm_admin, "anna", listed), 1);
	assert_false(listed[0].current);
	assert_int_equal(list(admin, "idm_admin", listed), 1);
	assert_int_equal(listed[0].expire_s, REALM_NOW_S + 3600);
	answer_expect(ask_texts(anna, EXOP_SESSION_LIST, "ben", NULL),
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "needs the right to read user_session; idm_account_read_priv grants it");
	answer_expect(ask_texts(idm_admin, EXOP_SESSION_LIST, "admin", NULL),
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "idm_hp_account_read_priv grants it");
	answer_expect(ask_texts(anna, EXOP_SESSION_LIST, "nobody", NULL), LDAP_NO_SUCH_OBJECT,
	    "no matching entries");
	client_close(&admin);
	end_own(&anna);
	end_own(&idm_admin);
}

static void
what_does_not_decode_is_a_protocol_error(void **state)
{
	static const struct {
		const char *octets;
		size_t len;
	} values[] = { { "", 0 }, { "x", 1 }, { "\x30\x00", 2 }, { "\x30\x03\x04\x01", 4 },
		{ "\x30\x03\x02\x01\x01", 5 }, { "\x30\x09\x04\x01x\x04\x01y\x04\x01z", 11 },
		{ "\x30\x03\x04\x01x!", 6 }, { "\x30\x03\x04\x01x", 5 } };
	struct server *s = *state;
	struct client *anna = log_in(s, "anna", NULL);

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct idm_span value = { (const uint8_t *)values[i].octets, values[i].len };

		assert_int_equal(
		    client_ask(anna, EXOP_SESSION_END, value)->code, LDAP_PROTOCOL_ERROR);
		if (i + 1 < sizeof(values) / sizeof(values[0])) /* the last names somebody */
			assert_int_equal(
			    client_ask(anna, EXOP_SESSION_LIST, value)->code, LDAP_PROTOCOL_ERROR);
	}
	assert_int_equal(ask_texts(anna, EXOP_SESSION_END, NO_ID, "")->code, LDAP_NO_SUCH_OBJECT);
	end_own(&anna);
}

/* --- ended */

static void
a_session_that_is_ended_is_over_at_once_wherever_it_is_bound(void **state)
{
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT], id[IDM_UUID_TEXT];
	struct client *ended = log_in(s, "anna", token), *too = client_as(s, "anna", token);
	struct client *other = log_in(s, "anna", NULL);
	struct client *by_password = client_as(s, "anna", SERVER_PASSWORD);

	own_id(ended, id);
	answer_expect(ask_texts(other, EXOP_SESSION_END, id, NULL), LDAP_SUCCESS, "");
	client_expect_notice(ended, LDAP_UNAVAILABLE);
	client_expect_notice(too, LDAP_UNAVAILABLE);
	assert_false(server_lets_in(s, "dn=token", token));
	assert_string_equal(client_whoami(other), "u:anna@idm.example.com");
	assert_string_equal(client_whoami(by_password), "u:anna@idm.example.com");
	answer_expect(ask_texts(other, EXOP_SESSION_END, id, NULL), LDAP_NO_SUCH_OBJECT,
	    "anna has no such session");
	client_close(&ended);
	client_close(&too);
	client_close(&by_password);
	end_own(&other);
}

static void
one_s_own_is_ended_without_a_window(void **state)
{
	struct server *s = *state;
	char id[IDM_UUID_TEXT];
	struct client *old = log_in(s, "anna", NULL), *other = log_in(s, "anna", NULL);

	own_id(other, id);
	test_clock.now_s = REALM_NOW_S + 700;
	answer_expect(ask_texts(old, EXOP_SESSION_END, id, "anna"), LDAP_SUCCESS, "");
	client_expect_notice(other, LDAP_UNAVAILABLE);
	client_close(&other);
	end_own(&old);
	test_clock.now_s = REALM_NOW_S;
}

static void
another_s_is_ended_by_who_may_and_while_he_may_write(void **state)
{
	struct server *s = *state;
	char anna_id[IDM_UUID_TEXT], admin_id[IDM_UUID_TEXT];
	struct client *anna = log_in(s, "anna", NULL), *admin = log_in(s, "admin", NULL);
	struct client *idm_admin = log_in(s, "idm_admin", NULL);

	own_id(anna, anna_id);
	own_id(admin, admin_id);
	answer_expect(ask_texts(anna, EXOP_SESSION_END, NO_ID, "ben"),
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "needs the right to remove user_session; idm_account_write_priv grants it");
	answer_expect(ask_texts(idm_admin, EXOP_SESSION_END, admin_id, "admin"),
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "idm_hp_account_write_priv grants it");
	answer_expect(ask_texts(idm_admin, EXOP_SESSION_END, anna_id, "ben"), LDAP_NO_SUCH_OBJECT,
	    "ben has no such session");
	test_clock.now_s = REALM_NOW_S + 700;
	answer_expect(ask_texts(idm_admin, EXOP_SESSION_END, anna_id, "anna"),
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "kanidm reauth");
	test_clock.now_s = REALM_NOW_S;
	assert_string_equal(client_whoami(anna), "u:anna@idm.example.com");
	answer_expect(ask_texts(idm_admin, EXOP_SESSION_END, anna_id, "anna"), LDAP_SUCCESS, "");
	client_expect_notice(anna, LDAP_UNAVAILABLE);
	client_close(&anna);
	end_own(&admin);
	end_own(&idm_admin);
}

/* --- the window */

static void
a_session_writes_for_ten_minutes_and_again_when_it_is_proved(void **state)
{
	struct server *s = *state;
	struct client *anna = log_in(s, "anna", NULL);

	test_clock.now_s = REALM_NOW_S + 599;
	answer_expect(set_displayname(anna, ANNA_DN, "Anna"), LDAP_SUCCESS, "");
	test_clock.now_s = REALM_NOW_S + 600;
	answer_expect(set_displayname(anna, ANNA_DN, "Other"), LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "kanidm reauth");
	assert_string_equal(client_whoami(anna), "u:anna@idm.example.com");
	answer_expect(ask_texts(anna, EXOP_SESSION_REAUTH, "no password of hers", NULL),
	    LDAP_INVALID_CREDENTIALS, "");
	server_unlock(s);
	answer_expect(set_displayname(anna, ANNA_DN, "Other"), LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "kanidm reauth");
	answer_fields(ask_texts(anna, EXOP_SESSION_REAUTH, SERVER_PASSWORD, NULL));
	answer_expect(set_displayname(anna, ANNA_DN, "Anna Apfel"), LDAP_SUCCESS, "");
	test_clock.now_s = REALM_NOW_S + 1200;
	answer_expect(set_displayname(anna, ANNA_DN, "Other"), LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "kanidm reauth");
	end_own(&anna);
	test_clock.now_s = REALM_NOW_S;
}

static void
a_bind_by_the_password_has_the_same_window(void **state)
{
	struct server *s = *state;
	struct client *anna = client_as(s, "anna", SERVER_PASSWORD);

	test_clock.now_s = REALM_NOW_S + 599;
	answer_expect(set_displayname(anna, ANNA_DN, "Anna"), LDAP_SUCCESS, "");
	test_clock.now_s = REALM_NOW_S + 600;
	answer_expect(set_displayname(anna, ANNA_DN, "Other"), LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "kanidm reauth");
	client_bind(anna, "anna", SERVER_PASSWORD);
	answer_expect(set_displayname(anna, ANNA_DN, "Anna Apfel"), LDAP_SUCCESS, "");
	client_close(&anna);
	test_clock.now_s = REALM_NOW_S;
}

/* --- they end by themselves */

/* Logged in as `name`, by a session and by the password, it is over after so many seconds. */
static void
expect_lifetime(struct server *s, const char *name, const char *password, int seconds)
{
	char token[IDM_TOKEN_TEXT];
	struct client *by_session, *by_password;

	begin(s, name, password, token);
	by_session = client_as(s, "", token);
	by_password = client_as(s, name, password);
	test_clock.now_s = REALM_NOW_S + seconds - 1;
	server_second(s);
	assert_non_null(strstr(client_whoami(by_session), name));
	assert_non_null(strstr(client_whoami(by_password), name));
	test_clock.now_s = REALM_NOW_S + seconds;
	server_second(s);
	client_expect_notice(by_session, LDAP_UNAVAILABLE);
	client_expect_notice(by_password, LDAP_UNAVAILABLE);
	assert_false(server_lets_in(s, "", token));
	assert_true(server_lets_in(s, name, password));
	client_close(&by_session);
	client_close(&by_password);
	test_clock.now_s = REALM_NOW_S;
}

static void
a_login_lasts_eight_hours_and_one_that_could_do_more_one_hour(void **state)
{
	struct server *s = *state;
	struct client *admin = client_as(s, "admin", SERVER_PASSWORD);
	const struct answer *answer;
	char generated[128];
	bool bad = false;
	struct ber_reader r, seq;
	struct idm_span password;
	static const uint8_t robot[] = "\x30\x07\x80\x05robot"; /* userIdentity (RFC 3062) */

	answer = client_ask(admin, EXOP_PASSWORD_MODIFY, idm_span_of(robot, sizeof(robot) - 1));
	answer_expect(answer, LDAP_SUCCESS, "");
	r = ber_reader_of(idm_span_of(answer->value, answer->value_len), &bad);
	seq = ber_read_nested(&r, BER_SEQUENCE);
	password = ber_read_octets(&seq, 0x80);
	assert_false(bad);
	snprintf(generated, sizeof(generated), "%.*s", IDM_SPAN_ARG(password));
	client_close(&admin);
	expect_lifetime(s, "anna", SERVER_PASSWORD, 8 * 3600);
	expect_lifetime(s, "admin", SERVER_PASSWORD, 3600);
	expect_lifetime(s, "robot", generated, 3600);
}

/* A session that is begun late by a bind lasts no longer than that bind. */
static void
a_session_is_not_longer_than_the_bind_that_it_began_by(void **state)
{
	struct server *s = *state;
	struct listed listed[LISTED_MAX];
	struct client *anna = client_as(s, "anna", SERVER_PASSWORD);
	size_t count;

	test_clock.now_s = REALM_NOW_S + 8 * 3600 - 1;
	answer_fields(client_ask(anna, EXOP_SESSION_BEGIN, IDM_SPAN_EMPTY));
	count = list(anna, "", listed);
	assert_true(count != 0);
	assert_int_equal(listed[count - 1].begun_s, REALM_NOW_S + 8 * 3600 - 1);
	assert_int_equal(listed[count - 1].expire_s, REALM_NOW_S + 8 * 3600);
	answer_expect(
	    ask_texts(anna, EXOP_SESSION_END, listed[count - 1].id, NULL), LDAP_SUCCESS, "");
	client_close(&anna);
	test_clock.now_s = REALM_NOW_S;
}

/* --- a new password */

/* Change the password of the client's account; *answer may be looked at. */
static const struct answer *
change_password(struct client *client, const char *from, const char *to)
{
	struct ber_writer w;
	uint8_t value[512];
	size_t mark, len;

	ber_writer_init(&w, sizeof(value));
	mark = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_octets(&w, 0x81, idm_span_cstr(from)); /* oldPasswd (RFC 3062) */
	ber_write_octets(&w, 0x82, idm_span_cstr(to));
	ber_close(&w, mark);
	len = w.len;
	memcpy(value, w.data, len);
	ber_writer_free(&w);
	return client_ask(client, EXOP_PASSWORD_MODIFY, idm_span_of(value, len));
}

static void
a_new_password_ends_the_sessions_of_the_old_one_but_the_one_that_set_it(void **state)
{
	struct server *s = *state;
	char kept[IDM_TOKEN_TEXT], gone[IDM_TOKEN_TEXT];
	struct client *changes = log_in(s, "anna", kept), *other = log_in(s, "anna", gone);
	struct client *by_password = client_as(s, "anna", SERVER_PASSWORD);
	struct client *idm_admin = log_in(s, "idm_admin", NULL);

	answer_expect(change_password(changes, SERVER_PASSWORD, BETTER), LDAP_SUCCESS, "");
	client_expect_notice(other, LDAP_UNAVAILABLE);
	client_expect_notice(by_password, LDAP_UNAVAILABLE);
	assert_false(server_lets_in(s, "", gone));
	assert_true(server_lets_in(s, "", kept));
	assert_string_equal(client_whoami(changes), "u:anna@idm.example.com");
	assert_string_equal(client_whoami(idm_admin), "u:idm_admin@idm.example.com");
	answer_expect(set_displayname(changes, ANNA_DN, "Anna Apfel"), LDAP_SUCCESS, "");

	/* By the same rule when the old password does not fit, nothing ends. */
	assert_int_equal(
	    change_password(changes, SERVER_PASSWORD, BETTER)->code, LDAP_INVALID_CREDENTIALS);
	assert_true(server_lets_in(s, "", kept));
	client_close(&other);
	client_close(&by_password);
	end_own(&changes);
	end_own(&idm_admin);
}

#define on_its_own(test) cmocka_unit_test_setup(test, server_fresh)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		on_its_own(one_s_own_sessions_are_listed_the_first_first),
		on_its_own(another_s_are_listed_for_who_may_read_them),
		on_its_own(what_does_not_decode_is_a_protocol_error),
		on_its_own(a_session_that_is_ended_is_over_at_once_wherever_it_is_bound),
		on_its_own(one_s_own_is_ended_without_a_window),
		on_its_own(another_s_is_ended_by_who_may_and_while_he_may_write),
		on_its_own(a_session_writes_for_ten_minutes_and_again_when_it_is_proved),
		on_its_own(a_bind_by_the_password_has_the_same_window),
		on_its_own(a_login_lasts_eight_hours_and_one_that_could_do_more_one_hour),
		on_its_own(a_session_is_not_longer_than_the_bind_that_it_began_by),
		on_its_own(a_new_password_ends_the_sessions_of_the_old_one_but_the_one_that_set_it),
	};

	return cmocka_run_group_tests(tests, server_setup, server_teardown);
}
