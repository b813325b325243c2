/*
 * Binds with a password that fitted a moment ago (SPEC 6.7): they cost no hash, and are refused as
 * soon as they would be with one.  Each test begins with a password that is remembered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <argon2.h>
#include <cmocka.h>

#include "core/hold.h"
#include "tests/support/server.h"
#include "tests/support/test_clock.h"

#define ANNA "uid=anna,ou=people," DIRECTORY_SUFFIX
#define OTHER_PASSWORD "another horse, another battery"

static uint64_t next_seq;

/* How often Argon2 was computed; on the pool's thread, as it happens. */
static atomic_int hashes;

int
argon2id_ctx(argon2_context *context)
{
	hashes++;
	return argon2_ctx(context, Argon2_id);
}

static const struct ipc_bound *
try_bind(struct server *s, const char *name, const char *password)
{
	struct ipc_frame frame = { .type = IPC_BIND };

	frame.bind.seq = ++next_seq;
	frame.bind.source = IDM_SPAN_LIT("192.0.2.7");
	frame.bind.name = idm_span_cstr(name);
	frame.bind.password = idm_span_cstr(password);
	far_end_send(&s->far, &frame);
	hashes = 0;
	return &server_await_frame(s, IPC_BOUND)->bound;
}

/* Let in, after so many hashes. */
static struct idm_identity
expect_bound(struct server *s, const char *name, const char *password, int cost)
{
	const struct ipc_bound *bound = try_bind(s, name, password);

	if (bound->code != LDAP_SUCCESS)
		fail_msg("%s: %.*s", name, IDM_SPAN_ARG(bound->reason));
	assert_true(bound->handle != 0);
	assert_int_equal(hashes, cost);
	return bound->identity;
}

/* Refused, at the price of every refusal. */
static void
expect_refused(struct server *s, const char *name, const char *password, const char *reason)
{
	const struct ipc_bound *bound = try_bind(s, name, password);
	char text[512];

	assert_int_equal(bound->code, LDAP_INVALID_CREDENTIALS);
	assert_int_equal(bound->handle, 0);
	snprintf(text, sizeof(text), "%.*s", IDM_SPAN_ARG(bound->reason));
	if (strstr(text, reason) == NULL)
		fail_msg("%s: refused for \"%s\"", name, text);
	assert_int_equal(hashes, IDM_AUTH_TESTS);
	server_unlock(s);
}

static void
set_secret(struct server *s, const char *name, uint32_t attr_number, const char *password)
{
	char phc[IDM_PHC_BYTES];

	assert_int_equal(
	    idm_password_hash(idm_span_cstr(password), &s->config.argon2, phc, &s->err), IDM_OK);
	assert_int_equal(realm_set_secret(s->realm, NULL, name, attr_number, phc), IDM_OK);
}

/* By the console, behind the core process's back: it is the stored state that counts. */
static void
change(struct server *s, const char *name, const char *attribute, const char *value)
{
	if (realm_modify(s->realm, NULL, name, attribute, value, NULL) != IDM_OK)
		fail_msg("%s", s->realm->err.text);
}

static int
setup(void **state)
{
	struct server *s;

	if (server_setup_core(state) != 0)
		return -1;
	s = *state;
	expect_bound(s, ANNA, SERVER_PASSWORD, 1);
	expect_bound(s, ANNA, SERVER_PASSWORD, 0);
	return 0;
}

static int
teardown(void **state)
{
	test_clock.now_s = REALM_NOW_S;
	return server_teardown(state);
}

