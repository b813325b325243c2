/* The second pass of an import: members, managers, and what else names other entries. */
#include "common/import_impl.h"

#include <stdlib.h>

enum {
	MEMBERS_AT_ONCE = 10000, /* in one change */
	FIRST_GROUPS = 1 << 10,
	QUOTE_MAX = 100, /* octets of a value, in a text */
};

/* --- whom a value names */

static enum idm_result
find_named(struct import *import, const struct idm_read *read,
    const struct import_reference *reference, struct idm_entry *out)
{
	struct idm_error why;
	struct idm_uuid uuid;
	enum idm_result result;

	if (reference->is_name)
		return idm_lookup_text(read, reference->text, out, import->err);
	if (import_names_find(import->names, reference->text, import->arena, &uuid) == IDM_OK)
		return idm_lookup_uuid(read, &uuid, out, import->err);
	result = tree_find_text(read, &import->tree->suffix, reference->text, out, &why);
	if (result == IDM_SYSTEM || result == IDM_CORRUPT)
		return idm_fail(import->err, result, "%s", why.text);
	return result == IDM_OK ? IDM_OK : IDM_NOT_FOUND;
}

/* Somebody may be in a group: an account, or by DN a group. */
static bool
is_member(const struct import_reference *reference, const struct idm_entry *entry)
{
	return idm_entry_has_class(entry, "account") ||
	       (!reference->is_name && idm_entry_has_class(entry, "group"));
}

static void
tell_missing(struct import *import, const struct import_reference *reference)
{
	int len = reference->text.len < QUOTE_MAX ? (int)reference->text.len : QUOTE_MAX;
	struct idm_error why;

	idm_refuse(&why, IDM_CONSTRAINT,
	    "%.*s%s is neither taken from the file nor in the database: correct it, or leave it "
	    "out",
	    len, (const char *)reference->text.ptr, reference->text.len > QUOTE_MAX ? "..." : "");
	import_problem_of(import, reference->line, reference->type, &why);
}

/* *found false: it was told why not. */
static enum idm_result
resolve(struct import *import, const struct idm_read *read,
    const struct import_reference *reference, struct import_member *out, bool *found)
{
	struct idm_entry entry;
	enum idm_result result = find_named(import, read, reference, &entry);

	if (result != IDM_OK && result != IDM_NOT_FOUND)
		return result;
	*found = result == IDM_OK &&
		 (reference->attr->number != IDM_ATTR_MEMBER || is_member(reference, &entry));
	if (result == IDM_NOT_FOUND)
		tell_missing(import, reference);
	else if (!*found)
		import_problem(import, reference->line, reference->type,
		    "it names neither an account nor a group: leave it out");
	else
		*out = (struct import_member){ entry.id, entry.uuid, reference->line,
			reference->type };
	return IDM_OK;
}

/* --- changes of one entry */

/* One change: values of one attribute, by their uuids. */
static enum idm_result
add_values(struct import *import, const struct idm_uuid *target, const struct idm_attr *attr,
    const struct import_member *members, size_t count, struct idm_error *why)
{
	struct idm_arena_mark mark = idm_arena_mark(import->arena);
	char(*texts)[IDM_UUID_TEXT] = idm_arena_array(import->arena, count, sizeof(*texts));
	struct idm_span *values = idm_arena_array(import->arena, count, sizeof(*values));
	struct idm_request_mod mod = { IDM_REQUEST_ADD, attr, values, count };
	struct idm_request request = {
		.operation = IDM_OP_MODIFY, .target = *target, .mods = &mod, .mod_count = 1
	};
	enum idm_result result;

	if (texts == NULL || values == NULL)
		return idm_fail(why, IDM_LIMIT, "a group has too many members");
	for (size_t i = 0; i < count; i++) {
		idm_uuid_format(&members[i].uuid, texts[i]);
		values[i] = idm_span_cstr(texts[i]);
	}
	result = idm_bulk_run(import->request->bulk, &request, NULL, why);
	idm_arena_rewind(import->arena, mark);
	return result;
}

