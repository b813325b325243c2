/* Backups by schedule (SPEC 11.1): each is made by a child of the supervisor, beside the server. */
#ifndef LDAPD_SCHEDULED_BACKUP_H
#define LDAPD_SCHEDULED_BACKUP_H

#include "common/config.h"

/*
 * In a child process that is still root where the supervisor is: make a backup in
 * online_backup_path, remove those that are more than online_backup_versions, and say in the log
 * what came of it.  The exit status of the process.
 */
int scheduled_backup_run(const struct server_config *config);

#endif
