#include "ldapd/conn.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "common/clock.h"
#include "core/builtin.h"
#include "ldapd/log.h"
#include "ldapd/worker.h"

enum {
	READS_A_TURN = 4,                   /* then others have theirs */
	KEEP_OUT_BYTES = 4096,              /* an output block above this is not kept while idle */
	OUT_SLACK_BYTES = 16 * 1024 * 1024, /* one answer may go this far over the limit */
};

static uint64_t
after_s(uint32_t seconds)
{
	return clock_monotonic_ms() + UINT64_C(1000) * seconds;
}

void
conn_set_state(struct conn *conn, enum conn_state state)
{
	if (conn->state == CONN_CLOSING)
		return; /* there is no way back */
	conn->state = state;
}

static bool
is_bound(const struct conn *conn)
{
	return conn->handle != 0;
}

/* A client that does something may be idle again for so long, as an anonymous one or a bound one.
 */
static void
be_patient(struct conn *conn)
{
	const struct server_limits *limits = &conn->worker->config->limits;

	conn->idle_ms = after_s(is_bound(conn) ? limits->idle_s : limits->idle_unbound_s);
}

static size_t
message_limit(const struct conn *conn)
{
	const struct server_limits *limits = &conn->worker->config->limits;

	return is_bound(conn) ? limits->message_bytes : limits->message_bytes_unbound;
}

bool
conn_has_room(const struct conn *conn)
{
	return conn->out.len - conn->out_sent < conn->worker->config->limits.output_bytes;
}

static bool
may_begin(const struct conn *conn)
{
	return conn->state == CONN_READY && conn_has_room(conn) &&
	       conn->request_count < conn->worker->config->limits.outstanding;
}

/* --- output */

/* What is idle holds little: most connections are idle at any time. */
static void
output_all_sent(struct conn *conn)
{
	conn->stall_ms = 0;
	conn->out_sent = 0;
	if (conn->out.size > KEEP_OUT_BYTES) {
		size_t max = conn->out.max;

		ber_writer_free(&conn->out);
		ber_writer_init(&conn->out, max);
	} else {
		ber_writer_reset(&conn->out);
	}
}

/* Forget what has left: a client that is slow, but never stops, must not make the block grow. */
static void
forget_sent(struct conn *conn)
{
	size_t left = conn->out.len - conn->out_sent;

	if (conn->out_sent < left)
		return; /* moving less than was sent keeps the cost in proportion */
	memmove(conn->out.data, conn->out.data + conn->out_sent, left);
	ber_writer_rewind(&conn->out, left);
	conn->out_sent = 0;
}

static void
flush(struct conn *conn)
{
	while (!conn->broken && conn->out_sent < conn->out.len) {
		size_t sent = 0;
		enum stream_io io = stream_write(&conn->stream, conn->out.data + conn->out_sent,
		    conn->out.len - conn->out_sent, &sent);

		if (io == STREAM_END)
			conn->broken = true;
		if (io != STREAM_DONE) {
			if (conn->stall_ms == 0)
				conn->stall_ms =
				    after_s(conn->worker->config->limits.write_stall_s);
			forget_sent(conn);
			return;
		}
		conn->out_sent += sent;
		conn->worker->counts.of[COUNT_OCTETS_OUT] += sent;
		conn->stall_ms = 0;
	}
	if (conn->out_sent != 0)
		output_all_sent(conn);
}

void
conn_disconnect(struct conn *conn, enum ldap_result_code code, const char *text)
{
	if (conn->state == CONN_CLOSING)
		return;
	log_info("conn %llu %s disconnected: %s", (unsigned long long)conn->no, conn->source, text);
	if (code == LDAP_PROTOCOL_ERROR)
		conn->worker->counts.of[COUNT_ENDED_PROTOCOL]++;
	if (conn->state != CONN_HANDSHAKE)
		ldap_disconnection_encode(&conn->out, code, text);
	while (conn->requests != NULL)
		request_end(conn->requests);
	conn_set_state(conn, CONN_CLOSING);
}

