/* system access: the profiles that say who may do what (SPEC 5), which are entries. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/client.h"
#include "admin/output.h"

enum { MODS_MAX = 32, VALUES_MAX = 256 };

/* --- what is there */

/* "cn=idm_admins,ou=groups,dc=..." -> "idm_admins". */
static json_t *
short_name(const char *dn)
{
	const char *equal = strchr(dn, '=');

	if (equal == NULL)
		return json_string(dn);
	return json_stringn(equal + 1, strcspn(equal + 1, ","));
}

/* Receivers by their names, as they are given. */
static void
shorten_receivers(json_t *profile)
{
	json_t *receivers = json_object_get(profile, "acp_receiver");
	json_t *names;

	if (receivers == NULL)
		return;
	names = json_array();
	for (size_t i = 0; i < json_array_size(receivers); i++)
		json_array_append_new(
		    names, short_name(json_string_value(json_array_get(receivers, i))));
	json_object_set_new(profile, "acp_receiver", names);
}

static const char *
text_of(const json_t *profile, const char *attribute, const char *missing)
{
	const char *value = client_first(profile, attribute);

	return value == NULL ? missing : value;
}

static bool
is_enabled(const json_t *profile)
{
	const char *value = client_first(profile, "acp_enable");

	return value == NULL || strcasecmp(value, "true") == 0;
}

static void
print_profile(const json_t *profile)
{
	const json_t *receivers = json_object_get(profile, "acp_receiver");

	printf("%-30s %-8s ", text_of(profile, "name", "?"),
	    is_enabled(profile) ? "enabled" : "disabled");
	for (size_t i = 0; i < json_array_size(receivers); i++)
		printf("%s%s", i == 0 ? "" : ",", json_string_value(json_array_get(receivers, i)));
	if (json_array_size(receivers) == 0)
		printf("-");
	printf(" on %s\n", text_of(profile, "acp_target", "?"));
}

int
cmd_access_list(struct cli *cli)
{
	json_t *profiles;
	int status = client_open(cli);

	if (status == CLI_DONE)
		status = client_list(cli, "profile", NULL, &profiles);
	if (status != CLI_DONE)
		return status;
	for (size_t i = 0; i < json_array_size(profiles); i++) {
		shorten_receivers(json_array_get(profiles, i));
		if (!cli->json)
			print_profile(json_array_get(profiles, i));
	}
	if (cli->json)
		output_json(json_incref(profiles));
	else if (json_array_size(profiles) == 0)
		cli_note(cli, "no profiles, or none that may be seen: idm_acp_manage_priv may");
	json_decref(profiles);
	return CLI_DONE;
}

/* The profile that the first argument names; NULL after it said why there is none. */
static json_t *
open_profile(struct cli *cli)
{
	return client_open(cli) == CLI_DONE ? client_get(cli, "profile", cli->args[0]) : NULL;
}

int
cmd_access_get(struct cli *cli)
{
	json_t *profile = open_profile(cli);

	if (profile == NULL)
		return CLI_FAILED;
	shorten_receivers(profile);
	output_entry(cli, profile);
	json_decref(profile);
	return CLI_DONE;
}

/* --- KEY=VALUE */

static const struct {
	const char *key;
	const char *attribute;
	const char *second; /* that takes the same values; NULL: none */
	bool list;          /* of words, with commas or spaces between them */
} keys[] = {
	{ "receiver", "acp_receiver", NULL, true },
	{ "target", "acp_target", NULL, false },
	{ "hp", "acp_hp", NULL, false },
	{ "search", "acp_search", NULL, true },
	{ "write", "acp_modify_present", "acp_modify_removed", true },
	{ "add", "acp_modify_present", NULL, true },
	{ "remove", "acp_modify_removed", NULL, true },
	{ "class", "acp_modify_class", NULL, true },
	{ "create", "acp_create_attr", NULL, true },
	{ "create-class", "acp_create_class", NULL, true },
	{ "delete", "acp_delete", NULL, false },
	{ "enable", "acp_enable", NULL, false },
	{ "description", "description", NULL, false },
};

enum { KEY_COUNT = sizeof(keys) / sizeof(keys[0]) };

/* Modifications while they are gathered; all of it points into the arguments. */
struct changes {
	LDAPMod mods[MODS_MAX];
	LDAPMod *list[MODS_MAX + 1];
	char *values[VALUES_MAX];
	size_t mod_count;
	size_t value_count;
};

static bool
add_mod(struct changes *changes, int op, const char *attribute, char **values)
{
	LDAPMod *mod = &changes->mods[changes->mod_count];

	if (changes->mod_count == MODS_MAX)
		return false;
	mod->mod_op = op;
	mod->mod_type = (char *)(uintptr_t)attribute;
	mod->mod_values = values;
	changes->list[changes->mod_count++] = mod;
	changes->list[changes->mod_count] = NULL;
	return true;
}

/* The words of `text` as values, with a NULL behind them; NULL: too many.  `text` is cut up. */
static char **
take_values(struct changes *changes, char *text, bool list)
{
	char **values = &changes->values[changes->value_count];
	char *save = NULL;

	if (!list && *text != '\0' && changes->value_count + 2 <= VALUES_MAX)
		changes->values[changes->value_count++] = text;
	for (char *word = list ? strtok_r(text, ", ", &save) : NULL; word != NULL;
	     word = strtok_r(NULL, ", ", &save)) {
		if (changes->value_count + 2 > VALUES_MAX)
			return NULL;
		changes->values[changes->value_count++] = word;
	}
	if (changes->value_count + 1 > VALUES_MAX)
		return NULL;
	changes->values[changes->value_count++] = NULL;
	return values;
}

