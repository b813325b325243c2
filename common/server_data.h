/*
 * The data of a server as its owner opens them: databases and key rings where server.toml says,
 * made if there are none.  Shared by the core process and the offline commands of kanidmd.
 */
#ifndef COMMON_SERVER_DATA_H
#define COMMON_SERVER_DATA_H

#include "common/config.h"
#include "core/change.h"

/* The groups that may read what is published, and radius.keys; -1: root set none up. */
gid_t server_read_group(const struct server_config *config);
gid_t server_radius_group(const struct server_config *config);

struct server_data {
	struct idm_store *store;
	struct idm_keyring *password_ring;
	struct idm_keyring *radius_ring;
	struct idm_access_table *table;
	struct idm_change_context change; /* points to those above: the struct must not move */
};

/*
 * Open all for writing.  IDM_BUSY: a server runs on this database.  The files get the groups that
 * let workers and freeradius read, where root set these up.  On anything but IDM_OK nothing is
 * open.
 */
enum idm_result server_data_open(
    const struct server_config *config, struct server_data *out, struct idm_error *err);
/* The same whatever domain the database is of.  IDM_NOT_FOUND: there is none yet. */
enum idm_result server_data_open_any_domain(
    const struct server_config *config, struct server_data *out, struct idm_error *err);
void server_data_close(struct server_data *data);

#endif
