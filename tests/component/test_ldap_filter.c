/* Filters as clients send them, over a directory: which entries they find, and for whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "ldapd/ldap_filter.h"
#include "tests/support/directory.h"

#define STAFF "cn=staff,ou=groups," DIRECTORY_SUFFIX
#define ANNA "uid=anna,ou=people," DIRECTORY_SUFFIX

struct expected {
	const char *filter;
	const char *found;
};

static void
assert_found(struct directory *d, const struct expected *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *found = directory_search(d, cases[i].filter);

		if (strcmp(found, cases[i].found) != 0)
			fail_msg("%s: found %s, not %s", cases[i].filter, found, cases[i].found);
	}
}

#define ASSERT_FOUND(d, cases) assert_found(d, cases, sizeof(cases) / sizeof((cases)[0]))

static void
names_are_found_by_every_alias_in_any_case(void **state)
{
	static const struct expected cases[] = {
		{ "(uid=anna)", "anna" },
		{ "(UID=ANNA)", "anna" },
		{ "(0.9.2342.19200300.100.1.1=anna)", "anna" },
		{ "(userid=anna)", "anna" },
		{ "(name=anna)", "anna" },
		{ "(spn=anna@idm.example.com)", "anna" },
		{ "(spn=anna)", "" },
		{ "(cn=anna)", "anna" },
		{ "(cn=anna apfel)", "anna" },
		{ "(cn=staff)", "staff" },
		{ "(uid=staff)", "" },
		{ "(displayName=ben birne)", "ben" },
		{ "(&(uid=a*)(objectClass=person))", "anna" },
		{ "(&(objectClass=person)(uid=*r*))", "carl" },
		{ "(mail=anna@EXAMPLE.com)", "anna" },
		{ "(email=apfel@example.com)", "anna" },
		{ "(mail;primary=anna@example.com)", "anna" },
		{ "(mail;x-unknown=anna@example.com)", "" },
		{ "(gecos=anna apfel)", "anna" },
		{ "(gecos=ben birne)", "" },
		{ "(cn~=staff)", "staff" },
	};

	ASSERT_FOUND(*state, cases);
}

static void
words_of_names_are_found_as_they_are_shown(void **state)
{
	static const struct expected cases[] = {
		{ "(sn=apfel)", "anna" },
		{ "(sn=maria)", "" },
		{ "(sn=maria apfel)", "" },
		{ "(sn=carl)", "carl" },
		{ "(sn=ap*)", "anna" },
		{ "(sn=*rne)", "ben" },
		{ "(sn=*)", "anna|ben|carl" },
		{ "(givenName=anna)", "anna" },
		{ "(givenName=maria)", "" },
		{ "(givenName=carl)", "" },
		{ "(givenName=b*)", "ben" },
		{ "(givenName=*en)", "ben" },
		{ "(givenName=*)", "anna|ben" },
		{ "(sn>=a)", "" },
	};

	ASSERT_FOUND(*state, cases);
}

static void
classes_are_found_by_native_and_standard_names(void **state)
{
	static const struct expected cases[] = {
		{ "(objectClass=person)", "anna|ben|carl" },
		{ "(OBJECTCLASS=inetOrgPerson)", "anna|ben|carl" },
		{ "(objectClass=2.16.840.1.113730.3.2.2)", "anna|ben|carl" },
		{ "(objectClass=posixAccount)", "anna" },
		{ "(objectClass=shadowAccount)", "anna" },
		{ "(objectClass=posixGroup)", "staff" },
		{ "(&(objectClass=groupOfNames)(cn=staff))", "staff" },
		{ "(&(objectClass=groupOfUniqueNames)(cn=everyone))", "everyone" },
		{ "(&(objectClass=service_account)(uid=robot))", "robot" },
		{ "(&(structuralObjectClass=account)(uid=robot))", "robot" },
		{ "(&(structuralObjectClass=inetOrgPerson)(uid=ben))", "ben" },
		{ "(objectClass=organizationalUnit)",
		    "access|applications|groups|people|schema|services" },
		{ "(&(objectClass=top)(uid=anna))", "anna" },
		{ "(&(objectClass=*)(uid=anna))", "anna" },
		{ "(objectClass=noSuchClass)", "" },
		{ "(&(uid=anna)(!(objectClass=noSuchClass)))", "" },
		{ "(&(uid=anna)(!(objectClass=group)))", "anna" },
		{ "(hasSubordinates=TRUE)",
		    "access|applications|domain|groups|people|schema|services" },
		{ "(&(hasSubordinates=FALSE)(uid=ben))", "ben" },
		{ "(ou=people)", "people" },
		{ "(&(uid=anna)(ou:dn:=people))", "anna" },
		{ "(&(uid=anna)(ou:dn:=groups))", "" },
		{ "(&(uid=anna)(dc:dn:=example))", "anna" },
	};

	ASSERT_FOUND(*state, cases);
}

static void
membership_is_found_by_any_form_of_a_name(void **state)
{
	static const struct expected cases[] = {
		{ "(memberOf=" STAFF ")", "anna" },
		{ "(memberOf=CN=Staff, OU=Groups, DC=idm,DC=example,DC=com)", "anna" },
		{ "(memberof=staff)", "anna" },
		{ "(memberof=staff@idm.example.com)", "anna" },
		{ "(memberOf=spn=staff@idm.example.com," DIRECTORY_SUFFIX ")", "anna" },
		{ "(memberOf=cn=everyone,ou=groups," DIRECTORY_SUFFIX ")", "anna|staff" },
		{ "(directmemberof=everyone)", "staff" },
		{ "(memberOf=cn=staff,ou=people," DIRECTORY_SUFFIX ")", "" },
		{ "(memberOf=cn=nobody,ou=groups," DIRECTORY_SUFFIX ")", "" },
		{ "(&(uid=ben)(!(memberOf=" STAFF ")))", "ben" },
		{ "(&(uid=ben)(!(memberOf==)))", "" },
		{ "(member=" ANNA ")", "staff" },
		{ "(member=anna)", "staff" },
		{ "(&(uniqueMember=" ANNA ")(cn=staff))", "staff" },
		{ "(&(uniqueMember=" ANNA ")(cn=idm_all_persons))", "idm_all_persons" },
		{ "(&(cn=staff)(member=*))", "staff" },
		{ "(&(memberUid=anna)(cn=*s*))", "idm_all_accounts|idm_all_persons|staff" },
		{ "(&(memberUid=anna)(objectClass=posixGroup))", "staff" },
		{ "(memberUid=" ANNA ")", "" },
		{ "(memberUid=staff)", "" },
		{ "(memberOf:1.2.840.113556.1.4.1941:=cn=everyone,ou=groups," DIRECTORY_SUFFIX ")",
		    "anna|staff" },
		{ "(&(member:1.2.840.113556.1.4.1941:=" ANNA ")(|(cn=staff)(cn=everyone)))",
		    "everyone|staff" },
		{ "(uid:1.2.840.113556.1.4.1941:=anna)", "" },
		{ "(entryDN=" ANNA ")", "anna" },
		{ "(entryDN=ou=people," DIRECTORY_SUFFIX ")", "people" },
		{ "(entryDN=uid=nobody,ou=people," DIRECTORY_SUFFIX ")", "" },
	};

	ASSERT_FOUND(*state, cases);
}

static void
numbers_times_and_keys_are_found(void **state)
{
	static const struct expected cases[] = {
		{ "(uidNumber=70001)", "anna" },
		{ "(gidNumber=70001)", "anna" },
		{ "(gidNumber=70002)", "staff" },
		{ "(uidNumber=70002)", "" },
		{ "(&(uidNumber=*)(!(uidNumber=0)))", "anna" },
		{ "(sshPublicKey=laptop)", "anna" },
		{ "(sshPublicKey=*)", "anna" },
		{ "(sshPublicKey=" DIRECTORY_KEY " laptop)", "" },
		{ "(&(uid=anna)(createTimestamp>=20200101000000Z))", "anna" },
		{ "(&(uid=anna)(modifyTimestamp<=20200101000000Z))", "" },
		{ "(&(uid=anna)(modifyTimestamp>=2020-01-01T00:00:00Z))", "anna" },
		{ "(&(uid=anna)(entryCSN>=20200101000000.000000Z#000000#000#000000))", "anna" },
		{ "(loginShell=/bin/sh)", "anna" },
		{ "(loginShell:caseExactMatch:=/bin/sh)", "anna" },
		{ "(loginShell:2.5.13.5:=/bin/sh)", "anna" },
		{ "(loginShell:caseIgnoreMatch:=/bin/sh)", "" },
	};

	ASSERT_FOUND(*state, cases);
}

/* ben expires tomorrow; carl begins in an hour. */
static void
validity_is_found_in_the_words_of_other_servers(void **state)
{
	static const struct expected cases[] = {
		{ "(&(objectClass=person)(nsAccountLock=TRUE))", "carl" },
		{ "(&(objectClass=person)(!(nsAccountLock=TRUE)))", "anna|ben" },
		{ "(&(objectClass=person)(loginDisabled=false))", "anna|ben" },
		{ "(&(objectClass=person)(nsAccountLock=*))", "anna|ben|carl" },
		{ "(pwdAccountLockedTime=*)", "carl" },
		{ "(pwdAccountLockedTime=000001010000Z)", "carl" },
		{ "(krbPrincipalExpiration=*)", "ben" },
		{ "(krbPrincipalExpiration>=20231114000000Z)", "ben" },
		{ "(krbPrincipalExpiration<=20231114000000Z)", "" },
		{ "(shadowExpire=19677)", "ben" },
		{ "(shadowExpire>=19677)", "ben" },
		{ "(shadowExpire>=19678)", "" },
		{ "(shadowExpire<=19676)", "" },
		{ "(&(objectClass=person)(accountExpires=9223372036854775807))", "anna|carl" },
		{ "(&(objectClass=person)(accountExpires>=133445600000000000))", "anna|ben|carl" },
		{ "(accountExpires<=133445600000000000)", "ben" },
		{ "(accountExpires<=133445599999999999)", "" },
		{ "(accountExpires=not-a-number)", "" },
	};

	ASSERT_FOUND(*state, cases);
}

