/* Credential update sessions (EXOP_CREDENTIAL_UPDATE) as a client of the core process asks for
 * them. */
#ifndef TESTS_SUPPORT_UPDATE_H
#define TESTS_SUPPORT_UPDATE_H

#include "tests/support/server.h"

enum { UPDATE_FIELD_BYTES = 1200 };

/* What a step answered: its code, what the client is told, and the fields of the state. */
struct update_state {
	enum ldap_result_code code;
	char text[1024];
	bool has_identity;
	char session[UPDATE_FIELD_BYTES], spn[UPDATE_FIELD_BYTES];
	char displayname[UPDATE_FIELD_BYTES], uuid[UPDATE_FIELD_BYTES];
	char primary[UPDATE_FIELD_BYTES], primary_pending[UPDATE_FIELD_BYTES];
	char unix_state[UPDATE_FIELD_BYTES], unix_pending[UPDATE_FIELD_BYTES];
	char factor[UPDATE_FIELD_BYTES], factor_pending[UPDATE_FIELD_BYTES];
	char backup[UPDATE_FIELD_BYTES], backup_pending[UPDATE_FIELD_BYTES];
	char can_commit[UPDATE_FIELD_BYTES], why_not[UPDATE_FIELD_BYTES], told[UPDATE_FIELD_BYTES];
	int64_t expire_s;
};

/* `action` is of enum exop_update_action. */
struct update_state update_step(
    struct server *s, uint64_t handle, int action, const char *session, const char *text);
/* Ask for it alone: the answer comes as a frame. */
void update_send(
    struct server *s, uint64_t handle, int action, const char *session, const char *text);
/* A step, and it must be a success; or a refusal of this code that says `text`. */
struct update_state update_expect_step(
    struct server *s, uint64_t handle, int action, const char *session, const char *text);
void update_expect_refused(struct server *s, uint64_t handle, int action, const char *session,
    enum ldap_result_code code, const char *text);
void update_expect(const struct update_state *state, enum ldap_result_code code, const char *text);

/* Bind with a password or a token: the handle; 0: refused. */
uint64_t server_bind_by(struct server *s, const char *name, const char *password);

#endif
