/* Metrics: what the core process tells of a server at work, over HTTP and as cn=monitor. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "ldapd/metrics_server.h"
#include "ldapd/monitor.h"
#include "tests/support/server.h"
#include "tests/support/test_clock.h"

#define ANNA "uid=anna,ou=people," DIRECTORY_SUFFIX
#define WRONG "a password of nobody"

enum { TEXT_BYTES = 256 * 1024 };

/* The value of a sample, as it stands in the text: name and labels; fails the test if it is not
 * there. */
static long long
value_of(struct server *s, const char *sample)
{
	struct metric_samples samples = { .arena = idm_arena_new(TEXT_BYTES) };
	struct idm_span text;
	char line[256];
	const char *found;
	long long value;

	assert_non_null(samples.arena);
	server_second(s);
	assert_int_equal(core_metrics(s->core, &samples, &s->err), IDM_OK);
	text = metrics_text(&samples);
	assert_non_null(text.ptr);
	snprintf(line, sizeof(line), "\n%s ", sample);
	found = memmem(text.ptr, text.len, line, strlen(line));
	if (found == NULL)
		fail_msg("%s is not told", sample);
	value = strtoll(found + strlen(line), NULL, 10);
	idm_arena_free(&samples.arena);
	return value;
}

static void
bind_in_vain(struct client *client, const char *name, const char *password)
{
	request_bind(&client->requests, 1, name, password);
	client_send(client);
	client_expect(client, 1, LDAP_INVALID_CREDENTIALS);
}

/* --- what is counted */

static void
binds_are_counted_by_what_came_of_them(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	long long good = value_of(s, "kanidm_binds_total{reason=\"password\"}");
	long long tests = value_of(s, "kanidm_password_pool_tests_total");

	client_bind(client, ANNA, SERVER_PASSWORD);
	bind_in_vain(client, ANNA, WRONG);
	bind_in_vain(client, ANNA, SERVER_PASSWORD); /* the wrong one locked it for a second */
	bind_in_vain(client, "nobody", WRONG);
	bind_in_vain(client, "carl", WRONG);
	bind_in_vain(client, "ben", WRONG);
	bind_in_vain(client, "", WRONG);
	assert_int_equal(value_of(s, "kanidm_binds_total{reason=\"password\"}"), good + 1);
	assert_int_equal(value_of(s, "kanidm_binds_total{reason=\"wrong_password\"}"), 1);
	assert_int_equal(value_of(s, "kanidm_binds_total{reason=\"softlocked\"}"), 1);
	assert_int_equal(value_of(s, "kanidm_binds_total{reason=\"no_account\"}"), 1);
	assert_int_equal(value_of(s, "kanidm_binds_total{reason=\"outside_window\"}"), 1);
	assert_int_equal(value_of(s, "kanidm_binds_total{reason=\"no_credential\"}"), 1);
	assert_int_equal(value_of(s, "kanidm_binds_total{reason=\"bad_token\"}"), 1);
	assert_int_equal(value_of(s, "kanidm_password_pool_tests_total"), tests + 6);
	assert_int_equal(value_of(s, "kanidm_password_pool_queued"), 0);
	assert_int_equal(value_of(s, "kanidm_password_pool_running"), 0);
	assert_int_equal(value_of(s, "kanidm_ldap_operations_total{operation=\"bind\","
				     "result=\"denied\"}"),
	    6);
	client_close(&client);
}

