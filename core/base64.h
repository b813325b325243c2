/*
 * Base64 without padding (RFC 4648 sections 4 and 5), made for secrets: the time that it takes
 * depends on the length alone.
 */
#ifndef CORE_BASE64_H
#define CORE_BASE64_H

#include "core/span.h"

enum idm_base64 {
	IDM_BASE64,     /* `+` and `/` */
	IDM_BASE64_URL, /* `-` and `_` */
};

/* How many characters `bytes` octets take. */
static inline size_t
idm_base64_chars(size_t bytes)
{
	return (bytes * 8 + 5) / 6;
}

/* Write idm_base64_chars(in.len) characters and a NUL; the number of characters. */
size_t idm_base64_encode(enum idm_base64 alphabet, struct idm_span in, char *out);

/*
 * Decode into exactly `bytes` octets.  False: another length, another alphabet, or bits behind the
 * last octet that are not 0, so that no two texts stand for the same octets.
 */
bool idm_base64_decode(enum idm_base64 alphabet, struct idm_span text, uint8_t *out, size_t bytes);

#endif
