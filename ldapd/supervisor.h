/*
 * The parent of all: it opens what needs rights, forks the core process and the workers, and starts
 * them again when they end.  It parses nothing that a client sent.
 *
 * It talks to each child over a control socket (SEQPACKET).  A child reports once: "O", it serves,
 * or "E" and why it can't.  The core process is sent "W" with the socket of a new worker
 * (SCM_RIGHTS), and "B" or "F" when a backup was made or failed; a worker is sent "M" with a memfd:
 * a new certificate and key.  A control socket that is closed means that the supervisor is gone,
 * and its children end too.
 */
#ifndef LDAPD_SUPERVISOR_H
#define LDAPD_SUPERVISOR_H

#include "common/config.h"
#include "ldapd/tls.h"

/* Run until SIGTERM or SIGINT; the exit status of the program.  `config_path` is for messages. */
int supervisor_run(const struct server_config *config, const char *config_path);

/* --- for the children */

/* `error` NULL: all is well. */
void supervisor_report(int control_fd, const char *error);

enum supervisor_message {
	SUPERVISOR_AGAIN, /* nothing there */
	SUPERVISOR_GONE,
	SUPERVISOR_MATERIAL,      /* a worker: *material is the caller's to free */
	SUPERVISOR_WORKER,        /* the core process: *fd is the caller's to close */
	SUPERVISOR_BACKED_UP,     /* the core process: a backup by schedule was made, */
	SUPERVISOR_BACKUP_FAILED, /* or was not */
};

enum supervisor_message supervisor_receive_material(int control_fd, struct tls_material *material);
enum supervisor_message supervisor_receive_worker(int control_fd, int *fd);

#endif
