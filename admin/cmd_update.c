/*
 * The dialogue of `credential update` and `use-reset-token` (SPEC 6.8).  The server keeps what was
 * prepared; here is who asks and who answers.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/client.h"
#include "admin/output.h"
#include "admin/prompt.h"
#include "admin/qr.h"
#include "common/exop.h"

struct credential {
	char state[64];
	ber_int_t pending;
};

/* What the server told of the session. */
struct update {
	char session[128];
	char spn[512];
	char displayname[2048];
	char uuid[64];
	struct credential primary;
	struct credential unix_password;
	struct credential factor;
	struct credential backup;
	ber_int_t can_commit;
	char why_not[1024];
	char told[1100];
};

struct dialogue {
	struct cli *cli;
	bool by_token; /* it has no login */
	FILE *out;     /* stderr with -o json, for stdout is the answer's alone */
	struct update update;
	bool spoken; /* a command came */
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

/* --- asking the server */

static void
copy(char *out, size_t size, const struct berval *from)
{
	snprintf(out, size, "%.*s", (int)from->bv_len, from->bv_val);
}

/* The response value of EXOP_CREDENTIAL_UPDATE; a session that is told is kept. */
static bool
read_update(struct berval *value, struct update *out)
{
	struct berval session, spn, displayname, uuid, primary, unix_password, factor, backup,
	    why_not, told, expire;
	BerElement *ber = value == NULL ? NULL : ber_init(value);
	bool good = ber != NULL && ber_scanf(ber, "{mmmm{mb}{mb}{mb}{mb}bmmm}", &session, &spn,
				       &displayname, &uuid, &primary, &out->primary.pending,
				       &unix_password, &out->unix_password.pending, &factor,
				       &out->factor.pending, &backup, &out->backup.pending,
				       &out->can_commit, &why_not, &told, &expire) != LBER_ERROR;

	if (good) {
		if (session.bv_len != 0)
			copy(out->session, sizeof(out->session), &session);
		copy(out->spn, sizeof(out->spn), &spn);
		copy(out->displayname, sizeof(out->displayname), &displayname);
		copy(out->uuid, sizeof(out->uuid), &uuid);
		copy(out->primary.state, sizeof(out->primary.state), &primary);
		copy(out->unix_password.state, sizeof(out->unix_password.state), &unix_password);
		copy(out->factor.state, sizeof(out->factor.state), &factor);
		copy(out->backup.state, sizeof(out->backup.state), &backup);
		copy(out->why_not, sizeof(out->why_not), &why_not);
		copy(out->told, sizeof(out->told), &told);
		explicit_bzero(session.bv_val, session.bv_len);
		explicit_bzero(told.bv_val, told.bv_len);
	}
	ber_free(ber, 1);
	return good;
}

static int
reconnect(struct dialogue *d)
{
	client_close(d->cli);
	if (!d->by_token)
		return client_open(d->cli);
	if (client_connect(d->cli) != CLI_DONE)
		return CLI_FAILED;
	return client_bind(d->cli, "", "");
}

/* The server ends connections on which nothing is said for long; the session goes on. */
static int
try_step(struct dialogue *d, struct berval *request, struct berval **value, char **text)
{
	int code = client_try_exop(d->cli, EXOP_CREDENTIAL_UPDATE, request, value, text);

	if (code != LDAP_SERVER_DOWN || reconnect(d) != CLI_DONE)
		return code;
	free(*text);
	*text = NULL;
	return client_try_exop(d->cli, EXOP_CREDENTIAL_UPDATE, request, value, text);
}

/* One step; *text (to be freed) says why not.  The resultCode. */
static int
ask(struct dialogue *d, enum exop_update_action action, const char *argument, char **text)
{
	struct berval *request = client_value("ess", (int)action, d->update.session, argument);
	struct berval *value = NULL;
	int code;

	*text = NULL;
	if (request == NULL) {
		*text = strdup("out of memory");
		return LDAP_NO_MEMORY;
	}
	code = try_step(d, request, &value, text);
	client_wipe_value(request);
	if (code == LDAP_SUCCESS && action != EXOP_UPDATE_COMMIT && action != EXOP_UPDATE_CANCEL &&
	    !read_update(value, &d->update)) {
		free(*text);
		*text = strdup("the server's answer does not decode");
		code = LDAP_DECODING_ERROR;
	}
	client_wipe_value(value);
	return code;
}

/* Is there nothing to go on with? */
static bool
is_over(struct dialogue *d)
{
	char *text = NULL;
	int code = ask(d, EXOP_UPDATE_STATUS, "", &text);

	free(text);
	return code != LDAP_SUCCESS;
}

/* A step of the dialogue; what is refused is told, and ends it where the session is over. */
static bool
step(struct dialogue *d, enum exop_update_action action, const char *argument)
{
	char *text = NULL;
	int code = ask(d, action, argument, &text);

	if (code != LDAP_SUCCESS) {
		complain(d, "%s", text == NULL || text[0] == '\0' ? "refused" : text);
		if (!d->over && code != LDAP_CONSTRAINT_VIOLATION && code != LDAP_BUSY &&
		    is_over(d)) {
			d->over = true;
			d->result = CLI_FAILED;
		}
	}
	free(text);
	return code == LDAP_SUCCESS;
}

/* --- what the commands do */

/* "generated password set" -> "generated password: set", as the chapter shows it. */
static void
print_credential(FILE *out, const char *before, const struct credential *credential)
{
	const char *state = credential->state;
	const char *when = credential->pending ? " (when committed)" : "";
	size_t len = strlen(state);

	if (strcmp(state, "not set") == 0 || len < 4)
		fprintf(out, "%snot set%s\n", before[0] == '\0' ? "  " : before, when);
	else
		fprintf(out, "%s%.*s: set%s\n", before, (int)(len - 4), state, when);
}

/* Only where there is one, or will be, or was. */
static void
print_factor(FILE *out, const char *name, const struct credential *credential)
{
	if (credential->pending || strcmp(credential->state, "not set") != 0)
		fprintf(out, "%s: %s%s\n", name, credential->state,
		    credential->pending ? " (when committed)" : "");
}

static void
print_update(struct dialogue *d)
{
	const struct update *update = &d->update;

	fprintf(d->out, "spn: %s\n", update->spn);
	fprintf(d->out, "Name: %s\n", update->displayname);
	fputs("Primary Credential:\n", d->out);
	fprintf(d->out, "uuid: %s\n", update->uuid);
	print_credential(d->out, "", &update->primary);
	if (update->unix_password.pending || strcmp(update->unix_password.state, "not set") != 0)
		print_credential(d->out, "unix ", &update->unix_password);
	print_factor(d->out, "totp", &update->factor);
	print_factor(d->out, "backup_code", &update->backup);
	fprintf(d->out, "Can Commit: %s\n", update->can_commit ? "true" : "false");
	if (!update->can_commit)
		fprintf(d->out, "  %s\n", update->why_not);
}

static void
on_status(struct dialogue *d)
{
	if (step(d, EXOP_UPDATE_STATUS, ""))
		print_update(d);
}

/* A password twice; false: it was told why there is none. */
static bool
read_password(struct dialogue *d, char password[PROMPT_BYTES])
{
	char again[PROMPT_BYTES];
	bool same;

	if (!prompt_password("New password: ", password)) {
		complain(d, "no password was given");
		return false;
	}
	same = prompt_password("Confirm password: ", again) && strcmp(password, again) == 0;
	explicit_bzero(again, sizeof(again));
	if (!same)
		complain(d, "Passwords do not match");
	return same;
}

static void
choose_password(struct dialogue *d, enum exop_update_action action)
{
	char password[PROMPT_BYTES];

	if (read_password(d, password) && step(d, action, password))
		fputs("success\n", d->out);
	explicit_bzero(password, sizeof(password));
}

static void
on_password(struct dialogue *d)
{
	choose_password(d, EXOP_UPDATE_PASSWORD);
}

static void
on_unix_password(struct dialogue *d)
{
	choose_password(d, EXOP_UPDATE_UNIX_PASSWORD);
}

static void
on_generate(struct dialogue *d)
{
	if (!step(d, EXOP_UPDATE_GENERATE, ""))
		return;
	fprintf(d->out, "generated password: %s\nsuccess\n", d->update.told);
	explicit_bzero(d->update.told, sizeof(d->update.told));
}

static void
on_remove(struct dialogue *d)
{
	if (step(d, EXOP_UPDATE_REMOVE, ""))
		fputs("success\n", d->out);
}

static void
on_unix_remove(struct dialogue *d)
{
	if (step(d, EXOP_UPDATE_UNIX_REMOVE, ""))
		fputs("success\n", d->out);
}

/* --- the second factor */

enum { CODE_TRIES = 3 };

/* A code that is wrong is asked for again; a script has one try. */
static bool
prove_totp(struct dialogue *d)
{
	char code[PROMPT_BYTES];
	bool proved = false;

	for (int i = 0; i < CODE_TRIES && !proved && !d->over; i++) {
		if (!prompt_line("Enter TOTP: ", code) || code[0] == '\0')
			break;
		proved = step(d, EXOP_UPDATE_TOTP_CODE, code);
	}
	explicit_bzero(code, sizeof(code));
	return proved;
}

static void
on_totp(struct dialogue *d)
{
	if (!step(d, EXOP_UPDATE_TOTP, ""))
		return;
	if (isatty(fileno(d->out)) == 1 && !qr_print(d->out, d->update.told, true))
		fputs("The code is too large to be shown: use the address below.\n", d->out);
	fprintf(d->out, "%s\n", d->update.told);
	explicit_bzero(d->update.told, sizeof(d->update.told));
	fflush(d->out);
	if (prove_totp(d))
		fputs("success\n", d->out);
	else if (!d->over)
		complain(d, "TOTP was not set up");
}

static void
on_totp_remove(struct dialogue *d)
{
	if (step(d, EXOP_UPDATE_TOTP_REMOVE, ""))
		fputs("success\n", d->out);
}

static void
on_backup_codes(struct dialogue *d)
{
	const char *at = d->update.told;

	if (!step(d, EXOP_UPDATE_BACKUP_CODES, ""))
		return;
	fputs(
	    "Each of these works once in the place of a TOTP. They are shown this once:\n", d->out);
	while (*at != '\0') {
		int len = (int)strcspn(at, " ");

		fprintf(d->out, "%.*s\n", len, at);
		at += len;
		at += strspn(at, " ");
	}
	explicit_bzero(d->update.told, sizeof(d->update.told));
	fputs("success\n", d->out);
}

static bool
is_pending(const struct update *update)
{
	return update->primary.pending || update->unix_password.pending || update->factor.pending ||
	       update->backup.pending;
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
	if (!is_pending(&d->update)) {
		complain(d, "There is nothing to commit: set a password with `pass` first");
		return;
	}
	if (!wants_commit(d)) {
		complain(d, "Changes have NOT been saved");
		return;
	}
	if (!step(d, EXOP_UPDATE_COMMIT, ""))
		return;
	d->over = true;
	d->committed = true;
	d->result = CLI_DONE;
	fputs("success\n", d->out);
}

static void
on_end(struct dialogue *d)
{
	fputs("Changes were NOT saved.\n", d->out);
	d->over = true;
	d->result = CLI_DONE;
}

/* No more to read: of a script that is wrong when it has begun something, or said nothing. */
static void
on_end_of_input(struct dialogue *d)
{
	if (!prompt_is_terminal() && !d->spoken)
		complain(d, "there is no terminal to ask on: a script gives the commands on stdin, "
			    "such as `pass`, two lines of the password, `commit`, `yes`");
	else if (prompt_is_terminal() || !is_pending(&d->update))
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
	      "generate (gen)               have a password generated\n"
	      "remove (rm)                  remove the password\n"
	      "unix pass (unix password)    choose a new unix password\n"
	      "unix remove (unix rm)        remove the unix password\n"
	      "totp                         set up one-time codes as a second factor\n"
	      "totp remove (totp rm, trm)   remove the second factor\n"
	      "backup codes (bcg, bcode)    make backup codes for when it is lost\n"
	      "commit (save)                store the changes and leave\n"
	      "end (quit, exit, cancel, x, q)  leave without storing anything\n",
	    d->out);
}

