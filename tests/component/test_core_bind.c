/*
 * Binds in the core process (SPEC 8.3, 8.4): who gets which handle, and that every refusal is the
 * same to the client, whatever the log says of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/session.h"
#include "tests/support/server.h"
#include "tests/support/test_clock.h"

#define ANNA "uid=anna,ou=people," DIRECTORY_SUFFIX

static uint64_t next_seq;

static void
send_bind(struct server *s, const char *name, const char *password)
{
	struct ipc_frame frame = { .type = IPC_BIND };

	frame.bind.seq = ++next_seq;
	frame.bind.source = IDM_SPAN_LIT("192.0.2.7");
	frame.bind.name = idm_span_cstr(name);
	frame.bind.password = idm_span_cstr(password);
	far_end_send(&s->far, &frame);
}

static const struct ipc_bound *
try_bind(struct server *s, const char *name, const char *password)
{
	const struct ipc_bound *bound;

	send_bind(s, name, password);
	bound = &server_await_frame(s, IPC_BOUND)->bound;
	assert_int_equal(bound->seq, next_seq);
	return bound;
}

static struct idm_identity
expect_bound(struct server *s, const char *name, const char *password)
{
	const struct ipc_bound *bound = try_bind(s, name, password);

	if (bound->code != LDAP_SUCCESS)
		fail_msg("%s: %.*s", name, IDM_SPAN_ARG(bound->reason));
	assert_int_equal(bound->text.len, 0);
	return bound->identity;
}

/* The same code, and nothing more; `reason` is a part of what the log says. */
static void
expect_refused(struct server *s, const char *name, const char *password, const char *reason)
{
	const struct ipc_bound *bound = try_bind(s, name, password);
	char text[512];

	server_unlock(s);
	assert_int_equal(bound->code, LDAP_INVALID_CREDENTIALS);
	assert_int_equal(bound->text.len, 0);
	assert_int_equal(bound->handle, 0);
	assert_true(idm_uuid_is_null(&bound->identity.uuid));
	snprintf(text, sizeof(text), "%.*s", IDM_SPAN_ARG(bound->reason));
	if (strstr(text, reason) == NULL)
		fail_msg("%s: refused for \"%s\"", name, text);
}

static void
set_secret(struct server *s, const char *name, uint32_t attr_number, const char *password)
{
	char phc[IDM_PHC_BYTES];

	assert_int_equal(
	    idm_password_hash(idm_span_cstr(password), &s->config.argon2, phc, &s->err), IDM_OK);
	assert_int_equal(realm_set_secret(s->realm, NULL, name, attr_number, phc), IDM_OK);
}

static void
put_row(struct server *s, const struct idm_token_row *row)
{
	struct idm_txn txn;
	enum idm_result result;

	if (row->kind == IDM_TOKEN_SESSION) {
		assert_int_equal(
		    idm_store_local_write_begin(s->core->data.store, &txn, &s->err), IDM_OK);
		result = idm_session_put(&txn, row, s->realm->arena, &s->err);
	} else {
		assert_int_equal(idm_store_write_begin(s->core->data.store, &txn, &s->err), IDM_OK);
		result = idm_store_put(&txn, IDM_DB_TOKENS, idm_uuid_span(&row->id),
		    idm_token_row_encode(row, s->realm->arena), &s->err);
	}
	assert_int_equal(result, IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &s->err), IDM_OK);
}

static struct idm_token_row
make_token(struct server *s, const char *name, enum idm_token_kind kind, char text[IDM_TOKEN_TEXT])
{
	struct idm_token_row row = { .kind = kind, .scope = IDM_SCOPE_READ_WRITE };

	assert_true(idm_token_generate(text, &row));
	row.account = realm_uuid(s->realm, name);
	row.issued_by = row.account;
	row.issued_s = REALM_NOW_S;
	row.expire_s = REALM_NOW_S + 3600;
	put_row(s, &row);
	return row;
}

/* --- let in */

static void
the_primary_password_gives_the_account_s_rights(void **state)
{
	struct server *s = *state;
	struct idm_uuid anna = realm_uuid(s->realm, "anna");
	struct idm_identity identity = expect_bound(s, ANNA, SERVER_PASSWORD);

	assert_int_equal(identity.kind, IDM_IDENTITY_PASSWORD);
	assert_true(idm_uuid_equal(&identity.uuid, &anna));
	assert_true(idm_uuid_is_null(&identity.session));
	assert_int_equal(identity.expire_s, REALM_NOW_S + 8 * 3600);
	assert_int_equal(identity.privileged_until_s, REALM_NOW_S + 600);
	identity = expect_bound(s, "idm_admin", SERVER_PASSWORD); /* high privilege */
	assert_int_equal(identity.expire_s, REALM_NOW_S + 3600);
}

static void
the_unix_password_reads_alone(void **state)
{
	struct server *s = *state;
	struct idm_identity identity;

	set_secret(s, "anna", IDM_ATTR_UNIX_PASSWORD, "for the workstation alone");
	identity = expect_bound(s, ANNA, "for the workstation alone");
	assert_int_equal(identity.kind, IDM_IDENTITY_UNIX_PASSWORD);
	assert_false(idm_identity_may_write(&identity, s->realm->now));
}

