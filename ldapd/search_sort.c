/* A search whose entries are sent in an order (RFC 2891), in pages or not. */
#include "ldapd/search_impl.h"

#include <xxhash.h>

#include "core/store.h"
#include "ldapd/worker.h"

enum { COLLECT_BYTES = 256 * 1024 }; /* of keys: so much in one slice */

/* --- what was asked, by which a page is told to be of the same search */

/* The protocolOp of a message, as it was sent. */
static struct idm_span
op_of(struct idm_span pdu)
{
	bool bad = false;
	struct ber_reader top = ber_reader_of(pdu, &bad);
	struct ber_reader message = ber_read_nested(&top, BER_SEQUENCE);

	ber_read_integer(&message, BER_INTEGER, 0, LDAP_MESSAGE_ID_MAX);
	return ber_read_octets(&message, LDAP_SEARCH_REQUEST);
}

static uint64_t
hash_of(struct idm_span octets)
{
	return XXH3_64bits(octets.ptr, octets.len);
}

static void
hash_request(const struct searching *s, uint8_t out[SORTER_REQUEST_BYTES])
{
	idm_store_u64(hash_of(op_of(s->request->pdu)), out);
	idm_store_u64(hash_of(s->sort.value), out + SORTER_REQUEST_BYTES / 2);
}

/* --- beginning */

static void
release_sorter(void *thing)
{
	struct sorter *sorter = thing;

	sorter_unref(&sorter);
}

/* The search has a sorter, whose reference goes with the request; NULL, false: out of memory. */
static bool
take_sorter(struct searching *s, struct sorter *sorter)
{
	s->sorter = sorter;
	if (sorter != NULL && !idm_arena_hold(s->request->arena, sorter, release_sorter))
		sorter_unref(&s->sorter);
	return s->sorter != NULL;
}

static bool
new_sorter(struct searching *s)
{
	struct worker *worker = s->request->conn->worker;
	const struct server_limits *limits = &worker->config->limits;

	worker->sorting.max_bytes = limits->sort_total_bytes;
	return take_sorter(s, sorter_new(limits->sort_bytes, &worker->sorting));
}

/* The list of this connection that a page is to come from, if it is one of this search. */
static bool
find_pages(struct searching *s)
{
	const struct paging_place *place = &s->paging.place;
	const struct conn *conn = s->request->conn;
	uint8_t request[SORTER_REQUEST_BYTES];

	if (!s->sort.asked || conn->sorted == NULL || place->conn_no != conn->no ||
	    place->list_no != conn->sorted->pages.no || place->position >= conn->sorted->count)
		return false;
	hash_request(s, request);
	if (memcmp(request, conn->sorted->pages.request, sizeof(request)) != 0)
		return false;
	s->position = place->position;
	s->phase = PHASE_SORTED;
	return take_sorter(s, sorter_ref(conn->sorted));
}

/* A cookie without a list was given for a search that could not be sorted, and goes on so. */
static bool
go_on_unsorted(struct searching *s)
{
	if (s->sort_code == LDAP_SUCCESS)
		s->sort_code = LDAP_UNWILLING_TO_PERFORM;
	return !s->sort.critical;
}

enum ldap_result_code
search_sort_begin(struct searching *s, const char **text)
{
	const struct paging_place *place = &s->paging.place;

	*text = PAGING_NOT_OURS;
	if (place->list_no != 0)
		return find_pages(s) ? LDAP_SUCCESS : LDAP_UNWILLING_TO_PERFORM;
	if (!s->sort.asked)
		return LDAP_SUCCESS;
	if (place->next_id != 0)
		return go_on_unsorted(s) ? LDAP_SUCCESS : LDAP_UNWILLING_TO_PERFORM;
	if (s->sort_code == LDAP_SUCCESS) {
		s->phase = PHASE_COLLECTING;
		return LDAP_SUCCESS;
	}
	*text = "entries cannot be sorted so";
	return s->sort.critical ? LDAP_UNAVAILABLE_CRITICAL_EXTENSION : LDAP_SUCCESS;
}

/* --- collecting */

static enum stop
cannot_sort(struct searching *s, enum idm_result result)
{
	s->sort_code = result == IDM_LIMIT ? LDAP_ADMIN_LIMIT_EXCEEDED : LDAP_BUSY;
	return STOP_UNSORTED;
}

static enum stop
collect(struct searching *s, const struct idm_entry *entry, const struct idm_attrset *readable)
{
	struct idm_span key;
	enum idm_result result = sort_order_key(&s->view, entry, readable, &s->order, &key, s->err);

	if (result != IDM_OK) {
		s->result = result;
		return STOP_FAILED;
	}
	s->sorter_bytes += key.len;
	result = sorter_add(s->sorter, key, entry->id);
	return result == IDM_OK ? STOP_NOT : cannot_sort(s, result);
}

static bool
sort_found(void *context, const struct idm_read *read, const struct idm_entry *entry,
    const struct idm_attrset *readable)
{
	struct searching *s = context;
	struct idm_arena_mark mark = idm_arena_mark(read->arena);

	if (!search_is_in_scope(s, entry))
		return true;
	s->stop = collect(s, entry, readable);
	idm_arena_rewind(read->arena, mark);
	return s->stop == STOP_NOT && s->sorter_bytes < COLLECT_BYTES;
}

enum idm_result
search_sort_collect(struct searching *s, const struct request_read *read)
{
	s->sorter_bytes = 0;
	if (s->sorter == NULL && !new_sorter(s)) {
		s->stop = cannot_sort(s, IDM_BUSY);
		return IDM_OK;
	}
	return idm_search_slice(
	    &s->search, &read->read, SEARCH_SLICE_ENTRIES, sort_found, s, s->err);
}

void
search_sort_end(struct searching *s, bool counts)
{
	if (s->phase != PHASE_COLLECTING || s->sorter == NULL)
		return;
	if (counts)
		sorter_keep(s->sorter);
	else
		sorter_forget(s->sorter);
}

void
search_sort_finish(struct searching *s)
{
	s->phase = PHASE_SORTED;
	s->position = 0;
	s->search.done = false;
}

void
search_sort_give_up(struct searching *s)
{
	if (s->sorter != NULL)
		sorter_clear(s->sorter);
	s->phase = PHASE_UNSORTED;
	s->search.next_id = 0;
	s->search.many = false;
	s->search.done = false;
}

/* --- sending */

static size_t
least_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* One more than is wanted, which shows that there is more. */
size_t
search_sort_next(struct searching *s, uint64_t ids[SEARCH_SLICE_ENTRIES])
{
	size_t count = least_of(s->sorter->count - s->position, SEARCH_SLICE_ENTRIES);

	count = least_of(count, (size_t)(s->limit - s->sent) + 1);
	if (s->paging.asked)
		count = least_of(count, (size_t)(s->paging.size - s->sent) + 1);
	for (size_t i = 0; i < count; i++)
		ids[i] = sorter_at(s->sorter, s->position + i);
	return count;
}

struct paging_place
search_sort_place(struct searching *s)
{
	struct conn *conn = s->request->conn;
	struct sorter *sorter = s->sorter;

	if (conn->sorted != sorter) {
		sorter_unref(&conn->sorted);
		conn->sorted = sorter_ref(sorter);
		sorter->pages.no = ++conn->sorted_no;
		hash_request(s, sorter->pages.request);
	}
	return (struct paging_place){
		.conn_no = conn->no, .list_no = sorter->pages.no, .position = s->position
	};
}

void
search_sort_forget(struct conn *conn, const struct sorter *sorter)
{
	if (conn->sorted == sorter)
		sorter_unref(&conn->sorted);
}
