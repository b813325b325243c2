/* Accounts that are held at the console: let in by no protocol, told to all processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/exop.h"
#include "core/admission.h"
#include "core/audit.h"
#include "core/hold.h"
#include "core/store_impl.h"
#include "tests/support/server.h"
#include "tests/support/test_clock.h"

#define OK(expr) assert_int_equal((expr), IDM_OK)
#define IN_A_REALM(test) cmocka_unit_test_setup_teardown(test, realm_setup, realm_teardown)

static const struct idm_now now = { REALM_NOW_S, true };

/* --- one box */

static enum idm_result
admission(struct realm *r, const char *name)
{
	struct idm_entry entry = realm_entry(r, name);
	enum idm_result result = idm_admission_check(&r->read, &entry, &r->err);

	realm_done(r);
	return result;
}

static bool
hold(struct realm *r, const char *name, bool held)
{
	struct idm_uuid account;
	bool changed;

	OK((held ? idm_hold_set_named : idm_hold_clear_named)(
	    r->store, name, now, &account, &changed, &r->err));
	return changed;
}

static void
a_hold_denies_until_it_is_taken_away(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	realm_person(r, "bob");
	OK(admission(r, "alice"));
	assert_true(hold(r, "alice", true));
	assert_int_equal(admission(r, "alice"), IDM_DENIED);
	assert_string_equal(r->err.text, "held at the console");
	assert_string_equal(r->err.client_text, "");
	OK(admission(r, "bob"));
	assert_false(hold(r, "alice", true)); /* it is so already */
	assert_true(hold(r, "alice", false));
	assert_false(hold(r, "alice", false));
	OK(admission(r, "alice"));
}

/* Whose uuid is all nulls, as a new file is. */
static void
admin_is_held_like_anybody_and_by_no_free_place(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	hold(r, "alice", true);
	hold(r, "alice", false); /* a place that was used is free */
	OK(admission(r, "admin"));
	hold(r, "admin", true);
	assert_int_equal(admission(r, "admin"), IDM_DENIED);
	OK(admission(r, "alice"));
	hold(r, "admin", false);
	OK(admission(r, "admin"));
}

/* It denies beside the window, and takes nothing of it away. */
static void
an_account_may_be_held_and_expired(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	OK(realm_modify(r, NULL, "alice", "=account_expire", "2000-01-01T00:00:00Z", NULL));
	hold(r, "alice", true);
	assert_int_equal(admission(r, "alice"), IDM_DENIED);
	hold(r, "alice", false);
	assert_int_equal(admission(r, "alice"), IDM_DENIED);
	assert_non_null(strstr(r->err.text, "expired at"));
}

static void
a_hold_outlives_the_process_and_what_is_published(void **state)
{
	struct realm *r = *state;
	struct idm_uuid held[IDM_HOLDS_MAX], stranger = { { 7 } };

	realm_person(r, "alice");
	hold(r, "alice", true);
	idm_store_close(&r->store);
	OK(idm_builtin_open(r->dir, (gid_t)-1, NULL, now, &r->store, &r->err));
	assert_int_equal(admission(r, "alice"), IDM_DENIED);

	/* What local.mdb says is what holds, whatever stands in the file. */
	idm_published_set_holds(&r->store->pub, &stranger, 1);
	OK(admission(r, "alice"));
	OK(idm_hold_load(r->store, &r->err));
	assert_int_equal(admission(r, "alice"), IDM_DENIED);
	assert_int_equal(idm_hold_list(r->store, held), 1);
	assert_false(idm_uuid_equal(&held[0], &stranger));
}

