/* One-time codes and backup codes in the core process: set up, asked for, taken once (SPEC 6.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/exop.h"
#include "core/recover.h"
#include "core/second_factor.h"
#include "core/session.h"
#include "tests/support/test_clock.h"
#include "tests/support/update.h"

#define BETTER "a much better pass phrase than before"
#define SHORT "vk7Zq-Pw3xN4"

static struct requests r;
static struct idm_totp anna; /* as her authenticator has it */

static const struct ipc_done *
ask_texts(struct server *s, uint64_t handle, const char *oid, const char *const *texts, size_t n)
{
	request_extended(&r, 1, oid, exop_strings(texts, n));
	return server_ask(s, handle, &r);
}

static const struct ipc_done *
log_in(struct server *s, const char *name, const char *password, const char *code)
{
	const char *texts[] = { name, password, code };

	server_unlock(s); /* of what an earlier wrong one locked */
	return ask_texts(s, 0, EXOP_LOGIN, texts, 3);
}

static void
expect(const struct ipc_done *done, enum ldap_result_code code, const char *text)
{
	char told[1024];

	snprintf(told, sizeof(told), "%.*s", IDM_SPAN_ARG(done->text));
	if (done->code != code)
		fail_msg("%s: %s", ldap_result_name(done->code), told);
	if (text[0] == '\0' ? told[0] != '\0' : strstr(told, text) == NULL)
		fail_msg("told \"%s\"", told);
	assert_int_equal(done->has_value, code == LDAP_SUCCESS);
}

static uint64_t
bind_unlocked(struct server *s, const char *name, const char *password)
{
	server_unlock(s);
	return server_bind_by(s, name, password);
}

/* The code of the step `steps` away from now. */
static const char *
code_of(const struct idm_totp *totp, int steps)
{
	static char texts[4][16];
	static int turn;
	char *text = texts[turn++ % 4];
	uint32_t value;

	assert_true(idm_hotp(totp, (uint64_t)(test_clock.now_s / 30 + steps), &value));
	snprintf(text, 16, "%06u", value);
	return text;
}

/* A code that none of the window is. */
static const char *
wrong_code(const struct idm_totp *totp)
{
	static char text[16];

	for (unsigned n = 0;; n++) {
		snprintf(text, sizeof(text), "%06u", n);
		if (strcmp(text, code_of(totp, -1)) != 0 && strcmp(text, code_of(totp, 0)) != 0 &&
		    strcmp(text, code_of(totp, 1)) != 0)
			return text;
	}
}

/* What a device reads out of the URI (RFC 4648 section 6). */
static struct idm_totp
scan(const char *uri)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	const char *at = strstr(uri, "secret=");
	struct idm_totp out = { .algorithm = IDM_TOTP_SHA256 };
	uint32_t bits = 0;
	int count = 0;

	assert_non_null(at);
	for (at += strlen("secret="); *at != '&'; at++) {
		const char *digit = strchr(digits, *at);

		assert_non_null(digit);
		bits = bits << 5 | (uint32_t)(digit - digits);
		count += 5;
		if (count >= 8) {
			count -= 8;
			out.secret[out.secret_len++] = (uint8_t)(bits >> count);
		}
	}
	assert_non_null(strstr(at, "algorithm=SHA256"));
	return out;
}

/* Each test begins when no code of an earlier one is near. */
static void
later(void)
{
	test_clock.now_s += 300;
	test_clock.monotonic_ms += 300000;
}

static void
set_up_totp(struct server *s, uint64_t handle, const char *session, enum idm_totp_algorithm taken)
{
	struct update_state now = update_expect_step(s, handle, EXOP_UPDATE_TOTP, session, "");

	anna = scan(now.told);
	anna.algorithm = taken;
	assert_non_null(strstr(now.told, "anna@idm.example.com"));
	now = update_expect_step(s, handle, EXOP_UPDATE_TOTP_CODE, session, code_of(&anna, 0));
	assert_string_equal(now.factor, "set");
	assert_string_equal(now.factor_pending, "TRUE");
}

/* anna's own session sets it up and commits it. */
static void
enrol(struct server *s)
{
	uint64_t handle;
	struct update_state begun;

	later();
	handle = server_login(s, "anna");
	begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");
	set_up_totp(s, handle, begun.session, IDM_TOTP_SHA256);
	update_expect_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	later();
}

