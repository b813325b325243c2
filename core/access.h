/*
 * Access control profiles: who may search, modify, create or delete what (SPEC 5).  Profiles are
 * entries; a process parses them once per `access` generation.  Default deny.
 */
#ifndef CORE_ACCESS_H
#define CORE_ACCESS_H

#include "core/closure.h"
#include "core/filter.h"
#include "core/token.h"

/* Who asks, and how they proved it. */
enum idm_identity_kind {
	IDM_IDENTITY_ANONYMOUS,
	IDM_IDENTITY_PASSWORD,      /* primary password: a session begun at the bind */
	IDM_IDENTITY_UNIX_PASSWORD, /* anonymous' rights plus self_read without radius_secret */
	IDM_IDENTITY_APPLICATION,   /* an application password (core/application.h): the same */
	IDM_IDENTITY_TOKEN,
	IDM_IDENTITY_SESSION,
	IDM_IDENTITY_INTERNAL, /* the core itself and the console tools: everything */
};

struct idm_identity {
	enum idm_identity_kind kind;
	struct idm_uuid uuid;    /* of the account */
	struct idm_uuid session; /* of the token or session; null: none */
	enum idm_scope scope;
	int64_t privileged_until_s; /* PASSWORD and SESSION: read-write until then */
	int64_t expire_s;           /* of the token, session or login; INT64_MAX: none */
	/* The password that proved it, by attribute and set-at number; 0: none did.  A login ends
	 * when that password is no longer the stored one. */
	uint32_t credential_attr;
	uint64_t credential_no;
	/* Was the account high privilege when that was proved?  Who was not, and is now, has to
	 * prove it anew (SPEC 4). */
	bool high_privilege;
};

/* May this identity write at `now`?  Its scope must be read-write, and a window not be over. */
bool idm_identity_may_write(const struct idm_identity *identity, struct idm_now now);

struct idm_access_table; /* the parsed profiles of one generation */

/*
 * Make *table current for the snapshot of `read`: parse when it is NULL or of another generation
 * (meta "generation.access").  A profile that does not parse is left out, and named in
 * idm_access_table_complaint.  The table owns its memory.  A writer whose transaction came to
 * nothing frees the table: what it read in there must not pass for that generation's.
 */
enum idm_result idm_access_table_refresh(
    const struct idm_read *read, struct idm_access_table **table, struct idm_error *err);
void idm_access_table_free(struct idm_access_table **table);
uint64_t idm_access_table_generation(const struct idm_access_table *table);
const char *idm_access_table_complaint(const struct idm_access_table *table); /* NULL: none */

/*
 * The profiles that an identity receives, in `arena`; holds for this table and groups generation.
 * An account that is not there (any more) receives none.
 */
struct idm_access;
enum idm_result idm_access_resolve(const struct idm_read *read,
    const struct idm_access_table *table, const struct idm_identity *identity,
    struct idm_arena *arena, struct idm_access **out, struct idm_error *err);

/* The attributes that may be searched on `entry`; none: the entry is not there for this caller. */
enum idm_result idm_access_search(const struct idm_read *read, const struct idm_access *access,
    const struct idm_entry *entry, struct idm_attrset *out, struct idm_error *err);

/*
 * The same for a caller who looks at `wanted` alone (NULL: at all): of other attributes `out` may
 * lack some that may be searched.  It is empty only where idm_access_search's is.
 */
enum idm_result idm_access_search_for(const struct idm_read *read, const struct idm_access *access,
    const struct idm_entry *entry, const struct idm_attrset *wanted, struct idm_attrset *out,
    struct idm_error *err);

/* IDM_DENIED: the words for who sees the entry, but asks for an attribute that he may not search.
 */
enum idm_result idm_access_refuse_search(const struct idm_read *read,
    const struct idm_access *access, const struct idm_entry *entry, const struct idm_attr *attr,
    struct idm_error *err);

/* Whatever can't be in there is never visible to this identity, on no entry. */
const struct idm_attrset *idm_access_search_anywhere(const struct idm_access *access);

/*
 * What can't be in there is never visible on another entry than its own, whose id is *own_id (0: it
 * has none).  So a search need not look, nor take time, for others that have it.
 */
const struct idm_attrset *idm_access_search_elsewhere(
    const struct idm_access *access, uint64_t *own_id);

/*
 * What a modification comes down to, whatever its kind was (SPEC 5.5).  It can't make the entry HP:
 * who is a member stands at the groups, and none that holds its members by class is HP.
 */
struct idm_access_change {
	struct idm_attrset present;     /* attributes that gain values; `class` too, or not */
	struct idm_attrset removed;     /* attributes that lose values */
	const struct idm_span *classes; /* class values that come or go */
	size_t class_count;
};

/*
 * IDM_DENIED with a text that names the missing right and the group that grants it, for a caller
 * who may see the entry; IDM_NOT_FOUND with `no matching entries` for one who may not (5.6).
 */
enum idm_result idm_access_modify(const struct idm_read *read, const struct idm_access *access,
    const struct idm_entry *entry, const struct idm_access_change *change, struct idm_error *err);
/*
 * One profile must cover the whole new entry, which is HP or not after the change.  `entry` holds
 * all that the request gives, members too; what the server adds (uuid, created) needs no right.
 */
enum idm_result idm_access_create(const struct idm_read *read, const struct idm_access *access,
    const struct idm_entry *entry, bool hp_after, struct idm_error *err);
enum idm_result idm_access_delete(const struct idm_read *read, const struct idm_access *access,
    const struct idm_entry *entry, struct idm_error *err);

#endif
