/* API tokens that come and go with changes: who may have them, who may give them, what ends them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/authenticate.h"
#include "core/token_store.h"
#include "tests/support/realm.h"

static void
service(struct realm *r, const char *name)
{
	assert_int_equal(realm_create(r, NULL, "class", "account", "class", "service_account",
			     "name", name, "displayname", name, NULL),
	    IDM_OK);
}

/* A token that works for ever. */
static struct idm_uuid
issue(struct realm *r, const char *name, enum idm_scope scope, char text[IDM_TOKEN_TEXT])
{
	struct idm_uuid id;

	assert_int_equal(
	    realm_issue_token(r, NULL, name, "label", scope, INT64_MAX, text, &id), IDM_OK);
	return id;
}

/* IDM_OK: it binds, and who is bound may go on. */
static enum idm_result
use(struct realm *r, const char *text, struct idm_identity *out)
{
	struct idm_txn local;
	enum idm_result result;

	realm_entry(r, "admin");
	assert_int_equal(idm_store_local_read_begin(r->store, &local, &r->err), IDM_OK);
	result = idm_auth_token(&r->read, &local, idm_span_cstr(text), NULL, out, &r->err);
	if (result == IDM_OK)
		result = idm_auth_recheck(&r->read, NULL, out, &r->err);
	idm_store_read_end(&local);
	realm_done(r);
	return result;
}

/* May an identity go on by what all processes see, those that have no local.mdb included? */
static enum idm_result
recheck(struct realm *r, const struct idm_identity *identity)
{
	enum idm_result result;

	realm_entry(r, "admin");
	result = idm_auth_recheck(&r->read, NULL, identity, &r->err);
	realm_done(r);
	return result;
}

static size_t
count_tokens(struct realm *r, const char *name)
{
	struct idm_uuid uuid = realm_uuid(r, name);
	struct idm_uuid *ids;
	size_t count;

	realm_entry(r, "admin");
	assert_int_equal(
	    idm_token_list(r->read.txn, &uuid, r->read.arena, &ids, &count, &r->err), IDM_OK);
	realm_done(r);
	return count;
}

static void
assert_told(const struct realm *r, const char *part)
{
	if (strstr(r->err.client_text, part) == NULL)
		fail_msg("told \"%s\"", r->err.client_text);
}

/* --- a token's life */

static void
a_token_is_what_was_asked_for_and_of_whom_it_was_issued_by(void **state)
{
	struct realm *r = *state;
	struct idm_uuid admin = realm_uuid(r, "admin");
	struct idm_uuid robot, id;
	struct idm_token_row row;
	char text[IDM_TOKEN_TEXT];

	service(r, "robot");
	robot = realm_uuid(r, "robot");
	assert_int_equal(realm_issue_token(r, "admin", "robot", "Test Token", IDM_SCOPE_READ_WRITE,
			     REALM_NOW_S + 60, text, &id),
	    IDM_OK);
	realm_entry(r, "robot");
	assert_int_equal(idm_token_get(r->read.txn, &id, &row, &r->err), IDM_OK);
	assert_true(idm_uuid_equal(&row.account, &robot));
	assert_true(idm_uuid_equal(&row.issued_by, &admin));
	assert_int_equal(row.kind, IDM_TOKEN_API);
	assert_int_equal(row.scope, IDM_SCOPE_READ_WRITE);
	assert_int_equal(row.issued_s, REALM_NOW_S);
	assert_int_equal(row.expire_s, REALM_NOW_S + 60);
	assert_true(idm_span_is(row.label, "Test Token"));
	realm_done(r);
}

