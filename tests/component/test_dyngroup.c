/* Dynamic groups hold who matches their filter: at once, and nobody else (SPEC 3.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/closure.h"
#include "core/dyngroup.h"
#include "core/groups.h"
#include "core/search.h"
#include "tests/support/realm.h"

#define IN_A_REALM(test) cmocka_unit_test_setup_teardown(test, realm_setup, realm_teardown)
#define OK(expr) assert_int_equal((expr), IDM_OK)

static void
dyngroup(struct realm *r, const char *name, const char *filter)
{
	if (realm_create(r, NULL, "class", "group", "class", "dyngroup", "name", name,
		"dyngroup_filter", filter, NULL) != IDM_OK)
		fail_msg("%s", r->err.text);
}

static void
posix(struct realm *r, const char *name, const char *gid, const char *shell)
{
	OK(realm_modify(r, NULL, name, "+class", "posixaccount", "=gidnumber", gid, "=loginshell",
	    shell, NULL));
}

/* --- as a client sees it */

static bool
take_name(void *context, struct idm_span stored)
{
	struct realm *r = ((void **)context)[0];
	char *text = ((void **)context)[1];
	struct idm_uuid uuid;
	struct idm_entry entry;

	assert_true(idm_uuid_load(stored, &uuid));
	OK(idm_lookup_uuid(&r->read, &uuid, &entry, &r->err));
	if (text[0] != '\0')
		strcat(text, " ");
	strncat(text, (const char *)idm_entry_text(&entry, IDM_ATTR_NAME).ptr,
	    idm_entry_text(&entry, IDM_ATTR_NAME).len);
	return true;
}

/* The entries that an attribute of `name` names, in the order of their ids. */
static const char *
names(struct realm *r, const char *name, uint32_t attr_number)
{
	static char texts[4][512];
	static unsigned turn;
	char *text = texts[turn++ % 4];
	void *context[2] = { r, text };
	struct idm_entry entry = realm_entry(r, name);
	const struct idm_attr *attr = idm_schema_attr_number(r->read.schema, attr_number);

	text[0] = '\0';
	OK(idm_search_values(&r->read, &entry, attr, take_name, context, &r->err));
	realm_done(r);
	return text;
}

static void
assert_members(struct realm *r, const char *group, const char *wanted)
{
	assert_string_equal(names(r, group, IDM_ATTR_DYNMEMBER), wanted);
	assert_string_equal(names(r, group, IDM_ATTR_MEMBER), "");
}

/* --- who is in */

static void
whoever_matches_is_in_it_from_the_start(void **state)
{
	struct realm *r = *state;

	realm_person(r, "anna");
	realm_person(r, "ben");
	posix(r, "ben", "70001", "/bin/sh");
	dyngroup(r, "shells", "(class=posixaccount)");
	assert_members(r, "shells", "ben");
	assert_true(realm_is_memberof(r, "ben", "shells"));
	assert_false(realm_is_memberof(r, "anna", "shells"));
}

static void
an_entry_comes_and_goes_with_its_values(void **state)
{
	struct realm *r = *state;

	dyngroup(r, "shells", "(class=posixaccount)");
	dyngroup(r, "zsh", "(&(class=person)(loginshell=/bin/zsh))");
	assert_members(r, "shells", "");
	realm_person(r, "anna");
	realm_person(r, "ben");
	assert_members(r, "shells", "");
	posix(r, "anna", "70001", "/bin/sh");
	posix(r, "ben", "70002", "/bin/zsh");
	assert_members(r, "shells", "anna ben");
	assert_members(r, "zsh", "ben");
	OK(realm_modify(r, NULL, "anna", "=loginshell", "/bin/zsh", NULL));
	assert_members(r, "zsh", "anna ben");
	OK(realm_modify(
	    r, NULL, "ben", "-class", "posixaccount", "-gidnumber", "", "-loginshell", "", NULL));
	assert_members(r, "shells", "anna");
	assert_members(r, "zsh", "anna");
	assert_false(realm_is_memberof(r, "ben", "shells"));
}

static void
a_new_filter_holds_others(void **state)
{
	struct realm *r = *state;

	realm_person(r, "anna");
	realm_person(r, "ben");
	posix(r, "anna", "70001", "/bin/sh");
	posix(r, "ben", "80001", "/bin/sh");
	dyngroup(r, "some", "(gidnumber>=80000)");
	assert_members(r, "some", "ben");
	OK(realm_modify(
	    r, NULL, "some", "=dyngroup_filter", "(&(class=account)(gidnumber<=79999))", NULL));
	assert_members(r, "some", "anna");
	assert_false(realm_is_memberof(r, "ben", "some"));
	OK(realm_modify(
	    r, NULL, "some", "=dyngroup_filter", "(|(gidnumber=70001)(gidnumber=80001))", NULL));
	assert_members(r, "some", "anna ben");
	OK(realm_modify(r, NULL, "some", "=description", "no other filter", NULL));
	assert_members(r, "some", "anna ben");
}

