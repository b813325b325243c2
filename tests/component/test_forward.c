/* What a worker passes on to the core process, and the extended operations that it serves itself.
 */
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
be_bound(struct client *client, const char *name, uint64_t handle)
{
	struct server *s = client->server;
	struct ipc_frame answer = { .type = IPC_BOUND };

	request_bind(&client->requests, 1000, name, "a password");
	client_send(client);
	answer.bound.seq = server_await_frame(s, IPC_BIND)->bind.seq;
	answer.bound.handle = handle;
	answer.bound.identity = realm_identity(s->realm, name);
	far_end_send(&s->far, &answer);
	client_expect(client, 1000, LDAP_SUCCESS);
}

static void
every_write_goes_whole_to_the_core_process(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct requests *r = &client->requests;
	struct ipc_frame done = { .type = IPC_DONE };
	static const uint8_t tags[] = { LDAP_TAG_ADD_RESPONSE, LDAP_TAG_MODIFY_RESPONSE,
		LDAP_TAG_DELETE_RESPONSE, LDAP_TAG_MODIFY_DN_RESPONSE, LDAP_TAG_EXTENDED_RESPONSE };
	size_t ends[6] = { 0 };

	be_bound(client, "anna", 42);
	request_add(r, 1, ANNA, "displayName", "Anna", NULL);
	ends[1] = r->w.len;
	request_modify(r, 2, ANNA, "=displayName", "Anna", NULL);
	ends[2] = r->w.len;
	request_delete(r, 3, ANNA);
	ends[3] = r->w.len;
	request_rename(r, 4, ANNA, "uid=anne", NULL);
	ends[4] = r->w.len;
	request_extended(r, 5, EXOP_SESSION_BEGIN, IDM_SPAN_EMPTY);
	ends[5] = r->w.len;
	client_send_octets(client, r->w.data, r->w.len);
	for (int32_t i = 0; i < 5; i++) {
		const struct ipc_operation *op = &server_await_frame(s, IPC_OPERATION)->operation;

		assert_int_equal(op->handle, 42);
		assert_true(idm_span_is(op->source, "ldapi"));
		assert_int_equal(op->pdu.len, ends[i + 1] - ends[i]);
		assert_memory_equal(op->pdu.ptr, r->w.data + ends[i], op->pdu.len);
		done.done.seq = op->seq;
		done.done.code = LDAP_CONSTRAINT_VIOLATION;
		done.done.text = IDM_SPAN_LIT("it can't be so");
		far_end_send(&s->far, &done);
		assert_string_equal(client_expect(client, i + 1, LDAP_CONSTRAINT_VIOLATION)->text,
		    "it can't be so");
		assert_int_equal(client->answer.tag, tags[i]);
	}
	client_close(&client);
}

static void
who_is_not_bound_is_passed_on_as_nobody(void **state)
{
	struct server *s = *state;
	struct client *client = client_open_tls(s);
	const struct ipc_operation *op;

	request_delete(&client->requests, 1, ANNA);
	client_send(client);
	op = &server_await_frame(s, IPC_OPERATION)->operation;
	assert_int_equal(op->handle, 0);
	assert_true(idm_span_is(op->source, "192.0.2.7"));
	client_close(&client);
}

static void
an_extended_response_is_passed_on_whole(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct ipc_frame done = { .type = IPC_DONE };

	request_extended(&client->requests, 1, "1.2.3.4", IDM_SPAN_LIT("asked"));
	client_send(client);
	done.done.seq = server_await_frame(s, IPC_OPERATION)->operation.seq;
	done.done.oid = IDM_SPAN_LIT("1.2.3.5");
	done.done.has_value = true;
	done.done.value = IDM_SPAN_LIT("a value\0with a NUL");
	far_end_send(&s->far, &done);
	client_expect(client, 1, LDAP_SUCCESS);
	assert_string_equal(client->answer.oid, "1.2.3.5");
	assert_int_equal(client->answer.value_len, done.done.value.len);
	assert_memory_equal(client->answer.value, "a value\0with a NUL", done.done.value.len);
	client_close(&client);
}

/* A session that proved its password again writes again, and a new password's login goes on. */
static void
an_identity_that_changed_is_taken_over(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct ipc_frame done = { .type = IPC_DONE };

	be_bound(client, "anna", 42);
	request_extended(&client->requests, 1, EXOP_SESSION_REAUTH, IDM_SPAN_LIT("x"));
	client_send(client);
	done.done.seq = server_await_frame(s, IPC_OPERATION)->operation.seq;
	done.done.has_identity = true;
	done.done.identity = realm_identity(s->realm, "anna");
	done.done.identity.privileged_until_s = REALM_NOW_S + 77;
	far_end_send(&s->far, &done);
	client_expect(client, 1, LDAP_SUCCESS);
	assert_int_equal(s->worker->conns->identity.privileged_until_s, REALM_NOW_S + 77);
	assert_int_equal(s->worker->conns->handle, 42);
	server_settle(s);
	assert_null(far_end_take(&s->far)); /* the handle was not given back */
	client_close(&client);
}

