/*
 * What profiles, dynamic groups and built-ins must hold to, whoever changes them (SPEC 3.2, 4, 5.1,
 * 5.5); all by the console, which may all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/search.h"
#include "tests/support/realm.h"

#define OK(call) assert_int_equal(call, IDM_OK)

/* The console's change is refused, with a text that tells why. */
#define REFUSED(r, call, result, words)                                                            \
	do {                                                                                       \
		assert_int_equal(call, result);                                                    \
		if (strstr((r)->err.client_text, words) == NULL)                                   \
			fail_msg("\"%s\" does not say \"%s\"", (r)->err.client_text, words);       \
	} while (0)

/* A group that is in another one; "": in none. */
static void
group_in(struct realm *r, const char *name, const char *in)
{
	realm_group(r, name);
	if (in[0] != '\0')
		OK(realm_modify(r, NULL, in, "+member", name, NULL));
}

/* A profile that lets its receiver write loginshell of persons. */
static enum idm_result
add_writer(struct realm *r, const char *name, const char *receiver)
{
	return realm_create(r, NULL, "class", "access_control_profile", "name", name,
	    "acp_receiver", receiver, "acp_target", "(class=person)", "acp_modify_present",
	    "loginshell", NULL);
}

/* Modify the profile of this name: one pair. */
static enum idm_result
change_profile(struct realm *r, const char *name, const char *attr, const char *value)
{
	char target[80];

	snprintf(target, sizeof(target), "acp:%s", name);
	return realm_modify(r, NULL, target, attr, value, NULL);
}

/* --- a profile can be used as it stands */

static void
a_profile_that_can_not_be_used_is_refused(void **state)
{
	static const struct {
		const char *attr, *value, *words;
	} wrong[] = {
		{ "acp_search", "shoesize", "shoesize" },
		{ "acp_modify_present", "memberof", "memberof" },
		{ "acp_modify_present", "spn", "spn" },
		{ "acp_modify_removed", "uuid", "uuid" },
		{ "acp_modify_present", "class", "class" },
		{ "acp_create_attr", "dyngroup_filter", "dyngroup_filter" },
		{ "acp_modify_present", "dyngroup_filter", "dyngroup_filter" },
		{ "acp_modify_class", "persn", "persn" },
		{ "acp_create_class", "persn", "persn" },
		{ "acp_hp", "maybe", "acp_hp" },
	};
	static const char *const targets[] = { "class=person", "(class=person", "(shoesize=44)",
		"(memberof=nobody_here)", "everything", "managed(", "" };
	struct realm *r = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		REFUSED(r,
		    realm_create(r, NULL, "class", "access_control_profile", "name", "wrong",
			"acp_receiver", "idm_admins", "acp_target", "(class=person)", wrong[i].attr,
			wrong[i].value, NULL),
		    IDM_CONSTRAINT, wrong[i].words);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		assert_int_not_equal(
		    realm_create(r, NULL, "class", "access_control_profile", "name", "wrong",
			"acp_receiver", "idm_admins", "acp_target", targets[i], NULL),
		    IDM_OK);
	REFUSED(r,
	    realm_create(r, NULL, "class", "access_control_profile", "name", "wrong",
		"acp_receiver", "idm_admins", NULL),
	    IDM_CONSTRAINT, "acp_target");
	assert_int_equal(realm_create(r, NULL, "class", "access_control_profile", "name", "wrong",
			     "acp_receiver", "anonymous", "acp_target", "self", NULL),
	    IDM_CONSTRAINT);
}

static void
a_profile_that_is_disabled_may_be_wrong_until_it_is_enabled(void **state)
{
	struct realm *r = *state;

	OK(realm_create(r, NULL, "class", "access_control_profile", "name", "later", "acp_target",
	    "(shoesize=44)", "acp_enable", "false", NULL));
	REFUSED(r, change_profile(r, "later", "=acp_enable", "true"), IDM_CONSTRAINT, "shoesize");
	OK(change_profile(r, "later", "=acp_target", "(class=person)"));
	OK(change_profile(r, "later", "=acp_enable", "true"));
	REFUSED(r, change_profile(r, "later", "=acp_target", "(shoesize=44)"), IDM_CONSTRAINT,
	    "shoesize");
	OK(change_profile(r, "later", "=acp_enable", "false"));
	OK(change_profile(r, "later", "=acp_target", "(shoesize=44)"));
}

