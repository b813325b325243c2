/* kanidmd recover_account (SPEC 6.9). */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "admin/server.h"
#include "common/clock.h"
#include "common/privilege.h"
#include "common/server_data.h"
#include "core/recover.h"

static int
tell(const struct server_cli *cli, const char *name, const char *password)
{
	json_t *answer;

	if (!cli->json) {
		printf("Successfully recovered account '%s' - password reset to -> %s\n", name,
		    password);
		return SERVER_DONE;
	}
	answer = json_pack("{s:s, s:s}", "account", name, "password", password);
	json_dumpf(answer, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(answer);
	return SERVER_DONE;
}

int
server_recover_account(struct server_cli *cli)
{
	static struct server_config config;
	char password[IDM_GENERATED_PASSWORD_BYTES] = "";
	struct server_data data;
	struct idm_error err = { .text = "" };
	enum idm_result result = config_load(cli->config_path, &config, &err);
	int status = SERVER_FAILED;

	if (result == IDM_OK)
		result = privilege_drop(config.core_user, config.read_group, &err);
	if (result == IDM_OK)
		result = server_data_open(&config, &data, &err);
	if (result == IDM_BUSY)
		return server_fail("%s: stop the server first; nothing was changed", err.text);
	if (result != IDM_OK)
		return server_fail("%s", err.text);
	result = idm_recover_account(data.store, &data.change, cli->args[0], cli->restore_roles,
	    &config.argon2, idm_store_now(data.store, clock_now_s()), password, &err);
	if (result == IDM_OK)
		status = tell(cli, cli->args[0], password);
	else
		server_fail("%s", err.text);
	explicit_bzero(password, sizeof(password));
	server_data_close(&data);
	return status;
}
