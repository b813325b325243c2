#include "core/dyngroup.h"

#include "core/builtin.h"
#include "core/closure.h"
#include "core/index.h"
#include "core/index_batch.h"
#include "core/plan.h"

static const char list_key[] = "dyngroups";

bool
idm_dyngroup_is(const struct idm_entry *entry)
{
	struct idm_uuid persons = idm_uuid_builtin(IDM_BUILTIN_ALL_PERSONS);
	struct idm_uuid accounts = idm_uuid_builtin(IDM_BUILTIN_ALL_ACCOUNTS);

	return idm_entry_is_dynamic_group(entry) && !idm_uuid_equal(&entry->uuid, &persons) &&
	       !idm_uuid_equal(&entry->uuid, &accounts);
}

/* --- the list */

static enum idm_result
load_list(const struct idm_read *read, struct idm_ids *out, struct idm_error *err)
{
	struct idm_span row;
	enum idm_result result =
	    idm_store_get(read->txn, IDM_DB_META, idm_span_cstr(list_key), &row, err);

	*out = (struct idm_ids){ NULL, 0, 0 };
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	return result == IDM_OK ? idm_packed_decode(row, out, read->arena, err) : result;
}

static enum idm_result
store_list(const struct idm_read *read, const struct idm_ids *ids, struct idm_error *err)
{
	struct idm_span key = idm_span_cstr(list_key), row;
	enum idm_result result;

	if (ids->count == 0) {
		result = idm_store_del(read->txn, IDM_DB_META, key, err);
		return result == IDM_NOT_FOUND ? IDM_OK : result;
	}
	row = idm_packed_encode(ids, read->arena);
	if (row.ptr == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory for the list of dynamic groups");
	return idm_store_put(read->txn, IDM_DB_META, key, row, err);
}

static enum idm_result
note(const struct idm_read *read, uint64_t id, bool wanted, struct idm_error *err)
{
	struct idm_ids ids;
	bool changed = false;
	enum idm_result result = load_list(read, &ids, err);

	if (result != IDM_OK)
		return result;
	if (!wanted)
		changed = idm_ids_remove(&ids, id);
	else if (idm_ids_add(&ids, read->arena, id, &changed) != IDM_OK)
		return idm_fail(err, IDM_LIMIT, "no memory for the list of dynamic groups");
	return changed ? store_list(read, &ids, err) : IDM_OK;
}

/* --- filters */

/* What can't be used (any more) matches nobody, rather than that a change could not be applied. */
static enum idm_result
parse_filter(const struct idm_read *read, const struct idm_entry *group, struct idm_filter *out,
    struct idm_error *err)
{
	struct idm_error why = { .text = "" };
	enum idm_result result = idm_filter_parse(
	    read, idm_entry_text(group, IDM_ATTR_DYNGROUP_FILTER), true, out, &why);

	if (result == IDM_INVALID) {
		*out = (struct idm_filter){ .kind = IDM_FILTER_UNDEFINED };
		return IDM_OK;
	}
	return result == IDM_OK ? IDM_OK : idm_fail(err, result, "%s", why.text);
}

enum idm_result
idm_dyngroups_load(const struct idm_read *read, struct idm_dyngroups *out, struct idm_error *err)
{
	enum idm_result result = load_list(read, &out->ids, err);

	out->filters = NULL;
	if (result != IDM_OK || out->ids.count == 0)
		return result;
	out->filters = idm_arena_array(read->arena, out->ids.count, sizeof(*out->filters));
	if (out->filters == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory for the dynamic groups' filters");
	for (size_t i = 0; i < out->ids.count && result == IDM_OK; i++) {
		struct idm_entry group;

		result = idm_lookup_id(read, out->ids.ids[i], &group, err);
		if (result == IDM_NOT_FOUND)
			return idm_fail(err, IDM_CORRUPT, "a dynamic group is not there");
		if (result == IDM_OK)
			result = parse_filter(read, &group, &out->filters[i], err);
	}
	return result;
}

/* Members are live accounts and groups, whatever else a filter says. */
static enum idm_result
matches(const struct idm_read *read, const struct idm_filter *filter, const struct idm_entry *entry,
    bool *out, struct idm_error *err)
{
	enum idm_truth truth;
	enum idm_result result;

	*out = false;
	if (!idm_entry_is_live(entry) ||
	    (!idm_entry_has_class(entry, "account") && !idm_entry_has_class(entry, "group")))
		return IDM_OK;
	result = idm_filter_test(read, filter, entry, NULL, &truth, err);
	*out = result == IDM_OK && truth == IDM_TRUE;
	return result;
}

enum idm_result
idm_dyngroups_match(const struct idm_read *read, const struct idm_dyngroups *groups, size_t index,
    const struct idm_entry *entry, bool *out, struct idm_error *err)
{
	return matches(read, &groups->filters[index], entry, out, err);
}

enum idm_result
idm_dyngroups_attributes(
    const struct idm_read *read, struct idm_attrset *out, struct idm_error *err)
{
	struct idm_dyngroups groups;
	enum idm_result result = idm_dyngroups_load(read, &groups, err);

	for (size_t i = 0; result == IDM_OK && i < groups.ids.count; i++)
		idm_filter_attributes(&groups.filters[i], out);
	return result;
}

/* --- one entry */

enum idm_result
idm_dyngroups_follow(const struct idm_read *read, const struct idm_dyngroups *groups, uint64_t id,
    struct idm_error *err)
{
	struct idm_arena_mark mark = idm_arena_mark(read->arena);
	struct idm_entry entry;
	struct idm_ids listed;
	enum idm_result result = IDM_OK;

	if (groups->ids.count == 0)
		return IDM_OK;
	result = idm_closure_listed_by(read, id, &listed, err);
	for (size_t i = 0; i < groups->ids.count && result == IDM_OK; i++) {
		uint64_t group_id = groups->ids.ids[i];
		bool wanted, changed;

		result =
		    idm_lookup_id(read, id, &entry, err); /* anew: a write ends what it borrows */
		if (result == IDM_OK)
			result = matches(read, &groups->filters[i], &entry, &wanted, err);
		if (result == IDM_OK && wanted != idm_ids_has(&listed, group_id))
			result =
			    idm_closure_set_edge(read, group_id, &entry, wanted, &changed, err);
	}
	idm_arena_rewind(read->arena, mark);
	return result;
}

/* --- one group */

struct refill {
	struct idm_plan plan;
	uint64_t group_id;
	struct idm_window groups; /* the members in the window at hand */
	struct idm_window accounts;
	struct idm_error *err;
};

static enum idm_result
take_candidate(struct refill *r, uint64_t id)
{
	const struct idm_read *read = r->plan.read;
	struct idm_arena_mark mark = idm_arena_mark(read->arena);
	struct idm_entry entry;
	bool member = false;
	enum idm_result result = idm_lookup_id(read, id, &entry, r->err);

	if (result == IDM_NOT_FOUND)
		return idm_fail(r->err, IDM_CORRUPT, "the index names an entry that is gone");
	if (result == IDM_OK)
		result = matches(read, r->plan.filter, &entry, &member, r->err);
	if (result == IDM_OK && member)
		idm_window_add(
		    idm_entry_has_class(&entry, "group") ? &r->groups : &r->accounts, id);
	idm_arena_rewind(read->arena, mark);
	return result;
}

static enum idm_result
refill_window(struct refill *r, uint64_t no)
{
	const struct idm_read *read = r->plan.read;
	struct idm_window candidates;
	bool changed;
	enum idm_result result = idm_plan_window(&r->plan, no, &candidates, r->err);

	idm_window_clear(&r->groups);
	idm_window_clear(&r->accounts);
	for (uint64_t id = idm_window_next(&candidates, no, no << IDM_WINDOW_BITS);
	     result == IDM_OK && id != UINT64_MAX; id = idm_window_next(&candidates, no, id + 1))
		result = take_candidate(r, id);
	if (result == IDM_OK)
		result = idm_closure_set_window(
		    read, r->group_id, IDM_MEMBER_GROUP, no, &r->groups, &changed, r->err);
	if (result == IDM_OK)
		result = idm_closure_set_window(
		    read, r->group_id, IDM_MEMBER_ACCOUNT, no, &r->accounts, &changed, r->err);
	return result;
}

static enum idm_result
refill_windows(struct refill *r)
{
	struct idm_arena *arena = r->plan.read->arena;
	uint64_t end;
	enum idm_result result = idm_index_window_end(r->plan.read, &end, r->err);

	for (uint64_t no = 0; result == IDM_OK && no < end; no++) {
		struct idm_arena_mark mark = idm_arena_mark(arena);

		result = refill_window(r, no);
		idm_arena_rewind(arena, mark);
	}
	return result;
}

bool
idm_dyngroup_is_changed(const struct idm_entry *before, const struct idm_entry *after)
{
	struct idm_span was, is;

	if (!idm_dyngroup_is(after))
		return false;
	if (before == NULL || idm_entry_is_live(before) != idm_entry_is_live(after))
		return true;
	was = idm_entry_text(before, IDM_ATTR_DYNGROUP_FILTER);
	is = idm_entry_text(after, IDM_ATTR_DYNGROUP_FILTER);
	return !idm_span_equal(was, is);
}

enum idm_result
idm_dyngroup_refill(const struct idm_read *read, uint64_t group_id, struct idm_error *err)
{
	struct idm_filter filter = { .kind = IDM_FILTER_UNDEFINED };
	struct idm_attrset all;
	struct refill r = {
		.plan = { .read = read, .filter = &filter, .anywhere = &all },
		.group_id = group_id,
		.err = err,
	};
	struct idm_entry group;
	bool live = false;
	enum idm_result result = idm_lookup_id(read, group_id, &group, err);

	memset(&all, 0xff, sizeof(all));
	if (result == IDM_OK)
		live = idm_dyngroup_is(&group) && idm_entry_is_live(&group);
	if (live)
		result = parse_filter(read, &group, &filter, err);
	if (result == IDM_OK)
		result = note(read, group_id, live, err);
	if (result == IDM_OK && read->index_batch != NULL)
		result = idm_index_batch_flush(read->index_batch, read->txn, err);
	return result == IDM_OK ? refill_windows(&r) : result;
}

/* --- all of them */

static enum idm_result
list_window(const struct idm_read *read, uint64_t no, struct idm_ids *out, struct idm_error *err)
{
	const struct idm_attr *class = idm_schema_attr_number(read->schema, IDM_ATTR_CLASS);
	struct idm_window window = { { 0 } };
	enum idm_result result =
	    idm_index_equal(read, class, IDM_SPAN_LIT("dyngroup"), no, &window, err);

	for (uint64_t id = idm_window_next(&window, no, no << IDM_WINDOW_BITS);
	     result == IDM_OK && id != UINT64_MAX; id = idm_window_next(&window, no, id + 1)) {
		struct idm_entry group;

		result = idm_lookup_id(read, id, &group, err);
		if (result == IDM_OK && idm_dyngroup_is(&group) && idm_entry_is_live(&group))
			result = idm_ids_add(out, read->arena, id, NULL);
	}
	return result;
}

enum idm_result
idm_dyngroups_rebuild(const struct idm_read *read, struct idm_error *err)
{
	struct idm_ids ids = { NULL, 0, 0 };
	uint64_t end;
	enum idm_result result = idm_index_window_end(read, &end, err);

	for (uint64_t no = 0; result == IDM_OK && no < end; no++)
		result = list_window(read, no, &ids, err);
	if (result == IDM_OK)
		result = store_list(read, &ids, err);
	for (size_t i = 0; result == IDM_OK && i < ids.count; i++)
		result = idm_dyngroup_refill(read, ids.ids[i], err);
	return result;
}
