/* `kanidmd recover_account`: what the account, its groups and its sessions are afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "core/authenticate.h"
#include "core/change_log.h"
#include "core/recover.h"
#include "core/session.h"
#include "core/softlock.h"
#include "tests/support/realm.h"

static const struct idm_argon2 cheap = { .m_kib = 8, .t = 1, .p = 1 };

static enum idm_result
recover(struct realm *r, const char *name, bool restore_roles, char *password)
{
	struct idm_uuid account;

	realm_done(r);
	return idm_recover_account(r->store, &r->context, name, restore_roles, &cheap, r->now,
	    password, &account, &r->err);
}

static void
assert_recovers(struct realm *r, const char *name, char *password)
{
	if (recover(r, name, false, password) != IDM_OK)
		fail_msg("%s: %s", name, r->err.text);
}

static bool
lets_in(struct realm *r, const char *name, const char *password)
{
	struct idm_entry entry = realm_entry(r, name);
	struct idm_span given = idm_span_cstr(password);
	struct idm_identity identity;
	struct idm_auth_plan plan;
	enum idm_result result = idm_auth_plan(&r->read, r->password_ring, &entry, &plan, &r->err);

	assert_int_equal(result, IDM_OK);
	result = idm_auth_verdict(
	    &r->read, &plan, idm_auth_plan_run(&plan, given, &cheap), &identity, &r->err);
	assert_true(result == IDM_OK || result == IDM_DENIED);
	idm_auth_plan_wipe(&plan);
	realm_done(r);
	return result == IDM_OK;
}

static void
put_session(struct realm *r, const char *account, struct idm_uuid *id)
{
	char text[IDM_TOKEN_TEXT];
	struct idm_token_row row = { .kind = IDM_TOKEN_SESSION, .expire_s = INT64_MAX };
	struct idm_uuid uuid = realm_uuid(r, account);
	struct idm_txn txn;

	assert_true(idm_token_generate(text, &row));
	row.account = uuid;
	*id = row.id;
	assert_int_equal(idm_store_local_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(idm_session_put(&txn, &row, r->arena, &r->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &r->err), IDM_OK);
}

static bool
has_session(struct realm *r, const struct idm_uuid *id)
{
	struct idm_token_row row;
	struct idm_txn txn;
	enum idm_result result;

	assert_int_equal(idm_store_local_read_begin(r->store, &txn, &r->err), IDM_OK);
	result = idm_session_get(&txn, id, &row, &r->err);
	idm_store_read_end(&txn);
	assert_true(result == IDM_OK || result == IDM_NOT_FOUND);
	return result == IDM_OK;
}

static void
the_password_is_generated_and_lets_in(void **state)
{
	static const char alphabet[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkpqrstuvwxyz0123456789";
	struct realm *r = *state;
	char first[IDM_GENERATED_PASSWORD_BYTES], second[IDM_GENERATED_PASSWORD_BYTES];
	struct idm_entry admin;

	assert_recovers(r, "admin", first);
	assert_int_equal(strlen(first), 48);
	assert_int_equal(strspn(first, alphabet), 48);
	assert_true(lets_in(r, "admin", first));
	admin = realm_entry(r, "admin");
	assert_true(idm_span_is(idm_entry_text(&admin, IDM_ATTR_PRIMARY_CREDENTIAL), "generated"));
	realm_done(r);

	assert_recovers(r, "admin", second);
	assert_string_not_equal(first, second);
	assert_false(lets_in(r, "admin", first));
	assert_true(lets_in(r, "admin", second));
}

static void
a_person_is_recovered_by_any_of_its_names(void **state)
{
	struct realm *r = *state;
	char password[IDM_GENERATED_PASSWORD_BYTES];

	realm_person(r, "alice");
	assert_recovers(r, "Alice@" REALM_DOMAIN, password);
	assert_true(lets_in(r, "alice", password));
	assert_recovers(r, "00000000-0000-0000-0000-000000000018", password);
	assert_true(lets_in(r, "idm_admin", password));
}

static void
a_closed_window_is_opened(void **state)
{
	struct realm *r = *state;
	char password[IDM_GENERATED_PASSWORD_BYTES];
	struct idm_entry admin;

	assert_int_equal(
	    realm_modify(r, NULL, "admin", "=account_valid_from", "2100-01-01T00:00:00Z",
		"=account_expire", "1970-01-01T00:00:00Z", NULL),
	    IDM_OK);
	assert_recovers(r, "admin", password);
	admin = realm_entry(r, "admin");
	assert_false(idm_entry_has(&admin, IDM_ATTR_ACCOUNT_VALID_FROM));
	assert_false(idm_entry_has(&admin, IDM_ATTR_ACCOUNT_EXPIRE));
	realm_done(r);
	assert_true(lets_in(r, "admin", password));
}

/* REALM_NOW_S is 2023-11-14T22:13:20Z; at its expire an account is out (SPEC 10.6). */
static void
an_expire_goes_from_its_own_second_on(void **state)
{
	struct realm *r = *state;
	char password[IDM_GENERATED_PASSWORD_BYTES];
	struct idm_entry admin;

	assert_int_equal(
	    realm_modify(r, NULL, "admin", "=account_expire", "2023-11-14T22:13:21Z", NULL),
	    IDM_OK);
	assert_recovers(r, "admin", password);
	admin = realm_entry(r, "admin");
	assert_int_equal(
	    idm_entry_datetime(&admin, IDM_ATTR_ACCOUNT_EXPIRE, 0), (int64_t)REALM_NOW_S + 1);
	realm_done(r);

	r->now.at_s++;
	assert_recovers(r, "admin", password);
	admin = realm_entry(r, "admin");
	assert_false(idm_entry_has(&admin, IDM_ATTR_ACCOUNT_EXPIRE));
	realm_done(r);
}

