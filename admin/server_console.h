/* kanidmd at the console of a running server (common/console.h). */
#ifndef ADMIN_SERVER_CONSOLE_H
#define ADMIN_SERVER_CONSOLE_H

#include "common/console.h"

/*
 * Ask the server with these words (NULL ends them); its answer's text is in `answer`.  IDM_OK:
 * done; IDM_NOT_FOUND: no server runs; anything else: refused, and *err says why.  The caller wipes
 * `answer`.
 */
enum idm_result console_ask(const struct server_config *config, const char *const *words,
    char answer[CONSOLE_PACKET_BYTES], struct idm_error *err);

#endif
