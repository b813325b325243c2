/*
 * Hashes, their cost, and generated passwords.  argon2id_ctx and RAND_bytes are this program's
 * own: they count and pass on, or give octets that the test chose.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <argon2.h>
#include <openssl/rand.h>
#include <cmocka.h>

#include "core/credential.h"

/* Cheap enough for a test; the vectors below have others. */
static const struct idm_argon2 cheap = { .m_kib = 64, .t = 1, .p = 1 };

/* What the hash function was asked for: block passes are its work. */
static size_t calls;
static uint64_t work;
static int next_code = ARGON2_OK;

int
argon2id_ctx(argon2_context *context)
{
	calls++;
	work += (uint64_t)context->m_cost * context->t_cost;
	if (next_code != ARGON2_OK)
		return next_code;
	return argon2_ctx(context, Argon2_id);
}

static const uint8_t *random_octets; /* NULL: the real source */
static size_t random_len;
static bool random_fails;

int
RAND_bytes(unsigned char *out, int len)
{
	if (random_fails)
		return 0;
	if (random_octets == NULL)
		return RAND_bytes_ex(NULL, out, (size_t)len, 0);
	for (int i = 0; i < len; i++) {
		if (random_len == 0)
			return 0;
		out[i] = *random_octets++;
		random_len--;
	}
	return 1;
}

static int
reset(void **state)
{
	(void)state;
	calls = 0;
	work = 0;
	next_code = ARGON2_OK;
	random_octets = NULL;
	random_fails = false;
	return 0;
}

static void
hash_cheaply(const char *password, char out[IDM_PHC_BYTES])
{
	assert_int_equal(idm_password_hash(idm_span_cstr(password), &cheap, out, NULL), IDM_OK);
}

static void
a_password_fits_its_hash_and_no_other(void **state)
{
	char phc[IDM_PHC_BYTES];
	struct idm_error err;

	(void)state;
	hash_cheaply("correct horse battery", phc);
	assert_memory_equal(phc, "$argon2id$v=19$m=64,t=1,p=1$", 28);
	assert_int_equal(
	    idm_password_verify(idm_span_cstr(phc), IDM_SPAN_LIT("correct horse battery"), &err),
	    IDM_OK);
	assert_int_equal(
	    idm_password_verify(idm_span_cstr(phc), IDM_SPAN_LIT("correct horse batterz"), &err),
	    IDM_DENIED);
	assert_string_equal(err.text, "the password does not fit");
	assert_string_equal(err.client_text, "");
	assert_int_equal(
	    idm_password_verify(idm_span_cstr(phc), IDM_SPAN_LIT("correct horse batter"), &err),
	    IDM_DENIED);
	assert_int_equal(idm_password_verify(idm_span_cstr(phc), IDM_SPAN_EMPTY, &err), IDM_DENIED);
}

static void
a_nul_in_a_password_counts(void **state)
{
	char phc[IDM_PHC_BYTES];

	(void)state;
	assert_int_equal(idm_password_hash(IDM_SPAN_LIT("one\0two"), &cheap, phc, NULL), IDM_OK);
	assert_int_equal(
	    idm_password_verify(idm_span_cstr(phc), IDM_SPAN_LIT("one\0two"), NULL), IDM_OK);
	assert_int_equal(
	    idm_password_verify(idm_span_cstr(phc), IDM_SPAN_LIT("one\0tWo"), NULL), IDM_DENIED);
	assert_int_equal(
	    idm_password_verify(idm_span_cstr(phc), IDM_SPAN_LIT("one"), NULL), IDM_DENIED);
}

static void
each_hash_has_a_salt_of_its_own(void **state)
{
	char a[IDM_PHC_BYTES], b[IDM_PHC_BYTES];

	(void)state;
	hash_cheaply("correct horse battery", a);
	hash_cheaply("correct horse battery", b);
	assert_string_not_equal(a, b);
}

/* PHC strings of libargon2's own encoder, parameters at their bounds, and one of its test suite. */
static const struct {
	const char *phc;
	const char *password;
} vectors[] = {
	{ "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
	  "ISO7kkvFzh19GM8qB7patN3C3Y9HHsjlVTfEZ9T600Y",
	    "correct horse battery staple" },
	{ "$argon2id$v=19$m=4096,t=3,p=1$c29tZXNhbHQ$qLml5cbqFAO6YxVHhrSBHP0UWdxrIxkNcM8aMX3blzU",
	    "password" },
	{ "$argon2id$v=19$m=256,t=1,p=4$"
	  "c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdA$"
	  "8l5hnn9p4yEHDDrk65YtlpcLhGGGdIUFdMedRfZP4ss+BSL/sHmzOMI/vUNVW+ppE/ZCtP5MPyw32ah21x36ag",
	    "p\xc3\xa4ssw\xc3\xb6rd" },
	{ "$argon2id$v=19$m=32,t=16,p=4$MTIzNDU2Nzg$KIMA8ns15LUgLMAjkqfgIA", "x" },
	{ "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	    "password" },
};

static void
hashes_of_other_programs_are_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct idm_span phc = idm_span_cstr(vectors[i].phc);

		assert_int_equal(
		    idm_password_verify(phc, idm_span_cstr(vectors[i].password), NULL), IDM_OK);
		assert_int_equal(idm_password_verify(phc, IDM_SPAN_LIT("wrong"), NULL), IDM_DENIED);
	}
}

