/*
 * Parsed access control profiles, for core/access alone: what an entry of class
 * access_control_profile says, with names resolved to attributes and ids.
 */
#ifndef CORE_PROFILE_H
#define CORE_PROFILE_H

#include "core/access.h"

enum idm_target {
	IDM_TARGET_ANY,     /* whatever the filter takes */
	IDM_TARGET_SELF,    /* the caller's own entry */
	IDM_TARGET_MANAGED, /* entries whose entry_managed_by is the caller or a group above it */
};

/* Whether a profile reaches entries that are HP (SPEC 5.5). */
enum idm_hp_reach {
	IDM_HP_NO,
	IDM_HP_ONLY,
	IDM_HP_ALSO,
};

struct idm_words {
	const struct idm_span *words;
	size_t count;
};

struct idm_profile {
	struct idm_uuid uuid;
	const char *name;
	struct idm_ids receivers; /* ids of groups */
	enum idm_target target;
	bool filtered; /* `filter` holds, beside `target` */
	struct idm_filter filter;
	bool recycled;  /* the filter asks for recycled entries, so they are not excluded */
	bool tombstone; /* the same for tombstones */
	enum idm_hp_reach hp;
	struct idm_attrset search;
	struct idm_attrset present;
	struct idm_attrset removed;
	struct idm_words classes; /* class values that may come and go */
	struct idm_words create_classes;
	struct idm_attrset create;
	bool deletes;
};

struct idm_access_table {
	struct idm_arena *arena; /* holds all below, and this struct is not in it */
	const struct idm_schema *schema;
	uint64_t generation;
	struct idm_profile *profiles;
	size_t count;
	char complaint[256]; /* the first one */
	size_t complaint_count;
};

/*
 * Parse one profile; `read` has the table's arena.  Attributes that are unknown, or whose values
 * nobody may write, are left out of its lists with a complaint.  IDM_INVALID: it is not usable.
 */
enum idm_result idm_profile_parse(const struct idm_read *read, const struct idm_entry *entry,
    struct idm_access_table *table, struct idm_profile *out, struct idm_error *err);

/*
 * The same for a profile that is to be stored, in the arena of `read`: whatever would be left out
 * makes it IDM_INVALID, with the complaint as its text.
 */
enum idm_result idm_profile_check(const struct idm_read *read, const struct idm_entry *entry,
    struct idm_profile *out, struct idm_error *err);

/* Is it in force?  One that is disabled is in no table. */
bool idm_profile_is_enabled(const struct idm_entry *entry);

/* Does it let somebody write other entries than his own, and those that he manages (SPEC 5.1)? */
bool idm_profile_writes_others(const struct idm_profile *profile);

bool idm_words_have(const struct idm_words *words, struct idm_span word);

#endif
