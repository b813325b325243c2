/* Deletion: the entry goes into the recycle bin, and every reference to it goes (SPEC 2.4, 11.6).
 */
#include "core/builtin.h"
#include "core/evaluation.h"
#include "core/index.h"

/* More than there are built-in attributes that refer to entries: an item loses each of them once.
 */
enum { ITEM_MODS = 24 };

/* The same with those of administrators. */
static size_t
item_mods(const struct idm_evaluation *e)
{
	const struct idm_attr *attr;
	size_t room = ITEM_MODS;

	for (size_t i = 0; (attr = idm_schema_attr_at(e->read->schema, i)) != NULL; i++)
		room += attr->number >= IDM_ATTR_CUSTOM_MIN && attr->syntax == IDM_SYNTAX_REFERENCE;
	return room;
}

static enum idm_result
refuse_builtin(struct idm_evaluation *e)
{
	if (idm_uuid_is_builtin(&e->uuid))
		return idm_refuse(e->err, IDM_PROTECTED,
		    "system protected object: built-in entries can't be deleted");
	return IDM_OK;
}

static struct idm_mod *
one_mod(struct idm_evaluation *e, struct idm_item *item, size_t values)
{
	struct idm_mod *mod = &item->mods[item->mod_count++];

	mod->values = idm_arena_array(e->read->arena, values + 1, sizeof(*mod->values));
	return mod->values == NULL ? NULL : mod;
}

/* The entry itself: class recycled, its direct groups remembered for a revival. */
static enum idm_result
recycle_entry(struct idm_evaluation *e, const struct idm_ids *groups)
{
	static const struct idm_value recycled = { IDM_SPAN_LIT("recycled"),
		IDM_SPAN_LIT("recycled") };
	struct idm_item *item = idm_evaluation_item(e, &e->before, IDM_ITEM_RECYCLE);
	uint8_t *at = idm_arena_alloc(e->read->arena, 8);
	struct idm_mod *mod;

	if (item == NULL || at == NULL)
		return IDM_LIMIT;
	item->mods = idm_arena_array(e->read->arena, item_mods(e), sizeof(*item->mods));
	if (item->mods == NULL || (mod = one_mod(e, item, 1)) == NULL)
		return IDM_LIMIT;
	*mod = (struct idm_mod){ IDM_MOD_ADD, IDM_ATTR_CLASS, mod->values, 1 };
	mod->values[0] = recycled;
	if ((mod = one_mod(e, item, 1)) == NULL)
		return IDM_LIMIT;
	*mod = (struct idm_mod){ IDM_MOD_SET, IDM_ATTR_LAST_MODIFIED, mod->values, 1 };
	idm_datetime_store(e->set->at_s, at);
	mod->values[0] = (struct idm_value){ { at, 8 }, { at, 8 } };
	if ((mod = one_mod(e, item, groups->count)) == NULL)
		return IDM_LIMIT;
	*mod = (struct idm_mod){ IDM_MOD_SET, IDM_ATTR_RECYCLED_DIRECTMEMBEROF, mod->values, 0 };
	for (size_t i = 0; i < groups->count; i++) {
		struct idm_entry group;
		struct idm_span uuid;
		enum idm_result result = idm_lookup_id(e->read, groups->ids[i], &group, e->err);

		if (result != IDM_OK)
			return result;
		uuid = idm_arena_copy(e->read->arena, idm_uuid_span(&group.uuid));
		if (uuid.ptr == NULL)
			return IDM_LIMIT;
		mod->values[mod->count++] = (struct idm_value){ uuid, uuid };
	}
	item->flags = IDM_ITEM_REVOKES;
	if (idm_entry_has_class(&e->before, "group")) {
		item->flags |= IDM_ITEM_FLAG_GROUPS | IDM_ITEM_FLAG_RADIUS;
		item->mods[item->mod_count++] =
		    (struct idm_mod){ .kind = IDM_MOD_CLEAR, .attr_number = IDM_ATTR_MEMBER };
	}
	if (idm_entry_has_class(&e->before, "access_control_profile"))
		item->flags |= IDM_ITEM_FLAG_ACCESS;
	if (idm_entry_has_class(&e->before, "attributetype") ||
	    idm_entry_has_class(&e->before, "classtype"))
		item->flags |= IDM_ITEM_FLAG_SCHEMA;
	return idm_rules_release(e, &e->before, item);
}

/* The item of `entry` in this set: an entry has one item, however many references it loses. */
static struct idm_item *
item_of(struct idm_evaluation *e, const struct idm_entry *entry)
{
	struct idm_item *item;

	for (size_t i = 0; i < e->set->item_count; i++) {
		if (idm_uuid_equal(&e->set->items[i].uuid, &entry->uuid))
			return &e->set->items[i];
	}
	item = idm_evaluation_item(e, entry, IDM_ITEM_MODIFY);
	if (item != NULL)
		item->mods = idm_arena_array(e->read->arena, item_mods(e), sizeof(*item->mods));
	return item == NULL || item->mods == NULL ? NULL : item;
}

/*
 * A unique reference was claimed, unless its holder is in the recycle bin; the entry that goes
 * releases all its claims by itself.
 */
