/* Hashes that other directories made: each kind fits its password alone, and hostile ones are told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <argon2.h>
#include <cmocka.h>

#include "core/foreign_hash.h"
#include "tests/support/vectors.h"

#define PASSWORD "correct horse"

/* All of PASSWORD; made with Python's hashlib and crypt, which know nothing of this program. */
static const char *const hashes[] = {
	"{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=",
	"{SSHA}NSZEu/ZzEMKdBO5ESNEYml3qKRYBAgMEBQYHCA==",
	"{ssha}NSZEu/ZzEMKdBO5ESNEYml3qKRYBAgMEBQYHCA",
	"{SHA256}QQTTb42iwlQ0n4WDZ5Pr4CngyVcGOjTJHC6SAxh7VjE=",
	"{SSHA256}CFsq5JPfiBQ0W3uR5Dnao+9mknEq9a739V+FPkJ6yjABAgMEBQYHCA==",
	"{SHA384}ArIKby67E2Cppg9M+QhXNj7UGcAisSFWfOX5HG45Zk+3j9YCNMSli1v8cUWumDKS",
	"{SSHA384}"
	"HifEba0mre/qPk1zTkOCivlXqCbKCMIHVZoLT2gNpUWAqKu82zF4HGxJGzZHrBafAQIDBAUGBwg=",
	"{SHA512}"
	"VraY3v7bWkNbY0r+MyC7rz/c2SC2xQOkRvx7endrKY1HnRumqLYXgI6wv1ec6aldZoNHvKtxSQhayTyyeZUZew==",
	"{SSHA512}ggObOJHDWCqgI5uFv/j9yDNYMvdTgt+Toj8d6cGrSG/"
	"e+E9GbH4DkQ8y5jY3NblhoGens+zNVX1mZaFy0qwRwwECAwQFBgcI",
	"{PBKDF2}1000$yMnKy8zNzs/Q0dLT1NXW1w$zUsdkDhLT5OD/dmWT/xuh/Z9uCs",
	"{PBKDF2-SHA1}1000$yMnKy8zNzs/Q0dLT1NXW1w$zUsdkDhLT5OD/dmWT/xuh/Z9uCs",
	"{PBKDF2-SHA256}1000$yMnKy8zNzs/Q0dLT1NXW1w$TwRueOdCB6KCbpfU0/4XAabBqcM.xth4i3zmIlph9.Q",
	"{PBKDF2-SHA512}1000$yMnKy8zNzs/Q0dLT1NXW1w$4xPvOlNzcf4w83OeXLs00cDMTZ/"
	"Jcuh8hwgCDBR1y9KhNdPKjKCw1sE1hBb/KcVzJbfBhesdf0dIDnsHZEmvjw",
	"{PBKDF2_SHA256}"
	"AAAIAAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj"
	"+OPAdLOzcpJWTx02zJjQRiugrHvGn232hA5qzOdMxW5h0lp19XE3d25OTB+"
	"hPEpt7ei7iRsVau3fajhIwPe9P6Bq13NTOmNbVs0yotN8kFDlVSxPLEu00f2J+e9CVPF+ox+vIOTyLHh/"
	"RA7JoQRTgF0e0/0q5X0CSqwa5I6pWjsA6jfqFN+uYeigLA4P7Y9PiZvtE1NLbsa/"
	"Tir0KZopiGEq04cjKBjwco0icfwCLfdSh4lu3hdAs/IFT2z3Sp7sIUiWqy1gbvpi+"
	"9nJaUIBtMDcmGKIasqq9jApFrp9NckSRsGyyOw3pxHCiMBvoBC4LeiRh27cCfx0KUFKfCUlGZ",
	"pbkdf2_sha1$1000$seasalt$iQvkNOF1wEL4Khh8eogJ8rUhipM=",
	"pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=",
	"{CRYPT}$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80",
	"{crypt}$5$saltsalt$myjXcpMpE2Ofk7fj9hqyNYSn6lmWG4Mqnjx.KIRRr4/",
	"{CRYPT}$6$rounds=5000$saltsalt$"
	"hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7mEiUvBJI2EplzfAqxL5Vvwp2scFtv/uamSo5z0",
	"$5$saltsalt$myjXcpMpE2Ofk7fj9hqyNYSn6lmWG4Mqnjx.KIRRr4/",
	"{CRYPT}$y$j9T$F5Jx5fExrKuPp53xLKQ..1$zwtVrjrUCmXcyLTs6oxLTQlzifSUkF8RHJ./tK5KU79",
};

