#include "core/search.h"

#include "core/index.h"
#include "core/plan.h"

enum { LOOK_UPS_A_TEST = 4 }; /* a look-up in an index costs a fourth of an entry's test */

/* One slice: what stays the same for every entry in it. */
struct slice {
	struct idm_search *search;
	const struct idm_read *read;
	uint32_t budget;
	struct idm_attrset asked;  /* the attributes that the filter names */
	struct idm_attrset wanted; /* those, and what `found` looks at */
	idm_search_found found;
	void *context;
	bool stopped; /* by `found` */
	struct idm_error *err;
};

/* Recycled entries and tombstones are there for a filter that asks for them. */
static bool
is_asked_for(const struct idm_filter *filter, const struct idm_entry *entry)
{
	static const char *const dead[] = { "recycled", "tombstone" };

	for (size_t i = 0; i < sizeof(dead) / sizeof(dead[0]); i++) {
		if (idm_entry_has_class(entry, dead[i]) && !idm_filter_asks_class(filter, dead[i]))
			return false;
	}
	return true;
}

/*
 * What is not TRUE when every attribute may be read is not TRUE for anybody: taking attributes away
 * only turns answers into Undefined.  So rights are looked at for matches alone.
 */
static enum idm_result
test_entry(const struct slice *slice, const struct idm_entry *entry, bool *matches,
    struct idm_attrset *readable)
{
	const struct idm_search *search = slice->search;
	const struct idm_read *read = slice->read;
	enum idm_truth truth;
	enum idm_result result;

	*matches = false;
	if (!is_asked_for(search->filter, entry))
		return IDM_OK;
	result = idm_filter_test(read, search->filter, entry, NULL, &truth, slice->err);
	if (result != IDM_OK || truth != IDM_TRUE)
		return result;
	result = idm_access_search_for(
	    read, search->access, entry, &slice->wanted, readable, slice->err);
	if (result != IDM_OK || idm_attrset_is_empty(readable))
		return result;
	if (!idm_attrset_covers(readable, &slice->asked))
		result = idm_filter_test(read, search->filter, entry, readable, &truth, slice->err);
	*matches = result == IDM_OK && truth == IDM_TRUE;
	return result;
}

enum idm_result
idm_search_entry(const struct idm_search *search, const struct idm_read *read,
    const struct idm_entry *entry, const struct idm_attrset *readable, bool *matches,
    struct idm_error *err)
{
	enum idm_truth truth;
	enum idm_result result;

	*matches = false;
	if (!is_asked_for(search->filter, entry))
		return IDM_OK;
	result = idm_filter_test(read, search->filter, entry, readable, &truth, err);
	*matches = result == IDM_OK && truth == IDM_TRUE;
	return result;
}

/*
 * Test one entry; what that took from the arena is given back before anybody hears of it.
 * IDM_NOT_FOUND: there is none.
 */
static enum idm_result
visit_entry(struct slice *slice, uint64_t id)
{
	struct idm_arena_mark mark = idm_arena_mark(slice->read->arena);
	struct idm_attrset readable;
	struct idm_entry entry;
	bool matches = false;
	enum idm_result result = idm_lookup_id(slice->read, id, &entry, slice->err);

	if (result == IDM_OK)
		result = test_entry(slice, &entry, &matches, &readable);
	idm_arena_rewind(slice->read->arena, mark);
	if (result == IDM_OK && matches)
		slice->stopped = !slice->found(slice->context, slice->read, &entry, &readable);
	return result;
}

/* Test one candidate. */
static enum idm_result
visit(struct slice *slice, uint64_t id)
{
	enum idm_result result;

	slice->budget--;
	slice->search->next_id = id + 1;
	result = visit_entry(slice, id);
	if (result == IDM_NOT_FOUND)
		return idm_fail(slice->err, IDM_CORRUPT, "the index names an entry that is gone");
	return result;
}

/*
 * What planning takes of the budget, so that a slice stays short.  Half of it is left where there
 * is something to test: the next slice would have to plan again.
 */
static void
charge(struct slice *slice, struct idm_plan *plan, bool found)
{
	uint32_t cost = plan->look_ups / LOOK_UPS_A_TEST;
	uint32_t least = found ? slice->budget / 2 + 1 : 1;

	slice->budget = slice->budget > cost + least ? slice->budget - cost : least;
	plan->look_ups %= LOOK_UPS_A_TEST;
}

static bool
may_go_on(const struct slice *slice)
{
	return slice->budget != 0 && !slice->stopped;
}

