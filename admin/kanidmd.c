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
	const char *word; /* "_" stands for "-" too */
	const char *args;
	const char *options; /* the letters of those that it takes beside -c and -o */
	int arg_count;
	int (*run)(struct server_cli *cli);
} commands[] = {
	{ "server", "", "", 0, server_run },
	{ "configtest", "", "", 0, server_configtest },
	{ "recover_account", "NAME [--restore-roles]", "r", 1, server_recover_account },
	{ "trust_clock", "", "", 0, server_trust_clock },
	{ "import", "FILE.ldif [--dry-run] [--keep-going] [--ignore ATTRIBUTE,...]", "nki", 1,
	    server_import },
	{ "version", "", "", 0, version },
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

static const struct command *
find_command(char *word)
{
	for (char *c = word; *c != '\0'; c++)
		*c = *c == '-' ? '_' : *c;
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(commands[i].word, word) == 0)
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
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct server_cli cli = { .config_path = getenv("KANIDM_CONFIG") };
	const char *output = getenv("KANIDM_OUTPUT");
	const struct command *command;
	struct idm_error err = { .text = "" };
	char given[OPTIONS_MAX + 1] = "";
	size_t given_count = 0;
	int option;

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
	command = find_command(argv[optind]);
	cli.args = argv + optind + 1;
	cli.arg_count = argc - optind - 1;
	if (command == NULL || cli.arg_count != command->arg_count ||
	    strspn(given, command->options) != given_count)
		return usage(stderr);
	if (!clock_init(&err))
		return server_fail("%s", err.text);
	return command->run(&cli);
}
