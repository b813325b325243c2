/* The clock of the programs' test variant, which a file can move. */
#define IDM_TEST_CLOCK
#include "common/clock.c"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "tests/support/temp_dir.h"

static char dir[TEMP_DIR_BYTES];
static char path[sizeof(dir) + 16];
static int clock_fd;

static void
set_clock(const char *setting)
{
	char text[2 * LINE_BYTES + 1];

	snprintf(text, sizeof(text), "%-15s\n%-15s\n", setting, setting);
	assert_int_equal(pwrite(clock_fd, text, 2 * LINE_BYTES, 0), 2 * LINE_BYTES);
}

static int
make_file(void **state)
{
	(void)state;
	temp_dir_make("clock", dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/clock", dir);
	clock_fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(clock_fd >= 0);
	set_clock("+0");
	return setenv("KANIDM_TEST_CLOCK", path, 1);
}

static int
remove_file(void **state)
{
	(void)state;
	close(clock_fd);
	unlink(path);
	return rmdir(dir);
}

static void
a_missing_or_wrong_file_is_refused(void **state)
{
	static const char *const wrong[] = { "", "3600", "@", "+12x", "+1 2", "@1??" };
	struct idm_error err;

	(void)state;
	setenv("KANIDM_TEST_CLOCK", "/nonexistent/clock", 1);
	assert_false(clock_init(&err));
	assert_string_equal(
	    err.text, "KANIDM_TEST_CLOCK: /nonexistent/clock: no file of 32 octets");
	setenv("KANIDM_TEST_CLOCK", path, 1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		set_clock(wrong[i]);
		assert_false(clock_init(&err));
	}
	set_clock("+0");
	assert_true(clock_init(&err));
}

static void
an_offset_moves_the_running_clock(void **state)
{
	(void)state;
	set_clock("+86400");
	assert_in_range(clock_now_s(), real_now_s() + 86399, real_now_s() + 86400);
	set_clock("-86400");
	assert_in_range(clock_now_s(), real_now_s() - 86401, real_now_s() - 86400);
	assert_true(clock_is_synchronised());
}

static void
a_fixed_second_stands_still(void **state)
{
	(void)state;
	set_clock("@1600955000");
	for (int i = 0; i < 1000; i++)
		assert_int_equal(clock_now_s(), 1600955000);
	set_clock("@1600955001");
	assert_int_equal(clock_now_s(), 1600955001);
}

static void
a_question_mark_means_not_synchronised(void **state)
{
	(void)state;
	set_clock("@1600955000?");
	assert_int_equal(clock_now_s(), 1600955000);
	assert_false(clock_is_synchronised());
	set_clock("@1600955000");
	assert_true(clock_is_synchronised());
}

static void
a_forked_process_follows(void **state)
{
	int status;
	pid_t child;

	(void)state;
	set_clock("@1");
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		while (clock_now_s() != 2)
			;
		_exit(0);
	}
	set_clock("@2");
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void *
change_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++)
		set_clock(i % 2 == 0 ? "@1111111111" : "@2222222222?");
	return NULL;
}

static void
no_reader_sees_half_of_a_change(void **state)
{
	struct setting setting;
	pthread_t writer;

	(void)state;
	set_clock("@1111111111");
	assert_int_equal(pthread_create(&writer, NULL, change_often, NULL), 0);
	for (int i = 0; i < 200000; i++) {
		setting = current_setting();
		assert_true(setting.seconds == 1111111111 || setting.seconds == 2222222222);
		assert_int_equal(setting.unsynchronised, setting.seconds == 2222222222);
	}
	assert_int_equal(pthread_join(writer, NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_or_wrong_file_is_refused),
		cmocka_unit_test(an_offset_moves_the_running_clock),
		cmocka_unit_test(a_fixed_second_stands_still),
		cmocka_unit_test(a_question_mark_means_not_synchronised),
		cmocka_unit_test(a_forked_process_follows),
		cmocka_unit_test(no_reader_sees_half_of_a_change),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
