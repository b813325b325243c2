/* What the core process serves: add, modify, delete, modifyDN, extended operations, and searches
 * and comparisons of what it alone knows. */
#include "common/exop.h"
#include "ldapd/assertion.h"
#include "ldapd/entry_read.h"
#include "ldapd/log.h"
#include "ldapd/rootdse.h"
#include "ldapd/worker.h"

#define EXOP_START_TLS "1.3.6.1.4.1.1466.20037"

static const char *const known_controls[] = { LDAP_CONTROL_MANAGE_DSA_IT };

void
forward_ask(struct request *request)
{
	struct ipc_frame frame = { .type = IPC_OPERATION };

	frame.operation.handle = request->conn->handle;
	frame.operation.source = idm_span_cstr(request->conn->source);
	frame.operation.pdu = request->pdu;
	worker_ask(request, &frame);
}

/* Before an entry is made, or after it is deleted, there is nothing to read. */
void
forward_handle(struct request *request)
{
	static const char *const controls[] = { LDAP_CONTROL_PRE_READ, LDAP_CONTROL_MANAGE_DSA_IT,
		LDAP_CONTROL_ASSERTION, LDAP_CONTROL_POST_READ };
	enum ldap_op op = request->message.op;
	size_t first = op == LDAP_ADD_REQUEST ? 1 : 0;
	size_t end = op == LDAP_DELETE_REQUEST ? 3 : 4;

	if (request_check_controls(request, controls + first, end - first))
		forward_ask(request);
}

/* "u:" and the spn; empty for anonymous (RFC 4532). */
static void
who_am_i(struct request *request)
{
	const struct idm_identity *identity = &request->conn->identity;
	struct ldap_extended_response response = { .has_value = true };
	struct request_read read;
	struct idm_entry account;
	char text[2 + IDM_SPN_MAX] = "u:";
	struct idm_error err = { .text = "" };
	enum idm_result result;

	if (identity->kind != IDM_IDENTITY_ANONYMOUS) {
		result = request_read_begin(request, &read, &err);
		if (result == IDM_OK) {
			result = idm_lookup_uuid(&read.read, &identity->uuid, &account, &err);
			if (result == IDM_OK)
				response.value = idm_span_of(
				    text, 2 + idm_lookup_spn(&read.read, &account, text + 2));
			request_read_end(&read);
		}
		if (result != IDM_OK) {
			request_fail(request, result, &err);
			return;
		}
	}
	response.result.code = LDAP_SUCCESS;
	request_respond_extended(request, &response);
}

void
extended_handle(struct request *request)
{
	const struct ldap_extended_request *extended = &request->message.extended;

	if (!request_check_controls(request, known_controls, 1))
		return;
	if (idm_span_is(extended->oid, EXOP_WHOAMI) && !extended->has_value)
		who_am_i(request);
	else if (idm_span_is(extended->oid, EXOP_CANCEL))
		cancel_handle(request);
	else if (idm_span_is(extended->oid, EXOP_START_TLS))
		request_respond(request, LDAP_PROTOCOL_ERROR,
		    "no StartTLS here: use ldaps://, which is TLS from the first octet");
	else
		forward_ask(request);
}

static void
add_entry(struct ldap_controls *controls, struct ldap_control *list, struct idm_span oid,
    struct idm_span entry)
{
	if (entry.len != 0)
		list[controls->count++] =
		    (struct ldap_control){ .oid = oid, .has_value = true, .value = entry };
}

/* With the entries that were read (RFC 4527). */
static void
respond_with_entries(
    struct request *request, const struct ldap_result *result, const struct ipc_done *done)
{
	struct ldap_control list[2];
	struct ldap_controls controls = { list, 0 };

	add_entry(&controls, list, IDM_SPAN_LIT(LDAP_CONTROL_PRE_READ), done->pre_read);
	add_entry(&controls, list, IDM_SPAN_LIT(LDAP_CONTROL_POST_READ), done->post_read);
	request_respond_full(request, result, controls);
}

void
forward_answered(struct request *request, const struct ipc_done *done)
{
	struct conn *conn = request->conn;
	struct ldap_extended_response response = { .result = { .code = done->code,
						       .text = done->text },
		.oid = done->oid,
		.has_value = done->has_value,
		.value = done->value };

	log_debug("conn %llu %s msg %d %s: %s", (unsigned long long)conn->no, conn->source,
	    request->message.message_id, ldap_op_name(request->message.op),
	    ldap_result_name(done->code));
	if (done->has_identity && conn->handle != 0)
		conn_set_identity(conn, &done->identity, conn->handle);
	if (request->message.op == LDAP_SEARCH_REQUEST && done->has_value)
		request_respond_encoded(request, done->code, done->value);
	else if (request->message.op == LDAP_EXTENDED_REQUEST)
		request_respond_extended(request, &response);
	else
		respond_with_entries(request, &response.result, done);
	conn_recheck(conn);
}
