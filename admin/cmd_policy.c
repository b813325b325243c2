/* group account-policy: what is asked of the accounts in a group (SPEC 5.5). */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "admin/client.h"
#include "admin/output.h"

static const struct {
	const char *word; /* of the command, with '_' */
	const char *attribute;
} policies[] = {
	{ "password_minimum_length", "policy_password_minimum" },
	{ "auth_expiry", "policy_session_expiry" },
	{ "privilege_expiry", "policy_privilege_expiry" },
	{ "limit_search_max_results", "policy_search_limit" },
	{ "allow_primary_ldap_bind", "policy_primary_ldap_bind" },
};

enum { POLICY_COUNT = sizeof(policies) / sizeof(policies[0]) };

static const char *
dn_of(const json_t *entry)
{
	return json_string_value(json_object_get(entry, "dn"));
}

int
cmd_policy_show(struct cli *cli)
{
	json_t *group;
	json_t *out;

	if (client_open_target(cli, &group) != CLI_DONE)
		return CLI_FAILED;
	if (!client_holds(group, "class", "account_policy")) {
		json_decref(group);
		return cli_fail(cli,
		    "%s has no account policy: `kanidm group account-policy enable %s` gives it "
		    "one",
		    cli->args[0], cli->args[0]);
	}
	out = json_object();
	json_object_set(out, "spn", json_object_get(group, "spn"));
	for (size_t i = 0; i < POLICY_COUNT; i++) {
		json_t *values = json_object_get(group, policies[i].attribute);

		if (values != NULL)
			json_object_set(out, policies[i].attribute, values);
	}
	output_entry(cli, out);
	json_decref(out);
	json_decref(group);
	return CLI_DONE;
}

static LDAPMod
mod_of(int op, const char *attribute, char **values)
{
	LDAPMod mod = { .mod_op = op, .mod_type = (char *)(uintptr_t)attribute };

	mod.mod_values = values;
	return mod;
}

int
cmd_policy_enable(struct cli *cli)
{
	char *class[] = { (char *)(uintptr_t) "account_policy", NULL };
	json_t *group;
	int status;

	if (client_open_target(cli, &group) != CLI_DONE)
		return CLI_FAILED;
	status = client_modify_one(cli, dn_of(group), LDAP_MOD_ADD, "class", class);
	json_decref(group);
	return status == CLI_DONE ? output_done(cli, "Success") : status;
}

/* With the class go all values that it holds. */
int
cmd_policy_disable(struct cli *cli)
{
	char *class[] = { (char *)(uintptr_t) "account_policy", NULL };
	LDAPMod mods[POLICY_COUNT + 1];
	LDAPMod *list[POLICY_COUNT + 2] = { NULL };
	size_t count = 0;
	json_t *group;
	int status;

	if (client_open_target(cli, &group) != CLI_DONE)
		return CLI_FAILED;
	mods[count++] = mod_of(LDAP_MOD_DELETE, "class", class);
	for (size_t i = 0; i < POLICY_COUNT; i++) {
		if (json_object_get(group, policies[i].attribute) != NULL)
			mods[count++] = mod_of(LDAP_MOD_REPLACE, policies[i].attribute, NULL);
	}
	for (size_t i = 0; i < count; i++)
		list[i] = &mods[i];
	status = client_modify(cli, dn_of(group), list);
	json_decref(group);
	return status == CLI_DONE ? output_done(cli, "Success") : status;
}

/* The attribute that the command's last word stands for, '-' and '_' alike. */
static const char *
attribute_of(const struct cli *cli)
{
	const char *word = strrchr(cli->command, ' ') + 1;

	for (size_t i = 0; i < POLICY_COUNT; i++) {
		const char *a = word, *b = policies[i].word;

		while (*a != '\0' && (*a == *b || (*a == '-' && *b == '_')))
			a++, b++;
		if (*a == '\0' && *b == '\0')
			return policies[i].attribute;
	}
	return NULL;
}

int
cmd_policy_set(struct cli *cli)
{
	char *values[] = { cli->args[1], NULL };
	bool clear = strcmp(cli->args[1], "clear") == 0;
	json_t *group;
	int status;

	if (client_open_target(cli, &group) != CLI_DONE)
		return CLI_FAILED;
	if (!client_holds(group, "class", "account_policy"))
		status = cli_fail(cli,
		    "%s has no account policy: `kanidm group account-policy enable %s` gives it "
		    "one",
		    cli->args[0], cli->args[0]);
	else
		status = client_modify_one(
		    cli, dn_of(group), LDAP_MOD_REPLACE, attribute_of(cli), clear ? NULL : values);
	json_decref(group);
	return status == CLI_DONE ? output_done(cli, "Success") : status;
}
