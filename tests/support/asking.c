#include "tests/support/asking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/exop.h"

struct client *
client_as(struct server *s, const char *name, const char *password)
{
	struct client *client = client_open(s);

	client_bind(client, name, password);
	return client;
}

bool
server_lets_in(struct server *s, const char *name, const char *password)
{
	struct client *client = client_open(s);
	const struct answer *answer;
	bool bound;

	request_bind(&client->requests, 1, name, password);
	client_send(client);
	answer = client_take(client);
	bound = answer->code == LDAP_SUCCESS;
	if (!bound)
		assert_int_equal(answer->code, LDAP_INVALID_CREDENTIALS);
	client_close(&client);
	return bound;
}

const struct answer *
client_ask(struct client *client, const char *oid, struct idm_span value)
{
	request_extended(&client->requests, 7, oid, value);
	client_send(client);
	return client_take(client);
}

const char *
client_whoami(struct client *client)
{
	static char text[ANSWER_TEXT_BYTES];
	const struct answer *answer = client_ask(client, EXOP_WHOAMI, IDM_SPAN_EMPTY);

	assert_int_equal(answer->code, LDAP_SUCCESS);
	snprintf(text, sizeof(text), "%.*s", (int)answer->value_len, (const char *)answer->value);
	return text;
}

void
answer_expect(const struct answer *answer, enum ldap_result_code code, const char *text)
{
	if (answer->code != code)
		fail_msg("%s: %s", ldap_result_name(answer->code), answer->text);
	if (text[0] == '\0' ? answer->text[0] != '\0' : strstr(answer->text, text) == NULL)
		fail_msg("told \"%s\"", answer->text);
	if (code != LDAP_SUCCESS)
		assert_false(answer->has_value);
}

const char *
answer_fields(const struct answer *answer)
{
	answer_expect(answer, LDAP_SUCCESS, "");
	assert_true(answer->has_value);
	return exop_fields(idm_span_of(answer->value, answer->value_len));
}
