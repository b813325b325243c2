/* What a decision puts into a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rlm_kanidm/reply.h"

/* The library expects these two of the daemon; nothing here starts a process. */
__attribute__((visibility("default"))) pid_t
rad_fork(void)
{
	return -1;
}

__attribute__((visibility("default"))) pid_t
rad_waitpid(pid_t pid, int *status)
{
	(void)pid;
	(void)status;
	return -1;
}

static REQUEST *
new_request(TALLOC_CTX *ctx)
{
	REQUEST *request = request_alloc(ctx);

	assert_non_null(request);
	request->packet = rad_alloc(request, true);
	request->reply = rad_alloc(request, false);
	return request;
}

static struct idm_radius_answer
alice(const char *secret)
{
	struct idm_radius_answer answer = { .uuid = { .bytes = { [15] = 7 } } };

	answer.secret_len = strlen(secret);
	memcpy(answer.secret, secret, answer.secret_len);
	return answer;
}

static unsigned int
count(VALUE_PAIR *list, unsigned int attribute)
{
	unsigned int n = 0;

	for (; list != NULL; list = list->next)
		n += list->da->attr == attribute && list->da->vendor == 0;
	return n;
}

static void
a_handle_names_the_account(void **state)
{
	struct idm_radius_answer answer = alice("secret");
	char handle[HANDLE_TEXT];

	(void)state;
	assert_true(handle_format(&answer, handle));
	assert_int_equal(strlen(handle), HANDLE_TEXT - 1);
	assert_true(idm_span_is(
	    handle_uuid(idm_span_cstr(handle)), "00000000-0000-0000-0000-000000000007"));
}

static void
a_handle_changes_with_the_secret(void **state)
{
	struct idm_radius_answer before = alice("secret");
	struct idm_radius_answer after = alice("secreu");
	char a[HANDLE_TEXT], b[HANDLE_TEXT];

	(void)state;
	assert_true(handle_format(&before, a) && handle_format(&after, b));
	assert_string_not_equal(a, b);
	assert_memory_equal(a, b, IDM_UUID_TEXT);
}

static void
what_is_no_handle_names_nobody(void **state)
{
	static const char *const wrong[] = { "", "alice", "00000000-0000-0000-0000-000000000007",
		"00000000-0000-0000-0000-000000000007:0123456789abcdef",
		"00000000-0000-0000-0000-000000000007/0123456789abcde",
		"00000000-0000-0000-0000-000000000007/0123456789abcdef0" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(handle_uuid(idm_span_cstr(wrong[i])).len, 0);
}

static void
what_is_set_twice_is_there_once(void **state)
{
	REQUEST *request = new_request(NULL);

	(void)state;
	assert_true(handle_set(request, &request->config, "one"));
	assert_true(handle_set(request, &request->config, "two"));
	assert_true(idm_span_is(handle_get(request->config), "two"));
	assert_true(reply_give_secret(request, IDM_SPAN_LIT("first")));
	assert_true(reply_give_secret(request, IDM_SPAN_LIT("second")));
	assert_int_equal(count(request->config, PW_CLEARTEXT_PASSWORD), 1);
	assert_true(reply_limit_session(request, 60));
	assert_true(reply_limit_session(request, 30));
	assert_int_equal(count(request->reply->vps, PW_SESSION_TIMEOUT), 1);
	assert_int_equal(count(request->reply->vps, PW_TERMINATION_ACTION), 1);
	handle_clear(&request->config);
	assert_int_equal(handle_get(request->config).len, 0);
	talloc_free(request);
}

/* A secret may hold any octet, and none is lost on the way to pap and mschap. */
static void
a_secret_arrives_whole(void **state)
{
	REQUEST *request = new_request(NULL);
	VALUE_PAIR *pair;

	(void)state;
	assert_true(reply_give_secret(request, IDM_SPAN_LIT("a\"b%{c}\\d\0e")));
	pair = fr_pair_find_by_num(request->config, PW_CLEARTEXT_PASSWORD, 0, TAG_ANY);
	assert_int_equal(pair->vp_length, 11);
	assert_memory_equal(pair->vp_strvalue, "a\"b%{c}\\d\0e", 11);
	talloc_free(request);
}

static void
a_secret_is_wiped_with_its_request(void **state)
{
	TALLOC_CTX *pool = talloc_pool(NULL, 64 * 1024); /* keeps what is freed readable */
	REQUEST *request = new_request(pool);
	const char *copy;

	(void)state;
	assert_true(reply_give_secret(request, IDM_SPAN_LIT("a long and secret text")));
	copy = fr_pair_find_by_num(request->config, PW_CLEARTEXT_PASSWORD, 0, TAG_ANY)->vp_strvalue;
	assert_memory_equal(copy, "a long and secret text", 22);
	fr_pair_list_free(&request->config);
	for (size_t i = 0; i < 22; i++)
		assert_int_equal(copy[i], 0);
	talloc_free(pool);
}

static void
a_session_ends_with_the_account(void **state)
{
	(void)state;
	assert_int_equal(session_timeout(0, INT64_MAX, 1000), 0);
	assert_int_equal(session_timeout(60, INT64_MAX, 1000), 60);
	assert_int_equal(session_timeout(60, 1059, 1000), 59);
	assert_int_equal(session_timeout(60, 1061, 1000), 60);
	assert_int_equal(session_timeout(0, 1001, 1000), 1);
	assert_int_equal(session_timeout(0, 1000, 1000), 1); /* 0 would mean for ever */
	assert_int_equal(session_timeout(0, INT64_MIN, 1000), 1);
	assert_int_equal(session_timeout(0, 1000 + (int64_t)UINT32_MAX, 1000), 0);
}

static void
no_limit_is_no_attribute(void **state)
{
	REQUEST *request = new_request(NULL);

	(void)state;
	assert_true(reply_limit_session(request, 0));
	assert_null(request->reply->vps);
	talloc_free(request);
}

static void
only_an_eap_answer_names_the_account(void **state)
{
	REQUEST *request = new_request(NULL);

	(void)state;
	assert_true(reply_name_account(request, "alice"));
	assert_null(request->reply->vps);
	fr_pair_add(&request->packet->vps, fr_pair_afrom_num(request->packet, PW_EAP_MESSAGE, 0));
	assert_true(reply_name_account(request, "alice"));
	assert_true(reply_name_account(request, "alice"));
	assert_int_equal(count(request->reply->vps, PW_USER_NAME), 1);
	talloc_free(request);
}

static int
load_dictionary(void **state)
{
	(void)state;
	return dict_init("/usr/share/freeradius", "dictionary");
}

static int
free_dictionary(void **state)
{
	(void)state;
	dict_free();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handle_names_the_account),
		cmocka_unit_test(a_handle_changes_with_the_secret),
		cmocka_unit_test(what_is_no_handle_names_nobody),
		cmocka_unit_test(what_is_set_twice_is_there_once),
		cmocka_unit_test(a_secret_arrives_whole),
		cmocka_unit_test(a_secret_is_wiped_with_its_request),
		cmocka_unit_test(a_session_ends_with_the_account),
		cmocka_unit_test(no_limit_is_no_attribute),
		cmocka_unit_test(only_an_eap_answer_names_the_account),
	};

	return cmocka_run_group_tests(tests, load_dictionary, free_dictionary);
}
