#include "core/plan.h"

#include "core/closure.h"
#include "core/index.h"

enum { ENOUGH = 16 }; /* so few candidates are tested faster than they are narrowed further */

static const struct idm_attr *
attr_of(const struct idm_plan *plan, uint32_t number)
{
	return idm_schema_attr_number(plan->read->schema, number);
}

static bool
is_composite(const struct idm_filter *filter)
{
	return filter->kind == IDM_FILTER_AND || filter->kind == IDM_FILTER_OR ||
	       filter->kind == IDM_FILTER_NOT;
}

/* A term that is TRUE for no entry: Undefined everywhere, or about nobody. */
static bool
is_never(const struct idm_plan *plan, const struct idm_filter *filter)
{
	if (is_composite(filter))
		return false;
	if (filter->kind == IDM_FILTER_UNDEFINED || filter->attr == NULL ||
	    (!filter->own && !idm_attrset_has(plan->anywhere, filter->attr)))
		return true;
	return filter->kind == IDM_FILTER_EQUAL && filter->norm.len == 0;
}

/* The name in an spn of our domain; false: an spn of nobody. */
static bool
name_of_spn(const struct idm_plan *plan, struct idm_span spn, struct idm_span *name)
{
	const uint8_t *at = spn.len != 0 ? memchr(spn.ptr, '@', spn.len) : NULL;
	size_t len;

	if (at == NULL)
		return false;
	len = (size_t)(at - spn.ptr);
	*name = idm_span_of(spn.ptr, len);
	return idm_span_is(idm_span_of(at + 1, spn.len - len - 1), plan->read->domain);
}

/* --- few: ids by name */

static enum idm_result
add_id(const struct idm_plan *plan, struct idm_ids *out, uint64_t id, struct idm_error *err)
{
	enum idm_result result = idm_ids_add(out, plan->read->arena, id, NULL);

	return result == IDM_OK ? IDM_OK : idm_fail(err, result, "no memory for a search");
}

static enum idm_result
add_all(const struct idm_plan *plan, struct idm_ids *out, const struct idm_ids *from,
    struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < from->count && result == IDM_OK; i++)
		result = add_id(plan, out, from->ids[i], err);
	return result;
}

/* What a look-up of one entry gave. */
static enum idm_result
add_found(const struct idm_plan *plan, enum idm_result result, const struct idm_entry *entry,
    struct idm_ids *out, struct idm_error *err)
{
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	return result == IDM_OK ? add_id(plan, out, entry->id, err) : result;
}

static enum idm_result
ids_of_claim(const struct idm_plan *plan, enum idm_claim kind, struct idm_span norm,
    struct idm_ids *out, struct idm_error *err)
{
	struct idm_entry entry;
	enum idm_result result = idm_lookup_claim(plan->read, kind, norm, &entry, err);

	return add_found(plan, result, &entry, out, err);
}

static enum idm_result
ids_of_unique(const struct idm_plan *plan, const struct idm_filter *filter, struct idm_ids *out,
    bool *few, struct idm_error *err)
{
	struct idm_entry entry;
	enum idm_result result;

	*few = (filter->attr->flags & IDM_ATTR_UNIQUE) != 0;
	if (!*few)
		return IDM_OK;
	result = idm_lookup_unique(plan->read, filter->attr->number, filter->norm, &entry, err);
	return add_found(plan, result, &entry, out, err);
}

