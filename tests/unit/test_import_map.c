/* What the records of other directories, and of our own, come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/import_map.h"
#include "core/timefmt.h"
#include "tests/support/temp_dir.h"

#define KEY "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

struct scene {
	char dir[64];
	struct ldif_file *ldif;
	struct idm_arena *arena;
	struct import_entry entry;
	char told[4096]; /* "line type: why\n" each */
	bool disregard;
};

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	temp_dir_make("import", s->dir, sizeof(s->dir));
	s->arena = idm_arena_new(1 << 20);
	assert_non_null(s->arena);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	ldif_file_close(&s->ldif);
	idm_arena_free(&s->arena);
	temp_dir_remove(s->dir);
	free(s);
	return 0;
}

static bool
tell(void *ctx, uint64_t number, struct idm_span type, const char *why)
{
	struct scene *s = ctx;
	size_t len = strlen(s->told);

	snprintf(s->told + len, sizeof(s->told) - len, "%d %.*s: %s\n", (int)number,
	    IDM_SPAN_ARG(type), why);
	return s->disregard;
}

static void
map(struct scene *s, const char *text)
{
	const struct import_reporter reporter = { tell, s };
	struct ldif_record record;
	struct idm_error err;
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/file", s->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	ldif_file_close(&s->ldif);
	assert_int_equal(ldif_file_open(path, &s->ldif, &err), IDM_OK);
	assert_int_equal(ldif_file_next(s->ldif, &record, &err), IDM_OK);
	idm_arena_reset(s->arena);
	s->told[0] = '\0';
	assert_int_equal(
	    import_map(idm_schema_builtin(), &record, &reporter, s->arena, &s->entry, &err),
	    IDM_OK);
}

static size_t
count(struct scene *s, const char *attr)
{
	size_t n = 0;

	for (size_t i = 0; i < s->entry.value_count; i++)
		n += strcmp(s->entry.values[i].attr->name, attr) == 0;
	return n;
}

static bool
has(struct scene *s, const char *attr, const char *text)
{
	for (size_t i = 0; i < s->entry.value_count; i++) {
		const struct import_value *value = &s->entry.values[i];

		if (strcmp(value->attr->name, attr) == 0 && idm_span_is(value->text, text))
			return true;
	}
	return false;
}

static void
assert_has(struct scene *s, const char *attr, const char *text)
{
	if (!has(s, attr, text))
		fail_msg("%s is not %s", attr, text);
}

static void
assert_reference(struct scene *s, size_t index, const char *attr, const char *text, bool is_name)
{
	const struct import_reference *reference = &s->entry.references[index];

	assert_true(index < s->entry.reference_count);
	assert_string_equal(reference->attr->name, attr);
	assert_true(idm_span_is(reference->text, text));
	assert_int_equal(reference->is_name, is_name);
}

static void
assert_told(struct scene *s, const char *text)
{
	if (strstr(s->told, text) == NULL)
		fail_msg("not told: %s\nbut: %s", text, s->told);
}

#define PERSON                                                                                     \
	"dn: uid=alice,ou=people,dc=old,dc=org\nobjectClass: inetOrgPerson\nuid: alice\n"          \
	"cn: Alice Abc\nsn: Abc\n"
#define POSIX PERSON "objectClass: posixAccount\nuidNumber: 10001\n"
#define GROUP "dn: cn=team,dc=old,dc=org\nobjectClass: groupOfNames\ncn: team\n"

static void
an_inet_org_person_is_a_person(void **state)
{
	struct scene *s = *state;

	map(s, PERSON "givenName: Alice\nmail: alice@old.org\nmail: a@old.org\n"
		      "description: one of many\nobjectClass: top\nobjectClass: person\n"
		      "memberOf: cn=team,dc=old,dc=org\nentryCSN: x\ncreatorsName: cn=admin\n");
	assert_string_equal(s->told, "");
	assert_int_equal(s->entry.kind, IMPORT_PERSON);
	assert_false(s->entry.is_refused);
	assert_has(s, "class", "person");
	assert_has(s, "class", "account");
	assert_has(s, "class", "object");
	assert_int_equal(count(s, "class"), 3);
	assert_has(s, "name", "alice");
	assert_has(s, "displayname", "Alice Abc");
	assert_has(s, "mail", "alice@old.org");
	assert_has(s, "mail", "a@old.org");
	assert_has(s, "description", "one of many");
	assert_int_equal(s->entry.value_count, 8);
	assert_int_equal(s->entry.reference_count, 0);
	assert_false(s->entry.has_uuid);
	assert_null(s->entry.hash);
}

