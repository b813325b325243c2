/* Add, modify, delete and modifyDN in the core process: what becomes of them (SPEC 8.8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/server.h"
#include "tests/support/test_clock.h"

#define PEOPLE "ou=people," DIRECTORY_SUFFIX
#define GROUPS "ou=groups," DIRECTORY_SUFFIX
#define SERVICES "ou=services," DIRECTORY_SUFFIX
#define ANNA "uid=anna," PEOPLE
#define BEN "uid=ben," PEOPLE
#define STAFF "cn=staff," GROUPS

static struct requests r;

/* Ask, and have this code; `text` is a part of what the client is told, "" nothing at all. */
static void
expect(struct server *s, const char *actor, enum ldap_result_code code, const char *text)
{
	uint64_t handle = actor != NULL ? server_login(s, actor) : 0;
	const struct ipc_done *done = server_ask(s, handle, &r);
	char told[1024];

	snprintf(told, sizeof(told), "%.*s", IDM_SPAN_ARG(done->text));
	if (done->code != code)
		fail_msg(
		    "%s, not %s: %s", ldap_result_name(done->code), ldap_result_name(code), told);
	if (text[0] == '\0' ? told[0] != '\0' : strstr(told, text) == NULL)
		fail_msg("told \"%s\", not \"%s\"", told, text);
	assert_false(done->has_value);
	assert_false(done->has_identity);
	server_fresh_frames(s);
}

/* The text of a stored attribute's first value. */
static const char *
stored(struct server *s, const char *name, uint32_t attr_number)
{
	static char text[256];
	struct idm_entry entry = realm_entry(s->realm, name);

	snprintf(text, sizeof(text), "%.*s", IDM_SPAN_ARG(idm_entry_text(&entry, attr_number)));
	realm_done(s->realm);
	return text;
}

static bool
exists(struct server *s, const char *name)
{
	struct idm_entry entry;
	bool found;

	realm_entry(s->realm, "admin");
	found = idm_lookup_text(&s->realm->read, idm_span_cstr(name), &entry, NULL) == IDM_OK;
	realm_done(s->realm);
	return found;
}

/* --- what is done */

static void
a_container_says_what_a_new_entry_is(void **state)
{
	struct server *s = *state;

	request_add(&r, 1, "uid=dora," PEOPLE, "objectClass", "inetOrgPerson", "displayName",
	    "Dora Dattel", NULL);
	expect(s, "idm_admin", LDAP_SUCCESS, "");
	assert_string_equal(stored(s, "dora", IDM_ATTR_DISPLAYNAME), "Dora Dattel");
	request_add(
	    &r, 1, "CN=Crew, OU=Groups, " DIRECTORY_SUFFIX, "objectClass", "groupOfNames", NULL);
	expect(s, "idm_admin", LDAP_SUCCESS, "");
	request_modify(&r, 1, "cn=crew," GROUPS, "+member", "uid=dora," PEOPLE, NULL);
	expect(s, "idm_admin", LDAP_SUCCESS, "");
	assert_true(realm_is_memberof(s->realm, "dora", "crew"));
	request_add(&r, 1, "uid=daemon," SERVICES, "displayName", "Daemon", NULL);
	expect(s, "idm_admin", LDAP_SUCCESS, "");
	assert_string_equal(stored(s, "daemon", IDM_ATTR_DISPLAYNAME), "Daemon");
}

