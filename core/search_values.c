/* The values of stored and computed attributes, as clients see them. */
#include "core/search.h"

#include <assert.h>
#include <stdio.h>

#include "core/token_store.h"

/* Where values go, and whether more are wanted. */
struct sink {
	const struct idm_read *read;
	idm_value_emit emit;
	idm_reference_emit refer; /* takes references in its place; NULL: none does */
	void *context;
	uint64_t from_id; /* the first of the members that is wanted */
	bool stopped;
	struct idm_error *err;
};

static void
give(struct sink *sink, struct idm_span stored)
{
	if (!sink->stopped)
		sink->stopped = !sink->emit(sink->context, stored);
}

static void
give_stored(struct sink *sink, const struct idm_entry *entry, uint32_t number)
{
	struct idm_value_iter iter = idm_entry_values(entry, number);
	struct idm_value value;

	while (!sink->stopped && idm_value_next(&iter, &value))
		give(sink, value.stored);
}

static void
give_spn(struct sink *sink, const struct idm_entry *entry)
{
	char spn[IDM_SPN_MAX];

	if (idm_entry_has_spn(entry))
		give(sink, idm_span_of(spn, idm_lookup_spn(sink->read, entry, spn)));
}

/* A reference: the uuid of the entry with this id, or that entry. */
static enum idm_result
give_reference(struct sink *sink, uint64_t id)
{
	struct idm_entry entry;
	enum idm_result result = idm_lookup_id(sink->read, id, &entry, sink->err);

	if (result == IDM_NOT_FOUND)
		return idm_fail(sink->err, IDM_CORRUPT, "an edge names an entry that is gone");
	if (result != IDM_OK)
		return result;
	if (sink->refer != NULL)
		sink->stopped = !sink->refer(sink->context, &entry);
	else
		give(sink, idm_uuid_span(&entry.uuid));
	return IDM_OK;
}

static enum idm_result
give_groups(struct sink *sink, const struct idm_entry *entry, bool direct)
{
	struct idm_ids groups = { 0 };
	enum idm_result result = direct
				     ? idm_closure_direct(sink->read, entry, &groups, sink->err)
				     : idm_closure_memberof(sink->read, entry, &groups, sink->err);

	for (size_t i = 0; result == IDM_OK && !sink->stopped && i < groups.count; i++)
		result = give_reference(sink, groups.ids[i]);
	return result;
}

static enum idm_result
give_window(struct sink *sink, const struct idm_window *window, uint64_t no)
{
	uint64_t first = no << IDM_WINDOW_BITS;
	uint64_t id = idm_window_next(window, no, sink->from_id > first ? sink->from_id : first);
	enum idm_result result = IDM_OK;

	while (result == IDM_OK && !sink->stopped && id != UINT64_MAX) {
		result = give_reference(sink, id);
		id = idm_window_next(window, no, id + 1);
	}
	return result;
}

static enum idm_result
give_members(struct sink *sink, const struct idm_entry *group)
{
	uint64_t next_group = 0, next_account = 0;
	enum idm_result result = IDM_OK;

	for (uint64_t no = idm_window_of(sink->from_id);
	     result == IDM_OK && !sink->stopped && no != IDM_NO_WINDOW;
	     no = next_group < next_account ? next_group : next_account) {
		struct idm_window window;

		idm_window_clear(&window);
		result = idm_closure_members(
		    sink->read, group->id, IDM_MEMBER_GROUP, no, &window, &next_group, sink->err);
		if (result == IDM_OK)
			result = idm_closure_members(sink->read, group->id, IDM_MEMBER_ACCOUNT, no,
			    &window, &next_account, sink->err);
		if (result == IDM_OK)
			result = give_window(sink, &window, no);
	}
	return result;
}

static bool
shows_members(const struct idm_entry *entry, const struct idm_attr *attr)
{
	return idm_entry_has_class(entry, "group") && idm_entry_is_live(entry) &&
	       idm_entry_is_dynamic_group(entry) == (attr->number == IDM_ATTR_DYNMEMBER);
}