static void
display_name_comes_before_cn_which_is_then_the_legal_name(void **state)
{
	struct scene *s = *state;

	map(s, PERSON "displayName: Al\n");
	assert_has(s, "displayname", "Al");
	assert_has(s, "legalname", "Alice Abc");
	assert_int_equal(count(s, "displayname"), 1);
	map(s, PERSON "displayName: alice  ABC\n");
	assert_int_equal(count(s, "legalname"), 0);
	map(s, PERSON "displayName: Al\nlegalname: Alice Beatrice Abc\n");
	assert_int_equal(count(s, "legalname"), 1);
	assert_has(s, "legalname", "Alice Beatrice Abc");
	assert_string_equal(s->told, "");
}

static void
who_has_no_cn_is_called_by_gecos_or_uid(void **state)
{
	struct scene *s = *state;

	map(s, "dn: uid=bob\nobjectClass: account\nobjectClass: posixAccount\nuid: bob\n"
	       "uidNumber: 10001\ngecos: Bob Smith,Room 1,,\n");
	assert_has(s, "displayname", "Bob Smith");
	map(s, "dn: uid=bob\nobjectClass: account\nuid: bob\ngecos: ,,,\n");
	assert_int_equal(s->entry.kind, IMPORT_PERSON);
	assert_has(s, "displayname", "bob");
	assert_string_equal(s->told, "");
}

static void
the_rdn_says_which_of_several_names_counts(void **state)
{
	struct scene *s = *state;

	map(s, "dn: UserID=Alice2,dc=old\nobjectClass: inetOrgPerson\nuid: alice1\nuid: alice2\n"
	       "cn: One\ncn: Two\n");
	assert_has(s, "name", "alice2");
	assert_int_equal(count(s, "name"), 1);
	assert_has(s, "displayname", "One");
	assert_told(s, "3 uid: an account has one name");
	assert_told(s, "6 cn: there is one cn here");
	assert_false(s->entry.is_refused);
}

static void
without_a_name_an_account_is_refused(void **state)
{
	struct scene *s = *state;

	map(s, "dn: cn=Alice,dc=old\nobjectClass: inetOrgPerson\ncn: Alice\nsn: A\n");
	assert_true(s->entry.is_refused);
	assert_told(s, "1 dn: the account has no name");
	map(s, "dn: cn=team\nobjectClass: posixGroup\ngidNumber: 5000\n");
	assert_true(s->entry.is_refused);
	assert_told(s, "1 dn: the group has no name");
}

static void
posix_attributes_come_with_a_uid_number(void **state)
{
	struct scene *s = *state;

	map(s, POSIX "gidNumber: 10001\nhomeDirectory: /home/alice\nloginShell: /bin/bash\n");
	assert_string_equal(s->told, "");
	assert_has(s, "class", "posixaccount");
	assert_has(s, "gidnumber", "10001");
	assert_has(s, "homedirectory", "/home/alice");
	assert_has(s, "loginshell", "/bin/bash");
	assert_int_equal(s->entry.primary_gid, 10001);
	map(s, POSIX "gidNumber: 100\n");
	assert_int_equal(count(s, "gidnumber"), 1);
	assert_has(s, "gidnumber", "10001");
	assert_int_equal(s->entry.primary_gid, 100);
	assert_int_equal(s->entry.primary_gid_line, 8);
	map(s, PERSON "gidNumber: 100\nloginShell: /bin/bash\n");
	assert_int_equal(count(s, "gidnumber"), 0);
	assert_told(s, "6 gidNumber: an account's gidNumber comes with a uidNumber");
	assert_told(s, "7 loginShell: loginshell is nothing that such an entry holds");
	map(s, POSIX "gidNumber: x\n");
	assert_told(s, "8 gidNumber: gidNumber takes a number");
}

