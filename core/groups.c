#include "core/groups.h"

#include <assert.h>
#include <stdlib.h>

enum {
	FIRST_SLOTS = 1024,
	LIST_SHARE = 4, /* of the budget, for one list: a quarter */
	DIRECT_MAX = 128,
	HP_MAX = IDM_GROUPS_HP_MAX,
	HP_ASKED = 16, /* in one snapshot; finding out all at once costs about as much */
};

/* One list.  The key holds group and side, and is 0 in an empty slot: ids begin at 1. */
struct slot {
	uint64_t key;
	uint64_t *ids;
	size_t count;
};

struct idm_groups {
	struct idm_arena *arena; /* of the lists, and of the slots */
	size_t budget_bytes;
	uint8_t file_id[IDM_STORE_FILE_ID_BYTES];
	uint64_t generation;
	bool used_up;
	struct slot *slots; /* open addressing; never more than half full; NULL: none yet */
	size_t slot_count;  /* a power of two */
	size_t count;
	/* Of one snapshot, for as many reads as see it. */
	uint64_t commit_id;
	uint64_t direct_of; /* the entry asked about last; 0: none */
	uint64_t direct[DIRECT_MAX];
	size_t direct_count;
	uint32_t hp_asked; /* how often */
	bool hp_known;
	uint64_t hp[HP_MAX];
	size_t hp_count;
};

struct idm_groups *
idm_groups_new(size_t budget_bytes)
{
	struct idm_groups *groups = calloc(1, sizeof(*groups));

	if (groups == NULL)
		return NULL;
	groups->budget_bytes = budget_bytes;
	groups->arena = idm_arena_new(budget_bytes);
	if (groups->arena == NULL)
		idm_groups_free(&groups);
	return groups;
}

void
idm_groups_free(struct idm_groups **groups)
{
	if (*groups == NULL)
		return;
	idm_arena_free(&(*groups)->arena);
	free(*groups);
	*groups = NULL;
}

static void
forget(struct idm_groups *groups)
{
	idm_arena_reset(groups->arena);
	groups->slots = NULL;
	groups->slot_count = 0;
	groups->count = 0;
	groups->used_up = false;
}

/* What is of one snapshot alone. */
static void
forget_snapshot(struct idm_groups *groups)
{
	groups->direct_of = 0;
	groups->hp_asked = 0;
	groups->hp_known = false;
}

enum idm_result
idm_groups_use(struct idm_groups *groups, struct idm_read *read, struct idm_error *err)
{
	uint8_t file_id[IDM_STORE_FILE_ID_BYTES];
	uint64_t generation, commit_id;
	bool same_file;
	enum idm_result result;

	assert(!read->txn->write);
	if (groups == NULL)
		return IDM_OK;
	result =
	    idm_store_get_number(read->txn, IDM_DB_META, "generation.groups", &generation, err);
	if (result != IDM_OK)
		return result;
	idm_store_file_id(read->txn, file_id);
	commit_id = idm_store_commit_id(read->txn);
	same_file = memcmp(groups->file_id, file_id, sizeof(file_id)) == 0;
	if (groups->used_up || groups->generation != generation || !same_file)
		forget(groups);
	if (groups->commit_id != commit_id || !same_file)
		forget_snapshot(groups);
	groups->generation = generation;
	groups->commit_id = commit_id;
	memcpy(groups->file_id, file_id, sizeof(file_id));
	read->groups = groups;
	return IDM_OK;
}

/* --- lists */

static uint64_t
key_of(enum idm_groups_side side, uint64_t group_id)
{
	return group_id << 1 | (side == IDM_GROUPS_BELOW);
}

/* The slot of a key, or the empty one where it would stand. */
static struct slot *
slot_of(const struct idm_groups *groups, uint64_t key)
{
	size_t at = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (groups->slot_count - 1);

	while (groups->slots[at].key != 0 && groups->slots[at].key != key)
		at = (at + 1) & (groups->slot_count - 1);
	return &groups->slots[at];
}

bool
idm_groups_find(const struct idm_groups *groups, enum idm_groups_side side, uint64_t group_id,
    struct idm_ids *out)
{
	const struct slot *slot;

	if (groups == NULL || groups->slots == NULL)
		return false;
	slot = slot_of(groups, key_of(side, group_id));
	if (slot->key == 0)
		return false;
	*out = (struct idm_ids){ slot->ids, slot->count, slot->count };
	return true;
}

static bool
grow(struct idm_groups *groups)
{
	size_t old_count = groups->slot_count;
	struct slot *old = groups->slots;
	size_t new_count = old_count == 0 ? FIRST_SLOTS : 2 * old_count;
	struct slot *slots = idm_arena_array(groups->arena, new_count, sizeof(*slots));

	if (slots == NULL)
		return false;
	groups->slots = slots;
	groups->slot_count = new_count;
	for (size_t i = 0; i < old_count; i++) {
		if (old[i].key != 0)
			*slot_of(groups, old[i].key) = old[i];
	}
	return true;
}

void
idm_groups_keep(struct idm_groups *groups, enum idm_groups_side side, uint64_t group_id,
    const struct idm_ids *ids)
{
	size_t bytes = ids->count * sizeof(*ids->ids);
	struct slot *slot;
	uint64_t *copy;

	if (groups == NULL || groups->used_up || bytes > groups->budget_bytes / LIST_SHARE)
		return;
	copy = idm_arena_alloc(groups->arena, bytes);
	if (copy == NULL || (groups->count >= groups->slot_count / 2 && !grow(groups))) {
		groups->used_up = true;
		return;
	}
	if (ids->count != 0)
		memcpy(copy, ids->ids, bytes);
	slot = slot_of(groups, key_of(side, group_id));
	if (slot->key == 0)
		groups->count++;
	*slot = (struct slot){ key_of(side, group_id), copy, ids->count };
}

/* --- the entry asked about last */

bool
idm_groups_find_direct(
    const struct idm_groups *groups, uint64_t id, struct idm_arena *arena, struct idm_ids *out)
{
	uint64_t *copy;

	if (groups == NULL || groups->direct_of != id)
		return false;
	copy = idm_arena_array(arena, groups->direct_count, sizeof(*copy));
	if (copy == NULL)
		return false;
	memcpy(copy, groups->direct, groups->direct_count * sizeof(*copy));
	*out = (struct idm_ids){ copy, groups->direct_count, groups->direct_count };
	return true;
}

void
idm_groups_keep_direct(struct idm_groups *groups, uint64_t id, const struct idm_ids *ids)
{
	if (groups == NULL || ids->count > DIRECT_MAX)
		return;
	groups->direct_of = id;
	groups->direct_count = ids->count;
	if (ids->count != 0)
		memcpy(groups->direct, ids->ids, ids->count * sizeof(*ids->ids));
}

/* --- high privilege */

bool
idm_groups_find_hp(struct idm_groups *groups, struct idm_ids *out, bool *ask)
{
	*ask = false;
	if (groups == NULL)
		return false;
	if (groups->hp_known) {
		*out = (struct idm_ids){ groups->hp, groups->hp_count, HP_MAX };
		return true;
	}
	if (groups->hp_asked <= HP_ASKED)
		*ask = ++groups->hp_asked == HP_ASKED;
	return false;
}

void
idm_groups_keep_hp(struct idm_groups *groups, const struct idm_ids *ids)
{
	if (ids->count > HP_MAX)
		return;
	groups->hp_known = true;
	groups->hp_count = ids->count;
	if (ids->count != 0)
		memcpy(groups->hp, ids->ids, ids->count * sizeof(*ids->ids));
}
