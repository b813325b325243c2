/* Clients that ask for extended operations, of a core process and a worker (server_setup). */
#ifndef TESTS_SUPPORT_ASKING_H
#define TESTS_SUPPORT_ASKING_H

#include "tests/support/server.h"

/* A client that has bound so, on the local socket. */
struct client *client_as(struct server *s, const char *name, const char *password);

/* Is a bind taken?  It is refused as all are. */
bool server_lets_in(struct server *s, const char *name, const char *password);

/* The answer to one extended operation; its code is the test's to look at. */
const struct answer *client_ask(struct client *client, const char *oid, struct idm_span value);

/* "u:name@domain". */
const char *client_whoami(struct client *client);

/* This code and, of what is told, a part; "" nothing at all.  A refusal has no value. */
void answer_expect(const struct answer *answer, enum ldap_result_code code, const char *text);

/* The fields of the value of a success, by exop_fields. */
const char *answer_fields(const struct answer *answer);

#endif