static void
a_token_works_until_it_is_destroyed(void **state)
{
	struct realm *r = *state;
	struct idm_uuid robot, id;
	struct idm_identity identity, other;
	char text[IDM_TOKEN_TEXT], stays[IDM_TOKEN_TEXT];

	service(r, "robot");
	robot = realm_uuid(r, "robot");
	id = issue(r, "robot", IDM_SCOPE_READ_ONLY, text);
	issue(r, "robot", IDM_SCOPE_READ_ONLY, stays); /* of the same label */
	assert_int_equal(use(r, text, &identity), IDM_OK);
	assert_int_equal(use(r, stays, &other), IDM_OK);
	assert_true(idm_uuid_equal(&identity.uuid, &robot));
	assert_int_equal(identity.kind, IDM_IDENTITY_TOKEN);

	assert_int_equal(realm_destroy_token(r, NULL, "robot", &id), IDM_OK);
	assert_true((r->set.items[0].flags & IDM_ITEM_REVOKES) != 0);
	assert_int_equal(recheck(r, &identity), IDM_DENIED);
	assert_int_equal(use(r, text, &identity), IDM_DENIED);
	assert_string_equal(r->err.text, "no such token or session");
	assert_int_equal(recheck(r, &other), IDM_OK);
	assert_int_equal(use(r, stays, &other), IDM_OK);
}

static void
a_token_expires_to_the_second_and_one_of_the_past_never_works(void **state)
{
	struct realm *r = *state;
	struct idm_identity identity;
	struct idm_uuid id;
	char text[IDM_TOKEN_TEXT];

	service(r, "robot");
	assert_int_equal(realm_issue_token(r, NULL, "robot", "x", IDM_SCOPE_READ_ONLY,
			     REALM_NOW_S + 60, text, &id),
	    IDM_OK);
	assert_int_equal(use(r, text, &identity), IDM_OK);
	r->now.at_s = REALM_NOW_S + 59;
	assert_int_equal(recheck(r, &identity), IDM_OK);
	r->now.at_s = REALM_NOW_S + 60;
	assert_int_equal(recheck(r, &identity), IDM_DENIED);
	assert_int_equal(use(r, text, &identity), IDM_DENIED);

	for (int64_t expire_s = -1; expire_s <= 0; expire_s++) {
		assert_int_equal(realm_issue_token(r, NULL, "robot", "x", IDM_SCOPE_READ_ONLY,
				     expire_s, text, &id),
		    IDM_OK);
		assert_int_equal(use(r, text, &identity), IDM_DENIED);
	}
}

static void
a_token_is_of_no_use_outside_its_account_s_window(void **state)
{
	struct realm *r = *state;
	struct idm_identity identity;
	char text[IDM_TOKEN_TEXT];

	service(r, "robot");
	issue(r, "robot", IDM_SCOPE_READ_ONLY, text);
	assert_int_equal(use(r, text, &identity), IDM_OK);
	assert_int_equal(
	    realm_modify(r, NULL, "robot", "=account_expire", "1970-01-01T00:00:00Z", NULL),
	    IDM_OK);
	assert_int_equal(recheck(r, &identity), IDM_DENIED);
	assert_int_equal(use(r, text, &identity), IDM_DENIED);
	assert_int_equal(realm_modify(r, NULL, "robot", "=account_expire", "", NULL), IDM_OK);
	assert_int_equal(use(r, text, &identity), IDM_OK);
	assert_int_equal(realm_delete(r, NULL, "robot"), IDM_OK);
	assert_int_equal(recheck(r, &identity), IDM_DENIED);
	assert_int_equal(use(r, text, &identity), IDM_DENIED);
}

static void
a_token_moves_the_version_of_its_account(void **state)
{
	struct realm *r = *state;
	struct idm_request request = { .operation = IDM_OP_MODIFY };
	struct idm_request_token token = { .issue = NULL };
	struct idm_identity console = realm_identity(r, NULL);
	char text[IDM_TOKEN_TEXT];
	uint64_t version;

	service(r, "robot");
	version = realm_entry(r, "robot").version;
	realm_done(r);
	token.id = issue(r, "robot", IDM_SCOPE_READ_ONLY, text);
	request.target = realm_uuid(r, "robot");
	request.base = version;
	request.token = &token;
	assert_int_equal(realm_run(r, &console, &request), IDM_BUSY);
	assert_int_equal(count_tokens(r, "robot"), 1);
}

/* --- who has some */

