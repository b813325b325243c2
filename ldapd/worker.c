#include "ldapd/worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "core/authenticate.h"
#include "core/policy.h"
#include "core/validity.h"
#include "ldapd/log.h"
#include "ldapd/revoked.h"
#include "ldapd/sandbox.h"
#include "ldapd/supervisor.h"

enum {
	RIGHTS_BYTES = 256 * 1024,
	ACCEPTS_A_TURN = 64,
	SLICES_A_TURN = 16,
	TURN_MS = 2,                           /* and no further slice behind that */
	CORE_BACKLOG_BYTES = 16 * 1024 * 1024, /* the core process has not taken: busy above it */
};

struct idm_now
worker_now(const struct worker *worker)
{
	return idm_store_now(worker->store, clock_now_s());
}

/* --- rights, kept as long as nothing changes */

/* Who may be bound many times: what tells one login's rights from another's.  Until when each of
 * them lasts is not a matter of rights. */
static bool
same_login(const struct idm_identity *a, const struct idm_identity *b)
{
	return a->kind == b->kind && a->high_privilege == b->high_privilege &&
	       a->credential_no == b->credential_no && idm_uuid_equal(&a->uuid, &b->uuid) &&
	       idm_uuid_equal(&a->session, &b->session);
}

static struct worker_rights *
find_rights(struct worker *worker, const struct idm_identity *identity)
{
	struct worker_rights *oldest = &worker->rights[0];

	for (size_t i = 0; i < WORKER_RIGHTS; i++) {
		struct worker_rights *rights = &worker->rights[i];

		if (rights->applied != 0 && same_login(&rights->identity, identity))
			return rights;
		if (rights->used < oldest->used)
			oldest = rights;
	}
	oldest->applied = 0;
	return oldest;
}

/* What the account itself says: until when it may go on, and how much it may search. */
static enum idm_result
resolve_account(const struct idm_read *read, struct worker_rights *rights, struct idm_error *err)
{
	struct idm_entry account;
	struct idm_policy policy;
	enum idm_result result = idm_lookup_uuid(read, &rights->identity.uuid, &account, err);

	rights->border_s = 0;
	rights->search_limit = UINT32_MAX;
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	if (result == IDM_OK)
		result = idm_policy_of(read, &account, &policy, err);
	if (result != IDM_OK)
		return result;
	rights->border_s = idm_validity_border_s(&account, read->now);
	rights->search_limit = policy.search_limit;
	return IDM_OK;
}

static enum idm_result
resolve_rights(struct worker *worker, const struct idm_read *read, struct worker_rights *rights,
    struct idm_error *err)
{
	enum idm_result result = idm_auth_recheck(read, NULL, &rights->identity, err);

