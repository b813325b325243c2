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
#include "tests/support/server.h"
#include "tests/support/test_clock.h"

#define BETTER "a much better pass phrase than before"
#define OTHER "and quite another one for the next day"

enum { FIELD_BYTES = 512 };

static struct requests r;

/* What a step answered: its code, what the client is told, and the fields of the state. */
struct state {
	enum ldap_result_code code;
	char text[1024];
	bool has_identity;
	char session[FIELD_BYTES], spn[FIELD_BYTES], displayname[FIELD_BYTES], uuid[FIELD_BYTES];
	char primary[FIELD_BYTES], primary_pending[FIELD_BYTES];
	char unix_state[FIELD_BYTES], unix_pending[FIELD_BYTES];
	char can_commit[FIELD_BYTES], why_not[FIELD_BYTES], told[FIELD_BYTES];
	int64_t expire_s;
};

static void
take(struct ber_reader *from, uint8_t tag, char out[FIELD_BYTES])
{
	struct idm_span text = ber_read_octets(from, tag);

	assert_true(text.len < FIELD_BYTES);
	if (tag == BER_OCTET_STRING)
		snprintf(out, FIELD_BYTES, "%.*s", IDM_SPAN_ARG(text));
	else
		snprintf(out, FIELD_BYTES, "%s", text.ptr[0] == 0 ? "FALSE" : "TRUE");
}

static void
take_credential(struct ber_reader *from, char state[FIELD_BYTES], char pending[FIELD_BYTES])
{
	struct ber_reader seq = ber_read_nested(from, BER_SEQUENCE);

	take(&seq, BER_OCTET_STRING, state);
	take(&seq, BER_BOOLEAN, pending);
	ber_read_end(&seq);
}

static void
read_state(struct idm_span value, struct state *out)
{
	bool bad = false;
	struct ber_reader all = ber_reader_of(value, &bad);
	struct ber_reader seq = ber_read_nested(&all, BER_SEQUENCE);

	take(&seq, BER_OCTET_STRING, out->session);
	take(&seq, BER_OCTET_STRING, out->spn);
	take(&seq, BER_OCTET_STRING, out->displayname);
	take(&seq, BER_OCTET_STRING, out->uuid);
	take_credential(&seq, out->primary, out->primary_pending);
	take_credential(&seq, out->unix_state, out->unix_pending);
	take(&seq, BER_BOOLEAN, out->can_commit);
	take(&seq, BER_OCTET_STRING, out->why_not);
	take(&seq, BER_OCTET_STRING, out->told);
	out->expire_s = ber_read_integer(&seq, BER_INTEGER, 0, INT64_MAX);
	ber_read_end(&seq);
	ber_read_end(&all);
	assert_false(bad);
}

static struct state
state_of(const struct ipc_done *done)
{
	struct state out = { .code = done->code, .has_identity = done->has_identity };

	snprintf(out.text, sizeof(out.text), "%.*s", IDM_SPAN_ARG(done->text));
	return out;
}

static struct idm_span
step_value(int action, const char *session, const char *text)
{
	static uint8_t octets[4096];
	struct ber_writer w;
	size_t seq, len;

	ber_writer_init(&w, sizeof(octets));
	seq = ber_open(&w, BER_SEQUENCE, BER_LONG);
	ber_write_integer(&w, BER_ENUMERATED, action);
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_cstr(session));
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_cstr(text));
	ber_close(&w, seq);
	assert_false(w.failed);
	len = w.len;
	memcpy(octets, w.data, len);
	ber_writer_free(&w);
	return idm_span_of(octets, len);
}

static struct state
step(struct server *s, uint64_t handle, int action, const char *session, const char *text)
{
	const struct ipc_done *done;
	struct state out;

	request_extended(&r, 1, EXOP_CREDENTIAL_UPDATE, step_value(action, session, text));
	done = server_ask(s, handle, &r);
	out = state_of(done);
	if (done->has_value)
		read_state(done->value, &out);
	return out;
}

