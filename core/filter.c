#include "core/filter.h"

#include "core/closure.h"

/* One test: what stays the same for every node of the tree. */
struct test {
	const struct idm_read *read;
	const struct idm_entry *entry;
	const struct idm_attrset *readable; /* NULL: all */
	struct idm_error *err;
};

static enum idm_truth
truth_of(bool holds)
{
	return holds ? IDM_TRUE : IDM_FALSE;
}

bool
idm_entry_has_spn(const struct idm_entry *entry)
{
	return idm_entry_has(entry, IDM_ATTR_NAME) &&
	       (idm_entry_has_class(entry, "account") || idm_entry_has_class(entry, "group"));
}

bool
idm_entry_is_dynamic_group(const struct idm_entry *entry)
{
	return idm_entry_has_class(entry, "dyngroup");
}

/* --- values */

static bool
begins_with(struct idm_span text, struct idm_span piece)
{
	return text.len >= piece.len && memcmp(text.ptr, piece.ptr, piece.len) == 0;
}

/* Cut `text` behind the first place where `piece` stands. */
static bool
skip_past(struct idm_span *text, struct idm_span piece)
{
	const uint8_t *at = memmem(text->ptr, text->len, piece.ptr, piece.len);
	size_t used;

	if (at == NULL)
		return false;
	used = (size_t)(at - text->ptr) + piece.len;
	*text = idm_span_of(text->ptr + used, text->len - used);
	return true;
}

/* RFC 4511 section 4.5.1.7.2: the pieces in order, without overlap; leftmost is as good as any. */
static bool
match_pieces(const struct idm_filter *filter, struct idm_span text)
{
	size_t middle_end = filter->piece_count - (filter->final ? 1 : 0);
	size_t i = 0;

	if (filter->initial) {
		if (!begins_with(text, filter->pieces[0]))
			return false;
		text.ptr += filter->pieces[0].len;
		text.len -= filter->pieces[0].len;
		i = 1;
	}
	for (; i < middle_end; i++) {
		if (!skip_past(&text, filter->pieces[i]))
			return false;
	}
	if (filter->final) {
		struct idm_span last = filter->pieces[filter->piece_count - 1];

		return text.len >= last.len &&
		       memcmp(text.ptr + text.len - last.len, last.ptr, last.len) == 0;
	}
	return true;
}

static bool
match_norm(const struct idm_filter *filter, struct idm_span norm)
{
	switch (filter->kind) {
	case IDM_FILTER_PRESENT: return true;
	case IDM_FILTER_EQUAL: return idm_span_equal(filter->norm, norm);
	case IDM_FILTER_SUBSTRING: return match_pieces(filter, norm);
	case IDM_FILTER_GREATER_EQUAL: return idm_span_compare(norm, filter->norm) >= 0;
	case IDM_FILTER_LESS_EQUAL: return idm_span_compare(norm, filter->norm) <= 0;
	case IDM_FILTER_AND:
	case IDM_FILTER_OR:
	case IDM_FILTER_NOT:
	case IDM_FILTER_UNDEFINED: break;
	}
	return false;
}

static enum idm_truth
test_stored(const struct test *t, const struct idm_filter *filter)
{
	struct idm_value_iter iter;
	struct idm_value value;

	if (filter->kind == IDM_FILTER_PRESENT)
		return truth_of(idm_entry_has(t->entry, filter->attr->number));
	iter = idm_entry_values(t->entry, filter->attr->number);
	while (idm_value_next(&iter, &value)) {
		if (match_norm(filter, value.norm))
			return IDM_TRUE;
	}
	return IDM_FALSE;
}

static enum idm_truth
test_spn(const struct test *t, const struct idm_filter *filter)
{
	char spn[IDM_SPN_MAX];

	if (!idm_entry_has_spn(t->entry))
		return IDM_FALSE;
	if (filter->kind == IDM_FILTER_PRESENT)
		return IDM_TRUE;
	return truth_of(
	    match_norm(filter, idm_span_of(spn, idm_lookup_spn(t->read, t->entry, spn))));
}

/* --- membership */

