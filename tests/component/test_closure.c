#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/closure.h"
#include "tests/support/fixture.h"

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

static struct idm_ids
memberof(struct fixture *f, uint64_t id)
{
	struct idm_entry entry = fixture_entry(f, id);
	struct idm_ids ids;

	assert_int_equal(idm_closure_memberof(&f->read, &entry, &ids, &f->err), IDM_OK);
	return ids;
}

static struct idm_ids
direct(struct fixture *f, uint64_t id)
{
	struct idm_entry entry = fixture_entry(f, id);
	struct idm_ids ids;

	assert_int_equal(idm_closure_direct(&f->read, &entry, &ids, &f->err), IDM_OK);
	return ids;
}

static struct idm_ids
groups_below(struct fixture *f, uint64_t id)
{
	struct idm_ids ids;

	assert_int_equal(idm_closure_groups_below(&f->read, id, &ids, &f->err), IDM_OK);
	return ids;
}

static bool
is_hp(struct fixture *f, uint64_t id)
{
	struct idm_entry entry = fixture_entry(f, id);
	bool out;

	assert_int_equal(idm_closure_is_hp(&f->read, &entry, &out, &f->err), IDM_OK);
	return out;
}

static bool
has_member(struct fixture *f, uint64_t group_id, uint64_t member_id)
{
	struct idm_entry entry = fixture_entry(f, member_id);
	bool out;

	assert_int_equal(idm_closure_has_member(&f->read, group_id, &entry, &out, &f->err), IDM_OK);
	return out;
}

/* All members of a group, over all windows, in the order of their ids; the count. */
static size_t
members(struct fixture *f, uint64_t group_id, enum idm_member_kind kind, uint64_t *out, size_t room)
{
	size_t count = 0;
	uint64_t next = 0;

	for (uint64_t no = 0; no != IDM_NO_WINDOW; no = next) {
		struct idm_window window = { { 0 } };
		uint64_t first = no << IDM_WINDOW_BITS;

		assert_int_equal(
		    idm_closure_members(&f->read, group_id, kind, no, &window, &next, &f->err),
		    IDM_OK);
		for (uint64_t id = first; id < first + IDM_WINDOW_IDS; id++) {
			if (!idm_window_has(&window, id))
				continue;
			assert_true(count < room);
			out[count++] = id;
		}
	}
	return count;
}

static void
assert_ids(struct idm_ids ids, const uint64_t *wanted, size_t count)
{
	assert_int_equal(ids.count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(ids.ids[i], wanted[i]);
}

static void
what_is_in_no_group_has_no_memberof(void **state)
{
	struct fixture *f = *state;
	uint64_t group = fixture_group(f, "a");

	assert_int_equal(memberof(f, group).count, 0);
	assert_int_equal(direct(f, group).count, 0);
	assert_ids(groups_below(f, group), &group, 1);
	assert_false(is_hp(f, group));
}

static void
after_an_edge_is_cut_no_cycle_keeps_a_membership(void **state)
{
	struct fixture *f = *state;
	uint64_t a = fixture_group(f, "a"), b = fixture_group(f, "b"), x = fixture_group(f, "x");

	assert_true(fixture_edge(f, a, b, true));
	assert_true(fixture_edge(f, b, a, true));
	assert_true(fixture_edge(f, x, a, true));
	assert_ids(memberof(f, a), (uint64_t[]){ a, b, x }, 3);
	assert_ids(memberof(f, b), (uint64_t[]){ a, b, x }, 3);
	assert_ids(groups_below(f, x), (uint64_t[]){ a, b, x }, 3);

	assert_true(fixture_edge(f, x, a, false));
	assert_ids(memberof(f, a), (uint64_t[]){ a, b }, 2);
	assert_ids(memberof(f, b), (uint64_t[]){ a, b }, 2);
	assert_int_equal(memberof(f, x).count, 0);
	assert_ids(groups_below(f, x), &x, 1);
}

static void
a_group_may_list_itself(void **state)
{
	struct fixture *f = *state;
	uint64_t a = fixture_group(f, "a");

	assert_true(fixture_edge(f, a, a, true));
	assert_ids(memberof(f, a), &a, 1);
	assert_ids(direct(f, a), &a, 1);
	assert_true(has_member(f, a, a));
	assert_true(fixture_edge(f, a, a, false));
	assert_int_equal(memberof(f, a).count, 0);
	assert_false(has_member(f, a, a));
}

static void
an_edge_that_is_there_changes_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t a = fixture_group(f, "a"), u = fixture_person(f, "u"), found[4];

	assert_false(fixture_edge(f, a, u, false));
	assert_true(fixture_edge(f, a, u, true));
	assert_false(fixture_edge(f, a, u, true));
	assert_int_equal(members(f, a, IDM_MEMBER_ACCOUNT, found, 4), 1);
	assert_int_equal(found[0], u);
	assert_int_equal(members(f, a, IDM_MEMBER_GROUP, found, 4), 0);
	assert_true(fixture_edge(f, a, u, false));
	assert_false(fixture_edge(f, a, u, false));
	assert_int_equal(members(f, a, IDM_MEMBER_ACCOUNT, found, 4), 0);
}

