/*
 * Groups above and members below an entry, through nesting and cycles (SPEC 3, DESIGN 2): a walk
 * over the direct edges of the snapshot with a visited set.  Nothing is stored that could be stale.
 *
 * Edges are rows of `up` and `down` alone.  A walk does not ask whether the groups it finds are
 * live: a change that recycles a group takes its edges away in the same transaction.  Lists of ids
 * that a function makes are in the read's arena; `out` need not be initialised.  A read that uses
 * what its process knows of groups (core/groups.h) walks over none that was walked over before.
 */
#ifndef CORE_CLOSURE_H
#define CORE_CLOSURE_H

#include "core/idset.h"
#include "core/lookup.h"

/* The groups whose stored edges name the member: what a deletion has to take away. */
enum idm_result idm_closure_listed_by(
    const struct idm_read *read, uint64_t member_id, struct idm_ids *out, struct idm_error *err);

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

/*
 * `group_id` and all groups below it: who is memberof it is listed by one of these.  The list is in
 * the read's arena, or is one that the process keeps (core/groups.h), and lasts as long as the
 * read.
 */
enum idm_result idm_closure_groups_below(
    const struct idm_read *read, uint64_t group_id, struct idm_ids *out, struct idm_error *err);

/* Does the group hold its members by class (idm_all_persons, idm_all_accounts)? */
bool idm_closure_is_by_class(const struct idm_read *read, uint64_t group_id);

/* Kinds of member: groups have their own containers, so that walks do not touch accounts. */
enum idm_member_kind {
	IDM_MEMBER_GROUP = 'g',
	IDM_MEMBER_ACCOUNT = 'u',
};

/*
 * OR the direct members of `group_id` in the window `window_no` into `window`, stored edges and
 * those of a group by class alike; *next_no: the first later window that may hold one.
 */
#define IDM_NO_WINDOW UINT64_MAX
enum idm_result idm_closure_members(const struct idm_read *read, uint64_t group_id,
    enum idm_member_kind kind, uint64_t window_no, struct idm_window *window, uint64_t *next_no,
    struct idm_error *err);

/* The same of both kinds, for one window alone. */
enum idm_result idm_closure_all_members(const struct idm_read *read, uint64_t group_id,
    uint64_t window_no, struct idm_window *window, struct idm_error *err);

/*
 * Add the direct members of all the groups to `out`, which is initialised; *few false: they may be
 * more than `most`, or one of the groups holds its members by class, and `out` is not complete.
 */
enum idm_result idm_closure_few_members(const struct idm_read *read, const struct idm_ids *groups,
    size_t most, struct idm_ids *out, bool *few, struct idm_error *err);

/*
 * The containers of the members of a kind, from a cursor over the whole of IDM_DB_DOWN: seek the
 * first window >= `window_no`, then go on until IDM_NOT_FOUND.
 */
enum idm_result idm_closure_seek_members(struct idm_cursor *cursor, uint64_t group_id,
    enum idm_member_kind kind, uint64_t window_no, struct idm_error *err);
enum idm_result idm_closure_next_members(struct idm_cursor *cursor, uint64_t group_id,
    enum idm_member_kind kind, uint64_t *window_no, struct idm_span *container,
    struct idm_error *err);

/* Add the ids of all direct members of a kind to `out`, which is initialised. */
enum idm_result idm_closure_member_ids(const struct idm_read *read, uint64_t group_id,
    enum idm_member_kind kind, struct idm_ids *out, struct idm_error *err);

/* Is `member` a direct member of `group_id`? */
enum idm_result idm_closure_has_member(const struct idm_read *read, uint64_t group_id,
    const struct idm_entry *member, bool *out, struct idm_error *err);

/*
 * Write one direct edge in both directions, or take it away; *changed false: it was so.  Needs a
 * write transaction.  IDM_INVALID: the group holds its members by class.
 */
enum idm_result idm_closure_set_edge(const struct idm_read *read, uint64_t group_id,
    const struct idm_entry *member, bool present, bool *changed, struct idm_error *err);

/*
 * Let the group have exactly these members of a kind in a window, in both directions; *changed
 * false: it had.  Needs a write transaction.
 */
enum idm_result idm_closure_set_window(const struct idm_read *read, uint64_t group_id,
    enum idm_member_kind kind, uint64_t window_no, const struct idm_window *wanted, bool *changed,
    struct idm_error *err);

#endif