static void
a_target_means_who_bore_the_name_when_it_was_written(void **state)
{
	struct realm *r = *state;
	struct idm_entry profile;
	struct idm_span target;
	struct idm_uuid uuid;
	char text[IDM_UUID_TEXT], expected[160];

	realm_group(r, "team");
	uuid = realm_uuid(r, "team");
	idm_uuid_format(&uuid, text);
	OK(realm_create(r, NULL, "class", "access_control_profile", "name", "of_team",
	    "acp_receiver", "idm_admins", "acp_target",
	    "(&(class=person)(|(memberof=TEAM)(!(memberof=team@" REALM_DOMAIN ")))(name=team))",
	    NULL));
	snprintf(expected, sizeof(expected),
	    "(&(class=person)(|(memberof=%s)(!(memberof=%s)))(name=team))", text, text);
	profile = realm_entry(r, "acp:of_team");
	target = idm_entry_text(&profile, IDM_ATTR_ACP_TARGET);
	assert_int_equal(target.len, strlen(expected));
	assert_memory_equal(target.ptr, expected, target.len);
	realm_done(r);
	/* the same in other words is no change */
	OK(change_profile(r, "of_team", "=acp_target",
	    "(&(class=person)(|(memberof=team)(!(memberof=team)))(name=team))"));
	assert_int_equal(r->set.no, 0);
}

/* --- names */

static void
a_profile_has_its_name_among_profiles_alone(void **state)
{
	struct realm *r = *state;

	REFUSED(r, add_writer(r, "all_read", "idm_admins"), IDM_EXISTS, "all_read is taken");
	OK(add_writer(r, "shells", "idm_admins"));
	REFUSED(r, add_writer(r, "shells", "idm_admins"), IDM_EXISTS, "shells is taken");
	realm_group(r, "shells"); /* accounts and groups have theirs apart */
	realm_group(r, "all_read");
	OK(add_writer(r, "root", "idm_admins")); /* denied to what logs in */
	OK(change_profile(r, "root", "=name", "tails"));
	REFUSED(r, change_profile(r, "tails", "=name", "shells"), IDM_EXISTS, "shells is taken");
	OK(realm_delete(r, NULL, "acp:shells"));
	OK(change_profile(r, "tails", "=name", "shells"));
	OK(add_writer(r, "tails", "idm_admins")); /* a profile's name does not rest */
}

struct found {
	size_t count;
};

static bool
count_found(void *context, const struct idm_read *read, const struct idm_entry *entry,
    const struct idm_attrset *readable)
{
	struct found *found = context;

	(void)read;
	(void)entry;
	(void)readable;
	found->count++;
	return true;
}

static void
a_search_by_name_finds_a_profile_and_a_group(void **state)
{
	struct realm *r = *state;
	struct idm_identity console = realm_identity(r, NULL);
	struct idm_access_table *table = NULL;
	struct idm_access *access;
	struct idm_filter filter;
	struct found found = { 0 };
	struct idm_search search = { .filter = &filter };

	realm_group(r, "all_read");
	realm_entry(r, "all_read");
	OK(idm_access_table_refresh(&r->read, &table, &r->err));
	OK(idm_access_resolve(&r->read, table, &console, r->read.arena, &access, &r->err));
	search.access = access;
	OK(idm_filter_parse(&r->read, IDM_SPAN_LIT("(name=all_read)"), true, &filter, &r->err));
	while (!search.done)
		OK(idm_search_slice(&search, &r->read, 1000, count_found, &found, &r->err));
	assert_int_equal(found.count, 2);
	idm_access_table_free(&table);
}

/* --- who receives a profile that writes is high privilege */

