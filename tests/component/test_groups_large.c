/*
 * Large groups, many groups, deep groups (SPEC 3.1): what holds for small ones holds for them.
 *
 * KANIDM_TEST_LONG=1: 100,000 members.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/closure.h"
#include "core/groups.h"
#include "core/search.h"
#include "tests/support/realm.h"

#define IN_A_REALM(test) cmocka_unit_test_setup_teardown(test, realm_setup, realm_teardown)
#define OK(expr) assert_int_equal((expr), IDM_OK)

enum {
	MEMBERS = 3000, /* more than are named one by one (core/plan.h) */
	MEMBERS_LONG = 100000,
	MANY_GROUPS = 1000,
	DEPTH = 100,
	AT_ONCE = 500,       /* changes in a transaction */
	IN_A_REQUEST = 5000, /* members */
	BUDGET = 1024,       /* of a slice */
};

static struct idm_request_mod
mod_of(
    enum idm_request_kind kind, uint32_t attr_number, const struct idm_span *values, size_t count)
{
	return (struct idm_request_mod){ kind,
		idm_schema_attr_number(idm_schema_builtin(), attr_number), values, count };
}

static void
run(struct realm *r, enum idm_operation operation, struct idm_uuid target,
    const struct idm_request_mod *mods, size_t count, struct idm_uuid *made)
{
	struct idm_identity console = {
		.kind = IDM_IDENTITY_INTERNAL, .scope = IDM_SCOPE_READ_WRITE, .expire_s = INT64_MAX
	};
	struct idm_request request = {
		.operation = operation, .target = target, .mods = mods, .mod_count = count
	};

	if (realm_run(r, &console, &request) != IDM_OK)
		fail_msg("%s", r->err.text);
	if (made != NULL)
		*made = r->set.items[0].uuid;
}

/* A person or a group called PREFIX and a number. */
static struct idm_uuid
make(struct realm *r, const char *prefix, size_t number, bool person)
{
	static const struct idm_span account = IDM_SPAN_LIT("account"),
				     kind = IDM_SPAN_LIT("person"), group = IDM_SPAN_LIT("group");
	char text[32];
	struct idm_span name;
	struct idm_uuid made;
	struct idm_request_mod mods[4];

	snprintf(text, sizeof(text), "%s%zu", prefix, number);
	name = idm_span_cstr(text);
	mods[0] = mod_of(IDM_REQUEST_ADD, IDM_ATTR_NAME, &name, 1);
	mods[1] = mod_of(IDM_REQUEST_ADD, IDM_ATTR_CLASS, person ? &account : &group, 1);
	mods[2] = mod_of(IDM_REQUEST_ADD, IDM_ATTR_CLASS, &kind, 1);
	mods[3] = mod_of(IDM_REQUEST_ADD, IDM_ATTR_DISPLAYNAME, &name, 1);
	run(r, IDM_OP_CREATE, (struct idm_uuid){ { 0 } }, mods, person ? 4 : 2, &made);
	return made;
}

static struct idm_uuid *
make_many(struct realm *r, const char *prefix, size_t count, bool person)
{
	struct idm_uuid *uuids = calloc(count, sizeof(*uuids));

	assert_non_null(uuids);
	for (size_t i = 0; i < count; i++) {
		if (i % AT_ONCE == 0)
			realm_group_begin(r);
		uuids[i] = make(r, prefix, i, person);
		if (i % AT_ONCE == AT_ONCE - 1 || i == count - 1)
			realm_group_commit(r);
	}
	return uuids;
}

static void
write_members(struct realm *r, struct idm_uuid group, enum idm_request_kind kind,
    const struct idm_uuid *members, size_t count)
{
	char(*texts)[IDM_UUID_TEXT] = calloc(count + 1, sizeof(*texts));
	struct idm_span *values = calloc(count + 1, sizeof(*values));
	struct idm_request_mod mod;

	assert_non_null(texts);
	assert_non_null(values);
	for (size_t i = 0; i < count; i++) {
		idm_uuid_format(&members[i], texts[i]);
		values[i] = idm_span_cstr(texts[i]);
	}
	mod = mod_of(kind, IDM_ATTR_MEMBER, values, count);
	run(r, IDM_OP_MODIFY, group, &mod, 1, NULL);
	free(values);
	free(texts);
}

