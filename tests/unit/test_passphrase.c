/* What is kept under a passphrase: only that one opens it, and no change of it goes unnoticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "core/passphrase.h"

#define PASSPHRASE IDM_SPAN_LIT("correct horse battery staple")

static struct idm_arena *arena;
static struct idm_error err;

static void
only_the_passphrase_opens_it(void **state)
{
	struct idm_span plain = IDM_SPAN_LIT("the keys"), sealed, again, back;

	(void)state;
	arena = idm_arena_new(1024 * 1024);
	assert_int_equal(idm_passphrase_seal(PASSPHRASE, plain, arena, &sealed, &err), IDM_OK);
	assert_null(memmem(sealed.ptr, sealed.len, plain.ptr, plain.len));
	assert_int_equal(idm_passphrase_open(PASSPHRASE, sealed, arena, &back, &err), IDM_OK);
	assert_true(idm_span_equal(back, plain));
	assert_int_equal(idm_passphrase_open(IDM_SPAN_LIT("correct horse battery stapl"), sealed,
			     arena, &back, &err),
	    IDM_DENIED);
	assert_int_equal(idm_passphrase_seal(PASSPHRASE, plain, arena, &again, &err), IDM_OK);
	assert_false(idm_span_equal(sealed, again));
	idm_arena_free(&arena);
}

static void
a_changed_octet_or_a_cut_is_noticed(void **state)
{
	struct idm_span sealed, back;
	uint8_t copy[256];

	(void)state;
	arena = idm_arena_new(1024 * 1024);
	assert_int_equal(
	    idm_passphrase_seal(PASSPHRASE, IDM_SPAN_LIT("k"), arena, &sealed, &err), IDM_OK);
	assert_true(sealed.len <= sizeof(copy));
	memcpy(copy, sealed.ptr, sealed.len);
	/* The magic, the salt, the nonce, the text, the tag. */
	for (size_t at = 0; at < sealed.len; at += at == 0 ? 16 : 13) {
		copy[at] ^= 1;
		assert_int_not_equal(idm_passphrase_open(PASSPHRASE, idm_span_of(copy, sealed.len),
					 arena, &back, &err),
		    IDM_OK);
		copy[at] ^= 1;
	}
	for (size_t len = 0; len < 60; len += 7)
		assert_int_equal(
		    idm_passphrase_open(PASSPHRASE, idm_span_of(copy, len), arena, &back, &err),
		    IDM_CORRUPT);
	idm_arena_free(&arena);
}

/* A file from elsewhere must not make us compute for hours, or take all memory. */
static void
a_cost_out_of_bounds_is_refused_unseen(void **state)
{
	struct idm_span sealed, back;
	uint8_t copy[256];

	(void)state;
	arena = idm_arena_new(1024 * 1024);
	assert_int_equal(
	    idm_passphrase_seal(PASSPHRASE, IDM_SPAN_LIT("k"), arena, &sealed, &err), IDM_OK);
	for (size_t at = 4; at < 16; at += 4) {
		memcpy(copy, sealed.ptr, sealed.len);
		memset(copy + at, 0xff, 4);
		assert_int_equal(idm_passphrase_open(
				     PASSPHRASE, idm_span_of(copy, sealed.len), arena, &back, &err),
		    IDM_CORRUPT);
		memset(copy + at, 0, 4);
		assert_int_equal(idm_passphrase_open(
				     PASSPHRASE, idm_span_of(copy, sealed.len), arena, &back, &err),
		    IDM_CORRUPT);
	}
	idm_arena_free(&arena);
}

static void
a_passphrase_too_short_or_too_long_is_refused(void **state)
{
	static const uint8_t longest[IDM_PASSPHRASE_MAX_BYTES + 1];
	struct idm_span sealed;

	(void)state;
	arena = idm_arena_new(1024 * 1024);
	assert_int_equal(idm_passphrase_seal(
			     IDM_SPAN_LIT("elevenchars"), IDM_SPAN_LIT("k"), arena, &sealed, &err),
	    IDM_INVALID);
	assert_int_equal(idm_passphrase_seal(idm_span_of(longest, sizeof(longest)),
			     IDM_SPAN_LIT("k"), arena, &sealed, &err),
	    IDM_INVALID);
	idm_arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_passphrase_opens_it),
		cmocka_unit_test(a_changed_octet_or_a_cut_is_noticed),
		cmocka_unit_test(a_cost_out_of_bounds_is_refused_unseen),
		cmocka_unit_test(a_passphrase_too_short_or_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
