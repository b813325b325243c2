/* Credential update sessions and reset tokens in the core process (SPEC 6.8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/exop.h"
#include "core/reset.h"
#include "core/session.h"
#include "tests/support/test_clock.h"
#include "tests/support/update.h"

#define BETTER "a much better pass phrase than before"
#define OTHER "and quite another one for the next day"

static struct requests r;

static struct update_state
ask_reset_token(struct server *s, uint64_t handle, const char *target, int64_t seconds)
{
	const struct ipc_done *done;
	struct ber_reader all, seq_of_answer;
	struct idm_span token, spn;
	struct update_state out;
	struct ber_writer w;
	bool bad = false;
	size_t seq;

	ber_writer_init(&w, 512);
	seq = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_cstr(target));
	ber_write_integer(&w, BER_INTEGER, seconds);
	ber_close(&w, seq);
	request_extended(&r, 1, EXOP_RESET_TOKEN, idm_span_of(w.data, w.len));
	ber_writer_free(&w);
	done = server_ask(s, handle, &r);
	out = (struct update_state){ .code = done->code };
	snprintf(out.text, sizeof(out.text), "%.*s", IDM_SPAN_ARG(done->text));
	if (!done->has_value)
		return out;
	all = ber_reader_of(done->value, &bad);
	seq_of_answer = ber_read_nested(&all, BER_SEQUENCE);
	token = ber_read_octets(&seq_of_answer, BER_OCTET_STRING);
	out.expire_s = ber_read_integer(&seq_of_answer, BER_INTEGER, 0, INT64_MAX);
	spn = ber_read_octets(&seq_of_answer, BER_OCTET_STRING);
	snprintf(out.session, sizeof(out.session), "%.*s", IDM_SPAN_ARG(token));
	snprintf(out.spn, sizeof(out.spn), "%.*s", IDM_SPAN_ARG(spn));
	assert_false(bad);
	return out;
}

/* A token of ben's, by idm_admin. */
static struct update_state
make_token(struct server *s, int64_t seconds)
{
	struct update_state state =
	    ask_reset_token(s, server_login(s, "idm_admin"), "ben", seconds);

	update_expect(&state, LDAP_SUCCESS, "");
	return state;
}

/* --- beginning */

static void
the_state_is_shown_as_it_is_stored(void **state)
{
	struct server *s = *state;
	struct update_state begun =
	    update_expect_step(s, server_login(s, "idm_admin"), EXOP_UPDATE_BEGIN, "", "anna");
	struct idm_uuid anna = realm_uuid(s->realm, "anna");
	char uuid[IDM_UUID_TEXT];

	idm_uuid_format(&anna, uuid);
	assert_int_equal(strlen(begun.session), IDM_TOKEN_TEXT - 1);
	assert_string_equal(begun.spn, "anna@idm.example.com");
	assert_string_equal(begun.uuid, uuid);
	assert_string_equal(begun.primary, "password set");
	assert_string_equal(begun.primary_pending, "FALSE");
	assert_string_equal(begun.unix_state, "not set");
	assert_string_equal(begun.can_commit, "TRUE");
	assert_string_equal(begun.why_not, "");
	assert_int_equal(begun.expire_s, REALM_NOW_S + 900);
}

static void
who_may_not_write_it_begins_nothing(void **state)
{
	struct server *s = *state;
	struct idm_identity aged = realm_identity(s->realm, "anna");
	struct update_state begun;

	begun = update_step(s, 0, EXOP_UPDATE_BEGIN, "", "anna");
	update_expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "bind first");
	begun = update_step(s, server_login(s, "anna"), EXOP_UPDATE_BEGIN, "", "ben");
	update_expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "primary_credential");
	begun = update_step(s, server_login(s, "anna"), EXOP_UPDATE_BEGIN, "", "nobody");
	update_expect(&begun, LDAP_NO_SUCH_OBJECT, "no matching entries");
	aged.privileged_until_s = REALM_NOW_S - 1;
	begun =
	    update_step(s, core_identity_add(s->core->workers, &aged), EXOP_UPDATE_BEGIN, "", "");
	update_expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "kanidm reauth");
	aged.kind = IDM_IDENTITY_UNIX_PASSWORD;
	begun =
	    update_step(s, core_identity_add(s->core->workers, &aged), EXOP_UPDATE_BEGIN, "", "");
	update_expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "the unix password may only read");
	begun = ask_reset_token(s, core_identity_add(s->core->workers, &aged), "anna", 0);
	update_expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "the unix password may only read");
}