/* All of them and no others, in requests of a size that a client might send. */
static void
set_members(struct realm *r, struct idm_uuid group, const struct idm_uuid *members, size_t count)
{
	for (size_t i = 0; i < count; i += IN_A_REQUEST) {
		size_t some = count - i < IN_A_REQUEST ? count - i : IN_A_REQUEST;

		write_members(
		    r, group, i == 0 ? IDM_REQUEST_REPLACE : IDM_REQUEST_ADD, members + i, some);
	}
}

/* --- looking */

static bool
count_entry(void *context, const struct idm_read *read, const struct idm_entry *entry,
    const struct idm_attrset *readable)
{
	size_t *count = context;

	(void)read;
	(void)entry;
	(void)readable;
	++*count;
	return true;
}

/* How many entries a filter finds. */
static size_t
found(struct realm *r, const char *text)
{
	struct idm_identity console = { .kind = IDM_IDENTITY_INTERNAL, .expire_s = INT64_MAX };
	struct idm_access_table *table = NULL;
	struct idm_access *access;
	struct idm_filter filter;
	struct idm_search search = { .filter = &filter };
	size_t count = 0;

	realm_entry(r, "admin");
	OK(idm_access_table_refresh(&r->read, &table, &r->err));
	OK(idm_access_resolve(&r->read, table, &console, r->arena, &access, &r->err));
	search.access = access;
	OK(idm_filter_parse(&r->read, idm_span_cstr(text), true, &filter, &r->err));
	while (!search.done) {
		struct idm_arena_mark mark = idm_arena_mark(r->arena);

		OK(idm_search_slice(&search, &r->read, BUDGET, count_entry, &count, &r->err));
		idm_arena_rewind(r->arena, mark);
	}
	realm_done(r);
	idm_access_table_free(&table);
	return count;
}

static bool
count_value(void *context, struct idm_span stored)
{
	size_t *count = context;

	assert_int_equal(stored.len, IDM_UUID_BYTES);
	++*count;
	return true;
}

static size_t
values(struct realm *r, const char *name, uint32_t attr_number)
{
	struct idm_entry entry = realm_entry(r, name);
	const struct idm_attr *attr = idm_schema_attr_number(r->read.schema, attr_number);
	size_t count = 0;

	OK(idm_search_values(&r->read, &entry, attr, count_value, &count, &r->err));
	realm_done(r);
	return count;
}

static size_t
member_count(void)
{
	return getenv("KANIDM_TEST_LONG") != NULL ? MEMBERS_LONG : MEMBERS;
}

static void
a_large_group_is_a_group_like_any_other(void **state)
{
	struct realm *r = *state;
	size_t count = member_count();
	struct idm_uuid *persons = make_many(r, "u", count, true);
	struct idm_uuid big = make(r, "big", 0, false), outer = make(r, "outer", 0, false), late;

	set_members(r, big, persons, count);
	write_members(r, outer, IDM_REQUEST_ADD, &big, 1);
	assert_int_equal(values(r, "big0", IDM_ATTR_MEMBER), count);
	assert_int_equal(found(r, "(memberof=big0)"), count);
	assert_int_equal(found(r, "(directmemberof=big0)"), count);
	assert_int_equal(found(r, "(memberof=outer0)"), count + 1);
	assert_int_equal(found(r, "(&(memberof=outer0)(name=u17))"), 1);
	assert_int_equal(found(r, "(&(class=person)(!(memberof=outer0)))"), 0);

	late = make(r, "late", 0, true);
	write_members(r, big, IDM_REQUEST_ADD, &late, 1);
	write_members(r, big, IDM_REQUEST_DELETE, &persons[17], 1);
	assert_true(realm_is_memberof(r, "late0", "outer0"));
	assert_false(realm_is_memberof(r, "u17", "outer0"));
	set_members(r, big, persons, count);
	assert_false(realm_is_memberof(r, "late0", "outer0"));
	assert_true(realm_is_memberof(r, "u17", "outer0"));
	assert_int_equal(values(r, "big0", IDM_ATTR_MEMBER), count);

	run(r, IDM_OP_DELETE, big, NULL, 0, NULL);
	assert_int_equal(found(r, "(memberof=outer0)"), 0);
	assert_int_equal(values(r, "u17", IDM_ATTR_MEMBEROF), 2); /* those that hold everybody */
	free(persons);
}

