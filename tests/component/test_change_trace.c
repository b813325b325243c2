/*
 * A change that fails leaves no trace, whatever rule it fails at (DESIGN 4): not alone, where the
 * whole store is as before, nor between others that share its commit, where a second store that
 * only hears of those ends as the first one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/follower.h"

static struct idm_uuid deleted; /* carol, whose name another has by now */

#define NEW_PERSON "class", "account", "class", "person"

static enum idm_result
request(struct realm *r, const char *actor, const struct idm_request *what)
{
	struct idm_identity identity = realm_identity(r, actor);
	struct idm_request copy = *what;

	return realm_run(r, &identity, &copy);
}

/* --- each breaks one rule */

#define CREATE(name, actor, ...)                                                                   \
	static enum idm_result name(struct realm *r)                                               \
	{                                                                                          \
		return realm_create(r, actor, __VA_ARGS__, NULL);                                  \
	}
#define MODIFY(name, actor, target, ...)                                                           \
	static enum idm_result name(struct realm *r)                                               \
	{                                                                                          \
		return realm_modify(r, actor, target, __VA_ARGS__, NULL);                          \
	}
#define DELETE(name, actor, target)                                                                \
	static enum idm_result name(struct realm *r)                                               \
	{                                                                                          \
		return realm_delete(r, actor, target);                                             \
	}
#define SECRET(name, target, attr)                                                                 \
	static enum idm_result name(struct realm *r)                                               \
	{                                                                                          \
		return realm_set_secret(r, NULL, target, attr, "secret");                          \
	}

/* syntax and schema */
CREATE(bad_name, NULL, NEW_PERSON, "name", "1abc", "displayname", "x")
CREATE(no_display_name, NULL, NEW_PERSON, "name", "new")
CREATE(unknown_class, NULL, "class", "spaceship", "name", "new")
CREATE(no_structural_class, NULL, "class", "account", "name", "new", "displayname", "x")
CREATE(two_structural_classes, NULL, "class", "group", "class", "account", "class", "person",
    "name", "new", "displayname", "x")
CREATE(attribute_of_another_class, NULL, "class", "group", "name", "new", "mail", "x@example.org")
MODIFY(two_values_of_one, NULL, "alice", "+displayname", "second")
MODIFY(bad_time, NULL, "alice", "=account_expire", "tomorrow")
MODIFY(bad_mail, NULL, "alice", "+mail", "no address")
MODIFY(remove_a_must, NULL, "alice", "-displayname", "")
/* what no request writes */
MODIFY(write_computed, NULL, "alice", "+memberof", "staff")
MODIFY(write_system, NULL, "alice", "=created", "2020-01-01T00:00:00Z")
MODIFY(write_sessions, NULL, "alice", "+user_session", "x")
MODIFY(write_a_credential, NULL, "alice", "=primary_credential", "set")
MODIFY(write_recycled, NULL, "alice", "+class", "recycled")
MODIFY(change_the_kind, NULL, "alice", "-class", "person", "+class", "group")
/* names and other unique values */
CREATE(taken_name, NULL, "class", "group", "name", "alice")
CREATE(denied_name, NULL, "class", "group", "name", "root")
MODIFY(resting_name, "bob", "bob", "=name", "carol2")
MODIFY(name_of_a_mail, NULL, "bob", "=name", "postbox")
MODIFY(taken_mail, NULL, "bob", "+mail", "a@example.org")
MODIFY(mail_of_a_spn, NULL, "bob", "+mail", "alice@" REALM_DOMAIN)
MODIFY(taken_gid, NULL, "bob", "+class", "posixaccount", "=gidnumber", "70001")
MODIFY(reserved_gid, NULL, "bob", "+class", "posixaccount", "=gidnumber", "100")
/* references and members */
MODIFY(unknown_manager, NULL, "staff", "=entry_managed_by", "nobody_here")
MODIFY(unknown_member, NULL, "staff", "+member", "bob", "+member", "nobody_here")
MODIFY(member_of_a_person, NULL, "alice", "+member", "bob")
MODIFY(member_that_is_none, NULL, "staff", "-member", "bob")
MODIFY(member_of_everybody, NULL, "idm_all_persons", "+member", "alice")
MODIFY(dynamic_into_privilege, NULL, "idm_admins", "+member", "idm_all_persons")
CREATE(members_at_once, NULL, "class", "group", "name", "new", "member", "alice")
MODIFY(filter_on_what_follows, NULL, "dynamic", "=dyngroup_filter", "(memberof=staff)")
/* built-in entries */
MODIFY(rename_built_in, NULL, "admin", "=name", "boss")
MODIFY(lower_privilege, NULL, "idm_high_privilege", "-member", "idm_admins")
DELETE(delete_built_in, NULL, "idm_admins")
SECRET(secret_of_anonymous, "anonymous", IDM_ATTR_PRIMARY_CREDENTIAL)
SECRET(chosen_password_of_a_service, "robot", IDM_ATTR_PRIMARY_CREDENTIAL)
SECRET(secret_of_a_group, "staff", IDM_ATTR_RADIUS_SECRET)
/* rights */
CREATE(create_without_right, "alice", NEW_PERSON, "name", "new", "displayname", "x")
MODIFY(modify_without_right, "alice", "bob", "=displayname", "x")
MODIFY(raise_oneself, "idm_admin", "idm_high_privilege", "+member", "alice")
DELETE(delete_without_right, "bob", "alice")
/* profiles and schema */
CREATE(profile_without_target, NULL, "class", "access_control_profile", "name", "new",
    "acp_receiver", "idm_admins", "acp_search", "name", "acp_enable", "true")