static void
groups_list_members_in_three_ways(void **state)
{
	struct scene *s = *state;

	map(s, GROUP "objectClass: groupOfUniqueNames\nobjectClass: posixGroup\n"
		     "gidNumber: 5000\ndescription: us\nmember: uid=alice,dc=old\nmember:\n"
		     "uniqueMember: uid=bob,dc=old#'0101'B\nuniqueMember: uid=carol,dc=old\n"
		     "memberUid: dave\nentry_managed_by: cn=bosses,dc=old\n");
	assert_string_equal(s->told, "");
	assert_int_equal(s->entry.kind, IMPORT_GROUP);
	assert_has(s, "class", "group");
	assert_has(s, "class", "posixgroup");
	assert_has(s, "name", "team");
	assert_has(s, "gidnumber", "5000");
	assert_has(s, "description", "us");
	assert_int_equal(s->entry.reference_count, 5);
	assert_reference(s, 0, "member", "uid=alice,dc=old", false);
	assert_reference(s, 1, "member", "uid=bob,dc=old", false);
	assert_reference(s, 2, "member", "uid=carol,dc=old", false);
	assert_reference(s, 3, "member", "dave", true);
	assert_reference(s, 4, "entry_managed_by", "cn=bosses,dc=old", false);
}

static void
what_only_another_kind_has_is_told(void **state)
{
	struct scene *s = *state;

	map(s, GROUP "mail: team@old.org\nuserPassword: {SSHA}x\nsshPublicKey: x\n"
		     "shadowExpire: 30000\nloginShell: /bin/sh\n");
	assert_told(s, "4 mail: mail is nothing that such an entry holds here");
	assert_told(s, "5 userPassword: only a person has a password");
	assert_told(s, "6 sshPublicKey: ssh_publickey is nothing");
	assert_told(s, "7 shadowExpire: only an account expires");
	assert_told(s, "8 loginShell: loginshell is nothing");
	assert_int_equal(count(s, "mail"), 0);
	map(s, PERSON "member: uid=bob\n");
	assert_told(s, "6 member: only a group has members");
	assert_int_equal(s->entry.reference_count, 0);
}

static void
what_has_no_counterpart_is_told_with_a_way_out(void **state)
{
	struct scene *s = *state;

	map(s, PERSON "telephoneNumber: 1\ncn;lang-de: Alice\nmail;primary: a@old.org\nno colon\n");
	assert_told(s, "6 telephoneNumber: there is no such attribute here: leave it out with "
		       "--ignore telephoneNumber");
	assert_told(s, "7 cn: an attribute with options");
	assert_told(s, "9 : there is no ':'");
	assert_null(strstr(s->told, "8 mail"));
	assert_false(s->entry.is_refused);
}

static void
the_first_hash_that_can_be_tested_is_taken(void **state)
{
	struct scene *s = *state;

	map(s, PERSON "userPassword: hunter2\nuserPassword: {SASL}alice\n"
		      "sambaNTPassword: 8846F7EAEE8FB117AD06BDD830B7586C\n"
		      "userPassword: {SSHA}NSZEu/ZzEMKdBO5ESNEYml3qKRYBAgMEBQYHCA==\n"
		      "userPassword: {SHA}L55TUjtiq8FBorTWAZ0jy6g129A=\n");
	assert_string_equal(s->entry.hash, "{SSHA}NSZEu/ZzEMKdBO5ESNEYml3qKRYBAgMEBQYHCA");
	assert_told(s, "6 userPassword: a password in clear text");
	assert_null(strstr(s->told, "hunter2"));
	assert_told(s, "7 userPassword: a password hash of the kind {SASL}");
	assert_told(s, "10 userPassword: a person has one password");
	assert_null(strstr(s->told, "8 "));
}