/* The entry that a reference names; *found false: there is none. */
static enum idm_result
find_named(const struct idm_read *read, const struct idm_filter *filter, struct idm_entry *out,
    bool *found, struct idm_error *err)
{
	struct idm_uuid uuid;
	enum idm_result result;

	*found = false;
	if (!idm_uuid_load(filter->norm, &uuid))
		return IDM_OK;
	result = idm_lookup_uuid(read, &uuid, out, err);
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	*found = result == IDM_OK;
	return result;
}

/* memberof=G: one of the groups that list the entry is G or lies below G. */
static enum idm_result
test_memberof(const struct test *t, const struct idm_filter *filter, enum idm_truth *out)
{
	const struct idm_filter_cache *cache = filter->cache;
	struct idm_ids groups = { 0 };
	struct idm_entry group;
	bool found;
	enum idm_result result;

	if (cache != NULL && cache->ready) {
		*out = IDM_FALSE;
		if (cache->groups.count == 0)
			return IDM_OK;
		result = idm_closure_direct(t->read, t->entry, &groups, t->err);
		if (result == IDM_OK)
			*out = truth_of(idm_ids_intersect(&groups, &cache->groups));
		return result;
	}
	result = find_named(t->read, filter, &group, &found, t->err);
	if (result == IDM_OK && found)
		result = idm_closure_memberof(t->read, t->entry, &groups, t->err);
	*out = truth_of(result == IDM_OK && found && idm_ids_has(&groups, group.id));
	return result;
}

static enum idm_result
test_directmemberof(const struct test *t, const struct idm_filter *filter, enum idm_truth *out)
{
	struct idm_ids groups = { 0 };
	struct idm_entry group = { 0 };
	bool found;
	enum idm_result result;

	if (filter->cache != NULL && filter->cache->ready) {
		group.id = filter->cache->id;
		found = group.id != 0;
		result = IDM_OK;
	} else {
		result = find_named(t->read, filter, &group, &found, t->err);
	}
	if (result == IDM_OK && found)
		result = idm_closure_direct(t->read, t->entry, &groups, t->err);
	*out = truth_of(result == IDM_OK && found && idm_ids_has(&groups, group.id));
	return result;
}

/* The entry is a group that lists `member`, or with `chain` one that is above it. */
static enum idm_result
holds_member(const struct test *t, bool chain, const struct idm_entry *member, bool *out)
{
	struct idm_ids groups;
	enum idm_result result;

	if (!chain)
		return idm_closure_has_member(t->read, t->entry->id, member, out, t->err);
	result = idm_closure_memberof(t->read, member, &groups, t->err);
	*out = result == IDM_OK && idm_ids_has(&groups, t->entry->id);
	return result;
}

/* member=X, dynmember=X: the entry is a group that lists X. */
static enum idm_result
test_has_member(const struct test *t, const struct idm_filter *filter, enum idm_truth *out)
{
	struct idm_entry member;
	bool holds = false;
	bool found;
	enum idm_result result;

	*out = IDM_FALSE;
	if (filter->cache != NULL && filter->cache->ready) {
		*out = truth_of(idm_ids_has(&filter->cache->groups, t->entry->id));
		return IDM_OK;
	}
	result = find_named(t->read, filter, &member, &found, t->err);
	if (result == IDM_OK && found && idm_entry_is_live(&member))
		result = holds_member(t, filter->chain, &member, &holds);
	*out = truth_of(holds);
	return result;
}

static bool
window_is_empty(const struct idm_window *window)
{
	for (size_t i = 0; i < sizeof(window->bits) / sizeof(window->bits[0]); i++) {
		if (window->bits[i] != 0)
			return false;
	}
	return true;
}

/* Does the group list anybody of this kind? */
static enum idm_result
has_member_of_kind(const struct test *t, enum idm_member_kind kind, bool *out)
{
	struct idm_window window;
	uint64_t next_no = 0;
	enum idm_result result = IDM_OK;

	*out = false;
	idm_window_clear(&window);
	for (uint64_t no = 0; no != IDM_NO_WINDOW && !*out && result == IDM_OK; no = next_no) {
		result =
		    idm_closure_members(t->read, t->entry->id, kind, no, &window, &next_no, t->err);
		*out = result == IDM_OK && !window_is_empty(&window);
	}
	return result;
}

