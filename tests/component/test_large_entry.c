/*
 * An entry with very many values, a large group, as clients see it: whole, of one state, and made
 * in turns between which others are served.
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
#include "ldapd/large_entry.h"
#include "ldapd/sort_control.h"
#include "tests/support/server.h"
#include "tests/support/test_clock.h"

#define BIG "cn=big,ou=groups," DIRECTORY_SUFFIX
#define OUTER "cn=outer,ou=groups," DIRECTORY_SUFFIX

enum {
	MEMBERS = 20 * LARGE_ENTRY_VALUES, /* more than a worker does in one turn */
	AT_ONCE = 1024,                    /* changes in a transaction */
};

static const struct search big_members = {
	.base = BIG, .scope = LDAP_SCOPE_BASE, .attributes = "member"
};

/* --- what is there */

static void
name_of(int number, char out[16])
{
	snprintf(out, 16, "m%05d", number);
}

static void
make_persons(struct realm *r)
{
	char name[16];

	for (int i = 0; i < MEMBERS + 1; i++) {
		if (i % AT_ONCE == 0)
			realm_group_begin(r);
		name_of(i, name);
		realm_person(r, name);
		if (i % AT_ONCE == AT_ONCE - 1 || i == MEMBERS)
			realm_group_commit(r);
	}
}

static void
change_members(struct realm *r, const char *how, int first, int count)
{
	struct idm_span *values = calloc((size_t)count, sizeof(*values));
	char(*names)[16] = calloc((size_t)count, sizeof(*names));
	struct idm_identity console = realm_identity(r, NULL);
	struct idm_request_mod mod = {
		.kind = how[0] == '+' ? IDM_REQUEST_ADD : IDM_REQUEST_DELETE,
		.attr = idm_schema_attr_number(idm_schema_builtin(), IDM_ATTR_MEMBER),
		.values = values,
		.count = (size_t)count,
	};
	struct idm_request request = { .operation = IDM_OP_MODIFY,
		.target = realm_uuid(r, "big"),
		.mods = &mod,
		.mod_count = 1 };

	assert_non_null(values);
	assert_non_null(names);
	for (int i = 0; i < count; i++) {
		name_of(first + i, names[i]);
		values[i] = idm_span_cstr(names[i]);
	}
	if (realm_run(r, &console, &request) != IDM_OK)
		fail_msg("%s", r->err.text);
	free(names);
	free(values);
}

static int
setup(void **state)
{
	struct server *s;

	if (server_setup(state) != 0)
		return -1;
	s = *state;
	make_persons(s->realm);
	realm_group(s->realm, "big");
	realm_group(s->realm, "outer");
	change_members(s->realm, "+", 0, MEMBERS);
	assert_int_equal(realm_modify(s->realm, NULL, "outer", "+member", "big", NULL), IDM_OK);
	return 0;
}

/* --- clients */

static struct client *
client_of_anna(struct server *s)
{
	struct client *client = client_open(s);

	client_bind(client, "anna", SERVER_PASSWORD);
	return client;
}

static const struct conn *
making(struct server *s)
{
	const struct conn *conn = s->worker->conns;

	while (conn != NULL && conn->large == NULL)
		conn = conn->next;
	return conn;
}

/* Ask for it, and see that it is on its way. */
static void
begin(struct client *client, int32_t id, const struct search *search)
{
	request_search(&client->requests, id, search);
	client_send(client);
	for (int i = 0; i < 4 && making(client->server) == NULL; i++)
		server_turn(client->server);
	assert_non_null(making(client->server));
}

/* How many lines of an entry begin so. */
static int
count_lines(const char *entry, const char *begin)
{
	int count = 0;

	while ((entry = strstr(entry, begin)) != NULL) {
		count++;
		entry += strlen(begin);
	}
	return count;
}

static void
assert_members(const struct answer *answer, const char *type, int count)
{
	char begin[64];

	assert_int_equal(answer->tag, LDAP_TAG_SEARCH_ENTRY);
	snprintf(begin, sizeof(begin), "%s: ", type);
	assert_int_equal(count_lines(answer->entry, begin), count);
}

static void
expect_entry_and_end(struct client *client, int32_t id, const char *type, int count)
{
	const struct answer *answer = client_take(client);

	assert_int_equal(answer->id, id);
	assert_members(answer, type, count);
	client_expect(client, id, LDAP_SUCCESS);
	assert_null(making(client->server));
}

/* --- tests */

static void
others_are_served_meanwhile(void **state)
{
	static const char *const types[] = { "member", "uniqueMember", "memberUid" };
	struct server *s = *state;
	struct client *client = client_of_anna(s), *other = client_open(s);

	for (size_t i = 0; i < 3; i++) {
		struct search search = big_members;
		int turns = 0;

		search.attributes = types[i];
		begin(client, 1, &search);
		request_extended(&other->requests, 2, EXOP_WHOAMI, IDM_SPAN_EMPTY);
		client_send(other);
		while (!client_has_answer(other))
			server_turn(s), turns++;
		assert_true(turns <= 2);
		client_expect(other, 2, LDAP_SUCCESS);
		expect_entry_and_end(client, 1, types[i], MEMBERS);
	}
	client_close(&client);
	client_close(&other);
}

