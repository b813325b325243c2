/* credential: status, generate-pw, and the dialogue of `credential update` (SPEC 6.8). */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/client.h"
#include "admin/output.h"
#include "admin/prompt.h"
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

/* --- the dialogue */

struct dialogue {
	struct cli *cli;
	const char *target;
	FILE *out; /* stderr with -o json, for stdout is the answer's alone */
	struct status status;
	char pending[PROMPT_BYTES]; /* the new password, until commit; "": none */
	bool over;
	bool committed;
	int result;
};

/*
 * Something went wrong: who types is told, and goes on; a script ends there, for what it says next
 * was meant for another course of things.
 */
static void __attribute__((format(printf, 2, 3))) complain(struct dialogue *d, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (prompt_is_terminal()) {
		fprintf(d->out, "%s\n", text);
		return;
	}
	d->result = cli_fail(d->cli, "%s; nothing was changed", text);
	d->over = true;
}

/* "generated password set" -> "generated password: set", as the chapter shows it. */
static void
print_credential(FILE *out, const char *state)
{
	size_t len = strlen(state);

	if (strcmp(state, "not set") == 0 || len < 4)
		fputs("  not set\n", out);
	else
		fprintf(out, "%.*s: set\n", (int)(len - 4), state);
}

static void
on_status(struct dialogue *d)
{
	const struct status *status = &d->status;

	fprintf(d->out, "spn: %s\n", status->spn);
	fprintf(d->out, "Name: %s\n", status->displayname);
	fputs("Primary Credential:\n", d->out);
	fprintf(d->out, "uuid: %s\n", status->uuid);
	if (d->pending[0] != '\0')
		fputs("password: set (when committed)\n", d->out);
	else
		print_credential(d->out, status->primary);
	fprintf(d->out, "Can Commit: %s\n", status->can_write ? "true" : "false");
}

/* Would the server take it?  Nothing is stored by asking. */
static bool
judge(struct dialogue *d, const char *password)
{
	struct berval *request = client_value("ss", d->target, password);
	char *text = NULL;
	int code;

	if (request == NULL) {
		complain(d, "out of memory");
		return false;
	}
	code = client_try_exop(d->cli, EXOP_CREDENTIAL_JUDGE, request, NULL, &text);
	client_wipe_value(request);
	if (code != LDAP_SUCCESS)
		complain(d, "%s", text == NULL ? "refused" : text);
	free(text);
	return code == LDAP_SUCCESS;
}

static void
on_password(struct dialogue *d)
{
	char password[PROMPT_BYTES], again[PROMPT_BYTES];

	if (!prompt_password("New password: ", password)) {
		complain(d, "no password was given");
		return;
	}
	if (judge(d, password)) {
		if (!prompt_password("Confirm password: ", again) || strcmp(password, again) != 0) {
			complain(d, "Passwords do not match");
		} else {
			snprintf(d->pending, sizeof(d->pending), "%s", password);
			fputs("success\n", d->out);
		}
		explicit_bzero(again, sizeof(again));
	}
	explicit_bzero(password, sizeof(password));
}

static bool
wants_commit(const struct dialogue *d)
{
	char answer[PROMPT_BYTES];

	return d->cli->yes || (prompt_line("Do you want to commit your changes? ", answer) &&
				  (strcmp(answer, "yes") == 0 || strcmp(answer, "y") == 0));
}

static void
on_commit(struct dialogue *d)
{
	if (d->pending[0] == '\0') {
		complain(d, "There is nothing to commit: set a password with `pass` first");
		return;
	}
	if (!wants_commit(d)) {
		complain(d, "Changes have NOT been saved");
		return;
	}
	d->result = set_password(d->cli, d->target, d->pending, NULL);
	d->over = true;
	d->committed = d->result == CLI_DONE;
	if (d->committed)
		fputs("success\n", d->out);
}

static void
on_end(struct dialogue *d)
{
	fputs("Changes were NOT saved.\n", d->out);
	d->over = true;
	d->result = CLI_DONE;
}

/* No more to read: of a script that is wrong when it has begun something. */
static void
on_end_of_input(struct dialogue *d)
{
	if (prompt_is_terminal() || d->pending[0] == '\0')
		on_end(d);
	else
		complain(d, "the input ends before `commit`");
}

static void
on_help(struct dialogue *d)
{
	fputs("help (h, ?)                  this list\n"
	      "status (st, ls)              what will be committed\n"
	      "password (pass, passwd, pw)  choose a new password\n"
	      "commit (save)                store the changes and leave\n"
	      "end (quit, exit, x, q)       leave without storing anything\n",
	    d->out);
}

static const struct {
	const char *words;
	void (*run)(struct dialogue *d);
} dialogue_commands[] = {
	{ " help h ? ", on_help },
	{ " status st ls ", on_status },
	{ " password pass passwd pw ", on_password },
	{ " commit save ", on_commit },
	{ " end quit exit x q ", on_end },
};

static void
run_line(struct dialogue *d, const char *line)
{
	char word[PROMPT_BYTES + 2];

	if (line[0] == '\0')
		return;
	snprintf(word, sizeof(word), " %s ", line);
	for (size_t i = 0; i < sizeof(dialogue_commands) / sizeof(dialogue_commands[0]); i++) {
		if (strchr(line, ' ') == NULL && strstr(dialogue_commands[i].words, word) != NULL) {
			dialogue_commands[i].run(d);
			return;
		}
	}
	/* Not what was typed: it may be a password. */
	complain(d, "Unknown command; ? lists them");
}

/* May the caller set this account's password, and is it one that people choose? */
static int
check_update(struct dialogue *d)
{
	struct cli *cli = d->cli;
	json_t *entry;
	bool service;

	if (client_open_target(cli, &entry) != CLI_DONE)
		return CLI_FAILED;
	service = client_holds(entry, "class", "service_account");
	json_decref(entry);
	if (service)
		return cli_fail(cli,
		    "%s: a service account has generated passwords alone: `kanidm service-account "
		    "credential generate-pw %s`",
		    d->target, d->target);
	if (get_status(cli, d->target, &d->status) != CLI_DONE)
		return CLI_FAILED;
	if (d->status.can_write)
		return CLI_DONE;
	return cli_fail(cli,
	    "%s: you may not set its password: idm_account_write_priv grants that, for a high "
	    "privilege account idm_hp_account_write_priv",
	    d->target);
}

int
cmd_credential_update(struct cli *cli)
{
	struct dialogue d = { .cli = cli, .target = cli->args[0], .result = CLI_FAILED };
	char line[PROMPT_BYTES];

	d.out = cli->json ? stderr : stdout;
	if (check_update(&d) != CLI_DONE)
		return CLI_FAILED;
	on_status(&d);
	while (!d.over) {
		if (prompt_line("cred update (? for help) # : ", line))
			run_line(&d, line);
		else
			on_end_of_input(&d);
		explicit_bzero(line, sizeof(line)); /* a password may have been typed here */
	}
	explicit_bzero(d.pending, sizeof(d.pending));
	if (cli->json && d.result == CLI_DONE)
		output_json(json_pack("{s:s, s:b}", "status", "ok", "committed", d.committed));
	return d.result;
}
