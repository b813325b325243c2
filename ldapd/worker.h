/*
 * A worker: one event loop with listeners, TLS context, connections, and a channel to the core
 * process.  It reads the store and writes nothing; hashes and keys never come here (DESIGN 1).
 */
#ifndef LDAPD_WORKER_H
#define LDAPD_WORKER_H

#include <event2/event.h>

#include "common/config.h"
#include "core/access.h"
#include "core/groups.h"
#include "ldapd/channel.h"
#include "ldapd/conn.h"
#include "ldapd/request.h"
#include "ldapd/sorter.h"
#include "ldapd/tls.h"

enum {
	WORKER_READ_BYTES = 64 * 1024,
	WORKER_RIGHTS = 64,                     /* identities whose rights are kept */
	WORKER_SPARE_REQUESTS = 64,             /* kept with their arenas, for the next ones */
	WORKER_REQUEST_BYTES = 4 * 1024 * 1024, /* budget of one request */
	WORKER_SEQ_BUCKETS = 256,
};

struct listener;

/* The rights of an identity, as of one snapshot. */
struct worker_rights {
	struct idm_identity identity;
	uint64_t applied;      /* the change that they hold for; 0: an empty place */
	uint64_t hold_changes; /* and of those who are held at the console, the last change */
	int64_t border_s;      /* and until when, if nothing changes */
	struct idm_access *access;
	uint32_t search_limit; /* entries, by account policy; UINT32_MAX: none */
	struct idm_arena *arena;
	uint64_t used; /* for choosing whom to forget */
};

struct worker {
	const struct server_config *config;
	struct ldap_limits limits; /* from the configuration */
	struct event_base *base;
	struct idm_store *store;
	struct idm_access_table *table;
	struct tree *tree;
	struct idm_groups *groups; /* what it found out about groups */
	struct sorter_total sorting;
	SSL_CTX *tls;
	struct channel *channel;
	struct listener *listeners; /* CONFIG_ADDRESSES_MAX + 1, the last for the local socket */

	struct conn *conns; /* list */
	uint32_t conn_count;
	uint64_t conn_no;    /* of the next; no two workers give the same */
	uint32_t conn_limit; /* this worker's share */
	uint32_t source_limit;

	uint8_t *read_buffer; /* WORKER_READ_BYTES: what a connection read goes here first */
	struct worker_rights rights[WORKER_RIGHTS];
	uint64_t rights_clock;

	struct request *spare; /* list, by `next` */
	size_t spare_count;
	struct request *waiting; /* searches that yielded, by `next_waiting` */
	struct request **waiting_end;
	TAILQ_HEAD(conn_queue, conn) unread; /* TLS holds more of their input */
	struct event *turn_event;            /* searches and input go on, others were polled for */
	struct event *second_event;          /* deadlines, and listeners that paused */
	struct event *control_event;
	struct request *by_seq[WORKER_SEQ_BUCKETS]; /* waiting for the core, by `next_waiting` */
	uint64_t seq;
	struct counts counts;
	struct counts counts_told; /* as the core process has them */
};

/* What the supervisor made for this worker before the fork. */
struct worker_start {
	const struct server_config *config;
	const struct tls_material *tls;
	const int *listen_fds; /* LDAPS, one an address; this worker's own */
	size_t listen_count;
	int local_fd;    /* ldapi, shared by all; -1: none */
	int core_fd;     /* to the core process */
	int control_fd;  /* to the supervisor, see supervisor.h */
	uint32_t number; /* 1 and up: its connections' numbers begin with it */
};

/* A worker that is ready to serve from its loop; its sockets stay the caller's, but for the one to
 * the core process.  On anything but IDM_OK, *out is NULL. */
enum idm_result worker_open(
    const struct worker_start *start, struct worker **out, struct idm_error *err);
/* Says good-bye to all clients; *worker = NULL. */
void worker_close(struct worker **worker);

/* Open, give up what serving does not need, and run until told to end; the exit status of the
 * process. */
int worker_run(const struct worker_start *start);

/* The clock as decisions take it. */
struct idm_now worker_now(const struct worker *worker);

/* Send a frame to the core process, whose answer is for `request`. */
void worker_ask(struct request *request, struct ipc_frame *frame);
/* Let request->resume be called when it is its turn. */
void worker_wait(struct request *request);
/* Let those that wait have their turn, once all others were polled for. */
void worker_go_on(struct worker *worker);
/* Let a connection read on then, whose socket shows nothing. */
void worker_read_on(struct conn *conn);
void worker_forget_conn(struct conn *conn);
/* The request waits no longer. */
void worker_forget(struct request *request);

/* The rights of an identity in this snapshot; the worker's.  IDM_DENIED: its login is over. */
enum idm_result worker_rights_of(struct worker *worker, const struct idm_read *read,
    const struct idm_identity *identity, const struct worker_rights **out, struct idm_error *err);
/* When a login that has them is to be looked at again. */
int64_t worker_login_border_s(
    const struct worker_rights *rights, const struct idm_identity *identity);

#endif
