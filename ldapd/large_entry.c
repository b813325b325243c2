#include "ldapd/large_entry.h"

#include <string.h>

bool
large_entry_begin(struct large_entry *large, struct conn *conn,
    const struct ldap_entry_writer *writer, const struct view_progress *progress,
    const struct idm_entry *entry, const struct idm_attrset *readable)
{
	if (conn->large != NULL)
		return false;
	conn->large = large;
	*large = (struct large_entry){ .conn = conn,
		.writer = *writer,
		.progress = *progress,
		.id = entry->id,
		.version = entry->version,
		.readable = *readable };
	ber_writer_init(&large->out, conn->out.max);
	ldap_entry_move(&large->writer, &large->out);
	return true;
}

static void
keep_shown(struct idm_attrset *set, const struct idm_attrset *shown)
{
	for (size_t i = 0; i < IDM_ATTRSET_WORDS; i++)
		set->bits[i] &= shown->bits[i];
}

/* Is the entry what it was, to who asks? */
static enum idm_result
check_same(const struct large_entry *large, const struct request_read *read,
    const struct idm_attrset *shown, struct idm_entry *entry, struct idm_error *err)
{
	struct idm_attrset before = large->readable, now;
	enum idm_result result = idm_lookup_id(&read->read, large->id, entry, err);

	if (result == IDM_OK && entry->version != large->version)
		result = IDM_NOT_FOUND;
	if (result == IDM_OK)
		result = idm_access_search_for(&read->read, read->access, entry, shown, &now, err);
	if (result == IDM_NOT_FOUND)
		return IDM_BUSY;
	if (result != IDM_OK)
		return result;
	keep_shown(&before, shown);
	keep_shown(&now, shown);
	return memcmp(&before, &now, sizeof(now)) == 0 ? IDM_OK : IDM_BUSY;
}

enum idm_result
large_entry_go_on(struct large_entry *large, const struct request_read *read,
    const struct view *view, const struct view_selection *selection,
    const struct idm_attrset *shown, struct idm_error *err)
{
	struct idm_arena_mark mark = idm_arena_mark(read->read.arena);
	struct idm_entry entry;
	enum idm_result result = check_same(large, read, shown, &entry, err);

	large->progress.budget = LARGE_ENTRY_VALUES;
	if (result == IDM_OK)
		result = view_write(view, &entry, &large->readable, selection, &large->progress,
		    &large->writer, err);
	idm_arena_rewind(read->read.arena, mark);
	if (result == IDM_OK && large->out.failed)
		large->progress.more = false; /* large_entry_end says so */
	return result;
}

/* Behind what waits to be sent; where that is nothing, the block itself, so that there is one. */
static bool
send_block(struct large_entry *large)
{
	struct ber_writer *out = &large->conn->out;
	size_t len = out->len;

	if (len == 0) {
		ber_writer_free(out);
		*out = large->out;
		ber_writer_init(&large->out, 0);
		return true;
	}
	ber_write_raw(out, idm_span_of(large->out.data, large->out.len));
	if (!out->failed)
		return true;
	ber_writer_rewind(out, len);
	return false;
}

bool
large_entry_end(struct large_entry *large)
{
	bool whole = ldap_entry_end(&large->writer, (struct ldap_controls){ NULL, 0 });

	whole = whole && send_block(large);
	large_entry_drop(large);
	return whole;
}

void
large_entry_drop(struct large_entry *large)
{
	if (large->conn == NULL)
		return;
	large->conn->large = NULL;
	ber_writer_free(&large->out);
	large->conn = NULL;
}
