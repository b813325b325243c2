/* A worker: whose turn it is, who is let in, and what core process and supervisor tell it. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/exop.h"
#include "ldapd/control.h"
#include "tests/support/certificate.h"
#include "tests/support/server.h"
#include "tests/support/test_clock.h"

#define ANNA "uid=anna,ou=people," DIRECTORY_SUFFIX

static const struct search everything = { .base = DIRECTORY_SUFFIX, .scope = LDAP_SCOPE_SUB };

static void
put_who_am_i(struct client *client, int32_t id)
{
	request_extended(&client->requests, id, EXOP_WHOAMI, IDM_SPAN_EMPTY);
}

static struct ipc_frame
bound_as(struct client *client, const char *name)
{
	struct server *s = client->server;
	struct ipc_frame answer = { .type = IPC_BOUND };

	server_fresh_frames(s);
	request_bind(&client->requests, 1000, name, "a password");
	client_send(client);
	answer.bound.seq = server_await_frame(s, IPC_BIND)->bind.seq;
	answer.bound.handle = answer.bound.seq;
	answer.bound.identity = realm_identity(s->realm, name);
	return answer;
}

static void
answer_bind(struct client *client, const struct ipc_frame *answer)
{
	far_end_send(&client->server->far, answer);
	client_expect(client, 1000, LDAP_SUCCESS);
}

/* A new client, bound as somebody. */
static struct client *
client_of(struct server *s, const char *name)
{
	struct client *client = client_open(s);
	struct ipc_frame answer = bound_as(client, name);

	answer_bind(client, &answer);
	return client;
}

static bool
is_done(const struct answer *answer)
{
	return answer->tag == LDAP_TAG_SEARCH_DONE;
}

/* How many entries a search of everything gives, to its end. */
static int
count_entries(struct client *client, int32_t id)
{
	const struct answer *answer;
	int count = 0;

	while (!is_done(answer = client_take(client))) {
		assert_int_equal(answer->id, id);
		count++;
	}
	assert_int_equal(answer->id, id);
	assert_int_equal(answer->code, LDAP_SUCCESS);
	return count;
}

static void
expect_answer(struct client *client)
{
	put_who_am_i(client, 500);
	client_send(client);
	client_expect(client, 500, LDAP_SUCCESS);
}

/* Its loop ends, which is the end of its process. */
static void
assert_ends(struct server *s)
{
	bool ended = false;

	for (int i = 0; i < 8 && !ended; i++) {
		far_end_turn(&s->far);
		event_base_loop(s->worker->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		ended = event_base_got_break(s->worker->base);
	}
	assert_true(ended);
}

/* --- turns */

static void
a_long_search_does_not_hold_up_others(void **state)
{
	struct server *s = *state;
	struct client *other = client_open(s);
	struct client *client = client_of(s, "anna");
	int turns = 0;

	s->config.limits.output_bytes = 1; /* an entry a slice */
	request_search(&client->requests, 1, &everything);
	client_send(client);
	server_turn(s);
	put_who_am_i(other, 2);
	client_send(other);
	while (!client_has_answer(other))
		server_turn(s), turns++;
	assert_true(turns <= 2);
	assert_int_equal(s->worker->conns->request_count, 1); /* the search goes on */
	client_expect(other, 2, LDAP_SUCCESS);
	assert_true(count_entries(client, 1) > 50);
	s->config.limits.output_bytes = 262144;
	client_close(&client);
	client_close(&other);
}

static void
long_searches_take_turns(void **state)
{
	struct server *s = *state;
	struct client *clients[3];
	int all;

	for (int i = 0; i < 3; i++)
		clients[i] = client_of(s, "anna");
	s->config.limits.output_bytes = 1;
	for (int i = 0; i < 3; i++) {
		request_search(&clients[i]->requests, 1, &everything);
		client_send(clients[i]);
	}
	for (int turn = 0; turn < 3; turn++)
		server_turn(s);
	for (const struct conn *conn = s->worker->conns; conn != NULL; conn = conn->next)
		assert_int_equal(conn->request_count, 1);
	for (int i = 0; i < 3; i++)
		assert_true(client_has_answer(clients[i]));
	all = count_entries(clients[0], 1);
	assert_int_equal(count_entries(clients[1], 1), all);
	assert_int_equal(count_entries(clients[2], 1), all);
	s->config.limits.output_bytes = 262144;
	for (int i = 0; i < 3; i++)
		client_close(&clients[i]);
}

static void
several_searches_of_one_client_all_end(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "anna");
	int entries[4] = { 0 }, done = 0;

	s->config.limits.output_bytes = 2000;
	for (int32_t id = 1; id <= 3; id++)
		request_search(&client->requests, id, &everything);
	client_send(client);
	while (done < 3) {
		const struct answer *answer = client_take(client);

		assert_in_range(answer->id, 1, 3);
		if (is_done(answer))
			done++;
		else
			entries[answer->id]++;
	}
	assert_true(entries[1] > 50);
	assert_int_equal(entries[1], entries[2]);
	assert_int_equal(entries[1], entries[3]);
	s->config.limits.output_bytes = 262144;
	client_close(&client);
}