CREATE(profile_for_ordinary_group, NULL, "class", "access_control_profile", "name", "new",
    "acp_receiver", "staff", "acp_target", "(class=person)", "acp_modify_present", "displayname",
    "acp_enable", "true")
CREATE(attribute_that_is_there, NULL, "class", "attributetype", "attributetype_name", "mail",
    "attributetype_syntax", "utf8")
DELETE(delete_what_radius_requires, NULL, "radius")

static enum idm_result
stale_base(struct realm *r)
{
	const struct idm_span value = IDM_SPAN_LIT("x");
	const struct idm_request_mod mod = { IDM_REQUEST_REPLACE,
		idm_schema_attr(idm_schema_builtin(), IDM_SPAN_LIT("displayname")), &value, 1 };

	return request(r, NULL,
	    &(struct idm_request){ .operation = IDM_OP_MODIFY,
		.target = realm_uuid(r, "alice"),
		.base = 1,
		.mods = &mod,
		.mod_count = 1 });
}

static enum idm_result
delete_with_stale_base(struct realm *r)
{
	return request(r, NULL,
	    &(struct idm_request){
		.operation = IDM_OP_DELETE, .target = realm_uuid(r, "alice"), .base = 1 });
}

static enum idm_result
revive_under_a_taken_name(struct realm *r)
{
	return request(
	    r, NULL, &(struct idm_request){ .operation = IDM_OP_REVIVE, .target = deleted });
}

static enum idm_result
revive_without_right(struct realm *r)
{
	return request(
	    r, "alice", &(struct idm_request){ .operation = IDM_OP_REVIVE, .target = deleted });
}

static enum idm_result
age_too_early(struct realm *r)
{
	return request(
	    r, NULL, &(struct idm_request){ .operation = IDM_OP_TOMBSTONE, .target = deleted });
}

static enum idm_result
purge_what_is_no_tombstone(struct realm *r)
{
	return request(
	    r, NULL, &(struct idm_request){ .operation = IDM_OP_PURGE, .target = deleted });
}

static enum idm_result
change_what_is_not_there(struct realm *r)
{
	return request(r, NULL,
	    &(struct idm_request){ .operation = IDM_OP_MODIFY, .target = { { 1, 2, 3 } } });
}

/* More values than an entry has room for. */
static enum idm_result
too_large_an_entry(struct realm *r)
{
	enum { VALUES = 1100, BYTES = 1000 };
	static struct idm_span values[VALUES];
	static char texts[VALUES][BYTES + 1];
	const struct idm_request_mod mod = { IDM_REQUEST_ADD,
		idm_schema_attr(idm_schema_builtin(), IDM_SPAN_LIT("badlist_password")), values,
		VALUES };

	for (size_t i = 0; i < VALUES; i++) {
		snprintf(texts[i], sizeof(texts[i]), "%0*zu", BYTES, i);
		values[i] = idm_span_cstr(texts[i]);
	}
	return request(r, NULL,
	    &(struct idm_request){ .operation = IDM_OP_MODIFY,
		.target = idm_uuid_builtin(IDM_BUILTIN_SYSTEM_CONFIG),
		.mods = &mod,
		.mod_count = 1 });
}

