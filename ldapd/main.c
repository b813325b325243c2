/* kanidm-ldapd: options, and then the supervisor. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/config.h"
#include "ldapd/check.h"
#include "ldapd/log.h"
#include "ldapd/supervisor.h"

static void
usage(FILE *out)
{
	fprintf(out, "usage: kanidm-ldapd [-tV] [-c FILE]\n"
		     "  -c FILE  configuration, default " CONFIG_DEFAULT_FILE "\n"
		     "  -t       check the configuration and all that it names, and end\n"
		     "  -V       version\n");
}

static int
check(const struct server_config *config, const char *path)
{
	struct idm_error err = { .text = "" };

	if (check_configuration(config, &err) != IDM_OK) {
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
