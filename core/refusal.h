/* How access control judges one entry, and how it words a refusal (SPEC 5.6); for core/access
 * alone.
 */
#ifndef CORE_REFUSAL_H
#define CORE_REFUSAL_H

#include "core/profile.h"

/* What an identity receives; see idm_access_resolve. */
struct idm_access {
	const struct idm_access_table *table;
	struct idm_identity identity;
	bool everything;         /* INTERNAL */
	bool anonymous;          /* by kind or by uuid */
	bool restricted;         /* to the profiles that anonymous may have */
	uint64_t account_id;     /* 0: there is no such account */
	struct idm_ids memberof; /* its groups */
	struct idm_attrset mask; /* what may be searched at all */
	struct idm_attrset anywhere;
	struct idm_attrset elsewhere; /* than on its own entry */
	const struct idm_profile **profiles;
	size_t count;
};

/* One entry before the caller's profiles. */
struct idm_judged {
	const struct idm_read *read;
	const struct idm_access *access;
	const struct idm_entry *entry;
	bool recycled;
	bool tombstone;
	bool hp_known;
	bool hp; /* when hp_known: the entry is HP */
};

struct idm_judged idm_judge(
    const struct idm_read *read, const struct idm_access *access, const struct idm_entry *entry);

/* Target, HP reach and state of the entry fit; whoever receives the profile. */
enum idm_result idm_profile_applies(
    struct idm_judged *judged, const struct idm_profile *profile, bool *out, struct idm_error *err);

/* A right that is asked for. */
enum idm_wish_kind {
	IDM_WISH_SEARCH,
	IDM_WISH_PRESENT,
	IDM_WISH_REMOVED,
	IDM_WISH_CLASS,
	IDM_WISH_CREATE,
	IDM_WISH_DELETE,
};

struct idm_wish {
	enum idm_wish_kind kind;
	const struct idm_attr
	    *attr; /* CREATE: one that a profile for these classes lacks, or NULL */
	struct idm_span class_name;
};

bool idm_profile_grants(const struct idm_profile *profile, const struct idm_judged *judged,
    const struct idm_wish *wish);

/* IDM_DENIED, and a text that names the right and a group that grants it. */
enum idm_result idm_refuse_wish(
    struct idm_judged *judged, const struct idm_wish *wish, struct idm_error *err);

/* IDM_DENIED for an identity that may not write at all: what to do about it. */
enum idm_result idm_refuse_read_only(const struct idm_access *access, struct idm_error *err);

#endif
