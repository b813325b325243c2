#include "core/floor.h"

#include "core/fields.h"

static const char floor_key[] = "clock_floor";
static const char seen_key[] = "clock_seen";

enum { SEEN_BYTES = IDM_CLOCK_BOOT_BYTES + 8 + 8 + 1 };

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

void
idm_floor_at_least(struct idm_store *store, int64_t least_s)
{
	if (idm_store_clock_floor(store) < least_s)
		idm_store_publish_clock(store, least_s, true);
}

enum idm_result
idm_floor_set(struct idm_store *store, int64_t floor_s, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_local_write_begin(store, &txn, err);

	if (result == IDM_OK)
		result = idm_store_put_number(
		    &txn, IDM_DB_LOCAL_META, floor_key, (uint64_t)floor_s, err);
	result = idm_store_write_end(&txn, result, err);
	if (result == IDM_OK)
		idm_store_publish_clock(store, floor_s, true);
	return result;
}

enum idm_result
idm_floor_raise(struct idm_store *store, int64_t trusted_s, struct idm_error *err)
{
	if (trusted_s < idm_store_clock_floor(store) + IDM_FLOOR_EVERY_S)
		return IDM_OK;
	return idm_floor_set(store, trusted_s, err);
}

/* --- where the clock was seen */

static enum idm_result
decode_seen(struct idm_span row, struct idm_clock_seen *out, struct idm_error *err)
{
	struct idm_fields f = { row, false };
	struct idm_span boot = idm_fields_take(&f, IDM_CLOCK_BOOT_BYTES);

	out->wall_s = (int64_t)idm_fields_u64(&f);
	out->boot_ms = idm_fields_u64(&f);
	out->synchronised = idm_fields_bool(&f);
	if (!idm_fields_end(&f))
		return idm_fail(err, IDM_CORRUPT, "%s does not decode", seen_key);
	memcpy(out->boot, boot.ptr, IDM_CLOCK_BOOT_BYTES);
	return IDM_OK;
}

enum idm_result
idm_clock_seen_load(struct idm_store *store, struct idm_clock_seen *out, struct idm_error *err)
{
	struct idm_txn txn;
	struct idm_span row;
	enum idm_result result = idm_store_local_read_begin(store, &txn, err);

	*out = (struct idm_clock_seen){ .wall_s = 0 };
	if (result != IDM_OK)
		return result;
	result = idm_store_get(&txn, IDM_DB_LOCAL_META, idm_span_cstr(seen_key), &row, err);
	if (result == IDM_OK)
		result = decode_seen(row, out, err);
	idm_store_read_end(&txn);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

enum idm_result
idm_clock_seen_store(
    struct idm_store *store, const struct idm_clock_seen *seen, struct idm_error *err)
{
	uint8_t row[SEEN_BYTES];
	struct idm_txn txn;
	enum idm_result result = idm_store_local_write_begin(store, &txn, err);

	if (result != IDM_OK)
		return result;
	memcpy(row, seen->boot, IDM_CLOCK_BOOT_BYTES);
	idm_store_u64((uint64_t)seen->wall_s, row + IDM_CLOCK_BOOT_BYTES);
	idm_store_u64(seen->boot_ms, row + IDM_CLOCK_BOOT_BYTES + 8);
	row[SEEN_BYTES - 1] = seen->synchronised;
	result = idm_store_put(
	    &txn, IDM_DB_LOCAL_META, idm_span_cstr(seen_key), idm_span_of(row, sizeof(row)), err);
	return idm_store_write_end(&txn, result, err);
}

bool
idm_clock_has_jumped(const struct idm_clock_seen *seen, const struct idm_clock_seen *now)
{
	int64_t passed_s = 0;

	if (seen->wall_s == 0)
		return false;
	if (memcmp(seen->boot, now->boot, IDM_CLOCK_BOOT_BYTES) == 0 &&
	    now->boot_ms > seen->boot_ms)
		passed_s = (int64_t)((now->boot_ms - seen->boot_ms) / 1000);
	return now->wall_s - seen->wall_s > passed_s + IDM_CLOCK_JUMP_S;
}