static void
as_many_as_have_room_are_held(void **state)
{
	struct realm *r = *state;
	struct idm_uuid held[IDM_HOLDS_MAX], account = { { 1 } }, first = { { 1 } };

	for (int i = 0; i < IDM_HOLDS_MAX; i++) {
		account.bytes[15] = (uint8_t)i;
		OK(idm_hold_set(r->store, &account, now, NULL, &r->err));
	}
	realm_person(r, "alice");
	account = realm_uuid(r, "alice");
	assert_int_equal(idm_hold_set(r->store, &account, now, NULL, &r->err), IDM_LIMIT);
	assert_non_null(strstr(r->err.client_text, "as many as can be"));
	OK(admission(r, "alice"));
	assert_int_equal(idm_hold_list(r->store, held), IDM_HOLDS_MAX);
	OK(idm_hold_clear(r->store, &first, now, NULL, &r->err));
	OK(idm_hold_set(r->store, &account, now, NULL, &r->err));
	assert_int_equal(admission(r, "alice"), IDM_DENIED);
	assert_int_equal(idm_hold_list(r->store, held), IDM_HOLDS_MAX);
}

static void
only_accounts_are_held_and_who_is_gone_is_named_by_uuid(void **state)
{
	struct realm *r = *state;
	struct idm_uuid account;
	char uuid[IDM_UUID_TEXT];
	bool changed;

	realm_group(r, "staff");
	assert_int_equal(
	    idm_hold_set_named(r->store, "staff", now, &account, &changed, &r->err), IDM_NOT_FOUND);
	assert_int_equal(idm_hold_set_named(r->store, "nobody", now, &account, &changed, &r->err),
	    IDM_NOT_FOUND);
	assert_non_null(strstr(r->err.text, "nobody"));
	assert_int_equal(idm_hold_clear_named(r->store, "nobody", now, &account, &changed, &r->err),
	    IDM_NOT_FOUND);

	account = (struct idm_uuid){ { 9, 9, 9 } };
	idm_uuid_format(&account, uuid);
	OK(idm_hold_set(r->store, &account, now, NULL, &r->err));
	OK(idm_hold_clear_named(r->store, uuid, now, &account, &changed, &r->err));
	assert_true(changed);
}

static void
each_is_a_record_of_the_audit_trail(void **state)
{
	struct realm *r = *state;
	struct idm_uuid alice;
	struct idm_audit_extent extent;
	struct idm_audit_record record;
	struct idm_txn txn;

	realm_person(r, "alice");
	alice = realm_uuid(r, "alice");
	hold(r, "alice", true);
	hold(r, "alice", true); /* which changes nothing */
	hold(r, "alice", false);
	OK(idm_store_local_read_begin(r->store, &txn, &r->err));
	OK(idm_audit_extent(&txn, &extent, &r->err));
	assert_int_equal(extent.last, 2);
	OK(idm_audit_get(&txn, 1, &record, &r->err));
	assert_int_equal(record.operation, IDM_AUDIT_HOLD);
	assert_true(record.has_target);
	assert_true(idm_uuid_equal(&record.target, &alice));
	assert_true(idm_span_is(record.target_name, "alice@" REALM_DOMAIN));
	assert_true(idm_span_is(record.source, "console"));
	assert_true(idm_span_is(record.reason, "held"));
	OK(idm_audit_get(&txn, 2, &record, &r->err));
	assert_true(idm_span_is(record.reason, "held no longer"));
	idm_store_read_end(&txn);

	hold(r, "admin", true); /* whose uuid is null */
	OK(idm_store_local_read_begin(r->store, &txn, &r->err));
	OK(idm_audit_get(&txn, 3, &record, &r->err));
	assert_true(record.has_target);
	idm_store_read_end(&txn);
}