static void
other_programs_understand_our_hashes(void **state)
{
	static const char password[] = "correct horse battery";
	const struct idm_argon2 params[] = { { 8, 1, 1 }, { 64, 3, 4 }, { 1000, 2, 2 } };
	char phc[IDM_PHC_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		assert_int_equal(
		    idm_password_hash(idm_span_cstr(password), &params[i], phc, NULL), IDM_OK);
		assert_int_equal(argon2id_verify(phc, password, sizeof(password) - 1), ARGON2_OK);
		assert_int_equal(argon2id_verify(phc, "wrong", 5), ARGON2_VERIFY_MISMATCH);
	}
}

#define SALT "c29tZXNhbHRzb21lc2FsdA"
#define TAG "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

/* What a tampered record may hold: none of it is computed. */
static const char *const no_hashes[] = {
	"",
	"x",
	"$",
	"$argon2id$v=19$m=64,t=1,p=1$" SALT,
	"$argon2id$v=19$m=64,t=1,p=1$" SALT "$",
	"$argon2id$v=19$m=64,t=1,p=1$$" TAG,
	"$argon2id$v=19$m=64,t=1,p=1$" SALT "$" TAG "$",
	"$argon2id$v=19$m=64,t=1,p=1$" SALT "$" TAG "$x",
	"x$argon2id$v=19$m=64,t=1,p=1$" SALT "$" TAG,
	"$argon2d$v=19$m=64,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=16$m=64,t=1,p=1$" SALT "$" TAG,
	"$argon2id$m=64,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=19$t=1,m=64,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=64,t=1$" SALT "$" TAG,
	"$argon2id$v=19$m=64,t=1,p=1,$" SALT "$" TAG,
	"$argon2id$v=19$m=64,t=1,p=1,keyid=AA$" SALT "$" TAG,
	"$argon2id$v=19$m=064,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=-64,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=64,t=0,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=64,t=17,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=64,t=1,p=0$" SALT "$" TAG,
	"$argon2id$v=19$m=64,t=1,p=5$" SALT "$" TAG,
	"$argon2id$v=19$m=7,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=31,t=1,p=4$" SALT "$" TAG,
	"$argon2id$v=19$m=262145,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=4294967360,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=99999999999999999999,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAA$" TAG,               /* a salt of 7 octets */
	"$argon2id$v=19$m=64,t=1,p=1$" SALT "$AAAAAAAAAAAAAAAAAAAA", /* a tag of 15 */
	"$argon2id$v=19$m=64,t=1,p=1$" SALT "$" TAG "=",
	"$argon2id$v=19$m=64,t=1,p=1$" SALT "=$" TAG,
	"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHR-b21lc2FsdA$" TAG,
	"$argon2id$v=19$m=64,t=1,p=1$" SALT TAG TAG "$" TAG, /* a salt of more than 64 */
	"$argon2id$v=19$m=64,t=1,p=1$" SALT "$" TAG TAG TAG,
};

static void
what_is_no_hash_of_ours_is_corrupt_and_costs_nothing(void **state)
{
	struct idm_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(no_hashes) / sizeof(no_hashes[0]); i++) {
		assert_int_equal(idm_password_verify(
				     idm_span_cstr(no_hashes[i]), IDM_SPAN_LIT("password"), &err),
		    IDM_CORRUPT);
		assert_string_equal(err.text, "the stored hash is no Argon2 PHC string");
	}
	assert_int_equal(calls, 0);
}

static void
every_truncation_of_a_hash_is_corrupt_or_does_not_fit(void **state)
{
	char phc[IDM_PHC_BYTES];

	(void)state;
	hash_cheaply("correct horse battery", phc);
	for (size_t n = 0; n < strlen(phc); n++) {
		char *cut = malloc(n + 1);

		assert_non_null(cut);
		memcpy(cut, phc, n);
		assert_int_not_equal(idm_password_verify(idm_span_of(cut, n),
					 IDM_SPAN_LIT("correct horse battery"), NULL),
		    IDM_OK);
		free(cut);
	}
}