static void
operations_end_as_their_clients_were_told(void **state)
{
	static const struct search found = { .base = ANNA, .scope = LDAP_SCOPE_BASE };
	static const struct search absent = { .base = "uid=x,ou=people," DIRECTORY_SUFFIX };
	struct server *s = *state;
	struct client *client = client_open_tls(s);
	long long entries = value_of(s, "kanidm_ldap_entries_total");
	long long received = value_of(s, "kanidm_ldap_received_bytes_total");
	long long begun = value_of(s, "kanidm_ldap_operations_begun_total{operation=\"search\"}");
	size_t sent;

	request_search(&client->requests, 1, &found);
	request_search(&client->requests, 2, &absent);
	request_abandon(&client->requests, 3, 99);
	sent = client->requests.w.len;
	client_send(client);
	client_take(client);
	client_expect(client, 1, LDAP_SUCCESS);
	client_expect(client, 2, LDAP_NO_SUCH_OBJECT);
	assert_int_equal(value_of(s, "kanidm_ldap_entries_total"), entries + 1);
	assert_int_equal(value_of(s, "kanidm_ldap_received_bytes_total"), received + (long)sent);
	assert_int_equal(
	    value_of(s, "kanidm_ldap_operations_begun_total{operation=\"search\"}"), begun + 2);
	assert_int_equal(
	    value_of(s, "kanidm_ldap_operations_total{operation=\"search\",result=\"absent\"}"), 1);
	assert_int_equal(
	    value_of(
		s, "kanidm_ldap_operations_total{operation=\"abandon\",result=\"unanswered\"}"),
	    1);
	assert_int_equal(value_of(s, "kanidm_ldap_connections{transport=\"ldaps\"}"), 1);
	client_close(&client);
	server_settle(s);
	assert_int_equal(value_of(s, "kanidm_ldap_connections{transport=\"ldaps\"}"), 0);
	assert_true(value_of(s, "kanidm_ldap_connections_total{transport=\"ldaps\"}") >= 1);
	assert_true(value_of(s, "kanidm_tls_handshakes_total") >= 1);
}

static void
what_is_no_ldap_ends_and_is_counted(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);

	client_send_octets(client, (const uint8_t *)"GET / HTTP/1.1\r\n\r\n", 18);
	client_expect_notice(client, LDAP_PROTOCOL_ERROR);
	client_close(&client);
	assert_int_equal(value_of(s, "kanidm_ldap_disconnections_total{reason=\"protocol\"}"), 1);
}

static void
changes_and_the_commits_they_share_are_counted(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	long long number = value_of(s, "kanidm_change_number");
	long long commits = value_of(s, "kanidm_database_commits_total{file=\"identity.mdb\"}");
	long long done = value_of(s, "kanidm_changes_total{result=\"committed\"}");
	long long batches = value_of(s, "kanidm_change_batch_size_count");

	client_bind(client, ANNA, SERVER_PASSWORD);
	request_modify(&client->requests, 1, ANNA, "=displayName", "Anna A", NULL);
	request_modify(&client->requests, 2, ANNA, "=displayName", "Anna B", NULL);
	request_modify(&client->requests, 3, ANNA, "=description", "not mine", NULL);
	client_send(client);
	client_expect(client, 1, LDAP_SUCCESS);
	client_expect(client, 2, LDAP_SUCCESS);
	client_expect(client, 3, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	assert_int_equal(value_of(s, "kanidm_change_number"), number + 2);
	assert_int_equal(value_of(s, "kanidm_changes_total{result=\"committed\"}"), done + 2);
	assert_int_equal(value_of(s, "kanidm_changes_total{result=\"refused\"}"), 1);
	assert_int_equal(value_of(s, "kanidm_change_batch_size_count"), batches + 1);
	assert_int_equal(value_of(s, "kanidm_change_batch_size_bucket{le=\"1\"}"), 0);
	assert_int_equal(
	    value_of(s, "kanidm_database_commits_total{file=\"identity.mdb\"}"), commits + 1);
	assert_int_equal(value_of(s, "kanidm_changes_waiting_bytes"), 0);
	client_close(&client);
}

static void
the_store_is_told(void **state)
{
	struct server *s = *state;
	long long used = value_of(s, "kanidm_database_used_bytes{file=\"identity.mdb\"}");
	long long size = value_of(s, "kanidm_database_size_bytes{file=\"identity.mdb\"}");

	assert_true(used > 4096 && used <= size);
	assert_true(size < value_of(s, "kanidm_database_limit_bytes{file=\"identity.mdb\"}"));
	assert_true(value_of(s, "kanidm_database_used_bytes{file=\"local.mdb\"}") > 0);
	assert_int_equal(value_of(s, "kanidm_database_nearly_full"), 0);
	assert_true(value_of(s, "kanidm_database_snapshots") >= 1);
	assert_int_equal(value_of(s, "kanidm_workers"), 1);
	assert_int_equal(value_of(s, "kanidm_clock_state{state=\"fine\"}") +
			     value_of(s, "kanidm_clock_state{state=\"jumped\"}") +
			     value_of(s, "kanidm_clock_state{state=\"behind\"}") +
			     value_of(s, "kanidm_clock_state{state=\"unsynchronised\"}"),
	    1);
}

static void
a_worker_s_counts_outlive_it(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);
	long long opened, begun, started = value_of(s, "kanidm_workers_started_total");

	client_bind(client, ANNA, SERVER_PASSWORD);
	opened = value_of(s, "kanidm_ldap_connections_total{transport=\"ldapi\"}");
	begun = value_of(s, "kanidm_ldap_operations_begun_total{operation=\"bind\"}");
	assert_int_equal(value_of(s, "kanidm_ldap_bound_connections"), 1);
	client_close(&client);
	server_restart_worker(s);
	assert_int_equal(value_of(s, "kanidm_ldap_connections_total{transport=\"ldapi\"}"), opened);
	assert_int_equal(
	    value_of(s, "kanidm_ldap_operations_begun_total{operation=\"bind\"}"), begun);
	assert_int_equal(value_of(s, "kanidm_ldap_connections{transport=\"ldapi\"}"), 0);
	assert_int_equal(value_of(s, "kanidm_ldap_bound_connections"), 0);
	assert_int_equal(value_of(s, "kanidm_workers"), 1);
	assert_int_equal(value_of(s, "kanidm_workers_started_total"), started + 1);
}