static enum idm_result
test_any_member(const struct test *t, enum idm_truth *out)
{
	bool found;
	enum idm_result result = has_member_of_kind(t, IDM_MEMBER_GROUP, &found);

	if (result == IDM_OK && !found)
		result = has_member_of_kind(t, IDM_MEMBER_ACCOUNT, &found);
	*out = truth_of(result == IDM_OK && found);
	return result;
}

static enum idm_result
test_members(const struct test *t, const struct idm_filter *filter, enum idm_truth *out)
{
	bool dynamic = idm_entry_is_dynamic_group(t->entry);

	*out = IDM_FALSE;
	if (!idm_entry_has_class(t->entry, "group") || !idm_entry_is_live(t->entry) ||
	    dynamic != (filter->attr->number == IDM_ATTR_DYNMEMBER))
		return IDM_OK;
	if (filter->kind == IDM_FILTER_PRESENT)
		return test_any_member(t, out);
	return test_has_member(t, filter, out);
}

static enum idm_result
test_groups(const struct test *t, const struct idm_filter *filter, enum idm_truth *out)
{
	struct idm_ids groups = { 0 };
	enum idm_result result;

	if (filter->kind == IDM_FILTER_PRESENT) { /* who has a direct group has memberof too */
		result = idm_closure_direct(t->read, t->entry, &groups, t->err);
		*out = truth_of(groups.count != 0);
		return result;
	}
	if (filter->cache != NULL && filter->cache->holds) {
		*out = IDM_TRUE;
		return IDM_OK;
	}
	if (filter->attr->number == IDM_ATTR_MEMBEROF)
		return test_memberof(t, filter, out);
	return test_directmemberof(t, filter, out);
}

/* --- the tree */

static bool
can_test(const struct test *t, const struct idm_filter *filter)
{
	if (filter->kind == IDM_FILTER_UNDEFINED || filter->attr == NULL)
		return false;
	if ((filter->attr->flags & (IDM_ATTR_LOCAL | IDM_ATTR_ROWS | IDM_ATTR_WRITE_ONLY)) != 0)
		return false;
	return t->readable == NULL || filter->own || idm_attrset_has(t->readable, filter->attr);
}

static enum idm_result
test_term(const struct test *t, const struct idm_filter *filter, enum idm_truth *out)
{
	*out = IDM_UNDEFINED;
	if (!can_test(t, filter))
		return IDM_OK;
	switch (filter->attr->number) {
	case IDM_ATTR_MEMBEROF:
	case IDM_ATTR_DIRECTMEMBEROF: return test_groups(t, filter, out);
	case IDM_ATTR_MEMBER:
	case IDM_ATTR_DYNMEMBER: return test_members(t, filter, out);
	case IDM_ATTR_SPN: *out = test_spn(t, filter); return IDM_OK;
	case IDM_ATTR_UUID:
		*out = truth_of(match_norm(filter, idm_uuid_span(&t->entry->uuid)));
		return IDM_OK;
	default: *out = test_stored(t, filter); return IDM_OK;
	}
}

static enum idm_result test_node(
    const struct test *t, const struct idm_filter *filter, unsigned depth, enum idm_truth *out);

/* AND is the least of its children and OR the greatest, for FALSE < Undefined < TRUE. */
static enum idm_result
test_children(
    const struct test *t, const struct idm_filter *filter, unsigned depth, enum idm_truth *out)
{
	bool all = filter->kind == IDM_FILTER_AND;
	enum idm_truth decided = truth_of(!all); /* no further child can change it */

	*out = truth_of(all);
	for (size_t i = 0; i < filter->child_count && *out != decided; i++) {
		enum idm_truth one;
		enum idm_result result = test_node(t, &filter->children[i], depth, &one);

		if (result != IDM_OK)
			return result;
		if (all ? one < *out : one > *out)
			*out = one;
	}
	return IDM_OK;
}