/* All at once, and where that is refused one by one, to find out which can't be taken. */
static enum idm_result
add_or_tell(struct import *import, const struct idm_uuid *target, const struct idm_attr *attr,
    const struct import_member *members, size_t count)
{
	struct idm_error why = { .text = "" };
	enum idm_result result = add_values(import, target, attr, members, count, &why);

	if (idm_bulk_is_broken(import->request->bulk))
		return idm_fail(import->err, result, "%s", why.text);
	if (result == IDM_OK && attr->number == IDM_ATTR_MEMBER)
		import->totals->memberships += count;
	if (result != IDM_OK && count == 1)
		import_problem_of(import, members[0].line, members[0].type, &why);
	if (result == IDM_OK || count == 1)
		return IDM_OK;
	result = IDM_OK;
	for (size_t i = 0; i < count && result == IDM_OK; i++)
		result = add_or_tell(import, target, attr, &members[i], 1);
	return result;
}

static int
compare_members(const void *a, const void *b)
{
	const struct import_member *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* In the order of their ids, each once: so they are written fastest. */
static size_t
sort_members(struct import_member *members, size_t count)
{
	size_t kept = 0;

	if (count > 1)
		qsort(members, count, sizeof(*members), compare_members);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || members[kept - 1].id != members[i].id)
			members[kept++] = members[i];
	}
	return kept;
}

static enum idm_result
add_members(struct import *import, const struct idm_uuid *target, const struct idm_attr *attr,
    struct import_member *members, size_t count)
{
	enum idm_result result = IDM_OK;

	count = sort_members(members, count);
	for (size_t at = 0; at < count && result == IDM_OK; at += MEMBERS_AT_ONCE) {
		size_t some = count - at < MEMBERS_AT_ONCE ? count - at : MEMBERS_AT_ONCE;

		result = add_or_tell(import, target, attr, members + at, some);
	}
	return result;
}

/* --- the references of a record */

/* Resolve all of one attribute, from `at` on; they become done. */
static enum idm_result
add_attr(struct import *import, const struct idm_read *read, const struct idm_uuid *target,
    const struct import_entry *entry, const struct idm_attr *attr)
{
	struct import_member *members =
	    idm_arena_array(import->arena, entry->reference_count, sizeof(*members));
	size_t count = 0;
	enum idm_result result = IDM_OK;

	if (members == NULL)
		return idm_fail(import->err, IDM_LIMIT, "a group has too many members");
	for (size_t i = 0; i < entry->reference_count && result == IDM_OK; i++) {
		bool found = false;

		if (entry->references[i].attr != attr)
			continue;
		result = resolve(import, read, &entry->references[i], &members[count], &found);
		count += found;
	}
	return result == IDM_OK ? add_members(import, target, attr, members, count) : result;
}

/* Each attribute once, where it is met first. */
static enum idm_result
add_references(
    struct import *import, const struct import_entry *entry, const struct idm_uuid *target)
{
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < entry->reference_count && result == IDM_OK; i++) {
		const struct idm_attr *attr = entry->references[i].attr;
		const struct idm_read *read;
		size_t first = 0;

		while (entry->references[first].attr != attr)
			first++;
		if (first != i)
			continue;
		read = idm_bulk_read(import->request->bulk, import->err);
		result = read == NULL ? IDM_SYSTEM : add_attr(import, read, target, entry, attr);
	}
	return result;
}

/* --- the first groups of accounts, gathered: many have the same one */

static enum idm_result
note_first_group(struct import *import, uint64_t group_id, const struct import_member *member)
{
	if (import->first_group_count == import->first_group_room) {
		size_t room =
		    import->first_group_room == 0 ? FIRST_GROUPS : 2 * import->first_group_room;
		struct import_first_group *groups =
		    realloc(import->first_groups, room * sizeof(*groups));

		if (groups == NULL)
			return idm_fail(import->err, IDM_SYSTEM, "out of memory");
		import->first_groups = groups;
		import->first_group_room = room;
	}
	import->first_groups[import->first_group_count++] =
	    (struct import_first_group){ group_id, *member };
	return IDM_OK;
}

static enum idm_result
find_first_group(
    struct import *import, const struct import_entry *entry, const struct idm_uuid *target)
{
	const struct idm_read *read = idm_bulk_read(import->request->bulk, import->err);
	const struct import_member member = { 0, *target, entry->primary_gid_line,
		IDM_SPAN_LIT("gidNumber") };
	uint8_t norm[4];
	struct idm_entry group;
	enum idm_result result;

	if (read == NULL)
		return IDM_SYSTEM;
	idm_uint32_store(entry->primary_gid, norm);
	result = idm_lookup_claim(
	    read, IDM_CLAIM_GID, idm_span_of(norm, sizeof(norm)), &group, import->err);
	if (result != IDM_OK && result != IDM_NOT_FOUND)
		return result;
	if (result == IDM_OK && idm_entry_has_class(&group, "group"))
		return note_first_group(import, group.id, &member);
	import_problem(import, member.line, member.type,
	    "no group has this gidNumber: import one, or leave it out; an account's own number is "
	    "its uidNumber");
	return IDM_OK;
}

