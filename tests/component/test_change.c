/* Changes as clients ask for them: what is decided, and what stands in the store afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "core/index.h"
#include "tests/support/realm.h"

static void
a_new_database_holds_the_built_in_entries(void **state)
{
	struct realm *r = *state;

	assert_true(realm_is_memberof(r, "idm_admin", "idm_people_read_priv"));
	assert_true(realm_is_memberof(r, "idm_admin", "idm_high_privilege"));
	assert_true(realm_is_memberof(r, "admin", "idm_hp_group_write_priv"));
	assert_true(realm_is_memberof(r, "anonymous", "idm_all_accounts"));
	assert_false(realm_is_memberof(r, "anonymous", "idm_high_privilege"));
	assert_false(realm_is_memberof(r, "admin", "idm_people_manage_priv"));
	assert_true(realm_is_memberof(r, "idm_high_privilege", "idm_high_privilege"));
}

static void
idm_admin_creates_a_person_and_admin_may_not(void **state)
{
	struct realm *r = *state;

	assert_int_equal(realm_create(r, "admin", "class", "account", "class", "person", "name",
			     "demo_user", "displayname", "Demo", NULL),
	    IDM_DENIED);
	assert_int_equal(realm_create(r, "idm_admin", "class", "account", "class", "person", "name",
			     "demo_user", "displayname", "Demo", NULL),
	    IDM_OK);
	assert_true(realm_is_memberof(r, "demo_user", "idm_all_persons"));
	assert_true(realm_is_memberof(r, "demo_user", "idm_all_accounts"));
}

static void
a_name_is_held_once(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	assert_int_equal(
	    realm_create(r, NULL, "class", "group", "name", "Alice", NULL), IDM_EXISTS);
	assert_string_equal(
	    r->err.client_text, "name alice is taken by another entry: choose another");
	assert_int_equal(realm_modify(r, NULL, "alice", "=mail", "a@example.com", NULL), IDM_OK);
	realm_person(r, "bob");
	assert_int_equal(
	    realm_modify(r, NULL, "bob", "+mail", "A@example.com", NULL), IDM_CONSTRAINT);
}

static void
names_and_mails_do_not_cross(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	realm_person(r, "bob");
	assert_int_equal(
	    realm_modify(r, NULL, "bob", "+mail", "alice@" REALM_DOMAIN, NULL), IDM_CONSTRAINT);
	assert_int_equal(
	    realm_modify(r, NULL, "bob", "+mail", "carol@" REALM_DOMAIN, NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "alice", "=name", "carol", NULL), IDM_CONSTRAINT);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "+mail", "alice@" REALM_DOMAIN, NULL), IDM_OK);
}

static void
denied_names_are_refused(void **state)
{
	struct realm *r = *state;

	assert_int_equal(
	    realm_create(r, NULL, "class", "group", "name", "wheel", NULL), IDM_CONSTRAINT);
}

static void
a_cut_edge_leaves_no_membership_in_a_cycle(void **state)
{
	struct realm *r = *state;

	realm_group(r, "a");
	realm_group(r, "b");
	realm_group(r, "x");
	assert_int_equal(realm_modify(r, NULL, "a", "+member", "b", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "b", "+member", "a", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "x", "+member", "a", NULL), IDM_OK);
	assert_true(realm_is_memberof(r, "b", "x"));
	assert_int_equal(realm_modify(r, NULL, "x", "-member", "a", NULL), IDM_OK);
	assert_false(realm_is_memberof(r, "a", "x"));
	assert_false(realm_is_memberof(r, "b", "x"));
}

static void
an_unknown_member_is_named(void **state)
{
	struct realm *r = *state;

	realm_group(r, "a");
	assert_int_equal(
	    realm_modify(r, NULL, "a", "+member", "nobody_here", NULL), IDM_CONSTRAINT);
	assert_non_null(strstr(r->err.client_text, "nobody_here"));
}

static void
the_last_word_about_a_member_counts(void **state)
{
	struct realm *r = *state;

	realm_group(r, "a");
	realm_person(r, "alice");
	assert_int_equal(
	    realm_modify(r, NULL, "a", "+member", "alice", "-member", "alice", NULL), IDM_OK);
	assert_false(realm_is_memberof(r, "alice", "a"));
	assert_int_equal(realm_modify(r, NULL, "a", "+member", "alice", NULL), IDM_OK);
	assert_int_equal(
	    realm_modify(r, NULL, "a", "-member", "alice", "+member", "alice", NULL), IDM_OK);
	assert_true(realm_is_memberof(r, "alice", "a"));
	assert_int_equal(realm_modify(r, NULL, "a", "=member", "admin", NULL), IDM_OK);
	assert_false(realm_is_memberof(r, "alice", "a"));
	assert_true(realm_is_memberof(r, "admin", "a"));
	assert_int_equal(realm_modify(r, NULL, "a", "-member", "", NULL), IDM_OK);
	assert_false(realm_is_memberof(r, "admin", "a"));
}

static void
built_in_entries_are_protected(void **state)
{
	struct realm *r = *state;

	assert_int_equal(realm_delete(r, NULL, "admin"), IDM_PROTECTED);
	assert_int_equal(realm_modify(r, NULL, "admin", "=name", "boss", NULL), IDM_PROTECTED);
	assert_int_equal(
	    realm_modify(r, NULL, "idm_all_persons", "+member", "admin", NULL), IDM_PROTECTED);
	assert_int_equal(
	    realm_modify(r, NULL, "idm_all_persons", "=dyngroup_filter", "(class=group)", NULL),
	    IDM_PROTECTED);
	assert_int_equal(realm_modify(r, NULL, "idm_high_privilege", "-member", "idm_admins", NULL),
	    IDM_PROTECTED);
	assert_int_equal(
	    realm_modify(r, NULL, "idm_high_privilege", "-member", "", NULL), IDM_PROTECTED);
	assert_int_equal(realm_set_secret(r, NULL, "anonymous", IDM_ATTR_PRIMARY_CREDENTIAL, "x"),
	    IDM_PROTECTED);
}

static void
a_dynamic_group_stays_out_of_high_privilege(void **state)
{
	struct realm *r = *state;

	realm_group(r, "plain");
	assert_int_equal(
	    realm_modify(r, NULL, "plain", "+member", "idm_all_persons", NULL), IDM_OK);
	assert_int_equal(
	    realm_modify(r, NULL, "idm_people_read_priv", "+member", "plain", NULL), IDM_PROTECTED);
	assert_false(realm_is_memberof(r, "plain", "idm_high_privilege"));
}

static void
high_privilege_is_out_of_reach_of_ordinary_rights(void **state)
{
	struct realm *r = *state;

	assert_int_equal(
	    realm_modify(r, "idm_admin", "admin", "=displayname", "Eve", NULL), IDM_DENIED);
	assert_int_equal(
	    realm_modify(r, "idm_admin", "idm_admins", "+member", "idm_admin", NULL), IDM_DENIED);
	realm_person(r, "alice");
	assert_int_equal(
	    realm_modify(r, "idm_admin", "alice", "=displayname", "Alice A.", NULL), IDM_OK);
	assert_int_equal(
	    realm_modify(r, "admin", "idm_service_desk", "+member", "alice", NULL), IDM_OK);
	assert_int_equal(r->set.item_count, 1); /* who has no token needs no item */
	assert_true((r->set.items[0].flags & IDM_ITEM_FLAG_PRIVILEGE) != 0);
	assert_int_equal(
	    realm_modify(r, "idm_admin", "alice", "=displayname", "Eve", NULL), IDM_DENIED);
}

