/* The extended operations in the core process: sessions, passwords and RADIUS secrets. */
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

#define BETTER "a much better pass phrase than before"

static struct requests r;

static const struct ipc_done *
ask(struct server *s, uint64_t handle, const char *oid, struct idm_span value)
{
	request_extended(&r, 1, oid, value);
	return server_ask(s, handle, &r);
}

static const struct ipc_done *
ask_texts(struct server *s, uint64_t handle, const char *oid, const char *a, const char *b)
{
	const char *texts[] = { a, b };

	return ask(s, handle, oid, exop_strings(texts, b == NULL ? 1 : 2));
}

/* This code and, of what the client is told, a part; "" nothing at all. */
static void
expect(const struct ipc_done *done, enum ldap_result_code code, const char *text)
{
	char told[1024];

	snprintf(told, sizeof(told), "%.*s", IDM_SPAN_ARG(done->text));
	if (done->code != code)
		fail_msg("%s: %s", ldap_result_name(done->code), told);
	if (text[0] == '\0' ? told[0] != '\0' : strstr(told, text) == NULL)
		fail_msg("told \"%s\"", told);
	if (code != LDAP_SUCCESS)
		assert_false(done->has_value || done->has_identity);
}

static const char *
expect_fields(const struct ipc_done *done)
{
	expect(done, LDAP_SUCCESS, "");
	assert_true(done->has_value);
	return exop_fields(done->value);
}

/* Bind with a token or a password: the handle, 0 refused. */
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

/* A session of somebody, begun as a client does. */
static uint64_t
log_in(struct server *s, const char *name, char token[IDM_TOKEN_TEXT])
{
	const char *fields = expect_fields(
	    ask(s, bind_by(s, name, SERVER_PASSWORD), EXOP_SESSION_BEGIN, IDM_SPAN_EMPTY));
	size_t len = strcspn(fields, "|");
	uint64_t handle;

	assert_int_equal(len, IDM_TOKEN_TEXT - 1);
	memcpy(token, fields, len);
	token[len] = '\0';
	handle = bind_by(s, "dn=token", token);
	assert_true(handle != 0);
	return handle;
}

static struct idm_identity
identity_of(const struct server *s, uint64_t handle)
{
	const struct idm_identity *identity = core_identity(s->core->workers, handle);

	assert_non_null(identity);
	return *identity;
}

/* --- who may ask, and for what */

static void
all_are_for_who_is_bound(void **state)
{
	static const char *const oids[] = { EXOP_SESSION_BEGIN, EXOP_SESSION_END,
		EXOP_SESSION_REAUTH, EXOP_CREDENTIAL_STATUS, EXOP_CREDENTIAL_JUDGE,
		EXOP_RADIUS_SECRET, EXOP_RESET_TOKEN, EXOP_SOFTLOCK_RESET, EXOP_AUDIT,
		EXOP_ACCESS_EXPLAIN, EXOP_UNIX_PASSWORD, EXOP_PASSWORD_MODIFY };

	for (size_t i = 0; i < sizeof(oids) / sizeof(oids[0]); i++)
		expect(ask(*state, 0, oids[i], IDM_SPAN_EMPTY), LDAP_INSUFFICIENT_ACCESS_RIGHTS,
		    "bind first");
}

static void
what_is_not_known_is_a_protocol_error(void **state)
{
	static const char *const oids[] = { "1.3.6.1.4.1.1466.20037", "1.2.3", EXOP_ARC,
		EXOP_ARC ".", EXOP_ARC ".99" };
	struct server *s = *state;
	uint64_t handle = server_login(s, "anna");

	for (size_t i = 0; i < sizeof(oids) / sizeof(oids[0]); i++)
		expect(ask(s, handle, oids[i], IDM_SPAN_EMPTY), LDAP_PROTOCOL_ERROR,
		    "unknown extended operation");
}

