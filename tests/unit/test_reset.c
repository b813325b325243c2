/* Reset tokens: their form, what is kept of them, how long they last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/reset.h"

static void
a_token_is_four_groups_of_five(void **state)
{
	char text[IDM_GENERATED_SECRET_BYTES], other[IDM_GENERATED_SECRET_BYTES];
	struct idm_token_row row = { .label = IDM_SPAN_EMPTY }, second = row;

	(void)state;
	assert_true(idm_reset_generate(text, &row));
	assert_true(idm_reset_generate(other, &second));
	assert_int_equal(strlen(text), 23);
	for (size_t i = 5; i < 23; i += 6)
		assert_int_equal(text[i], '-');
	assert_int_equal(row.kind, IDM_TOKEN_RESET);
	assert_string_not_equal(text, other);
	assert_false(idm_uuid_equal(&row.id, &second.id));
}

static void
its_text_leads_to_its_row_alone(void **state)
{
	char text[IDM_GENERATED_SECRET_BYTES], padded[40];
	uint8_t hash[IDM_TOKEN_HASH_BYTES];
	struct idm_token_row row = { .label = IDM_SPAN_EMPTY };
	struct idm_uuid id;

	(void)state;
	assert_true(idm_reset_generate(text, &row));
	assert_true(idm_reset_parse(idm_span_cstr(text), &id, hash));
	assert_true(idm_uuid_equal(&id, &row.id));
	assert_memory_equal(hash, row.hash, sizeof(hash));
	snprintf(padded, sizeof(padded), "  %s ", text);
	assert_true(idm_reset_parse(idm_span_cstr(padded), &id, hash));
	assert_memory_equal(hash, row.hash, sizeof(hash));
	text[22] ^= 1;
	assert_true(idm_reset_parse(idm_span_cstr(text), &id, hash));
	assert_memory_not_equal(hash, row.hash, sizeof(hash));
	assert_null(memmem(row.hash, sizeof(row.hash), text, 5));
}

static void
what_has_another_length_is_none(void **state)
{
	static const char *const texts[] = { "", " ", "AAAAA", "AAAAA-BBBBB-CCCCC-DDDD",
		"AAAAA-BBBBB-CCCCC-DDDDDD" };
	uint8_t hash[IDM_TOKEN_HASH_BYTES];
	struct idm_uuid id;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(idm_reset_parse(idm_span_cstr(texts[i]), &id, hash));
}

static void
use_keeps_the_row_and_not_the_token(void **state)
{
	struct idm_token_row row = { .expire_s = 1000 };

	(void)state;
	assert_int_equal(idm_reset_expire_s(&row), 1000);
	idm_reset_use(&row, 1500);
	assert_int_equal(row.expire_s, 1500);
	assert_int_equal(idm_reset_expire_s(&row), 1000);
	idm_reset_use(&row, 1400); /* again, by a newer session */
	assert_int_equal(row.expire_s, 1500);
	assert_int_equal(idm_reset_expire_s(&row), 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_four_groups_of_five),
		cmocka_unit_test(its_text_leads_to_its_row_alone),
		cmocka_unit_test(what_has_another_length_is_none),
		cmocka_unit_test(use_keeps_the_row_and_not_the_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