static void
expect(const struct state *state, enum ldap_result_code code, const char *text)
{
	if (state->code != code)
		fail_msg("%s: %s", ldap_result_name(state->code), state->text);
	if (strstr(state->text, text) == NULL)
		fail_msg("told \"%s\"", state->text);
}

static struct state
expect_step(struct server *s, uint64_t handle, int action, const char *session, const char *text)
{
	struct state state = step(s, handle, action, session, text);

	expect(&state, LDAP_SUCCESS, "");
	return state;
}

static void
expect_refused(struct server *s, uint64_t handle, int action, const char *session,
    enum ldap_result_code code, const char *text)
{
	struct state state = step(s, handle, action, session, "");

	expect(&state, code, text);
}

static uint64_t
bind_by(struct server *s, const char *name, const char *password)
{
	struct ipc_frame frame = { .type = IPC_BIND };

	frame.bind.source = IDM_SPAN_LIT("192.0.2.7");
	frame.bind.name = idm_span_cstr(name);
	frame.bind.password = idm_span_cstr(password);
	server_fresh_frames(s);
	far_end_send(&s->far, &frame);
	return server_await_frame(s, IPC_BOUND)->bound.handle;
}

static struct state
ask_reset_token(struct server *s, uint64_t handle, const char *target, int64_t seconds)
{
	const struct ipc_done *done;
	struct ber_reader all, seq_of_answer;
	struct state out;
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
	out = state_of(done);
	if (!done->has_value)
		return out;
	all = ber_reader_of(done->value, &bad);
	seq_of_answer = ber_read_nested(&all, BER_SEQUENCE);
	take(&seq_of_answer, BER_OCTET_STRING, out.session); /* the token */
	out.expire_s = ber_read_integer(&seq_of_answer, BER_INTEGER, 0, INT64_MAX);
	take(&seq_of_answer, BER_OCTET_STRING, out.spn);
	assert_false(bad);
	return out;
}

/* A token of ben's, by idm_admin. */
static struct state
make_token(struct server *s, int64_t seconds)
{
	struct state state = ask_reset_token(s, server_login(s, "idm_admin"), "ben", seconds);

	expect(&state, LDAP_SUCCESS, "");
	return state;
}

/* --- beginning */

static void
the_state_is_shown_as_it_is_stored(void **state)
{
	struct server *s = *state;
	struct state begun =
	    expect_step(s, server_login(s, "idm_admin"), EXOP_UPDATE_BEGIN, "", "anna");
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
	struct state begun;

	begun = step(s, 0, EXOP_UPDATE_BEGIN, "", "anna");
	expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "bind first");
	begun = step(s, server_login(s, "anna"), EXOP_UPDATE_BEGIN, "", "ben");
	expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "primary_credential");
	begun = step(s, server_login(s, "anna"), EXOP_UPDATE_BEGIN, "", "nobody");
	expect(&begun, LDAP_NO_SUCH_OBJECT, "no matching entries");
	aged.privileged_until_s = REALM_NOW_S - 1;
	begun = step(s, core_identity_add(s->core->workers, &aged), EXOP_UPDATE_BEGIN, "", "");
	expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "kanidm reauth");
}

static void
a_service_account_is_sent_elsewhere(void **state)
{
	struct server *s = *state;
	struct state begun = step(s, server_login(s, "admin"), EXOP_UPDATE_BEGIN, "", "");

	expect(&begun, LDAP_CONSTRAINT_VIOLATION, "generate-pw admin");
	begun = ask_reset_token(s, server_login(s, "admin"), "", 0);
	expect(&begun, LDAP_CONSTRAINT_VIOLATION, "generate-pw admin");
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
	struct state now = expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");
	char session[FIELD_BYTES];

	strcpy(session, now.session);
	now = expect_step(s, handle, EXOP_UPDATE_PASSWORD, session, BETTER);
	assert_string_equal(now.primary, "password set");
	assert_string_equal(now.primary_pending, "TRUE");
	assert_string_equal(now.session, "");
	assert_int_equal(bind_by(s, "ben", BETTER), 0);
	expect_step(s, handle, EXOP_UPDATE_COMMIT, session, "");
	assert_true(bind_by(s, "ben", BETTER) != 0);
	expect_refused(
	    s, handle, EXOP_UPDATE_STATUS, session, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "is over");
}

