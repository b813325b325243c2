#include "admin/client.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "admin/prompt.h"
#include "admin/session.h"
#include "common/exop.h"

struct client {
	LDAP *ld;
	char *suffix;
	char *name; /* who acts, as typed at the login */
};

/* What a command shows of an entry, by native names. */
static const char *const shown[] = { "class", "name", "spn", "displayname", "legalname", "mail",
	"description", "uuid", "memberof", "directmemberof", "member", "dynmember", "gidnumber",
	"loginshell", "homedirectory", "ssh_publickey", "account_valid_from", "account_expire",
	"entry_managed_by", "primary_credential", "unix_password", "radius_secret", "created",
	"last_modified", "acp_receiver", "acp_target", "acp_hp", "acp_search", "acp_modify_present",
	"acp_modify_removed", "acp_modify_class", "acp_create_class", "acp_create_attr",
	"acp_delete", "acp_enable", "attributetype_name", "attributetype_syntax",
	"attributetype_multi", "attributetype_unique", "attributetype_index",
	"attributetype_number", "classtype_name", "classtype_must", "classtype_may",
	"policy_password_minimum", "policy_session_expiry", "policy_privilege_expiry",
	"policy_search_limit", "policy_primary_ldap_bind", "domain_name", "domain_display_name",
	"domain_uuid", "ldap_base_dn", "radius_required_group", "badlist_password", "denied_name",
	"linked_group", NULL };

/* --- errors */

/* What the server said, else what libldap says; to be freed with ldap_memfree when it is *owned. */
static const char *
diagnostic(LDAP *ld, int code, char **owned)
{
	*owned = NULL;
	ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, owned);
	if (*owned != NULL && **owned != '\0')
		return *owned;
	return ldap_err2string(code);
}

/* Why a local socket takes no connection: 0 when nothing is wrong with the file. */
static int
socket_error(const char *url)
{
	LDAPURLDesc *parts = NULL;
	int error = 0;

	if (ldap_url_parse(url, &parts) != LDAP_URL_SUCCESS)
		return 0;
	if (strcmp(parts->lud_scheme, "ldapi") == 0 && parts->lud_host != NULL &&
	    access(parts->lud_host, R_OK | W_OK) != 0)
		error = errno;
	ldap_free_urldesc(parts);
	return error;
}

/*
 * libldap has no result of its own for a failed handshake: there is a text of the TLS library then,
 * and none when the connection failed.
 */