static void
what_nobody_knows_is_undefined(void **state)
{
	static const struct expected cases[] = {
		{ "(noSuchAttribute=x)", "" },
		{ "(!(noSuchAttribute=x))", "" },
		{ "(|(noSuchAttribute=x)(uid=ben))", "ben" },
		{ "(&(uid=ben)(!(noSuchAttribute=*)))", "" },
		{ "(userCertificate;binary=*)", "" },
		{ "(userPassword=*)", "" },
		{ "(:caseIgnoreMatch:=anna)", "" },
		{ "(|)", "" },
		{ "(&(&(uid=ben)))", "ben" },
		{ "(&(uid=ben)(&))", "ben" },
	};

	ASSERT_FOUND(*state, cases);
}

/* An alias needs the right to what it is computed from (SPEC 8.2). */
static void
an_alias_needs_the_right_to_its_source(void **state)
{
	static const struct expected cases[] = {
		{ "(uid=anna)", "anna" },
		{ "(cn=anna apfel)", "anna" },
		{ "(mail=anna@example.com)", "" },
		{ "(!(mail=anna@example.com))", "anonymous" }, /* itself */
		{ "(email=*)", "" },
		{ "(mail;primary=anna@example.com)", "" },
		{ "(sn=apfel)", "anna" },
		{ "(&(objectClass=person)(nsAccountLock=TRUE))", "" },
		{ "(&(objectClass=person)(!(nsAccountLock=TRUE)))", "" },
		{ "(shadowExpire=*)", "" },
		{ "(accountExpires=*)", "anonymous" },
		{ "(|(uid=anna)(mail=anna@example.com))", "anna" },
	};

	directory_look(*state, "anonymous");
	ASSERT_FOUND(*state, cases);
}

