#include "core/explain.h"

#include "core/builtin.h"
#include "core/refusal.h"

/* --- through whom a profile comes */

static enum idm_result
add_name(const struct idm_read *read, uint64_t id, struct idm_span *names, size_t *count,
    struct idm_error *err)
{
	struct idm_entry entry;
	enum idm_result result = idm_lookup_id(read, id, &entry, err);
	struct idm_span name;

	if (result != IDM_OK)
		return result;
	name = idm_arena_copy(read->arena, idm_entry_text(&entry, IDM_ATTR_NAME));
	if (name.ptr == NULL)
		return IDM_LIMIT;
	names[(*count)++] = name;
	return IDM_OK;
}

/* The receiving groups that the identity is in. */
static enum idm_result
name_receivers(const struct idm_read *read, const struct idm_access *access,
    const struct idm_ids *receivers, struct idm_granted *out, struct idm_error *err)
{
	struct idm_span *names = idm_arena_array(read->arena, receivers->count, sizeof(*names));
	enum idm_result result = names == NULL ? IDM_LIMIT : IDM_OK;

	out->through = names;
	for (size_t i = 0; i < receivers->count && result == IDM_OK; i++) {
		if (idm_ids_has(&access->memberof, receivers->ids[i]))
			result = add_name(read, receivers->ids[i], names, &out->through_count, err);
	}
	return result;
}

/* Whoever entry_managed_by names: the identity itself, or a group that it is in. */
static enum idm_result
name_manager(const struct idm_read *read, const struct idm_entry *entry, struct idm_granted *out,
    struct idm_error *err)
{
	struct idm_span *names = idm_arena_array(read->arena, 1, sizeof(*names));
	struct idm_value value;
	struct idm_uuid uuid;
	struct idm_entry manager;
	enum idm_result result;

	if (names == NULL)
		return IDM_LIMIT;
	out->through = names;
	if (!idm_entry_first(entry, IDM_ATTR_ENTRY_MANAGED_BY, &value) ||
	    !idm_uuid_load(value.norm, &uuid))
		return IDM_OK;
	result = idm_lookup_uuid(read, &uuid, &manager, err);
	return result == IDM_OK ? add_name(read, manager.id, names, &out->through_count, err)
				: result;
}

/* --- what it grants */

static enum idm_result
grant(struct idm_judged *judged, const struct idm_profile *profile, struct idm_granted *out,
    struct idm_error *err)
{
	const struct idm_access *access = judged->access;
	bool writes = !access->restricted;

	memset(out, 0, sizeof(*out));
	out->profile = profile->name;
	out->search = profile->search;
	for (size_t i = 0; i < IDM_ATTRSET_WORDS; i++)
		out->search.bits[i] &= access->mask.bits[i];
	if (writes) {
		out->present = profile->present;
		out->removed = profile->removed;
		out->classes = profile->classes.words;
		out->class_count = profile->classes.count;
		out->deletes = profile->deletes;
	}
	if (profile->receivers.count == 0)
		return name_manager(judged->read, judged->entry, out, err);
	return name_receivers(judged->read, access, &profile->receivers, out, err);
}

static bool
is_empty(const struct idm_granted *granted)
{
	return idm_attrset_is_empty(&granted->search) && idm_attrset_is_empty(&granted->present) &&
	       idm_attrset_is_empty(&granted->removed) && granted->class_count == 0 &&
	       !granted->deletes;
}

enum idm_result
idm_access_explain(const struct idm_read *read, const struct idm_access *access,
    const struct idm_entry *entry, struct idm_granted **out, size_t *count, struct idm_error *err)
{
	struct idm_judged judged = idm_judge(read, access, entry);
	struct idm_granted *list = idm_arena_array(read->arena, access->count, sizeof(*list));
	enum idm_result result = IDM_OK;

	*out = list;
	*count = 0;
	if (list == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory to explain rights");
	for (size_t i = 0; i < access->count && result == IDM_OK; i++) {
		bool applies;

		result = idm_profile_applies(&judged, access->profiles[i], &applies, err);
		if (result != IDM_OK || !applies)
			continue;
		result = grant(&judged, access->profiles[i], &list[*count], err);
		if (result == IDM_OK && !is_empty(&list[*count]))
			(*count)++;
	}
	return result;
}

bool
idm_access_explains_others(const struct idm_read *read, const struct idm_access *access)
{
	struct idm_uuid uuid = idm_uuid_builtin(IDM_BUILTIN_ACP_MANAGE);
	struct idm_entry group;

	if (access->everything)
		return true;
	return !access->restricted && idm_lookup_uuid(read, &uuid, &group, NULL) == IDM_OK &&
	       idm_ids_has(&access->memberof, group.id);
}
