/* Candidates in one window of ids, as a bitmap. */
#include "core/closure.h"
#include "core/index.h"
#include "core/plan_node.h"

enum {
	GROUPS_MAX = 4096,   /* of more groups, members are found faster by testing all entries */
	RANGE_LOOK_UPS = 16, /* what walking over the values of a range is taken to cost */
};

/* The candidates of a node in one window, while they are looked for. */
struct found {
	struct idm_plan *plan;
	uint64_t window_no;
	struct idm_window *window; /* cleared at first */
	bool all;                  /* the node can't be narrowed; `window` means nothing then */
	struct idm_error *err;
};

/* Who is memberof a group is a direct member of it, or of one below it. */
static enum idm_result
find_members(struct found *found, const struct idm_filter *term)
{
	const struct idm_filter_cache *cache = term->cache;
	const struct idm_read *read = found->plan->read;
	enum idm_result result = IDM_OK;

	found->all = cache == NULL || !cache->ready || cache->groups.count > GROUPS_MAX;
	if (found->all || cache->id == 0)
		return IDM_OK;
	if (term->attr->number == IDM_ATTR_DIRECTMEMBEROF)
		return idm_closure_all_members(
		    read, cache->id, found->window_no, found->window, found->err);
	for (size_t i = 0; i < cache->groups.count && result == IDM_OK; i++)
		result = idm_closure_all_members(
		    read, cache->groups.ids[i], found->window_no, found->window, found->err);
	return result;
}

static void
find_listed(struct found *found, const struct idm_filter *term)
{
	const struct idm_filter_cache *cache = term->cache;

	found->all = cache == NULL || !cache->ready;
	for (size_t i = 0; !found->all && i < cache->groups.count; i++) {
		uint64_t id = cache->groups.ids[i];

		if (idm_window_of(id) == found->window_no)
			idm_window_add(found->window, id);
	}
}

static enum idm_result
find_equal(struct found *found, const struct idm_filter *term)
{
	const struct idm_attr *attr = idm_plan_indexed_attr(found->plan, term);
	struct idm_span value;

	switch (term->attr->number) {
	case IDM_ATTR_MEMBEROF:
	case IDM_ATTR_DIRECTMEMBEROF: return find_members(found, term);
	case IDM_ATTR_MEMBER:
	case IDM_ATTR_DYNMEMBER: find_listed(found, term); return IDM_OK;
	default: break;
	}
	found->all = (attr->flags & IDM_ATTR_EQ) == 0;
	if (found->all || !idm_plan_indexed_value(found->plan, term, &value))
		return IDM_OK;
	return idm_index_equal(
	    found->plan->read, attr, value, found->window_no, found->window, found->err);
}

/*
 * The part of a piece of an spn that must stand in the name: what comes before its `@`, or all of
 * it, unless the domain holds it too, in which case it tells nothing.
 */
static struct idm_span
piece_in_name(const struct idm_plan *plan, struct idm_span piece)
{
	const uint8_t *at = memchr(piece.ptr, '@', piece.len);
	const char *domain = plan->read->domain;

	if (at != NULL)
		return idm_span_of(piece.ptr, (size_t)(at - piece.ptr));
	if (memmem(domain, strlen(domain), piece.ptr, piece.len) != NULL)
		return IDM_SPAN_EMPTY;
	return piece;
}

/* Every piece that is long enough narrows; without one, nothing does. */
static enum idm_result
find_substring(struct found *found, const struct idm_filter *term)
{
	const struct idm_attr *attr = idm_plan_indexed_attr(found->plan, term);
	struct idm_window one;

	found->all = true;
	for (size_t i = 0; (attr->flags & IDM_ATTR_SUB) != 0 && i < term->piece_count; i++) {
		struct idm_span piece = term->pieces[i];
		enum idm_result result;

		if (term->attr->number == IDM_ATTR_SPN)
			piece = piece_in_name(found->plan, piece);
		if (piece.len < IDM_INDEX_PIECE_MIN)
			continue;
		idm_window_clear(&one);
		result = idm_index_substring(found->plan->read, attr, piece, &found->plan->orders,
		    found->window_no, &one, found->err);
		if (result != IDM_OK)
			return result;
		if (found->all)
			*found->window = one;
		else
			idm_window_and(found->window, &one);
		found->all = false;
	}
	return IDM_OK;
}

static enum idm_result
find_ordered(struct found *found, const struct idm_filter *term)
{
	bool above = term->kind == IDM_FILTER_GREATER_EQUAL;

	found->all = (term->attr->flags & IDM_ATTR_ORD) == 0;
	if (found->all)
		return IDM_OK;
	found->plan->look_ups += RANGE_LOOK_UPS;
	return idm_index_range(found->plan->read, term->attr, above ? term->norm : IDM_SPAN_EMPTY,
	    above ? IDM_SPAN_EMPTY : term->norm, found->window_no, found->window, found->err);
}