static void
a_bad_password_is_refused_in_plain_words(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct state now = expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");
	struct state refused = step(s, handle, EXOP_UPDATE_PASSWORD, now.session, "short");

	expect(&refused, LDAP_CONSTRAINT_VIOLATION, "at least 15 characters");
	refused = step(s, handle, EXOP_UPDATE_PASSWORD, now.session, "Ben Birne Ben Birne");
	expect(&refused, LDAP_CONSTRAINT_VIOLATION, "own words");
	refused = step(s, handle, EXOP_UPDATE_COMMIT, now.session, "");
	expect(&refused, LDAP_CONSTRAINT_VIOLATION, "nothing to commit");
	expect_step(s, handle, EXOP_UPDATE_PASSWORD, now.session, BETTER); /* it goes on */
}

static void
a_generated_password_is_told_once(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct state begun = expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");
	struct state told = expect_step(s, handle, EXOP_UPDATE_GENERATE, begun.session, "");
	struct state now = expect_step(s, handle, EXOP_UPDATE_STATUS, begun.session, "");

	assert_int_equal(strlen(told.told), IDM_GENERATED_PASSWORD_BYTES - 1);
	assert_string_equal(told.primary, "generated password set");
	assert_string_equal(now.told, "");
	expect_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	assert_true(bind_by(s, "ben", told.told) != 0);
}

static void
a_password_is_removed_but_not_by_its_owner(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct state begun = expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");
	struct state now = expect_step(s, handle, EXOP_UPDATE_REMOVE, begun.session, "");

	assert_string_equal(now.primary, "not set");
	assert_string_equal(now.can_commit, "TRUE");
	expect_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	handle = server_login(s, "anna");
	begun = expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");
	now = expect_step(s, handle, EXOP_UPDATE_REMOVE, begun.session, "");
	assert_string_equal(now.can_commit, "FALSE");
	assert_non_null(strstr(now.why_not, "could not log in"));
	now = step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	expect(&now, LDAP_CONSTRAINT_VIOLATION, "could not log in");
	assert_true(bind_by(s, "anna", SERVER_PASSWORD) != 0);
}

static void
a_unix_password_needs_posix_data(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct state begun = expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");
	struct state now = step(s, handle, EXOP_UPDATE_UNIX_PASSWORD, begun.session, BETTER);

	expect(&now, LDAP_CONSTRAINT_VIOLATION, "no POSIX data");
	assert_int_equal(realm_modify(s->realm, NULL, "ben", "+class", "posixaccount", "+gidnumber",
			     "5001", NULL),
	    IDM_OK);
	now = expect_step(s, handle, EXOP_UPDATE_UNIX_PASSWORD, begun.session, BETTER);
	assert_string_equal(now.unix_state, "password set");
	assert_string_equal(now.unix_pending, "TRUE");
	expect_step(s, handle, EXOP_UPDATE_PASSWORD, begun.session, OTHER);
	expect_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	assert_true(bind_by(s, "ben", BETTER) != 0);
	assert_true(bind_by(s, "ben", OTHER) != 0);
	begun = expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");
	now = expect_step(s, handle, EXOP_UPDATE_UNIX_REMOVE, begun.session, "");
	assert_string_equal(now.unix_state, "not set");
	expect_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	assert_int_equal(bind_by(s, "ben", BETTER), 0);
	server_unlock(s);
	assert_true(bind_by(s, "ben", OTHER) != 0);
}

static void
cancel_leaves_all_as_it_was(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "anna");
	struct state begun = expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");

	expect_step(s, handle, EXOP_UPDATE_PASSWORD, begun.session, BETTER);
	expect_step(s, handle, EXOP_UPDATE_CANCEL, begun.session, "");
	expect_refused(s, handle, EXOP_UPDATE_COMMIT, begun.session,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "is over");
	assert_true(bind_by(s, "anna", SERVER_PASSWORD) != 0);
}