/* KEY, and what the sign before `=` asks for: KEY=, KEY+=, KEY-=. */
static size_t
find_key(const char *arg, bool adds_alone, int *op)
{
	size_t len = strcspn(arg, "=");

	*op = adds_alone ? LDAP_MOD_ADD : LDAP_MOD_REPLACE;
	if (arg[len] == '=' && len > 0 && !adds_alone &&
	    (arg[len - 1] == '+' || arg[len - 1] == '-'))
		*op = arg[--len] == '+' ? LDAP_MOD_ADD : LDAP_MOD_DELETE;
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (strlen(keys[i].key) == len && strncmp(keys[i].key, arg, len) == 0)
			return i;
	}
	return KEY_COUNT;
}

static int
misuse(const struct cli *cli, const char *arg)
{
	return cli_misuse(cli,
	    "%.60s: KEY=VALUES is wanted, with KEY one of receiver, target, hp, search, write, "
	    "add, "
	    "remove, class, create, create-class, delete, enable, description",
	    arg);
}

static int
take_argument(const struct cli *cli, struct changes *changes, char *arg, bool adds_alone)
{
	int op;
	size_t key = find_key(arg, adds_alone, &op);
	char *text = strchr(arg, '=');
	char **values;

	if (text == NULL || key == KEY_COUNT)
		return misuse(cli, arg);
	values = take_values(changes, text + 1, keys[key].list);
	if (values == NULL)
		return cli_misuse(cli, "too many values: give fewer at a time");
	if (values[0] == NULL && op == LDAP_MOD_ADD)
		return CLI_DONE; /* none is what a new profile has anyway */
	if (!add_mod(changes, op, keys[key].attribute, values[0] == NULL ? NULL : values) ||
	    (keys[key].second != NULL &&
		!add_mod(changes, op, keys[key].second, values[0] == NULL ? NULL : values)))
		return cli_misuse(cli, "too many keys: give fewer at a time");
	return CLI_DONE;
}

/* All arguments behind the profile's name. */
static int
take_arguments(const struct cli *cli, struct changes *changes, bool adds_alone)
{
	int status = CLI_DONE;

	for (int i = 1; i < cli->arg_count && status == CLI_DONE; i++)
		status = take_argument(cli, changes, cli->args[i], adds_alone);
	return status;
}

/* --- changes */

int
cmd_access_create(struct cli *cli)
{
	static struct changes changes;
	const char *suffix;
	static char profile[] = "access_control_profile";
	static char *class[] = { profile, NULL };
	char dn[2048], text[256];
	int status = take_arguments(cli, &changes, true);

	if (status != CLI_DONE)
		return status;
	if (strlen(cli->args[0]) > 128 || strpbrk(cli->args[0], ",+\"\\<>;=#") != NULL)
		return cli_fail(cli,
		    "%.40s: a profile's name has up to 64 of a-z, 0-9, `-`, `_`, `.` and begins "
		    "with a letter",
		    cli->args[0]);
	if (!add_mod(&changes, LDAP_MOD_ADD, "class", class))
		return cli_misuse(cli, "too many keys: give fewer at a time");
	if (client_open(cli) != CLI_DONE || (suffix = client_suffix(cli)) == NULL)
		return CLI_FAILED;
	snprintf(dn, sizeof(dn), "cn=%s,ou=access,%s", cli->args[0], suffix);
	if (client_add(cli, dn, changes.list) != CLI_DONE)
		return CLI_FAILED;
	snprintf(text, sizeof(text), "Successfully created profile '%s'", cli->args[0]);
	return output_done_with(cli, text, "name", cli->args[0]);
}

/* Change the profile that the first argument names. */
static int
change_profile(struct cli *cli, LDAPMod **mods, const char *done)
{
	json_t *profile = open_profile(cli);
	char text[256];
	int status;

	if (profile == NULL)
		return CLI_FAILED;
	status = client_modify(cli, json_string_value(json_object_get(profile, "dn")), mods);
	json_decref(profile);
	snprintf(text, sizeof(text), "Successfully %s profile '%.128s'", done, cli->args[0]);
	return status == CLI_DONE ? output_done(cli, text) : status;
}

int
cmd_access_update(struct cli *cli)
{
	static struct changes changes;
	int status = take_arguments(cli, &changes, false);

	return status == CLI_DONE ? change_profile(cli, changes.list, "changed") : status;
}

static int
set_enabled(struct cli *cli, bool enabled)
{
	char *value[] = { (char *)(uintptr_t)(enabled ? "true" : "false"), NULL };
	struct changes changes = { .mod_count = 0 };

	add_mod(&changes, LDAP_MOD_REPLACE, "acp_enable", value);
	return change_profile(cli, changes.list, enabled ? "enabled" : "disabled");
}

int
cmd_access_enable(struct cli *cli)
{
	return set_enabled(cli, true);
}

int
cmd_access_disable(struct cli *cli)
{
	return set_enabled(cli, false);
}

int
cmd_access_delete(struct cli *cli)
{
	json_t *profile = open_profile(cli);
	char text[256];
	int status;

	if (profile == NULL)
		return CLI_FAILED;
	status = client_delete(cli, json_string_value(json_object_get(profile, "dn")));
	json_decref(profile);
	snprintf(text, sizeof(text), "Successfully deleted profile '%.128s'", cli->args[0]);
	return status == CLI_DONE ? output_done(cli, text) : status;
}