static void
an_entry_is_modified_under_any_of_its_names(void **state)
{
	static const char *const names[] = { BEN, "ben", "spn=ben@idm.example.com",
		"name=ben," DIRECTORY_SUFFIX, "UID=BEN,OU=PEOPLE," DIRECTORY_SUFFIX };
	struct server *s = *state;
	char text[32];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(text, sizeof(text), "Ben %zu", i);
		request_modify(&r, 1, names[i], "=displayName", text, NULL);
		expect(s, "idm_admin", LDAP_SUCCESS, "");
		assert_string_equal(stored(s, "ben", IDM_ATTR_DISPLAYNAME), text);
	}
	request_modify(&r, 1, BEN, "+mail", "ben@example.org", "+mail", "birne@example.org",
	    "-mail", "ben@example.org", NULL);
	expect(s, "idm_admin", LDAP_SUCCESS, "");
	assert_string_equal(stored(s, "ben", IDM_ATTR_MAIL), "birne@example.org");
	request_modify(&r, 1, BEN, "-mail", "", NULL);
	expect(s, "idm_admin", LDAP_SUCCESS, "");
	assert_string_equal(stored(s, "ben", IDM_ATTR_MAIL), "");
}

static void
an_entry_is_renamed_within_its_container(void **state)
{
	struct server *s = *state;

	request_rename(&r, 1, "uid=carl," PEOPLE, "uid=carlo", NULL);
	expect(s, "idm_admin", LDAP_SUCCESS, "");
	assert_true(exists(s, "carlo"));
	assert_false(exists(s, "carl"));
	request_rename(&r, 1, "uid=carlo," PEOPLE, "cn=carl", PEOPLE);
	expect(s, "idm_admin", LDAP_SUCCESS, "");
	assert_true(exists(s, "carl"));
}

static void
an_entry_is_deleted(void **state)
{
	struct server *s = *state;

	request_add(&r, 1, "uid=gone," PEOPLE, "displayName", "Gone", NULL);
	expect(s, "idm_admin", LDAP_SUCCESS, "");
	request_delete(&r, 1, "uid=gone," PEOPLE);
	expect(s, "idm_admin", LDAP_SUCCESS, "");
	assert_false(exists(s, "gone"));
	request_delete(&r, 1, "uid=gone," PEOPLE);
	expect(s, "idm_admin", LDAP_NO_SUCH_OBJECT, "no matching entries");
}

/* Decided in their order, each on what the one before it left, and stored together. */
static void
requests_that_wait_share_a_commit(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	uint64_t applied = realm_applied(s->realm);
	static const enum ldap_result_code codes[] = { LDAP_SUCCESS, LDAP_ENTRY_ALREADY_EXISTS,
		LDAP_SUCCESS, LDAP_SUCCESS, LDAP_NO_SUCH_OBJECT };

	request_add(&r, 1, "uid=eve," PEOPLE, "displayName", "Eve", NULL);
	server_send(s, handle, &r);
	request_add(&r, 2, "uid=eve," PEOPLE, "displayName", "Eve", NULL);
	server_send(s, handle, &r);
	request_rename(&r, 3, "uid=ben," PEOPLE, "uid=benno", NULL);
	server_send(s, handle, &r);
	request_rename(&r, 4, "uid=anna," PEOPLE, "uid=ben", NULL); /* which is free by then */
	server_send(s, handle, &r);
	request_delete(&r, 5, "uid=nobody," PEOPLE);
	server_send(s, handle, &r);
	for (size_t i = 0; i < 5; i++) {
		const struct ipc_done *done = &server_await_frame(s, IPC_DONE)->done;
		size_t which = i == 0 ? 4 : i - 1; /* what waits for no commit comes first */

		assert_int_equal(done->code, codes[which]);
	}
	assert_int_equal(realm_applied(s->realm), applied + 3);
	request_rename(&r, 6, "uid=ben," PEOPLE, "uid=anna", NULL);
	expect(s, "idm_admin", LDAP_SUCCESS, "");
	request_rename(&r, 7, "uid=benno," PEOPLE, "uid=ben", NULL);
	expect(s, "idm_admin", LDAP_SUCCESS, "");
}

/* --- what is refused */

