/* Bind, unbind and abandon (RFC 4511 sections 4.2, 4.3, 4.11; SPEC 8.3, 8.4). */
#include "ldapd/log.h"
#include "ldapd/shown_name.h"
#include "ldapd/worker.h"

/* A bind abandons what is still under way (RFC 4511 section 4.2.1). */
static void
abandon_others(struct request *bind)
{
	struct request *request = bind->conn->requests;

	while (request != NULL) {
		struct request *next = request->next;

		if (request != bind)
			request_end(request);
		request = next;
	}
}

/* Ask the core process; the answer comes to bind_answered. */
static void
ask_core(struct request *request)
{
	const struct ldap_bind_request *bind = &request->message.bind;
	struct ipc_frame frame = { .type = IPC_BIND };

	frame.bind.source = idm_span_cstr(request->conn->source);
	frame.bind.name = bind->name;
	frame.bind.password = bind->password;
	conn_set_state(request->conn, CONN_BINDING);
	worker_ask(request, &frame);
}

/* Whoever does not bind is anonymous too, so nothing is asked but its window (SPEC 8.4). */
static void
bind_anonymous(struct request *request)
{
	struct request_read read;
	struct idm_error err = { .text = "" };
	enum idm_result result = request_read_begin(request, &read, &err);

	if (result == IDM_OK)
		request_read_end(&read);
	if (result == IDM_OK)
		request_respond(request, LDAP_SUCCESS, "");
	else if (result == IDM_DENIED)
		request_respond(request, LDAP_INVALID_CREDENTIALS, "");
	else
		request_fail(request, result, &err);
}

void
bind_handle(struct request *request)
{
	const struct ldap_bind_request *bind = &request->message.bind;
	struct conn *conn = request->conn;

	abandon_others(request);
	conn_set_identity(conn, NULL, 0); /* whatever comes of it */
	if (!request_check_controls(request, NULL, 0))
		return;
	if (bind->auth != LDAP_AUTH_SIMPLE)
		request_respond(request, LDAP_AUTH_METHOD_NOT_SUPPORTED,
		    "only simple binds: with a password or a token");
	else if (bind->name.len == 0 && bind->password.len == 0)
		bind_anonymous(request);
	else if (bind->password.len == 0)
		request_respond(request, LDAP_UNWILLING_TO_PERFORM,
		    "a name without a password proves nothing (RFC 4513 section 5.1.2)");
	else
		ask_core(request);
}

/* Which token or session it was, for those that have an id: " (ID)". */
static const char *
token_of(const struct ipc_bound *bound, char out[IDM_UUID_TEXT + 3])
{
	char id[IDM_UUID_TEXT];

	if (idm_uuid_is_null(&bound->identity.session))
		return "";
	idm_uuid_format(&bound->identity.session, id);
	snprintf(out, IDM_UUID_TEXT + 3, " (%s)", id);
	return out;
}

static void
log_bind(const struct request *request, const struct ipc_bound *bound)
{
	const struct conn *conn = request->conn;
	char reason[256], token[IDM_UUID_TEXT + 3];
	char name_buffer[SHOWN_NAME_BYTES];
	const char *name = shown_name(
	    &conn->worker->tree->suffix, request->message.bind.name, request->arena, name_buffer);

	if (bound->code == LDAP_SUCCESS)
		log_info("conn %llu %s msg %d bind by %s%s", (unsigned long long)conn->no,
		    conn->source, request->message.message_id, name, token_of(bound, token));
	else
		log_info("conn %llu %s msg %d bind by %s refused: %s", (unsigned long long)conn->no,
		    conn->source, request->message.message_id, name,
		    bound->reason.len == 0 ? ldap_result_name(bound->code)
					   : log_escape(bound->reason, reason, sizeof(reason)));
}

void
bind_answered(struct request *request, const struct ipc_bound *bound)
{
	struct conn *conn = request->conn;
	struct ldap_result result = { .code = bound->code, .text = bound->text };

	log_bind(request, bound);
	conn_set_state(conn, CONN_READY);
	if (bound->code == LDAP_SUCCESS)
		conn_set_identity(conn, &bound->identity, bound->handle);
	request_respond_full(request, &result, (struct ldap_controls){ NULL, 0 });
	conn_recheck(conn); /* and learn when to look again */
}

void
unbind_handle(struct request *request)
{
	struct conn *conn = request->conn;

	while (conn->requests != NULL)
		request_end(conn->requests);
	conn_set_state(conn, CONN_CLOSING);
}

/* Never answered (RFC 4511 section 4.11); binds, unbinds and abandons can't be abandoned. */
void
abandon_handle(struct request *request)
{
	struct request *other = request_find(request->conn, request->message.abandon_id);

	if (other != NULL && other != request && other->message.op != LDAP_BIND_REQUEST)
		request_end(other);
	request_end(request);
}