static void
every_login_has_a_handle_of_its_own(void **state)
{
	struct server *s = *state;
	uint64_t first = try_bind(s, ANNA, SERVER_PASSWORD)->handle;
	uint64_t second = try_bind(s, ANNA, SERVER_PASSWORD)->handle;
	struct ipc_frame release = { .type = IPC_RELEASE };

	assert_true(first != 0 && second != 0 && first != second);
	assert_non_null(core_identity(s->core->workers, first));
	release.release.handle = first;
	far_end_send(&s->far, &release);
	server_settle(s);
	assert_null(core_identity(s->core->workers, first));
	assert_non_null(core_identity(s->core->workers, second));
}

static void
anonymous_by_its_name_takes_any_password(void **state)
{
	struct server *s = *state;
	const struct ipc_bound *bound = try_bind(s, "anonymous", "whatever");

	assert_int_equal(bound->code, LDAP_SUCCESS);
	assert_int_equal(bound->handle, 0);
	assert_int_equal(bound->identity.kind, IDM_IDENTITY_ANONYMOUS);
}

static void
a_token_says_who_it_is(void **state)
{
	static const char *const names[] = { "", "dn=token", "DN=Token", "anna", ANNA,
		("dn=token," DIRECTORY_SUFFIX) };
	struct server *s = *state;
	char text[IDM_TOKEN_TEXT];
	struct idm_token_row row = make_token(s, "anna", IDM_TOKEN_SESSION, text);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct idm_identity identity = expect_bound(s, names[i], text);

		assert_int_equal(identity.kind, IDM_IDENTITY_SESSION);
		assert_true(idm_uuid_equal(&identity.uuid, &row.account));
		assert_true(idm_uuid_equal(&identity.session, &row.id));
		assert_int_equal(identity.expire_s, REALM_NOW_S + 3600);
	}
	row = make_token(s, "robot", IDM_TOKEN_API, text);
	assert_int_equal(expect_bound(s, "dn=token", text).kind, IDM_IDENTITY_TOKEN);
	assert_int_equal(expect_bound(s, "uid=robot,ou=services," DIRECTORY_SUFFIX, text).kind,
	    IDM_IDENTITY_TOKEN);
}

/* --- refused */

static void
every_refusal_is_the_same(void **state)
{
	struct server *s = *state;
	char text[IDM_TOKEN_TEXT];
	struct idm_token_row row;
	char too_long[IDM_PASSWORD_MAX_BYTES + 2];

	expect_refused(s, "nobody", SERVER_PASSWORD, "no such account");
	expect_refused(s, "uid=nobody,ou=people," DIRECTORY_SUFFIX, "x", "no such account");
	expect_refused(s, "dc=somewhere,dc=else", "x", "no such account");
	expect_refused(s, "=,=", "x", "no such account");
	expect_refused(s, ANNA, "wrong password", "wrong password");
	expect_refused(s, ANNA, "", "wrong password"); /* a worker asks no such thing */
	expect_refused(
	    s, "uid=anna,ou=services," DIRECTORY_SUFFIX, SERVER_PASSWORD, "no such account");
	expect_refused(s, "staff", SERVER_PASSWORD, "not an account");
	expect_refused(s, "ben", SERVER_PASSWORD, "no credential is set");
	set_secret(s, "carl", IDM_ATTR_PRIMARY_CREDENTIAL, SERVER_PASSWORD);
	expect_refused(s, "carl", SERVER_PASSWORD, "not valid before");
	set_secret(s, "ben", IDM_ATTR_PRIMARY_CREDENTIAL, SERVER_PASSWORD);
	test_clock.now_s = REALM_NOW_S + 86400;
	expect_refused(s, "ben", SERVER_PASSWORD, "expired at");
	test_clock.now_s--;
	expect_bound(s, "ben", SERVER_PASSWORD);
	test_clock.now_s = REALM_NOW_S;

	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	expect_refused(s, ANNA, too_long, "no such account");

	expect_refused(s, "", "x", "not a token");
	expect_refused(s, "dn=token", SERVER_PASSWORD, "not a token");
	row = make_token(s, "anna", IDM_TOKEN_SESSION, text);
	expect_refused(s, "ben", text, "another account's");
	expect_refused(s, "nobody", text, "another account's");
	expect_refused(s, "staff", text, "another account's");
	row.hash[0] ^= 1;
	put_row(s, &row);
	expect_refused(s, "dn=token", text, "");
	assert_true(idm_token_generate(text, &row)); /* of nobody */
	expect_refused(s, "dn=token", text, "no such token or session");
	expect_refused(s, ANNA, text, "no such token or session");
	row = make_token(s, "anna", IDM_TOKEN_SESSION, text);
	test_clock.now_s += 3600;
	expect_refused(s, "dn=token", text, "expired");
	test_clock.now_s = REALM_NOW_S;
	make_token(s, "carl", IDM_TOKEN_SESSION, text);
	expect_refused(s, "dn=token", text, "not valid before");
}

