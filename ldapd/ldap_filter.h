/*
 * A client's filter (RFC 4511 section 4.5.1.7) as the core's: aliases become the native attributes
 * that they are computed from, DNs the entries that they name.
 */
#ifndef LDAPD_LDAP_FILTER_H
#define LDAPD_LDAP_FILTER_H

#include "ldapd/view.h"

/*
 * Translate a whole filter, in the read's arena.  What nobody knows is Undefined, as is an option
 * or a matching rule that an attribute does not have.  A few aliases match a little more than they
 * show: parts of sn and givenName, and mail;primary, which finds other addresses too.
 * IDM_LIMIT: the arena is used up.
 */
enum idm_result ldap_filter_translate(const struct view *view, const struct ldap_filter *filter,
    struct idm_filter *out, struct idm_error *err);

/*
 * One equality, as compare asks it.  *exact false: `out` is Undefined, or TRUE for more than the
 * attribute shows.
 */
enum idm_result ldap_filter_equality(const struct view *view, const struct view_attr *attr,
    struct idm_span value, struct idm_filter *out, bool *exact, struct idm_error *err);

/* AND, of terms that are copied. */
enum idm_result ldap_filter_all(const struct view *view, const struct idm_filter *terms,
    size_t count, struct idm_filter *out, struct idm_error *err);

/* Entries of any of these classes, whatever the caller may read of them: a term of our own. */
enum idm_result ldap_filter_any_class(const struct view *view, const char *const *names,
    size_t count, struct idm_filter *out, struct idm_error *err);

#endif
