/* What the audit trail says of a change: a record of each entry that it touched. */
#include "ldapd/core_audit.h"

#include <inttypes.h>
#include <stdio.h>

enum { ITEMS_TOLD = 256, NUMBER_TEXT = 16 };

static enum idm_audit_protocol
protocol_of(struct idm_span source)
{
	if (idm_span_is(source, "console"))
		return IDM_AUDIT_KANIDMD;
	if (idm_span_is(source, "core"))
		return IDM_AUDIT_INTERNAL;
	return idm_span_is(source, "ldapi") ? IDM_AUDIT_LDAPI : IDM_AUDIT_LDAP;
}

/* The server and its console have the null uuid, and so has admin. */
static bool
is_of_account(const struct idm_change_set *set)
{
	switch (protocol_of(set->source)) {
	case IDM_AUDIT_LDAP:
	case IDM_AUDIT_LDAPI:
	case IDM_AUDIT_RADIUS: return true;
	case IDM_AUDIT_INTERNAL:
	case IDM_AUDIT_KANIDMD: break;
	}
	return !idm_uuid_is_null(&set->actor);
}

/* What was done to one of several entries. */
static enum idm_audit_operation
operation_of_item(enum idm_item_kind kind)
{
	switch (kind) {
	case IDM_ITEM_CREATE: return IDM_AUDIT_CREATE;
	case IDM_ITEM_MODIFY: return IDM_AUDIT_MODIFY;
	case IDM_ITEM_RECYCLE: return IDM_AUDIT_DELETE;
	case IDM_ITEM_REVIVE: return IDM_AUDIT_REVIVE;
	case IDM_ITEM_TOMBSTONE: return IDM_AUDIT_TOMBSTONE;
	case IDM_ITEM_PURGE: return IDM_AUDIT_PURGE;
	case IDM_ITEM_SESSION: return IDM_AUDIT_SESSION_END;
	}
	return IDM_AUDIT_MODIFY;
}

static enum idm_audit_operation
operation_of_request(enum idm_operation operation)
{
	switch (operation) {
	case IDM_OP_CREATE: return IDM_AUDIT_CREATE;
	case IDM_OP_MODIFY: return IDM_AUDIT_MODIFY;
	case IDM_OP_DELETE: return IDM_AUDIT_DELETE;
	case IDM_OP_BOOTSTRAP: return IDM_AUDIT_BOOTSTRAP;
	case IDM_OP_RECOVER: return IDM_AUDIT_RECOVER;
	case IDM_OP_REVIVE: return IDM_AUDIT_REVIVE;
	case IDM_OP_TOMBSTONE: return IDM_AUDIT_TOMBSTONE;
	case IDM_OP_PURGE: return IDM_AUDIT_PURGE;
	case IDM_OP_RENAME_DOMAIN: return IDM_AUDIT_RENAME_DOMAIN;
	}
	return IDM_AUDIT_MODIFY;
}

/* The first entry is the one that was asked about. */
static enum idm_audit_operation
operation_of(const struct idm_change_set *set, size_t i)
{
	if (i == 0 && (set->operation == IDM_OP_RECOVER || set->operation == IDM_OP_RENAME_DOMAIN))
		return operation_of_request(set->operation);
	return operation_of_item(set->items[i].kind);
}

/* What the server keeps for itself. */
static bool
is_told(uint32_t attr_number)
{
	return attr_number != IDM_ATTR_LAST_MODIFIED && attr_number != IDM_ATTR_CREATED &&
	       attr_number != IDM_ATTR_UUID;
}

/* By its name; one that is no longer in the schema by its number. */
static void
name_attribute(const struct idm_read *read, struct idm_audit_record *record, uint32_t attr_number)
{
	const struct idm_attr *attr = idm_schema_attr_number(read->schema, attr_number);
	const char *name =
	    attr == NULL ? idm_arena_printf(read->arena, "%u", attr_number) : attr->name;

	if (name == NULL)
		record->attributes_left++;
	else if (is_told(attr_number))
		idm_audit_name_attribute(record, idm_span_cstr(name));
}

