/* kanidmd recover_account (SPEC 6.9). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <jansson.h>

#include "admin/server.h"
#include "common/clock.h"
#include "common/privilege.h"
#include "common/server_data.h"
#include "core/fd.h"
#include "core/recover.h"

enum { ANSWER_BYTES = 2048 };

/* The answer as one JSON value and a line's end; 0: out of memory.  The password's copy is wiped.
 */
static size_t
format_json(const char *name, const char *password, char out[ANSWER_BYTES])
{
	json_t *copy = json_string(password);
	json_t *answer = json_pack("{s:s, s:O*}", "account", name, "password", copy);
	size_t len = answer == NULL || copy == NULL
			 ? 0
			 : json_dumpb(answer, out, ANSWER_BYTES - 1, JSON_INDENT(2));

	if (copy != NULL)
		explicit_bzero((char *)(uintptr_t)json_string_value(copy), strlen(password));
	json_decref(answer);
	json_decref(copy);
	if (len == 0 || len >= ANSWER_BYTES)
		return 0;
	out[len] = '\n';
	return len + 1;
}

/* The one time that the password is shown; if it can't be, the caller must know. */
static int
tell(const struct server_cli *cli, const char *name, const char *password)
{
	char answer[ANSWER_BYTES];
	size_t len;
	bool told;

	if (cli->json)
		len = format_json(name, password, answer);
	else
		len = (size_t)snprintf(answer, sizeof(answer),
		    "Successfully recovered account '%s' - password reset to -> %s\n", name,
		    password);
	/* Past stdio, whose buffer would keep the password. */
	told = len != 0 && len < sizeof(answer) && idm_fd_write(STDOUT_FILENO, answer, len);
	explicit_bzero(answer, sizeof(answer));
	if (told)
		return SERVER_DONE;
	return server_fail("the password of %s is a new one, but it could not be shown: %s; repeat "
			   "the command",
	    name, strerror(errno));
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

	signal(SIGPIPE, SIG_IGN); /* who hung up is told by status, as is a full disk */
	if (result == IDM_OK)
		result = privilege_drop(config.core_user, config.read_group, &err);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* no core file with a password or a key */
	if (result == IDM_OK)
		result = server_data_open(&config, &data, &err);
	if (result == IDM_BUSY)
		return server_fail("%s: stop the server first; nothing was changed", err.text);
	if (result != IDM_OK)
		return server_fail("%s", err.text);
	server_tell_upgrade(data.store, &config);
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