static int
fail_connection(struct cli *cli)
{
	char *text = NULL;
	int error = socket_error(cli->url);
	bool handshake;

	ldap_get_option(cli->client->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
	handshake = text != NULL && text[0] != '\0' && strncasecmp(cli->url, "ldaps:", 6) == 0;
	ldap_memfree(text);
	if (handshake)
		return cli_fail(cli,
		    "%s: TLS was refused: -C must name the CA of the server's certificate, and the "
		    "URL a host that the certificate is for",
		    cli->url);
	return cli_fail(cli, "%s can't be reached%s%s: does the server run there?", cli->url,
	    error == 0 ? "" : ": ", error == 0 ? "" : strerror(error));
}

static int
fail_ldap(struct cli *cli, int code)
{
	char *owned;
	const char *why;

	if (code == LDAP_SERVER_DOWN || code == LDAP_CONNECT_ERROR)
		return fail_connection(cli);
	why = diagnostic(cli->client->ld, code, &owned);
	if (code == LDAP_UNAVAILABLE)
		cli_fail(cli, "%s: %s: try again in a moment", cli->url, why);
	else if (code == LDAP_TIMEOUT)
		cli_fail(cli, "%s does not answer: try again, or look at its log", cli->url);
	else if (code == LDAP_INVALID_CREDENTIALS && owned != NULL && *owned != '\0')
		cli_fail(cli, "the login is refused: %s", owned);
	else if (code == LDAP_INVALID_CREDENTIALS)
		cli_fail(cli,
		    "the login is refused: check name and password, and whether the account "
		    "is valid now");
	else
		cli_fail(cli, "%s", why);
	ldap_memfree(owned);
	return CLI_FAILED;
}

int
client_fail(struct cli *cli, int code)
{
	return fail_ldap(cli, code);
}

/* With -d: what is asked, never a password or a token. */
static void
trace(const struct cli *cli, const char *operation, const char *what)
{
	if (cli->debug)
		fprintf(stderr, "kanidm: > %s %s\n", operation, what);
}

/* --- connecting */

/* The certificate and the name in it are verified, whatever ldap.conf(5) says. */
static int
set_tls(struct cli *cli, LDAP *ld)
{
	int demand = LDAP_OPT_X_TLS_DEMAND, no_fallback = LDAP_OPT_X_TLS_TRY, server_side = 0;
	int oldest = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;

	if (strncasecmp(cli->url, "ldaps:", 6) != 0)
		return CLI_DONE;
	if (cli->ca != NULL && access(cli->ca, R_OK) != 0)
		return cli_fail(cli, "%s: %s: -C names the file of a CA", cli->ca, strerror(errno));
	ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
	ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_SAN, &no_fallback);
	ldap_set_option(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &oldest);
	if (cli->ca != NULL)
		ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, cli->ca);
	if (ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &server_side) == LDAP_OPT_SUCCESS)
		return CLI_DONE;
	return cli_fail(cli, "%s: holds no certificate of a CA in PEM form; -C names the file",
	    cli->ca == NULL ? "the system's CAs" : cli->ca);
}

static void
set_options(LDAP *ld)
{
	int version = LDAP_VERSION3;
	struct timeval patience = { 15, 0 };

	ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &patience);
	ldap_set_option(ld, LDAP_OPT_TIMEOUT, &patience);
	ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
}

int
client_connect(struct cli *cli)
{
	struct client *client;
	int code;

	if (cli->client != NULL)
		return CLI_DONE;
	trace(cli, "connect", cli->url);
	if (strncasecmp(cli->url, "ldaps://", 8) != 0 && strncasecmp(cli->url, "ldapi://", 8) != 0)
		return cli_fail(cli,
		    "%s: only ldaps:// and ldapi:// keep passwords secret; use one of them",
		    cli->url);
	client = calloc(1, sizeof(*client));
	if (client == NULL)
		return cli_fail(cli, "out of memory");
	code = ldap_initialize(&client->ld, cli->url);
	if (code != LDAP_SUCCESS) {
		free(client);
		return cli_fail(cli, "%s: %s", cli->url, ldap_err2string(code));
	}
	set_options(client->ld);
	cli->client = client;
	return set_tls(cli, client->ld);
}

void
client_close(struct cli *cli)
{
	struct client *client = cli->client;

	if (client == NULL)
		return;
	ldap_unbind_ext(client->ld, NULL, NULL);
	free(client->suffix);
	free(client->name);
	free(client);
	cli->client = NULL;
}

static int
simple_bind(struct cli *cli, const char *dn, const char *password)
{
	struct berval cred = { strlen(password), (char *)(uintptr_t)password };

	trace(cli, "bind", dn);
	return ldap_sasl_bind_s(cli->client->ld, dn, LDAP_SASL_SIMPLE, &cred, NULL, NULL, NULL);
}

int
client_bind(struct cli *cli, const char *name, const char *password)
{
	int code;

	if (client_connect(cli) != CLI_DONE)
		return CLI_FAILED;
	code = simple_bind(cli, name, password);
	return code == LDAP_SUCCESS ? CLI_DONE : fail_ldap(cli, code);
}

int
client_bind_token(struct cli *cli, const char *name, const char *token)
{
	int code = simple_bind(cli, "dn=token", token);

	if (code == LDAP_SUCCESS && cli->client->name == NULL)
		cli->client->name = strdup(name);
	return code;
}

