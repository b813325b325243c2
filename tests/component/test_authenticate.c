/* From a name and a password, or a token, to an identity. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <argon2.h>
#include <cmocka.h>

#include "core/authenticate.h"
#include "core/session.h"
#include "tests/support/realm.h"

static const struct idm_argon2 cheap = { .m_kib = 64, .t = 1, .p = 1 };
static const char password[] = "correct horse battery";

/* The work of all hashes: passes over blocks. */
static uint64_t work;

int
argon2id_ctx(argon2_context *context)
{
	work += (uint64_t)context->m_cost * context->t_cost;
	return argon2_ctx(context, Argon2_id);
}

static void
set_password(struct realm *r, const char *name, uint32_t attr_number, const char *text)
{
	char phc[IDM_PHC_BYTES];

	assert_int_equal(idm_password_hash(idm_span_cstr(text), &cheap, phc, NULL), IDM_OK);
	assert_int_equal(realm_set_secret(r, NULL, name, attr_number, phc), IDM_OK);
}

static struct idm_auth_plan
plan_for(struct realm *r, const char *name)
{
	struct idm_entry account = { .id = 0 };
	struct idm_auth_plan plan;

	if (name != NULL)
		account = realm_entry(r, name);
	else
		realm_entry(r, "admin"); /* a snapshot all the same */
	assert_int_equal(idm_auth_plan(&r->read, r->password_ring, name == NULL ? NULL : &account,
			     &plan, &r->err),
	    IDM_OK);
	realm_done(r);
	return plan;
}

static enum idm_result
verdict(
    struct realm *r, const struct idm_auth_plan *plan, const char *text, struct idm_identity *out)
{
	int fitted = idm_auth_plan_run(plan, idm_span_cstr(text), &cheap);
	enum idm_result result;

	realm_entry(r, "admin");
	result = idm_auth_verdict(&r->read, plan, fitted, out, &r->err);
	realm_done(r);
	return result;
}

static enum idm_result
bind(struct realm *r, const char *name, const char *text, struct idm_identity *out)
{
	struct idm_auth_plan plan = plan_for(r, name);
	enum idm_result result = verdict(r, &plan, text, out);

	idm_auth_plan_wipe(&plan);
	return result;
}

static void
the_right_password_gives_the_account_s_own_rights(void **state)
{
	struct realm *r = *state;
	struct idm_identity identity;

	realm_person(r, "alice");
	set_password(r, "alice", IDM_ATTR_PRIMARY_CREDENTIAL, password);
	assert_int_equal(bind(r, "alice", password, &identity), IDM_OK);
	assert_int_equal(identity.kind, IDM_IDENTITY_PASSWORD);
	assert_int_equal(identity.scope, IDM_SCOPE_READ_WRITE);
	assert_int_equal(identity.privileged_until_s, REALM_NOW_S + IDM_SESSION_PRIVILEGED_S);
	assert_int_equal(bind(r, "alice", "wrong horse battery", &identity), IDM_DENIED);
	assert_string_equal(r->err.text, "wrong password");
	assert_string_equal(r->err.client_text, "");
}

static void
a_unix_password_reads_alone(void **state)
{
	struct realm *r = *state;
	struct idm_identity identity;

	realm_person(r, "alice");
	set_password(r, "alice", IDM_ATTR_UNIX_PASSWORD, "for the workstation");
	set_password(r, "alice", IDM_ATTR_PRIMARY_CREDENTIAL, password);
	assert_int_equal(bind(r, "alice", "for the workstation", &identity), IDM_OK);
	assert_int_equal(identity.kind, IDM_IDENTITY_UNIX_PASSWORD);
	assert_false(idm_identity_may_write(&identity, r->now));
	assert_int_equal(bind(r, "alice", password, &identity), IDM_OK);
	assert_true(idm_identity_may_write(&identity, r->now));
}

