/* The rules that hold for whoever asks: SPEC 2.1 to 2.5, 3, 4; all by the console, which may all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/realm.h"

static void
service(struct realm *r, const char *name)
{
	assert_int_equal(realm_create(r, NULL, "class", "account", "class", "service_account",
			     "name", name, "displayname", name, NULL),
	    IDM_OK);
}

/* --- names (SPEC 2.3, 2.5) */

static void
a_name_is_lower_case_and_of_few_characters(void **state)
{
	struct realm *r = *state;
	struct idm_entry entry;
	static const char *const bad[] = { "", "1abc", "-a", "a b", "a@b", "\xc3\xa4", "a\nb",
		"a,b", "a=b", "root", "administrator", "6c1c2d53-43e0-4c57-9b3c-6f3a9a4d0001",
		"a6c1c2d5343e04c579b3c6f3a9a4d0001aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"abcdefab-43e0-4c57-9b3c-6f3a9a4d0001" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(
		    realm_create(r, NULL, "class", "group", "name", bad[i], NULL), IDM_OK);
	assert_int_equal(realm_create(r, NULL, "class", "group", "name", "A.b_c-9", NULL), IDM_OK);
	entry = realm_entry(r, "a.b_c-9");
	assert_true(idm_span_is(idm_entry_text(&entry, IDM_ATTR_NAME), "a.b_c-9"));
}

static void
a_denied_name_is_denied_to_a_rename_too(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	assert_int_equal(realm_modify(r, NULL, "alice", "=name", "Root", NULL), IDM_CONSTRAINT);
	assert_non_null(strstr(r->err.client_text, "root is denied"));
}

static void
two_names_are_not_one_entry_s(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	assert_int_equal(realm_modify(r, NULL, "alice", "+name", "alice2", NULL), IDM_SCHEMA);
	assert_int_equal(realm_modify(r, NULL, "alice", "-name", "", NULL), IDM_SCHEMA);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "-name", "alice", "+name", "alice2", NULL), IDM_OK);
}

static void
a_renamed_account_keeps_uuid_groups_and_secrets(void **state)
{
	struct realm *r = *state;
	struct idm_uuid before, after;
	struct idm_entry entry;

	realm_person(r, "alice");
	realm_group(r, "staff");
	assert_int_equal(realm_modify(r, NULL, "staff", "+member", "alice", NULL), IDM_OK);
	assert_int_equal(realm_set_secret(r, NULL, "alice", IDM_ATTR_RADIUS_SECRET, "s"), IDM_OK);
	before = realm_uuid(r, "alice");
	assert_int_equal(realm_modify(r, NULL, "alice", "=name", "carol", NULL), IDM_OK);
	after = realm_uuid(r, "carol");
	assert_true(idm_uuid_equal(&before, &after));
	assert_true(realm_is_memberof(r, "carol", "staff"));
	entry = realm_entry(r, "carol@" REALM_DOMAIN);
	assert_true(idm_entry_has(&entry, IDM_ATTR_RADIUS_SECRET));
	assert_int_equal(
	    idm_lookup_text(&r->read, IDM_SPAN_LIT("alice"), &entry, NULL), IDM_NOT_FOUND);
}

static void
a_name_is_unique_over_accounts_and_groups_in_any_case(void **state)
{
	struct realm *r = *state;

	realm_group(r, "staff");
	realm_person(r, "alice");
	assert_int_equal(realm_modify(r, NULL, "alice", "=name", "STAFF", NULL), IDM_EXISTS);
	assert_non_null(strstr(r->err.client_text, "name staff is taken"));
	assert_int_equal(realm_modify(r, NULL, "alice", "=name", "idm_admins", NULL), IDM_EXISTS);
}

/* --- mail (SPEC 2.3) */

static void
a_mail_address_is_one_account_s_in_any_case(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	service(r, "robot");
	assert_int_equal(realm_modify(r, NULL, "alice", "+mail", "Post@Example.org", "+mail",
			     "second@example.org", NULL),
	    IDM_OK);
	assert_int_equal(
	    realm_modify(r, NULL, "robot", "+mail", "post@example.ORG", NULL), IDM_CONSTRAINT);
	assert_non_null(strstr(r->err.client_text, "mail post@example.ORG is taken"));
	assert_int_equal(
	    realm_modify(r, NULL, "robot", "=mail", "second@example.org", NULL), IDM_CONSTRAINT);
	assert_int_equal(realm_modify(r, NULL, "alice", "-mail", "post@example.org", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "robot", "+mail", "post@example.ORG", NULL), IDM_OK);
}