/* Another set of accounts never frees the place of one that is in both. */
static void
who_stays_held_is_so_all_the_time(void **state)
{
	struct realm *r = *state;
	struct idm_published *pub = &r->store->pub;
	struct idm_uuid list[3] = { { { 1 } }, { { 2 } }, { { 3 } } }, seen[IDM_HOLDS_MAX];
	uint64_t place, changes = idm_store_hold_changes(r->store);

	idm_published_set_holds(pub, list, 3);
	assert_true(idm_store_hold_changes(r->store) > changes);
	idm_published_set_holds(pub, list + 1, 1);
	assert_int_equal(idm_published_holds(pub, seen), 1);
	assert_int_equal(atomic_load(&pub->page->hold_places), 3);
	place = atomic_load(&pub->page->holds[1][0]);
	idm_published_set_holds(pub, list, 2);
	assert_true(atomic_load(&pub->page->holds[1][0]) == place);
	assert_true(idm_published_is_held(pub, &list[0]));
	assert_false(idm_published_is_held(pub, &list[2]));
	idm_published_set_holds(pub, NULL, 0);
	assert_int_equal(idm_published_holds(pub, seen), 0);
}

/* --- clients */

static void
hold_at_the_server(struct server *s, const char *name, bool held)
{
	struct idm_uuid account;

	OK((held ? idm_hold_set_named : idm_hold_clear_named)(
	    s->core->data.store, name, now, &account, NULL, &s->err));
	core_revoke(s->core, &account);
}

static void
a_held_account_s_connections_get_the_notice(void **state)
{
	struct server *s = *state;
	struct client *anna = client_open(s), *admin = client_open(s), *again;

	client_bind(anna, "anna", SERVER_PASSWORD);
	client_bind(admin, "admin", SERVER_PASSWORD);
	hold_at_the_server(s, "anna", true);
	client_expect_notice(anna, LDAP_UNAVAILABLE);
	client_expect_nothing(admin);
	client_close(&anna);

	again = client_open(s);
	request_bind(&again->requests, 1, "anna", SERVER_PASSWORD);
	client_send(again);
	client_expect(again, 1, LDAP_INVALID_CREDENTIALS);
	assert_string_equal(again->answer.text, ""); /* as for anybody who is not let in */
	hold_at_the_server(s, "anna", false);
	client_bind(again, "anna", SERVER_PASSWORD);
	client_close(&again);
	client_close(&admin);
}

/* A worker that was not told finds out by itself, at the next operation. */
static void
no_operation_is_served_from_the_hold_on(void **state)
{
	static const struct search search = { .base = DIRECTORY_SUFFIX, .scope = LDAP_SCOPE_BASE };
	struct server *s = *state;
	struct client *anna = client_open(s);
	struct idm_uuid account = realm_uuid(s->realm, "anna");

	client_bind(anna, "anna", SERVER_PASSWORD);
	request_search(&anna->requests, 1, &search);
	client_send(anna);
	assert_int_equal(client_take(anna)->tag, LDAP_TAG_SEARCH_ENTRY);
	client_expect(anna, 1, LDAP_SUCCESS);
	OK(idm_hold_set(s->core->data.store, &account, now, NULL, &s->err));
	request_search(&anna->requests, 2, &search);
	client_send(anna);
	client_expect_notice(anna, LDAP_UNAVAILABLE);
	OK(idm_hold_clear(s->core->data.store, &account, now, NULL, &s->err));
	client_close(&anna);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_REALM(a_hold_denies_until_it_is_taken_away),
		IN_A_REALM(admin_is_held_like_anybody_and_by_no_free_place),
		IN_A_REALM(an_account_may_be_held_and_expired),
		IN_A_REALM(a_hold_outlives_the_process_and_what_is_published),
		IN_A_REALM(as_many_as_have_room_are_held),
		IN_A_REALM(only_accounts_are_held_and_who_is_gone_is_named_by_uuid),
		IN_A_REALM(each_is_a_record_of_the_audit_trail),
		IN_A_REALM(who_stays_held_is_so_all_the_time),
		cmocka_unit_test_setup_teardown(
		    a_held_account_s_connections_get_the_notice, server_setup, server_teardown),
		cmocka_unit_test_setup_teardown(
		    no_operation_is_served_from_the_hold_on, server_setup, server_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
