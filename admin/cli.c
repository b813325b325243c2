#include "admin/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "admin/prompt.h"

/* What came from elsewhere must not make a second line of an error. */
static void __attribute__((format(printf, 2, 0)))
say(const struct cli *cli, const char *fmt, va_list args)
{
	char line[2048];

	vsnprintf(line, sizeof(line), fmt, args);
	for (char *c = line; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	}
	if (cli->command[0] != '\0')
		fprintf(stderr, "kanidm: %s: %s\n", cli->command, line);
	else
		fprintf(stderr, "kanidm: %s\n", line);
}

int
cli_fail(const struct cli *cli, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(cli, fmt, args);
	va_end(args);
	return CLI_FAILED;
}

int
cli_misuse(const struct cli *cli, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(cli, fmt, args);
	va_end(args);
	return CLI_USAGE;
}

void
cli_note(const struct cli *cli, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(cli, fmt, args);
	va_end(args);
}

bool
cli_confirm(const struct cli *cli, const char *question)
{
	char answer[PROMPT_BYTES];
	char prompt[1200];

	if (cli->yes) {
		cli_note(cli, "%s yes", question);
		return true;
	}
	if (!prompt_is_terminal()) {
		cli_fail(cli, "%s Give --yes for that; nothing was changed", question);
		return false;
	}
	snprintf(prompt, sizeof(prompt), "%s [y/N] ", question);
	if (prompt_line(prompt, answer) && (strcmp(answer, "y") == 0 || strcmp(answer, "yes") == 0))
		return true;
	cli_fail(cli, "nothing was changed");
	return false;
}
