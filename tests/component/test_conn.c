/* One client's connection: its input in pieces, its limits in size and time, its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/exop.h"
#include "tests/support/server.h"
#include "tests/support/test_clock.h"

#define ANNA "uid=anna,ou=people," DIRECTORY_SUFFIX

static const struct search root_dse = { .base = "", .scope = LDAP_SCOPE_BASE, .attributes = "+" };

static void
put_who_am_i(struct client *client, int32_t id)
{
	request_extended(&client->requests, id, EXOP_WHOAMI, IDM_SPAN_EMPTY);
}

/* An entry and its result. */
static void
expect_root_dse(struct client *client, int32_t id)
{
	const struct answer *answer = client_take(client);

	assert_int_equal(answer->tag, LDAP_TAG_SEARCH_ENTRY);
	assert_int_equal(answer->id, id);
	client_expect(client, id, LDAP_SUCCESS);
}

/* Bound as somebody, by a core process that the test stands for. */
static void
be_bound(struct client *client, const char *name, int64_t expire_s)
{
	struct server *s = client->server;
	struct ipc_frame answer = { .type = IPC_BOUND };

	server_settle(s);
	while (far_end_take(&s->far) != NULL)
		; /* what an earlier client gave back */
	request_bind(&client->requests, 1000, name, "a password");
	client_send(client);
	answer.bound.seq = server_await_frame(s, IPC_BIND)->bind.seq;
	answer.bound.handle = 1;
	answer.bound.identity = realm_identity(s->realm, name);
	answer.bound.identity.expire_s = expire_s;
	far_end_send(&s->far, &answer);
	client_expect(client, 1000, LDAP_SUCCESS);
}

static void
pass_ms(struct server *s, uint64_t ms)
{
	test_clock.monotonic_ms += ms;
	server_second(s);
}

/* Nothing happens a moment before; what then is to happen, does in the same second. */
static void
expect_patience(struct client *client, uint32_t seconds)
{
	pass_ms(client->server, UINT64_C(1000) * seconds - 1);
	client_expect_nothing(client);
	pass_ms(client->server, 1);
}

/* --- input */

static void
a_request_octet_by_octet_is_answered_once(void **state)
{
	struct client *client = client_open(*state);
	struct ber_writer *w = &client->requests.w;

	request_search(&client->requests, 5, &root_dse);
	for (size_t i = 0; i < w->len; i++) {
		client_expect_nothing(client);
		client_send_octets(client, w->data + i, 1);
	}
	expect_root_dse(client, 5);
	client_expect_nothing(client);
	client_close(&client);
}

static void
requests_in_one_write_are_answered_in_order(void **state)
{
	struct client *client = client_open(*state);

	for (int32_t id = 1; id <= 500; id++) {
		if (id % 3 == 0)
			put_who_am_i(client, id);
		else
			request_search(&client->requests, id, &root_dse);
	}
	client_send(client);
	for (int32_t id = 1; id <= 500; id++) {
		if (id % 3 == 0)
			client_expect(client, id, LDAP_SUCCESS);
		else
			expect_root_dse(client, id);
	}
	client_expect_nothing(client);
	client_close(&client);
}

/* Records of TLS begin and end elsewhere than messages, and it reads ahead. */
static void
over_tls_all_of_a_long_pipeline_is_answered(void **state)
{
	struct client *client = client_open_tls(*state);

	for (int32_t id = 1; id <= 20000; id++)
		put_who_am_i(client, id);
	assert_true(client->requests.w.len > 512 * 1024);
	client_send(client);
	for (int32_t id = 1; id <= 20000; id++)
		client_expect(client, id, LDAP_SUCCESS);
	client_expect_nothing(client);
	client_close(&client);
}

