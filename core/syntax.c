/* What the text of a value must look like, and how it is stored and compared. */
#include "core/schema.h"

#include <assert.h>
#include <endian.h>

#define SIGN_BIT (UINT64_C(1) << 63) /* flipped, so that times before 1970 sort first */

int64_t
idm_datetime_load(struct idm_span stored)
{
	uint64_t value;

	assert(stored.len == sizeof(value));
	memcpy(&value, stored.ptr, sizeof(value));
	return (int64_t)(be64toh(value) ^ SIGN_BIT);
}

void
idm_datetime_store(int64_t at_s, uint8_t out[8])
{
	uint64_t value = htobe64((uint64_t)at_s ^ SIGN_BIT);

	memcpy(out, &value, sizeof(value));
}

uint32_t
idm_uint32_load(struct idm_span stored)
{
	uint32_t value;

	assert(stored.len == sizeof(value));
	memcpy(&value, stored.ptr, sizeof(value));
	return be32toh(value);
}

void
idm_uint32_store(uint32_t value, uint8_t out[4])
{
	value = htobe32(value);
	memcpy(out, &value, sizeof(value));
}
