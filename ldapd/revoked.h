/* Logins that are over, as the core process tells a worker (struct ipc_revoked). */
#ifndef LDAPD_REVOKED_H
#define LDAPD_REVOKED_H

#include "ldapd/ipc.h"
#include "ldapd/worker.h"

/* Look at the connections that it is about: a notice of disconnection for those that are over. */
void revoked_handle(struct worker *worker, const struct ipc_revoked *revoked);

#endif