/* Back to what the fixture gave her: by the console. */
static void
restore_anna(struct server *s)
{
	struct idm_identity console = realm_identity(s->realm, NULL);
	char phc[IDM_PHC_BYTES];
	struct idm_request_secret secrets[] = { { .attr_number = IDM_ATTR_PRIMARY_CREDENTIAL,
						    .marker = "password" },
		{ .attr_number = IDM_ATTR_TOTP_SECRET }, { .attr_number = IDM_ATTR_BACKUP_CODES } };
	struct idm_request request = { .operation = IDM_OP_MODIFY,
		.target = realm_uuid(s->realm, "anna"),
		.secrets = secrets,
		.secret_count = 3 };

	assert_int_equal(
	    idm_password_hash(IDM_SPAN_LIT(SERVER_PASSWORD), &s->config.argon2, phc, &s->err),
	    IDM_OK);
	secrets[0].plain = idm_span_cstr(phc);
	assert_int_equal(realm_run(s->realm, &console, &request), IDM_OK);
	later();
}

/* --- setting it up */

static void
it_is_set_up_by_a_code_of_it(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "anna");
	struct update_state begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");
	struct update_state now;

	assert_string_equal(begun.factor, "not set");
	now = update_step(s, handle, EXOP_UPDATE_TOTP_CODE, begun.session, "123456");
	update_expect(&now, LDAP_CONSTRAINT_VIOLATION, "there is no new secret");
	now = update_expect_step(s, handle, EXOP_UPDATE_TOTP, begun.session, "");
	anna = scan(now.told);
	assert_string_equal(now.factor, "not set");
	now = update_step(s, handle, EXOP_UPDATE_TOTP_CODE, begun.session, wrong_code(&anna));
	update_expect(&now, LDAP_CONSTRAINT_VIOLATION, "wrong code");
	now = update_step(s, handle, EXOP_UPDATE_TOTP_CODE, begun.session, "12345");
	update_expect(&now, LDAP_CONSTRAINT_VIOLATION, "six digits");
	now =
	    update_expect_step(s, handle, EXOP_UPDATE_TOTP_CODE, begun.session, code_of(&anna, 0));
	assert_string_equal(now.told, "");
	now = update_step(s, handle, EXOP_UPDATE_TOTP_CODE, begun.session, code_of(&anna, 0));
	update_expect(&now, LDAP_CONSTRAINT_VIOLATION, "there is no new secret");
	assert_true(bind_unlocked(s, "anna", SERVER_PASSWORD) != 0); /* nothing is stored */
	update_expect_step(s, handle, EXOP_UPDATE_CANCEL, begun.session, "");
	expect(log_in(s, "anna", SERVER_PASSWORD, ""), LDAP_SUCCESS, "");
}

/* Authenticators that do not know of SHA-256 take the secret for one of SHA-1. */
static void
an_authenticator_of_sha_1_will_do(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "anna");
	struct update_state begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");

	set_up_totp(s, handle, begun.session, IDM_TOTP_SHA1);
	update_expect_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	later();
	expect(log_in(s, "anna", SERVER_PASSWORD, code_of(&anna, 0)), LDAP_SUCCESS, "");
	restore_anna(s);
}

static void
the_code_that_set_it_up_is_no_login(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "anna");
	struct update_state begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");

	set_up_totp(s, handle, begun.session, IDM_TOTP_SHA256);
	update_expect_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	expect(log_in(s, "anna", SERVER_PASSWORD, code_of(&anna, 0)), LDAP_INVALID_CREDENTIALS,
	    "used already");
	expect(log_in(s, "anna", SERVER_PASSWORD, code_of(&anna, 1)), LDAP_SUCCESS, "");
	restore_anna(s);
}

/* Another session of hers begins before the change is made, and takes the first one's place. */
static void
nor_is_it_where_another_session_began_meanwhile(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "anna");
	struct update_state begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");

	set_up_totp(s, handle, begun.session, IDM_TOTP_SHA256);
	server_fresh_frames(s);
	update_send(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	update_send(s, handle, EXOP_UPDATE_BEGIN, "", "");
	assert_int_equal(server_await_frame(s, IPC_DONE)->done.code, LDAP_SUCCESS);
	assert_int_equal(server_await_frame(s, IPC_DONE)->done.code, LDAP_SUCCESS);
	expect(log_in(s, "anna", SERVER_PASSWORD, code_of(&anna, 0)), LDAP_INVALID_CREDENTIALS,
	    "used already");
	restore_anna(s);
}