static size_t
rows(struct fixture *f, enum idm_db db)
{
	struct idm_cursor cursor;
	struct idm_span key, value;
	size_t count = 0;

	assert_int_equal(idm_cursor_open(&f->txn, db, IDM_SPAN_EMPTY, &cursor, &f->err), IDM_OK);
	while (idm_cursor_next(&cursor, &key, &value, &f->err) == IDM_OK)
		count++;
	idm_cursor_close(&cursor);
	return count;
}

static void
edges_that_are_gone_leave_no_rows(void **state)
{
	struct fixture *f = *state;
	uint64_t a = fixture_group(f, "a"), b = fixture_group(f, "b"), u = fixture_person(f, "u");

	fixture_edge(f, a, u, true);
	fixture_edge(f, a, b, true);
	fixture_edge(f, b, u, true);
	assert_int_equal(rows(f, IDM_DB_UP), 2);
	assert_int_equal(rows(f, IDM_DB_DOWN), 3);
	fixture_edge(f, a, u, false);
	fixture_edge(f, a, b, false);
	fixture_edge(f, b, u, false);
	assert_int_equal(rows(f, IDM_DB_UP), 0);
	assert_int_equal(rows(f, IDM_DB_DOWN), 0);
}

static void
persons_and_accounts_are_in_their_groups_by_class(void **state)
{
	struct fixture *f = *state;
	uint64_t persons = f->read.all_persons_id, accounts = f->read.all_accounts_id;
	uint64_t alice = fixture_person(f, "alice"), group = fixture_group(f, "a"), found[4];
	uint64_t robot =
	    fixture_add(f, "class", "account", "class", "service_account", "name", "robot", NULL);

	assert_ids(direct(f, alice), (uint64_t[]){ persons, accounts }, 2);
	assert_ids(memberof(f, robot), (uint64_t[]){ accounts }, 1);
	assert_int_equal(memberof(f, group).count, 0);
	assert_true(has_member(f, persons, alice));
	assert_false(has_member(f, persons, robot));
	assert_false(has_member(f, persons, group));
	assert_int_equal(members(f, persons, IDM_MEMBER_ACCOUNT, found, 4), 1);
	assert_int_equal(found[0], alice);
	assert_int_equal(members(f, accounts, IDM_MEMBER_ACCOUNT, found, 4), 2);
	assert_int_equal(found[0], alice);
	assert_int_equal(found[1], robot);
	assert_int_equal(members(f, accounts, IDM_MEMBER_GROUP, found, 4), 0);
}

static void
a_group_by_class_is_a_member_like_any_other(void **state)
{
	struct fixture *f = *state;
	uint64_t persons = f->read.all_persons_id, accounts = f->read.all_accounts_id;
	uint64_t wifi = fixture_group(f, "wifi"), alice = fixture_person(f, "alice");

	assert_true(fixture_edge(f, wifi, persons, true));
	assert_ids(memberof(f, alice), (uint64_t[]){ persons, accounts, wifi }, 3);
	assert_ids(groups_below(f, wifi), (uint64_t[]){ persons, wifi }, 2);
}

static void
recycled_entries_are_in_no_group_by_class(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = fixture_person(f, "alice"), found[4];

	fixture_replace(f, alice, "class", "account", "class", "person", "class", "recycled",
	    "name", "alice", NULL);
	assert_int_equal(memberof(f, alice).count, 0);
	assert_false(has_member(f, f->read.all_persons_id, alice));
	assert_int_equal(members(f, f->read.all_persons_id, IDM_MEMBER_ACCOUNT, found, 4), 0);
	fixture_replace(f, alice, "class", "account", "class", "person", "name", "alice", NULL);
	assert_int_equal(memberof(f, alice).count, 2);
	assert_int_equal(members(f, f->read.all_persons_id, IDM_MEMBER_ACCOUNT, found, 4), 1);
}

