/* The command line of `kanidm`: which command it names, its operands and options (SPEC 10.1). */
#ifndef ADMIN_ARGS_H
#define ADMIN_ARGS_H

#include <stdio.h>

#include "admin/cli.h"

enum { ARGS_COMMAND_BYTES = 128, ARGS_DETAILS_MAX = 16 };

/* Options of some commands alone. */
enum args_details {
	ARGS_ACCOUNT = 1 << 0,   /* --displayname and the like */
	ARGS_ATTRIBUTE = 1 << 1, /* of an attribute of the schema */
	ARGS_CLASS = 1 << 2,     /* of a class of it */
	ARGS_GID = 1 << 3,       /* --gidnumber */
	ARGS_SHELL = 1 << 4,     /* --shell, --home */
	ARGS_TOKEN = 1 << 5,     /* --rw */
	ARGS_TTL = 1 << 7,       /* --ttl */
	ARGS_AUDIT = 1 << 12,    /* which records are looked for */
	ARGS_HEAD = 1 << 13,     /* --head */
};

/*
 * A command: its words, with alternatives of the first one between bars; "_" stands for "-" too.
 * `account person update X` is `account update X` (the chapter's older form).
 */
struct command {
	const char *words;
	const char *operands; /* for usage */
	int min_operands;
	int max_operands; /* -1: any number */
	unsigned details; /* of enum args_details: the options that it takes beside those of all */
	int (*run)(struct cli *cli);
};

struct args {
	const struct command *command; /* NULL with `help` alone */
	char **words;                  /* all that is no option, and a NULL; owned */
	int count;
	bool help;
	struct {
		const char *word; /* of an option that was given */
		unsigned details; /* whose it is */
	} details[ARGS_DETAILS_MAX];
	int detail_count;
	char typed[ARGS_COMMAND_BYTES]; /* the command's words as they were typed */
};

/*
 * Take the command line apart: options into `cli`, wherever on the line they stand, and the rest
 * into `out`; cli->command, subject and args then point into `out`.  What is borrowed from `argv`
 * stays so.
 *
 * Returns CLI_DONE, or CLI_USAGE after saying on stderr what is wrong.  Either way: args_free.
 */
int args_parse(struct cli *cli, int argc, char **argv, struct args *out);
void args_free(struct args *args);

/* The commands that begin as `args` does, as far as any of them does. */
void args_print_usage(FILE *out, const struct args *args);

#endif