/* --- cn=monitor */

/* Entries of a search to its end, which must have this code. */
static int
count_found(struct client *client, const struct search *search, enum ldap_result_code code)
{
	const struct answer *answer;
	int count = 0;

	request_search(&client->requests, 1, search);
	client_send(client);
	while ((answer = client_take(client))->tag == LDAP_TAG_SEARCH_ENTRY)
		count++;
	assert_int_equal(answer->tag, LDAP_TAG_SEARCH_DONE);
	if (answer->code != code)
		fail_msg("%s: %s", search->base, ldap_result_name(answer->code));
	return count;
}

static void
an_administrator_reads_each_metric_as_an_entry(void **state)
{
	static const struct search base = { .base = "CN=Monitor", .scope = LDAP_SCOPE_BASE };
	static const struct search groups = { .base = "cn=monitor", .scope = LDAP_SCOPE_ONE };
	static const struct search all = { .base = "cn=monitor", .scope = LDAP_SCOPE_SUB };
	static const struct search binds = { .base = "cn=binds,cn=monitor",
		.scope = LDAP_SCOPE_ONE };
	static const struct search one = { .base = "cn=search,cn=operations,cn=monitor",
		.scope = LDAP_SCOPE_SUB,
		.filter = "(&(cn=search)(monitorOpCompleted=*))" };
	struct server *s = *state;
	struct client *client = client_open(s);
	int in_all, in_groups;

	client_bind(client, "admin", SERVER_PASSWORD);
	server_second(s);
	assert_int_equal(count_found(client, &base, LDAP_SUCCESS), 1);
	in_groups = count_found(client, &groups, LDAP_SUCCESS);
	in_all = count_found(client, &all, LDAP_SUCCESS);
	assert_true(in_groups > 5);
	assert_true(in_all > METRIC_COUNT);
	assert_int_equal(count_found(client, &binds, LDAP_SUCCESS), CORE_BIND_OUTCOMES);
	request_search(&client->requests, 1, &one);
	client_send(client);
	client_take(client);
	assert_string_equal(client->answer.dn, "cn=search,cn=operations,cn=monitor");
	assert_true(answer_has(&client->answer, "objectClass: monitoredObject"));
	assert_non_null(strstr(client->answer.entry, "monitorOpInitiated: "));
	assert_non_null(strstr(client->answer.entry, "monitoredInfo: success "));
	assert_null(strstr(client->answer.entry, "hasSubordinates"));
	client_expect(client, 1, LDAP_SUCCESS);
	client_close(&client);
}