enum { HASH_COUNT = sizeof(hashes) / sizeof(hashes[0]) };

static enum idm_result
import(const char *text, char out[IDM_PHC_BYTES], struct idm_error *err)
{
	err->text[0] = err->client_text[0] = '\0';
	return idm_password_import(idm_span_cstr(text), out, err);
}

static enum idm_result
verify(const char *stored, const char *password)
{
	return idm_password_verify(idm_span_cstr(stored), idm_span_cstr(password), NULL);
}

static void
assert_is_of(const char *hash, const char *password)
{
	char stored[IDM_PHC_BYTES], again[IDM_PHC_BYTES];
	struct idm_error err;

	if (import(hash, stored, &err) != IDM_OK)
		fail_msg("%s: %s", hash, err.client_text);
	if (verify(stored, password) != IDM_OK)
		fail_msg("%s, stored as %s, does not fit", hash, stored);
	assert_int_equal(verify(stored, "correct horsf"), IDM_DENIED);
	assert_int_equal(verify(stored, "Correct horse"), IDM_DENIED);
	assert_int_equal(verify(stored, ""), IDM_DENIED);
	assert_true(idm_password_needs_upgrade(idm_span_cstr(stored), &IDM_ARGON2_DEFAULT));
	/* What is stored is written as it would be again. */
	assert_int_equal(import(stored, again, &err), IDM_OK);
	assert_string_equal(again, stored);
}

static void
each_kind_fits_its_password_and_no_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < HASH_COUNT; i++)
		assert_is_of(hashes[i], PASSWORD);
}

static void
what_other_software_makes_fits(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTOR_COUNT; i++)
		assert_is_of(vectors[i], VECTOR_PASSWORD);
}

