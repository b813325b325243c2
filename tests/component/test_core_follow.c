/* What a committed change brings along on this box: sessions that end, also after a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/second_factor.h"
#include "core/session.h"
#include "tests/support/server.h"
#include "tests/support/test_clock.h"

/* A session of somebody, begun with the password that is stored now. */
static struct idm_uuid
put_session(struct server *s, const char *name)
{
	char text[IDM_TOKEN_TEXT];
	struct idm_token_row row = { .kind = IDM_TOKEN_SESSION,
		.scope = IDM_SCOPE_READ_WRITE,
		.issued_s = REALM_NOW_S,
		.expire_s = REALM_NOW_S + 3600 };
	struct idm_txn txn;

	assert_true(idm_token_generate(text, &row));
	row.account = realm_uuid(s->realm, name);
	assert_int_equal(idm_store_local_write_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	assert_int_equal(idm_session_put(&txn, &row, s->realm->arena, &s->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &s->err), IDM_OK);
	return row.id;
}

static bool
is_there(struct server *s, const struct idm_uuid *session)
{
	struct idm_token_row row;
	struct idm_txn txn;
	enum idm_result result;

	assert_int_equal(idm_store_local_read_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	result = idm_session_get(&txn, session, &row, &s->err);
	idm_store_read_end(&txn);
	return result == IDM_OK;
}

/* Changes of the realm are followed by nobody, as by a process that crashed behind the commit. */
static void
catch_up(struct server *s)
{
	assert_int_equal(core_follow_missed(s->core, &s->err), IDM_OK);
}

static void
set_password(struct server *s, const char *name)
{
	char phc[IDM_PHC_BYTES];

	assert_int_equal(idm_password_hash(IDM_SPAN_LIT("another pass phrase by now"),
			     &s->config.argon2, phc, &s->err),
	    IDM_OK);
	assert_int_equal(
	    realm_set_secret(s->realm, NULL, name, IDM_ATTR_PRIMARY_CREDENTIAL, phc), IDM_OK);
}

static void
a_new_password_ends_the_account_s_sessions(void **state)
{
	struct server *s = *state;
	struct idm_uuid anna = put_session(s, "anna");
	struct idm_uuid anna_too = put_session(s, "anna");
	struct idm_uuid ben = put_session(s, "ben");

	set_password(s, "anna");
	assert_true(is_there(s, &anna));
	catch_up(s);
	assert_false(is_there(s, &anna));
	assert_false(is_there(s, &anna_too));
	assert_true(is_there(s, &ben));
}

static void
a_unix_password_ends_none(void **state)
{
	struct server *s = *state;
	struct idm_uuid ben = put_session(s, "ben");
	char phc[IDM_PHC_BYTES];

	assert_int_equal(
	    idm_password_hash(IDM_SPAN_LIT("the workstation's"), &s->config.argon2, phc, &s->err),
	    IDM_OK);
	assert_int_equal(
	    realm_set_secret(s->realm, NULL, "ben", IDM_ATTR_UNIX_PASSWORD, phc), IDM_OK);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "ben", "=displayname", "Benjamin", NULL), IDM_OK);
	catch_up(s);
	assert_true(is_there(s, &ben));
}

/* Which codes of a second factor were used is kept as long as the account can be revived. */
static bool
is_used(struct server *s, const struct idm_uuid *account, const struct idm_factor *factor)
{
	struct idm_txn txn;
	uint32_t left;

	assert_int_equal(idm_store_local_read_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	assert_int_equal(idm_factor_codes_left(&txn, account, factor, &left, &s->err), IDM_OK);
	idm_store_read_end(&txn);
	return left < IDM_BACKUP_CODES;
}

static void
who_is_gone_for_good_has_used_no_code(void **state)
{
	struct server *s = *state;
	struct idm_identity console = realm_identity(s->realm, NULL);
	struct idm_request request = { .operation = IDM_OP_TOMBSTONE };
	char texts[IDM_BACKUP_CODES][IDM_GENERATED_SECRET_BYTES];
	struct idm_factor factor = { .set = true, .has_codes = true, .codes_no = 5 };
	struct idm_txn txn;

	realm_person(s->realm, "gone");
	request.target = realm_uuid(s->realm, "gone");
	assert_true(idm_backup_generate(texts, &factor.codes));
	assert_int_equal(idm_store_local_write_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	assert_int_equal(idm_factor_use(&txn, &request.target, &factor, idm_span_cstr(texts[0]),
			     REALM_NOW_S, &s->err),
	    IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &s->err), IDM_OK);
	assert_int_equal(realm_delete(s->realm, NULL, "gone"), IDM_OK);
	catch_up(s);
	assert_true(is_used(s, &request.target, &factor));
	s->realm->now.at_s += IDM_RECYCLED_S;
	assert_int_equal(realm_run(s->realm, &console, &request), IDM_OK);
	catch_up(s);
	assert_false(is_used(s, &request.target, &factor));
	s->realm->now.at_s -= IDM_RECYCLED_S;
}

static void
who_is_deleted_or_becomes_high_privilege_has_none(void **state)
{
	struct server *s = *state;
	struct idm_uuid carl = put_session(s, "carl");
	struct idm_uuid ben = put_session(s, "ben");

	assert_int_equal(realm_delete(s->realm, NULL, "carl"), IDM_OK);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "domain_admins", "+member", "ben", NULL), IDM_OK);
	catch_up(s);
	assert_false(is_there(s, &carl));
	assert_false(is_there(s, &ben));
}

/* What was followed once is not again: the session is newer than the change. */
static void
what_was_followed_is_not_followed_again(void **state)
{
	struct server *s = *state;
	struct idm_uuid anna;

	set_password(s, "anna");
	catch_up(s);
	anna = put_session(s, "anna");
	catch_up(s);
	assert_true(is_there(s, &anna));
	set_password(s, "anna");
	assert_int_equal(core_follow_mark(s->core, &s->err), IDM_OK); /* as if it had been */
	catch_up(s);
	assert_true(is_there(s, &anna));
}

/* And a process that starts does it by itself, before it serves. */
static void
a_start_catches_up(void **state)
{
	struct server *s = *state;
	struct idm_uuid anna = put_session(s, "anna");

	set_password(s, "anna");
	server_restart_core(s);
	assert_false(is_there(s, &anna));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_password_ends_the_account_s_sessions),
		cmocka_unit_test(a_unix_password_ends_none),
		cmocka_unit_test(who_is_gone_for_good_has_used_no_code),
		cmocka_unit_test(who_is_deleted_or_becomes_high_privilege_has_none),
		cmocka_unit_test(what_was_followed_is_not_followed_again),
		cmocka_unit_test(a_start_catches_up),
	};

	return cmocka_run_group_tests(tests, server_setup_core, server_teardown);
}
