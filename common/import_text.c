#include "common/import_text.h"

#include <ctype.h>

#include "core/timefmt.h"

enum { TAG_MAX = 48, TAGS_MAX = 1000, SECONDS_A_DAY = 86400 };

/* --- SSH keys */

/* What stands before the next space, which is consumed. */
static struct idm_span
take_word(struct idm_span *rest)
{
	struct idm_span word = *rest;

	for (word.len = 0; word.len < rest->len && rest->ptr[word.len] != ' ';)
		word.len++;
	*rest = idm_span_of(rest->ptr + word.len, rest->len - word.len);
	while (rest->len != 0 && rest->ptr[0] == ' ')
		*rest = idm_span_of(rest->ptr + 1, rest->len - 1);
	return word;
}

static bool
begins_with(struct idm_span text, const char *prefix)
{
	return text.len >= strlen(prefix) && memcmp(text.ptr, prefix, strlen(prefix)) == 0;
}

static bool
is_key_type(struct idm_span word)
{
	return begins_with(word, "ssh-") || begins_with(word, "ecdsa-") ||
	       begins_with(word, "sk-ssh-") || begins_with(word, "sk-ecdsa-");
}

/* The comment as far as a tag can be it: "alice@laptop". */
static void
make_tag(struct idm_span comment, char out[TAG_MAX + 1])
{
	size_t len = 0;

	for (size_t i = 0; i < comment.len && len < TAG_MAX; i++) {
		uint8_t c = comment.ptr[i];

		out[len++] = c < 0x80 && (isalnum(c) || strchr("@._-", c) != NULL) && c != '\0'
				 ? (char)c
				 : '-';
	}
	out[len] = '\0';
	if (len == 0 || is_key_type(idm_span_cstr(out)))
		memcpy(out, "key", sizeof("key"));
}

static bool
is_taken(const char *tag, const struct import_value *values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct idm_span rest = values[i].text;

		if (values[i].attr->number == IDM_ATTR_SSH_PUBLICKEY &&
		    idm_span_equal_nocase(take_word(&rest), idm_span_cstr(tag)))
			return true;
	}
	return false;
}

const char *
import_ssh_key(
    struct idm_span key, const struct import_value *values, size_t count, struct idm_arena *arena)
{
	struct idm_span rest = key, type = take_word(&rest), base64 = take_word(&rest);
	char tag[TAG_MAX + 1];
	const char *unique = tag;

	if (!is_key_type(type))
		return (const char *)idm_arena_copy(arena, key).ptr;
	make_tag(rest, tag);
	for (int i = 2; is_taken(unique, values, count) && i < TAGS_MAX; i++) {
		unique = idm_arena_printf(arena, "%s-%d", tag, i);
		if (unique == NULL)
			return NULL;
	}
	return idm_arena_printf(
	    arena, "%s %.*s %.*s", unique, IDM_SPAN_ARG(type), IDM_SPAN_ARG(base64));
}

/* --- passwords */

bool
import_is_no_password(struct idm_span text)
{
	static const char crypt[] = "{CRYPT}";
	size_t len = sizeof(crypt) - 1;

	if (text.len >= len &&
	    idm_span_equal_nocase(idm_span_of(text.ptr, len), idm_span_cstr(crypt)))
		text = idm_span_of(text.ptr + len, text.len - len);
	return text.len == 0 || text.ptr[0] == '!' || text.ptr[0] == '*' || idm_span_is(text, "x");
}

char *
import_nt_hash(struct idm_span octets, struct idm_arena *arena)
{
	static const char digits[] = "0123456789abcdef";
	char *out = idm_arena_alloc(arena, 4 + 2 * octets.len + 1);

	if (out == NULL)
		return NULL;
	memcpy(out, "{NT}", sizeof("{NT}"));
	for (size_t i = 0; i < octets.len; i++) {
		out[4 + 2 * i] = digits[octets.ptr[i] >> 4];
		out[5 + 2 * i] = digits[octets.ptr[i] & 15];
	}
	return out;
}

/* --- names */

struct idm_span
import_cut_bits(struct idm_span text)
{
	size_t at = text.len;

	if (at < 4 || text.ptr[at - 1] != 'B' || text.ptr[at - 2] != '\'')
		return text;
	at -= 2;
	while (at != 0 && (text.ptr[at - 1] == '0' || text.ptr[at - 1] == '1'))
		at--;
	if (at < 2 || text.ptr[at - 1] != '\'' || text.ptr[at - 2] != '#')
		return text;
	return idm_span_of(text.ptr, at - 2);
}

/* --- validity */

static bool
parse_number(struct idm_span text, int64_t *out)
{
	*out = 0;
	if (text.len == 0 || text.len > 19)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int digit = text.ptr[i] - '0';

		if (digit < 0 || digit > 9 || *out > (INT64_MAX - digit) / 10)
			return false;
		*out = *out * 10 + digit;
	}
	return true;
}

/* shadow(5): -1 and nothing are never; of 0 nobody knows what it means. */
static bool
expire_days(struct idm_span text, int64_t *at_s)
{
	int64_t days;

	*at_s = INT64_MAX;
	if (text.len == 0 || idm_span_is(text, "-1"))
		return true;
	if (!parse_number(text, &days) || days == 0)
		return false;
	if (days < INT64_MAX / SECONDS_A_DAY)
		*at_s = days * SECONDS_A_DAY;
	return true;
}

/* 0, and the largest number, are never. */
static bool
expire_ticks(struct idm_span text, int64_t *at_s)
{
	const int64_t ticks_a_second = 10000000, seconds_to_1970 = INT64_C(11644473600);
	int64_t ticks;

	if (!parse_number(text, &ticks))
		return false;
	*at_s =
	    ticks == 0 || ticks == INT64_MAX ? INT64_MAX : ticks / ticks_a_second - seconds_to_1970;
	return true;
}

static bool
expire_locked(struct idm_span text, int64_t *at_s)
{
	bool locked = idm_span_equal_nocase(text, IDM_SPAN_LIT("true"));

	*at_s = locked ? 0 : INT64_MAX;
	return locked || idm_span_equal_nocase(text, IDM_SPAN_LIT("false"));
}

bool
import_expire(enum import_what what, struct idm_span text, int64_t *at_s)
{
	switch (what) {
	case IMPORT_EXPIRE_DAYS: return expire_days(text, at_s);
	case IMPORT_EXPIRE_TIME: return idm_time_parse(text, at_s);
	case IMPORT_EXPIRE_TICKS: return expire_ticks(text, at_s);
	case IMPORT_LOCKED: return expire_locked(text, at_s);
	case IMPORT_LOCKED_SINCE:
		*at_s = 0;
		return idm_span_is(text, "000001010000Z") || idm_span_is(text, "00000101000000Z");
	default: return false;
	}
}