static void
a_request_cut_anywhere_goes_on_behind_others(void **state)
{
	struct client *client = client_open(*state);
	struct ber_writer *w = &client->requests.w;
	size_t one;

	put_who_am_i(client, 1);
	one = w->len;
	put_who_am_i(client, 2);
	for (size_t cut = one + 1; cut < w->len; cut++) {
		client_send_octets(client, w->data, cut);
		client_expect(client, 1, LDAP_SUCCESS);
		client_expect_nothing(client);
		client_send_octets(client, w->data + cut, w->len - cut);
		client_expect(client, 2, LDAP_SUCCESS);
	}
	client_close(&client);
}

static void
what_is_no_message_gets_the_notice(void **state)
{
	static const struct {
		const char *octets;
		size_t len;
	} cases[] = {
		{ "GET / HTTP/1.1\r\n", 16 },
		{ "\x16\x03\x01\x02\x00", 5 },                     /* TLS on the local socket */
		{ "\x30\x80\x02\x01\x01", 5 },                     /* no definite length */
		{ "\x30\x00", 2 },                                 /* nothing in it */
		{ "\x30\x85\x01\x00\x00\x00\x00", 7 },             /* a length of 4 GiB */
		{ "\x30\x05\x02\x01\x01\x42\x01", 7 },             /* an unbind that is cut off */
		{ "\x30\x05\x02\x01\x00\x42\x00", 7 },             /* messageID 0 */
		{ "\x30\x06\x02\x02\x00\x01\x42\x00", 8 },         /* not the shortest form */
		{ "\x30\x05\x02\x01\x01\x5f\x00", 7 },             /* no such operation */
		{ "\x30\x07\x02\x01\x01\x61\x02\x0a\x00", 9 },     /* a response */
		{ "\x30\x08\x02\x01\x01\x42\x00\x04\x01\x78", 10 } /* something behind it */
	};
	struct server *s = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct client *client = client_open(s);

		client_send_octets(client, (const uint8_t *)cases[i].octets, cases[i].len);
		client_expect_notice(client, LDAP_PROTOCOL_ERROR);
		assert_null(s->worker->conns);
		client_close(&client);
	}
}

/* The header tells, so that nothing is kept of what is refused. */
static void
who_is_not_bound_sends_small_messages_alone(void **state)
{
	static const uint8_t header[] = { 0x30, 0x83, 0x01, 0x00, 0x00 }; /* 65,541 in all */
	struct server *s = *state;
	struct client *client = client_open(s);

	client_send_octets(client, header, sizeof(header));
	assert_string_equal(
	    client_expect_notice(client, LDAP_PROTOCOL_ERROR)->text, "the message is too large");
	client_close(&client);
	client = client_open(s);
	be_bound(client, "anna", INT64_MAX);
	client_send_octets(client, header, sizeof(header));
	client_expect_nothing(client);
	client_close(&client);
	client = client_open(s);
	be_bound(client, "anna", INT64_MAX);
	client_send_octets(client, (const uint8_t[]){ 0x30, 0x83, 0x04, 0x00, 0x00 }, 5);
	client_expect_notice(client, LDAP_PROTOCOL_ERROR);
	client_close(&client);
}

/* --- how much may be under way */

static void
no_more_is_begun_than_may_be_outstanding(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct ipc_frame done = { .type = IPC_DONE };
	uint64_t seq[4];

	s->config.limits.outstanding = 4;
	for (int32_t id = 1; id <= 10; id++)
		request_delete(&client->requests, id, ANNA);
	client_send(client);
	for (int i = 0; i < 4; i++)
		seq[i] = server_await_frame(s, IPC_OPERATION)->operation.seq;
	server_settle(s);
	assert_null(far_end_take(&s->far));
	assert_int_equal(s->worker->conns->request_count, 4);
	for (int32_t id = 1; id <= 10; id++) {
		done.done.seq = seq[id % 4 == 0 ? 3 : id % 4 - 1];
		far_end_send(&s->far, &done);
		client_expect(client, id, LDAP_SUCCESS);
		if (id <= 6)
			seq[(id - 1) % 4] = server_await_frame(s, IPC_OPERATION)->operation.seq;
	}
	client_expect_nothing(client);
	s->config.limits.outstanding = 32;
	client_close(&client);
}

