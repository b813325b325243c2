/*
 * What a decision puts into a request: the secret for the modules that check passwords, the handle
 * that names the account from authorize to post-auth and across session resumption, and the reply
 * attributes (RFC 2865 sections 5.27, 5.29).  Everything replaces what was there: FreeRADIUS runs
 * a section more than once in an EAP conversation.
 */
#ifndef RLM_KANIDM_REPLY_H
#define RLM_KANIDM_REPLY_H

#include <freeradius/radiusd.h>

#include "core/radius.h"

/*
 * The account's uuid, and a digest of its RADIUS secret: a resumed session is worth as much as the
 * secret that it began with.  "uuid/0123456789abcdef".
 */
enum { HANDLE_DIGEST_HEX = 16, HANDLE_TEXT = IDM_UUID_TEXT + 1 + HANDLE_DIGEST_HEX };

/* False: libcrypto failed. */
bool handle_format(const struct idm_radius_answer *answer, char out[HANDLE_TEXT]);

/* The uuid's part of a handle, borrowed from it; empty where it has another form. */
struct idm_span handle_uuid(struct idm_span handle);

/* The handle as attribute Cached-Session-Policy, which never leaves the server. */
bool handle_set(TALLOC_CTX *ctx, VALUE_PAIR **list, const char *handle);

/* Borrowed from the list; empty where there is none. */
struct idm_span handle_get(VALUE_PAIR *list);

void handle_clear(VALUE_PAIR **list);

/* control:Cleartext-Password.  The pair's copy of the secret is wiped when it is freed. */
bool reply_give_secret(REQUEST *request, struct idm_span secret);

/*
 * How long the session may last: `configured_s` (0: as long as it likes) or until the account
 * expires (`expire_s`, INT64_MAX: never), whichever is nearer.  0: no limit.
 */
uint32_t session_timeout(uint32_t configured_s, int64_t expire_s, int64_t now_s);

/*
 * Session-Timeout, and Termination-Action RADIUS-Request: then the NAS asks again instead of
 * dropping the client.  Neither, where `timeout_s` is 0.  False: out of memory.
 */
bool reply_limit_session(REQUEST *request, uint32_t timeout_s);

/*
 * User-Name in the answer to an EAP conversation, whose outer name may be "anonymous": the NAS
 * then uses it in accounting (RFC 2865 section 5.1).  False: out of memory.
 */
bool reply_name_account(REQUEST *request, const char *name);

/* The first Module-Failure-Message of a list: why a module refused.  NULL: there is none. */
const char *failure_message(VALUE_PAIR *list);
void failure_set(TALLOC_CTX *ctx, VALUE_PAIR **list, const char *text);

#endif
