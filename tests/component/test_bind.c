/* Bind, unbind and abandon as a client sees them (RFC 4511 sections 4.2, 4.3, 4.11; SPEC 8.3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/exop.h"
#include "tests/support/server.h"
#include "tests/support/test_clock.h"

#define ANNA "uid=anna,ou=people," DIRECTORY_SUFFIX

static void
try_bind(struct client *client, const char *name, const char *password, enum ldap_result_code code)
{
	const struct answer *answer;

	request_bind(&client->requests, 1, name, password);
	client_send(client);
	answer = client_expect(client, 1, code);
	assert_int_equal(answer->tag, LDAP_TAG_BIND_RESPONSE);
	assert_string_equal(answer->matched_dn, "");
}

static void
assert_is(struct client *client, const char *authzid)
{
	const struct answer *answer;

	request_extended(&client->requests, 99, EXOP_WHOAMI, IDM_SPAN_EMPTY);
	client_send(client);
	answer = client_expect(client, 99, LDAP_SUCCESS);
	assert_true(answer->has_value);
	assert_int_equal(answer->value_len, strlen(authzid));
	assert_memory_equal(answer->value, authzid, answer->value_len);
}

static void
a_name_and_its_password_make_one_known(void **state)
{
	static const char *const names[] = { "anna", "ANNA", "anna@idm.example.com", ANNA,
		"UID=Anna, OU=People, DC=idm,DC=example,DC=com",
		"cn=anna,ou=people," DIRECTORY_SUFFIX, "name=anna," DIRECTORY_SUFFIX,
		"spn=anna@idm.example.com," DIRECTORY_SUFFIX, "spn=anna@idm.example.com",
		"uid=anna", "mail=apfel@example.com," DIRECTORY_SUFFIX,
		"uid=\\61nna,ou=people," DIRECTORY_SUFFIX, "70001" };
	struct server *s = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct client *client = client_open(s);

		try_bind(client, names[i], SERVER_PASSWORD, LDAP_SUCCESS);
		assert_string_equal(client->answer.text, "");
		assert_is(client, "u:anna@idm.example.com");
		client_close(&client);
	}
}

static void
nothing_at_all_is_an_anonymous_bind(void **state)
{
	struct client *client = client_open(*state);

	assert_is(client, "");
	try_bind(client, "", "", LDAP_SUCCESS);
	assert_is(client, "");
	try_bind(client, "anonymous", "whatever", LDAP_SUCCESS);
	assert_is(client, "");
	client_close(&client);
}

static void
a_name_without_a_password_is_no_anonymous_bind(void **state)
{
	struct client *client = client_open(*state);

	try_bind(client, ANNA, SERVER_PASSWORD, LDAP_SUCCESS);
	try_bind(client, ANNA, "", LDAP_UNWILLING_TO_PERFORM);
	assert_non_null(strstr(client->answer.text, "RFC 4513"));
	assert_is(client, "");
	try_bind(client, "nobody", "", LDAP_UNWILLING_TO_PERFORM);
	client_close(&client);
}

static void
a_failed_bind_leaves_the_connection_anonymous(void **state)
{
	struct client *client = client_open(*state);

	try_bind(client, ANNA, SERVER_PASSWORD, LDAP_SUCCESS);
	assert_is(client, "u:anna@idm.example.com");
	try_bind(client, ANNA, "wrong", LDAP_INVALID_CREDENTIALS);
	assert_is(client, "");
	server_unlock(client->server);
	try_bind(client, ANNA, SERVER_PASSWORD, LDAP_SUCCESS);
	assert_is(client, "u:anna@idm.example.com");
	client_close(&client);
}

/* The name of a DN that is none, of one elsewhere, of a group, of the tree itself. */
static void
every_refusal_looks_alike(void **state)
{
	static const char *const names[] = { ANNA, "nobody",
		"uid=nobody,ou=people," DIRECTORY_SUFFIX, "ben", "carl", "staff",
		"dc=example,dc=org", "ou=people," DIRECTORY_SUFFIX, DIRECTORY_SUFFIX,
		"cn=subschema", "uid=anna,ou=groups," DIRECTORY_SUFFIX, "=,,=", "dn=token",
		"uid=anna+cn=anna,ou=people," DIRECTORY_SUFFIX, "x=y" };
	struct client *client = client_open(*state);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		try_bind(client, names[i], "wrong password", LDAP_INVALID_CREDENTIALS);
		assert_string_equal(client->answer.text, "");
	}
	try_bind(client, "", "wrong password", LDAP_INVALID_CREDENTIALS);
	assert_string_equal(client->answer.text, "");
	client_close(&client);
}

