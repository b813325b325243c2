/* Listening sockets, opened while one may. */
#ifndef LDAPD_LISTEN_H
#define LDAPD_LISTEN_H

#include "common/config.h"

/* A TCP listener of its own on an address that others share (SO_REUSEPORT).  -1: *err says why. */
int listen_tcp(const struct config_address *address, struct idm_error *err);

/* False: another program has the address, and would share it unasked. */
bool listen_is_free(const struct config_address *address, struct idm_error *err);

/*
 * The local socket at `path`, for everybody on this machine: who binds proves who he is.  A socket
 * that nobody listens on is replaced.  -1: *err says why.
 */
int listen_local(const char *path, struct idm_error *err);

#endif
