#include "common/import_impl.h"

#include <fnmatch.h>
#include <stdlib.h>

#include "core/builtin.h"

enum {
	ARENA_BYTES = 1 << 30, /* of one record: a group may bring a million members */
	FIRST_RECORDS = 1 << 12,
};

/* --- telling */

static bool
is_ignored(const struct import *import, struct idm_span type)
{
	char text[LDIF_TYPE_MAX_BYTES + 1];

	if (type.len == 0 || type.len >= sizeof(text))
		return false;
	memcpy(text, type.ptr, type.len);
	text[type.len] = '\0';
	for (size_t i = 0; i < import->request->ignore_count; i++) {
		if (fnmatch(import->request->ignore[i], text, FNM_CASEFOLD) == 0)
			return true;
	}
	return false;
}

bool
import_problem(struct import *import, uint64_t line, struct idm_span type, const char *why)
{
	if (is_ignored(import, type)) {
		import->totals->ignored++;
		return true;
	}
	import->totals->problems++;
	import->request->problem(import->request->ctx, line, type, why);
	return false;
}

bool
import_problem_of(
    struct import *import, uint64_t line, struct idm_span type, const struct idm_error *why)
{
	return import_problem(
	    import, line, type, why->client_text[0] != '\0' ? why->client_text : why->text);
}

static bool
tell_line(void *ctx, uint64_t number, struct idm_span type, const char *why)
{
	return import_problem(ctx, number, type, why);
}

enum idm_result
import_progress(const struct import *import, const char *what)
{
	const struct import_request *request = import->request;

	if (request->progress == NULL ||
	    request->progress(request->ctx, what, ldif_file_position(request->ldif),
		ldif_file_size(request->ldif)))
		return IDM_OK;
	return idm_fail(import->err, IDM_BUSY, "interrupted");
}

/* --- what refers to others comes later */

struct idm_span
import_own_gid(const struct import_entry *entry)
{
	for (size_t i = 0; i < entry->value_count; i++) {
		if (entry->values[i].attr->number == IDM_ATTR_GIDNUMBER)
			return entry->values[i].text;
	}
	return IDM_SPAN_EMPTY;
}

bool
import_needs_second(const struct import_entry *entry)
{
	uint32_t gid;

	if (entry->reference_count != 0)
		return true;
	return entry->primary_gid_line != 0 &&
	       (!idm_uint32_parse(import_own_gid(entry), &gid) || gid != entry->primary_gid);
}

static enum idm_result
note_second(struct import *import, bool needed)
{
	if (import->record_count == import->record_room) {
		size_t room = import->record_room == 0 ? FIRST_RECORDS : 2 * import->record_room;
		bool *second = realloc(import->second, room * sizeof(*second));

		if (second == NULL)
			return idm_fail(import->err, IDM_SYSTEM, "out of memory");
		import->second = second;
		import->record_room = room;
	}
	import->second[import->record_count++] = needed;
	return IDM_OK;
}

/* --- refusals: of which line are they? */

/* "mail takes ...", "the name root is ..." */
static bool
is_of_attr(const char *text, const struct idm_attr *attr)
{
	size_t len = strlen(attr->name);

	if (strncmp(text, "the ", 4) == 0)
		text += 4;
	return strncmp(text, attr->name, len) == 0 && (text[len] == ' ' || text[len] == ':');
}

/* The value that a refusal names; else the first of the attribute; NULL: it names none. */
static const struct import_value *
find_value(const struct import_entry *entry, const char *text)
{
	const struct import_value *found = NULL;

	for (size_t i = 0; i < entry->value_count; i++) {
		const struct import_value *value = &entry->values[i];

		if (!is_of_attr(text, value->attr))
			continue;
		if (value->text.len != 0 &&
		    memmem(text, strlen(text), value->text.ptr, value->text.len) != NULL)
			return value;
		if (found == NULL)
			found = value;
	}
	return found;
}

static void
tell_refusal(struct import *import, const struct import_entry *entry, const struct idm_error *why)
{
	const char *text = why->client_text[0] != '\0' ? why->client_text : why->text;
	const struct import_value *value = find_value(entry, text);

	if (value != NULL)
		import_problem(import, value->line, value->type, text);
	else
		import_problem(import, entry->line, IDM_SPAN_LIT("dn"), text);
}

