/* kanidm-ldapd: options, and then the supervisor. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/config.h"
#include "core/seal.h"
#include "core/store.h"
#include "ldapd/log.h"
#include "ldapd/supervisor.h"

static void
usage(FILE *out)
{
	fprintf(out, "usage: kanidm-ldapd [-tV] [-c FILE]\n"
		     "  -c FILE  configuration, default " CONFIG_DEFAULT_FILE "\n"
		     "  -t       check configuration and certificate, and end\n"
		     "  -V       version\n");
}

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

/* What is not there yet is made at the first start. */
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
	enum idm_result result = IDM_OK;

	snprintf(path, sizeof(path), "%s/identity.mdb", config->db_path);
	if (access(path, F_OK) == 0)
		result = idm_store_open_reader(config->db_path, &store, err);
	idm_store_close(&store);
	return result;
}

/* Everything that the configuration names, without starting anything (`kanidmd configtest`). */
static int
check(const struct server_config *config, const char *path)
{
	struct idm_error err = { .text = "" };
	enum idm_result result = check_tls(config, &err);

	if (result == IDM_OK)
		result = check_ring(config, "password.keys", IDM_PURPOSE_PASSWORD, &err);
	if (result == IDM_OK)
		result = check_ring(config, "radius.keys", IDM_PURPOSE_RADIUS, &err);
	if (result == IDM_OK)
		result = check_database(config, &err);
	if (result != IDM_OK) {
		log_error("%s", err.text);
		return EXIT_FAILURE;
	}
	printf("%s: good\n", path);
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	static struct server_config config; /* constant once it is read */
	const char *path = CONFIG_DEFAULT_FILE;
	struct idm_error err = { .text = "" };
	bool check_only = false;
	int option;

	while ((option = getopt(argc, argv, "c:tVh")) != -1) {
		switch (option) {
		case 'c': path = optarg; break;
		case 't': check_only = true; break;
		case 'V': puts("kanidm-ldapd " IDM_VERSION); return EXIT_SUCCESS;
		case 'h': usage(stdout); return EXIT_SUCCESS;
		default: usage(stderr); return 2;
		}
	}
	if (optind != argc) {
		usage(stderr);
		return 2;
	}
	if (!clock_init(&err) || config_load(path, &config, &err) != IDM_OK ||
	    config_require_listeners(&config, path, &err) != IDM_OK) {
		log_error("%s", err.text);
		return EXIT_FAILURE;
	}
	log_set_level(config.log_level);
	return check_only ? check(&config, path) : supervisor_run(&config, path);
}
