/*
 * The recycle bin (SPEC 11.6): what a deleted entry leaves, who may revive it, what comes back with
 * it, and how it ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/change_log.h"
#include "core/closure.h"
#include "core/rest.h"
#include "core/token_store.h"
#include "tests/support/realm.h"

enum { DAY_S = 24 * 3600 };

static enum idm_result
run(struct realm *r, const char *actor, enum idm_operation operation, struct idm_uuid target)
{
	struct idm_identity identity = realm_identity(r, actor);
	struct idm_request request = { .operation = operation, .target = target };

	return realm_run(r, &identity, &request);
}

static enum idm_result
revive(struct realm *r, const char *actor, struct idm_uuid target)
{
	return run(r, actor, IDM_OP_REVIVE, target);
}

/* Delete by the console; the uuid to revive it by. */
static struct idm_uuid
recycle(struct realm *r, const char *name)
{
	struct idm_uuid uuid = realm_uuid(r, name);

	assert_int_equal(realm_delete(r, NULL, name), IDM_OK);
	return uuid;
}

static void
add_member(struct realm *r, const char *group, const char *member)
{
	assert_int_equal(realm_modify(r, NULL, group, "+member", member, NULL), IDM_OK);
}

/* The entry of a uuid, live or not, in r->read; ends with realm_done. */
static enum idm_result
look_at(struct realm *r, struct idm_uuid uuid, struct idm_entry *out)
{
	realm_entry(r, "admin");
	return idm_lookup_uuid(&r->read, &uuid, out, &r->err);
}

static bool
is_recycled(struct realm *r, struct idm_uuid uuid)
{
	struct idm_entry entry;
	bool is;

	assert_int_equal(look_at(r, uuid, &entry), IDM_OK);
	is = idm_entry_has_class(&entry, "recycled");
	realm_done(r);
	return is;
}

/* Who may revive: a member of idm_recycle_bin_admins that is nothing else. */
static void
make_keeper(struct realm *r)
{
	realm_person(r, "keeper");
	add_member(r, "idm_recycle_bin_admins", "keeper");
}

