/* `kanidmd domain rename` (SPEC 2.5, 10.5): spns, the suffix, all that is computed of the domain.
 */
#ifndef CORE_DOMAIN_H
#define CORE_DOMAIN_H

#include "core/change.h"

/*
 * Give the database another domain, as one change of the console; its display name goes along where
 * it was the old domain.  *former is that one afterwards.  IDM_INVALID: no domain name. IDM_EXISTS:
 * it has that one. IDM_CONSTRAINT: an spn would be a mail address of another entry; the text names
 * both.
 */
enum idm_result idm_domain_rename(struct idm_store *store, const struct idm_change_context *context,
    const char *domain, struct idm_now now, char former[IDM_DOMAIN_MAX], struct idm_error *err);

#endif