static void
who_is_deleted_leaves_and_takes_no_part(void **state)
{
	struct realm *r = *state;

	realm_person(r, "anna");
	realm_person(r, "ben");
	posix(r, "anna", "70001", "/bin/sh");
	posix(r, "ben", "70002", "/bin/sh");
	dyngroup(r, "shells", "(class=posixaccount)");
	OK(realm_delete(r, NULL, "anna"));
	assert_members(r, "shells", "ben");
	OK(realm_modify(r, NULL, "shells", "=dyngroup_filter", "(loginshell=/bin/sh)", NULL));
	assert_members(r, "shells", "ben"); /* and none from the recycle bin */
}

static void
a_deleted_one_holds_nobody(void **state)
{
	struct realm *r = *state;

	realm_person(r, "anna");
	posix(r, "anna", "70001", "/bin/sh");
	dyngroup(r, "shells", "(class=posixaccount)");
	assert_true(realm_is_memberof(r, "anna", "shells"));
	OK(realm_delete(r, NULL, "shells"));
	assert_null(strstr(names(r, "anna", IDM_ATTR_MEMBEROF), "shells"));
	posix(r, "anna", "70001", "/bin/zsh"); /* and nobody asks its filter any more */
	assert_null(strstr(names(r, "anna", IDM_ATTR_MEMBEROF), "shells"));
}

static enum idm_result
revive(struct realm *r, struct idm_uuid uuid)
{
	struct idm_identity console = realm_identity(r, NULL);
	struct idm_request request = { .operation = IDM_OP_REVIVE, .target = uuid };

	return realm_run(r, &console, &request);
}

/* Not because they were, but because they match: the filter may be another one meanwhile. */
static void
the_revived_are_in_it_when_they_match(void **state)
{
	struct realm *r = *state;
	struct idm_uuid anna, ben, shells;

	realm_person(r, "anna");
	realm_person(r, "ben");
	posix(r, "anna", "70001", "/bin/sh");
	posix(r, "ben", "70002", "/bin/zsh");
	dyngroup(r, "shells", "(class=posixaccount)");
	anna = realm_uuid(r, "anna");
	ben = realm_uuid(r, "ben");
	shells = realm_uuid(r, "shells");
	OK(realm_delete(r, NULL, "anna"));
	OK(realm_delete(r, NULL, "ben"));
	OK(realm_modify(r, NULL, "shells", "=dyngroup_filter", "(loginshell=/bin/sh)", NULL));
	OK(revive(r, anna));
	OK(revive(r, ben));
	assert_members(r, "shells", "anna");

	OK(realm_delete(r, NULL, "shells"));
	OK(realm_modify(r, NULL, "ben", "=loginshell", "/bin/sh", NULL));
	OK(revive(r, shells));
	assert_members(r, "shells", "anna ben");
}

static void
membership_goes_on_through_ordinary_groups(void **state)
{
	struct realm *r = *state;

	realm_person(r, "anna");
	realm_group(r, "wifi");
	dyngroup(r, "shells", "(class=posixaccount)");
	OK(realm_modify(r, NULL, "wifi", "+member", "shells", NULL));
	assert_false(realm_is_memberof(r, "anna", "wifi"));
	posix(r, "anna", "70001", "/bin/sh");
	assert_true(realm_is_memberof(r, "anna", "wifi"));
	OK(realm_modify(
	    r, NULL, "anna", "-class", "posixaccount", "-gidnumber", "", "-loginshell", "", NULL));
	assert_false(realm_is_memberof(r, "anna", "wifi"));
}