static void
a_value_that_does_not_decode_is_a_protocol_error(void **state)
{
	static const struct {
		const char *octets;
		size_t len;
	} values[] = { { "", 0 }, { "x", 1 }, { "\x30\x00", 2 }, { "\x30\x03\x04\x01", 4 },
		{ "\x30\x80\x04\x01x\x00\x00", 7 }, { "\x30\x03\x02\x01\x01", 5 },
		{ "\x30\x09\x04\x01x\x04\x01y\x04\x01z", 11 }, { "\x30\x03\x04\x01x!", 6 } };
	static const char *const oids[] = { EXOP_SESSION_END, EXOP_SESSION_REAUTH,
		EXOP_CREDENTIAL_STATUS, EXOP_CREDENTIAL_JUDGE, EXOP_RADIUS_SECRET, EXOP_AUDIT,
		EXOP_SOFTLOCK_RESET, EXOP_ACCESS_EXPLAIN, EXOP_UNIX_PASSWORD,
		EXOP_PASSWORD_MODIFY };
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT];
	uint64_t handle = log_in(s, "anna", token);

	for (size_t i = 0; i < sizeof(oids) / sizeof(oids[0]); i++) {
		for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
			struct idm_span value = { (const uint8_t *)values[k].octets,
				values[k].len };

			if (strcmp(oids[i], EXOP_PASSWORD_MODIFY) == 0 && (k == 0 || k == 2))
				continue; /* nothing is asked for: one's own, generated */
			assert_int_equal(ask(s, handle, oids[i], value)->code, LDAP_PROTOCOL_ERROR);
		}
	}
	assert_true(bind_by(s, "dn=token", token) != 0);
	assert_true(bind_by(s, "anna", SERVER_PASSWORD) != 0);
}

/* --- sessions */

static void
a_session_lasts_as_long_as_its_account_s_rights_allow(void **state)
{
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT], ends[80];
	struct idm_identity identity = identity_of(s, log_in(s, "anna", token));

	assert_int_equal(identity.kind, IDM_IDENTITY_SESSION);
	assert_int_equal(identity.expire_s, REALM_NOW_S + 8 * 3600);
	assert_int_equal(identity.privileged_until_s, REALM_NOW_S + 600);
	identity = identity_of(s, log_in(s, "idm_admin", token)); /* high privilege */
	assert_int_equal(identity.expire_s, REALM_NOW_S + 3600);
	snprintf(ends, sizeof(ends), "|%lld|%lld|anna@idm.example.com", REALM_NOW_S + 8LL * 3600,
	    REALM_NOW_S + 600LL);
	assert_string_equal(strchr(expect_fields(ask(s, bind_by(s, "anna", SERVER_PASSWORD),
				       EXOP_SESSION_BEGIN, IDM_SPAN_EMPTY)),
				'|'),
	    ends);
}

static void
a_session_begins_with_the_password_alone(void **state)
{
	struct server *s = *state;
	struct idm_identity identity = realm_identity(s->realm, "anna");
	char token[IDM_TOKEN_TEXT];
	static const enum idm_identity_kind kinds[] = { IDM_IDENTITY_UNIX_PASSWORD,
		IDM_IDENTITY_TOKEN, IDM_IDENTITY_SESSION };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		identity.kind = kinds[i];
		expect(ask(s, core_identity_add(s->core->workers, &identity), EXOP_SESSION_BEGIN,
			   IDM_SPAN_EMPTY),
		    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "begins with the account's password");
	}
	expect(ask(s, log_in(s, "anna", token), EXOP_SESSION_BEGIN, IDM_SPAN_EMPTY),
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "begins with the account's password");
}

/* The workers are told behind the answer. */
static void
a_session_ends_when_its_holder_says_so(void **state)
{
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT];
	uint64_t handle = log_in(s, "anna", token);
	struct idm_identity identity = identity_of(s, handle);
	const struct ipc_frame *frame;

	expect(ask(s, handle, EXOP_SESSION_END, IDM_SPAN_EMPTY), LDAP_SUCCESS, "");
	frame = server_await_frame(s, IPC_REVOKED);
	assert_int_equal(frame->revoked.what, IPC_REVOKE_SESSION);
	assert_true(idm_uuid_equal(&frame->revoked.account, &identity.uuid));
	assert_true(idm_uuid_equal(&frame->revoked.session, &identity.session));
	assert_int_equal(bind_by(s, "dn=token", token), 0);
	request_extended(&r, 1, EXOP_CREDENTIAL_STATUS, IDM_SPAN_EMPTY);
	server_send(s, handle, &r); /* a worker that has not heard of it */
	assert_int_equal(server_await_frame(s, IPC_REVOKED)->revoked.what, IPC_REVOKE_SESSION);
	expect(&server_await_frame(s, IPC_DONE)->done, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "");
}

