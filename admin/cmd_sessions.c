/* session list, destroy, cleanup: login sessions that there are (SPEC 7.3). */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "admin/answer.h"
#include "admin/output.h"
#include "admin/session.h"
#include "common/exop.h"
#include "core/token.h"

/* Connect as who acts; *target: whose sessions, "" oneself. */
static int
open_target(struct cli *cli, const char **target)
{
	if (strcmp(cli->subject, "session") == 0) {
		*target = "";
		return client_open(cli);
	}
	*target = cli->args[0];
	return client_open_target(cli, NULL);
}

/* --- list */

/* One session of the answer; NULL: it does not decode. */
static json_t *
read_session(const struct cli *cli, BerElement *ber)
{
	struct berval id, source, begun, expire, privileged;
	ber_int_t current;

	if (ber_scanf(ber, "{mmmmmb}", &id, &source, &begun, &expire, &privileged, &current) ==
	    LBER_ERROR)
		return NULL;
	return json_pack("{s:s%, s:s%, s:o, s:o, s:o, s:b}", "id", id.bv_val, (size_t)id.bv_len,
	    "source", source.bv_val, (size_t)source.bv_len, "begun",
	    output_time(cli, client_number(&begun)), "expiry",
	    output_time(cli, client_number(&expire)), "privileged_until",
	    output_time(cli, client_number(&privileged)), "current", (int)current);
}

static void
print_session(const json_t *session)
{
	static const char *const keys[] = { "id", "source", "begun", "expiry", "privileged_until" };
	static const char *const names[] = { "session id", "from", "begun", "expiry",
		"writes until" };

	puts("---");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		printf("%s: %s\n", names[i], json_string_value(json_object_get(session, keys[i])));
	if (json_is_true(json_object_get(session, "current")))
		puts("current: true");
}

int
cmd_session_list(struct cli *cli)
{
	struct berval *request, *value = NULL;
	const char *target;
	json_t *list;
	int status = open_target(cli, &target);

	if (status != CLI_DONE)
		return status;
	request = client_value("s", target);
	status = request == NULL ? cli_fail(cli, "out of memory")
				 : client_exop(cli, EXOP_SESSION_LIST, request, &value);
	ber_bvfree(request);
	if (status != CLI_DONE)
		return status;
	list = answer_list(cli, value, read_session);
	ber_bvfree(value);
	if (list == NULL)
		return cli_fail(cli, "the server's answer does not decode");
	if (cli->json) {
		output_json(list);
		return CLI_DONE;
	}
	for (size_t i = 0; i < json_array_size(list); i++)
		print_session(json_array_get(list, i));
	json_decref(list);
	return CLI_DONE;
}

/* --- destroy */

/* Is it the token of the session of this id? */
static bool
is_token_of(const char *token, const char *id)
{
	uint8_t hash[IDM_TOKEN_HASH_BYTES];
	struct idm_uuid wanted, found;

	return token != NULL && idm_token_parse(idm_span_cstr(token), &found, hash) &&
	       idm_uuid_parse(idm_span_cstr(id), &wanted) && idm_uuid_equal(&wanted, &found);
}

/* A session that is over is not kept here either. */
static int
forget(struct cli *cli, const char *id)
{
	json_t *sessions = session_load(cli);
	const char *name;
	json_t *session;
	int status = sessions == NULL ? CLI_FAILED : CLI_DONE;

	json_object_foreach(sessions, name, session)
	{
		const char *token = json_string_value(json_object_get(session, "token"));

		if (status == CLI_DONE && is_token_of(token, id))
			status = session_put(cli, name, NULL);
	}
	json_decref(sessions);
	return status;
}

int
cmd_session_destroy(struct cli *cli)
{
	const char *id = cli->args[cli->arg_count - 1];
	struct berval *request;
	const char *target;
	int status = open_target(cli, &target);

	if (status != CLI_DONE)
		return status;
	request = client_value("ss", id, target);
	status = request == NULL ? cli_fail(cli, "out of memory")
				 : client_exop(cli, EXOP_SESSION_END, request, NULL);
	ber_bvfree(request);
	if (status == CLI_DONE)
		status = forget(cli, id);
	return status == CLI_DONE ? output_done(cli, "Success") : status;
}

/* --- cleanup */

/* By its time, or by its server, where that is the one that is asked. */
static bool
is_over(struct cli *cli, const char *name, const json_t *session)
{
	const json_t *expire = json_object_get(session, "expire");
	const char *token = json_string_value(json_object_get(session, "token"));
	const char *url = json_string_value(json_object_get(session, "url"));

	if (token == NULL)
		return false; /* anonymous' */
	if (json_is_integer(expire) && json_integer_value(expire) <= (json_int_t)time(NULL))
		return true;
	return url != NULL && strcmp(url, cli->url) == 0 && client_connect(cli) == CLI_DONE &&
	       client_bind_token(cli, name, token) == LDAP_INVALID_CREDENTIALS;
}

int
cmd_session_cleanup(struct cli *cli)
{
	json_t *sessions = session_load(cli);
	const char *name;
	json_t *session;
	char text[64], number[32];
	int removed = 0, status = sessions == NULL ? CLI_FAILED : CLI_DONE;

	json_object_foreach(sessions, name, session)
	{
		if (status != CLI_DONE || !is_over(cli, name, session))
			continue;
		status = session_put(cli, name, NULL);
		removed++;
	}
	json_decref(sessions);
	snprintf(text, sizeof(text), "Removed %d sessions", removed);
	snprintf(number, sizeof(number), "%d", removed);
	return status == CLI_DONE ? output_done_with(cli, text, "removed", number) : status;
}