static void
only_hp_groups_receive_what_writes_other_entries(void **state)
{
	struct realm *r = *state;

	group_in(r, "desk", "");
	group_in(r, "hp", "idm_high_privilege");
	group_in(r, "nested", "hp");
	REFUSED(r, add_writer(r, "p1", "desk"), IDM_PROTECTED, "desk receives the profile p1");
	REFUSED(r, add_writer(r, "p1", "idm_all_persons"), IDM_PROTECTED, "idm_all_persons");
	REFUSED(r,
	    realm_create(r, NULL, "class", "access_control_profile", "name", "p1", "acp_receiver",
		"hp", "acp_receiver", "desk", "acp_target", "(class=person)", "acp_delete", "true",
		NULL),
	    IDM_PROTECTED, "desk");
	REFUSED(r,
	    realm_create(r, NULL, "class", "access_control_profile", "name", "p1", "acp_receiver",
		"desk", "acp_target", "(class=group)", "acp_modify_class", "posixgroup", NULL),
	    IDM_PROTECTED, "desk");
	REFUSED(r,
	    realm_create(r, NULL, "class", "access_control_profile", "name", "p1", "acp_receiver",
		"desk", "acp_target", "(class=group)", "acp_create_class", "object", NULL),
	    IDM_PROTECTED, "desk");
	OK(add_writer(r, "p1", "hp"));
	OK(add_writer(r, "p2", "nested"));
	OK(add_writer(r, "p3", "idm_high_privilege"));
	OK(realm_create(r, NULL, "class", "access_control_profile", "name", "reads", "acp_receiver",
	    "desk", "acp_target", "(class=person)", "acp_search", "legalname", NULL));
	OK(realm_create(r, NULL, "class", "access_control_profile", "name", "own", "acp_receiver",
	    "desk", "acp_target", "self", "acp_modify_present", "loginshell", NULL));
	OK(realm_create(r, NULL, "class", "access_control_profile", "name", "managed",
	    "acp_receiver", "desk", "acp_target", "managed(class=group)", "acp_modify_present",
	    "description", NULL));
}

static void
a_profile_may_not_become_one_that_writes_for_others(void **state)
{
	struct realm *r = *state;

	group_in(r, "desk", "");
	OK(realm_create(r, NULL, "class", "access_control_profile", "name", "p", "acp_receiver",
	    "desk", "acp_target", "(class=person)", "acp_search", "legalname", NULL));
	REFUSED(r, change_profile(r, "p", "+acp_modify_removed", "mail"), IDM_PROTECTED, "desk");
	REFUSED(r, change_profile(r, "p", "=acp_delete", "true"), IDM_PROTECTED, "desk");
	OK(change_profile(r, "p", "=acp_enable", "false"));
	OK(change_profile(r, "p", "=acp_delete", "true"));
	REFUSED(r, change_profile(r, "p", "=acp_enable", "true"), IDM_PROTECTED, "desk");
	OK(change_profile(r, "p", "=acp_receiver", "idm_admins"));
	OK(change_profile(r, "p", "=acp_enable", "true"));
	REFUSED(r, change_profile(r, "p", "+acp_receiver", "desk"), IDM_PROTECTED, "desk");
	OK(realm_create(r, NULL, "class", "access_control_profile", "name", "own", "acp_receiver",
	    "desk", "acp_target", "self", "acp_modify_present", "loginshell", NULL));
	REFUSED(
	    r, change_profile(r, "own", "=acp_target", "(class=person)"), IDM_PROTECTED, "desk");
	/* what everybody receives stays reading, built in or not */
	REFUSED(r, change_profile(r, "all_read", "+acp_modify_present", "mail"), IDM_PROTECTED,
	    "idm_all_accounts");
}

