/* The console of the core process (common/console.h). */
#ifndef LDAPD_CORE_CONSOLE_H
#define LDAPD_CORE_CONSOLE_H

#include "ldapd/core.h"

struct core_console;

/* Listen.  NULL with *err: it can't; the server is none the worse for clients. */
struct core_console *core_console_new(struct core *core, struct idm_error *err);
void core_console_free(struct core_console **console);

#endif