/* The login that changed it goes on, with no more privilege than it had; others do not. */
static void
the_login_that_commits_goes_on_and_others_end(void **state)
{
	struct server *s = *state;
	uint64_t handle = bind_by(s, "anna", SERVER_PASSWORD);
	uint64_t other = bind_by(s, "anna", SERVER_PASSWORD);
	struct state begun = expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");
	struct state now;

	expect_step(s, handle, EXOP_UPDATE_PASSWORD, begun.session, BETTER);
	test_clock.now_s = REALM_NOW_S + 700; /* its privilege is over: commit needs none */
	now = expect_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
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
	handle = bind_by(s, "anna", BETTER);
	begun = expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");
	expect_step(s, handle, EXOP_UPDATE_PASSWORD, begun.session, SERVER_PASSWORD);
	expect_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
}

/* --- whose session it is */

static void
the_newest_session_of_an_account_wins(void **state)
{
	struct server *s = *state;
	uint64_t admin = server_login(s, "idm_admin"), anna = server_login(s, "anna");
	struct state older = expect_step(s, admin, EXOP_UPDATE_BEGIN, "", "anna");
	struct state others = expect_step(s, admin, EXOP_UPDATE_BEGIN, "", "ben");
	struct state newer = expect_step(s, anna, EXOP_UPDATE_BEGIN, "", "");

	expect_refused(s, admin, EXOP_UPDATE_STATUS, older.session, LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "a newer credential update session");
	expect_refused(s, admin, EXOP_UPDATE_COMMIT, older.session, LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "nothing of it was saved");
	expect_step(s, anna, EXOP_UPDATE_STATUS, newer.session, "");
	expect_step(s, admin, EXOP_UPDATE_STATUS, others.session, ""); /* another account's */
}

static void
another_account_s_session_is_no_use(void **state)
{
	struct server *s = *state;
	struct state begun =
	    expect_step(s, server_login(s, "idm_admin"), EXOP_UPDATE_BEGIN, "", "ben");
	char wrong[FIELD_BYTES];

	expect_refused(s, server_login(s, "admin"), EXOP_UPDATE_STATUS, begun.session,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "another account's");
	expect_refused(s, 0, EXOP_UPDATE_COMMIT, begun.session, LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "another account's");
	strcpy(wrong, begun.session);
	wrong[IDM_TOKEN_TEXT - 2] = wrong[IDM_TOKEN_TEXT - 2] == 'A' ? 'B' : 'A';
	expect_refused(s, server_login(s, "idm_admin"), EXOP_UPDATE_STATUS, wrong,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "is over");
	expect_refused(s, server_login(s, "idm_admin"), EXOP_UPDATE_STATUS, "no token at all",
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "is over");
}

static void
a_session_lasts_fifteen_minutes(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct state begun = expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");

	test_clock.monotonic_ms += 899999;
	expect_step(s, handle, EXOP_UPDATE_STATUS, begun.session, "");
	test_clock.monotonic_ms += 1;
	expect_refused(s, handle, EXOP_UPDATE_STATUS, begun.session,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "15 minutes");
}

static void
rights_are_looked_at_anew_by_commit(void **state)
{
	struct server *s = *state;
	uint64_t handle;
	struct state begun, now;

	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_service_desk", "+member", "anna", NULL), IDM_OK);
	handle = server_login(s, "anna");
	begun = expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");
	expect_step(s, handle, EXOP_UPDATE_PASSWORD, begun.session, BETTER);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_service_desk", "-member", "anna", NULL), IDM_OK);
	now = step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	expect(&now, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "primary_credential");
	assert_int_equal(bind_by(s, "ben", BETTER), 0);
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
	struct state token = make_token(s, 600);
	struct state by_token = expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	struct state begun;

	change(s, SERVICE_DESK, "+member", "ben");
	expect_refused(s, 0, EXOP_UPDATE_COMMIT, by_token.session, LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "has become high privilege");
	begun = step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "wrong, used up, or over");
	change(s, SERVICE_DESK, "-member", "ben");
	begun = expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "ben");
	change(s, SERVICE_DESK, "+member", "ben");
	change(s, SERVICE_DESK, "-member", "ben"); /* it was, for a moment */
	expect_refused(s, handle, EXOP_UPDATE_STATUS, begun.session,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "has become high privilege");
}

