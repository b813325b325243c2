#include "core/text.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>
#include <unictype.h>

enum { ASCII_FIRST = 0x20, ASCII_LAST = 0x7e };

enum idm_result
idm_text_no_memory(struct idm_error *err)
{
	return idm_fail(err, IDM_LIMIT, "the request's memory is used up");
}

bool
idm_text_is_ascii(struct idm_span text)
{
	uint8_t odd = 0; /* without a branch, so that the compiler takes many octets at once */

	for (size_t i = 0; i < text.len; i++)
		odd |= text.ptr[i] < ASCII_FIRST || text.ptr[i] > ASCII_LAST;
	return odd == 0;
}

static enum idm_result
copy_text(
    struct idm_span text, struct idm_arena *arena, struct idm_span *out, struct idm_error *err)
{
	*out = idm_arena_copy(arena, text);
	return out->ptr == NULL ? idm_text_no_memory(err) : IDM_OK;
}

/* Move what libunistring allocated into the arena; NULL: it ran out of memory. */
static enum idm_result
take_result(uint8_t *result, size_t len, struct idm_arena *arena, struct idm_span *out,
    struct idm_error *err)
{
	if (result == NULL)
		return idm_fail(err, IDM_LIMIT, "out of memory while normalising text");
	*out = idm_arena_copy(arena, idm_span_of(result, len));
	OPENSSL_cleanse(result, len);
	free(result);
	return out->ptr == NULL ? idm_text_no_memory(err) : IDM_OK;
}

enum idm_result
idm_text_nfc(const char *what, struct idm_span text, struct idm_arena *arena, struct idm_span *out,
    struct idm_error *err)
{
	uint8_t *result;
	size_t len = 0;

	if (idm_text_is_ascii(text))
		return copy_text(text, arena, out, err);
	if (u8_check(text.ptr, text.len) != NULL)
		return idm_refuse(err, IDM_INVALID, "%s is not valid UTF-8", what);
	result = u8_normalize(UNINORM_NFC, text.ptr, text.len, NULL, &len);
	return take_result(result, len, arena, out, err);
}

/* Characters that could forge a line of a log or turn the order of what is shown. */
static bool
is_forbidden(ucs4_t c)
{
	if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
		return true; /* C0, DEL, C1 */
	return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

/* The first forbidden character of valid UTF-8; 0xffffffff: there is none. */
static ucs4_t
find_forbidden(struct idm_span text)
{
	ucs4_t c;

	for (size_t i = 0; i < text.len;) {
		int len = u8_mbtoucr(&c, text.ptr + i, text.len - i);

		if (len <= 0)
			break; /* the caller has checked: not reached */
		if (is_forbidden(c))
			return c;
		i += (size_t)len;
	}
	return UINT32_MAX;
}

enum idm_result
idm_text_parse(const char *what, struct idm_span text, size_t bytes_max, struct idm_arena *arena,
    struct idm_span *out, struct idm_error *err)
{
	enum idm_result result;
	ucs4_t bad;

	if (text.len == 0)
		return idm_refuse(err, IDM_INVALID, "%s must not be empty", what);
	if (text.len > bytes_max)
		return idm_refuse(
		    err, IDM_INVALID, "%s is longer than %zu octets: shorten it", what, bytes_max);
	result = idm_text_nfc(what, text, arena, out, err);
	if (result != IDM_OK || idm_text_is_ascii(*out))
		return result;
	bad = find_forbidden(*out);
	if (bad != UINT32_MAX)
		return idm_refuse(err, IDM_INVALID,
		    "%s holds the control character U+%04X: leave it out", what, (unsigned)bad);
	if (out->len > bytes_max)
		return idm_refuse(
		    err, IDM_INVALID, "%s is longer than %zu octets: shorten it", what, bytes_max);
	return IDM_OK;
}

/*
 * The white space of `text` made regular: inner runs one space, the ends as asked for.  ASCII text
 * is put into lower case on the way; other text is folded already.  Never longer than `text`.
 */
static size_t
squeeze(struct idm_span text, bool ascii, enum idm_text_ends ends, uint8_t *to)
{
	size_t n = 0;
	bool space = false;

	for (size_t i = 0; i < text.len;) {
		ucs4_t c = text.ptr[i];
		int len = ascii ? 1 : u8_mbtoucr(&c, text.ptr + i, text.len - i);

		if (len <= 0)
			break; /* not reached: the text is valid */
		if (ascii ? c == ' ' : uc_is_property_white_space(c)) {
			space = true;
			i += (size_t)len;
			continue;
		}
		if (space && (n != 0 || ends == IDM_TEXT_KEEP_ENDS))
			to[n++] = ' ';
		space = false;
		if (ascii)
			to[n++] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : (uint8_t)c;
		else
			memcpy(to + n, text.ptr + i, (size_t)len), n += (size_t)len;
		i += (size_t)len;
	}
	if (space && ends == IDM_TEXT_KEEP_ENDS)
		to[n++] = ' ';
	return n;
}

enum idm_result
idm_text_fold(struct idm_span nfc, enum idm_text_ends ends, struct idm_arena *arena,
    struct idm_span *out, struct idm_error *err)
{
	bool ascii = idm_text_is_ascii(nfc);
	struct idm_span folded = nfc;
	uint8_t *to;

	if (!ascii) {
		size_t len = 0;
		uint8_t *result = u8_casefold(nfc.ptr, nfc.len, NULL, UNINORM_NFC, NULL, &len);
		enum idm_result taken = take_result(result, len, arena, &folded, err);

		if (taken != IDM_OK)
			return taken;
	}
	to = idm_arena_alloc(arena, folded.len + 1);
	if (to == NULL)
		return idm_text_no_memory(err);
	*out = idm_span_of(to, squeeze(folded, ascii, ends, to));
	return IDM_OK;
}

enum idm_result
idm_text_lower(
    struct idm_span text, struct idm_arena *arena, struct idm_span *out, struct idm_error *err)
{
	uint8_t *to = idm_arena_alloc(arena, text.len + 1);

	if (to == NULL)
		return idm_text_no_memory(err);
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		to[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
	}
	*out = idm_span_of(to, text.len);
	return IDM_OK;
}
