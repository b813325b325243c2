/* kanidmd recover_account and disable_account (SPEC 6.9). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <jansson.h>

#include "admin/server.h"
#include "admin/server_console.h"
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

/* --- without a server: the databases are ours */

static enum idm_result
open_data(const struct server_config *config, struct server_data *data, struct idm_error *err)
{
	enum idm_result result = privilege_drop(config->core_user, config->read_group, err);

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* no core file with a password or a key */
	if (result == IDM_OK)
		result = server_data_open(config, data, err);
	if (result == IDM_OK)
		server_tell_upgrade(data->store, config);
	return result;
}

static enum idm_result
recover_offline(const struct server_config *config, const struct server_cli *cli, char *password,
    struct idm_error *err)
{
	struct server_data data;
	struct idm_uuid account;
	enum idm_result result = open_data(config, &data, err);

	if (result != IDM_OK)
		return result;
	result = idm_recover_account(data.store, &data.change, cli->args[0], cli->restore_roles,
	    &config->argon2, idm_store_now(data.store, clock_now_s()), password, &account, err);
	server_data_close(&data);
	return result;
}

static enum idm_result
disable_offline(
    const struct server_config *config, const struct server_cli *cli, struct idm_error *err)
{
	struct server_data data;
	struct idm_uuid account;
	enum idm_result result = open_data(config, &data, err);

	if (result != IDM_OK)
		return result;
	result = idm_disable_account(data.store, &data.change, cli->args[0],
	    idm_store_now(data.store, clock_now_s()), &account, err);
	server_data_close(&data);
	return result;
}

/* --- and through the console of one that runs */

static enum idm_result
recover_online(const struct server_config *config, const struct server_cli *cli, char *password,
    struct idm_error *err)
{
	const char *const words[] = { CONSOLE_RECOVER, cli->args[0],
		cli->restore_roles ? "restore-roles" : NULL, NULL };
	char answer[CONSOLE_PACKET_BYTES];
	enum idm_result result = console_ask(config, words, answer, err);

	if (result == IDM_OK && strlen(answer) >= IDM_GENERATED_PASSWORD_BYTES)
		result = idm_fail(err, IDM_CORRUPT, "the server's answer is no password");
	if (result == IDM_OK)
		memcpy(password, answer, strlen(answer) + 1);
	explicit_bzero(answer, sizeof(answer));
	return result;
}

static enum idm_result
disable_online(
    const struct server_config *config, const struct server_cli *cli, struct idm_error *err)
{
	const char *const words[] = { CONSOLE_DISABLE, cli->args[0], NULL };
	char answer[CONSOLE_PACKET_BYTES];

	return console_ask(config, words, answer, err);
}

/* --- the commands */

static int
refused(enum idm_result result, const struct idm_error *err)
{
	if (result == IDM_BUSY)
		return server_fail(
		    "%s: stop the server first, or give --online; nothing was changed", err->text);
	return server_fail("%s", err->text);
}

int
server_recover_account(struct server_cli *cli)
{
	static struct server_config config;
	char password[IDM_GENERATED_PASSWORD_BYTES] = "";
	struct idm_error err = { .text = "" };
	enum idm_result result = config_load(cli->config_path, &config, &err);
	int status;

	signal(SIGPIPE, SIG_IGN); /* who hung up is told by status, as is a full disk */
	if (result == IDM_OK && cli->online)
		result = recover_online(&config, cli, password, &err);
	else if (result == IDM_OK)
		result = recover_offline(&config, cli, password, &err);
	status = result == IDM_OK ? tell(cli, cli->args[0], password) : refused(result, &err);
	explicit_bzero(password, sizeof(password));
	return status;
}

static int
tell_disabled(const struct server_cli *cli)
{
	json_t *answer;
	int rc = 0;

	if (cli->json) {
		answer = json_pack("{s:s, s:b}", "account", cli->args[0], "disabled", 1);
		rc = answer == NULL ? -1 : json_dumpf(answer, stdout, 0);
		json_decref(answer);
		putchar('\n');
	} else {
		printf("Successfully disabled account '%s' - it is let in nowhere until its expiry "
		       "is changed\n",
		    cli->args[0]);
	}
	return fflush(stdout) == 0 && rc == 0 ? SERVER_DONE
					      : server_fail("the output could not be written");
}

int
server_disable_account(struct server_cli *cli)
{
	static struct server_config config;
	struct idm_error err = { .text = "" };
	enum idm_result result = config_load(cli->config_path, &config, &err);

	if (result == IDM_OK && cli->online)
		result = disable_online(&config, cli, &err);
	else if (result == IDM_OK)
		result = disable_offline(&config, cli, &err);
	return result == IDM_OK ? tell_disabled(cli) : refused(result, &err);
}