/* A box whose clock starts in 1970 knows from its floor what is past. */
static void
without_trusted_time_the_floor_tells_the_past(void **state)
{
	struct realm *r = *state;
	char password[IDM_GENERATED_PASSWORD_BYTES];
	struct idm_entry admin;

	assert_int_equal(
	    realm_modify(r, NULL, "admin", "=account_expire", "2023-11-14T22:13:20Z", NULL),
	    IDM_OK);
	idm_store_publish_clock(r->store, REALM_NOW_S, true);
	r->now = idm_store_now(r->store, 1000);
	assert_false(r->now.trusted);
	assert_recovers(r, "admin", password);
	admin = realm_entry(r, "admin");
	assert_false(idm_entry_has(&admin, IDM_ATTR_ACCOUNT_EXPIRE));
	realm_done(r);
	assert_true(lets_in(r, "admin", password));
}

static void
sessions_of_the_account_end_and_no_others(void **state)
{
	struct realm *r = *state;
	char password[IDM_GENERATED_PASSWORD_BYTES];
	struct idm_uuid mine, mine_too, others;

	put_session(r, "admin", &mine);
	put_session(r, "admin", &mine_too);
	put_session(r, "idm_admin", &others);
	assert_recovers(r, "admin", password);
	assert_false(has_session(r, &mine));
	assert_false(has_session(r, &mine_too));
	assert_true(has_session(r, &others));
}