static void
a_mail_address_is_no_group_s_spn_nor_in_another_case(void **state)
{
	struct realm *r = *state;

	realm_group(r, "staff");
	realm_person(r, "alice");
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "+mail", "STAFF@IDM.Example.COM", NULL), IDM_CONSTRAINT);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "+mail", "admin@" REALM_DOMAIN, NULL), IDM_CONSTRAINT);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "+mail", "xadmin@" REALM_DOMAIN, NULL), IDM_OK);
	assert_int_equal(
	    realm_create(r, NULL, "class", "group", "name", "xadmin", NULL), IDM_CONSTRAINT);
}

/* --- gid numbers */

static void
a_gid_number_is_unique_and_in_range(void **state)
{
	struct realm *r = *state;
	static const char *const reserved[] = { "0", "999", "60001", "60577", "61184", "65519",
		"65534", "65535", "2147483648", "4294967295" };
	static const char *const free_ones[] = { "1000", "60000", "60578", "61183", "65520",
		"65533", "65536", "524287", "524288", "2147483647" };

	realm_person(r, "alice");
	realm_group(r, "staff");
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		assert_int_equal(realm_modify(r, NULL, "alice", "+class", "posixaccount",
				     "=gidnumber", reserved[i], NULL),
		    IDM_CONSTRAINT);
	for (size_t i = 0; i < sizeof(free_ones) / sizeof(free_ones[0]); i++)
		assert_int_equal(realm_modify(r, NULL, "alice", "+class", "posixaccount",
				     "=gidnumber", free_ones[i], NULL),
		    IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "staff", "+class", "posixgroup", "=gidnumber",
			     "2147483647", NULL),
	    IDM_CONSTRAINT);
	assert_non_null(strstr(r->err.client_text, "gidnumber 2147483647 is taken"));
	assert_int_equal(realm_modify(r, NULL, "staff", "=gidnumber", "2000", NULL), IDM_SCHEMA);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "-class", "posixaccount", NULL), IDM_SCHEMA);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "-class", "posixaccount", "-gidnumber", "", NULL),
	    IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "staff", "+class", "posixgroup", "=gidnumber",
			     "2147483647", NULL),
	    IDM_OK);
}

/* A person of a uuid that the test chooses: the console alone may. */
static void
person_of(struct realm *r, const char *name, const char *uuid)
{
	struct idm_identity console = { .kind = IDM_IDENTITY_INTERNAL };
	struct idm_span class[] = { IDM_SPAN_LIT("account"), IDM_SPAN_LIT("person") };
	struct idm_span text = idm_span_cstr(name);
	struct idm_request_mod mods[] = {
		{ IDM_REQUEST_ADD, idm_schema_attr_number(r->schema, IDM_ATTR_CLASS), class, 2 },
		{ IDM_REQUEST_ADD, idm_schema_attr_number(r->schema, IDM_ATTR_NAME), &text, 1 },
		{ IDM_REQUEST_ADD, idm_schema_attr_number(r->schema, IDM_ATTR_DISPLAYNAME), &text,
		    1 },
	};
	struct idm_request request = { .operation = IDM_OP_CREATE, .mods = mods, .mod_count = 3 };

	assert_true(idm_uuid_parse(idm_span_cstr(uuid), &request.target));
	assert_int_equal(realm_run(r, &console, &request), IDM_OK);
}

static uint32_t
gid_of(struct realm *r, const char *name)
{
	struct idm_entry entry = realm_entry(r, name);
	struct idm_value_iter iter = idm_entry_values(&entry, IDM_ATTR_GIDNUMBER);
	struct idm_value value;

	return idm_value_next(&iter, &value) ? idm_uint32_load(value.stored) : 0;
}