/* A client that asks and asks and takes nothing costs what its output may be, and then is read no
 * more; once it takes, everything comes. */
static void
who_takes_nothing_is_read_no_more(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct requests *r = &client->requests;
	const struct conn *conn = s->worker->conns;
	size_t sent = 0;
	ssize_t n = 1;

	s->config.limits.output_bytes = 32 * 1024;
	for (int32_t id = 1; id <= 20000; id++)
		request_search(r, id, &root_dse);
	while (n > 0 && sent < r->w.len) {
		n = send(client->fd, r->w.data + sent, r->w.len - sent, MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		server_settle(s);
	}
	assert_true(sent < r->w.len); /* nobody reads the rest */
	assert_true(conn->out.len - conn->out_sent >= 32 * 1024);
	assert_true(conn->out.len - conn->out_sent < 40 * 1024);
	assert_true(conn->in_len <= 2 * WORKER_READ_BYTES);
	for (int32_t id = 1; id <= 20000; id++) {
		n = sent == r->w.len
			? 0
			: send(client->fd, r->w.data + sent, r->w.len - sent, MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		expect_root_dse(client, id);
		assert_true(conn->in_len <= 2 * WORKER_READ_BYTES);
	}
	requests_clear(r);
	client_expect_nothing(client);
	s->config.limits.output_bytes = 262144;
	client_close(&client);
}

/* --- time */

static void
a_handshake_has_its_time(void **state)
{
	static const uint8_t key[CONN_SOURCE_KEY_BYTES] = { 1 };
	struct server *s = *state;
	int pair[2];
	char octet;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_true(conn_open(s->worker, pair[1], "192.0.2.7", key, false));
	pass_ms(s, UINT64_C(1000) * s->config.limits.handshake_s - 1);
	assert_non_null(s->worker->conns);
	pass_ms(s, 1);
	assert_null(s->worker->conns);
	assert_int_equal(read(pair[0], &octet, 1), 0); /* and no notice: there is no TLS */
	close(pair[0]);
}

static void
no_tls_no_word(void **state)
{
	static const uint8_t key[CONN_SOURCE_KEY_BYTES] = { 1 };
	struct server *s = *state;
	struct requests r;
	uint8_t octets[64];
	int pair[2];
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_true(conn_open(s->worker, pair[1], "192.0.2.7", key, false));
	requests_init(&r);
	request_bind(&r, 1, ANNA, "a password over no TLS");
	assert_int_equal(write(pair[0], r.w.data, r.w.len), r.w.len);
	server_settle(s);
	assert_null(s->worker->conns);
	while ((n = read(pair[0], octets, sizeof(octets))) > 0)
		assert_int_not_equal(octets[0], BER_SEQUENCE); /* at most TLS' own alert */
	requests_free(&r);
	close(pair[0]);
}

static void
the_first_message_has_its_time(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);

	expect_patience(client, s->config.limits.first_pdu_s);
	assert_string_equal(
	    client_expect_notice(client, LDAP_UNAVAILABLE)->text, "no message comes");
	client_close(&client);
	client = client_open_tls(s);
	expect_patience(client, s->config.limits.first_pdu_s);
	client_expect_notice(client, LDAP_UNAVAILABLE);
	client_close(&client);
}

/* From its first octet to its last, however many come in between. */
static void
a_message_that_has_begun_has_its_time(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);

	put_who_am_i(client, 1);
	client_send(client);
	client_expect(client, 1, LDAP_SUCCESS);
	put_who_am_i(client, 2);
	for (uint32_t second = 0; second < s->config.limits.pdu_s; second++) {
		client_send_octets(client, client->requests.w.data + second, 1);
		client_expect_nothing(client);
		pass_ms(s, 1000);
	}
	assert_string_equal(client_expect_notice(client, LDAP_UNAVAILABLE)->text,
	    "the rest of a message does not come");
	client_close(&client);
}