static void
computed_attributes_are_not_written(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "+memberof", "idm_admins", NULL), IDM_DENIED);
	assert_int_equal(realm_modify(r, NULL, "alice", "=spn", "x@y.example", NULL), IDM_DENIED);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "=uuid", "6c1c2d53-43e0-4c57-9b3c-6f3a9a4d0001", NULL),
	    IDM_DENIED);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "=primary_credential", "set", NULL), IDM_DENIED);
	assert_int_equal(realm_modify(r, NULL, "alice", "+class", "recycled", NULL), IDM_DENIED);
}

static void
a_deleted_entry_leaves_its_groups_and_its_name_rests(void **state)
{
	struct realm *r = *state;
	struct idm_uuid uuid;
	struct idm_entry entry;

	realm_person(r, "alice");
	realm_person(r, "bob");
	realm_group(r, "staff");
	assert_int_equal(realm_modify(r, NULL, "staff", "+member", "alice", NULL), IDM_OK);
	assert_int_equal(
	    realm_modify(r, NULL, "staff", "=entry_managed_by", "alice", NULL), IDM_OK);
	uuid = realm_uuid(r, "alice");
	assert_int_equal(realm_delete(r, "idm_admin", "alice"), IDM_OK);
	assert_int_equal(r->set.items[0].kind, IDM_ITEM_RECYCLE);
	assert_int_equal(r->set.items[0].flags & IDM_ITEM_REVOKES, IDM_ITEM_REVOKES);

	entry = realm_entry(r, "staff");
	assert_false(idm_entry_has(&entry, IDM_ATTR_ENTRY_MANAGED_BY));
	assert_int_equal(
	    idm_lookup_text(&r->read, IDM_SPAN_LIT("alice"), &entry, NULL), IDM_NOT_FOUND);
	assert_int_equal(idm_lookup_uuid(&r->read, &uuid, &entry, NULL), IDM_OK);
	assert_true(idm_entry_has_class(&entry, "recycled"));
	assert_true(idm_entry_has(&entry, IDM_ATTR_RECYCLED_DIRECTMEMBEROF));
	realm_done(r);

	assert_int_equal(realm_modify(r, "bob", "bob", "=name", "alice", NULL), IDM_CONSTRAINT);
	r->now.at_s += IDM_NAME_REST_S;
	assert_int_equal(realm_modify(r, "bob", "bob", "=name", "alice", NULL), IDM_OK);
}