static void
a_session_begun_by_an_old_password_is_over(void **state)
{
	struct server *s = *state;
	char text[IDM_TOKEN_TEXT];
	struct idm_token_row row = make_token(s, "anna", IDM_TOKEN_SESSION, text);

	row.credential_no = expect_bound(s, ANNA, SERVER_PASSWORD).credential_no;
	put_row(s, &row);
	expect_bound(s, "dn=token", text);
	set_secret(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL, SERVER_PASSWORD); /* set again */
	expect_refused(s, "dn=token", text, "the password was changed since");
}

static void
what_changes_while_the_hash_is_made_counts(void **state)
{
	struct server *s = *state;
	const struct ipc_bound *bound;

	set_secret(s, "ben", IDM_ATTR_UNIX_PASSWORD, SERVER_PASSWORD);
	send_bind(s, "ben", SERVER_PASSWORD);
	event_base_loop(
	    s->core->base, EVLOOP_ONCE | EVLOOP_NONBLOCK); /* it is planned, and may be hashed */
	assert_int_equal(
	    realm_modify(s->realm, NULL, "ben", "=account_expire", "2020-01-01T00:00:00Z", NULL),
	    IDM_OK);
	bound = &server_await_frame(s, IPC_BOUND)->bound;
	assert_int_equal(bound->code, LDAP_INVALID_CREDENTIALS);
	assert_int_equal(bound->handle, 0);
}

/* For every name alike: it tells nobody who is there (SPEC 8.8). */
static void
a_full_pool_is_busy_for_every_name(void **state)
{
	struct server *s = *state;
	int busy_known = 0, busy_unknown = 0;

	s->core->config = &s->config;
	for (int i = 0; i < 400; i++)
		send_bind(s, i % 2 == 0 ? "anna" : "nobody", "wrong password");
	for (int i = 0; i < 400; i++) {
		const struct ipc_bound *bound = &server_await_frame(s, IPC_BOUND)->bound;

		if (bound->code == LDAP_INVALID_CREDENTIALS) {
			assert_int_equal(bound->text.len, 0);
			continue;
		}
		assert_int_equal(bound->code, LDAP_BUSY);
		assert_true(idm_span_is(bound->text, "too many logins at once; try again"));
		assert_true(idm_span_is(bound->reason, "the password pool is full"));
		if ((bound->seq - next_seq) % 2 == 0)
			busy_unknown++;
		else
			busy_known++;
	}
	assert_true(busy_known > 20);
	assert_true(busy_unknown > 20);
}

static void
a_worker_has_so_many_logins(void **state)
{
	struct server *s = *state;
	struct core_worker *worker = s->core->workers;
	struct idm_identity identity = realm_identity(s->realm, "anna");
	const struct ipc_bound *bound;
	char text[IDM_TOKEN_TEXT];

	make_token(s, "anna", IDM_TOKEN_SESSION, text);
	while (core_identity_add(worker, &identity) != 0)
		;
	bound = try_bind(s, "dn=token", text);
	assert_int_equal(bound->code, LDAP_BUSY);
	assert_int_equal(bound->handle, 0);
	for (size_t i = 0; i < worker->login_room; i++)
		core_identity_remove(worker, (uint64_t)worker->logins[i].turn << 32 | (i + 1));
	expect_bound(s, "dn=token", text);
}

/* A worker that is gone when its bind is done: the answer goes nowhere, and others are served. */
static void
a_worker_that_left_is_not_answered(void **state)
{
	struct server *s = *state;

	send_bind(s, ANNA, SERVER_PASSWORD);
	far_end_turn(&s->far);
	event_base_loop(s->core->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	server_reconnect(s);
	expect_bound(s, ANNA, SERVER_PASSWORD);
	server_settle(s);
	assert_null(far_end_take(&s->far));
	assert_null(s->core->workers->next);
}

/* Nonsense from a worker costs it its channel, for it was taken over. */
static void
a_worker_that_breaks_the_rules_is_cut_off(void **state)
{
	struct server *s = *state;
	struct ipc_frame frame = { .type = IPC_REVOKED };

	far_end_send(&s->far, &frame);
	server_settle(s);
	assert_true(s->far.closed);
	assert_null(s->core->workers);
	server_reconnect(s);
	expect_bound(s, ANNA, SERVER_PASSWORD);
}

#define on_its_own(test) cmocka_unit_test_setup(test, server_fresh)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		on_its_own(the_primary_password_gives_the_account_s_rights),
		on_its_own(the_unix_password_reads_alone),
		on_its_own(every_login_has_a_handle_of_its_own),
		on_its_own(anonymous_by_its_name_takes_any_password),
		on_its_own(a_token_says_who_it_is),
		on_its_own(every_refusal_is_the_same),
		on_its_own(a_session_begun_by_an_old_password_is_over),
		on_its_own(what_changes_while_the_hash_is_made_counts),
		on_its_own(a_full_pool_is_busy_for_every_name),
		on_its_own(a_worker_has_so_many_logins),
		on_its_own(a_worker_that_left_is_not_answered),
		on_its_own(a_worker_that_breaks_the_rules_is_cut_off),
	};

	return cmocka_run_group_tests(tests, server_setup_core, server_teardown);
}
