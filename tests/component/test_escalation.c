/*
 * Attempts to get more than one has (SPEC 4, 5.5): each fails, and leaves everything as it was. The
 * realm has helpers of every kind, who hold what their names say and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/realm.h"

#define OK(call) assert_int_equal(call, IDM_OK)

/* The attempt ends in `result`, says why, and nothing was applied. */
#define FAILS(r, call, result, words)                                                              \
	do {                                                                                       \
		uint64_t no_before = realm_applied(r);                                             \
		enum idm_result got = (call);                                                      \
                                                                                                   \
		if (got != (result))                                                               \
			fail_msg(                                                                  \
			    "%s: %s, \"%s\"", #call, idm_result_name(got), (r)->err.client_text);  \
		if (strstr((r)->err.client_text, words) == NULL)                                   \
			fail_msg("\"%s\" does not say \"%s\"", (r)->err.client_text, words);       \
		assert_int_equal(realm_applied(r), no_before);                                     \
	} while (0)

static void
add_to(struct realm *r, const char *group, const char *member)
{
	OK(realm_modify(r, NULL, group, "+member", member, NULL));
}

/* A person who is in one built-in group. */
static void
helper(struct realm *r, const char *name, const char *group)
{
	realm_person(r, name);
	add_to(r, group, name);
}

static void
service(struct realm *r, const char *name)
{
	OK(realm_create(r, NULL, "class", "account", "class", "service_account", "name", name,
	    "displayname", name, NULL));
}

static int
setup(void **state)
{
	struct realm *r;

	realm_setup(state);
	r = *state;
	helper(r, "desk", "idm_service_desk");
	helper(r, "groups", "idm_group_write_priv");
	helper(r, "grouper", "idm_group_manage_priv");
	helper(r, "accounts", "idm_account_manage_priv");
	helper(r, "people", "idm_people_manage_priv");
	helper(r, "extender", "idm_people_extend_priv");
	helper(r, "posix", "idm_account_unix_extend_priv");
	helper(r, "hpgroups", "idm_hp_group_write_priv");
	helper(r, "acp", "idm_acp_manage_priv");
	helper(r, "bin", "idm_recycle_bin_admins");
	helper(r, "mailer", "idm_people_self_write_mail_priv");
	realm_person(r, "mallory");
	realm_person(r, "victim");
	return 0;
}

/* --- credentials of those who are out of reach */

static void
the_service_desk_resets_no_administrator(void **state)
{
	struct realm *r = *state;

	OK(realm_set_secret(r, "desk", "victim", IDM_ATTR_PRIMARY_CREDENTIAL, "x"));
	add_to(r, "system_admins", "victim");
	FAILS(r, realm_set_secret(r, "desk", "victim", IDM_ATTR_PRIMARY_CREDENTIAL, "x"),
	    IDM_DENIED, "idm_hp_account_write_priv grants it");
	FAILS(r, realm_set_secret(r, "desk", "victim", IDM_ATTR_UNIX_PASSWORD, "x"), IDM_DENIED,
	    "needs the right to write unix_password");
	FAILS(r, realm_set_secret(r, "desk", "admin", IDM_ATTR_PRIMARY_CREDENTIAL, "x"), IDM_DENIED,
	    "needs the right to write primary_credential");
	FAILS(r, realm_set_secret(r, "desk", "idm_admin", IDM_ATTR_PRIMARY_CREDENTIAL, "x"),
	    IDM_DENIED, "needs the right to write primary_credential");
	FAILS(r, realm_modify(r, "desk", "victim", "-primary_credential", "", NULL), IDM_DENIED,
	    "needs the right to remove primary_credential");
	/* nor do other desks: of the same group, of accounts, of people */
	helper(r, "colleague", "idm_service_desk");
	FAILS(r, realm_set_secret(r, "desk", "colleague", IDM_ATTR_PRIMARY_CREDENTIAL, "x"),
	    IDM_DENIED, "idm_hp_account_write_priv");
	FAILS(r, realm_set_secret(r, "accounts", "victim", IDM_ATTR_PRIMARY_CREDENTIAL, "x"),
	    IDM_DENIED, "idm_hp_account_write_priv");
	FAILS(r, realm_set_secret(r, "idm_admin", "admin", IDM_ATTR_PRIMARY_CREDENTIAL, "x"),
	    IDM_DENIED, "idm_hp_account_write_priv");
	FAILS(r, realm_modify(r, "people", "victim", "=mail", "m@example.com", NULL), IDM_DENIED,
	    "idm_hp_account_write_priv");
	FAILS(r, realm_delete(r, "people", "victim"), IDM_DENIED, "idm_hp_account_manage_priv");
}

static void
the_service_desk_resets_nobody_who_writes_posix_data(void **state)
{
	struct realm *r = *state;

	FAILS(r, realm_set_secret(r, "desk", "posix", IDM_ATTR_PRIMARY_CREDENTIAL, "x"), IDM_DENIED,
	    "idm_hp_account_write_priv");
	add_to(r, "idm_group_unix_extend_priv", "victim");
	FAILS(r, realm_set_secret(r, "desk", "victim", IDM_ATTR_PRIMARY_CREDENTIAL, "x"),
	    IDM_DENIED, "idm_hp_account_write_priv");
	/* and those take no administrator's uid for an account of theirs */
	FAILS(r,
	    realm_modify(
		r, "posix", "admin", "+class", "posixaccount", "=gidnumber", "70000", NULL),
	    IDM_DENIED, "idm_hp_account_unix_extend_priv");
}

/* --- groups */

static void
nobody_puts_a_group_of_his_own_into_an_hp_group(void **state)
{
	static const char *const hp[] = { "idm_admins", "system_admins", "idm_high_privilege",
		"idm_service_desk", "idm_account_unix_extend_priv" };
	static const char *const actors[] = { "idm_admin", "groups", "grouper", "accounts" };
	struct realm *r = *state;

	realm_group(r, "mine");
	for (size_t i = 0; i < sizeof(hp) / sizeof(hp[0]); i++) {
		for (size_t k = 0; k < sizeof(actors) / sizeof(actors[0]); k++) {
			FAILS(r, realm_modify(r, actors[k], hp[i], "+member", "mine", NULL),
			    IDM_DENIED, "idm_hp_group_write_priv grants it");
			FAILS(r, realm_modify(r, actors[k], hp[i], "=member", actors[k], NULL),
			    IDM_DENIED, "idm_hp_group_write_priv grants it");
		}
	}
	FAILS(r, realm_delete(r, "idm_admin", "idm_service_desk"), IDM_DENIED, "idm_hp_group");
	assert_false(realm_is_memberof(r, "mine", "idm_high_privilege"));
}

static void
nesting_through_three_groups_raises_nobody(void **state)
{
	struct realm *r = *state;

	realm_group(r, "outer");
	realm_group(r, "middle");
	realm_group(r, "inner");
	add_to(r, "outer", "middle");
	add_to(r, "middle", "inner");
	OK(realm_modify(r, "groups", "inner", "+member", "mallory", NULL));
	OK(realm_modify(r, "groups", "inner", "-member", "mallory", NULL));
	add_to(r, "idm_admins", "outer");
	/* all three are out of the reach of who writes ordinary groups, on every level */
	FAILS(r, realm_modify(r, "groups", "inner", "+member", "mallory", NULL), IDM_DENIED,
	    "idm_hp_group_write_priv");
	FAILS(r, realm_modify(r, "groups", "middle", "+member", "mallory", NULL), IDM_DENIED,
	    "idm_hp_group_write_priv");
	FAILS(r, realm_modify(r, "grouper", "inner", "=description", "x", NULL), IDM_DENIED,
	    "idm_hp_group_write_priv");
	/* a circle does not bring them back, nor does a group that holds an HP one become HP */
	realm_group(r, "around");
	OK(realm_modify(r, "groups", "around", "+member", "outer", NULL));
	FAILS(r, realm_modify(r, "groups", "inner", "+member", "around", NULL), IDM_DENIED,
	    "idm_hp_group_write_priv");
	OK(realm_modify(r, "groups", "around", "+member", "mallory", NULL));
	assert_false(realm_is_memberof(r, "mallory", "idm_high_privilege"));
	assert_true(realm_is_memberof(r, "inner", "idm_high_privilege"));
}

static void
who_manages_a_group_loses_it_when_it_becomes_hp(void **state)
{
	struct realm *r = *state;

	OK(realm_create(
	    r, NULL, "class", "group", "name", "ours", "entry_managed_by", "mallory", NULL));
	OK(realm_modify(r, "mallory", "ours", "+member", "mallory", NULL));
	OK(realm_modify(r, "mallory", "ours", "=description", "x", NULL));
	realm_group(r, "above");
	add_to(r, "above", "ours");
	add_to(r, "idm_admins", "above");
	FAILS(r, realm_modify(r, "mallory", "ours", "+member", "victim", NULL), IDM_DENIED,
	    "idm_hp_group_write_priv");
	FAILS(r, realm_modify(r, "mallory", "ours", "=description", "y", NULL), IDM_DENIED,
	    "idm_hp_group_write_priv");
	service(r, "robot");
	OK(realm_modify(r, NULL, "robot", "=entry_managed_by", "mallory", NULL));
	OK(realm_modify(r, "mallory", "robot", "=displayname", "R", NULL));
	add_to(r, "above", "robot");
	FAILS(r, realm_modify(r, "mallory", "robot", "=displayname", "S", NULL), IDM_DENIED,
	    "idm_hp_account_write_priv");
}

static void
nobody_makes_himself_manager_of_what_is_hp(void **state)
{
	struct realm *r = *state;

	service(r, "robot");
	add_to(r, "idm_admins", "robot");
	FAILS(r, realm_modify(r, "groups", "idm_admins", "=entry_managed_by", "groups", NULL),
	    IDM_DENIED, "idm_hp_group_write_priv");
	FAILS(r,
	    realm_modify(r, "idm_admin", "system_admins", "=entry_managed_by", "idm_admin", NULL),
	    IDM_DENIED, "idm_hp_group_write_priv");
	FAILS(r, realm_modify(r, "accounts", "robot", "=entry_managed_by", "accounts", NULL),
	    IDM_DENIED, "idm_hp_account_manage_priv");
	FAILS(r, realm_modify(r, "accounts", "admin", "=entry_managed_by", "accounts", NULL),
	    IDM_DENIED, "idm_hp_account_manage_priv");
	/* whom entry_managed_by names does not name others */
	OK(realm_create(
	    r, NULL, "class", "group", "name", "ours", "entry_managed_by", "mallory", NULL));
	FAILS(r, realm_modify(r, "mallory", "ours", "=entry_managed_by", "victim", NULL),
	    IDM_DENIED, "idm_group_write_priv");
}

static void
who_writes_groups_alone_makes_no_dynamic_group(void **state)
{
	struct realm *r = *state;

	FAILS(r,
	    realm_create(r, "grouper", "class", "group", "class", "dyngroup", "name", "dyn",
		"dyngroup_filter", "(class=person)", NULL),
	    IDM_DENIED, "idm_hp_group_manage_priv grants it");
	FAILS(r,
	    realm_create(r, "hpgroups", "class", "group", "class", "dyngroup", "name", "dyn",
		"dyngroup_filter", "(class=person)", NULL),
	    IDM_DENIED, "idm_hp_group_manage_priv grants it");
	realm_group(r, "mine");
	FAILS(r,
	    realm_modify(r, "groups", "mine", "+class", "dyngroup", "=dyngroup_filter",
		"(class=person)", NULL),
	    IDM_DENIED, "dyngroup");
	OK(realm_create(r, "admin", "class", "group", "class", "dyngroup", "name", "dyn",
	    "dyngroup_filter", "(class=posixaccount)", NULL));
	FAILS(r, realm_modify(r, "groups", "dyn", "=dyngroup_filter", "(class=person)", NULL),
	    IDM_DENIED, "idm_hp_group_manage_priv");
	FAILS(r, realm_modify(r, "groups", "dyn", "+member", "mallory", NULL), IDM_PROTECTED,
	    "follow from its filter");
	FAILS(r, realm_modify(r, "admin", "idm_admins", "+member", "dyn", NULL), IDM_PROTECTED,
	    "dyn is a dynamic group");
}

/* --- what an entry is */

static void
nobody_writes_what_he_is(void **state)
{
	static const struct {
		const char *attr, *value;
	} own[] = {
		{ "+memberof", "idm_admins" },
		{ "=memberof", "idm_admins" },
		{ "+directmemberof", "idm_admins" },
		{ "=spn", "admin@" REALM_DOMAIN },
		{ "=uuid", "00000000-0000-0000-0000-000000000000" },
		{ "+class", "service_account" },
		{ "-class", "person" },
		{ "+class", "group" },
		{ "+class", "posixaccount" },
		{ "+class", "access_control_profile" },
		{ "+class", "recycled" },
		{ "=created", "2020-01-01T00:00:00Z" },
		{ "=primary_credential", "set" },
		{ "=gidnumber", "0" },
		{ "=account_expire", "2099-01-01T00:00:00Z" },
		{ "-account_softlock_expire", "" },
	};
	struct realm *r = *state;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		FAILS(r, realm_modify(r, "mallory", "mallory", own[i].attr, own[i].value, NULL),
		    IDM_DENIED, "");
	/* and not for others either, where they may write much else */
	for (size_t i = 0; i < 5; i++)
		FAILS(r, realm_modify(r, "idm_admin", "victim", own[i].attr, own[i].value, NULL),
		    IDM_DENIED, "");
	FAILS(r,
	    realm_modify(
		r, "admin", "idm_admins", "=uuid", "00000000-0000-0000-0000-000000000099", NULL),
	    IDM_DENIED, "uuid");
}

static void
no_built_in_becomes_something_else(void **state)
{
	struct realm *r = *state;

	/* admin may turn HP service accounts into persons, but not those that are built in */
	FAILS(r,
	    realm_modify(
		r, "admin", "idm_admin", "-class", "service_account", "+class", "person", NULL),
	    IDM_PROTECTED, "system protected object");
	FAILS(r, realm_modify(r, "admin", "idm_admin", "=name", "other", NULL), IDM_PROTECTED,
	    "system protected object");
	FAILS(r, realm_modify(r, "admin", "idm_admins", "=name", "other", NULL), IDM_PROTECTED,
	    "system protected object");
	FAILS(r, realm_delete(r, "admin", "idm_admin"), IDM_PROTECTED, "system protected object");
	FAILS(r, realm_delete(r, "admin", "idm_admins"), IDM_PROTECTED, "system protected object");
	FAILS(r, realm_modify(r, "admin", "idm_high_privilege", "-member", "idm_admins", NULL),
	    IDM_PROTECTED, "built-in members");
	FAILS(r, realm_modify(r, "admin", "idm_high_privilege", "-member", "", NULL), IDM_PROTECTED,
	    "");
	FAILS(r,
	    realm_modify(r, "admin", "idm_all_persons", "=dyngroup_filter", "(class=group)", NULL),
	    IDM_PROTECTED, "system protected object");
	FAILS(r,
	    realm_modify(
		r, "extender", "admin", "-class", "service_account", "+class", "person", NULL),
	    IDM_DENIED, "");
}

/* --- names and addresses */

static void
nobody_takes_a_name_that_means_something(void **state)
{
	static const char *const denied[] = { "root", "wheel", "administrator", "sshd" };
	struct realm *r = *state;

	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
		FAILS(r, realm_modify(r, "mallory", "mallory", "=name", denied[i], NULL),
		    IDM_CONSTRAINT, "is denied here");
		FAILS(r, realm_create(r, "grouper", "class", "group", "name", denied[i], NULL),
		    IDM_CONSTRAINT, "is denied here");
	}
	FAILS(r, realm_modify(r, "mallory", "mallory", "=name", "admin", NULL), IDM_EXISTS,
	    "is taken");
	FAILS(r, realm_modify(r, "mallory", "mallory", "=name", "idm_admins", NULL), IDM_EXISTS,
	    "is taken");
	/* the name of an administrator who was deleted, or renamed, rests */
	OK(realm_delete(r, NULL, "posix"));
	FAILS(r, realm_modify(r, "mallory", "mallory", "=name", "posix", NULL), IDM_CONSTRAINT,
	    "less than 7 days ago");
	OK(realm_modify(r, "victim", "victim", "=name", "victim2", NULL));
	FAILS(r, realm_modify(r, "mallory", "mallory", "=name", "victim", NULL), IDM_CONSTRAINT,
	    "less than 7 days ago");
}