static void
a_deleted_account_has_none_either(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct state begun, token;

	realm_person(s->realm, "gone");
	token = ask_reset_token(s, handle, "gone", 0);
	begun = expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "gone");
	request_delete(&r, 1, "uid=gone,ou=people,dc=idm,dc=example,dc=com");
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_SUCCESS);
	expect_refused(s, handle, EXOP_UPDATE_STATUS, begun.session,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "was deleted");
	begun = step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "wrong, used up, or over");
}

/* --- reset tokens */

static void
a_reset_token_sets_a_password_without_a_login(void **state)
{
	struct server *s = *state;
	struct state token = make_token(s, 600);
	struct state begun = expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	struct state now;

	assert_int_equal(token.expire_s, REALM_NOW_S + 600);
	assert_string_equal(token.spn, "ben@idm.example.com");
	assert_int_equal(strlen(token.session), IDM_GENERATED_SECRET_BYTES - 1);
	assert_string_equal(begun.spn, "ben@idm.example.com");
	now = step(s, 0, EXOP_UPDATE_PASSWORD, begun.session, "short");
	expect(&now, LDAP_CONSTRAINT_VIOLATION, "15");
	expect_step(s, 0, EXOP_UPDATE_PASSWORD, begun.session, BETTER);
	expect_step(s, 0, EXOP_UPDATE_COMMIT, begun.session, "");
	assert_true(bind_by(s, "ben", BETTER) != 0);
	now = step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	expect(&now, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "wrong, used up, or over");
}

static void
a_token_is_given_back_by_cancel_and_taken_over_by_a_newer_session(void **state)
{
	struct server *s = *state;
	struct state token = make_token(s, 600);
	struct state first = expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	struct state second = expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	struct state now;

	expect_refused(s, 0, EXOP_UPDATE_STATUS, first.session, LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "a newer credential update session");
	expect_step(s, 0, EXOP_UPDATE_CANCEL, second.session, "");
	now = expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	now = step(s, 0, EXOP_UPDATE_COMMIT, now.session, ""); /* nothing: it stays open */
	expect(&now, LDAP_CONSTRAINT_VIOLATION, "nothing to commit");
	expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
}

static void
a_token_lasts_as_long_as_was_said(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct state token, now;

	now = ask_reset_token(s, handle, "ben", 299);
	expect(&now, LDAP_CONSTRAINT_VIOLATION, "5 minutes to 24 hours");
	now = ask_reset_token(s, handle, "ben", 86401);
	expect(&now, LDAP_CONSTRAINT_VIOLATION, "5 minutes to 24 hours");
	token = make_token(s, 0); /* an hour */
	test_clock.now_s = REALM_NOW_S + 3599;
	now = expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	test_clock.now_s = REALM_NOW_S + 3601; /* a session that is begun goes on */
	expect_step(s, 0, EXOP_UPDATE_PASSWORD, now.session, BETTER);
	expect_step(s, 0, EXOP_UPDATE_CANCEL, now.session, "");
	now = step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	expect(&now, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "wrong, used up, or over");
	test_clock.now_s = REALM_NOW_S;
}

/* Its hash is what is stored: the text is nowhere in the files. */
static void
a_token_survives_a_restart_and_a_session_does_not(void **state)
{
	struct server *s = *state;
	struct state token = make_token(s, 600);
	struct state begun = expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);

	server_restart_core(s);
	expect_refused(
	    s, 0, EXOP_UPDATE_STATUS, begun.session, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "restart");
	begun = expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	expect_step(s, 0, EXOP_UPDATE_PASSWORD, begun.session, OTHER);
	expect_step(s, 0, EXOP_UPDATE_COMMIT, begun.session, "");
	assert_true(bind_by(s, "ben", OTHER) != 0);
	server_restart_core(s);
	begun = step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "wrong, used up, or over");
}

