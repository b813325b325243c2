#include "ldapd/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/privilege.h"
#include "core/builtin.h"
#include "core/seal.h"
#include "ldapd/tls.h"

static enum idm_result
check_tls(const struct server_config *config, struct idm_error *err)
{
	struct tls_material material;
	enum idm_result result;

	if (config->ldapbindaddress_count == 0)
		return IDM_OK;
	result = tls_material_load(config->tls_chain, config->tls_key, &material, err);
	tls_material_free(&material);
	return result;
}

static enum idm_result
check_users(const struct server_config *config, struct idm_error *err)
{
	enum idm_result result = privilege_check(config->core_user, config->read_group, err);

	return result == IDM_OK ? privilege_check(config->worker_user, config->read_group, err)
				: result;
}

/* A directory is not made at a start: a path that is mistyped must not pass for an empty one. */
static enum idm_result
check_directory(const char *key, const char *path, struct idm_error *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return idm_fail(err, IDM_INVALID, "%s: %s: %s: make the directory, or correct %s",
		    key, path, strerror(errno), key);
	if (!S_ISDIR(st.st_mode))
		return idm_fail(err, IDM_INVALID, "%s: %s: not a directory", key, path);
	return IDM_OK;
}

/* What is not in there yet is made at the first start. */
static enum idm_result
check_ring(const struct server_config *config, const char *name, enum idm_purpose purpose,
    struct idm_error *err)
{
	char path[CONFIG_PATH_BYTES + 32];
	struct idm_keyring *ring = NULL;
	enum idm_result result;

	snprintf(path, sizeof(path), "%s/%s", config->key_path, name);
	result = idm_keyring_open(path, purpose, &ring, err);
	idm_keyring_close(&ring);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

static enum idm_result
check_database(const struct server_config *config, struct idm_error *err)
{
	char path[CONFIG_PATH_BYTES + 32];
	struct idm_store *store = NULL;
	struct stat st;
	enum idm_result result;

	snprintf(path, sizeof(path), "%s/identity.mdb", config->db_path);
	if (stat(path, &st) != 0 && errno == ENOENT)
		return IDM_OK;
	result = idm_store_open_reader(config->db_path, &store, err);
	if (result == IDM_OK)
		result = idm_builtin_check_domain(store, config->domain, err);
	idm_store_close(&store);
	return result;
}

enum idm_result
check_configuration(const struct server_config *config, struct idm_error *err)
{
	enum idm_result result = check_tls(config, err);

	if (result == IDM_OK)
		result = check_users(config, err);
	if (result == IDM_OK)
		result = check_directory("db_path", config->db_path, err);
	if (result == IDM_OK)
		result = check_directory("key_path", config->key_path, err);
	if (result == IDM_OK && config->online_backup_path[0] != '\0')
		result = check_directory("online_backup_path", config->online_backup_path, err);
	if (result == IDM_OK)
		result = check_ring(config, "password.keys", IDM_PURPOSE_PASSWORD, err);
	if (result == IDM_OK)
		result = check_ring(config, "radius.keys", IDM_PURPOSE_RADIUS, err);
	return result == IDM_OK ? check_database(config, err) : result;
}