static void
what_is_not_below_cn_monitor_is_not_there(void **state)
{
	static const struct search absent = { .base = "cn=x,cn=monitor", .scope = LDAP_SCOPE_SUB };
	static const struct search none = {
		.base = "cn=monitor", .scope = LDAP_SCOPE_SUB, .filter = "(monitorCounter=-1)"
	};
	struct server *s = *state;
	struct client *client = client_open(s);

	client_bind(client, "admin", SERVER_PASSWORD);
	assert_int_equal(count_found(client, &absent, LDAP_NO_SUCH_OBJECT), 0);
	assert_string_equal(client->answer.matched_dn, "cn=monitor");
	assert_int_equal(count_found(client, &none, LDAP_SUCCESS), 0);
	client_close(&client);
}

/* As an absent DN, for the RootDSE and for comparisons too. */
static void
nobody_else_sees_that_it_is_there(void **state)
{
	static const char *const names[] = { NULL, "anna", "idm_admin" };
	static const struct search monitor = { .base = "cn=monitor", .scope = LDAP_SCOPE_SUB };
	static const struct search absent = { .base = "cn=absent", .scope = LDAP_SCOPE_SUB };
	static const struct search root = { .base = "", .attributes = "+" };
	struct server *s = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct client *client = client_open(s);
		char matched[ANSWER_TEXT_BYTES];

		if (names[i] != NULL)
			client_bind(client, names[i], SERVER_PASSWORD);
		count_found(client, &absent, LDAP_NO_SUCH_OBJECT);
		memcpy(matched, client->answer.matched_dn, sizeof(matched));
		assert_int_equal(count_found(client, &monitor, LDAP_NO_SUCH_OBJECT), 0);
		assert_string_equal(client->answer.matched_dn, matched);
		assert_string_equal(client->answer.text, "");
		request_compare(&client->requests, 2, "cn=monitor", "cn", "monitor");
		client_send(client);
		client_expect(client, 2, LDAP_NO_SUCH_OBJECT);
		request_search(&client->requests, 3, &root);
		client_send(client);
		client_take(client);
		assert_null(strstr(client->answer.entry, "monitorContext"));
		client_expect(client, 3, LDAP_SUCCESS);
		client_close(&client);
	}
}

static void
the_rootdse_names_it_to_who_may_read_it(void **state)
{
	static const struct search root = { .base = "", .attributes = "monitorContext" };
	struct server *s = *state;
	struct client *client = client_open(s);

	client_bind(client, "admin", SERVER_PASSWORD);
	request_search(&client->requests, 1, &root);
	client_send(client);
	client_take(client);
	assert_true(answer_has(&client->answer, "monitorContext: cn=monitor"));
	client_expect(client, 1, LDAP_SUCCESS);
	client_close(&client);
}

/* The right is data: a profile of one's own gives it. */
static void
a_profile_lets_others_read_it(void **state)
{
	static const struct search base = { .base = "cn=monitor", .scope = LDAP_SCOPE_BASE };
	struct server *s = *state;
	struct client *admin = client_open(s);
	struct client *anna = client_open(s);

	client_bind(admin, "admin", SERVER_PASSWORD);
	request_add(&admin->requests, 2, "cn=monitoring,ou=access," DIRECTORY_SUFFIX, "objectClass",
	    "access_control_profile", "acp_receiver", "staff", "acp_target", "(class=domain_info)",
	    "acp_search", "domain_uuid", "acp_enable", "true", NULL);
	client_send(admin);
	client_expect(admin, 2, LDAP_SUCCESS);
	client_bind(anna, ANNA, SERVER_PASSWORD);
	assert_int_equal(count_found(anna, &base, LDAP_SUCCESS), 1);
	request_delete(&admin->requests, 3, "cn=monitoring,ou=access," DIRECTORY_SUFFIX);
	client_send(admin);
	client_expect(admin, 3, LDAP_SUCCESS);
	assert_int_equal(count_found(anna, &base, LDAP_NO_SUCH_OBJECT), 0);
	client_close(&anna);
	client_close(&admin);
}

