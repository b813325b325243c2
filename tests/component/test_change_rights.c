/* Who may change what: what a refusal gives away, and attempts to get more than one has (SPEC 5).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/realm.h"

/* Two refusals that must not be told apart. */
static void
assert_same_refusal(
    struct realm *r, enum idm_result first_result, const char *first_text, enum idm_result result)
{
	assert_int_equal(first_result, result);
	assert_int_not_equal(result, IDM_OK);
	assert_string_equal(first_text, r->err.client_text);
}

static void
a_refusal_tells_nothing_of_values_that_one_may_not_write(void **state)
{
	struct realm *r = *state;
	char text[256];
	enum idm_result result;

	realm_person(r, "alice");
	realm_person(r, "bob");
	realm_group(r, "staff");
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "+mail", "alice@example.org", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "staff", "+member", "alice", NULL), IDM_OK);

	result = realm_modify(r, "bob", "alice", "-mail", "alice@example.org", NULL);
	strcpy(text, r->err.client_text);
	assert_int_equal(result, IDM_DENIED);
	assert_same_refusal(
	    r, result, text, realm_modify(r, "bob", "alice", "-mail", "other@example.org", NULL));
	assert_same_refusal(
	    r, result, text, realm_modify(r, "bob", "alice", "-mail", "no address", NULL));

	result = realm_modify(r, "bob", "alice", "-primary_credential", "", NULL);
	strcpy(text, r->err.client_text);
	assert_int_equal(
	    realm_set_secret(r, NULL, "alice", IDM_ATTR_PRIMARY_CREDENTIAL, "x"), IDM_OK);
	assert_same_refusal(
	    r, result, text, realm_modify(r, "bob", "alice", "-primary_credential", "", NULL));

	result = realm_modify(r, "bob", "staff", "-member", "alice", NULL);
	strcpy(text, r->err.client_text);
	assert_same_refusal(
	    r, result, text, realm_modify(r, "bob", "staff", "-member", "bob", NULL));
	result = realm_modify(r, "bob", "staff", "+member", "bob", NULL);
	strcpy(text, r->err.client_text);
	assert_same_refusal(
	    r, result, text, realm_modify(r, "bob", "staff", "+member", "nobody_here", NULL));
}

static void
an_entry_that_one_can_not_see_is_not_there_whatever_is_asked(void **state)
{
	struct realm *r = *state;
	const struct idm_uuid uuid = idm_uuid_builtin(IDM_BUILTIN_SYSTEM_CONFIG);
	const struct idm_uuid unknown = { { 0xab, 1, 2 } };
	struct idm_identity bob;
	struct idm_request request = { .operation = IDM_OP_MODIFY, .base = 77 };
	char text[IDM_UUID_TEXT];

	idm_uuid_format(&uuid, text);
	realm_person(r, "bob");
	assert_int_equal(
	    realm_modify(r, "bob", text, "-badlist_password", "x", NULL), IDM_NOT_FOUND);
	assert_string_equal(r->err.client_text, "no matching entries");
	assert_int_equal(realm_modify(r, "bob", text, "=memberof", "bob", NULL), IDM_NOT_FOUND);
	assert_int_equal(realm_modify(r, "bob", text, "=gidnumber", "x", NULL), IDM_NOT_FOUND);
	assert_int_equal(realm_delete(r, "bob", text), IDM_NOT_FOUND);

	bob = realm_identity(r, "bob");
	request.target = uuid;
	assert_int_equal(realm_run(r, &bob, &request), IDM_NOT_FOUND);
	request.operation = IDM_OP_DELETE;
	assert_int_equal(realm_run(r, &bob, &request), IDM_NOT_FOUND);
	request.target = unknown;
	assert_int_equal(realm_run(r, &bob, &request), IDM_NOT_FOUND);
	assert_string_equal(r->err.client_text, "no matching entries");
}

