/* An LDIF file in a database: who is there afterwards, in which groups, and what was told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/import.h"
#include "core/authenticate.h"
#include "core/closure.h"
#include "core/verify.h"
#include "tests/support/realm.h"

struct told {
	char text[8192];     /* "line type: why\n" each */
	uint64_t stop_after; /* calls of progress; 0: never */
};

static void
on_problem(void *ctx, uint64_t line, struct idm_span type, const char *why)
{
	struct told *told = ctx;
	size_t len = strlen(told->text);

	snprintf(told->text + len, sizeof(told->text) - len, "%d %.*s: %s\n", (int)line,
	    IDM_SPAN_ARG(type), why);
}

static bool
on_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct told *told = ctx;

	assert_non_null(what);
	assert_true(done <= total);
	return told->stop_after == 0 || --told->stop_after != 0;
}

static void
write_file(struct realm *r, const char *text, char path[96])
{
	FILE *file;

	snprintf(path, 96, "%.60s/file.ldif", r->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* Import and store, whatever was told. */
static enum idm_result
import_ignoring(struct realm *r, const char *text, const char *const *ignore, size_t ignore_count,
    struct told *told, struct import_totals *totals)
{
	struct import_request request = { .ignore = ignore,
		.ignore_count = ignore_count,
		.problem = on_problem,
		.progress = on_progress,
		.ctx = told };
	char path[96];
	enum idm_result result;

	told->text[0] = '\0';
	write_file(r, text, path);
	assert_int_equal(ldif_file_open(path, &request.ldif, &r->err), IDM_OK);
	assert_int_equal(
	    idm_bulk_begin(r->store, &r->context, r->now, &request.bulk, &r->err), IDM_OK);
	result = import_run(&request, totals, &r->err);
	if (result == IDM_OK) {
		assert_int_equal(idm_bulk_adopt(&request.bulk, &r->store, &r->err), IDM_OK);
		assert_int_equal(
		    idm_store_open_writer(r->dir, (gid_t)-1, &r->store, &r->err), IDM_OK);
	}
	idm_bulk_drop(&request.bulk);
	ldif_file_close(&request.ldif);
	return result;
}

static void
import(struct realm *r, const char *text, struct told *told, struct import_totals *totals)
{
	told->stop_after = 0;
	if (import_ignoring(r, text, NULL, 0, told, totals) != IDM_OK)
		fail_msg("%s", r->err.text);
}

static void
assert_nothing_told(const struct told *told)
{
	if (told->text[0] != '\0')
		fail_msg("%s", told->text);
}

static void
assert_told(const struct told *told, const char *text)
{
	if (strstr(told->text, text) == NULL)
		fail_msg("not told: %s\nbut: %s", text, told->text);
}

static void
assert_text(struct realm *r, const char *name, uint32_t attr_number, const char *expected)
{
	struct idm_entry entry = realm_entry(r, name);
	const struct idm_attr *attr = idm_schema_attr_number(r->read.schema, attr_number);
	struct idm_value value;

	assert_true(idm_entry_first(&entry, attr_number, &value));
	assert_true(idm_span_is(idm_value_print(attr, value.stored, r->arena), expected));
	realm_done(r);
}

static bool
is_there(struct realm *r, const char *name)
{
	struct idm_entry entry;
	struct idm_read read;
	struct idm_txn txn;
	enum idm_result result;

	assert_int_equal(idm_store_read_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(idm_read_attach(&txn, r->arena, r->now, &read, &r->err), IDM_OK);
	result = idm_lookup_text(&read, idm_span_cstr(name), &entry, &r->err);
	idm_store_read_end(&txn);
	return result == IDM_OK;
}

static void
tell_finding(void *ctx, enum idm_finding kind, const char *text)
{
	(void)ctx;
	print_message("%s: %s\n", idm_finding_name(kind), text);
}

static void
assert_sound(struct realm *r)
{
	char path[96];
	struct idm_verify ask = { .identity_path = path,
		.password_ring = r->password_ring,
		.radius_ring = r->radius_ring,
		.most = 10,
		.finding = tell_finding };
	struct idm_verify_totals totals;

	snprintf(path, sizeof(path), "%.60s/identity.mdb", r->dir);
	idm_store_close(&r->store);
	assert_int_equal(idm_verify(&ask, &totals, &r->err), IDM_OK);
	assert_int_equal(totals.findings, 0);
	assert_int_equal(idm_store_open_writer(r->dir, (gid_t)-1, &r->store, &r->err), IDM_OK);
}

static bool
lets_in(struct realm *r, const char *name, const char *password)
{
	static const struct idm_argon2 cheap = { .m_kib = 64, .t = 1, .p = 1 };
	struct idm_entry entry = realm_entry(r, name);
	struct idm_auth_plan plan;
	int fitted;

	assert_int_equal(idm_auth_plan(&r->read, r->password_ring, &entry, &plan, &r->err), IDM_OK);
	fitted = idm_auth_plan_run(&plan, idm_span_cstr(password), &cheap);
	idm_auth_plan_wipe(&plan);
	realm_done(r);
	return fitted >= 0;
}

#define P(name)                                                                                    \
	"dn: uid=" name ",ou=people,dc=old,dc=org\nobjectClass: inetOrgPerson\nuid: " name         \
	"\ncn: The " name "\nsn: X\n"
#define G(name) "dn: cn=" name ",ou=groups,dc=old,dc=org\nobjectClass: groupOfNames\ncn: " name "\n"
#define DN_P(name) "uid=" name ",ou=people,dc=old,dc=org\n"
#define DN_G(name) "cn=" name ",ou=groups,dc=old,dc=org\n"

static void
entries_and_their_groups_come_in_any_order(void **state)
{
	struct realm *r = *state;
	struct import_totals totals;
	struct told told;

	/* clang-format off */
	import(r,
	    "version: 1\n\n"
	    "dn: dc=old,dc=org\nobjectClass: dcObject\nobjectClass: organization\no: Old\n\n"
	    "dn: ou=people,dc=old,dc=org\nobjectClass: organizationalUnit\nou: people\n\n"
	    /* nested before what it holds, and in a cycle of three */
	    G("outer") "member: " DN_G("middle") "\n"
	    G("middle") "member: " DN_G("inner") "member: CN=Outer, OU=Groups,dc=OLD,dc=org\n\n"
	    G("inner") "member: " DN_P("alice") "member: " DN_G("middle") "\n"
	    P("alice") "mail: alice@old.org\nuserPassword: {SHA}L55TUjtiq8FBorTWAZ0jy6g129A=\n"
	    "entryUUID: 01234567-89ab-4cde-8f01-23456789abcd\n\n"
	    P("bob") "\n"
	    "dn: cn=unix,dc=old,dc=org\nobjectClass: posixGroup\ncn: unix\ngidNumber: 5000\n"
	    "memberUid: bob\nmemberUid: alice\nmemberUid: bob\n\n"
	    "dn: cn=reader,dc=old,dc=org\nobjectClass: applicationProcess\ncn: reader\n",
	    &told, &totals);
	/* clang-format on */
	assert_nothing_told(&told);
	assert_int_equal(totals.persons, 2);
	assert_int_equal(totals.groups, 4);
	assert_int_equal(totals.service_accounts, 1);
	assert_int_equal(totals.containers, 2);
	assert_int_equal(totals.memberships, 7);
	assert_int_equal(totals.problems, 0);
	assert_true(realm_is_memberof(r, "alice", "outer"));
	assert_true(realm_is_memberof(r, "alice", "inner"));
	assert_true(realm_is_memberof(r, "outer", "inner"));
	assert_true(realm_is_memberof(r, "bob", "unix"));
	assert_false(realm_is_memberof(r, "bob", "outer"));
	assert_text(r, "alice", IDM_ATTR_DISPLAYNAME, "The alice");
	assert_text(r, "01234567-89ab-4cde-8f01-23456789abcd", IDM_ATTR_NAME, "alice");
	assert_true(lets_in(r, "alice", "correct horse"));
	assert_false(lets_in(r, "alice", "another"));
	assert_sound(r);
}

static void
members_may_be_in_the_database_already(void **state)
{
	struct realm *r = *state;
	struct import_totals totals;
	struct told told;

	realm_person(r, "carol");
	realm_person(r, "dave");
	realm_group(r, "old-team");
	import(r,
	    G("team") "member: uid=carol,ou=people,dc=idm,dc=example,dc=com\nmember: dave\n"
		      "member: spn=dave@idm.example.com,dc=idm,dc=example,dc=com\n"
		      "member: cn=old-team,ou=groups,dc=idm,dc=example,dc=com\n"
		      "entry_managed_by: carol\n",
	    &told, &totals);
	assert_nothing_told(&told);
	assert_int_equal(totals.memberships, 3);
	assert_true(realm_is_memberof(r, "carol", "team"));
	assert_true(realm_is_memberof(r, "dave", "team"));
	assert_true(realm_is_memberof(r, "old-team", "team"));
	assert_sound(r);
}

/* A name in the file is the file's, whatever the database calls so. */
static void
the_file_s_own_names_come_first(void **state)
{
	struct realm *r = *state;
	struct import_totals totals;
	struct told told;

	realm_person(r, "carol");
	import(r,
	    "dn: uid=carol,ou=people,dc=idm,dc=example,dc=com\nobjectClass: inetOrgPerson\n"
	    "uid: carol2\ncn: The other\nsn: X\n\n" G(
		"team") "member: uid=carol,ou=people,dc=idm,dc=example,dc=com\n",
	    &told, &totals);
	assert_nothing_told(&told);
	assert_true(realm_is_memberof(r, "carol2", "team"));
	assert_false(realm_is_memberof(r, "carol", "team"));
}

static void
what_is_refused_is_told_by_its_line_and_the_rest_is_taken(void **state)
{
	struct realm *r = *state;
	struct import_totals totals;
	struct told told;

	realm_person(r, "carol");
	import(r,
	    P("carol") "\n"                                           /* 1 */
	    P("root") "\n"                                            /* 7 */
	    P("alice") "mail: no address\ntitle: Dr\n\n"              /* 13 */
	    P("bob") "mail: bob@old.org\n\n"                          /* 21 */
	    P("eve") "mail: bob@old.org\n\n"                          /* 28 */
	    P("bad.expire") "account_expire: never\n\n"               /* 35 */
	    P("bad name") "\n"                                        /* 42 */
	    G("team") "member: " DN_P("alice") "member: " DN_P("eve") /* 48: dn */
	    "member: uid=nobody\nmember: ou=people,dc=idm,dc=example,dc=com\nno colon\n\n" G(
		"team") "\n", /* 57 */
	    &told, &totals);
	assert_told(&told, "3 uid: name carol is taken by another entry");
	assert_told(&told, "9 uid: the name root is denied here");
	assert_told(&told, "18 mail: mail takes an address");
	assert_told(&told, "19 title: there is no such attribute here");
	assert_told(&told, "33 mail: mail bob@old.org is taken by another entry");
	assert_told(&told, "40 account_expire: account_expire takes a time");
	assert_told(&told, "44 uid: name");
	assert_told(
	    &told, "52 member: uid=eve,ou=people,dc=old,dc=org is neither taken from the file");
	assert_told(&told, "53 member: uid=nobody is neither");
	assert_told(&told, "54 member: it names neither an account nor a group");
	assert_told(&told, "55 : there is no ':'");
	assert_told(&told, "57 dn: an entry of this name came before");
	assert_int_equal(totals.problems, 12);
	assert_int_equal(totals.persons, 2);
	assert_int_equal(totals.memberships, 1);
	assert_true(realm_is_memberof(r, "alice", "team"));
	assert_false(is_there(r, "eve"));
	assert_false(is_there(r, "bad.expire"));
	assert_sound(r);
}

static void
ignored_attributes_are_no_problem(void **state)
{
	static const char *const ignore[] = { "samba*", "TITLE", "member" };
	struct realm *r = *state;
	struct import_totals totals;
	struct told told = { .stop_after = 0 };

	assert_int_equal(
	    import_ignoring(r,
		P("alice") "title: Dr\nsambaSID: S-1\nsambaLMPassword: x\nroomNumber: 5\n\n" G(
		    "team") "member: uid=nobody\nmember: " DN_P("alice"),
		ignore, 3, &told, &totals),
	    IDM_OK);
	assert_string_equal(told.text,
	    "9 roomNumber: there is no such attribute here: leave it out with --ignore "
	    "roomNumber, or make one (attributetype, classtype)\n");
	assert_int_equal(totals.ignored, 4);
	assert_int_equal(totals.problems, 1);
	assert_true(realm_is_memberof(r, "alice", "team"));
}

static void
a_first_group_is_a_membership(void **state)
{
	struct realm *r = *state;
	struct import_totals totals;
	struct told told;

#define POSIX(uid, gid) "objectClass: posixAccount\nuidNumber: " uid "\ngidNumber: " gid "\n\n"
	import(r,
	    P("alice") POSIX("10001", "5000") P("bob") POSIX("10002", "5000") P("carol")
		POSIX("10003", "10003") P("dave") POSIX("10004", "10001") P("erin")
		    POSIX("10005", "77777") "dn: cn=users,dc=old\nobjectClass: posixGroup\ncn: "
					    "users\ngidNumber: 5000\n"
					    "memberUid: alice\n",
	    &told, &totals);
	assert_told(&told, "35 gidNumber: no group has this gidNumber"); /* that is alice's */
	assert_told(&told, "44 gidNumber: no group has this gidNumber");
	assert_int_equal(totals.problems, 2);
	assert_true(realm_is_memberof(r, "alice", "users"));
	assert_true(realm_is_memberof(r, "bob", "users"));
	assert_false(realm_is_memberof(r, "carol", "users"));
	assert_text(r, "bob", IDM_ATTR_GIDNUMBER, "10002");
	assert_sound(r);
}

static void
members_of_built_in_groups_are_taken_and_these_stay(void **state)
{
	struct realm *r = *state;
	struct import_totals totals;
	struct told told;

	import(r,
	    "dn: cn=idm_admins,ou=groups,dc=idm,dc=example,dc=com\nclass: object\nclass: group\n"
	    "name: idm_admins\ndescription: another\nuuid: 00000000-0000-0000-0000-000000000001\n"
	    "member: uid=alice,ou=people,dc=idm,dc=example,dc=com\n"
	    "member: uid=idm_admin,ou=services,dc=idm,dc=example,dc=com\n\n"
	    "dn: uid=admin,ou=services,dc=idm,dc=example,dc=com\nclass: object\nclass: account\n"
	    "class: service_account\nname: admin\nuuid: 00000000-0000-0000-0000-000000000000\n\n"
	    "dn: uid=alice,ou=people,dc=idm,dc=example,dc=com\nclass: object\nclass: account\n"
	    "class: person\nname: alice\ndisplayname: Alice\n\n"
	    "dn: cn=team,ou=groups,dc=idm,dc=example,dc=com\nclass: group\nname: team\n"
	    "member: uid=admin,ou=services,dc=idm,dc=example,dc=com\n",
	    &told, &totals);
	assert_nothing_told(&told);
	assert_int_equal(totals.persons, 1);
	assert_int_equal(totals.groups, 1);
	assert_true(realm_is_memberof(r, "alice", "idm_admins"));
	assert_true(realm_is_memberof(r, "alice", "idm_high_privilege"));
	assert_true(realm_is_memberof(r, "admin", "team"));
	assert_sound(r);
}

/* What was not taken is never admin, whose uuid is nothing but zeros. */
static void
what_was_not_taken_is_nobody(void **state)
{
	struct realm *r = *state;
	struct import_totals totals;
	struct told told;

	import(r, P("bad name") "\n" G("team") "member: uid=bad name,ou=people,dc=old,dc=org\n",
	    &told, &totals);
	assert_int_equal(totals.memberships, 0);
	assert_false(realm_is_memberof(r, "admin", "team"));
}

static void
a_member_that_a_rule_refuses_is_told_alone(void **state)
{
	struct realm *r = *state;
	struct import_totals totals;
	struct told told;

	import(r,
	    P("alice") "\n"
		       "dn: cn=dyn,dc=old\nclass: group\nclass: dyngroup\nname: dyn\n"
		       "dyngroup_filter: (class=person)\n\n"
		       "dn: cn=idm_admins,dc=old\nclass: group\nname: idm_admins\n"
		       "uuid: 00000000-0000-0000-0000-000000000001\n"
		       "member: cn=dyn,dc=old\nmember: " DN_P("alice"),
	    &told, &totals);
	assert_told(&told, "17 member: dyn is a dynamic group");
	assert_int_equal(totals.problems, 1);
	assert_true(realm_is_memberof(r, "alice", "idm_admins"));
	assert_sound(r);
}

static void
it_can_be_ended(void **state)
{
	struct realm *r = *state;
	uint64_t applied = realm_applied(r);
	struct import_totals totals;
	struct told told = { .stop_after = 1 };

	assert_int_equal(import_ignoring(r, P("alice"), NULL, 0, &told, &totals), IDM_BUSY);
	assert_int_equal(realm_applied(r), applied);
	assert_false(is_there(r, "alice"));
}

/* More members than one change takes, some of them twice. */
static void
a_group_may_be_large(void **state)
{
	enum { MANY = 12000 };
	struct realm *r = *state;
	struct import_totals totals;
	struct told told;
	char *text = malloc(MANY * 200);
	size_t len = 0;

	assert_non_null(text);
	for (int i = 0; i < MANY; i++)
		len += (size_t)sprintf(
		    text + len, "dn: uid=p%d,dc=old\nobjectClass: account\nuid: p%d\n\n", i, i);
	len += (size_t)sprintf(text + len, "%s", G("everybody"));
	for (int i = 0; i < MANY + 10; i++)
		len += (size_t)sprintf(text + len, "member: uid=p%d,dc=old\n", (i * 7919) % MANY);
	import(r, text, &told, &totals);
	free(text);
	assert_nothing_told(&told);
	assert_int_equal(totals.memberships, MANY);
	assert_true(realm_is_memberof(r, "p11999", "everybody"));
	assert_sound(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(entries_and_their_groups_come_in_any_order),
		T(members_may_be_in_the_database_already),
		T(the_file_s_own_names_come_first),
		T(what_is_refused_is_told_by_its_line_and_the_rest_is_taken),
		T(ignored_attributes_are_no_problem),
		T(a_first_group_is_a_membership),
		T(members_of_built_in_groups_are_taken_and_these_stay),
		T(what_was_not_taken_is_nobody),
		T(a_member_that_a_rule_refuses_is_told_alone),
		T(it_can_be_ended),
		T(a_group_may_be_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
