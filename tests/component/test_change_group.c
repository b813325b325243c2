/* Many changes in one commit, and requests that come twice (CHANGES 1, 14; DESIGN 4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "core/change_log.h"
#include "tests/support/realm.h"

#define SELF_WRITE_UUID "00000000-0000-0000-0000-0000ac000002"

static bool
exists(struct realm *r, const char *name)
{
	struct idm_entry entry;
	enum idm_result result;

	realm_entry(r, "admin");
	result = idm_lookup_text(&r->read, idm_span_cstr(name), &entry, &r->err);
	realm_done(r);
	return result == IDM_OK;
}

static void
one_that_fails_leaves_no_trace_and_the_others_are_kept(void **state)
{
	struct realm *r = *state;
	uint64_t first = realm_applied(r);
	char name[16];

	realm_group_begin(r);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		realm_person(r, name);
		assert_int_equal(r->set.no, first + (uint64_t)i + 1);
		/* Refused late, when much was looked at; and early. */
		assert_int_equal(
		    realm_create(r, NULL, "class", "group", "name", name, NULL), IDM_EXISTS);
		assert_int_equal(r->set.no, 0);
		assert_int_equal(realm_create(r, "admin", "class", "account", "class", "person",
				     "name", "nope", "displayname", "x", NULL),
		    IDM_DENIED);
	}
	realm_group_commit(r);
	assert_int_equal(realm_applied(r), first + 20);
	assert_true(exists(r, "user0"));
	assert_true(exists(r, "user19"));
	assert_false(exists(r, "nope"));
	assert_true(realm_is_memberof(r, "user7", "idm_all_persons"));
}

static void
each_is_decided_on_what_the_one_before_left(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	realm_group(r, "staff");
	realm_group_begin(r);
	assert_int_equal(realm_modify(r, NULL, "staff", "+member", "alice", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "staff", "-member", "alice", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "staff", "-member", "alice", NULL), IDM_CONSTRAINT);
	assert_int_equal(realm_modify(r, NULL, "alice", "=name", "alice2", NULL), IDM_OK);
	realm_group(r, "freed");
	assert_int_equal(realm_modify(r, NULL, "alice", "=name", "freed", NULL), IDM_EXISTS);
	assert_int_equal(
	    realm_modify(r, "admin", "idm_service_desk", "+member", "alice2", NULL), IDM_OK);
	/* By now alice is out of idm_admin's reach. */
	assert_int_equal(
	    realm_modify(r, "idm_admin", "alice", "=displayname", "x", NULL), IDM_DENIED);
	realm_group_commit(r);
	assert_true(exists(r, "alice2"));
	assert_false(exists(r, "alice"));
	assert_false(realm_is_memberof(r, "alice2", "staff"));
}

static void
a_group_that_is_not_committed_never_was(void **state)
{
	struct realm *r = *state;
	uint64_t first = realm_applied(r);
	uint8_t before[32], after[32];

	realm_person(r, "alice");
	realm_digest(r, before);
	realm_group_begin(r);
	assert_int_equal(
	    realm_modify(r, NULL, SELF_WRITE_UUID, "=acp_enable", "false", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, "alice", "alice", "=displayname", "x", NULL), IDM_DENIED);
	realm_group_abort(r);
	realm_digest(r, after);
	assert_memory_equal(before, after, sizeof(before));
	assert_int_equal(realm_applied(r), first + 1);
	/* The number is given out again, to another change. */
	assert_int_equal(realm_modify(r, "alice", "alice", "=displayname", "x", NULL), IDM_OK);
	assert_int_equal(r->set.no, first + 2);
}

/* A request to replace alice's displayname by "A". */
static struct idm_request
rename_alice(struct realm *r)
{
	static struct idm_span value = IDM_SPAN_LIT("A");
	static struct idm_request_mod mod = { IDM_REQUEST_REPLACE, NULL, &value, 1 };
	struct idm_request request = { .id = { { 0x77 } },
		.operation = IDM_OP_MODIFY,
		.target = realm_uuid(r, "alice"),
		.mods = &mod,
		.mod_count = 1 };

	mod.attr = idm_schema_attr(idm_schema_builtin(), IDM_SPAN_LIT("displayname"));
	return request;
}