static enum idm_result
walk_ids(struct slice *slice, const struct idm_ids *ids)
{
	size_t i = 0;
	enum idm_result result = IDM_OK;

	while (i < ids->count && ids->ids[i] < slice->search->next_id)
		i++;
	for (; i < ids->count && may_go_on(slice) && result == IDM_OK; i++)
		result = visit(slice, ids->ids[i]);
	slice->search->done = result == IDM_OK && i == ids->count;
	return result;
}

/* The candidates of one window, from next_id on; *over: the window has no more. */
static enum idm_result
walk_window(struct slice *slice, struct idm_plan *plan, uint64_t window_no, bool *over)
{
	struct idm_arena_mark mark = idm_arena_mark(slice->read->arena);
	struct idm_window window;
	uint64_t id;
	enum idm_result result = idm_plan_window(plan, window_no, &window, slice->err);

	idm_arena_rewind(slice->read->arena, mark);
	if (result != IDM_OK)
		return result;
	id = idm_window_next(&window, window_no, slice->search->next_id);
	charge(slice, plan, id != UINT64_MAX);
	while (id != UINT64_MAX && may_go_on(slice) && result == IDM_OK) {
		result = visit(slice, id);
		id = idm_window_next(&window, window_no, id + 1);
	}
	*over = id == UINT64_MAX;
	return result;
}

/* An empty window costs one of the budget too, so that many of them do not make a slice long. */
static enum idm_result
walk_windows(struct slice *slice, struct idm_plan *plan)
{
	struct idm_search *search = slice->search;
	uint64_t end;
	enum idm_result result = idm_index_window_end(slice->read, &end, slice->err);

	while (result == IDM_OK && may_go_on(slice) && idm_window_of(search->next_id) < end) {
		uint64_t no = idm_window_of(search->next_id);
		uint32_t before = slice->budget;
		bool over = false;

		result = walk_window(slice, plan, no, &over);
		if (result != IDM_OK || !over)
			return result;
		search->next_id = (no + 1) << IDM_WINDOW_BITS;
		if (slice->budget == before)
			slice->budget--;
	}
	search->done = result == IDM_OK && idm_window_of(search->next_id) >= end;
	return result;
}

static enum idm_result
walk(struct slice *slice)
{
	struct idm_search *search = slice->search;
	struct idm_plan plan = {
		.read = slice->read,
		.filter = search->filter,
		.anywhere = idm_access_search_anywhere(search->access),
	};
	struct idm_ids ids;
	bool few = false;
	enum idm_result result = IDM_OK;

	plan.elsewhere = idm_access_search_elsewhere(search->access, &plan.own_id);
	if (!search->many)
		result = idm_plan_ids(&plan, &ids, &few, slice->err);
	if (result != IDM_OK)
		return result;
	search->many = !few;
	charge(slice, &plan, true);
	return few ? walk_ids(slice, &ids) : walk_windows(slice, &plan);
}

static enum idm_result
walk_list(struct slice *slice, const uint64_t *ids, size_t count, size_t *tested)
{
	enum idm_result result = IDM_OK;

	for (*tested = 0; *tested < count && !slice->stopped && result == IDM_OK; ++*tested) {
		result = visit_entry(slice, ids[*tested]);
		if (result == IDM_NOT_FOUND) /* gone since it was found */
			result = IDM_OK;
	}
	return result;
}

/* Begin a slice; whatever comes of it, its filter is released at the end. */
static enum idm_result
begin(struct slice *slice)
{
	const struct idm_search *search = slice->search;

	idm_filter_attributes(search->filter, &slice->asked);
	if (search->shown != NULL)
		slice->wanted = *search->shown;
	else
		memset(&slice->wanted, 0xff, sizeof(slice->wanted));
	idm_filter_attributes(search->filter, &slice->wanted);
	return idm_filter_prepare(slice->read, search->filter, slice->err);
}

enum idm_result
idm_search_slice(struct idm_search *search, const struct idm_read *read, uint32_t budget,
    idm_search_found found, void *context, struct idm_error *err)
{
	struct slice slice = {
		.search = search,
		.read = read,
		.budget = budget == 0 ? 1 : budget,
		.found = found,
		.context = context,
		.err = err,
	};
	enum idm_result result;

	if (search->done)
		return IDM_OK;
	result = begin(&slice);
	if (result == IDM_OK)
		result = walk(&slice);
	idm_filter_release(search->filter);
	return result;
}

enum idm_result
idm_search_list(struct idm_search *search, const struct idm_read *read, const uint64_t *ids,
    size_t count, size_t *tested, idm_search_found found, void *context, struct idm_error *err)
{
	struct slice slice = {
		.search = search, .read = read, .found = found, .context = context, .err = err
	};
	enum idm_result result = begin(&slice);

	*tested = 0;
	if (result == IDM_OK)
		result = walk_list(&slice, ids, count, tested);
	idm_filter_release(search->filter);
	return result;
}
