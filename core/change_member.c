/* Direct members: which edges come and go, and whom that makes high privilege (SPEC 3, 4). */
#include "core/builtin.h"
#include "core/dyngroup.h"
#include "core/evaluation.h"
#include "core/index.h"
#include "core/token_store.h"

/* Where the request spoke of this member before; NULL: it did not. */
static struct idm_edge_change *
find_edge(const struct idm_evaluation *e, const struct idm_entry *member)
{
	if (!idm_ids_has(&e->edge_ids, member->id))
		return NULL;
	for (size_t i = 0; i < e->edge_count; i++) {
		if (e->edges[i].member.id == member->id)
			return &e->edges[i];
	}
	return NULL;
}

/* The last word about a member is the one that counts. */
static enum idm_result
note_edge(struct idm_evaluation *e, const struct idm_entry *member, bool present)
{
	struct idm_edge_change *edge = find_edge(e, member);

	if (edge != NULL) {
		edge->present = present;
		return IDM_OK;
	}
	if (e->edge_count == e->edge_room) {
		size_t room = e->edge_room == 0 ? 8 : 2 * e->edge_room;
		struct idm_edge_change *edges =
		    idm_arena_array(e->read->arena, room, sizeof(*edges));

		if (edges == NULL)
			return IDM_LIMIT;
		if (e->edge_count != 0)
			memcpy(edges, e->edges, e->edge_count * sizeof(*edges));
		e->edges = edges;
		e->edge_room = room;
	}
	e->edges[e->edge_count++] = (struct idm_edge_change){ *member, present };
	return idm_ids_add(&e->edge_ids, e->read->arena, member->id, NULL);
}

static enum idm_result
is_member_now(struct idm_evaluation *e, const struct idm_entry *member, bool *out)
{
	const struct idm_edge_change *edge = find_edge(e, member);

	*out = edge != NULL && edge->present;
	if (edge != NULL)
		return IDM_OK;
	if (!e->exists || e->edges_cleared)
		return IDM_OK;
	return idm_closure_has_member(e->read, e->before.id, member, out, e->err);
}

static enum idm_result
change_one(struct idm_evaluation *e, const struct idm_request_mod *mod, struct idm_span text)
{
	struct idm_entry member;
	bool listed;
	bool present = mod->kind != IDM_REQUEST_DELETE;
	enum idm_result result = idm_evaluation_resolve(e, mod->attr, text, &member);

	if (result != IDM_OK)
		return result;
	if (present && !idm_entry_has_class(&member, "account") &&
	    !idm_entry_has_class(&member, "group"))
		return idm_refuse(e->err, IDM_CONSTRAINT, "%.*s is neither an account nor a group",
		    IDM_SPAN_ARG(text));
	result = is_member_now(e, &member, &listed);
	if (result != IDM_OK)
		return result;
	if (!present && !listed)
		return idm_refuse(
		    e->err, IDM_CONSTRAINT, "%.*s is not a member", IDM_SPAN_ARG(text));
	return present == listed ? IDM_OK : note_edge(e, &member, present);
}

enum idm_result
idm_evaluate_member(struct idm_evaluation *e, const struct idm_request_mod *mod)
{
	enum idm_result result = IDM_OK;

	if (mod->kind == IDM_REQUEST_REPLACE ||
	    (mod->kind == IDM_REQUEST_DELETE && mod->count == 0)) {
		e->edges_cleared = true;
		e->edge_count = 0;
		e->edge_ids.count = 0;
	}
	for (size_t i = 0; i < mod->count && result == IDM_OK; i++)
		result = change_one(e, mod, mod->values[i]);
	return result;
}

enum idm_result
idm_evaluation_is_hp(struct idm_evaluation *e, const struct idm_entry *group, bool *out)
{
	*out = group->id == e->read->high_privilege_id;
	return *out ? IDM_OK : idm_closure_is_hp(e->read, group, out, e->err);
}

/*
 * API tokens end with the change that makes their account HP, each account that has any by one
 * item, in however many of the groups it is.  Logins need none: an account that was not HP when one
 * began ends it by being HP now (idm_auth_recheck).
 */