/* The memory that a test takes is known before it begins: 128 * r * N of yescrypt (crypt(5)). */
static void
what_takes_memory_says_so(void **state)
{
	static const struct {
		const char *hash;
		uint32_t kib;
	} cases[] = {
		{ "{CRYPT}$y$j9T$F5Jx5fExrKuPp53xLKQ..1$zwtVrjrUCmXcyLTs6oxLTQlzifSUkF8RHJ./"
		  "tK5KU79",
		    128 * 32 * 4096 / 1024 },
		{ "{CRYPT}$y$j5T$F5Jx5fExrKuPp53xLKQ..1$zwtVrjrUCmXcyLTs6oxLTQlzifSUkF8RHJ./"
		  "tK5KU79",
		    1024 },
		{ "{CRYPT}$y$jBT$F5Jx5fExrKuPp53xLKQ..1$zwtVrjrUCmXcyLTs6oxLTQlzifSUkF8RHJ./"
		  "tK5KU79",
		    65536 },
		{ "$argon2id$v=19$m=4096,t=3,p=1$c2FsdHNhbHRzYWx0c2FsdA$"
		  "rxk9Q9nGM19FnwhTrfspDC1V1bWPBFSg5XTk/f/MGoM",
		    4096 },
		{ "{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=", 0 },
		{ "{CRYPT}$5$saltsalt$myjXcpMpE2Ofk7fj9hqyNYSn6lmWG4Mqnjx.KIRRr4/", 0 },
		{ "{CRYPT}$y$j", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
		    idm_password_memory_kib(idm_span_cstr(cases[i].hash)), cases[i].kib);
}

/* The hash of "password" that every text about Windows shows. */
static void
nt_hashes_come_in_three_spellings(void **state)
{
	(void)state;
	assert_is_of("{NT}8846F7EAEE8FB117AD06BDD830B7586C", "password");
	assert_is_of("sambaNTPassword: 8846f7eaee8fb117ad06bdd830b7586c", "password");
	assert_is_of("ipaNTHash: iEb36u6PsRetBr3YMLdYbA==", "password");
}

static void
nt_hashes_are_of_utf_16(void **state)
{
	static const char nt[] = "{NT}ac72eadd45efbb336c105531b66ba1da";
	char stored[IDM_PHC_BYTES];
	struct idm_error err;

	(void)state;
	/* U+00FC, and U+1F511 which takes two units. */
	assert_is_of(nt, "schl\xc3\xbcssel \xf0\x9f\x94\x91");
	assert_int_equal(import(nt, stored, &err), IDM_OK);
	assert_int_equal(verify(stored, "\xff\xfe"), IDM_DENIED); /* no UTF-8 */
}

static void
argon2_of_both_kinds_is_taken(void **state)
{
	char encoded[256], text[300], stored[IDM_PHC_BYTES];
	struct idm_error err;

	(void)state;
	assert_int_equal(argon2i_hash_encoded(3, 64, 1, PASSWORD, sizeof(PASSWORD) - 1,
			     "saltsaltsaltsalt", 16, 32, encoded, sizeof(encoded)),
	    ARGON2_OK);
	assert_is_of(encoded, PASSWORD);
	snprintf(text, sizeof(text), "{ARGON2}%s", encoded);
	assert_is_of(text, PASSWORD);
	assert_int_equal(argon2id_hash_encoded(3, 64, 1, PASSWORD, sizeof(PASSWORD) - 1,
			     "saltsaltsaltsalt", 16, 32, encoded, sizeof(encoded)),
	    ARGON2_OK);
	snprintf(text, sizeof(text), "{argon2}%s", encoded);
	assert_is_of(text, PASSWORD);
	assert_int_equal(import(text, stored, &err), IDM_OK);
	assert_string_equal(stored, encoded);
}

static void
a_password_with_a_nul_is_not_its_beginning(void **state)
{
	static const char with_nul[] = PASSWORD "\0more";
	char stored[IDM_PHC_BYTES];
	struct idm_error err;

	(void)state;
	for (size_t i = 0; i < HASH_COUNT; i++) {
		assert_int_equal(import(hashes[i], stored, &err), IDM_OK);
		assert_int_equal(idm_password_verify(idm_span_cstr(stored),
				     idm_span_of(with_nul, sizeof(with_nul) - 1), NULL),
		    IDM_DENIED);
	}
}

static void
an_overlong_password_fits_nothing(void **state)
{
	char password[IDM_PASSWORD_MAX_BYTES + 2], stored[IDM_PHC_BYTES];
	struct idm_error err;

	(void)state;
	memset(password, 'x', sizeof(password) - 1);
	password[sizeof(password) - 1] = '\0';
	for (size_t i = 0; i < HASH_COUNT; i++) {
		assert_int_equal(import(hashes[i], stored, &err), IDM_OK);
		assert_int_equal(verify(stored, password), IDM_DENIED);
		password[IDM_PASSWORD_MAX_BYTES] = '\0';
		assert_int_equal(verify(stored, password), IDM_DENIED);
		password[IDM_PASSWORD_MAX_BYTES] = 'x';
	}
}

static void
every_truncation_is_refused_or_another_hash(void **state)
{
	char stored[IDM_PHC_BYTES];
	struct idm_error err;

	(void)state;
	for (size_t i = 0; i < HASH_COUNT; i++) {
		for (size_t len = 0; len < strlen(hashes[i]); len++) {
			char *cut = strndup(hashes[i], len); /* its own block, for ASan */
			size_t padding = strspn(hashes[i] + len, "=");

			assert_non_null(cut);
			if (len + padding < strlen(hashes[i]) &&
			    import(cut, stored, &err) == IDM_OK)
				assert_int_equal(verify(stored, PASSWORD), IDM_DENIED);
			free(cut);
		}
	}
}

static void
assert_refused(const char *text, const char *why)
{
	char stored[IDM_PHC_BYTES];
	struct idm_error err;

	if (import(text, stored, &err) != IDM_INVALID)
		fail_msg("%s is taken", text);
	if (strstr(err.client_text, why) == NULL)
		fail_msg("%s: %s", text, err.client_text);
}

static void
what_costs_too_much_to_test_is_refused(void **state)
{
	static const char *const texts[] = {
		"{CRYPT}$6$rounds=999999999$saltsalt$aaaa",
		"{CRYPT}$5$rounds=1000001$saltsalt$aaaa",
		"{CRYPT}$y$jFT$F5Jx5fExrKuPp53xLKQ..1$zwtVrjrUCmXcyLTs6oxLTQlzifSUkF8RHJ./tK5KU79",
		"{PBKDF2-SHA256}2000001$c2FsdHNhbHQ$TwRueOdCB6KCbpfU0/4XAabBqcM.xth4i3zmIlph9.Q",
		"{PBKDF2-SHA256}0$c2FsdHNhbHQ$TwRueOdCB6KCbpfU0/4XAabBqcM.xth4i3zmIlph9.Q",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i], "takes too long to test");
	assert_refused("{ARGON2}$argon2id$v=19$m=1048576,t=3,p=1$c2FsdHNhbHRzYWx0$"
		       "rKt0NcdBBqH9EFGGZhBDw6ZxqTdhBB8kcEB8mOZAc5A",
	    "Argon2");
	assert_refused("{ARGON2}$argon2d$v=19$m=64,t=3,p=1$c2FsdHNhbHRzYWx0$"
		       "rKt0NcdBBqH9EFGGZhBDw6ZxqTdhBB8kcEB8mOZAc5A",
	    "Argon2");
}

