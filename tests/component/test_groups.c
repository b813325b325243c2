/* What a process knows of groups is that of its snapshot, whatever it has kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/closure.h"
#include "core/groups.h"
#include "tests/support/fixture.h"

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

enum { CHAIN = 100, SMALL_BYTES = 64 * 1024 };

static void
use(struct fixture *f, struct idm_groups *groups)
{
	assert_int_equal(idm_groups_use(groups, &f->read, &f->err), IDM_OK);
}

static struct idm_ids
memberof(struct fixture *f, uint64_t id)
{
	struct idm_entry entry = fixture_entry(f, id);
	struct idm_ids ids;

	assert_int_equal(idm_closure_memberof(&f->read, &entry, &ids, &f->err), IDM_OK);
	return ids;
}

static struct idm_ids
below(struct fixture *f, uint64_t id)
{
	struct idm_ids ids;

	assert_int_equal(idm_closure_groups_below(&f->read, id, &ids, &f->err), IDM_OK);
	return ids;
}

static void
assert_same(struct idm_ids a, struct idm_ids b)
{
	assert_int_equal(a.count, b.count);
	for (size_t i = 0; i < a.count; i++)
		assert_int_equal(a.ids[i], b.ids[i]);
}

/* A chain of groups, the first at its top; the last lists alice. */
static void
make_chain(struct fixture *f, uint64_t groups[CHAIN], uint64_t *alice)
{
	char name[16];

	for (int i = 0; i < CHAIN; i++) {
		snprintf(name, sizeof(name), "g%d", i);
		groups[i] = fixture_group(f, name);
		if (i > 0)
			fixture_edge(f, groups[i - 1], groups[i], true);
	}
	*alice = fixture_person(f, "alice");
	fixture_edge(f, groups[CHAIN - 1], *alice, true);
}

static void
what_is_kept_is_what_a_walk_finds(void **state)
{
	struct fixture *f = *state;
	struct idm_groups *groups = idm_groups_new(IDM_GROUPS_BYTES);
	struct idm_ids known;
	uint64_t chain[CHAIN], alice;

	make_chain(f, chain, &alice);
	fixture_edge(f, chain[CHAIN - 1], chain[0], true); /* a cycle of all */
	fixture_commit_then_read(f);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < CHAIN; i += 7) {
			struct idm_ids walked, walked_below;

			f->read.groups = NULL;
			walked = memberof(f, chain[i]);
			walked_below = below(f, chain[i]);
			use(f, groups);
			assert_same(memberof(f, chain[i]), walked);
			assert_same(below(f, chain[i]), walked_below);
			assert_int_equal(walked.count, CHAIN);
		}
	}
	assert_true(idm_groups_find(groups, IDM_GROUPS_BELOW, chain[0], &known));
	assert_int_equal(memberof(f, alice).count, CHAIN + 2);
	idm_groups_free(&groups);
}

static void
an_edge_that_comes_or_goes_is_seen_by_the_next_read(void **state)
{
	struct fixture *f = *state;
	struct idm_groups *groups = idm_groups_new(IDM_GROUPS_BYTES);
	uint64_t chain[CHAIN], alice;

	make_chain(f, chain, &alice);
	fixture_commit_then_read(f);
	use(f, groups);
	assert_int_equal(memberof(f, alice).count, CHAIN + 2);
	assert_int_equal(below(f, chain[0]).count, CHAIN);

	fixture_read_then_write(f);
	fixture_edge(f, chain[49], chain[50], false);
	fixture_commit_then_read(f);
	use(f, groups);
	assert_int_equal(memberof(f, alice).count, CHAIN - 50 + 2);
	assert_int_equal(below(f, chain[0]).count, 50);

	fixture_read_then_write(f);
	fixture_edge(f, chain[49], chain[50], true);
	fixture_commit_then_read(f);
	use(f, groups);
	assert_int_equal(memberof(f, alice).count, CHAIN + 2);
	idm_groups_free(&groups);
}