/* --- input */

/* Begin the request that a whole PDU holds; the PDU is wiped, for it may hold a password. */
static void
take_pdu(struct conn *conn, uint8_t *pdu, size_t len)
{
	conn->in_pdu = false;
	conn->phase_ms = 0;
	be_patient(conn);
	request_begin(conn, idm_span_of(pdu, len));
	OPENSSL_cleanse(pdu, len);
}

/* A part of a PDU is there: the rest is to come before long. */
static void
begin_pdu(struct conn *conn)
{
	uint64_t deadline_ms = after_s(conn->worker->config->limits.pdu_s);

	if (conn->in_pdu)
		return;
	conn->in_pdu = true;
	if (conn->phase_ms == 0 || deadline_ms < conn->phase_ms)
		conn->phase_ms = deadline_ms;
}

/* Begin as many requests as may be; the number of octets that are used up. */
static size_t
take_pdus(struct conn *conn, uint8_t *data, size_t len)
{
	size_t pos = 0;

	while (may_begin(conn) && pos < len) {
		size_t total = 0;

		switch (ber_frame(data + pos, len - pos, message_limit(conn), &total)) {
		case BER_FRAME_MORE: begin_pdu(conn); return pos;
		case BER_FRAME_COMPLETE:
			take_pdu(conn, data + pos, total);
			pos += total;
			break;
		case BER_FRAME_BAD:
			conn_disconnect(conn, LDAP_PROTOCOL_ERROR, "not an LDAP message");
			break;
		case BER_FRAME_TOO_LARGE:
			conn_disconnect(conn, LDAP_PROTOCOL_ERROR, "the message is too large");
			break;
		}
	}
	return pos;
}

/* Keep what is left over until more comes. */
static bool
keep_input(struct conn *conn, const uint8_t *data, size_t len)
{
	if (len == 0)
		return true;
	if (conn->in_room < len) {
		uint8_t *in = malloc(len);

		if (in == NULL)
			return false;
		free(conn->in);
		conn->in = in;
		conn->in_room = len;
	}
	memcpy(conn->in, data, len);
	conn->in_len = len;
	return true;
}

static void
drop_input(struct conn *conn)
{
	if (conn->in != NULL)
		OPENSSL_cleanse(conn->in, conn->in_room);
	free(conn->in);
	conn->in = NULL;
	conn->in_len = conn->in_room = 0;
}

/* Go on with input that waited. */
static void
resume_input(struct conn *conn)
{
	size_t used;

	if (conn->in_len == 0 || !may_begin(conn))
		return;
	used = take_pdus(conn, conn->in, conn->in_len);
	memmove(conn->in, conn->in + used, conn->in_len - used);
	conn->in_len -= used;
	if (conn->in_len == 0)
		drop_input(conn);
}

/* Room behind the input that waits, for one more read. */
static bool
grow_input(struct conn *conn)
{
	size_t room = conn->in_len + WORKER_READ_BYTES;
	uint8_t *in;

	if (conn->in_room >= room)
		return true;
	in = malloc(room); /* not realloc: what it leaves behind may hold a password */
	if (in == NULL)
		return false;
	memcpy(in, conn->in, conn->in_len);
	OPENSSL_cleanse(conn->in, conn->in_room);
	free(conn->in);
	conn->in = in;
	conn->in_room = room;
	return true;
}

static void
took_input(struct conn *conn, size_t got)
{
	conn->in_len += got;
	conn->worker->counts.of[COUNT_OCTETS_IN] += got;
}