static void
a_request_that_comes_again_is_answered_and_not_done_again(void **state)
{
	struct realm *r = *state;
	struct idm_identity console = realm_identity(r, NULL);
	struct idm_request request;
	struct idm_entry entry;
	uint64_t no;

	realm_person(r, "alice");
	request = rename_alice(r);
	assert_int_equal(realm_run(r, &console, &request), IDM_OK);
	no = r->set.no;
	assert_int_equal(realm_modify(r, NULL, "alice", "=displayname", "B", NULL), IDM_OK);
	assert_int_equal(realm_run(r, &console, &request), IDM_OK);
	assert_int_equal(r->set.no, no); /* the first answer */
	assert_int_equal(r->set.item_count, 0);
	entry = realm_entry(r, "alice");
	assert_true(idm_span_is(idm_entry_text(&entry, IDM_ATTR_DISPLAYNAME), "B"));
	realm_done(r);
	assert_int_equal(realm_applied(r), no + 1);
}

static void
a_request_that_comes_twice_in_one_group_is_done_once(void **state)
{
	struct realm *r = *state;
	struct idm_identity console = realm_identity(r, NULL);
	struct idm_request request;
	uint64_t no;

	realm_person(r, "alice");
	no = realm_applied(r);
	request = rename_alice(r);
	realm_group_begin(r);
	assert_int_equal(realm_run(r, &console, &request), IDM_OK);
	assert_int_equal(realm_run(r, &console, &request), IDM_OK);
	assert_int_equal(r->set.no, no + 1);
	assert_int_equal(r->set.item_count, 0);
	realm_group_commit(r);
	assert_int_equal(realm_applied(r), no + 1);
}

static void
a_request_that_was_refused_may_succeed_later(void **state)
{
	struct realm *r = *state;
	struct idm_identity alice;
	struct idm_request request;

	realm_person(r, "alice");
	alice = realm_identity(r, "alice");
	request = rename_alice(r);
	alice.privileged_until_s = 0;
	assert_int_equal(realm_run(r, &alice, &request), IDM_DENIED);
	alice.privileged_until_s = INT64_MAX;
	assert_int_equal(realm_run(r, &alice, &request), IDM_OK);
	assert_int_not_equal(r->set.no, 0);
}

/* The pages that it was decided on are gone by then. */
static void
a_change_set_outlives_its_group(void **state)
{
	struct realm *r = *state;
	struct idm_identity console = realm_identity(r, NULL);
	struct idm_arena *kept = idm_arena_new(1024 * 1024), *other = r->arena;
	struct idm_change_set set;
	char name[16];

	assert_non_null(kept);
	realm_person(r, "alice");
	realm_group_begin(r);
	assert_int_equal(realm_modify(r, NULL, "alice", "=mail", "a@example.org", NULL), IDM_OK);
	{
		struct idm_span value = IDM_SPAN_LIT("bob"), mail = IDM_SPAN_LIT("b@example.org");
		struct idm_request_mod mods[] = {
			{ IDM_REQUEST_REPLACE, NULL, &value, 1 },
			{ IDM_REQUEST_REPLACE, NULL, &mail, 1 },
		};
		struct idm_request request = { .operation = IDM_OP_MODIFY,
			.target = realm_uuid(r, "alice"),
			.mods = mods,
			.mod_count = 2 };

		mods[0].attr = idm_schema_attr(idm_schema_builtin(), IDM_SPAN_LIT("name"));
		mods[1].attr = idm_schema_attr(idm_schema_builtin(), IDM_SPAN_LIT("mail"));
		r->arena = kept;
		assert_int_equal(realm_run(r, &console, &request), IDM_OK);
		set = r->set;
		r->arena = other;
	}
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "other%d", i);
		realm_person(r, name);
		assert_int_equal(realm_modify(r, NULL, "alice", "=name", "carol", "=mail",
				     "c@example.org", NULL),
		    IDM_OK);
		assert_int_equal(
		    realm_modify(r, NULL, "alice", "=name", "david", "=mail", "", NULL), IDM_OK);
	}
	realm_group_commit(r);
	assert_int_equal(set.item_count, 1);
	assert_int_equal(set.items[0].claim_count, 4);
	assert_false(set.items[0].claims[0].take);
	assert_true(idm_span_is(set.items[0].claims[0].norm, "alice"));
	assert_true(idm_span_is(set.items[0].claims[1].norm, "a@example.org"));
	assert_true(idm_span_is(set.items[0].claims[2].norm, "bob"));
	assert_true(idm_span_is(set.items[0].claims[3].norm, "b@example.org"));
	idm_arena_free(&kept);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(one_that_fails_leaves_no_trace_and_the_others_are_kept),
		T(each_is_decided_on_what_the_one_before_left),
		T(a_group_that_is_not_committed_never_was),
		T(a_request_that_comes_again_is_answered_and_not_done_again),
		T(a_request_that_comes_twice_in_one_group_is_done_once),
		T(a_request_that_was_refused_may_succeed_later),
		T(a_change_set_outlives_its_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