static void
one_person_in_a_thousand_groups(void **state)
{
	struct realm *r = *state;
	struct idm_uuid *groups = make_many(r, "g", MANY_GROUPS, false);
	struct idm_uuid alice = make(r, "alice", 0, true), top = make(r, "top", 0, false);

	realm_group_begin(r);
	for (size_t i = 0; i < MANY_GROUPS; i++)
		write_members(r, groups[i], IDM_REQUEST_ADD, &alice, 1);
	realm_group_commit(r);
	write_members(r, top, IDM_REQUEST_ADD, groups, MANY_GROUPS);
	assert_int_equal(values(r, "alice0", IDM_ATTR_DIRECTMEMBEROF), MANY_GROUPS + 2);
	assert_int_equal(values(r, "alice0", IDM_ATTR_MEMBEROF), MANY_GROUPS + 3);
	assert_int_equal(found(r, "(member=alice0)"), MANY_GROUPS);
	assert_int_equal(found(r, "(memberof=top0)"), MANY_GROUPS + 1);

	run(r, IDM_OP_DELETE, alice, NULL, 0, NULL);
	assert_int_equal(found(r, "(memberof=top0)"), MANY_GROUPS);
	assert_int_equal(values(r, "g500", IDM_ATTR_MEMBER), 0);
	run(r, IDM_OP_REVIVE, alice, NULL, 0, NULL);
	assert_int_equal(values(r, "alice0", IDM_ATTR_MEMBEROF), MANY_GROUPS + 3);
	free(groups);
}

/* The one in the middle goes: below it nobody is in the groups above it any more. */
static void
a_deep_chain_ends_where_it_is_cut(void **state)
{
	struct realm *r = *state;
	struct idm_uuid *chain = make_many(r, "g", DEPTH, false);
	struct idm_uuid alice = make(r, "alice", 0, true);

	realm_group_begin(r);
	for (size_t i = 0; i + 1 < DEPTH; i++)
		write_members(r, chain[i], IDM_REQUEST_ADD, &chain[i + 1], 1);
	write_members(r, chain[DEPTH - 1], IDM_REQUEST_ADD, &alice, 1);
	realm_group_commit(r);
	assert_int_equal(values(r, "alice0", IDM_ATTR_MEMBEROF), DEPTH + 2);
	assert_int_equal(found(r, "(memberof=g0)"), DEPTH);

	run(r, IDM_OP_DELETE, chain[DEPTH / 2], NULL, 0, NULL);
	assert_int_equal(values(r, "alice0", IDM_ATTR_MEMBEROF), DEPTH - DEPTH / 2 - 1 + 2);
	assert_int_equal(found(r, "(memberof=g0)"), DEPTH / 2 - 1);
	assert_false(realm_is_memberof(r, "alice0", "g0"));

	run(r, IDM_OP_REVIVE, chain[DEPTH / 2], NULL, 0, NULL);
	assert_int_equal(values(r, "alice0", IDM_ATTR_MEMBEROF), DEPTH + 2);
	assert_int_equal(found(r, "(memberof=g0)"), DEPTH);
	free(chain);
}

/* A membership that is taken away by a deletion is a change of the group (SPEC 2.1). */
static void
a_group_whose_member_is_deleted_has_changed(void **state)
{
	struct realm *r = *state;
	struct idm_uuid alice = make(r, "alice", 0, true), staff = make(r, "staff", 0, false);
	struct idm_entry entry;
	uint64_t version;

	write_members(r, staff, IDM_REQUEST_ADD, &alice, 1);
	entry = realm_entry(r, "staff0");
	version = entry.version;
	assert_int_equal(idm_entry_datetime(&entry, IDM_ATTR_LAST_MODIFIED, 0), r->now.at_s);
	r->now.at_s += 60;
	run(r, IDM_OP_DELETE, alice, NULL, 0, NULL);
	entry = realm_entry(r, "staff0");
	assert_true(entry.version > version);
	assert_int_equal(idm_entry_datetime(&entry, IDM_ATTR_LAST_MODIFIED, 0), r->now.at_s);
	realm_done(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_REALM(a_large_group_is_a_group_like_any_other),
		IN_A_REALM(one_person_in_a_thousand_groups),
		IN_A_REALM(a_deep_chain_ends_where_it_is_cut),
		IN_A_REALM(a_group_whose_member_is_deleted_has_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
