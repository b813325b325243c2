/* What is counted, the text that Prometheus reads, and the requests that ask for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ldapd/counts.h"
#include "ldapd/metrics.h"
#include "ldapd/metrics_server.h"

/* --- counts */

static void
every_operation_has_its_count(void **state)
{
	static const struct {
		enum ldap_op op;
		const char *name;
	} ops[] = {
		{ LDAP_BIND_REQUEST, "bind" },
		{ LDAP_UNBIND_REQUEST, "unbind" },
		{ LDAP_SEARCH_REQUEST, "search" },
		{ LDAP_COMPARE_REQUEST, "compare" },
		{ LDAP_ADD_REQUEST, "add" },
		{ LDAP_MODIFY_REQUEST, "modify" },
		{ LDAP_DELETE_REQUEST, "delete" },
		{ LDAP_MODIFY_DN_REQUEST, "modifydn" },
		{ LDAP_EXTENDED_REQUEST, "extended" },
		{ LDAP_ABANDON_REQUEST, "abandon" },
	};
	enum count_op op;

	(void)state;
	assert_int_equal(sizeof(ops) / sizeof(ops[0]), COUNT_OPS);
	for (size_t i = 0; i < COUNT_OPS; i++) {
		assert_true(count_op_of(ops[i].op, &op));
		assert_string_equal(count_op_name(op), ops[i].name);
	}
	assert_false(count_op_of(0, &op));
}

