/* Candidates that are named one by one, where they are few. */
#include "core/plan.h"

#include "core/closure.h"
#include "core/index.h"
#include "core/plan_node.h"

enum { LOOK_UPS_MAX = 4096 }; /* after so many, windows are the better way */

/* What a node comes to, as long as it is few. */
struct few {
	struct idm_ids ids;
	bool few; /* else `ids` means nothing */
	/* The term on membership whose members the ids are, no more and no less; NULL: none. */
	const struct idm_filter *members_of;
};

static enum idm_result
add_id(const struct idm_plan *plan, struct few *out, uint64_t id, struct idm_error *err)
{
	enum idm_result result = idm_ids_add(&out->ids, plan->read->arena, id, NULL);

	return result == IDM_OK ? IDM_OK : idm_fail(err, result, "no memory for a search");
}

static enum idm_result
add_all(
    const struct idm_plan *plan, struct few *out, const struct idm_ids *from, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < from->count && out->few && result == IDM_OK; i++) {
		result = add_id(plan, out, from->ids[i], err);
		out->few = out->ids.count <= IDM_PLAN_FEW;
	}
	return result;
}

static enum idm_result
ids_of_uuid(
    const struct idm_plan *plan, struct idm_span norm, struct few *out, struct idm_error *err)
{
	struct idm_uuid uuid;
	struct idm_entry entry;
	enum idm_result result;

	if (!idm_uuid_load(norm, &uuid))
		return IDM_OK;
	result = idm_lookup_uuid(plan->read, &uuid, &entry, err);
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	return result == IDM_OK ? add_id(plan, out, entry.id, err) : result;
}

/* Who is memberof a group is a direct member of it, or of one below it. */
static enum idm_result
ids_of_members(
    struct idm_plan *plan, const struct idm_filter *term, struct few *out, struct idm_error *err)
{
	const struct idm_filter_cache *cache = term->cache;
	struct idm_ids groups;

	out->few = cache != NULL && cache->ready;
	if (!out->few || cache->id == 0)
		return IDM_OK;
	groups = cache->groups;
	if (term->attr->number == IDM_ATTR_DIRECTMEMBEROF)
		groups = (struct idm_ids){ &term->cache->id, 1, 1 };
	plan->look_ups += 2 * (uint32_t)(groups.count < LOOK_UPS_MAX ? groups.count : 0);
	out->members_of = term;
	return idm_closure_few_members(
	    plan->read, &groups, IDM_PLAN_FEW, &out->ids, &out->few, err);
}

/* What is unique without being indexed is claimed; a dead entry has given up its claims. */
static enum idm_result
ids_of_claim(const struct idm_plan *plan, const struct idm_filter *term, struct few *out,
    struct idm_error *err)
{
	struct idm_entry entry;
	enum idm_result result;

	out->few = (term->attr->flags & IDM_ATTR_UNIQUE) != 0 &&
		   !idm_filter_asks_class(plan->filter, "recycled") &&
		   !idm_filter_asks_class(plan->filter, "tombstone");
	if (!out->few)
		return IDM_OK;
	result = idm_lookup_unique(plan->read, term->attr->number, term->norm, &entry, err);
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	return result == IDM_OK ? add_id(plan, out, entry.id, err) : result;
}

static enum idm_result
ids_of_value(
    struct idm_plan *plan, const struct idm_filter *term, struct few *out, struct idm_error *err)
{
	const struct idm_attr *attr = idm_plan_indexed_attr(plan, term);
	struct idm_span value;

	out->few = attr->number != IDM_ATTR_CLASS;
	if (!out->few || !idm_plan_indexed_value(plan, term, &value))
		return IDM_OK;
	if ((attr->flags & IDM_ATTR_EQ) == 0)
		return ids_of_claim(plan, term, out, err);
	return idm_index_equal_ids(
	    plan->read, attr, value, IDM_PLAN_FEW, &out->ids, &out->few, err);
}

static enum idm_result
ids_of_equal(
    struct idm_plan *plan, const struct idm_filter *term, struct few *out, struct idm_error *err)
{
	plan->look_ups++;
	switch (term->attr->number) {
	case IDM_ATTR_UUID: out->few = true; return ids_of_uuid(plan, term->norm, out, err);
	case IDM_ATTR_MEMBER:
	case IDM_ATTR_DYNMEMBER:
		out->few = term->cache != NULL && term->cache->ready;
		return out->few ? add_all(plan, out, &term->cache->groups, err) : IDM_OK;
	case IDM_ATTR_MEMBEROF:
	case IDM_ATTR_DIRECTMEMBEROF: return ids_of_members(plan, term, out, err);
	default: return ids_of_value(plan, term, out, err);
	}
}

static enum idm_result ids_of(
    struct idm_plan *plan, struct idm_plan_node node, struct few *out, struct idm_error *err);

/* One child with few candidates will do; of several the one with the fewest. */
static enum idm_result
ids_of_all(struct idm_plan *plan, struct idm_plan_node node, enum idm_plan_rank rank,
    struct few *out, struct idm_error *err)
{
	for (size_t i = 0; i < node.filter->child_count; i++) {
		struct idm_plan_node child = idm_plan_child(node, i);
		struct few one;
		enum idm_result result;

		if (out->few && out->ids.count <= IDM_PLAN_ENOUGH)
			break;
		if (idm_plan_rank_of(plan, child) != rank)
			continue;
		result = ids_of(plan, child, &one, err);
		if (result != IDM_OK)
			return result;
		if (one.few && (!out->few || one.ids.count < out->ids.count))
			*out = one;
	}
	return IDM_OK;
}

static enum idm_result
ids_of_any(struct idm_plan *plan, struct idm_plan_node node, struct few *out, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	out->few = true;
	for (size_t i = 0; i < node.filter->child_count && out->few && result == IDM_OK; i++) {
		struct few one;

		result = ids_of(plan, idm_plan_child(node, i), &one, err);
		out->few = one.few;
		if (result == IDM_OK && one.few)
			result = add_all(plan, out, &one.ids, err);
	}
	return result;
}

static enum idm_result
ids_of(struct idm_plan *plan, struct idm_plan_node node, struct few *out, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	*out = (struct few){ .few = idm_plan_is_never(plan, node) };
	if (out->few || plan->look_ups > LOOK_UPS_MAX)
		return IDM_OK;
	if (idm_plan_is_any(node))
		return ids_of_any(plan, node, out, err);
	if (!idm_plan_is_all(node))
		return node.filter->kind == IDM_FILTER_EQUAL && !node.negated
			   ? ids_of_equal(plan, node.filter, out, err)
			   : IDM_OK;
	for (int rank = IDM_PLAN_ONE; rank < IDM_PLAN_RANKS && result == IDM_OK; rank++)
		result = ids_of_all(plan, node, (enum idm_plan_rank)rank, out, err);
	return result;
}

enum idm_result
idm_plan_ids(struct idm_plan *plan, struct idm_ids *out, bool *few, struct idm_error *err)
{
	struct few found;
	enum idm_result result = ids_of(plan, idm_plan_node_of(plan->filter, false), &found, err);

	*out = found.ids;
	*few = found.few;
	if (result == IDM_OK && found.few && found.members_of != NULL)
		found.members_of->cache->holds = true;
	return result;
}