static void
a_service_account_is_sent_elsewhere(void **state)
{
	struct server *s = *state;
	struct update_state begun =
	    update_step(s, server_login(s, "admin"), EXOP_UPDATE_BEGIN, "", "");

	update_expect(&begun, LDAP_CONSTRAINT_VIOLATION, "generate-pw admin");
	begun = ask_reset_token(s, server_login(s, "admin"), "", 0);
	update_expect(&begun, LDAP_CONSTRAINT_VIOLATION, "generate-pw admin");
}

static void
what_does_not_decode_is_a_protocol_error(void **state)
{
	static const char *const oids[] = { EXOP_CREDENTIAL_UPDATE, EXOP_RESET_TOKEN };
	static const struct {
		const char *octets;
		size_t len;
	} values[] = { { "", 0 }, { "x", 1 }, { "\x30\x00", 2 }, { "\x30\x03\x0a\x01\x00", 5 },
		{ "\x30\x07\x0a\x01\x63\x04\x00\x04\x00", 9 },
		{ "\x30\x08\x0a\x01\x00\x04\x00\x04\x01", 9 },
		{ "\x30\x05\x04\x00\x02\x01\xff", 7 } };
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");

	for (size_t i = 0; i < sizeof(oids) / sizeof(oids[0]); i++) {
		for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
			request_extended(&r, 1, oids[i],
			    idm_span_of((const uint8_t *)values[k].octets, values[k].len));
			assert_int_equal(server_ask(s, handle, &r)->code, LDAP_PROTOCOL_ERROR);
		}
	}
}

/* --- steps */

static void
nothing_is_stored_before_commit(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct update_state now = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");
	char session[UPDATE_FIELD_BYTES];

	strcpy(session, now.session);
	now = update_expect_step(s, handle, EXOP_UPDATE_PASSWORD, session, BETTER);
	assert_string_equal(now.primary, "password set");
	assert_string_equal(now.primary_pending, "TRUE");
	assert_string_equal(now.session, "");
	assert_int_equal(server_bind_by(s, "ben", BETTER), 0);
	update_expect_step(s, handle, EXOP_UPDATE_COMMIT, session, "");
	assert_true(server_bind_by(s, "ben", BETTER) != 0);
	update_expect_refused(
	    s, handle, EXOP_UPDATE_STATUS, session, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "is over");
}

static void
a_bad_password_is_refused_in_plain_words(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct update_state now = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");
	struct update_state refused =
	    update_step(s, handle, EXOP_UPDATE_PASSWORD, now.session, "short");

	update_expect(&refused, LDAP_CONSTRAINT_VIOLATION, "at least 15 characters");
	refused = update_step(s, handle, EXOP_UPDATE_PASSWORD, now.session, "Ben Birne Ben Birne");
	update_expect(&refused, LDAP_CONSTRAINT_VIOLATION, "own words");
	refused = update_step(s, handle, EXOP_UPDATE_COMMIT, now.session, "");
	update_expect(&refused, LDAP_CONSTRAINT_VIOLATION, "nothing to commit");
	update_expect_step(s, handle, EXOP_UPDATE_PASSWORD, now.session, BETTER); /* it goes on */
}

static void
a_generated_password_is_told_once(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct update_state begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");
	struct update_state told =
	    update_expect_step(s, handle, EXOP_UPDATE_GENERATE, begun.session, "");
	struct update_state now =
	    update_expect_step(s, handle, EXOP_UPDATE_STATUS, begun.session, "");

	assert_int_equal(strlen(told.told), IDM_GENERATED_PASSWORD_BYTES - 1);
	assert_string_equal(told.primary, "generated password set");
	assert_string_equal(now.told, "");
	update_expect_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	assert_true(server_bind_by(s, "ben", told.told) != 0);
}

static void
a_password_is_removed_but_not_by_its_owner(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct update_state begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");
	struct update_state now =
	    update_expect_step(s, handle, EXOP_UPDATE_REMOVE, begun.session, "");

	assert_string_equal(now.primary, "not set");
	assert_string_equal(now.can_commit, "TRUE");
	update_expect_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	handle = server_login(s, "anna");
	begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");
	now = update_expect_step(s, handle, EXOP_UPDATE_REMOVE, begun.session, "");
	assert_string_equal(now.can_commit, "FALSE");
	assert_non_null(strstr(now.why_not, "could not log in"));
	now = update_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	update_expect(&now, LDAP_CONSTRAINT_VIOLATION, "could not log in");
	assert_true(server_bind_by(s, "anna", SERVER_PASSWORD) != 0);
}