static void
only_simple_binds_are_known(void **state)
{
	struct client *client = client_open(*state);

	try_bind(client, ANNA, SERVER_PASSWORD, LDAP_SUCCESS);
	request_bind_sasl(&client->requests, 2, "EXTERNAL");
	client_send(client);
	client_expect(client, 2, LDAP_AUTH_METHOD_NOT_SUPPORTED);
	assert_is(client, "");
	client_close(&client);
}

static void
an_unknown_critical_control_refuses_the_bind(void **state)
{
	struct client *client = client_open(*state);

	client->requests.control =
	    (struct ldap_control){ .oid = IDM_SPAN_LIT("1.2.3.4"), .critical = true };
	try_bind(client, ANNA, SERVER_PASSWORD, LDAP_UNAVAILABLE_CRITICAL_EXTENSION);
	assert_is(client, "");
	client->requests.control = (struct ldap_control){ .oid = IDM_SPAN_LIT("1.2.3.4") };
	try_bind(client, ANNA, SERVER_PASSWORD, LDAP_SUCCESS);
	client_close(&client);
}

/* Anonymous has a window as others do (SPEC 8.4). */
static void
anonymous_outside_its_window_is_refused_like_anybody(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);

	assert_int_equal(realm_modify(s->realm, NULL, "anonymous", "=account_expire",
			     "2020-01-01T00:00:00Z", NULL),
	    IDM_OK);
	try_bind(client, "", "", LDAP_INVALID_CREDENTIALS);
	assert_string_equal(client->answer.text, "");
	try_bind(client, "anonymous", "x", LDAP_INVALID_CREDENTIALS);
	assert_string_equal(client->answer.text, "");
	assert_int_equal(
	    realm_modify(s->realm, NULL, "anonymous", "=account_expire", "", NULL), IDM_OK);
	try_bind(client, "", "", LDAP_SUCCESS);
	client_close(&client);
}

/* --- with a core process that answers when the test says so */

static struct ipc_frame
bound_as(struct server *s, const char *name, uint64_t seq, uint64_t handle)
{
	struct ipc_frame frame = { .type = IPC_BOUND };

	frame.bound.seq = seq;
	frame.bound.handle = handle;
	frame.bound.identity = realm_identity(s->realm, name);
	frame.bound.identity.credential_no = 0;
	return frame;
}

static void
the_core_process_is_asked_with_what_the_client_said(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	const struct ipc_frame *frame;
	struct ipc_frame answer;

	request_bind(&client->requests, 1, ANNA, "a password");
	client_send(client);
	frame = server_await_frame(s, IPC_BIND);
	assert_true(idm_span_is(frame->bind.name, ANNA));
	assert_true(idm_span_is(frame->bind.password, "a password"));
	assert_true(idm_span_is(frame->bind.source, "ldapi"));
	client_expect_nothing(client);
	answer = bound_as(s, "anna", frame->bind.seq, 7);
	far_end_send(&s->far, &answer);
	client_expect(client, 1, LDAP_SUCCESS);
	assert_is(client, "u:anna@idm.example.com");
	client_close(&client);
	assert_int_equal(server_await_frame(s, IPC_RELEASE)->release.handle, 7);
}

/* The reason is for the log; the text for the client. */
static void
what_the_core_process_refuses_is_passed_on(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct ipc_frame answer = { .type = IPC_BOUND };

	request_bind(&client->requests, 1, ANNA, "a password");
	client_send(client);
	answer.bound.seq = server_await_frame(s, IPC_BIND)->bind.seq;
	answer.bound.code = LDAP_BUSY;
	answer.bound.text = IDM_SPAN_LIT("later");
	answer.bound.reason = IDM_SPAN_LIT("the password pool is full");
	far_end_send(&s->far, &answer);
	assert_string_equal(client_expect(client, 1, LDAP_BUSY)->text, "later");
	assert_is(client, "");
	client_close(&client);
}

