#include "common/server_data.h"

#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "core/box.h"
#include "core/builtin.h"
#include "core/floor.h"

/*
 * The group that may read what is published, where root set it up and made us a member of it.  One
 * who develops has no such group, and all processes are of one user.
 */
gid_t
server_read_group(const struct server_config *config)
{
	const struct group *group = getgrnam(config->read_group);
	gid_t groups[64];
	int count = getgroups(64, groups);

	for (int i = 0; group != NULL && i < count; i++) {
		if (groups[i] == group->gr_gid)
			return group->gr_gid;
	}
	return (gid_t)-1;
}

/* freeradius reads radius.keys by the group of its directory, where root set that up. */
gid_t
server_radius_group(const struct server_config *config)
{
	const struct group *group = getgrnam(config->radius_group);
	struct stat st;

	if (group == NULL || stat(config->key_path, &st) != 0 || st.st_gid != group->gr_gid)
		return (gid_t)-1;
	return group->gr_gid;
}

static enum idm_result
open_ring(const struct server_config *config, const char *name, enum idm_purpose purpose,
    gid_t group, struct idm_keyring **out, struct idm_error *err)
{
	char path[CONFIG_PATH_BYTES + 32];
	enum idm_result result;

	snprintf(path, sizeof(path), "%s/%s", config->key_path, name);
	result = idm_keyring_create(path, purpose, group, err);
	return result == IDM_OK ? idm_keyring_open(path, purpose, out, err) : result;
}

static enum idm_result
open_all(const struct server_config *config, const char *domain, struct server_data *out,
    struct idm_error *err)
{
	struct idm_now now = { clock_now_s(), true };
	struct idm_uuid box = { { 0 } };
	enum idm_result result;

	*out = (struct server_data){ .store = NULL };
	result = idm_builtin_open(
	    config->db_path, server_read_group(config), domain, now, &out->store, err);
	if (result == IDM_OK)
		idm_floor_at_least(out->store, clock_build_s());
	if (result == IDM_OK)
		result = open_ring(config, "password.keys", IDM_PURPOSE_PASSWORD, (gid_t)-1,
		    &out->password_ring, err);
	if (result == IDM_OK)
		result = open_ring(config, "radius.keys", IDM_PURPOSE_RADIUS,
		    server_radius_group(config), &out->radius_ring, err);
	if (result == IDM_OK)
		result = idm_box_uuid(out->store, &box, err);
	out->change = (struct idm_change_context){ .table = &out->table,
		.password_ring = out->password_ring,
		.radius_ring = out->radius_ring,
		.box = box };
	if (result != IDM_OK)
		server_data_close(out);
	return result;
}

enum idm_result
server_data_open(const struct server_config *config, struct server_data *out, struct idm_error *err)
{
	return open_all(config, config->domain, out, err);
}

enum idm_result
server_data_open_any_domain(
    const struct server_config *config, struct server_data *out, struct idm_error *err)
{
	return open_all(config, NULL, out, err);
}

void
server_data_close(struct server_data *data)
{
	idm_access_table_free(&data->table);
	idm_keyring_close(&data->password_ring);
	idm_keyring_close(&data->radius_ring);
	idm_store_close(&data->store);
}