static void
an_nt_hash_is_taken_where_there_is_no_other(void **state)
{
	struct scene *s = *state;

	map(s, PERSON "sambaNTPassword: 8846F7EAEE8FB117AD06BDD830B7586C\n");
	assert_string_equal(s->entry.hash, "{NT}iEb36u6PsRetBr3YMLdYbA");
	map(s, PERSON "ipaNTHash:: iEb36u6PsRetBr3YMLdYbA==\n");
	assert_string_equal(s->entry.hash, "{NT}iEb36u6PsRetBr3YMLdYbA");
	assert_string_equal(s->told, "");
	map(s, PERSON "ipaNTHash:: iEb3\n");
	assert_null(s->entry.hash);
	assert_told(s, "6 ipaNTHash: a password hash that does not decode");
}

static void
no_password_is_none(void **state)
{
	static const char *const texts[] = { "{crypt}x", "{CRYPT}*", "{CRYPT}!", "{CRYPT}!!",
		"{CRYPT}", "!", "*", "x", "", "{CRYPT}!$6$saltsalt$hash" };
	struct scene *s = *state;
	char text[256];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		snprintf(text, sizeof(text), PERSON "userPassword: %s\n", texts[i]);
		map(s, text);
		assert_string_equal(s->told, "");
		assert_null(s->entry.hash);
	}
}

static void
ssh_keys_get_tags_of_their_comments(void **state)
{
	struct scene *s = *state;

	map(s, PERSON "sshPublicKey: ssh-ed25519 " KEY " alice@laptop one\n"
		      "sshPublicKey: ssh-ed25519 " KEY " alice@laptop one\n"
		      "sshPublicKey: ssh-ed25519 " KEY "\nsshPublicKey: ssh-ed25519 " KEY "\n"
		      "ipaSshPubKey: mine ssh-ed25519 " KEY "\n"
		      "sshPublicKey: ssh-ed25519 " KEY " ssh-rsa\n");
	assert_string_equal(s->told, "");
	assert_has(s, "ssh_publickey", "alice@laptop-one ssh-ed25519 " KEY);
	assert_has(s, "ssh_publickey", "alice@laptop-one-2 ssh-ed25519 " KEY);
	assert_has(s, "ssh_publickey", "key ssh-ed25519 " KEY);
	assert_has(s, "ssh_publickey", "key-2 ssh-ed25519 " KEY);
	assert_has(s, "ssh_publickey", "mine ssh-ed25519 " KEY);
	assert_has(s, "ssh_publickey", "key-3 ssh-ed25519 " KEY);
}

static void
assert_expires(struct scene *s, const char *line, const char *expected)
{
	char text[512];

	snprintf(text, sizeof(text), PERSON "%s\n", line);
	map(s, text);
	if (s->told[0] != '\0' || s->entry.is_refused)
		fail_msg("%s: %s", line, s->told);
	if (expected == NULL)
		assert_int_equal(count(s, "account_expire"), 0);
	else
		assert_has(s, "account_expire", expected);
}

static void
an_end_of_validity_is_understood_as_others_write_it(void **state)
{
	struct scene *s = *state;

	assert_expires(s, "shadowExpire: 19723", "2024-01-01T00:00:00Z");
	assert_expires(s, "shadowExpire: 1", "1970-01-02T00:00:00Z");
	assert_expires(s, "shadowExpire: -1", NULL);
	assert_expires(s, "shadowExpire:", NULL);
	assert_expires(s, "krbPrincipalExpiration: 20240101000000Z", "2024-01-01T00:00:00Z");
	assert_expires(s, "accountExpires: 133485408000000000", "2024-01-01T00:00:00Z");
	assert_expires(s, "accountExpires: 0", NULL);
	assert_expires(s, "accountExpires: 9223372036854775807", NULL);
	assert_expires(s, "nsAccountLock: TRUE", "1970-01-01T00:00:00Z");
	assert_expires(s, "nsAccountLock: false", NULL);
	assert_expires(s, "loginDisabled: TRUE", "1970-01-01T00:00:00Z");
	assert_expires(s, "pwdAccountLockedTime: 000001010000Z", "1970-01-01T00:00:00Z");
	assert_expires(s, "shadowExpire: 19723\nnsAccountLock: TRUE", "1970-01-01T00:00:00Z");
	assert_expires(s, "account_expire: 2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z");
}

