/* kanidm: the command line, and the table of commands in both grammars (SPEC 10.1). */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/cli.h"
#include "admin/client.h"
#include "common/toml.h"

/*
 * A command: its words, with alternatives of the first one between bars; "_" stands for "-" too.
 * `account person update X` is `account update X` (the chapter's older form).
 */
struct command {
	const char *words;
	const char *args; /* for usage */
	int min_args;
	int max_args; /* -1: any number */
	int (*run)(struct cli *cli);
};

#define ACCOUNTS "account|person|service_account "

static const struct command commands[] = {
	{ "login", "[-D NAME]", 0, 0, cmd_login },
	{ "logout", "[NAME]", 0, 1, cmd_logout },
	{ "reauth", "", 0, 0, cmd_reauth },
	{ "session list", "", 0, 0, cmd_session_list },
	{ "self whoami", "", 0, 0, cmd_self_whoami },
	{ "version", "", 0, 0, cmd_version },
	{ ACCOUNTS "list", "", 0, 0, cmd_account_list },
	{ ACCOUNTS "search", "WORD", 1, 1, cmd_account_search },
	{ ACCOUNTS "get", "ACCOUNT", 1, 1, cmd_account_get },
	{ ACCOUNTS "create", "NAME DISPLAYNAME", 2, 2, cmd_account_create },
	{ ACCOUNTS "update",
	    "ACCOUNT [--displayname TEXT] [--legalname TEXT] [--mail ADDRESS]... [--newname NAME]",
	    1, 1, cmd_account_update },
	{ "account person update",
	    "ACCOUNT [--displayname TEXT] [--legalname TEXT] [--mail ADDRESS]... [--newname NAME]",
	    1, 1, cmd_account_update },
	{ ACCOUNTS "delete", "ACCOUNT", 1, 1, cmd_account_delete },
	{ ACCOUNTS "credential status", "ACCOUNT", 1, 1, cmd_credential_status },
	{ ACCOUNTS "credential update", "ACCOUNT", 1, 1, cmd_credential_update },
	{ ACCOUNTS "credential generate_pw", "ACCOUNT", 1, 1, cmd_credential_generate },
	{ ACCOUNTS "credential generate", "ACCOUNT", 1, 1, cmd_credential_generate },
	{ ACCOUNTS "validity show", "ACCOUNT", 1, 1, cmd_validity_show },
	{ ACCOUNTS "validity begin_from", "ACCOUNT TIME|any|clear|now", 2, 2,
	    cmd_validity_begin_from },
	{ ACCOUNTS "validity expire_at", "ACCOUNT TIME|never|clear|now|epoch", 2, 2,
	    cmd_validity_expire_at },
	{ ACCOUNTS "radius show_secret", "ACCOUNT", 1, 1, cmd_radius_show_secret },
	{ ACCOUNTS "radius generate_secret", "ACCOUNT", 1, 1, cmd_radius_generate_secret },
	{ ACCOUNTS "radius delete_secret", "ACCOUNT", 1, 1, cmd_radius_delete_secret },
	{ "group list", "", 0, 0, cmd_group_list },
	{ "group get", "GROUP", 1, 1, cmd_group_get },
	{ "group create", "NAME", 1, 1, cmd_group_create },
	{ "group delete", "GROUP", 1, 1, cmd_group_delete },
	{ "group list_members", "GROUP", 1, 1, cmd_group_list_members },
	{ "group add_members", "GROUP MEMBER...", 2, -1, cmd_group_add_members },
	{ "group remove_members", "GROUP MEMBER...", 2, -1, cmd_group_remove_members },
	{ "group set_members", "GROUP MEMBER...", 2, -1, cmd_group_set_members },
	{ "group purge_members", "GROUP", 1, 1, cmd_group_purge_members },
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]), WORDS_MAX = 4 };

/* --- words */

/* Equal, with '-' and '_' alike; `len` octets of `pattern`. */
static bool
word_equal(const char *pattern, size_t len, const char *word)
{
	if (strlen(word) != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = word[i] == '-' ? '_' : word[i];

		if (pattern[i] != c)
			return false;
	}
	return true;
}

/* Does a word of a pattern, maybe with alternatives, match? */
static bool
alternative_matches(const char *pattern, size_t len, const char *word)
{
	while (len != 0) {
		size_t one = 0;

		while (one < len && pattern[one] != '|')
			one++;
		if (word_equal(pattern, one, word))
			return true;
		pattern += one + (one < len);
		len -= one + (one < len);
	}
	return false;
}

/* How many of the arguments are the words of the command; 0: they are not. */
static int
match_words(const struct command *command, char **args, int count)
{
	const char *pattern = command->words;
	int matched = 0;

	while (*pattern != '\0') {
		size_t len = strcspn(pattern, " ");

		if (matched == count || !alternative_matches(pattern, len, args[matched]))
			return 0;
		matched++;
		pattern += len + strspn(pattern + len, " ");
	}
	return matched;
}

