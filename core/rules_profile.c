/*
 * What access control profiles must hold to (SPEC 5.1): each can be used as it stands, and a group
 * that receives one that writes other entries is high privilege, after every change of profiles,
 * members and deletions.
 */
#include "core/evaluation.h"
#include "core/profile.h"

/* --- whether a group is high privilege once the change is done */

/* The groups above one, while they are found. */
struct rising {
	struct idm_evaluation *e;
	struct idm_ids seen;
	uint64_t *queue; /* `seen` in the order of finding */
	size_t count;
	size_t room;
};

static enum idm_result
rise_to(struct rising *r, uint64_t group_id)
{
	struct idm_arena *arena = r->e->read->arena;
	bool first;
	enum idm_result result = idm_ids_add(&r->seen, arena, group_id, &first);

	if (result != IDM_OK || !first)
		return result;
	if (r->count == r->room) {
		size_t room = r->room == 0 ? 16 : 2 * r->room;
		uint64_t *queue = idm_arena_array(arena, room, sizeof(*queue));

		if (queue == NULL)
			return IDM_LIMIT;
		if (r->count != 0)
			memcpy(queue, r->queue, r->count * sizeof(*queue));
		r->queue = queue;
		r->room = room;
	}
	r->queue[r->count++] = group_id;
	return IDM_OK;
}

/* What the change says of this direct edge; NULL: nothing by its name. */
static const struct idm_edge_change *
edge_of(const struct idm_evaluation *e, uint64_t member_id)
{
	if (!idm_ids_has(&e->edge_ids, member_id))
		return NULL;
	for (size_t i = 0; i < e->edge_count; i++) {
		if (e->edges[i].member.id == member_id)
			return &e->edges[i];
	}
	return NULL;
}

/* Does the change take this stored edge away? */
static bool
edge_goes(const struct idm_evaluation *e, uint64_t group_id, uint64_t member_id)
{
	const struct idm_edge_change *edge;

	if (e->request->operation == IDM_OP_DELETE)
		return group_id == e->before.id || member_id == e->before.id;
	if (group_id != e->before.id)
		return false;
	edge = edge_of(e, member_id);
	return edge != NULL ? !edge->present : e->edges_cleared;
}

static enum idm_result
rise_from(struct rising *r, uint64_t group_id)
{
	const struct idm_edge_change *edge = edge_of(r->e, group_id);
	struct idm_ids above;
	enum idm_result result = idm_closure_listed_by(r->e->read, group_id, &above, r->e->err);

	for (size_t i = 0; i < above.count && result == IDM_OK; i++) {
		if (!edge_goes(r->e, above.ids[i], group_id))
			result = rise_to(r, above.ids[i]);
	}
	if (result == IDM_OK && edge != NULL && edge->present)
		result = rise_to(r, r->e->before.id);
	return result;
}

static enum idm_result
is_hp_after(struct idm_evaluation *e, uint64_t group_id, bool *out)
{
	struct rising r = { .e = e };
	enum idm_result result = rise_to(&r, group_id);

	for (size_t i = 0; i < r.count && result == IDM_OK; i++)
		result = rise_from(&r, r.queue[i]);
	*out = idm_ids_has(&r.seen, e->read->high_privilege_id);
	return result;
}

/* --- receivers */

static enum idm_result
check_receiver(struct idm_evaluation *e, const struct idm_profile *profile, uint64_t group_id)
{
	struct idm_entry group;
	bool hp;
	enum idm_result result = is_hp_after(e, group_id, &hp);

	if (result != IDM_OK || hp)
		return result;
	result = idm_lookup_id(e->read, group_id, &group, e->err);
	if (result != IDM_OK)
		return result;
	return idm_refuse(e->err, IDM_PROTECTED,
	    "%.*s receives the profile %s, which writes other entries: such a group must be high "
	    "privilege; put it into a high privilege group, or disable the profile, first",
	    IDM_SPAN_ARG(idm_entry_text(&group, IDM_ATTR_NAME)), profile->name);
}

static enum idm_result
check_receivers(struct idm_evaluation *e, const struct idm_profile *profile)
{
	bool deletes = e->request->operation == IDM_OP_DELETE;
	enum idm_result result = IDM_OK;

	if (!idm_profile_writes_others(profile))
		return IDM_OK;
	for (size_t i = 0; i < profile->receivers.count && result == IDM_OK; i++) {
		if (!deletes || profile->receivers.ids[i] != e->before.id)
			result = check_receiver(e, profile, profile->receivers.ids[i]);
	}
	return result;
}

/* What has no receiver and is about what is managed is every manager's: nothing becomes so by
 * itself. */
static enum idm_result
keep_last_receiver(struct idm_evaluation *e, const struct idm_profile *profile)
{
	if (e->request->operation != IDM_OP_DELETE || profile->target != IDM_TARGET_MANAGED ||
	    profile->receivers.count != 1 || profile->receivers.ids[0] != e->before.id)
		return IDM_OK;
	return idm_refuse(e->err, IDM_PROTECTED,
	    "nobody else receives the profile %s, which would be every manager's then: disable it, "
	    "or give it another receiver, first",
	    profile->name);
}

/* Can the change make a group lose its high privilege?  Only if one that is HP loses groups. */
static enum idm_result
lowers_groups(struct idm_evaluation *e, bool *out)
{
	enum idm_result result = IDM_OK;

	*out = e->request->operation == IDM_OP_DELETE || e->edges_cleared;
	for (size_t i = 0; i < e->edge_count && !*out; i++)
		*out = !e->edges[i].present && idm_entry_has_class(&e->edges[i].member, "group");
	if (!e->exists || !idm_entry_has_class(&e->before, "group"))
		*out = false;
	if (*out && e->before.id != e->read->high_privilege_id)
		result = idm_closure_is_hp(e->read, &e->before, out, e->err);
	return result;
}

enum idm_result
idm_rules_receivers(struct idm_evaluation *e)
{
	const struct idm_access_table *table = *e->context->table;
	bool lowers;
	enum idm_result result = lowers_groups(e, &lowers);

	for (size_t i = 0; i < table->count && result == IDM_OK; i++) {
		result = keep_last_receiver(e, &table->profiles[i]);
		if (result == IDM_OK && lowers)
			result = check_receivers(e, &table->profiles[i]);
	}
	return result;
}

/* --- a profile that is written */

static enum idm_result
view_draft(struct idm_evaluation *e, struct idm_entry *out)
{
	struct idm_span flat;
	enum idm_result result = idm_draft_encode(e->draft, &e->uuid, e->set->no, &flat, e->err);

	return result == IDM_OK ? idm_entry_view(flat, 0, out, e->err) : result;
}

/* One that is not in force may be wrong, else nobody could disable one that became so. */
enum idm_result
idm_rules_profile(struct idm_evaluation *e)
{
	struct idm_profile profile;
	struct idm_error why = { .text = "" };
	struct idm_entry entry;
	enum idm_result result;

	if (!idm_draft_has_class(e->draft, "access_control_profile"))
		return IDM_OK;
	result = view_draft(e, &entry);
	if (result != IDM_OK || !idm_profile_is_enabled(&entry))
		return result;
	result = idm_profile_check(e->read, &entry, &profile, &why);
	if (result == IDM_INVALID)
		return idm_refuse(
		    e->err, IDM_CONSTRAINT, "the profile can't be used: %s", why.text);
	if (result != IDM_OK)
		return idm_fail(e->err, result, "%s", why.text);
	result = check_receivers(e, &profile);
	return result == IDM_OK ? idm_rules_self_written(e, &profile) : result;
}