static void
requests_behind_a_bind_wait_for_it(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct ipc_frame answer;

	request_bind(&client->requests, 1, ANNA, "a password");
	request_extended(&client->requests, 2, EXOP_WHOAMI, IDM_SPAN_EMPTY);
	client_send(client);
	client_expect_nothing(client);
	answer = bound_as(s, "anna", server_await_frame(s, IPC_BIND)->bind.seq, 7);
	far_end_send(&s->far, &answer);
	client_expect(client, 1, LDAP_SUCCESS);
	assert_int_equal(
	    client_expect(client, 2, LDAP_SUCCESS)->value_len, strlen("u:anna@idm.example.com"));
	client_close(&client);
}

static void
a_bind_abandons_what_is_under_way(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct ipc_frame done = { .type = IPC_DONE };
	struct ipc_frame bound;

	request_delete(&client->requests, 1, ANNA);
	request_bind(&client->requests, 2, ANNA, "a password");
	client_send(client);
	done.done.seq = server_await_frame(s, IPC_OPERATION)->operation.seq;
	bound = bound_as(s, "anna", server_await_frame(s, IPC_BIND)->bind.seq, 7);
	far_end_send(&s->far, &done);
	far_end_send(&s->far, &bound);
	client_expect(client, 2, LDAP_SUCCESS);
	client_expect_nothing(client);
	client_close(&client);
}

static void
another_bind_gives_the_handle_back(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct ipc_frame answer;

	request_bind(&client->requests, 1, ANNA, "a password");
	client_send(client);
	answer = bound_as(s, "anna", server_await_frame(s, IPC_BIND)->bind.seq, 7);
	far_end_send(&s->far, &answer);
	client_expect(client, 1, LDAP_SUCCESS);
	request_bind(&client->requests, 2, "", "");
	client_send(client);
	client_expect(client, 2, LDAP_SUCCESS);
	assert_int_equal(server_await_frame(s, IPC_RELEASE)->release.handle, 7);
	client_close(&client);
	server_settle(s);
	assert_null(far_end_take(&s->far)); /* and once alone */
}

static void
the_handle_of_a_client_that_left_is_given_back(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct ipc_frame answer;

	request_bind(&client->requests, 1, ANNA, "a password");
	client_send(client);
	answer = bound_as(s, "anna", server_await_frame(s, IPC_BIND)->bind.seq, 9);
	test_clock.monotonic_ms += UINT64_C(1000) * s->config.limits.idle_s;
	client_close(&client);
	far_end_send(&s->far, &answer);
	assert_int_equal(server_await_frame(s, IPC_RELEASE)->release.handle, 9);
	assert_null(s->worker->conns);
}

/* The identity is looked at before anything is served with it. */
static void
an_identity_that_is_over_already_gets_the_notice(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct ipc_frame answer;

	request_bind(&client->requests, 1, "ben", "a password");
	client_send(client);
	answer = bound_as(s, "ben", server_await_frame(s, IPC_BIND)->bind.seq, 3);
	answer.bound.identity.expire_s = REALM_NOW_S;
	far_end_send(&s->far, &answer);
	client_expect(client, 1, LDAP_SUCCESS);
	assert_string_equal(
	    client_expect_notice(client, LDAP_UNAVAILABLE)->text, "this login is over");
	client_close(&client);
	assert_int_equal(server_await_frame(s, IPC_RELEASE)->release.handle, 3);
}

static void
an_unbind_ends_all_without_a_word(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);

	request_delete(&client->requests, 1, ANNA);
	request_unbind(&client->requests, 2);
	request_extended(&client->requests, 3, EXOP_WHOAMI, IDM_SPAN_EMPTY);
	client_send(client);
	client_expect_end(client);
	assert_null(s->worker->conns);
	client_close(&client);
}

static void
what_is_abandoned_is_not_answered(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct ipc_frame done = { .type = IPC_DONE };

	request_delete(&client->requests, 1, ANNA);
	request_delete(&client->requests, 2, ANNA);
	request_abandon(&client->requests, 3, 1);
	request_abandon(&client->requests, 4, 4);   /* itself */
	request_abandon(&client->requests, 5, 777); /* nothing */
	client_send(client);
	done.done.seq = server_await_frame(s, IPC_OPERATION)->operation.seq;
	far_end_send(&s->far, &done);
	client_expect_nothing(client);
	done.done.seq = server_await_frame(s, IPC_OPERATION)->operation.seq;
	far_end_send(&s->far, &done);
	client_expect(client, 2, LDAP_SUCCESS);
	client_expect_nothing(client);
	client_close(&client);
}

