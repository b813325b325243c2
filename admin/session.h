/* The token cache, ~/.cache/kanidm_tokens: sessions by the name that was typed at the login. */
#ifndef ADMIN_SESSION_H
#define ADMIN_SESSION_H

#include "admin/cli.h"

/* Everything cached: name -> { token, spn, expire, url }; to be freed.  NULL after it said why. */
json_t *session_load(const struct cli *cli);

/*
 * Keep `session` under this name (it stays the caller's), or forget what is there (NULL).  The file
 * is replaced as a whole, with mode 0600; several commands at once take turns, so that none undoes
 * what another kept.
 */
int session_put(const struct cli *cli, const char *name, json_t *session);

/*
 * Who acts: --name, KANIDM_NAME, the configuration's, or the only one that is logged in; several:
 * a choice on a terminal.  NULL after it said why.  The string is `sessions`' or the command
 * line's.
 */
const char *session_choose(struct cli *cli, json_t *sessions);

#endif