static void
no_address_is_somebody_elses_spn(void **state)
{
	struct realm *r = *state;

	FAILS(r, realm_modify(r, "mailer", "mailer", "=mail", "admin@" REALM_DOMAIN, NULL),
	    IDM_CONSTRAINT, "is the spn of another");
	FAILS(r, realm_modify(r, "mailer", "mailer", "+mail", "VICTIM@" REALM_DOMAIN, NULL),
	    IDM_CONSTRAINT, "is the spn of another");
	FAILS(r, realm_modify(r, "idm_admin", "mallory", "+mail", "victim@" REALM_DOMAIN, NULL),
	    IDM_CONSTRAINT, "is the spn of another");
	OK(realm_modify(r, "mailer", "mailer", "=mail", "mailer@" REALM_DOMAIN, NULL));
	/* nor does anybody rename himself onto an address */
	OK(realm_modify(r, NULL, "victim", "+mail", "boss@" REALM_DOMAIN, NULL));
	FAILS(r, realm_modify(r, "mallory", "mallory", "=name", "boss", NULL), IDM_CONSTRAINT,
	    "is the mail address of another");
	FAILS(r,
	    realm_create(r, "people", "class", "account", "class", "person", "name", "boss",
		"displayname", "Boss", NULL),
	    IDM_CONSTRAINT, "is the mail address of another");
}