static void
a_gid_number_that_is_not_given_is_made_from_the_uuid(void **state)
{
	struct realm *r = *state;

	realm_group(r, "staff"); /* r->schema is there from here on */
	person_of(r, "anna", "6c1c2d53-43e0-4c57-9b3c-6f3aaffffffe");
	person_of(r, "ben", "7c1c2d53-43e0-4c57-9b3c-6f3abffffffe");
	person_of(r, "carl", "8c1c2d53-43e0-4c57-9b3c-6f3a0ffffffe");
	person_of(r, "dora", "9c1c2d53-43e0-4c57-9b3c-6f3acffffffe");
	assert_int_equal(realm_modify(r, NULL, "anna", "+class", "posixaccount", NULL), IDM_OK);
	assert_int_equal(gid_of(r, "anna"), 0x7ffffffe);
	assert_int_equal(realm_modify(r, NULL, "ben", "+class", "posixaccount", NULL), IDM_OK);
	assert_int_equal(gid_of(r, "ben"), 0x7fffffff); /* the next free one, */
	assert_int_equal(realm_modify(r, NULL, "carl", "+class", "posixaccount", NULL), IDM_OK);
	assert_int_equal(gid_of(r, "carl"), 0x70000000); /* within the range */
	assert_int_equal(realm_modify(r, NULL, "staff", "+class", "posixgroup", NULL), IDM_OK);
	assert_in_range(gid_of(r, "staff"), 0x70000000, 0x7fffffff);

	/* Given back and asked for again, it is made anew: who has it keeps it. */
	assert_int_equal(realm_modify(r, NULL, "anna", "=gidnumber", "2000", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "dora", "+class", "posixaccount", NULL), IDM_OK);
	assert_int_equal(gid_of(r, "dora"), 0x7ffffffe);
	assert_int_equal(realm_modify(r, NULL, "anna", "=gidnumber", "", NULL), IDM_OK);
	assert_int_equal(gid_of(r, "anna"), 0x70000001);
	assert_int_equal(realm_modify(r, NULL, "anna", "=displayname", "Anna B", NULL), IDM_OK);
	assert_int_equal(gid_of(r, "anna"), 0x70000001);
	assert_int_equal(
	    realm_modify(r, NULL, "anna", "-class", "posixaccount", "=gidnumber", "", NULL),
	    IDM_OK);
	assert_int_equal(gid_of(r, "anna"), 0);
}

static void
whoever_may_extend_an_account_need_not_choose_its_number(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	realm_person(r, "unixer");
	assert_int_equal(
	    realm_modify(r, NULL, "idm_account_unix_extend_priv", "+member", "unixer", NULL),
	    IDM_OK);
	assert_int_equal(
	    realm_modify(r, "alice", "alice", "+class", "posixaccount", NULL), IDM_DENIED);
	assert_int_equal(realm_modify(r, "unixer", "alice", "+class", "posixaccount", "+loginshell",
			     "/usr/bin/Fish", NULL),
	    IDM_OK);
	assert_in_range(gid_of(r, "alice"), 0x70000000, 0x7fffffff);
}

/* --- references (SPEC 2.4) */

static void
a_reference_names_what_it_may_name(void **state)
{
	struct realm *r = *state;
	struct idm_uuid domain = idm_uuid_builtin(IDM_BUILTIN_DOMAIN_INFO);
	char text[IDM_UUID_TEXT];

	idm_uuid_format(&domain, text);
	realm_person(r, "alice");
	realm_group(r, "staff");
	assert_int_equal(realm_modify(r, NULL, "staff", "=entry_managed_by", "nobody_here", NULL),
	    IDM_CONSTRAINT);
	assert_non_null(strstr(r->err.client_text, "nobody_here"));
	assert_int_equal(
	    realm_modify(r, NULL, "staff", "=entry_managed_by", text, NULL), IDM_CONSTRAINT);
	assert_int_equal(realm_modify(r, NULL, "staff", "+member", text, NULL), IDM_CONSTRAINT);
	assert_int_equal(
	    realm_modify(r, NULL, "staff", "=entry_managed_by", "alice@" REALM_DOMAIN, NULL),
	    IDM_OK);
	assert_int_equal(
	    realm_modify(r, NULL, text, "=radius_required_group", "alice", NULL), IDM_CONSTRAINT);
	assert_int_equal(
	    realm_modify(r, NULL, text, "=radius_required_group", "staff", NULL), IDM_OK);
	assert_int_equal(realm_create(r, NULL, "class", "access_control_profile", "name", "p1",
			     "acp_receiver", "alice", "acp_target", "self", NULL),
	    IDM_CONSTRAINT);
	assert_int_equal(
	    realm_modify(r, NULL, "staff", "-entry_managed_by", "alice", NULL), IDM_OK);
}

static void
a_deleted_entry_is_no_member_and_no_manager(void **state)
{
	struct realm *r = *state;
	char text[IDM_UUID_TEXT];
	struct idm_uuid uuid;

	realm_person(r, "alice");
	realm_group(r, "staff");
	uuid = realm_uuid(r, "alice");
	idm_uuid_format(&uuid, text);
	assert_int_equal(realm_delete(r, NULL, "alice"), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "staff", "+member", text, NULL), IDM_CONSTRAINT);
	assert_int_equal(
	    realm_modify(r, NULL, "staff", "=entry_managed_by", text, NULL), IDM_CONSTRAINT);
}