static void
only_service_accounts_have_tokens(void **state)
{
	struct realm *r = *state;
	struct idm_uuid id;
	char text[IDM_TOKEN_TEXT];

	realm_person(r, "alice");
	realm_group(r, "staff");
	assert_int_equal(
	    realm_issue_token(r, NULL, "alice", "x", IDM_SCOPE_READ_ONLY, INT64_MAX, text, &id),
	    IDM_CONSTRAINT);
	assert_told(r, "only service accounts have API tokens");
	assert_int_equal(
	    realm_issue_token(r, NULL, "staff", "x", IDM_SCOPE_READ_ONLY, INT64_MAX, text, &id),
	    IDM_CONSTRAINT);
	assert_int_equal(
	    realm_issue_token(r, NULL, "anonymous", "x", IDM_SCOPE_READ_ONLY, INT64_MAX, text, &id),
	    IDM_PROTECTED);
	assert_told(r, "anonymous never has an API token");
	assert_int_equal(count_tokens(r, "alice") + count_tokens(r, "anonymous"), 0);
}

static void
a_label_is_text_of_at_most_128_octets(void **state)
{
	static const char *const bad[] = { "", "a\nb", "\xff", "\xe2\x80\xae" };
	struct realm *r = *state;
	struct idm_uuid id;
	char text[IDM_TOKEN_TEXT], longest[IDM_TOKEN_LABEL_MAX + 2];

	service(r, "robot");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(realm_issue_token(r, NULL, "robot", bad[i], IDM_SCOPE_READ_ONLY,
				     INT64_MAX, text, &id),
		    IDM_INVALID);
		assert_told(r, "the label");
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(
	    realm_issue_token(r, NULL, "robot", longest, IDM_SCOPE_READ_ONLY, INT64_MAX, text, &id),
	    IDM_INVALID);
	longest[IDM_TOKEN_LABEL_MAX] = '\0';
	assert_int_equal(
	    realm_issue_token(r, NULL, "robot", longest, IDM_SCOPE_READ_ONLY, INT64_MAX, text, &id),
	    IDM_OK);
}

static void
an_account_that_has_64_makes_room_by_those_that_expired_alone(void **state)
{
	struct realm *r = *state;
	struct idm_uuid id;
	char text[IDM_TOKEN_TEXT];

	service(r, "robot");
	realm_group_begin(r);
	for (int i = 0; i < IDM_TOKENS_MAX; i++)
		assert_int_equal(realm_issue_token(r, NULL, "robot", "x", IDM_SCOPE_READ_ONLY,
				     i % 2 == 0 ? REALM_NOW_S + 60 : INT64_MAX, text, &id),
		    IDM_OK);
	realm_group_commit(r);
	assert_int_equal(
	    realm_issue_token(r, NULL, "robot", "x", IDM_SCOPE_READ_ONLY, INT64_MAX, text, &id),
	    IDM_CONSTRAINT);
	assert_told(r, "destroy one first");

	r->now.at_s = REALM_NOW_S + 60;
	r->now.trusted = false; /* it may be wrong */
	assert_int_equal(
	    realm_issue_token(r, NULL, "robot", "x", IDM_SCOPE_READ_ONLY, INT64_MAX, text, &id),
	    IDM_CONSTRAINT);
	r->now.trusted = true;
	assert_int_equal(
	    realm_issue_token(r, NULL, "robot", "x", IDM_SCOPE_READ_ONLY, INT64_MAX, text, &id),
	    IDM_OK);
	assert_int_equal(count_tokens(r, "robot"), IDM_TOKENS_MAX / 2 + 1);
}

static void
a_token_is_destroyed_as_its_own_account_s_alone(void **state)
{
	struct realm *r = *state;
	struct idm_identity identity;
	struct idm_uuid id, nobody = { { 0 } };
	char text[IDM_TOKEN_TEXT];

	service(r, "robot");
	service(r, "other");
	id = issue(r, "robot", IDM_SCOPE_READ_ONLY, text);
	assert_int_equal(realm_destroy_token(r, NULL, "other", &id), IDM_CONSTRAINT);
	assert_told(r, "there is no API token");
	assert_int_equal(realm_destroy_token(r, NULL, "robot", &nobody), IDM_CONSTRAINT);
	assert_int_equal(use(r, text, &identity), IDM_OK);
	assert_int_equal(realm_destroy_token(r, NULL, "robot", &id), IDM_OK);
	assert_int_equal(realm_destroy_token(r, NULL, "robot", &id), IDM_CONSTRAINT);
}

/* --- who may */

