/* Sockets of the server: opaque here, but the kind of listener is a member of REQUEST. */
#ifndef RLM_KANIDM_LISTEN_H
#define RLM_KANIDM_LISTEN_H

typedef struct rad_listen rad_listen_t;

/* Its size counts (REQUEST.priority), and RAD_LISTEN_MAX in a prototype of radiusd.h. */
typedef enum RAD_LISTEN_TYPE {
	RAD_LISTEN_NONE = 0,
	RAD_LISTEN_MAX = 9,
} RAD_LISTEN_TYPE;

#endif
