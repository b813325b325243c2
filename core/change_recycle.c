/*
 * Deletion: the entry goes into the recycle bin, and every reference to it goes (SPEC 2.4, 11.6).
 * What it was a member of, and who its members were, is remembered for a revival.
 */
#include "core/builtin.h"
#include "core/evaluation.h"
#include "core/index.h"

enum { REMEMBER_MAX = 16384 /* groups, and members: more of either are not remembered at all */ };

static enum idm_result
refuse_builtin(struct idm_evaluation *e)
{
	if (idm_uuid_is_builtin(&e->uuid))
		return idm_refuse(e->err, IDM_PROTECTED,
		    "system protected object: built-in entries can't be deleted");
	return IDM_OK;
}

/* --- the entry itself */

static enum idm_result
remember(struct idm_evaluation *e, uint32_t attr_number, const struct idm_ids *ids)
{
	struct idm_value *values;
	size_t count = 0;

	if (ids->count > REMEMBER_MAX)
		return IDM_OK;
	values = idm_arena_array(e->read->arena, ids->count, sizeof(*values));
	if (values == NULL)
		return IDM_LIMIT;
	for (size_t i = 0; i < ids->count; i++) {
		struct idm_entry entry;
		struct idm_span uuid;
		enum idm_result result = idm_lookup_id(e->read, ids->ids[i], &entry, e->err);

		if (result != IDM_OK)
			return result;
		if (entry.id == e->before.id)
			continue; /* a group that lists itself */
		uuid = idm_arena_copy(e->read->arena, idm_uuid_span(&entry.uuid));
		if (uuid.ptr == NULL)
			return IDM_LIMIT;
		values[count++] = (struct idm_value){ uuid, uuid };
	}
	return idm_draft_set(e->draft, attr_number, values, count);
}

static enum idm_result
remember_members(struct idm_evaluation *e)
{
	struct idm_ids ids = { NULL, 0, 0 };
	enum idm_result result;

	if (!idm_entry_has_class(&e->before, "group") ||
	    idm_entry_has_class(&e->before, "dyngroup"))
		return IDM_OK;
	result = idm_closure_member_ids(e->read, e->before.id, IDM_MEMBER_GROUP, &ids, e->err);
	if (result == IDM_OK)
		result =
		    idm_closure_member_ids(e->read, e->before.id, IDM_MEMBER_ACCOUNT, &ids, e->err);
	return result == IDM_OK ? remember(e, IDM_ATTR_RECYCLED_MEMBER, &ids) : result;
}

/* An entry that has grown large is deleted all the same: what does not fit is not remembered. */
static void
forget_what_does_not_fit(struct idm_evaluation *e)
{
	if (!idm_draft_fits(e->draft))
		idm_draft_clear(e->draft, IDM_ATTR_RECYCLED_MEMBER);
	if (!idm_draft_fits(e->draft))
		idm_draft_clear(e->draft, IDM_ATTR_RECYCLED_DIRECTMEMBEROF);
}

/* References to itself: they go as those of others do. */
static void
drop_own_references(struct idm_evaluation *e)
{
	const struct idm_attr *attr;

	for (size_t i = 0; (attr = idm_schema_attr_at(e->read->schema, i)) != NULL; i++) {
		if (attr->syntax == IDM_SYNTAX_REFERENCE)
			idm_draft_remove(e->draft, attr->number, idm_uuid_span(&e->uuid));
	}
}

static enum idm_result
recycle_draft(struct idm_evaluation *e, const struct idm_ids *groups)
{
	static const struct idm_value recycled = { IDM_SPAN_LIT("recycled"),
		IDM_SPAN_LIT("recycled") };
	enum idm_result result = idm_draft_add(e->draft, IDM_ATTR_CLASS, recycled);

	drop_own_references(e);
	if (result == IDM_OK)
		result = remember(e, IDM_ATTR_RECYCLED_DIRECTMEMBEROF, groups);
	if (result == IDM_OK)
		result = remember_members(e);
	if (result == IDM_OK)
		forget_what_does_not_fit(e);
	return result;
}

