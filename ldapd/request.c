#include "ldapd/request.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "ldapd/log.h"
#include "ldapd/worker.h"

/* Operations and their handlers.  Extended requests have a table of their own in forward.c. */
static request_handler
handler_of(enum ldap_op op)
{
	switch (op) {
	case LDAP_BIND_REQUEST: return bind_handle;
	case LDAP_UNBIND_REQUEST: return unbind_handle;
	case LDAP_SEARCH_REQUEST: return search_handle;
	case LDAP_COMPARE_REQUEST: return compare_handle;
	case LDAP_ABANDON_REQUEST: return abandon_handle;
	case LDAP_EXTENDED_REQUEST: return extended_handle;
	case LDAP_MODIFY_REQUEST:
	case LDAP_ADD_REQUEST:
	case LDAP_DELETE_REQUEST:
	case LDAP_MODIFY_DN_REQUEST: return forward_handle;
	}
	return NULL;
}

enum ldap_result_code
request_result_code(enum idm_result result)
{
	switch (result) {
	case IDM_OK: return LDAP_SUCCESS;
	case IDM_NOT_FOUND: return LDAP_NO_SUCH_OBJECT;
	case IDM_DENIED: return LDAP_INSUFFICIENT_ACCESS_RIGHTS;
	case IDM_INVALID: return LDAP_INVALID_ATTRIBUTE_SYNTAX;
	case IDM_SCHEMA: return LDAP_OBJECT_CLASS_VIOLATION;
	case IDM_CONSTRAINT: return LDAP_CONSTRAINT_VIOLATION;
	case IDM_EXISTS: return LDAP_ENTRY_ALREADY_EXISTS;
	case IDM_PROTECTED: return LDAP_INSUFFICIENT_ACCESS_RIGHTS;
	case IDM_ASSERTION: return LDAP_ASSERTION_FAILED;
	case IDM_LIMIT: return LDAP_UNWILLING_TO_PERFORM;
	case IDM_BUSY: return LDAP_BUSY;
	case IDM_CORRUPT:
	case IDM_SYSTEM: return LDAP_OTHER;
	}
	return LDAP_OTHER;
}

/* --- life */

static struct request *
request_new(struct conn *conn)
{
	struct worker *worker = conn->worker;
	struct request *request = worker->spare;
	struct idm_arena *arena;

	if (request != NULL) {
		worker->spare = request->next;
		worker->spare_count--;
		arena = request->arena;
	} else {
		request = malloc(sizeof(*request));
		arena = request == NULL ? NULL : idm_arena_new(WORKER_REQUEST_BYTES);
	}
	if (arena == NULL) {
		free(request);
		return NULL;
	}
	memset(request, 0, sizeof(*request));
	request->arena = arena;
	request->conn = conn;
	request->begun_ms = clock_monotonic_ms();
	request->next = conn->requests;
	if (conn->requests != NULL)
		conn->requests->prev = request;
	conn->requests = request;
	conn->request_count++;
	return request;
}

static void
count_begun(const struct request *request)
{
	enum count_op op;

	if (count_op_of(request->message.op, &op))
		request->conn->worker->counts.of[COUNT_BEGUN + op]++;
}

static void
count_ended(const struct request *request)
{
	struct counts *counts = &request->conn->worker->counts;
	enum count_op op;

	if (count_op_of(request->message.op, &op))
		counts->of[count_done(
		    op, request->answered ? count_result_of(request->code) : COUNT_UNANSWERED)]++;
}

void
request_end(struct request *request)
{
	struct conn *conn = request->conn;
	struct worker *worker = conn->worker;

	worker_forget(request);
	count_ended(request);
	if (request->prev != NULL)
		request->prev->next = request->next;
	else
		conn->requests = request->next;
	if (request->next != NULL)
		request->next->prev = request->prev;
	conn->request_count--;
	idm_arena_reset(request->arena);
	if (worker->spare_count < WORKER_SPARE_REQUESTS) {
		request->next = worker->spare;
		worker->spare = request;
		worker->spare_count++;
		return;
	}
	idm_arena_free(&request->arena);
	free(request);
}

struct request *
request_find(struct conn *conn, int32_t message_id)
{
	struct request *request = conn->requests;

	while (request != NULL && request->message.message_id != message_id)
		request = request->next;
	return request;
}

/* --- answers */

/* An answer that does not fit means a client that takes nothing: it has lost its connection. */
static void
answered(struct request *request, enum ldap_result_code code, bool fitted)
{
	struct conn *conn = request->conn;

	request->answered = fitted && ldap_response_tag(request->message.op) != 0;
	request->code = code;
	request_end(request);
	if (!fitted)
		conn->broken = true;
}

void
request_respond_full(
    struct request *request, const struct ldap_result *result, struct ldap_controls controls)
{
	uint8_t tag = ldap_response_tag(request->message.op);
	bool fitted = tag == 0 || ldap_result_encode(&request->conn->out,
				      request->message.message_id, tag, result, controls);

	answered(request, result->code, fitted);
}

void
request_respond(struct request *request, enum ldap_result_code code, const char *text)
{
	struct ldap_result result = { .code = code, .text = idm_span_cstr(text) };

	request_respond_full(request, &result, (struct ldap_controls){ NULL, 0 });
}