/* The legal name is personal; what it is all about is not shown by another one. */
static void
a_surname_from_a_legal_name_needs_its_right(void **state)
{
	struct directory *d = *state;

	assert_int_equal(
	    realm_modify(d->realm, NULL, "anna", "=legalname", "Maria Zwetschge", NULL), IDM_OK);
	directory_look(d, "anonymous");
	assert_string_equal(directory_search(d, "(sn=zwetschge)"), "");
	assert_string_equal(directory_search(d, "(sn=apfel)"), "anna");
	directory_look(d, "anna");
	assert_string_equal(directory_search(d, "(sn=zwetschge)"), "anna");
}

static void
a_filter_that_does_not_fit_is_refused(void **state)
{
	struct directory *d = *state;
	struct idm_arena *small = idm_arena_new(64);
	struct idm_read read = *d->view.read;
	struct view view = { &read, d->view.suffix, NULL };
	const struct ldap_filter *filter = directory_filter(d, "(|(uid=a)(uid=b)(uid=c))");
	struct idm_filter out;

	assert_non_null(small);
	read.arena = small;
	assert_int_equal(ldap_filter_translate(&view, filter, &out, &d->err), IDM_LIMIT);
	idm_arena_free(&small);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)
	const struct CMUnitTest tests[] = {
		TEST(names_are_found_by_every_alias_in_any_case),
		TEST(words_of_names_are_found_as_they_are_shown),
		TEST(classes_are_found_by_native_and_standard_names),
		TEST(membership_is_found_by_any_form_of_a_name),
		TEST(numbers_times_and_keys_are_found),
		TEST(validity_is_found_in_the_words_of_other_servers),
		TEST(what_nobody_knows_is_undefined),
		TEST(an_alias_needs_the_right_to_its_source),
		TEST(a_surname_from_a_legal_name_needs_its_right),
		TEST(a_filter_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