static enum idm_result
test_not(const struct test *t, const struct idm_filter *filter, unsigned depth, enum idm_truth *out)
{
	enum idm_result result = test_node(t, &filter->children[0], depth, out);

	if (result == IDM_OK && *out != IDM_UNDEFINED)
		*out = truth_of(*out == IDM_FALSE);
	return result;
}

static enum idm_result
test_node(
    const struct test *t, const struct idm_filter *filter, unsigned depth, enum idm_truth *out)
{
	switch (filter->kind) {
	case IDM_FILTER_AND:
	case IDM_FILTER_OR:
	case IDM_FILTER_NOT:
		if (depth == IDM_FILTER_TEST_DEPTH)
			return idm_fail(t->err, IDM_LIMIT, "filter is nested too deep");
		return filter->kind == IDM_FILTER_NOT ? test_not(t, filter, depth + 1, out)
						      : test_children(t, filter, depth + 1, out);
	case IDM_FILTER_PRESENT:
	case IDM_FILTER_EQUAL:
	case IDM_FILTER_SUBSTRING:
	case IDM_FILTER_GREATER_EQUAL:
	case IDM_FILTER_LESS_EQUAL:
	case IDM_FILTER_UNDEFINED: break;
	}
	return test_term(t, filter, out);
}

enum idm_result
idm_filter_test(const struct idm_read *read, const struct idm_filter *filter,
    const struct idm_entry *entry, const struct idm_attrset *readable, enum idm_truth *out,
    struct idm_error *err)
{
	struct test t = { read, entry, readable, err };

	return test_node(&t, filter, 0, out);
}

/* --- preparing */

static enum idm_result
prepare_term(const struct idm_read *read, const struct idm_filter *filter, struct idm_error *err)
{
	struct idm_filter_cache *cache = filter->cache;
	struct idm_entry named;
	bool found;
	enum idm_result result = find_named(read, filter, &named, &found, err);

	memset(cache, 0, sizeof(*cache));
	if (result == IDM_OK && found && idm_entry_is_live(&named)) {
		cache->id = named.id;
		if (filter->attr->number == IDM_ATTR_MEMBEROF)
			result = idm_closure_groups_below(read, named.id, &cache->groups, err);
		else if (filter->chain)
			result = idm_closure_memberof(read, &named, &cache->groups, err);
		else if (filter->attr->number != IDM_ATTR_DIRECTMEMBEROF)
			result = idm_closure_direct(read, &named, &cache->groups, err);
	}
	cache->ready = result == IDM_OK;
	return result;
}

enum idm_result
idm_filter_prepare(
    const struct idm_read *read, const struct idm_filter *filter, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	if (filter->cache != NULL)
		return prepare_term(read, filter, err);
	for (size_t i = 0; i < filter->child_count && result == IDM_OK; i++)
		result = idm_filter_prepare(read, &filter->children[i], err);
	return result;
}

void
idm_filter_release(const struct idm_filter *filter)
{
	if (filter->cache != NULL)
		memset(filter->cache, 0, sizeof(*filter->cache));
	for (size_t i = 0; i < filter->child_count; i++)
		idm_filter_release(&filter->children[i]);
}

/* --- what a filter is about */

void
idm_filter_attributes(const struct idm_filter *filter, struct idm_attrset *out)
{
	if (filter->attr != NULL && !filter->own)
		idm_attrset_add(out, filter->attr);
	for (size_t i = 0; i < filter->child_count; i++)
		idm_filter_attributes(&filter->children[i], out);
}

bool
idm_filter_asks_class(const struct idm_filter *filter, const char *class_name)
{
	if (filter->kind == IDM_FILTER_NOT)
		return false;
	if (filter->kind == IDM_FILTER_EQUAL && filter->attr->number == IDM_ATTR_CLASS)
		return idm_span_is(filter->norm, class_name);
	for (size_t i = 0; i < filter->child_count; i++) {
		if (idm_filter_asks_class(&filter->children[i], class_name))
			return true;
	}
	return false;
}