static void
it_is_the_same_login_by_whichever_name(void **state)
{
	static const char *const names[] = { "anna", "anna@" REALM_DOMAIN,
		"UID=Anna,OU=People," DIRECTORY_SUFFIX, "cn=anna,ou=people," DIRECTORY_SUFFIX,
		"70001" };
	struct server *s = *state;
	struct idm_identity first;
	uint64_t handle = try_bind(s, ANNA, SERVER_PASSWORD)->handle;

	server_restart_core(s);
	first = expect_bound(s, ANNA, SERVER_PASSWORD, 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct idm_identity again = expect_bound(s, names[i], SERVER_PASSWORD, 0);

		assert_int_equal(again.kind, first.kind);
		assert_int_equal(again.scope, first.scope);
		assert_int_equal(again.credential_attr, first.credential_attr);
		assert_int_equal(again.credential_no, first.credential_no);
		assert_int_equal(again.privileged_until_s, first.privileged_until_s);
		assert_int_equal(again.expire_s, first.expire_s);
		assert_true(idm_uuid_equal(&again.uuid, &first.uuid));
	}
	assert_true(try_bind(s, ANNA, SERVER_PASSWORD)->handle != handle);
}

static void
a_wrong_password_costs_as_much_as_ever(void **state)
{
	struct server *s = *state;

	expect_refused(s, ANNA, "wrong password", "wrong password");
	expect_refused(s, ANNA, SERVER_PASSWORD " ", "wrong password");
	expect_refused(s, ANNA, "", "wrong password");
	expect_refused(s, "ben", SERVER_PASSWORD, "no credential is set");
	expect_refused(s, "nobody", SERVER_PASSWORD, "no such account");
	expect_bound(s, ANNA, SERVER_PASSWORD, 0); /* strangers don't drive it out */
}

/* Locked is locked, and costs what it costs those that are not remembered. */
static void
a_softlock_holds_for_the_right_password_too(void **state)
{
	struct server *s = *state;

	try_bind(s, ANNA, "wrong password");
	expect_refused(s, ANNA, SERVER_PASSWORD, "softlock: primary_credential is locked");
	expect_bound(s, ANNA, SERVER_PASSWORD, 0);
}

/* So many wrong binds at once; how often Argon2 was computed for them. */
static int
cost_at_once(struct server *s, const char *name, int binds)
{
	struct ipc_frame frame = { .type = IPC_BIND };

	hashes = 0;
	for (int i = 0; i < binds; i++) {
		frame.bind.seq = ++next_seq;
		frame.bind.source = IDM_SPAN_LIT("192.0.2.7");
		frame.bind.name = idm_span_cstr(name);
		frame.bind.password = IDM_SPAN_LIT("wrong password");
		far_end_send(&s->far, &frame);
	}
	for (int i = 0; i < binds; i++)
		assert_int_equal(
		    server_await_frame(s, IPC_BOUND)->bound.code, LDAP_INVALID_CREDENTIALS);
	return hashes;
}

/* Those that wait for the first one's end, and then are not tested, cost what the first one does;
 * otherwise the time they take would tell a name that is there from one that is not. */
static void
guesses_at_once_cost_as_much_for_any_name(void **state)
{
	struct server *s = *state;

	assert_int_equal(cost_at_once(s, ANNA, 20), 20 * IDM_AUTH_TESTS);
	assert_int_equal(cost_at_once(s, ANNA, 20), 20 * IDM_AUTH_TESTS); /* locked */
	assert_int_equal(cost_at_once(s, "nobody", 20), 20 * IDM_AUTH_TESTS);
	server_unlock(s);
}

static void
an_old_password_is_refused_when_there_is_a_new_one(void **state)
{
	struct server *s = *state;

	set_secret(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL, OTHER_PASSWORD);
	expect_refused(s, ANNA, SERVER_PASSWORD, "wrong password");
	expect_bound(s, ANNA, OTHER_PASSWORD, 1);
	expect_bound(s, ANNA, OTHER_PASSWORD, 0);
	set_secret(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL, SERVER_PASSWORD);
	expect_refused(s, ANNA, OTHER_PASSWORD, "wrong password");
	expect_bound(s, ANNA, SERVER_PASSWORD, 1); /* what fitted the first one says nothing */
}

static void
a_credential_that_was_deleted_fits_nothing(void **state)
{
	struct server *s = *state;

	change(s, "anna", "=primary_credential", "");
	expect_refused(s, ANNA, SERVER_PASSWORD, "no credential is set");
}

