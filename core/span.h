/* Borrowed bytes.  A peer's bytes may hold NUL, so they stay spans and do not become C strings. */
#ifndef CORE_SPAN_H
#define CORE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct idm_span {
	const uint8_t *ptr;
	size_t len;
};

#define IDM_SPAN_EMPTY ((struct idm_span){ NULL, 0 })

/* A span of a string literal, without its NUL. */
#define IDM_SPAN_LIT(text) ((struct idm_span){ (const uint8_t *)("" text), sizeof(text) - 1 })

/* For printf: "%.*s". */
#define IDM_SPAN_ARG(span) (int)(span).len, (span).len ? (const char *)(span).ptr : ""

static inline struct idm_span
idm_span_of(const void *ptr, size_t len)
{
	return (struct idm_span){ (const uint8_t *)ptr, len };
}

static inline struct idm_span
idm_span_cstr(const char *text)
{
	return (struct idm_span){ (const uint8_t *)text, strlen(text) };
}

static inline bool
idm_span_equal(struct idm_span a, struct idm_span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool
idm_span_is(struct idm_span a, const char *text)
{
	return idm_span_equal(a, idm_span_cstr(text));
}

/* The value of a hexadecimal digit in either case; -1: it is none. */
static inline int
idm_hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* What stands before the next `end`, which is consumed with it; without one: all of `rest`. */
struct idm_span idm_span_take(struct idm_span *rest, uint8_t end);

/* Order as of memcmp, the shorter first where one begins the other. */
int idm_span_compare(struct idm_span a, struct idm_span b);

/* Equal without regard to ASCII case: attribute names, keywords. */
bool idm_span_equal_nocase(struct idm_span a, struct idm_span b);

/* The same for all that are equal without regard to ASCII case. */
uint32_t idm_span_hash_nocase(struct idm_span span);

/* Equal in a time that depends on the lengths alone: secrets. */
bool idm_span_equal_secret(struct idm_span a, struct idm_span b);

#endif