static int
bind_session(struct cli *cli, const char *name, const char *token)
{
	int code = client_bind_token(cli, name, token);

	if (code == LDAP_INVALID_CREDENTIALS)
		return cli_fail(cli,
		    "the session of %s is over, or the account is not valid now: `kanidm login -D "
		    "%s`",
		    name, name);
	return code == LDAP_SUCCESS ? CLI_DONE : fail_ldap(cli, code);
}

/* anonymous is chosen by a login, but has no token: it is who does not bind. */
static int
open_as(struct cli *cli, const char *name, const json_t *session)
{
	const char *token = json_string_value(json_object_get(session, "token"));
	const char *url = json_string_value(json_object_get(session, "url"));

	if (session == NULL)
		return cli_fail(cli, "%s is not logged in: `kanidm login -D %s` first", name, name);
	if (token != NULL && (url == NULL || strcmp(url, cli->url) != 0))
		return cli_fail(cli,
		    "%s is logged in at %s, and its token is for nobody else: `kanidm login -D %s "
		    "-H %s` first",
		    name, url == NULL ? "an unknown server" : url, name, cli->url);
	if (client_connect(cli) != CLI_DONE)
		return CLI_FAILED;
	if (token != NULL)
		return bind_session(cli, name, token);
	cli->client->name = strdup(name);
	return client_bind(cli, "", "");
}

int
client_open(struct cli *cli)
{
	json_t *sessions = session_load(cli);
	const char *name;
	int status = CLI_FAILED;

	if (sessions == NULL)
		return CLI_FAILED;
	name = session_choose(cli, sessions);
	if (name != NULL)
		status = open_as(cli, name, json_object_get(sessions, name));
	json_decref(sessions);
	return status;
}

/* --- extended operations */

int
client_try_exop(
    struct cli *cli, const char *oid, struct berval *request, struct berval **value, char **text)
{
	char *response_oid = NULL;
	struct berval *response = NULL;
	char *owned = NULL;
	int code;

	trace(cli, "extended", oid);
	code = ldap_extended_operation_s(
	    cli->client->ld, oid, request, NULL, NULL, &response_oid, &response);
	if (text != NULL)
		*text =
		    strdup(code == LDAP_SUCCESS ? "" : diagnostic(cli->client->ld, code, &owned));
	ldap_memfree(owned);
	ldap_memfree(response_oid);
	if (value != NULL && code == LDAP_SUCCESS)
		*value = response;
	else
		ber_bvfree(response);
	return code;
}

static struct berval *
proof_value(const char *name, const char *password, const char *code)
{
	if (name != NULL)
		return client_value("sss", name, password, code);
	return code[0] == '\0' ? client_value("s", password) : client_value("ss", password, code);
}

int
client_try_proof(
    struct cli *cli, const char *name, const char *password, struct berval **value, char **text)
{
	const char *oid = name == NULL ? EXOP_SESSION_REAUTH : EXOP_LOGIN;
	char code[PROMPT_BYTES] = "";
	bool asked = false;
	int result;

	do {
		struct berval *request = proof_value(name, password, code);

		if (asked && text != NULL)
			free(*text);
		result = request == NULL ? LDAP_NO_MEMORY
					 : client_try_exop(cli, oid, request, value, text);
		if (request == NULL && text != NULL)
			*text = strdup("out of memory");
		client_wipe_value(request);
		if (result != LDAP_STRONG_AUTH_REQUIRED || asked)
			break;
		asked = true;
	} while (prompt_line("Enter TOTP: ", code) && code[0] != '\0');
	explicit_bzero(code, sizeof(code));
	return result;
}