/* A worker that is broken asks on behalf of whom it likes, and gets nothing by it. */
static void
the_core_process_looks_at_the_rights_itself(void **state)
{
	static const struct search base = { .base = "cn=monitor", .scope = LDAP_SCOPE_BASE };
	struct server *s = *state;
	struct requests r;

	requests_init(&r);
	request_search(&r, 1, &base);
	assert_int_equal(server_ask(s, server_login(s, "anna"), &r)->code, LDAP_NO_SUCH_OBJECT);
	request_search(&r, 1, &base);
	assert_int_equal(server_ask(s, 0, &r)->code, LDAP_NO_SUCH_OBJECT);
	request_compare(&r, 1, "cn=monitor", "cn", "monitor");
	assert_int_equal(server_ask(s, server_login(s, "anna"), &r)->code, LDAP_NO_SUCH_OBJECT);
	request_compare(&r, 1, "cn=monitor", "cn", "monitor");
	assert_int_equal(server_ask(s, server_login(s, "admin"), &r)->code, LDAP_COMPARE_TRUE);
	request_unbind(&r, 1);
	assert_int_equal(server_ask(s, server_login(s, "admin"), &r)->code, LDAP_PROTOCOL_ERROR);
	requests_free(&r);
}

static void
sizes_and_pages_are_kept(void **state)
{
	static const struct search few = {
		.base = "cn=monitor", .scope = LDAP_SCOPE_SUB, .size_limit = 3
	};
	static const struct search all = { .base = "cn=monitor", .scope = LDAP_SCOPE_SUB };
	struct server *s = *state;
	struct client *client = client_open(s);
	uint8_t value[32] = { 0x30, 5, 2, 1, 50, 4, 0 };
	size_t value_len = 7;
	int whole, paged = 0;

	client_bind(client, "admin", SERVER_PASSWORD);
	assert_int_equal(count_found(client, &few, LDAP_SIZE_LIMIT_EXCEEDED), 3);
	whole = count_found(client, &all, LDAP_SUCCESS);
	for (;;) {
		int page;

		client->requests.control = (struct ldap_control){
			.oid = IDM_SPAN_LIT("1.2.840.113556.1.4.319"),
			.critical = true,
			.has_value = true,
			.value = idm_span_of(value, value_len),
		};
		page = count_found(client, &all, LDAP_SUCCESS);
		paged += page;
		if (client->answer.control_value_len < 8) /* without a cookie */
			break;
		assert_int_equal(page, 50);
		value_len = client->answer.control_value_len;
		memcpy(value, client->answer.control_value, value_len);
		value[4] = 50;
	}
	assert_int_equal(paged, whole);
	client_close(&client);
}

static void
a_critical_control_that_does_nothing_here_is_refused(void **state)
{
	static const struct search all = { .base = "cn=monitor", .scope = LDAP_SCOPE_SUB };
	static const uint8_t by_cn[] = { 0x30, 6, 0x30, 4, 4, 2, 'c', 'n' };
	struct server *s = *state;
	struct client *client = client_open(s);

	client_bind(client, "admin", SERVER_PASSWORD);
	client->requests.control =
	    (struct ldap_control){ .oid = IDM_SPAN_LIT("1.2.840.113556.1.4.473"),
		    .critical = true,
		    .has_value = true,
		    .value = idm_span_of(by_cn, sizeof(by_cn)) };
	assert_int_equal(count_found(client, &all, LDAP_UNAVAILABLE_CRITICAL_EXTENSION), 0);
	client_close(&client);
}