	if (result == IDM_OK)
		result = idm_access_table_refresh(read, &worker->table, err);
	if (rights->arena == NULL)
		rights->arena = idm_arena_new(RIGHTS_BYTES);
	else
		idm_arena_reset(rights->arena);
	if (rights->arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	if (result == IDM_OK)
		result = idm_access_resolve(
		    read, worker->table, &rights->identity, rights->arena, &rights->access, err);
	return result == IDM_OK ? resolve_account(read, rights, err) : result;
}

enum idm_result
worker_rights_of(struct worker *worker, const struct idm_read *read,
    const struct idm_identity *identity, const struct worker_rights **out, struct idm_error *err)
{
	struct worker_rights *rights = find_rights(worker, identity);
	uint64_t hold_changes = idm_store_hold_changes(worker->store);
	uint64_t applied;
	enum idm_result result =
	    idm_store_get_number(read->txn, IDM_DB_META, "applied", &applied, err);

	if (result != IDM_OK)
		return result;
	if (identity->expire_s <= read->now.at_s)
		return idm_fail(err, IDM_DENIED, "the token or session expired");
	rights->used = ++worker->rights_clock;
	if (rights->applied != applied || rights->hold_changes != hold_changes ||
	    read->now.at_s >= rights->border_s) {
		rights->applied = 0;
		rights->hold_changes = hold_changes;
		rights->identity = *identity;
		result = resolve_rights(worker, read, rights, err);
		if (result != IDM_OK)
			return result;
		rights->applied = applied;
	}
	*out = rights;
	return IDM_OK;
}

int64_t
worker_login_border_s(const struct worker_rights *rights, const struct idm_identity *identity)
{
	return identity->expire_s < rights->border_s ? identity->expire_s : rights->border_s;
}

/* --- the core process */

static struct request **
bucket_of(struct worker *worker, uint64_t seq)
{
	return &worker->by_seq[seq % WORKER_SEQ_BUCKETS];
}

void
worker_ask(struct request *request, struct ipc_frame *frame)
{
	struct worker *worker = request->conn->worker;
	struct request **bucket;

	request->seq = ++worker->seq;
	if (frame->type == IPC_BIND)
		frame->bind.seq = request->seq;
	else
		frame->operation.seq = request->seq;
	bucket = bucket_of(worker, request->seq);
	request->next_waiting = *bucket;
	*bucket = request;
	if (channel_waiting(worker->channel) < CORE_BACKLOG_BYTES &&
	    channel_send(worker->channel, frame))
		return;
	conn_set_state(request->conn, CONN_READY);
	request_respond(request, LDAP_BUSY, "");
}

static void
unlink_waiting(struct request **at, const struct request *request)
{
	while (*at != NULL && *at != request)
		at = &(*at)->next_waiting;
	if (*at != NULL)
		*at = request->next_waiting;
}

void
worker_forget(struct request *request)
{
	struct worker *worker = request->conn->worker;

	if (request->seq != 0)
		unlink_waiting(bucket_of(worker, request->seq), request);
	request->seq = 0;
	if (!request->waiting)
		return;
	unlink_waiting(&worker->waiting, request);
	worker->waiting_end = &worker->waiting;
	while (*worker->waiting_end != NULL)
		worker->waiting_end = &(*worker->waiting_end)->next_waiting;
	request->waiting = false;
}

/* The request that asked; it no longer waits. */
static struct request *
take_asked(struct worker *worker, uint64_t seq)
{
	struct request *request = *bucket_of(worker, seq);

	while (request != NULL && request->seq != seq)
		request = request->next_waiting;
	if (request != NULL)
		worker_forget(request);
	return request;
}

static void
on_bound(struct worker *worker, const struct ipc_bound *bound)
{
	struct request *request = take_asked(worker, bound->seq);
	struct ipc_frame release = { .type = IPC_RELEASE };
	struct conn *conn;

	if (request == NULL) { /* the client has gone meanwhile */
		release.release.handle = bound->handle;
		if (bound->handle != 0)
			channel_send(worker->channel, &release);
		return;
	}
	conn = request->conn;
	bind_answered(request, bound);
	conn_settle(conn);
}

static void
on_done(struct worker *worker, const struct ipc_done *done)
{
	struct request *request = take_asked(worker, done->seq);
	struct conn *conn;

	if (request == NULL)
		return;
	conn = request->conn;
	forward_answered(request, done);
	conn_settle(conn);
}

static bool
on_frame(void *context, const struct ipc_frame *frame)
{
	struct worker *worker = context;

	switch (frame->type) {
	case IPC_BOUND: on_bound(worker, &frame->bound); return true;
	case IPC_DONE: on_done(worker, &frame->done); return true;
	case IPC_REVOKED: revoked_handle(worker, &frame->revoked); return true;
	case IPC_BIND:
	case IPC_OPERATION:
	case IPC_RELEASE:
	case IPC_COUNTS: break;
	}
	return false;
}

static void
on_core_closed(void *context)
{
	struct worker *worker = context;

	log_error("worker: the core process is gone");
	event_base_loopbreak(worker->base);
}

/* --- searches that yielded */

static void
put_last(struct worker *worker, struct request *request)
{
	request->waiting = true;
	request->next_waiting = NULL;
	*worker->waiting_end = request;
	worker->waiting_end = &request->next_waiting;
}

/* A timer, not event_active: what is active is served before others are polled for. */
void
worker_go_on(struct worker *worker)
{
	static const struct timeval at_once = { 0, 0 };

	event_add(worker->turn_event, &at_once);
}

void
worker_wait(struct request *request)
{
	put_last(request->conn->worker, request);
	worker_go_on(request->conn->worker);
}

void
worker_read_on(struct conn *conn)
{
	if (!conn->queued)
		TAILQ_INSERT_TAIL(&conn->worker->unread, conn, unread_link);
	conn->queued = true;
	worker_go_on(conn->worker);
}

void
worker_forget_conn(struct conn *conn)
{
	if (conn->queued)
		TAILQ_REMOVE(&conn->worker->unread, conn, unread_link);
	conn->queued = false;
}

/* As many as are in the list now, so that one that comes back waits for the next turn. */
static void
read_on(struct worker *worker)
{
	struct conn *conn;
	size_t left = 0;

	for (conn = TAILQ_FIRST(&worker->unread); conn != NULL;
	     conn = TAILQ_NEXT(conn, unread_link))
		left++;
	for (; left != 0 && (conn = TAILQ_FIRST(&worker->unread)) != NULL; left--) {
		worker_forget_conn(conn);
		conn_go_on(conn);
	}
}

/* Whoever waits and has room has another turn; whose client must take output first is `starved`, so
 * that conn_settle asks for one. */
static void
ask_for_turns(struct worker *worker)
{
	bool more = false;

	for (struct request *r = worker->waiting; r != NULL; r = r->next_waiting) {
		r->conn->starved = !conn_has_room(r->conn);
		more = more || !r->conn->starved;
	}
	if (more)
		worker_go_on(worker);
}

/* One slice each, in turn; none is begun when all of them took their time. */
static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	uint64_t begun_ms = clock_monotonic_ms();