static enum idm_result
end_tokens(struct idm_evaluation *e, uint64_t id)
{
	struct idm_arena_mark mark = idm_arena_mark(e->read->arena);
	struct idm_entry entry;
	struct idm_item *item;
	struct idm_uuid *tokens;
	size_t count;
	bool hp = false, first;
	enum idm_result result = idm_lookup_id(e->read, id, &entry, e->err);

	if (result == IDM_OK)
		result = idm_token_list(
		    e->read->txn, &entry.uuid, e->read->arena, &tokens, &count, e->err);
	idm_arena_rewind(e->read->arena, mark);
	if (result != IDM_OK || count == 0)
		return result;
	result = idm_closure_is_hp(e->read, &entry, &hp, e->err);
	if (result != IDM_OK || hp)
		return result;
	result = idm_ids_add(&e->raised, e->read->arena, id, &first);
	if (result != IDM_OK || !first)
		return result;
	item = idm_evaluation_item(e, &entry, IDM_ITEM_SESSION);
	if (item == NULL)
		return IDM_LIMIT;
	return idm_evaluation_end_tokens(e, &item->uuid, item);
}

/* Only service accounts have tokens (SPEC 7.4): of everybody else there may be very many. */
static enum idm_result
end_tokens_of_window(struct idm_evaluation *e, struct idm_window *members, uint64_t no)
{
	const struct idm_attr *class = idm_schema_attr_number(e->read->schema, IDM_ATTR_CLASS);
	struct idm_window services;
	enum idm_result result;

	idm_window_clear(&services);
	result =
	    idm_index_equal(e->read, class, IDM_SPAN_LIT("service_account"), no, &services, e->err);
	idm_window_and(members, &services);
	for (uint64_t id = idm_window_next(members, no, no << IDM_WINDOW_BITS);
	     result == IDM_OK && id != UINT64_MAX; id = idm_window_next(members, no, id + 1))
		result = end_tokens(e, id);
	return result;
}

static enum idm_result
end_tokens_of_members(struct idm_evaluation *e, uint64_t group_id)
{
	uint64_t next_no = 0;
	enum idm_result result = IDM_OK;

	for (uint64_t no = 0; no != IDM_NO_WINDOW && result == IDM_OK; no = next_no) {
		struct idm_window members;

		idm_window_clear(&members);
		result = idm_closure_members(
		    e->read, group_id, IDM_MEMBER_ACCOUNT, no, &members, &next_no, e->err);
		if (result == IDM_OK)
			result = end_tokens_of_window(e, &members, no);
	}
	return result;
}

/* No dynamic group may stand in an HP group, at any depth (SPEC 3.2). */
static enum idm_result
refuse_dynamic(struct idm_evaluation *e, const struct idm_ids *groups)
{
	for (size_t i = 0; i < groups->count; i++) {
		struct idm_entry group;
		enum idm_result result = idm_lookup_id(e->read, groups->ids[i], &group, e->err);

		if (result != IDM_OK)
			return result;
		if (idm_entry_has_class(&group, "dyngroup")) {
			struct idm_span name = idm_entry_text(&group, IDM_ATTR_NAME);

			return idm_refuse(e->err, IDM_PROTECTED,
			    "%.*s is a dynamic group: it can't be in a high privilege group",
			    IDM_SPAN_ARG(name));
		}
	}
	return IDM_OK;
}

/* An account that becomes HP loses its tokens (SPEC 4). */
enum idm_result
idm_evaluation_raise(struct idm_evaluation *e, const struct idm_entry *member)
{
	struct idm_ids groups = { NULL, 0, 0 };
	enum idm_result result;

	if (!idm_entry_has_class(member, "group"))
		return end_tokens(e, member->id);
	result = idm_closure_groups_below(e->read, member->id, &groups, e->err);
	if (result == IDM_OK)
		result = refuse_dynamic(e, &groups);
	for (size_t i = 0; i < groups.count && result == IDM_OK; i++)
		result = end_tokens_of_members(e, groups.ids[i]);
	return result;
}

/* The initial members of idm_high_privilege stay (SPEC 4). */
static enum idm_result
keep_builtin(struct idm_evaluation *e)
{
	bool loses = e->edges_cleared;

	if (e->before.id != e->read->high_privilege_id)
		return IDM_OK;
	for (size_t i = 0; i < e->edge_count; i++)
		loses = loses ||
			(!e->edges[i].present && idm_uuid_is_builtin(&e->edges[i].member.uuid));
	if (loses)
		return idm_refuse(e->err, IDM_PROTECTED,
		    "system protected object: the built-in members of idm_high_privilege stay");
	return IDM_OK;
}