/* An account joins: nothing that is known of groups has changed, and it is in them at once. */
static void
an_account_that_joins_is_a_member_at_once(void **state)
{
	struct fixture *f = *state;
	struct idm_groups *groups = idm_groups_new(IDM_GROUPS_BYTES);
	struct idm_ids known;
	uint64_t chain[CHAIN], alice, bob = fixture_person(f, "bob");

	make_chain(f, chain, &alice);
	fixture_commit_then_read(f);
	use(f, groups);
	assert_int_equal(memberof(f, alice).count, CHAIN + 2);
	fixture_read_then_write(f);
	fixture_edge(f, chain[CHAIN - 1], bob, true);
	fixture_commit_then_read(f);
	use(f, groups);
	assert_true(idm_groups_find(groups, IDM_GROUPS_ABOVE, chain[CHAIN - 1], &known));
	assert_int_equal(memberof(f, bob).count, CHAIN + 2);
	idm_groups_free(&groups);
}

static void
used_up_memory_changes_no_answer(void **state)
{
	struct fixture *f = *state;
	struct idm_groups *groups = idm_groups_new(SMALL_BYTES);
	struct idm_ids ids;
	uint64_t chain[CHAIN], alice;
	size_t kept = 0;

	make_chain(f, chain, &alice);
	fixture_commit_then_read(f);
	use(f, groups);
	for (int i = 0; i < CHAIN; i++) {
		assert_int_equal(memberof(f, chain[i]).count, i);
		assert_int_equal(below(f, chain[i]).count, CHAIN - i);
	}
	for (int i = 0; i < CHAIN; i++) {
		kept += idm_groups_find(groups, IDM_GROUPS_ABOVE, chain[i], &ids);
		kept += idm_groups_find(groups, IDM_GROUPS_BELOW, chain[i], &ids);
	}
	assert_in_range(kept, 1, 2 * CHAIN - 1);
	use(f, groups); /* the next read begins anew */
	assert_false(idm_groups_find(groups, IDM_GROUPS_BELOW, chain[0], &ids));
	assert_int_equal(below(f, chain[0]).count, CHAIN);
	assert_true(idm_groups_find(groups, IDM_GROUPS_BELOW, chain[0], &ids));
	idm_groups_free(&groups);
}

static void
a_list_that_would_push_out_all_others_is_not_kept(void **state)
{
	struct idm_groups *groups = idm_groups_new(SMALL_BYTES);
	uint64_t many[SMALL_BYTES / 8] = { 1 };
	struct idm_ids ids = { many, SMALL_BYTES / 8, SMALL_BYTES / 8 };

	(void)state;
	idm_groups_keep(groups, IDM_GROUPS_ABOVE, 1, &ids);
	assert_false(idm_groups_find(groups, IDM_GROUPS_ABOVE, 1, &ids));
	ids.count = 3;
	idm_groups_keep(groups, IDM_GROUPS_ABOVE, 2, &ids);
	assert_true(idm_groups_find(groups, IDM_GROUPS_ABOVE, 2, &ids));
	assert_int_equal(ids.count, 3);
	assert_false(idm_groups_find(groups, IDM_GROUPS_BELOW, 2, &ids));
	idm_groups_free(&groups);
}

/* A restored database counts its changes anew: the same generation is not the same groups. */
static void
another_data_file_is_not_taken_for_the_one_before(void **state)
{
	struct fixture *f = *state;
	struct idm_groups *groups = idm_groups_new(IDM_GROUPS_BYTES);
	uint64_t chain[CHAIN], alice;
	struct fixture other;

	fixture_open(&other);
	make_chain(f, chain, &alice);
	fixture_commit_then_read(f);
	make_chain(&other, chain, &alice);
	fixture_edge(&other, chain[0], chain[1], false);
	fixture_edge(&other, chain[1], chain[0], true);
	assert_int_equal(idm_store_put_number(
			     &other.txn, IDM_DB_META, "generation.groups", CHAIN - 1, &other.err),
	    IDM_OK);
	fixture_commit_then_read(&other);

	use(f, groups);
	assert_int_equal(below(f, chain[0]).count, CHAIN);
	use(&other, groups);
	assert_int_equal(below(&other, chain[0]).count, 1);
	use(f, groups);
	assert_int_equal(below(f, chain[0]).count, CHAIN);
	fixture_close(&other);
	idm_groups_free(&groups);
}

static bool
is_hp(struct fixture *f, uint64_t id)
{
	struct idm_entry entry = fixture_entry(f, id);
	bool out;

	assert_int_equal(idm_closure_is_hp(&f->read, &entry, &out, &f->err), IDM_OK);
	return out;
}

