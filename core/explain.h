/* Why somebody may do something: the profiles behind his rights on one entry (SPEC 5). */
#ifndef CORE_EXPLAIN_H
#define CORE_EXPLAIN_H

#include "core/access.h"

/* What one profile lets an identity do with one entry. */
struct idm_granted {
	const char *profile;
	/* Names of the receiving groups that it is in; of `managed`: of who manages the entry. */
	const struct idm_span *through;
	size_t through_count;
	struct idm_attrset search;
	struct idm_attrset present;
	struct idm_attrset removed;
	const struct idm_span *classes; /* class values that may come and go */
	size_t class_count;
	bool deletes;
};

/*
 * All that `access` receives and that reaches `entry`, in the arena of `read`; the rights are their
 * union.  What an identity that may never write (anonymous, a unix password) gets is search alone;
 * a session that would have to be proved again counts as one that was.
 */
enum idm_result idm_access_explain(const struct idm_read *read, const struct idm_access *access,
    const struct idm_entry *entry, struct idm_granted **out, size_t *count, struct idm_error *err);

/* May `identity` ask for the rights of others?  Who manages profiles may (SPEC 5.1). */
bool idm_access_explains_others(const struct idm_read *read, const struct idm_access *access);

#endif
