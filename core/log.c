#include "core/log.h"

#include <inttypes.h>

#include "core/change_log.h"

enum {
	TRIM_AT_ONCE = 256, /* rows of a commit */
	TRIM_ARENA_BYTES = 1024 * 1024,
};

static enum idm_result
local_head(struct idm_log *log, uint64_t *no, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_read_begin(log->store, &txn, err);

	*no = 0;
	if (result != IDM_OK)
		return result;
	result = idm_store_get_number(&txn, IDM_DB_META, "applied", no, err);
	idm_store_read_end(&txn);
	return result;
}

static enum idm_log_outcome
local_append(struct idm_log *log, uint64_t on, struct idm_txn *frame, enum idm_result *why,
    struct idm_error *err)
{
	uint64_t head;

	*why = local_head(log, &head, err);
	if (*why == IDM_OK && head != on) {
		*why = idm_fail(
		    err, IDM_BUSY, "decided on change %" PRIu64 ", the last is %" PRIu64, on, head);
		idm_store_write_abort(frame);
		return IDM_LOG_MOVED;
	}
	*why = idm_store_write_end(frame, *why, err);
	if (*why == IDM_OK)
		return IDM_LOG_OK;
	return idm_store_failed(log->store) ? IDM_LOG_UNKNOWN : IDM_LOG_UNAVAILABLE;
}

static enum idm_result
next_change(struct idm_log *log, uint64_t from, struct idm_arena *arena, struct idm_change_set *set,
    struct idm_error *err)
{
	struct idm_read read;
	struct idm_txn txn;
	enum idm_result result = idm_store_read_begin(log->store, &txn, err);

	if (result != IDM_OK)
		return result;
	idm_arena_reset(arena);
	result = idm_read_attach(&txn, arena, (struct idm_now){ 0, false }, &read, err);
	if (result == IDM_OK)
		result = idm_change_log_next(&read, from, set, err);
	idm_store_read_end(&txn);
	return result;
}

static enum idm_result
local_follow(struct idm_log *log, uint64_t from, struct idm_arena *arena,
    enum idm_result (*visit)(void *ctx, const struct idm_change_set *set, struct idm_error *err),
    void *ctx, struct idm_error *err)
{
	struct idm_change_set set;
	enum idm_result result;

	do {
		result = next_change(log, from, arena, &set, err);
		if (result == IDM_NOT_FOUND)
			return IDM_OK;
		if (result != IDM_OK)
			return result;
		from = set.no;
		result = visit(ctx, &set, err);
	} while (result == IDM_OK);
	return result;
}

/* In one transaction, that is given up where there is nothing to forget. */
static enum idm_result
trim_rows(struct idm_log *log, struct idm_arena *arena, size_t *forgotten, struct idm_error *err)
{
	struct idm_txn txn;
	struct idm_read read;
	enum idm_result result = idm_store_write_begin(log->store, &txn, err);

	*forgotten = 0;
	if (result == IDM_OK)
		result = idm_read_attach(&txn, arena, (struct idm_now){ 0, false }, &read, err);
	if (result == IDM_OK)
		result = idm_change_log_trim(&read, TRIM_AT_ONCE, forgotten, err);
	if (result == IDM_OK && *forgotten == 0) {
		idm_store_write_abort(&txn);
		return IDM_OK;
	}
	return idm_store_write_end(&txn, result, err);
}

static enum idm_result
local_trim(struct idm_log *log, bool *more, struct idm_error *err)
{
	struct idm_arena *arena = idm_arena_new(TRIM_ARENA_BYTES);
	size_t forgotten;
	enum idm_result result;

	*more = false;
	if (arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = trim_rows(log, arena, &forgotten, err);
	idm_arena_free(&arena);
	*more = result == IDM_OK && forgotten == TRIM_AT_ONCE;
	return result;
}

void
idm_log_local(struct idm_log *log, struct idm_store *store)
{
	*log = (struct idm_log){ local_head, local_append, local_follow, local_trim, store };
}