static void
a_unix_password_is_set_and_removed(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct update_state begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");
	struct update_state now;

	now = update_expect_step(s, handle, EXOP_UPDATE_UNIX_PASSWORD, begun.session, BETTER);
	assert_string_equal(now.unix_state, "password set");
	assert_string_equal(now.unix_pending, "TRUE");
	update_expect_step(s, handle, EXOP_UPDATE_PASSWORD, begun.session, OTHER);
	update_expect_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	assert_true(server_bind_by(s, "ben", BETTER) != 0);
	assert_true(server_bind_by(s, "ben", OTHER) != 0);
	begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");
	now = update_expect_step(s, handle, EXOP_UPDATE_UNIX_REMOVE, begun.session, "");
	assert_string_equal(now.unix_state, "not set");
	update_expect_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	assert_int_equal(server_bind_by(s, "ben", BETTER), 0);
	server_unlock(s);
	assert_true(server_bind_by(s, "ben", OTHER) != 0);
}

static void
cancel_leaves_all_as_it_was(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "anna");
	struct update_state begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");

	update_expect_step(s, handle, EXOP_UPDATE_PASSWORD, begun.session, BETTER);
	update_expect_step(s, handle, EXOP_UPDATE_CANCEL, begun.session, "");
	update_expect_refused(s, handle, EXOP_UPDATE_COMMIT, begun.session,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "is over");
	assert_true(server_bind_by(s, "anna", SERVER_PASSWORD) != 0);
}

/* The login that changed it goes on, with no more privilege than it had; others do not. */
static void
the_login_that_commits_goes_on_and_others_end(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_bind_by(s, "anna", SERVER_PASSWORD);
	uint64_t other = server_bind_by(s, "anna", SERVER_PASSWORD);
	struct update_state begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");
	struct update_state now;

	update_expect_step(s, handle, EXOP_UPDATE_PASSWORD, begun.session, BETTER);
	test_clock.now_s = REALM_NOW_S + 700; /* its privilege is over: commit needs none */
	now = update_expect_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	assert_true(now.has_identity);
	assert_int_equal(
	    core_identity(s->core->workers, handle)->privileged_until_s, REALM_NOW_S + 600);
	request_extended(&r, 1, EXOP_SESSION_BEGIN, IDM_SPAN_EMPTY);
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_SUCCESS);
	request_extended(&r, 1, EXOP_SESSION_BEGIN, IDM_SPAN_EMPTY);
	server_fresh_frames(s);
	server_send(s, other, &r);
	server_await_frame(s, IPC_REVOKED);
	assert_int_equal(
	    server_await_frame(s, IPC_DONE)->done.code, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	test_clock.now_s = REALM_NOW_S;
	handle = server_bind_by(s, "anna", BETTER);
	begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");
	update_expect_step(s, handle, EXOP_UPDATE_PASSWORD, begun.session, SERVER_PASSWORD);
	update_expect_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
}

/* --- whose session it is */

static void
the_newest_session_of_an_account_wins(void **state)
{
	struct server *s = *state;
	uint64_t admin = server_login(s, "idm_admin"), anna = server_login(s, "anna");
	struct update_state older = update_expect_step(s, admin, EXOP_UPDATE_BEGIN, "", "anna");
	struct update_state others = update_expect_step(s, admin, EXOP_UPDATE_BEGIN, "", "ben");
	struct update_state newer = update_expect_step(s, anna, EXOP_UPDATE_BEGIN, "", "");

	update_expect_refused(s, admin, EXOP_UPDATE_STATUS, older.session,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "a newer credential update session");
	update_expect_refused(s, admin, EXOP_UPDATE_COMMIT, older.session,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "nothing of it was saved");
	update_expect_step(s, anna, EXOP_UPDATE_STATUS, newer.session, "");
	update_expect_step(
	    s, admin, EXOP_UPDATE_STATUS, others.session, ""); /* another account's */
}