static void
another_session_of_one_s_own_can_be_ended_and_no_other(void **state)
{
	struct server *s = *state;
	char first[IDM_TOKEN_TEXT], second[IDM_TOKEN_TEXT], id[IDM_UUID_TEXT];
	uint64_t handle = log_in(s, "anna", first);
	struct idm_identity other = identity_of(s, log_in(s, "anna", second));

	idm_uuid_format(&other.session, id);
	expect(ask_texts(s, server_login(s, "idm_admin"), EXOP_SESSION_END, id, NULL),
	    LDAP_NO_SUCH_OBJECT, "idm_admin has no such session");
	assert_true(bind_by(s, "dn=token", second) != 0);
	expect(ask_texts(s, handle, EXOP_SESSION_END, id, NULL), LDAP_SUCCESS, "");
	server_await_frame(s, IPC_REVOKED);
	assert_int_equal(bind_by(s, "dn=token", second), 0);
	assert_true(bind_by(s, "dn=token", first) != 0);
	expect(ask_texts(s, handle, EXOP_SESSION_END, id, NULL), LDAP_NO_SUCH_OBJECT,
	    "has no such session");
	expect(ask(s, server_login(s, "anna"), EXOP_SESSION_END, IDM_SPAN_EMPTY),
	    LDAP_NO_SUCH_OBJECT, "has no such session"); /* bound by no session */
	expect(ask_texts(s, handle, EXOP_SESSION_END, "not an id", NULL), LDAP_PROTOCOL_ERROR,
	    "not a session's id");
}

static void
who_proves_the_password_again_may_write_again(void **state)
{
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT], until[32];
	uint64_t handle = log_in(s, "anna", token);
	const struct ipc_done *done;

	test_clock.now_s = REALM_NOW_S + 1000;
	snprintf(until, sizeof(until), "%lld", REALM_NOW_S + 1600LL);
	done = ask_texts(s, handle, EXOP_SESSION_REAUTH, SERVER_PASSWORD, NULL);
	assert_string_equal(expect_fields(done), until);
	assert_true(done->has_identity);
	assert_int_equal(done->identity.privileged_until_s, REALM_NOW_S + 1600);
	assert_int_equal(identity_of(s, handle).privileged_until_s, REALM_NOW_S + 1600);
	assert_int_equal(/* and it is stored */
	    identity_of(s, bind_by(s, "dn=token", token)).privileged_until_s, REALM_NOW_S + 1600);
	test_clock.now_s = REALM_NOW_S;
}

static void
a_wrong_password_proves_nothing(void **state)
{
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT], phc[IDM_PHC_BYTES];
	uint64_t handle = log_in(s, "anna", token);
	int64_t until_s = identity_of(s, handle).privileged_until_s;
	char too_long[IDM_PASSWORD_MAX_BYTES + 2];

	test_clock.now_s = REALM_NOW_S + 1000;
	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	assert_int_equal(
	    idm_password_hash(IDM_SPAN_LIT("the workstation's"), &s->config.argon2, phc, &s->err),
	    IDM_OK);
	assert_int_equal(
	    realm_set_secret(s->realm, NULL, "anna", IDM_ATTR_UNIX_PASSWORD, phc), IDM_OK);
	expect(
	    ask_texts(s, handle, EXOP_SESSION_REAUTH, "wrong", NULL), LDAP_INVALID_CREDENTIALS, "");
	expect(ask_texts(s, handle, EXOP_SESSION_REAUTH, "", NULL), LDAP_INVALID_CREDENTIALS, "");
	expect(ask_texts(s, handle, EXOP_SESSION_REAUTH, too_long, NULL), LDAP_INVALID_CREDENTIALS,
	    "");
	expect(ask_texts(s, handle, EXOP_SESSION_REAUTH, "the workstation's", NULL),
	    LDAP_INVALID_CREDENTIALS, "");
	assert_int_equal(identity_of(s, handle).privileged_until_s, until_s);
	expect(ask_texts(s, server_login(s, "anna"), EXOP_SESSION_REAUTH, SERVER_PASSWORD, NULL),
	    LDAP_UNWILLING_TO_PERFORM, "only a session");
	test_clock.now_s = REALM_NOW_S;
}

/* --- credentials */

