#include "core/evaluation.h"

#include "core/token_store.h"

struct idm_item *
idm_evaluation_item(
    struct idm_evaluation *e, const struct idm_entry *entry, enum idm_item_kind kind)
{
	struct idm_change_set *set = e->set;
	struct idm_item *item;

	if (set->item_count == e->item_room) {
		size_t room = e->item_room == 0 ? 4 : 2 * e->item_room;
		struct idm_item *items = idm_arena_array(e->read->arena, room, sizeof(*items));

		if (items == NULL)
			return NULL;
		if (set->item_count != 0)
			memcpy(items, set->items, set->item_count * sizeof(*items));
		set->items = items;
		e->item_room = room;
	}
	item = &set->items[set->item_count++];
	item->kind = kind;
	item->uuid = entry == NULL ? e->uuid : entry->uuid;
	item->base = entry == NULL ? 0 : entry->version;
	return item;
}

/* The entry as it is, or a new one as it is to be. */
static enum idm_result
asserted_entry(const struct idm_evaluation *e, struct idm_entry *out)
{
	struct idm_span bytes;
	enum idm_result result;

	*out = e->before;
	if (e->exists)
		return IDM_OK;
	result = idm_draft_encode(e->draft, &e->uuid, e->set->no, &bytes, e->err);
	return result == IDM_OK ? idm_entry_view(bytes, 0, out, e->err) : result;
}

static enum idm_result
check_assertion(const struct idm_evaluation *e)
{
	const struct idm_request *request = e->request;
	enum idm_truth truth = IDM_UNDEFINED;
	struct idm_attrset readable;
	struct idm_entry entry;
	enum idm_result result;

	if (request->assertion == NULL)
		return IDM_OK;
	if (request->assertion_schema != e->read->schema)
		return idm_refuse(e->err, IDM_BUSY, "the schema was changed meanwhile; repeat");
	result = asserted_entry(e, &entry);
	if (result == IDM_OK)
		result = idm_access_search(e->read, e->access, &entry, &readable, e->err);
	if (result == IDM_OK)
		result =
		    idm_filter_test(e->read, request->assertion, &entry, &readable, &truth, e->err);
	if (result == IDM_OK && truth != IDM_TRUE)
		return idm_refuse(e->err, IDM_ASSERTION, "the entry is not as it was asserted");
	return result;
}

enum idm_result
idm_evaluation_check_base(const struct idm_evaluation *e)
{
	if (e->request->base != 0 && e->request->base != e->before.version)
		return idm_refuse(
		    e->err, IDM_BUSY, "the entry was changed meanwhile; look again and repeat");
	return check_assertion(e);
}

enum idm_result
idm_evaluation_resolve(struct idm_evaluation *e, const struct idm_attr *attr, struct idm_span text,
    struct idm_entry *out)
{
	enum idm_result result = idm_lookup_text(e->read, text, out, e->err);

	if (result == IDM_NOT_FOUND)
		return idm_refuse(e->err, IDM_CONSTRAINT, "%s: no account or group is called %.*s",
		    attr->name, IDM_SPAN_ARG(text));
	return result;
}

enum idm_result
idm_evaluation_end_tokens(
    struct idm_evaluation *e, const struct idm_uuid *account, struct idm_item *item)
{
	struct idm_uuid *ids;
	size_t count;
	enum idm_result result =
	    idm_token_list(e->read->txn, account, e->read->arena, &ids, &count, e->err);

	if (result != IDM_OK || count == 0)
		return result;
	item->tokens = idm_arena_array(e->read->arena, count, sizeof(*item->tokens));
	if (item->tokens == NULL)
		return IDM_LIMIT;
	while (item->token_count < count) {
		item->tokens[item->token_count] =
		    (struct idm_token_change){ ids[item->token_count], IDM_SPAN_EMPTY };
		item->token_count++;
	}
	return IDM_OK;
}
