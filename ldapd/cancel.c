/* The Cancel operation (RFC 3909): an abandon that is answered, as is what it cancels. */
#include "ldapd/worker.h"

/* cancelRequestValue ::= SEQUENCE { cancelID MessageID } */
static bool
decode(const struct ldap_extended_request *extended, int32_t *id)
{
	bool bad = false;
	struct ber_reader top = ber_reader_of(extended->value, &bad);
	struct ber_reader value = ber_read_nested(&top, BER_SEQUENCE);

	*id = (int32_t)ber_read_integer(&value, BER_INTEGER, 0, LDAP_MESSAGE_ID_MAX);
	ber_read_end(&value);
	ber_read_end(&top);
	return extended->has_value && !bad;
}

/* What the core process was asked for it may have done by now. */
void
cancel_handle(struct request *request)
{
	struct request *other;
	int32_t id;

	if (!decode(&request->message.extended, &id)) {
		request_respond(
		    request, LDAP_PROTOCOL_ERROR, "the value of a cancel does not decode");
		return;
	}
	other = request_find(request->conn, id);
	if (other == NULL) {
		request_respond(request, LDAP_NO_SUCH_OPERATION, "");
	} else if (other == request) {
		request_respond(request, LDAP_CANNOT_CANCEL, "");
	} else if (other->message.op != LDAP_SEARCH_REQUEST) {
		request_respond(request, LDAP_TOO_LATE, "");
	} else {
		request_respond(other, LDAP_CANCELED, "");
		request_respond(request, LDAP_SUCCESS, "");
	}
}