static void
a_receiver_of_what_writes_stays_hp(void **state)
{
	struct realm *r = *state;

	group_in(r, "upper", "idm_high_privilege");
	group_in(r, "lower", "upper");
	group_in(r, "desk", "lower");
	group_in(r, "other", "");
	realm_person(r, "alice");
	OK(realm_modify(r, NULL, "lower", "+member", "alice", NULL));
	OK(add_writer(r, "p", "desk"));
	REFUSED(r, realm_modify(r, NULL, "lower", "-member", "desk", NULL), IDM_PROTECTED, "desk");
	REFUSED(r, realm_modify(r, NULL, "upper", "-member", "lower", NULL), IDM_PROTECTED, "desk");
	REFUSED(r, realm_modify(r, NULL, "idm_high_privilege", "-member", "upper", NULL),
	    IDM_PROTECTED, "desk");
	REFUSED(r, realm_modify(r, NULL, "lower", "-member", "", NULL), IDM_PROTECTED, "desk");
	REFUSED(r, realm_modify(r, NULL, "lower", "=member", "alice", NULL), IDM_PROTECTED, "desk");
	REFUSED(r, realm_delete(r, NULL, "lower"), IDM_PROTECTED, "desk");
	REFUSED(r, realm_delete(r, NULL, "upper"), IDM_PROTECTED, "desk");
	/* but: what leaves a way up, or the receiver itself */
	OK(realm_modify(r, NULL, "lower", "-member", "alice", NULL));
	OK(realm_modify(r, NULL, "lower", "=member", "desk", "+member", "other", NULL));
	OK(realm_modify(r, NULL, "upper", "+member", "desk", NULL));
	OK(realm_delete(r, NULL, "lower"));
	OK(realm_modify(r, NULL, "upper", "=member", "other", "+member", "desk", NULL));
	OK(change_profile(r, "p", "=acp_enable", "false"));
	OK(realm_modify(r, NULL, "upper", "-member", "desk", NULL));
	REFUSED(r, change_profile(r, "p", "=acp_enable", "true"), IDM_PROTECTED, "desk");
	OK(realm_modify(r, NULL, "upper", "+member", "desk", NULL));
	OK(change_profile(r, "p", "=acp_enable", "true"));
	OK(realm_delete(r, NULL, "desk"));
}

/* A way up that only a circle makes is none. */
static void
a_circle_alone_keeps_nobody_hp(void **state)
{
	struct realm *r = *state;

	group_in(r, "a", "idm_high_privilege");
	group_in(r, "b", "a");
	OK(realm_modify(r, NULL, "b", "+member", "a", NULL));
	OK(add_writer(r, "p", "b"));
	REFUSED(r, realm_modify(r, NULL, "idm_high_privilege", "-member", "a", NULL), IDM_PROTECTED,
	    "b receives the profile p");
	OK(realm_modify(r, NULL, "b", "-member", "a", NULL));
}

/* Each change of a group commit is judged on what the one before it left. */
static void
receivers_are_judged_on_the_state_that_the_change_before_left(void **state)
{
	struct realm *r = *state;

	group_in(r, "desk", "idm_high_privilege");
	realm_group_begin(r);
	OK(realm_modify(r, NULL, "idm_high_privilege", "-member", "desk", NULL));
	assert_int_equal(add_writer(r, "p", "desk"), IDM_PROTECTED);
	OK(realm_modify(r, NULL, "idm_high_privilege", "+member", "desk", NULL));
	OK(add_writer(r, "p", "desk"));
	assert_int_equal(
	    realm_modify(r, NULL, "idm_high_privilege", "-member", "desk", NULL), IDM_PROTECTED);
	realm_group_commit(r);
	assert_true(realm_is_memberof(r, "desk", "idm_high_privilege"));
}

static void
what_managers_of_one_group_may_does_not_become_every_managers(void **state)
{
	struct realm *r = *state;

	group_in(r, "leads", "");
	group_in(r, "more", "");
	OK(realm_create(r, NULL, "class", "access_control_profile", "name", "p", "acp_receiver",
	    "leads", "acp_target", "managed(class=group)", "acp_modify_present", "name", NULL));
	REFUSED(r, realm_delete(r, NULL, "leads"), IDM_PROTECTED, "every manager's");
	OK(change_profile(r, "p", "+acp_receiver", "more"));
	OK(realm_delete(r, NULL, "leads"));
	REFUSED(r, realm_delete(r, NULL, "more"), IDM_PROTECTED, "every manager's");
	OK(change_profile(r, "p", "=acp_enable", "false"));
	OK(realm_delete(r, NULL, "more"));
}

