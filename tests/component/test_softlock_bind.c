/*
 * Softlocks where passwords are tested: binds, re-authentication, the old password of a change
 * (SPEC 6.6).  The clock is turned by hand, so what is let through is counted exactly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/exop.h"
#include "core/session.h"
#include "tests/support/server.h"
#include "tests/support/test_clock.h"

#define UNIX_PASSWORD "for the workstation alone"

enum { CONNECTIONS = 64 };

static uint64_t next_seq;

static void
send_bind(struct server *s, const char *source, const char *name, const char *password)
{
	struct ipc_frame frame = { .type = IPC_BIND };

	frame.bind.seq = ++next_seq;
	frame.bind.source = idm_span_cstr(source);
	frame.bind.name = idm_span_cstr(name);
	frame.bind.password = idm_span_cstr(password);
	far_end_send(&s->far, &frame);
}

static const struct ipc_bound *
try_bind(struct server *s, const char *source, const char *name, const char *password)
{
	send_bind(s, source, name, password);
	return &server_await_frame(s, IPC_BOUND)->bound;
}

static bool
is_reason(const struct ipc_bound *bound, const char *part)
{
	char text[512];

	snprintf(text, sizeof(text), "%.*s", IDM_SPAN_ARG(bound->reason));
	return strstr(text, part) != NULL;
}

static void
expect_bound(struct server *s, const char *source, const char *name, const char *password)
{
	const struct ipc_bound *bound = try_bind(s, source, name, password);

	if (bound->code != LDAP_SUCCESS)
		fail_msg("%s: %.*s", name, IDM_SPAN_ARG(bound->reason));
}

/* Alike for the client, whatever the reason. */
static void
expect_refused(struct server *s, const char *source, const char *name, const char *password,
    const char *reason)
{
	const struct ipc_bound *bound = try_bind(s, source, name, password);

	assert_int_equal(bound->code, LDAP_INVALID_CREDENTIALS);
	assert_int_equal(bound->text.len, 0);
	if (!is_reason(bound, reason))
		fail_msg("%s: refused for \"%.*s\"", name, IDM_SPAN_ARG(bound->reason));
}

static void
pass_ms(uint64_t ms)
{
	test_clock.monotonic_ms += ms;
}

static void
set_unix_password(struct server *s, const char *name, const char *password)
{
	char phc[IDM_PHC_BYTES];

	assert_int_equal(
	    idm_password_hash(idm_span_cstr(password), &s->config.argon2, phc, &s->err), IDM_OK);
	assert_int_equal(
	    realm_set_secret(s->realm, NULL, name, IDM_ATTR_UNIX_PASSWORD, phc), IDM_OK);
}

static struct idm_softlock_status
status_of(struct server *s, const char *name, uint32_t attr_number)
{
	struct idm_softlock_id id = { realm_uuid(s->realm, name), attr_number };

	return idm_softlock_status_of(s->core->softlocks, &id, test_clock.monotonic_ms);
}

/* --- one after the other */

static void
a_wrong_password_locks_for_a_second_and_the_right_one_too(void **state)
{
	struct server *s = *state;

	expect_refused(s, "192.0.2.7", "anna", "wrong", "wrong password");
	expect_refused(s, "192.0.2.7", "anna", SERVER_PASSWORD,
	    "softlock: primary_credential is locked, for 1 s more");
	pass_ms(999);
	expect_refused(s, "192.0.2.99", "anna", SERVER_PASSWORD, "softlock");
	pass_ms(1);
	expect_bound(s, "192.0.2.7", "anna", SERVER_PASSWORD);
}

static void
another_source_is_not_locked(void **state)
{
	struct server *s = *state;

	expect_refused(s, "192.0.2.7", "anna", "wrong", "wrong password");
	expect_bound(s, "192.0.3.7", "anna", SERVER_PASSWORD);
	expect_bound(s, "ldapi", "anna", SERVER_PASSWORD);
	expect_bound(s, "2001:db8::1", "anna", SERVER_PASSWORD);
	expect_refused(s, "192.0.2.7", "anna", SERVER_PASSWORD, "softlock");
}

