/* login, logout, reauth, self whoami, version. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/client.h"
#include "admin/output.h"
#include "admin/prompt.h"
#include "admin/session.h"
#include "common/exop.h"

/* KANIDM_PASSWORD, else from the terminal.  False: there is none to be had. */
static bool
get_password(const struct cli *cli, char out[PROMPT_BYTES])
{
	const char *given = getenv("KANIDM_PASSWORD");

	if (given != NULL) {
		snprintf(out, PROMPT_BYTES, "%s", given);
		return true;
	}
	if (prompt_password("Enter password: ", out))
		return true;
	cli_fail(cli, "no password: type it on a terminal, or set KANIDM_PASSWORD");
	return false;
}

/* What EXOP_SESSION_BEGIN answered, as it is cached; NULL: it does not decode. */
static json_t *
session_of(const struct cli *cli, struct berval *value)
{
	BerElement *ber = ber_init(value);
	struct berval token, expire, privileged, spn;
	json_t *session = NULL;

	if (ber != NULL &&
	    ber_scanf(ber, "{mmmm}", &token, &expire, &privileged, &spn) != LBER_ERROR)
		session = json_pack("{s:s%, s:s%, s:I, s:s}", "token", token.bv_val,
		    (size_t)token.bv_len, "spn", spn.bv_val, (size_t)spn.bv_len, "expire",
		    (json_int_t)client_number(&expire), "url", cli->url);
	ber_free(ber, 1);
	return session;
}

static int
keep_session(struct cli *cli, const char *name, struct berval *value)
{
	json_t *session = session_of(cli, value);
	int status;

	if (session == NULL)
		return cli_fail(cli, "the server's answer does not decode: is it a kanidm server?");
	status = session_put(cli, name, session);
	json_decref(session);
	return status;
}

/* anonymous has no session: that it was chosen is all that is kept. */
static int
login_anonymous(struct cli *cli)
{
	json_t *session;
	int status = client_connect(cli);

	if (status == CLI_DONE)
		status = client_bind(cli, "", "");
	if (status != CLI_DONE)
		return status;
	session = json_pack("{s:s, s:s}", "spn", "anonymous", "url", cli->url);
	status = session_put(cli, "anonymous", session);
	json_decref(session);
	return status;
}

static int
login_account(struct cli *cli, const char *name)
{
	char password[PROMPT_BYTES];
	struct berval *value = NULL;
	int code, status;

	if (client_connect(cli) != CLI_DONE || !get_password(cli, password))
		return CLI_FAILED;
	if (password[0] == '\0')
		return cli_fail(cli, "an empty password is none");
	code = client_try_proof(cli, name, password, &value, NULL);
	explicit_bzero(password, sizeof(password));
	status = code == LDAP_SUCCESS ? CLI_DONE : client_fail(cli, code);
	if (status == CLI_DONE)
		status = keep_session(cli, name, value);
	client_wipe_value(value);
	return status;
}

static bool
is_anonymous(const char *name)
{
	return strcmp(name, "anonymous") == 0;
}

int
cmd_login(struct cli *cli)
{
	const char *name = cli->name == NULL ? "anonymous" : cli->name;
	char text[1200];
	int status = is_anonymous(name) ? login_anonymous(cli) : login_account(cli, name);

	snprintf(text, sizeof(text), "Login Success for %s", name);
	return status == CLI_DONE ? output_done_with(cli, text, "name", name) : status;
}

/* The server forgets the session; when it can't be asked, the token is forgotten here at least. */
static int
end_session(struct cli *cli, const char *name, const char *token)
{
	int code;

	if (client_connect(cli) != CLI_DONE)
		return CLI_FAILED;
	code = client_bind_token(cli, name, token);
	if (code == LDAP_INVALID_CREDENTIALS)
		return CLI_DONE; /* over already */
	if (code == LDAP_SUCCESS)
		return client_exop(cli, EXOP_SESSION_END, NULL, NULL);
	return cli_fail(cli,
	    "the session of %s is forgotten here, but the server could not be told: it ends by "
	    "itself",
	    name);
}

/* Forget `name`, after the server has. */
static int
logout(struct cli *cli, json_t *sessions, const char *name)
{
	json_t *session = json_object_get(sessions, name);
	const char *token = json_string_value(json_object_get(session, "token"));
	char text[1200];
	int status = token == NULL ? CLI_DONE : end_session(cli, name, token);

	snprintf(text, sizeof(text),
	    session == NULL ? "No sessions for %s" : "Removed session for %s", name);
	/* Also when the server can't be asked. */
	if (session != NULL && session_put(cli, name, NULL) != CLI_DONE)
		return CLI_FAILED;
	return status == CLI_DONE ? output_done(cli, text) : status;
}

int
cmd_logout(struct cli *cli)
{
	json_t *sessions = session_load(cli);
	const char *name;
	int status = CLI_FAILED;

	if (sessions == NULL)
		return CLI_FAILED;
	if (cli->arg_count == 1)
		cli->name = cli->args[0];
	name = session_choose(cli, sessions);
	if (name != NULL)
		status = logout(cli, sessions, name);
	json_decref(sessions);
	return status;
}

int
cmd_reauth(struct cli *cli)
{
	char password[PROMPT_BYTES];
	char *text = NULL;
	int code;

	if (client_open(cli) != CLI_DONE || !get_password(cli, password))
		return CLI_FAILED;
	code = client_try_proof(cli, NULL, password, NULL, &text);
	explicit_bzero(password, sizeof(password));
	if (code == LDAP_INVALID_CREDENTIALS && text != NULL &&
	    strcmp(text, ldap_err2string(code)) == 0)
		cli_fail(cli, "wrong password");
	else if (code != LDAP_SUCCESS)
		cli_fail(cli, "%s", text == NULL ? "" : text);
	free(text);
	return code == LDAP_SUCCESS ? output_done(cli, "Success") : CLI_FAILED;
}

int
cmd_self_whoami(struct cli *cli)
{
	struct berval *who = NULL;
	json_t *entry;
	const char *spn;

	if (client_open(cli) != CLI_DONE || client_exop(cli, EXOP_WHOAMI, NULL, &who) != CLI_DONE)
		return CLI_FAILED;
	/* "u:" and the spn; empty for anonymous (RFC 4532). */
	spn = who != NULL && who->bv_len > 2 ? who->bv_val + 2 : "anonymous";
	entry = client_get(cli, "account", spn);
	ber_bvfree(who);
	if (entry == NULL)
		return CLI_FAILED;
	output_entry(cli, entry);
	json_decref(entry);
	return CLI_DONE;
}

int
cmd_version(struct cli *cli)
{
	return output_done_with(cli, "kanidm " IDM_VERSION, "version", IDM_VERSION);
}
