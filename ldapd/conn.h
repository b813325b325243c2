/*
 * One client of a worker: a connection over TLS or over the local socket, its buffers, its limits
 * in time, and who it is bound as.  conn_set_state alone changes its state.
 */
#ifndef LDAPD_CONN_H
#define LDAPD_CONN_H

#include <sys/queue.h>

#include <event2/event.h>

#include "core/access.h"
#include "ldapd/ber.h"
#include "ldapd/message.h"
#include "ldapd/stream.h"

enum conn_state {
	CONN_HANDSHAKE, /* TLS is being set up */
	CONN_READY,     /* reads requests */
	CONN_BINDING,   /* waits for the core process: no request is begun (RFC 4511 4.2.1) */
	CONN_CLOSING,   /* reads no more; closes when all that is to be said has left */
};

enum { CONN_SOURCE_BYTES = 64, CONN_SOURCE_KEY_BYTES = 8 };

struct worker;
struct request;
struct sorter;
struct large_entry;

struct conn {
	struct worker *worker;
	struct conn *next; /* in the worker's list */
	struct conn *prev;
	TAILQ_ENTRY(conn) unread_link; /* in the worker's list of those to read on, if `queued` */
	uint64_t no;                   /* for logs */
	struct stream stream;
	enum conn_state state;
	struct event *read_event;
	struct event *write_event;
	bool local;   /* on the local socket, without TLS */
	bool reading; /* read_event is added */
	bool writing; /* write_event is added */

	char source[CONN_SOURCE_BYTES];            /* "192.0.2.7", "ldapi": for logs and the core */
	uint8_t source_key[CONN_SOURCE_KEY_BYTES]; /* what the limit a source counts by */

	/* What was read and is no whole PDU yet.  No buffer while there is nothing. */
	uint8_t *in;
	size_t in_len;
	size_t in_room;

	struct ber_writer out; /* answers, in order */
	size_t out_sent;

	/* Deadlines on the monotonic clock; 0: none. */
	uint64_t phase_ms; /* end of the handshake, of the first PDU, of the PDU that has begun */
	uint64_t idle_ms;  /* end of the patience with a client that does nothing */
	uint64_t stall_ms; /* the client takes nothing of what it is sent */

	struct idm_identity identity;
	uint64_t handle;  /* 0: anonymous */
	int64_t border_s; /* when the login is to be looked at again; INT64_MAX: only when told */

	struct sorter *sorted; /* whose pages the client takes; NULL: none */
	uint64_t sorted_no;    /* of the last one */

	struct large_entry *large; /* that one of its requests makes; NULL: none */
	struct request *requests;  /* begun and not ended */
	size_t request_count;
	bool in_pdu;  /* a part of a PDU has come */
	bool unread;  /* TLS holds more than was read in its last turn */
	bool queued;  /* and it is in the worker's list for that */
	bool starved; /* a search waits for the client to take what it was sent */
	bool broken;  /* the client is gone: nothing more is sent */
	bool busy;    /* its own event is at work: conn_settle comes at its end */
};

/* Take over an accepted socket.  False: it was closed, for want of memory. */
bool conn_open(struct worker *worker, int fd, const char *source,
    const uint8_t source_key[CONN_SOURCE_KEY_BYTES], bool local);

/* Close at once and free; ends its requests without an answer. */
void conn_free(struct conn *conn);

/* The one place that changes conn->state. */
void conn_set_state(struct conn *conn, enum conn_state state);

/*
 * The last thing that whoever touched a connection from outside its own events does: goes on with
 * input that waited, sends what there is to send, closes what is over.  Frees it at times.
 */
void conn_settle(struct conn *conn);

/* Read and write what can be; frees it at times.  For its own events, and for the worker's turn. */
void conn_go_on(struct conn *conn);

/* Say why (RFC 4511 section 4.4.1), then close.  It is closed in conn_settle, not here. */
void conn_disconnect(struct conn *conn, enum ldap_result_code code, const char *text);

/* The same of a connection whose login is over. */
void conn_end_login(struct conn *conn, const char *text);

/* May another answer be made, or is so much waiting that the client must take some first? */
bool conn_has_room(const struct conn *conn);

/* Another identity, with the handle that stands for it; the old handle is released. */
void conn_set_identity(struct conn *conn, const struct idm_identity *identity, uint64_t handle);

/* Is the login still good in the newest snapshot?  If not, the client is told and sent away. */
void conn_recheck(struct conn *conn);

/* Deadlines and the border of the account's window: once a second; conn_settle comes next. */
void conn_check(struct conn *conn, uint64_t now_ms, struct idm_now now);

#endif