static void
an_end_of_validity_that_is_not_understood_lets_nobody_in_for_ever(void **state)
{
	static const char *const lines[] = { "shadowExpire: never", "shadowExpire: 0",
		"shadowExpire: -2", "shadowExpire: 99999999999999999999",
		"krbPrincipalExpiration: tomorrow", "accountExpires: -1", "nsAccountLock: maybe",
		"pwdAccountLockedTime: 20240101000000Z" };
	struct scene *s = *state;
	char text[512];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(text, sizeof(text), PERSON "%s\n", lines[i]);
		s->disregard = false;
		map(s, text);
		if (!s->entry.is_refused || s->told[0] != '6')
			fail_msg("%s is taken", lines[i]);
		s->disregard = true; /* --ignore says so */
		map(s, text);
		assert_false(s->entry.is_refused);
	}
}

static void
service_accounts_have_no_password_of_others(void **state)
{
	struct scene *s = *state;

	map(s, "dn: cn=reader,dc=old\nobjectClass: organizationalRole\n"
	       "objectClass: simpleSecurityObject\ncn: reader\nuserPassword: {SSHA}x\n"
	       "description: reads\n");
	assert_int_equal(s->entry.kind, IMPORT_SERVICE);
	assert_has(s, "class", "service_account");
	assert_has(s, "name", "reader");
	assert_has(s, "displayname", "reader");
	assert_null(s->entry.hash);
	assert_told(s, "5 userPassword: a service account holds generated passwords alone");
	map(s, "dn: uid=r,dc=old\nobjectClass: account\nobjectClass: simpleSecurityObject\n"
	       "uid: r\n");
	assert_int_equal(s->entry.kind, IMPORT_SERVICE);
	map(s, PERSON "objectClass: simpleSecurityObject\n");
	assert_int_equal(s->entry.kind, IMPORT_PERSON);
}

static void
containers_are_left_out_and_nothing_is_said(void **state)
{
	struct scene *s = *state;

	map(s, "dn: dc=old,dc=org\nobjectClass: dcObject\nobjectClass: organization\no: Old\n"
	       "telephoneNumber: 1\n");
	assert_int_equal(s->entry.kind, IMPORT_CONTAINER);
	map(s, "dn: ou=people,dc=old\nobjectClass: organizationalUnit\nou: people\n");
	assert_int_equal(s->entry.kind, IMPORT_CONTAINER);
	assert_string_equal(s->told, "");
}

static void
what_is_no_entry_is_told(void **state)
{
	struct scene *s = *state;

	map(s, "dn: cn=x\nobjectClass: device\ncn: x\n");
	assert_true(s->entry.is_refused);
	assert_told(s, "1 dn: neither a person, a service account nor a group");
	map(s, "cn: x\n");
	assert_told(s, "1 cn: an entry begins with dn:");
	map(s, "dn: x\nobjectClass: person\n");
	assert_told(s, "1 dn: no distinguished name");
	map(s, "dn:\nobjectClass: person\n");
	assert_told(s, "1 dn: no distinguished name");
	map(s, "dn: uid=alice\nchangetype: modify\nreplace: mail\nmail: x\n-\n");
	assert_told(s, "2 changetype: a change of an entry");
	assert_true(s->entry.is_refused);
	map(s, "dn: uid=a\nchangetype: add\nobjectClass: inetOrgPerson\nuid: a\ncn: a\nsn: a\n");
	assert_false(s->entry.is_refused);
	map(s, "search: 2\nresult: 0 Success\n"); /* of ldapsearch */
	assert_string_equal(s->told, "");
	assert_int_equal(s->entry.dn.len, 0);
}