enum idm_result
idm_rules_members(struct idm_evaluation *e)
{
	const struct idm_attr *attr = idm_schema_attr_number(e->read->schema, IDM_ATTR_MEMBER);

	if (!idm_attrset_has(&e->change.present, attr) &&
	    !idm_attrset_has(&e->change.removed, attr))
		return IDM_OK;
	if (!idm_draft_has_class(e->draft, "group"))
		return idm_refuse(e->err, IDM_SCHEMA, "only a group has members");
	if (idm_draft_has_class(e->draft, "dyngroup"))
		return idm_refuse(e->err, IDM_PROTECTED,
		    "the members of a dynamic group follow from its filter and can't be written");
	return IDM_OK;
}

static enum idm_result
add_mods(struct idm_evaluation *e, struct idm_item *item)
{
	struct idm_mod *add, *remove;

	if (e->edges_cleared)
		item->mods[item->mod_count++] =
		    (struct idm_mod){ .kind = IDM_MOD_CLEAR, .attr_number = IDM_ATTR_MEMBER };
	remove = &item->mods[item->mod_count++];
	add = &item->mods[item->mod_count++];
	*remove = (struct idm_mod){ .kind = IDM_MOD_REMOVE, .attr_number = IDM_ATTR_MEMBER };
	*add = (struct idm_mod){ .kind = IDM_MOD_ADD, .attr_number = IDM_ATTR_MEMBER };
	remove->values = idm_arena_array(e->read->arena, e->edge_count, sizeof(*remove->values));
	add->values = idm_arena_array(e->read->arena, e->edge_count, sizeof(*add->values));
	if (remove->values == NULL || add->values == NULL)
		return IDM_LIMIT;
	for (size_t i = 0; i < e->edge_count; i++) {
		struct idm_mod *mod = e->edges[i].present ? add : remove;
		struct idm_span uuid =
		    idm_arena_copy(e->read->arena, idm_uuid_span(&e->edges[i].member.uuid));

		if (uuid.ptr == NULL)
			return IDM_LIMIT;
		mod->values[mod->count++] = (struct idm_value){ uuid, uuid };
	}
	return IDM_OK;
}

static uint32_t
edge_flags(const struct idm_evaluation *e)
{
	uint32_t flags = e->edges_cleared ? IDM_ITEM_FLAG_GROUPS : 0;

	for (size_t i = 0; i < e->edge_count; i++) {
		if (idm_entry_has_class(&e->edges[i].member, "group"))
			flags |= IDM_ITEM_FLAG_GROUPS;
	}
	return flags;
}

enum idm_result
idm_evaluate_edges(struct idm_evaluation *e, struct idm_item *item)
{
	bool hp = false;
	enum idm_result result;

	if (e->edge_count == 0 && !e->edges_cleared)
		return IDM_OK;
	result = add_mods(e, item);
	item->flags |= edge_flags(e);
	if (result == IDM_OK)
		result = keep_builtin(e);
	if (result == IDM_OK)
		result = idm_evaluation_is_hp(e, &e->before, &hp);
	if (hp)
		item->flags |= IDM_ITEM_FLAG_PRIVILEGE;
	for (size_t i = 0; hp && i < e->edge_count && result == IDM_OK; i++) {
		if (e->edges[i].present)
			result = idm_evaluation_raise(e, &e->edges[i].member);
	}
	return result;
}

enum idm_result
idm_evaluate_dynamic(struct idm_evaluation *e, struct idm_item *item)
{
	const struct idm_attr *attr =
	    idm_schema_attr_number(e->read->schema, IDM_ATTR_DYNGROUP_FILTER);
	struct idm_attrset deciding = { { 0 } };
	enum idm_result result = IDM_OK;

	idm_attrset_add(&deciding, attr);
	if (e->exists)
		result = idm_dyngroups_attributes(e->read, &deciding, e->err);
	for (size_t i = 0; e->exists && i < item->mod_count && result == IDM_OK; i++) {
		attr = idm_schema_attr_number(e->read->schema, item->mods[i].attr_number);
		if (attr != NULL && idm_attrset_has(&deciding, attr))
			item->flags |= IDM_ITEM_REVOKES;
	}
	return result;
}