static void
cancel(struct client *client, int32_t id, const char *value, size_t len)
{
	request_extended(&client->requests, id, EXOP_CANCEL, idm_span_of(value, len));
}

/* Unlike an abandon, and what it cancels is answered too. */
static void
a_cancel_and_what_it_cancels_are_answered(void **state)
{
	static const struct search all = { .base = DIRECTORY_SUFFIX, .scope = LDAP_SCOPE_SUB };
	struct server *s = *state;
	struct client *client = client_open(s);

	s->config.limits.output_bytes = 1; /* an entry a slice */
	request_search(&client->requests, 1, &all);
	client_send(client);
	cancel(client, 2, "\x30\x03\x02\x01\x01", 5);
	client_send(client);
	while (client_take(client)->tag == LDAP_TAG_SEARCH_ENTRY)
		;
	assert_int_equal(client->answer.code, LDAP_CANCELED);
	assert_int_equal(client->answer.id, 1);
	client_expect(client, 2, LDAP_SUCCESS);
	client_expect_nothing(client);
	s->config.limits.output_bytes = 262144;
	client_close(&client);
}

static void
what_is_not_under_way_cannot_be_cancelled(void **state)
{
	static const struct {
		const char *value;
		size_t len;
		enum ldap_result_code code;
	} cases[] = {
		{ "\x30\x03\x02\x01\x07", 5, LDAP_NO_SUCH_OPERATION },
		{ "\x30\x03\x02\x01\x02", 5, LDAP_CANNOT_CANCEL }, /* itself */
		{ "", 0, LDAP_PROTOCOL_ERROR },
		{ "\x30\x00", 2, LDAP_PROTOCOL_ERROR },
		{ "\x30\x03\x02\x01\x07!", 6, LDAP_PROTOCOL_ERROR },
		{ "\x30\x03\x02\x01\xff", 5, LDAP_PROTOCOL_ERROR },
	};
	struct server *s = *state;
	struct client *client = client_open(s);
	struct ipc_frame done = { .type = IPC_DONE };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cancel(client, 2, cases[i].value, cases[i].len);
		client_send(client);
		client_expect(client, 2, cases[i].code);
	}
	request_delete(&client->requests, 3, ANNA);
	cancel(client, 4, "\x30\x03\x02\x01\x03", 5); /* the core process has it */
	client_send(client);
	done.done.seq = server_await_frame(s, IPC_OPERATION)->operation.seq;
	client_expect(client, 4, LDAP_TOO_LATE);
	far_end_send(&s->far, &done);
	client_expect(client, 3, LDAP_SUCCESS);
	client_close(&client);
}

#define on_its_own(test) cmocka_unit_test_setup(test, server_fresh)

int
main(void)
{
	const struct CMUnitTest whole[] = {
		cmocka_unit_test(a_name_and_its_password_make_one_known),
		cmocka_unit_test(nothing_at_all_is_an_anonymous_bind),
		cmocka_unit_test(a_name_without_a_password_is_no_anonymous_bind),
		cmocka_unit_test(a_failed_bind_leaves_the_connection_anonymous),
		cmocka_unit_test(every_refusal_looks_alike),
		on_its_own(only_simple_binds_are_known),
		cmocka_unit_test(an_unknown_critical_control_refuses_the_bind),
		cmocka_unit_test(anonymous_outside_its_window_is_refused_like_anybody),
	};
	const struct CMUnitTest alone[] = {
		on_its_own(the_core_process_is_asked_with_what_the_client_said),
		on_its_own(what_the_core_process_refuses_is_passed_on),
		on_its_own(requests_behind_a_bind_wait_for_it),
		on_its_own(a_bind_abandons_what_is_under_way),
		on_its_own(another_bind_gives_the_handle_back),
		on_its_own(the_handle_of_a_client_that_left_is_given_back),
		on_its_own(an_identity_that_is_over_already_gets_the_notice),
		on_its_own(an_unbind_ends_all_without_a_word),
		on_its_own(what_is_abandoned_is_not_answered),
		on_its_own(a_cancel_and_what_it_cancels_are_answered),
		on_its_own(what_is_not_under_way_cannot_be_cancelled),
	};
	int failed = cmocka_run_group_tests(whole, server_setup, server_teardown);

	return failed + cmocka_run_group_tests(alone, server_setup_worker, server_teardown);
}