static void
results_are_told_apart_by_who_is_at_fault(void **state)
{
	static const struct {
		enum ldap_result_code code;
		const char *name;
	} codes[] = {
		{ LDAP_SUCCESS, "success" },
		{ LDAP_COMPARE_FALSE, "success" },
		{ LDAP_INVALID_CREDENTIALS, "denied" },
		{ LDAP_INSUFFICIENT_ACCESS_RIGHTS, "denied" },
		{ LDAP_NO_SUCH_OBJECT, "absent" },
		{ LDAP_SIZE_LIMIT_EXCEEDED, "limit" },
		{ LDAP_BUSY, "busy" },
		{ LDAP_PROTOCOL_ERROR, "invalid" },
		{ LDAP_CONSTRAINT_VIOLATION, "invalid" },
		{ LDAP_SYNC_REFRESH_REQUIRED, "invalid" },
		{ LDAP_OTHER, "error" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		assert_string_equal(
		    count_result_name(count_result_of(codes[i].code)), codes[i].name);
}

static void
a_worker_that_is_gone_leaves_what_it_counted_and_no_connection(void **state)
{
	struct counts one = { { 0 } }, sum = { { 0 } };

	(void)state;
	one.of[COUNT_OPEN_TLS] = 3;
	one.of[COUNT_OPENED_TLS] = 7;
	one.of[count_done(COUNT_OP_ABANDON, COUNT_UNANSWERED)] = 2;
	assert_int_equal(count_done(COUNT_OP_ABANDON, COUNT_UNANSWERED), COUNT_ALL - 1);
	counts_add(&sum, &one, false);
	assert_int_equal(sum.of[COUNT_OPEN_TLS], 0);
	assert_int_equal(sum.of[COUNT_OPENED_TLS], 7);
	counts_add(&sum, &one, true);
	assert_int_equal(sum.of[COUNT_OPEN_TLS], 3);
	assert_int_equal(sum.of[COUNT_OPENED_TLS], 14);
	assert_int_equal(sum.of[COUNT_ALL - 1], 4);
}

/* --- the text */

static void
the_text_is_what_prometheus_reads(void **state)
{
	struct metric_samples samples = { .arena = idm_arena_new(64 * 1024) };
	struct metric_histogram batches = { { 0 }, 0, 0 };
	struct idm_span text;

	(void)state;
	assert_non_null(samples.arena);
	metric_observe(&batches, 1);
	metric_observe(&batches, 3);
	metric_observe(&batches, 64);
	metric_observe(&batches, 65);
	metrics_add(&samples, METRIC_WORKERS, NULL, NULL, 2);
	metrics_add(&samples, METRIC_OPERATIONS, "search", "success", UINT64_MAX);
	metrics_add(&samples, METRIC_OPERATIONS, "search", "denied", 0);
	metrics_add_histogram(&samples, METRIC_BATCH, &batches);
	metrics_add(&samples, METRIC_OLDEST_GUARD, NULL, NULL, 1042);
	text = metrics_text(&samples);
	assert_string_equal((const char *)text.ptr,
	    "# HELP kanidm_workers Processes that serve clients.\n"
	    "# TYPE kanidm_workers gauge\n"
	    "kanidm_workers 2\n"
	    "# HELP kanidm_ldap_operations_total Operations ended, by their result.\n"
	    "# TYPE kanidm_ldap_operations_total counter\n"
	    "kanidm_ldap_operations_total{operation=\"search\",result=\"success\"} "
	    "18446744073709551615\n"
	    "kanidm_ldap_operations_total{operation=\"search\",result=\"denied\"} 0\n"
	    "# HELP kanidm_change_batch_size Changes that shared a commit.\n"
	    "# TYPE kanidm_change_batch_size histogram\n"
	    "kanidm_change_batch_size_bucket{le=\"1\"} 1\n"
	    "kanidm_change_batch_size_bucket{le=\"2\"} 1\n"
	    "kanidm_change_batch_size_bucket{le=\"4\"} 2\n"
	    "kanidm_change_batch_size_bucket{le=\"8\"} 2\n"
	    "kanidm_change_batch_size_bucket{le=\"16\"} 2\n"
	    "kanidm_change_batch_size_bucket{le=\"32\"} 2\n"
	    "kanidm_change_batch_size_bucket{le=\"64\"} 3\n"
	    "kanidm_change_batch_size_bucket{le=\"+Inf\"} 4\n"
	    "kanidm_change_batch_size_sum 133\n"
	    "kanidm_change_batch_size_count 4\n"
	    "# HELP kanidm_database_oldest_snapshot_seconds The age of the oldest of them.\n"
	    "# TYPE kanidm_database_oldest_snapshot_seconds gauge\n"
	    "kanidm_database_oldest_snapshot_seconds 1.042\n");
	assert_int_equal(text.len, strlen((const char *)text.ptr));
	idm_arena_free(&samples.arena);
}

static bool
is_name(const char *text)
{
	return text[strspn(text, "abcdefghijklmnopqrstuvwxyz_")] == '\0' && text[0] != '\0';
}

/* What a line could not hold, or a parser would not take, is in no family. */
static void
every_family_is_named_and_told_as_prometheus_wants_it(void **state)
{
	(void)state;
	for (enum metric i = 0; i < METRIC_COUNT; i++) {
		const struct metric_family *f = metric_family(i);
		size_t len;

		assert_non_null(f->name);
		len = strlen(f->name);
		assert_true(is_name(f->name));
		assert_memory_equal(f->name, "kanidm_", 7);
		assert_true(len + strlen(f->help) < 400);
		assert_null(strpbrk(f->help, "\\\n"));
		assert_int_equal(
		    f->kind == METRIC_COUNTER, len > 6 && strcmp(f->name + len - 6, "_total") == 0);
		assert_non_null(f->group);
		assert_true(f->leaf != NULL || f->labels[0] != NULL);
		for (enum metric k = 0; k < i; k++)
			assert_string_not_equal(metric_family(k)->name, f->name);
	}
}

static void
without_memory_there_is_no_text(void **state)
{
	struct metric_samples samples = { .arena = idm_arena_new(1024) };

	(void)state;
	assert_non_null(samples.arena);
	metrics_add(&samples, METRIC_WORKERS, NULL, NULL, 1);
	assert_true(samples.failed);
	assert_null(metrics_text(&samples).ptr);
	idm_arena_free(&samples.arena);
}

/* --- requests */

static int
status_of(const char *request, size_t len)
{
	uint8_t *own = malloc(len + 1); /* a block of its own: ASan sees one byte too far */
	int status;

	assert_non_null(own);
	memcpy(own, request, len);
	own = realloc(own, len == 0 ? 1 : len);
	status = metrics_request_status(idm_span_of(own, len));
	free(own);
	return status;
}

static void
one_request_is_served(void **state)
{
	static const struct {
		const char *request;
		int status;
	} cases[] = {
		{ "GET /metrics HTTP/1.1\r\nHost: localhost:9637\r\n\r\n", 200 },
		{ "GET /metrics HTTP/1.0\r\n\r\n", 200 },
		{ "GET /metrics?name=x HTTP/1.1\r\n\r\nmore", 200 },
		{ "GET / HTTP/1.1\r\n\r\n", 404 },
		{ "GET /metrics/ HTTP/1.1\r\n\r\n", 404 },
		{ "GET /../metrics HTTP/1.1\r\n\r\n", 404 },
		{ "POST /metrics HTTP/1.1\r\n\r\n", 405 },
		{ "HEAD /metrics HTTP/1.1\r\n\r\n", 405 },
		{ "get /metrics HTTP/1.1\r\n\r\n", 405 },
		{ "GET metrics HTTP/1.1\r\n\r\n", 400 },
		{ "GET http://localhost/metrics HTTP/1.1\r\n\r\n", 400 },
		{ "GET /metrics HTTP/2.0\r\n\r\n", 400 },
		{ "GET /metrics\r\n\r\n", 400 },
		{ "GET  /metrics HTTP/1.1\r\n\r\n", 400 },
		{ "GET /metrics HTTP/1.1 x\r\n\r\n", 400 },
		{ "GET /metrics HTTP/1.1\nx\r\n\r\n", 400 },
		{ "\r\n\r\n", 400 },
		{ "\n\r\n\r\n", 400 },
		{ "   \r\n\r\n", 400 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
		    status_of(cases[i].request, strlen(cases[i].request)), cases[i].status);
}

static void
a_request_that_is_not_all_there_is_awaited_up_to_a_size(void **state)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
	char much[METRICS_REQUEST_MAX + 1];

	(void)state;
	for (size_t len = 0; len < sizeof(request) - 1; len++)
		assert_int_equal(status_of(request, len), 0);
	memset(much, 'x', sizeof(much));
	assert_int_equal(status_of(much, METRICS_REQUEST_MAX), 0);
	assert_int_equal(status_of(much, METRICS_REQUEST_MAX + 1), 431);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_operation_has_its_count),
		cmocka_unit_test(results_are_told_apart_by_who_is_at_fault),
		cmocka_unit_test(a_worker_that_is_gone_leaves_what_it_counted_and_no_connection),
		cmocka_unit_test(the_text_is_what_prometheus_reads),
		cmocka_unit_test(every_family_is_named_and_told_as_prometheus_wants_it),
		cmocka_unit_test(without_memory_there_is_no_text),
		cmocka_unit_test(one_request_is_served),
		cmocka_unit_test(a_request_that_is_not_all_there_is_awaited_up_to_a_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