static struct idm_uuid
give_token(struct realm *r, const char *name)
{
	struct idm_token_row row = { .account = realm_uuid(r, name),
		.kind = IDM_TOKEN_API,
		.expire_s = INT64_MAX,
		.label = IDM_SPAN_LIT("label") };
	char text[IDM_TOKEN_TEXT];
	struct idm_txn txn;

	assert_true(idm_token_generate(text, &row));
	idm_arena_reset(r->arena);
	assert_int_equal(idm_store_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(
	    idm_token_put(&txn, &row.id, idm_token_row_encode(&row, r->arena), &r->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &r->err), IDM_OK);
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
	assert_true(result == IDM_OK || result == IDM_NOT_FOUND);
	return result == IDM_OK;
}

/* --- what comes back */

static void
a_revived_person_has_name_values_password_and_direct_groups_back(void **state)
{
	struct realm *r = *state;
	struct idm_uuid uuid;
	struct idm_entry entry;

	make_keeper(r);
	realm_person(r, "alice");
	realm_group(r, "staff");
	realm_group(r, "outer");
	add_member(r, "staff", "alice");
	add_member(r, "outer", "staff");
	assert_int_equal(realm_modify(r, NULL, "alice", "+mail", "a@example.org", NULL), IDM_OK);
	assert_int_equal(realm_set_secret(r, NULL, "alice", IDM_ATTR_RADIUS_SECRET, "s"), IDM_OK);
	uuid = recycle(r, "alice");
	assert_false(realm_is_memberof(r, "keeper", "staff"));

	assert_int_equal(revive(r, "keeper", uuid), IDM_OK);
	assert_null(r->set.note);
	entry = realm_entry(r, "alice");
	assert_true(idm_uuid_equal(&entry.uuid, &uuid));
	assert_true(idm_entry_has(&entry, IDM_ATTR_RADIUS_SECRET));
	assert_false(idm_entry_has(&entry, IDM_ATTR_RECYCLED_DIRECTMEMBEROF));
	assert_int_equal(
	    idm_lookup_mail(&r->read, IDM_SPAN_LIT("a@example.org"), &entry, &r->err), IDM_OK);
	realm_done(r);
	assert_true(realm_is_memberof(r, "alice", "staff"));
	assert_true(realm_is_memberof(r, "alice", "outer"));
	assert_true(realm_is_memberof(r, "alice", "idm_all_persons"));
}

static void
a_revived_group_has_its_members_back(void **state)
{
	struct realm *r = *state;
	struct idm_uuid staff, bob;

	realm_person(r, "alice");
	realm_person(r, "bob");
	realm_group(r, "staff");
	realm_group(r, "inner");
	add_member(r, "staff", "alice");
	add_member(r, "staff", "bob");
	add_member(r, "staff", "inner");
	add_member(r, "staff", "staff");
	staff = recycle(r, "staff");
	bob = recycle(r, "bob");
	assert_int_equal(revive(r, NULL, staff), IDM_OK);
	assert_true(realm_is_memberof(r, "alice", "staff"));
	assert_true(realm_is_memberof(r, "inner", "staff"));
	/* Who was deleted meanwhile comes back into it, once he comes back. */
	assert_int_equal(revive(r, NULL, bob), IDM_OK);
	assert_true(realm_is_memberof(r, "bob", "staff"));
}

static void
the_order_of_deleting_and_reviving_does_not_matter(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	realm_group(r, "staff");
	add_member(r, "staff", "alice");
	for (int order = 0; order < 4; order++) {
		struct idm_uuid uuids[2];

		uuids[0] = recycle(r, order % 2 == 0 ? "alice" : "staff");
		uuids[1] = recycle(r, order % 2 == 0 ? "staff" : "alice");
		assert_int_equal(revive(r, NULL, uuids[order / 2]), IDM_OK);
		assert_int_equal(revive(r, NULL, uuids[1 - order / 2]), IDM_OK);
		if (!realm_is_memberof(r, "alice", "staff"))
			fail_msg("order %d", order);
	}
}

static void
what_was_deleted_for_good_meanwhile_does_not_come_back(void **state)
{
	struct realm *r = *state;
	struct idm_uuid alice, staff;

	realm_person(r, "alice");
	realm_group(r, "staff");
	realm_group(r, "other");
	add_member(r, "staff", "alice");
	add_member(r, "other", "alice");
	staff = realm_uuid(r, "staff");
	alice = recycle(r, "alice");
	r->now.at_s += DAY_S;
	recycle(r, "staff");
	r->now.at_s += 8 * DAY_S;
	assert_int_equal(run(r, NULL, IDM_OP_TOMBSTONE, staff), IDM_OK);
	assert_int_equal(revive(r, NULL, alice), IDM_OK); /* nobody's clock ended that yet */
	assert_true(realm_is_memberof(r, "alice", "other"));
}

static void
tokens_and_sessions_stay_gone(void **state)
{
	struct realm *r = *state;
	struct idm_uuid uuid, mine, others;

	assert_int_equal(realm_create(r, NULL, "class", "account", "class", "service_account",
			     "name", "robot", "displayname", "R", NULL),
	    IDM_OK);
	realm_person(r, "alice");
	mine = give_token(r, "robot");
	others = give_token(r, "alice");
	assert_true(has_token(r, &mine));
	uuid = recycle(r, "robot");
	assert_int_equal(r->set.items[0].flags & IDM_ITEM_REVOKES, IDM_ITEM_REVOKES);
	assert_int_equal(revive(r, NULL, uuid), IDM_OK);
	assert_false(has_token(r, &mine));
	assert_true(has_token(r, &others));
}

/* --- who may */

static void
only_who_keeps_the_recycle_bin_revives(void **state)
{
	struct realm *r = *state;
	struct idm_uuid uuid;

	make_keeper(r);
	realm_person(r, "alice");
	realm_person(r, "bob");
	uuid = recycle(r, "alice");
	assert_int_equal(revive(r, "bob", uuid), IDM_NOT_FOUND);
	assert_string_equal(r->err.client_text, "no matching entries");
	assert_int_equal(revive(r, "idm_admin", uuid), IDM_NOT_FOUND);
	assert_true(is_recycled(r, uuid));
	assert_int_equal(revive(r, "keeper", uuid), IDM_OK);
	assert_int_equal(revive(r, "keeper", uuid), IDM_NOT_FOUND); /* it is not in there now */
	assert_int_equal(revive(r, NULL, realm_uuid(r, "bob")), IDM_NOT_FOUND);
}

static void
a_deleted_administrator_comes_back_without_privilege(void **state)
{
	struct realm *r = *state;
	struct idm_uuid uuid;

	make_keeper(r);
	realm_person(r, "alice");
	realm_group(r, "staff");
	add_member(r, "staff", "alice");
	add_member(r, "idm_admins", "alice");
	add_member(r, "system_admins", "alice");
	uuid = recycle(r, "alice");
	assert_int_equal(revive(r, "keeper", uuid), IDM_OK);
	assert_non_null(strstr(r->set.note, "2 high privilege groups"));
	assert_false(realm_is_memberof(r, "alice", "idm_high_privilege"));
	assert_true(realm_is_memberof(r, "alice", "staff"));
	/* And nothing of it is left to come back some other time. */
	uuid = recycle(r, "alice");
	assert_int_equal(revive(r, NULL, uuid), IDM_OK);
	assert_false(realm_is_memberof(r, "alice", "idm_high_privilege"));
}

static void
who_may_write_high_privilege_groups_brings_them_back(void **state)
{
	struct realm *r = *state;
	struct idm_uuid uuid;

	realm_person(r, "alice");
	add_member(r, "idm_admins", "alice");
	uuid = recycle(r, "alice");
	assert_int_equal(revive(r, "admin", uuid), IDM_OK); /* of both groups */
	assert_null(r->set.note);
	assert_true(realm_is_memberof(r, "alice", "idm_admins"));
}

static void
a_group_that_became_high_privilege_meanwhile_counts_as_that(void **state)
{
	struct realm *r = *state;
	struct idm_uuid alice, staff;

	make_keeper(r);
	realm_person(r, "alice");
	realm_group(r, "staff");
	realm_group(r, "inner");
	add_member(r, "staff", "alice");
	add_member(r, "staff", "inner");
	alice = recycle(r, "alice");
	add_member(r, "idm_admins", "staff");
	assert_int_equal(revive(r, "keeper", alice), IDM_OK);
	assert_non_null(r->set.note);
	assert_false(realm_is_memberof(r, "alice", "staff"));

	/* A group that comes back without its high privilege has its members, who have none. */
	add_member(r, "staff", "alice");
	staff = recycle(r, "staff");
	assert_int_equal(revive(r, "keeper", staff), IDM_OK);
	assert_true(realm_is_memberof(r, "alice", "staff"));
	assert_false(realm_is_memberof(r, "alice", "idm_admins"));
}

static void
members_who_become_high_privilege_by_a_revival_lose_their_tokens(void **state)
{
	struct realm *r = *state;
	struct idm_uuid staff, token;

	realm_person(r, "alice");
	realm_group(r, "staff");
	add_member(r, "staff", "alice");
	add_member(r, "idm_admins", "staff");
	staff = recycle(r, "staff");
	token = give_token(r, "alice"); /* given while alice had no privilege */
	assert_int_equal(revive(r, "admin", staff), IDM_OK);
	assert_true(realm_is_memberof(r, "alice", "idm_admins"));
	assert_false(has_token(r, &token));
}

static void
a_dynamic_group_does_not_come_back_into_a_high_privilege_group(void **state)
{
	struct realm *r = *state;
	struct idm_uuid dynamic, outer;

	assert_int_equal(realm_create(r, NULL, "class", "group", "class", "dyngroup", "name",
			     "everyone", "dyngroup_filter", "(class=person)", NULL),
	    IDM_OK);
	realm_group(r, "plain");
	realm_group(r, "outer");
	add_member(r, "plain", "everyone");
	add_member(r, "outer", "everyone");
	dynamic = recycle(r, "everyone");
	add_member(r, "idm_admins", "plain");
	assert_int_equal(revive(r, NULL, dynamic), IDM_OK);
	assert_non_null(r->set.note);
	assert_false(realm_is_memberof(r, "everyone", "plain"));
	assert_true(realm_is_memberof(r, "everyone", "outer"));

	/* Nor by way of the group that it is in. */
	outer = recycle(r, "outer");
	assert_int_equal(realm_modify(r, NULL, "plain", "-member", "", NULL), IDM_OK);
	assert_int_equal(revive(r, NULL, outer), IDM_OK);
	assert_true(realm_is_memberof(r, "everyone", "outer"));
}

/* --- names */

static void
a_name_that_was_taken_meanwhile_is_named(void **state)
{
	struct realm *r = *state;
	struct idm_uuid uuid;

	realm_person(r, "alice");
	assert_int_equal(realm_modify(r, NULL, "alice", "+mail", "a@example.org", NULL), IDM_OK);
	uuid = recycle(r, "alice");
	realm_group(r, "alice");
	assert_int_equal(revive(r, NULL, uuid), IDM_EXISTS);
	assert_string_equal(r->err.client_text,
	    "name alice is taken by another entry: let that one give it up, then revive this one");
	assert_true(is_recycled(r, uuid));

	assert_int_equal(realm_modify(r, NULL, "alice", "=name", "alices", NULL), IDM_OK);
	realm_person(r, "bob");
	assert_int_equal(realm_modify(r, NULL, "bob", "+mail", "A@example.org", NULL), IDM_OK);
	assert_int_equal(revive(r, NULL, uuid), IDM_CONSTRAINT);
	assert_non_null(strstr(r->err.client_text, "mail a@example.org is taken"));
	assert_int_equal(realm_modify(r, NULL, "bob", "-mail", "", NULL), IDM_OK);
	assert_int_equal(revive(r, NULL, uuid), IDM_OK);
}

static void
names_and_mails_do_not_cross_by_a_revival(void **state)
{
	struct realm *r = *state;
	struct idm_uuid alice, bob;

	realm_person(r, "alice");
	realm_person(r, "bob");
	assert_int_equal(
	    realm_modify(r, NULL, "bob", "+mail", "carol@" REALM_DOMAIN, NULL), IDM_OK);
	alice = recycle(r, "alice");
	bob = recycle(r, "bob");
	realm_person(r, "dave");
	assert_int_equal(
	    realm_modify(r, NULL, "dave", "+mail", "alice@" REALM_DOMAIN, NULL), IDM_OK);
	assert_int_equal(revive(r, NULL, alice), IDM_CONSTRAINT);
	realm_person(r, "carol");
	assert_int_equal(revive(r, NULL, bob), IDM_CONSTRAINT);
}

static void
two_deleted_entries_of_one_name_are_told_apart_by_uuid(void **state)
{
	struct realm *r = *state;
	struct idm_uuid first, second;
	struct idm_entry entry;

	realm_person(r, "alice");
	first = recycle(r, "alice");
	realm_person(r, "alice");
	second = recycle(r, "alice");
	assert_int_equal(revive(r, NULL, first), IDM_OK);
	assert_int_equal(revive(r, NULL, second), IDM_EXISTS);
	entry = realm_entry(r, "alice");
	assert_true(idm_uuid_equal(&entry.uuid, &first));
	realm_done(r);
}

/* --- the end */

static void
nothing_but_a_revival_reaches_a_deleted_entry(void **state)
{
	struct realm *r = *state;
	struct idm_uuid uuid;
	const struct idm_span value = IDM_SPAN_LIT("x");
	const struct idm_request_mod mod = { IDM_REQUEST_REPLACE,
		idm_schema_attr(idm_schema_builtin(), IDM_SPAN_LIT("displayname")), &value, 1 };
	struct idm_request request = { .operation = IDM_OP_MODIFY, .mods = &mod, .mod_count = 1 };
	struct idm_identity console = realm_identity(r, NULL);

	realm_person(r, "alice");
	uuid = recycle(r, "alice");
	request.target = uuid;
	assert_int_equal(realm_run(r, &console, &request), IDM_NOT_FOUND);
	assert_int_equal(run(r, NULL, IDM_OP_DELETE, uuid), IDM_NOT_FOUND);
	assert_int_equal(run(r, NULL, IDM_OP_PURGE, uuid), IDM_NOT_FOUND);
	assert_int_equal(run(r, NULL, IDM_OP_BOOTSTRAP, uuid), IDM_NOT_FOUND);
	realm_group(r, "staff");
	assert_int_equal(realm_modify(r, NULL, "staff", "+member", "alice", NULL), IDM_CONSTRAINT);
}

static void
an_entry_becomes_a_tombstone_and_is_gone_each_after_seven_days(void **state)
{
	struct realm *r = *state;
	struct idm_uuid uuid;
	struct idm_entry entry;
	struct idm_span blob;
	uint64_t id;

	make_keeper(r);
	realm_person(r, "alice");
	assert_int_equal(realm_set_secret(r, NULL, "alice", IDM_ATTR_RADIUS_SECRET, "s"), IDM_OK);
	uuid = recycle(r, "alice");
	assert_int_equal(run(r, "keeper", IDM_OP_TOMBSTONE, uuid), IDM_DENIED);
	r->now.at_s += IDM_RECYCLED_S - 1;
	assert_int_equal(run(r, NULL, IDM_OP_TOMBSTONE, uuid), IDM_CONSTRAINT);
	r->now = (struct idm_now){ r->now.at_s + 1, false };
	assert_int_equal(run(r, NULL, IDM_OP_TOMBSTONE, uuid), IDM_CONSTRAINT);
	r->now.trusted = true;
	assert_int_equal(run(r, NULL, IDM_OP_TOMBSTONE, uuid), IDM_OK);

	assert_int_equal(look_at(r, uuid, &entry), IDM_OK);
	assert_true(idm_entry_has_class(&entry, "tombstone"));
	assert_false(idm_entry_has_class(&entry, "person"));
	assert_false(idm_entry_has(&entry, IDM_ATTR_NAME));
	assert_false(idm_entry_has(&entry, IDM_ATTR_RADIUS_SECRET));
	id = entry.id;
	assert_int_equal(
	    idm_lookup_secret(&r->read, id, IDM_ATTR_RADIUS_SECRET, &blob, &r->err), IDM_NOT_FOUND);
	realm_done(r);
	assert_int_equal(revive(r, NULL, uuid), IDM_NOT_FOUND);

	r->now.at_s += IDM_TOMBSTONE_S - 1;
	assert_int_equal(run(r, NULL, IDM_OP_PURGE, uuid), IDM_CONSTRAINT);
	r->now.at_s++;
	assert_int_equal(run(r, "keeper", IDM_OP_PURGE, uuid), IDM_DENIED);
	assert_int_equal(run(r, NULL, IDM_OP_PURGE, uuid), IDM_OK);
	assert_int_equal(look_at(r, uuid, &entry), IDM_NOT_FOUND);
	assert_int_equal(idm_lookup_id(&r->read, id, &entry, &r->err), IDM_NOT_FOUND);
	realm_done(r);
	assert_int_equal(run(r, NULL, IDM_OP_PURGE, uuid), IDM_NOT_FOUND);
}

static void
purge(struct realm *r, const char *name)
{
	struct idm_uuid uuid = recycle(r, name);

	r->now.at_s += IDM_RECYCLED_S;
	assert_int_equal(run(r, NULL, IDM_OP_TOMBSTONE, uuid), IDM_OK);
	r->now.at_s += IDM_TOMBSTONE_S;
	assert_int_equal(run(r, NULL, IDM_OP_PURGE, uuid), IDM_OK);
}

static void
ids_are_not_given_out_again(void **state)
{
	struct realm *r = *state;
	uint64_t last = 0;

	for (int i = 0; i < 5; i++) {
		uint64_t id;

		realm_person(r, "alice");
		id = realm_entry(r, "alice").id;
		realm_done(r);
		assert_true(id > last);
		last = id;
		purge(r, "alice");
	}
}

/* What is stored besides `changes` and what counts them: all that an entry could leave behind. */
static size_t
count_records(struct realm *r)
{
	size_t n = 0;

	realm_entry(r, "admin");
	for (enum idm_db db = IDM_DB_META; db < IDM_DB_CHANGES; db++) {
		struct idm_cursor cursor;
		struct idm_span key, value;

		assert_int_equal(
		    idm_cursor_open(&r->txn, db, IDM_SPAN_EMPTY, &cursor, &r->err), IDM_OK);
		while (idm_cursor_next(&cursor, &key, &value, &r->err) == IDM_OK)
			n++;
		idm_cursor_close(&cursor);
	}
	realm_done(r);
	return n;
}

static void
nothing_is_left_of_what_was_purged(void **state)
{
	struct realm *r = *state;
	size_t before, edges;

	realm_group(r, "outer");
	realm_person(r, "bob");
	purge(r, "outer"); /* so that meta holds what it holds from then on */
	before = count_records(r);
	realm_person(r, "alice");
	realm_group(r, "staff");
	add_member(r, "staff", "alice");
	add_member(r, "staff", "bob");
	assert_int_equal(realm_modify(r, NULL, "alice", "+mail", "a@example.org", NULL), IDM_OK);
	assert_int_equal(realm_set_secret(r, NULL, "alice", IDM_ATTR_RADIUS_SECRET, "s"), IDM_OK);
	assert_int_equal(
	    realm_modify(r, NULL, "staff", "=entry_managed_by", "alice", NULL), IDM_OK);
	give_token(r, "alice");
	edges = count_records(r);
	assert_true(edges > before);
	purge(r, "alice");
	purge(r, "staff");
	assert_int_equal(count_records(r), before);
}

/* --- changing meanwhile */

static void
a_group_shows_by_its_time_that_a_member_went(void **state)
{
	struct realm *r = *state;
	struct idm_entry entry;
	struct idm_uuid alice, staff;

	realm_person(r, "alice");
	realm_group(r, "staff");
	realm_group(r, "old");
	add_member(r, "staff", "alice");
	assert_int_equal(realm_modify(r, NULL, "old", "=entry_managed_by", "alice", NULL), IDM_OK);
	staff = recycle(r, "old");
	r->now.at_s += 100;
	alice = recycle(r, "alice");
	entry = realm_entry(r, "staff");
	assert_int_equal(idm_entry_datetime(&entry, IDM_ATTR_LAST_MODIFIED, 0), REALM_NOW_S + 100);
	/* One that is deleted itself keeps the time from which its days are counted. */
	assert_int_equal(look_at(r, staff, &entry), IDM_OK);
	assert_false(idm_entry_has(&entry, IDM_ATTR_ENTRY_MANAGED_BY));
	assert_int_equal(idm_entry_datetime(&entry, IDM_ATTR_LAST_MODIFIED, 0), REALM_NOW_S);
	realm_done(r);
	(void)alice;
}

static void
a_large_group_goes_and_comes_back(void **state)
{
	struct realm *r = *state;
	struct idm_uuid uuid;
	char name[16];

	realm_group(r, "big");
	realm_group_begin(r);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		realm_person(r, name);
	}
	realm_group_commit(r);
	for (int i = 0; i < 300; i += 12) {
		char names[12][16];

		for (int k = 0; k < 12; k++)
			snprintf(names[k], sizeof(names[k]), "p%d", i + k);
		assert_int_equal(
		    realm_modify(r, NULL, "big", "+member", names[0], "+member", names[1],
			"+member", names[2], "+member", names[3], "+member", names[4], "+member",
			names[5], "+member", names[6], "+member", names[7], "+member", names[8],
			"+member", names[9], "+member", names[10], "+member", names[11], NULL),
		    IDM_OK);
	}
	uuid = recycle(r, "big");
	assert_int_equal(revive(r, NULL, uuid), IDM_OK);
	for (int i = 0; i < 300; i += 50) {
		snprintf(name, sizeof(name), "p%d", i);
		assert_true(realm_is_memberof(r, name, "big"));
	}
}

