/* An entry that is made up for one request: the RootDSE and the subschema. */
#ifndef LDAPD_MADE_ENTRY_H
#define LDAPD_MADE_ENTRY_H

#include "core/result.h"
#include "ldapd/message.h"
#include "ldapd/view.h"

enum { MADE_ATTRS_MAX = 24 };

struct made_attr {
	const char *name;
	unsigned show; /* of enum view_show */
	struct idm_span *values;
	size_t count;
	size_t room;
};

struct made_entry {
	struct idm_arena *arena;
	const char *dn;
	struct made_attr attrs[MADE_ATTRS_MAX];
	size_t count;
	bool failed; /* the arena is used up */
};

/* Add a value; the first one makes the attribute.  `value` must outlive the entry. */
void made_add(struct made_entry *entry, const char *name, unsigned show, struct idm_span value);
void made_add_text(struct made_entry *entry, const char *name, unsigned show, const char *value);

/* TRUE, FALSE or Undefined: presence and equality, without regard to case. */
enum idm_truth made_test(const struct made_entry *entry, const struct ldap_filter *filter);

/* NULL: it has no such attribute. */
const struct made_attr *made_find(const struct made_entry *entry, struct idm_span name);
bool made_has_value(const struct made_attr *attr, struct idm_span value);

/* Write it as a SearchResultEntry; false: it did not fit. */
bool made_write(
    const struct made_entry *entry, const struct ldap_message *message, struct ber_writer *out);

#endif
