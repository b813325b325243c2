/*
 * Names that administrators can't give to an attribute or a class (SPEC 2.1): those that LDAP gives
 * a meaning here, or that its standards do.
 */
#ifndef CORE_RESERVED_H
#define CORE_RESERVED_H

#include "core/span.h"

/* In any case. */
bool idm_name_is_reserved(struct idm_span name);

#endif