static void
a_group_by_class_takes_no_edges(void **state)
{
	struct fixture *f = *state;
	uint64_t group = fixture_group(f, "a");
	struct idm_entry entry = fixture_entry(f, group);
	bool changed;

	assert_int_equal(idm_closure_set_edge(
			     &f->read, f->read.all_accounts_id, &entry, true, &changed, &f->err),
	    IDM_INVALID);
	assert_false(changed);
	assert_int_equal(rows(f, IDM_DB_UP), 0);
}

static void
high_privilege_comes_down_by_nesting_alone(void **state)
{
	struct fixture *f = *state;
	uint64_t hp = f->read.high_privilege_id;
	uint64_t admins = fixture_group(f, "admins"), helpers = fixture_group(f, "helpers");
	uint64_t all = fixture_group(f, "all"), alice = fixture_person(f, "alice");

	fixture_edge(f, hp, hp, true);
	fixture_edge(f, hp, admins, true);
	fixture_edge(f, admins, helpers, true);
	fixture_edge(f, helpers, alice, true);
	fixture_edge(f, all, admins, true);
	assert_true(is_hp(f, hp));
	assert_true(is_hp(f, admins));
	assert_true(is_hp(f, helpers));
	assert_true(is_hp(f, alice));
	assert_false(is_hp(f, all));
	fixture_edge(f, admins, helpers, false);
	assert_false(is_hp(f, helpers));
	assert_false(is_hp(f, alice));
	f->read.high_privilege_id = 0;
	assert_false(is_hp(f, hp));
}

static void
members_are_found_in_each_window(void **state)
{
	static const uint64_t windows[] = { 1, 2, 5, 200 };
	struct fixture *f = *state;
	uint64_t group = fixture_group(f, "a"), wanted[8], found[8];
	size_t count = 0;

	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		char name[8];

		fixture_skip_to_window(f, windows[i]);
		for (int j = 0; j < 2; j++) {
			snprintf(name, sizeof(name), "u%zu%d", i, j);
			wanted[count] = fixture_person(f, name);
			fixture_edge(f, group, wanted[count++], true);
		}
	}
	assert_int_equal(members(f, group, IDM_MEMBER_ACCOUNT, found, 8), 8);
	assert_memory_equal(found, wanted, sizeof(wanted));
	assert_int_equal(members(f, f->read.all_persons_id, IDM_MEMBER_ACCOUNT, found, 8), 8);
	assert_memory_equal(found, wanted, sizeof(wanted));
}

static void
a_group_of_many_windows_lists_groups_of_all(void **state)
{
	struct fixture *f = *state;
	uint64_t top = fixture_group(f, "top"), wanted[5] = { top };
	char name[8];

	for (uint64_t i = 1; i < 5; i++) {
		fixture_skip_to_window(f, 7 * i);
		snprintf(name, sizeof(name), "g%d", (int)i);
		wanted[i] = fixture_group(f, name);
		fixture_edge(f, top, wanted[i], true);
	}
	assert_ids(groups_below(f, top), wanted, 5);
}

static void
a_chain_of_a_hundred_groups_is_followed_to_its_end(void **state)
{
	struct fixture *f = *state;
	uint64_t group[100], alice = fixture_person(f, "alice");
	char name[8];

	for (size_t i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "g%zu", i);
		group[i] = fixture_group(f, name);
		if (i != 0)
			fixture_edge(f, group[i], group[i - 1], true);
	}
	fixture_edge(f, group[0], alice, true);
	assert_int_equal(memberof(f, alice).count, 102);
	assert_ids(groups_below(f, group[99]), group, 100);
	fixture_edge(f, group[0], group[99], true); /* now it is a ring */
	assert_int_equal(memberof(f, alice).count, 102);
	assert_ids(memberof(f, group[50]), group, 100);
	assert_ids(groups_below(f, group[50]), group, 100);
}

static void
a_thousand_groups_above_are_all_found(void **state)
{
	struct fixture *f = *state;
	uint64_t top = fixture_group(f, "top"), alice = fixture_person(f, "alice");
	uint64_t group[1000];
	char name[8];

	for (size_t i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "g%zu", i);
		group[i] = fixture_group(f, name);
		fixture_edge(f, group[i], alice, true);
		fixture_edge(f, top, group[i], true);
	}
	assert_int_equal(memberof(f, alice).count, 1003);
	assert_int_equal(groups_below(f, top).count, 1001);
	assert_ids(memberof(f, group[999]), &top, 1);
}