/* --- dynamic groups */

static enum idm_result
add_dynamic(struct realm *r, const char *name, const char *filter)
{
	return realm_create(r, NULL, "class", "group", "class", "dyngroup", "name", name,
	    "dyngroup_filter", filter, NULL);
}

static void
a_dynamic_group_goes_by_what_nobody_writes_for_himself(void **state)
{
	static const char *const bad[] = { "(displayname=x)", "(legalname=x)", "(name=x)",
		"(mail=x@example.com)", "(&(class=person)(!(ssh_publickey=x)))",
		"(primary_credential=*)", "(radius_secret=*)", "(unix_password=*)",
		"(memberof=idm_admins)", "(directmemberof=idm_admins)", "(member=alice)",
		"(dynmember=alice)", "(spn=alice)", "(created>=2020-01-01T00:00:00Z)",
		"(last_modified>=2020-01-01T00:00:00Z)", "(user_session=*)", "(uuid=*)",
		"(account_expire=*)", "(shoesize=44)", "(class=person", "person", "" };
	struct realm *r = *state;

	realm_person(r, "alice");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (add_dynamic(r, "dyn", bad[i]) == IDM_OK)
			fail_msg("%s was taken", bad[i]);
	}
	REFUSED(r, add_dynamic(r, "dyn", "(displayname=x)"), IDM_PROTECTED, "self_write");
	REFUSED(r, add_dynamic(r, "dyn", "(memberof=idm_admins)"), IDM_PROTECTED, "memberof");
	OK(add_dynamic(r, "dyn", "(&(class=person)(class=posixaccount)(gidnumber=70000))"));
	REFUSED(r, realm_modify(r, NULL, "dyn", "=dyngroup_filter", "(name=x)", NULL),
	    IDM_PROTECTED, "name");
	OK(realm_modify(r, NULL, "dyn", "=dyngroup_filter", "(!(class=posixaccount))", NULL));
}

static void
nobody_gets_to_write_what_a_dynamic_group_goes_by(void **state)
{
	struct realm *r = *state;

	OK(add_dynamic(r, "posix", "(&(class=posixaccount)(gidnumber=70000))"));
	REFUSED(r,
	    realm_create(r, NULL, "class", "access_control_profile", "name", "own", "acp_receiver",
		"idm_all_persons", "acp_target", "self", "acp_modify_present", "gidnumber", NULL),
	    IDM_PROTECTED, "posix goes by gidnumber");
	REFUSED(r,
	    realm_create(r, NULL, "class", "access_control_profile", "name", "own", "acp_receiver",
		"idm_all_persons", "acp_target", "self", "acp_modify_class", "posixaccount", NULL),
	    IDM_PROTECTED, "posix goes by class");
	OK(realm_create(r, NULL, "class", "access_control_profile", "name", "own", "acp_receiver",
	    "idm_all_persons", "acp_target", "self", "acp_modify_present", "loginshell", NULL));
	REFUSED(r, change_profile(r, "own", "+acp_modify_removed", "gidnumber"), IDM_PROTECTED,
	    "posix goes by gidnumber");
	OK(realm_delete(r, NULL, "posix"));
	OK(change_profile(r, "own", "+acp_modify_removed", "gidnumber"));
	REFUSED(r, add_dynamic(r, "posix", "(gidnumber=70000)"), IDM_PROTECTED, "profile own");
}