/* A session that may only read is proved again: by a password from the terminal. */
static bool
prove_again(struct cli *cli)
{
	char password[PROMPT_BYTES];
	bool proved;

	if (!prompt_is_terminal() || cli->client->name == NULL)
		return false;
	fprintf(stderr, "This session may only read by now. Prove that you are %s.\n",
	    cli->client->name);
	if (!prompt_password("Password: ", password))
		return false;
	proved = client_try_proof(cli, NULL, password, NULL, NULL) == LDAP_SUCCESS;
	explicit_bzero(password, sizeof(password));
	if (!proved)
		cli_note(cli, "wrong password, or wrong code");
	return proved;
}

char *
client_said(struct cli *cli)
{
	char *text = NULL;
	char *said;

	ldap_get_option(cli->client->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
	said = text == NULL || text[0] == '\0' ? NULL : strdup(text);
	ldap_memfree(text);
	return said;
}

/* Was a change refused for nothing but the session's age, and is that mended? */
static bool
try_again(struct cli *cli, int code)
{
	char *owned;
	bool aged = code == LDAP_INSUFFICIENT_ACCESS &&
		    strstr(diagnostic(cli->client->ld, code, &owned), "kanidm reauth") != NULL;

	if (code == LDAP_INSUFFICIENT_ACCESS)
		ldap_memfree(owned);
	return aged && prove_again(cli);
}

int
client_exop(struct cli *cli, const char *oid, struct berval *request, struct berval **value)
{
	int code;

	do {
		code = client_try_exop(cli, oid, request, value, NULL);
	} while (code != LDAP_SUCCESS && try_again(cli, code));
	return code == LDAP_SUCCESS ? CLI_DONE : fail_ldap(cli, code);
}

/* --- reading */

enum { PAGE_ENTRIES = 500 };

struct place {
	const char *base;
	int scope;
	const char *filter;
};

const char *
client_suffix(struct cli *cli)
{
	char *attrs[] = { (char *)(uintptr_t) "namingContexts", NULL };
	LDAPMessage *message = NULL;
	struct berval **values;
	int code;

	if (cli->client->suffix != NULL)
		return cli->client->suffix;
	code = ldap_search_ext_s(cli->client->ld, "", LDAP_SCOPE_BASE, "(objectClass=*)", attrs, 0,
	    NULL, NULL, NULL, 1, &message);
	if (code != LDAP_SUCCESS) {
		fail_ldap(cli, code);
		ldap_msgfree(message);
		return NULL;
	}
	values = ldap_get_values_len(
	    cli->client->ld, ldap_first_entry(cli->client->ld, message), attrs[0]);
	if (values != NULL && values[0] != NULL)
		cli->client->suffix = strdup(values[0]->bv_val);
	ldap_value_free_len(values);
	ldap_msgfree(message);
	if (cli->client->suffix == NULL)
		cli_fail(cli, "%s names no suffix: is it a kanidm server?", cli->url);
	return cli->client->suffix;
}

/* "cn=idm_admins,ou=groups,dc=..." -> "idm_admins@domain"; another text stays as it is. */
static json_t *
short_reference(const char *value, const char *domain)
{
	const char *equal = strchr(value, '=');
	const char *comma = strchr(value, ',');

	if (domain == NULL || equal == NULL || comma == NULL || comma < equal)
		return json_string(value);
	return json_sprintf("%.*s@%s", (int)(comma - equal - 1), equal + 1, domain);
}

static bool
is_reference(const char *attribute)
{
	static const char *const references[] = { "memberof", "directmemberof", "member",
		"dynmember", "entry_managed_by" };

	for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++) {
		if (strcmp(attribute, references[i]) == 0)
			return true;
	}
	return false;
}

static json_t *
values_of(struct cli *cli, LDAPMessage *entry, const char *attribute, const char *domain)
{
	struct berval **values = ldap_get_values_len(cli->client->ld, entry, attribute);
	json_t *list = json_array();

	for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
		const char *text = values[i]->bv_val;
		json_t *value = is_reference(attribute) ? short_reference(text, domain)
							: json_stringn(text, values[i]->bv_len);

		json_array_append_new(list, value == NULL ? json_string("?") : value);
	}
	ldap_value_free_len(values);
	return list;
}