static void
a_group_that_names_itself_everywhere_is_deleted_like_any_other(void **state)
{
	struct realm *r = *state;

	realm_group(r, "selfish");
	realm_group(r, "other");
	assert_int_equal(realm_modify(r, NULL, "selfish", "+member", "selfish", "+member", "admin",
			     "=entry_managed_by", "selfish", NULL),
	    IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "other", "+member", "selfish", "=entry_managed_by",
			     "selfish", NULL),
	    IDM_OK);
	assert_true(realm_is_memberof(r, "admin", "other"));
	assert_int_equal(realm_delete(r, NULL, "selfish"), IDM_OK);
	assert_false(realm_is_memberof(r, "admin", "other"));
	realm_group(r, "selfish");
	assert_false(realm_is_memberof(r, "admin", "selfish"));
}

static void
a_person_has_his_old_name_back(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	assert_int_equal(realm_modify(r, "alice", "alice", "=name", "alice2", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, "alice2", "alice2", "=name", "alice", NULL), IDM_OK);
}

static void
a_required_group_can_not_be_deleted(void **state)
{
	struct realm *r = *state;
	struct idm_uuid domain = idm_uuid_builtin(IDM_BUILTIN_DOMAIN_INFO);
	char text[IDM_UUID_TEXT];

	idm_uuid_format(&domain, text);
	realm_group(r, "wifi");
	assert_int_equal(
	    realm_modify(r, NULL, text, "=radius_required_group", "wifi", NULL), IDM_OK);
	assert_int_equal(realm_delete(r, NULL, "wifi"), IDM_CONSTRAINT);
}

