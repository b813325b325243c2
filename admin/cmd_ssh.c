/* ssh: the public keys of an account, each under its tag (SPEC 2.1). */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "admin/client.h"
#include "admin/output.h"

enum { KEY_BYTES = 8400 };

static int
change_key(struct cli *cli, int op, const char *value)
{
	char *values[] = { (char *)(uintptr_t)value, NULL };
	json_t *entry;
	int status;

	if (client_open_target(cli, &entry) != CLI_DONE)
		return CLI_FAILED;
	status = client_modify_one(
	    cli, json_string_value(json_object_get(entry, "dn")), op, "ssh_publickey", values);
	json_decref(entry);
	return status == CLI_DONE ? output_done(cli, "Success") : status;
}

/* "tag type blob", one a line. */
int
cmd_ssh_list(struct cli *cli)
{
	json_t *entry;
	json_t *keys;

	if (client_open_target(cli, &entry) != CLI_DONE)
		return CLI_FAILED;
	keys = json_object_get(entry, "ssh_publickey");
	if (cli->json)
		output_json(keys == NULL ? json_array() : json_incref(keys));
	else if (json_array_size(keys) == 0)
		cli_note(cli, "No SSH public keys of %s", cli->args[0]);
	for (size_t i = 0; !cli->json && i < json_array_size(keys); i++)
		puts(json_string_value(json_array_get(keys, i)));
	json_decref(entry);
	return CLI_DONE;
}

static bool
is_tag(const char *tag)
{
	return tag[0] != '\0' && strpbrk(tag, " \t\r\n") == NULL;
}

int
cmd_ssh_add(struct cli *cli)
{
	char value[KEY_BYTES];
	size_t line;

	if (!is_tag(cli->args[1]))
		return cli_misuse(cli, "\"%s\" is no tag: a tag is one word", cli->args[1]);
	if ((size_t)snprintf(value, sizeof(value), "%s %s", cli->args[1], cli->args[2]) >=
	    sizeof(value))
		return cli_misuse(
		    cli, "the key is longer than any: give the line of its .pub file");
	line = strcspn(value, "\r\n");
	if (value[line + strspn(value + line, "\r\n")] != '\0')
		return cli_misuse(cli, "there are several lines: add one key after the other");
	value[line] = '\0'; /* as a file's line ends */
	return change_key(cli, LDAP_MOD_ADD, value);
}

int
cmd_ssh_delete(struct cli *cli)
{
	if (!is_tag(cli->args[1]))
		return cli_misuse(cli, "\"%s\" is no tag: a tag is one word", cli->args[1]);
	return change_key(cli, LDAP_MOD_DELETE, cli->args[1]);
}