static void
no_new_entry_has_a_uuid_of_its_makers_choice(void **state)
{
	struct realm *r = *state;
	struct idm_span values[] = { IDM_SPAN_LIT("group"), IDM_SPAN_LIT("mine") };
	struct idm_request_mod mods[] = {
		{ IDM_REQUEST_ADD, idm_schema_attr_number(idm_schema_builtin(), IDM_ATTR_CLASS),
		    &values[0], 1 },
		{ IDM_REQUEST_ADD, idm_schema_attr_number(idm_schema_builtin(), IDM_ATTR_NAME),
		    &values[1], 1 },
	};
	struct idm_request request = { .operation = IDM_OP_CREATE,
		.target = idm_uuid_builtin(0x99),
		.mods = mods,
		.mod_count = 2 };
	struct idm_identity grouper = realm_identity(r, "grouper");
	struct idm_uuid uuid;

	FAILS(r,
	    realm_create(r, "grouper", "class", "group", "name", "mine", "uuid",
		"00000000-0000-0000-0000-000000000099", NULL),
	    IDM_DENIED, "uuid");
	FAILS(r,
	    realm_create(r, NULL, "class", "group", "name", "mine", "uuid",
		"00000000-0000-0000-0000-000000000099", NULL),
	    IDM_DENIED, "uuid");
	if (realm_run(r, &grouper, &request) == IDM_OK) {
		uuid = realm_uuid(r, "mine");
		assert_false(idm_uuid_is_builtin(&uuid));
	}
}