/* Whoever's name it is: only a credential that is tested can be locked. */
static void
names_without_a_credential_leave_nothing_behind(void **state)
{
	static const char *const names[] = { "nobody", "ben", "carl", "staff", "anonymous" };
	struct server *s = *state;
	size_t credentials, sources;
	char too_long[IDM_PASSWORD_MAX_BYTES + 2];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (int k = 0; k < 3; k++)
			try_bind(s, "192.0.2.7", names[i], "wrong");
	}
	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	expect_refused(s, "192.0.2.7", "anna", too_long, "no such account");
	idm_softlock_count(s->core->softlocks, &credentials, &sources);
	assert_int_equal(credentials, 0);
	assert_int_equal(sources, 0);
}

static void
a_bind_that_fits_one_credential_counts_no_failure_of_the_other(void **state)
{
	struct server *s = *state;

	set_unix_password(s, "anna", UNIX_PASSWORD);
	expect_bound(s, "192.0.2.7", "anna", SERVER_PASSWORD);
	expect_bound(s, "192.0.2.7", "anna", UNIX_PASSWORD);
	assert_int_equal(status_of(s, "anna", IDM_ATTR_UNIX_PASSWORD).failures, 0);
	assert_int_equal(status_of(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL).failures, 0);
	expect_refused(s, "192.0.2.7", "anna", "wrong", "wrong password");
	assert_int_equal(status_of(s, "anna", IDM_ATTR_UNIX_PASSWORD).failures, 1);
	assert_int_equal(status_of(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL).failures, 1);
}