/* TLS has read ahead, so nothing on the socket tells that there is more. */
static void
who_pipelines_over_tls_does_not_hold_up_others(void **state)
{
	struct server *s = *state;
	struct client *hasty = client_open_tls(s);
	struct client *other = client_open(s);
	int turns = 0;

	for (int32_t id = 1; id <= 3000; id++)
		put_who_am_i(hasty, id);
	client_send(hasty);
	put_who_am_i(other, 1);
	client_send(other);
	while (!client_has_answer(other))
		server_turn(s), turns++;
	assert_true(turns <= 2);
	client_expect(other, 1, LDAP_SUCCESS);
	for (int32_t id = 1; id <= 3000; id++)
		client_expect(hasty, id, LDAP_SUCCESS);
	client_close(&hasty);
	client_close(&other);
}

/* It takes no turns meanwhile, and goes on when it can. */
static void
a_search_waits_for_a_client_that_takes_nothing(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "anna");
	int least = 1, all;

	request_search(&client->requests, 1, &everything);
	client_send(client);
	all = count_entries(client, 1);
	assert_int_equal(
	    setsockopt(s->worker->conns->stream.fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)),
	    0);
	s->config.limits.output_bytes = 2000;
	request_search(&client->requests, 2, &everything);
	client_send(client);
	server_settle(s);
	assert_int_equal(s->worker->conns->request_count, 1);
	assert_true(s->worker->conns->starved);
	assert_int_equal(event_pending(s->worker->turn_event, EV_TIMEOUT, NULL), 0);
	assert_int_equal(count_entries(client, 2), all);
	s->config.limits.output_bytes = 262144;
	client_close(&client);
}

static void
a_search_that_waits_goes_with_its_client(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "anna");
	struct client *other = client_open(s);

	s->config.limits.output_bytes = 1;
	request_search(&client->requests, 1, &everything);
	request_search(&client->requests, 2, &everything);
	client_send(client);
	server_turn(s);
	client_close(&client);
	server_settle(s);
	assert_null(s->worker->waiting);
	assert_int_equal(s->worker->conn_count, 1);
	s->config.limits.output_bytes = 262144;
	expect_answer(other);
	client_close(&other);
}

static void
a_search_that_is_abandoned_stops(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "anna");
	const struct answer *answer;

	s->config.limits.output_bytes = 1;
	request_search(&client->requests, 1, &everything);
	client_send(client);
	server_turn(s);
	request_abandon(&client->requests, 2, 1);
	put_who_am_i(client, 3);
	client_send(client);
	while ((answer = client_take(client))->id == 1)
		assert_false(is_done(answer));
	assert_int_equal(answer->id, 3);
	assert_null(s->worker->waiting);
	client_expect_nothing(client);
	s->config.limits.output_bytes = 262144;
	client_close(&client);
}

/* --- who is let in */

