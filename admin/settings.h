/* What stands behind the options: the environment, then the files, the user's own last. */
#ifndef ADMIN_SETTINGS_H
#define ADMIN_SETTINGS_H

#include "admin/cli.h"

/* The files' values; "" where there is none. */
struct settings {
	char uri[1024];
	char name[300];
	char ca_path[1024];
};

/*
 * Complete the options of the command line from KANIDM_URL, KANIDM_NAME and KANIDM_CA_PATH, from
 * ~/.config/kanidm, and from /etc/kanidm/config.  `cli` borrows from `settings`.  False after it
 * was said what is wrong with a file.
 */
bool settings_load(struct cli *cli, struct settings *settings);

#endif