static void
outside_its_window_an_account_is_refused(void **state)
{
	struct server *s = *state;

	change(s, "anna", "=account_expire", "2020-01-01T00:00:00Z");
	expect_refused(s, ANNA, SERVER_PASSWORD, "expired at");
	change(s, "anna", "=account_expire", "");
	expect_bound(s, ANNA, SERVER_PASSWORD, 0);
	change(s, "anna", "=account_valid_from", "2030-01-01T00:00:00Z");
	expect_refused(s, ANNA, SERVER_PASSWORD, "not valid before");
	change(s, "anna", "=account_valid_from", "");
	expect_bound(s, ANNA, SERVER_PASSWORD, 0);
}

static void
hold(struct server *s, bool held)
{
	struct idm_uuid anna;
	bool changed;

	assert_int_equal((held ? idm_hold_set_named : idm_hold_clear_named)(
			     s->core->data.store, "anna", s->realm->now, &anna, &changed, &s->err),
	    IDM_OK);
	assert_true(changed);
}

static void
who_is_held_is_refused(void **state)
{
	struct server *s = *state;

	hold(s, true);
	expect_refused(s, ANNA, SERVER_PASSWORD, "held");
	hold(s, false);
	expect_bound(s, ANNA, SERVER_PASSWORD, 0);
}

/* Nobody changes anything: it is the hour that comes. */
static void
a_window_that_closes_closes_at_its_second(void **state)
{
	struct server *s = *state;

	set_secret(s, "ben", IDM_ATTR_PRIMARY_CREDENTIAL, SERVER_PASSWORD);
	expect_bound(s, "ben", SERVER_PASSWORD, 1);
	test_clock.now_s = REALM_NOW_S + 86399;
	expect_bound(s, "ben", SERVER_PASSWORD, 0);
	test_clock.now_s = REALM_NOW_S + 86400;
	expect_refused(s, "ben", SERVER_PASSWORD, "expired at");
}

static void
an_account_that_was_deleted_is_nobody(void **state)
{
	struct server *s = *state;

	assert_int_equal(realm_delete(s->realm, NULL, "anna"), IDM_OK);
	expect_refused(s, ANNA, SERVER_PASSWORD, "no such account");
	expect_refused(s, "anna", SERVER_PASSWORD, "no such account");
}

static void
of_high_privilege_it_is_let_in_as_without_a_cache(void **state)
{
	struct server *s = *state;
	struct idm_identity before = expect_bound(s, ANNA, SERVER_PASSWORD, 0);
	struct idm_identity cached, hashed;

	change(s, "system_admins", "+member", "anna");
	cached = expect_bound(s, ANNA, SERVER_PASSWORD, 0);
	server_restart_core(s);
	hashed = expect_bound(s, ANNA, SERVER_PASSWORD, 1);
	assert_int_equal(cached.kind, hashed.kind);
	assert_int_equal(cached.scope, hashed.scope);
	assert_int_equal(cached.privileged_until_s, hashed.privileged_until_s);
	assert_int_equal(cached.credential_no, before.credential_no);
}

static void
the_unix_password_stays_the_unix_password(void **state)
{
	struct server *s = *state;

	set_secret(s, "anna", IDM_ATTR_UNIX_PASSWORD, OTHER_PASSWORD);
	assert_int_equal(expect_bound(s, ANNA, OTHER_PASSWORD, 1).kind, IDM_IDENTITY_UNIX_PASSWORD);
	assert_int_equal(expect_bound(s, ANNA, OTHER_PASSWORD, 0).kind, IDM_IDENTITY_UNIX_PASSWORD);
	assert_int_equal(expect_bound(s, ANNA, SERVER_PASSWORD, 0).kind, IDM_IDENTITY_PASSWORD);
	change(s, "anna", "=unix_password", "");
	expect_refused(s, ANNA, OTHER_PASSWORD, "wrong password");
	expect_bound(s, ANNA, SERVER_PASSWORD, 0);

	set_secret(s, "anna", IDM_ATTR_UNIX_PASSWORD, OTHER_PASSWORD);
	expect_bound(s, ANNA, OTHER_PASSWORD, 1);
	set_secret(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL, OTHER_PASSWORD);
	change(s, "anna", "=unix_password", "");
	assert_int_equal(expect_bound(s, ANNA, OTHER_PASSWORD, 1).kind, IDM_IDENTITY_PASSWORD);
}

