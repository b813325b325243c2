/* kanidmd server, configtest: the daemon's own business, so the daemon is run. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/server.h"

/* kanidm-ldapd stands beside kanidmd; if not, it is looked for in PATH. */
static int
become_daemon(struct server_cli *cli, bool check_only)
{
	char self[PATH_MAX];
	char path[PATH_MAX + 16];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char name[] = "kanidm-ldapd", c[] = "-c", t[] = "-t";
	char *config = strdup(cli->config_path);
	char *args[] = { name, c, config, check_only ? t : NULL, NULL };
	char *slash;

	if (len > 0) {
		self[len] = '\0';
		slash = strrchr(self, '/');
		snprintf(path, sizeof(path), "%.*s/kanidm-ldapd", (int)(slash - self), self);
		execv(path, args);
	}
	execvp(name, args);
	free(config);
	return server_fail(
	    "kanidm-ldapd: %s: install it beside kanidmd, or in PATH", strerror(errno));
}

int
server_run(struct server_cli *cli)
{
	return become_daemon(cli, false);
}

int
server_configtest(struct server_cli *cli)
{
	return become_daemon(cli, true);
}