/* Its names and tokens are given up, its sessions end. */
static enum idm_result
recycle_entry(struct idm_evaluation *e, const struct idm_ids *groups)
{
	struct idm_item *item;
	bool hp = false;
	enum idm_result result = recycle_draft(e, groups);

	if (result == IDM_OK)
		result = idm_evaluation_draft_item(e, IDM_ITEM_RECYCLE, &item);
	if (result == IDM_OK)
		result = idm_evaluation_is_hp(e, &e->before, &hp);
	if (result != IDM_OK)
		return result;
	item->flags = idm_rules_flags(e);
	if (idm_entry_has_class(&e->before, "group")) {
		item->flags |= IDM_ITEM_FLAG_RADIUS | (hp ? IDM_ITEM_FLAG_PRIVILEGE : 0);
		item->mods[item->mod_count++] =
		    (struct idm_mod){ .kind = IDM_MOD_CLEAR, .attr_number = IDM_ATTR_MEMBER };
	}
	result = idm_evaluation_end_tokens(e, &e->uuid, item);
	return result == IDM_OK ? idm_rules_release(e, &e->before, item) : result;
}

/* --- references of others */

/* Room for one more mod: lists of two, four, eight, for most items need two of them. */
static struct idm_mod *
more_mods(struct idm_evaluation *e, struct idm_item *item)
{
	size_t count = item->mod_count;
	struct idm_mod *mods;

	if (count != 0 && (count < 2 || (count & (count - 1)) != 0))
		return &item->mods[item->mod_count++];
	mods = idm_arena_array(e->read->arena, count == 0 ? 2 : 2 * count, sizeof(*mods));
	if (mods == NULL)
		return NULL;
	if (count != 0)
		memcpy(mods, item->mods, count * sizeof(*mods));
	item->mods = mods;
	return &mods[item->mod_count++];
}

static enum idm_result
one_mod(struct idm_evaluation *e, struct idm_item *item, enum idm_mod_kind kind,
    uint32_t attr_number, struct idm_value *value)
{
	struct idm_mod *mod = more_mods(e, item);

	if (mod == NULL)
		return IDM_LIMIT;
	*mod = (struct idm_mod){ kind, attr_number, value, 1 };
	return IDM_OK;
}

/* One value for all items of the set. */
static enum idm_result
make_value(struct idm_evaluation *e, struct idm_span octets, struct idm_value **out)
{
	struct idm_value *value = idm_arena_alloc(e->read->arena, sizeof(*value));
	struct idm_span copy = idm_arena_copy(e->read->arena, octets);

	if (value == NULL || copy.ptr == NULL)
		return IDM_LIMIT;
	*value = (struct idm_value){ copy, copy };
	*out = value;
	return IDM_OK;
}

static enum idm_result
make_values(struct idm_evaluation *e)
{
	uint8_t at[8];
	enum idm_result result = IDM_OK;

	idm_datetime_store(e->set->at_s, at);
	if (e->own_uuid == NULL)
		result = make_value(e, idm_uuid_span(&e->uuid), &e->own_uuid);
	if (result == IDM_OK && e->at == NULL)
		result = make_value(e, idm_span_of(at, sizeof(at)), &e->at);
	return result;
}

/* The item of `entry` in this set: an entry has one item, however many references change. */
static struct idm_item *
item_of(struct idm_evaluation *e, const struct idm_entry *entry)
{
	for (size_t i = e->set->item_count; i > 0; i--) {
		if (idm_uuid_equal(&e->set->items[i - 1].uuid, &entry->uuid))
			return &e->set->items[i - 1];
	}
	return idm_evaluation_item(e, entry, IDM_ITEM_MODIFY);
}

/* What others see of the entry changes, so its time does; one that was deleted itself keeps it. */
static enum idm_result
change_reference(struct idm_evaluation *e, const struct idm_entry *entry, struct idm_item *item,
    uint32_t attr_number, bool present)
{
	enum idm_result result = IDM_OK;

	if (item->mod_count == 0 && idm_entry_is_live(entry))
		result = one_mod(e, item, IDM_MOD_SET, IDM_ATTR_LAST_MODIFIED, e->at);
	if (result == IDM_OK)
		result = one_mod(
		    e, item, present ? IDM_MOD_ADD : IDM_MOD_REMOVE, attr_number, e->own_uuid);
	return result;
}