/* After some questions all who are high privilege are found out at once: the answers stay. */
static void
high_privilege_is_told_alike_however_often_it_is_asked(void **state)
{
	struct fixture *f = *state;
	struct idm_groups *groups = idm_groups_new(IDM_GROUPS_BYTES);
	uint64_t chain[CHAIN], alice, bob = fixture_person(f, "bob");

	make_chain(f, chain, &alice);
	fixture_edge(f, chain[3], bob, true);
	fixture_edge(f, f->read.high_privilege_id, chain[50], true);
	fixture_edge(f, f->read.high_privilege_id, f->read.high_privilege_id, true);
	fixture_commit_then_read(f);
	use(f, groups);
	for (int i = 0; i < 5 * CHAIN; i++) {
		assert_int_equal(is_hp(f, chain[i % CHAIN]), i % CHAIN >= 50);
		assert_true(is_hp(f, alice));
		assert_false(is_hp(f, bob));
	}
	assert_true(is_hp(f, f->read.high_privilege_id));

	fixture_read_then_write(f); /* an account leaves: no edge between groups changes */
	fixture_edge(f, chain[CHAIN - 1], alice, false);
	fixture_edge(f, chain[CHAIN - 1], bob, true);
	fixture_commit_then_read(f);
	use(f, groups);
	for (int i = 0; i < 100; i++) {
		assert_false(is_hp(f, alice));
		assert_true(is_hp(f, bob));
	}
	idm_groups_free(&groups);
}

/* For as many reads as see one commit, and for none that sees another. */
static void
what_hangs_on_accounts_is_kept_for_one_commit(void **state)
{
	struct fixture *f = *state;
	struct idm_groups *groups = idm_groups_new(IDM_GROUPS_BYTES);
	uint64_t alice = fixture_person(f, "alice");
	struct idm_ids all;
	bool ask;

	fixture_edge(f, f->read.high_privilege_id, alice, true);
	fixture_commit_then_read(f);
	for (int i = 0; i < 50; i++) {
		use(f, groups);
		assert_true(is_hp(f, alice));
	}
	use(f, groups);
	assert_true(idm_groups_find_hp(groups, &all, &ask));
	assert_true(idm_ids_has(&all, alice));
	assert_true(idm_groups_find_direct(groups, alice, f->read.arena, &all));

	fixture_read_then_write(f);
	fixture_person(f, "bob"); /* whatever it is */
	fixture_commit_then_read(f);
	use(f, groups);
	assert_false(idm_groups_find_hp(groups, &all, &ask));
	assert_false(idm_groups_find_direct(groups, alice, f->read.arena, &all));
	idm_groups_free(&groups);
}

/* More of them than are kept: each is asked about by itself. */
static void
many_of_high_privilege_are_told_too(void **state)
{
	struct fixture *f = *state;
	struct idm_groups *groups = idm_groups_new(IDM_GROUPS_BYTES);
	uint64_t group = fixture_group(f, "admins"), bob = fixture_person(f, "bob"), last = 0;
	char name[16];

	fixture_edge(f, f->read.high_privilege_id, group, true);
	for (int i = 0; i <= IDM_GROUPS_HP_MAX; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		last = fixture_person(f, name);
		fixture_edge(f, group, last, true);
	}
	fixture_commit_then_read(f);
	use(f, groups);
	for (int i = 0; i < 100; i++) {
		assert_true(is_hp(f, last));
		assert_false(is_hp(f, bob));
	}
	idm_groups_free(&groups);
}

static void
a_read_without_it_finds_out_by_itself(void **state)
{
	struct fixture *f = *state;
	uint64_t chain[CHAIN], alice;

	make_chain(f, chain, &alice);
	fixture_commit_then_read(f);
	use(f, NULL);
	assert_null(f->read.groups);
	assert_int_equal(memberof(f, alice).count, CHAIN + 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_STORE(what_is_kept_is_what_a_walk_finds),
		WITH_STORE(an_edge_that_comes_or_goes_is_seen_by_the_next_read),
		WITH_STORE(an_account_that_joins_is_a_member_at_once),
		WITH_STORE(used_up_memory_changes_no_answer),
		cmocka_unit_test(a_list_that_would_push_out_all_others_is_not_kept),
		WITH_STORE(another_data_file_is_not_taken_for_the_one_before),
		WITH_STORE(high_privilege_is_told_alike_however_often_it_is_asked),
		WITH_STORE(what_hangs_on_accounts_is_kept_for_one_commit),
		WITH_STORE(many_of_high_privilege_are_told_too),
		WITH_STORE(a_read_without_it_finds_out_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
