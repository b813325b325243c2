/* Lines of the log: one an event, whatever clients send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "ldapd/log.h"

static void
what_is_not_printable_is_escaped(void **state)
{
	char out[64];

	(void)state;
	assert_string_equal(log_escape(IDM_SPAN_LIT("bob"), out, sizeof(out)), "bob");
	assert_string_equal(log_escape(IDM_SPAN_LIT("a\nb\"c\\d\xc3\xbc"), out, sizeof(out)),
	    "a\\x0ab\\x22c\\x5cd\\xc3\\xbc");
	assert_string_equal(log_escape(idm_span_of("a\0b", 3), out, sizeof(out)), "a\\x00b");
}

static void
what_is_too_long_is_cut_and_says_so(void **state)
{
	char out[16];

	(void)state;
	for (size_t size = 8; size <= sizeof(out); size++) {
		memset(out, 'x', sizeof(out));
		log_escape(IDM_SPAN_LIT("abcdefghijklmnopqrstuvwxyz"), out, size);
		assert_true(strlen(out) < size);
		assert_string_equal(out + strlen(out) - 3, "...");
	}
}

/* What write_line sends to stderr, into `out`. */
static void
capture(void (*say)(void), char *out, size_t size)
{
	int pair[2];
	int kept = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe(pair), 0);
	dup2(pair[1], STDERR_FILENO);
	say();
	dup2(kept, STDERR_FILENO);
	close(pair[1]);
	n = read(pair[0], out, size - 1);
	out[n < 0 ? 0 : n] = '\0';
	close(pair[0]);
	close(kept);
}

static void
say_two_lines(void)
{
	log_info("%s", "first\nkanidm-ldapd: info: forged");
}

static void
say_debug(void)
{
	log_debug("quiet");
}

static void
say_much(void)
{
	char much[3000];

	memset(much, 'm', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	log_error("%s", much);
}

static void
an_event_is_one_line(void **state)
{
	char out[4096];

	(void)state;
	capture(say_two_lines, out, sizeof(out));
	assert_string_equal(out, "kanidm-ldapd: info: first?kanidm-ldapd: info: forged\n");
	capture(say_much, out, sizeof(out));
	assert_int_equal(strlen(out), LOG_LINE_BYTES - 1);
	assert_int_equal(out[strlen(out) - 1], '\n');
}

static void
what_is_below_the_level_is_not_said(void **state)
{
	char out[256];

	(void)state;
	capture(say_debug, out, sizeof(out));
	assert_string_equal(out, "");
	log_set_level(CONFIG_LOG_DEBUG);
	capture(say_debug, out, sizeof(out));
	assert_string_equal(out, "kanidm-ldapd: debug: quiet\n");
	log_set_level(CONFIG_LOG_INFO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_printable_is_escaped),
		cmocka_unit_test(what_is_too_long_is_cut_and_says_so),
		cmocka_unit_test(an_event_is_one_line),
		cmocka_unit_test(what_is_below_the_level_is_not_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
