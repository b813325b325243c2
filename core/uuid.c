#include "core/uuid.h"

#include <openssl/rand.h>

static const char hex_digits[] = "0123456789abcdef";

/* A hyphen stands in front of the octets 4, 6, 8 and 10 (RFC 4122 section 3). */
static bool
hyphen_before(size_t octet)
{
	return octet == 4 || octet == 6 || octet == 8 || octet == 10;
}

bool
idm_uuid_parse(struct idm_span text, struct idm_uuid *out)
{
	struct idm_uuid uuid;
	const uint8_t *pos = text.ptr;

	if (text.len != IDM_UUID_TEXT - 1)
		return false;
	for (size_t i = 0; i < IDM_UUID_BYTES; i++) {
		int high, low;

		if (hyphen_before(i) && *pos++ != '-')
			return false;
		high = idm_hex_value(*pos++);
		low = idm_hex_value(*pos++);
		if (high < 0 || low < 0)
			return false;
		uuid.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*out = uuid;
	return true;
}

void
idm_uuid_format(const struct idm_uuid *uuid, char out[IDM_UUID_TEXT])
{
	char *pos = out;

	for (size_t i = 0; i < IDM_UUID_BYTES; i++) {
		if (hyphen_before(i))
			*pos++ = '-';
		*pos++ = hex_digits[uuid->bytes[i] >> 4];
		*pos++ = hex_digits[uuid->bytes[i] & 15];
	}
	*pos = '\0';
}

bool
idm_uuid_generate(struct idm_uuid *out)
{
	if (RAND_bytes(out->bytes, IDM_UUID_BYTES) != 1)
		return false;
	out->bytes[6] = (uint8_t)((out->bytes[6] & 0x0f) | 0x40); /* version 4 */
	out->bytes[8] = (uint8_t)((out->bytes[8] & 0x3f) | 0x80); /* the variant of RFC 4122 */
	return true;
}

bool
idm_uuid_load(struct idm_span bytes, struct idm_uuid *out)
{
	if (bytes.len != IDM_UUID_BYTES)
		return false;
	memcpy(out->bytes, bytes.ptr, IDM_UUID_BYTES);
	return true;
}

bool
idm_uuid_equal(const struct idm_uuid *a, const struct idm_uuid *b)
{
	return memcmp(a->bytes, b->bytes, IDM_UUID_BYTES) == 0;
}

bool
idm_uuid_is_null(const struct idm_uuid *uuid)
{
	static const struct idm_uuid null;

	return idm_uuid_equal(uuid, &null);
}

struct idm_uuid
idm_uuid_builtin(uint64_t number)
{
	struct idm_uuid uuid = { { 0 } };

	for (size_t i = IDM_UUID_BYTES - 1; i >= 10; i--) {
		uuid.bytes[i] = (uint8_t)number;
		number >>= 8;
	}
	return uuid;
}
