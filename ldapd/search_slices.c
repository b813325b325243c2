/* The slices in which a search runs, and what is sent of what they find. */
#include "ldapd/search_impl.h"

#include "common/clock.h"
#include "ldapd/worker.h"

enum { CONTROLS = 2 /* of a response: pages and order */ };

/* --- answers */

/* What cannot be made for want of memory is left out. */
static void
add_control(
    struct ldap_controls *controls, struct ldap_control *list, const struct ldap_control *control)
{
	if (control != NULL)
		list[controls->count++] = *control;
}

void
search_respond(struct searching *s, enum ldap_result_code code, const char *text,
    const struct paging_place *place)
{
	static const struct paging_place nowhere;
	struct idm_arena *arena = s->request->arena;
	struct ldap_result result = { .code = code, .text = idm_span_cstr(text) };
	struct ldap_control list[CONTROLS];
	struct ldap_controls controls = { list, 0 };

	if (s->paging.asked)
		add_control(
		    &controls, list, paging_control(arena, place != NULL ? place : &nowhere));
	if (s->sort.asked && code != LDAP_ASSERTION_FAILED && code != LDAP_UNWILLING_TO_PERFORM)
		add_control(&controls, list, sort_control(arena, s->sort_code, s->sort_fault));
	request_respond_full(s->request, &result, controls);
}

/* --- entries */

enum stop
search_write_entry(
    struct searching *s, const struct idm_entry *entry, const struct idm_attrset *readable)
{
	const struct ldap_message *message = &s->request->message;
	struct conn *conn = s->request->conn;
	struct idm_arena_mark mark = idm_arena_mark(s->view.read->arena);
	struct view_progress progress = { .budget = LARGE_ENTRY_VALUES };
	struct ldap_entry_writer writer;
	uint8_t dn[TREE_DN_BYTES];

	if (s->large_attempts >=
	    SEARCH_ATTEMPTS) /* it changes faster than it is written in turns */
		progress.budget = UINT32_MAX;
	ldap_entry_begin(&writer, &conn->out, message->message_id,
	    tree_dn(s->view.suffix, entry, dn), message->search.types_only);
	s->result =
	    view_write(&s->view, entry, readable, &s->selection, &progress, &writer, s->err);
	idm_arena_rewind(s->view.read->arena, mark);
	if (s->result != IDM_OK) {
		ldap_entry_cancel(&writer);
		return STOP_FAILED;
	}
	if (progress.more && !conn->out.failed)
		return search_put_off(s, &writer, &progress, entry, readable);
	if (!ldap_entry_end(&writer, (struct ldap_controls){ NULL, 0 }))
		return STOP_TOO_LARGE;
	s->large_attempts = 0;
	s->sent++;
	conn->worker->counts.of[COUNT_ENTRIES]++;
	return STOP_NOT;
}

/* Below a container stand its own entries, and none that gave up its name. */
bool
search_is_in_scope(const struct searching *s, const struct idm_entry *entry)
{
	if (s->container == DN_CONTAINER_NONE)
		return true;
	return tree_container(entry) == s->container ||
	       tree_container_itself(entry) == s->container;
}

static bool
search_found(void *context, const struct idm_read *read, const struct idm_entry *entry,
    const struct idm_attrset *readable)
{
	struct searching *s = context;

	(void)read;
	if (!search_is_in_scope(s, entry))
		return true;
	if (s->sent == s->limit)
		s->stop = STOP_SIZE;
	else if (s->paging.asked && s->sent == s->paging.size)
		s->stop = STOP_PAGE;
	else if (!conn_has_room(s->request->conn))
		s->stop = STOP_ROOM;
	else
		s->stop = search_write_entry(s, entry, readable);
	s->stop_id = entry->id;
	return s->stop == STOP_NOT;
}

/* --- slices */

static void search_resume(struct request *request);

void
search_yield(struct searching *s)
{
	request_yield(s->request, s->base ? search_resume_base : search_resume);
}

void
search_set_next(struct searching *s, uint64_t id, bool sent)
{
	if (s->phase == PHASE_SORTED)
		s->position += sent;
	else
		s->search.next_id = id + sent;
	s->search.done = s->phase == PHASE_SORTED && s->position == s->sorter->count;
}

static void
end_page(struct searching *s)
{
	struct paging_place place = { .next_id = s->stop_id };

	if (s->phase == PHASE_SORTED)
		place = search_sort_place(s);
	search_respond(s, LDAP_SUCCESS, "", &place);
}

/* All that there was to be found was found. */
static void
end_walk(struct searching *s)
{
	if (s->phase == PHASE_COLLECTING) {
		search_sort_finish(s);
		request_yield(s->request, search_resume);
		return;
	}
	if (s->phase == PHASE_SORTED)
		search_sort_forget(s->request->conn, s->sorter);
	search_respond(s, LDAP_SUCCESS, "", NULL);
}

