/*
 * Dynamic groups (SPEC 3.2): whoever matches the stored filter is a direct member.  The edges are
 * derived data, in no change set and not in the digest; apply keeps them up within the change of an
 * entry or of a filter.  idm_all_persons and idm_all_accounts are none of these: they hold their
 * members by class, without edges (core/closure.h).
 *
 * meta "dyngroups" lists the ids of the live ones, so that a change in a database without any asks
 * one record.
 */
#ifndef CORE_DYNGROUP_H
#define CORE_DYNGROUP_H

#include "core/filter.h"

/* Is it one, live or in the recycle bin? */
bool idm_dyngroup_is(const struct idm_entry *entry);

/* The live ones of a snapshot, in the read's arena. */
struct idm_dyngroups {
	struct idm_ids ids;
	struct idm_filter *filters; /* one a group; what does not parse any more holds nobody */
};
enum idm_result idm_dyngroups_load(
    const struct idm_read *read, struct idm_dyngroups *out, struct idm_error *err);

/* Is `entry` a member of the group at `index`, by its filter? */
enum idm_result idm_dyngroups_match(const struct idm_read *read, const struct idm_dyngroups *groups,
    size_t index, const struct idm_entry *entry, bool *out, struct idm_error *err);

/* Add the attributes that the filters of all of them go by to `out`. */
enum idm_result idm_dyngroups_attributes(
    const struct idm_read *read, struct idm_attrset *out, struct idm_error *err);

/*
 * Within a change, behind the index of all its entries; `read` is on a write transaction.  Where a
 * group comes or goes as a member, the change is one of that group or of the dynamic one: it moves
 * the groups generation by itself.
 */

/* Does an entry that was `before` (NULL: not there) and is `after` now say anew whom it holds? */
bool idm_dyngroup_is_changed(const struct idm_entry *before, const struct idm_entry *after);

/* Put the group on the list, or take it off, and find all its members anew, as it stands now. */
enum idm_result idm_dyngroup_refill(
    const struct idm_read *read, uint64_t group_id, struct idm_error *err);

/* Let all of them hold an entry, as it stands now, or not. */
enum idm_result idm_dyngroups_follow(const struct idm_read *read,
    const struct idm_dyngroups *groups, uint64_t id, struct idm_error *err);

/* Make the list and all members anew: for reindex. */
enum idm_result idm_dyngroups_rebuild(const struct idm_read *read, struct idm_error *err);

#endif