/* What is read from edges. */
static enum idm_result
give_edges(struct sink *sink, const struct idm_entry *entry, const struct idm_attr *attr)
{
	switch (attr->number) {
	case IDM_ATTR_MEMBEROF: return give_groups(sink, entry, false);
	case IDM_ATTR_DIRECTMEMBEROF: return give_groups(sink, entry, true);
	default: return shows_members(entry, attr) ? give_members(sink, entry) : IDM_OK;
	}
}

/* "ID ro|rw ISSUED EXPIRY|never LABEL": nothing that a token could be used by. */
static void
give_token(struct sink *sink, const struct idm_token_row *row)
{
	char text[IDM_UUID_TEXT + 2 * IDM_TIME_TEXT + IDM_TOKEN_LABEL_MAX + 8];
	char id[IDM_UUID_TEXT], issued[IDM_TIME_TEXT], expire[IDM_TIME_TEXT] = "never";
	int len;

	idm_uuid_format(&row->id, id);
	idm_time_format(row->issued_s, issued);
	if (row->expire_s != INT64_MAX)
		idm_time_format(row->expire_s, expire);
	len = snprintf(text, sizeof(text), "%s %s %s %s %.*s", id,
	    row->scope == IDM_SCOPE_READ_WRITE ? "rw" : "ro", issued, expire,
	    IDM_SPAN_ARG(row->label));
	give(sink, idm_span_of(text, (size_t)len));
}

static enum idm_result
give_tokens(struct sink *sink, const struct idm_entry *entry)
{
	struct idm_uuid *ids;
	size_t count;
	enum idm_result result = idm_token_list(
	    sink->read->txn, &entry->uuid, sink->read->arena, &ids, &count, sink->err);

	for (size_t i = 0; result == IDM_OK && !sink->stopped && i < count; i++) {
		struct idm_token_row row;

		result = idm_token_get(sink->read->txn, &ids[i], &row, sink->err);
		if (result == IDM_NOT_FOUND)
			return idm_fail(sink->err, IDM_CORRUPT, "an account's token is not there");
		if (result == IDM_OK)
			give_token(sink, &row);
	}
	return result;
}

static enum idm_result
give_all(struct sink *sink, const struct idm_entry *entry, const struct idm_attr *attr)
{
	switch (attr->number) {
	case IDM_ATTR_UUID: give(sink, idm_uuid_span(&entry->uuid)); return IDM_OK;
	case IDM_ATTR_SPN: give_spn(sink, entry); return IDM_OK;
	case IDM_ATTR_API_TOKEN_SESSION: return give_tokens(sink, entry);
	case IDM_ATTR_MEMBEROF:
	case IDM_ATTR_DIRECTMEMBEROF:
	case IDM_ATTR_MEMBER:
	case IDM_ATTR_DYNMEMBER: return give_edges(sink, entry, attr);
	default: give_stored(sink, entry, attr->number); return IDM_OK;
	}
}

enum idm_result
idm_search_values(const struct idm_read *read, const struct idm_entry *entry,
    const struct idm_attr *attr, idm_value_emit emit, void *context, struct idm_error *err)
{
	struct sink sink = { .read = read, .emit = emit, .context = context, .err = err };

	if ((attr->flags & (IDM_ATTR_LOCAL | IDM_ATTR_WRITE_ONLY)) != 0)
		return IDM_OK;
	return give_all(&sink, entry, attr);
}

enum idm_result
idm_search_references(const struct idm_read *read, const struct idm_entry *entry,
    const struct idm_attr *attr, uint64_t from_id, idm_reference_emit emit, void *context,
    struct idm_error *err)
{
	struct sink sink = {
		.read = read, .refer = emit, .context = context, .from_id = from_id, .err = err
	};

	assert(emit != NULL);
	assert((attr->flags & (IDM_ATTR_COMPUTED | IDM_ATTR_EDGE)) != 0 &&
	       attr->syntax == IDM_SYNTAX_REFERENCE);
	return give_edges(&sink, entry, attr);
}
