/* The controls of server-side sorting (RFC 2891): what is asked for, and what is answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "ldapd/ber.h"
#include "ldapd/sort_control.h"

#define CONTROL(octets)                                                                            \
	{                                                                                          \
		.oid = IDM_SPAN_LIT(LDAP_CONTROL_SORT), .has_value = true, .value = {              \
			(const uint8_t *)(octets),                                                 \
			sizeof(octets) - 1                                                         \
		}                                                                                  \
	}

static bool
read_one(const struct ldap_control *control, struct sort_request *out, const char **text)
{
	struct ldap_message message = { .op = LDAP_SEARCH_REQUEST,
		.controls = control,
		.control_count = control != NULL ? 1 : 0 };

	return sort_read(&message, out, text);
}

static void
assert_span(struct idm_span span, const char *text)
{
	assert_true(idm_span_is(span, text));
}

static void
without_the_control_nothing_is_sorted(void **state)
{
	struct ldap_control other = { .oid = IDM_SPAN_LIT("1.2.3"), .has_value = true };
	struct sort_request sort;
	const char *text;

	(void)state;
	assert_true(read_one(NULL, &sort, &text));
	assert_false(sort.asked);
	assert_true(read_one(&other, &sort, &text));
	assert_false(sort.asked);
}

static void
keys_come_in_their_order_with_rule_and_direction(void **state)
{
	struct ldap_control control = CONTROL("\x30\x1c"
					      "\x30\x04\x04\x02sn"
					      "\x30\x0c\x04\x02"
					      "cn\x80\x03"
					      "1.2\x81\x01\xff"
					      "\x30\x06\x04\x01x\x81\x01\x01");
	struct sort_request sort;
	const char *text;

	(void)state;
	control.critical = true;
	assert_true(read_one(&control, &sort, &text));
	assert_true(sort.asked && sort.critical);
	assert_int_equal(sort.count, 3);
	assert_span(sort.keys[0].attribute, "sn");
	assert_int_equal(sort.keys[0].rule.len, 0);
	assert_false(sort.keys[0].reverse);
	assert_span(sort.keys[1].attribute, "cn");
	assert_span(sort.keys[1].rule, "1.2");
	assert_true(sort.keys[1].reverse);
	assert_span(sort.keys[2].attribute, "x");
	assert_true(sort.keys[2].reverse);
}

static void
what_does_not_decode_is_refused(void **state)
{
	static const struct ldap_control controls[] = {
		{ .oid = IDM_SPAN_LIT(LDAP_CONTROL_SORT) }, /* no value */
		CONTROL(""),
		CONTROL("\x30\x00"),                    /* no key */
		CONTROL("\x30\x02\x30\x00"),            /* no attribute */
		CONTROL("\x30\x06\x30\x04\x04\x02sn!"), /* something behind it */
		CONTROL("\x30\x07\x30\x04\x04\x02sn!"), /* behind a key */
		CONTROL("\x30\x07\x30\x05\x04\x02sn!"), /* within a key */
		CONTROL("\x31\x06\x30\x04\x04\x02sn"),  /* a SET */
		CONTROL("\x30\x06\x31\x04\x04\x02sn"),
		CONTROL("\x30\x09\x30\x07\x04\x02sn\x81\x01"),              /* cut off */
		CONTROL("\x30\x0b\x30\x09\x04\x02sn\x81\x03\xff\xff\xff"),  /* no BOOLEAN */
		CONTROL("\x30\x0c\x30\x0a\x04\x02sn\x81\x01\xff\x80\x01x"), /* out of order */
		CONTROL("\x30\x04\x04\x02sn"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		struct sort_request sort;
		const char *text = NULL;

		assert_false(read_one(&controls[i], &sort, &text));
		assert_string_equal(text, "the sort control does not decode");
	}
}

static void
more_keys_than_may_be_are_counted_and_not_stored(void **state)
{
	uint8_t octets[2 + 5 * 20] = { 0x30, 5 * 20 };
	struct ldap_control control = CONTROL("");
	struct sort_request sort;
	const char *text;

	(void)state;
	for (size_t i = 0; i < 20; i++)
		memcpy(octets + 2 + 5 * i, "\x30\x03\x04\x01x", 5);
	control.value = idm_span_of(octets, sizeof(octets));
	assert_true(read_one(&control, &sort, &text));
	assert_int_equal(sort.count, 20);
}

static void
the_answer_says_how_it_went_and_which_key_was_at_fault(void **state)
{
	static const uint8_t well[] = { 0x30, 0x03, 0x0a, 0x01, 0x00 };
	static const uint8_t ill[] = { 0x30, 0x07, 0x0a, 0x01, 0x10, 0x80, 0x02, 's', 'n' };
	struct idm_arena *arena = idm_arena_new(4096);
	const struct ldap_control *control = sort_control(arena, LDAP_SUCCESS, IDM_SPAN_EMPTY);

	(void)state;
	assert_non_null(control);
	assert_span(control->oid, "1.2.840.113556.1.4.474");
	assert_false(control->critical);
	assert_true(idm_span_equal(control->value, idm_span_of(well, sizeof(well))));
	control = sort_control(arena, LDAP_NO_SUCH_ATTRIBUTE, IDM_SPAN_LIT("sn"));
	assert_non_null(control);
	assert_true(idm_span_equal(control->value, idm_span_of(ill, sizeof(ill))));
	idm_arena_free(&arena);
}

static void
without_memory_there_is_no_control(void **state)
{
	struct idm_arena *arena = idm_arena_new(64);

	(void)state;
	while (idm_arena_alloc(arena, 1) != NULL)
		;
	assert_null(sort_control(arena, LDAP_SUCCESS, IDM_SPAN_EMPTY));
	idm_arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_the_control_nothing_is_sorted),
		cmocka_unit_test(keys_come_in_their_order_with_rule_and_direction),
		cmocka_unit_test(what_does_not_decode_is_refused),
		cmocka_unit_test(more_keys_than_may_be_are_counted_and_not_stored),
		cmocka_unit_test(the_answer_says_how_it_went_and_which_key_was_at_fault),
		cmocka_unit_test(without_memory_there_is_no_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