/* --- logging in */

static void
a_login_without_a_second_factor_needs_no_code(void **state)
{
	struct server *s = *state;

	expect(log_in(s, "anna", SERVER_PASSWORD, ""), LDAP_SUCCESS, "");
	expect(log_in(s, "anna@idm.example.com", SERVER_PASSWORD, "whatever"), LDAP_SUCCESS, "");
	expect(log_in(s, "anna", "wrong", ""), LDAP_INVALID_CREDENTIALS, "");
	expect(log_in(s, "nobody", SERVER_PASSWORD, ""), LDAP_INVALID_CREDENTIALS, "");
	expect(log_in(s, "ben", SERVER_PASSWORD, ""), LDAP_INVALID_CREDENTIALS, "");
	expect(log_in(s, "anonymous", "", ""), LDAP_INVALID_CREDENTIALS, "");
	expect(log_in(s, "", "", ""), LDAP_INVALID_CREDENTIALS, "");
	expect(log_in(s, "dn=token", SERVER_PASSWORD, ""), LDAP_INVALID_CREDENTIALS, "");
}

static void
a_login_asks_for_the_code_and_takes_it_once(void **state)
{
	struct server *s = *state;
	const char *now;

	enrol(s);
	expect(log_in(s, "anna", "wrong", ""), LDAP_INVALID_CREDENTIALS, "");
	expect(log_in(s, "anna", SERVER_PASSWORD, ""), LDAP_STRONGER_AUTH_REQUIRED, "a code");
	expect(log_in(s, "anna", SERVER_PASSWORD, wrong_code(&anna)), LDAP_INVALID_CREDENTIALS,
	    "wrong code");
	expect(log_in(s, "anna", "wrong", code_of(&anna, 0)), LDAP_INVALID_CREDENTIALS, "");
	now = code_of(&anna, 0);
	expect(log_in(s, "anna", SERVER_PASSWORD, now), LDAP_SUCCESS, "");
	expect(log_in(s, "anna", SERVER_PASSWORD, now), LDAP_INVALID_CREDENTIALS, "used already");
	expect(log_in(s, "anna", SERVER_PASSWORD, code_of(&anna, -1)), LDAP_INVALID_CREDENTIALS,
	    "used already");
	server_restart_core(s);
	expect(log_in(s, "anna", SERVER_PASSWORD, now), LDAP_INVALID_CREDENTIALS, "used already");
	expect(log_in(s, "anna", SERVER_PASSWORD, code_of(&anna, 1)), LDAP_SUCCESS, "");
	restore_anna(s);
}

static void
the_primary_password_alone_does_not_bind(void **state)
{
	struct server *s = *state;
	char phc[IDM_PHC_BYTES];
	uint64_t bound = bind_unlocked(s, "anna", SERVER_PASSWORD);

	enrol(s);
	assert_int_equal(bind_unlocked(s, "anna", SERVER_PASSWORD), 0);
	assert_int_equal(bind_unlocked(s, "anna", "wrong"), 0);
	assert_int_equal(
	    idm_password_hash(IDM_SPAN_LIT("the workstation's"), &s->config.argon2, phc, &s->err),
	    IDM_OK);
	assert_int_equal(
	    realm_set_secret(s->realm, NULL, "anna", IDM_ATTR_UNIX_PASSWORD, phc), IDM_OK);
	assert_true(bind_unlocked(s, "anna", "the workstation's") != 0);
	assert_int_equal(bind_unlocked(s, "anna", SERVER_PASSWORD), 0);
	/* Nor does a connection that was bound before begin a session. */
	request_extended(&r, 1, EXOP_SESSION_BEGIN, IDM_SPAN_EMPTY);
	expect(server_ask(s, bound, &r), LDAP_INSUFFICIENT_ACCESS_RIGHTS, "second factor");
	assert_int_equal(realm_modify(s->realm, NULL, "anna", "-unix_password", "", NULL), IDM_OK);
	restore_anna(s);
}