/* Less than there is until a first message has to be there at all. */
static void
a_first_message_that_has_begun_has_its_time_too(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);

	assert_true(s->config.limits.pdu_s < s->config.limits.first_pdu_s);
	client_send_octets(client, (const uint8_t[]){ 0x30 }, 1);
	client_expect_nothing(client);
	expect_patience(client, s->config.limits.pdu_s);
	client_expect_notice(client, LDAP_UNAVAILABLE);
	client_close(&client);
}

/* Nor does a message that has begun put off the end of waiting for the first. */
static void
a_first_message_that_begins_late_has_no_more_time(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);

	pass_ms(s, UINT64_C(1000) * s->config.limits.first_pdu_s - 1);
	client_send_octets(client, (const uint8_t[]){ 0x30 }, 1);
	client_expect_nothing(client);
	pass_ms(s, 1);
	client_expect_notice(client, LDAP_UNAVAILABLE);
	client_close(&client);
}

static void
who_is_idle_is_sent_away(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);

	put_who_am_i(client, 1);
	client_send(client);
	client_expect(client, 1, LDAP_SUCCESS);
	expect_patience(client, s->config.limits.idle_unbound_s);
	assert_string_equal(
	    client_expect_notice(client, LDAP_UNAVAILABLE)->text, "idle for too long");
	client_close(&client);
}

static void
who_is_bound_may_be_idle_for_longer(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);

	be_bound(client, "anna", INT64_MAX);
	assert_true(s->config.limits.idle_s > s->config.limits.idle_unbound_s);
	expect_patience(client, s->config.limits.idle_s);
	client_expect_notice(client, LDAP_UNAVAILABLE);
	assert_int_equal(server_await_frame(s, IPC_RELEASE)->release.handle, 1);
	client_close(&client);
}

static void
who_waits_for_an_answer_is_not_idle(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct ipc_frame done = { .type = IPC_DONE };

	request_delete(&client->requests, 1, ANNA);
	client_send(client);
	done.done.seq = server_await_frame(s, IPC_OPERATION)->operation.seq;
	pass_ms(s, UINT64_C(5000) * s->config.limits.idle_s);
	client_expect_nothing(client);
	far_end_send(&s->far, &done);
	client_expect(client, 1, LDAP_SUCCESS);
	client_close(&client);
}

/* We do not read while a bind is under way: the rest of what follows may well be there. */
static void
a_message_that_we_do_not_read_is_not_late(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct ipc_frame done = { .type = IPC_BOUND };
	size_t one;

	request_bind(&client->requests, 1, ANNA, "a password");
	one = client->requests.w.len;
	put_who_am_i(client, 2);
	client_send_octets(client, client->requests.w.data, client->requests.w.len - 1);
	done.bound.seq = server_await_frame(s, IPC_BIND)->bind.seq;
	done.bound.code = LDAP_INVALID_CREDENTIALS;
	pass_ms(s, UINT64_C(2000) * s->config.limits.pdu_s);
	client_expect_nothing(client);
	far_end_send(&s->far, &done);
	client_expect(client, 1, LDAP_INVALID_CREDENTIALS);
	assert_true(one < client->requests.w.len);
	client_send_octets(client, client->requests.w.data + client->requests.w.len - 1, 1);
	client_expect(client, 2, LDAP_SUCCESS);
	client_close(&client);
}

/* So much is asked for that the socket is full and more waits. */
static void
fill_output(struct client *client)
{
	const struct conn *conn = client->server->worker->conns;

	for (int32_t id = 1; conn->out_sent == conn->out.len; id++) {
		assert_true(id < 10000);
		request_search(&client->requests, id, &root_dse);
		client_send(client);
		server_settle(client->server);
	}
}