static json_t *
entry_of(struct cli *cli, LDAPMessage *entry)
{
	LDAP *ld = cli->client->ld;
	json_t *object = json_object();
	BerElement *ber = NULL;
	char *dn = ldap_get_dn(ld, entry);
	struct berval **spn = ldap_get_values_len(ld, entry, "spn");
	const char *at = spn == NULL || spn[0] == NULL ? NULL : strchr(spn[0]->bv_val, '@');

	json_object_set_new(object, "dn", json_string(dn));
	ldap_memfree(dn);
	for (char *name = ldap_first_attribute(ld, entry, &ber); name != NULL;
	     name = ldap_next_attribute(ld, entry, ber)) {
		json_object_set_new(
		    object, name, values_of(cli, entry, name, at == NULL ? NULL : at + 1));
		ldap_memfree(name);
	}
	ber_free(ber, 0);
	ldap_value_free_len(spn);
	return object;
}

static const char *
filter_of(const char *subject)
{
	if (strcmp(subject, "person") == 0)
		return "(class=person)";
	if (strcmp(subject, "service_account") == 0)
		return "(class=service_account)";
	if (strcmp(subject, "group") == 0)
		return "(class=group)";
	if (strcmp(subject, "account") == 0)
		return "(class=account)";
	if (strcmp(subject, "profile") == 0)
		return "(class=access_control_profile)";
	if (strcmp(subject, "recycled") == 0)
		return "(class=recycled)";
	return "(|(class=account)(class=group))";
}

/* A value as it may stand in a filter (RFC 4515 section 3); NULL: out of memory. */
static char *
escape(const char *text)
{
	char *out = malloc(3 * strlen(text) + 1);
	char *to = out;

	if (out == NULL)
		return NULL;
	for (; *text != '\0'; text++) {
		if (strchr("*()\\", *text) != NULL)
			to += sprintf(to, "\\%02x", (unsigned char)*text);
		else
			*to++ = *text;
	}
	*to = '\0';
	return out;
}

/* The cookie of the next page (RFC 2696); empty behind the last one. */
static void
take_cookie(LDAP *ld, LDAPMessage *message, struct berval *cookie)
{
	LDAPControl **controls = NULL;
	LDAPControl *paged;
	ber_int_t estimate;

	ber_memfree(cookie->bv_val);
	*cookie = (struct berval){ 0, NULL };
	ldap_parse_result(ld, message, NULL, NULL, NULL, NULL, &controls, 0);
	paged = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
	if (paged != NULL &&
	    ldap_parse_pageresponse_control(ld, paged, &estimate, cookie) != LDAP_SUCCESS)
		*cookie = (struct berval){ 0, NULL };
	ldap_controls_free(controls);
}

/* One page: its entries go into `out`. */
static int
search_page(struct cli *cli, const struct place *place, struct berval *cookie, json_t *out)
{
	LDAP *ld = cli->client->ld;
	LDAPControl *controls[] = { NULL, NULL };
	LDAPMessage *message = NULL;
	char **attrs = (char **)(uintptr_t)shown; /* libldap only reads them */
	int code = ldap_create_page_control(ld, PAGE_ENTRIES, cookie, 1, &controls[0]);

	if (code == LDAP_SUCCESS)
		code = ldap_search_ext_s(ld, place->base, place->scope, place->filter, attrs, 0,
		    controls, NULL, NULL, LDAP_NO_LIMIT, &message);
	ldap_control_free(controls[0]);
	if (code == LDAP_SUCCESS) {
		for (LDAPMessage *entry = ldap_first_entry(ld, message); entry != NULL;
		     entry = ldap_next_entry(ld, entry))
			json_array_append_new(out, entry_of(cli, entry));
		take_cookie(ld, message, cookie);
	}
	ldap_msgfree(message);
	return code;
}

