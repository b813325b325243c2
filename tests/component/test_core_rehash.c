/*
 * Hashes from elsewhere (SPEC 6.3): written by who may, fitted by their password alone, and stored
 * as Argon2id after the first success, of which nobody else notices anything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <argon2.h>
#include <cmocka.h>

#include "core/session.h"
#include "tests/support/server.h"
#include "tests/support/test_clock.h"
#include "tests/support/vectors.h"

#define ANNA "uid=anna,ou=people," DIRECTORY_SUFFIX
#define IMPORTERS "idm_people_account_password_import_priv"
#define SSHA "{SSHA}/bo2dNEFUOT7VqJ5w1WkrQgZv2bWjFbT"

enum { PATIENCE_S = 20 };

static uint64_t next_seq;
static struct requests r;

/* How often Argon2id was computed. */
static atomic_int hashes;

int
argon2id_ctx(argon2_context *context)
{
	hashes++;
	return argon2_ctx(context, Argon2_id);
}

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
	hashes = 0;
	send_bind(s, name, password);
	return &server_await_frame(s, IPC_BOUND)->bound;
}

static struct idm_identity
expect_bound(struct server *s, const char *name, const char *password)
{
	const struct ipc_bound *bound = try_bind(s, name, password);

	if (bound->code != LDAP_SUCCESS)
		fail_msg("%s: %.*s", name, IDM_SPAN_ARG(bound->reason));
	return bound->identity;
}

static void
expect_refused(struct server *s, const char *name, const char *password)
{
	assert_int_equal(try_bind(s, name, password)->code, LDAP_INVALID_CREDENTIALS);
	server_unlock(s);
}

/* The stored hash of a credential, and the change that set it. */
static const char *
stored(struct server *s, const char *name, uint32_t attr_number, uint64_t *set_at_no)
{
	static char phc[IDM_PHC_BYTES];
	struct idm_entry entry = realm_entry(s->realm, name);
	struct idm_span blob, plain;

	assert_int_equal(
	    idm_lookup_secret(&s->realm->read, entry.id, attr_number, &blob, &s->err), IDM_OK);
	assert_int_equal(idm_unseal(s->realm->password_ring, &entry.uuid, attr_number, blob,
			     s->realm->arena, &plain, &s->err),
	    IDM_OK);
	snprintf(phc, sizeof(phc), "%.*s", IDM_SPAN_ARG(plain));
	*set_at_no = idm_seal_set_at(blob);
	realm_done(s->realm);
	return phc;
}

static bool
is_ours(struct server *s, const char *name, uint32_t attr_number)
{
	uint64_t no;

	return !idm_password_needs_upgrade(
	    idm_span_cstr(stored(s, name, attr_number, &no)), &s->config.argon2);
}

static void
await_ours(struct server *s, const char *name, uint32_t attr_number)
{
	time_t end = time(NULL) + PATIENCE_S;

	while (!is_ours(s, name, attr_number)) {
		if (time(NULL) > end)
			fail_msg("the hash of %s stays as it is", name);
		server_turn(s);
	}
}

static const struct ipc_done *
import(struct server *s, const char *actor, const char *dn, const char *sign_and_name,
    const char *hash)
{
	request_modify(&r, 1, dn, sign_and_name, hash, NULL);
	return server_ask(s, server_login(s, actor), &r);
}

static void
imported(struct server *s, const char *name, const char *hash)
{
	char dn[128];
	const struct ipc_done *done;

	snprintf(dn, sizeof(dn), "uid=%s,ou=people," DIRECTORY_SUFFIX, name);
	done = import(s, "idm_admin", dn, "=password_import", hash);
	if (done->code != LDAP_SUCCESS)
		fail_msg("%s: %.*s", hash, IDM_SPAN_ARG(done->text));
	server_settle(s);
	server_fresh_frames(s);
}

static int
setup(void **state)
{
	struct server *s;

	if (server_setup_core(state) != 0)
		return -1;
	s = *state;
	requests_init(&r);
	return realm_modify(s->realm, NULL, IMPORTERS, "+member", "idm_admin", NULL) == IDM_OK ? 0
											       : -1;
}

static int
teardown(void **state)
{
	requests_free(&r);
	return server_teardown(state);
}

/* --- the first success, and what comes of it */

static void
each_kind_becomes_argon2id_at_the_first_success(void **state)
{
	struct server *s = *state;
	uint64_t before, after;

	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		imported(s, "anna", vectors[i]);
		assert_false(is_ours(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL));
		expect_refused(s, ANNA, VECTOR_PASSWORD "!");
		assert_false(is_ours(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL));
		stored(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL, &before);
		assert_int_equal(
		    expect_bound(s, ANNA, VECTOR_PASSWORD).kind, IDM_IDENTITY_PASSWORD);
		await_ours(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL);
		assert_memory_equal(
		    stored(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL, &after), "$argon2id$", 10);
		assert_int_equal(before, after);
		expect_refused(s, ANNA, VECTOR_PASSWORD "!");
		expect_bound(s, ANNA, VECTOR_PASSWORD);
	}
	/* Of the new hash, too, which no cache has seen. */
	server_restart_core(s);
	expect_refused(s, ANNA, VECTOR_PASSWORD "!");
	expect_bound(s, ANNA, VECTOR_PASSWORD);
	assert_int_equal(hashes, 1);
}