static const struct {
	const char *words; /* a bar around each */
	void (*run)(struct dialogue *d);
} dialogue_commands[] = {
	{ "|help|h|?|", on_help },
	{ "|status|st|ls|", on_status },
	{ "|password|pass|passwd|pw|", on_password },
	{ "|generate|gen|", on_generate },
	{ "|remove|rm|", on_remove },
	{ "|unix pass|unix password|unix passwd|unix pw|", on_unix_password },
	{ "|unix remove|unix rm|", on_unix_remove },
	{ "|totp|", on_totp },
	{ "|totp remove|totp rm|trm|", on_totp_remove },
	{ "|backup codes|backup|bcg|bcode|", on_backup_codes },
	{ "|commit|save|", on_commit },
	{ "|end|quit|exit|cancel|x|q|", on_end },
};

/* Blanks around the words, and more than one between them, say nothing. */
static void
tidy(const char *line, char out[PROMPT_BYTES + 2])
{
	size_t len = 1;

	out[0] = '|';
	for (; *line != '\0'; line++) {
		bool blank = *line == ' ' || *line == '\t';

		if (!blank)
			out[len++] = *line;
		else if (len > 1 && out[len - 1] != ' ')
			out[len++] = ' ';
	}
	if (out[len - 1] == ' ')
		len--;
	out[len++] = '|';
	out[len] = '\0';
}

