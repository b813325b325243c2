/*
 * By what a search is sorted (RFC 2891): attributes and rules, and the key that they make of an
 * entry for its reader.  What he may not search on an entry is absent there, and so comes last.
 */
#ifndef LDAPD_SORT_ORDER_H
#define LDAPD_SORT_ORDER_H

#include "ldapd/sort_control.h"
#include "ldapd/view.h"

/* How the values of an attribute are compared. */
enum sort_form {
	SORT_FOLDED, /* text without regard to case and white space */
	SORT_OCTETS,
	SORT_NUMBER,
};

struct sort_column {
	const struct view_attr *attr;
	enum sort_form form;
	bool reverse;
};

struct sort_order {
	struct sort_column columns[SORT_KEYS_MAX];
	size_t count;
};

/*
 * LDAP_SUCCESS, or what a sortKeyResponseControl says: unwillingToPerform (too many keys, or one of
 * them twice), noSuchAttribute, inappropriateMatching (no such rule, or no order); *attribute is
 * then the key at fault.  `out` holds for this schema.
 */
enum ldap_result_code sort_order_resolve(const struct idm_schema *schema,
    const struct sort_request *request, struct sort_order *out, struct idm_span *attribute);

/* Add the attributes whose rights are looked at. */
void sort_order_needs(const struct sort_order *order, struct idm_attrset *out);

/*
 * The key of an entry, in the read's arena: octets whose order is that of the entries.  Of several
 * values the least counts; an entry without any comes behind all others, or with `reverse` before
 * them.
 */
enum idm_result sort_order_key(const struct view *view, const struct idm_entry *entry,
    const struct idm_attrset *readable, const struct sort_order *order, struct idm_span *out,
    struct idm_error *err);

#endif
