/* Access control profiles that can't be used as they stand: the operator is told (SPEC 5.1). */
#include "core/change.h"

#include "ldapd/core.h"
#include "ldapd/log.h"

enum { ARENA_BYTES = 1024 * 1024 };

static enum idm_result
refresh(struct core *core, struct idm_arena *arena, struct idm_error *err)
{
	struct idm_txn txn;
	struct idm_read read;
	enum idm_result result = idm_store_read_begin(core->data.store, &txn, err);

	if (result != IDM_OK)
		return result;
	result = idm_read_attach(&txn, arena, core_now(core), &read, err);
	if (result == IDM_OK)
		result = idm_access_table_refresh(&read, &core->data.table, err);
	idm_store_read_end(&txn);
	return result;
}

void
core_check_profiles(struct core *core)
{
	struct idm_arena *arena = idm_arena_new(ARENA_BYTES);
	struct idm_error err = { .text = "out of memory" };
	const char *complaint = NULL;
	enum idm_result result = arena == NULL ? IDM_SYSTEM : refresh(core, arena, &err);

	if (result == IDM_OK)
		complaint = idm_access_table_complaint(core->data.table);
	if (result != IDM_OK)
		log_error("core: the access control profiles can't be read: %s", err.text);
	else if (complaint != NULL)
		log_warn("core: an access control profile grants less than it says: %s", complaint);
	idm_arena_free(&arena);
}

bool
core_changes_profiles(const struct idm_change_set *set)
{
	for (size_t i = 0; i < set->item_count; i++) {
		if ((set->items[i].flags & (IDM_ITEM_FLAG_ACCESS | IDM_ITEM_FLAG_SCHEMA)) != 0)
			return true;
	}
	return false;
}
