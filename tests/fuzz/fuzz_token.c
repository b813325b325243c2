/*
 * Any text as a token, any bytes as a token's stored row, any text as a stored hash and as a
 * password to judge.
 */
#include "core/base64.h"
#include "core/credential.h"
#include "core/token.h"
#include "tests/fuzz/fuzz.h"

/* One token has one text: what is taken gives the same text again. */
static void
check_token(struct idm_span text)
{
	struct idm_uuid id;
	uint8_t hash[IDM_TOKEN_HASH_BYTES];
	uint8_t bytes[40];
	char again[IDM_TOKEN_TEXT] = "kt_";

	if (!idm_token_parse(text, &id, hash))
		return;
	require(text.len == IDM_TOKEN_TEXT - 1);
	require(idm_base64_decode(
	    IDM_BASE64_URL, idm_span_of(text.ptr + 3, text.len - 3), bytes, sizeof(bytes)));
	require(memcmp(bytes, id.bytes, sizeof(id.bytes)) == 0);
	idm_base64_encode(IDM_BASE64_URL, idm_span_of(bytes, sizeof(bytes)), again + 3);
	require(idm_span_is(text, again));
}

static void
check_row(struct idm_span bytes, struct idm_arena *arena)
{
	struct idm_token_row row;
	struct idm_error err;

	if (idm_token_row_decode(bytes, &row, &err) != IDM_OK)
		return;
	require(idm_span_equal(idm_token_row_encode(&row, arena), bytes));
	idm_token_check(&row, row.hash, (struct idm_now){ row.issued_s, true }, &err);
}

static void
check_password(struct idm_span text)
{
	static const struct idm_argon2 params = { 64, 1, 1 };
	const struct idm_quality quality = { .words = &text, .word_count = 1 };
	struct idm_error err;

	char stored[IDM_PHC_BYTES];

	idm_password_needs_upgrade(text, &params);
	if (idm_password_import(text, stored, &err) == IDM_OK)
		require(strlen(stored) < sizeof(stored));
	if (idm_password_judge(text, &quality, &err) != IDM_OK)
		require(err.client_text[0] != '\0');
	else
		require(text.len >= IDM_PASSWORD_MIN_CHARS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct idm_arena *arena;
	uint8_t *copy = malloc(size == 0 ? 1 : size);
	struct idm_span text = { copy, size };

	require(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	arena = idm_arena_new(1 << 16);
	require(arena != NULL);
	check_token(text);
	check_row(text, arena);
	check_password(text);
	idm_arena_free(&arena);
	free(copy);
	return 0;
}