static enum idm_result
find_present(struct found *found, const struct idm_filter *term)
{
	found->all = (term->attr->flags & IDM_ATTR_PRES) == 0;
	if (found->all)
		return IDM_OK;
	return idm_index_present(
	    found->plan->read, term->attr, found->window_no, found->window, found->err);
}

static enum idm_result
find_term(struct found *found, struct idm_plan_node node)
{
	const struct idm_filter *term = node.filter;

	found->all = node.negated; /* indexes tell who has a value, and nothing of the others */
	if (found->all)
		return IDM_OK;
	found->plan->look_ups += idm_plan_price_of(node);
	switch (term->kind) {
	case IDM_FILTER_EQUAL: return find_equal(found, term);
	case IDM_FILTER_SUBSTRING: return find_substring(found, term);
	case IDM_FILTER_GREATER_EQUAL:
	case IDM_FILTER_LESS_EQUAL: return find_ordered(found, term);
	case IDM_FILTER_PRESENT: return find_present(found, term);
	case IDM_FILTER_AND:
	case IDM_FILTER_OR:
	case IDM_FILTER_NOT:
	case IDM_FILTER_UNDEFINED: break;
	}
	found->all = true;
	return IDM_OK;
}

static enum idm_result find(struct found *found, struct idm_plan_node node);

/* AND one child into what is left. */
static enum idm_result
narrow(struct found *found, struct idm_plan_node child)
{
	struct idm_window window;
	struct found one = *found;
	enum idm_result result;

	one.window = &window;
	result = find(&one, child);
	if (result != IDM_OK || one.all)
		return result;
	if (found->all)
		*found->window = window;
	else
		idm_window_and(found->window, &window);
	found->all = false;
	return IDM_OK;
}

/* Are the candidates so few that testing them costs less than this child? */
static bool
is_enough(const struct found *found, struct idm_plan_node child)
{
	uint32_t price = idm_plan_price_of(child);

	return !found->all && !idm_window_has_more(
				  found->window, price > IDM_PLAN_ENOUGH ? price : IDM_PLAN_ENOUGH);
}

static enum idm_result
find_all(struct found *found, struct idm_plan_node node)
{
	found->all = true;
	for (int rank = IDM_PLAN_ONE; rank < IDM_PLAN_RANKS; rank++) {
		for (size_t i = 0; i < node.filter->child_count; i++) {
			struct idm_plan_node child = idm_plan_child(node, i);
			enum idm_result result;

			if ((int)idm_plan_rank_of(found->plan, child) != rank ||
			    is_enough(found, child))
				continue;
			result = narrow(found, child);
			if (result != IDM_OK)
				return result;
		}
	}
	return IDM_OK;
}

static enum idm_result
find_any(struct found *found, struct idm_plan_node node)
{
	struct idm_window window;
	struct found one = *found;

	one.window = &window;
	for (size_t i = 0; i < node.filter->child_count; i++) {
		enum idm_result result = find(&one, idm_plan_child(node, i));

		if (result != IDM_OK)
			return result;
		if (one.all) {
			found->all = true;
			return IDM_OK;
		}
		idm_window_or(found->window, &window);
	}
	return IDM_OK;
}

static enum idm_result
find(struct found *found, struct idm_plan_node node)
{
	idm_window_clear(found->window);
	found->all = false;
	if (idm_plan_is_never(found->plan, node))
		return IDM_OK;
	if (idm_plan_is_own(found->plan, node)) {
		if (idm_window_of(found->plan->own_id) == found->window_no)
			idm_window_add(found->window, found->plan->own_id);
		return IDM_OK;
	}
	if (idm_plan_is_all(node))
		return find_all(found, node);
	if (idm_plan_is_any(node))
		return find_any(found, node);
	return find_term(found, node);
}

enum idm_result
idm_plan_window(
    struct idm_plan *plan, uint64_t window_no, struct idm_window *out, struct idm_error *err)
{
	const struct idm_attr *uuid = idm_schema_attr_number(plan->read->schema, IDM_ATTR_UUID);
	struct found found = { .plan = plan, .window_no = window_no, .window = out, .err = err };
	enum idm_result result = find(&found, idm_plan_node_of(plan->filter, false));

	if (result != IDM_OK || !found.all)
		return result;
	idm_window_clear(out);
	return idm_index_present(plan->read, uuid, window_no, out, err);
}
