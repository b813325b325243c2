/*
 * kanidm-ldapd in one process: a core process and a worker, driven by hand, and clients of it.  Of
 * the two, one may be left out; then the test stands for it, at the far end of the other's channel.
 *
 * The people are those of tests/support/directory.h; anna's password is SERVER_PASSWORD, and so is
 * admin's and idm_admin's.
 */
#ifndef TESTS_SUPPORT_SERVER_H
#define TESTS_SUPPORT_SERVER_H

#include "ldapd/core.h"
#include "ldapd/worker.h"
#include "tests/support/directory.h"
#include "tests/support/far_end.h"
#include "tests/support/pdu.h"
#include "tests/support/temp_dir.h"

#define SERVER_PASSWORD "correct horse battery staple"

struct server {
	char dir[TEMP_DIR_BYTES];
	struct server_config config;
	struct realm *realm; /* on the core's store: changes that no worker is told of */
	struct core *core;
	int core_control; /* the supervisor's ends */
	int worker_control;
	struct worker *worker; /* NULL: the test is one */
	int listen_fd;         /* its listener for LDAPS, the test's to open; -1: none */
	struct far_end far;    /* without a worker: the core's; else, if open, the worker's */
	SSL_CTX *client_tls;
	struct idm_error err;
};

/* For cmocka: *state is a struct server. */
int server_setup(void **state);
int server_setup_core(void **state);   /* the core process alone */
int server_setup_worker(void **state); /* a worker alone, on the core's store */
int server_teardown(void **state);
/* For one test of several on the same server: no connection, frame or softlock of an earlier one.
 */
int server_fresh(void **state);

/* As a day later: whatever password was wrong before, the next one is tested. */
void server_unlock(struct server *s);

/* Forget the frames that have come. */
void server_fresh_frames(struct server *s);

/* The worker anew, with what server->config and listen_fd say now; clients have lost their
 * connections. */
void server_restart_worker(struct server *s);
/* The core process anew, which the test is the worker of. */
void server_restart_core(struct server *s);
/* The worker that the test stands for ends, and another is there. */
void server_reconnect(struct server *s);

/* One turn of all loops; many, until all that can happen without a hash has happened. */
void server_turn(struct server *s);
void server_settle(struct server *s);

/* What happens once a second. */
void server_second(struct server *s);

/* The next frame at the far end; fails the test if none comes, or one of another type. */
const struct ipc_frame *server_await_frame(struct server *s, enum ipc_type type);

/* --- the core process alone: the test is its worker */

/* The handle of somebody who has bound with the primary password. */
uint64_t server_login(struct server *s, const char *name);

/* Send the one request that was put together; and wait for its answer, which must be the next
 * frame, what came before forgotten. */
void server_send(struct server *s, uint64_t handle, struct requests *requests);
const struct ipc_done *server_ask(struct server *s, uint64_t handle, struct requests *requests);

/* --- clients */

enum { CLIENT_INPUT_BYTES = 2 * 1024 * 1024 };

struct client {
	struct server *server;
	int fd;
	SSL *tls; /* NULL: the local socket */
	struct requests requests;
	uint8_t *in;
	size_t in_len;
	bool closed; /* by the server */
	struct answer answer;
};

/* On the local socket, or over TLS: after its handshake. */
struct client *client_open(struct server *s);
struct client *client_open_tls(struct server *s);
void client_close(struct client **client);

/* Write all requests that were put together in client->requests, or these octets. */
void client_send(struct client *client);
void client_send_octets(struct client *client, const uint8_t *data, size_t len);

/* Has one come that was not taken?  Turns no loop. */
bool client_has_answer(struct client *client);

/* The next answer, which may take a hash's time; fails the test if none comes.  Lives until the
 * next. */
const struct answer *client_take(struct client *client);
/* That, and it must be a result of this messageID and code. */
const struct answer *client_expect(struct client *client, int32_t id, enum ldap_result_code code);

/* Nothing is there to be taken, after all has settled. */
void client_expect_nothing(struct client *client);

/* A notice of disconnection with this code, then the end (RFC 4511 section 4.4.1). */
const struct answer *client_expect_notice(struct client *client, enum ldap_result_code code);
/* The end of the connection, and nothing before it. */
void client_expect_end(struct client *client);

/* Bind, which must succeed; the core process is there. */
void client_bind(struct client *client, const char *name, const char *password);

#endif