/* A name may be an account's or a group's, and a profile's. */
static enum idm_result
ids_of_name(
    const struct idm_plan *plan, struct idm_span norm, struct idm_ids *out, struct idm_error *err)
{
	enum idm_result result = ids_of_claim(plan, IDM_CLAIM_NAME, norm, out, err);

	return result == IDM_OK ? ids_of_claim(plan, IDM_CLAIM_PROFILE, norm, out, err) : result;
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

/* The entry of a claim is one at most; an attribute without claims leaves *few false. */
static enum idm_result
ids_of_equal(const struct idm_plan *plan, const struct idm_filter *filter, struct idm_ids *out,
    bool *few, struct idm_error *err)
{
	struct idm_span norm = filter->norm;
	uint32_t number = filter->attr->number;

	*few = true;
	if (number == IDM_ATTR_UUID)
		return ids_of_uuid(plan, norm, out, err);
	if ((number == IDM_ATTR_MEMBER || number == IDM_ATTR_DYNMEMBER) && filter->cache != NULL)
		return add_all(plan, out, &filter->cache->groups, err);
	*few = !plan->dead;
	if (!*few)
		return IDM_OK;
	switch (number) {
	case IDM_ATTR_NAME: return ids_of_name(plan, norm, out, err);
	case IDM_ATTR_MAIL: return ids_of_claim(plan, IDM_CLAIM_MAIL, norm, out, err);
	case IDM_ATTR_GIDNUMBER: return ids_of_claim(plan, IDM_CLAIM_GID, norm, out, err);
	case IDM_ATTR_SPN:
		if (!name_of_spn(plan, norm, &norm))
			return IDM_OK;
		return ids_of_claim(plan, IDM_CLAIM_NAME, norm, out, err);
	default: return ids_of_unique(plan, filter, out, few, err);
	}
}

static enum idm_result ids_of(const struct idm_plan *plan, const struct idm_filter *filter,
    struct idm_ids *out, bool *few, struct idm_error *err);

/* One child with few candidates is enough; of several the one with the fewest. */
static enum idm_result
ids_of_and(const struct idm_plan *plan, const struct idm_filter *filter, struct idm_ids *out,
    bool *few, struct idm_error *err)
{
	*few = false;
	for (size_t i = 0; i < filter->child_count && (!*few || out->count > 1); i++) {
		struct idm_ids ids = { 0 };
		bool child_few;
		enum idm_result result = ids_of(plan, &filter->children[i], &ids, &child_few, err);

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
ids_of_or(const struct idm_plan *plan, const struct idm_filter *filter, struct idm_ids *out,
    bool *few, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	*few = true;
	for (size_t i = 0; i < filter->child_count && *few && result == IDM_OK; i++) {
		struct idm_ids ids = { 0 };

		result = ids_of(plan, &filter->children[i], &ids, few, err);
		if (result == IDM_OK && *few)
			result = add_all(plan, out, &ids, err);
	}
	return result;
}

static enum idm_result
ids_of(const struct idm_plan *plan, const struct idm_filter *filter, struct idm_ids *out, bool *few,
    struct idm_error *err)
{
	*few = is_never(plan, filter);
	if (*few)
		return IDM_OK;
	switch (filter->kind) {
	case IDM_FILTER_AND: return ids_of_and(plan, filter, out, few, err);
	case IDM_FILTER_OR: return ids_of_or(plan, filter, out, few, err);
	case IDM_FILTER_EQUAL: return ids_of_equal(plan, filter, out, few, err);
	case IDM_FILTER_NOT:
	case IDM_FILTER_PRESENT:
	case IDM_FILTER_SUBSTRING:
	case IDM_FILTER_GREATER_EQUAL:
	case IDM_FILTER_LESS_EQUAL:
	case IDM_FILTER_UNDEFINED: break;
	}
	return IDM_OK;
}

enum idm_result
idm_plan_ids(const struct idm_plan *plan, struct idm_ids *out, bool *few, struct idm_error *err)
{
	memset(out, 0, sizeof(*out));
	return ids_of(plan, plan->filter, out, few, err);
}

/* --- windows */

/* The candidates of a node in one window, while they are looked for. */
struct found {
	const struct idm_plan *plan;
	uint64_t window_no;
	struct idm_window *window; /* cleared at first */
	bool all;                  /* the node can't be narrowed; `window` means nothing then */
	struct idm_error *err;
};

static enum idm_result
members_of(struct found *found, uint64_t group_id)
{
	const struct idm_read *read = found->plan->read;
	bool last;
	enum idm_result result = idm_closure_members(
	    read, group_id, IDM_MEMBER_GROUP, found->window_no, found->window, &last, found->err);

	if (result != IDM_OK)
		return result;
	return idm_closure_members(
	    read, group_id, IDM_MEMBER_ACCOUNT, found->window_no, found->window, &last, found->err);
}

/* Who is memberof a group is a direct member of it or of one below it. */
static enum idm_result
find_members(struct found *found, const struct idm_filter *filter)
{
	const struct idm_filter_cache *cache = filter->cache;
	enum idm_result result = IDM_OK;

	found->all = cache == NULL;
	if (cache == NULL || cache->id == 0)
		return IDM_OK;
	if (filter->attr->number == IDM_ATTR_DIRECTMEMBEROF)
		return members_of(found, cache->id);
	for (size_t i = 0; i < cache->groups.count && result == IDM_OK; i++)
		result = members_of(found, cache->groups.ids[i]);
	return result;
}

static void
find_listed(struct found *found, const struct idm_filter *filter)
{
	found->all = filter->cache == NULL;
	for (size_t i = 0; !found->all && i < filter->cache->groups.count; i++) {
		uint64_t id = filter->cache->groups.ids[i];

		if (idm_window_of(id) == found->window_no)
			idm_window_add(found->window, id);
	}
}

static enum idm_result
index_equal(struct found *found, const struct idm_attr *attr, struct idm_span norm)
{
	return idm_index_equal(
	    found->plan->read, attr, norm, found->window_no, found->window, found->err);
}

static enum idm_result
find_equal(struct found *found, const struct idm_filter *filter)
{
	struct idm_span name;

	switch (filter->attr->number) {
	case IDM_ATTR_MEMBEROF:
	case IDM_ATTR_DIRECTMEMBEROF: return find_members(found, filter);
	case IDM_ATTR_MEMBER:
	case IDM_ATTR_DYNMEMBER: find_listed(found, filter); return IDM_OK;
	case IDM_ATTR_SPN:
		if (!name_of_spn(found->plan, filter->norm, &name))
			return IDM_OK;
		return index_equal(found, attr_of(found->plan, IDM_ATTR_NAME), name);
	default: break;
	}
	found->all = (filter->attr->flags & IDM_ATTR_EQ) == 0;
	return found->all ? IDM_OK : index_equal(found, filter->attr, filter->norm);
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
find_substring(struct found *found, const struct idm_filter *filter)
{
	bool spn = filter->attr->number == IDM_ATTR_SPN;
	const struct idm_attr *attr = spn ? attr_of(found->plan, IDM_ATTR_NAME) : filter->attr;
	struct idm_window one;

	found->all = true;
	for (size_t i = 0; (attr->flags & IDM_ATTR_SUB) != 0 && i < filter->piece_count; i++) {
		struct idm_span piece = filter->pieces[i];
		enum idm_result result;

		if (spn)
			piece = piece_in_name(found->plan, piece);
		if (piece.len < IDM_INDEX_PIECE_MIN)
			continue;
		idm_window_clear(&one);
		result = idm_index_substring(
		    found->plan->read, attr, piece, found->window_no, &one, found->err);
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
find_ordered(struct found *found, const struct idm_filter *filter)
{
	bool above = filter->kind == IDM_FILTER_GREATER_EQUAL;

	found->all = (filter->attr->flags & IDM_ATTR_ORD) == 0;
	if (found->all)
		return IDM_OK;
	return idm_index_range(found->plan->read, filter->attr,
	    above ? filter->norm : IDM_SPAN_EMPTY, above ? IDM_SPAN_EMPTY : filter->norm,
	    found->window_no, found->window, found->err);
}

static enum idm_result
find_present(struct found *found, const struct idm_filter *filter)
{
	found->all = (filter->attr->flags & IDM_ATTR_PRES) == 0;
	if (found->all)
		return IDM_OK;
	return idm_index_present(
	    found->plan->read, filter->attr, found->window_no, found->window, found->err);
}

static enum idm_result find(struct found *found, const struct idm_filter *filter);

/* How far a node is likely to narrow, and at what price: the least first. */
enum rank {
	RANK_ONE,
	RANK_NESTED,
	RANK_MEMBERS,
	RANK_SOME,
	RANK_MANY,
	RANK_LAST = RANK_MANY,
};

static enum rank
rank_of(const struct idm_plan *plan, const struct idm_filter *filter)
{
	if (is_never(plan, filter))
		return RANK_ONE;
	switch (filter->kind) {
	case IDM_FILTER_EQUAL:
		if (filter->attr->number == IDM_ATTR_CLASS)
			return RANK_SOME;
		if (filter->attr->number == IDM_ATTR_MEMBEROF ||
		    filter->attr->number == IDM_ATTR_DIRECTMEMBEROF)
			return RANK_MEMBERS;
		return RANK_ONE;
	case IDM_FILTER_AND: return RANK_NESTED;
	case IDM_FILTER_OR: return RANK_MEMBERS;
	case IDM_FILTER_SUBSTRING: return RANK_SOME;
	case IDM_FILTER_NOT:
	case IDM_FILTER_PRESENT:
	case IDM_FILTER_GREATER_EQUAL:
	case IDM_FILTER_LESS_EQUAL:
	case IDM_FILTER_UNDEFINED: break;
	}
	return RANK_MANY;
}

/* AND one child into what is left. */
static enum idm_result
narrow(struct found *found, const struct idm_filter *child)
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

static enum idm_result
find_and(struct found *found, const struct idm_filter *filter)
{
	found->all = true;
	for (int rank = RANK_ONE; rank <= RANK_LAST; rank++) {
		for (size_t i = 0; i < filter->child_count; i++) {
			enum idm_result result;

			if ((int)rank_of(found->plan, &filter->children[i]) != rank)
				continue;
			if (!found->all && idm_window_count(found->window) <= ENOUGH)
				return IDM_OK;
			result = narrow(found, &filter->children[i]);
			if (result != IDM_OK)
				return result;
		}
	}
	return IDM_OK;
}

static enum idm_result
find_or(struct found *found, const struct idm_filter *filter)
{
	struct idm_window window;
	struct found one = *found;

	one.window = &window;
	for (size_t i = 0; i < filter->child_count; i++) {
		enum idm_result result = find(&one, &filter->children[i]);

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
find(struct found *found, const struct idm_filter *filter)
{
	idm_window_clear(found->window);
	found->all = false;
	if (is_never(found->plan, filter))
		return IDM_OK;
	switch (filter->kind) {
	case IDM_FILTER_AND: return find_and(found, filter);
	case IDM_FILTER_OR: return find_or(found, filter);
	case IDM_FILTER_EQUAL: return find_equal(found, filter);
	case IDM_FILTER_SUBSTRING: return find_substring(found, filter);
	case IDM_FILTER_GREATER_EQUAL:
	case IDM_FILTER_LESS_EQUAL: return find_ordered(found, filter);
	case IDM_FILTER_PRESENT: return find_present(found, filter);
	case IDM_FILTER_NOT: /* what is not TRUE inside may be Undefined: all must be tested */
	case IDM_FILTER_UNDEFINED: break;
	}
	found->all = true;
	return IDM_OK;
}

enum idm_result
idm_plan_window(
    const struct idm_plan *plan, uint64_t window_no, struct idm_window *out, struct idm_error *err)
{
	struct found found = { .plan = plan, .window_no = window_no, .window = out, .err = err };
	enum idm_result result = find(&found, plan->filter);

	if (result != IDM_OK || !found.all)
		return result;
	idm_window_clear(out);
	return idm_index_present(plan->read, attr_of(plan, IDM_ATTR_UUID), window_no, out, err);
}