static void
run_line(struct dialogue *d, const char *line)
{
	char words[PROMPT_BYTES + 2];
	bool bar = strchr(line, '|') != NULL;

	d->spoken = true;
	tidy(line, words);
	if (strcmp(words, "||") == 0)
		return;
	for (size_t i = 0; i < sizeof(dialogue_commands) / sizeof(dialogue_commands[0]); i++) {
		if (!bar && strstr(dialogue_commands[i].words, words) != NULL) {
			dialogue_commands[i].run(d);
			return;
		}
	}
	explicit_bzero(words, sizeof(words));
	/* Not what was typed: it may be a password. */
	complain(d, "Unknown command; ? lists them");
}

/* --- from the beginning to the end */

static void
leave(struct dialogue *d)
{
	char *text = NULL;

	if (!d->committed && d->cli->client != NULL)
		(void)ask(d, EXOP_UPDATE_CANCEL, "", &text); /* or it ends by itself */
	free(text);
}

static int
run(struct dialogue *d)
{
	char line[PROMPT_BYTES];

	print_update(d);
	while (!d->over) {
		if (prompt_line("cred update (? for help) # : ", line))
			run_line(d, line);
		else
			on_end_of_input(d);
		explicit_bzero(line, sizeof(line)); /* a password may have been typed here */
	}
	leave(d);
	if (d->cli->json && d->result == CLI_DONE)
		output_json(json_pack("{s:s, s:b}", "status", "ok", "committed", d->committed));
	return d->result;
}