static void
lengths_of_a_password_are_bounded(void **state)
{
	char password[IDM_PASSWORD_MAX_BYTES + 1];
	char phc[IDM_PHC_BYTES];
	struct idm_span longest = { (const uint8_t *)password, IDM_PASSWORD_MAX_BYTES };
	struct idm_span overlong = { (const uint8_t *)password, IDM_PASSWORD_MAX_BYTES + 1 };
	struct idm_error err;

	(void)state;
	memset(password, 'x', sizeof(password));
	assert_int_equal(idm_password_hash(longest, &cheap, phc, &err), IDM_OK);
	assert_int_equal(idm_password_verify(idm_span_cstr(phc), longest, &err), IDM_OK);
	/* the longest one with an octet more is another password, and costs as much */
	calls = 0;
	assert_int_equal(idm_password_verify(idm_span_cstr(phc), overlong, &err), IDM_DENIED);
	assert_int_equal(calls, 1);
	assert_int_equal(idm_password_hash(overlong, &cheap, phc, &err), IDM_CONSTRAINT);
	assert_string_equal(err.client_text, "a password has 1 to 1024 octets");
	assert_int_equal(idm_password_hash(IDM_SPAN_EMPTY, &cheap, phc, &err), IDM_CONSTRAINT);
}

static void
parameters_have_bounds(void **state)
{
	static const struct idm_argon2 valid[] = { { 19456, 2, 1 }, { 8, 1, 1 }, { 32, 1, 4 },
		{ 262144, 16, 4 } };
	static const struct idm_argon2 invalid[] = { { 0, 1, 1 }, { 7, 1, 1 }, { 31, 1, 4 },
		{ 262145, 1, 1 }, { 64, 0, 1 }, { 64, 17, 1 }, { 64, 1, 0 }, { 64, 1, 5 },
		{ UINT32_MAX, 1, UINT32_MAX / 4 } };
	char phc[IDM_PHC_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++)
		assert_true(idm_argon2_valid(&valid[i]));
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
		assert_false(idm_argon2_valid(&invalid[i]));
		assert_int_equal(
		    idm_password_hash(IDM_SPAN_LIT("x"), &invalid[i], phc, NULL), IDM_INVALID);
	}
	assert_int_equal(calls, 0);
}

static void
the_default_is_that_of_the_documentation(void **state)
{
	struct idm_argon2 params = IDM_ARGON2_DEFAULT;

	(void)state;
	assert_int_equal(params.m_kib, 19456);
	assert_int_equal(params.t, 2);
	assert_int_equal(params.p, 1);
	assert_true(idm_argon2_valid(&params));
}

/* An unknown name must cost what a wrong password costs, whatever was typed. */
static void
a_dummy_costs_one_verification(void **state)
{
	static const struct idm_argon2 params[] = { { 64, 1, 1 }, { 128, 3, 2 } };
	static const uint8_t long_password[4000] = { 1 };
	const struct idm_span passwords[] = { IDM_SPAN_EMPTY, IDM_SPAN_LIT("x"),
		{ long_password, 1024 }, { long_password, sizeof(long_password) } };
	char phc[IDM_PHC_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		assert_int_equal(
		    idm_password_hash(IDM_SPAN_LIT("correct horse battery"), &params[i], phc, NULL),
		    IDM_OK);
		for (size_t j = 0; j < sizeof(passwords) / sizeof(passwords[0]); j++) {
			uint64_t work_verify;

			reset(NULL);
			assert_int_equal(
			    idm_password_verify(idm_span_cstr(phc), passwords[j], NULL),
			    IDM_DENIED);
			assert_int_equal(calls, 1);
			work_verify = work;
			reset(NULL);
			idm_password_dummy(passwords[j], &params[i]);
			assert_int_equal(calls, 1);
			assert_true(work == work_verify);
			assert_true(work == (uint64_t)params[i].m_kib * params[i].t);
		}
	}
}

static void
a_dummy_without_valid_parameters_costs_the_default(void **state)
{
	static const struct idm_argon2 wrong = { 0, 0, 0 };

	(void)state;
	idm_password_dummy(IDM_SPAN_LIT("x"), &wrong);
	assert_int_equal(calls, 1);
	assert_true(work == 2 * 19456);
}

static void
a_failure_of_the_hash_is_no_verdict(void **state)
{
	char phc[IDM_PHC_BYTES];
	struct idm_error err;

	(void)state;
	hash_cheaply("correct horse battery", phc);
	next_code = ARGON2_MEMORY_ALLOCATION_ERROR;
	assert_int_equal(
	    idm_password_verify(idm_span_cstr(phc), IDM_SPAN_LIT("correct horse battery"), &err),
	    IDM_SYSTEM);
	assert_string_equal(err.text, "Argon2: Memory allocation error");
	assert_int_equal(idm_password_hash(IDM_SPAN_LIT("x"), &cheap, phc, &err), IDM_SYSTEM);
}

