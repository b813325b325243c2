#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/token.h"

#define NOW INT64_C(1600955000)

static struct idm_arena *arena;

static int
make_arena(void **state)
{
	(void)state;
	arena = idm_arena_new(1 << 20);
	return arena == NULL;
}

static int
free_arena(void **state)
{
	(void)state;
	idm_arena_free(&arena);
	return 0;
}

static void
a_token_has_57_characters_and_comes_back(void **state)
{
	struct idm_token_row row;
	struct idm_uuid id;
	uint8_t hash[IDM_TOKEN_HASH_BYTES];
	char text[IDM_TOKEN_TEXT];

	(void)state;
	assert_true(idm_token_generate(text, &row));
	assert_int_equal(strlen(text), 57);
	assert_memory_equal(text, "kt_", 3);
	assert_int_equal(
	    strspn(text + 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
	    54);
	assert_true(idm_token_parse(idm_span_cstr(text), &id, hash));
	assert_true(idm_uuid_equal(&id, &row.id));
	assert_memory_equal(hash, row.hash, sizeof(hash));
}

static void
no_two_tokens_are_alike(void **state)
{
	struct idm_token_row row, other;
	char text[IDM_TOKEN_TEXT], other_text[IDM_TOKEN_TEXT];

	(void)state;
	assert_true(idm_token_generate(text, &row));
	assert_true(idm_token_generate(other_text, &other));
	assert_string_not_equal(text, other_text);
	assert_false(idm_uuid_equal(&row.id, &other.id));
	assert_memory_not_equal(row.hash, other.hash, sizeof(row.hash));
}

/* Ids and secrets of 0..39; the hash is SHA-256 of the octets 16..39, made with sha256sum. */
static void
a_known_token_gives_its_id_and_hash(void **state)
{
	static const uint8_t expected[] = { 0x58, 0x03, 0x60, 0x10, 0x05, 0x75, 0xb3, 0x03, 0x07,
		0xc9, 0x41, 0x86, 0x5e, 0x78, 0x95, 0x03, 0xb9, 0x64, 0xd6, 0xed, 0x91, 0xe5, 0x34,
		0xe6, 0x95, 0x7f, 0x3d, 0xb1, 0x93, 0x84, 0x37, 0xf4 };
	struct idm_uuid id;
	uint8_t hash[IDM_TOKEN_HASH_BYTES];
	char uuid_text[IDM_UUID_TEXT];

	(void)state;
	assert_true(idm_token_parse(
	    IDM_SPAN_LIT("kt_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJw"), &id, hash));
	idm_uuid_format(&id, uuid_text);
	assert_string_equal(uuid_text, "00010203-0405-0607-0809-0a0b0c0d0e0f");
	assert_memory_equal(hash, expected, sizeof(expected));
}

static void
every_octet_of_a_token_counts(void **state)
{
	struct idm_token_row row;
	struct idm_uuid id;
	uint8_t hash[IDM_TOKEN_HASH_BYTES];
	char text[IDM_TOKEN_TEXT];

	(void)state;
	assert_true(idm_token_generate(text, &row));
	for (size_t i = 0; i < IDM_TOKEN_TEXT - 1; i++) {
		char kept = text[i];

		text[i] = kept == 'A' ? 'B' : 'A';
		if (idm_token_parse(idm_span_cstr(text), &id, hash))
			assert_false(idm_uuid_equal(&id, &row.id) &&
				     memcmp(hash, row.hash, sizeof(hash)) == 0);
		text[i] = '=';
		assert_false(idm_token_parse(idm_span_cstr(text), &id, hash));
		text[i] = kept;
	}
	assert_true(idm_token_parse(idm_span_cstr(text), &id, hash));
}

static void
every_truncation_is_refused(void **state)
{
	struct idm_token_row row;
	struct idm_uuid id;
	uint8_t hash[IDM_TOKEN_HASH_BYTES];
	char text[IDM_TOKEN_TEXT + 1];

	(void)state;
	assert_true(idm_token_generate(text, &row));
	for (size_t n = 0; n < IDM_TOKEN_TEXT - 1; n++) {
		char *cut = malloc(n + 1);

		assert_non_null(cut);
		memcpy(cut, text, n);
		assert_false(idm_token_parse(idm_span_of(cut, n), &id, hash));
		free(cut);
	}
	text[IDM_TOKEN_TEXT - 1] = 'A';
	assert_false(idm_token_parse(idm_span_of(text, IDM_TOKEN_TEXT), &id, hash));
	assert_false(idm_token_parse(IDM_SPAN_EMPTY, &id, hash));
}

static enum idm_result
check(const struct idm_token_row *row, int64_t now_s, bool trusted, struct idm_error *err)
{
	return idm_token_check(row, row->hash, (struct idm_now){ now_s, trusted }, err);
}

static void
a_wrong_secret_is_refused_at_every_octet(void **state)
{
	struct idm_token_row row = { .kind = IDM_TOKEN_API, .expire_s = INT64_MAX };
	struct idm_now now = { NOW, true };
	struct idm_error err;

	(void)state;
	assert_int_equal(idm_token_check(&row, row.hash, now, &err), IDM_OK);
	for (size_t i = 0; i < IDM_TOKEN_HASH_BYTES; i++) {
		uint8_t hash[IDM_TOKEN_HASH_BYTES] = { 0 };

		hash[i] = 0x80;
		assert_int_equal(idm_token_check(&row, hash, now, &err), IDM_DENIED);
		assert_string_equal(err.text, "the token's secret is wrong");
		assert_string_equal(err.client_text, "");
	}
}

static void
an_expiry_holds_to_the_second(void **state)
{
	struct idm_token_row row = { .kind = IDM_TOKEN_API, .expire_s = NOW };
	struct idm_error err;

	(void)state;
	assert_int_equal(check(&row, NOW - 1, true, &err), IDM_OK);
	assert_int_equal(check(&row, NOW, true, &err), IDM_DENIED);
	assert_string_equal(err.text, "the token expired at 2020-09-24T13:43:20Z");
	row.expire_s = INT64_MAX;
	assert_int_equal(check(&row, INT64_MAX, true, &err), IDM_OK);
}

static void
without_trusted_time_a_token_that_expires_is_refused(void **state)
{
	struct idm_token_row row = { .kind = IDM_TOKEN_API, .issued_s = NOW, .expire_s = NOW + 60 };
	struct idm_error err;

	(void)state;
	assert_int_equal(check(&row, NOW, false, &err), IDM_DENIED);
	assert_string_equal(err.text, "the token expires, and time is not trusted");
	row.expire_s = INT64_MAX;
	assert_int_equal(check(&row, NOW, false, &err), IDM_OK);
}

static void
without_trusted_time_a_session_lives_by_the_clock_that_began_it(void **state)
{
	struct idm_token_row row = {
		.kind = IDM_TOKEN_SESSION, .issued_s = NOW, .expire_s = NOW + 3600
	};

	(void)state;
	assert_int_equal(check(&row, NOW, false, NULL), IDM_OK);
	assert_int_equal(check(&row, NOW - 300, false, NULL), IDM_OK);
	assert_int_equal(check(&row, NOW - 301, false, NULL), IDM_DENIED);
	assert_int_equal(check(&row, NOW + 3599, false, NULL), IDM_OK);
	assert_int_equal(check(&row, NOW + 3600, false, NULL), IDM_DENIED);
}

static struct idm_token_row
full_row(struct idm_span label)
{
	struct idm_token_row row = {
		.kind = IDM_TOKEN_SESSION,
		.scope = IDM_SCOPE_READ_WRITE,
		.issued_s = -1,
		.expire_s = INT64_MAX,
		.privileged_until_s = NOW,
		.credential_no = UINT64_MAX - 1,
		.label = label,
	};

	memset(row.id.bytes, 1, sizeof(row.id.bytes));
	memset(row.account.bytes, 2, sizeof(row.account.bytes));
	memset(row.issued_by.bytes, 3, sizeof(row.issued_by.bytes));
	memset(row.hash, 4, sizeof(row.hash));
	return row;
}

static void
a_row_comes_back_whole(void **state)
{
	struct idm_token_row row = full_row(IDM_SPAN_LIT("backup job"));
	struct idm_token_row back;
	struct idm_span bytes = idm_token_row_encode(&row, arena);

	(void)state;
	assert_non_null(bytes.ptr);
	assert_int_equal(idm_token_row_decode(bytes, &back, NULL), IDM_OK);
	assert_true(idm_uuid_equal(&back.id, &row.id));
	assert_true(idm_uuid_equal(&back.account, &row.account));
	assert_true(idm_uuid_equal(&back.issued_by, &row.issued_by));
	assert_memory_equal(back.hash, row.hash, sizeof(row.hash));
	assert_int_equal(back.kind, row.kind);
	assert_int_equal(back.scope, row.scope);
	assert_int_equal(back.issued_s, row.issued_s);
	assert_true(back.expire_s == INT64_MAX);
	assert_int_equal(back.privileged_until_s, row.privileged_until_s);
	assert_true(back.credential_no == row.credential_no);
	assert_true(idm_span_is(back.label, "backup job"));
}

static void
damaged_rows_are_corrupt(void **state)
{
	struct idm_token_row row = full_row(IDM_SPAN_EMPTY);
	struct idm_span bytes = idm_token_row_encode(&row, arena);
	struct idm_token_row back;
	struct idm_error err;
	uint8_t wrong[256] = { 0 };

	(void)state;
	assert_non_null(bytes.ptr);
	for (size_t n = 0; n < bytes.len; n++) {
		uint8_t *cut = malloc(n + 1);

		assert_non_null(cut);
		memcpy(cut, bytes.ptr, n);
		assert_int_equal(
		    idm_token_row_decode(idm_span_of(cut, n), &back, &err), IDM_CORRUPT);
		free(cut);
	}
	memcpy(wrong, bytes.ptr, bytes.len);
	for (size_t i = 0; i < 4; i++) { /* format, kind, scope, filler */
		wrong[i] ^= 0x80;
		assert_int_equal(
		    idm_token_row_decode(idm_span_of(wrong, bytes.len), &back, &err), IDM_CORRUPT);
		wrong[i] ^= 0x80;
	}
	wrong[1] = 0; /* no kind */
	assert_int_equal(
	    idm_token_row_decode(idm_span_of(wrong, bytes.len), &back, &err), IDM_CORRUPT);
	wrong[1] = IDM_TOKEN_API;
	assert_int_equal(
	    idm_token_row_decode(idm_span_of(wrong, bytes.len + IDM_TOKEN_LABEL_MAX), &back, &err),
	    IDM_OK);
	assert_int_equal(idm_token_row_decode(
			     idm_span_of(wrong, bytes.len + IDM_TOKEN_LABEL_MAX + 1), &back, &err),
	    IDM_CORRUPT);
}

static void
a_label_that_is_too_long_or_a_full_arena_gives_nothing(void **state)
{
	char label[IDM_TOKEN_LABEL_MAX + 1];
	struct idm_token_row row;
	struct idm_arena *small = idm_arena_new(64);

	(void)state;
	memset(label, 'x', sizeof(label));
	row = full_row(idm_span_of(label, sizeof(label)));
	assert_null(idm_token_row_encode(&row, arena).ptr);
	row.label.len--;
	assert_non_null(idm_token_row_encode(&row, arena).ptr);
	assert_null(idm_token_row_encode(&row, small).ptr);
	idm_arena_free(&small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_has_57_characters_and_comes_back),
		cmocka_unit_test(no_two_tokens_are_alike),
		cmocka_unit_test(a_known_token_gives_its_id_and_hash),
		cmocka_unit_test(every_octet_of_a_token_counts),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(a_wrong_secret_is_refused_at_every_octet),
		cmocka_unit_test(an_expiry_holds_to_the_second),
		cmocka_unit_test(without_trusted_time_a_token_that_expires_is_refused),
		cmocka_unit_test(without_trusted_time_a_session_lives_by_the_clock_that_began_it),
		cmocka_unit_test(a_row_comes_back_whole),
		cmocka_unit_test(damaged_rows_are_corrupt),
		cmocka_unit_test(a_label_that_is_too_long_or_a_full_arena_gives_nothing),
	};

	return cmocka_run_group_tests(tests, make_arena, free_arena);
}