static void
every_member_comes_once_in_whatever_form(void **state)
{
	struct server *s = *state;
	struct client *client = client_of_anna(s);
	struct search search = big_members;
	const struct answer *answer;
	char line[128];

	search.attributes = "cn memberUid description member entryUUID uniqueMember";
	begin(client, 1, &search);
	answer = client_take(client);
	assert_members(answer, "member", MEMBERS);
	assert_members(answer, "memberUid", MEMBERS);
	assert_members(answer, "uniqueMember", MEMBERS);
	assert_true(answer_has(answer, "cn: big"));
	for (int i = 0; i < MEMBERS; i += 97) {
		snprintf(line, sizeof(line), "member: uid=m%05d,ou=people," DIRECTORY_SUFFIX, i);
		assert_true(answer_has(answer, line));
		snprintf(line, sizeof(line), "memberUid: m%05d", i);
		assert_true(answer_has(answer, line));
	}
	client_expect(client, 1, LDAP_SUCCESS);

	search.types_only = true;
	request_search(&client->requests, 2, &search);
	client_send(client);
	assert_int_equal(client_take(client)->tag, LDAP_TAG_SEARCH_ENTRY);
	assert_non_null(strstr(client->answer.entry, "memberUid"));
	client_expect(client, 2, LDAP_SUCCESS);
	client_close(&client);
}

/* Two of them, and a small one, in one search: in their order, and none left out. */
static void
a_search_goes_on_behind_it(void **state)
{
	static const struct search search = { .base = DIRECTORY_SUFFIX,
		.scope = LDAP_SCOPE_SUB,
		.filter = "(|(cn=staff)(cn=big)(cn=outer))",
		.attributes = "cn memberUid" };
	struct client *client = client_of_anna(*state);
	int count = 0, large = 0;
	const struct answer *answer;

	begin(client, 1, &search);
	while ((answer = client_take(client))->tag == LDAP_TAG_SEARCH_ENTRY) {
		count++;
		large += count_lines(answer->entry, "memberUid: ") == MEMBERS;
	}
	assert_int_equal(answer->code, LDAP_SUCCESS);
	assert_int_equal(count, 3);
	assert_int_equal(large, 2); /* outer's accounts are those of big */
	client_close(&client);
}

/* The same in the reverse order of their names (RFC 2891): staff, outer, big. */
static void
a_sorted_search_goes_on_behind_it_in_order(void **state)
{
	/* SEQUENCE OF SEQUENCE { attributeType "cn", reverseOrder [1] TRUE } */
	static const uint8_t by_name[] = { 0x30, 0x09, 0x30, 0x07, 0x04, 0x02, 'c', 'n', 0x81, 0x01,
		0xff };
	static const char *const names[] = { "cn: staff", "cn: outer", "cn: big" };
	static const struct search search = { .base = DIRECTORY_SUFFIX,
		.scope = LDAP_SCOPE_SUB,
		.filter = "(|(cn=staff)(cn=big)(cn=outer))",
		.attributes = "cn memberUid" };
	struct client *client = client_of_anna(*state);

	client->requests.other = (struct ldap_control){ .oid = IDM_SPAN_LIT(LDAP_CONTROL_SORT),
		.critical = true,
		.has_value = true,
		.value = idm_span_of(by_name, sizeof(by_name)) };
	begin(client, 1, &search);
	for (size_t i = 0; i < 3; i++) {
		const struct answer *answer = client_take(client);

		assert_true(answer_has(answer, names[i]));
		assert_members(answer, "memberUid", i == 0 ? 1 : MEMBERS);
	}
	client_expect(client, 1, LDAP_SUCCESS);
	client_close(&client);
}

static void
a_connection_makes_one_at_a_time_and_gets_all(void **state)
{
	struct server *s = *state;
	struct client *client = client_of_anna(s);
	int entries = 0, ends = 0;

	for (int32_t id = 1; id <= 3; id++)
		request_search(&client->requests, id, &big_members);
	client_send(client);
	while (ends < 3) {
		const struct answer *answer = client_take(client);

		if (answer->tag == LDAP_TAG_SEARCH_ENTRY) {
			assert_members(answer, "member", MEMBERS);
			entries++;
		} else {
			assert_int_equal(answer->code, LDAP_SUCCESS);
			ends++;
		}
	}
	assert_int_equal(entries, 3);
	client_close(&client);
}

