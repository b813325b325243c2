/* Work in a child process: what it says arrives, and how it dies is told. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/child.h"

struct talk {
	size_t count;
	size_t octets;
	char last[16];
};

static void
on_message(void *ctx, struct idm_span message)
{
	struct talk *talk = ctx;

	talk->count++;
	talk->octets += message.len;
	if (message.len < sizeof(talk->last))
		memcpy(talk->last, message.ptr, message.len);
}

static enum idm_result
say_much(void *ctx, int to_parent, struct idm_error *err)
{
	static const uint8_t most[IDM_CHILD_MESSAGE_MAX];

	(void)ctx;
	for (int i = 0; i < 1000; i++)
		idm_child_send(to_parent, most, sizeof(most));
	idm_child_send(to_parent, "last", 5);
	return idm_fail(err, IDM_BUSY, "busy with %d things", 1001);
}

static void
messages_and_the_result_arrive(void **state)
{
	struct talk talk = { 0 };
	const struct idm_child_task task = { say_much, on_message, &talk };
	struct idm_error err;

	(void)state;
	assert_int_equal(idm_child_run(&task, &err), IDM_BUSY);
	assert_string_equal(err.text, "busy with 1001 things");
	assert_int_equal(talk.count, 1001);
	assert_int_equal(talk.octets, 1000 * IDM_CHILD_MESSAGE_MAX + 5);
	assert_string_equal(talk.last, "last");
}

static enum idm_result
be_killed(void *ctx, int to_parent, struct idm_error *err)
{
	(void)ctx;
	(void)err;
	idm_child_send(to_parent, "dying", 6);
	kill(getpid(), SIGBUS);
	return IDM_OK;
}

static enum idm_result
leave(void *ctx, int to_parent, struct idm_error *err)
{
	(void)ctx;
	(void)to_parent;
	(void)err;
	_exit(0);
}

static enum idm_result
die_within_a_frame(void *ctx, int to_parent, struct idm_error *err)
{
	static const uint32_t half[] = { 2, 512, 0, 0 };

	(void)ctx;
	(void)err;
	assert_int_equal(write(to_parent, half, sizeof(half)), sizeof(half));
	_exit(0);
}

static void
a_death_is_a_result_that_says_how(void **state)
{
	struct talk talk = { 0 };
	struct idm_child_task task = { be_killed, on_message, &talk };
	struct idm_error err;

	(void)state;
	assert_int_equal(idm_child_run(&task, &err), IDM_CORRUPT);
	assert_non_null(strstr(err.text, "Bus error"));
	assert_string_equal(talk.last, "dying");
	task.work = leave;
	assert_int_equal(idm_child_run(&task, &err), IDM_CORRUPT);
	assert_non_null(strstr(err.text, "too early"));
	task.work = die_within_a_frame;
	assert_int_equal(idm_child_run(&task, &err), IDM_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_and_the_result_arrive),
		cmocka_unit_test(a_death_is_a_result_that_says_how),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
