/* recycle_bin: what was deleted, and how it comes back (SPEC 11.6). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/client.h"
#include "admin/output.h"

int
cmd_recycle_list(struct cli *cli)
{
	json_t *entries;
	int status = client_open(cli);

	if (status == CLI_DONE)
		status = client_list(cli, "recycled", NULL, &entries);
	if (status != CLI_DONE)
		return status;
	output_entries(cli, entries);
	json_decref(entries);
	return CLI_DONE;
}

/* The one deleted entry that the first argument names; NULL after it said why there is none. */
static json_t *
open_recycled(struct cli *cli)
{
	json_t *entries, *entry = NULL;
	size_t count;

	if (client_open(cli) != CLI_DONE ||
	    client_find(cli, "recycled", cli->args[0], &entries) != CLI_DONE)
		return NULL;
	count = json_array_size(entries);
	if (count == 1)
		entry = json_incref(json_array_get(entries, 0));
	else if (count == 0)
		cli_fail(cli, "%s: nothing of that name in the recycle bin, or it may not be seen",
		    cli->args[0]);
	else
		cli_fail(cli,
		    "%s: %zu entries of that name were deleted: choose one by its uuid, "
		    "see `kanidm recycle-bin list`",
		    cli->args[0], count);
	json_decref(entries);
	return entry;
}

int
cmd_recycle_get(struct cli *cli)
{
	json_t *entry = open_recycled(cli);

	if (entry == NULL)
		return CLI_FAILED;
	output_entry(cli, entry);
	json_decref(entry);
	return CLI_DONE;
}

/* An entry is in the recycle bin by its class `recycled`: it comes back when that goes. */
int
cmd_recycle_revive(struct cli *cli)
{
	char *values[] = { (char *)(uintptr_t) "recycled", NULL };
	json_t *entry = open_recycled(cli);
	const char *name;
	char text[1200];
	char *said;
	int status;

	if (entry == NULL)
		return CLI_FAILED;
	status = client_modify_one(
	    cli, json_string_value(json_object_get(entry, "dn")), LDAP_MOD_DELETE, "class", values);
	name = client_first(entry, "name");
	snprintf(text, sizeof(text), "Successfully revived %s", name == NULL ? cli->args[0] : name);
	json_decref(entry);
	if (status != CLI_DONE)
		return status;
	said = client_said(cli);
	if (said != NULL)
		cli_note(cli, "%s", said);
	free(said);
	return output_done(cli, text);
}
