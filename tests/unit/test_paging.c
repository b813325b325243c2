/* The paged results control (RFC 2696): what is asked for, and what is answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "ldapd/paging.h"

#define CONTROL(octets)                                                                            \
	{                                                                                          \
		.oid = IDM_SPAN_LIT(LDAP_CONTROL_PAGED), .has_value = true, .value = {             \
			(const uint8_t *)(octets),                                                 \
			sizeof(octets) - 1                                                         \
		}                                                                                  \
	}

static struct ldap_message
message_with(const struct ldap_control *control)
{
	return (struct ldap_message){ .op = LDAP_SEARCH_REQUEST,
		.controls = control,
		.control_count = control != NULL ? 1 : 0 };
}

static void
without_the_control_nothing_is_paged(void **state)
{
	struct ldap_control other = { .oid = IDM_SPAN_LIT("1.2.3"), .has_value = true };
	struct ldap_message message = message_with(NULL);
	enum ldap_result_code code;
	const char *text;
	struct paging paging;

	(void)state;
	assert_true(paging_read(&message, &paging, &code, &text));
	assert_false(paging.asked);
	message = message_with(&other);
	assert_true(paging_read(&message, &paging, &code, &text));
	assert_false(paging.asked);
}

static void
a_size_and_a_cookie_are_read(void **state)
{
	struct ldap_control first = CONTROL("\x30\x05\x02\x01\x64\x04\x00");
	struct ldap_control later = CONTROL("\x30\x0d\x02\x01\x00\x04\x08\0\0\0\0\0\0\x10\x01");
	struct ldap_message message = message_with(&first);
	enum ldap_result_code code;
	const char *text;
	struct paging paging;

	(void)state;
	assert_true(paging_read(&message, &paging, &code, &text));
	assert_true(paging.asked);
	assert_int_equal(paging.size, 100);
	assert_int_equal(paging.place.next_id, 0);
	assert_int_equal(paging.place.list_no, 0);
	message = message_with(&later);
	assert_true(paging_read(&message, &paging, &code, &text));
	assert_int_equal(paging.size, 0);
	assert_int_equal(paging.place.next_id, 0x1001);
}

static void
what_does_not_decode_is_a_protocol_error(void **state)
{
	static const struct ldap_control controls[] = {
		{ .oid = IDM_SPAN_LIT(LDAP_CONTROL_PAGED) }, /* no value */
		CONTROL(""),
		CONTROL("\x30\x00"),
		CONTROL("\x30\x03\x02\x01\x64"),                 /* no cookie */
		CONTROL("\x30\x05\x02\x01\x80\x04\x00"),         /* -128 */
		CONTROL("\x30\x09\x02\x05\x01\0\0\0\0\x04\x00"), /* over INT32_MAX */
		CONTROL("\x30\x05\x02\x01\x64\x04\x00!"),
		CONTROL("\x30\x06\x02\x01\x64\x04\x00!"),
		CONTROL("\x31\x05\x02\x01\x64\x04\x00"),
		CONTROL("\x30\x05\x0a\x01\x64\x04\x00"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		struct ldap_message message = message_with(&controls[i]);
		enum ldap_result_code code = LDAP_SUCCESS;
		const char *text = NULL;
		struct paging paging;

		assert_false(paging_read(&message, &paging, &code, &text));
		assert_int_equal(code, LDAP_PROTOCOL_ERROR);
		assert_non_null(text);
	}
}

static void
another_server_s_cookie_is_refused(void **state)
{
	static const struct ldap_control controls[] = {
		CONTROL("\x30\x08\x02\x01\x64\x04\x03\x61\x62\x63"),
		CONTROL("\x30\x0d\x02\x01\x64\x04\x08\0\0\0\0\0\0\0\0"),
		CONTROL("\x30\x0e\x02\x01\x64\x04\x09\0\0\0\0\0\0\0\0\x01"),
		/* a list 0 of connection 1 */
		CONTROL("\x30\x1d\x02\x01\x64\x04\x18\0\0\0\0\0\0\0\x01"
			"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		struct ldap_message message = message_with(&controls[i]);
		enum ldap_result_code code = LDAP_SUCCESS;
		const char *text = NULL;
		struct paging paging;

		assert_false(paging_read(&message, &paging, &code, &text));
		assert_int_equal(code, LDAP_UNWILLING_TO_PERFORM);
		assert_string_equal(text, "not a cookie of this server");
	}
}

/* What is answered is what comes back with the next page. */
static void
a_cookie_comes_back_as_it_was_given(void **state)
{
	static const struct paging_place places[] = {
		{ .next_id = 1 },
		{ .next_id = 128 },
		{ .next_id = UINT64_MAX },
		{ .conn_no = 7, .list_no = 1, .position = 50 },
		{ .conn_no = UINT64_MAX, .list_no = UINT64_MAX, .position = UINT64_MAX },
		{ .list_no = 1 },
	};
	struct idm_arena *arena = idm_arena_new(4096);

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const struct ldap_control *control = paging_control(arena, &places[i]);
		struct ldap_message message = message_with(control);
		enum ldap_result_code code;
		const char *text;
		struct paging paging;

		assert_non_null(control);
		assert_false(control->critical);
		assert_true(paging_read(&message, &paging, &code, &text));
		assert_memory_equal(&paging.place, &places[i], sizeof(places[i]));
	}
	idm_arena_free(&arena);
}

static void
the_last_page_has_an_empty_cookie(void **state)
{
	static const uint8_t last[] = { 0x30, 0x05, 0x02, 0x01, 0x00, 0x04, 0x00 };
	struct idm_arena *arena = idm_arena_new(4096);
	const struct ldap_control *control = paging_control(arena, &(struct paging_place){ 0 });

	(void)state;
	assert_non_null(control);
	assert_int_equal(control->value.len, sizeof(last));
	assert_memory_equal(control->value.ptr, last, sizeof(last));
	idm_arena_free(&arena);
}

static void
without_memory_there_is_no_control(void **state)
{
	struct idm_arena *arena = idm_arena_new(64);

	(void)state;
	while (idm_arena_alloc(arena, 1) != NULL)
		;
	assert_null(paging_control(arena, &(struct paging_place){ .next_id = 5 }));
	idm_arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_the_control_nothing_is_paged),
		cmocka_unit_test(a_size_and_a_cookie_are_read),
		cmocka_unit_test(what_does_not_decode_is_a_protocol_error),
		cmocka_unit_test(another_server_s_cookie_is_refused),
		cmocka_unit_test(a_cookie_comes_back_as_it_was_given),
		cmocka_unit_test(the_last_page_has_an_empty_cookie),
		cmocka_unit_test(without_memory_there_is_no_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