static void
who_takes_nothing_for_long_is_cut_off(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);

	fill_output(client);
	pass_ms(s, UINT64_C(1000) * s->config.limits.write_stall_s - 1);
	assert_non_null(s->worker->conns);
	pass_ms(s, 1);
	assert_null(s->worker->conns);
	client_close(&client);
}

static void
who_takes_a_little_now_and_then_stays(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	static uint8_t octets[128 * 1024];

	fill_output(client);
	for (int i = 0; i < 5; i++) {
		pass_ms(s, UINT64_C(1000) * s->config.limits.write_stall_s - 1);
		assert_non_null(s->worker->conns);
		assert_true(read(client->fd, octets, sizeof(octets)) > 0);
		server_settle(s);
		if (s->worker->conns->out_sent == s->worker->conns->out.len)
			fill_output(client);
	}
	client_close(&client);
}

/* --- the login */

static void
a_window_that_ends_ends_the_connection_within_a_second(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	int64_t now_s = test_clock.now_s;

	be_bound(client, "ben", INT64_MAX); /* expires a day from now */
	test_clock.now_s = REALM_NOW_S + 86399;
	server_second(s);
	client_expect_nothing(client);
	test_clock.now_s++;
	server_second(s);
	assert_string_equal(
	    client_expect_notice(client, LDAP_UNAVAILABLE)->text, "this login is over");
	assert_int_equal(server_await_frame(s, IPC_RELEASE)->release.handle, 1);
	test_clock.now_s = now_s;
	client_close(&client);
}

static void
a_session_that_ends_ends_the_connection_too(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	int64_t now_s = test_clock.now_s;

	be_bound(client, "anna", now_s + 100);
	test_clock.now_s = now_s + 99;
	server_second(s);
	client_expect_nothing(client);
	test_clock.now_s = now_s + 100;
	server_second(s);
	client_expect_notice(client, LDAP_UNAVAILABLE);
	test_clock.now_s = now_s;
	client_close(&client);
}

/* A clock set back must not be taken for time in which the login holds longer. */
static void
a_border_is_looked_at_anew_when_the_window_moved(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	int64_t now_s = test_clock.now_s;

	be_bound(client, "ben", INT64_MAX);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "ben", "=account_expire", "2030-01-01T00:00:00Z", NULL),
	    IDM_OK);
	test_clock.now_s = REALM_NOW_S + 86400;
	server_second(s);
	client_expect_nothing(client);
	put_who_am_i(client, 1);
	client_send(client);
	client_expect(client, 1, LDAP_SUCCESS);
	test_clock.now_s = now_s;
	client_close(&client);
}

/* The window is looked at with every operation: no answer but the notice (SPEC 8.4). */
static void
a_request_of_one_whose_login_is_over_gets_the_notice(void **state)
{
	static const struct search search = { .base = DIRECTORY_SUFFIX, .scope = LDAP_SCOPE_SUB };
	struct server *s = *state;

	for (int i = 0; i < 3; i++) {
		struct client *client = client_open(s);

		assert_int_equal(realm_modify(s->realm, NULL, "ben", "=account_expire",
				     "2030-01-01T00:00:00Z", NULL),
		    IDM_OK);
		be_bound(client, "ben", INT64_MAX);
		assert_int_equal(realm_modify(s->realm, NULL, "ben", "=account_expire",
				     "2020-01-01T00:00:00Z", NULL),
		    IDM_OK);
		client_expect_nothing(client);
		if (i == 0)
			request_search(&client->requests, 1, &search);
		else if (i == 1)
			request_compare(&client->requests, 1, ANNA, "uid", "anna");
		else
			put_who_am_i(client, 1);
		client_send(client);
		assert_string_equal(
		    client_expect_notice(client, LDAP_UNAVAILABLE)->text, "this login is over");
		client_close(&client);
	}
}

/* --- the end */