/* A unique reference was claimed, unless its holder is in the recycle bin. */
static enum idm_result
release_reference(struct idm_evaluation *e, struct idm_item *item, const struct idm_entry *holder,
    uint32_t attr_number)
{
	const struct idm_attr *attr = idm_schema_attr_number(e->read->schema, attr_number);
	struct idm_claim_change *claims;

	if ((attr->flags & IDM_ATTR_UNIQUE) == 0 || !idm_entry_is_live(holder))
		return IDM_OK;
	claims = idm_arena_array(e->read->arena, item->claim_count + 1, sizeof(*claims));
	if (claims == NULL)
		return IDM_LIMIT;
	if (item->claim_count != 0)
		memcpy(claims, item->claims, item->claim_count * sizeof(*claims));
	claims[item->claim_count++] =
	    (struct idm_claim_change){ IDM_CLAIM_CUSTOM, false, attr_number, e->own_uuid->norm };
	item->claims = claims;
	return IDM_OK;
}

enum idm_result
idm_evaluation_reference(
    struct idm_evaluation *e, const struct idm_entry *entry, uint32_t attr_number, bool present)
{
	struct idm_item *item = item_of(e, entry);
	enum idm_result result = make_values(e);

	if (item == NULL)
		return IDM_LIMIT;
	if (result == IDM_OK)
		result = change_reference(e, entry, item, attr_number, present);
	if (result == IDM_OK && !present)
		result = release_reference(e, item, entry, attr_number);
	if (idm_entry_has_class(entry, "access_control_profile"))
		item->flags |= IDM_ITEM_FLAG_ACCESS;
	if (attr_number == IDM_ATTR_MEMBER && idm_entry_has_class(&e->before, "group"))
		item->flags |= IDM_ITEM_FLAG_GROUPS;
	return result;
}

/* A group that RADIUS requires can't go: nobody would get in any more (SPEC 9.4). */
static enum idm_result
check_required(
    struct idm_evaluation *e, const struct idm_attr *attr, const struct idm_entry *holder)
{
	struct idm_span name = idm_entry_text(holder, IDM_ATTR_NAME);

	if ((attr->number != IDM_ATTR_RADIUS_REQUIRED_GROUP &&
		attr->number != IDM_ATTR_RADIUS_CLIENT_REQUIRED_GROUP) ||
	    !idm_entry_is_live(holder))
		return IDM_OK;
	if (name.len == 0)
		name = IDM_SPAN_LIT("the domain");
	return idm_refuse(e->err, IDM_CONSTRAINT,
	    "RADIUS requires this group (%.*s): let it require another one first",
	    IDM_SPAN_ARG(name));
}

/* The entry at `id` refers to the one that goes: it no longer does. */
static enum idm_result
drop_reference(struct idm_evaluation *e, const struct idm_attr *attr, uint64_t id)
{
	struct idm_entry holder;
	enum idm_result result;

	if (id == e->before.id)
		return IDM_OK; /* its own went with its draft */
	result = idm_lookup_id(e->read, id, &holder, e->err);
	if (result == IDM_OK)
		result = check_required(e, attr, &holder);
	if (result == IDM_OK)
		result = idm_evaluation_reference(e, &holder, attr->number, false);
	return result;
}

static enum idm_result
drop_references_of(struct idm_evaluation *e, const struct idm_attr *attr, uint64_t window_end)
{
	enum idm_result result = IDM_OK;

	for (uint64_t no = 0; no < window_end && result == IDM_OK; no++) {
		struct idm_window window;
		uint64_t id;

		idm_window_clear(&window);
		result =
		    idm_index_equal(e->read, attr, idm_uuid_span(&e->uuid), no, &window, e->err);
		id = idm_window_next(&window, no, no << IDM_WINDOW_BITS);
		while (result == IDM_OK && id != UINT64_MAX) {
			result = drop_reference(e, attr, id);
			id = idm_window_next(&window, no, id + 1);
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
			continue;
		result = idm_lookup_id(e->read, groups->ids[i], &group, e->err);
		if (result == IDM_OK && !idm_entry_has_class(&group, "dyngroup"))
			result = idm_evaluation_reference(e, &group, IDM_ATTR_MEMBER, false);
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
	if (result == IDM_OK)
		result = recycle_entry(e, &groups);
	if (result == IDM_OK)
		result = leave_groups(e, &groups);
	if (result == IDM_OK)
		result = drop_references(e);
	return result;
}
