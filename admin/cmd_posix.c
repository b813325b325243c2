/* posix: the gid number, shell and home directory of accounts, the gid number of groups (SPEC 2.1),
 * and an account's unix password. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/client.h"
#include "admin/output.h"
#include "admin/prompt.h"
#include "common/exop.h"

static const char *
dn_of(const json_t *entry)
{
	return json_string_value(json_object_get(entry, "dn"));
}

static const char *
class_of(const struct cli *cli)
{
	return strcmp(cli->subject, "group") == 0 ? "posixgroup" : "posixaccount";
}

/* --- show */

int
cmd_posix_show(struct cli *cli)
{
	static const char *const shown[] = { "spn", "gidnumber", "loginshell", "homedirectory",
		"unix_password", "ssh_publickey" };
	json_t *entry;
	json_t *out;

	if (client_open_target(cli, &entry) != CLI_DONE)
		return CLI_FAILED;
	if (!client_holds(entry, "class", class_of(cli))) {
		json_decref(entry);
		return cli_fail(cli, "%s has no POSIX data: `kanidm %s posix set %s` gives it some",
		    cli->args[0], cli->subject, cli->args[0]);
	}
	out = json_object();
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		json_t *values = json_object_get(entry, shown[i]);

		if (values != NULL)
			json_object_set(out, shown[i], values);
	}
	output_entry(cli, out);
	json_decref(out);
	json_decref(entry);
	return CLI_DONE;
}

/* --- set */

struct posix_change {
	LDAPMod mods[4];
	LDAPMod *list[5];
	char *values[4][2];
	size_t count;
};

/* One more modification; an empty value removes what was there. */
static void
add_mod(struct posix_change *change, int op, const char *attribute, const char *value)
{
	size_t i = change->count++;

	change->values[i][0] = (char *)(uintptr_t)value;
	change->mods[i].mod_op = op;
	change->mods[i].mod_type = (char *)(uintptr_t)attribute;
	change->mods[i].mod_values = value[0] == '\0' ? NULL : change->values[i];
	change->list[i] = &change->mods[i];
}

/* The class comes with the first call; the server makes a gid number where none is given. */
int
cmd_posix_set(struct cli *cli)
{
	struct posix_change change = { .count = 0 };
	json_t *entry;
	char text[1200];
	int status = CLI_DONE;

	if (client_open_target(cli, &entry) != CLI_DONE)
		return CLI_FAILED;
	if (!client_holds(entry, "class", class_of(cli)))
		add_mod(&change, LDAP_MOD_ADD, "class", class_of(cli));
	if (cli->gidnumber != NULL)
		add_mod(&change, LDAP_MOD_REPLACE, "gidnumber", cli->gidnumber);
	if (cli->shell != NULL)
		add_mod(&change, LDAP_MOD_REPLACE, "loginshell", cli->shell);
	if (cli->home != NULL)
		add_mod(&change, LDAP_MOD_REPLACE, "homedirectory", cli->home);
	if (change.count != 0)
		status = client_modify(cli, dn_of(entry), change.list);
	json_decref(entry);
	snprintf(text, sizeof(text), "Success adding POSIX configuration for %s %s",
	    strcmp(cli->subject, "group") == 0 ? "group" : "account", cli->args[0]);
	return status == CLI_DONE ? output_done(cli, text) : status;
}

/* Without a value the server makes one from the uuid. */
int
cmd_posix_reset_gidnumber(struct cli *cli)
{
	json_t *entry;
	int status;

	if (client_open_target(cli, &entry) != CLI_DONE)
		return CLI_FAILED;
	status = client_modify_one(cli, dn_of(entry), LDAP_MOD_REPLACE, "gidnumber", NULL);
	json_decref(entry);
	return status == CLI_DONE ? output_done(cli, "Success") : status;
}

/* --- the unix password */

static int
send_password(struct cli *cli, const char *password)
{
	struct berval *request = client_value("ss", cli->args[0], password);
	struct berval *value = NULL;
	int status;

	if (request == NULL)
		return cli_fail(cli, "out of memory");
	status = client_exop(cli, EXOP_UNIX_PASSWORD, request, &value);
	client_wipe_value(request);
	client_wipe_value(value);
	return status == CLI_DONE ? output_done(cli, "Success") : status;
}

int
cmd_posix_set_password(struct cli *cli)
{
	char password[PROMPT_BYTES], again[PROMPT_BYTES];
	int status = client_open_target(cli, NULL);

	if (status != CLI_DONE)
		return status;
	if (!prompt_password("New unix password: ", password) || password[0] == '\0')
		status = cli_fail(cli, "no password was given");
	else if (!prompt_password("Confirm password: ", again) || strcmp(password, again) != 0)
		status = cli_fail(cli, "Passwords do not match; nothing was changed");
	else
		status = send_password(cli, password);
	explicit_bzero(password, sizeof(password));
	explicit_bzero(again, sizeof(again));
	return status;
}

int
cmd_posix_delete_password(struct cli *cli)
{
	json_t *entry;
	int status;

	if (client_open_target(cli, &entry) != CLI_DONE)
		return CLI_FAILED;
	status = client_modify_one(cli, dn_of(entry), LDAP_MOD_DELETE, "unix_password", NULL);
	json_decref(entry);
	return status == CLI_DONE ? output_done(cli, "Success") : status;
}