/* Without these an entry is none, or is somebody else, or stays for ever. */
static bool
may_be_left_out(const struct idm_attr *attr)
{
	switch (attr->number) {
	case IDM_ATTR_CLASS:
	case IDM_ATTR_NAME:
	case IDM_ATTR_DISPLAYNAME:
	case IDM_ATTR_GIDNUMBER:
	case IDM_ATTR_ACCOUNT_VALID_FROM:
	case IDM_ATTR_ACCOUNT_EXPIRE: return false;
	default: return true;
	}
}

/*
 * Tell of each value that breaks its syntax, and leave it out.  *left_out: some were, and the
 * entry may do without.
 */
static enum idm_result
leave_faults_out(struct import *import, struct import_entry *entry, size_t *told, bool *left_out)
{
	size_t kept = 0;

	*told = 0;
	*left_out = true;
	for (size_t i = 0; i < entry->value_count; i++) {
		const struct import_value *value = &entry->values[i];
		struct idm_error why = { .text = "" };
		struct idm_value parsed;
		enum idm_result result =
		    idm_value_parse(value->attr, value->text, import->arena, &parsed, &why);

		if (result == IDM_LIMIT)
			return idm_fail(import->err, result, "an entry is too large");
		if (result == IDM_OK) {
			entry->values[kept++] = *value;
			continue;
		}
		++*told;
		import_problem_of(import, value->line, value->type, &why);
		*left_out = *left_out && may_be_left_out(value->attr);
	}
	entry->value_count = kept;
	*left_out = *left_out && *told != 0;
	return IDM_OK;
}

/* --- entries */

static bool
is_dynamic(const struct import_entry *entry)
{
	for (size_t i = 0; i < entry->value_count; i++) {
		if (entry->values[i].attr->number == IDM_ATTR_DYNGROUP_FILTER)
			return true;
	}
	return false;
}

static enum idm_result
create(struct import *import, const struct import_entry *entry, struct idm_uuid *made,
    struct idm_error *why)
{
	struct idm_request_secret secret = { .attr_number = IDM_ATTR_PRIMARY_CREDENTIAL,
		.plain = IDM_SPAN_EMPTY,
		.marker = "password" };
	struct idm_request request = { .operation = IDM_OP_CREATE };
	struct idm_request_mod *mods =
	    idm_arena_array(import->arena, entry->value_count, sizeof(*mods));
	enum idm_result result = IDM_OK;

	if (mods == NULL)
		return idm_fail(why, IDM_LIMIT, "an entry is too large");
	for (size_t i = 0; i < entry->value_count; i++)
		mods[i] = (struct idm_request_mod){ IDM_REQUEST_ADD, entry->values[i].attr,
			&entry->values[i].text, 1 };
	request.mods = mods;
	request.mod_count = entry->value_count;
	if (entry->has_uuid)
		request.target = entry->uuid;
	if (entry->hash != NULL) {
		secret.plain = idm_span_cstr(entry->hash);
		request.secrets = &secret;
		request.secret_count = 1;
	}
	/* Who is in a dynamic group is found by the index, which is behind. */
	if (is_dynamic(entry))
		result = idm_bulk_settle(import->request->bulk, why);
	return result == IDM_OK ? idm_bulk_run(import->request->bulk, &request, made, why) : result;
}

static void
count(struct import_totals *totals, enum import_kind kind)
{
	switch (kind) {
	case IMPORT_PERSON: totals->persons++; break;
	case IMPORT_SERVICE: totals->service_accounts++; break;
	case IMPORT_GROUP: totals->groups++; break;
	case IMPORT_RADIUS_CLIENT:
	case IMPORT_CONTAINER:
	case IMPORT_OTHER: totals->others++; break;
	}
}

/* Create it, a second time without what breaks a syntax; *taken false: it was told why not. */
static enum idm_result
create_or_tell(
    struct import *import, struct import_entry *entry, struct idm_uuid *made, bool *taken)
{
	struct idm_error why = { .text = "" };
	enum idm_result result = create(import, entry, made, &why);
	bool again = false;
	size_t told = 0;

	if (result == IDM_INVALID && !idm_bulk_is_broken(import->request->bulk)) {
		enum idm_result left = leave_faults_out(import, entry, &told, &again);

		if (left != IDM_OK)
			return left;
	}
	if (again)
		result = create(import, entry, made, &why);
	if (idm_bulk_is_broken(import->request->bulk))
		return idm_fail(import->err, result, "%s", why.text);
	*taken = result == IDM_OK;
	if (*taken)
		count(import->totals, entry->kind);
	else if (told == 0 || again)
		tell_refusal(import, entry, &why);
	return IDM_OK;
}

