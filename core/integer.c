/* Big-endian integers (core/store.h), apart: who needs nothing but these does not link LMDB. */
#include "core/store.h"

void
idm_store_u64(uint64_t value, uint8_t out[8])
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		out[i] = (uint8_t)value;
}

uint64_t
idm_store_load_u64(const uint8_t in[8])
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | in[i];
	return value;
}

void
idm_store_u32(uint32_t value, uint8_t out[4])
{
	for (int i = 3; i >= 0; i--, value >>= 8)
		out[i] = (uint8_t)value;
}

uint32_t
idm_store_load_u32(const uint8_t in[4])
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 8 | in[i];
	return value;
}