static void
values_are_compared(void **state)
{
	struct server *s = *state;
	struct client *client = client_open(s);

	client_bind(client, "admin", SERVER_PASSWORD);
	request_compare(
	    &client->requests, 1, "cn=current,cn=workers,cn=monitor", "monitorCounter", "1");
	request_compare(
	    &client->requests, 2, "cn=current,cn=workers,cn=monitor", "monitorCounter", "2");
	request_compare(&client->requests, 3, "cn=current,cn=workers,cn=monitor", "uid", "2");
	request_compare(&client->requests, 4, "cn=x,cn=workers,cn=monitor", "cn", "x");
	client_send(client);
	client_expect(client, 1, LDAP_COMPARE_TRUE);
	client_expect(client, 2, LDAP_COMPARE_FALSE);
	client_expect(client, 3, LDAP_NO_SUCH_ATTRIBUTE);
	client_expect(client, 4, LDAP_NO_SUCH_OBJECT);
	client_close(&client);
}

/* --- over HTTP */

struct http {
	struct event_base *base;
	struct metrics_server *server;
	int asked; /* how often the text was asked for */
	bool fails;
};

static struct idm_span
source(void *context, struct idm_arena *arena)
{
	struct http *http = context;

	http->asked++;
	return http->fails ? IDM_SPAN_EMPTY : idm_arena_copy(arena, IDM_SPAN_LIT("kanidm_x 1\n"));
}

static int
http_setup(void **state)
{
	struct http *http = calloc(1, sizeof(*http));
	struct sockaddr_in any = { .sin_family = AF_INET };
	struct config_address address = { .text = "127.0.0.1:0", .addr_len = sizeof(any) };
	struct idm_error err;

	assert_non_null(http);
	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memcpy(&address.addr, &any, sizeof(any));
	http->base = event_base_new();
	http->server = metrics_server_open(http->base, &address, source, http, &err);
	assert_non_null(http->server);
	*state = http;
	return 0;
}

static int
http_teardown(void **state)
{
	struct http *http = *state;

	metrics_server_close(&http->server);
	event_base_free(http->base);
	free(http);
	return 0;
}

static struct sockaddr_in
address_of(const struct http *http)
{
	struct sockaddr_in addr = { .sin_family = AF_UNSPEC };
	socklen_t len = sizeof(addr);

	assert_int_equal(
	    getsockname(metrics_server_fd(http->server), (struct sockaddr *)&addr, &len), 0);
	assert_int_equal(addr.sin_family, AF_INET);
	return addr;
}