/* Most reads bring whole PDUs: they are served from the worker's buffer, and none is kept here. */
static enum stream_io
read_once(struct conn *conn)
{
	struct worker *worker = conn->worker;
	size_t got = 0;
	size_t used;
	enum stream_io io;

	if (conn->in_len != 0) {
		if (!grow_input(conn))
			return STREAM_END;
		io = stream_read(&conn->stream, conn->in + conn->in_len, WORKER_READ_BYTES, &got);
		if (io == STREAM_DONE)
			took_input(conn, got);
		resume_input(conn);
		return io;
	}
	io = stream_read(&conn->stream, worker->read_buffer, WORKER_READ_BYTES, &got);
	if (io != STREAM_DONE)
		return io;
	worker->counts.of[COUNT_OCTETS_IN] += got;
	used = take_pdus(conn, worker->read_buffer, got);
	if (conn->state != CONN_CLOSING &&
	    !keep_input(conn, worker->read_buffer + used, got - used))
		io = STREAM_END;
	OPENSSL_cleanse(worker->read_buffer + used, got - used);
	return io;
}

/*
 * What waits comes first: nothing is read on top of it, or a client that asks faster than it takes
 * would make the input grow.  What stays in the socket makes another event; what TLS holds is told
 * by `unread`.
 */
static void
read_input(struct conn *conn)
{
	resume_input(conn);
	for (int i = 0; i < READS_A_TURN && may_begin(conn); i++) {
		enum stream_io io = read_once(conn);

		conn->unread = io == STREAM_DONE && stream_has_pending(&conn->stream);
		if (io == STREAM_END)
			conn->broken = true;
		if (!conn->unread)
			return;
	}
}

static void
shake_hands(struct conn *conn)
{
	const struct server_limits *limits = &conn->worker->config->limits;

	switch (stream_shake_hands(&conn->stream)) {
	case STREAM_DONE:
		conn->worker->counts.of[COUNT_HANDSHAKES]++;
		conn_set_state(conn, CONN_READY);
		conn->phase_ms = after_s(limits->first_pdu_s);
		be_patient(conn);
		break;
	case STREAM_LATER: break;
	case STREAM_END:
		log_debug("conn %llu %s TLS handshake failed", (unsigned long long)conn->no,
		    conn->source);
		conn->worker->counts.of[COUNT_HANDSHAKES_FAILED]++;
		conn->broken = true;
		break;
	}
}

/* --- events */

static void
arm(struct event *event, bool *armed, bool wanted)
{
	if (*armed == wanted)
		return;
	*armed = wanted;
	if (wanted)
		event_add(event, NULL);
	else
		event_del(event);
}

static bool
is_over(const struct conn *conn)
{
	return conn->broken || (conn->state == CONN_CLOSING && conn->out_sent == conn->out.len);
}

/* Input that waited for room, and may be whole: nothing on the socket tells of it. */
static bool
has_whole_input(const struct conn *conn)
{
	return conn->in_len != 0 && !conn->in_pdu;
}

static bool
wants_input(const struct conn *conn)
{
	return conn->state == CONN_HANDSHAKE || may_begin(conn);
}

void
conn_settle(struct conn *conn)
{
	if (conn->busy)
		return; /* its own event ends with this */
	resume_input(conn);
	flush(conn);
	if (conn->border_s == 0) { /* a request found that the login is over */
		conn_recheck(conn);
		flush(conn);
	}
	if (conn->starved && conn_has_room(conn)) {
		conn->starved = false;
		worker_go_on(conn->worker);
	}
	if (is_over(conn)) {
		conn_free(conn);
		return;
	}
	if (wants_input(conn))
		arm(conn->read_event, &conn->reading, true);
	arm(conn->write_event, &conn->writing,
	    conn->stream.want_write || conn->out_sent < conn->out.len);
	if (wants_input(conn) && (conn->unread || has_whole_input(conn)))
		worker_read_on(conn);
}

void
conn_go_on(struct conn *conn)
{
	conn->busy = true;
	conn->stream.want_write = false;
	if (conn->state == CONN_HANDSHAKE)
		shake_hands(conn);
	if (conn->state == CONN_READY)
		read_input(conn);
	conn->busy = false;
	conn_settle(conn);
}

