/* account, person, service-account: list, search, get, create, update, delete, into-person. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/client.h"
#include "admin/output.h"

static int
list(struct cli *cli, const char *word)
{
	json_t *entries = NULL;

	if (client_open(cli) != CLI_DONE ||
	    client_list(cli, cli->subject, word, &entries) != CLI_DONE)
		return CLI_FAILED;
	output_entries(cli, entries);
	json_decref(entries);
	return CLI_DONE;
}

int
cmd_account_list(struct cli *cli)
{
	return list(cli, NULL);
}

int
cmd_account_search(struct cli *cli)
{
	return list(cli, cli->args[0]);
}

int
cmd_account_get(struct cli *cli)
{
	json_t *entry;

	if (client_open_target(cli, &entry) != CLI_DONE)
		return CLI_FAILED;
	output_entry(cli, entry);
	json_decref(entry);
	return CLI_DONE;
}

/* A name as it stands in a DN: whatever is special there is written in hex (RFC 4514). */
static void
escape_name(const char *name, char *out, size_t size)
{
	size_t len = 0;

	for (; *name != '\0' && len + 4 < size; name++) {
		unsigned char c = (unsigned char)*name;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';

		len += (size_t)snprintf(out + len, size - len, plain ? "%c" : "\\%02x", c);
	}
	out[len] = '\0';
}

/* `account create` makes a person. */
int
cmd_account_create(struct cli *cli)
{
	bool service = strcmp(cli->subject, "service_account") == 0;
	char *displayname[] = { cli->args[1], NULL };
	LDAPMod mod = { .mod_op = LDAP_MOD_ADD, .mod_type = (char *)(uintptr_t) "displayname" };
	LDAPMod *mods[] = { &mod, NULL };
	char name[800];
	char dn[2048];
	const char *suffix;

	mod.mod_values = displayname;
	if (strlen(cli->args[0]) > 128)
		return cli_fail(cli, "%.20s...: a name has at most 64 characters", cli->args[0]);
	if (client_open(cli) != CLI_DONE || (suffix = client_suffix(cli)) == NULL)
		return CLI_FAILED;
	escape_name(cli->args[0], name, sizeof(name));
	snprintf(dn, sizeof(dn), "uid=%s,ou=%s,%s", name, service ? "services" : "people", suffix);
	if (client_add(cli, dn, mods) != CLI_DONE)
		return CLI_FAILED;
	return output_done_with(cli, "", "name", cli->args[0]);
}

/* An option that was given: its values replace what was there; an empty one removes it. */
static void
replace(LDAPMod *mod, const char *attribute, char **values)
{
	mod->mod_op = LDAP_MOD_REPLACE;
	mod->mod_type = (char *)(uintptr_t)attribute;
	mod->mod_values = values[0] == NULL || values[0][0] == '\0' ? NULL : values;
}

int
cmd_account_update(struct cli *cli)
{
	char *displayname[] = { (char *)(uintptr_t)cli->displayname, NULL };
	char *legalname[] = { (char *)(uintptr_t)cli->legalname, NULL };
	char *newname[] = { (char *)(uintptr_t)cli->newname, NULL };
	char *description[] = { (char *)(uintptr_t)cli->description, NULL };
	char *manager[] = { (char *)(uintptr_t)cli->entry_managed_by, NULL };
	LDAPMod list_of_mods[6];
	LDAPMod *mods[7] = { NULL };
	size_t count = 0;
	json_t *entry;
	int status;

	if (cli->displayname != NULL)
		replace(&list_of_mods[count++], "displayname", displayname);
	if (cli->legalname != NULL)
		replace(&list_of_mods[count++], "legalname", legalname);
	if (cli->mails.count != 0)
		replace(&list_of_mods[count++], "mail", cli->mails.list);
	if (cli->description != NULL)
		replace(&list_of_mods[count++], "description", description);
	if (cli->entry_managed_by != NULL)
		replace(&list_of_mods[count++], "entry_managed_by", manager);
	if (cli->newname != NULL)
		replace(&list_of_mods[count++], "name", newname);
	if (count == 0)
		return cli_misuse(cli, "nothing to change: give --displayname, --legalname, "
				       "--mail, --description, --entry-managed-by or --newname");
	for (size_t i = 0; i < count; i++)
		mods[i] = &list_of_mods[i];
	if (client_open_target(cli, &entry) != CLI_DONE)
		return CLI_FAILED;
	status = client_modify(cli, json_string_value(json_object_get(entry, "dn")), mods);
	json_decref(entry);
	return status == CLI_DONE ? output_done(cli, "Success") : status;
}

int
cmd_account_delete(struct cli *cli)
{
	json_t *entry;
	char text[1200];
	int status;

	if (client_open_target(cli, &entry) != CLI_DONE)
		return CLI_FAILED;
	status = client_delete(cli, json_string_value(json_object_get(entry, "dn")));
	json_decref(entry);
	snprintf(text, sizeof(text), "success - account delete for user %s: deleted", cli->args[0]);
	return status == CLI_DONE ? output_done(cli, text) : status;
}

/* It can't be undone, and what identified it is lost: so it is asked for. */
static int
confirm_person(struct cli *cli, const json_t *entry)
{
	char question[1200];

	if (!client_holds(entry, "class", "service_account"))
		return cli_fail(cli, "%s is no service account", cli->args[0]);
	snprintf(question, sizeof(question),
	    "%s becomes a person for good: its API tokens, its password and its manager go. Is "
	    "that wanted?",
	    cli->args[0]);
	return cli_confirm(cli, question) ? CLI_DONE : CLI_FAILED;
}

int
cmd_account_into_person(struct cli *cli)
{
	char *from[] = { (char *)(uintptr_t) "service_account", NULL };
	char *to[] = { (char *)(uintptr_t) "person", NULL };
	LDAPMod remove = { .mod_op = LDAP_MOD_DELETE, .mod_type = (char *)(uintptr_t) "class" };
	LDAPMod add = { .mod_op = LDAP_MOD_ADD, .mod_type = (char *)(uintptr_t) "class" };
	LDAPMod *mods[] = { &remove, &add, NULL };
	json_t *entry;
	int status;

	remove.mod_values = from;
	add.mod_values = to;
	if (client_open_target(cli, &entry) != CLI_DONE)
		return CLI_FAILED;
	status = confirm_person(cli, entry);
	if (status == CLI_DONE)
		status = client_modify(cli, json_string_value(json_object_get(entry, "dn")), mods);
	json_decref(entry);
	return status == CLI_DONE ? output_done(cli, "Success") : status;
}
