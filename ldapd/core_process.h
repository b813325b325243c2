/* The core process (DESIGN 1): see core.h for the inside. */
#ifndef LDAPD_CORE_PROCESS_H
#define LDAPD_CORE_PROCESS_H

#include "common/config.h"

/*
 * Serve workers until told to end; the exit status of the process.  Workers come over `control_fd`,
 * the first ones too (supervisor.h).  Runs as the user that owns the databases.
 */
int core_process_run(const struct server_config *config, int control_fd);

#endif
