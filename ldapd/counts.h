/*
 * What a worker counts, and tells the core process once a second, which sums it up (SPEC 11.4).
 * All but the gauges only grow while the worker lives.
 */
#ifndef LDAPD_COUNTS_H
#define LDAPD_COUNTS_H

#include "ldapd/message.h"

/* Operations (RFC 4511 section 4.2 and on), in the order of their counts. */
enum count_op {
	COUNT_OP_BIND,
	COUNT_OP_UNBIND,
	COUNT_OP_SEARCH,
	COUNT_OP_COMPARE,
	COUNT_OP_ADD,
	COUNT_OP_MODIFY,
	COUNT_OP_DELETE,
	COUNT_OP_MODIFY_DN,
	COUNT_OP_EXTENDED,
	COUNT_OP_ABANDON,
	COUNT_OPS,
};

/* How operations end. */
enum count_result {
	COUNT_SUCCESS,    /* a comparison that is false too */
	COUNT_DENIED,     /* credentials, rights */
	COUNT_ABSENT,     /* no such entry or attribute */
	COUNT_LIMIT,      /* of size, of time, of the administrator */
	COUNT_BUSY,       /* try again */
	COUNT_INVALID,    /* the request is at fault */
	COUNT_ERROR,      /* the server is */
	COUNT_UNANSWERED, /* abandoned, has no answer, or its connection ended first */
	COUNT_RESULTS,
};

/* Where each count stands in struct counts. */
enum count {
	COUNT_OPEN_TLS, /* gauges: connections that are open */
	COUNT_OPEN_LOCAL,
	COUNT_GAUGES,
	COUNT_OPENED_TLS = COUNT_GAUGES,
	COUNT_OPENED_LOCAL,
	COUNT_REFUSED_ALL,    /* connections over the limit of all, */
	COUNT_REFUSED_SOURCE, /* and over that of a source */
	COUNT_HANDSHAKES,
	COUNT_HANDSHAKES_FAILED,
	COUNT_ENDED_TIME,     /* connections that the server ends: what was awaited did not come, */
	COUNT_ENDED_PROTOCOL, /* no LDAP came, */
	COUNT_ENDED_LOGIN,    /* the login is over */
	COUNT_OCTETS_IN,      /* of LDAP, without what TLS adds */
	COUNT_OCTETS_OUT,
	COUNT_ENTRIES,                        /* that searches gave */
	COUNT_BEGUN,                          /* operations, by enum count_op */
	COUNT_DONE = COUNT_BEGUN + COUNT_OPS, /* the same by enum count_result */
	COUNT_ALL = COUNT_DONE + COUNT_OPS * COUNT_RESULTS,
};

struct counts {
	uint64_t of[COUNT_ALL];
};

/* False: no operation that is known. */
bool count_op_of(enum ldap_op op, enum count_op *out);
enum count_result count_result_of(enum ldap_result_code code);

static inline enum count
count_done(enum count_op op, enum count_result result)
{
	return (enum count)((int)COUNT_DONE + (int)op * (int)COUNT_RESULTS + (int)result);
}

/* As labels: "modifydn", "denied". */
const char *count_op_name(enum count_op op);
const char *count_result_name(enum count_result result);

/* Add what has grown to `sum`; with the gauges, or without those of a worker that is gone. */
void counts_add(struct counts *sum, const struct counts *counts, bool gauges);

#endif