static void
another_account_s_session_is_no_use(void **state)
{
	struct server *s = *state;
	struct update_state begun =
	    update_expect_step(s, server_login(s, "idm_admin"), EXOP_UPDATE_BEGIN, "", "ben");
	char wrong[UPDATE_FIELD_BYTES];

	update_expect_refused(s, server_login(s, "admin"), EXOP_UPDATE_STATUS, begun.session,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "another account's");
	update_expect_refused(s, 0, EXOP_UPDATE_COMMIT, begun.session,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "another account's");
	strcpy(wrong, begun.session);
	wrong[IDM_TOKEN_TEXT - 2] = wrong[IDM_TOKEN_TEXT - 2] == 'A' ? 'B' : 'A';
	update_expect_refused(s, server_login(s, "idm_admin"), EXOP_UPDATE_STATUS, wrong,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "is over");
	update_expect_refused(s, server_login(s, "idm_admin"), EXOP_UPDATE_STATUS,
	    "no token at all", LDAP_INSUFFICIENT_ACCESS_RIGHTS, "is over");
}

static void
a_session_lasts_fifteen_minutes(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct update_state begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");

	test_clock.monotonic_ms += 899999;
	update_expect_step(s, handle, EXOP_UPDATE_STATUS, begun.session, "");
	test_clock.monotonic_ms += 1;
	update_expect_refused(s, handle, EXOP_UPDATE_STATUS, begun.session,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "15 minutes");
}

static void
rights_are_looked_at_anew_by_commit(void **state)
{
	struct server *s = *state;
	uint64_t handle;
	struct update_state begun, now;

	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_service_desk", "+member", "anna", NULL), IDM_OK);
	handle = server_login(s, "anna");
	begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");
	update_expect_step(s, handle, EXOP_UPDATE_PASSWORD, begun.session, BETTER);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_service_desk", "-member", "anna", NULL), IDM_OK);
	now = update_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	update_expect(&now, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "primary_credential");
	assert_int_equal(server_bind_by(s, "ben", BETTER), 0);
}

/* A change by a client, which the core process follows. */
static void
change(struct server *s, const char *dn, const char *attribute, const char *value)
{
	request_modify(&r, 1, dn, attribute, value, NULL);
	assert_int_equal(server_ask(s, server_login(s, "admin"), &r)->code, LDAP_SUCCESS);
}

#define SERVICE_DESK "cn=idm_service_desk,ou=groups,dc=idm,dc=example,dc=com"

static void
an_account_that_becomes_high_privilege_loses_sessions_and_tokens(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct update_state token = make_token(s, 600);
	struct update_state by_token =
	    update_expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	struct update_state begun;

	change(s, SERVICE_DESK, "+member", "ben");
	update_expect_refused(s, 0, EXOP_UPDATE_COMMIT, by_token.session,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "has become high privilege");
	begun = update_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	update_expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "wrong, used up, or over");
	change(s, SERVICE_DESK, "-member", "ben");
	begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");
	change(s, SERVICE_DESK, "+member", "ben");
	change(s, SERVICE_DESK, "-member", "ben"); /* it was, for a moment */
	update_expect_refused(s, handle, EXOP_UPDATE_STATUS, begun.session,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "has become high privilege");
}

static void
a_deleted_account_has_none_either(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct update_state begun, token;

	realm_person(s->realm, "gone");
	token = ask_reset_token(s, handle, "gone", 0);
	begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "gone");
	request_delete(&r, 1, "uid=gone,ou=people,dc=idm,dc=example,dc=com");
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_SUCCESS);
	update_expect_refused(s, handle, EXOP_UPDATE_STATUS, begun.session,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "was deleted");
	begun = update_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	update_expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "wrong, used up, or over");
}

/* --- reset tokens */

static void
a_reset_token_sets_a_password_without_a_login(void **state)
{
	struct server *s = *state;
	struct update_state token = make_token(s, 600);
	struct update_state begun =
	    update_expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	struct update_state now;

	assert_int_equal(token.expire_s, REALM_NOW_S + 600);
	assert_string_equal(token.spn, "ben@idm.example.com");
	assert_int_equal(strlen(token.session), IDM_GENERATED_SECRET_BYTES - 1);
	assert_string_equal(begun.spn, "ben@idm.example.com");
	now = update_step(s, 0, EXOP_UPDATE_PASSWORD, begun.session, "short");
	update_expect(&now, LDAP_CONSTRAINT_VIOLATION, "15");
	update_expect_step(s, 0, EXOP_UPDATE_PASSWORD, begun.session, BETTER);
	update_expect_step(s, 0, EXOP_UPDATE_COMMIT, begun.session, "");
	assert_true(server_bind_by(s, "ben", BETTER) != 0);
	now = update_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	update_expect(&now, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "wrong, used up, or over");
}