static void
a_restart_forgets_everything(void **state)
{
	struct server *s = *state;

	server_restart_core(s);
	assert_int_equal(idm_verified_count(s->core->verified), 0);
	expect_bound(s, ANNA, SERVER_PASSWORD, 1);
}

static void
it_is_remembered_for_so_long(void **state)
{
	struct server *s = *state;

	s->config.limits.verified_s = 60;
	server_restart_core(s);
	expect_bound(s, ANNA, SERVER_PASSWORD, 1);
	test_clock.monotonic_ms += 59999;
	expect_bound(s, ANNA, SERVER_PASSWORD, 0);
	test_clock.monotonic_ms++;
	expect_bound(s, ANNA, SERVER_PASSWORD, 1);
}

static void
with_no_room_each_bind_costs_a_hash(void **state)
{
	struct server *s = *state;

	s->config.limits.verified_passwords = 0;
	server_restart_core(s);
	for (int i = 0; i < 3; i++)
		expect_bound(s, ANNA, SERVER_PASSWORD, 1);
}

/* What is of no use any more does not stay in memory either. */
static void
a_change_that_the_core_makes_wipes_it(void **state)
{
	struct server *s = *state;
	struct requests r;

	requests_init(&r);
	request_modify(&r, 1, ANNA, "=account_expire", "20200101000000Z", NULL);
	assert_int_equal(idm_verified_count(s->core->verified), 1);
	assert_int_equal(server_ask(s, server_login(s, "idm_admin"), &r)->code, LDAP_SUCCESS);
	assert_int_equal(idm_verified_count(s->core->verified), 0);
	requests_free(&r);
}

/* Logins that were let in without a hash end as others do. */
static void
a_login_goes_on_as_long_as_its_password(void **state)
{
	struct server *s = *state;
	struct idm_identity identity = expect_bound(s, ANNA, SERVER_PASSWORD, 0);
	struct realm *r = s->realm;

	realm_entry(r, "anna");
	assert_int_equal(idm_auth_recheck(&r->read, NULL, &identity, &s->err), IDM_OK);
	realm_done(r);
	set_secret(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL, OTHER_PASSWORD);
	realm_entry(r, "anna");
	assert_int_equal(idm_auth_recheck(&r->read, NULL, &identity, &s->err), IDM_DENIED);
	realm_done(r);
}

#define on_its_own(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		on_its_own(it_is_the_same_login_by_whichever_name),
		on_its_own(a_wrong_password_costs_as_much_as_ever),
		on_its_own(guesses_at_once_cost_as_much_for_any_name),
		on_its_own(a_softlock_holds_for_the_right_password_too),
		on_its_own(an_old_password_is_refused_when_there_is_a_new_one),
		on_its_own(a_credential_that_was_deleted_fits_nothing),
		on_its_own(outside_its_window_an_account_is_refused),
		on_its_own(who_is_held_is_refused),
		on_its_own(a_window_that_closes_closes_at_its_second),
		on_its_own(an_account_that_was_deleted_is_nobody),
		on_its_own(of_high_privilege_it_is_let_in_as_without_a_cache),
		on_its_own(the_unix_password_stays_the_unix_password),
		on_its_own(a_restart_forgets_everything),
		on_its_own(it_is_remembered_for_so_long),
		on_its_own(with_no_room_each_bind_costs_a_hash),
		on_its_own(a_change_that_the_core_makes_wipes_it),
		on_its_own(a_login_goes_on_as_long_as_its_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