static void
what_changes_meanwhile_is_of_one_state(void **state)
{
	struct server *s = *state;
	struct client *client = client_of_anna(s);

	/* The first, which was written already, goes; one that comes last is new. */
	begin(client, 1, &big_members);
	realm_group_begin(s->realm);
	change_members(s->realm, "-", 0, 1);
	change_members(s->realm, "+", MEMBERS, 1);
	realm_group_commit(s->realm);
	assert_members(client_take(client), "member", MEMBERS);
	assert_null(strstr(client->answer.entry, "uid=m00000,"));
	assert_true(answer_has(&client->answer, "member: uid=m05120,ou=people," DIRECTORY_SUFFIX));
	client_expect(client, 1, LDAP_SUCCESS);
	change_members(s->realm, "-", MEMBERS, 1);
	change_members(s->realm, "+", 0, 1);
	client_close(&client);
}

static void
what_never_stops_changing_comes_all_the_same(void **state)
{
	struct server *s = *state;
	struct client *client = client_of_anna(s);
	int changes = 0;
	bool late;

	begin(client, 1, &big_members);
	while (!client_has_answer(client)) {
		change_members(s->realm, changes % 2 == 0 ? "+" : "-", MEMBERS, 1);
		server_turn(s);
		assert_true(++changes < 100);
	}
	client_take(client);
	late = answer_has(&client->answer, "member: uid=m05120,ou=people," DIRECTORY_SUFFIX);
	assert_members(&client->answer, "member", MEMBERS + (late ? 1 : 0));
	client_expect(client, 1, LDAP_SUCCESS);
	if (changes % 2 == 1)
		change_members(s->realm, "-", MEMBERS, 1);
	client_close(&client);
}

static void
what_is_deleted_meanwhile_is_not_there(void **state)
{
	static const struct search below = { .base = DIRECTORY_SUFFIX,
		.scope = LDAP_SCOPE_SUB,
		.filter = "(cn=big)",
		.attributes = "memberUid" };
	struct server *s = *state;
	struct idm_identity console = realm_identity(s->realm, NULL);
	struct idm_request revive = { .operation = IDM_OP_REVIVE,
		.target = realm_uuid(s->realm, "big") };
	struct client *client = client_of_anna(s);

	begin(client, 1, &big_members);
	assert_int_equal(realm_delete(s->realm, NULL, "big"), IDM_OK);
	client_expect(client, 1, LDAP_NO_SUCH_OBJECT);
	assert_int_equal(realm_run(s->realm, &console, &revive), IDM_OK);

	begin(client, 2, &below);
	assert_int_equal(realm_delete(s->realm, NULL, "big"), IDM_OK);
	client_expect(client, 2, LDAP_SUCCESS); /* and no entry */
	revive.id = (struct idm_uuid){ { 0 } };
	assert_int_equal(realm_run(s->realm, &console, &revive), IDM_OK);
	client_close(&client);
}

/* Abandoned, or of a client that goes: what was made of it goes too (ASan sees). */
static void
who_wants_it_no_more_gets_nothing(void **state)
{
	struct server *s = *state;
	struct client *client = client_of_anna(s);

	begin(client, 1, &big_members);
	request_abandon(&client->requests, 2, 1);
	client_send(client);
	client_expect_nothing(client);
	assert_null(making(s));
	begin(client, 3, &big_members);
	client_bind(client, "anna", SERVER_PASSWORD); /* which ends what has begun */
	assert_null(making(s));
	begin(client, 4, &big_members);
	client_close(&client);
	server_settle(s);
	assert_null(making(s));
}

static void
a_login_that_ends_meanwhile_gets_the_notice_and_no_entry(void **state)
{
	struct server *s = *state;
	struct client *client = client_of_anna(s);

	begin(client, 1, &big_members);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "anna", "=account_expire", "2000-01-01T00:00:00Z", NULL),
	    IDM_OK);
	client_expect_notice(client, LDAP_UNAVAILABLE);
	assert_int_equal(realm_modify(s->realm, NULL, "anna", "=account_expire", "", NULL), IDM_OK);
	client_close(&client);
}

#define on_its_own(test) cmocka_unit_test_setup(test, server_fresh)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		on_its_own(others_are_served_meanwhile),
		on_its_own(every_member_comes_once_in_whatever_form),
		on_its_own(a_search_goes_on_behind_it),
		on_its_own(a_sorted_search_goes_on_behind_it_in_order),
		on_its_own(a_connection_makes_one_at_a_time_and_gets_all),
		on_its_own(what_changes_meanwhile_is_of_one_state),
		on_its_own(what_never_stops_changing_comes_all_the_same),
		on_its_own(a_login_that_ends_meanwhile_gets_the_notice_and_no_entry),
		on_its_own(who_wants_it_no_more_gets_nothing),
		on_its_own(what_is_deleted_meanwhile_is_not_there),
	};

	return cmocka_run_group_tests(tests, setup, server_teardown);
}
