/* system: the domain, passwords that nobody may have, names that nobody may take. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/client.h"
#include "admin/output.h"

/* The one entry of a class, which everything below the domain hangs on. */
static int
open_entry(struct cli *cli, const char *class, const char *group, json_t **out)
{
	char filter[64];
	const char *suffix;
	json_t *entries = NULL;

	snprintf(filter, sizeof(filter), "(class=%s)", class);
	if (client_open(cli) != CLI_DONE || (suffix = client_suffix(cli)) == NULL ||
	    client_search(cli, suffix, filter, &entries) != CLI_DONE)
		return CLI_FAILED;
	*out = json_incref(json_array_get(entries, 0));
	json_decref(entries);
	if (*out != NULL)
		return CLI_DONE;
	return cli_fail(cli, "you may not see the settings: %s grants that", group);
}

static const char *
dn_of(const json_t *entry)
{
	return json_string_value(json_object_get(entry, "dn"));
}

/* --- the domain */

int
cmd_domain_show(struct cli *cli)
{
	json_t *domain;

	if (open_entry(cli, "domain_info", "every login", &domain) != CLI_DONE)
		return CLI_FAILED;
	output_entry(cli, domain);
	json_decref(domain);
	return CLI_DONE;
}

int
cmd_domain_set_display_name(struct cli *cli)
{
	char *values[] = { cli->args[0], NULL };
	json_t *domain;
	int status;

	if (open_entry(cli, "domain_info", "every login", &domain) != CLI_DONE)
		return CLI_FAILED;
	status =
	    client_modify_one(cli, dn_of(domain), LDAP_MOD_REPLACE, "domain_display_name", values);
	json_decref(domain);
	return status == CLI_DONE ? output_done(cli, "Success") : status;
}

/* --- lists of system_config */

static int
show_list(struct cli *cli, const char *attribute)
{
	json_t *config;
	json_t *values;

	if (open_entry(cli, "system_config", "idm_account_policy_admins", &config) != CLI_DONE)
		return CLI_FAILED;
	values = json_object_get(config, attribute);
	if (cli->json)
		output_json(values == NULL ? json_array() : json_incref(values));
	for (size_t i = 0; !cli->json && i < json_array_size(values); i++)
		puts(json_string_value(json_array_get(values, i)));
	json_decref(config);
	return CLI_DONE;
}

/* Those of `values` that the list holds (or does not), so that a second time does no harm. */
static char **
choose(const json_t *config, const char *attribute, char **values, bool held)
{
	size_t count = 0, kept = 0;
	char **out;

	while (values[count] != NULL)
		count++;
	out = calloc(count + 1, sizeof(*out));
	for (size_t i = 0; out != NULL && i < count; i++) {
		if (client_holds(config, attribute, values[i]) == held)
			out[kept++] = values[i];
	}
	return out;
}

static int
change_list(struct cli *cli, const char *attribute, char **values, bool add)
{
	json_t *config;
	char **chosen;
	int status = CLI_DONE;

	if (open_entry(cli, "system_config", "idm_account_policy_admins", &config) != CLI_DONE)
		return CLI_FAILED;
	chosen = choose(config, attribute, values, !add);
	if (chosen == NULL)
		status = cli_fail(cli, "out of memory");
	else if (chosen[0] != NULL)
		status = client_modify_one(
		    cli, dn_of(config), add ? LDAP_MOD_ADD : LDAP_MOD_DELETE, attribute, chosen);
	free(chosen);
	json_decref(config);
	return status == CLI_DONE ? output_done(cli, "Success") : status;
}

int
cmd_denied_names_show(struct cli *cli)
{
	return show_list(cli, "denied_name");
}

int
cmd_denied_names_append(struct cli *cli)
{
	return change_list(cli, "denied_name", cli->args, true);
}

int
cmd_denied_names_remove(struct cli *cli)
{
	return change_list(cli, "denied_name", cli->args, false);
}

/* --- words from files */

struct words {
	char **list;
	size_t count;
	size_t room;
};

static void
words_free(struct words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->list[i]);
	free(words->list);
}

static bool
words_add(struct words *words, const char *line)
{
	if (words->count + 1 >= words->room) {
		size_t room = words->room == 0 ? 64 : 2 * words->room;
		char **more = realloc(words->list, room * sizeof(*more));

		if (more == NULL)
			return false;
		words->list = more;
		words->room = room;
	}
	words->list[words->count] = strdup(line);
	if (words->list[words->count] == NULL)
		return false;
	words->list[++words->count] = NULL;
	return true;
}

/* One word a line, in lower case as they are compared; empty lines are none. */
static int
read_words(struct cli *cli, const char *path, struct words *words)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	int status = CLI_DONE;

	if (file == NULL)
		return cli_fail(cli, "%s: %s", path, strerror(errno));
	while (status == CLI_DONE && getline(&line, &room, file) >= 0) {
		line[strcspn(line, "\r\n")] = '\0';
		for (char *c = line; *c != '\0'; c++) {
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c - 'A' + 'a');
		}
		if (line[0] != '\0' && !words_add(words, line))
			status = cli_fail(cli, "out of memory");
	}
	if (status == CLI_DONE && ferror(file))
		status = cli_fail(cli, "%s: %s", path, strerror(errno));
	free(line);
	fclose(file);
	return status;
}

static int
change_badlist(struct cli *cli, bool add)
{
	struct words words = { NULL, 0, 0 };
	int status = CLI_DONE;

	for (int i = 0; i < cli->arg_count && status == CLI_DONE; i++)
		status = read_words(cli, cli->args[i], &words);
	if (status == CLI_DONE && words.count == 0)
		status = cli_fail(cli, "there is no word in there: one a line is expected");
	if (status == CLI_DONE)
		status = change_list(cli, "badlist_password", words.list, add);
	words_free(&words);
	return status;
}

int
cmd_badlist_show(struct cli *cli)
{
	return show_list(cli, "badlist_password");
}

int
cmd_badlist_upload(struct cli *cli)
{
	return change_badlist(cli, true);
}

int
cmd_badlist_remove(struct cli *cli)
{
	return change_badlist(cli, false);
}