static void
who_may_not_is_refused(void **state)
{
	struct server *s = *state;

	request_modify(&r, 1, BEN, "=displayName", "Mine", NULL);
	expect(s, "anna", LDAP_INSUFFICIENT_ACCESS_RIGHTS, "displayname");
	request_delete(&r, 1, BEN);
	expect(s, "anna", LDAP_INSUFFICIENT_ACCESS_RIGHTS, "needs the right to delete");
	request_rename(&r, 1, BEN, "uid=mine", NULL);
	expect(s, "anna", LDAP_INSUFFICIENT_ACCESS_RIGHTS, "name");
	request_add(&r, 1, "uid=mine," PEOPLE, "displayName", "Mine", NULL);
	expect(s, "anna", LDAP_INSUFFICIENT_ACCESS_RIGHTS, "needs the right to");
	request_modify(&r, 1, STAFF, "+member", BEN, NULL);
	expect(s, NULL, LDAP_NO_SUCH_OBJECT, "no matching entries"); /* anonymous: SPEC 5.6 */
	request_add(&r, 1, "uid=mine," PEOPLE, "displayName", "Mine", NULL);
	expect(s, NULL, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "anonymous may not write");
	assert_false(exists(s, "mine"));
	assert_false(realm_is_memberof(s->realm, "ben", "staff"));
}

static void
a_login_that_reads_alone_is_refused(void **state)
{
	struct server *s = *state;
	struct idm_identity identity = realm_identity(s->realm, "anna");
	uint64_t handle;

	identity.privileged_until_s = REALM_NOW_S; /* was until now */
	handle = core_identity_add(s->core->workers, &identity);
	request_modify(&r, 1, ANNA, "=displayName", "Annabel", NULL);
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	identity.kind = IDM_IDENTITY_UNIX_PASSWORD;
	identity.privileged_until_s = INT64_MAX;
	handle = core_identity_add(s->core->workers, &identity);
	request_modify(&r, 1, ANNA, "=displayName", "Annabel", NULL);
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	assert_string_equal(stored(s, "anna", IDM_ATTR_DISPLAYNAME), "Anna Apfel");
	request_modify(&r, 1, ANNA, "=displayName", "Annabel", NULL);
	expect(s, "anna", LDAP_SUCCESS, "");
}

static void
what_is_built_in_is_protected(void **state)
{
	struct server *s = *state;

	request_delete(&r, 1, "cn=idm_all_persons," GROUPS);
	expect(s, "admin", LDAP_INSUFFICIENT_ACCESS_RIGHTS, "system protected object");
	request_rename(&r, 1, "cn=domain_admins," GROUPS, "cn=mine", NULL);
	expect(s, "admin", LDAP_INSUFFICIENT_ACCESS_RIGHTS, "system protected object");
	request_delete(&r, 1, "uid=anonymous," SERVICES);
	expect(s, "admin", LDAP_INSUFFICIENT_ACCESS_RIGHTS, "can't be deleted");
}

static void
a_name_that_is_taken_is_an_entry_that_exists(void **state)
{
	struct server *s = *state;

	request_add(&r, 1, ANNA, "displayName", "Another", NULL);
	expect(s, "idm_admin", LDAP_ENTRY_ALREADY_EXISTS, "anna");
	request_add(&r, 1, "uid=STAFF," PEOPLE, "displayName", "A group's", NULL);
	expect(s, "idm_admin", LDAP_ENTRY_ALREADY_EXISTS, "staff");
	request_rename(&r, 1, BEN, "uid=anna", NULL);
	expect(s, "idm_admin", LDAP_ENTRY_ALREADY_EXISTS, "anna");
}

static void
another_value_that_is_taken_is_a_violation(void **state)
{
	struct server *s = *state;

	request_modify(&r, 1, BEN, "+mail", "ANNA@example.com", NULL);
	expect(s, "idm_admin", LDAP_CONSTRAINT_VIOLATION, "mail");
	request_modify(&r, 1, BEN, "+class", "posixaccount", "=gidNumber", "70001", NULL);
	expect(s, "idm_admin", LDAP_CONSTRAINT_VIOLATION, "70001");
}