static void
who_may_read_it_is_told_what_is_set(void **state)
{
	struct server *s = *state;
	char uuid[IDM_UUID_TEXT], fields[256];
	struct idm_uuid ben = realm_uuid(s->realm, "ben");

	idm_uuid_format(&ben, uuid);
	snprintf(fields, sizeof(fields),
	    "ben@idm.example.com|Ben Birne|%s|not set|not set|not set|TRUE|", uuid);
	assert_string_equal(expect_fields(ask_texts(s, server_login(s, "idm_admin"),
				EXOP_CREDENTIAL_STATUS, "ben", NULL)),
	    fields);
	assert_non_null(strstr(
	    expect_fields(ask_texts(s, server_login(s, "anna"), EXOP_CREDENTIAL_STATUS, "", NULL)),
	    "|password set|"));
	assert_non_null(strstr(expect_fields(ask_texts(s, server_login(s, "idm_admin"),
				   EXOP_CREDENTIAL_STATUS, "", NULL)),
	    "|generated password set|not set|"));
	expect(ask_texts(s, server_login(s, "anna"), EXOP_CREDENTIAL_STATUS, "ben", NULL),
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "needs the right to read primary_credential; ");
	expect(ask_texts(s, server_login(s, "idm_admin"), EXOP_CREDENTIAL_STATUS, "nobody", NULL),
	    LDAP_NO_SUCH_OBJECT, "no matching entries");
	expect(ask_texts(s, server_login(s, "anna"), EXOP_CREDENTIAL_STATUS,
		   "uuid=00000000-0000-0000-0000-000000f00002", NULL),
	    LDAP_NO_SUCH_OBJECT, "no matching entries");
}

static void
a_password_is_judged_before_it_is_set(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "anna");

	expect(ask_texts(s, handle, EXOP_CREDENTIAL_JUDGE, "", BETTER), LDAP_SUCCESS, "");
	expect(ask_texts(s, handle, EXOP_CREDENTIAL_JUDGE, "", "short"), LDAP_CONSTRAINT_VIOLATION,
	    "15");
	expect(ask_texts(s, handle, EXOP_CREDENTIAL_JUDGE, "", "Anna Maria Apfel"),
	    LDAP_CONSTRAINT_VIOLATION, "own words");
}

/* An RFC 3062 request; NULL: the field is left out. */
static struct idm_span
modify_value(const char *user, const char *old_password, const char *new_password)
{
	static uint8_t octets[2048];
	const char *fields[] = { user, old_password, new_password };
	struct ber_writer w;
	size_t seq, len;

	ber_writer_init(&w, sizeof(octets));
	seq = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	for (uint8_t i = 0; i < 3; i++) {
		if (fields[i] != NULL)
			ber_write_octets(&w, 0x80 + i, idm_span_cstr(fields[i]));
	}
	ber_close(&w, seq);
	assert_false(w.failed);
	len = w.len;
	memcpy(octets, w.data, len);
	ber_writer_free(&w);
	return idm_span_of(octets, len);
}

static const struct ipc_done *
set_password(struct server *s, uint64_t handle, const char *user, const char *old_password,
    const char *new_password)
{
	return ask(s, handle, EXOP_PASSWORD_MODIFY, modify_value(user, old_password, new_password));
}

/* With its own login, which goes on; the sessions that the old one began do not. */
static void
one_s_own_password_is_changed(void **state)
{
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT];
	const struct ipc_done *done;
	uint64_t handle;

	log_in(s, "anna", token);
	handle = bind_by(s, "anna", SERVER_PASSWORD);
	done = set_password(s, handle, NULL, SERVER_PASSWORD, BETTER);
	expect(done, LDAP_SUCCESS, "");
	assert_false(done->has_value);
	assert_true(done->has_identity);
	assert_int_equal(done->identity.credential_no, identity_of(s, handle).credential_no);
	assert_int_equal(bind_by(s, "anna", SERVER_PASSWORD), 0);
	server_unlock(s);
	assert_int_equal(bind_by(s, "dn=token", token), 0);
	assert_true(bind_by(s, "anna", BETTER) != 0);
	expect(set_password(s, handle, "anna", BETTER, SERVER_PASSWORD), LDAP_SUCCESS, "");
	assert_true(bind_by(s, "anna", SERVER_PASSWORD) != 0);
}

/* Its own session goes on, for it set the new one. */
static void
the_session_that_changed_the_password_goes_on(void **state)
{
	struct server *s = *state;
	char own[IDM_TOKEN_TEXT], other[IDM_TOKEN_TEXT];
	uint64_t handle = log_in(s, "anna", own);

	log_in(s, "anna", other);
	expect(set_password(s, handle, NULL, NULL, BETTER), LDAP_SUCCESS, "");
	assert_true(bind_by(s, "dn=token", own) != 0);
	assert_int_equal(bind_by(s, "dn=token", other), 0);
	expect(set_password(s, handle, NULL, NULL, SERVER_PASSWORD), LDAP_SUCCESS, "");
}