static const struct command *
find_command(char **args, int count, int *words)
{
	const struct command *best = NULL;

	*words = 0;
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		int matched = match_words(&commands[i], args, count);

		if (matched > *words) {
			best = &commands[i];
			*words = matched;
		}
	}
	return best;
}

/* --- usage */

/* Commands that begin as the arguments do; all of them when none does. */
static void
print_usage(FILE *out, char **args, int count)
{
	bool any = false;

	for (int pass = 0; pass < 2 && !any; pass++) {
		for (size_t i = 0; i < COMMAND_COUNT; i++) {
			const char *first = commands[i].words;

			if (pass == 0 && (count == 0 || !alternative_matches(
							    first, strcspn(first, " "), args[0])))
				continue;
			fprintf(out, "%s kanidm %s %s\n",
			    any ? "      " : "usage:", commands[i].words, commands[i].args);
			any = true;
		}
	}
	fputs("options: -D|--name NAME  -H|--url URL  -C|--ca FILE  -o|--output text|json  "
	      "-d|--debug  --yes; see kanidm(1)\n",
	    out);
}

/* --- options, anywhere on the line */

struct option {
	const char *letter;
	const char *word;
	const char **value; /* of options that take one */
	bool *flag;
};

/* The option's value: the rest of "--word=value", else the next argument.  NULL: there is none. */
static const char *
option_value(char **argv, int argc, int *i, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(argv[*i], word, len) == 0 && argv[*i][len] == '=')
		return argv[*i] + len + 1;
	if (*i + 1 >= argc)
		return NULL;
	return argv[++*i];
}

static bool
is_option(const struct option *option, const char *arg)
{
	size_t len = strlen(option->word);

	if (option->letter != NULL && strcmp(arg, option->letter) == 0)
		return true;
	return strncmp(arg, option->word, len) == 0 &&
	       (arg[len] == '\0' || (option->flag == NULL && arg[len] == '='));
}

static int
bad_usage(const char *what, const char *arg)
{
	fprintf(stderr, "kanidm: %s: %s\n", arg, what);
	return CLI_USAGE;
}

static int
take_mail(struct cli *cli, const char *value)
{
	if (cli->mail_count == CLI_MAILS_MAX - 1)
		return bad_usage("too many of them", "--mail");
	cli->mails[cli->mail_count++] = (char *)(uintptr_t)value;
	return CLI_DONE;
}

static int
take_option(struct cli *cli, struct option *options, size_t count, char **argv, int argc, int *i)
{
	const char *value;

	for (size_t k = 0; k < count; k++) {
		if (!is_option(&options[k], argv[*i]))
			continue;
		if (options[k].flag != NULL) {
			*options[k].flag = true;
			return CLI_DONE;
		}
		value = option_value(argv, argc, i, options[k].word);
		if (value == NULL)
			return bad_usage("a value is missing", options[k].word);
		if (options[k].value == NULL)
			return take_mail(cli, value);
		*options[k].value = value;
		return CLI_DONE;
	}
	return bad_usage("there is no such option; see kanidm --help", argv[*i]);
}

/* Split the command line into options and `args`, which is as long as argv. */
static int
parse_line(struct cli *cli, int argc, char **argv, char **args, int *count, bool *help)
{
	const char *output = NULL;
	struct option options[] = {
		{ "-D", "--name", &cli->name, NULL },
		{ "-H", "--url", &cli->url, NULL },
		{ "-C", "--ca", &cli->ca, NULL },
		{ "-o", "--output", &output, NULL },
		{ "-d", "--debug", NULL, &cli->debug },
		{ NULL, "--yes", NULL, &cli->yes },
		{ "-h", "--help", NULL, help },
		{ "-l", "--legalname", &cli->legalname, NULL },
		{ "-i", "--displayname", &cli->displayname, NULL },
		{ "-n", "--newname", &cli->newname, NULL },
		{ NULL, "--description", &cli->description, NULL },
		{ "-m", "--mail", NULL, NULL },
	};
	bool only_args = false;

	for (int i = 1; i < argc; i++) {
		int status = CLI_DONE;

		if (!only_args && strcmp(argv[i], "--") == 0)
			only_args = true;
		else if (only_args || argv[i][0] != '-' || argv[i][1] == '\0')
			args[(*count)++] = argv[i];
		else
			status = take_option(
			    cli, options, sizeof(options) / sizeof(options[0]), argv, argc, &i);
		if (status != CLI_DONE)
			return status;
	}
	if (output == NULL)
		output = getenv("KANIDM_OUTPUT");
	if (output != NULL && strcmp(output, "json") != 0 && strcmp(output, "text") != 0)
		return bad_usage("output is text or json", output);
	cli->json = output != NULL && strcmp(output, "json") == 0;
	return CLI_DONE;
}