static int
connect_from(const struct server *s, const char *source)
{
	struct sockaddr_in from = { .sin_family = AF_INET }, to;
	socklen_t len = sizeof(to);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, source, &from.sin_addr);
	assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)&to, &len), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void
listen_here(struct server *s)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (s->listen_fd < 0) {
		s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
		assert_int_equal(listen(s->listen_fd, 64), 0);
	}
	server_restart_worker(s);
}

/* The server let it in, or closed it at once. */
static void
assert_let_in(struct server *s, int fd, bool in)
{
	uint8_t octet;
	ssize_t n;

	server_settle(s);
	n = recv(fd, &octet, 1, MSG_DONTWAIT);
	assert_int_equal(n, in ? -1 : 0);
}

static void
a_source_may_have_so_many_connections(void **state)
{
	struct server *s = *state;
	int fds[4];

	s->config.limits.connections_per_source = 2;
	listen_here(s);
	for (int i = 0; i < 3; i++) {
		fds[i] = connect_from(s, "127.0.0.1");
		assert_let_in(s, fds[i], i < 2);
	}
	assert_string_equal(s->worker->conns->source, "127.0.0.1");
	fds[3] = connect_from(s, "127.0.0.2"); /* another's do not count */
	assert_let_in(s, fds[3], true);
	assert_string_equal(s->worker->conns->source, "127.0.0.2");
	close(fds[0]);
	server_settle(s);
	close(fds[2]);
	fds[2] = connect_from(s, "127.0.0.1");
	assert_let_in(s, fds[2], true);
	for (int i = 1; i < 4; i++)
		close(fds[i]);
	s->config.limits.connections_per_source = 512;
}

/* A worker has its share, which is rounded up. */
static void
all_together_may_have_so_many_connections(void **state)
{
	struct server *s = *state;
	char source[] = "127.0.0.1";
	int fds[3];

	s->config.limits.connections = 3;
	s->config.workers = 2;
	listen_here(s);
	for (int i = 0; i < 3; i++) {
		source[sizeof(source) - 2] = (char)('1' + i);
		fds[i] = connect_from(s, source);
		assert_let_in(s, fds[i], i < 2);
	}
	assert_int_equal(s->worker->conns->no, 3); /* the other worker has the even ones */
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	s->config.workers = 1;
	s->config.limits.connections = 4096;
	server_restart_worker(s);
}

/* Who comes in while there are no descriptors waits, and the worker does not spin. */
static void
without_descriptors_it_tries_again_in_a_second(void **state)
{
	struct server *s = *state;
	struct rlimit limit, least;
	int fd;

	listen_here(s);
	fd = connect_from(s, "127.0.0.1");
	least.rlim_cur = (rlim_t)dup(fd);
	close((int)least.rlim_cur);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	least.rlim_max = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &least), 0);
	server_settle(s);
	assert_null(s->worker->conns);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	server_settle(s);
	assert_null(s->worker->conns); /* it looks away */
	server_second(s);
	assert_non_null(s->worker->conns);
	assert_let_in(s, fd, true);
	close(fd);
}

/* --- logins that are over */

static struct ipc_frame
revoked(struct server *s, const char *name, enum ipc_revoke what)
{
	struct ipc_frame frame = { .type = IPC_REVOKED };

	frame.revoked.account = realm_uuid(s->realm, name);
	frame.revoked.what = what;
	return frame;
}

static void
expect_over(struct client *client)
{
	assert_string_equal(
	    client_expect_notice(client, LDAP_UNAVAILABLE)->text, "this login is over");
}

static void
a_revocation_ends_what_no_longer_holds(void **state)
{
	struct server *s = *state;
	struct client *anna = client_of(s, "anna");
	struct client *ben = client_of(s, "ben");
	struct client *ben_too = client_of(s, "ben");
	struct client *anonymous = client_open(s);
	struct ipc_frame frame = revoked(s, "ben", IPC_REVOKE_UNFIT);

	far_end_send(&s->far, &frame); /* a change that let it stay */
	client_expect_nothing(ben);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "ben", "=account_expire", "2020-01-01T00:00:00Z", NULL),
	    IDM_OK);
	client_expect_nothing(ben);
	far_end_send(&s->far, &frame);
	expect_over(ben);
	expect_over(ben_too);
	expect_answer(anna);
	expect_answer(anonymous);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "ben", "=account_expire", "2030-01-01T00:00:00Z", NULL),
	    IDM_OK);
	client_close(&anna);
	client_close(&ben);
	client_close(&ben_too);
	client_close(&anonymous);
}

