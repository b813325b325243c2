/* kanidm: the command line client. */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "admin/args.h"
#include "admin/client.h"
#include "admin/settings.h"

static int
run_command(struct cli *cli, const struct command *command)
{
	static struct settings settings;
	int status;

	if (!settings_load(cli, &settings))
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
	const struct rlimit no_core = { 0, 0 }; /* it would hold passwords and tokens */
	struct cli cli = { .command = "" };
	struct args args;
	int status;

	signal(SIGPIPE, SIG_IGN); /* a server that hangs up is an error of a call, no end */
	setrlimit(RLIMIT_CORE, &no_core);
	status = args_parse(&cli, argc, argv, &args);
	if (status == CLI_DONE && args.help)
		args_print_usage(stdout, &args);
	else if (status == CLI_DONE)
		status = run_command(&cli, args.command);
	args_free(&args);
	return status;
}
