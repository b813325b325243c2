#include "core/change.h"

#include "core/change_log.h"

/* A request that was answered before: the same answer again, and nothing is done. */
static enum idm_result
known_request(const struct idm_read *read, const struct idm_request *request,
    struct idm_change_set *set, struct idm_error *err)
{
	struct idm_answer answer;
	enum idm_result result = idm_change_log_find(read, &request->id, &answer, err);

	if (result != IDM_OK)
		return result;
	memset(set, 0, sizeof(*set));
	set->no = answer.no;
	return answer.result;
}

static enum idm_result
decide_and_apply(const struct idm_read *read, const struct idm_change_context *context,
    const struct idm_identity *identity, const struct idm_request *request,
    struct idm_change_set *set, struct idm_error *err)
{
	enum idm_result result = known_request(read, request, set, err);

	if (result != IDM_NOT_FOUND)
		return result;
	result = idm_change_evaluate(read, context, identity, request, set, err);
	if (result == IDM_OK)
		result = idm_change_apply(read, set, err);
	return result;
}

/* The entry that a request is about, as far as there is one. */
static const struct idm_uuid *
entry_of(const struct idm_request *request, const struct idm_change_set *set)
{
	for (size_t i = 0; request->operation == IDM_OP_CREATE && i < set->item_count; i++) {
		if (set->items[i].kind == IDM_ITEM_CREATE)
			return &set->items[i].uuid;
	}
	return &request->target;
}

/* `read` began before the change: what it knows of the schema is that. */
static enum idm_result
look_after(const struct idm_read *read, const struct idm_request *request,
    const struct idm_change_set *set, struct idm_error *err)
{
	struct idm_read after;
	enum idm_result result = idm_read_attach(read->txn, read->arena, read->now, &after, err);

	return result == IDM_OK
		   ? request->look(request->look_context, &after, entry_of(request, set), true, err)
		   : result;
}

static enum idm_result
decide_and_look(const struct idm_read *read, const struct idm_change_context *context,
    const struct idm_identity *identity, const struct idm_request *request,
    struct idm_change_set *set, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	if (request->look != NULL && request->operation != IDM_OP_CREATE)
		result = request->look(request->look_context, read, &request->target, false, err);
	if (result == IDM_OK)
		result = decide_and_apply(read, context, identity, request, set, err);
	if (result == IDM_OK && request->look != NULL)
		result = look_after(read, request, set, err);
	return result;
}

/* Profiles that were parsed inside a change that is undone must not outlive it. */
static void
forget_profiles(const struct idm_change_context *context, const struct idm_change_set *set)
{
	for (size_t i = 0; i < set->item_count; i++) {
		if ((set->items[i].flags & IDM_ITEM_FLAG_ACCESS) != 0) {
			idm_access_table_free(context->table);
			return;
		}
	}
}

enum idm_result
idm_change_run(struct idm_txn *outer, const struct idm_change_context *context,
    const struct idm_identity *identity, const struct idm_request *request, struct idm_now now,
    struct idm_arena *arena, struct idm_change_set *set, struct idm_error *err)
{
	struct idm_txn txn;
	struct idm_read read;
	enum idm_result result;

	memset(set, 0, sizeof(*set));
	result = idm_store_write_nest(outer, &txn, err);
	if (result != IDM_OK)
		return result;
	result = idm_read_attach(&txn, arena, now, &read, err);
	if (result == IDM_OK)
		result = decide_and_look(&read, context, identity, request, set, err);
	if (result == IDM_OK)
		result = idm_store_write_commit(&txn, err);
	idm_store_write_abort(&txn);
	if (result != IDM_OK) {
		forget_profiles(context, set);
		memset(set, 0, sizeof(*set));
	}
	return result;
}
