#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/uuid.h"

static const char text[] = "0123abcd-4567-89ef-fedc-ba9876543210";

static void
text_survives_the_round_trip(void **state)
{
	static const uint8_t bytes[] = { 0x01, 0x23, 0xab, 0xcd, 0x45, 0x67, 0x89, 0xef, 0xfe, 0xdc,
		0xba, 0x98, 0x76, 0x54, 0x32, 0x10 };
	struct idm_uuid uuid;
	char again[IDM_UUID_TEXT];

	(void)state;
	assert_true(idm_uuid_parse(idm_span_cstr(text), &uuid));
	assert_memory_equal(uuid.bytes, bytes, sizeof(bytes));
	idm_uuid_format(&uuid, again);
	assert_string_equal(again, text);
}

static void
upper_case_is_the_same_uuid(void **state)
{
	struct idm_uuid lower, upper;

	(void)state;
	assert_true(idm_uuid_parse(idm_span_cstr(text), &lower));
	assert_true(idm_uuid_parse(IDM_SPAN_LIT("0123ABCD-4567-89EF-FEDC-BA9876543210"), &upper));
	assert_true(idm_uuid_equal(&lower, &upper));
}

static void
every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		uint8_t *cut = malloc(n + (n == 0));
		struct idm_uuid uuid;

		assert_non_null(cut);
		memcpy(cut, text, n);
		assert_false(idm_uuid_parse(idm_span_of(cut, n), &uuid));
		free(cut);
	}
}

static void
any_other_octet_is_refused_and_changes_nothing(void **state)
{
	static const char others[] = { 'g', 'G', '/', ':', '@', '`', ' ', '\0', '\xff' };

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		for (size_t j = 0; j < sizeof(others); j++) {
			char odd[sizeof(text)];
			struct idm_uuid uuid = idm_uuid_builtin(0x77);

			memcpy(odd, text, sizeof(text));
			odd[i] = others[j];
			assert_false(idm_uuid_parse(idm_span_of(odd, sizeof(odd) - 1), &uuid));
			assert_int_equal(uuid.bytes[15], 0x77);
		}
	}
}

static void
hyphens_stand_at_their_places_only(void **state)
{
	struct idm_uuid uuid;

	(void)state;
	assert_false(idm_uuid_parse(IDM_SPAN_LIT("0123abcd4-567-89ef-fedc-ba9876543210"), &uuid));
	assert_false(idm_uuid_parse(IDM_SPAN_LIT("0123abcd4567-89ef--fedc-ba9876543210"), &uuid));
	assert_false(idm_uuid_parse(IDM_SPAN_LIT("0123abcd456789effedcba9876543210"), &uuid));
	assert_false(idm_uuid_parse(IDM_SPAN_LIT("{123abcd-4567-89ef-fedc-ba987654321}"), &uuid));
	assert_false(idm_uuid_parse(IDM_SPAN_LIT("0123abcd-4567-89ef-fedc-ba98765432100"), &uuid));
}

static void
generated_uuids_are_of_version_4_and_differ(void **state)
{
	struct idm_uuid last = { { 0 } };

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct idm_uuid uuid;

		assert_true(idm_uuid_generate(&uuid));
		assert_int_equal(uuid.bytes[6] >> 4, 4);
		assert_int_equal(uuid.bytes[8] >> 6, 2);
		assert_false(idm_uuid_equal(&uuid, &last));
		assert_false(idm_uuid_is_null(&uuid));
		last = uuid;
	}
}

static void
builtin_uuids_end_in_their_number(void **state)
{
	struct idm_uuid uuid = idm_uuid_builtin(UINT64_C(0xffffffffffff));
	char again[IDM_UUID_TEXT];

	(void)state;
	idm_uuid_format(&uuid, again);
	assert_string_equal(again, "00000000-0000-0000-0000-ffffffffffff");
	uuid = idm_uuid_builtin(0x1000);
	idm_uuid_format(&uuid, again);
	assert_string_equal(again, "00000000-0000-0000-0000-000000001000");
	uuid = idm_uuid_builtin(0);
	assert_true(idm_uuid_is_null(&uuid));
}

static void
only_sixteen_octets_are_a_uuid(void **state)
{
	const uint8_t octets[IDM_UUID_BYTES + 1] = { 1, 2, 3 };
	struct idm_uuid uuid = { { 9 } }, before = uuid;

	(void)state;
	for (size_t n = 0; n <= sizeof(octets); n++) {
		if (n != IDM_UUID_BYTES)
			assert_false(idm_uuid_load(idm_span_of(octets, n), &uuid));
		assert_true(idm_uuid_equal(&uuid, &before));
	}
	assert_true(idm_uuid_load(idm_span_of(octets, IDM_UUID_BYTES), &uuid));
	assert_memory_equal(uuid.bytes, octets, IDM_UUID_BYTES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_survives_the_round_trip),
		cmocka_unit_test(upper_case_is_the_same_uuid),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(any_other_octet_is_refused_and_changes_nothing),
		cmocka_unit_test(hyphens_stand_at_their_places_only),
		cmocka_unit_test(generated_uuids_are_of_version_4_and_differ),
		cmocka_unit_test(builtin_uuids_end_in_their_number),
		cmocka_unit_test(only_sixteen_octets_are_a_uuid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
