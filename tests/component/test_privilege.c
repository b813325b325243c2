/*
 * Whoever becomes high privilege loses tokens and sessions (SPEC 4), however many they are: from
 * the commit on, with a change set and a memory that do not grow with their number.
 *
 * KANIDM_TEST_LONG=1: 100,000 members.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/exop.h"
#include "core/authenticate.h"
#include "core/session_privilege.h"
#include "core/token_store.h"
#include "tests/support/follower.h"
#include "tests/support/server.h"
#include "tests/support/test_clock.h"

#define OK(expr) assert_int_equal((expr), IDM_OK)
#define GROUPS "ou=groups," DIRECTORY_SUFFIX
#define STAFF "cn=staff," GROUPS
#define HP_GROUP "cn=domain_admins," GROUPS

enum {
	MEMBERS = 2000,
	MEMBERS_LONG = 100000,
	AT_ONCE = 500,        /* changes in a transaction */
	SET_BYTES_MAX = 1024, /* of a change that makes a whole group high privilege */
	MANY_SESSIONS = 5000, /* more than two steps look at */
};

static size_t
member_count(void)
{
	return getenv("KANIDM_TEST_LONG") != NULL ? MEMBERS_LONG : MEMBERS;
}

/* --- the change */

static void
add_member(struct realm *r, const char *group, const char *member)
{
	OK(realm_modify(r, NULL, group, "+member", member, NULL));
}

static void
service(struct realm *r, const char *name)
{
	OK(realm_create(r, NULL, "class", "account", "class", "service_account", "name", name,
	    "displayname", name, NULL));
}

/* An API token, as a change of its account. */
static struct idm_uuid
give_token(struct realm *r, const char *name)
{
	struct idm_token_row row = {
		.account = realm_uuid(r, name), .kind = IDM_TOKEN_API, .expire_s = INT64_MAX
	};
	struct idm_txn txn;
	char text[IDM_TOKEN_TEXT];

	assert_true(idm_token_generate(text, &row));
	idm_arena_reset(r->arena);
	OK(idm_store_write_begin(r->store, &txn, &r->err));
	OK(idm_token_put(&txn, &row.id, idm_token_row_encode(&row, r->arena), &r->err));
	OK(idm_store_write_commit(&txn, &r->err));
	return row.id;
}

static bool
has_token(struct realm *r, const struct idm_uuid *id)
{
	struct idm_token_row row;
	enum idm_result result;

	realm_entry(r, "admin");
	result = idm_token_get(&r->txn, id, &row, &r->err);
	realm_done(r);
	return result == IDM_OK;
}

static void
make_members(struct realm *r, const char *group, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "u%zu", i);
		if (i % AT_ONCE == 0)
			realm_group_begin(r);
		realm_person(r, name);
		if (i % AT_ONCE == AT_ONCE - 1 || i == count - 1)
			realm_group_commit(r);
	}
	for (size_t i = 0; i < count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "u%zu", i);
		if (i % AT_ONCE == 0)
			realm_group_begin(r);
		add_member(r, group, name);
		if (i % AT_ONCE == AT_ONCE - 1 || i == count - 1)
			realm_group_commit(r);
	}
}

static void
a_change_set_does_not_grow_with_those_whom_it_makes_high_privilege(void **state)
{
	struct realm *r = *state;
	size_t count = member_count();
	char last[32];

	realm_group(r, "big");
	realm_group(r, "outer");
	make_members(r, "big", count);
	add_member(r, "outer", "big");
	snprintf(last, sizeof(last), "u%zu", count - 1);
	add_member(r, "domain_admins", "outer");
	assert_true(realm_is_memberof(r, last, "idm_high_privilege"));
	assert_int_equal(r->set.item_count, 1);
	assert_true(r->set.bytes < SET_BYTES_MAX);

	OK(realm_modify(r, NULL, "domain_admins", "-member", "outer", NULL));
	assert_int_equal(r->set.item_count, 1);
	assert_true(r->set.bytes < SET_BYTES_MAX);
	assert_false(realm_is_memberof(r, last, "idm_high_privilege"));

	add_member(r, "domain_admins", "outer");
	OK(realm_delete(r, NULL, "outer"));
	assert_int_equal(r->set.item_count, 2); /* with the group that listed it */
	assert_true(r->set.bytes < SET_BYTES_MAX);
	assert_false(realm_is_memberof(r, last, "idm_high_privilege"));

	OK(realm_delete(r, NULL, "big"));
	assert_int_equal(r->set.item_count, 1);
}