/* `action` with its text begins the session. */
static int
begin(struct dialogue *d, enum exop_update_action action, const char *argument)
{
	struct berval *request = client_value("ess", (int)action, "", argument);
	struct berval *value = NULL;
	int status;

	if (request == NULL)
		return cli_fail(d->cli, "out of memory");
	status = client_exop(d->cli, EXOP_CREDENTIAL_UPDATE, request, &value);
	client_wipe_value(request);
	if (status == CLI_DONE && !read_update(value, &d->update))
		status = cli_fail(d->cli, "the server's answer does not decode");
	client_wipe_value(value);
	return status;
}

static int
dialogue_run(struct dialogue *d, enum exop_update_action action, const char *argument)
{
	int status = begin(d, action, argument);

	d->out = d->cli->json ? stderr : stdout;
	d->result = CLI_FAILED;
	if (status == CLI_DONE)
		status = run(d);
	explicit_bzero(d, sizeof(*d));
	return status;
}

int
cmd_credential_update(struct cli *cli)
{
	struct dialogue d = { .cli = cli };

	if (client_open_target(cli, NULL) != CLI_DONE)
		return CLI_FAILED;
	return dialogue_run(&d, EXOP_UPDATE_BEGIN, cli->args[0]);
}

int
cmd_credential_use_reset_token(struct cli *cli)
{
	struct dialogue d = { .cli = cli, .by_token = true };
	char token[PROMPT_BYTES] = "";
	int status = CLI_FAILED;

	if (cli->arg_count == 1)
		snprintf(token, sizeof(token), "%s", cli->args[0]);
	else if (!prompt_line("Reset token: ", token))
		return cli_fail(cli, "no token: give it behind the command, or on stdin");
	if (client_connect(cli) == CLI_DONE && client_bind(cli, "", "") == CLI_DONE)
		status = dialogue_run(&d, EXOP_UPDATE_USE_TOKEN, token);
	explicit_bzero(token, sizeof(token));
	return status;
}