/* Page by page, so that the server's limit for one search is none for us.  The resultCode. */
static int
search_pages(struct cli *cli, const struct place *place, json_t *out)
{
	struct berval cookie = { 0, NULL };
	int code;

	trace(cli, "search", place->filter);
	do {
		code = search_page(cli, place, &cookie, out);
	} while (code == LDAP_SUCCESS && cookie.bv_len != 0);
	ber_memfree(cookie.bv_val);
	return code;
}

int
client_search(struct cli *cli, const char *base, const char *filter, json_t **out)
{
	struct place place = { base, LDAP_SCOPE_SUBTREE, filter };
	int code;

	*out = json_array();
	code = search_pages(cli, &place, *out);
	if (code == LDAP_SUCCESS)
		return CLI_DONE;
	json_decref(*out);
	*out = NULL;
	return fail_ldap(cli, code);
}

static int
search(struct cli *cli, const char *filter, json_t **out)
{
	const char *suffix = client_suffix(cli);

	*out = NULL;
	return suffix == NULL ? CLI_FAILED : client_search(cli, suffix, filter, out);
}

/* The entry of this DN, if it is of the subject's kind; no entry is no failure. */
static int
find_dn(struct cli *cli, const char *subject, const char *dn, json_t **out)
{
	struct place place = { dn, LDAP_SCOPE_BASE, filter_of(subject) };
	int code;

	*out = json_array();
	code = search_pages(cli, &place, *out);
	if (code == LDAP_SUCCESS || code == LDAP_NO_SUCH_OBJECT || code == LDAP_INVALID_DN_SYNTAX)
		return CLI_DONE;
	json_decref(*out);
	*out = NULL;
	return fail_ldap(cli, code);
}

int
client_find(struct cli *cli, const char *subject, const char *target, json_t **out)
{
	char *escaped;
	char *filter = NULL;
	int status = CLI_FAILED;

	*out = NULL;
	if (strchr(target, '=') != NULL) /* in no name, spn or uuid */
		return find_dn(cli, subject, target, out);
	escaped = escape(target);
	if (escaped == NULL || asprintf(&filter, "(&%s(|(name=%s)(spn=%s)(uuid=%s)(gidnumber=%s)))",
				   filter_of(subject), escaped, escaped, escaped, escaped) < 0)
		filter = NULL;
	if (filter != NULL)
		status = search(cli, filter, out);
	else
		cli_fail(cli, "out of memory");
	free(filter);
	free(escaped);
	return status;
}

json_t *
client_get(struct cli *cli, const char *subject, const char *target)
{
	json_t *entries, *entry;

	if (client_find(cli, subject, target, &entries) != CLI_DONE)
		return NULL;
	entry = json_incref(json_array_get(entries, 0));
	json_decref(entries);
	if (entry == NULL)
		cli_fail(cli, "%s: no matching entries: check the name, and whether %s may see it",
		    target, cli->client->name);
	return entry;
}

int
client_open_target(struct cli *cli, json_t **out)
{
	json_t *entry;

	if (client_open(cli) != CLI_DONE)
		return CLI_FAILED;
	entry = client_get(cli, cli->subject, cli->args[0]);
	if (entry == NULL)
		return CLI_FAILED;
	if (out != NULL)
		*out = entry;
	else
		json_decref(entry);
	return CLI_DONE;
}

static int
compare_entries(const void *a, const void *b)
{
	const char *left = client_first(*(json_t *const *)a, "name");
	const char *right = client_first(*(json_t *const *)b, "name");

	return strcmp(left == NULL ? "" : left, right == NULL ? "" : right);
}

