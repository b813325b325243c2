/* Entries of a search that take several turns (large_entry.h). */
#include "ldapd/search_impl.h"

static void
release(void *large)
{
	large_entry_drop(large);
}

enum stop
search_put_off(struct searching *s, struct ldap_entry_writer *writer,
    const struct view_progress *progress, const struct idm_entry *entry,
    const struct idm_attrset *readable)
{
	struct request *request = s->request;

	if (!s->large_held)
		s->large_held = idm_arena_hold(request->arena, &s->large, release);
	if (s->large_held &&
	    large_entry_begin(&s->large, request->conn, writer, progress, entry, readable))
		return STOP_LARGE;
	ldap_entry_cancel(writer);
	if (s->large_held)
		return STOP_ROOM;
	s->result = idm_fail(s->err, IDM_SYSTEM, "out of memory");
	return STOP_FAILED;
}

/* Another part, if all is as it was when the entry was begun; IDM_BUSY: it is not. */
static enum idm_result
write_more(struct searching *s, const struct request_read *read)
{
	const struct idm_schema *schema = s->schema;
	enum idm_result result = search_resolve(s, read);

	if (result == IDM_OK && s->schema != schema)
		return IDM_BUSY;
	if (result == IDM_OK)
		result =
		    large_entry_go_on(&s->large, read, &s->view, &s->selection, &s->shown, s->err);
	return result == IDM_OK ? request_read_check(read, s->err) : result;
}

static void
begin_anew(struct searching *s)
{
	s->large_attempts++;
	large_entry_drop(&s->large);
	search_set_next(s, s->large.id, false);
	search_yield(s);
}

static void
finish(struct searching *s)
{
	s->large_attempts = 0;
	s->stop = STOP_NOT;
	if (large_entry_end(&s->large)) {
		s->sent++;
		search_set_next(s, s->large.id, true);
		s->search.done = s->search.done || s->base;
	} else {
		s->stop = STOP_TOO_LARGE;
	}
	search_go_on(s);
}

static void
resume(struct request *request)
{
	struct searching *s = request->state;
	struct idm_error err = { 0 };
	struct request_read read;
	enum idm_result result;

	if (search_is_late(s))
		return;
	s->err = &err;
	result = request_read_begin(request, &read, &err);
	if (result == IDM_OK) {
		result = write_more(s, &read);
		request_read_end(&read);
	}
	if (result == IDM_BUSY)
		begin_anew(s);
	else if (result != IDM_OK)
		request_fail(request, result, &err);
	else if (s->large.progress.more)
		search_yield_large(s);
	else
		finish(s);
}

void
search_yield_large(struct searching *s)
{
	request_yield(s->request, resume);
}
