/* api-token: the API tokens of a service account (SPEC 7.4). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/answer.h"
#include "admin/output.h"
#include "admin/timearg.h"
#include "common/exop.h"

static int
ask(struct cli *cli, struct berval *request, struct berval **value)
{
	int status;

	if (request == NULL)
		return cli_fail(cli, "out of memory");
	status = client_exop(cli, EXOP_API_TOKEN, request, value);
	ber_bvfree(request);
	return status;
}

/* --- status */

/* One token of the answer; NULL: it does not decode. */
static json_t *
read_token(const struct cli *cli, BerElement *ber)
{
	struct berval id, label, issued, expire = { 0, NULL };
	ber_int_t read_write;
	ber_len_t len;
	json_t *token;

	if (ber_scanf(ber, "{mmmb", &id, &label, &issued, &read_write) == LBER_ERROR)
		return NULL;
	if (ber_peek_tag(ber, &len) == LBER_INTEGER && ber_scanf(ber, "m", &expire) == LBER_ERROR)
		return NULL;
	if (ber_scanf(ber, "}") == LBER_ERROR)
		return NULL;
	token = json_pack("{s:s%, s:s%, s:s}", "id", id.bv_val, (size_t)id.bv_len, "label",
	    label.bv_val, (size_t)label.bv_len, "purpose", read_write ? "read write" : "read only");
	json_object_set_new(token, "issued_at", output_time(cli, client_number(&issued)));
	json_object_set_new(token, "expiry",
	    expire.bv_val != NULL ? output_time(cli, client_number(&expire))
	    : cli->json           ? json_null()
				  : json_string("never"));
	return token;
}

static void
print_tokens(const struct cli *cli, const json_t *list)
{
	if (json_array_size(list) == 0)
		cli_note(cli, "%s has no API tokens", cli->args[0]);
	for (size_t i = 0; i < json_array_size(list); i++) {
		static const char *const keys[] = { "id", "label", "issued_at", "expiry",
			"purpose" };
		static const char *const names[] = { "token id", "label", "issued at", "expiry",
			"purpose" };
		const json_t *token = json_array_get(list, i);

		puts("---");
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			printf("%s: %s\n", names[k],
			    json_string_value(json_object_get(token, keys[k])));
	}
}

int
cmd_token_status(struct cli *cli)
{
	struct berval *value = NULL;
	json_t *list;
	int status = client_open_target(cli, NULL);

	if (status == CLI_DONE)
		status = ask(cli, client_value("se", cli->args[0], EXOP_TOKEN_STATUS), &value);
	if (status != CLI_DONE)
		return status;
	list = answer_list(cli, value, read_token);
	ber_bvfree(value);
	if (list == NULL)
		return cli_fail(cli, "the server's answer does not decode");
	if (cli->json)
		output_json(json_incref(list));
	else
		print_tokens(cli, list);
	json_decref(list);
	return CLI_DONE;
}

/* --- generate */

/* The request; NULL: out of memory. */
static struct berval *
generate_value(const struct cli *cli, bool never, int64_t expire_s)
{
	const char *target = cli->args[0], *label = cli->args[1];

	if (never)
		return client_value(
		    "sesb", target, EXOP_TOKEN_GENERATE, label, (int)cli->read_write);
	return client_value(
	    "sesbn", target, EXOP_TOKEN_GENERATE, label, (int)cli->read_write, expire_s);
}

int
cmd_token_generate(struct cli *cli)
{
	struct berval *value = NULL;
	int64_t now_s = (int64_t)time(NULL), expire_s = 0;
	bool never = true;
	int status;

	if (cli->arg_count == 3 && !timearg_parse(cli->args[2], "never", now_s, &expire_s, &never))
		return cli_misuse(cli,
		    "%s is no time: write one as 2026-09-25T11:22:02+10:00, or leave it out",
		    cli->args[2]);
	status = client_open_target(cli, NULL);
	if (status == CLI_DONE)
		status = ask(cli, generate_value(cli, never, expire_s), &value);
	if (status != CLI_DONE)
		return status;
	if (!never && expire_s <= now_s)
		cli_note(cli, "warning: %s has passed, so this token never works", cli->args[2]);
	status = answer_show_once(
	    cli, value, "token", "see `api-token status`, and destroy what it made");
	client_wipe_value(value);
	return status;
}

/* --- destroy */

int
cmd_token_destroy(struct cli *cli)
{
	int status = client_open_target(cli, NULL);

	if (status == CLI_DONE)
		status = ask(
		    cli, client_value("ses", cli->args[0], EXOP_TOKEN_DESTROY, cli->args[1]), NULL);
	return status == CLI_DONE ? output_done(cli, "Success") : status;
}
