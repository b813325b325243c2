/* Check of `up` and `down`: each direct membership stands in both, and both ends are there. */
#include <inttypes.h>

#include "core/closure.h"
#include "core/dyngroup.h"
#include "core/verify_impl.h"

enum { DOWN_KEY_BYTES = 8 + 1 + 8 };

static char
kind_of(const struct idm_entry *member)
{
	return idm_entry_has_class(member, "group") ? IDM_MEMBER_GROUP : IDM_MEMBER_ACCOUNT;
}

static bool
is_a_group(struct verify *v, uint64_t id)
{
	struct idm_entry group;

	return verify_entry(v, id, &group) && idm_entry_is_live(&group) &&
	       idm_entry_has_class(&group, "group") && !idm_closure_is_by_class(&v->read, id);
}

/* --- from the group's side */

static void
check_member(struct verify *v, uint64_t group_id, char kind, uint64_t id)
{
	struct idm_entry member;
	struct idm_ids above;
	char text[VERIFY_NAME_BYTES];

	v->totals.edges++;
	if (!verify_entry(v, id, &member) || !idm_entry_is_live(&member)) {
		verify_found(v, IDM_FINDING_EDGE,
		    "down: group %" PRIu64 " lists id %" PRIu64 ", which is no live entry",
		    group_id, id);
		return;
	}
	if (kind_of(&member) != kind)
		verify_found(v, IDM_FINDING_EDGE,
		    "down: group %" PRIu64 " lists %s as a member of "
		    "another kind",
		    group_id, verify_entry_text(&member, text));
	if (idm_closure_listed_by(&v->read, id, &above, &v->err) == IDM_OK &&
	    !idm_ids_has(&above, group_id))
		verify_found(v, IDM_FINDING_EDGE,
		    "down: group %" PRIu64 " lists %s, whose own list of groups lacks it", group_id,
		    verify_entry_text(&member, text));
}

static void
check_down(struct verify *v, struct idm_span key, struct idm_span container)
{
	struct idm_window window;
	uint64_t group_id, no;
	char text[VERIFY_NAME_BYTES];

	if (key.len != DOWN_KEY_BYTES ||
	    (key.ptr[8] != IDM_MEMBER_GROUP && key.ptr[8] != IDM_MEMBER_ACCOUNT)) {
		verify_found(
		    v, IDM_FINDING_EDGE, "down: %s is no key", verify_octets_text(key, text));
		return;
	}
	group_id = idm_store_load_u64(key.ptr);
	no = idm_store_load_u64(key.ptr + 9);
	idm_window_clear(&window);
	if (idm_container_decode(container, &window, &v->err) != IDM_OK) {
		verify_found(v, IDM_FINDING_EDGE, "down: members of group %" PRIu64 ": %s",
		    group_id, v->err.text);
		return;
	}
	if (!is_a_group(v, group_id))
		verify_found(v, IDM_FINDING_EDGE,
		    "down: id %" PRIu64 " lists members and is no live group that takes some",
		    group_id);
	for (uint64_t id = idm_window_next(&window, no, no << IDM_WINDOW_BITS); id != UINT64_MAX;
	     id = idm_window_next(&window, no, id + 1)) {
		struct idm_arena_mark mark = idm_arena_mark(v->read.arena);

		check_member(v, group_id, (char)key.ptr[8], id);
		idm_arena_rewind(v->read.arena, mark);
	}
}

/* --- from the member's side */

static void
check_group(struct verify *v, const struct idm_entry *member, uint64_t group_id)
{
	uint64_t no = idm_window_of(member->id);
	struct idm_window window;
	struct idm_span container;
	uint8_t key[DOWN_KEY_BYTES];
	char text[VERIFY_NAME_BYTES];
	enum idm_result result;

	idm_store_u64(group_id, key);
	key[8] = (uint8_t)kind_of(member);
	idm_store_u64(no, key + 9);
	idm_window_clear(&window);
	result = verify_get(v, IDM_DB_DOWN, idm_span_of(key, sizeof(key)), &container);
	if (result == IDM_OK)
		result = idm_container_decode(container, &window, &v->err);
	if ((result == IDM_OK || result == IDM_NOT_FOUND) && !idm_window_has(&window, member->id))
		verify_found(v, IDM_FINDING_EDGE,
		    "up: %s is in group %" PRIu64 ", whose own list of members lacks it",
		    verify_entry_text(member, text), group_id);
}

static void
check_up(struct verify *v, struct idm_span key, struct idm_span row)
{
	uint64_t id = key.len == 8 ? idm_store_load_u64(key.ptr) : 0;
	struct idm_entry member;
	struct idm_ids above;

	if (!verify_entry(v, id, &member)) {
		verify_found(
		    v, IDM_FINDING_EDGE, "up: id %" PRIu64 " is in groups and is no entry", id);
		return;
	}
	if (row.len == 0 || idm_packed_decode(row, &above, v->read.arena, &v->err) != IDM_OK) {
		verify_found(v, IDM_FINDING_EDGE, "up: groups of id %" PRIu64 " do not decode", id);
		return;
	}
	for (size_t i = 0; i < above.count; i++)
		check_group(v, &member, above.ids[i]);
}

/* --- dynamic groups, whose members the digest does not have */

/* Is an entry on the list of dynamic groups, and in those of them that its filter puts it into? */
static void
check_dynamic(struct verify *v, struct idm_span key, struct idm_span flat)
{
	const struct idm_dyngroups *groups = v->part;
	uint64_t id = key.len == 8 ? idm_store_load_u64(key.ptr) : 0;
	struct idm_entry entry;
	struct idm_ids above;
	char text[VERIFY_NAME_BYTES];

	if (idm_entry_view(flat, id, &entry, &v->err) != IDM_OK ||
	    idm_closure_listed_by(&v->read, id, &above, &v->err) != IDM_OK)
		return; /* told before */
	if (idm_ids_has(&groups->ids, id) != (idm_dyngroup_is(&entry) && idm_entry_is_live(&entry)))
		verify_found(v, IDM_FINDING_EDGE,
		    "meta: %s is on the list of dynamic groups and is none, or is not on it",
		    verify_entry_text(&entry, text));
	for (size_t i = 0; i < groups->ids.count; i++) {
		bool is = idm_ids_has(&above, groups->ids.ids[i]), wanted;

		if (idm_dyngroups_match(&v->read, groups, i, &entry, &wanted, &v->err) == IDM_OK &&
		    is != wanted)
			verify_found(v, IDM_FINDING_EDGE,
			    "dynamic group %" PRIu64 " %s %s by its filter, and %s",
			    groups->ids.ids[i], wanted ? "holds" : "does not hold",
			    verify_entry_text(&entry, text), is ? "lists it" : "does not list it");
	}
}

void
verify_edges(struct verify *v)
{
	struct idm_arena_mark mark = idm_arena_mark(v->read.arena);
	struct idm_dyngroups groups;

	verify_walk(v, IDM_DB_DOWN, "members", check_down);
	verify_walk(v, IDM_DB_UP, "memberships", check_up);
	if (idm_dyngroups_load(&v->read, &groups, &v->err) == IDM_OK) {
		v->part = &groups;
		verify_walk(v, IDM_DB_ENTRIES, "dynamic groups", check_dynamic);
	} else {
		verify_found(v, IDM_FINDING_EDGE, "dynamic groups: %s", v->err.text);
	}
	idm_arena_rewind(v->read.arena, mark);
}