/* A failure each, stored as a server that has ended did. */
static void
put_softlocks(struct realm *r, const char *const *names, size_t count)
{
	static const uint8_t boot[IDM_CLOCK_BOOT_BYTES] = { 1 };
	struct idm_softlocks *locks = idm_softlocks_new(8, 8);
	struct idm_softlock_source source = idm_softlock_source_of("ldapi");
	struct idm_txn txn;

	assert_non_null(locks);
	for (size_t i = 0; i < count; i++) {
		struct idm_softlock_id id = { realm_uuid(r, names[i]),
			IDM_ATTR_PRIMARY_CREDENTIAL };

		assert_true(idm_softlock_begin(locks, &id, &source, 1000));
		idm_softlock_end(locks, &id, &source, true, 1000);
	}
	assert_int_equal(idm_store_local_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(idm_softlocks_store(locks, &txn, boot, 1000, &r->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &r->err), IDM_OK);
	idm_softlocks_free(&locks);
}

static void
no_bad_row(void *context, const struct idm_error *err)
{
	(void)context;
	fail_msg("%s", err->text);
}

static uint32_t
stored_failures(struct realm *r, const char *name)
{
	static const uint8_t boot[IDM_CLOCK_BOOT_BYTES] = { 1 };
	struct idm_softlocks *locks = idm_softlocks_new(8, 8);
	struct idm_softlock_id id = { realm_uuid(r, name), IDM_ATTR_PRIMARY_CREDENTIAL };
	struct idm_clock_seen seen = { .wall_s = 0 };
	struct idm_txn txn;
	uint32_t failures;

	assert_non_null(locks);
	assert_int_equal(idm_store_local_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(
	    idm_softlocks_load(locks, &txn, boot, &seen, 1000, no_bad_row, NULL, &r->err), IDM_OK);
	idm_store_write_abort(&txn);
	failures = idm_softlock_status_of(locks, &id, 1000).failures;
	idm_softlocks_free(&locks);
	return failures;
}

static void
softlocks_of_the_account_end_and_no_others(void **state)
{
	static const char *const names[] = { "admin", "idm_admin" };
	struct realm *r = *state;
	char password[IDM_GENERATED_PASSWORD_BYTES];

	put_softlocks(r, names, 2);
	assert_int_equal(stored_failures(r, "admin"), 1);
	assert_recovers(r, "admin", password);
	assert_int_equal(stored_failures(r, "admin"), 0);
	assert_int_equal(stored_failures(r, "idm_admin"), 1);
}

static void
who_is_no_account_is_refused_and_nothing_changes(void **state)
{
	struct realm *r = *state;
	static const struct {
		const char *name;
		enum idm_result result;
	} refused[] = {
		{ "anonymous", IDM_PROTECTED },
		{ "anonymous@" REALM_DOMAIN, IDM_PROTECTED },
		{ "00000000-0000-0000-0000-ffffffffffff", IDM_PROTECTED },
		{ "no_such_account", IDM_NOT_FOUND },
		{ "admin@other.example.net", IDM_NOT_FOUND },
		{ "idm_admins", IDM_NOT_FOUND },
		{ "gone", IDM_NOT_FOUND },
		{ "", IDM_NOT_FOUND },
		{ "\xff\xfe", IDM_NOT_FOUND },
	};
	static const char wiped[IDM_GENERATED_PASSWORD_BYTES];
	char password[IDM_GENERATED_PASSWORD_BYTES];
	uint8_t before[32], after[32];

	realm_person(r, "gone");
	assert_int_equal(realm_delete(r, NULL, "gone"), IDM_OK);
	realm_digest(r, before);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		memset(password, 'x', sizeof(password));
		assert_int_equal(recover(r, refused[i].name, true, password), refused[i].result);
		assert_non_null(strstr(r->err.text,
		    refused[i].result == IDM_PROTECTED ? "anonymous" : refused[i].name));
		assert_memory_equal(password, wiped, sizeof(wiped));
		realm_digest(r, after);
		assert_memory_equal(before, after, 32);
	}
}

static void
impossible_hash_costs_are_refused_and_nothing_changes(void **state)
{
	struct realm *r = *state;
	const struct idm_argon2 none = { .m_kib = 0, .t = 0, .p = 0 };
	char password[IDM_GENERATED_PASSWORD_BYTES];
	struct idm_uuid account;
	uint64_t before = realm_applied(r);

	assert_int_not_equal(idm_recover_account(r->store, &r->context, "admin", false, &none,
				 r->now, password, &account, &r->err),
	    IDM_OK);
	assert_int_equal(realm_applied(r), before);
	assert_int_equal(password[0], '\0');
}

/* Until its expiry is set anew, whatever else is done to it. */
static void
a_disabled_account_is_let_in_no_more(void **state)
{
	struct realm *r = *state;
	char password[IDM_GENERATED_PASSWORD_BYTES];
	struct idm_uuid account, uuid = realm_uuid(r, "admin"), session;

	assert_recovers(r, "admin", password);
	put_session(r, "admin", &session);
	realm_done(r);
	assert_int_equal(
	    idm_disable_account(r->store, &r->context, "admin", r->now, &account, &r->err), IDM_OK);
	assert_true(idm_uuid_equal(&account, &uuid));
	assert_false(lets_in(r, "admin", password));
	assert_false(has_session(r, &session));
	assert_int_equal(
	    idm_disable_account(r->store, &r->context, "anonymous", r->now, &account, &r->err),
	    IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "admin", "=account_expire", "", NULL), IDM_OK);
	assert_true(lets_in(r, "admin", password));
	assert_int_equal(
	    idm_disable_account(r->store, &r->context, "idm_admins", r->now, &account, &r->err),
	    IDM_NOT_FOUND);
	assert_int_equal(
	    idm_disable_account(r->store, &r->context, "nobody", r->now, &account, &r->err),
	    IDM_NOT_FOUND);
}