static uint64_t
session_of(struct server *s, const char *code)
{
	const struct ipc_done *done = log_in(s, "anna", SERVER_PASSWORD, code);
	char token[IDM_TOKEN_TEXT];

	expect(done, LDAP_SUCCESS, "");
	snprintf(token, sizeof(token), "%s", exop_fields(done->value));
	return bind_unlocked(s, "dn=token", token);
}

static void
a_session_is_proved_again_with_both(void **state)
{
	struct server *s = *state;
	const char *proof[] = { SERVER_PASSWORD, "" };
	uint64_t handle;

	enrol(s);
	handle = session_of(s, code_of(&anna, 0));
	assert_true(handle != 0);
	later();
	expect(ask_texts(s, handle, EXOP_SESSION_REAUTH, proof, 1), LDAP_STRONGER_AUTH_REQUIRED,
	    "a code");
	proof[1] = wrong_code(&anna);
	expect(ask_texts(s, handle, EXOP_SESSION_REAUTH, proof, 2), LDAP_INVALID_CREDENTIALS,
	    "wrong code");
	server_unlock(s);
	proof[1] = code_of(&anna, 0);
	expect(ask_texts(s, handle, EXOP_SESSION_REAUTH, proof, 2), LDAP_SUCCESS, "");
	expect(ask_texts(s, handle, EXOP_SESSION_REAUTH, proof, 2), LDAP_INVALID_CREDENTIALS,
	    "used already");
	restore_anna(s);
}

/* Six digits are soon guessed where nothing slows it down (SPEC 6.6); the password stays open. */
static void
wrong_codes_lock_the_second_factor_for_a_moment(void **state)
{
	struct server *s = *state;
	const char *texts[] = { "anna", SERVER_PASSWORD, "" };

	enrol(s);
	expect(log_in(s, "anna", SERVER_PASSWORD, wrong_code(&anna)), LDAP_INVALID_CREDENTIALS,
	    "wrong code");
	texts[2] = code_of(&anna, 0);
	expect(ask_texts(s, 0, EXOP_LOGIN, texts, 3), LDAP_INVALID_CREDENTIALS, "so soon");
	texts[2] = "";
	expect(ask_texts(s, 0, EXOP_LOGIN, texts, 3), LDAP_STRONGER_AUTH_REQUIRED, "a code");
	test_clock.monotonic_ms += 1000;
	texts[2] = code_of(&anna, 0);
	expect(ask_texts(s, 0, EXOP_LOGIN, texts, 3), LDAP_SUCCESS, "");
	restore_anna(s);
}

/* A login is softlocked as a bind is. */
static void
wrong_passwords_lock_a_login(void **state)
{
	struct server *s = *state;
	const char *texts[] = { "anna", SERVER_PASSWORD, "" };

	later();
	expect(log_in(s, "anna", "wrong", ""), LDAP_INVALID_CREDENTIALS, "");
	expect(ask_texts(s, 0, EXOP_LOGIN, texts, 3), LDAP_INVALID_CREDENTIALS, "");
	test_clock.monotonic_ms += 1000;
	expect(ask_texts(s, 0, EXOP_LOGIN, texts, 3), LDAP_SUCCESS, "");
}

/* --- backup codes */

static void
a_backup_code_works_once(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "anna");
	struct update_state now = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");
	char session[UPDATE_FIELD_BYTES], first[24], second[24];

	strcpy(session, now.session);
	now = update_step(s, handle, EXOP_UPDATE_BACKUP_CODES, session, "");
	update_expect(&now, LDAP_CONSTRAINT_VIOLATION, "set that up first");
	set_up_totp(s, handle, session, IDM_TOTP_SHA256);
	now = update_expect_step(s, handle, EXOP_UPDATE_BACKUP_CODES, session, "");
	assert_int_equal(strlen(now.told), 8 * 24 - 1);
	assert_string_equal(now.backup, "8 left");
	snprintf(first, sizeof(first), "%.23s", now.told);
	snprintf(second, sizeof(second), "%.23s", now.told + 24);
	update_expect_step(s, handle, EXOP_UPDATE_COMMIT, session, "");
	expect(log_in(s, "anna", SERVER_PASSWORD, first), LDAP_SUCCESS, "");
	expect(log_in(s, "anna", SERVER_PASSWORD, first), LDAP_INVALID_CREDENTIALS, "used already");
	expect(log_in(s, "anna", "wrong", second), LDAP_INVALID_CREDENTIALS, "");
	server_restart_core(s);
	expect(log_in(s, "anna", SERVER_PASSWORD, first), LDAP_INVALID_CREDENTIALS, "used already");
	expect(log_in(s, "anna", SERVER_PASSWORD, second), LDAP_SUCCESS, "");
	expect(log_in(s, "anna", SERVER_PASSWORD, "AAAAA-BBBBB-CCCCC-DDDDD"),
	    LDAP_INVALID_CREDENTIALS, "wrong code");
	now = update_expect_step(s, server_login(s, "anna"), EXOP_UPDATE_BEGIN, "", "");
	assert_string_equal(now.backup, "6 left");
	restore_anna(s);
}