static enum idm_result
revive(struct realm *r, const char *actor, struct idm_uuid uuid)
{
	struct idm_identity identity = realm_identity(r, actor);
	struct idm_request request = { .operation = IDM_OP_REVIVE, .target = uuid };

	return realm_run(r, &identity, &request);
}

static void
a_deleted_administrator_comes_back_as_none(void **state)
{
	struct realm *r = *state;
	struct idm_uuid uuid;

	add_to(r, "system_admins", "victim");
	OK(realm_set_secret(r, NULL, "victim", IDM_ATTR_PRIMARY_CREDENTIAL, "x"));
	uuid = realm_uuid(r, "victim");
	OK(realm_delete(r, NULL, "victim"));
	FAILS(r, revive(r, "mallory", uuid), IDM_NOT_FOUND, "no matching entries");
	FAILS(r, revive(r, "idm_admin", uuid), IDM_NOT_FOUND, "no matching entries");
	FAILS(r, revive(r, "desk", uuid), IDM_NOT_FOUND, "no matching entries");
	OK(revive(r, "bin", uuid));
	assert_false(realm_is_memberof(r, "victim", "idm_high_privilege"));
	assert_false(realm_is_memberof(r, "victim", "system_admins"));
	/* the entry that one revives is not written by the way */
	FAILS(r, realm_modify(r, "bin", "victim", "=mail", "m@example.com", NULL), IDM_DENIED,
	    "needs the right");
}

