/* radius: show_secret, generate_secret, delete_secret. */
#include <stdio.h>
#include <string.h>

#include "admin/client.h"
#include "admin/output.h"
#include "common/exop.h"

/* The secret that the server answered with, in `out`; empty: there is none. */
static int
ask(struct cli *cli, enum exop_radius_action action, char *out, size_t size)
{
	struct berval *request = client_value("se", cli->args[0], (int)action);
	struct berval *value = NULL;
	struct berval secret = { 0, NULL };
	BerElement *ber;
	int status;

	if (request == NULL)
		return cli_fail(cli, "out of memory");
	status = client_exop(cli, EXOP_RADIUS_SECRET, request, &value);
	ber_bvfree(request);
	if (status != CLI_DONE)
		return status;
	ber = value == NULL ? NULL : ber_init(value);
	if (ber == NULL || ber_scanf(ber, "{m}", &secret) == LBER_ERROR || secret.bv_len >= size)
		status = cli_fail(cli, "the server's answer does not decode");
	else
		snprintf(out, size, "%.*s", (int)secret.bv_len, secret.bv_val);
	if (secret.bv_val != NULL)
		explicit_bzero(secret.bv_val, secret.bv_len); /* in what ber_init copied */
	ber_free(ber, 1);
	client_wipe_value(value);
	return status;
}

int
cmd_radius_show_secret(struct cli *cli)
{
	char secret[300] = "";
	int status = client_open_target(cli, NULL);

	if (status == CLI_DONE)
		status = ask(cli, EXOP_RADIUS_SHOW, secret, sizeof(secret));
	if (status != CLI_DONE)
		return status;
	if (cli->json)
		output_json(secret[0] == '\0' ? json_pack("{s:n}", "secret")
					      : json_pack("{s:s}", "secret", secret));
	else if (secret[0] == '\0')
		printf("No RADIUS secret set for user %s\n", cli->args[0]);
	else
		printf("RADIUS secret for %s: %s\n", cli->args[0], secret);
	explicit_bzero(secret, sizeof(secret));
	return CLI_DONE;
}

int
cmd_radius_generate_secret(struct cli *cli)
{
	char secret[300];
	int status = client_open_target(cli, NULL);

	if (status == CLI_DONE)
		status = ask(cli, EXOP_RADIUS_GENERATE, secret, sizeof(secret));
	explicit_bzero(secret, sizeof(secret)); /* show_secret tells it, to whom may see it */
	return status == CLI_DONE ? output_done(cli, "Success") : status;
}

int
cmd_radius_delete_secret(struct cli *cli)
{
	char secret[300];
	char text[1200];
	int status = client_open_target(cli, NULL);

	if (status == CLI_DONE)
		status = ask(cli, EXOP_RADIUS_DELETE, secret, sizeof(secret));
	snprintf(text, sizeof(text), "success - radius account_delete for user %s: deleted",
	    cli->args[0]);
	return status == CLI_DONE ? output_done(cli, text) : status;
}
