/* kanidmd: the command line of the offline tool (SPEC 10.5). */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/server.h"
#include "common/clock.h"
#include "common/config.h"

static int
version(struct server_cli *cli)
{
	printf(cli->json ? "{ \"version\": \"%s\" }\n" : "kanidmd %s\n", IDM_VERSION);
	return SERVER_DONE;
}

static const struct command {
	const char *word; /* one or two; "_" stands for "-" too */
	const char *args;
	const char *options; /* the letters of those that it takes beside -c and -o */
	int arg_count;
	int more; /* arguments that may follow these */
	int (*run)(struct server_cli *cli);
} commands[] = {
	{ "server", "", "", 0, 0, server_run },
	{ "configtest", "", "", 0, 0, server_configtest },
	{ "recover_account", "NAME [--restore-roles] [--online]", "rO", 1, 0,
	    server_recover_account },
	{ "disable_account", "NAME [--online]", "O", 1, 0, server_disable_account },
	{ "hold add", "NAME [--online]", "O", 1, 0, server_hold_add },
	{ "hold remove", "NAME [--online]", "O", 1, 0, server_hold_remove },
	{ "hold list", "", "", 0, 0, server_hold_list },
	{ "trust_clock", "", "", 0, 0, server_trust_clock },
	{ "import", "FILE.ldif [--dry-run] [--keep-going] [--ignore ATTRIBUTE,...]", "nki", 1, 0,
	    server_import },
	{ "database backup", "FILE|- [--passphrase-file FILE]", "p", 1, 0, server_backup },
	{ "database restore", "FILE|- [--passphrase-file FILE] [--local] [--without-secrets]",
	    "plw", 1, 0, server_restore },
	{ "database verify", "[FILE|-] [--passphrase-file FILE]", "p", 0, 1, server_verify },
	{ "database reindex", "[--accept]", "a", 0, 0, server_reindex },
	{ "database vacuum", "", "", 0, 0, server_vacuum },
	{ "domain rename", "DOMAIN", "", 1, 0, server_rename_domain },
	{ "key rotate", "[password|radius]", "", 0, 1, server_rotate_key },
	{ "version", "", "", 0, 0, version },
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]), OPTIONS_MAX = 64 };

int
server_fail(const char *fmt, ...)
{
	char line[2048];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	for (char *c = line; *c != '\0'; c++)
		*c = (unsigned char)*c < ' ' || *c == 0x7f ? ' ' : *c;
	fprintf(stderr, "kanidmd: %s\n", line);
	return SERVER_FAILED;
}

void
server_tell_upgrade(const struct idm_store *store, const struct server_config *config)
{
	unsigned long long from = idm_store_upgraded_from(store);

	if (from != 0)
		fprintf(stderr,
		    "kanidmd: the database had the former format %llu and was upgraded; a copy of "
		    "it is kept in %s as *.format-%llu\n",
		    from, config->db_path, from);
}

static int
usage(FILE *out)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "%s kanidmd %s %s\n", i == 0 ? "usage:" : "      ", commands[i].word,
		    commands[i].args);
	fputs("options: -c|--config FILE  -o|--output text|json; see kanidmd(8)\n", out);
	return out == stdout ? SERVER_DONE : SERVER_USAGE;
}

/* Does `words`, with `count` of them left, begin with the command's?  *taken: how many those are.
 */
static bool
is_command(const struct command *command, char **words, int count, int *taken)
{
	size_t len = strcspn(command->word, " ");

	*taken = command->word[len] == '\0' ? 1 : 2;
	if (count < *taken || strlen(words[0]) != len || strncmp(words[0], command->word, len) != 0)
		return false;
	return *taken == 1 || strcmp(words[1], command->word + len + 1) == 0;
}

static const struct command *
find_command(char **words, int count, int *taken)
{
	for (char *c = words[0]; *c != '\0'; c++)
		*c = *c == '-' ? '_' : *c;
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (is_command(&commands[i], words, count, taken))
			return &commands[i];
	}
	return NULL;
}

static bool
set_output(struct server_cli *cli, const char *output)
{
	cli->json = output != NULL && strcmp(output, "json") == 0;
	return output == NULL || cli->json || strcmp(output, "text") == 0;
}

/* Patterns with commas between. */
static bool
add_ignored(struct server_cli *cli, char *list)
{
	for (char *word = strtok(list, ","); word != NULL; word = strtok(NULL, ",")) {
		if (cli->ignore_count == SERVER_IGNORE_MAX)
			return false;
		cli->ignore[cli->ignore_count++] = word;
	}
	return true;
}

/* An option that is one command's; false: there are too many of it. */
static bool
set_option(struct server_cli *cli, int option, char *argument)
{
	switch (option) {
	case 'r': cli->restore_roles = true; return true;
	case 'n': cli->dry_run = true; return true;
	case 'k': cli->keep_going = true; return true;
	case 'i': return add_ignored(cli, argument);
	case 'p': cli->passphrase_file = argument; return true;
	case 'l': cli->local = true; return true;
	case 'w': cli->without_secrets = true; return true;
	case 'a': cli->accept = true; return true;
	case 'O': cli->online = true; return true;
	default: return false;
	}
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "output", required_argument, NULL, 'o' },
		{ "restore-roles", no_argument, NULL, 'r' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "keep-going", no_argument, NULL, 'k' },
		{ "ignore", required_argument, NULL, 'i' },
		{ "passphrase-file", required_argument, NULL, 'p' },
		{ "local", no_argument, NULL, 'l' },
		{ "without-secrets", no_argument, NULL, 'w' },
		{ "accept", no_argument, NULL, 'a' },
		{ "online", no_argument, NULL, 'O' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct server_cli cli = { .config_path = getenv("KANIDM_CONFIG") };
	const char *output = getenv("KANIDM_OUTPUT");
	const struct command *command;
	struct idm_error err = { .text = "" };
	char given[OPTIONS_MAX + 1] = "";
	size_t given_count = 0;
	int option, taken;

	while ((option = getopt_long(argc, argv, "c:o:h", options, NULL)) != -1) {
		switch (option) {
		case 'c': cli.config_path = optarg; break;
		case 'o': output = optarg; break;
		case 'h': return usage(stdout);
		default:
			if (given_count == OPTIONS_MAX || !set_option(&cli, option, optarg))
				return usage(stderr);
			given[given_count++] = (char)option;
		}
	}
	if (cli.config_path == NULL || cli.config_path[0] == '\0')
		cli.config_path = CONFIG_DEFAULT_FILE;
	if (optind == argc)
		return usage(stderr);
	if (!set_output(&cli, output)) {
		server_fail("%s: output is text or json", output);
		return SERVER_USAGE;
	}
	command = find_command(argv + optind, argc - optind, &taken);
	cli.args = argv + optind + taken;
	cli.arg_count = argc - optind - taken;
	if (command == NULL || cli.arg_count < command->arg_count ||
	    cli.arg_count > command->arg_count + command->more ||
	    strspn(given, command->options) != given_count)
		return usage(stderr);
	if (!clock_init(&err))
		return server_fail("%s", err.text);
	return command->run(&cli);
}