/* Of an entry that comes back or goes, all are meant. */
static void
name_attributes(
    const struct idm_read *read, const struct idm_item *item, struct idm_audit_record *record)
{
	if (item->kind != IDM_ITEM_CREATE && item->kind != IDM_ITEM_MODIFY &&
	    item->kind != IDM_ITEM_SESSION)
		return;
	for (size_t i = 0; i < item->mod_count; i++)
		name_attribute(read, record, item->mods[i].attr_number);
	for (size_t i = 0; i < item->secret_count; i++)
		name_attribute(read, record, item->secrets[i].attr_number);
	if (item->token_count != 0)
		name_attribute(read, record, IDM_ATTR_API_TOKEN_SESSION);
	if (item->kind == IDM_ITEM_SESSION)
		name_attribute(read, record, IDM_ATTR_USER_SESSION);
}

/* In the arena of `read`. */
static struct idm_span
name_of(const struct idm_read *read, const struct idm_uuid *uuid)
{
	char spn[IDM_SPN_MAX];
	struct idm_entry entry;

	if (idm_lookup_uuid(read, uuid, &entry, NULL) != IDM_OK)
		return IDM_SPAN_EMPTY;
	return idm_arena_copy(read->arena, core_audit_name(read, &entry, spn));
}

/* Where the records go. */
struct sink {
	enum idm_result (*each)(void *ctx, struct idm_audit_record *record, struct idm_error *err);
	void *ctx;
	struct idm_error *err;
};

/* One record of the whole change, or of the rest of it: `what` there was. */
static enum idm_result
tell_whole(const struct idm_change_set *set, const struct idm_audit_record *common, size_t count,
    const char *what, const struct sink *sink)
{
	struct idm_audit_record record = *common;
	char text[80];

	snprintf(text, sizeof(text), "%zu %s", count, what);
	record.reason = idm_span_cstr(text);
	record.operation = operation_of_request(set->operation);
	return sink->each(sink->ctx, &record, sink->err);
}

static enum idm_result
tell_item(const struct idm_read *read, const struct idm_change_set *set, size_t i,
    const struct idm_audit_record *common, const struct sink *sink)
{
	struct idm_arena_mark mark = idm_arena_mark(read->arena);
	struct idm_audit_record record = *common;
	enum idm_result result;

	record.operation = operation_of(set, i);
	record.has_target = true;
	record.target = set->items[i].uuid;
	record.target_name = name_of(read, &record.target);
	name_attributes(read, &set->items[i], &record);
	result = sink->each(sink->ctx, &record, sink->err);
	idm_arena_rewind(read->arena, mark);
	return result;
}

enum idm_result
core_audit_of_change(const struct idm_read *read, const struct idm_change_set *set,
    enum idm_result (*each)(void *ctx, struct idm_audit_record *record, struct idm_error *err),
    void *ctx, struct idm_error *err)
{
	const struct sink sink = { each, ctx, err };
	bool has_actor = is_of_account(set);
	const struct idm_audit_record common = { .at_s = set->at_s,
		.trusted = read->now.trusted,
		.protocol = protocol_of(set->source),
		.has_actor = has_actor,
		.actor = set->actor,
		.actor_name = has_actor ? name_of(read, &set->actor) : IDM_SPAN_EMPTY,
		.session = set->session,
		.source = set->source,
		.change_no = set->no };
	enum idm_result result = IDM_OK;

	if (set->operation == IDM_OP_BOOTSTRAP || set->item_count == 0)
		return tell_whole(set, &common, set->item_count, "entries", &sink);
	for (size_t i = 0; i < set->item_count && i < ITEMS_TOLD && result == IDM_OK; i++)
		result = tell_item(read, set, i, &common, &sink);
	if (result == IDM_OK && set->item_count > ITEMS_TOLD)
		result = tell_whole(set, &common, set->item_count - ITEMS_TOLD,
		    "other entries of the same change", &sink);
	return result;
}