static void
a_locked_primary_password_locks_neither_unix_password_nor_token(void **state)
{
	struct server *s = *state;
	struct idm_token_row row = { .kind = IDM_TOKEN_SESSION };
	char token[IDM_TOKEN_TEXT];
	struct idm_txn txn;

	expect_refused(s, "192.0.2.7", "anna", "wrong", "wrong password");
	set_unix_password(s, "anna", UNIX_PASSWORD);
	expect_bound(s, "192.0.2.7", "anna", UNIX_PASSWORD);
	expect_refused(s, "192.0.2.7", "anna", SERVER_PASSWORD, "softlock: primary_credential");
	assert_int_equal(status_of(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL).failures, 1);

	assert_true(idm_token_generate(token, &row));
	row.account = row.issued_by = realm_uuid(s->realm, "anna");
	row.issued_s = REALM_NOW_S;
	row.expire_s = REALM_NOW_S + 3600;
	assert_int_equal(idm_store_local_write_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	assert_int_equal(idm_session_put(&txn, &row, s->realm->arena, &s->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &s->err), IDM_OK);
	for (int i = 0; i < 5; i++)
		try_bind(s, "192.0.2.7", "dn=token", "kt_wrong");
	expect_bound(s, "192.0.2.7", "anna", token);
	expect_bound(s, "192.0.2.7", "dn=token", token);
}

static void
a_softlock_sends_nobody_away(void **state)
{
	struct server *s = *state;
	uint64_t handle = try_bind(s, "192.0.2.7", "anna", SERVER_PASSWORD)->handle;

	for (int i = 0; i < 3; i++)
		try_bind(s, "192.0.2.7", "anna", "wrong");
	server_settle(s);
	assert_null(far_end_take(&s->far));
	assert_non_null(core_identity(s->core->workers, handle));
}

/* --- at once */

struct tally {
	int tested;
	int locked;
	int busy;
	int bound;
};

static void
count(struct tally *tally, const struct ipc_bound *bound)
{
	assert_int_equal(bound->text.len, 0);
	if (bound->code == LDAP_SUCCESS) {
		tally->bound++;
	} else if (bound->code == LDAP_BUSY) {
		tally->busy++;
	} else {
		assert_int_equal(bound->code, LDAP_INVALID_CREDENTIALS);
		if (is_reason(bound, "softlock"))
			tally->locked++;
		else if (is_reason(bound, "wrong password"))
			tally->tested++;
	}
}

/* So many guesses, each connection's next when its last is answered; the clock stands. */
static struct tally
guess_at_once(struct server *s, int guesses, const char *password)
{
	struct tally tally = { .tested = 0 };
	int sent = 0;

	for (; sent < guesses && sent < CONNECTIONS; sent++)
		send_bind(s, "192.0.2.7", "anna", password);
	for (int answered = 0; answered < guesses; answered++) {
		count(&tally, &server_await_frame(s, IPC_BOUND)->bound);
		if (sent < guesses) {
			send_bind(s, "192.0.2.7", "anna", password);
			sent++;
		}
	}
	return tally;
}

/*
 * 10,000 guesses over 64 connections in 200 seconds: 50 in each second's first moment, all at once.
 * One is tested in each of the first two seconds, then one in three, in five, in ten.
 */
static void
ten_thousand_guesses_at_once_are_let_through_by_the_rule(void **state)
{
	struct server *s = *state;
	uint64_t open_ms = test_clock.monotonic_ms;
	uint32_t failures = 0;
	struct tally all = { .tested = 0 };

	for (int second = 0; second < 200; second++, pass_ms(1000)) {
		struct tally tally = guess_at_once(s, 50, "wrong");
		bool open = test_clock.monotonic_ms >= open_ms;

		assert_int_equal(tally.tested, open ? 1 : 0);
		if (open)
			open_ms = test_clock.monotonic_ms + idm_softlock_pause_ms(++failures);
		all.tested += tally.tested;
		all.locked += tally.locked;
		all.busy += tally.busy;
	}
	assert_int_equal(all.tested, failures);
	assert_int_equal(all.tested, 2 + 6 + 16 + 10);
	assert_int_equal(all.tested + all.locked + all.busy, 10000);
	assert_int_equal(all.busy, 0);
	assert_int_equal(status_of(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL).failures, all.tested);
	expect_bound(s, "ldapi", "anna", SERVER_PASSWORD);
}

/* The right one among those that were sent behind a wrong one is as wrong as they are. */
static void
a_right_guess_behind_a_wrong_one_is_not_tested(void **state)
{
	struct server *s = *state;
	struct tally tally = { .tested = 0 };

	send_bind(s, "192.0.2.7", "anna", "wrong");
	for (int i = 0; i < 20; i++)
		send_bind(s, "192.0.2.7", "anna", i == 10 ? SERVER_PASSWORD : "wrong");
	for (int i = 0; i < 21; i++)
		count(&tally, &server_await_frame(s, IPC_BOUND)->bound);
	assert_int_equal(tally.tested, 1);
	assert_int_equal(tally.locked, 20);
	assert_int_equal(tally.bound, 0);
}

/* A password that fitted lately is found at once, but not while another guess is under way. */
static void
guesses_at_what_is_remembered_wait_as_well(void **state)
{
	struct server *s = *state;
	struct tally tally = { .tested = 0 };

	expect_bound(s, "192.0.2.7", "anna", SERVER_PASSWORD);
	assert_int_equal(idm_verified_count(s->core->verified), 1);
	send_bind(s, "192.0.2.7", "anna", "wrong");
	for (int i = 0; i < 10; i++)
		send_bind(s, "192.0.2.7", "anna", SERVER_PASSWORD);
	for (int i = 0; i < 11; i++)
		count(&tally, &server_await_frame(s, IPC_BOUND)->bound);
	assert_int_equal(tally.tested, 1);
	assert_int_equal(tally.locked, 10);
	pass_ms(1000);
	expect_bound(s, "192.0.2.7", "anna", SERVER_PASSWORD);
}

/* An application that opens its connections at once. */
static void
the_right_password_at_once_fits_each_time(void **state)
{
	struct server *s = *state;
	struct tally tally;

	set_unix_password(s, "anna", UNIX_PASSWORD);
	tally = guess_at_once(s, 48, SERVER_PASSWORD);
	assert_int_equal(tally.bound, 48);
	tally = guess_at_once(s, 48, UNIX_PASSWORD);
	assert_int_equal(tally.bound, 48);
	assert_int_equal(status_of(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL).failures, 0);
}

/* What waits behind a right password is tested next, and what waits behind that is locked. */
static void
a_wrong_guess_behind_a_right_one_is_tested_in_its_turn(void **state)
{
	struct server *s = *state;
	struct tally tally = { .tested = 0 };

	send_bind(s, "192.0.2.7", "anna", SERVER_PASSWORD);
	for (int i = 0; i < 10; i++)
		send_bind(s, "192.0.2.7", "anna", "wrong");
	for (int i = 0; i < 11; i++)
		count(&tally, &server_await_frame(s, IPC_BOUND)->bound);
	assert_int_equal(tally.bound, 1);
	assert_int_equal(tally.tested, 1);
	assert_int_equal(tally.locked, 9);
}

static void
sources_are_tested_beside_each_other(void **state)
{
	struct server *s = *state;
	struct tally tally = { .tested = 0 };
	char source[32];

	for (int i = 0; i < 40; i++) {
		snprintf(source, sizeof(source), "10.0.%d.1", i);
		send_bind(s, source, "anna", "wrong");
	}
	for (int i = 0; i < 40; i++)
		count(&tally, &server_await_frame(s, IPC_BOUND)->bound);
	assert_int_equal(tally.tested, 40);
	assert_int_equal(status_of(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL).failures, 40);
}

/* A core process that ends, with guesses in all states. */
static void
an_end_amid_guesses_leaves_nothing_behind(void **state)
{
	struct server *s = *state;

	for (int i = 0; i < 30; i++)
		send_bind(s, "192.0.2.7", "anna", "wrong");
	far_end_turn(&s->far);
	event_base_loop(s->core->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	server_restart_core(s);
	server_unlock(s);
	expect_bound(s, "192.0.2.7", "anna", SERVER_PASSWORD);
}

/* --- over a restart */

static void
a_lock_survives_a_restart_and_ends_in_its_time(void **state)
{
	struct server *s = *state;

	for (int i = 0; i < 10; i++) {
		expect_refused(s, "192.0.2.7", "anna", "wrong", "wrong password");
		pass_ms(i < 9 ? 5000 : 0);
	}
	server_restart_core(s);
	assert_int_equal(status_of(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL).failures, 10);
	expect_refused(s, "192.0.2.7", "anna", SERVER_PASSWORD, "for 5 s more");
	expect_bound(s, "192.0.3.7", "anna", SERVER_PASSWORD);
	pass_ms(3000);
	server_restart_core(s);
	expect_refused(s, "192.0.2.7", "anna", SERVER_PASSWORD, "for 2 s more");
	pass_ms(2000);
	expect_bound(s, "192.0.2.7", "anna", SERVER_PASSWORD);
	pass_ms((uint64_t)IDM_SOFTLOCK_RESET_S * 1000);
	server_restart_core(s);
	assert_int_equal(status_of(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL).failures, 0);
}

/* Within a second they are on the disk: a process that is killed takes them with it no more. */
static void
failures_are_stored_soon(void **state)
{
	struct server *s = *state;
	struct idm_txn txn;
	struct idm_cursor cursor;
	struct idm_span key, value;

	expect_refused(s, "192.0.2.7", "anna", "wrong", "wrong password");
	assert_true(idm_softlocks_dirty(s->core->softlocks));
	assert_int_equal(event_base_loop(s->core->base, EVLOOP_NONBLOCK), 0);
	event_active(s->core->softlock_event, EV_TIMEOUT, 0);
	server_settle(s);
	assert_false(idm_softlocks_dirty(s->core->softlocks));
	assert_int_equal(idm_store_local_read_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	assert_int_equal(
	    idm_cursor_open(&txn, IDM_DB_SOFTLOCKS, IDM_SPAN_EMPTY, &cursor, &s->err), IDM_OK);
	assert_int_equal(idm_cursor_next(&cursor, &key, &value, &s->err), IDM_OK);
	assert_int_equal(idm_softlock_check_row(key, value, &s->err), IDM_OK);
	idm_cursor_close(&cursor);
	idm_store_read_end(&txn);
}

/* --- passwords of who is bound */

static const struct ipc_done *
ask_strings(struct server *s, uint64_t handle, const char *oid, const char *text)
{
	struct requests requests;
	const struct ipc_done *done;
	const char *texts[] = { text };

	requests_init(&requests);
	request_extended(&requests, 1, oid, exop_strings(texts, 1));
	done = server_ask(s, handle, &requests);
	requests_free(&requests);
	return done;
}

static uint64_t
log_in(struct server *s, const char *name)
{
	struct idm_token_row row = { .kind = IDM_TOKEN_SESSION };
	struct idm_identity identity = realm_identity(s->realm, name);
	char token[IDM_TOKEN_TEXT];
	struct idm_txn txn;

	assert_true(idm_token_generate(token, &row));
	row.account = row.issued_by = identity.uuid;
	row.issued_s = REALM_NOW_S;
	row.expire_s = REALM_NOW_S + 3600;
	assert_int_equal(idm_store_local_write_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	assert_int_equal(idm_session_put(&txn, &row, s->realm->arena, &s->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &s->err), IDM_OK);
	return try_bind(s, "192.0.2.7", "dn=token", token)->handle;
}

static void
re_authentication_is_locked_like_a_bind(void **state)
{
	struct server *s = *state;
	uint64_t handle = log_in(s, "anna");

	set_unix_password(s, "anna", UNIX_PASSWORD);
	assert_int_equal(ask_strings(s, handle, EXOP_SESSION_REAUTH, UNIX_PASSWORD)->code,
	    LDAP_INVALID_CREDENTIALS);
	assert_int_equal(status_of(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL).failures, 1);
	assert_int_equal(status_of(s, "anna", IDM_ATTR_UNIX_PASSWORD).failures, 0);
	assert_int_equal(ask_strings(s, handle, EXOP_SESSION_REAUTH, SERVER_PASSWORD)->code,
	    LDAP_INVALID_CREDENTIALS);
	expect_refused(s, "192.0.2.7", "anna", SERVER_PASSWORD, "softlock: primary_credential");
	pass_ms(1000);
	assert_int_equal(
	    ask_strings(s, handle, EXOP_SESSION_REAUTH, SERVER_PASSWORD)->code, LDAP_SUCCESS);
}

/* PasswdModifyRequestValue (RFC 3062 section 2). */
static struct idm_span
modify_value(const char *old, const char *new)
{
	static uint8_t octets[256];
	struct ber_writer w;
	size_t seq, len;

	ber_writer_init(&w, sizeof(octets));
	seq = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_octets(&w, 0x81, idm_span_cstr(old));
	ber_write_octets(&w, 0x82, idm_span_cstr(new));
	ber_close(&w, seq);
	len = w.len;
	memcpy(octets, w.data, len);
	ber_writer_free(&w);
	return idm_span_of(octets, len);
}

static const struct ipc_done *
change_password(struct server *s, uint64_t handle, const char *old)
{
	struct requests requests;
	const struct ipc_done *done;

	requests_init(&requests);
	request_extended(&requests, 1, EXOP_PASSWORD_MODIFY, modify_value(old, "short"));
	done = server_ask(s, handle, &requests);
	requests_free(&requests);
	return done;
}

static void
the_old_password_of_a_change_is_locked_like_a_bind(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "anna");

	assert_int_equal(change_password(s, handle, "wrong")->code, LDAP_INVALID_CREDENTIALS);
	assert_int_equal(
	    change_password(s, handle, SERVER_PASSWORD)->code, LDAP_INVALID_CREDENTIALS);
	assert_int_equal(status_of(s, "anna", IDM_ATTR_PRIMARY_CREDENTIAL).failures, 1);
	expect_refused(s, "192.0.2.7", "anna", SERVER_PASSWORD, "softlock");
	pass_ms(1000);
	assert_int_equal(
	    change_password(s, handle, SERVER_PASSWORD)->code, LDAP_CONSTRAINT_VIOLATION);
}

/* --- who may know of it, and who may end it */

static const char *
status_fields(struct server *s, const char *by, const char *target)
{
	const struct ipc_done *done =
	    ask_strings(s, server_login(s, by), EXOP_CREDENTIAL_STATUS, target);

	assert_int_equal(done->code, LDAP_SUCCESS);
	return strstr(exop_fields(done->value), "E|") + 2; /* behind canWrite */
}

static void
the_state_is_shown_to_oneself_and_who_may_search_it(void **state)
{
	struct server *s = *state;
	char shown[256];

	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_service_desk", "+member", "ben", NULL), IDM_OK);
	assert_int_equal(realm_modify(s->realm, NULL, "anna", "=unix_password", "", NULL), IDM_OK);
	assert_string_equal(status_fields(s, "anna", "anna"), "");
	expect_refused(s, "192.0.2.7", "anna", "wrong", "wrong password");
	expect_refused(s, "192.0.3.7", "anna", "wrong", "wrong password");
	pass_ms(400);
	snprintf(shown, sizeof(shown), "primary_credential|2|2|%d|%d|FALSE", REALM_NOW_S + 1,
	    REALM_NOW_S + IDM_SOFTLOCK_RESET_S);
	assert_string_equal(status_fields(s, "anna", "anna"), shown);
	assert_string_equal(status_fields(s, "ben", "anna"), shown);
	assert_string_equal(status_fields(s, "idm_admin", "anna"), shown);
	pass_ms(600);
	snprintf(shown, sizeof(shown), "primary_credential|2|2|0|%d|FALSE",
	    REALM_NOW_S + IDM_SOFTLOCK_RESET_S - 1);
	assert_string_equal(status_fields(s, "ben", "anna"), shown);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_service_desk", "-member", "ben", NULL), IDM_OK);
}

/* Codes of the second factor are counted by themselves. */
static void
wrong_codes_are_shown_and_ended_too(void **state)
{
	struct server *s = *state;
	struct idm_softlock_id id = { realm_uuid(s->realm, "anna"), IDM_ATTR_TOTP_SECRET };
	struct idm_softlock_source source = idm_softlock_source_of("ldapi");

	assert_true(idm_softlock_begin(s->core->softlocks, &id, &source, test_clock.monotonic_ms));
	idm_softlock_end(s->core->softlocks, &id, &source, true, test_clock.monotonic_ms);
	assert_int_equal(strncmp(status_fields(s, "idm_admin", "anna"), "totp_secret|1|1|", 16), 0);
	assert_int_equal(
	    ask_strings(s, server_login(s, "idm_admin"), EXOP_SOFTLOCK_RESET, "anna")->code,
	    LDAP_SUCCESS);
	assert_string_equal(status_fields(s, "idm_admin", "anna"), "");
}

static void
the_service_desk_ends_it_durably(void **state)
{
	struct server *s = *state;

	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_service_desk", "+member", "ben", NULL), IDM_OK);
	set_unix_password(s, "anna", UNIX_PASSWORD);
	expect_refused(s, "192.0.2.7", "anna", "wrong", "wrong password");
	server_restart_core(s);
	expect_refused(s, "192.0.2.7", "anna", SERVER_PASSWORD, "softlock");
	expect_refused(s, "192.0.2.7", "anna", UNIX_PASSWORD, "softlock");
	assert_int_equal(ask_strings(s, server_login(s, "ben"), EXOP_SOFTLOCK_RESET, "anna")->code,
	    LDAP_SUCCESS);
	expect_bound(s, "192.0.2.7", "anna", SERVER_PASSWORD);
	expect_bound(s, "192.0.2.7", "anna", UNIX_PASSWORD);
	server_restart_core(s);
	expect_bound(s, "192.0.2.7", "anna", SERVER_PASSWORD);
	assert_int_equal(/* of one who has none */
	    ask_strings(s, server_login(s, "ben"), EXOP_SOFTLOCK_RESET, "anna")->code,
	    LDAP_SUCCESS);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_service_desk", "-member", "ben", NULL), IDM_OK);
}

static void
nobody_else_ends_it(void **state)
{
	struct server *s = *state;
	struct idm_identity idle = realm_identity(s->realm, "idm_admin");
	const struct ipc_done *done;

	expect_refused(s, "192.0.2.7", "anna", "wrong", "wrong password");
	done = ask_strings(s, server_login(s, "anna"), EXOP_SOFTLOCK_RESET, "anna");
	assert_int_equal(done->code, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	done = ask_strings(s, server_login(s, "ben"), EXOP_SOFTLOCK_RESET, "anna");
	assert_int_equal(done->code, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	idle.privileged_until_s = REALM_NOW_S - 1;
	done =
	    ask_strings(s, core_identity_add(s->core->workers, &idle), EXOP_SOFTLOCK_RESET, "anna");
	assert_int_equal(done->code, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	assert_non_null(memmem(done->text.ptr, done->text.len, "kanidm reauth", 13));
	assert_int_equal(
	    ask_strings(s, server_login(s, "idm_admin"), EXOP_SOFTLOCK_RESET, "admin")->code,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	assert_int_equal(
	    ask_strings(s, server_login(s, "idm_admin"), EXOP_SOFTLOCK_RESET, "nobody")->code,
	    LDAP_NO_SUCH_OBJECT);
	assert_int_equal(
	    ask_strings(s, server_login(s, "idm_admin"), EXOP_SOFTLOCK_RESET, "staff")->code,
	    LDAP_CONSTRAINT_VIOLATION);
	expect_refused(s, "192.0.2.7", "anna", SERVER_PASSWORD, "softlock");
}

#define on_its_own(test) cmocka_unit_test_setup(test, server_fresh)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		on_its_own(a_wrong_password_locks_for_a_second_and_the_right_one_too),
		on_its_own(another_source_is_not_locked),
		on_its_own(names_without_a_credential_leave_nothing_behind),
		on_its_own(a_right_guess_behind_a_wrong_one_is_not_tested),
		on_its_own(guesses_at_what_is_remembered_wait_as_well),
		on_its_own(a_wrong_guess_behind_a_right_one_is_tested_in_its_turn),
		on_its_own(ten_thousand_guesses_at_once_are_let_through_by_the_rule),
		on_its_own(sources_are_tested_beside_each_other),
		on_its_own(a_softlock_sends_nobody_away),
		on_its_own(an_end_amid_guesses_leaves_nothing_behind),
		on_its_own(failures_are_stored_soon),
		on_its_own(a_lock_survives_a_restart_and_ends_in_its_time),
		on_its_own(a_locked_primary_password_locks_neither_unix_password_nor_token),
		on_its_own(a_bind_that_fits_one_credential_counts_no_failure_of_the_other),
		on_its_own(the_right_password_at_once_fits_each_time),
		on_its_own(re_authentication_is_locked_like_a_bind),
		on_its_own(the_old_password_of_a_change_is_locked_like_a_bind),
		on_its_own(nobody_else_ends_it),
		on_its_own(wrong_codes_are_shown_and_ended_too),
		on_its_own(the_service_desk_ends_it_durably),
		on_its_own(the_state_is_shown_to_oneself_and_who_may_search_it),
	};

	return cmocka_run_group_tests(tests, server_setup_core, server_teardown);
}
