/*
 * Do the stand-in headers give REQUEST the layout of the installed server?  The server's own
 * library makes the requests here, so a wrong member would show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <freeradius/radiusd.h>
#include <freeradius/modules.h>

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

/* A request as the server makes one for the tunnel of another. */
static REQUEST *
inner_request(REQUEST **outer)
{
	*outer = request_alloc(NULL);
	assert_non_null(*outer);
	(*outer)->packet = rad_alloc(*outer, true);
	(*outer)->reply = rad_alloc(*outer, false);
	(*outer)->number = 4711;
	(*outer)->server = "outer";
	return request_alloc_fake(*outer);
}

static void
a_request_is_as_large_as_the_servers(void **state)
{
	REQUEST *request = request_alloc(NULL);

	(void)state;
	assert_int_equal(talloc_get_size(request), sizeof(REQUEST));
	talloc_free(request);
}

static void
members_are_where_the_server_writes_them(void **state)
{
	REQUEST *outer;
	REQUEST *inner = inner_request(&outer);

	(void)state;
	assert_non_null(inner);
	assert_ptr_equal(inner->parent, outer);
	assert_int_equal(inner->number, 4711);
	assert_string_equal(inner->server, "outer");
	assert_int_equal(inner->child_state, REQUEST_RUNNING);
	assert_int_equal(inner->timestamp, outer->timestamp);
	assert_string_equal(talloc_get_name(inner->packet), "RADIUS_PACKET");
	assert_string_equal(talloc_get_name(inner->reply), "RADIUS_PACKET");
	assert_non_null(inner->state_ctx);
	assert_ptr_equal(inner->log.func, outer->log.func);
	assert_int_equal(inner->log.lvl, rad_debug_lvl);
	talloc_free(outer);
}

/* It looks for the pair in packet->vps and adds it there; the name is a member of REQUEST. */
static void
a_failure_message_lands_in_the_packet(void **state)
{
	REQUEST *request = request_alloc(NULL);
	VALUE_PAIR *pair;

	(void)state;
	request->packet = rad_alloc(request, true);
	request->module = "kanidm";
	module_failure_msg(request, "%s", "expired");
	pair = fr_pair_find_by_num(request->packet->vps, PW_MODULE_FAILURE_MESSAGE, 0, TAG_ANY);
	assert_non_null(pair);
	assert_string_equal(pair->vp_strvalue, "kanidm: expired");
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
		cmocka_unit_test(a_request_is_as_large_as_the_servers),
		cmocka_unit_test(members_are_where_the_server_writes_them),
		cmocka_unit_test(a_failure_message_lands_in_the_packet),
	};

	return cmocka_run_group_tests(tests, load_dictionary, free_dictionary);
}