static int
compare_first_groups(const void *a, const void *b)
{
	const struct import_first_group *x = a, *y = b;

	if (x->group_id != y->group_id)
		return x->group_id < y->group_id ? -1 : 1;
	return compare_members(&x->member, &y->member);
}

/* `groups` are those of one group. */
static enum idm_result
add_first_group(struct import *import, const struct import_first_group *groups, size_t count)
{
	const struct idm_read *read = idm_bulk_read(import->request->bulk, import->err);
	struct import_member *members;
	struct idm_uuid target;
	struct idm_entry entry;
	enum idm_result result;

	idm_arena_reset(import->arena);
	members = idm_arena_array(import->arena, count, sizeof(*members));
	if (members == NULL)
		return idm_fail(import->err, IDM_LIMIT, "a group has too many members");
	if (read == NULL)
		return IDM_SYSTEM;
	for (size_t i = 0; i < count; i++) {
		members[i] = groups[i].member;
		result = idm_lookup_uuid(read, &members[i].uuid, &entry, import->err);
		if (result != IDM_OK)
			return result;
		members[i].id = entry.id;
	}
	result = idm_lookup_id(read, groups[0].group_id, &entry, import->err);
	if (result != IDM_OK)
		return result;
	target = entry.uuid;
	return add_members(
	    import, &target, idm_schema_attr_number(read->schema, IDM_ATTR_MEMBER), members, count);
}

static enum idm_result
add_first_groups(struct import *import)
{
	struct import_first_group *groups = import->first_groups;
	size_t count = import->first_group_count;
	enum idm_result result = IDM_OK;

	if (count > 1)
		qsort(groups, count, sizeof(*groups), compare_first_groups);
	for (size_t at = 0, end; at < count && result == IDM_OK; at = end) {
		for (end = at; end < count && groups[end].group_id == groups[at].group_id;)
			end++;
		result = add_first_group(import, groups + at, end - at);
	}
	return result;
}

/* --- the pass */

/* What can't be taken was told in the first pass. */
static bool
tell_nobody(void *ctx, uint64_t number, struct idm_span type, const char *why)
{
	(void)ctx;
	(void)number;
	(void)type;
	(void)why;
	return true;
}

static enum idm_result
add_record(struct import *import, const struct ldif_record *record)
{
	const struct import_reporter reporter = { tell_nobody, NULL };
	const struct idm_read *read = idm_bulk_read(import->request->bulk, import->err);
	struct import_entry entry;
	struct idm_uuid target;
	uint32_t gid;
	enum idm_result result;

	if (read == NULL)
		return IDM_SYSTEM;
	result = import_map(read->schema, record, &reporter, import->arena, &entry, import->err);
	if (result != IDM_OK)
		return result;
	if (import_names_find(import->names, entry.dn, import->arena, &target) != IDM_OK)
		return idm_fail(import->err, IDM_SYSTEM, "the file was changed while it was read");
	result = add_references(import, &entry, &target);
	if (result == IDM_OK && entry.primary_gid_line != 0 &&
	    (!idm_uint32_parse(import_own_gid(&entry), &gid) || gid != entry.primary_gid))
		result = find_first_group(import, &entry, &target);
	return result;
}

static bool
has_second(const struct import *import)
{
	for (size_t i = 0; i < import->record_count; i++) {
		if (import->second[i])
			return true;
	}
	return false;
}

enum idm_result
import_references(struct import *import)
{
	struct ldif_record record;
	enum idm_result result;

	if (!has_second(import))
		return IDM_OK;
	result = ldif_file_rewind(import->request->ldif, import->err);
	for (size_t i = 0; i < import->record_count && result == IDM_OK; i++) {
		if (i % IMPORT_PROGRESS_RECORDS == 0)
			result = import_progress(import, "memberships");
		idm_arena_reset(import->arena);
		if (result == IDM_OK)
			result = ldif_file_next(import->request->ldif, &record, import->err);
		if (result == IDM_NOT_FOUND)
			return idm_fail(
			    import->err, IDM_SYSTEM, "the file was changed while it was read");
		if (result == IDM_OK && import->second[i])
			result = add_record(import, &record);
	}
	return result == IDM_OK ? add_first_groups(import) : result;
}