static int
http_connect(const struct http *http)
{
	struct sockaddr_in to = address_of(http);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void
http_turn(struct http *http)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(http->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* Write, and read to the end. */
static void
http_ask(struct http *http, int fd, const char *request, char *out, size_t size)
{
	size_t len = 0;
	ssize_t n;

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	http_turn(http);
	while ((n = recv(fd, out + len, size - len - 1, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	assert_int_equal(n, 0); /* the end, and no reset */
	out[len] = '\0';
	close(fd);
	http_turn(http);
}

static void
a_request_gets_the_text_and_the_end(void **state)
{
	struct http *http = *state;
	char out[2048];

	http_ask(http, http_connect(http), "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", out,
	    sizeof(out));
	assert_memory_equal(out, "HTTP/1.1 200 OK\r\n", 17);
	assert_non_null(
	    strstr(out, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	assert_non_null(strstr(out, "\r\nContent-Length: 11\r\n"));
	assert_string_equal(strstr(out, "\r\n\r\n"), "\r\n\r\nkanidm_x 1\n");
	assert_int_equal(http->asked, 1);
}

static void
another_request_gets_none(void **state)
{
	struct http *http = *state;
	char out[2048];

	http->asked = 0;
	http_ask(http, http_connect(http), "GET / HTTP/1.1\r\n\r\n", out, sizeof(out));
	assert_memory_equal(out, "HTTP/1.1 404 Not Found\r\n", 24);
	http_ask(http, http_connect(http),
	    "POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", out, sizeof(out));
	assert_memory_equal(out, "HTTP/1.1 405 Method Not Allowed\r\n", 33);
	assert_non_null(strstr(out, "\r\nAllow: GET\r\n"));
	assert_int_equal(http->asked, 0);
	http->fails = true;
	http_ask(http, http_connect(http), "GET /metrics HTTP/1.1\r\n\r\n", out, sizeof(out));
	assert_memory_equal(out, "HTTP/1.1 500 Internal Server Error\r\n", 36);
	http->fails = false;
}

static void
a_request_without_end_is_refused(void **state)
{
	struct http *http = *state;
	static char much[3 * METRICS_REQUEST_MAX];
	char out[2048];

	memset(much, 'x', sizeof(much) - 1);
	http_ask(http, http_connect(http), much, out, sizeof(out));
	assert_memory_equal(out, "HTTP/1.1 431 ", 13);
}

/* Who holds all places is waited for, no longer than METRICS_CLIENT_S; others come after. */
static void
a_few_are_served_at_a_time(void **state)
{
	struct http *http = *state;
	int held[METRICS_CLIENTS_MAX], last;
	char out[2048];

	for (size_t i = 0; i < METRICS_CLIENTS_MAX; i++)
		held[i] = http_connect(http);
	http_turn(http);
	last = http_connect(http);
	assert_int_equal(send(last, "GET /metrics HTTP/1.1\r\n\r\n", 25, MSG_NOSIGNAL), 25);
	http_turn(http);
	assert_int_equal(recv(last, out, sizeof(out), MSG_DONTWAIT), -1);
	close(held[0]);
	http_turn(http);
	assert_true(recv(last, out, sizeof(out), MSG_DONTWAIT) > 100);
	close(last);
	for (size_t i = 1; i < METRICS_CLIENTS_MAX; i++)
		close(held[i]);
	http_turn(http);
}

static void
an_address_that_is_taken_is_an_error(void **state)
{
	struct http *http = *state;
	struct sockaddr_in taken = address_of(http);
	struct config_address address = { .text = "127.0.0.1:taken", .addr_len = sizeof(taken) };
	struct idm_error err = { .text = "" };

	memcpy(&address.addr, &taken, sizeof(taken));
	assert_null(metrics_server_open(http->base, &address, source, http, &err));
	assert_string_equal(err.text, "metrics_address: 127.0.0.1:taken: can't listen: Address "
				      "already in use: another program does; end it or choose "
				      "another");
}

static int
fresh(void **state)
{
	test_clock.monotonic_ms += 100000; /* no softlock of another test */
	return server_fresh(state);
}

#define on_its_own(test) cmocka_unit_test_setup(test, fresh)

int
main(void)
{
	const struct CMUnitTest whole[] = {
		on_its_own(binds_are_counted_by_what_came_of_them),
		on_its_own(operations_end_as_their_clients_were_told),
		on_its_own(what_is_no_ldap_ends_and_is_counted),
		on_its_own(changes_and_the_commits_they_share_are_counted),
		on_its_own(the_store_is_told),
		on_its_own(a_worker_s_counts_outlive_it),
		on_its_own(an_administrator_reads_each_metric_as_an_entry),
		on_its_own(what_is_not_below_cn_monitor_is_not_there),
		on_its_own(nobody_else_sees_that_it_is_there),
		on_its_own(the_rootdse_names_it_to_who_may_read_it),
		on_its_own(a_profile_lets_others_read_it),
		on_its_own(sizes_and_pages_are_kept),
		on_its_own(a_critical_control_that_does_nothing_here_is_refused),
		on_its_own(values_are_compared),
	};
	const struct CMUnitTest core[] = {
		on_its_own(the_core_process_looks_at_the_rights_itself),
	};
	const struct CMUnitTest http[] = {
		cmocka_unit_test(a_request_gets_the_text_and_the_end),
		cmocka_unit_test(another_request_gets_none),
		cmocka_unit_test(a_request_without_end_is_refused),
		cmocka_unit_test(a_few_are_served_at_a_time),
		cmocka_unit_test(an_address_that_is_taken_is_an_error),
	};
	int failed = cmocka_run_group_tests(whole, server_setup, server_teardown);

	failed += cmocka_run_group_tests(core, server_setup_core, server_teardown);
	return failed + cmocka_run_group_tests(http, http_setup, http_teardown);
}