static void
a_session_that_ends_takes_its_connections_alone(void **state)
{
	struct server *s = *state;
	struct client *clients[3];
	struct ipc_frame answer, frame = revoked(s, "anna", IPC_REVOKE_SESSION);

	for (uint8_t i = 0; i < 3; i++) {
		clients[i] = client_open(s);
		answer = bound_as(clients[i], "anna");
		answer.bound.identity.session.bytes[0] = i; /* the first by password */
		answer_bind(clients[i], &answer);
	}
	frame.revoked.session.bytes[0] = 2;
	far_end_send(&s->far, &frame);
	expect_over(clients[2]);
	expect_answer(clients[0]);
	expect_answer(clients[1]);
	for (int i = 0; i < 3; i++)
		client_close(&clients[i]);
}

static void
all_connections_of_an_account_can_be_ended(void **state)
{
	struct server *s = *state;
	struct client *anna = client_of(s, "anna");
	struct client *anna_too = client_of(s, "anna");
	struct client *ben = client_of(s, "ben");
	struct ipc_frame frame = revoked(s, "anna", IPC_REVOKE_ALL);

	far_end_send(&s->far, &frame);
	expect_over(anna);
	expect_over(anna_too);
	expect_answer(ben);
	assert_int_equal(s->worker->conn_count, 1);
	client_close(&anna);
	client_close(&anna_too);
	client_close(&ben);
}

/* They are anonymous', and nobody's login. */
static void
who_is_not_bound_is_not_ended(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct ipc_frame frame = revoked(s, "anonymous", IPC_REVOKE_ALL);

	far_end_send(&s->far, &frame);
	client_expect_nothing(client);
	expect_answer(client);
	client_close(&client);
}

/* --- rights */

static enum ldap_result_code
compare_mail(struct client *client)
{
	request_compare(&client->requests, 7, "uid=anna,ou=people," DIRECTORY_SUFFIX, "mail",
	    "anna@example.com");
	client_send(client);
	return client_take(client)->code;
}

/* They are kept as long as nothing changes, and not longer. */
static void
rights_follow_what_is_stored_without_a_word(void **state)
{
	struct server *s = *state;
	struct client *ben = client_of(s, "ben");

	assert_int_equal(compare_mail(ben), LDAP_NO_SUCH_ATTRIBUTE);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_mail_read_priv", "+member", "ben", NULL), IDM_OK);
	assert_int_equal(compare_mail(ben), LDAP_COMPARE_TRUE);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_mail_read_priv", "-member", "ben", NULL), IDM_OK);
	assert_int_equal(compare_mail(ben), LDAP_NO_SUCH_ATTRIBUTE);
	client_close(&ben);
}

/* More logins at once than rights are kept for: each has its own. */
static void
many_logins_have_their_own_rights(void **state)
{
	enum { LOGINS = WORKER_RIGHTS + 20 };
	struct server *s = *state;
	struct client *clients[LOGINS];
	struct ipc_frame answer;

	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_mail_read_priv", "+member", "robot", NULL), IDM_OK);
	for (int i = 0; i < LOGINS; i++) {
		clients[i] = client_open(s);
		answer = bound_as(clients[i], i % 2 == 0 ? "robot" : "ben");
		answer.bound.identity.expire_s = REALM_NOW_S + 1000 + i; /* another login */
		answer_bind(clients[i], &answer);
	}
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < LOGINS; i++)
			assert_int_equal(compare_mail(clients[i]),
			    i % 2 == 0 ? LDAP_COMPARE_TRUE : LDAP_NO_SUCH_ATTRIBUTE);
	}
	for (int i = 0; i < LOGINS; i++)
		client_close(&clients[i]);
}

