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
	char second_factor[64];
	bool can_write;
	json_t *softlocks; /* array; NULL: it does not decode */
};

static void
copy(char *out, size_t size, const struct berval *from)
{
	snprintf(out, size, "%.*s", (int)from->bv_len, from->bv_val);
}

/* --- status */

/* A time, or null where there is none. */
static json_t *
time_or_null(const struct cli *cli, const struct berval *number)
{
	int64_t at_s = client_number(number);

	return at_s == 0 ? json_null() : output_time(cli, at_s);
}

static json_t *
read_softlock(const struct cli *cli, BerElement *ber)
{
	struct berval credential, locked, forgotten;
	ber_int_t failures, networks, slowed;

	if (ber_scanf(ber, "{miimmb}", &credential, &failures, &networks, &locked, &forgotten,
		&slowed) == LBER_ERROR)
		return NULL;
	return json_pack("{s:s%, s:i, s:i, s:o, s:o, s:b}", "credential", credential.bv_val,
	    (size_t)credential.bv_len, "failures", (int)failures, "networks", (int)networks,
	    "locked_until", time_or_null(cli, &locked), "forgotten_at",
	    time_or_null(cli, &forgotten), "slowed", (int)slowed);
}

static json_t *
read_softlocks(const struct cli *cli, BerElement *ber)
{
	json_t *list = json_array();
	char *last;
	ber_len_t len;

	for (ber_tag_t tag = ber_first_element(ber, &len, &last); tag != LBER_DEFAULT;
	     tag = ber_next_element(ber, &len, last)) {
		json_t *softlock = read_softlock(cli, ber);

		if (softlock == NULL) {
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, softlock);
	}
	return list;
}

static bool
read_status(const struct cli *cli, struct berval *value, struct status *out)
{
	struct berval spn, displayname, uuid, primary, unix_password, second_factor;
	ber_int_t can_write = 0;
	BerElement *ber = value == NULL ? NULL : ber_init(value);

	if (ber != NULL && ber_scanf(ber, "{mmmmmmb", &spn, &displayname, &uuid, &primary,
			       &unix_password, &second_factor, &can_write) != LBER_ERROR) {
		copy(out->spn, sizeof(out->spn), &spn);
		copy(out->displayname, sizeof(out->displayname), &displayname);
		copy(out->uuid, sizeof(out->uuid), &uuid);
		copy(out->primary, sizeof(out->primary), &primary);
		copy(out->unix_password, sizeof(out->unix_password), &unix_password);
		copy(out->second_factor, sizeof(out->second_factor), &second_factor);
		out->can_write = can_write != 0;
		out->softlocks = read_softlocks(cli, ber);
	}
	ber_free(ber, 1);
	return out->softlocks != NULL;
}

static int
get_status(struct cli *cli, const char *target, struct status *out)
{
	struct berval *request = client_value("s", target);
	struct berval *value = NULL;
	int status;

	if (request == NULL)
		return cli_fail(cli, "out of memory");
	status = client_exop(cli, EXOP_CREDENTIAL_STATUS, request, &value);
	ber_bvfree(request);
	if (status == CLI_DONE && !read_status(cli, value, out))
		status = cli_fail(cli, "the server's answer does not decode");
	ber_bvfree(value);
	return status;
}

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

static void
print_softlock(const json_t *softlock)
{
	long long failures = json_integer_value(json_object_get(softlock, "failures"));
	long long networks = json_integer_value(json_object_get(softlock, "networks"));
	const char *locked = text_of(softlock, "locked_until");

	printf("softlock of %s: %lld failure%s from %lld network%s",
	    text_of(softlock, "credential"), failures, failures == 1 ? "" : "s", networks,
	    networks == 1 ? "" : "s");
	if (locked[0] != '\0')
		printf(", locked there until %s", locked);
	if (json_is_true(json_object_get(softlock, "slowed")))
		printf(", tested once a second wherever from");
	printf(", forgotten at %s\n", text_of(softlock, "forgotten_at"));
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
		output_json(json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:o}", "spn", status.spn,
		    "uuid", status.uuid, "primary_credential", status.primary, "unix_password",
		    status.unix_password, "second_factor", status.second_factor, "can_write",
		    status.can_write, "softlocks", status.softlocks));
		return CLI_DONE;
	}
	puts("---");
	printf("primary credential: %s\n", status.primary);
	printf("second factor: %s\n", status.second_factor);
	printf("unix password: %s\n", status.unix_password);
	for (size_t i = 0; i < json_array_size(status.softlocks); i++)
		print_softlock(json_array_get(status.softlocks, i));
	json_decref(status.softlocks);
	return CLI_DONE;
}

int
cmd_credential_softlock_reset(struct cli *cli)
{
	struct berval *request;
	int status = client_open_target(cli, NULL);

	if (status != CLI_DONE)
		return status;
	request = client_value("s", cli->args[0]);
	status = request == NULL ? cli_fail(cli, "out of memory")
				 : client_exop(cli, EXOP_SOFTLOCK_RESET, request, NULL);
	ber_bvfree(request);
	return status == CLI_DONE ? output_done(cli, "Success") : status;
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