/* --- settings: options, then the environment, then the files, the user's own last */

struct settings {
	char uri[1024];
	char name[300];
	char ca_path[1024];
};

static enum idm_result
on_table(void *ctx, const struct toml_place *place, struct idm_error *err)
{
	(void)ctx;
	return toml_fail(err, place, "is not known here; write key = \"value\" lines alone");
}

static enum idm_result
on_value(void *ctx, const struct toml_place *place, const struct toml_value *value,
    struct idm_error *err)
{
	struct settings *settings = ctx;
	struct {
		const char *key;
		char *out;
		size_t size;
	} known[] = {
		{ "uri", settings->uri, sizeof(settings->uri) },
		{ "name", settings->name, sizeof(settings->name) },
		{ "ca_path", settings->ca_path, sizeof(settings->ca_path) },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(place->key, known[i].key) != 0)
			continue;
		if (value->kind != TOML_STRING || strlen(value->text) >= known[i].size)
			return toml_fail(
			    err, place, "is not a short text; write %s = \"...\"", known[i].key);
		snprintf(known[i].out, known[i].size, "%s", value->text);
		return IDM_OK;
	}
	return toml_fail(err, place, "is not known; the keys are uri, name, ca_path");
}

static bool
load_file(const struct cli *cli, const char *path, struct settings *settings)
{
	const struct toml_reader reader = { on_table, on_value, settings };
	struct idm_error err = { .text = "" };
	enum idm_result result = toml_load(path, &reader, &err);

	if (result == IDM_OK || result == IDM_NOT_FOUND)
		return true;
	cli_fail(cli, "%s", err.text);
	return false;
}

static const char *
first_of(const char *option, const char *variable, const char *setting)
{
	const char *value = option != NULL ? option : getenv(variable);

	if (value == NULL || value[0] == '\0')
		value = setting[0] == '\0' ? NULL : setting;
	return value;
}

static bool
load_settings(struct cli *cli, struct settings *settings)
{
	const char *home = getenv("HOME");
	char path[4096];

	if (!load_file(cli, "/etc/kanidm/config", settings))
		return false;
	snprintf(path, sizeof(path), "%s/.config/kanidm", home == NULL ? "" : home);
	if (home != NULL && !load_file(cli, path, settings))
		return false;
	cli->url = first_of(cli->url, "KANIDM_URL", settings->uri);
	if (cli->url == NULL)
		cli->url = CLI_DEFAULT_URL;
	cli->name = first_of(cli->name, "KANIDM_NAME", settings->name);
	cli->ca = first_of(cli->ca, "KANIDM_CA_PATH", settings->ca_path);
	return true;
}

/* --- main */

/* "service-account credential generate-pw" as it was typed, for messages. */
static void
join_words(char **args, int words, char *out, size_t size)
{
	size_t len = 0;

	for (int i = 0; i < words && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s", i == 0 ? "" : " ", args[i]);
}

static int
run_command(struct cli *cli, const struct command *command, char **args, int count, int words)
{
	static struct settings settings;
	int status;

	cli->args = args + words;
	cli->arg_count = count - words;
	if (cli->arg_count < command->min_args ||
	    (command->max_args >= 0 && cli->arg_count > command->max_args)) {
		fprintf(stderr, "usage: kanidm %s %s\n", cli->command, command->args);
		return CLI_USAGE;
	}
	snprintf(cli->subject, sizeof(cli->subject), "%s", args[0]);
	for (char *c = cli->subject; *c != '\0'; c++)
		*c = *c == '-' ? '_' : *c;
	if (!load_settings(cli, &settings))
		return CLI_FAILED;
	status = command->run(cli);
	client_close(cli);
	if (fflush(stdout) != 0)
		status = cli_fail(cli, "the output could not be written");
	return status;
}

int
main(int argc, char **argv)
{
	struct cli cli = { .command = "" };
	char **args = calloc((size_t)argc + 1, sizeof(*args)); /* ends in NULL */
	char command_words[128] = "";
	const struct command *command;
	bool help = false;
	int count = 0, words, status;

	if (args == NULL)
		return CLI_FAILED;
	signal(SIGPIPE, SIG_IGN); /* a server that hangs up is an error of a call, no end */
	status = parse_line(&cli, argc, argv, args, &count, &help);
	command = find_command(args, count, &words);
	if (status == CLI_DONE && help) {
		print_usage(stdout, args, count);
	} else if (status == CLI_DONE && command == NULL) {
		print_usage(stderr, args, count);
		status = CLI_USAGE;
	} else if (status == CLI_DONE) {
		join_words(args, words, command_words, sizeof(command_words));
		cli.command = command_words;
		status = run_command(&cli, command, args, count, words);
	}
	free(args);
	return status;
}