/* Two tests each, of which the missing ones are dummies of the same cost. */
static void
every_refusal_is_planned_with_as_much_work(void **state)
{
	struct realm *r = *state;
	struct idm_identity identity;

	realm_person(r, "nothing_set");
	realm_person(r, "expired");
	set_password(r, "expired", IDM_ATTR_PRIMARY_CREDENTIAL, password);
	assert_int_equal(
	    realm_modify(r, NULL, "expired", "=account_expire", "1970-01-01T00:00:00Z", NULL),
	    IDM_OK);
	assert_int_equal(bind(r, NULL, password, &identity), IDM_DENIED);
	assert_string_equal(r->err.text, "no such account");
	assert_int_equal(bind(r, "nothing_set", password, &identity), IDM_DENIED);
	assert_string_equal(r->err.text, "no credential is set");
	assert_int_equal(bind(r, "expired", password, &identity), IDM_DENIED);
	assert_non_null(strstr(r->err.text, "expired at"));
	assert_int_equal(bind(r, "idm_admins", password, &identity), IDM_DENIED);
	assert_string_equal(r->err.text, "not an account");
	for (size_t i = 0; i < IDM_AUTH_TESTS; i++) {
		assert_int_equal(plan_for(r, NULL).tests[i].attr_number, 0);
		assert_int_equal(plan_for(r, "expired").tests[i].attr_number, 0);
	}
}

static void
what_changes_while_the_hash_is_made_counts(void **state)
{
	struct realm *r = *state;
	struct idm_identity identity;
	struct idm_auth_plan plan;

	realm_person(r, "alice");
	set_password(r, "alice", IDM_ATTR_PRIMARY_CREDENTIAL, password);
	plan = plan_for(r, "alice");
	set_password(r, "alice", IDM_ATTR_PRIMARY_CREDENTIAL, "another one by now");
	assert_int_equal(verdict(r, &plan, password, &identity), IDM_DENIED);

	plan = plan_for(r, "alice");
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "=account_expire", "1970-01-01T00:00:00Z", NULL),
	    IDM_OK);
	assert_int_equal(verdict(r, &plan, "another one by now", &identity), IDM_DENIED);

	assert_int_equal(realm_modify(r, NULL, "alice", "=account_expire", "", NULL), IDM_OK);
	plan = plan_for(r, "alice");
	assert_int_equal(realm_delete(r, NULL, "alice"), IDM_OK);
	assert_int_equal(verdict(r, &plan, "another one by now", &identity), IDM_DENIED);
	assert_string_equal(r->err.text, "the account was deleted");
}

/* A session of `name`; its token, and its row's credential. */
static void
begin_session(struct realm *r, const char *name, char text[IDM_TOKEN_TEXT], uint64_t credential_no)
{
	struct idm_token_row row = { .account = realm_uuid(r, name),
		.kind = IDM_TOKEN_SESSION,
		.scope = IDM_SCOPE_READ_WRITE,
		.issued_s = REALM_NOW_S,
		.expire_s = REALM_NOW_S + 3600,
		.privileged_until_s = REALM_NOW_S + 600,
		.credential_no = credential_no };
	struct idm_txn txn;

	assert_true(idm_token_generate(text, &row));
	assert_int_equal(idm_store_local_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(idm_session_put(&txn, &row, r->arena, &r->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &r->err), IDM_OK);
}

static enum idm_result
use_token(
    struct realm *r, const char *text, const struct idm_uuid *account, struct idm_identity *out)
{
	struct idm_txn local;
	enum idm_result result;

	realm_entry(r, "admin");
	assert_int_equal(idm_store_local_read_begin(r->store, &local, &r->err), IDM_OK);
	result = idm_auth_token(&r->read, &local, idm_span_cstr(text), account, out, &r->err);
	if (result == IDM_OK)
		result = idm_auth_recheck(&r->read, &local, out, &r->err);
	idm_store_read_end(&local);
	realm_done(r);
	return result;
}

static void
a_session_is_its_account_s_until_it_ends(void **state)
{
	struct realm *r = *state;
	struct idm_identity identity;
	struct idm_uuid alice, bob;
	char text[IDM_TOKEN_TEXT];

	realm_person(r, "alice");
	realm_person(r, "bob");
	alice = realm_uuid(r, "alice");
	bob = realm_uuid(r, "bob");
	begin_session(r, "alice", text, 0);
	assert_int_equal(use_token(r, text, NULL, &identity), IDM_OK);
	assert_int_equal(identity.kind, IDM_IDENTITY_SESSION);
	assert_int_equal(use_token(r, text, &alice, &identity), IDM_OK);
	assert_int_equal(use_token(r, text, &bob, &identity), IDM_DENIED);

	text[IDM_TOKEN_TEXT - 2] ^= 1;
	assert_int_equal(use_token(r, text, NULL, &identity), IDM_DENIED);
	text[IDM_TOKEN_TEXT - 2] ^= 1;
	assert_int_equal(use_token(r, "kt_", NULL, &identity), IDM_DENIED);

	r->now.at_s = REALM_NOW_S + 599;
	assert_int_equal(use_token(r, text, NULL, &identity), IDM_OK);
	assert_true(idm_identity_may_write(&identity, r->now));
	r->now.at_s = REALM_NOW_S + 600;
	assert_false(idm_identity_may_write(&identity, r->now));
	r->now.at_s = REALM_NOW_S + 3600;
	assert_int_equal(use_token(r, text, NULL, &identity), IDM_DENIED);
}

static void
a_session_ends_with_the_password_that_began_it(void **state)
{
	struct realm *r = *state;
	struct idm_identity identity;
	char text[IDM_TOKEN_TEXT];

	realm_person(r, "alice");
	set_password(r, "alice", IDM_ATTR_PRIMARY_CREDENTIAL, password);
	begin_session(r, "alice", text, r->set.no);
	assert_int_equal(use_token(r, text, NULL, &identity), IDM_OK);
	set_password(r, "alice", IDM_ATTR_PRIMARY_CREDENTIAL, "another one by now");
	assert_int_equal(use_token(r, text, NULL, &identity), IDM_DENIED);
}

static void
a_session_ends_with_the_window(void **state)
{
	struct realm *r = *state;
	struct idm_identity identity;
	char text[IDM_TOKEN_TEXT];

	realm_person(r, "alice");
	begin_session(r, "alice", text, 0);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "=account_expire", "1970-01-01T00:00:00Z", NULL),
	    IDM_OK);
	assert_int_equal(use_token(r, text, NULL, &identity), IDM_DENIED);
}