static const struct {
	const char *name;
	enum idm_result (*attempt)(struct realm *r);
} cases[] = {
#define C(name)                                                                                    \
	{                                                                                          \
#name, name                                                                        \
	}
	C(bad_name),
	C(no_display_name),
	C(unknown_class),
	C(no_structural_class),
	C(two_structural_classes),
	C(attribute_of_another_class),
	C(two_values_of_one),
	C(bad_time),
	C(bad_mail),
	C(remove_a_must),
	C(write_computed),
	C(write_system),
	C(write_sessions),
	C(write_a_credential),
	C(write_recycled),
	C(change_the_kind),
	C(taken_name),
	C(denied_name),
	C(resting_name),
	C(name_of_a_mail),
	C(taken_mail),
	C(mail_of_a_spn),
	C(taken_gid),
	C(reserved_gid),
	C(unknown_manager),
	C(unknown_member),
	C(member_of_a_person),
	C(member_that_is_none),
	C(member_of_everybody),
	C(dynamic_into_privilege),
	C(members_at_once),
	C(filter_on_what_follows),
	C(rename_built_in),
	C(lower_privilege),
	C(delete_built_in),
	C(secret_of_anonymous),
	C(chosen_password_of_a_service),
	C(secret_of_a_group),
	C(create_without_right),
	C(modify_without_right),
	C(raise_oneself),
	C(delete_without_right),
	C(profile_without_target),
	C(profile_for_ordinary_group),
	C(attribute_that_is_there),
	C(delete_what_radius_requires),
	C(stale_base),
	C(delete_with_stale_base),
	C(revive_under_a_taken_name),
	C(revive_without_right),
	C(age_too_early),
	C(purge_what_is_no_tombstone),
	C(change_what_is_not_there),
	C(too_large_an_entry),
#undef C
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

/* --- the store that they are asked of */

static void
ok(struct realm *r, enum idm_result result)
{
	if (result != IDM_OK)
		fail_msg("%s: %s", idm_result_name(result), r->err.text);
}

static void
populate(struct realm *r)
{
	struct idm_uuid domain = idm_uuid_builtin(IDM_BUILTIN_DOMAIN_INFO);
	char text[IDM_UUID_TEXT];

	idm_uuid_format(&domain, text);
	realm_person(r, "alice");
	realm_person(r, "bob");
	realm_person(r, "carol");
	realm_person(r, "dave");
	realm_group(r, "staff");
	realm_group(r, "radius");
	ok(r, realm_create(r, NULL, "class", "account", "class", "service_account", "name", "robot",
		  "displayname", "R", NULL));
	ok(r, realm_create(r, NULL, "class", "group", "class", "dyngroup", "name", "dynamic",
		  "dyngroup_filter", "(class=posixaccount)", NULL));
	ok(r, realm_modify(r, NULL, "alice", "+mail", "a@example.org", "+class", "posixaccount",
		  "=gidnumber", "70001", NULL));
	ok(r, realm_modify(r, NULL, "dave", "+mail", "postbox@" REALM_DOMAIN, NULL));
	ok(r, realm_modify(r, NULL, "staff", "+member", "alice", NULL));
	ok(r, realm_modify(r, NULL, text, "=radius_required_group", "radius", NULL));
	ok(r, realm_modify(r, NULL, "carol", "=name", "carol2", NULL));
	deleted = realm_uuid(r, "carol2");
	ok(r, realm_delete(r, NULL, "carol2"));
	ok(r, realm_modify(r, NULL, "robot", "=description", "d", NULL));
}

/* Somebody has taken a name that is needed to come back; it rests for who may not take it. */
static void
take_name_of_the_deleted(struct realm *r)
{
	ok(r, realm_create(r, NULL, "class", "group", "name", "carol2", NULL));
	ok(r, realm_modify(r, NULL, "carol2", "=name", "former", NULL));
	ok(r, realm_create(r, NULL, "class", "group", "name", "carol2", NULL));
}

static bool
needs_the_name_taken(size_t i)
{
	return cases[i].attempt == revive_under_a_taken_name;
}

/* --- what is left of them */

static void
alone_it_changes_nothing(void **state)
{
	struct realm *r = *state;
	uint8_t before[32], after[32];

	populate(r);
	for (int taken = 0; taken < 2; taken++) {
		if (taken)
			take_name_of_the_deleted(r);
		store_hash(r, before);
		for (size_t i = 0; i < CASES; i++) {
			if (needs_the_name_taken(i) != (taken == 1))
				continue;
			realm_group_begin(r); /* and its transaction is committed */
			if (cases[i].attempt(r) == IDM_OK)
				fail_msg("%s was done", cases[i].name);
			realm_group_commit(r);
			store_hash(r, after);
			if (memcmp(before, after, sizeof(before)) != 0)
				fail_msg("%s left something", cases[i].name);
		}
	}
}

static void
between_others_it_leaves_nothing_either(void **state)
{
	struct realm *r = *state;
	void *follower_state;
	struct realm *follower;
	char text[32];

	populate(r);
	take_name_of_the_deleted(r);
	for (size_t i = 0; i < CASES; i++) {
		if (cases[i].attempt == resting_name) /* the name is not free now */
			continue;
		realm_group_begin(r);
		snprintf(text, sizeof(text), "before %zu", i);
		ok(r, realm_modify(r, NULL, "robot", "=description", text, NULL));
		if (cases[i].attempt(r) == IDM_OK)
			fail_msg("%s was done", cases[i].name);
		snprintf(text, sizeof(text), "behind %zu", i);
		ok(r, realm_modify(r, NULL, "robot", "=description", text, NULL));
		realm_group_commit(r);
	}
	realm_setup_empty(&follower_state);
	follower = follower_state;
	follower_apply(r, follower, 1, realm_applied(r));
	assert_same_stores(r, follower);
	realm_teardown(&follower_state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(alone_it_changes_nothing),
		T(between_others_it_leaves_nothing_either),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