static void
a_manager_of_very_many_is_deleted_in_one_change(void **state)
{
	struct realm *r = *state;
	struct idm_entry entry;
	char name[16];

	realm_person(r, "boss");
	realm_group_begin(r);
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "g%d", i);
		assert_int_equal(realm_create(r, NULL, "class", "group", "name", name,
				     "entry_managed_by", "boss", NULL),
		    IDM_OK);
	}
	realm_group_commit(r);
	recycle(r, "boss");
	assert_int_equal(r->set.item_count, 2001);
	entry = realm_entry(r, "g1999");
	assert_false(idm_entry_has(&entry, IDM_ATTR_ENTRY_MANAGED_BY));
	realm_done(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(a_revived_person_has_name_values_password_and_direct_groups_back),
		T(a_revived_group_has_its_members_back),
		T(the_order_of_deleting_and_reviving_does_not_matter),
		T(what_was_deleted_for_good_meanwhile_does_not_come_back),
		T(tokens_and_sessions_stay_gone),
		T(only_who_keeps_the_recycle_bin_revives),
		T(a_deleted_administrator_comes_back_without_privilege),
		T(who_may_write_high_privilege_groups_brings_them_back),
		T(a_group_that_became_high_privilege_meanwhile_counts_as_that),
		T(members_who_become_high_privilege_by_a_revival_lose_their_tokens),
		T(a_dynamic_group_does_not_come_back_into_a_high_privilege_group),
		T(a_name_that_was_taken_meanwhile_is_named),
		T(names_and_mails_do_not_cross_by_a_revival),
		T(two_deleted_entries_of_one_name_are_told_apart_by_uuid),
		T(nothing_but_a_revival_reaches_a_deleted_entry),
		T(an_entry_becomes_a_tombstone_and_is_gone_each_after_seven_days),
		T(ids_are_not_given_out_again),
		T(nothing_is_left_of_what_was_purged),
		T(a_group_shows_by_its_time_that_a_member_went),
		T(a_large_group_goes_and_comes_back),
		T(a_manager_of_very_many_is_deleted_in_one_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
