/* Candidates that are named one by one, where they are few. */
#include "core/plan.h"

#include "core/closure.h"
#include "core/index.h"
#include "core/plan_node.h"

enum { LOOK_UPS_MAX = 4096 }; /* after so many, windows are the better way */

static enum idm_result
add_id(const struct idm_plan *plan, struct idm_ids *out, uint64_t id, struct idm_error *err)
{
	enum idm_result result = idm_ids_add(out, plan->read->arena, id, NULL);

	return result == IDM_OK ? IDM_OK : idm_fail(err, result, "no memory for a search");
}

static enum idm_result
add_all(const struct idm_plan *plan, struct idm_ids *out, const struct idm_ids *from, bool *few,
    struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < from->count && *few && result == IDM_OK; i++) {
		result = add_id(plan, out, from->ids[i], err);
		*few = out->count <= IDM_PLAN_FEW;
	}
	return result;
}

static enum idm_result
ids_of_uuid(
    const struct idm_plan *plan, struct idm_span norm, struct idm_ids *out, struct idm_error *err)
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
ids_of_members(struct idm_plan *plan, const struct idm_filter *term, struct idm_ids *out, bool *few,
    struct idm_error *err)
{
	const struct idm_filter_cache *cache = term->cache;
	struct idm_ids groups;

	*few = cache != NULL && cache->ready;
	if (!*few || cache->id == 0)
		return IDM_OK;
	groups = cache->groups;
	if (term->attr->number == IDM_ATTR_DIRECTMEMBEROF)
		groups = (struct idm_ids){ &term->cache->id, 1, 1 };
	plan->look_ups += 2 * (uint32_t)(groups.count < LOOK_UPS_MAX ? groups.count : 0);
	return idm_closure_few_members(plan->read, &groups, IDM_PLAN_FEW, out, few, err);
}

/* What is unique without being indexed is claimed; a dead entry has given up its claims. */
static enum idm_result
ids_of_claim(const struct idm_plan *plan, const struct idm_filter *term, struct idm_ids *out,
    bool *few, struct idm_error *err)
{
	struct idm_entry entry;
	enum idm_result result;

	*few = (term->attr->flags & IDM_ATTR_UNIQUE) != 0 &&
	       !idm_filter_asks_class(plan->filter, "recycled") &&
	       !idm_filter_asks_class(plan->filter, "tombstone");
	if (!*few)
		return IDM_OK;
	result = idm_lookup_unique(plan->read, term->attr->number, term->norm, &entry, err);
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	return result == IDM_OK ? add_id(plan, out, entry.id, err) : result;
}

static enum idm_result
ids_of_value(struct idm_plan *plan, const struct idm_filter *term, struct idm_ids *out, bool *few,
    struct idm_error *err)
{
	const struct idm_attr *attr = idm_plan_indexed_attr(plan, term);
	struct idm_span value;

	*few = attr->number != IDM_ATTR_CLASS;
	if (!*few || !idm_plan_indexed_value(plan, term, &value))
		return IDM_OK;
	if ((attr->flags & IDM_ATTR_EQ) == 0)
		return ids_of_claim(plan, term, out, few, err);
	return idm_index_equal_ids(plan->read, attr, value, IDM_PLAN_FEW, out, few, err);
}

static enum idm_result
ids_of_equal(struct idm_plan *plan, const struct idm_filter *term, struct idm_ids *out, bool *few,
    struct idm_error *err)
{
	plan->look_ups++;
	switch (term->attr->number) {
	case IDM_ATTR_UUID: *few = true; return ids_of_uuid(plan, term->norm, out, err);
	case IDM_ATTR_MEMBER:
	case IDM_ATTR_DYNMEMBER:
		*few = term->cache != NULL && term->cache->ready;
		return *few ? add_all(plan, out, &term->cache->groups, few, err) : IDM_OK;
	case IDM_ATTR_MEMBEROF:
	case IDM_ATTR_DIRECTMEMBEROF: return ids_of_members(plan, term, out, few, err);
	default: return ids_of_value(plan, term, out, few, err);
	}
}

static enum idm_result ids_of(struct idm_plan *plan, struct idm_plan_node node, struct idm_ids *out,
    bool *few, struct idm_error *err);

/* One child with few candidates will do; of several the one with the fewest. */
static enum idm_result
ids_of_all(struct idm_plan *plan, struct idm_plan_node node, enum idm_plan_rank rank,
    struct idm_ids *out, bool *few, struct idm_error *err)
{
	for (size_t i = 0; i < node.filter->child_count; i++) {
		struct idm_plan_node child = idm_plan_child(node, i);
		struct idm_ids ids = { 0 };
		bool child_few;
		enum idm_result result;

		if (*few && out->count <= IDM_PLAN_ENOUGH)
			break;
		if (idm_plan_rank_of(plan, child) != rank)
			continue;
		result = ids_of(plan, child, &ids, &child_few, err);
		if (result != IDM_OK)
			return result;
		if (child_few && (!*few || ids.count < out->count)) {
			*out = ids;
			*few = true;
		}
	}
	return IDM_OK;
}

static enum idm_result
ids_of_any(struct idm_plan *plan, struct idm_plan_node node, struct idm_ids *out, bool *few,
    struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	*few = true;
	for (size_t i = 0; i < node.filter->child_count && *few && result == IDM_OK; i++) {
		struct idm_ids ids = { 0 };

		result = ids_of(plan, idm_plan_child(node, i), &ids, few, err);
		if (result == IDM_OK && *few)
			result = add_all(plan, out, &ids, few, err);
	}
	return result;
}

static enum idm_result
ids_of(struct idm_plan *plan, struct idm_plan_node node, struct idm_ids *out, bool *few,
    struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	*few = idm_plan_is_never(plan, node);
	if (*few || plan->look_ups > LOOK_UPS_MAX)
		return IDM_OK;
	*few = idm_plan_is_own(plan, node);
	if (*few)
		return add_id(plan, out, plan->own_id, err);
	if (idm_plan_is_any(node))
		return ids_of_any(plan, node, out, few, err);
	if (!idm_plan_is_all(node))
		return node.filter->kind == IDM_FILTER_EQUAL && !node.negated
			   ? ids_of_equal(plan, node.filter, out, few, err)
			   : IDM_OK;
	for (int rank = IDM_PLAN_ONE; rank < IDM_PLAN_RANKS && result == IDM_OK; rank++)
		result = ids_of_all(plan, node, (enum idm_plan_rank)rank, out, few, err);
	return result;
}

enum idm_result
idm_plan_ids(struct idm_plan *plan, struct idm_ids *out, bool *few, struct idm_error *err)
{
	memset(out, 0, sizeof(*out));
	return ids_of(plan, idm_plan_node_of(plan->filter, false), out, few, err);
}