/* --- classes (SPEC 2.2, 4, 5.4) */

static void
what_an_entry_is_stays(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	realm_group(r, "staff");
	service(r, "robot");
	assert_int_equal(realm_modify(r, NULL, "staff", "-class", "group", "+class", "person",
			     "+class", "account", "+displayname", "x", NULL),
	    IDM_SCHEMA);
	assert_int_equal(realm_modify(r, NULL, "alice", "-class", "person", "-class", "account",
			     "-displayname", "", "+class", "group", NULL),
	    IDM_SCHEMA);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "-class", "person", "+class", "service_account", NULL),
	    IDM_SCHEMA);
	assert_int_equal(realm_modify(r, NULL, "staff", "+class", "dyngroup", "+dyngroup_filter",
			     "(class=person)", NULL),
	    IDM_SCHEMA);
	assert_int_equal(realm_modify(r, NULL, "alice", "-class", "object", NULL), IDM_SCHEMA);
	assert_int_equal(realm_modify(r, NULL, "alice", "+class", "tombstone", NULL), IDM_DENIED);
	assert_int_equal(realm_modify(r, NULL, "alice", "+class", "nonsense", NULL), IDM_SCHEMA);
}

static void
a_service_account_that_becomes_a_person_loses_its_password(void **state)
{
	struct realm *r = *state;
	struct idm_request_secret secret = { .attr_number = IDM_ATTR_PRIMARY_CREDENTIAL,
		.plain = IDM_SPAN_LIT("phc"),
		.marker = "generated" };
	struct idm_request request = {
		.operation = IDM_OP_MODIFY, .secrets = &secret, .secret_count = 1
	};
	struct idm_identity console = realm_identity(r, NULL);
	struct idm_entry entry;
	struct idm_span blob;
	uint8_t key[12];

	service(r, "robot");
	request.target = realm_uuid(r, "robot");
	assert_int_equal(realm_run(r, &console, &request), IDM_OK);
	assert_int_equal(
	    realm_modify(r, NULL, "robot", "-class", "service_account", "+class", "person", NULL),
	    IDM_OK);
	assert_int_equal(r->set.items[0].flags & IDM_ITEM_REVOKES, IDM_ITEM_REVOKES);
	entry = realm_entry(r, "robot");
	assert_false(idm_entry_has(&entry, IDM_ATTR_PRIMARY_CREDENTIAL));
	idm_store_u64(entry.id, key);
	idm_store_u32(IDM_ATTR_PRIMARY_CREDENTIAL, key + 8);
	assert_int_equal(
	    idm_store_get(&r->txn, IDM_DB_SECRETS, idm_span_of(key, sizeof(key)), &blob, NULL),
	    IDM_NOT_FOUND);
	realm_done(r);
	assert_true(realm_is_memberof(r, "robot", "idm_all_persons"));
}

/* --- secrets (SPEC 6.1) */

static void
a_service_account_holds_generated_passwords_alone(void **state)
{
	struct realm *r = *state;

	service(r, "robot");
	assert_int_equal(
	    realm_set_secret(r, NULL, "robot", IDM_ATTR_PRIMARY_CREDENTIAL, "x"), IDM_CONSTRAINT);
	assert_int_equal(
	    realm_set_secret(r, NULL, "robot", IDM_ATTR_UNIX_PASSWORD, "x"), IDM_CONSTRAINT);
	assert_int_equal(realm_set_secret(r, NULL, "robot", IDM_ATTR_RADIUS_SECRET, "x"), IDM_OK);
}

static void
only_an_account_has_secrets(void **state)
{
	struct realm *r = *state;

	realm_group(r, "staff");
	assert_int_equal(
	    realm_set_secret(r, NULL, "staff", IDM_ATTR_PRIMARY_CREDENTIAL, "x"), IDM_SCHEMA);
	assert_int_equal(
	    realm_set_secret(r, NULL, "staff", IDM_ATTR_RADIUS_SECRET, "x"), IDM_SCHEMA);
}

