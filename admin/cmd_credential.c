/* credential: status, generate-pw, create-reset-token; what is a dialogue is in cmd_update.c. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/client.h"
#include "admin/output.h"
#include "admin/qr.h"
#include "admin/timearg.h"
#include "common/exop.h"

struct status {
	char spn[512];
	char displayname[2048];
	char uuid[64];
	char primary[64];
	char unix_password[64];
	bool can_write;
};

static void
copy(char *out, size_t size, const struct berval *from)
{
	snprintf(out, size, "%.*s", (int)from->bv_len, from->bv_val);
}

static int
get_status(struct cli *cli, const char *target, struct status *out)
{
	struct berval *request = client_value("s", target);
	struct berval *value = NULL;
	struct berval spn, displayname, uuid, primary, unix_password;
	ber_int_t can_write = 0;
	BerElement *ber;
	int status;

	if (request == NULL)
		return cli_fail(cli, "out of memory");
	status = client_exop(cli, EXOP_CREDENTIAL_STATUS, request, &value);
	ber_bvfree(request);
	if (status != CLI_DONE)
		return status;
	ber = value == NULL ? NULL : ber_init(value);
	if (ber == NULL || ber_scanf(ber, "{mmmmmb}", &spn, &displayname, &uuid, &primary,
			       &unix_password, &can_write) == LBER_ERROR) {
		status = cli_fail(cli, "the server's answer does not decode");
	} else {
		copy(out->spn, sizeof(out->spn), &spn);
		copy(out->displayname, sizeof(out->displayname), &displayname);
		copy(out->uuid, sizeof(out->uuid), &uuid);
		copy(out->primary, sizeof(out->primary), &primary);
		copy(out->unix_password, sizeof(out->unix_password), &unix_password);
		out->can_write = can_write != 0;
	}
	ber_free(ber, 1);
	ber_bvfree(value);
	return status;
}

int
cmd_credential_status(struct cli *cli)
{
	struct status status = { .can_write = false };
	int result = client_open_target(cli, NULL);

	if (result == CLI_DONE)
		result = get_status(cli, cli->args[0], &status);
	if (result != CLI_DONE)
		return result;
	if (cli->json) {
		output_json(json_pack("{s:s, s:s, s:s, s:s, s:b}", "spn", status.spn, "uuid",
		    status.uuid, "primary_credential", status.primary, "unix_password",
		    status.unix_password, "can_write", status.can_write));
		return CLI_DONE;
	}
	puts("---");
	printf("primary credential: %s\n", status.primary);
	printf("unix password: %s\n", status.unix_password);
	return CLI_DONE;
}

/* --- RFC 3062 */

/* The requestValue of Password Modify; `password` NULL: generate one. */
static struct berval *
modify_value(const char *target, const char *password)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);
	struct berval *value = NULL;
	bool good = ber != NULL &&
		    ber_printf(ber, "{ts", (ber_tag_t)LDAP_TAG_EXOP_MODIFY_PASSWD_ID, target) >= 0;

	if (good && password != NULL)
		good = ber_printf(
			   ber, "ts", (ber_tag_t)LDAP_TAG_EXOP_MODIFY_PASSWD_NEW, password) >= 0;
	if (good && ber_printf(ber, "N}") >= 0 && ber_flatten(ber, &value) != 0)
		value = NULL;
	client_wipe_ber(ber);
	return value;
}

static int
set_password(struct cli *cli, const char *target, const char *password, struct berval **answer)
{
	struct berval *request = modify_value(target, password);
	int status;

	if (request == NULL)
		return cli_fail(cli, "out of memory");
	status = client_exop(cli, EXOP_PASSWORD_MODIFY, request, answer);
	client_wipe_value(request);
	return status;
}

