/* Check of dynamic groups: who matches the filter is a member, nobody else, and all are listed. */
#include <inttypes.h>

#include "core/closure.h"
#include "core/dyngroup.h"
#include "core/verify_impl.h"

static void
check_listed(struct verify *v, const struct idm_dyngroups *groups, const struct idm_entry *entry)
{
	bool dynamic = idm_dyngroup_is(entry) && idm_entry_is_live(entry);
	char text[VERIFY_NAME_BYTES];

	if (dynamic == idm_ids_has(&groups->ids, entry->id))
		return;
	verify_found(v, IDM_FINDING_META,
	    dynamic ? "%s: it is a dynamic group that meta \"dyngroups\" lacks"
		    : "%s: meta \"dyngroups\" lists it and it is no live dynamic group",
	    verify_entry_text(entry, text));
}

static void
check_members(struct verify *v, const struct idm_dyngroups *groups, const struct idm_entry *entry)
{
	struct idm_ids above;
	char text[VERIFY_NAME_BYTES];

	if (groups->ids.count == 0 ||
	    idm_closure_listed_by(&v->read, entry->id, &above, &v->err) != IDM_OK)
		return;
	for (size_t i = 0; i < groups->ids.count; i++) {
		uint64_t group_id = groups->ids.ids[i];
		bool member;

		if (idm_dyngroups_match(&v->read, groups, i, entry, &member, &v->err) == IDM_OK &&
		    member != idm_ids_has(&above, group_id))
			verify_found(v, IDM_FINDING_EDGE,
			    "%s: %s dynamic group %" PRIu64 ", whose filter it %s",
			    verify_entry_text(entry, text), member ? "not in" : "in", group_id,
			    member ? "matches" : "does not match");
	}
}

static void
check_entry(struct verify *v, struct idm_span key, struct idm_span flat)
{
	struct idm_entry entry;

	(void)flat;
	if (key.len != sizeof(uint64_t) || !verify_entry(v, idm_store_load_u64(key.ptr), &entry))
		return; /* told where entries are checked */
	check_listed(v, v->part, &entry);
	check_members(v, v->part, &entry);
}

void
verify_dyngroups(struct verify *v)
{
	struct idm_arena_mark mark = idm_arena_mark(v->read.arena);
	struct idm_dyngroups groups;

	if (idm_dyngroups_load(&v->read, &groups, &v->err) == IDM_OK) {
		v->part = &groups;
		verify_walk(v, IDM_DB_ENTRIES, "dynamic groups", check_entry);
	} else {
		verify_found(v, IDM_FINDING_META, "meta \"dyngroups\": %s", v->err.text);
	}
	v->part = NULL;
	idm_arena_rewind(v->read.arena, mark);
}
