#include "tests/support/server.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "ldapd/control.h"
#include "ldapd/log.h"
#include "tests/support/certificate.h"

enum {
	SETTLE_TURNS = 64,
	PATIENCE_S = 20, /* in real time: a machine may be busy */
};

static void
assert_ok(const struct server *s, enum idm_result result)
{
	if (result != IDM_OK)
		fail_msg("%s: %s", idm_result_name(result), s->err.text);
}

static void
make_pair(int type, int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
}

/* --- set up */

static void
configure(struct server *s)
{
	struct server_config *config = &s->config;

	config_defaults(config);
	snprintf(config->domain, sizeof(config->domain), REALM_DOMAIN);
	snprintf(config->db_path, sizeof(config->db_path), "%s", s->dir);
	snprintf(config->key_path, sizeof(config->key_path), "%s", s->dir);
	snprintf(config->tls_chain, sizeof(config->tls_chain), "%s/chain.pem", s->dir);
	snprintf(config->tls_key, sizeof(config->tls_key), "%s/key.pem", s->dir);
	config->workers = 1;
	config->argon2 = (struct idm_argon2){ .m_kib = 64, .t = 1, .p = 1 };
	config->limits.hash_pool_threads = 1;
}

/* A service account holds what was generated, or so it is told. */
static void
set_password(struct server *s, const char *name, const char *marker)
{
	char phc[IDM_PHC_BYTES];
	struct idm_request_secret secret = { .attr_number = IDM_ATTR_PRIMARY_CREDENTIAL,
		.marker = marker };
	struct idm_request request = { .operation = IDM_OP_MODIFY,
		.target = realm_uuid(s->realm, name),
		.secrets = &secret,
		.secret_count = 1 };
	struct idm_identity console = realm_identity(s->realm, NULL);

	assert_ok(
	    s, idm_password_hash(idm_span_cstr(SERVER_PASSWORD), &s->config.argon2, phc, &s->err));
	secret.plain = idm_span_cstr(phc);
	if (realm_run(s->realm, &console, &request) != IDM_OK)
		fail_msg("%s: %s", name, s->realm->err.text);
}

static void
open_core(struct server *s)
{
	int pair[2];

	make_pair(SOCK_SEQPACKET, pair);
	s->core_control = pair[0];
	assert_ok(s, core_open(&s->config, pair[1], &s->core, &s->err));
	s->realm =
	    realm_of(s->core->data.store, s->core->data.password_ring, s->core->data.radius_ring);
}

static void
close_core(struct server *s)
{
	int control_fd = event_get_fd(s->core->control_event);

	realm_let_go(&s->realm);
	core_close(&s->core);
	close(control_fd);
	close(s->core_control);
}

static void
fill(struct server *s)
{
	directory_fill(s->realm);
	set_password(s, "anna", "password");
	set_password(s, "admin", "generated");
	set_password(s, "idm_admin", "generated");
}