void
request_respond_extended(struct request *request, const struct ldap_extended_response *response)
{
	bool fitted = ldap_extended_encode(&request->conn->out, request->message.message_id,
	    response, (struct ldap_controls){ NULL, 0 });

	answered(request, response->result.code, fitted);
}

void
request_respond_encoded(
    struct request *request, enum ldap_result_code code, struct idm_span messages)
{
	struct ber_writer *out = &request->conn->out;
	size_t len = out->len;
	bool fitted;

	ber_write_raw(out, messages);
	fitted = !out->failed;
	if (!fitted)
		ber_writer_rewind(out, len);
	answered(request, code, fitted);
}

void
request_fail(struct request *request, enum idm_result result, const struct idm_error *err)
{
	const struct conn *conn = request->conn;

	if (conn->border_s == 0 && conn->handle != 0) { /* over: conn_settle says that instead */
		request_end(request);
		return;
	}
	if (err->text[0] != '\0' && err->client_text[0] == '\0')
		log_warn("conn %llu %s msg %d %s: %s: %s", (unsigned long long)conn->no,
		    conn->source, request->message.message_id, ldap_op_name(request->message.op),
		    idm_result_name(result), err->text);
	request_respond(request, request_result_code(result), err->client_text);
}

void
request_yield(struct request *request, void (*resume)(struct request *request))
{
	request->resume = resume;
	worker_wait(request);
}

/* --- reading */

enum idm_result
request_read_open(struct request *request, struct request_read *out, struct idm_error *err)
{
	struct worker *worker = request->conn->worker;
	enum idm_result result = idm_store_read_begin(worker->store, &out->txn, err);

	if (result != IDM_OK)
		return result;
	result = idm_read_attach(&out->txn, request->arena, worker_now(worker), &out->read, err);
	if (result == IDM_OK)
		result = idm_groups_use(worker->groups, &out->read, err);
	if (result == IDM_OK)
		result = tree_refresh(&out->read, &worker->tree, err);
	out->tree = worker->tree;
	out->access = NULL;
	out->search_limit = UINT32_MAX;
	if (result != IDM_OK)
		idm_store_read_end(&out->txn);
	return result;
}

enum idm_result
request_read_rights(struct request *request, struct request_read *read, struct idm_error *err)
{
	struct conn *conn = request->conn;
	const struct worker_rights *rights;
	enum idm_result result =
	    worker_rights_of(conn->worker, &read->read, &conn->identity, &rights, err);

	if (result == IDM_DENIED)
		conn->border_s = 0; /* conn_settle looks at the login, and says good-bye */
	if (result != IDM_OK)
		return result;
	conn->border_s = worker_login_border_s(rights, &conn->identity);
	read->access = rights->access;
	read->search_limit = rights->search_limit;
	return IDM_OK;
}

enum idm_result
request_read_begin(struct request *request, struct request_read *out, struct idm_error *err)
{
	enum idm_result result = request_read_open(request, out, err);

	if (result != IDM_OK)
		return result;
	result = request_read_rights(request, out, err);
	if (result != IDM_OK)
		idm_store_read_end(&out->txn);
	return result;
}

enum idm_result
request_read_check(const struct request_read *read, struct idm_error *err)
{
	return idm_store_read_check(&read->txn, err);
}

void
request_read_end(struct request_read *read)
{
	idm_store_read_end(&read->txn);
}

/* --- beginning */

bool
request_check_controls(struct request *request, const char *const *known, size_t known_count)
{
	for (size_t i = 0; i < request->message.control_count; i++) {
		const struct ldap_control *control = &request->message.controls[i];
		bool is_known = false;

		for (size_t k = 0; k < known_count; k++)
			is_known = is_known || idm_span_is(control->oid, known[k]);
		if (control->critical && !is_known) {
			request_respond(request, LDAP_UNAVAILABLE_CRITICAL_EXTENSION,
			    "a critical control is not known here");
			return false;
		}
	}
	return true;
}

void
request_begin(struct conn *conn, struct idm_span pdu)
{
	struct request *request = request_new(conn);
	enum ldap_decode decoded = LDAP_DECODE_BAD;

	if (request == NULL) {
		conn_disconnect(conn, LDAP_UNAVAILABLE, "out of memory");
		return;
	}
	request->pdu = idm_arena_copy(request->arena, pdu);
	if (request->pdu.ptr != NULL)
		decoded = ldap_message_decode(
		    request->pdu, &conn->worker->limits, request->arena, &request->message);
	if (decoded == LDAP_DECODE_BAD)
		memset(&request->message, 0, sizeof(request->message)); /* no operation to count */
	count_begun(request);
	switch (decoded) {
	case LDAP_DECODE_OK: handler_of(request->message.op)(request); break;
	case LDAP_DECODE_REFUSED:
		request_respond(request, request->message.refusal, request->message.refusal_text);
		break;
	case LDAP_DECODE_BAD:
		request_end(request);
		conn_disconnect(conn, LDAP_PROTOCOL_ERROR, "not an LDAP message");
		break;
	}
}
