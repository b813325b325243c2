/* Server-side sorting (RFC 2891): the control of the request, and that of the response. */
#ifndef LDAPD_SORT_CONTROL_H
#define LDAPD_SORT_CONTROL_H

#include "core/arena.h"
#include "ldapd/message.h"

#define LDAP_CONTROL_SORT "1.2.840.113556.1.4.473"
#define LDAP_CONTROL_SORTED "1.2.840.113556.1.4.474"

enum { SORT_KEYS_MAX = 8 };

struct sort_key {
	struct idm_span attribute; /* description as sent */
	struct idm_span rule;      /* ordering rule; empty: the attribute's own */
	bool reverse;
};

struct sort_request {
	bool asked;
	bool critical;
	struct idm_span value; /* of the control */
	struct sort_key keys[SORT_KEYS_MAX];
	size_t count; /* over SORT_KEYS_MAX: these are the first of so many */
};

/* False: the control does not decode; *text is what to answer with protocolError. */
bool sort_read(const struct ldap_message *message, struct sort_request *out, const char **text);

/* The control of the response; `attribute`: the key at fault, may be empty.  NULL: arena used up.
 */
const struct ldap_control *sort_control(
    struct idm_arena *arena, enum ldap_result_code code, struct idm_span attribute);

#endif