static void
tokens_end_in_the_change_itself_and_those_of_others_stay(void **state)
{
	struct realm *r = *state;
	struct idm_uuid direct, nested, twice, twice_too, other;

	service(r, "direct");
	service(r, "nested");
	service(r, "twice");
	service(r, "other");
	service(r, "without");
	realm_group(r, "inner");
	realm_group(r, "outer");
	add_member(r, "inner", "nested");
	add_member(r, "inner", "twice");
	add_member(r, "inner", "without");
	add_member(r, "outer", "twice");
	add_member(r, "outer", "inner");
	direct = give_token(r, "direct");
	nested = give_token(r, "nested");
	twice = give_token(r, "twice");
	twice_too = give_token(r, "twice");
	other = give_token(r, "other");

	OK(realm_modify(r, NULL, "domain_admins", "+member", "outer", "+member", "direct", NULL));
	assert_int_equal(r->set.item_count, 4); /* the group, and each of the three once */
	for (size_t i = 1; i < r->set.item_count; i++) {
		assert_int_equal(r->set.items[i].kind, IDM_ITEM_SESSION);
		assert_true((r->set.items[i].flags & IDM_ITEM_REVOKES) != 0);
	}
	assert_false(has_token(r, &direct));
	assert_false(has_token(r, &nested));
	assert_false(has_token(r, &twice));
	assert_false(has_token(r, &twice_too));
	assert_true(has_token(r, &other));

	/* Who is high privilege already loses nothing by one more such group. */
	nested = give_token(r, "nested");
	add_member(r, "idm_recycle_bin_admins", "outer");
	assert_int_equal(r->set.item_count, 1);
	assert_true(has_token(r, &nested));
}

static void
a_follower_ends_in_the_same_state(void **state)
{
	struct realm *r = *state, *follower;
	void *other;
	uint64_t last;

	service(r, "robot");
	realm_person(r, "alice");
	realm_group(r, "staff");
	add_member(r, "staff", "robot");
	add_member(r, "staff", "alice");
	add_member(r, "domain_admins", "staff");
	OK(realm_modify(r, NULL, "domain_admins", "-member", "staff", NULL));
	OK(realm_modify(r, NULL, "staff", "-member", "", NULL));
	add_member(r, "staff", "alice");
	OK(realm_delete(r, NULL, "staff"));
	last = realm_applied(r);
	realm_setup_empty(&other);
	follower = other;
	follower_apply(r, follower, 1, last);
	assert_same_stores(r, follower);
	realm_teardown(&other);
}

/* --- sessions */

static struct idm_uuid
put_session_of(struct server *s, const struct idm_uuid *account, bool high_privilege,
    struct idm_txn *txn, char text[IDM_TOKEN_TEXT])
{
	struct idm_token_row row = { .kind = IDM_TOKEN_SESSION,
		.scope = IDM_SCOPE_READ_WRITE,
		.issued_s = REALM_NOW_S,
		.expire_s = REALM_NOW_S + 3600 };

	assert_true(idm_token_generate(text, &row));
	row.account = *account;
	row.high_privilege = high_privilege;
	idm_arena_reset(s->realm->arena);
	OK(idm_session_put(txn, &row, s->realm->arena, &s->err));
	return row.id;
}

static struct idm_uuid
put_session(struct server *s, const char *name, bool high_privilege, char text[IDM_TOKEN_TEXT])
{
	struct idm_uuid account = realm_uuid(s->realm, name), id;
	struct idm_txn txn;

	OK(idm_store_local_write_begin(s->core->data.store, &txn, &s->err));
	id = put_session_of(s, &account, high_privilege, &txn, text);
	OK(idm_store_write_commit(&txn, &s->err));
	return id;
}

/* Sessions of somebody, so many that one step does not look at all of them. */
static void
put_many_sessions(struct server *s, const char *name)
{
	struct idm_uuid account = realm_uuid(s->realm, name);
	char text[IDM_TOKEN_TEXT];
	struct idm_txn txn;

	OK(idm_store_local_write_begin(s->core->data.store, &txn, &s->err));
	for (int i = 0; i < MANY_SESSIONS; i++)
		put_session_of(s, &account, false, &txn, text);
	OK(idm_store_write_commit(&txn, &s->err));
}