static void
a_version_that_differs_is_told_to_those_who_may_change_the_entry(void **state)
{
	struct realm *r = *state;
	struct idm_identity bob, alice;
	struct idm_request request = { .operation = IDM_OP_MODIFY };
	struct idm_request_mod mod = { IDM_REQUEST_REPLACE, NULL, NULL, 0 };
	struct idm_span value = IDM_SPAN_LIT("Alice A.");

	realm_person(r, "alice");
	realm_person(r, "bob");
	alice = realm_identity(r, "alice");
	bob = realm_identity(r, "bob");
	mod.attr = idm_schema_attr(idm_schema_builtin(), IDM_SPAN_LIT("displayname"));
	mod.values = &value;
	mod.count = 1;
	request.mods = &mod;
	request.mod_count = 1;
	request.target = alice.uuid;
	request.base = realm_entry(r, "alice").version;
	realm_done(r);
	assert_int_equal(realm_run(r, &alice, &request), IDM_OK);
	memset(&request.id, 0, sizeof(request.id));
	assert_int_equal(realm_run(r, &alice, &request), IDM_BUSY);
	assert_non_null(strstr(r->err.client_text, "changed meanwhile"));
	assert_int_equal(realm_run(r, &bob, &request), IDM_DENIED);
	request.operation = IDM_OP_DELETE;
	assert_int_equal(realm_run(r, &bob, &request), IDM_DENIED);
	bob = realm_identity(r, NULL);
	assert_int_equal(realm_run(r, &bob, &request), IDM_BUSY);
}

static uint64_t
version_of(struct realm *r, const char *name)
{
	uint64_t version = realm_entry(r, name).version;

	realm_done(r);
	return version;
}

/* Else anybody could move the version and the time of the last change of every entry he sees. */
static void
a_request_that_changes_nothing_is_no_change(void **state)
{
	struct realm *r = *state;
	struct idm_identity bob;
	struct idm_request request = { .operation = IDM_OP_MODIFY };
	const struct idm_span classes[] = { IDM_SPAN_LIT("person"), IDM_SPAN_LIT("account"),
		IDM_SPAN_LIT("object") };
	struct idm_request_mod mod = { IDM_REQUEST_REPLACE, NULL, classes, 3 };
	uint64_t version;

	realm_person(r, "alice");
	realm_person(r, "bob");
	version = version_of(r, "alice");
	bob = realm_identity(r, "bob");
	request.target = realm_uuid(r, "alice");
	assert_int_equal(realm_run(r, &bob, &request), IDM_OK);
	assert_int_equal(r->set.no, 0);
	assert_int_equal(r->set.item_count, 0);
	assert_int_equal(realm_modify(r, "bob", "alice", "+class", "person", NULL), IDM_OK);
	mod.attr = idm_schema_attr(idm_schema_builtin(), IDM_SPAN_LIT("class"));
	request.mods = &mod;
	request.mod_count = 1;
	assert_int_equal(realm_run(r, &bob, &request), IDM_OK);
	assert_int_equal(version_of(r, "alice"), version);
	assert_int_equal(realm_modify(r, "alice", "alice", "=displayname", "alice", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, "alice", "alice", "=legalname", "", NULL), IDM_OK);
	assert_int_equal(version_of(r, "alice"), version);
	/* But what one may not write is refused, whether it would change anything or not. */
	assert_int_equal(
	    realm_modify(r, "bob", "alice", "=displayname", "alice", NULL), IDM_DENIED);
	assert_int_equal(realm_modify(r, "bob", "alice", "=mail", "", NULL), IDM_DENIED);
}

static void
another_case_of_a_value_is_a_change(void **state)
{
	struct realm *r = *state;
	struct idm_entry entry;

	realm_person(r, "alice");
	assert_int_equal(realm_modify(r, "alice", "alice", "=displayname", "ALICE", NULL), IDM_OK);
	assert_int_not_equal(r->set.no, 0);
	entry = realm_entry(r, "alice");
	assert_true(idm_span_is(idm_entry_text(&entry, IDM_ATTR_DISPLAYNAME), "ALICE"));
	assert_int_equal(entry.version, r->set.no);
}