static void
what_breaks_the_schema_is_an_object_class_violation(void **state)
{
	struct server *s = *state;

	request_modify(&r, 1, BEN, "-displayName", "", NULL);
	expect(s, "idm_admin", LDAP_OBJECT_CLASS_VIOLATION, "displayname");
	request_modify(&r, 1, BEN, "+displayName", "A second one", NULL);
	expect(s, "idm_admin", LDAP_OBJECT_CLASS_VIOLATION, "displayname");
}

static void
an_attribute_that_is_not_there_is_undefined(void **state)
{
	struct server *s = *state;

	request_modify(&r, 1, BEN, "+favouriteDrink", "tea", NULL);
	expect(s, "idm_admin", LDAP_UNDEFINED_ATTRIBUTE_TYPE, "favouriteDrink");
	request_add(&r, 1, "uid=fred," PEOPLE, "favouriteDrink", "tea", NULL);
	expect(s, "idm_admin", LDAP_UNDEFINED_ATTRIBUTE_TYPE, "favouriteDrink");
	request_modify(&r, 1, BEN, "+mail;lang-de", "x@example.org", NULL);
	expect(s, "idm_admin", LDAP_UNDEFINED_ATTRIBUTE_TYPE, "lang-de");
}

static void
what_is_computed_is_not_written(void **state)
{
	static const char *const names[] = { "+entryDN", "=shadowExpire", "=subschemaSubentry",
		"+hasSubordinates" };
	struct server *s = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		request_modify(&r, 1, BEN, names[i], "1", NULL);
		expect(s, "idm_admin", LDAP_CONSTRAINT_VIOLATION, "computed");
	}
	request_modify(&r, 1, BEN, "=memberOf", STAFF, NULL);
	expect(s, "idm_admin", LDAP_INSUFFICIENT_ACCESS_RIGHTS, "computed");
	request_modify(&r, 1, BEN, "#gidNumber", "1", NULL);
	expect(s, "idm_admin", LDAP_CONSTRAINT_VIOLATION, "increment");
}

static void
a_value_out_of_its_syntax_is_invalid(void **state)
{
	static const char *const cases[][3] = { { "=account_expire", "tomorrow", "takes a time" },
		{ "=mail", "no address", "takes" }, { "=gidNumber", "many", "takes" },
		{ "=sshPublicKey", "not a key", "unknown type" },
		{ "=displayName", "\xff\xfe", "UTF-8" } };
	struct server *s = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		request_modify(&r, 1, BEN, cases[i][0], cases[i][1], NULL);
		expect(s, "idm_admin", LDAP_INVALID_ATTRIBUTE_SYNTAX, cases[i][2]);
	}
}

static void
a_reference_to_nobody_is_a_violation(void **state)
{
	struct server *s = *state;

	request_modify(&r, 1, STAFF, "+member", "uid=nobody," PEOPLE, NULL);
	expect(s, "idm_admin", LDAP_CONSTRAINT_VIOLATION, "nobody");
	request_modify(&r, 1, STAFF, "+member", "nobody", NULL);
	expect(s, "idm_admin", LDAP_CONSTRAINT_VIOLATION, "nobody");
}

/* What is not there, and what is there for others alone, are told alike (SPEC 5.6). */
static void
what_is_not_seen_is_not_there(void **state)
{
	static const char *const names[] = { "uid=nobody," PEOPLE,
		"uid=ben,ou=groups," DIRECTORY_SUFFIX,
		"uuid=00000000-0000-0000-0000-fffff0000002," DIRECTORY_SUFFIX,
		"uuid=00000000-0000-0000-0000-000000f00002," DIRECTORY_SUFFIX, "dc=elsewhere",
		"=," };
	struct server *s = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		request_delete(&r, 1, names[i]);
		expect(s, "anna", LDAP_NO_SUCH_OBJECT, "no matching entries");
		request_modify(&r, 1, names[i], "=displayName", "x", NULL);
		expect(s, "anna", LDAP_NO_SUCH_OBJECT, "no matching entries");
		request_modify(&r, 1, names[i], "=favouriteDrink", "x", NULL);
		expect(s, "anna", LDAP_NO_SUCH_OBJECT, "no matching entries");
		request_modify(&r, 1, names[i], "=memberOf", "x", NULL);
		expect(s, "anna", LDAP_NO_SUCH_OBJECT, "no matching entries");
		request_rename(&r, 1, names[i], "uid=x", NULL);
		expect(s, "anna", LDAP_NO_SUCH_OBJECT, "no matching entries");
	}
}