static size_t
count_sessions(struct server *s, const char *name)
{
	struct idm_uuid account = realm_uuid(s->realm, name);
	struct idm_session_place place = { .account = account };
	struct idm_txn txn;
	size_t count = 0;

	OK(idm_store_local_read_begin(s->core->data.store, &txn, &s->err));
	while (idm_session_next(&txn, &place, &s->err) == IDM_OK &&
	       idm_uuid_equal(&place.account, &account)) {
		count++;
		assert_true(idm_session_place_behind(&place));
	}
	idm_store_read_end(&txn);
	return count;
}

/* What a bind with the token says, in the newest snapshot. */
static enum idm_result
try_token(struct server *s, const char *text, struct idm_identity *out)
{
	struct idm_txn local;
	enum idm_result result;

	realm_entry(s->realm, "admin");
	OK(idm_store_local_read_begin(s->core->data.store, &local, &s->err));
	result = idm_auth_token(&s->realm->read, &local, idm_span_cstr(text), NULL, out, &s->err);
	idm_store_read_end(&local);
	realm_done(s->realm);
	return result;
}

static enum idm_result
recheck(struct server *s, const struct idm_identity *identity)
{
	enum idm_result result;

	realm_entry(s->realm, "admin");
	result = idm_auth_recheck(&s->realm->read, NULL, identity, &s->err);
	realm_done(s->realm);
	return result;
}

/* The realm's changes are followed by nobody: this is what the commit alone does. */
static void
no_session_of_before_is_accepted_from_the_commit_on(void **state)
{
	struct server *s = *state;
	char before[IDM_TOKEN_TEXT], after[IDM_TOKEN_TEXT], other[IDM_TOKEN_TEXT];
	struct idm_identity identity, later;

	put_session(s, "anna", false, before);
	put_session(s, "ben", false, other);
	OK(try_token(s, before, &identity));
	assert_false(identity.high_privilege);
	OK(recheck(s, &identity));

	add_member(s->realm, "domain_admins", "everyone"); /* staff is in there, and anna in it */
	assert_int_equal(try_token(s, before, &later), IDM_DENIED);
	assert_non_null(strstr(s->err.text, "high privilege"));
	assert_int_equal(recheck(s, &identity), IDM_DENIED);
	OK(try_token(s, other, &later));
	OK(recheck(s, &later));

	put_session(s, "anna", true, after);
	OK(try_token(s, after, &later));
	assert_true(later.high_privilege);
	OK(recheck(s, &later));
}

static void
add_hp_member(struct server *s, struct client *admin, const char *how, const char *member)
{
	(void)s;
	request_modify(&admin->requests, 7, HP_GROUP, how, member, NULL);
	client_send(admin);
	client_expect(admin, 7, LDAP_SUCCESS);
}

static void
connections_of_all_below_get_the_notice_and_no_other(void **state)
{
	struct server *s = *state;
	struct client *admin = client_open(s), *anna = client_open(s), *ben = client_open(s);
	struct client *nobody = client_open(s);
	char text[IDM_TOKEN_TEXT];

	put_session(s, "ben", false, text);
	client_bind(admin, "admin", SERVER_PASSWORD);
	client_bind(anna, "anna", SERVER_PASSWORD);
	client_bind(ben, "dn=token", text);
	add_hp_member(s, admin, "+member", STAFF);
	assert_string_equal(
	    client_expect_notice(anna, LDAP_UNAVAILABLE)->text, "this login is over");
	client_expect_nothing(ben);
	client_expect_nothing(nobody);
	add_hp_member(s, admin, "-member", STAFF); /* who did it goes on */
	client_close(&admin);
	client_close(&anna);
	client_close(&ben);
	client_close(&nobody);
}

static void
connections_by_a_token_that_ends_get_the_notice(void **state)
{
	struct server *s = *state;
	struct client *admin = client_open(s), *robot = client_open(s), *again = client_open(s);
	struct idm_uuid token;
	char text[IDM_TOKEN_TEXT];

	OK(realm_issue_token(
	    s->realm, NULL, "robot", "label", IDM_SCOPE_READ_ONLY, INT64_MAX, text, &token));
	OK(realm_modify(s->realm, NULL, "everyone", "+member", "robot", NULL));
	client_bind(admin, "admin", SERVER_PASSWORD);
	client_bind(robot, "dn=token", text);
	add_hp_member(s, admin, "+member", "cn=everyone," GROUPS);
	client_expect_notice(robot, LDAP_UNAVAILABLE);
	request_bind(&again->requests, 1, "dn=token", text);
	client_send(again);
	client_expect(again, 1, LDAP_INVALID_CREDENTIALS);
	add_hp_member(s, admin, "-member", "cn=everyone," GROUPS);
	request_bind(&again->requests, 2, "dn=token", text);
	client_send(again);
	client_expect(again, 2, LDAP_INVALID_CREDENTIALS); /* it is gone for good */
	client_close(&admin);
	client_close(&robot);
	client_close(&again);
}