static void
a_token_is_given_back_by_cancel_and_taken_over_by_a_newer_session(void **state)
{
	struct server *s = *state;
	struct update_state token = make_token(s, 600);
	struct update_state first =
	    update_expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	struct update_state second =
	    update_expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	struct update_state now;

	update_expect_refused(s, 0, EXOP_UPDATE_STATUS, first.session,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "a newer credential update session");
	update_expect_step(s, 0, EXOP_UPDATE_CANCEL, second.session, "");
	now = update_expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	now = update_step(s, 0, EXOP_UPDATE_COMMIT, now.session, ""); /* nothing: it stays open */
	update_expect(&now, LDAP_CONSTRAINT_VIOLATION, "nothing to commit");
	update_expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
}

static void
a_token_lasts_as_long_as_was_said(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct update_state token, now;

	now = ask_reset_token(s, handle, "ben", 299);
	update_expect(&now, LDAP_CONSTRAINT_VIOLATION, "5 minutes to 24 hours");
	now = ask_reset_token(s, handle, "ben", 86401);
	update_expect(&now, LDAP_CONSTRAINT_VIOLATION, "5 minutes to 24 hours");
	token = make_token(s, 0); /* an hour */
	test_clock.now_s = REALM_NOW_S + 3599;
	now = update_expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	test_clock.now_s = REALM_NOW_S + 3601; /* a session that is begun goes on */
	update_expect_step(s, 0, EXOP_UPDATE_PASSWORD, now.session, BETTER);
	update_expect_step(s, 0, EXOP_UPDATE_CANCEL, now.session, "");
	now = update_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	update_expect(&now, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "wrong, used up, or over");
	test_clock.now_s = REALM_NOW_S;
}

/* Its hash is what is stored: the text is nowhere in the files. */
static void
a_token_survives_a_restart_and_a_session_does_not(void **state)
{
	struct server *s = *state;
	struct update_state token = make_token(s, 600);
	struct update_state begun =
	    update_expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);

	server_restart_core(s);
	update_expect_refused(
	    s, 0, EXOP_UPDATE_STATUS, begun.session, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "restart");
	begun = update_expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	update_expect_step(s, 0, EXOP_UPDATE_PASSWORD, begun.session, OTHER);
	update_expect_step(s, 0, EXOP_UPDATE_COMMIT, begun.session, "");
	assert_true(server_bind_by(s, "ben", OTHER) != 0);
	server_restart_core(s);
	begun = update_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	update_expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "wrong, used up, or over");
}

static void
another_password_ends_the_tokens(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct update_state token = make_token(s, 600);
	struct update_state by_token =
	    update_expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	struct update_state begun;

	request_extended(&r, 1, EXOP_PASSWORD_MODIFY,
	    IDM_SPAN_LIT("\x30\x05\x80\x03"
			 "ben"));
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_SUCCESS);
	update_expect_refused(s, 0, EXOP_UPDATE_COMMIT, by_token.session,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "used up, or was ended");
	begun = update_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	update_expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "wrong, used up, or over");
}

static void
a_token_is_worth_its_maker_s_rights(void **state)
{
	struct server *s = *state;
	struct update_state token, begun;

	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_service_desk", "+member", "anna", NULL), IDM_OK);
	token = ask_reset_token(s, server_login(s, "anna"), "ben", 600);
	update_expect(&token, LDAP_SUCCESS, "");
	begun = update_expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	update_expect_step(s, 0, EXOP_UPDATE_PASSWORD, begun.session, BETTER);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_service_desk", "-member", "anna", NULL), IDM_OK);
	begun = update_step(s, 0, EXOP_UPDATE_COMMIT, begun.session, "");
	update_expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "primary_credential");
	token = ask_reset_token(s, server_login(s, "anna"), "ben", 600);
	update_expect(&token, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "primary_credential");
	token = ask_reset_token(s, 0, "ben", 600);
	update_expect(&token, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "bind first");
}