/* A new channel between a worker and the core process, given to it as the supervisor does. */
static int
connect_core(struct server *s)
{
	int pair[2];

	make_pair(SOCK_STREAM, pair);
	assert_true(control_send(s->core_control, 'W', NULL, pair[0]));
	close(pair[0]);
	event_base_loop(s->core->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	return pair[1];
}

static void
open_worker(struct server *s, int core_fd)
{
	struct tls_material tls;
	struct worker_start start = { .config = &s->config,
		.tls = &tls,
		.listen_fds = &s->listen_fd,
		.listen_count = s->listen_fd >= 0 ? 1 : 0,
		.local_fd = -1,
		.core_fd = core_fd,
		.number = 1 };
	int pair[2];

	make_pair(SOCK_SEQPACKET, pair);
	s->worker_control = pair[0];
	start.control_fd = pair[1];
	assert_ok(s, tls_material_load(s->config.tls_chain, s->config.tls_key, &tls, &s->err));
	assert_ok(s, worker_open(&start, &s->worker, &s->err));
	if (s->worker->tls == NULL) /* it has no listener that would need it */
		assert_ok(s, tls_context_new(&tls, &s->worker->tls, &s->err));
	tls_material_free(&tls);
}

static struct server *
server_new(void)
{
	struct server *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->listen_fd = -1;
	log_set_level(CONFIG_LOG_ERROR);
	signal(SIGPIPE, SIG_IGN); /* as the supervisor's children do */
	temp_dir_make("server", s->dir, sizeof(s->dir));
	configure(s);
	certificate_write(s->config.tls_chain, s->config.tls_key, -3600, 3600, NULL);
	s->client_tls = certificate_client();
	open_core(s);
	fill(s);
	return s;
}

int
server_setup(void **state)
{
	struct server *s = server_new();

	open_worker(s, connect_core(s));
	*state = s;
	return 0;
}

int
server_setup_core(void **state)
{
	struct server *s = server_new();

	far_end_open(&s->far, connect_core(s));
	*state = s;
	return 0;
}

static void
open_lone_worker(struct server *s)
{
	int pair[2];

	make_pair(SOCK_STREAM, pair);
	far_end_open(&s->far, pair[0]);
	open_worker(s, pair[1]);
}

int
server_setup_worker(void **state)
{
	struct server *s = server_new();

	open_lone_worker(s);
	*state = s;
	return 0;
}

static void
close_worker(struct server *s)
{
	int control_fd = s->worker == NULL ? -1 : event_get_fd(s->worker->control_event);

	if (s->worker == NULL)
		return;
	worker_close(&s->worker);
	close(control_fd);
	close(s->worker_control);
}

void
server_reconnect(struct server *s)
{
	far_end_close(&s->far);
	server_settle(s);
	far_end_open(&s->far, connect_core(s));
}

void
server_restart_core(struct server *s)
{
	far_end_close(&s->far);
	close_core(s);
	open_core(s);
	far_end_open(&s->far, connect_core(s));
}

void
server_restart_worker(struct server *s)
{
	bool alone = s->far.base != NULL;

	close_worker(s);
	far_end_close(&s->far);
	if (alone)
		open_lone_worker(s);
	else
		open_worker(s, connect_core(s));
}

int
server_teardown(void **state)
{
	struct server *s = *state;

	close_worker(s);
	far_end_close(&s->far);
	close_core(s);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	SSL_CTX_free(s->client_tls);
	temp_dir_remove(s->dir);
	free(s);
	return 0;
}

void
server_fresh_frames(struct server *s)
{
	server_settle(s);
	while (s->far.base != NULL && far_end_take(&s->far) != NULL)
		;
}

void
server_unlock(struct server *s)
{
	idm_softlock_sweep(s->core->softlocks, UINT64_MAX);
}

int
server_fresh(void **state)
{
	struct server *s = *state;

	while (s->worker != NULL && s->worker->conns != NULL)
		conn_free(s->worker->conns);
	server_fresh_frames(s);
	server_unlock(s);
	return 0;
}

/* --- turns */

void
server_turn(struct server *s)
{
	if (s->worker != NULL)
		event_base_loop(s->worker->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	event_base_loop(s->core->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	far_end_turn(&s->far);
}

void
server_settle(struct server *s)
{
	for (int i = 0; i < SETTLE_TURNS; i++)
		server_turn(s);
}

void
server_second(struct server *s)
{
	event_active(s->worker->second_event, EV_TIMEOUT, 0);
	server_settle(s);
}

static bool
is_patient(time_t since)
{
	poll(NULL, 0, 1); /* a hash is being made: give it the processor */
	return time(NULL) - since < PATIENCE_S;
}

const struct ipc_frame *
server_await_frame(struct server *s, enum ipc_type type)
{
	const struct ipc_frame *frame;
	time_t since = time(NULL);

	for (;;) {
		server_turn(s);
		do /* counts come once a second, between anything */
			frame = far_end_take(&s->far);
		while (frame != NULL && frame->type == IPC_COUNTS && type != IPC_COUNTS);
		if (frame != NULL)
			break;
		if (s->far.closed)
			fail_msg("the channel was closed");
		if (!is_patient(since))
			fail_msg("no frame came");
	}
	assert_int_equal(frame->type, type);
	return frame;
}

uint64_t
server_login(struct server *s, const char *name)
{
	struct idm_identity identity = realm_identity(s->realm, name);
	uint64_t handle = core_identity_add(s->core->workers, &identity);

	assert_true(handle != 0);
	return handle;
}

void
server_send(struct server *s, uint64_t handle, struct requests *requests)
{
	static uint64_t seq;
	struct ipc_frame frame = { .type = IPC_OPERATION };

	frame.operation.seq = ++seq;
	frame.operation.handle = handle;
	frame.operation.source = IDM_SPAN_LIT("192.0.2.7");
	frame.operation.pdu = idm_span_of(requests->w.data, requests->w.len);
	far_end_send(&s->far, &frame);
	requests_clear(requests);
}

const struct ipc_done *
server_ask(struct server *s, uint64_t handle, struct requests *requests)
{
	server_fresh_frames(s);
	server_send(s, handle, requests);
	return &server_await_frame(s, IPC_DONE)->done;
}

/* --- clients */

static struct client *
client_new(struct server *s, int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	assert_non_null(client);
	client->server = s;
	client->fd = fd;
	client->in = malloc(CLIENT_INPUT_BYTES);
	assert_non_null(client->in);
	requests_init(&client->requests);
	return client;
}

struct client *
client_open(struct server *s)
{
	static const uint8_t key[CONN_SOURCE_KEY_BYTES] = { 0xff };
	int pair[2];

	make_pair(SOCK_STREAM, pair);
	assert_true(conn_open(s->worker, pair[1], "ldapi", key, true));
	return client_new(s, pair[0]);
}

struct client *
client_open_tls(struct server *s)
{
	static const uint8_t key[CONN_SOURCE_KEY_BYTES] = { 192, 0, 2, 7 };
	struct client *client;
	int pair[2], done = 0;

	make_pair(SOCK_STREAM, pair);
	assert_true(conn_open(s->worker, pair[1], "192.0.2.7", key, false));
	client = client_new(s, pair[0]);
	client->tls = SSL_new(s->client_tls);
	assert_non_null(client->tls);
	assert_int_equal(SSL_set_fd(client->tls, client->fd), 1);
	for (int i = 0; i < SETTLE_TURNS && done != 1; i++) {
		done = SSL_connect(client->tls);
		server_turn(s);
	}
	assert_int_equal(done, 1);
	return client;
}

void
client_close(struct client **client)
{
	struct client *c = *client;

	if (c->tls != NULL)
		SSL_free(c->tls);
	close(c->fd);
	requests_free(&c->requests);
	free(c->in);
	free(c);
	*client = NULL;
}

/* Octets written; 0: none now, or no more. */
static size_t
write_some(struct client *client, const uint8_t *data, size_t len)
{
	size_t sent = 0;
	ssize_t n;

	if (client->tls != NULL)
		return SSL_write_ex(client->tls, data, len, &sent) == 1 ? sent : 0;
	n = send(client->fd, data, len, MSG_NOSIGNAL);
	return n > 0 ? (size_t)n : 0;
}

void
client_send_octets(struct client *client, const uint8_t *data, size_t len)
{
	for (int turns = 0; len != 0;) {
		size_t sent = write_some(client, data, len);

		data += sent;
		len -= sent;
		if (sent != 0)
			continue;
		assert_true(++turns < 100000);
		server_turn(client->server);
	}
}

void
client_send(struct client *client)
{
	client_send_octets(client, client->requests.w.data, client->requests.w.len);
	requests_clear(&client->requests);
}

/* What has come. */
static void
read_input(struct client *client)
{
	size_t room = CLIENT_INPUT_BYTES - client->in_len;
	size_t got = 0;
	ssize_t n;

	if (room == 0 || client->closed)
		return;
	if (client->tls != NULL) {
		if (SSL_read_ex(client->tls, client->in + client->in_len, room, &got) != 1)
			client->closed = SSL_get_error(client->tls, 0) != SSL_ERROR_WANT_READ;
	} else {
		n = recv(client->fd, client->in + client->in_len, room, 0);
		client->closed = n == 0;
		got = n > 0 ? (size_t)n : 0;
	}
	client->in_len += got;
}

/* One whole PDU that has come, if there is one. */
static bool
take_whole(struct client *client)
{
	size_t total = 0;

	if (ber_frame(client->in, client->in_len, CLIENT_INPUT_BYTES, &total) != BER_FRAME_COMPLETE)
		return false;
	answer_decode(idm_span_of(client->in, total), &client->answer);
	client->in_len -= total;
	memmove(client->in, client->in + total, client->in_len);
	return true;
}

bool
client_has_answer(struct client *client)
{
	size_t total = 0;

	read_input(client);
	return ber_frame(client->in, client->in_len, CLIENT_INPUT_BYTES, &total) ==
	       BER_FRAME_COMPLETE;
}

const struct answer *
client_take(struct client *client)
{
	time_t since = time(NULL);
	size_t before;

	for (;;) {
		if (take_whole(client))
			return &client->answer;
		if (client->closed)
			fail_msg("the connection was closed");
		before = client->in_len;
		server_turn(client->server);
		read_input(client);
		if (client->in_len == before && !is_patient(since))
			fail_msg("no answer came");
	}
}

const struct answer *
client_expect(struct client *client, int32_t id, enum ldap_result_code code)
{
	const struct answer *answer = client_take(client);

	if (answer->code != code)
		fail_msg(
		    "msg %d: %s: %s", answer->id, ldap_result_name(answer->code), answer->text);
	assert_int_equal(answer->id, id);
	assert_int_not_equal(answer->tag, LDAP_TAG_SEARCH_ENTRY);
	return answer;
}

void
client_expect_nothing(struct client *client)
{
	server_settle(client->server);
	read_input(client);
	assert_false(client->closed);
	if (take_whole(client))
		fail_msg("msg %d was answered", client->answer.id);
}

const struct answer *
client_expect_notice(struct client *client, enum ldap_result_code code)
{
	const struct answer *notice = client_expect(client, 0, code);

	assert_int_equal(notice->tag, LDAP_TAG_EXTENDED_RESPONSE);
	assert_string_equal(notice->oid, "1.3.6.1.4.1.1466.20036");
	client_expect_end(client);
	return notice;
}

void
client_expect_end(struct client *client)
{
	server_settle(client->server);
	for (int i = 0; i < SETTLE_TURNS && !client->closed; i++)
		read_input(client);
	if (client->in_len != 0)
		fail_msg("something was said");
	assert_true(client->closed);
}

void
client_bind(struct client *client, const char *name, const char *password)
{
	request_bind(&client->requests, 1000, name, password);
	client_send(client);
	client_expect(client, 1000, LDAP_SUCCESS);
}
