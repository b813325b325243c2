#include "core/box.h"

static const char box_key[] = "box";

static enum idm_result
load(struct idm_store *store, struct idm_uuid *out, struct idm_error *err)
{
	struct idm_txn txn;
	struct idm_span row;
	enum idm_result result = idm_store_local_read_begin(store, &txn, err);

	if (result != IDM_OK)
		return result;
	result = idm_store_get(&txn, IDM_DB_LOCAL_META, idm_span_cstr(box_key), &row, err);
	if (result == IDM_OK && !idm_uuid_load(row, out))
		result = idm_fail(err, IDM_CORRUPT, "the uuid of this box has %zu octets", row.len);
	idm_store_read_end(&txn);
	return result;
}

enum idm_result
idm_box_uuid(struct idm_store *store, struct idm_uuid *out, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = load(store, out, err);

	if (result != IDM_NOT_FOUND)
		return result;
	if (!idm_uuid_generate(out))
		return idm_fail(err, IDM_SYSTEM, "no random octets");
	result = idm_store_local_write_begin(store, &txn, err);
	if (result == IDM_OK)
		result = idm_store_put(
		    &txn, IDM_DB_LOCAL_META, idm_span_cstr(box_key), idm_uuid_span(out), err);
	return idm_store_write_end(&txn, result, err);
}
