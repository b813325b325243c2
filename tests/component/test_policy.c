/* Account policy: the strictest of an account's groups, high privilege ones apart (SPEC 5.5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/credential.h"
#include "core/policy.h"
#include "core/session.h"
#include "tests/support/realm.h"

static struct idm_policy
policy_of(struct realm *r, const char *name)
{
	struct idm_entry entry = realm_entry(r, name);
	struct idm_policy policy;

	assert_int_equal(idm_policy_of(&r->read, &entry, &policy, NULL), IDM_OK);
	realm_done(r);
	return policy;
}

/* A group with a policy, in it `member`. */
static void
policy_group(struct realm *r, const char *group, const char *member)
{
	realm_group(r, group);
	assert_int_equal(realm_modify(r, NULL, group, "+class", "account_policy", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, group, "+member", member, NULL), IDM_OK);
}

static void
set(struct realm *r, const char *group, const char *attribute, const char *value)
{
	assert_int_equal(realm_modify(r, NULL, group, attribute, value, NULL), IDM_OK);
}

static void
without_a_policy_the_defaults_hold(void **state)
{
	struct realm *r = *state;
	struct idm_policy policy;

	realm_person(r, "alice");
	policy_group(r, "silent", "alice");
	policy = policy_of(r, "alice");
	assert_int_equal(policy.password_minimum, IDM_PASSWORD_MIN_CHARS);
	assert_int_equal(policy.session_s, IDM_SESSION_S);
	assert_int_equal(policy.privileged_s, IDM_SESSION_PRIVILEGED_S);
	assert_true(policy.primary_ldap_bind);
	assert_true(policy.search_limit == UINT32_MAX);
}

static void
the_strictest_of_all_groups_holds(void **state)
{
	struct realm *r = *state;
	struct idm_policy policy;

	realm_person(r, "alice");
	policy_group(r, "one", "alice");
	policy_group(r, "two", "one"); /* by nesting */
	policy_group(r, "other", "idm_admin");
	set(r, "one", "=policy_password_minimum", "20");
	set(r, "two", "=policy_password_minimum", "12");
	set(r, "one", "=policy_session_expiry", "86400");
	set(r, "two", "=policy_session_expiry", "3000000");
	set(r, "one", "=policy_privilege_expiry", "900");
	set(r, "two", "=policy_privilege_expiry", "60");
	set(r, "one", "=policy_search_limit", "7");
	set(r, "two", "=policy_search_limit", "70");
	set(r, "one", "=policy_primary_ldap_bind", "true");
	set(r, "two", "=policy_primary_ldap_bind", "false");
	set(r, "other", "=policy_password_minimum", "64");
	policy = policy_of(r, "alice");
	assert_int_equal(policy.password_minimum, 20);
	assert_int_equal(policy.session_s, 86400); /* longer than the default, when all say so */
	assert_int_equal(policy.privileged_s, 60);
	assert_int_equal(policy.search_limit, 7);
	assert_false(policy.primary_ldap_bind);
	assert_int_equal(realm_modify(r, NULL, "two", "-member", "one", NULL), IDM_OK);
	policy = policy_of(r, "alice");
	assert_int_equal(policy.privileged_s, 900);
	assert_true(policy.primary_ldap_bind);
}

static void
a_policy_ends_with_the_class(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	policy_group(r, "one", "alice");
	set(r, "one", "=policy_search_limit", "7");
	assert_int_equal(policy_of(r, "alice").search_limit, 7);
	assert_int_equal(realm_modify(r, NULL, "one", "-class", "account_policy",
			     "-policy_search_limit", "", NULL),
	    IDM_OK);
	assert_true(policy_of(r, "alice").search_limit == UINT32_MAX);
}

/* Whoever writes ordinary groups could loosen an administrator's policy, or lock him up in one. */
static void
high_privilege_accounts_follow_high_privilege_groups_alone(void **state)
{
	struct realm *r = *state;

	policy_group(r, "ordinary", "idm_admin");
	set(r, "ordinary", "=policy_session_expiry", "600");
	set(r, "ordinary", "=policy_primary_ldap_bind", "false");
	set(r, "ordinary", "=policy_search_limit", "1");
	assert_int_equal(policy_of(r, "idm_admin").session_s, IDM_SESSION_S);
	assert_true(policy_of(r, "idm_admin").primary_ldap_bind);
	assert_true(policy_of(r, "idm_admin").search_limit == UINT32_MAX);

	assert_int_equal(
	    realm_modify(r, NULL, "idm_admins", "+class", "account_policy", NULL), IDM_PROTECTED);
	policy_group(r, "stern", "idm_admin");
	set(r, "stern", "=policy_session_expiry", "700");
	assert_int_equal(policy_of(r, "idm_admin").session_s, IDM_SESSION_S);
	assert_int_equal(realm_modify(r, NULL, "idm_admins", "+member", "stern", NULL), IDM_OK);
	assert_int_equal(policy_of(r, "idm_admin").session_s, 700);

	/* And an account that is raised leaves its ordinary policy behind. */
	realm_person(r, "alice");
	assert_int_equal(realm_modify(r, NULL, "ordinary", "+member", "alice", NULL), IDM_OK);
	assert_int_equal(policy_of(r, "alice").session_s, 600);
	assert_int_equal(
	    realm_modify(r, NULL, "idm_service_desk", "+member", "alice", NULL), IDM_OK);
	assert_int_equal(policy_of(r, "alice").session_s, IDM_SESSION_S);
}

static void
a_cycle_of_groups_counts_once(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	policy_group(r, "one", "alice");
	policy_group(r, "two", "one");
	assert_int_equal(realm_modify(r, NULL, "one", "+member", "two", NULL), IDM_OK);
	set(r, "two", "=policy_search_limit", "9");
	assert_int_equal(policy_of(r, "alice").search_limit, 9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(without_a_policy_the_defaults_hold),
		T(the_strictest_of_all_groups_holds),
		T(a_policy_ends_with_the_class),
		T(high_privilege_accounts_follow_high_privilege_groups_alone),
		T(a_cycle_of_groups_counts_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
