/*
 * The assertion control (RFC 4528): a filter that must be TRUE of the entry that an operation is
 * about, by what its caller may search on it, or nothing is done.
 */
#ifndef LDAPD_ASSERTION_H
#define LDAPD_ASSERTION_H

#include "ldapd/request.h"
#include "ldapd/view.h"

#define LDAP_CONTROL_ASSERTION "1.3.6.1.1.12"

/* The filter of a request, in the arena; *out NULL: it has none.  False: *refusal is to be
 * answered.
 */
bool assertion_read(const struct ldap_message *message, const struct ldap_limits *limits,
    struct idm_arena *arena, const struct ldap_filter **out, struct ldap_result *refusal);

/*
 * Does the assertion of a search or a compare hold of the entry at its DN?  Where there is none, or
 * none to be seen, it does: whoever looks for that entry next says so.
 */
enum idm_result assertion_holds(const struct request_read *read, const struct dn_target *target,
    const struct ldap_filter *assertion, bool *holds, struct idm_error *err);

#endif