static void
what_is_not_written_as_an_attribute_is_refused(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "=password_import", "secret", NULL), IDM_INVALID);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "=radius_secret", "secret", NULL), IDM_DENIED);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "=unix_password", "secret", NULL), IDM_DENIED);
	assert_int_equal(realm_modify(r, NULL, "alice", "+user_session", "x", NULL), IDM_DENIED);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "+api_token_session", "x", NULL), IDM_DENIED);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "+directmemberof", "admin", NULL), IDM_DENIED);
	assert_int_equal(realm_modify(r, NULL, "alice", "+dynmember", "admin", NULL), IDM_DENIED);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "=created", "1970-01-01T00:00:00Z", NULL), IDM_DENIED);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "=last_modified", "1970-01-01T00:00:00Z", NULL),
	    IDM_DENIED);
	assert_int_equal(realm_create(r, NULL, "class", "group", "name", "g", "uuid",
			     "00000000-0000-0000-0000-000000000999", NULL),
	    IDM_DENIED);
}

static void
a_secret_goes_with_its_marker(void **state)
{
	struct realm *r = *state;
	struct idm_entry entry;
	struct idm_span blob;
	uint8_t key[12];

	realm_person(r, "alice");
	assert_int_equal(realm_set_secret(r, NULL, "alice", IDM_ATTR_RADIUS_SECRET, "s"), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "alice", "-radius_secret", "", NULL), IDM_OK);
	assert_int_equal(r->set.items[0].flags & IDM_ITEM_REVOKES, IDM_ITEM_REVOKES);
	entry = realm_entry(r, "alice");
	idm_store_u64(entry.id, key);
	idm_store_u32(IDM_ATTR_RADIUS_SECRET, key + 8);
	assert_int_equal(
	    idm_store_get(&r->txn, IDM_DB_SECRETS, idm_span_of(key, sizeof(key)), &blob, NULL),
	    IDM_NOT_FOUND);
}

/* --- groups (SPEC 3) */

static void
only_an_ordinary_group_takes_members(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	realm_person(r, "bob");
	assert_int_equal(realm_modify(r, NULL, "alice", "+member", "bob", NULL), IDM_SCHEMA);
	/* Whether the account is in it or not. */
	assert_int_equal(
	    realm_modify(r, NULL, "idm_all_persons", "+member", "alice", NULL), IDM_PROTECTED);
	assert_int_equal(
	    realm_modify(r, NULL, "idm_all_persons", "+member", "admin", NULL), IDM_PROTECTED);
	assert_int_equal(
	    realm_modify(r, NULL, "idm_all_persons", "-member", "alice", NULL), IDM_PROTECTED);
	assert_int_equal(
	    realm_modify(r, NULL, "idm_all_persons", "=member", "", NULL), IDM_PROTECTED);
}

static void
adding_a_member_again_is_no_change_and_removing_one_twice_is_refused(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	realm_group(r, "staff");
	assert_int_equal(realm_modify(r, NULL, "staff", "+member", "alice", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "staff", "+member", "alice", NULL), IDM_OK);
	assert_int_equal(r->set.no, 0);
	assert_int_equal(realm_modify(r, NULL, "staff", "-member", "alice", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "staff", "-member", "alice", NULL), IDM_CONSTRAINT);
	assert_non_null(strstr(r->err.client_text, "alice is not a member"));
}

static void
deleting_a_group_in_the_middle_cuts_what_was_below(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	realm_group(r, "top");
	realm_group(r, "middle");
	realm_group(r, "low");
	assert_int_equal(realm_modify(r, NULL, "top", "+member", "middle", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "middle", "+member", "low", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "low", "+member", "alice", NULL), IDM_OK);
	assert_true(realm_is_memberof(r, "alice", "top"));
	assert_int_equal(realm_delete(r, NULL, "middle"), IDM_OK);
	assert_false(realm_is_memberof(r, "alice", "top"));
	assert_true(realm_is_memberof(r, "alice", "low"));
}

/* --- what a change revokes (CHANGES 21) */