static void
a_hash_of_other_parameters_is_to_be_made_anew(void **state)
{
	static const struct idm_argon2 others[] = { { 65, 1, 1 }, { 64, 2, 1 }, { 64, 1, 2 },
		{ 32, 1, 1 } };
	char phc[IDM_PHC_BYTES];

	(void)state;
	hash_cheaply("correct horse battery", phc);
	assert_false(idm_password_needs_upgrade(idm_span_cstr(phc), &cheap));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_true(idm_password_needs_upgrade(idm_span_cstr(phc), &others[i]));
	/* a shorter salt than ours, and what is no hash of ours */
	assert_true(idm_password_needs_upgrade(
	    idm_span_cstr("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$" TAG), &cheap));
	assert_true(idm_password_needs_upgrade(IDM_SPAN_LIT("$6$salt$hash"), &cheap));
}

static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkpqrstuvwxyz0123456789";

static void
generated_passwords_have_48_characters_of_the_alphabet(void **state)
{
	char password[IDM_GENERATED_PASSWORD_BYTES], other[IDM_GENERATED_PASSWORD_BYTES];

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_true(idm_password_generate(password));
		assert_int_equal(strlen(password), 48);
		assert_int_equal(strspn(password, letters), 48);
	}
	assert_true(idm_password_generate(other));
	assert_string_not_equal(password, other);
}

static void
generated_secrets_are_four_groups_of_five(void **state)
{
	char secret[IDM_GENERATED_SECRET_BYTES];

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_true(idm_secret_generate(secret));
		assert_int_equal(strlen(secret), 23);
		for (size_t at = 0; at < 23; at++) {
			if (at % 6 == 5)
				assert_int_equal(secret[at], '-');
			else
				assert_non_null(strchr(letters, secret[at]));
		}
	}
}

/* Each octet value once: every letter comes equally often, so none is likelier. */
static void
every_letter_is_equally_likely(void **state)
{
	uint8_t octets[1024];
	size_t counts[256] = { 0 };
	char password[IDM_GENERATED_PASSWORD_BYTES];

	(void)state;
	for (unsigned value = 0; value < 256; value++) {
		/* If `value` is thrown away, the second letter is letters[2]. */
		memset(octets, 0, sizeof(octets));
		octets[0] = (uint8_t)value;
		octets[1] = 1;
		octets[2] = 2;
		random_octets = octets;
		random_len = sizeof(octets);
		assert_true(idm_password_generate(password));
		if (password[1] == letters[1])
			counts[(uint8_t)password[0]]++;
	}
	for (size_t i = 0; letters[i] != '\0'; i++)
		assert_int_equal(counts[(uint8_t)letters[i]], 256 / (sizeof(letters) - 1));
}

static void
without_random_octets_nothing_is_generated(void **state)
{
	char password[IDM_GENERATED_PASSWORD_BYTES] = "";
	char secret[IDM_GENERATED_SECRET_BYTES] = "";
	char phc[IDM_PHC_BYTES] = "";

	(void)state;
	random_fails = true;
	assert_false(idm_password_generate(password));
	assert_false(idm_secret_generate(secret));
	assert_int_equal(idm_password_hash(IDM_SPAN_LIT("x"), &cheap, phc, NULL), IDM_SYSTEM);
	assert_string_equal(phc, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_password_fits_its_hash_and_no_other, reset),
		cmocka_unit_test_setup(a_nul_in_a_password_counts, reset),
		cmocka_unit_test_setup(each_hash_has_a_salt_of_its_own, reset),
		cmocka_unit_test_setup(hashes_of_other_programs_are_understood, reset),
		cmocka_unit_test_setup(other_programs_understand_our_hashes, reset),
		cmocka_unit_test_setup(what_is_no_hash_of_ours_is_corrupt_and_costs_nothing, reset),
		cmocka_unit_test_setup(
		    every_truncation_of_a_hash_is_corrupt_or_does_not_fit, reset),
		cmocka_unit_test_setup(lengths_of_a_password_are_bounded, reset),
		cmocka_unit_test_setup(parameters_have_bounds, reset),
		cmocka_unit_test_setup(the_default_is_that_of_the_documentation, reset),
		cmocka_unit_test_setup(a_dummy_costs_one_verification, reset),
		cmocka_unit_test_setup(a_dummy_without_valid_parameters_costs_the_default, reset),
		cmocka_unit_test_setup(a_failure_of_the_hash_is_no_verdict, reset),
		cmocka_unit_test_setup(a_hash_of_other_parameters_is_to_be_made_anew, reset),
		cmocka_unit_test_setup(
		    generated_passwords_have_48_characters_of_the_alphabet, reset),
		cmocka_unit_test_setup(generated_secrets_are_four_groups_of_five, reset),
		cmocka_unit_test_setup(every_letter_is_equally_likely, reset),
		cmocka_unit_test_setup(without_random_octets_nothing_is_generated, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