/* A process that has kept what is above a group sees the group join, without an edge written. */
static void
groups_that_match_are_members_and_that_is_seen_at_once(void **state)
{
	struct realm *r = *state;
	struct idm_groups *known = idm_groups_new(IDM_GROUPS_BYTES);
	struct idm_entry entry;
	struct idm_ids above;

	realm_person(r, "anna");
	realm_group(r, "staff");
	OK(realm_modify(r, NULL, "staff", "+member", "anna", NULL));
	dyngroup(r, "unix", "(class=posixgroup)");

	entry = realm_entry(r, "anna");
	OK(idm_groups_use(known, &r->read, &r->err));
	OK(idm_closure_memberof(&r->read, &entry, &above, &r->err));
	assert_int_equal(above.count, 3); /* and the two that hold everybody */

	OK(realm_modify(r, NULL, "staff", "+class", "posixgroup", "=gidnumber", "90001", NULL));
	assert_members(r, "unix", "staff");
	entry = realm_entry(r, "anna");
	OK(idm_groups_use(known, &r->read, &r->err));
	OK(idm_closure_memberof(&r->read, &entry, &above, &r->err));
	assert_int_equal(above.count, 4);
	realm_done(r);
	idm_groups_free(&known);
}

static void
it_may_match_itself_and_every_group(void **state)
{
	struct realm *r = *state;

	realm_group(r, "staff");
	dyngroup(r, "every", "(&(class=group)(!(entry_managed_by=*))(!(gidnumber=*)))");
	assert_true(realm_is_memberof(r, "every", "every"));
	assert_true(realm_is_memberof(r, "staff", "every"));
	assert_true(realm_is_memberof(r, "idm_admins", "every"));
}

static void
a_name_in_a_filter_stands_for_who_bears_it_now(void **state)
{
	struct realm *r = *state;

	realm_group(r, "owners");
	OK(realm_create(r, NULL, "class", "account", "class", "service_account", "name", "robot",
	    "displayname", "Robot", "entry_managed_by", "owners", NULL));
	dyngroup(r, "owned", "(entry_managed_by=owners)");
	assert_members(r, "owned", "robot");
	OK(realm_modify(r, NULL, "owners", "=name", "holders", NULL));
	OK(realm_modify(r, NULL, "robot", "=displayname", "The robot", NULL));
	assert_members(r, "owned", "robot");
}

static void
what_is_neither_account_nor_group_is_in_none(void **state)
{
	struct realm *r = *state;
	const char *text;

	dyngroup(r, "all", "(class=object)");
	text = names(r, "all", IDM_ATTR_DYNMEMBER);
	assert_non_null(strstr(text, "idm_admin"));
	assert_null(strstr(text, "all_read")); /* a profile */
}

static void
its_members_can_not_be_written(void **state)
{
	struct realm *r = *state;

	realm_person(r, "anna");
	dyngroup(r, "shells", "(class=posixaccount)");
	assert_int_equal(realm_modify(r, NULL, "shells", "+member", "anna", NULL), IDM_PROTECTED);
	assert_int_equal(realm_modify(r, NULL, "shells", "=member", "anna", NULL), IDM_PROTECTED);
	assert_int_not_equal(realm_modify(r, NULL, "shells", "+dynmember", "anna", NULL), IDM_OK);
	assert_members(r, "shells", "");
}

/* Who may leave a dynamic group by a change is looked at: it may have let him in somewhere. */
static void
who_may_leave_by_a_change_is_looked_at(void **state)
{
	struct realm *r = *state;

	realm_person(r, "anna");
	OK(realm_modify(r, NULL, "anna", "=legalname", "Anna A", NULL));
	assert_false(r->set.items[0].flags & IDM_ITEM_REVOKES);
	posix(r, "anna", "70001", "/bin/sh");
	dyngroup(r, "shells", "(loginshell=/bin/sh)");
	OK(realm_modify(r, NULL, "anna", "=legalname", "Anna B", NULL));
	assert_false(r->set.items[0].flags & IDM_ITEM_REVOKES);
	OK(realm_modify(r, NULL, "anna", "=loginshell", "/bin/zsh", NULL));
	assert_true(r->set.items[0].flags & IDM_ITEM_REVOKES);
	OK(realm_modify(r, NULL, "shells", "=description", "text", NULL));
	assert_false(r->set.items[0].flags & IDM_ITEM_REVOKES);
	OK(realm_modify(r, NULL, "shells", "=dyngroup_filter", "(loginshell=/bin/zsh)", NULL));
	assert_true(r->set.items[0].flags & IDM_ITEM_REVOKES);
	assert_members(r, "shells", "anna");
}

/* --- derived data */

struct rows {
	uint8_t bytes[64 * 1024];
	size_t len;
};

static void
put_octets(struct rows *rows, struct idm_span octets)
{
	assert_true(rows->len + octets.len < sizeof(rows->bytes));
	memcpy(rows->bytes + rows->len, octets.ptr, octets.len);
	rows->len += octets.len;
}

