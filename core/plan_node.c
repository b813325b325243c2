#include "core/plan_node.h"

#include "core/index.h"

enum { MANY_LOOK_UPS = 128 };

struct idm_plan_node
idm_plan_node_of(const struct idm_filter *filter, bool negated)
{
	for (; filter->kind == IDM_FILTER_NOT; filter = &filter->children[0])
		negated = !negated;
	return (struct idm_plan_node){ filter, negated };
}

bool
idm_plan_is_never(const struct idm_plan *plan, struct idm_plan_node node)
{
	const struct idm_filter *term = node.filter;
	const struct idm_attr *attr = term->attr;

	if (idm_plan_is_all(node) || idm_plan_is_any(node))
		return false;
	if (term->kind == IDM_FILTER_UNDEFINED || attr == NULL ||
	    (attr->flags & (IDM_ATTR_LOCAL | IDM_ATTR_ROWS | IDM_ATTR_WRITE_ONLY)) != 0 ||
	    (!term->own && !idm_attrset_has(plan->anywhere, attr)))
		return true;
	return !node.negated && term->kind == IDM_FILTER_EQUAL &&
	       attr->syntax == IDM_SYNTAX_REFERENCE && term->norm.len == 0;
}

bool
idm_plan_is_own(const struct idm_plan *plan, struct idm_plan_node node)
{
	return !idm_plan_is_all(node) && !idm_plan_is_any(node) && !node.filter->own &&
	       plan->own_id != 0 && !idm_attrset_has(plan->elsewhere, node.filter->attr);
}

static bool
is_memberof(const struct idm_filter *term)
{
	return term->attr->number == IDM_ATTR_MEMBEROF ||
	       term->attr->number == IDM_ATTR_DIRECTMEMBEROF;
}

/* Of many groups, members are looked for last, when few candidates may be left. */
static enum idm_plan_rank
rank_of_memberof(struct idm_plan_node node)
{
	return idm_plan_price_of(node) > MANY_LOOK_UPS ? IDM_PLAN_MANY : IDM_PLAN_MEMBERS;
}

enum idm_plan_rank
idm_plan_rank_of(const struct idm_plan *plan, struct idm_plan_node node)
{
	if (idm_plan_is_never(plan, node) || idm_plan_is_own(plan, node))
		return IDM_PLAN_ONE;
	if (idm_plan_is_all(node))
		return IDM_PLAN_NESTED;
	if (idm_plan_is_any(node))
		return IDM_PLAN_MEMBERS;
	if (node.negated)
		return IDM_PLAN_MANY;
	switch (node.filter->kind) {
	case IDM_FILTER_EQUAL:
		if (is_memberof(node.filter))
			return rank_of_memberof(node);
		return node.filter->attr->number == IDM_ATTR_CLASS ? IDM_PLAN_SOME : IDM_PLAN_ONE;
	case IDM_FILTER_SUBSTRING: return IDM_PLAN_SOME;
	case IDM_FILTER_AND:
	case IDM_FILTER_OR:
	case IDM_FILTER_NOT:
	case IDM_FILTER_PRESENT:
	case IDM_FILTER_GREATER_EQUAL:
	case IDM_FILTER_LESS_EQUAL:
	case IDM_FILTER_UNDEFINED: break;
	}
	return IDM_PLAN_MANY;
}

uint32_t
idm_plan_price_of(struct idm_plan_node node)
{
	const struct idm_filter *filter = node.filter;
	size_t price = 1;

	if (filter->child_count != 0)
		return IDM_PLAN_ENOUGH;
	if (filter->kind == IDM_FILTER_EQUAL && is_memberof(filter) && filter->cache != NULL)
		price = 2 * filter->cache->groups.count + 2;
	for (size_t i = 0; i < filter->piece_count; i++)
		price += filter->pieces[i].len;
	return price < UINT32_MAX ? (uint32_t)price : UINT32_MAX;
}

const struct idm_attr *
idm_plan_indexed_attr(const struct idm_plan *plan, const struct idm_filter *term)
{
	if (term->attr->number != IDM_ATTR_SPN)
		return term->attr;
	return idm_schema_attr_number(plan->read->schema, IDM_ATTR_NAME);
}

bool
idm_plan_indexed_value(
    const struct idm_plan *plan, const struct idm_filter *term, struct idm_span *value)
{
	const uint8_t *at;
	size_t len;

	*value = term->norm;
	if (term->attr->number != IDM_ATTR_SPN)
		return true;
	at = value->len != 0 ? memchr(value->ptr, '@', value->len) : NULL;
	if (at == NULL)
		return false;
	len = (size_t)(at - value->ptr);
	*value = idm_span_of(value->ptr, len);
	return idm_span_is(idm_span_of(at + 1, term->norm.len - len - 1), plan->read->domain);
}