/* Nobody becomes somebody by it. */
static void
who_is_not_bound_takes_no_identity_over(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct ipc_frame done = { .type = IPC_DONE };

	request_extended(&client->requests, 1, EXOP_SESSION_REAUTH, IDM_SPAN_LIT("x"));
	client_send(client);
	done.done.seq = server_await_frame(s, IPC_OPERATION)->operation.seq;
	done.done.has_identity = true;
	done.done.identity = realm_identity(s->realm, "admin");
	far_end_send(&s->far, &done);
	client_expect(client, 1, LDAP_SUCCESS);
	assert_int_equal(s->worker->conns->identity.kind, IDM_IDENTITY_ANONYMOUS);
	client_close(&client);
}

static void
who_am_i_names_the_account(void **state)
{
	static const struct {
		const char *name;
		const char *authzid;
	} cases[] = { { "anna", "u:anna@idm.example.com" }, { "robot", "u:robot@idm.example.com" },
		{ "admin", "u:admin@idm.example.com" } };
	struct server *s = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct client *client = client_open(s);

		be_bound(client, cases[i].name, 1);
		request_extended(&client->requests, 1, EXOP_WHOAMI, IDM_SPAN_EMPTY);
		client_send(client);
		client_expect(client, 1, LDAP_SUCCESS);
		assert_true(client->answer.has_value);
		assert_int_equal(client->answer.value_len, strlen(cases[i].authzid));
		assert_memory_equal(
		    client->answer.value, cases[i].authzid, client->answer.value_len);
		client_close(&client);
		server_fresh_frames(s);
	}
}

/* And follows a rename. */
static void
who_am_i_follows_a_rename(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);

	be_bound(client, "ben", 1);
	assert_int_equal(realm_modify(s->realm, NULL, "ben", "=name", "benno", NULL), IDM_OK);
	request_extended(&client->requests, 1, EXOP_WHOAMI, IDM_SPAN_EMPTY);
	client_send(client);
	client_expect(client, 1, LDAP_SUCCESS);
	assert_int_equal(client->answer.value_len, strlen("u:benno@idm.example.com"));
	assert_int_equal(realm_modify(s->realm, NULL, "benno", "=name", "ben", NULL), IDM_OK);
	client_close(&client);
}

static void
there_is_no_start_tls(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);

	request_extended(&client->requests, 1, "1.3.6.1.4.1.1466.20037", IDM_SPAN_EMPTY);
	client_send(client);
	assert_non_null(strstr(client_expect(client, 1, LDAP_PROTOCOL_ERROR)->text, "ldaps://"));
	assert_null(far_end_take(&s->far));
	client_close(&client);
}

static void
an_unknown_critical_control_refuses_all_of_them(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct requests *r = &client->requests;

	for (int32_t id = 1; id <= 6; id++) {
		r->control =
		    (struct ldap_control){ .oid = IDM_SPAN_LIT("1.2.3.4"), .critical = true };
		switch (id) {
		case 1: request_add(r, id, ANNA, "displayName", "x", NULL); break;
		case 2: request_modify(r, id, ANNA, "=displayName", "x", NULL); break;
		case 3: request_delete(r, id, ANNA); break;
		case 4: request_rename(r, id, ANNA, "uid=x", NULL); break;
		case 5: request_extended(r, id, EXOP_WHOAMI, IDM_SPAN_EMPTY); break;
		case 6: request_extended(r, id, EXOP_SESSION_BEGIN, IDM_SPAN_EMPTY); break;
		}
	}
	client_send(client);
	for (int32_t id = 1; id <= 6; id++)
		client_expect(client, id, LDAP_UNAVAILABLE_CRITICAL_EXTENSION);
	server_settle(s);
	assert_null(far_end_take(&s->far));
	client_close(&client);
}

#define on_its_own(test) cmocka_unit_test_setup(test, server_fresh)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		on_its_own(every_write_goes_whole_to_the_core_process),
		on_its_own(who_is_not_bound_is_passed_on_as_nobody),
		on_its_own(an_extended_response_is_passed_on_whole),
		on_its_own(an_identity_that_changed_is_taken_over),
		on_its_own(who_is_not_bound_takes_no_identity_over),
		on_its_own(who_am_i_names_the_account),
		on_its_own(who_am_i_follows_a_rename),
		on_its_own(there_is_no_start_tls),
		on_its_own(an_unknown_critical_control_refuses_all_of_them),
	};

	return cmocka_run_group_tests(tests, server_setup_worker, server_teardown);
}