static void
what_does_not_decode_is_refused(void **state)
{
	static const char *const texts[] = {
		"{SHA}",
		"{SHA}!!!!",
		"{SSHA}L55TUjtiq8FBorTWAZ0jy6g129A=", /* no salt */
		"{SHA}NSZEu/ZzEMKdBO5ESNEYml3qKRYBAgMEBQYHCA==",
		"{PBKDF2-SHA256}1000$yMnKy8zNzs/Q0dLT1NXW1w",
		"{PBKDF2-SHA256}1000$$TwRueOdCB6KCbpfU0/4XAabBqcM.xth4i3zmIlph9.Q",
		"{PBKDF2-SHA256}x$yMnK$TwRueOdCB6KCbpfU0/4XAabBqcM.xth4i3zmIlph9.Q",
		"{PBKDF2_SHA256}AAAI",
		"{CRYPT}ab1pQ5ZYw5rDk", /* DES */
		"{CRYPT}$1$\xc3\xa4$y6iHhJNbuC0xpbk0w9pm80",
		"{CRYPT}$2b$12$abcdefghijklmnopqrstuuJ",
		"{NT}8846",
		"ipaNTHash: 8846",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i], "does not decode");
}

static void
clear_text_and_other_schemes_are_told_apart_and_never_quoted(void **state)
{
	char stored[IDM_PHC_BYTES];
	struct idm_error err;

	(void)state;
	assert_refused("hunter2 is my password", "clear text");
	assert_null(strstr(err.client_text, "hunter2"));
	assert_refused("", "clear text");
	assert_refused("{CLEARTEXT}hunter2", "clear text");
	assert_refused("{hunter2 is what I use}", "clear text");
	assert_refused("{SASL}alice@EXAMPLE.COM", "{SASL}");
	assert_int_equal(import("{KERBEROS}hunter2", stored, &err), IDM_INVALID);
	assert_null(strstr(err.client_text, "hunter2"));
	assert_null(strstr(err.text, "hunter2"));
}

static void
a_damaged_stored_hash_is_corrupt(void **state)
{
	(void)state;
	assert_int_equal(verify("{SSHA}x", PASSWORD), IDM_CORRUPT);
	assert_int_equal(verify("{NONE}x", PASSWORD), IDM_CORRUPT);
	assert_int_equal(verify("{", PASSWORD), IDM_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_fits_its_password_and_no_other),
		cmocka_unit_test(what_other_software_makes_fits),
		cmocka_unit_test(what_takes_memory_says_so),
		cmocka_unit_test(nt_hashes_come_in_three_spellings),
		cmocka_unit_test(nt_hashes_are_of_utf_16),
		cmocka_unit_test(argon2_of_both_kinds_is_taken),
		cmocka_unit_test(a_password_with_a_nul_is_not_its_beginning),
		cmocka_unit_test(an_overlong_password_fits_nothing),
		cmocka_unit_test(every_truncation_is_refused_or_another_hash),
		cmocka_unit_test(what_costs_too_much_to_test_is_refused),
		cmocka_unit_test(what_does_not_decode_is_refused),
		cmocka_unit_test(clear_text_and_other_schemes_are_told_apart_and_never_quoted),
		cmocka_unit_test(a_damaged_stored_hash_is_corrupt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