	(void)fd;
	(void)what;
	read_on(worker);
	for (int i = 0; i < SLICES_A_TURN && worker->waiting != NULL; i++) {
		struct request *request = worker->waiting;
		struct conn *conn = request->conn;

		if (i != 0 && clock_monotonic_ms() >= begun_ms + TURN_MS)
			break;
		worker_forget(request);
		if (!conn_has_room(conn)) {
			put_last(worker, request);
			continue;
		}
		request->resume(request);
		conn_settle(conn);
	}
	ask_for_turns(worker);
}

/* --- listeners */

struct listener {
	struct worker *worker;
	struct event *event;
	bool local;
	bool paused; /* until the next second */
};

/* IPv6 counts by /64: a host has all of it.  An IPv4 address stands alone, also when mapped. */
static void
source_of(const struct sockaddr_storage *addr, char text[CONN_SOURCE_BYTES],
    uint8_t key[CONN_SOURCE_KEY_BYTES])
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)addr;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)addr;

	memset(key, 0, CONN_SOURCE_KEY_BYTES);
	if (addr->ss_family == AF_INET) {
		inet_ntop(AF_INET, &v4->sin_addr, text, CONN_SOURCE_BYTES);
		memcpy(key, &v4->sin_addr, 4);
	} else if (addr->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text, CONN_SOURCE_BYTES);
		memcpy(key, v6->sin6_addr.s6_addr + 12, 4);
	} else if (addr->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &v6->sin6_addr, text, CONN_SOURCE_BYTES);
		memcpy(key, v6->sin6_addr.s6_addr, CONN_SOURCE_KEY_BYTES);
	} else {
		snprintf(text, CONN_SOURCE_BYTES, "ldapi");
		memset(key, 0xff, CONN_SOURCE_KEY_BYTES);
	}
}

static bool
within_limits(struct worker *worker, const uint8_t key[CONN_SOURCE_KEY_BYTES])
{
	uint32_t same = 0;

	if (worker->conn_count >= worker->conn_limit) {
		worker->counts.of[COUNT_REFUSED_ALL]++;
		return false;
	}
	for (const struct conn *conn = worker->conns; conn != NULL; conn = conn->next)
		same += memcmp(conn->source_key, key, CONN_SOURCE_KEY_BYTES) == 0;
	if (same < worker->source_limit)
		return true;
	worker->counts.of[COUNT_REFUSED_SOURCE]++;
	return false;
}

static bool
is_short(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* False, with errno: there is none now. */
static bool
accept_one(struct worker *worker, int listen_fd, bool local)
{
	struct sockaddr_storage addr = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(addr);
	char source[CONN_SOURCE_BYTES];
	uint8_t key[CONN_SOURCE_KEY_BYTES];
	int fd = accept4(listen_fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) /* what failed otherwise was that connection (accept(2)) */
		return errno != EAGAIN && !is_short(errno);
	source_of(&addr, source, key);
	if (!within_limits(worker, key)) {
		log_warn("%s: too many connections, one more refused", source);
		close(fd);
	} else if (!conn_open(worker, fd, source, key, local)) {
		log_error("%s: out of memory for a connection", source);
	}
	return true;
}

/* Without descriptors the listener would be readable for ever: look again in a second. */
static void
pause_listener(struct listener *listener)
{
	log_warn("can't accept connections: %s", strerror(errno));
	event_del(listener->event);
	listener->paused = true;
}

static void
resume_listeners(struct worker *worker)
{
	for (size_t i = 0; i <= CONFIG_ADDRESSES_MAX; i++) {
		struct listener *listener = &worker->listeners[i];

		if (listener->paused)
			event_add(listener->event, NULL);
		listener->paused = false;
	}
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct listener *listener = arg;

	(void)what;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		if (accept_one(listener->worker, fd, listener->local))
			continue;
		if (errno != EAGAIN)
			pause_listener(listener);
		return;
	}
}