static void
a_walk_without_memory_says_so(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = fixture_person(f, "alice"), above = alice, group;
	struct idm_arena *small = idm_arena_new(1500);
	struct idm_entry entry;
	struct idm_ids ids;
	char name[8];

	assert_non_null(small);
	for (size_t i = 0; i < 100; i++, above = group) {
		snprintf(name, sizeof(name), "g%zu", i);
		group = fixture_group(f, name);
		fixture_edge(f, group, above, true);
	}
	entry = fixture_entry(f, alice);
	f->read.arena = small;
	assert_int_equal(idm_closure_memberof(&f->read, &entry, &ids, &f->err), IDM_LIMIT);
	idm_arena_reset(small);
	assert_int_equal(idm_closure_groups_below(&f->read, above, &ids, &f->err), IDM_LIMIT);
	f->read.arena = f->arena;
	idm_arena_free(&small);
}

static void
damaged_rows_are_corrupt(void **state)
{
	struct fixture *f = *state;
	uint64_t group = fixture_group(f, "a"), alice = fixture_person(f, "alice");
	struct idm_entry entry = fixture_entry(f, alice);
	struct idm_window window;
	struct idm_ids ids;
	uint8_t up[8], down[17];
	uint64_t next;
	bool out;

	fixture_edge(f, group, alice, true);
	idm_store_u64(alice, up);
	assert_int_equal(idm_store_del(&f->txn, IDM_DB_UP, idm_span_of(up, 8), &f->err), IDM_OK);
	entry = fixture_entry(f, alice);
	assert_int_equal(
	    idm_closure_set_edge(&f->read, group, &entry, true, &out, &f->err), IDM_CORRUPT);

	assert_int_equal(idm_store_put(&f->txn, IDM_DB_UP, idm_span_of(up, 8),
			     IDM_SPAN_LIT("\xff\xff\xff"), &f->err),
	    IDM_OK);
	entry = fixture_entry(f, alice);
	assert_int_equal(idm_closure_memberof(&f->read, &entry, &ids, &f->err), IDM_CORRUPT);
	assert_int_equal(idm_closure_is_hp(&f->read, &entry, &out, &f->err), IDM_CORRUPT);
	assert_false(out);
	assert_int_equal(
	    idm_closure_has_member(&f->read, group, &entry, &out, &f->err), IDM_CORRUPT);
	assert_false(out);

	idm_store_u64(group, down);
	down[8] = IDM_MEMBER_GROUP;
	idm_store_u64(0, down + 9);
	assert_int_equal(idm_store_put(&f->txn, IDM_DB_DOWN, idm_span_of(down, 17),
			     IDM_SPAN_LIT("\xff\xff\xff"), &f->err),
	    IDM_OK);
	assert_int_equal(idm_closure_groups_below(&f->read, group, &ids, &f->err), IDM_CORRUPT);
	assert_int_equal(
	    idm_closure_members(&f->read, group, IDM_MEMBER_GROUP, 0, &window, &next, &f->err),
	    IDM_CORRUPT);
}

/* --- random edges against a computation that is too simple to be wrong */

enum { GROUPS = 12, ACCOUNTS = 4, NODES = GROUPS + ACCOUNTS, EDITS = 24, SEQUENCES = 2000 };

struct model {
	uint64_t id[NODES];        /* groups, then accounts */
	bool edge[GROUPS][NODES];  /* group lists node */
	bool above[GROUPS][NODES]; /* group is reached from node over one edge or more */
};

static void
close_model(struct model *m)
{
	memcpy(m->above, m->edge, sizeof(m->above));
	for (int via = 0; via < GROUPS; via++) {
		for (int g = 0; g < GROUPS; g++) {
			for (int n = 0; n < NODES; n++) {
				if (m->above[g][via] && m->above[via][n])
					m->above[g][n] = true;
			}
		}
	}
}

