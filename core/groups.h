/*
 * What a process has found out about the edges between groups: the groups above one, and those
 * below it (DESIGN 2).  It fills up as it is asked.  It is emptied where a read begins, and only
 * there: when the `groups` generation has moved, when another data file stands in the place of the
 * one that it is about, or when its memory is used up.  So it is never of another snapshot than the
 * read's, and what a read gets from it lasts as long as the read.  What hangs on accounts too, who
 * is high privilege and the groups of the entry asked about last, is kept for one commit alone.
 *
 * One thread uses it, with one read at a time.  A write transaction never does: its changes come
 * before their generation.
 */
#ifndef CORE_GROUPS_H
#define CORE_GROUPS_H

#include "core/idset.h"
#include "core/lookup.h"

enum {
	IDM_GROUPS_BYTES = 16 * 1024 * 1024,       /* of a process that serves many accounts */
	IDM_GROUPS_THREAD_BYTES = 1 * 1024 * 1024, /* of one thread among many */
	IDM_GROUPS_HP_MAX = 1024,                  /* high privilege entries that are kept */
};

struct idm_groups;
struct idm_groups *idm_groups_new(size_t budget_bytes); /* NULL: out of memory */
void idm_groups_free(struct idm_groups **groups);

/*
 * Let `read`, on a read transaction, use what was found out, and add to it; core/closure asks it.
 * NULL: `read` finds out everything by itself.
 */
enum idm_result idm_groups_use(
    struct idm_groups *groups, struct idm_read *read, struct idm_error *err);

enum idm_groups_side {
	IDM_GROUPS_ABOVE, /* without the group itself, unless a cycle gives it */
	IDM_GROUPS_BELOW, /* with the group itself */
};

/* False: it is not known. */
bool idm_groups_find(const struct idm_groups *groups, enum idm_groups_side side, uint64_t group_id,
    struct idm_ids *out);

/* Keep a list, as far as there is room: a copy. */
void idm_groups_keep(struct idm_groups *groups, enum idm_groups_side side, uint64_t group_id,
    const struct idm_ids *ids);

/*
 * The groups that list the entry asked about last, for filter, rights and values ask in turn: a
 * copy in `arena`.  False: another entry was asked about, or this one has too many.
 */
bool idm_groups_find_direct(
    const struct idm_groups *groups, uint64_t id, struct idm_arena *arena, struct idm_ids *out);
void idm_groups_keep_direct(struct idm_groups *groups, uint64_t id, const struct idm_ids *ids);

/*
 * Everybody below idm_high_privilege, for who asks of many entries of one snapshot.  False: it is
 * not kept, and *ask says whether it was asked for so often that it is worth to be found out.
 */
bool idm_groups_find_hp(struct idm_groups *groups, struct idm_ids *out, bool *ask);
void idm_groups_keep_hp(struct idm_groups *groups, const struct idm_ids *ids);

#endif