static void
a_lost_update_is_impossible(void **state)
{
	struct realm *r = *state;
	struct idm_change_set set;
	struct idm_txn txn;
	struct idm_read read;

	realm_person(r, "alice");
	assert_int_equal(realm_modify(r, NULL, "alice", "=displayname", "A", NULL), IDM_OK);
	/* The same change set again, under the next number: its base is no longer there. */
	set = r->set;
	set.no++;
	assert_true(idm_uuid_generate(&set.request_id));
	assert_int_equal(idm_store_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(idm_read_attach(&txn, r->arena, r->now, &read, &r->err), IDM_OK);
	assert_int_equal(idm_change_apply(&read, &set, &r->err), IDM_BUSY);
	idm_store_write_abort(&txn);
}

static void
a_failed_change_leaves_no_trace_in_its_group(void **state)
{
	struct realm *r = *state;
	uint8_t before[32], after[32];

	realm_person(r, "alice");
	realm_digest(r, before);
	assert_int_equal(
	    realm_create(r, NULL, "class", "group", "name", "alice", NULL), IDM_EXISTS);
	assert_int_equal(
	    realm_create(r, NULL, "class", "group", "name", "g1", "mail", "x@y.org", NULL),
	    IDM_SCHEMA);
	realm_digest(r, after);
	assert_memory_equal(before, after, 32);
}

/* Is anything sealed for this account's RADIUS secret? */
static bool
is_sealed(struct realm *r, const char *name)
{
	struct idm_entry entry = realm_entry(r, name);
	struct idm_span blob;
	uint8_t key[12];
	enum idm_result result;

	idm_store_u64(entry.id, key);
	idm_store_u32(IDM_ATTR_RADIUS_SECRET, key + 8);
	result =
	    idm_store_get(&r->txn, IDM_DB_SECRETS, idm_span_of(key, sizeof(key)), &blob, &r->err);
	assert_int_equal(idm_entry_has(&entry, IDM_ATTR_RADIUS_SECRET), result == IDM_OK);
	realm_done(r);
	return result == IDM_OK;
}

static void
a_secret_is_removed_with_its_marker_by_a_request_that_has_none(void **state)
{
	struct realm *r = *state;
	struct idm_request_secret removal = { .attr_number = IDM_ATTR_RADIUS_SECRET };
	struct idm_request request = {
		.operation = IDM_OP_MODIFY, .secrets = &removal, .secret_count = 1
	};
	struct idm_identity alice;

	realm_person(r, "alice");
	assert_int_equal(realm_set_secret(r, NULL, "alice", IDM_ATTR_RADIUS_SECRET, "s"), IDM_OK);
	assert_true(is_sealed(r, "alice"));
	request.target = realm_uuid(r, "alice");
	alice = realm_identity(r, "alice");
	assert_int_equal(realm_run(r, &alice, &request), IDM_OK);
	assert_false(is_sealed(r, "alice"));

	request.id = (struct idm_uuid){ { 0 } };
	assert_int_equal(realm_run(r, &alice, &request), IDM_OK); /* and what is not there */
	assert_false(is_sealed(r, "alice"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(a_new_database_holds_the_built_in_entries),
		T(a_secret_is_removed_with_its_marker_by_a_request_that_has_none),
		T(idm_admin_creates_a_person_and_admin_may_not),
		T(a_name_is_held_once),
		T(names_and_mails_do_not_cross),
		T(denied_names_are_refused),
		T(a_cut_edge_leaves_no_membership_in_a_cycle),
		T(an_unknown_member_is_named),
		T(the_last_word_about_a_member_counts),
		T(built_in_entries_are_protected),
		T(a_dynamic_group_stays_out_of_high_privilege),
		T(high_privilege_is_out_of_reach_of_ordinary_rights),
		T(computed_attributes_are_not_written),
		T(a_deleted_entry_leaves_its_groups_and_its_name_rests),
		T(a_group_that_names_itself_everywhere_is_deleted_like_any_other),
		T(a_person_has_his_old_name_back),
		T(a_required_group_can_not_be_deleted),
		T(a_lost_update_is_impossible),
		T(a_failed_change_leaves_no_trace_in_its_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