/* --- profiles */

static void
profiles_are_out_of_sight_of_who_does_not_manage_them(void **state)
{
	struct realm *r = *state;

	FAILS(r, realm_modify(r, "idm_admin", "acp:all_read", "+acp_search", "mail", NULL),
	    IDM_NOT_FOUND, "no matching entries");
	FAILS(r,
	    realm_create(r, "idm_admin", "class", "access_control_profile", "name", "mine",
		"acp_receiver", "idm_admins", "acp_target", "(class=account)", "acp_modify_present",
		"primary_credential", "acp_hp", "also", NULL),
	    IDM_DENIED, "idm_acp_manage_priv grants it");
	/* who manages them does not give rights to what is not HP, nor to what everybody is in */
	FAILS(r,
	    realm_create(r, "acp", "class", "access_control_profile", "name", "mine",
		"acp_receiver", "idm_all_persons", "acp_target", "(class=account)",
		"acp_modify_present", "primary_credential", "acp_hp", "also", NULL),
	    IDM_PROTECTED, "high privilege");
	FAILS(r, realm_modify(r, "acp", "acp:all_read", "+acp_modify_present", "mail", NULL),
	    IDM_PROTECTED, "high privilege");
	OK(realm_modify(r, "acp", "acp:mail_read", "=acp_enable", "false", NULL));
	OK(realm_modify(r, "acp", "acp:mail_read", "=acp_enable", "true", NULL));
}