/* --- the core process */

static void
answers_find_who_asked(void **state)
{
	struct server *s = *state;
	struct client *clients[4];
	struct ipc_frame done = { .type = IPC_DONE };
	uint64_t seq[4];

	for (int32_t i = 0; i < 4; i++) {
		clients[i] = client_open(s);
		request_delete(&clients[i]->requests, 10 + i, ANNA);
		client_send(clients[i]);
		seq[i] = server_await_frame(s, IPC_OPERATION)->operation.seq;
	}
	for (int32_t i = 3; i >= 0; i--) {
		done.done.seq = seq[i];
		done.done.code = (enum ldap_result_code)(50 + i);
		far_end_send(&s->far, &done);
	}
	for (int32_t i = 0; i < 4; i++) {
		client_expect(clients[i], 10 + i, (enum ldap_result_code)(50 + i));
		client_expect_nothing(clients[i]);
		client_close(&clients[i]);
	}
}

static void
an_answer_to_nobody_is_forgotten(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct ipc_frame frame = { .type = IPC_DONE };

	request_delete(&client->requests, 1, ANNA);
	client_send(client);
	frame.done.seq = server_await_frame(s, IPC_OPERATION)->operation.seq;
	far_end_send(&s->far, &frame);
	far_end_send(&s->far, &frame); /* once more */
	frame.done.seq = 999999;
	far_end_send(&s->far, &frame);
	client_expect(client, 1, LDAP_SUCCESS);
	client_expect_nothing(client);
	client_close(&client);
}

/* Those that it has not taken are not kept without end: a client is told to come again. */
static void
a_core_process_that_takes_nothing_makes_it_busy(void **state)
{
	enum { CLIENTS = 20, EACH = 32 };
	struct server *s = *state;
	struct client *clients[CLIENTS];
	char *value = malloc(60001);
	int busy = 0, waiting = 0;

	assert_non_null(value);
	memset(value, 'x', 60000);
	value[60000] = '\0';
	s->far.deaf = true;
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = client_open(s);
		for (int32_t id = 1; id <= EACH; id++)
			request_add(&clients[i]->requests, id, ANNA, "description", value, NULL);
		client_send(clients[i]);
		server_settle(s);
	}
	for (const struct conn *conn = s->worker->conns; conn != NULL; conn = conn->next)
		waiting += (int)conn->request_count;
	assert_true(waiting > 100); /* a slow one is waited for */
	assert_true(waiting < CLIENTS * EACH);
	for (int i = 0; i < CLIENTS; i++) {
		while (client_has_answer(clients[i])) {
			assert_int_equal(client_take(clients[i])->code, LDAP_BUSY);
			busy++;
		}
	}
	assert_int_equal(busy + waiting, CLIENTS * EACH);
	for (int i = 0; i < CLIENTS; i++)
		client_close(&clients[i]);
	free(value);
	s->far.deaf = false;
	server_restart_worker(s);
}

/* What only workers send: the core process is not what it should be, and the worker ends. */
static void
a_frame_that_is_none_of_the_core_process_ends_the_worker(void **state)
{
	struct server *s = *state;
	struct ipc_frame frame = { .type = IPC_RELEASE };

	far_end_send(&s->far, &frame);
	assert_ends(s);
	server_settle(s);
	server_restart_worker(s);
}

static void
without_the_core_process_it_ends(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);

	channel_free(&s->far.channel);
	assert_ends(s);
	server_restart_worker(s);
	assert_string_equal(
	    client_expect_notice(client, LDAP_UNAVAILABLE)->text, "the server is stopping");
	client_close(&client);
}

/* --- the supervisor */

static void
peer_of(const struct client *client, unsigned char digest[EVP_MAX_MD_SIZE])
{
	X509 *cert = SSL_get1_peer_certificate(client->tls);
	unsigned len;

	assert_non_null(cert);
	assert_int_equal(X509_digest(cert, EVP_sha256(), digest, &len), 1);
	X509_free(cert);
}

