/*
 * Paged results (RFC 2696).  Entries come in the order of their ids, so a cookie is the id to go on
 * with and the server keeps nothing: every page is a search of its own, with the rights of its
 * time.
 */
#ifndef LDAPD_PAGING_H
#define LDAPD_PAGING_H

#include "core/arena.h"
#include "ldapd/message.h"

#define LDAP_CONTROL_PAGED "1.2.840.113556.1.4.319"

struct paging {
	bool asked;
	uint32_t size; /* entries of a page; 0: the client wants no more of them */
	uint64_t next_id;
};

/* False: the control does not decode; *code and *text are what to answer. */
bool paging_read(const struct ldap_message *message, struct paging *out,
    enum ldap_result_code *code, const char **text);

/*
 * The control of the response; `next_id` 0: that was the last page.  NULL: the arena is used up.
 */
const struct ldap_control *paging_control(struct idm_arena *arena, uint64_t next_id);

#endif
