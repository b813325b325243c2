#include "core/span.h"

#include <openssl/crypto.h>

struct idm_span
idm_span_take(struct idm_span *rest, uint8_t end)
{
	const uint8_t *at = rest->len == 0 ? NULL : memchr(rest->ptr, end, rest->len);
	size_t len = at == NULL ? rest->len : (size_t)(at - rest->ptr);
	struct idm_span taken = { rest->ptr, len };

	if (at != NULL)
		len++;
	*rest = idm_span_of(rest->ptr + len, rest->len - len);
	return taken;
}

int
idm_span_compare(struct idm_span a, struct idm_span b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common ? memcmp(a.ptr, b.ptr, common) : 0;

	if (order != 0)
		return order;
	return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool
idm_span_equal_nocase(struct idm_span a, struct idm_span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	}
	return true;
}

/* FNV-1a. */
uint32_t
idm_span_hash_nocase(struct idm_span span)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < span.len; i++)
		hash = (hash ^ lower(span.ptr[i])) * 16777619U;
	return hash ^ hash >> 16;
}

bool
idm_span_equal_secret(struct idm_span a, struct idm_span b)
{
	return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}