static enum idm_result
release_reference(struct idm_evaluation *e, struct idm_item *item, const struct idm_entry *holder,
    uint32_t attr_number, struct idm_span uuid)
{
	const struct idm_attr *attr = idm_schema_attr_number(e->read->schema, attr_number);
	struct idm_claim_change *claims;

	if ((attr->flags & IDM_ATTR_UNIQUE) == 0 || !idm_entry_is_live(holder) ||
	    idm_uuid_equal(&item->uuid, &e->uuid))
		return IDM_OK;
	claims = idm_arena_array(e->read->arena, item->claim_count + 1, sizeof(*claims));
	if (claims == NULL)
		return IDM_LIMIT;
	if (item->claim_count != 0)
		memcpy(claims, item->claims, item->claim_count * sizeof(*claims));
	claims[item->claim_count++] =
	    (struct idm_claim_change){ IDM_CLAIM_CUSTOM, false, attr_number, uuid };
	item->claims = claims;
	return IDM_OK;
}

/* `entry` no longer refers to the one that goes. */
static enum idm_result
drop_reference(struct idm_evaluation *e, const struct idm_entry *entry, uint32_t attr_number)
{
	struct idm_item *item = item_of(e, entry);
	struct idm_span uuid = idm_arena_copy(e->read->arena, idm_uuid_span(&e->uuid));
	struct idm_mod *mod;

	if (item == NULL || uuid.ptr == NULL || item->mod_count == item_mods(e))
		return IDM_LIMIT;
	mod = one_mod(e, item, 1);
	if (mod == NULL)
		return IDM_LIMIT;
	*mod = (struct idm_mod){ IDM_MOD_REMOVE, attr_number, mod->values, 1 };
	mod->values[0] = (struct idm_value){ uuid, uuid };
	if (idm_entry_has_class(entry, "access_control_profile"))
		item->flags |= IDM_ITEM_FLAG_ACCESS;
	if (attr_number == IDM_ATTR_MEMBER && idm_entry_has_class(&e->before, "group"))
		item->flags |= IDM_ITEM_FLAG_GROUPS;
	return release_reference(e, item, entry, attr_number, uuid);
}

/* A group that RADIUS requires can't go: nobody would get in any more (SPEC 9.4). */
static enum idm_result
check_required(
    struct idm_evaluation *e, const struct idm_attr *attr, const struct idm_entry *holder)
{
	struct idm_span name = idm_entry_text(holder, IDM_ATTR_NAME);

	if (attr->number != IDM_ATTR_RADIUS_REQUIRED_GROUP &&
	    attr->number != IDM_ATTR_RADIUS_CLIENT_REQUIRED_GROUP)
		return IDM_OK;
	if (name.len == 0)
		name = IDM_SPAN_LIT("the domain");
	return idm_refuse(e->err, IDM_CONSTRAINT,
	    "RADIUS requires this group (%.*s): let it require another one first",
	    IDM_SPAN_ARG(name));
}

static enum idm_result
drop_references_of(struct idm_evaluation *e, const struct idm_attr *attr, uint64_t window_end)
{
	enum idm_result result = IDM_OK;

	for (uint64_t no = 0; no < window_end && result == IDM_OK; no++) {
		struct idm_window window;

		idm_window_clear(&window);
		result =
		    idm_index_equal(e->read, attr, idm_uuid_span(&e->uuid), no, &window, e->err);
		for (uint64_t id = no << IDM_WINDOW_BITS;
		     result == IDM_OK && (id = idm_window_next(&window, no, id)) != UINT64_MAX;
		     id++) {
			struct idm_entry holder;

			result = idm_lookup_id(e->read, id, &holder, e->err);
			if (result == IDM_OK)
				result = check_required(e, attr, &holder);
			if (result == IDM_OK)
				result = drop_reference(e, &holder, attr->number);
		}
	}
	return result;
}

static enum idm_result
drop_references(struct idm_evaluation *e)
{
	const struct idm_attr *attr;
	uint64_t window_end;
	enum idm_result result = idm_index_window_end(e->read, &window_end, e->err);

	for (size_t i = 0; result == IDM_OK; i++) {
		attr = idm_schema_attr_at(e->read->schema, i);
		if (attr == NULL)
			break;
		if (attr->syntax == IDM_SYNTAX_REFERENCE && (attr->flags & IDM_ATTR_EQ) != 0)
			result = drop_references_of(e, attr, window_end);
	}
	return result;
}

/* Stored edges: a dynamic group lets go of the entry by itself, and its own edges go with it. */
static enum idm_result
leave_groups(struct idm_evaluation *e, const struct idm_ids *groups)
{
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < groups->count && result == IDM_OK; i++) {
		struct idm_entry group;

		if (groups->ids[i] == e->before.id)
			continue; /* its own edges go anyway */
		result = idm_lookup_id(e->read, groups->ids[i], &group, e->err);
		if (result == IDM_OK)
			result = drop_reference(e, &group, IDM_ATTR_MEMBER);
	}
	return result;
}

enum idm_result
idm_evaluate_recycle(struct idm_evaluation *e)
{
	struct idm_ids groups = { NULL, 0, 0 };
	enum idm_result result = idm_access_delete(e->read, e->access, &e->before, e->err);

	if (result == IDM_OK)
		result = idm_evaluation_check_base(e);
	if (result == IDM_OK)
		result = refuse_builtin(e);
	if (result == IDM_OK)
		result = idm_rules_receivers(e);
	if (result == IDM_OK)
		result = idm_rules_schema_goes(e);
	if (result == IDM_OK)
		result = idm_closure_listed_by(e->read, e->before.id, &groups, e->err);
	e->draft = NULL;
	if (result == IDM_OK)
		result = recycle_entry(e, &groups);
	if (result == IDM_OK)
		result = leave_groups(e, &groups);
	if (result == IDM_OK)
		result = drop_references(e);
	return result;
}