/* --- taking it away */

static void
it_is_removed_with_its_backup_codes(void **state)
{
	struct server *s = *state;
	uint64_t handle;
	struct update_state now;
	char session[UPDATE_FIELD_BYTES];

	enrol(s);
	handle = server_login(s, "anna");
	now = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");
	strcpy(session, now.session);
	assert_string_equal(now.factor, "set");
	now = update_expect_step(s, handle, EXOP_UPDATE_TOTP_REMOVE, session, "");
	assert_string_equal(now.factor, "not set");
	assert_string_equal(now.factor_pending, "TRUE");
	update_expect_step(s, handle, EXOP_UPDATE_COMMIT, session, "");
	assert_true(bind_unlocked(s, "anna", SERVER_PASSWORD) != 0);
}

static void
a_reset_by_somebody_else_clears_it(void **state)
{
	struct server *s = *state;
	uint64_t handle;
	struct update_state now;
	char session[UPDATE_FIELD_BYTES];

	enrol(s);
	handle = server_login(s, "idm_admin");
	now = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "anna");
	strcpy(session, now.session);
	assert_string_equal(now.factor, "set");
	now = update_expect_step(s, handle, EXOP_UPDATE_PASSWORD, session, BETTER);
	assert_string_equal(now.factor, "cleared by the reset");
	assert_string_equal(now.factor_pending, "TRUE");
	update_expect_step(s, handle, EXOP_UPDATE_COMMIT, session, "");
	expect(log_in(s, "anna", BETTER, ""), LDAP_SUCCESS, "");
	assert_true(bind_unlocked(s, "anna", BETTER) != 0);
	restore_anna(s);
	enrol(s);
	request_extended(&r, 1, EXOP_PASSWORD_MODIFY,
	    IDM_SPAN_LIT("\x30\x06\x80\x04"
			 "anna"));
	assert_int_equal(server_ask(s, server_login(s, "idm_admin"), &r)->code, LDAP_SUCCESS);
	now = update_expect_step(s, server_login(s, "anna"), EXOP_UPDATE_BEGIN, "", "");
	assert_string_equal(now.factor, "not set");
	restore_anna(s);
}

/* The rest of the entry's owner's change of the password leaves it. */
static void
one_s_own_new_password_leaves_it(void **state)
{
	struct server *s = *state;
	uint64_t handle;
	struct update_state begun;

	enrol(s);
	handle = server_login(s, "anna");
	begun = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");
	update_expect_step(s, handle, EXOP_UPDATE_PASSWORD, begun.session, BETTER);
	update_expect_step(s, handle, EXOP_UPDATE_COMMIT, begun.session, "");
	expect(log_in(s, "anna", BETTER, ""), LDAP_STRONGER_AUTH_REQUIRED, "a code");
	assert_int_equal(bind_unlocked(s, "anna", BETTER), 0);
	expect(log_in(s, "anna", BETTER, code_of(&anna, 0)), LDAP_SUCCESS, "");
	restore_anna(s);
}

