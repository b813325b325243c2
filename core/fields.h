/*
 * Reading fields of our own formats: integers big endian, octets behind a u32 length.  The first
 * violation sets `bad`, and from then on every read gives zero or nothing; so a decoder reads
 * straight on and tests the flag once.
 */
#ifndef CORE_FIELDS_H
#define CORE_FIELDS_H

#include "core/uuid.h"

struct idm_fields {
	struct idm_span rest; /* what is read borrows from it */
	bool bad;
};

/* The next `n` octets: the one place that compares with what is left and moves on. */
struct idm_span idm_fields_take(struct idm_fields *fields, size_t n);

uint8_t idm_fields_u8(struct idm_fields *fields);
uint32_t idm_fields_u32(struct idm_fields *fields);
uint64_t idm_fields_u64(struct idm_fields *fields);
bool idm_fields_bool(struct idm_fields *fields); /* an octet 0 or 1 */
struct idm_span idm_fields_span(struct idm_fields *fields);
struct idm_uuid idm_fields_uuid(struct idm_fields *fields);

/* All was read, and nothing was wrong. */
bool idm_fields_end(const struct idm_fields *fields);

#endif