/* All edges as stored, and the list of dynamic groups. */
static void
collect(struct realm *r, const struct idm_txn *txn, struct rows *rows)
{
	static const enum idm_db dbs[] = { IDM_DB_UP, IDM_DB_DOWN };
	struct idm_span key, value;

	rows->len = 0;
	for (size_t i = 0; i < 2; i++) {
		struct idm_cursor cursor;

		OK(idm_cursor_open(txn, dbs[i], IDM_SPAN_EMPTY, &cursor, &r->err));
		while (idm_cursor_next(&cursor, &key, &value, &r->err) == IDM_OK) {
			put_octets(rows, key);
			put_octets(rows, value);
		}
		idm_cursor_close(&cursor);
	}
	OK(idm_store_get(txn, IDM_DB_META, IDM_SPAN_LIT("dyngroups"), &value, &r->err));
	put_octets(rows, value);
}

static void
made_anew_they_are_the_same(void **state)
{
	static struct rows before, after, wiped;
	struct realm *r = *state;
	struct idm_txn txn;
	struct idm_read read;
	struct idm_window none = { { 0 } };
	bool changed;
	uint64_t id;

	for (int i = 0; i < 20; i++) {
		char name[16], gid[16];

		snprintf(name, sizeof(name), "u%d", i);
		snprintf(gid, sizeof(gid), "%d", 70000 + i);
		realm_person(r, name);
		if (i % 3 != 0)
			posix(r, name, gid, i % 2 == 0 ? "/bin/sh" : "/bin/zsh");
	}
	dyngroup(r, "shells", "(class=posixaccount)");
	dyngroup(r, "zsh", "(loginshell=/bin/zsh)");
	dyngroup(r, "dyn", "(class=dyngroup)");
	id = realm_entry(r, "zsh").id;
	realm_done(r);

	idm_arena_reset(r->arena);
	OK(idm_store_write_begin(r->store, &txn, &r->err));
	OK(idm_read_attach(&txn, r->arena, r->now, &read, &r->err));
	collect(r, &txn, &before);
	OK(idm_dyngroups_rebuild(&read, &r->err));
	collect(r, &txn, &after);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.bytes, after.bytes, before.len);

	OK(idm_closure_set_window(&read, id, IDM_MEMBER_ACCOUNT, 0, &none, &changed, &r->err));
	assert_true(changed);
	OK(idm_store_del(&txn, IDM_DB_META, IDM_SPAN_LIT("dyngroups"), &r->err));
	OK(idm_store_put(
	    &txn, IDM_DB_META, IDM_SPAN_LIT("dyngroups"), IDM_SPAN_LIT("\x01"), &r->err));
	collect(r, &txn, &wiped);
	assert_true(wiped.len < before.len);
	OK(idm_dyngroups_rebuild(&read, &r->err));
	collect(r, &txn, &after);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.bytes, after.bytes, before.len);
	idm_store_write_abort(&txn);
}

/* Filters that nobody can store any more hold nobody, and stand in no change's way. */
static void
a_filter_that_can_not_be_read_holds_nobody(void **state)
{
	struct realm *r = *state;
	struct idm_dyngroups groups = { .filters = NULL };
	struct idm_entry entry;
	struct idm_filter undefined = { .kind = IDM_FILTER_UNDEFINED };
	uint64_t ids[1];
	bool member = true;

	realm_person(r, "anna");
	entry = realm_entry(r, "anna");
	ids[0] = 1;
	groups.ids = (struct idm_ids){ ids, 1, 1 };
	groups.filters = &undefined;
	OK(idm_dyngroups_match(&r->read, &groups, 0, &entry, &member, &r->err));
	assert_false(member);
	realm_done(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_REALM(whoever_matches_is_in_it_from_the_start),
		IN_A_REALM(an_entry_comes_and_goes_with_its_values),
		IN_A_REALM(a_new_filter_holds_others),
		IN_A_REALM(who_is_deleted_leaves_and_takes_no_part),
		IN_A_REALM(a_deleted_one_holds_nobody),
		IN_A_REALM(the_revived_are_in_it_when_they_match),
		IN_A_REALM(membership_goes_on_through_ordinary_groups),
		IN_A_REALM(groups_that_match_are_members_and_that_is_seen_at_once),
		IN_A_REALM(it_may_match_itself_and_every_group),
		IN_A_REALM(a_name_in_a_filter_stands_for_who_bears_it_now),
		IN_A_REALM(what_is_neither_account_nor_group_is_in_none),
		IN_A_REALM(its_members_can_not_be_written),
		IN_A_REALM(who_may_leave_by_a_change_is_looked_at),
		IN_A_REALM(made_anew_they_are_the_same),
		IN_A_REALM(a_filter_that_can_not_be_read_holds_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
