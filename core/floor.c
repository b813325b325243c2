#include "core/floor.h"

static const char floor_key[] = "clock_floor";

enum idm_result
idm_floor_load(struct idm_store *store, struct idm_error *err)
{
	struct idm_txn txn;
	uint64_t floor_s = 0;
	enum idm_result result = idm_store_local_read_begin(store, &txn, err);

	if (result != IDM_OK)
		return result;
	result = idm_store_get_number(&txn, IDM_DB_LOCAL_META, floor_key, &floor_s, err);
	idm_store_read_end(&txn);
	if (result == IDM_OK)
		idm_store_publish_clock(store, (int64_t)floor_s, true);
	return result;
}

enum idm_result
idm_floor_raise(struct idm_store *store, int64_t trusted_s, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result;

	if (trusted_s < idm_store_clock_floor(store) + IDM_FLOOR_EVERY_S)
		return IDM_OK;
	result = idm_store_local_write_begin(store, &txn, err);
	if (result != IDM_OK)
		return result;
	result = idm_store_put_number(&txn, IDM_DB_LOCAL_META, floor_key, (uint64_t)trusted_s, err);
	if (result != IDM_OK) {
		idm_store_write_abort(&txn);
		return result;
	}
	result = idm_store_write_commit(&txn, err);
	if (result == IDM_OK)
		idm_store_publish_clock(store, trusted_s, true);
	return result;
}