static void
a_place_that_says_no_kind_takes_no_entry(void **state)
{
	static const char *const names[] = { "uid=x," DIRECTORY_SUFFIX, "uid=x",
		"mail=x@example.com," PEOPLE, "spn=x@idm.example.com," PEOPLE, PEOPLE,
		DIRECTORY_SUFFIX, "", "uid=x,ou=nowhere," DIRECTORY_SUFFIX,
		"uuid=6b29fc40-ca47-1067-b31d-00dd010662da," PEOPLE, "=,", "dc=elsewhere" };
	struct server *s = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		request_add(&r, 1, names[i], "displayName", "X", NULL);
		expect(s, "idm_admin", LDAP_INVALID_ATTRIBUTE_SYNTAX, "new entries stand at");
	}
	assert_false(exists(s, "x"));
}

static void
an_entry_does_not_move(void **state)
{
	struct server *s = *state;

	request_rename(&r, 1, BEN, "uid=ben", GROUPS);
	expect(s, "idm_admin", LDAP_CONSTRAINT_VIOLATION, "can't move");
	request_rename(&r, 1, BEN, "uid=ben", DIRECTORY_SUFFIX);
	expect(s, "idm_admin", LDAP_CONSTRAINT_VIOLATION, "can't move");
	request_rename(&r, 1, BEN, "uid=ben", "dc=elsewhere");
	expect(s, "idm_admin", LDAP_CONSTRAINT_VIOLATION, "can't move");
	request_rename(&r, 1, BEN, "mail=ben@example.com", NULL);
	expect(s, "idm_admin", LDAP_INVALID_ATTRIBUTE_SYNTAX, "new RDN");
	request_rename(&r, 1, BEN, "ou=people", NULL);
	expect(s, "idm_admin", LDAP_INVALID_ATTRIBUTE_SYNTAX, "new RDN");
	assert_true(exists(s, "ben"));
}

/* --- workers that are not to be trusted */

static void
a_handle_that_was_not_given_is_nobody_s(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	static const uint64_t off[] = { 1, UINT64_C(1) << 32, UINT64_MAX / 2 };

	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
		const struct ipc_done *done;

		request_delete(&r, 1, BEN);
		done = server_ask(s, handle + off[i], &r);
		assert_int_equal(done->code, LDAP_OTHER);
		assert_int_equal(done->text.len, 0);
	}
	core_identity_remove(s->core->workers, handle);
	request_delete(&r, 1, BEN);
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_OTHER);
	assert_true(exists(s, "ben"));
}

static void
what_does_not_decode_is_answered_all_the_same(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");

	request_delete(&r, 1, BEN);
	r.w.len--; /* cut off */
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_PROTOCOL_ERROR);
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_PROTOCOL_ERROR); /* nothing */
	request_compare(&r, 1, BEN, "uid", "ben");
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_OTHER); /* not the core's */
	assert_true(exists(s, "ben"));
}

