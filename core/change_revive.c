/*
 * What becomes of a deleted entry (SPEC 11.6): it comes back, with its direct groups and members;
 * or it becomes a tombstone, of which only the uuid is left, and is gone after that.
 */
#include "core/evaluation.h"

/* --- who may come back where */

/* Who revives puts nobody into a high privilege group that he could not put him into otherwise. */
static enum idm_result
may_join(struct idm_evaluation *e, const struct idm_entry *group, bool *out)
{
	const struct idm_attr *member = idm_schema_attr_number(e->read->schema, IDM_ATTR_MEMBER);
	struct idm_access_change change = { .class_count = 0 };
	enum idm_result result;

	idm_attrset_add(&change.present, member);
	result = idm_access_modify(e->read, e->access, group, &change, NULL);
	*out = result == IDM_OK;
	return result == IDM_DENIED || result == IDM_NOT_FOUND ? IDM_OK : result;
}

enum remembered {
	REMEMBERED_GONE,     /* or a tombstone */
	REMEMBERED_RECYCLED, /* it may come back too */
	REMEMBERED_LIVE,
};

static enum idm_result
find_remembered(struct idm_evaluation *e, const struct idm_value *value, struct idm_entry *out,
    enum remembered *state)
{
	struct idm_uuid uuid;
	enum idm_result result;

	*state = REMEMBERED_GONE;
	if (!idm_uuid_load(value->norm, &uuid))
		return idm_fail(e->err, IDM_CORRUPT, "a remembered reference is no uuid");
	result = idm_lookup_uuid(e->read, &uuid, out, e->err);
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	if (result == IDM_OK && idm_entry_is_live(out))
		*state = REMEMBERED_LIVE;
	else if (result == IDM_OK && idm_entry_has_class(out, "recycled"))
		*state = REMEMBERED_RECYCLED;
	return result;
}

/* --- direct groups */

struct revival {
	struct idm_evaluation *e;
	bool hp;           /* one of the groups is high privilege */
	unsigned left_out; /* groups that the caller may not put anybody into */
};

static enum idm_result
join_group(struct revival *r, const struct idm_entry *group)
{
	struct idm_evaluation *e = r->e;
	bool hp, may = true;
	enum idm_result result = idm_evaluation_is_hp(e, group, &hp);

	if (result == IDM_OK && hp)
		result = may_join(e, group, &may);
	if (result == IDM_OK && hp && idm_draft_has_class(e->draft, "dyngroup"))
		may = false; /* none may be in there (SPEC 3.2) */
	if (result != IDM_OK)
		return result;
	if (!may) {
		r->left_out++;
		return IDM_OK;
	}
	r->hp = r->hp || hp;
	return idm_evaluation_reference(e, group, IDM_ATTR_MEMBER, true);
}

static enum idm_result
join_groups(struct revival *r)
{
	struct idm_evaluation *e = r->e;
	struct idm_value_iter iter = idm_entry_values(&e->before, IDM_ATTR_RECYCLED_DIRECTMEMBEROF);
	struct idm_value value;
	enum idm_result result = IDM_OK;

	while (result == IDM_OK && idm_value_next(&iter, &value)) {
		struct idm_entry group;
		enum remembered state;

		result = find_remembered(e, &value, &group, &state);
		if (result != IDM_OK || state == REMEMBERED_GONE)
			continue;
		if (state == REMEMBERED_RECYCLED) /* when it comes back, so does this */
			result =
			    idm_evaluation_reference(e, &group, IDM_ATTR_RECYCLED_MEMBER, true);
		else if (idm_entry_has_class(&group, "group") &&
			 !idm_entry_has_class(&group, "dyngroup"))
			result = join_group(r, &group);
	}
	return result;
}

/* --- members of a group that comes back */

/* Members become high privilege with their group: what that ends, or, for some, that they don't. */
static enum idm_result
may_be_member(struct revival *r, const struct idm_entry *member, bool *out)
{
	enum idm_result result = r->hp ? idm_evaluation_raise(r->e, member) : IDM_OK;

	*out = result == IDM_OK;
	return result == IDM_PROTECTED ? IDM_OK : result;
}

static enum idm_result
collect_members(struct revival *r, struct idm_mod *mod)
{
	struct idm_evaluation *e = r->e;
	struct idm_value_iter iter = idm_entry_values(&e->before, IDM_ATTR_RECYCLED_MEMBER);
	struct idm_value value;
	enum idm_result result = IDM_OK;

	mod->values = idm_arena_array(e->read->arena, iter.left, sizeof(*mod->values));
	if (mod->values == NULL)
		return IDM_LIMIT;
	while (result == IDM_OK && idm_value_next(&iter, &value)) {
		struct idm_entry member;
		enum remembered state;
		bool may = false;

		result = find_remembered(e, &value, &member, &state);
		if (result == IDM_OK && state == REMEMBERED_RECYCLED)
			result = idm_evaluation_reference(
			    e, &member, IDM_ATTR_RECYCLED_DIRECTMEMBEROF, true);
		if (result == IDM_OK && state == REMEMBERED_LIVE)
			result = may_be_member(r, &member, &may);
		if (result == IDM_OK && may)
			mod->values[mod->count++] = value;
	}
	return result;
}