int
cmd_credential_generate(struct cli *cli)
{
	struct berval *value = NULL;
	struct berval generated = { 0, NULL };
	BerElement *ber;
	char password[256];
	char text[300];
	int status = client_open_target(cli, NULL);

	if (status == CLI_DONE)
		status = set_password(cli, cli->args[0], NULL, &value);
	if (status != CLI_DONE)
		return status;
	ber = value == NULL ? NULL : ber_init(value);
	if (ber == NULL || ber_scanf(ber, "{m}", &generated) == LBER_ERROR)
		status = cli_fail(cli, "the server's answer does not decode: generate another");
	else
		copy(password, sizeof(password), &generated);
	if (generated.bv_val != NULL)
		explicit_bzero(generated.bv_val, generated.bv_len); /* in what ber_init copied */
	ber_free(ber, 1);
	client_wipe_value(value);
	if (status != CLI_DONE)
		return status;
	snprintf(text, sizeof(text), "Success: %s", password);
	status = output_done_with(cli, text, "password", password);
	explicit_bzero(password, sizeof(password));
	explicit_bzero(text, sizeof(text));
	return status;
}

/* --- reset tokens */

struct reset {
	char token[64];
	char spn[512];
	int64_t expire_s;
};

/* "600", "600s", "10m", "1h"; nothing: the server's default.  False: neither. */
static bool
parse_ttl(const char *text, int *out)
{
	static const struct {
		const char *unit;
		int seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "min", 60 }, { "h", 3600 } };
	char *end;
	long number;

	*out = 0;
	if (text == NULL)
		return true;
	if (text[0] < '0' || text[0] > '9')
		return false;
	number = strtol(text, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit) != 0 || number <= 0 || number > 100000)
			continue;
		*out = (int)number * units[i].seconds;
		return true;
	}
	return false;
}

static int
read_reset(struct cli *cli, struct berval *value, struct reset *out)
{
	BerElement *ber = value == NULL ? NULL : ber_init(value);
	struct berval token, expire, spn;
	int status = CLI_DONE;

	if (ber == NULL || ber_scanf(ber, "{mmm}", &token, &expire, &spn) == LBER_ERROR) {
		status = cli_fail(cli, "the server's answer does not decode: make another token");
	} else {
		copy(out->token, sizeof(out->token), &token);
		copy(out->spn, sizeof(out->spn), &spn);
		out->expire_s = client_number(&expire);
		explicit_bzero(token.bv_val, token.bv_len);
	}
	ber_free(ber, 1);
	return status;
}

static int
show_reset(const struct cli *cli, const struct reset *reset)
{
	char expire[TIMEARG_TEXT];

	if (cli->json) {
		output_json(json_pack("{s:s, s:s, s:I}", "token", reset->token, "spn", reset->spn,
		    "expire", (json_int_t)reset->expire_s));
		return CLI_DONE;
	}
	timearg_format_local(reset->expire_s, expire);
	if (isatty(STDOUT_FILENO) == 1)
		qr_print(stdout, reset->token, true);
	printf("Reset token for %s: %s\n", reset->spn, reset->token);
	printf("It works until %s, and once. Who has it chooses the credentials by:\n", expire);
	printf("kanidm person credential use-reset-token %s\n", reset->token);
	return CLI_DONE;
}

int
cmd_credential_create_reset_token(struct cli *cli)
{
	struct reset reset = { .token = "" };
	struct berval *request, *value = NULL;
	int seconds, status;

	if (!parse_ttl(cli->ttl, &seconds))
		return cli_misuse(
		    cli, "--ttl %s: a time is 5m to 24h, or a number of seconds", cli->ttl);
	if (client_open_target(cli, NULL) != CLI_DONE)
		return CLI_FAILED;
	request = client_value("sn", cli->args[0], (int64_t)seconds);
	if (request == NULL)
		return cli_fail(cli, "out of memory");
	status = client_exop(cli, EXOP_RESET_TOKEN, request, &value);
	ber_bvfree(request);
	if (status == CLI_DONE)
		status = read_reset(cli, value, &reset);
	client_wipe_value(value);
	if (status == CLI_DONE)
		status = show_reset(cli, &reset);
	explicit_bzero(&reset, sizeof(reset));
	return status;
}