static void
our_own_words_are_taken_as_they_are(void **state)
{
	struct scene *s = *state;

	map(s, "dn: uid=alice,ou=people,dc=idm\nclass: object\nclass: account\nclass: person\n"
	       "class: posixaccount\nname: alice\nspn: alice@idm\nuid: alice\ncn: Alice\n"
	       "displayname: Alice\ngidnumber: 10001\nuidNumber: 10001\n"
	       "uuid: 01234567-89ab-4cde-8f01-23456789abcd\nmemberof: x\n"
	       "ssh_publickey: mine ssh-ed25519 " KEY "\nsshPublicKey: ssh-ed25519 " KEY "\n"
	       "account_valid_from: 2024-01-01T00:00:00Z\nlast_modified: x\n"
	       "password_import: {SHA}L55TUjtiq8FBorTWAZ0jy6g129A=\n");
	assert_string_equal(s->told, "");
	assert_true(s->entry.is_ours);
	assert_true(s->entry.has_uuid);
	assert_int_equal(count(s, "class"), 4);
	assert_int_equal(count(s, "name"), 1);
	assert_int_equal(count(s, "displayname"), 1);
	assert_int_equal(count(s, "gidnumber"), 1);
	assert_int_equal(count(s, "ssh_publickey"), 1);
	assert_has(s, "account_valid_from", "2024-01-01T00:00:00Z");
	assert_int_equal(s->entry.primary_gid_line, 0);
	assert_string_equal(s->entry.hash, "{SHA}L55TUjtiq8FBorTWAZ0jy6g129A");
}

static void
what_our_own_file_does_not_hold_is_told(void **state)
{
	struct scene *s = *state;

	map(s, "dn: uid=alice\nclass: person\nclass: account\nclass: nosuch\nname: alice\n"
	       "displayname: A\nradius_secret: set\nprimary_credential: password\n"
	       "user_session: x\nloginshell: /bin/sh\nnonsense: 1\n");
	assert_told(s, "4 class: an unknown class");
	assert_told(s, "7 radius_secret: a file tells only that a secret is set");
	assert_told(s, "8 primary_credential: a file tells only");
	assert_told(s, "9 user_session: it is not imported");
	assert_told(s, "10 loginshell: loginshell is nothing");
	assert_told(s, "11 nonsense: there is no such attribute");
	assert_true(s->entry.is_refused);
	map(s, "dn: cn=x\nclass: attributetype\nattributetype_name: x\n");
	assert_true(s->entry.is_refused);
}

static void
a_bad_uuid_is_no_new_one(void **state)
{
	struct scene *s = *state;

	map(s, PERSON "entryUUID: 01234567-89ab-4cde-8f01-23456789abcd\n");
	assert_true(s->entry.has_uuid);
	map(s, PERSON "entryUUID: x\n");
	assert_true(s->entry.is_refused);
	assert_told(s, "6 entryUUID: no UUID");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(an_inet_org_person_is_a_person),
		T(display_name_comes_before_cn_which_is_then_the_legal_name),
		T(who_has_no_cn_is_called_by_gecos_or_uid),
		T(the_rdn_says_which_of_several_names_counts),
		T(without_a_name_an_account_is_refused),
		T(posix_attributes_come_with_a_uid_number),
		T(groups_list_members_in_three_ways),
		T(what_only_another_kind_has_is_told),
		T(what_has_no_counterpart_is_told_with_a_way_out),
		T(the_first_hash_that_can_be_tested_is_taken),
		T(an_nt_hash_is_taken_where_there_is_no_other),
		T(no_password_is_none),
		T(ssh_keys_get_tags_of_their_comments),
		T(an_end_of_validity_is_understood_as_others_write_it),
		T(an_end_of_validity_that_is_not_understood_lets_nobody_in_for_ever),
		T(service_accounts_have_no_password_of_others),
		T(containers_are_left_out_and_nothing_is_said),
		T(what_is_no_entry_is_told),
		T(our_own_words_are_taken_as_they_are),
		T(what_our_own_file_does_not_hold_is_told),
		T(a_bad_uuid_is_no_new_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