/* Who may issue and destroy tokens of an account, and who may not. */
static void
expect_right(struct realm *r, const char *actor, const char *target, bool may)
{
	struct idm_uuid id, theirs;
	char text[IDM_TOKEN_TEXT];
	enum idm_result wanted = may ? IDM_OK : IDM_DENIED;

	theirs = issue(r, target, IDM_SCOPE_READ_ONLY, text);
	if (realm_issue_token(r, actor, target, "x", IDM_SCOPE_READ_WRITE, INT64_MAX, text, &id) !=
	    wanted)
		fail_msg("%s issues for %s: \"%s\"", actor, target, r->err.client_text);
	if (realm_destroy_token(r, actor, target, &theirs) != wanted)
		fail_msg("%s destroys of %s: \"%s\"", actor, target, r->err.client_text);
	if (!may)
		assert_told(r, "api_token_session");
}

static void
tokens_are_given_by_who_may_write_them(void **state)
{
	struct realm *r = *state;
	struct idm_uuid id;
	char text[IDM_TOKEN_TEXT];

	service(r, "robot");
	service(r, "managed");
	realm_person(r, "alice");
	realm_person(r, "boss");
	realm_person(r, "clerk");
	assert_int_equal(
	    realm_modify(r, NULL, "managed", "=entry_managed_by", "boss", NULL), IDM_OK);
	assert_int_equal(
	    realm_modify(r, NULL, "idm_account_read_priv", "+member", "clerk", NULL), IDM_OK);

	expect_right(r, "idm_admin", "robot", true); /* account_write */
	expect_right(r, "admin", "robot", true);     /* service_account_admin */
	expect_right(r, "boss", "managed", true);    /* entry_manager */
	expect_right(r, "boss", "robot", false);
	expect_right(r, "alice", "robot", false);
	expect_right(r, "clerk", "robot", false); /* may see them */
	expect_right(r, "robot", "robot", false); /* its own */

	expect_right(r, "admin", "idm_admin", true); /* hp_account_write */
	expect_right(r, "idm_admin", "idm_admin", false);
	expect_right(r, "idm_admin", "admin", false);

	assert_int_equal(realm_issue_token(r, "anonymous", "robot", "x", IDM_SCOPE_READ_ONLY,
			     INT64_MAX, text, &id),
	    IDM_NOT_FOUND); /* who is told nothing (SPEC 5.6) */
}

static void
a_read_only_token_changes_nothing_and_a_read_write_one_has_its_account_s_rights(void **state)
{
	struct realm *r = *state;
	struct idm_identity reader, writer;
	struct idm_request request = { .operation = IDM_OP_DELETE };
	char text[IDM_TOKEN_TEXT];

	service(r, "robot");
	realm_group(r, "doomed");
	realm_group(r, "spared");
	assert_int_equal(
	    realm_modify(r, NULL, "idm_group_manage_priv", "+member", "robot", NULL), IDM_OK);
	issue(r, "robot", IDM_SCOPE_READ_ONLY, text);
	assert_int_equal(use(r, text, &reader), IDM_OK);
	issue(r, "robot", IDM_SCOPE_READ_WRITE, text);
	assert_int_equal(use(r, text, &writer), IDM_OK);

	request.target = realm_uuid(r, "doomed");
	assert_int_equal(realm_run(r, &reader, &request), IDM_DENIED);
	assert_told(r, "this token is read-only");
	assert_int_equal(realm_run(r, &writer, &request), IDM_OK);

	/* No more than that. */
	request = (struct idm_request){ .operation = IDM_OP_DELETE };
	request.target = realm_uuid(r, "idm_admins");
	assert_int_not_equal(realm_run(r, &writer, &request), IDM_OK);
	/* Nor longer than it is there. */
	request = (struct idm_request){ .operation = IDM_OP_DELETE };
	request.target = realm_uuid(r, "spared");
	assert_int_equal(realm_destroy_token(r, NULL, "robot", &writer.session), IDM_OK);
	assert_int_equal(realm_run(r, &writer, &request), IDM_DENIED);
}

/* --- what ends them all */