/* Where the order was asked for and cannot be had (RFC 2891 section 2). */
static void
end_sort(struct searching *s)
{
	if (s->sort.critical) {
		search_respond(
		    s, LDAP_UNAVAILABLE_CRITICAL_EXTENSION, "too many entries to sort them", NULL);
		return;
	}
	search_sort_give_up(s);
	request_yield(s->request, search_resume);
}

void
search_go_on(struct searching *s)
{
	switch (s->stop) {
	case STOP_FAILED: request_fail(s->request, s->result, s->err); return;
	case STOP_SIZE: search_respond(s, LDAP_SIZE_LIMIT_EXCEEDED, "", NULL); return;
	case STOP_PAGE: end_page(s); return;
	case STOP_TOO_LARGE:
		search_respond(s, LDAP_ADMIN_LIMIT_EXCEEDED,
		    "an entry is too large: ask for less of it", NULL);
		return;
	case STOP_UNSORTED: end_sort(s); return;
	case STOP_LARGE: search_yield_large(s); return;
	case STOP_ROOM: search_set_next(s, s->stop_id, false); break;
	case STOP_NOT: break;
	}
	if (s->search.done)
		end_walk(s);
	else
		search_yield(s);
}

/* The next entries of a list in order; a stop leaves the one that was not sent to be the next. */
static enum idm_result
send_sorted(struct searching *s, const struct request_read *read)
{
	uint64_t ids[SEARCH_SLICE_ENTRIES];
	size_t count = search_sort_next(s, ids);
	size_t tested = 0;
	enum idm_result result =
	    idm_search_list(&s->search, &read->read, ids, count, &tested, search_found, s, s->err);

	if (s->stop != STOP_NOT)
		tested--;
	s->position += tested;
	s->search.done = s->position == s->sorter->count;
	return result;
}

static enum idm_result
walk(struct searching *s, const struct request_read *read)
{
	switch (s->phase) {
	case PHASE_COLLECTING: return search_sort_collect(s, read);
	case PHASE_SORTED: return send_sorted(s, read);
	case PHASE_UNSORTED: break;
	}
	return idm_search_slice(
	    &s->search, &read->read, SEARCH_SLICE_ENTRIES, search_found, s, s->err);
}

/* One slice in a snapshot that has begun; IDM_BUSY: it grew too old, and nothing was sent. */
static enum idm_result
run_slice(struct searching *s, const struct request_read *read)
{
	struct ber_writer *out = &s->request->conn->out;
	struct idm_arena_mark mark;
	struct idm_search search = s->search;
	uint32_t sent = s->sent;
	size_t position = s->position;
	size_t len = out->len;
	enum idm_result result = search_resolve(s, read);

	if (result != IDM_OK)
		return result;
	mark = idm_arena_mark(s->request->arena);
	s->search.access = read->access;
	s->stop = STOP_NOT;
	result = walk(s, read);
	idm_arena_rewind(s->request->arena, mark);
	if (result == IDM_OK && s->stop == STOP_FAILED)
		result = s->result;
	if (result == IDM_OK)
		result = request_read_check(read, s->err);
	search_sort_end(s, result == IDM_OK);
	if (result == IDM_BUSY) {
		large_entry_drop(&s->large);
		ber_writer_rewind(out, len);
		s->search = search;
		s->sent = sent;
		s->position = position;
	}
	return result;
}

void
search_step(struct searching *s, struct request_read *read, struct idm_error *err)
{
	enum idm_result result;

	s->err = err;
	result = run_slice(s, read);
	request_read_end(read);
	if (result == IDM_BUSY && ++s->attempts < SEARCH_ATTEMPTS) {
		request_yield(s->request, search_resume);
		return;
	}
	if (result != IDM_OK) {
		request_fail(s->request, result, err);
		return;
	}
	s->attempts = 0;
	search_go_on(s);
}

bool
search_is_late(struct searching *s)
{
	if (clock_monotonic_ms() < s->deadline_ms)
		return false;
	if (s->phase == PHASE_COLLECTING)
		s->sort_code = LDAP_TIME_LIMIT_EXCEEDED;
	search_respond(s, LDAP_TIME_LIMIT_EXCEEDED, "", NULL);
	return true;
}

static void
search_resume(struct request *request)
{
	struct searching *s = request->state;
	struct idm_error err = { 0 };
	struct request_read read;
	enum idm_result result;

	if (search_is_late(s))
		return;
	result = request_read_begin(request, &read, &err);
	if (result != IDM_OK)
		request_fail(request, result, &err);
	else
		search_step(s, &read, &err);
}
