/*
 * What the record of changes is good for (CHANGES 1, 10-13): a second store that decodes and
 * applies it ends as the first one, derived data too, whatever is applied twice; and a copy taken
 * at any time goes on from there.  KANIDM_TEST_LONG=1: many more histories.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/change_log.h"
#include "core/due.h"
#include "core/token_store.h"
#include "core/verify.h"
#include "tests/support/follower.h"
#include "tests/support/temp_dir.h"

enum { NAMES = 12, STEPS = 220, STEPS_LONG = 2000, DAY_S = 24 * 3600 };

static unsigned
pick(unsigned count)
{
	return (unsigned)rand() % count;
}

static void
name_of(char kind, unsigned n, char out[16])
{
	snprintf(out, 16, "%c%u", kind, n);
}

static bool
is_there(struct realm *r, const char *name)
{
	struct idm_entry entry;
	bool there;

	realm_entry(r, "admin");
	there = idm_lookup_text(&r->read, idm_span_cstr(name), &entry, NULL) == IDM_OK;
	realm_done(r);
	return there;
}

/* --- changes of every kind; each may be refused, which is no change */

static void
create(struct realm *r, const char *name)
{
	if (name[0] == 'g')
		(void)realm_create(r, NULL, "class", "group", "name", name, NULL);
	else if (name[0] == 'd')
		(void)realm_create(r, NULL, "class", "group", "class", "dyngroup", "name", name,
		    "dyngroup_filter",
		    pick(2) == 0 ? "(class=posixaccount)" : "(class=service_account)", NULL);
	else
		(void)realm_create(r, NULL, "class", "account", "class",
		    name[0] == 's' ? "service_account" : "person", "name", name, "displayname",
		    name, NULL);
}

static void
change_values(struct realm *r, const char *name)
{
	char text[64];

	snprintf(text, sizeof(text), "m%u@example.org", pick(NAMES));
	switch (pick(6)) {
	case 0: (void)realm_modify(r, NULL, name, "=displayname", text, NULL); break;
	case 1: (void)realm_modify(r, NULL, name, "+mail", text, NULL); break;
	case 2: (void)realm_modify(r, NULL, name, "-mail", text, NULL); break;
	case 3:
		(void)realm_modify(r, NULL, name, "+class", "posixaccount", "=gidnumber",
		    pick(2) == 0 ? "70001" : "70002", NULL);
		break;
	case 4:
		(void)realm_modify(r, NULL, name, "-class", "posixaccount", "=gidnumber", "", NULL);
		break;
	default:
		(void)realm_modify(r, NULL, name, "=account_expire",
		    pick(2) == 0 ? "2040-01-01T00:00:00Z" : "", NULL);
	}
}

static void
change_members(struct realm *r, const char *group, const char *name)
{
	static const char *const kinds[] = { "+member", "+member", "-member", "=member" };

	(void)realm_modify(r, NULL, group, kinds[pick(4)], name, NULL);
	if (pick(4) == 0)
		(void)realm_modify(r, NULL, group, "=entry_managed_by", name, NULL);
}

static enum idm_result
run(struct realm *r, enum idm_operation operation, struct idm_uuid target)
{
	struct idm_identity console = realm_identity(r, NULL);
	struct idm_request request = { .operation = operation, .target = target };

	return realm_run(r, &console, &request);
}

/* Something that was deleted comes back, if it may. */
static void
revive_one(struct realm *r)
{
	struct idm_due due[64];
	struct idm_now now = r->now;
	uint64_t from = 0;
	size_t count;

	r->now.at_s += 1000 * DAY_S; /* so that all of them are found */
	realm_entry(r, "admin");
	assert_int_equal(idm_due_find(&r->read, &from, SIZE_MAX, due, 64, &count, &r->err), IDM_OK);
	realm_done(r);
	r->now = now;
	if (count != 0)
		(void)run(r, IDM_OP_REVIVE, due[pick((unsigned)count)].target);
}