static bool
same_peer(const struct client *a, const struct client *b)
{
	unsigned char of_a[EVP_MAX_MD_SIZE], of_b[EVP_MAX_MD_SIZE];

	peer_of(a, of_a);
	peer_of(b, of_b);
	return memcmp(of_a, of_b, 32) == 0;
}

static void
a_new_certificate_is_for_new_connections(void **state)
{
	struct server *s = *state;
	struct client *before = client_open_tls(s);
	struct client *after;
	struct tls_material material;

	certificate_write(s->config.tls_chain, s->config.tls_key, -3600, 3600, NULL);
	assert_int_equal(
	    tls_material_load(s->config.tls_chain, s->config.tls_key, &material, NULL), IDM_OK);
	assert_true(control_send_material(s->worker_control, &material));
	server_settle(s);
	after = client_open_tls(s);
	assert_false(same_peer(before, after));
	expect_answer(before);
	expect_answer(after);

	material.key[material.key_len / 2] ^= 1; /* what does not fit is not taken */
	assert_true(control_send_material(s->worker_control, &material));
	assert_true(control_send(s->worker_control, 'M', NULL, -1));
	assert_true(control_send(s->worker_control, 'X', "what is this", s->worker_control));
	tls_material_free(&material);
	server_settle(s);
	client_close(&before);
	before = client_open_tls(s);
	assert_true(same_peer(before, after));
	client_close(&before);
	client_close(&after);
}

static void
without_the_supervisor_it_ends(void **state)
{
	struct server *s = *state;

	shutdown(s->worker_control, SHUT_RDWR);
	assert_ends(s);
	server_restart_worker(s);
}

static void
without_a_database_there_is_no_worker(void **state)
{
	struct server *s = *state;
	struct server_config config = s->config;
	int pair[2];
	struct worker_start start = { .config = &config, .local_fd = -1, .number = 1 };
	struct worker *worker;
	struct idm_error err = { .text = "" };

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	start.core_fd = pair[0];
	start.control_fd = pair[1];
	snprintf(config.db_path, sizeof(config.db_path), "%s/none", s->dir);
	assert_int_not_equal(worker_open(&start, &worker, &err), IDM_OK);
	assert_null(worker);
	assert_non_null(strstr(err.text, "none"));
	close(pair[1]);
}

#define on_its_own(test) cmocka_unit_test_setup(test, server_fresh)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		on_its_own(a_long_search_does_not_hold_up_others),
		on_its_own(long_searches_take_turns),
		on_its_own(several_searches_of_one_client_all_end),
		on_its_own(who_pipelines_over_tls_does_not_hold_up_others),
		on_its_own(a_search_waits_for_a_client_that_takes_nothing),
		on_its_own(a_search_that_waits_goes_with_its_client),
		on_its_own(a_search_that_is_abandoned_stops),
		on_its_own(a_source_may_have_so_many_connections),
		on_its_own(all_together_may_have_so_many_connections),
		on_its_own(without_descriptors_it_tries_again_in_a_second),
		on_its_own(a_revocation_ends_what_no_longer_holds),
		on_its_own(a_session_that_ends_takes_its_connections_alone),
		on_its_own(all_connections_of_an_account_can_be_ended),
		on_its_own(who_is_not_bound_is_not_ended),
		on_its_own(rights_follow_what_is_stored_without_a_word),
		on_its_own(many_logins_have_their_own_rights),
		on_its_own(answers_find_who_asked),
		on_its_own(an_answer_to_nobody_is_forgotten),
		on_its_own(a_core_process_that_takes_nothing_makes_it_busy),
		on_its_own(a_frame_that_is_none_of_the_core_process_ends_the_worker),
		on_its_own(without_the_core_process_it_ends),
		on_its_own(a_new_certificate_is_for_new_connections),
		on_its_own(without_the_supervisor_it_ends),
		on_its_own(without_a_database_there_is_no_worker),
	};

	return cmocka_run_group_tests(tests, server_setup_worker, server_teardown);
}
