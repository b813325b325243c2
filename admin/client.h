/* The LDAP side of the command: connecting, logging in by a cached session, asking, changing. */
#ifndef ADMIN_CLIENT_H
#define ADMIN_CLIENT_H

#include <stdint.h>

#include <ldap.h>

#include "admin/cli.h"

/*
 * Each function that returns an int gives CLI_DONE, or CLI_FAILED after it has said why in one
 * line.
 */

/* Connect, without a bind. */
int client_connect(struct cli *cli);

/* Connect, and bind by the cached session of who acts (--name, or the only one). */
int client_open(struct cli *cli);
void client_close(struct cli *cli);

/* Bind by a password; an empty name is anonymous. */
int client_bind(struct cli *cli, const char *name, const char *password);

/* Bind by a session's token; the resultCode. */
int client_bind_token(struct cli *cli, const char *name, const char *token);

/* An extended operation.  *value (may be NULL) is to be freed with ber_bvfree. */
int client_exop(struct cli *cli, const char *oid, struct berval *request, struct berval **value);
/* The same, but a refusal is returned: its resultCode, and `text` (to be freed with ldap_memfree).
 */
int client_try_exop(
    struct cli *cli, const char *oid, struct berval *request, struct berval **value, char **text);

/* Say what a resultCode that is no success means; CLI_FAILED. */
int client_fail(struct cli *cli, int code);

/*
 * EXOP_LOGIN with a name, or EXOP_SESSION_REAUTH (NULL): a password, and a code of the second
 * factor where one is wanted, which is asked for.  The resultCode, as client_try_exop.
 */
int client_try_proof(
    struct cli *cli, const char *name, const char *password, struct berval **value, char **text);

/*
 * A SEQUENCE for an extended operation: in `format` an 's' is an OCTET STRING (const char *), an
 * 'e' an ENUMERATED (int), a 'b' a BOOLEAN (int), an 'n' an INTEGER (int64_t).  NULL: out of
 * memory.
 */
struct berval *client_value(const char *format, ...);

/* An INTEGER of an answer, by its contents (ber_scanf's 'm'): ber_int_t would end in 2038. */
int64_t client_number(const struct berval *contents);

/* Free what an operation's value was written into, and a value; secrets in them are wiped. */
void client_wipe_ber(BerElement *ber);
void client_wipe_value(struct berval *value);

/*
 * The entry of the command's subject that `target` names (by name, spn, uuid, gid number or DN), as
 * an object: attribute -> array of values; "dn" -> its DN.  NULL after it was said that there is
 * none.
 */
json_t *client_get(struct cli *cli, const char *subject, const char *target);

/*
 * client_open, and the entry that the command's first operand names, as client_get gives it.  `out`
 * may be NULL: the entry must be there for who asks all the same, or the answer to what is asked of
 * it would be about nothing.
 */
int client_open_target(struct cli *cli, json_t **out);

/* The entries that `target` names, as an array, for there may be several in the recycle bin. */
int client_find(struct cli *cli, const char *subject, const char *target, json_t **out);

/* All entries below a DN that a filter (RFC 4515) finds, as client_get gives them. */
int client_search(struct cli *cli, const char *base, const char *filter, json_t **out);

/* All entries of a kind, sorted by name; `word` (may be NULL) is a part of a name. */
int client_list(struct cli *cli, const char *subject, const char *word, json_t **out);

/* Does the caller see a value of this attribute of the entry? */
bool client_has_value(struct cli *cli, const char *dn, const char *attribute);

/* Changes.  A session that may only read is proved again, where there is a terminal. */
int client_add(struct cli *cli, const char *dn, LDAPMod **mods);
int client_modify(struct cli *cli, const char *dn, LDAPMod **mods);
int client_delete(struct cli *cli, const char *dn);

/* A change of one attribute; no values with LDAP_MOD_REPLACE: it goes. */
int client_modify_one(
    struct cli *cli, const char *dn, int op, const char *attribute, char **values);

/* What the server said of the change that it has just made; to be freed; NULL: nothing. */
char *client_said(struct cli *cli);

/* "dc=idm,dc=example,dc=com"; NULL after it was said why not. */
const char *client_suffix(struct cli *cli);

/* Is this one of the attribute's values? */
bool client_holds(const json_t *entry, const char *attribute, const char *value);

/* First value of an attribute of an entry; NULL: none. */
const char *client_first(const json_t *entry, const char *attribute);

#endif