static void
age(struct realm *r)
{
	struct idm_due due[64];
	uint64_t from = 0;
	size_t count;

	r->now.at_s += (1 + pick(3)) * DAY_S;
	realm_entry(r, "admin");
	assert_int_equal(idm_due_find(&r->read, &from, SIZE_MAX, due, 64, &count, &r->err), IDM_OK);
	realm_done(r);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(run(r, due[i].operation, due[i].target), IDM_OK);
}

/* A change set of a test's own making, as evaluation would number it. */
static void
apply_own(struct realm *r, struct idm_item *items, size_t count)
{
	struct idm_change_set set = { .at_s = r->now.at_s,
		.operation = IDM_OP_MODIFY,
		.source = IDM_SPAN_LIT("test"),
		.items = items,
		.item_count = count };
	struct idm_read read;
	struct idm_txn txn;
	uint64_t number;

	assert_true(idm_uuid_generate(&set.request_id));
	assert_int_equal(idm_store_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(
	    idm_store_get_number(&txn, IDM_DB_META, "applied", &number, &r->err), IDM_OK);
	set.no = number + 1;
	assert_int_equal(idm_read_attach(&txn, r->arena, r->now, &read, &r->err), IDM_OK);
	assert_int_equal(idm_change_apply(&read, &set, &r->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &r->err), IDM_OK);
}

static void
give_token(struct realm *r, const char *name)
{
	char text[IDM_TOKEN_TEXT];
	struct idm_uuid id;

	assert_int_equal(
	    realm_issue_token(r, NULL, name, "label", IDM_SCOPE_READ_ONLY, INT64_MAX, text, &id),
	    IDM_OK);
	if (pick(4) == 0)
		assert_int_equal(realm_destroy_token(r, NULL, name, &id), IDM_OK);
}

static void
step(struct realm *r)
{
	static const char kinds[] = "ppggsd";
	char name[16], other[16];

	name_of(kinds[pick(6)], pick(NAMES), name);
	name_of(kinds[pick(4)], pick(NAMES), other);
	r->now.at_s += pick(100);
	switch (pick(12)) {
	case 0: age(r); return;
	case 1: revive_one(r); return;
	case 2: name_of('g', pick(NAMES), name); break;
	default: break;
	}
	if (!is_there(r, name)) {
		create(r, name);
		return;
	}
	switch (pick(8)) {
	case 0: (void)realm_delete(r, NULL, name); break;
	case 1: (void)realm_modify(r, NULL, name, "=name", other, NULL); break;
	case 2:
		(void)realm_set_secret(r, NULL, name,
		    pick(2) == 0 ? IDM_ATTR_RADIUS_SECRET : IDM_ATTR_UNIX_PASSWORD, "secret");
		break;
	case 3:
		if (name[0] == 's')
			give_token(r, name);
		break;
	case 4: change_values(r, name); break;
	default:
		if (is_there(r, other))
			change_members(r, name, other);
	}
}

/* A high privilege group, so that some become it, and lose their tokens. */
static void
begin_history(struct realm *r)
{
	struct idm_uuid token;
	char text[IDM_TOKEN_TEXT];

	create(r, "s0");
	assert_int_equal(
	    realm_issue_token(r, NULL, "s0", "label", IDM_SCOPE_READ_ONLY, INT64_MAX, text, &token),
	    IDM_OK);
	realm_group(r, "g0");
	realm_person(r, "p0");
	assert_int_equal(realm_modify(r, NULL, "idm_admins", "+member", "g0", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "g0", "+member", "p0", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "g0", "+member", "s0", NULL), IDM_OK);
}

static void
make_history(struct realm *r, unsigned seed, unsigned steps)
{
	srand(seed);
	begin_history(r);
	for (unsigned i = 0; i < steps; i++)
		step(r);
}

static unsigned
steps(void)
{
	return getenv("KANIDM_TEST_LONG") != NULL ? STEPS_LONG : STEPS;
}

/* A history that lacks a kind of item proves nothing of it. */
static void
assert_every_kind(struct realm *r, uint64_t last)
{
	unsigned kinds = 0;

	for (uint64_t no = 2; no <= last; no++) {
		struct idm_change_set set;

		realm_entry(r, "admin");
		assert_int_equal(idm_change_log_get(&r->read, no, &set, &r->err), IDM_OK);
		for (size_t i = 0; i < set.item_count; i++)
			kinds |= 1U << set.items[i].kind;
		realm_done(r);
	}
	for (unsigned kind = IDM_ITEM_CREATE; kind <= IDM_ITEM_SESSION; kind++) {
		if ((kinds & 1U << kind) == 0)
			fail_msg("no item of kind %u in %u changes", kind, (unsigned)last);
	}
}

/* --- what follows from a record */

static void
a_second_store_ends_as_the_first_whatever_is_applied_twice(void **state)
{
	struct realm *r = *state;
	void *follower_state;
	struct realm *follower;
	uint64_t last;

	make_history(r, 1, steps());
	last = realm_applied(r);
	assert_true(last > steps() / 3);
	assert_every_kind(r, last);
	realm_setup_empty(&follower_state);
	follower = follower_state;
	for (uint64_t no = 1; no <= last; no++) {
		follower_apply(r, follower, no, no);
		follower_apply(r, follower, no < 3 ? 1 : no - 2, no); /* and again */
		if (no % 50 == 0)
			follower_apply(r, follower, 1, no);
	}
	assert_same_stores(r, follower);
	follower_apply(r, follower, 1, last / 2);
	assert_same_stores(r, follower);
	realm_teardown(&follower_state);
}

/* Whoever follows may take as many changes into a transaction as he likes. */
static void
how_changes_are_grouped_makes_no_difference(void **state)
{
	struct realm *r = *state;
	void *follower_state;
	struct realm *follower;
	uint64_t last, no = 1;

	make_history(r, 2, steps());
	last = realm_applied(r);
	realm_setup_empty(&follower_state);
	follower = follower_state;
	while (no <= last) {
		uint64_t to = no + pick(30);

		to = to > last ? last : to;
		follower_apply(r, follower, no, to);
		no = to + 1;
	}
	assert_same_stores(r, follower);
	realm_teardown(&follower_state);
}

/* CHANGES 27: a copy of identity.mdb is a legal start of another box. */
static void
a_copy_goes_on_from_where_it_was_taken(void **state)
{
	struct realm *r = *state;
	void *follower_state;
	struct realm *follower;
	char path[128];
	uint64_t at, last;

	make_history(r, 3, steps() / 2);
	realm_setup_empty(&follower_state);
	follower = follower_state;
	snprintf(path, sizeof(path), "%s/copy.mdb", follower->dir);
	assert_int_equal(idm_store_copy(r->store, path, &r->err), IDM_OK);
	at = realm_applied(r);
	for (unsigned i = 0; i < steps() / 2; i++)
		step(r);
	last = realm_applied(r);

	idm_store_close(&follower->store);
	assert_int_equal(idm_store_replace(follower->dir, (gid_t)-1, path, &follower->err), IDM_OK);
	assert_int_equal(
	    idm_store_open_writer(follower->dir, (gid_t)-1, &follower->store, &follower->err),
	    IDM_OK);
	follower_apply(r, follower, at - 3, last);
	assert_same_stores(r, follower);
	realm_teardown(&follower_state);
}

static void
tell_finding(void *ctx, enum idm_finding kind, const char *text)
{
	(void)ctx;
	print_message("%s: %s\n", idm_finding_name(kind), text);
}

static void
verify_finds_nothing_wrong_with_a_history(void **state)
{
	struct realm *r = *state;
	char identity[128], local[128];
	struct idm_verify ask = { .identity_path = identity,
		.local_path = local,
		.password_ring = r->password_ring,
		.radius_ring = r->radius_ring,
		.most = 20,
		.finding = tell_finding };
	struct idm_verify_totals totals;

	make_history(r, 4, steps());
	snprintf(identity, sizeof(identity), "%s/identity.mdb", r->dir);
	snprintf(local, sizeof(local), "%s/local.mdb", r->dir);
	idm_store_close(&r->store);
	if (idm_verify(&ask, &totals, &r->err) != IDM_OK)
		fail_msg("%s", r->err.text);
	assert_int_equal(totals.findings, 0);
}

static void
a_gap_in_the_numbers_is_refused(void **state)
{
	struct realm *r = *state;
	void *follower_state;
	struct realm *follower;
	struct idm_change_set set;
	struct idm_read read;
	struct idm_txn txn;

	realm_person(r, "alice");
	realm_person(r, "bob");
	realm_setup_empty(&follower_state);
	follower = follower_state;
	follower_apply(r, follower, 1, 1);
	realm_entry(r, "admin");
	assert_int_equal(idm_change_log_get(&r->read, 3, &set, &r->err), IDM_OK);
	realm_done(r);
	assert_int_equal(idm_store_write_begin(follower->store, &txn, &follower->err), IDM_OK);
	assert_int_equal(
	    idm_read_attach(&txn, follower->arena, follower->now, &read, &follower->err), IDM_OK);
	assert_int_equal(idm_change_apply(&read, &set, &follower->err), IDM_INVALID);
	idm_store_write_abort(&txn);
	realm_teardown(&follower_state);
}

/* --- single rules of applying */

/* CHANGES 7: all claims are released before any is taken. */
static void
two_names_are_swapped_by_one_change(void **state)
{
	struct realm *r = *state;
	const char *const names[] = { "alice", "bob" };
	struct idm_item items[2] = { { .kind = IDM_ITEM_MODIFY }, { .kind = IDM_ITEM_MODIFY } };
	struct idm_claim_change claims[2][2];
	struct idm_value values[2];
	struct idm_mod mods[2];
	struct idm_entry entry;
	struct idm_uuid uuids[2];

	realm_person(r, "alice");
	realm_person(r, "bob");
	for (int i = 0; i < 2; i++) {
		struct idm_span mine = idm_span_cstr(names[i]), other = idm_span_cstr(names[1 - i]);

		entry = realm_entry(r, names[i]);
		uuids[i] = items[i].uuid = entry.uuid;
		items[i].base = entry.version;
		realm_done(r);
		claims[i][0] =
		    (struct idm_claim_change){ IDM_CLAIM_NAME, false, IDM_ATTR_NAME, mine };
		claims[i][1] =
		    (struct idm_claim_change){ IDM_CLAIM_NAME, true, IDM_ATTR_NAME, other };
		items[i].claims = claims[i];
		items[i].claim_count = 2;
		values[i] = (struct idm_value){ other, other };
		mods[i] = (struct idm_mod){ IDM_MOD_SET, IDM_ATTR_NAME, &values[i], 1 };
		items[i].mods = &mods[i];
		items[i].mod_count = 1;
	}
	apply_own(r, items, 2);
	for (int i = 0; i < 2; i++) {
		entry = realm_entry(r, names[i]);
		assert_true(idm_uuid_equal(&entry.uuid, &uuids[1 - i]));
		realm_done(r);
	}
	/* Neither name rests: both have an owner. */
	assert_int_equal(realm_delete(r, NULL, "alice"), IDM_OK);
	assert_int_equal(realm_delete(r, NULL, "bob"), IDM_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(a_second_store_ends_as_the_first_whatever_is_applied_twice),
		T(how_changes_are_grouped_makes_no_difference),
		T(a_copy_goes_on_from_where_it_was_taken),
		T(verify_finds_nothing_wrong_with_a_history),
		T(a_gap_in_the_numbers_is_refused),
		T(two_names_are_swapped_by_one_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