/* Most who have to wait, for a bind above all, send nothing meanwhile: only input that comes in
 * spite of that costs a call to hear no more of it. */
static void
conn_on_event(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;

	(void)fd;
	if ((what & EV_READ) != 0 && !wants_input(conn))
		arm(conn->read_event, &conn->reading, false);
	conn_go_on(conn);
}

/* --- open and close */

static void
link_conn(struct conn *conn)
{
	struct worker *worker = conn->worker;

	conn->next = worker->conns;
	if (worker->conns != NULL)
		worker->conns->prev = conn;
	worker->conns = conn;
	worker->conn_count++;
	worker->counts.of[conn->local ? COUNT_OPEN_LOCAL : COUNT_OPEN_TLS]++;
	worker->counts.of[conn->local ? COUNT_OPENED_LOCAL : COUNT_OPENED_TLS]++;
}

static void
unlink_conn(struct conn *conn)
{
	if (conn->prev != NULL)
		conn->prev->next = conn->next;
	else
		conn->worker->conns = conn->next;
	if (conn->next != NULL)
		conn->next->prev = conn->prev;
	conn->worker->conn_count--;
	conn->worker->counts.of[conn->local ? COUNT_OPEN_LOCAL : COUNT_OPEN_TLS]--;
}

static void
be_anonymous(struct conn *conn)
{
	conn->identity = (struct idm_identity){ .kind = IDM_IDENTITY_ANONYMOUS,
		.uuid = idm_uuid_builtin(IDM_BUILTIN_ANONYMOUS),
		.expire_s = INT64_MAX };
	conn->handle = 0;
	conn->border_s = INT64_MAX;
}

bool
conn_open(struct worker *worker, int fd, const char *source,
    const uint8_t source_key[CONN_SOURCE_KEY_BYTES], bool local)
{
	const struct server_limits *limits = &worker->config->limits;
	struct conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL) {
		close(fd);
		return false;
	}
	conn->worker = worker;
	conn->local = local;
	conn->no = worker->conn_no;
	worker->conn_no += worker->config->workers;
	memcpy(conn->source_key, source_key, CONN_SOURCE_KEY_BYTES);
	strncpy(conn->source, source, sizeof(conn->source) - 1);
	ber_writer_init(&conn->out, limits->output_bytes + OUT_SLACK_BYTES);
	be_anonymous(conn);
	link_conn(conn);
	conn->state = local ? CONN_READY : CONN_HANDSHAKE;
	conn->phase_ms = after_s(local ? limits->first_pdu_s : limits->handshake_s);
	conn->read_event = event_new(worker->base, fd, EV_READ | EV_PERSIST, conn_on_event, conn);
	conn->write_event = event_new(worker->base, fd, EV_WRITE | EV_PERSIST, conn_on_event, conn);
	if (!stream_open(&conn->stream, fd, local ? NULL : worker->tls) ||
	    conn->read_event == NULL || conn->write_event == NULL) {
		conn_free(conn);
		return false;
	}
	log_debug("conn %llu %s opened", (unsigned long long)conn->no, conn->source);
	conn_settle(conn);
	return true;
}

void
conn_free(struct conn *conn)
{
	struct ipc_frame release = { .type = IPC_RELEASE };

	log_debug("conn %llu %s closed", (unsigned long long)conn->no, conn->source);
	while (conn->requests != NULL)
		request_end(conn->requests);
	if (conn->handle != 0) {
		release.release.handle = conn->handle;
		channel_send(conn->worker->channel, &release);
	}
	unlink_conn(conn);
	worker_forget_conn(conn);
	if (conn->read_event != NULL)
		event_free(conn->read_event);
	if (conn->write_event != NULL)
		event_free(conn->write_event);
	stream_close(&conn->stream, !conn->broken && conn->state != CONN_HANDSHAKE);
	drop_input(conn);
	sorter_unref(&conn->sorted);
	ber_writer_free(&conn->out);
	free(conn);
}

/* --- who is bound */