static void
compare_upward(struct fixture *f, const struct model *m, int node)
{
	struct idm_ids ids = memberof(f, m->id[node]), near = direct(f, m->id[node]);
	size_t all = 0, listed = 0, by_class = node < GROUPS ? 0 : 2;

	for (int g = 0; g < GROUPS; g++) {
		assert_int_equal(idm_ids_has(&ids, m->id[g]), m->above[g][node]);
		assert_int_equal(idm_ids_has(&near, m->id[g]), m->edge[g][node]);
		all += m->above[g][node];
		listed += m->edge[g][node];
	}
	assert_int_equal(ids.count, all + by_class);
	assert_int_equal(near.count, listed + by_class);
}

static void
compare_members(struct fixture *f, const struct model *m, int group, enum idm_member_kind kind)
{
	int from = kind == IDM_MEMBER_GROUP ? 0 : GROUPS;
	int to = kind == IDM_MEMBER_GROUP ? GROUPS : NODES;
	struct idm_window window = { { 0 } };
	uint32_t count = 0;
	uint64_t next;

	assert_int_equal(
	    idm_closure_members(&f->read, m->id[group], kind, 0, &window, &next, &f->err), IDM_OK);
	assert_true(next == IDM_NO_WINDOW);
	for (int n = from; n < to; n++) {
		assert_int_equal(idm_window_has(&window, m->id[n]), m->edge[group][n]);
		count += m->edge[group][n];
	}
	assert_int_equal(idm_window_count(&window), count);
}

static void
compare_downward(struct fixture *f, const struct model *m, int group)
{
	struct idm_ids ids = groups_below(f, m->id[group]);
	size_t count = 0;

	for (int g = 0; g < GROUPS; g++) {
		bool below = g == group || m->above[group][g];

		assert_int_equal(idm_ids_has(&ids, m->id[g]), below);
		count += below;
	}
	assert_int_equal(ids.count, count);
	compare_members(f, m, group, IDM_MEMBER_GROUP);
	compare_members(f, m, group, IDM_MEMBER_ACCOUNT);
}

static void
make_nodes(struct fixture *f, struct model *m)
{
	char name[8];

	memset(m, 0, sizeof(*m));
	for (int n = 0; n < NODES; n++) {
		snprintf(name, sizeof(name), "n%d", n);
		m->id[n] = n < GROUPS ? fixture_group(f, name) : fixture_person(f, name);
	}
}

/* Edges come and go, so that the graph stays between a few edges and so many that it is all cycle.
 */
static void
every_walk_equals_a_naive_one_whatever_the_edges(void **state)
{
	struct fixture *f = *state;
	struct model m;
	uint64_t seed = 20200925;

	make_nodes(f, &m);
	for (int sequence = 0; sequence < SEQUENCES; sequence++) {
		uint32_t keep = 1 + fixture_random_below(&seed, 3);

		for (int edit = 0; edit < EDITS; edit++) {
			uint32_t g = fixture_random_below(&seed, GROUPS),
				 n = fixture_random_below(&seed, NODES);
			bool present = fixture_random_below(&seed, 4) < keep;

			assert_int_equal(
			    fixture_edge(f, m.id[g], m.id[n], present), m.edge[g][n] != present);
			m.edge[g][n] = present;
		}
		close_model(&m);
		for (int n = 0; n < NODES; n++)
			compare_upward(f, &m, n);
		for (int g = 0; g < GROUPS; g++)
			compare_downward(f, &m, g);
		idm_arena_reset(f->arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_STORE(what_is_in_no_group_has_no_memberof),
		WITH_STORE(after_an_edge_is_cut_no_cycle_keeps_a_membership),
		WITH_STORE(a_group_may_list_itself),
		WITH_STORE(an_edge_that_is_there_changes_nothing),
		WITH_STORE(edges_that_are_gone_leave_no_rows),
		WITH_STORE(persons_and_accounts_are_in_their_groups_by_class),
		WITH_STORE(a_group_by_class_is_a_member_like_any_other),
		WITH_STORE(recycled_entries_are_in_no_group_by_class),
		WITH_STORE(a_group_by_class_takes_no_edges),
		WITH_STORE(high_privilege_comes_down_by_nesting_alone),
		WITH_STORE(members_are_found_in_each_window),
		WITH_STORE(a_group_of_many_windows_lists_groups_of_all),
		WITH_STORE(a_chain_of_a_hundred_groups_is_followed_to_its_end),
		WITH_STORE(a_thousand_groups_above_are_all_found),
		WITH_STORE(a_walk_without_memory_says_so),
		WITH_STORE(damaged_rows_are_corrupt),
		WITH_STORE(every_walk_equals_a_naive_one_whatever_the_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
