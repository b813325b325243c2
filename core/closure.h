/*
 * Groups above and members below an entry, through nesting and cycles (SPEC 3, DESIGN 2): a walk
 * over the direct edges of the snapshot with a visited set.  Nothing is stored that could be stale.
 */
#ifndef CORE_CLOSURE_H
#define CORE_CLOSURE_H

#include "core/idset.h"
#include "core/lookup.h"

/* The live groups that list `entry`, the dynamic ones that hold it by class included. */
enum idm_result idm_closure_direct(const struct idm_read *read, const struct idm_entry *entry,
    struct idm_ids *out, struct idm_error *err);

/* All groups that hold `entry`, directly or through others.  Its own id only if a cycle gives it.
 */
enum idm_result idm_closure_memberof(const struct idm_read *read, const struct idm_entry *entry,
    struct idm_ids *out, struct idm_error *err);

/* memberof idm_high_privilege (SPEC 4, 5.5). */
enum idm_result idm_closure_is_hp(
    const struct idm_read *read, const struct idm_entry *entry, bool *out, struct idm_error *err);

/* `group_id` and all groups below it: who is memberof it lists one of these. */
enum idm_result idm_closure_groups_below(
    const struct idm_read *read, uint64_t group_id, struct idm_ids *out, struct idm_error *err);

/* Kinds of member: groups have their own containers, so that walks do not touch accounts. */
enum idm_member_kind {
	IDM_MEMBER_GROUP = 'g',
	IDM_MEMBER_ACCOUNT = 'u',
};

/*
 * OR the direct members of `group_id` in the window `window_no` into `window`, stored edges and
 * those of a dynamic group alike; *last: no member has an id in a later window.
 */
enum idm_result idm_closure_members(const struct idm_read *read, uint64_t group_id,
    enum idm_member_kind kind, uint64_t window_no, struct idm_window *window, bool *last,
    struct idm_error *err);

/* Is `member` a direct member of `group_id`? */
enum idm_result idm_closure_has_member(const struct idm_read *read, uint64_t group_id,
    const struct idm_entry *member, bool *out, struct idm_error *err);

/* Write one direct edge, or take it away; *changed false: it was so.  Needs a write transaction. */
enum idm_result idm_closure_set_edge(const struct idm_read *read, uint64_t group_id,
    const struct idm_entry *member, bool present, bool *changed, struct idm_error *err);

#endif