/* A login that ended is found out here too, and then the workers are told. */
static void
a_login_that_is_over_writes_nothing(void **state)
{
	struct server *s = *state;
	struct idm_identity identity = realm_identity(s->realm, "anna");
	struct idm_uuid uuid = identity.uuid;
	const struct ipc_frame *frame;
	uint64_t handle;

	identity.expire_s = REALM_NOW_S;
	handle = core_identity_add(s->core->workers, &identity);
	request_modify(&r, 1, ANNA, "=displayName", "Too late", NULL);
	server_send(s, handle, &r);
	frame = server_await_frame(s, IPC_REVOKED);
	assert_int_equal(frame->revoked.what, IPC_REVOKE_UNFIT);
	assert_true(idm_uuid_equal(&frame->revoked.account, &uuid));
	frame = server_await_frame(s, IPC_DONE);
	assert_int_equal(frame->done.code, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	assert_int_equal(frame->done.text.len, 0);
	assert_string_not_equal(stored(s, "anna", IDM_ATTR_DISPLAYNAME), "Too late");
}

/* Behind the answer, for whoever asked for it hears of it first. */
static void
a_change_that_ends_logins_is_told_behind_its_answer(void **state)
{
	struct server *s = *state;
	struct idm_uuid ben = realm_uuid(s->realm, "ben");
	const struct ipc_frame *frame;

	request_modify(&r, 1, BEN, "=account_expire", "2020-01-01T00:00:00Z", NULL);
	assert_int_equal(server_ask(s, server_login(s, "idm_admin"), &r)->code, LDAP_SUCCESS);
	frame = server_await_frame(s, IPC_REVOKED);
	assert_true(idm_uuid_equal(&frame->revoked.account, &ben));
	request_modify(&r, 1, BEN, "-account_expire", "", NULL);
	assert_int_equal(server_ask(s, server_login(s, "idm_admin"), &r)->code, LDAP_SUCCESS);
	server_fresh_frames(s);
	request_modify(&r, 1, BEN, "=displayName", "Ben", NULL);
	assert_int_equal(server_ask(s, server_login(s, "idm_admin"), &r)->code, LDAP_SUCCESS);
	server_settle(s);
	assert_null(far_end_take(&s->far));
}

/* However many they are, a worker is told once: it looks at all of its connections. */
static void
who_becomes_high_privilege_loses_every_login(void **state)
{
	struct server *s = *state;

	request_modify(&r, 1, "cn=domain_admins," GROUPS, "+member", BEN, NULL);
	assert_int_equal(server_ask(s, server_login(s, "admin"), &r)->code, LDAP_SUCCESS);
	assert_int_equal(server_await_frame(s, IPC_REVOKED)->revoked.what, IPC_REVOKE_RISEN);
}

static int
setup(void **state)
{
	requests_init(&r);
	return server_setup_core(state);
}

static int
teardown(void **state)
{
	requests_free(&r);
	return server_teardown(state);
}

#define on_its_own(test) cmocka_unit_test_setup(test, server_fresh)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		on_its_own(a_container_says_what_a_new_entry_is),
		on_its_own(an_entry_is_modified_under_any_of_its_names),
		on_its_own(an_entry_is_renamed_within_its_container),
		on_its_own(an_entry_is_deleted),
		on_its_own(requests_that_wait_share_a_commit),
		on_its_own(who_may_not_is_refused),
		on_its_own(a_login_that_reads_alone_is_refused),
		on_its_own(what_is_built_in_is_protected),
		on_its_own(a_name_that_is_taken_is_an_entry_that_exists),
		on_its_own(another_value_that_is_taken_is_a_violation),
		on_its_own(what_breaks_the_schema_is_an_object_class_violation),
		on_its_own(an_attribute_that_is_not_there_is_undefined),
		on_its_own(what_is_computed_is_not_written),
		on_its_own(a_value_out_of_its_syntax_is_invalid),
		on_its_own(a_reference_to_nobody_is_a_violation),
		on_its_own(what_is_not_seen_is_not_there),
		on_its_own(a_place_that_says_no_kind_takes_no_entry),
		on_its_own(an_entry_does_not_move),
		on_its_own(a_handle_that_was_not_given_is_nobody_s),
		on_its_own(what_does_not_decode_is_answered_all_the_same),
		on_its_own(a_login_that_is_over_writes_nothing),
		on_its_own(a_change_that_ends_logins_is_told_behind_its_answer),
		on_its_own(who_becomes_high_privilege_loses_every_login),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
