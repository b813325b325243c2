#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/base64.h"

/* RFC 4648 section 10, without the padding. */
static const struct {
	const char *bytes;
	const char *text;
} vectors[] = {
	{ "", "" },
	{ "f", "Zg" },
	{ "fo", "Zm8" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg" },
	{ "fooba", "Zm9vYmE" },
	{ "foobar", "Zm9vYmFy" },
};

static void
the_vectors_of_the_rfc_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t bytes = strlen(vectors[i].bytes);
		uint8_t back[8];
		char text[16];

		assert_int_equal(
		    idm_base64_encode(IDM_BASE64, idm_span_cstr(vectors[i].bytes), text),
		    idm_base64_chars(bytes));
		assert_string_equal(text, vectors[i].text);
		assert_true(
		    idm_base64_decode(IDM_BASE64_URL, idm_span_cstr(vectors[i].text), back, bytes));
		assert_memory_equal(back, vectors[i].bytes, bytes);
	}
}

static void
every_pair_of_octets_comes_back_in_both_alphabets(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 65536; i++) {
		uint8_t bytes[2] = { (uint8_t)(i >> 8), (uint8_t)i };
		uint8_t back[2];
		char text[4];

		for (enum idm_base64 alphabet = IDM_BASE64; alphabet <= IDM_BASE64_URL;
		     alphabet++) {
			assert_int_equal(
			    idm_base64_encode(alphabet, idm_span_of(bytes, 2), text), 3);
			assert_true(idm_base64_decode(alphabet, idm_span_of(text, 3), back, 2));
			assert_memory_equal(back, bytes, 2);
		}
	}
}

static void
each_alphabet_has_its_64_digits_and_no_other(void **state)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	(void)state;
	for (enum idm_base64 alphabet = IDM_BASE64; alphabet <= IDM_BASE64_URL; alphabet++) {
		const char *last = alphabet == IDM_BASE64 ? "+/" : "-_";

		for (int c = 0; c < 256; c++) {
			uint8_t text[4] = { 'A', 'A', 'A', (uint8_t)c };
			uint8_t out[3];
			const char *at = c == 0 ? NULL : strchr(digits, c);
			const char *end = c == 0 ? NULL : strchr(last, c);

			assert_int_equal(idm_base64_decode(alphabet, idm_span_of(text, 4), out, 3),
			    at != NULL || end != NULL);
			if (at != NULL)
				assert_int_equal(out[2], at - digits);
			if (end != NULL)
				assert_int_equal(out[2], 62 + (end - last));
		}
	}
}

static void
lengths_and_left_over_bits_are_strict(void **state)
{
	uint8_t out[8];

	(void)state;
	assert_false(idm_base64_decode(IDM_BASE64, IDM_SPAN_LIT("Zg=="), out, 1));
	assert_false(idm_base64_decode(IDM_BASE64, IDM_SPAN_LIT("Zg"), out, 2));
	assert_false(idm_base64_decode(IDM_BASE64, IDM_SPAN_LIT("Zm9v"), out, 2));
	assert_false(idm_base64_decode(IDM_BASE64, IDM_SPAN_LIT("Zh"), out, 1));
	assert_false(idm_base64_decode(IDM_BASE64, IDM_SPAN_LIT("Zm9"), out, 2));
	assert_false(idm_base64_decode(IDM_BASE64, IDM_SPAN_LIT("Z"), out, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfc_hold),
		cmocka_unit_test(every_pair_of_octets_comes_back_in_both_alphabets),
		cmocka_unit_test(each_alphabet_has_its_64_digits_and_no_other),
		cmocka_unit_test(lengths_and_left_over_bits_are_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