static void
import_password(struct realm *r, const char *name, const char *hash)
{
	char stored[IDM_PHC_BYTES];

	assert_int_equal(idm_password_import(idm_span_cstr(hash), stored, &r->err), IDM_OK);
	assert_int_equal(
	    realm_set_secret(r, NULL, name, IDM_ATTR_PRIMARY_CREDENTIAL, stored), IDM_OK);
}

/* The hash of "password", which takes no time to test. */
static const char imported[] = "{NT}8846F7EAEE8FB117AD06BDD830B7586C";

static void
an_imported_hash_lets_in(void **state)
{
	struct realm *r = *state;
	struct idm_identity identity;

	realm_person(r, "alice");
	import_password(r, "alice", imported);
	assert_int_equal(bind(r, "alice", "password", &identity), IDM_OK);
	assert_int_equal(identity.kind, IDM_IDENTITY_PASSWORD);
	assert_int_equal(bind(r, "alice", "Password", &identity), IDM_DENIED);
}

static uint64_t
work_of_refusal(struct realm *r, const char *name)
{
	struct idm_identity identity;

	work = 0;
	assert_int_equal(
	    bind(r, strcmp(name, "nobody") == 0 ? NULL : name, "another one", &identity),
	    IDM_DENIED);
	return work;
}

static void
a_refusal_of_an_imported_hash_takes_as_much_work_as_any(void **state)
{
	struct realm *r = *state;
	uint64_t expected;

	realm_person(r, "alice");
	realm_person(r, "bob");
	expected = work_of_refusal(r, "nobody");
	assert_int_equal(expected, 2 * cheap.m_kib * cheap.t);
	import_password(r, "alice", imported);
	assert_int_equal(work_of_refusal(r, "alice"), expected);
	set_password(r, "bob", IDM_ATTR_PRIMARY_CREDENTIAL, password);
	assert_int_equal(work_of_refusal(r, "bob"), expected);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(the_right_password_gives_the_account_s_own_rights),
		T(a_unix_password_reads_alone),
		T(every_refusal_is_planned_with_as_much_work),
		T(what_changes_while_the_hash_is_made_counts),
		T(a_session_is_its_account_s_until_it_ends),
		T(a_session_ends_with_the_password_that_began_it),
		T(a_session_ends_with_the_window),
		T(an_imported_hash_lets_in),
		T(a_refusal_of_an_imported_hash_takes_as_much_work_as_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