/* A built-in entry is there already; who is in it may be told by the file. */
static enum idm_result
find_builtin(struct import *import, const struct import_entry *entry, bool *found)
{
	const struct idm_read *read = idm_bulk_read(import->request->bulk, import->err);
	struct idm_entry builtin;
	enum idm_result result;

	*found = false;
	if (!entry->has_uuid || !idm_uuid_is_builtin(&entry->uuid))
		return IDM_OK;
	if (read == NULL)
		return IDM_SYSTEM;
	result = idm_lookup_uuid(read, &entry->uuid, &builtin, import->err);
	*found = result == IDM_OK;
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

static enum idm_result
import_entry(struct import *import, struct import_entry *entry)
{
	struct idm_uuid uuid = entry->uuid;
	bool taken = false;
	enum idm_result result = import_names_find(import->names, entry->dn, import->arena, &uuid);

	if (result == IDM_OK || result == IDM_DENIED) {
		import_problem(import, entry->line, IDM_SPAN_LIT("dn"),
		    "an entry of this name came before in the file: leave one of them out");
		return note_second(import, false);
	}
	result = find_builtin(import, entry, &taken);
	if (result == IDM_OK && !taken && !entry->is_refused)
		result = create_or_tell(import, entry, &uuid, &taken);
	if (result == IDM_OK && import_names_add(import->names, entry->dn, taken ? &uuid : NULL,
				    import->arena) == IDM_LIMIT)
		result = idm_fail(import->err, IDM_SYSTEM, "out of memory");
	if (result != IDM_OK)
		return result;
	return note_second(import, taken && import_needs_second(entry));
}

static enum idm_result
import_record(struct import *import, const struct ldif_record *record)
{
	const struct import_reporter reporter = { tell_line, import };
	const struct idm_read *read = idm_bulk_read(import->request->bulk, import->err);
	struct import_entry entry;
	enum idm_result result;

	if (read == NULL)
		return IDM_SYSTEM;
	result = import_map(read->schema, record, &reporter, import->arena, &entry, import->err);
	if (result != IDM_OK)
		return result;
	if (entry.kind == IMPORT_CONTAINER)
		import->totals->containers++;
	if (entry.kind == IMPORT_CONTAINER || entry.dn.len == 0 ||
	    (entry.kind == IMPORT_OTHER && !entry.is_refused))
		return note_second(import, false);
	return import_entry(import, &entry);
}

static enum idm_result
import_entries(struct import *import)
{
	struct ldif_record record;
	enum idm_result result = IDM_OK;

	while (result == IDM_OK) {
		if (import->record_count % IMPORT_PROGRESS_RECORDS == 0)
			result = import_progress(import, "entries");
		idm_arena_reset(import->arena);
		if (result == IDM_OK)
			result = ldif_file_next(import->request->ldif, &record, import->err);
		if (result == IDM_NOT_FOUND)
			return IDM_OK;
		if (result == IDM_OK)
			result = import_record(import, &record);
	}
	return result;
}

/* --- all of it */

static enum idm_result
begin(struct import *import)
{
	const struct idm_read *read = idm_bulk_read(import->request->bulk, import->err);

	if (read == NULL)
		return IDM_SYSTEM;
	import->arena = idm_arena_new(ARENA_BYTES);
	import->names = import_names_new();
	if (import->arena == NULL || import->names == NULL)
		return idm_fail(import->err, IDM_SYSTEM, "out of memory");
	return tree_refresh(read, &import->tree, import->err);
}

static void
end(struct import *import)
{
	idm_arena_free(&import->arena);
	import_names_free(&import->names);
	tree_free(&import->tree);
	free(import->second);
	free(import->first_groups);
}

enum idm_result
import_run(
    const struct import_request *request, struct import_totals *totals, struct idm_error *err)
{
	struct import import = { .request = request, .totals = totals, .err = err };
	enum idm_result result;

	memset(totals, 0, sizeof(*totals));
	result = begin(&import);
	if (result == IDM_OK)
		result = import_entries(&import);
	if (result == IDM_OK)
		result = import_references(&import);
	if (result == IDM_OK)
		result = idm_bulk_settle(request->bulk, err);
	end(&import);
	return result;
}
