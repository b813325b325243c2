#include "core/base64.h"

/* All bits set where low <= c <= high, else none: a comparison without a branch. */
static uint32_t
between(uint32_t c, uint32_t low, uint32_t high)
{
	return ~(0 - ((c - low) >> 31)) & ~(0 - ((high - c) >> 31));
}

static uint32_t
equal(uint32_t a, uint32_t b)
{
	return between(a, b, b);
}

static char
digit_char(enum idm_base64 alphabet, uint32_t value)
{
	uint32_t c62 = alphabet == IDM_BASE64_URL ? '-' : '+';
	uint32_t c63 = alphabet == IDM_BASE64_URL ? '_' : '/';

	return (char)((between(value, 0, 25) & (value + 'A')) |
		      (between(value, 26, 51) & (value - 26 + 'a')) |
		      (between(value, 52, 61) & (value - 52 + '0')) | (equal(value, 62) & c62) |
		      (equal(value, 63) & c63));
}

/* The value of a digit; *bad gets bits where it is none. */
static uint32_t
digit_value(enum idm_base64 alphabet, uint32_t c, uint32_t *bad)
{
	uint32_t upper = between(c, 'A', 'Z');
	uint32_t lower = between(c, 'a', 'z');
	uint32_t digit = between(c, '0', '9');
	uint32_t is62 = equal(c, alphabet == IDM_BASE64_URL ? '-' : '+');
	uint32_t is63 = equal(c, alphabet == IDM_BASE64_URL ? '_' : '/');

	*bad |= ~(upper | lower | digit | is62 | is63);
	return (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) |
	       (is62 & 62) | (is63 & 63);
}

size_t
idm_base64_encode(enum idm_base64 alphabet, struct idm_span in, char *out)
{
	uint32_t bits = 0;
	unsigned count = 0; /* of bits that wait in `bits` */
	size_t len = 0;

	for (size_t i = 0; i < in.len; i++) {
		bits = bits << 8 | in.ptr[i];
		count += 8;
		while (count >= 6) {
			count -= 6;
			out[len++] = digit_char(alphabet, bits >> count & 63);
		}
	}
	if (count > 0)
		out[len++] = digit_char(alphabet, bits << (6 - count) & 63);
	out[len] = '\0';
	return len;
}

bool
idm_base64_decode(enum idm_base64 alphabet, struct idm_span text, uint8_t *out, size_t bytes)
{
	uint32_t bits = 0;
	uint32_t bad = 0;
	unsigned count = 0;
	size_t len = 0;

	if (text.len != idm_base64_chars(bytes))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		bits = bits << 6 | digit_value(alphabet, text.ptr[i], &bad);
		count += 6;
		if (count >= 8) {
			count -= 8;
			out[len++] = (uint8_t)(bits >> count);
		}
	}
	bad |= bits & ((UINT32_C(1) << count) - 1);
	return bad == 0;
}