static void
an_account_that_becomes_high_privilege_loses_its_tokens(void **state)
{
	struct realm *r = *state;
	struct idm_identity direct, nested, apart;
	char text[3][IDM_TOKEN_TEXT];

	service(r, "direct");
	service(r, "nested");
	service(r, "apart");
	realm_group(r, "team");
	realm_group(r, "others");
	assert_int_equal(realm_modify(r, NULL, "team", "+member", "nested", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "others", "+member", "apart", NULL), IDM_OK);
	issue(r, "direct", IDM_SCOPE_READ_WRITE, text[0]);
	issue(r, "nested", IDM_SCOPE_READ_WRITE, text[1]);
	issue(r, "apart", IDM_SCOPE_READ_WRITE, text[2]);
	assert_int_equal(use(r, text[0], &direct), IDM_OK);
	assert_int_equal(use(r, text[1], &nested), IDM_OK);
	assert_int_equal(use(r, text[2], &apart), IDM_OK);

	assert_int_equal(
	    realm_modify(r, NULL, "idm_service_desk", "+member", "direct", NULL), IDM_OK);
	assert_int_equal(
	    realm_modify(r, NULL, "idm_service_desk", "+member", "team", NULL), IDM_OK);
	assert_int_equal(recheck(r, &direct), IDM_DENIED);
	assert_int_equal(recheck(r, &nested), IDM_DENIED);
	assert_int_equal(recheck(r, &apart), IDM_OK);
	assert_int_equal(count_tokens(r, "direct") + count_tokens(r, "nested"), 0);
	assert_int_equal(count_tokens(r, "apart"), 1);
}

static void
a_service_account_that_becomes_a_person_loses_its_tokens(void **state)
{
	struct realm *r = *state;
	struct idm_identity identity;
	char text[IDM_TOKEN_TEXT];

	service(r, "robot");
	issue(r, "robot", IDM_SCOPE_READ_WRITE, text);
	assert_int_equal(use(r, text, &identity), IDM_OK);
	assert_int_equal(realm_modify(r, "idm_admin", "robot", "-class", "service_account",
			     "+class", "person", NULL),
	    IDM_OK);
	assert_int_equal(recheck(r, &identity), IDM_DENIED);
	assert_int_equal(use(r, text, &identity), IDM_DENIED);
	assert_int_equal(count_tokens(r, "robot"), 0);
}

static void
tokens_stay_gone_when_their_account_is_revived(void **state)
{
	struct realm *r = *state;
	struct idm_request request = { .operation = IDM_OP_REVIVE };
	struct idm_identity identity, console = realm_identity(r, NULL);
	char text[IDM_TOKEN_TEXT];

	service(r, "robot");
	issue(r, "robot", IDM_SCOPE_READ_WRITE, text);
	request.target = realm_uuid(r, "robot");
	assert_int_equal(realm_delete(r, NULL, "robot"), IDM_OK);
	assert_int_equal(realm_run(r, &console, &request), IDM_OK);
	assert_int_equal(use(r, text, &identity), IDM_DENIED);
	assert_int_equal(count_tokens(r, "robot"), 0);
}

#define in_a_realm(test) cmocka_unit_test_setup_teardown(test, realm_setup, realm_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		in_a_realm(a_token_is_what_was_asked_for_and_of_whom_it_was_issued_by),
		in_a_realm(a_token_works_until_it_is_destroyed),
		in_a_realm(a_token_expires_to_the_second_and_one_of_the_past_never_works),
		in_a_realm(a_token_is_of_no_use_outside_its_account_s_window),
		in_a_realm(a_token_moves_the_version_of_its_account),
		in_a_realm(only_service_accounts_have_tokens),
		in_a_realm(a_label_is_text_of_at_most_128_octets),
		in_a_realm(an_account_that_has_64_makes_room_by_those_that_expired_alone),
		in_a_realm(a_token_is_destroyed_as_its_own_account_s_alone),
		in_a_realm(tokens_are_given_by_who_may_write_them),
		in_a_realm(
		    a_read_only_token_changes_nothing_and_a_read_write_one_has_its_account_s_rights),
		in_a_realm(an_account_that_becomes_high_privilege_loses_its_tokens),
		in_a_realm(a_service_account_that_becomes_a_person_loses_its_tokens),
		in_a_realm(tokens_stay_gone_when_their_account_is_revived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
