/*
 * One request of a client, from its PDU to its answer, and the table of handlers by protocolOp.
 * request_respond and its like end a request: they are the last thing a handler does.
 */
#ifndef LDAPD_REQUEST_H
#define LDAPD_REQUEST_H

#include "common/tree.h"
#include "core/search.h"
#include "ldapd/conn.h"

/*
 * Lives in its connection's list until it ends.  `message` borrows from `arena`, in which the PDU
 * was copied, so a request may outlive the input buffer.
 */
struct request {
	struct conn *conn;
	struct request *next; /* in the connection's list */
	struct request *prev;
	struct idm_arena *arena; /* for all that the handler needs, wiped at the end */
	struct ldap_message message;
	struct idm_span pdu;
	uint64_t begun_ms; /* monotonic; for time limits */
	bool answered;     /* with `code`: for the counts */
	enum ldap_result_code code;

	/* A handler that waits: for its next slice, or for the core process. */
	void (*resume)(struct request *request); /* next slice; NULL: it waits for an answer */
	struct request *next_waiting;            /* in the worker's queue of slices */
	bool waiting;
	uint64_t seq; /* of the IPC message that it waits for; 0: none */
	void *state;  /* the handler's own, in the arena */
};

/* --- answers: each ends the request, which is gone afterwards */

void request_respond(struct request *request, enum ldap_result_code code, const char *text);
/* With a matchedDN and response controls. */
void request_respond_full(
    struct request *request, const struct ldap_result *result, struct ldap_controls controls);
void request_respond_extended(
    struct request *request, const struct ldap_extended_response *response);
/* With all messages of the answer to a search, as the core process has encoded them. */
void request_respond_encoded(
    struct request *request, enum ldap_result_code code, struct idm_span messages);
/* A result of core/: its resultCode (SPEC 8.8), and of the text what a client may know. */
void request_fail(struct request *request, enum idm_result result, const struct idm_error *err);
/* Without an answer: abandoned, or an operation that has none. */
void request_end(struct request *request);

enum ldap_result_code request_result_code(enum idm_result result);

/*
 * Let the loop serve others and then call `resume`, at once or, when the client has to take output
 * first, later.  The last thing a handler does when it does not answer.
 */
void request_yield(struct request *request, void (*resume)(struct request *request));

/* --- reading */

/* One snapshot with all that a handler reads through; never held over the event loop. */
struct request_read {
	struct idm_txn txn;
	struct idm_read read;
	const struct tree *tree;
	const struct idm_access *access; /* the connection's rights in this snapshot */
	uint32_t search_limit;           /* entries, by account policy; UINT32_MAX: none */
};

/*
 * Begin a snapshot in the request's arena, with the rights of the connection's identity (they are
 * kept by the worker and worked out anew when anything has changed).  On anything but IDM_OK there
 * is nothing to end.
 */
enum idm_result request_read_begin(
    struct request *request, struct request_read *out, struct idm_error *err);
/* The same in two steps, for what is read by all: the rights, or their refusal, may never be asked
 * for.  A snapshot that was begun is ended by request_read_end, also after a refusal. */
enum idm_result request_read_open(
    struct request *request, struct request_read *out, struct idm_error *err);
enum idm_result request_read_rights(
    struct request *request, struct request_read *read, struct idm_error *err);
/* IDM_BUSY: over age, what was read and encoded in it must be taken back (ber_writer_rewind). */
enum idm_result request_read_check(const struct request_read *read, struct idm_error *err);
void request_read_end(struct request_read *read);

/* --- from connections */

/* Begin one request: decode, find its handler, run it.  The connection may be freed by this. */
void request_begin(struct conn *conn, struct idm_span pdu);

/* The request of a connection with this messageID, NULL if there is none. */
struct request *request_find(struct conn *conn, int32_t message_id);

/* An unknown critical control is answered with unavailableCriticalExtension; false: it was. */
bool request_check_controls(struct request *request, const char *const *known, size_t known_count);

/* What every handler looks like. */
typedef void (*request_handler)(struct request *request);

struct ipc_bound;
struct ipc_done;

/* The core process answered. */
void bind_answered(struct request *request, const struct ipc_bound *bound);
void forward_answered(struct request *request, const struct ipc_done *done);

/* bind.c, forward.c, search.c, compare.c */
void bind_handle(struct request *request);
void unbind_handle(struct request *request);
void abandon_handle(struct request *request);
void forward_handle(struct request *request); /* add, modify, delete, modifyDN */
void extended_handle(struct request *request);
void forward_ask(struct request *request);   /* of a handler that finds out that it has to */
void cancel_handle(struct request *request); /* an extended one */
void search_handle(struct request *request);
void compare_handle(struct request *request);

#endif