static json_t *
sorted(json_t *entries)
{
	size_t count = json_array_size(entries);
	json_t **list = calloc(count + 1, sizeof(*list));
	json_t *out = json_array();

	if (list == NULL) {
		json_decref(out);
		return entries;
	}
	for (size_t i = 0; i < count; i++)
		list[i] = json_array_get(entries, i);
	qsort(list, count, sizeof(*list), compare_entries);
	for (size_t i = 0; i < count; i++)
		json_array_append(out, list[i]);
	free(list);
	json_decref(entries);
	return out;
}

int
client_list(struct cli *cli, const char *subject, const char *word, json_t **out)
{
	char *escaped = word == NULL ? NULL : escape(word);
	char *filter = NULL;
	int status = CLI_FAILED;

	if (word == NULL)
		filter = strdup(filter_of(subject));
	else if (escaped == NULL || asprintf(&filter, "(&%s(|(name=*%s*)(displayname=*%s*)))",
					filter_of(subject), escaped, escaped) < 0)
		filter = NULL;
	if (filter == NULL)
		cli_fail(cli, "out of memory");
	else
		status = search(cli, filter, out);
	if (status == CLI_DONE)
		*out = sorted(*out);
	free(filter);
	free(escaped);
	return status;
}

bool
client_has_value(struct cli *cli, const char *dn, const char *attribute)
{
	char *attrs[] = { (char *)(uintptr_t)attribute, NULL };
	LDAPMessage *message = NULL;
	struct berval **values = NULL;
	bool has = false;

	if (ldap_search_ext_s(cli->client->ld, dn, LDAP_SCOPE_BASE, "(objectClass=*)", attrs, 0,
		NULL, NULL, NULL, 1, &message) == LDAP_SUCCESS) {
		LDAPMessage *entry = ldap_first_entry(cli->client->ld, message);

		if (entry != NULL)
			values = ldap_get_values_len(cli->client->ld, entry, attribute);
		has = values != NULL && values[0] != NULL;
	}
	ldap_value_free_len(values);
	ldap_msgfree(message);
	return has;
}

const char *
client_first(const json_t *entry, const char *attribute)
{
	return json_string_value(json_array_get(json_object_get(entry, attribute), 0));
}

bool
client_holds(const json_t *entry, const char *attribute, const char *value)
{
	const json_t *values = json_object_get(entry, attribute);

	for (size_t i = 0; i < json_array_size(values); i++) {
		if (strcmp(json_string_value(json_array_get(values, i)), value) == 0)
			return true;
	}
	return false;
}

/* --- changes */

int
client_add(struct cli *cli, const char *dn, LDAPMod **mods)
{
	int code;

	trace(cli, "add", dn);
	do {
		code = ldap_add_ext_s(cli->client->ld, dn, mods, NULL, NULL);
	} while (code != LDAP_SUCCESS && try_again(cli, code));
	return code == LDAP_SUCCESS ? CLI_DONE : fail_ldap(cli, code);
}

int
client_modify(struct cli *cli, const char *dn, LDAPMod **mods)
{
	int code;

	trace(cli, "modify", dn);
	do {
		code = ldap_modify_ext_s(cli->client->ld, dn, mods, NULL, NULL);
	} while (code != LDAP_SUCCESS && try_again(cli, code));
	return code == LDAP_SUCCESS ? CLI_DONE : fail_ldap(cli, code);
}

int
client_delete(struct cli *cli, const char *dn)
{
	int code;

	trace(cli, "delete", dn);
	do {
		code = ldap_delete_ext_s(cli->client->ld, dn, NULL, NULL);
	} while (code != LDAP_SUCCESS && try_again(cli, code));
	return code == LDAP_SUCCESS ? CLI_DONE : fail_ldap(cli, code);
}

int
client_modify_one(struct cli *cli, const char *dn, int op, const char *attribute, char **values)
{
	LDAPMod mod = { .mod_op = op, .mod_type = (char *)(uintptr_t)attribute };
	LDAPMod *mods[] = { &mod, NULL };

	mod.mod_values = values;
	return client_modify(cli, dn, mods);
}
