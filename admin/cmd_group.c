/* group: list, get, create, delete, what a group is called and who manages it, and its members. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/client.h"
#include "admin/output.h"

int
cmd_group_list(struct cli *cli)
{
	return cmd_account_list(cli);
}

int
cmd_group_get(struct cli *cli)
{
	return cmd_account_get(cli);
}

int
cmd_group_create(struct cli *cli)
{
	const char *suffix;
	char *values[] = { (char *)(uintptr_t) "group", NULL };
	LDAPMod class = { .mod_op = LDAP_MOD_ADD, .mod_type = (char *)(uintptr_t) "class" };
	LDAPMod *mods[] = { &class, NULL };
	char dn[2048];
	char text[256];

	class.mod_values = values;
	if (strlen(cli->args[0]) > 128 || strpbrk(cli->args[0], ",+\"\\<>;=#") != NULL)
		return cli_fail(cli,
		    "%.40s: a group's name has up to 64 of a-z, 0-9, `-`, `_`, `.` and begins with "
		    "a letter",
		    cli->args[0]);
	if (client_open(cli) != CLI_DONE || (suffix = client_suffix(cli)) == NULL)
		return CLI_FAILED;
	snprintf(dn, sizeof(dn), "cn=%s,ou=groups,%s", cli->args[0], suffix);
	if (client_add(cli, dn, mods) != CLI_DONE)
		return CLI_FAILED;
	snprintf(text, sizeof(text), "Successfully created group '%s'", cli->args[0]);
	return output_done_with(cli, text, "name", cli->args[0]);
}

static const char *
dn_of(const json_t *entry)
{
	return json_string_value(json_object_get(entry, "dn"));
}

int
cmd_group_delete(struct cli *cli)
{
	json_t *group;
	char text[1200];
	int status;

	if (client_open_target(cli, &group) != CLI_DONE)
		return CLI_FAILED;
	status = client_delete(cli, dn_of(group));
	json_decref(group);
	snprintf(text, sizeof(text), "Successfully deleted group %s", cli->args[0]);
	return status == CLI_DONE ? output_done(cli, text) : status;
}

/* The second operand becomes the attribute's value; empty: it has none. */
static int
set_attribute(struct cli *cli, const char *attribute)
{
	char *values[] = { (char *)(uintptr_t)cli->args[1], NULL };
	json_t *group;
	int status;

	if (client_open_target(cli, &group) != CLI_DONE)
		return CLI_FAILED;
	status = client_modify_one(cli, dn_of(group), LDAP_MOD_REPLACE, attribute,
	    cli->args[1][0] == '\0' ? NULL : values);
	json_decref(group);
	return status == CLI_DONE ? output_done(cli, "Success") : status;
}

int
cmd_group_rename(struct cli *cli)
{
	return set_attribute(cli, "name");
}

int
cmd_group_describe(struct cli *cli)
{
	return set_attribute(cli, "description");
}

int
cmd_group_set_manager(struct cli *cli)
{
	return set_attribute(cli, "entry_managed_by");
}

int
cmd_group_list_members(struct cli *cli)
{
	json_t *group;
	json_t *members;

	if (client_open_target(cli, &group) != CLI_DONE)
		return CLI_FAILED;
	members = json_array();
	json_array_extend(members, json_object_get(group, "member"));
	json_array_extend(members, json_object_get(group, "dynmember"));
	if (cli->json) {
		output_json(members);
		json_decref(group);
		return CLI_DONE;
	}
	for (size_t i = 0; i < json_array_size(members); i++)
		puts(json_string_value(json_array_get(members, i)));
	if (json_array_size(members) == 0)
		cli_note(cli, "No members in group %s", cli->args[0]);
	json_decref(members);
	json_decref(group);
	return CLI_DONE;
}

/* --- changing members */

static bool
holds(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *value = json_string_value(json_array_get(list, i));
		size_t len = strlen(name);

		if (value != NULL && strncmp(value, name, len) == 0 && value[len] == '@')
			return true;
	}
	return false;
}

static bool
is_high_privilege(const json_t *entry)
{
	const char *name = client_first(entry, "name");

	return holds(json_object_get(entry, "memberof"), "idm_high_privilege") ||
	       (name != NULL && strcmp(name, "idm_high_privilege") == 0);
}

/*
 * Who becomes a member of a high privilege group becomes that himself, with all that a group holds
 * (SPEC 4): it is said before it is done.
 */
static bool
confirm_privilege(struct cli *cli, const json_t *group, char **names)
{
	char question[1024];

	if (!is_high_privilege(group))
		return true;
	for (; *names != NULL; names++) {
		json_t *member = client_get(cli, "any", *names);
		bool raised;

		if (member == NULL)
			return false;
		raised = !is_high_privilege(member);
		json_decref(member);
		if (!raised)
			continue;
		snprintf(question, sizeof(question),
		    "%s is a high privilege group: %s and whoever is in it become high privilege, "
		    "out of reach of ordinary rights, and lose their sessions and tokens. "
		    "Continue?",
		    cli->args[0], *names);
		if (!cli_confirm(cli, question))
			return false;
	}
	return true;
}

static int
change_members(struct cli *cli, int op, bool gains, const char *done)
{
	char **names = cli->args + 1;
	json_t *group;
	int status = CLI_FAILED;

	if (client_open_target(cli, &group) != CLI_DONE)
		return CLI_FAILED;
	if (!gains || confirm_privilege(cli, group, names))
		status = client_modify_one(
		    cli, dn_of(group), op, "member", names[0] == NULL ? NULL : names);
	json_decref(group);
	return status == CLI_DONE ? output_done(cli, done) : status;
}

/* ["m1", "m2"], as it has always been printed. */
static void
quote_names(char **names, char *out, size_t size)
{
	size_t len = (size_t)snprintf(out, size, "[");

	for (size_t i = 0; names[i] != NULL && len + 1 < size; i++)
		len += (size_t)snprintf(
		    out + len, size - len, "%s\"%s\"", i == 0 ? "" : ", ", names[i]);
	if (len + 1 < size)
		snprintf(out + len, size - len, "]");
}

int
cmd_group_add_members(struct cli *cli)
{
	char names[3000];
	char text[4000];

	quote_names(cli->args + 1, names, sizeof(names));
	snprintf(
	    text, sizeof(text), "Successfully added %s to group \"%.200s\"", names, cli->args[0]);
	return change_members(cli, LDAP_MOD_ADD, true, text);
}

int
cmd_group_remove_members(struct cli *cli)
{
	char text[400];

	snprintf(text, sizeof(text), "Successfully removed members from %.200s", cli->args[0]);
	return change_members(cli, LDAP_MOD_DELETE, false, text);
}

int
cmd_group_set_members(struct cli *cli)
{
	char text[400];

	snprintf(text, sizeof(text), "Successfully set members for group %.200s", cli->args[0]);
	return change_members(cli, LDAP_MOD_REPLACE, true, text);
}

int
cmd_group_purge_members(struct cli *cli)
{
	char text[400];

	snprintf(text, sizeof(text), "Successfully purged members of group %.200s", cli->args[0]);
	return change_members(cli, LDAP_MOD_REPLACE, false, text);
}
