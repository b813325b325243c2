/* Values of extended operations, as the command writes and reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "admin/client.h"

static void
assert_octets(struct berval *value, const char *octets, size_t len)
{
	assert_non_null(value);
	assert_int_equal(value->bv_len, len);
	assert_memory_equal(value->bv_val, octets, len);
	client_wipe_value(value);
}

static void
a_value_is_a_sequence_of_what_was_named(void **state)
{
	(void)state;
	assert_octets(client_value(""), "\x30\x00", 2);
	assert_octets(client_value("seb", "ab", 2, 1),
	    "\x30\x0a\x04\x02"
	    "ab\x0a\x01\x02\x01\x01\xff",
	    12);
}

/* The shortest form has no octet that repeats the sign (X.690 section 8.3.2). */
static void
integers_of_64_bits_are_written_in_the_shortest_form_and_read_again(void **state)
{
	static const struct {
		int64_t number;
		size_t octets;
	} numbers[] = { { 0, 1 }, { -1, 1 }, { 127, 1 }, { 128, 2 }, { -128, 1 }, { -129, 2 },
		{ 32767, 2 }, { 32768, 3 }, { INT64_C(1) << 31, 5 }, { INT64_C(253402300799), 5 },
		{ INT64_C(-62167219200), 5 }, { INT64_MAX, 8 }, { INT64_MIN, 8 } };

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct berval *value = client_value("n", numbers[i].number);
		struct berval contents;

		assert_non_null(value);
		assert_int_equal(value->bv_len, 4 + numbers[i].octets);
		assert_int_equal(value->bv_val[2], 0x02);
		contents = (struct berval){ value->bv_len - 4, value->bv_val + 4 };
		assert_true(client_number(&contents) == numbers[i].number);
		client_wipe_value(value);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_a_sequence_of_what_was_named),
		cmocka_unit_test(
		    integers_of_64_bits_are_written_in_the_shortest_form_and_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
