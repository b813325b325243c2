#include "core/bulk.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/index_batch.h"
#include "core/scratch.h"

enum {
	ARENA_BYTES = 256 * 1024 * 1024, /* of one request: a group may bring many members */
	VALUES_AT_ONCE =
	    150 * 1000, /* in a transaction, whose changed pages LMDB keeps in memory */
	VALUES_A_TRIM = 10 * 1000,
};

struct idm_bulk {
	struct idm_store *scratch;
	struct idm_change_context context;
	struct idm_access_table *table;
	struct idm_now now;
	struct idm_index_batch *batch;
	struct idm_arena *arena;
	struct idm_txn txn;
	struct idm_read read;            /* attached to `txn` */
	const struct idm_schema *schema; /* of `read`, whose arena is reset */
	bool begun;                      /* `txn` is open */
	size_t value_count;              /* that were asked for in it */
	size_t trimmed_at;               /* value_count at the last idm_scratch_trim */
	struct idm_uuid request_id;      /* of the last request */
	bool broken;
};

enum idm_result
idm_bulk_begin(struct idm_store *store, const struct idm_change_context *context,
    struct idm_now now, struct idm_bulk **out, struct idm_error *err)
{
	struct idm_bulk *bulk = calloc(1, sizeof(*bulk));
	enum idm_result result;

	*out = bulk;
	if (bulk == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	bulk->context = *context;
	bulk->context.table = &bulk->table;
	bulk->now = now;
	bulk->batch = idm_index_batch_new();
	bulk->arena = idm_arena_new(ARENA_BYTES);
	if (bulk->batch == NULL || bulk->arena == NULL)
		result = idm_fail(err, IDM_SYSTEM, "out of memory");
	else if (!idm_uuid_generate(&bulk->request_id))
		result = idm_fail(err, IDM_SYSTEM, "no random octets");
	else
		result = idm_scratch_open(store, &bulk->scratch, err);
	if (result != IDM_OK)
		idm_bulk_drop(out);
	return result;
}

void
idm_bulk_drop(struct idm_bulk **bulk)
{
	struct idm_bulk *it = *bulk;

	*bulk = NULL;
	if (it == NULL)
		return;
	idm_store_write_abort(&it->txn);
	idm_scratch_drop(&it->scratch);
	idm_access_table_free(&it->table);
	idm_schema_unref(&it->schema);
	idm_index_batch_free(&it->batch);
	idm_arena_free(&it->arena);
	free(it);
}

bool
idm_bulk_is_broken(const struct idm_bulk *bulk)
{
	return bulk->broken;
}

static enum idm_result
begin(struct idm_bulk *bulk, struct idm_error *err)
{
	enum idm_result result;

	if (bulk->broken)
		return idm_fail(err, IDM_SYSTEM, "the copy of the database is spoilt");
	idm_arena_reset(bulk->arena);
	if (bulk->begun)
		return IDM_OK;
	result = idm_store_write_begin(bulk->scratch, &bulk->txn, err);
	if (result == IDM_OK)
		result = idm_read_attach(&bulk->txn, bulk->arena, bulk->now, &bulk->read, err);
	if (result == IDM_OK) {
		idm_schema_unref(&bulk->schema);
		bulk->schema = idm_schema_ref(bulk->read.schema);
	}
	bulk->read.index_batch = bulk->batch;
	bulk->begun = result == IDM_OK;
	bulk->broken = result != IDM_OK;
	return result;
}

const struct idm_read *
idm_bulk_read(struct idm_bulk *bulk, struct idm_error *err)
{
	return begin(bulk, err) == IDM_OK ? &bulk->read : NULL;
}

/* What depends on the schema is looked up in the index, which is behind. */
static bool
changes_schema(const struct idm_change_set *set)
{
	for (size_t i = 0; i < set->item_count; i++) {
		if ((set->items[i].flags & IDM_ITEM_FLAG_SCHEMA) != 0)
			return true;
	}
	return false;
}

/* What refuses a request; all else tells that the database can't be relied on. */
static bool
is_refusal(enum idm_result result)
{
	return result != IDM_SYSTEM && result != IDM_CORRUPT;
}

static enum idm_result
run(struct idm_bulk *bulk, const struct idm_request *request, struct idm_uuid *made,
    struct idm_error *err)
{
	const struct idm_identity console = {
		.kind = IDM_IDENTITY_INTERNAL, .scope = IDM_SCOPE_READ_WRITE, .expire_s = INT64_MAX
	};
	struct idm_change_set set;
	enum idm_result result =
	    idm_change_evaluate(&bulk->read, &bulk->context, &console, request, &set, err);

	if (result != IDM_OK) {
		bulk->broken = !is_refusal(result);
		return result;
	}
	if (changes_schema(&set))
		return idm_refuse(err, IDM_INVALID,
		    "attributes and classes are not made by an import: `kanidm system schema`");
	if (made != NULL && set.item_count != 0)
		*made = set.items[0].uuid;
	if (set.no == 0)
		return IDM_OK;
	result = idm_change_apply(&bulk->read, &set, err);
	bulk->broken = result != IDM_OK;
	return result;
}

/* The first is random and the others follow it, so that their rows stand together. */
static void
next_request_id(struct idm_bulk *bulk)
{
	for (size_t i = IDM_UUID_BYTES; i > IDM_UUID_BYTES / 2; i--) {
		if (++bulk->request_id.bytes[i - 1] != 0)
			break;
	}
}

static size_t
count_values(const struct idm_request *request)
{
	size_t count = 1;

	for (size_t i = 0; i < request->mod_count; i++)
		count += request->mods[i].count;
	return count;
}

static void
trim(struct idm_bulk *bulk)
{
	idm_scratch_trim(bulk->scratch);
	bulk->trimmed_at = bulk->value_count;
}

enum idm_result
idm_bulk_run(struct idm_bulk *bulk, struct idm_request *request, struct idm_uuid *made,
    struct idm_error *err)
{
	enum idm_result result = begin(bulk, err);

	if (result != IDM_OK)
		return result;
	snprintf(request->source, sizeof(request->source), "console");
	next_request_id(bulk);
	request->id = bulk->request_id;
	result = run(bulk, request, made, err);
	bulk->value_count += count_values(request);
	if (bulk->value_count - bulk->trimmed_at >= VALUES_A_TRIM)
		trim(bulk);
	if (result == IDM_OK && bulk->value_count >= VALUES_AT_ONCE)
		result = idm_bulk_settle(bulk, err);
	return result;
}

enum idm_result
idm_bulk_settle(struct idm_bulk *bulk, struct idm_error *err)
{
	enum idm_result result;

	if (!bulk->begun)
		return IDM_OK;
	result = idm_index_batch_flush(bulk->batch, &bulk->txn, err);
	if (result == IDM_OK)
		result = idm_store_write_commit(&bulk->txn, err);
	bulk->begun = false;
	bulk->value_count = 0;
	trim(bulk);
	bulk->broken = result != IDM_OK;
	return result;
}

enum idm_result
idm_bulk_adopt(struct idm_bulk **bulk, struct idm_store **store, struct idm_error *err)
{
	enum idm_result result = idm_bulk_settle(*bulk, err);

	if (result == IDM_OK)
		result = idm_scratch_adopt(store, &(*bulk)->scratch, err);
	else
		idm_store_close(store);
	idm_bulk_drop(bulk);
	return result;
}