static void
a_password_without_a_wish_is_generated(void **state)
{
	struct server *s = *state;
	const struct ipc_done *done =
	    set_password(s, server_login(s, "idm_admin"), "ben", NULL, NULL);
	char password[128];

	expect(done, LDAP_SUCCESS, "");
	assert_true(done->has_value);
	assert_int_equal(done->value.len, 4 + IDM_GENERATED_PASSWORD_BYTES - 1);
	assert_int_equal(done->value.ptr[2], 0x80); /* genPasswd [0] */
	snprintf(password, sizeof(password), "%.*s", IDM_GENERATED_PASSWORD_BYTES - 1,
	    (const char *)done->value.ptr + 4);
	assert_false(done->has_identity);
	assert_true(bind_by(s, "ben", password) != 0);
	assert_non_null(strstr(expect_fields(ask_texts(s, server_login(s, "idm_admin"),
				   EXOP_CREDENTIAL_STATUS, "ben", NULL)),
	    "|generated password set|"));
}

static void
a_password_that_must_not_be_set_is_not(void **state)
{
	struct server *s = *state;
	uint64_t anna = server_login(s, "anna");
	uint64_t admin = server_login(s, "idm_admin");
	struct idm_identity idle = realm_identity(s->realm, "anna");

	expect(set_password(s, anna, NULL, "wrong", BETTER), LDAP_INVALID_CREDENTIALS,
	    "the old password is wrong");
	server_unlock(s);
	expect(set_password(s, anna, NULL, NULL, "short"), LDAP_CONSTRAINT_VIOLATION, "15");
	expect(set_password(s, anna, "ben", NULL, BETTER), LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "primary_credential");
	expect(set_password(s, anna, "nobody", NULL, BETTER), LDAP_NO_SUCH_OBJECT,
	    "no matching entries");
	expect(set_password(s, anna, "staff", NULL, BETTER), LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "primary_credential");
	expect(set_password(s, admin, "robot", NULL, BETTER), LDAP_CONSTRAINT_VIOLATION,
	    "holds generated passwords alone");
	idle.privileged_until_s = REALM_NOW_S - 1;
	expect(set_password(s, core_identity_add(s->core->workers, &idle), NULL, NULL, BETTER),
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "kanidm reauth");
	idle.kind = IDM_IDENTITY_UNIX_PASSWORD;
	expect(set_password(s, core_identity_add(s->core->workers, &idle), NULL, NULL, BETTER),
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS, "a bind with the unix password may only read");
	assert_true(bind_by(s, "anna", SERVER_PASSWORD) != 0);
}

/* More than wait for the pool are told so, at once. */
static void
a_full_pool_is_busy(void **state)
{
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT];
	uint64_t handle = log_in(s, "anna", token);
	const char *password[] = { "wrong" };
	int busy = 0;

	for (int i = 0; i < 400; i++) {
		if (i % 2 == 0)
			request_extended(&r, 1, EXOP_SESSION_REAUTH, exop_strings(password, 1));
		else
			request_extended(
			    &r, 1, EXOP_PASSWORD_MODIFY, modify_value(NULL, "wrong", BETTER));
		server_send(s, handle, &r);
	}
	for (int i = 0; i < 400; i++) {
		const struct ipc_done *done = &server_await_frame(s, IPC_DONE)->done;

		if (done->code == LDAP_BUSY)
			busy++;
		else
			assert_int_equal(done->code, LDAP_INVALID_CREDENTIALS);
	}
	assert_true(busy > 50);
}

/* --- RADIUS secrets */

static struct idm_span
radius_value(const char *target, int64_t action)
{
	static uint8_t octets[256];
	struct ber_writer w;
	size_t seq, len;

	ber_writer_init(&w, sizeof(octets));
	seq = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_cstr(target));
	ber_write_integer(&w, BER_ENUMERATED, action);
	ber_close(&w, seq);
	len = w.len;
	memcpy(octets, w.data, len);
	ber_writer_free(&w);
	return idm_span_of(octets, len);
}

static const struct ipc_done *
radius(struct server *s, const char *actor, const char *target, int64_t action)
{
	return ask(s, server_login(s, actor), EXOP_RADIUS_SECRET, radius_value(target, action));
}