static enum idm_result
change_own_name(struct realm *r, const struct idm_identity *identity)
{
	struct idm_span value = IDM_SPAN_LIT("Alice A.");
	struct idm_request_mod mod = { IDM_REQUEST_REPLACE,
		idm_schema_attr(idm_schema_builtin(), IDM_SPAN_LIT("displayname")), &value, 1 };
	struct idm_request request = {
		.operation = IDM_OP_MODIFY, .target = identity->uuid, .mods = &mod, .mod_count = 1
	};

	return realm_run(r, identity, &request);
}

static void
whoever_may_only_read_writes_nothing(void **state)
{
	struct realm *r = *state;
	struct idm_identity alice;

	realm_person(r, "alice");
	alice = realm_identity(r, "alice");
	alice.scope = IDM_SCOPE_READ_ONLY;
	assert_int_equal(change_own_name(r, &alice), IDM_DENIED);
	alice.kind = IDM_IDENTITY_SESSION;
	assert_int_equal(change_own_name(r, &alice), IDM_DENIED);
	alice.scope = IDM_SCOPE_READ_WRITE;
	alice.privileged_until_s = REALM_NOW_S;
	assert_int_equal(change_own_name(r, &alice), IDM_DENIED);
	assert_non_null(strstr(r->err.client_text, "kanidm reauth"));
	alice.privileged_until_s = REALM_NOW_S + 1;
	alice.expire_s = REALM_NOW_S;
	assert_int_equal(change_own_name(r, &alice), IDM_DENIED);
	alice.expire_s = INT64_MAX;
	alice.kind = IDM_IDENTITY_UNIX_PASSWORD;
	assert_int_equal(change_own_name(r, &alice), IDM_DENIED);
	alice.kind = IDM_IDENTITY_TOKEN;
	alice.scope = IDM_SCOPE_READ_ONLY;
	assert_int_equal(change_own_name(r, &alice), IDM_DENIED);
	alice.kind = IDM_IDENTITY_ANONYMOUS;
	alice.scope = IDM_SCOPE_READ_WRITE;
	assert_int_equal(change_own_name(r, &alice), IDM_NOT_FOUND);
	alice.kind = IDM_IDENTITY_SESSION;
	assert_int_equal(change_own_name(r, &alice), IDM_OK);
}

/* Between the request's arrival and its turn there may be a hash, and other changes. */
static void
whoever_lost_his_login_meanwhile_writes_nothing(void **state)
{
	struct realm *r = *state;
	struct idm_identity alice;
	uint64_t no;

	realm_person(r, "alice");
	assert_int_equal(
	    realm_set_secret(r, NULL, "alice", IDM_ATTR_PRIMARY_CREDENTIAL, "x"), IDM_OK);
	alice = realm_identity(r, "alice");
	alice.credential_attr = IDM_ATTR_PRIMARY_CREDENTIAL;
	alice.credential_no = r->set.no;
	assert_int_equal(change_own_name(r, &alice), IDM_OK);
	assert_int_equal(
	    realm_set_secret(r, NULL, "alice", IDM_ATTR_PRIMARY_CREDENTIAL, "y"), IDM_OK);
	no = r->set.no;
	assert_int_equal(change_own_name(r, &alice), IDM_DENIED);
	alice.credential_no = no;

	realm_group_begin(r);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "=account_expire", "1970-01-01T00:00:00Z", NULL),
	    IDM_OK);
	assert_int_equal(change_own_name(r, &alice), IDM_DENIED);
	assert_int_equal(realm_modify(r, NULL, "alice", "=account_expire", "", NULL), IDM_OK);
	assert_int_equal(realm_delete(r, NULL, "alice"), IDM_OK);
	assert_int_equal(change_own_name(r, &alice), IDM_DENIED);
	realm_group_commit(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(a_refusal_tells_nothing_of_values_that_one_may_not_write),
		T(an_entry_that_one_can_not_see_is_not_there_whatever_is_asked),
		T(a_version_that_differs_is_told_to_those_who_may_change_the_entry),
		T(a_request_that_changes_nothing_is_no_change),
		T(another_case_of_a_value_is_a_change),
		T(whoever_may_only_read_writes_nothing),
		T(whoever_lost_his_login_meanwhile_writes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
