/* What a password chosen by a person may not be (SPEC 6.4); the interface is in credential.h. */
#include "core/credential.h"

#include <stdio.h>

#include <openssl/crypto.h>
#include <unicase.h>
#include <unictype.h>
#include <unistr.h>
#include <zxcvbn.h>

enum {
	WORDS_MAX = 64,      /* of the account, cut at what is no letter or digit */
	WORD_BYTES_MAX = 64, /* of each; longer ones are cut off */
	WORD_MIN_CHARS = 3,  /* shorter ones occur in anything */
};

/* zxcvbn's score 4: at least 10^10 guesses, as its documentation has it; log2 of that. */
#define SCORE_4_BITS 33.22

/* A password as its characters in lower case, so that words are found in any case. */
struct folded {
	ucs4_t chars[IDM_PASSWORD_MAX_BYTES];
	bool own[IDM_PASSWORD_MAX_BYTES]; /* part of one of the account's own words */
	size_t count;
};

/* The account's own words, lower case, as zxcvbn takes them. */
struct words {
	char text[WORDS_MAX][WORD_BYTES_MAX + 1];
	const char *list[WORDS_MAX + 1]; /* NULL-terminated */
	size_t count;
};

/* The rules that are broken, for the client. */
struct complaint {
	char text[256];
	size_t len;
};

static void
complain(struct complaint *complaint, const char *rule)
{
	int len =
	    snprintf(complaint->text + complaint->len, sizeof(complaint->text) - complaint->len,
		"%s%s", complaint->len == 0 ? "" : "; ", rule);

	complaint->len += (size_t)len;
	if (complaint->len >= sizeof(complaint->text))
		complaint->len = sizeof(complaint->text) - 1;
}

/* Characters that no keyboard gives, or that not every client can send. */
static bool
is_control(ucs4_t c)
{
	return uc_is_general_category_withtable(c,
	    UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cs | UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp);
}

/* False: no UTF-8, or a control character. */
static bool
fold(struct idm_span text, struct folded *out)
{
	out->count = 0;
	while (text.len > 0) {
		ucs4_t c;
		int len = u8_mbtoucr(&c, text.ptr, text.len);

		if (len <= 0 || is_control(c))
			return false;
		out->own[out->count] = false;
		out->chars[out->count++] = uc_tolower(c);
		text = idm_span_of(text.ptr + len, text.len - (size_t)len);
	}
	return true;
}

/* How many octets of `text` are one character; a wrong octet is one. */
static size_t
next_char(struct idm_span text, ucs4_t *c)
{
	int len = u8_mbtouc(c, text.ptr, text.len);

	*c = uc_tolower(*c);
	return (size_t)len;
}

/* Is `text` the characters from `at` on?  *count gets how many it has. */
static bool
stands_at(const struct folded *password, size_t at, struct idm_span text, size_t *count)
{
	*count = 0;
	while (text.len > 0) {
		ucs4_t c;
		size_t len = next_char(text, &c);

		if (at + *count >= password->count || password->chars[at + *count] != c)
			return false;
		(*count)++;
		text = idm_span_of(text.ptr + len, text.len - len);
	}
	return true;
}

static bool
is_in_badlist(const struct folded *password, const struct idm_quality *quality)
{
	size_t count;

	for (size_t i = 0; i < quality->badlist_count; i++)
		if (stands_at(password, 0, quality->badlist[i], &count) && count == password->count)
			return true;
	return false;
}

static void
add_word(struct words *words, const uint8_t *text, size_t len)
{
	char *to;

	if (words->count == WORDS_MAX || len == 0)
		return;
	to = words->text[words->count];
	len = len < WORD_BYTES_MAX ? len : WORD_BYTES_MAX;
	for (size_t i = 0; i < len; i++)
		to[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + ('a' - 'A') : text[i]);
	to[len] = '\0';
	words->list[words->count++] = to;
}

/* Each word whole, and cut at what is no letter or digit: "Demo User", "demo@example.com". */
static void
collect_words(const struct idm_quality *quality, struct words *out)
{
	for (size_t i = 0; i < quality->word_count; i++) {
		struct idm_span rest = quality->words[i];
		const uint8_t *start = rest.ptr;

		add_word(out, rest.ptr, rest.len);
		while (rest.len > 0) {
			ucs4_t c;
			size_t len = next_char(rest, &c);

			if (!uc_is_general_category_withtable(
				c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_N)) {
				add_word(out, start, (size_t)(rest.ptr - start));
				start = rest.ptr + len;
			}
			rest = idm_span_of(rest.ptr + len, rest.len - len);
		}
		if (start != quality->words[i].ptr)
			add_word(out, start, (size_t)(rest.ptr - start));
	}
}

/* Do the account's own words make up more than half of it? */
static bool
is_mostly_own_words(struct folded *password, const struct words *words)
{
	size_t own = 0;

	for (size_t i = 0; i < words->count; i++) {
		struct idm_span word = idm_span_cstr(words->text[i]);
		size_t count;

		for (size_t at = 0; at < password->count; at++)
			if (stands_at(password, at, word, &count) && count >= WORD_MIN_CHARS)
				memset(&password->own[at], true, count);
	}
	for (size_t at = 0; at < password->count; at++)
		own += password->own[at];
	return own * 2 > password->count;
}

static bool
is_guessable(struct idm_span password, struct words *words)
{
	char text[IDM_PASSWORD_MAX_BYTES + 1];
	double bits;

	memcpy(text, password.ptr, password.len);
	text[password.len] = '\0';
	bits = ZxcvbnMatch(text, words->list, NULL);
	OPENSSL_cleanse(text, sizeof(text));
	return bits < SCORE_4_BITS;
}

static void
judge_text(struct idm_span password, struct folded *folded, const struct idm_quality *quality,
    struct complaint *out)
{
	uint32_t min_chars =
	    quality->min_chars == 0 ? (uint32_t)IDM_PASSWORD_MIN_CHARS : quality->min_chars;
	struct words words = { .count = 0 };
	char rule[64];

	collect_words(quality, &words);
	if (folded->count < min_chars) {
		snprintf(rule, sizeof(rule), "it needs at least %u characters", min_chars);
		complain(out, rule);
	}
	if (is_in_badlist(folded, quality))
		complain(out, "it is on the list of bad passwords");
	if (is_mostly_own_words(folded, &words))
		complain(out, "it is mostly the account's own words");
	if (quality->radius_secret.len > 0 &&
	    idm_span_equal_secret(password, quality->radius_secret))
		complain(out, "it is the RADIUS secret");
	if (is_guessable(password, &words))
		complain(out, "it is too easy to guess: add words that few people think of");
}

enum idm_result
idm_password_judge(
    struct idm_span password, const struct idm_quality *quality, struct idm_error *err)
{
	struct complaint complaint = { .len = 0 };
	struct folded folded;

	if (password.len == 0)
		complain(&complaint, "it is empty");
	else if (password.len > IDM_PASSWORD_MAX_BYTES)
		complain(&complaint, "it has more than 1024 octets");
	else if (!fold(password, &folded))
		complain(&complaint, "it is not UTF-8, or holds a control character");
	else
		judge_text(password, &folded, quality, &complaint);
	OPENSSL_cleanse(&folded, sizeof(folded));
	if (complaint.len == 0)
		return IDM_OK;
	return idm_refuse(err, IDM_CONSTRAINT, "the password can't be taken: %s", complaint.text);
}
