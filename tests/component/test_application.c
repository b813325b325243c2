/* Application passwords: what they bind as, and what ends them (core/application.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/application.h"
#include "core/authenticate.h"
#include "tests/support/realm.h"

/* An application of the members of `staff`, among whom alice is. */
static struct idm_uuid
application(struct realm *r)
{
	realm_person(r, "alice");
	realm_group(r, "staff");
	assert_int_equal(realm_modify(r, NULL, "staff", "+member", "alice", NULL), IDM_OK);
	assert_int_equal(realm_create(r, NULL, "class", "application", "name", "mail",
			     "displayname", "Mail", "linked_group", "staff", NULL),
	    IDM_OK);
	return realm_uuid(r, "mail");
}

static void
issue(struct realm *r, const struct idm_uuid *application, char text[IDM_GENERATED_PASSWORD_BYTES])
{
	struct idm_identity console = realm_identity(r, NULL);
	struct idm_token_row row = { .kind = IDM_TOKEN_APPLICATION,
		.expire_s = INT64_MAX,
		.application = *application,
		.label = IDM_SPAN_LIT("phone") };
	struct idm_request_token token = { .issue = &row };
	struct idm_request request = {
		.operation = IDM_OP_MODIFY, .target = realm_uuid(r, "alice"), .token = &token
	};

	assert_true(idm_application_password_generate(text, &row));
	token.id = row.id;
	assert_int_equal(realm_run(r, &console, &request), IDM_OK);
}

static enum idm_result
prove(struct realm *r, const char *text, struct idm_identity *out)
{
	struct idm_entry alice = realm_entry(r, "alice");
	enum idm_result result = idm_application_prove(
	    &r->read, &alice, IDM_SPAN_EMPTY, idm_span_cstr(text), out, &r->err);

	if (result == IDM_OK)
		result = idm_auth_recheck(&r->read, NULL, out, &r->err);
	realm_done(r);
	return result;
}

static enum idm_result
recheck(struct realm *r, const struct idm_identity *identity)
{
	enum idm_result result;

	realm_entry(r, "admin");
	result = idm_auth_recheck(&r->read, NULL, identity, &r->err);
	realm_done(r);
	return result;
}

static void
raise_staff(struct realm *r)
{
	assert_int_equal(
	    realm_modify(r, NULL, "idm_high_privilege", "+member", "staff", NULL), IDM_OK);
}

static void
it_is_its_account_s_for_reading_alone(void **state)
{
	struct realm *r = *state;
	struct idm_uuid mail = application(r), alice = realm_uuid(r, "alice");
	char text[IDM_GENERATED_PASSWORD_BYTES];
	struct idm_identity identity;

	issue(r, &mail, text);
	assert_int_equal(prove(r, text, &identity), IDM_OK);
	assert_int_equal(identity.kind, IDM_IDENTITY_APPLICATION);
	assert_int_equal(identity.scope, IDM_SCOPE_READ_ONLY);
	assert_true(idm_uuid_equal(&identity.uuid, &alice));
	text[0] = text[0] == 'A' ? 'B' : 'A';
	assert_int_equal(prove(r, text, &identity), IDM_NOT_FOUND);
}

/* By a group, where persons are too many for each to lose its passwords in the same change. */
static void
an_account_that_becomes_high_privilege_loses_it(void **state)
{
	struct realm *r = *state;
	struct idm_uuid mail = application(r);
	char text[IDM_GENERATED_PASSWORD_BYTES];
	struct idm_identity identity, again;

	issue(r, &mail, text);
	assert_int_equal(prove(r, text, &identity), IDM_OK);
	raise_staff(r);
	assert_int_equal(recheck(r, &identity), IDM_DENIED);
	assert_int_equal(prove(r, text, &again), IDM_DENIED);
	assert_non_null(strstr(r->err.text, "became high privilege"));
}

static void
one_of_a_high_privilege_account_binds(void **state)
{
	struct realm *r = *state;
	struct idm_uuid mail = application(r);
	char text[IDM_GENERATED_PASSWORD_BYTES];
	struct idm_identity identity;

	raise_staff(r);
	issue(r, &mail, text);
	assert_int_equal(prove(r, text, &identity), IDM_OK);
	assert_true(identity.high_privilege);
}

static void
it_ends_with_the_membership_the_group_and_the_application(void **state)
{
	static const char *const deleted[] = { "staff", "mail" };
	struct realm *r = *state;
	struct idm_uuid mail = application(r);
	char text[IDM_GENERATED_PASSWORD_BYTES];
	struct idm_identity identity;

	issue(r, &mail, text);
	assert_int_equal(prove(r, text, &identity), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "staff", "-member", "alice", NULL), IDM_OK);
	assert_int_equal(recheck(r, &identity), IDM_DENIED);
	assert_int_equal(prove(r, text, &(struct idm_identity){ .scope = 0 }), IDM_DENIED);
	assert_int_equal(realm_modify(r, NULL, "staff", "+member", "alice", NULL), IDM_OK);
	assert_int_equal(recheck(r, &identity), IDM_OK);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(realm_delete(r, NULL, deleted[i]), IDM_OK);
		assert_int_equal(recheck(r, &identity), IDM_DENIED);
		assert_int_equal(prove(r, text, &(struct idm_identity){ .scope = 0 }), IDM_DENIED);
	}
}

#define in_a_realm(test) cmocka_unit_test_setup_teardown(test, realm_setup, realm_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		in_a_realm(it_is_its_account_s_for_reading_alone),
		in_a_realm(an_account_that_becomes_high_privilege_loses_it),
		in_a_realm(one_of_a_high_privilege_account_binds),
		in_a_realm(it_ends_with_the_membership_the_group_and_the_application),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