static void
a_token_does_not_open_an_account_out_of_its_window(void **state)
{
	struct server *s = *state;
	struct update_state token = make_token(s, 600), begun;

	assert_int_equal(
	    realm_modify(s->realm, NULL, "ben", "=account_expire", "2020-01-01T00:00:00Z", NULL),
	    IDM_OK);
	begun = update_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	update_expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "not valid now");
	assert_int_equal(realm_modify(s->realm, NULL, "ben", "=account_expire", "", NULL), IDM_OK);
	begun = update_expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "ben", "=account_expire", "2020-01-01T00:00:00Z", NULL),
	    IDM_OK);
	update_expect_refused(s, 0, EXOP_UPDATE_STATUS, begun.session,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "not valid now");
	assert_int_equal(realm_modify(s->realm, NULL, "ben", "=account_expire", "", NULL), IDM_OK);
}

static void
of_an_account_s_tokens_four_are_kept(void **state)
{
	struct server *s = *state;
	struct update_state tokens[IDM_RESETS_MAX + 1], begun;

	for (int i = 0; i <= IDM_RESETS_MAX; i++) {
		test_clock.now_s = REALM_NOW_S + i;
		tokens[i] = make_token(s, 600);
	}
	begun = update_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", tokens[0].session);
	update_expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "wrong, used up, or over");
	for (int i = 1; i <= IDM_RESETS_MAX; i++)
		update_expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", tokens[i].session);
	test_clock.now_s = REALM_NOW_S;
}

static void
guessing_is_slow(void **state)
{
	struct server *s = *state;
	struct update_state token, now;

	test_clock.monotonic_ms += 60000; /* what earlier tests tried */
	token = make_token(s, 600);
	for (int i = 0; i < 10; i++) {
		now = update_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", "AAAAA-BBBBB-CCCCC-DDDDD");
		update_expect(&now, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "wrong");
	}
	now = update_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	update_expect(&now, LDAP_BUSY, "too many wrong reset tokens");
	test_clock.monotonic_ms += 60000;
	update_expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
}

/* A reset token is no password and no session's token. */
static void
a_token_binds_nobody(void **state)
{
	struct server *s = *state;
	struct update_state token = make_token(s, 600);
	struct update_state begun =
	    update_expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);

	assert_int_equal(server_bind_by(s, "ben", token.session), 0);
	assert_int_equal(server_bind_by(s, "dn=token", token.session), 0);
	assert_int_equal(server_bind_by(s, "dn=token", begun.session), 0);
	assert_int_equal(server_bind_by(s, "ben", begun.session), 0);
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
		on_its_own(the_state_is_shown_as_it_is_stored),
		on_its_own(who_may_not_write_it_begins_nothing),
		on_its_own(a_service_account_is_sent_elsewhere),
		on_its_own(what_does_not_decode_is_a_protocol_error),
		on_its_own(nothing_is_stored_before_commit),
		on_its_own(a_bad_password_is_refused_in_plain_words),
		on_its_own(a_generated_password_is_told_once),
		on_its_own(a_password_is_removed_but_not_by_its_owner),
		on_its_own(a_unix_password_is_set_and_removed),
		on_its_own(cancel_leaves_all_as_it_was),
		on_its_own(the_login_that_commits_goes_on_and_others_end),
		on_its_own(the_newest_session_of_an_account_wins),
		on_its_own(another_account_s_session_is_no_use),
		on_its_own(a_session_lasts_fifteen_minutes),
		on_its_own(rights_are_looked_at_anew_by_commit),
		on_its_own(an_account_that_becomes_high_privilege_loses_sessions_and_tokens),
		on_its_own(a_deleted_account_has_none_either),
		on_its_own(a_reset_token_sets_a_password_without_a_login),
		on_its_own(a_token_is_given_back_by_cancel_and_taken_over_by_a_newer_session),
		on_its_own(a_token_lasts_as_long_as_was_said),
		on_its_own(a_token_survives_a_restart_and_a_session_does_not),
		on_its_own(another_password_ends_the_tokens),
		on_its_own(a_token_is_worth_its_maker_s_rights),
		on_its_own(a_token_does_not_open_an_account_out_of_its_window),
		on_its_own(of_an_account_s_tokens_four_are_kept),
		on_its_own(guessing_is_slow),
		on_its_own(a_token_binds_nobody),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