static void
a_client_that_leaves_is_forgotten_with_all_it_asked(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	struct ipc_frame done = { .type = IPC_DONE };

	be_bound(client, "anna", INT64_MAX);
	for (int32_t id = 1; id <= 5; id++)
		request_delete(&client->requests, id, ANNA);
	client_send(client);
	done.done.seq = server_await_frame(s, IPC_OPERATION)->operation.seq;
	for (int i = 1; i < 5; i++)
		server_await_frame(s, IPC_OPERATION);
	client_close(&client);
	assert_int_equal(server_await_frame(s, IPC_RELEASE)->release.handle, 1);
	assert_null(s->worker->conns);
	assert_int_equal(s->worker->conn_count, 0);
	far_end_send(&s->far, &done); /* an answer that nobody waits for */
	server_settle(s);
	assert_false(s->far.closed);
}

static void
an_unbind_over_tls_is_answered_with_its_end(void **state)
{
	struct client *client = client_open_tls(*state);

	put_who_am_i(client, 1);
	request_unbind(&client->requests, 2);
	client_send(client);
	client_expect(client, 1, LDAP_SUCCESS);
	client_expect_end(client);
	assert_int_equal(SSL_get_shutdown(client->tls) & SSL_RECEIVED_SHUTDOWN,
	    SSL_RECEIVED_SHUTDOWN); /* close_notify: nothing was cut off */
	client_close(&client);
}

static void
what_was_asked_before_the_end_is_answered_before_it(void **state)
{
	struct client *client = client_open(*state);

	for (int32_t id = 1; id <= 100; id++)
		request_search(&client->requests, id, &root_dse);
	client_send(client);
	client_send_octets(client, (const uint8_t *)"nonsense", 8);
	for (int32_t id = 1; id <= 100; id++)
		expect_root_dse(client, id);
	client_expect_notice(client, LDAP_PROTOCOL_ERROR);
	client_close(&client);
}

#define on_its_own(test) cmocka_unit_test_setup(test, server_fresh)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		on_its_own(a_request_octet_by_octet_is_answered_once),
		on_its_own(requests_in_one_write_are_answered_in_order),
		on_its_own(over_tls_all_of_a_long_pipeline_is_answered),
		on_its_own(a_request_cut_anywhere_goes_on_behind_others),
		on_its_own(what_is_no_message_gets_the_notice),
		on_its_own(who_is_not_bound_sends_small_messages_alone),
		on_its_own(no_more_is_begun_than_may_be_outstanding),
		on_its_own(who_takes_nothing_is_read_no_more),
		on_its_own(a_handshake_has_its_time),
		on_its_own(no_tls_no_word),
		on_its_own(the_first_message_has_its_time),
		on_its_own(a_message_that_has_begun_has_its_time),
		on_its_own(a_first_message_that_has_begun_has_its_time_too),
		on_its_own(a_first_message_that_begins_late_has_no_more_time),
		on_its_own(who_is_idle_is_sent_away),
		on_its_own(who_is_bound_may_be_idle_for_longer),
		on_its_own(who_waits_for_an_answer_is_not_idle),
		on_its_own(a_message_that_we_do_not_read_is_not_late),
		on_its_own(who_takes_nothing_for_long_is_cut_off),
		on_its_own(who_takes_a_little_now_and_then_stays),
		on_its_own(a_window_that_ends_ends_the_connection_within_a_second),
		on_its_own(a_session_that_ends_ends_the_connection_too),
		on_its_own(a_border_is_looked_at_anew_when_the_window_moved),
		on_its_own(a_request_of_one_whose_login_is_over_gets_the_notice),
		on_its_own(a_client_that_leaves_is_forgotten_with_all_it_asked),
		on_its_own(an_unbind_over_tls_is_answered_with_its_end),
		on_its_own(what_was_asked_before_the_end_is_answered_before_it),
	};

	return cmocka_run_group_tests(tests, server_setup_worker, server_teardown);
}