static void
a_short_password_stands_beside_a_second_factor_alone(void **state)
{
	struct server *s = *state;
	uint64_t handle;
	struct update_state now;
	char session[UPDATE_FIELD_BYTES];

	enrol(s);
	handle = server_login(s, "anna");
	now = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");
	strcpy(session, now.session);
	now = update_step(s, handle, EXOP_UPDATE_PASSWORD, session, "vk7Zq-Pw3");
	update_expect(&now, LDAP_CONSTRAINT_VIOLATION, "at least 10");
	update_expect_step(s, handle, EXOP_UPDATE_PASSWORD, session, SHORT);
	now = update_expect_step(s, handle, EXOP_UPDATE_TOTP_REMOVE, session, "");
	assert_string_equal(now.can_commit, "FALSE");
	assert_non_null(strstr(now.why_not, "too short without a second factor"));
	update_expect_step(s, handle, EXOP_UPDATE_CANCEL, session, "");
	now = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");
	strcpy(session, now.session);
	update_expect_step(s, handle, EXOP_UPDATE_PASSWORD, session, SHORT);
	update_expect_step(s, handle, EXOP_UPDATE_COMMIT, session, "");
	later();
	expect(log_in(s, "anna", SHORT, code_of(&anna, 0)), LDAP_SUCCESS, "");
	/* And it is remembered that it is short. */
	handle = server_login(s, "anna");
	now = update_expect_step(s, handle, EXOP_UPDATE_BEGIN, "", "");
	strcpy(session, now.session);
	now = update_expect_step(s, handle, EXOP_UPDATE_TOTP_REMOVE, session, "");
	assert_non_null(strstr(now.why_not, "too short without a second factor"));
	now = update_step(s, handle, EXOP_UPDATE_PASSWORD, session, SHORT);
	update_expect(&now, LDAP_CONSTRAINT_VIOLATION, "at least 15");
	update_expect_step(s, handle, EXOP_UPDATE_PASSWORD, session, BETTER);
	update_expect_step(s, handle, EXOP_UPDATE_COMMIT, session, "");
	assert_true(bind_unlocked(s, "anna", BETTER) != 0);
	restore_anna(s);
}

static void
recover_account_clears_it(void **state)
{
	struct server *s = *state;
	char password[IDM_GENERATED_PASSWORD_BYTES];
	struct idm_uuid recovered;
	struct idm_now now;

	enrol(s);
	now = (struct idm_now){ .at_s = test_clock.now_s, .trusted = true };
	assert_int_equal(idm_recover_account(s->core->data.store, &s->realm->context, "anna", false,
			     &s->config.argon2, now, password, &recovered, &s->err),
	    IDM_OK);
	expect(log_in(s, "anna", password, ""), LDAP_SUCCESS, "");
	restore_anna(s);
}

/* Nobody sees it over LDAP, and nobody writes it there. */
static void
it_is_no_attribute_that_a_client_writes(void **state)
{
	struct server *s = *state;

	enrol(s);
	request_modify(
	    &r, 1, "uid=anna,ou=people,dc=idm,dc=example,dc=com", "-totp_secret", "", NULL);
	assert_int_not_equal(server_ask(s, server_login(s, "anna"), &r)->code, LDAP_SUCCESS);
	request_modify(
	    &r, 1, "uid=anna,ou=people,dc=idm,dc=example,dc=com", "+totp_secret", "x", NULL);
	assert_int_not_equal(server_ask(s, server_login(s, "idm_admin"), &r)->code, LDAP_SUCCESS);
	expect(log_in(s, "anna", SERVER_PASSWORD, ""), LDAP_STRONGER_AUTH_REQUIRED, "a code");
	restore_anna(s);
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
		on_its_own(it_is_set_up_by_a_code_of_it),
		on_its_own(an_authenticator_of_sha_1_will_do),
		on_its_own(the_code_that_set_it_up_is_no_login),
		on_its_own(nor_is_it_where_another_session_began_meanwhile),
		on_its_own(a_login_without_a_second_factor_needs_no_code),
		on_its_own(a_login_asks_for_the_code_and_takes_it_once),
		on_its_own(the_primary_password_alone_does_not_bind),
		on_its_own(a_session_is_proved_again_with_both),
		on_its_own(wrong_codes_lock_the_second_factor_for_a_moment),
		on_its_own(wrong_passwords_lock_a_login),
		on_its_own(a_backup_code_works_once),
		on_its_own(it_is_removed_with_its_backup_codes),
		on_its_own(a_reset_by_somebody_else_clears_it),
		on_its_own(one_s_own_new_password_leaves_it),
		on_its_own(a_short_password_stands_beside_a_second_factor_alone),
		on_its_own(recover_account_clears_it),
		on_its_own(it_is_no_attribute_that_a_client_writes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
