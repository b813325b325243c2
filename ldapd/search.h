/*
 * The search operation (RFC 4511 section 4.5): where its base stands, which entries are in scope,
 * and the slices in which they are sent.
 */
#ifndef LDAPD_SEARCH_H
#define LDAPD_SEARCH_H

#include "ldapd/request.h"
#include "ldapd/view.h"

/*
 * Answer with noSuchObject (RFC 4511 section 4.1.9): matchedDN is the nearest of the containers and
 * the suffix above the DN that was not found.
 */
void search_no_such_object(
    struct request *request, const struct dn_target *target, const struct dn_suffix *suffix);

/*
 * The entry of a target that its caller may see, as base of a search or to compare; `readable`: the
 * attributes that may be shown, of those that are `wanted` (NULL: all).  IDM_NOT_FOUND without a
 * text: there is none, or it may not be seen.
 */
enum idm_result search_find_visible(const struct request_read *read, const struct dn_target *target,
    const struct idm_attrset *wanted, struct idm_entry *entry, struct idm_attrset *readable,
    struct idm_error *err);

#endif
