/*
 * The read entry controls (RFC 4527): the entry as it was before a change, and as it is after it,
 * read in the transaction of the change, as far as who changes it may search it.
 */
#ifndef LDAPD_ENTRY_READ_H
#define LDAPD_ENTRY_READ_H

#include "ldapd/core.h"

#define LDAP_CONTROL_PRE_READ "1.3.6.1.1.13.1"
#define LDAP_CONTROL_POST_READ "1.3.6.1.1.13.2"

/*
 * Let the request of a job read its entry, where its controls ask for that.  False: one of them
 * does not decode, or asks for too much; *refusal is what to answer.
 */
bool entry_read_ask(struct core_job *job, struct ldap_result *refusal);

#endif
