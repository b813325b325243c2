/*
 * Paged results (RFC 2696).  Entries come in the order of their ids, so a cookie is the id to go on
 * with and the server keeps nothing: every page is a search of its own, with the rights of its
 * time.  Sorted entries come from a list of ids that the connection keeps; then a cookie is a place
 * in that.
 */
#ifndef LDAPD_PAGING_H
#define LDAPD_PAGING_H

#include "core/arena.h"
#include "ldapd/message.h"

#define LDAP_CONTROL_PAGED "1.2.840.113556.1.4.319"
#define PAGING_NOT_OURS "not a cookie of this server"

/* Where the next page begins; all zero: at the beginning, or behind the last one. */
struct paging_place {
	uint64_t next_id; /* 0: in a sorted list */
	uint64_t conn_no; /* of the connection that keeps it */
	uint64_t list_no; /* of the connection's; 0: none */
	uint64_t position;
};

struct paging {
	bool asked;
	uint32_t size; /* entries of a page; 0: the client wants no more of them */
	struct paging_place place;
};

/* False: the control does not decode; *code and *text are what to answer. */
bool paging_read(const struct ldap_message *message, struct paging *out,
    enum ldap_result_code *code, const char **text);

/* The control of the response.  NULL: the arena is used up. */
const struct ldap_control *paging_control(
    struct idm_arena *arena, const struct paging_place *place);

#endif
