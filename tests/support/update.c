#include "tests/support/update.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/exop.h"

static void
take(struct ber_reader *from, uint8_t tag, char out[UPDATE_FIELD_BYTES])
{
	struct idm_span text = ber_read_octets(from, tag);

	assert_true(text.len < UPDATE_FIELD_BYTES);
	if (tag == BER_OCTET_STRING)
		snprintf(out, UPDATE_FIELD_BYTES, "%.*s", IDM_SPAN_ARG(text));
	else
		snprintf(out, UPDATE_FIELD_BYTES, "%s", text.ptr[0] == 0 ? "FALSE" : "TRUE");
}

static void
take_credential(
    struct ber_reader *from, char state[UPDATE_FIELD_BYTES], char pending[UPDATE_FIELD_BYTES])
{
	struct ber_reader seq = ber_read_nested(from, BER_SEQUENCE);

	take(&seq, BER_OCTET_STRING, state);
	take(&seq, BER_BOOLEAN, pending);
	ber_read_end(&seq);
}

static void
read_state(struct idm_span value, struct update_state *out)
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
	take_credential(&seq, out->factor, out->factor_pending);
	take_credential(&seq, out->backup, out->backup_pending);
	take(&seq, BER_BOOLEAN, out->can_commit);
	take(&seq, BER_OCTET_STRING, out->why_not);
	take(&seq, BER_OCTET_STRING, out->told);
	out->expire_s = ber_read_integer(&seq, BER_INTEGER, 0, INT64_MAX);
	ber_read_end(&seq);
	ber_read_end(&all);
	assert_false(bad);
}

static struct update_state
state_of(const struct ipc_done *done)
{
	struct update_state out = { .code = done->code, .has_identity = done->has_identity };

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

void
update_send(struct server *s, uint64_t handle, int action, const char *session, const char *text)
{
	struct requests r;

	requests_init(&r);
	request_extended(&r, 1, EXOP_CREDENTIAL_UPDATE, step_value(action, session, text));
	server_send(s, handle, &r);
	requests_free(&r);
}

struct update_state
update_step(struct server *s, uint64_t handle, int action, const char *session, const char *text)
{
	const struct ipc_done *done;
	struct update_state out;
	struct requests r;

	requests_init(&r);
	request_extended(&r, 1, EXOP_CREDENTIAL_UPDATE, step_value(action, session, text));
	done = server_ask(s, handle, &r);
	out = state_of(done);
	if (done->has_value)
		read_state(done->value, &out);
	requests_free(&r);
	return out;
}

void
update_expect(const struct update_state *state, enum ldap_result_code code, const char *text)
{
	if (state->code != code)
		fail_msg("%s: %s", ldap_result_name(state->code), state->text);
	if (strstr(state->text, text) == NULL)
		fail_msg("told \"%s\"", state->text);
}

struct update_state
update_expect_step(
    struct server *s, uint64_t handle, int action, const char *session, const char *text)
{
	struct update_state state = update_step(s, handle, action, session, text);

	update_expect(&state, LDAP_SUCCESS, "");
	return state;
}

void
update_expect_refused(struct server *s, uint64_t handle, int action, const char *session,
    enum ldap_result_code code, const char *text)
{
	struct update_state state = update_step(s, handle, action, session, "");

	update_expect(&state, code, text);
}

uint64_t
server_bind_by(struct server *s, const char *name, const char *password)
{
	struct ipc_frame frame = { .type = IPC_BIND };

	frame.bind.source = IDM_SPAN_LIT("192.0.2.7");
	frame.bind.name = idm_span_cstr(name);
	frame.bind.password = idm_span_cstr(password);
	server_fresh_frames(s);
	far_end_send(&s->far, &frame);
	return server_await_frame(s, IPC_BOUND)->bound.handle;
}