static bool
listen_on(struct worker *worker, struct listener *listener, int fd, bool local)
{
	listener->worker = worker;
	listener->local = local;
	listener->event = event_new(worker->base, fd, EV_READ | EV_PERSIST, on_accept, listener);
	return listener->event != NULL && event_add(listener->event, NULL) == 0;
}

/* --- once a second */

static void
tell_counts(struct worker *worker)
{
	struct ipc_frame frame = { .type = IPC_COUNTS, .counts = worker->counts };

	if (memcmp(&worker->counts, &worker->counts_told, sizeof(worker->counts)) == 0)
		return;
	worker->counts_told = worker->counts;
	channel_send(worker->channel, &frame);
}

static void
on_second(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	uint64_t now_ms = clock_monotonic_ms();
	struct idm_now now = worker_now(worker);
	struct conn *next;

	(void)fd;
	(void)what;
	for (struct conn *conn = worker->conns; conn != NULL; conn = next) {
		next = conn->next;
		conn_check(conn, now_ms, now);
		conn_settle(conn);
	}
	resume_listeners(worker);
	tell_counts(worker);
}

/* --- the supervisor: a new certificate, or the end */

static void
on_control(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	struct tls_material material;
	struct idm_error err = { .text = "" };
	SSL_CTX *tls;

	(void)what;
	switch (supervisor_receive_material(fd, &material)) {
	case SUPERVISOR_WORKER:
	case SUPERVISOR_BACKED_UP:
	case SUPERVISOR_BACKUP_FAILED:
	case SUPERVISOR_AGAIN: return;
	case SUPERVISOR_GONE: event_base_loopbreak(worker->base); return;
	case SUPERVISOR_MATERIAL: break;
	}
	if (tls_context_new(&material, &tls, &err) == IDM_OK) {
		SSL_CTX_free(worker->tls); /* connections keep it as long as they last */
		worker->tls = tls;
		log_info("worker: the certificate was loaded anew");
	} else {
		log_error("worker: the certificate stays as it was: %s", err.text);
	}
	tls_material_free(&material);
}

static void
on_term(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(worker->base);
}

/* --- start and end */

static struct event *
add_event(struct worker *worker, int fd, short what, event_callback_fn callback, long seconds)
{
	struct timeval every = { .tv_sec = seconds };
	struct event *event = event_new(worker->base, fd, what | EV_PERSIST, callback, worker);

	if (event != NULL && event_add(event, seconds == 0 ? NULL : &every) != 0) {
		event_free(event);
		return NULL;
	}
	return event;
}

static uint32_t
share_of(uint32_t limit, uint32_t workers)
{
	return (limit + workers - 1) / workers;
}

static void
set_limits(struct worker *worker)
{
	const struct server_limits *limits = &worker->config->limits;

	worker->limits = ldap_limits_default;
	worker->limits.filter_depth = limits->filter_depth;
	worker->limits.filter_nodes = limits->filter_nodes;
	worker->limits.attributes_asked = limits->attributes;
	worker->limits.controls = limits->controls;
	worker->conn_limit = share_of(limits->connections, worker->config->workers);
	worker->source_limit = share_of(limits->connections_per_source, worker->config->workers);
}

static bool
set_up_loop(struct worker *worker, const struct worker_start *start)
{
	worker->base = event_base_new();
	if (worker->base == NULL)
		return false;
	worker->channel =
	    channel_new(worker->base, start->core_fd, on_frame, on_core_closed, worker);
	worker->turn_event = evtimer_new(worker->base, on_turn, worker);
	worker->read_buffer = malloc(WORKER_READ_BYTES);
	worker->listeners = calloc(CONFIG_ADDRESSES_MAX + 1, sizeof(*worker->listeners));
	if (worker->channel == NULL || worker->turn_event == NULL || worker->read_buffer == NULL ||
	    worker->listeners == NULL)
		return false;
	for (size_t i = 0; i < start->listen_count; i++) {
		if (!listen_on(worker, &worker->listeners[i], start->listen_fds[i], false))
			return false;
	}
	if (start->local_fd >= 0 &&
	    !listen_on(worker, &worker->listeners[CONFIG_ADDRESSES_MAX], start->local_fd, true))
		return false;
	worker->second_event = add_event(worker, -1, 0, on_second, 1);
	worker->control_event = add_event(worker, start->control_fd, EV_READ, on_control, 0);
	return worker->second_event != NULL && worker->control_event != NULL;
}

