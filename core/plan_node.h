/*
 * A node of a filter as a plan asks it: for which entries is it TRUE, or, below an odd number of
 * NOTs, FALSE?  So NOT itself never is a node, and De Morgan's laws turn AND and OR into each
 * other.  For core/plan and core/plan_window alone.
 */
#ifndef CORE_PLAN_NODE_H
#define CORE_PLAN_NODE_H

#include "core/plan.h"

enum { IDM_PLAN_ENOUGH = 16 }; /* so few candidates are tested faster than they are narrowed */

struct idm_plan_node {
	const struct idm_filter *filter;
	bool negated;
};

/* The order in which the children of an AND are asked: the cheapest and narrowest first. */
enum idm_plan_rank {
	IDM_PLAN_ONE, /* a value that few entries have */
	IDM_PLAN_NESTED,
	IDM_PLAN_MEMBERS,
	IDM_PLAN_SOME,
	IDM_PLAN_MANY,
	IDM_PLAN_RANKS,
};

struct idm_plan_node idm_plan_node_of(const struct idm_filter *filter, bool negated);

static inline struct idm_plan_node
idm_plan_child(struct idm_plan_node node, size_t i)
{
	return idm_plan_node_of(&node.filter->children[i], node.negated);
}

/* Must all of its children be so, or is one enough?  Neither: it is a term. */
static inline bool
idm_plan_is_all(struct idm_plan_node node)
{
	return node.filter->kind == (node.negated ? IDM_FILTER_OR : IDM_FILTER_AND);
}

static inline bool
idm_plan_is_any(struct idm_plan_node node)
{
	return node.filter->kind == (node.negated ? IDM_FILTER_AND : IDM_FILTER_OR);
}

/* A term that is so for no entry: it is Undefined everywhere, or about nobody. */
bool idm_plan_is_never(const struct idm_plan *plan, struct idm_plan_node node);

/* A term that is so for the caller's own entry at most. */
bool idm_plan_is_own(const struct idm_plan *plan, struct idm_plan_node node);

enum idm_plan_rank idm_plan_rank_of(const struct idm_plan *plan, struct idm_plan_node node);

/* How many look-ups narrowing a window by the node takes, roughly. */
uint32_t idm_plan_price_of(struct idm_plan_node node);

/* The attribute by whose index an equality or a substring is answered: spn by name. */
const struct idm_attr *idm_plan_indexed_attr(
    const struct idm_plan *plan, const struct idm_filter *term);

/* The value to look up in that index; false: nobody has it. */
bool idm_plan_indexed_value(
    const struct idm_plan *plan, const struct idm_filter *term, struct idm_span *value);

#endif