/* High privilege, not, and again: what began while it was first is over too. */
static void
who_becomes_it_again_loses_what_began_before(void **state)
{
	struct server *s = *state;
	struct client *admin = client_open(s), *anna = client_open(s);

	client_bind(admin, "admin", SERVER_PASSWORD);
	add_hp_member(s, admin, "+member", STAFF);
	client_bind(anna, "anna", SERVER_PASSWORD);
	request_extended(&anna->requests, 2, EXOP_SESSION_BEGIN, IDM_SPAN_EMPTY);
	client_send(anna);
	client_expect(anna, 2, LDAP_SUCCESS);
	assert_int_equal(count_sessions(s, "anna"), 1);

	add_hp_member(s, admin, "-member", STAFF);
	client_expect_nothing(anna);
	assert_int_equal(count_sessions(s, "anna"), 1);
	add_hp_member(s, admin, "+member", STAFF);
	client_expect_notice(anna, LDAP_UNAVAILABLE);
	assert_int_equal(count_sessions(s, "anna"), 0);
	client_close(&admin);
	client_close(&anna);
}

static void
many_sessions_are_looked_at_in_steps_and_no_change_comes_between(void **state)
{
	struct server *s = *state;
	struct requests r;
	uint64_t admin;
	char text[IDM_TOKEN_TEXT];

	requests_init(&r);
	put_many_sessions(s, "ben");
	put_session(s, "anna", false, text);
	admin = server_login(s, "admin");
	request_modify(&r, 1, HP_GROUP, "+member", STAFF, NULL);
	assert_int_equal(server_ask(s, admin, &r)->code, LDAP_SUCCESS);
	assert_true(s->core->reviewing);
	assert_int_equal(count_sessions(s, "ben"), MANY_SESSIONS);

	/* A bind is served; the change that would undo it waits. */
	assert_true(server_login(s, "idm_admin") != 0);
	request_modify(&r, 2, HP_GROUP, "-member", STAFF, NULL);
	assert_int_equal(server_ask(s, admin, &r)->code, LDAP_SUCCESS);
	assert_int_equal(count_sessions(s, "anna"), 0);
	assert_int_equal(count_sessions(s, "ben"), MANY_SESSIONS);
	server_settle(s);
	assert_false(s->core->reviewing);
	requests_free(&r);
}

static void
a_start_goes_on_where_a_process_ended(void **state)
{
	struct server *s = *state;
	char text[IDM_TOKEN_TEXT];

	put_many_sessions(s, "ben");
	put_session(s, "anna", false, text);
	add_member(s->realm, "domain_admins", "staff"); /* committed, and followed by nobody */
	add_member(s->realm, "domain_admins", "ben");
	server_restart_core(s);
	assert_false(s->core->reviewing);
	assert_int_equal(count_sessions(s, "anna"), 0);
	assert_int_equal(count_sessions(s, "ben"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_change_set_does_not_grow_with_those_whom_it_makes_high_privilege, realm_setup,
		    realm_teardown),
		cmocka_unit_test_setup_teardown(
		    tokens_end_in_the_change_itself_and_those_of_others_stay, realm_setup,
		    realm_teardown),
		cmocka_unit_test_setup_teardown(
		    a_follower_ends_in_the_same_state, realm_setup, realm_teardown),
		cmocka_unit_test_setup_teardown(no_session_of_before_is_accepted_from_the_commit_on,
		    server_setup_core, server_teardown),
		cmocka_unit_test_setup_teardown(
		    connections_of_all_below_get_the_notice_and_no_other, server_setup,
		    server_teardown),
		cmocka_unit_test_setup_teardown(
		    connections_by_a_token_that_ends_get_the_notice, server_setup, server_teardown),
		cmocka_unit_test_setup_teardown(
		    who_becomes_it_again_loses_what_began_before, server_setup, server_teardown),
		cmocka_unit_test_setup_teardown(
		    many_sessions_are_looked_at_in_steps_and_no_change_comes_between,
		    server_setup_core, server_teardown),
		cmocka_unit_test_setup_teardown(
		    a_start_goes_on_where_a_process_ended, server_setup_core, server_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