/* Whatever anonymous is put into, it stays what it is. */
static void
anonymous_gains_nothing_from_a_group(void **state)
{
	struct realm *r = *state;
	struct idm_identity anonymous = realm_identity(r, "anonymous");
	struct idm_span value = IDM_SPAN_LIT("x");
	struct idm_request_mod mod = { IDM_REQUEST_REPLACE,
		idm_schema_attr_number(idm_schema_builtin(), IDM_ATTR_DISPLAYNAME), &value, 1 };
	struct idm_request request = { .operation = IDM_OP_MODIFY,
		.target = realm_uuid(r, "victim"),
		.mods = &mod,
		.mod_count = 1 };

	add_to(r, "idm_admins", "anonymous");
	for (int kind = IDM_IDENTITY_ANONYMOUS; kind <= IDM_IDENTITY_SESSION; kind++) {
		memset(&request.id, 0, sizeof(request.id));
		anonymous.kind = (enum idm_identity_kind)kind;
		FAILS(r, realm_run(r, &anonymous, &request), IDM_NOT_FOUND, "no matching entries");
	}
	FAILS(r, realm_set_secret(r, NULL, "anonymous", IDM_ATTR_PRIMARY_CREDENTIAL, "x"),
	    IDM_PROTECTED, "anonymous has no credentials");
	FAILS(r, realm_set_secret(r, "admin", "anonymous", IDM_ATTR_RADIUS_SECRET, "x"),
	    IDM_PROTECTED, "anonymous has no credentials");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, realm_teardown)
		T(the_service_desk_resets_no_administrator),
		T(the_service_desk_resets_nobody_who_writes_posix_data),
		T(nobody_puts_a_group_of_his_own_into_an_hp_group),
		T(nesting_through_three_groups_raises_nobody),
		T(who_manages_a_group_loses_it_when_it_becomes_hp),
		T(nobody_makes_himself_manager_of_what_is_hp),
		T(who_writes_groups_alone_makes_no_dynamic_group),
		T(nobody_writes_what_he_is),
		T(no_built_in_becomes_something_else),
		T(nobody_takes_a_name_that_means_something),
		T(no_address_is_somebody_elses_spn),
		T(no_new_entry_has_a_uuid_of_its_makers_choice),
		T(a_deleted_administrator_comes_back_as_none),
		T(profiles_are_out_of_sight_of_who_does_not_manage_them),
		T(anonymous_gains_nothing_from_a_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
