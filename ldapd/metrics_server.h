/*
 * The Prometheus endpoint: GET /metrics over HTTP/1.1 (RFC 9112), on loopback alone.  The core
 * process serves it, so little is understood and all is bounded: a request a connection, a few
 * connections at a time, a few kilobytes and seconds each.
 */
#ifndef LDAPD_METRICS_SERVER_H
#define LDAPD_METRICS_SERVER_H

#include <event2/event.h>

#include "common/config.h"
#include "core/arena.h"

enum {
	METRICS_REQUEST_MAX = 4096, /* octets of a request's line and header */
	METRICS_CLIENTS_MAX = 8,    /* others wait until one of them is served */
	METRICS_CLIENT_S = 5,       /* and none has longer than this */
};

/* The text of all metrics, in the arena; ptr NULL: it can't be had now. */
typedef struct idm_span (*metrics_source)(void *context, struct idm_arena *arena);

struct metrics_server;

/* Serve on the address.  NULL: *err says why; without an address, nothing is to be served. */
struct metrics_server *metrics_server_open(struct event_base *base,
    const struct config_address *address, metrics_source source, void *context,
    struct idm_error *err);
void metrics_server_close(struct metrics_server **server);

/* The listening socket. */
int metrics_server_fd(const struct metrics_server *server);

/* The status code for what has come of a request; 0: it is not all there. */
int metrics_request_status(struct idm_span request);

#endif