static void
another_password_ends_the_tokens(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");
	struct state token = make_token(s, 600);
	struct state by_token = expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	struct state begun;

	request_extended(&r, 1, EXOP_PASSWORD_MODIFY,
	    IDM_SPAN_LIT("\x30\x05\x80\x03"
			 "ben"));
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_SUCCESS);
	expect_refused(s, 0, EXOP_UPDATE_COMMIT, by_token.session, LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "used up, or was ended");
	begun = step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "wrong, used up, or over");
}

static void
a_token_is_worth_its_maker_s_rights(void **state)
{
	struct server *s = *state;
	struct state token, begun;

	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_service_desk", "+member", "anna", NULL), IDM_OK);
	token = ask_reset_token(s, server_login(s, "anna"), "ben", 600);
	expect(&token, LDAP_SUCCESS, "");
	begun = expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	expect_step(s, 0, EXOP_UPDATE_PASSWORD, begun.session, BETTER);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_service_desk", "-member", "anna", NULL), IDM_OK);
	begun = step(s, 0, EXOP_UPDATE_COMMIT, begun.session, "");
	expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "primary_credential");
	token = ask_reset_token(s, server_login(s, "anna"), "ben", 600);
	expect(&token, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "primary_credential");
	token = ask_reset_token(s, 0, "ben", 600);
	expect(&token, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "bind first");
}

static void
a_token_does_not_open_an_account_out_of_its_window(void **state)
{
	struct server *s = *state;
	struct state token = make_token(s, 600), begun;

	assert_int_equal(
	    realm_modify(s->realm, NULL, "ben", "=account_expire", "2020-01-01T00:00:00Z", NULL),
	    IDM_OK);
	begun = step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "not valid now");
	assert_int_equal(realm_modify(s->realm, NULL, "ben", "=account_expire", "", NULL), IDM_OK);
	begun = expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "ben", "=account_expire", "2020-01-01T00:00:00Z", NULL),
	    IDM_OK);
	expect_refused(s, 0, EXOP_UPDATE_STATUS, begun.session, LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "not valid now");
	assert_int_equal(realm_modify(s->realm, NULL, "ben", "=account_expire", "", NULL), IDM_OK);
}

static void
of_an_account_s_tokens_four_are_kept(void **state)
{
	struct server *s = *state;
	struct state tokens[IDM_RESETS_MAX + 1], begun;

	for (int i = 0; i <= IDM_RESETS_MAX; i++) {
		test_clock.now_s = REALM_NOW_S + i;
		tokens[i] = make_token(s, 600);
	}
	begun = step(s, 0, EXOP_UPDATE_USE_TOKEN, "", tokens[0].session);
	expect(&begun, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "wrong, used up, or over");
	for (int i = 1; i <= IDM_RESETS_MAX; i++)
		expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", tokens[i].session);
	test_clock.now_s = REALM_NOW_S;
}

static void
guessing_is_slow(void **state)
{
	struct server *s = *state;
	struct state token, now;

	test_clock.monotonic_ms += 60000; /* what earlier tests tried */
	token = make_token(s, 600);
	for (int i = 0; i < 10; i++) {
		now = step(s, 0, EXOP_UPDATE_USE_TOKEN, "", "AAAAA-BBBBB-CCCCC-DDDDD");
		expect(&now, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "wrong");
	}
	now = step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
	expect(&now, LDAP_BUSY, "too many wrong reset tokens");
	test_clock.monotonic_ms += 60000;
	expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);
}

/* A reset token is no password and no session's token. */
static void
a_token_binds_nobody(void **state)
{
	struct server *s = *state;
	struct state token = make_token(s, 600);
	struct state begun = expect_step(s, 0, EXOP_UPDATE_USE_TOKEN, "", token.session);

	assert_int_equal(bind_by(s, "ben", token.session), 0);
	assert_int_equal(bind_by(s, "dn=token", token.session), 0);
	assert_int_equal(bind_by(s, "dn=token", begun.session), 0);
	assert_int_equal(bind_by(s, "ben", begun.session), 0);
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
		on_its_own(a_unix_password_needs_posix_data),
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