static void
no_dynamic_group_gets_into_an_hp_group(void **state)
{
	struct realm *r = *state;

	OK(add_dynamic(r, "dyn", "(class=posixaccount)"));
	group_in(r, "plain", "");
	OK(realm_modify(r, NULL, "plain", "+member", "dyn", NULL));
	group_in(r, "outer", "");
	OK(realm_modify(r, NULL, "outer", "+member", "plain", NULL));
	REFUSED(r, realm_modify(r, NULL, "idm_admins", "+member", "dyn", NULL), IDM_PROTECTED,
	    "dyn is a dynamic group");
	REFUSED(r, realm_modify(r, NULL, "idm_admins", "+member", "outer", NULL), IDM_PROTECTED,
	    "dyn is a dynamic group");
	REFUSED(r, realm_modify(r, NULL, "idm_high_privilege", "+member", "idm_all_persons", NULL),
	    IDM_PROTECTED, "idm_all_persons is a dynamic group");
	group_in(r, "hp", "idm_admins");
	REFUSED(r, realm_modify(r, NULL, "hp", "+member", "plain", NULL), IDM_PROTECTED, "dyn");
}

/* --- built-ins, and what a service account leaves behind */

static void
no_class_of_a_built_in_comes_or_goes(void **state)
{
	struct realm *r = *state;

	REFUSED(r,
	    realm_modify(r, NULL, "admin", "+class", "posixaccount", "=gidnumber", "70000", NULL),
	    IDM_PROTECTED, "system protected object");
	REFUSED(r,
	    realm_modify(
		r, NULL, "idm_admins", "+class", "posixgroup", "=gidnumber", "70000", NULL),
	    IDM_PROTECTED, "system protected object");
	REFUSED(r,
	    realm_modify(r, NULL, "admin", "-class", "service_account", "+class", "person", NULL),
	    IDM_PROTECTED, "system protected object");
	REFUSED(r, realm_modify(r, NULL, "idm_admins", "=name", "others", NULL), IDM_PROTECTED,
	    "system protected object");
	REFUSED(r, change_profile(r, "all_read", "=name", "some_read"), IDM_PROTECTED,
	    "system protected object");
	REFUSED(r, realm_delete(r, NULL, "acp:all_read"), IDM_PROTECTED, "system protected object");
	REFUSED(r,
	    realm_modify(r, NULL, "idm_all_persons", "=dyngroup_filter", "(class=group)", NULL),
	    IDM_PROTECTED, "system protected object");
}

static void
generate_secrets(struct realm *r, const char *name)
{
	struct idm_request_secret secrets[] = {
		{ .attr_number = IDM_ATTR_PRIMARY_CREDENTIAL,
		    .plain = IDM_SPAN_LIT("old"),
		    .marker = "generated" },
		{ .attr_number = IDM_ATTR_UNIX_PASSWORD,
		    .plain = IDM_SPAN_LIT("old"),
		    .marker = "generated" },
		{ .attr_number = IDM_ATTR_RADIUS_SECRET,
		    .plain = IDM_SPAN_LIT("old"),
		    .marker = "set" },
	};
	struct idm_identity console = realm_identity(r, NULL);
	struct idm_request request = { .operation = IDM_OP_MODIFY,
		.target = realm_uuid(r, name),
		.secrets = secrets,
		.secret_count = 3 };

	OK(realm_run(r, &console, &request));
}

/* Turn svc into a person, and set secrets in the same request. */
static enum idm_result
turn_into_person(struct realm *r, struct idm_request_secret *secrets, size_t count)
{
	struct idm_span gone = IDM_SPAN_LIT("service_account"), come = IDM_SPAN_LIT("person");
	const struct idm_attr *class = idm_schema_attr(idm_schema_builtin(), IDM_SPAN_LIT("class"));
	struct idm_request_mod mods[] = { { IDM_REQUEST_DELETE, class, &gone, 1 },
		{ IDM_REQUEST_ADD, class, &come, 1 } };
	struct idm_identity console = realm_identity(r, NULL);
	struct idm_request request = { .operation = IDM_OP_MODIFY,
		.target = realm_uuid(r, "svc"),
		.mods = mods,
		.mod_count = 2,
		.secrets = secrets,
		.secret_count = count };

	return realm_run(r, &console, &request);
}