void
conn_set_identity(struct conn *conn, const struct idm_identity *identity, uint64_t handle)
{
	struct ipc_frame release = { .type = IPC_RELEASE };

	if (conn->handle != 0 && conn->handle != handle) {
		release.release.handle = conn->handle;
		channel_send(conn->worker->channel, &release);
	}
	sorter_unref(&conn->sorted); /* was made with the rights of another */
	if (identity == NULL) {
		be_anonymous(conn);
	} else {
		conn->identity = *identity;
		conn->handle = handle;
		conn->border_s = INT64_MAX;
	}
	be_patient(conn); /* a bind that succeeds has begun without a login */
}

static enum idm_result
check_login(struct conn *conn, struct idm_error *err)
{
	struct worker *worker = conn->worker;
	struct idm_arena *arena = idm_arena_new(WORKER_REQUEST_BYTES);
	const struct worker_rights *rights;
	struct idm_txn txn;
	struct idm_read read;
	enum idm_result result;

	if (arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = idm_store_read_begin(worker->store, &txn, err);
	if (result == IDM_OK) {
		result = idm_read_attach(&txn, arena, worker_now(worker), &read, err);
		if (result == IDM_OK)
			result = idm_groups_use(worker->groups, &read, err);
		if (result == IDM_OK)
			result = worker_rights_of(worker, &read, &conn->identity, &rights, err);
		if (result == IDM_OK)
			conn->border_s = worker_login_border_s(rights, &conn->identity);
		idm_store_read_end(&txn);
	}
	idm_arena_free(&arena);
	return result;
}

void
conn_end_login(struct conn *conn, const char *text)
{
	conn->worker->counts.of[COUNT_ENDED_LOGIN] += conn->state != CONN_CLOSING;
	conn_disconnect(conn, LDAP_UNAVAILABLE, text);
}

void
conn_recheck(struct conn *conn)
{
	struct idm_error err = { .text = "" };
	enum idm_result result;

	if (conn->handle == 0 || conn->state == CONN_CLOSING)
		return;
	result = check_login(conn, &err);
	if (result == IDM_OK)
		return;
	log_info(
	    "conn %llu %s login is over: %s", (unsigned long long)conn->no, conn->source, err.text);
	conn_end_login(
	    conn, result == IDM_DENIED ? "this login is over" : "the database can't be read");
}

static const char *
overdue(const struct conn *conn, uint64_t now_ms)
{
	if (conn->stall_ms != 0 && now_ms >= conn->stall_ms)
		return "nothing of the output is taken";
	if (conn->phase_ms != 0 && now_ms >= conn->phase_ms &&
	    (conn->state == CONN_HANDSHAKE || may_begin(conn))) /* else it is we who do not read */
		return conn->state == CONN_HANDSHAKE ? "the TLS handshake takes too long"
		       : conn->in_pdu                ? "the rest of a message does not come"
						     : "no message comes";
	if (conn->idle_ms != 0 && now_ms >= conn->idle_ms && conn->request_count == 0 &&
	    conn->out_sent == conn->out.len)
		return "idle for too long";
	return NULL;
}

static void
end_overdue(struct conn *conn, const char *why, bool stalled)
{
	struct counts *counts = &conn->worker->counts;
	bool handshake = conn->state == CONN_HANDSHAKE;

	counts->of[COUNT_ENDED_TIME] += conn->state != CONN_CLOSING;
	counts->of[COUNT_HANDSHAKES_FAILED] += handshake;
	conn_disconnect(conn, LDAP_UNAVAILABLE, why);
	conn->broken = conn->broken || stalled || handshake;
}

void
conn_check(struct conn *conn, uint64_t now_ms, struct idm_now now)
{
	const char *why = overdue(conn, now_ms);

	if (why != NULL)
		end_overdue(conn, why, conn->stall_ms != 0 && now_ms >= conn->stall_ms);
	else if (now.at_s >= conn->border_s)
		conn_recheck(conn);
}