static void
a_radius_secret_is_made_shown_and_taken_away(void **state)
{
	struct server *s = *state;
	char secret[64];

	assert_string_equal(expect_fields(radius(s, "anna", "", EXOP_RADIUS_SHOW)), "");
	snprintf(secret, sizeof(secret), "%s",
	    expect_fields(radius(s, "anna", "", EXOP_RADIUS_GENERATE)));
	assert_int_equal(strlen(secret), IDM_GENERATED_SECRET_BYTES - 1);
	assert_string_equal(expect_fields(radius(s, "anna", "anna", EXOP_RADIUS_SHOW)), secret);
	assert_string_equal(
	    expect_fields(radius(s, "idm_admin", "anna", EXOP_RADIUS_SHOW)), secret);
	expect(ask_texts(s, server_login(s, "anna"), EXOP_CREDENTIAL_JUDGE, "", secret),
	    LDAP_CONSTRAINT_VIOLATION, "RADIUS");
	assert_string_not_equal(
	    expect_fields(radius(s, "idm_admin", "anna", EXOP_RADIUS_GENERATE)), secret);
	assert_string_equal(expect_fields(radius(s, "anna", "", EXOP_RADIUS_DELETE)), "");
	assert_string_equal(expect_fields(radius(s, "anna", "", EXOP_RADIUS_SHOW)), "");
}

static void
another_s_radius_secret_is_none_of_one_s_business(void **state)
{
	struct server *s = *state;

	expect(radius(s, "anna", "ben", EXOP_RADIUS_SHOW), LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "needs the right to read radius_secret; ");
	expect(radius(s, "anna", "ben", EXOP_RADIUS_GENERATE), LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "radius_secret");
	expect(radius(s, "anna", "ben", EXOP_RADIUS_DELETE), LDAP_INSUFFICIENT_ACCESS_RIGHTS,
	    "radius_secret");
	expect(radius(s, "anna", "nobody", EXOP_RADIUS_SHOW), LDAP_NO_SUCH_OBJECT,
	    "no matching entries");
	expect(radius(s, "anna", "anna", 3), LDAP_PROTOCOL_ERROR, "does not decode");
	expect(radius(s, "anna", "anna", -1), LDAP_PROTOCOL_ERROR, "does not decode");
}

/* --- what one may do */

static void
rights_are_explained_to_who_may_know(void **state)
{
	struct server *s = *state;
	const char *fields =
	    expect_fields(ask_texts(s, server_login(s, "anna"), EXOP_ACCESS_EXPLAIN, "", "anna"));

	assert_non_null(strstr(fields, "anna@idm.example.com"));
	assert_non_null(strstr(fields, "self_write"));
	assert_non_null(strstr(expect_fields(ask_texts(s, server_login(s, "admin"),
				   EXOP_ACCESS_EXPLAIN, "ben", "anna")),
	    "ben@idm.example.com"));
	assert_int_equal(
	    ask_texts(s, server_login(s, "anna"), EXOP_ACCESS_EXPLAIN, "ben", "anna")->code,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	assert_int_equal(
	    ask_texts(s, server_login(s, "anna"), EXOP_ACCESS_EXPLAIN, "", "nobody")->code,
	    LDAP_NO_SUCH_OBJECT);
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
		on_its_own(all_are_for_who_is_bound),
		on_its_own(what_is_not_known_is_a_protocol_error),
		on_its_own(a_value_that_does_not_decode_is_a_protocol_error),
		on_its_own(a_session_lasts_as_long_as_its_account_s_rights_allow),
		on_its_own(a_session_begins_with_the_password_alone),
		on_its_own(a_session_ends_when_its_holder_says_so),
		on_its_own(another_session_of_one_s_own_can_be_ended_and_no_other),
		on_its_own(who_proves_the_password_again_may_write_again),
		on_its_own(a_wrong_password_proves_nothing),
		on_its_own(who_may_read_it_is_told_what_is_set),
		on_its_own(a_password_is_judged_before_it_is_set),
		on_its_own(one_s_own_password_is_changed),
		on_its_own(the_session_that_changed_the_password_goes_on),
		on_its_own(a_password_without_a_wish_is_generated),
		on_its_own(a_password_that_must_not_be_set_is_not),
		on_its_own(a_full_pool_is_busy),
		on_its_own(a_radius_secret_is_made_shown_and_taken_away),
		on_its_own(another_s_radius_secret_is_none_of_one_s_business),
		on_its_own(rights_are_explained_to_who_may_know),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
