/*
 * The name of a bind as it may be written down, in the log and the audit trail: people type
 * passwords and tokens into the wrong field, and those must not stand there.
 */
#ifndef LDAPD_SHOWN_NAME_H
#define LDAPD_SHOWN_NAME_H

#include "common/dn.h"

enum { SHOWN_NAME_BYTES = 160 };

/* The name without its DN, if it looks like one, else what it is instead; printable ASCII. */
const char *shown_name(const struct dn_suffix *suffix, struct idm_span name,
    struct idm_arena *arena, char out[SHOWN_NAME_BYTES]);

#endif
