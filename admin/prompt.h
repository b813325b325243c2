/* Questions to the one who types. */
#ifndef ADMIN_PROMPT_H
#define ADMIN_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

enum { PROMPT_BYTES = 1100 /* a password of 1024 octets, and a line's end */ };

/* Is there somebody to ask? */
bool prompt_is_terminal(void);

/*
 * Read a line from stdin, without its end; on a terminal after `prompt`, which goes to stderr, for
 * stdout is the answer's alone.  False: there is no more, or what there is holds a NUL.
 */
bool prompt_line(const char *prompt, char out[PROMPT_BYTES]);

/* The same without echo, which comes back even when a signal ends the wait.  The caller wipes
 * `out`.
 */
bool prompt_password(const char *prompt, char out[PROMPT_BYTES]);

#endif
