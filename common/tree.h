/*
 * The tree of entries: where the suffix is, which DN an entry has, and which entry a DN names.
 *
 * A person stands below ou=people, a group below ou=groups, a service account below ou=services, a
 * profile below ou=access; the domain is the suffix.  What has no place there is
 * uuid=UUID,<suffix>: entries that are read by administrators alone, and those in the recycle bin,
 * which gave up their names.
 */
#ifndef COMMON_TREE_H
#define COMMON_TREE_H

#include "common/dn.h"
#include "core/access.h"
#include "core/lookup.h"

/* A name of 64 octets, "\" before each, and the longest suffix. */
enum { TREE_DN_BYTES = DN_BYTES_MAX + 192 };

struct tree {
	struct dn_suffix suffix;
	struct idm_span of; /* the ldap_base_dn or the domain that it was made from */
	bool of_domain;     /* it was the domain */
	uint64_t seen_no;   /* the last change of the snapshot that it was made for, */
	uint8_t seen_file[IDM_STORE_FILE_ID_BYTES]; /* in this file: nothing happened since */
	struct idm_arena *arena;                    /* what all this borrows from */
};

/*
 * Make *tree that of the snapshot: the suffix is ldap_base_dn, or comes from the domain's name.
 * Costs next to nothing while no change was made, and one look-up while it stays the same.  What
 * borrowed from an earlier *tree is then gone.
 */
enum idm_result tree_refresh(
    const struct idm_read *read, struct tree **tree, struct idm_error *err);
void tree_free(struct tree **tree);

/* DN_CONTAINER_NONE: the entry has no place below a container. */
enum dn_container tree_container(const struct idm_entry *entry);

/* The attribute whose value is in the RDN of an entry that stands in a container. */
uint32_t tree_naming_attr(const struct idm_entry *entry);

/* The DN of an entry; borrows from `out`. */
struct idm_span tree_dn(
    const struct dn_suffix *suffix, const struct idm_entry *entry, uint8_t out[TREE_DN_BYTES]);

/* The container that the entry is itself. */
enum dn_container tree_container_itself(const struct idm_entry *entry);

/* Can entries stand below it?  The domain and the containers. */
bool tree_has_subordinates(const struct idm_entry *entry);

/*
 * The entry that a DN names; the suffix and the containers too.  Live entries, and by its uuid any.
 * An application's DN names nobody here.  IDM_NOT_FOUND without a text.
 */
enum idm_result tree_find(const struct idm_read *read, const struct dn_target *target,
    struct idm_entry *out, struct idm_error *err);

/*
 * The same for text as clients write it: a DN in any form, name, spn, uuid or gid number.
 * IDM_INVALID: it is none of these.
 */
enum idm_result tree_find_text(const struct idm_read *read, const struct dn_suffix *suffix,
    struct idm_span text, struct idm_entry *out, struct idm_error *err);

/*
 * Whether somebody may name an entry so: by its mail address only who may search that (SPEC 5.2).
 * `access` NULL may not.  IDM_NOT_FOUND without a text: for him nobody is named.
 */
enum idm_result tree_check_naming(const struct idm_read *read, const struct idm_access *access,
    const struct dn_target *target, const struct idm_entry *entry, struct idm_error *err);

#endif