static void
a_person_keeps_nothing_that_was_the_service_account_s(void **state)
{
	struct realm *r = *state;
	struct idm_request_secret secret = { .attr_number = IDM_ATTR_PRIMARY_CREDENTIAL,
		.plain = IDM_SPAN_LIT("new"),
		.marker = "password" };
	struct idm_entry svc;

	realm_person(r, "boss");
	OK(realm_create(r, NULL, "class", "account", "class", "service_account", "name", "svc",
	    "displayname", "Service", "entry_managed_by", "boss", NULL));
	generate_secrets(r, "svc");
	OK(turn_into_person(r, &secret, 1));
	assert_true((r->set.items[0].flags & IDM_ITEM_REVOKES) != 0);
	svc = realm_entry(r, "svc");
	assert_true(idm_entry_has_class(&svc, "person"));
	assert_true(idm_span_is(idm_entry_text(&svc, IDM_ATTR_PRIMARY_CREDENTIAL), "password"));
	assert_false(idm_entry_has(&svc, IDM_ATTR_UNIX_PASSWORD));
	assert_false(idm_entry_has(&svc, IDM_ATTR_RADIUS_SECRET));
	assert_false(idm_entry_has(&svc, IDM_ATTR_ENTRY_MANAGED_BY));
}

static void
radius_hears_of_a_policy_that_goes(void **state)
{
	struct realm *r = *state;

	group_in(r, "staff", "");
	OK(realm_modify(r, NULL, "staff", "+class", "radius_policy", "=radius_vlan", "12", NULL));
	assert_true((r->set.items[0].flags & IDM_ITEM_FLAG_RADIUS) != 0);
	OK(realm_modify(r, NULL, "staff", "-class", "radius_policy", "=radius_vlan", "", NULL));
	assert_true((r->set.items[0].flags & IDM_ITEM_FLAG_RADIUS) != 0);
	OK(realm_modify(r, NULL, "staff", "=description", "x", NULL));
	assert_true((r->set.items[0].flags & IDM_ITEM_FLAG_RADIUS) == 0);
}

static void
no_policy_keeps_everybody_out(void **state)
{
	static const struct {
		const char *attr, *value;
		bool taken;
	} cases[] = {
		{ "=policy_password_minimum", "64", true },
		{ "=policy_password_minimum", "65", false },
		{ "=policy_session_expiry", "600", true },
		{ "=policy_session_expiry", "599", false },
		{ "=policy_session_expiry", "0", false },
		{ "=policy_privilege_expiry", "0", false },
		{ "=policy_search_limit", "0", false },
		{ "=policy_search_limit", "1", true },
	};
	struct realm *r = *state;

	group_in(r, "staff", "");
	OK(realm_modify(r, NULL, "staff", "+class", "account_policy", NULL));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum idm_result result =
		    realm_modify(r, NULL, "staff", cases[i].attr, cases[i].value, NULL);

		assert_int_equal(result, cases[i].taken ? IDM_OK : IDM_CONSTRAINT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(a_profile_that_can_not_be_used_is_refused),
		T(a_profile_that_is_disabled_may_be_wrong_until_it_is_enabled),
		T(a_target_means_who_bore_the_name_when_it_was_written),
		T(a_profile_has_its_name_among_profiles_alone),
		T(a_search_by_name_finds_a_profile_and_a_group),
		T(only_hp_groups_receive_what_writes_other_entries),
		T(a_profile_may_not_become_one_that_writes_for_others),
		T(a_receiver_of_what_writes_stays_hp),
		T(a_circle_alone_keeps_nobody_hp),
		T(receivers_are_judged_on_the_state_that_the_change_before_left),
		T(what_managers_of_one_group_may_does_not_become_every_managers),
		T(a_dynamic_group_goes_by_what_nobody_writes_for_himself),
		T(nobody_gets_to_write_what_a_dynamic_group_goes_by),
		T(no_dynamic_group_gets_into_an_hp_group),
		T(no_class_of_a_built_in_comes_or_goes),
		T(a_person_keeps_nothing_that_was_the_service_account_s),
		T(radius_hears_of_a_policy_that_goes),
		T(no_policy_keeps_everybody_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