static void
close_conns(struct worker *worker)
{
	while (worker->conns != NULL) {
		struct conn *conn = worker->conns;

		conn_disconnect(conn, LDAP_UNAVAILABLE, "the server is stopping");
		conn_settle(conn);
		if (worker->conns == conn)
			conn_free(conn);
	}
}

static void
free_memory(struct worker *worker)
{
	while (worker->spare != NULL) {
		struct request *request = worker->spare;

		worker->spare = request->next;
		idm_arena_free(&request->arena);
		free(request);
	}
	for (size_t i = 0; i < WORKER_RIGHTS; i++)
		idm_arena_free(&worker->rights[i].arena);
	free(worker->read_buffer);
}

static void
free_event(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

static void
free_loop(struct worker *worker)
{
	for (size_t i = 0; worker->listeners != NULL && i <= CONFIG_ADDRESSES_MAX; i++)
		free_event(worker->listeners[i].event);
	free(worker->listeners);
	free_event(worker->second_event);
	free_event(worker->control_event);
	free_event(worker->turn_event);
	channel_free(&worker->channel);
	if (worker->base != NULL)
		event_base_free(worker->base);
}

/* The tree, before the first request asks for it: to read a bind's name, for one. */
static enum idm_result
load_tree(struct worker *worker, struct idm_error *err)
{
	struct idm_arena *arena = idm_arena_new(WORKER_REQUEST_BYTES);
	struct idm_txn txn;
	struct idm_read read;
	enum idm_result result;

	if (arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = idm_store_read_begin(worker->store, &txn, err);
	if (result == IDM_OK) {
		result = idm_read_attach(&txn, arena, worker_now(worker), &read, err);
		if (result == IDM_OK)
			result = tree_refresh(&read, &worker->tree, err);
		idm_store_read_end(&txn);
	}
	idm_arena_free(&arena);
	return result;
}

void
worker_close(struct worker **worker)
{
	struct worker *w = *worker;

	if (w == NULL)
		return;
	close_conns(w);
	free_memory(w);
	free_loop(w);
	SSL_CTX_free(w->tls);
	idm_groups_free(&w->groups);
	tree_free(&w->tree);
	idm_access_table_free(&w->table);
	idm_store_close(&w->store);
	free(w);
	*worker = NULL;
}

static enum idm_result
open_all(struct worker *worker, const struct worker_start *start, struct idm_error *err)
{
	enum idm_result result;

	if (!set_up_loop(worker, start))
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = idm_store_open_reader(start->config->db_path, &worker->store, err);
	if (result == IDM_OK)
		result = load_tree(worker, err);
	if (result == IDM_OK && start->listen_count != 0)
		result = tls_context_new(start->tls, &worker->tls, err);
	return result;
}

enum idm_result
worker_open(const struct worker_start *start, struct worker **out, struct idm_error *err)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	enum idm_result result;

	*out = NULL;
	if (worker == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	worker->config = start->config;
	worker->waiting_end = &worker->waiting;
	TAILQ_INIT(&worker->unread);
	worker->conn_no = start->number;
	set_limits(worker);
	worker->groups = idm_groups_new(IDM_GROUPS_BYTES); /* without, it is slower */
	result = open_all(worker, start, err);
	if (result == IDM_OK)
		*out = worker;
	else
		worker_close(&worker);
	return result;
}

/* Until told to end; false: it did not begin. */
static bool
serve(struct worker *worker, int control_fd)
{
	struct event *term_event = add_event(worker, SIGTERM, EV_SIGNAL, on_term, 0);

	if (term_event == NULL) {
		supervisor_report(control_fd, "out of memory");
		return false;
	}
	supervisor_report(control_fd, NULL);
	event_base_dispatch(worker->base);
	event_free(term_event);
	return true;
}

int
worker_run(const struct worker_start *start)
{
	struct worker *worker;
	struct idm_error err = { .text = "" };
	enum idm_result result = worker_open(start, &worker, &err);
	bool served = false;

	if (result == IDM_OK)
		result = sandbox_worker(start->config->db_path, &err);
	if (result == IDM_OK)
		served = serve(worker, start->control_fd);
	else
		supervisor_report(start->control_fd, err.text);
	worker_close(&worker);
	return served ? EXIT_SUCCESS : EXIT_FAILURE;
}