static void
whatever_may_end_a_login_revokes(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	realm_group(r, "staff");
	assert_int_equal(realm_modify(r, NULL, "staff", "+member", "alice", NULL), IDM_OK);
	assert_int_equal(r->set.items[0].flags & IDM_ITEM_REVOKES, 0);
	assert_int_equal(realm_modify(r, NULL, "staff", "-member", "alice", NULL), IDM_OK);
	assert_int_not_equal(r->set.items[0].flags & IDM_ITEM_REVOKES, 0);
	assert_int_equal(realm_modify(r, NULL, "alice", "=legalname", "x", NULL), IDM_OK);
	assert_int_equal(r->set.items[0].flags & IDM_ITEM_REVOKES, 0);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "=account_expire", "2040-01-01T00:00:00Z", NULL),
	    IDM_OK);
	assert_int_not_equal(r->set.items[0].flags & IDM_ITEM_REVOKES, 0);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "=account_valid_from", "2039-01-01T00:00:00Z", NULL),
	    IDM_OK);
	assert_int_not_equal(r->set.items[0].flags & IDM_ITEM_REVOKES, 0);
	assert_int_equal(realm_set_secret(r, NULL, "alice", IDM_ATTR_UNIX_PASSWORD, "x"), IDM_OK);
	assert_int_not_equal(r->set.items[0].flags & IDM_ITEM_REVOKES, 0);
	assert_int_equal(realm_delete(r, NULL, "alice"), IDM_OK);
	assert_int_not_equal(r->set.items[0].flags & IDM_ITEM_REVOKES, 0);
}

/* --- time */

static void
the_time_of_a_change_never_goes_back_nor_follows_a_wild_jump(void **state)
{
	struct realm *r = *state;

	r->now.at_s = REALM_NOW_S + 100;
	realm_person(r, "alice");
	assert_int_equal(r->set.at_s, REALM_NOW_S + 100);
	r->now.at_s = REALM_NOW_S;
	realm_person(r, "bob");
	assert_int_equal(r->set.at_s, REALM_NOW_S + 100);
	r->now = (struct idm_now){ REALM_NOW_S + 100 + 86401, false };
	realm_person(r, "carol");
	assert_int_equal(r->set.at_s, REALM_NOW_S + 100);
	r->now.at_s = REALM_NOW_S + 100 + 86400;
	realm_person(r, "david");
	assert_int_equal(r->set.at_s, REALM_NOW_S + 100 + 86400);
	r->now = (struct idm_now){ REALM_NOW_S + 1000000, true };
	r->context.clock_jumped = true;
	realm_person(r, "eve");
	assert_int_equal(r->set.at_s, REALM_NOW_S + 100 + 86400);
	r->context.clock_jumped = false;
	realm_person(r, "fred");
	assert_int_equal(r->set.at_s, REALM_NOW_S + 1000000);
}

static void
a_vlan_is_one_of_4094(void **state)
{
	struct realm *r = *state;

	realm_group(r, "wifi");
	assert_int_equal(
	    realm_modify(r, NULL, "wifi", "+class", "radius_policy", "=radius_vlan", "0", NULL),
	    IDM_CONSTRAINT);
	assert_int_equal(
	    realm_modify(r, NULL, "wifi", "+class", "radius_policy", "=radius_vlan", "4095", NULL),
	    IDM_CONSTRAINT);
	assert_non_null(strstr(r->err.client_text, "from 1 to 4094"));
	assert_int_equal(
	    realm_modify(r, NULL, "wifi", "+class", "radius_policy", "=radius_vlan", "4094", NULL),
	    IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "wifi", "=radius_vlan", "1", NULL), IDM_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(a_name_is_lower_case_and_of_few_characters),
		T(a_denied_name_is_denied_to_a_rename_too),
		T(two_names_are_not_one_entry_s),
		T(a_renamed_account_keeps_uuid_groups_and_secrets),
		T(a_name_is_unique_over_accounts_and_groups_in_any_case),
		T(a_mail_address_is_one_account_s_in_any_case),
		T(a_mail_address_is_no_group_s_spn_nor_in_another_case),
		T(a_gid_number_is_unique_and_in_range),
		T(a_gid_number_that_is_not_given_is_made_from_the_uuid),
		T(whoever_may_extend_an_account_need_not_choose_its_number),
		T(a_vlan_is_one_of_4094),
		T(a_reference_names_what_it_may_name),
		T(a_deleted_entry_is_no_member_and_no_manager),
		T(what_an_entry_is_stays),
		T(a_service_account_that_becomes_a_person_loses_its_password),
		T(a_service_account_holds_generated_passwords_alone),
		T(only_an_account_has_secrets),
		T(what_is_not_written_as_an_attribute_is_refused),
		T(a_secret_goes_with_its_marker),
		T(only_an_ordinary_group_takes_members),
		T(adding_a_member_again_is_no_change_and_removing_one_twice_is_refused),
		T(deleting_a_group_in_the_middle_cuts_what_was_below),
		T(whatever_may_end_a_login_revokes),
		T(the_time_of_a_change_never_goes_back_nor_follows_a_wild_jump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