static void
roles_come_back_only_when_asked_for(void **state)
{
	struct realm *r = *state;
	char password[IDM_GENERATED_PASSWORD_BYTES];

	assert_int_equal(realm_modify(r, NULL, "system_admins", "-member", "admin", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "idm_admins", "-member", "idm_admin", NULL), IDM_OK);
	realm_person(r, "alice");
	assert_int_equal(realm_modify(r, NULL, "idm_admins", "+member", "alice", NULL), IDM_OK);
	assert_recovers(r, "admin", password);
	assert_false(realm_is_memberof(r, "admin", "system_admins"));
	assert_false(realm_is_memberof(r, "idm_admin", "idm_admins"));

	assert_int_equal(recover(r, "admin", true, password), IDM_OK);
	assert_true(lets_in(r, "admin", password));
	assert_true(realm_is_memberof(r, "admin", "system_admins"));
	assert_true(realm_is_memberof(r, "admin", "domain_admins"));
	assert_true(realm_is_memberof(r, "admin", "idm_hp_group_write_priv"));
	assert_true(realm_is_memberof(r, "idm_admin", "idm_admins"));
	assert_false(realm_is_memberof(r, "admin", "idm_admins"));
	assert_true(realm_is_memberof(r, "alice", "idm_admins"));
}

static void
roles_that_are_there_stay_as_they_are(void **state)
{
	struct realm *r = *state;
	char password[IDM_GENERATED_PASSWORD_BYTES];

	assert_int_equal(recover(r, "idm_admin", true, password), IDM_OK);
	assert_int_equal(recover(r, "idm_admin", true, password), IDM_OK);
	assert_true(lets_in(r, "idm_admin", password));
	assert_true(realm_is_memberof(r, "admin", "system_admins"));
	assert_true(realm_is_memberof(r, "idm_admin", "idm_admins"));
}

/* The audit trail is made of change sets: who, from where, and which operation. */
static void
the_change_set_says_that_the_console_recovered(void **state)
{
	struct realm *r = *state;
	char password[IDM_GENERATED_PASSWORD_BYTES];
	uint64_t before = realm_applied(r);
	struct idm_uuid admin = realm_uuid(r, "admin");
	struct idm_change_set set;

	assert_recovers(r, "admin", password);
	assert_int_equal(realm_applied(r), before + 1);
	realm_entry(r, "admin");
	assert_int_equal(idm_change_log_get(&r->read, before + 1, &set, &r->err), IDM_OK);
	assert_int_equal(set.operation, IDM_OP_RECOVER);
	assert_true(idm_span_is(set.source, "console"));
	assert_int_equal(set.item_count, 1);
	assert_true(idm_uuid_equal(&set.items[0].uuid, &admin));
	assert_true((set.items[0].flags & IDM_ITEM_REVOKES) != 0);
	realm_done(r);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
	const struct CMUnitTest tests[] = {
		T(the_password_is_generated_and_lets_in),
		T(a_person_is_recovered_by_any_of_its_names),
		T(a_closed_window_is_opened),
		T(an_expire_goes_from_its_own_second_on),
		T(without_trusted_time_the_floor_tells_the_past),
		T(sessions_of_the_account_end_and_no_others),
		T(softlocks_of_the_account_end_and_no_others),
		T(who_is_no_account_is_refused_and_nothing_changes),
		T(impossible_hash_costs_are_refused_and_nothing_changes),
		T(a_disabled_account_is_let_in_no_more),
		T(roles_come_back_only_when_asked_for),
		T(roles_that_are_there_stay_as_they_are),
		T(the_change_set_says_that_the_console_recovered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