/* --- the whole */

static enum idm_result
check_revival(struct idm_evaluation *e)
{
	static const struct idm_span recycled = IDM_SPAN_LIT("recycled");
	const struct idm_access_change change = { .classes = &recycled, .class_count = 1 };
	enum idm_result result = idm_access_modify(e->read, e->access, &e->before, &change, e->err);

	if (result == IDM_OK)
		result = idm_evaluation_check_base(e);
	idm_draft_remove(e->draft, IDM_ATTR_CLASS, recycled);
	idm_draft_clear(e->draft, IDM_ATTR_RECYCLED_DIRECTMEMBEROF);
	idm_draft_clear(e->draft, IDM_ATTR_RECYCLED_MEMBER);
	if (result == IDM_OK)
		result = idm_rules_check_revived(e);
	return result == IDM_OK ? idm_evaluation_check_schema(e) : result;
}

static enum idm_result
make_item(struct idm_evaluation *e)
{
	struct idm_item *item;
	enum idm_result result = idm_evaluation_draft_item(e, IDM_ITEM_REVIVE, &item);

	if (result == IDM_OK)
		result = idm_rules_take(e, item);
	if (result != IDM_OK)
		return result;
	item->flags = idm_rules_flags(e);
	return IDM_OK;
}

static enum idm_result
tell_left_out(struct idm_evaluation *e, unsigned left_out)
{
	if (left_out == 0)
		return IDM_OK;
	e->set->note = idm_arena_printf(e->read->arena,
	    "not put back into %u high privilege group%s: that takes who may write %s", left_out,
	    left_out == 1 ? "" : "s", left_out == 1 ? "it" : "them");
	return e->set->note == NULL ? IDM_LIMIT : IDM_OK;
}

enum idm_result
idm_evaluate_revive(struct idm_evaluation *e)
{
	struct revival r = { .e = e };
	struct idm_mod members = { .kind = IDM_MOD_ADD, .attr_number = IDM_ATTR_MEMBER };
	enum idm_result result = check_revival(e);

	if (result == IDM_OK)
		result = make_item(e);
	if (result == IDM_OK)
		result = join_groups(&r);
	if (result == IDM_OK)
		result = collect_members(&r, &members);
	if (result == IDM_OK && members.count != 0)
		e->set->items[0].mods[e->set->items[0].mod_count++] = members;
	if (result == IDM_OK && r.hp)
		e->set->items[0].flags |= IDM_ITEM_FLAG_PRIVILEGE;
	return result == IDM_OK ? tell_left_out(e, r.left_out) : result;
}

/* --- what time alone does */

/* The core asks this of itself, and only once a clock that is trusted says that it is time. */
static enum idm_result
check_due(struct idm_evaluation *e, int64_t rest_s)
{
	int64_t since_s =
	    idm_entry_datetime(&e->before, IDM_ATTR_LAST_MODIFIED, INT64_MAX - rest_s);

	if (e->identity->kind != IDM_IDENTITY_INTERNAL)
		return idm_refuse(e->err, IDM_DENIED, "that comes by itself, in time");
	if (!e->read->now.trusted || since_s + rest_s > e->read->now.at_s)
		return idm_refuse(e->err, IDM_CONSTRAINT, "it is not time for that yet");
	return idm_evaluation_check_base(e);
}

enum idm_result
idm_evaluate_tombstone(struct idm_evaluation *e)
{
	static const struct idm_value classes[] = {
		{ IDM_SPAN_LIT("object"), IDM_SPAN_LIT("object") },
		{ IDM_SPAN_LIT("tombstone"), IDM_SPAN_LIT("tombstone") },
	};
	struct idm_item *item;
	enum idm_result result = check_due(e, IDM_RECYCLED_S);

	if (result != IDM_OK)
		return result;
	e->draft = idm_draft_new(e->read->arena);
	if (e->draft == NULL)
		return IDM_LIMIT;
	result = idm_draft_set(e->draft, IDM_ATTR_CLASS, classes, 2);
	return result == IDM_OK ? idm_evaluation_draft_item(e, IDM_ITEM_TOMBSTONE, &item) : result;
}

enum idm_result
idm_evaluate_purge(struct idm_evaluation *e)
{
	enum idm_result result = check_due(e, IDM_TOMBSTONE_S);

	if (result == IDM_OK && idm_evaluation_item(e, &e->before, IDM_ITEM_PURGE) == NULL)
		result = IDM_LIMIT;
	return result;
}