static void
other_parameters_are_taken_up_at_the_next_success(void **state)
{
	struct server *s = *state;
	uint64_t before, after;

	stored(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL, &before);
	s->config.argon2 = (struct idm_argon2){ .m_kib = 128, .t = 2, .p = 1 };
	server_restart_core(s);
	expect_bound(s, ANNA, SERVER_PASSWORD);
	await_ours(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL);
	assert_non_null(
	    strstr(stored(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL, &after), "m=128,t=2,p=1"));
	assert_int_equal(before, after);
}

static void
a_unix_password_is_hashed_anew_as_well(void **state)
{
	struct server *s = *state;

	assert_int_equal(
	    realm_set_secret(s->realm, NULL, "anna", IDM_ATTR_UNIX_PASSWORD, SSHA), IDM_OK);
	assert_int_equal(expect_bound(s, ANNA, VECTOR_PASSWORD).kind, IDM_IDENTITY_UNIX_PASSWORD);
	await_ours(s, "anna", IDM_ATTR_UNIX_PASSWORD);
	expect_bound(s, ANNA, SERVER_PASSWORD);
}

/* It is the same password: logins, sessions and what is remembered of it stay. */
static void
nobody_is_sent_away_for_it(void **state)
{
	struct server *s = *state;
	struct idm_token_row row = { .kind = IDM_TOKEN_SESSION,
		.scope = IDM_SCOPE_READ_WRITE,
		.issued_s = REALM_NOW_S,
		.expire_s = REALM_NOW_S + 3600 };
	struct idm_identity identity;
	char token[IDM_TOKEN_TEXT];
	struct idm_txn txn;

	imported(s, "anna", SSHA);
	identity = expect_bound(s, ANNA, VECTOR_PASSWORD);
	assert_true(idm_token_generate(token, &row));
	row.account = row.issued_by = identity.uuid;
	row.credential_no = identity.credential_no;
	assert_int_equal(idm_store_local_write_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	assert_int_equal(idm_session_put(&txn, &row, s->realm->arena, &s->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &s->err), IDM_OK);
	assert_false(is_ours(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL));
	await_ours(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL);
	server_settle(s);
	assert_null(far_end_take(&s->far)); /* no worker was told to look at anybody */

	realm_entry(s->realm, "anna");
	assert_int_equal(idm_auth_recheck(&s->realm->read, NULL, &identity, &s->err), IDM_OK);
	realm_done(s->realm);
	expect_bound(s, "dn=token", token);
	expect_bound(s, ANNA, VECTOR_PASSWORD);
	assert_int_equal(hashes, 0);
}

/* What a start would catch up with, after a crash. */
static void
no_session_ends_at_the_next_start_either(void **state)
{
	struct server *s = *state;
	struct idm_change_set set = { .no = 9 };
	struct idm_secret_change change = { .attr_number = IDM_ATTR_PRIMARY_CREDENTIAL };
	struct idm_uuid uuid = realm_uuid(s->realm, "anna");

	assert_true(idm_secret_change_is_new(&set, &change)); /* removed */
	for (uint64_t no = 8; no <= 9; no++) {
		assert_int_equal(idm_seal(s->realm->password_ring, &uuid, change.attr_number, no,
				     IDM_SPAN_LIT("x"), s->realm->arena, &change.blob, &s->err),
		    IDM_OK);
		assert_int_equal(idm_secret_change_is_new(&set, &change), no == 9);
	}
}

static void
a_password_that_was_changed_meanwhile_stays_changed(void **state)
{
	struct server *s = *state;
	char phc[IDM_PHC_BYTES];
	uint64_t no;

	imported(s, "anna", SSHA);
	expect_bound(s, ANNA, VECTOR_PASSWORD);
	assert_int_equal(
	    idm_password_hash(IDM_SPAN_LIT("another one by now"), &s->config.argon2, phc, NULL),
	    IDM_OK);
	assert_int_equal(
	    realm_set_secret(s->realm, NULL, "anna", IDM_ATTR_PRIMARY_CREDENTIAL, phc), IDM_OK);
	server_settle(s);
	expect_refused(s, ANNA, VECTOR_PASSWORD); /* behind the other hash in the queue */
	server_settle(s);
	assert_string_equal(stored(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL, &no), phc);
	expect_bound(s, ANNA, "another one by now");
}

static void
many_logins_at_once_store_it_once(void **state)
{
	struct server *s = *state;
	uint64_t before;

	imported(s, "anna", SSHA);
	before = realm_applied(s->realm);
	for (int i = 0; i < 20; i++)
		send_bind(s, ANNA, VECTOR_PASSWORD);
	for (int i = 0; i < 20; i++)
		assert_int_equal(server_await_frame(s, IPC_BOUND)->bound.code, LDAP_SUCCESS);
	await_ours(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL);
	expect_refused(s, ANNA, "wrong password"); /* behind what is in the queue */
	server_settle(s);
	assert_int_equal(realm_applied(s->realm), before + 1);
}

static enum idm_result
run_anew(struct server *s, const struct idm_identity *identity, struct idm_request *request)
{
	request->id = (struct idm_uuid){ { 0 } };
	return realm_run(s->realm, identity, request);
}

static void
only_the_core_stores_a_secret_in_another_form(void **state)
{
	struct server *s = *state;
	struct idm_request_secret secret = { .attr_number = IDM_ATTR_PRIMARY_CREDENTIAL,
		.plain = IDM_SPAN_LIT("$argon2id$"),
		.marker = "password" };
	struct idm_request request = { .operation = IDM_OP_MODIFY,
		.target = realm_uuid(s->realm, "anna"),
		.secrets = &secret,
		.secret_count = 1 };
	struct idm_identity anna = realm_identity(s->realm, "anna");
	struct idm_identity console = realm_identity(s->realm, NULL);

	stored(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL, &secret.set_at_no);
	assert_int_equal(run_anew(s, &anna, &request), IDM_DENIED);
	secret.set_at_no++;
	assert_int_equal(run_anew(s, &console, &request), IDM_CONSTRAINT);
	secret.set_at_no--;
	assert_int_equal(run_anew(s, &console, &request), IDM_OK);
	secret.attr_number = IDM_ATTR_UNIX_PASSWORD; /* of which there is none */
	assert_int_equal(run_anew(s, &console, &request), IDM_CONSTRAINT);
	secret.plain = IDM_SPAN_EMPTY;
	secret.attr_number = IDM_ATTR_PRIMARY_CREDENTIAL;
	assert_int_equal(run_anew(s, &console, &request), IDM_DENIED);
}

/* --- who may import what */

static void
an_imported_password_takes_the_place_of_the_old_one(void **state)
{
	struct server *s = *state;
	uint64_t before, after;

	stored(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL, &before);
	imported(s, "anna", SSHA);
	stored(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL, &after);
	assert_true(after > before);
	expect_refused(s, ANNA, SERVER_PASSWORD);
	expect_bound(s, ANNA, VECTOR_PASSWORD);
}

static void
it_is_for_who_may_and_of_persons_who_are_no_high_privilege(void **state)
{
	struct server *s = *state;

	assert_int_equal(import(s, "anna", ANNA, "=password_import", SSHA)->code,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	assert_int_equal(import(s, "admin", ANNA, "+password_import", SSHA)->code,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	assert_int_equal(import(s, "idm_admin", "uid=robot,ou=services," DIRECTORY_SUFFIX,
			     "=password_import", SSHA)
			     ->code,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "robot", "=password_import", SSHA, NULL), IDM_SCHEMA);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "system_admins", "+member", "anna", NULL), IDM_OK);
	assert_int_equal(import(s, "idm_admin", ANNA, "=password_import", SSHA)->code,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	expect_bound(s, ANNA, SERVER_PASSWORD);
}

static void
what_is_no_hash_is_told_and_never_stored(void **state)
{
	static const struct {
		const char *sign_and_name, *hash, *told;
	} wrong[] = {
		{ "=password_import", "hunter2", "clear text" },
		{ "+password_import", "{SSHA}x", "does not decode" },
		{ "=password_import", "{SASL}anna", "{SASL}" },
		{ "=password_import", "", "written alone" },
		{ "-password_import", SSHA, "written alone" },
	};
	struct server *s = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const struct ipc_done *done =
		    import(s, "idm_admin", ANNA, wrong[i].sign_and_name, wrong[i].hash);
		char told[512];

		snprintf(told, sizeof(told), "%.*s", IDM_SPAN_ARG(done->text));
		assert_int_not_equal(done->code, LDAP_SUCCESS);
		if (strstr(told, wrong[i].told) == NULL || strstr(told, "hunter2") != NULL)
			fail_msg("%s: told \"%s\"", wrong[i].hash, told);
	}
	request_modify(&r, 1, ANNA, "+password_import", SSHA, "+password_import", SSHA, NULL);
	assert_int_equal(
	    server_ask(s, server_login(s, "idm_admin"), &r)->code, LDAP_CONSTRAINT_VIOLATION);
	expect_bound(s, ANNA, SERVER_PASSWORD);
}

#define on_its_own(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		on_its_own(each_kind_becomes_argon2id_at_the_first_success),
		on_its_own(other_parameters_are_taken_up_at_the_next_success),
		on_its_own(a_unix_password_is_hashed_anew_as_well),
		on_its_own(nobody_is_sent_away_for_it),
		on_its_own(no_session_ends_at_the_next_start_either),
		on_its_own(a_password_that_was_changed_meanwhile_stays_changed),
		on_its_own(many_logins_at_once_store_it_once),
		on_its_own(only_the_core_stores_a_secret_in_another_form),
		on_its_own(an_imported_password_takes_the_place_of_the_old_one),
		on_its_own(it_is_for_who_may_and_of_persons_who_are_no_high_privilege),
		on_its_own(what_is_no_hash_is_told_and_never_stored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
