/* MD4 by the vectors of RFC 1320 appendix A.5, and across the borders of its blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "core/md4.h"

static void
assert_hash(const char *text, const char *expected)
{
	uint8_t hash[IDM_MD4_BYTES];
	char hex[2 * IDM_MD4_BYTES + 1];

	idm_md4(idm_span_cstr(text), hash);
	for (int i = 0; i < IDM_MD4_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	assert_string_equal(hex, expected);
}

static void
the_vectors_of_the_rfc_hold(void **state)
{
	(void)state;
	assert_hash("", "31d6cfe0d16ae931b73c59d7e0c089c0");
	assert_hash("a", "bde52cb31de33e46245e05fbdbd6fb24");
	assert_hash("abc", "a448017aaf21d8525fc10ae87aa6729d");
	assert_hash("message digest", "d9130a8164549fe818874806e1c7014b");
	assert_hash("abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9");
	assert_hash("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
	    "043f8582f241db351ce627e153e7f0e4");
	assert_hash("1234567890123456789012345678901234567890"
		    "1234567890123456789012345678901234567890",
	    "e33b4ddc9c38f2199c3e7b164fcc0536");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfc_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
