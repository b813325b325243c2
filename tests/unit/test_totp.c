/* One-time codes: the vectors of RFC 4226 and RFC 6238, what is a code, which one is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/totp.h"

static struct idm_totp
totp_of(enum idm_totp_algorithm algorithm, const char *secret)
{
	struct idm_totp totp = { .algorithm = algorithm, .secret_len = strlen(secret) };

	assert_true(totp.secret_len <= sizeof(totp.secret));
	memcpy(totp.secret, secret, totp.secret_len);
	return totp;
}

/* RFC 4226 appendix D. */
static void
hotp_gives_the_values_of_the_rfc(void **state)
{
	static const uint32_t values[] = { 755224, 287082, 359152, 969429, 338314, 254676, 287922,
		162583, 399871, 520489 };
	struct idm_totp totp = totp_of(IDM_TOTP_SHA1, "12345678901234567890");
	uint32_t value;

	(void)state;
	for (uint64_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		assert_true(idm_hotp(&totp, i, &value));
		assert_int_equal(value, values[i]);
	}
}

/* RFC 6238 appendix B; of its eight digits the last six. */
static void
totp_gives_the_values_of_the_rfc(void **state)
{
	static const struct {
		int64_t time_s;
		uint32_t sha1;
		uint32_t sha256;
	} values[] = { { 59, 94287082, 46119246 }, { 1111111109, 7081804, 68084774 },
		{ 1111111111, 14050471, 67062674 }, { 1234567890, 89005924, 91819424 },
		{ 2000000000, 69279037, 90698825 }, { 20000000000, 65353130, 77737706 } };
	struct idm_totp sha1 = totp_of(IDM_TOTP_SHA1, "12345678901234567890");
	struct idm_totp sha256 = totp_of(IDM_TOTP_SHA256, "12345678901234567890123456789012");

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		uint64_t wanted = (uint64_t)values[i].time_s / 30, step;

		assert_true(
		    idm_totp_find(&sha1, values[i].sha1 % 1000000, values[i].time_s, 0, &step));
		assert_int_equal(step, wanted);
		assert_true(
		    idm_totp_find(&sha256, values[i].sha256 % 1000000, values[i].time_s, 0, &step));
		assert_int_equal(step, wanted);
	}
}

static void
a_code_is_taken_one_step_early_and_late_and_no_more(void **state)
{
	struct idm_totp totp = totp_of(IDM_TOTP_SHA1, "12345678901234567890");
	uint64_t step;
	uint32_t code;

	(void)state;
	assert_true(idm_hotp(&totp, 1000, &code));
	for (int64_t now = 997; now <= 1003; now++) {
		bool near = now >= 999 && now <= 1001;

		assert_int_equal(idm_totp_find(&totp, code, now * 30, 0, &step), near);
		assert_int_equal(idm_totp_find(&totp, code, now * 30 + 29, 0, &step), near);
	}
}

static void
a_code_is_taken_once(void **state)
{
	struct idm_totp totp = totp_of(IDM_TOTP_SHA1, "12345678901234567890");
	uint64_t step;
	uint32_t code, before;

	(void)state;
	assert_true(idm_hotp(&totp, 1000, &code));
	assert_true(idm_hotp(&totp, 999, &before));
	assert_true(idm_totp_find(&totp, code, 30000, 999, &step));
	assert_int_equal(step, 1000);
	assert_false(idm_totp_find(&totp, code, 30000, 1000, &step));
	assert_false(idm_totp_find(&totp, before, 30000, 1000, &step)); /* nor an older one */
}

static void
six_digits_are_a_code(void **state)
{
	static const struct {
		const char *text;
		bool good;
		uint32_t code;
	} texts[] = { { "000000", true, 0 }, { "012345", true, 12345 }, { "123 456", true, 123456 },
		{ " 999999 ", true, 999999 }, { "", false, 0 }, { "12345", false, 0 },
		{ "1234567", false, 0 }, { "12345a", false, 0 }, { "-12345", false, 0 },
		{ "\xef\xbc\x91"
		  "12345",
		    false, 0 } };
	uint32_t code;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(
		    idm_totp_parse(idm_span_cstr(texts[i].text), &code), texts[i].good);
		if (texts[i].good)
			assert_int_equal(code, texts[i].code);
	}
	assert_false(idm_totp_parse(idm_span_of((const uint8_t *)"123456\0", 7), &code));
}

static void
the_uri_is_what_authenticators_scan(void **state)
{
	struct idm_totp totp = totp_of(IDM_TOTP_SHA1, "12345678901234567890");
	char uri[IDM_TOTP_URI_BYTES], longest[400];

	(void)state;
	assert_true(idm_totp_uri(&totp, "My Home", "anna@idm.example.com", uri));
	assert_string_equal(uri, "otpauth://totp/My%20Home:anna@idm.example.com?secret="
				 "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=My%20Home&algorithm=SHA1&"
				 "digits=6&period=30");
	totp = totp_of(IDM_TOTP_SHA256, "a"); /* an end of two characters */
	assert_true(idm_totp_uri(&totp, "x/?&", "b", uri));
	assert_non_null(strstr(uri, "otpauth://totp/x%2F%3F%26:b?secret=ME&"));
	assert_non_null(strstr(uri, "&algorithm=SHA256&"));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(idm_totp_uri(&totp, longest, "b", uri));
	assert_false(idm_totp_uri(&totp, "", "b", uri));
}

static void
secrets_are_made_of_chance(void **state)
{
	struct idm_totp a, b;

	(void)state;
	assert_true(idm_totp_generate(&a) && idm_totp_generate(&b));
	assert_int_equal(a.secret_len, 32);
	assert_int_equal(a.algorithm, IDM_TOTP_SHA256);
	assert_memory_not_equal(a.secret, b.secret, sizeof(a.secret));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hotp_gives_the_values_of_the_rfc),
		cmocka_unit_test(totp_gives_the_values_of_the_rfc),
		cmocka_unit_test(a_code_is_taken_one_step_early_and_late_and_no_more),
		cmocka_unit_test(a_code_is_taken_once),
		cmocka_unit_test(six_digits_are_a_code),
		cmocka_unit_test(the_uri_is_what_authenticators_scan),
		cmocka_unit_test(secrets_are_made_of_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
