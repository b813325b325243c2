/* UUIDs (RFC 4122): the external primary key of an entry. */
#ifndef CORE_UUID_H
#define CORE_UUID_H

#include "core/span.h"

enum { IDM_UUID_BYTES = 16, IDM_UUID_TEXT = 37 /* with its NUL */ };

struct idm_uuid {
	uint8_t bytes[IDM_UUID_BYTES];
};

/* The 36-character form, in either case.  False for anything else; `out` is then unchanged. */
bool idm_uuid_parse(struct idm_span text, struct idm_uuid *out);

/* The 36-character form in lower case, with a NUL. */
void idm_uuid_format(const struct idm_uuid *uuid, char out[IDM_UUID_TEXT]);

/* A random UUID of version 4 (RFC 4122 section 4.4).  False: the random source failed. */
bool idm_uuid_generate(struct idm_uuid *out);

bool idm_uuid_equal(const struct idm_uuid *a, const struct idm_uuid *b);
bool idm_uuid_is_null(const struct idm_uuid *uuid);

/*
 * 00000000-0000-0000-0000- and twelve digits: of a built-in entry, from these as a
 * hexadecimal number: 0x18 gives ...-000000000018.
 */
struct idm_uuid idm_uuid_builtin(uint64_t number);

/* From its octets, as they are stored.  False: there are not 16; `out` is then unchanged. */
bool idm_uuid_load(struct idm_span bytes, struct idm_uuid *out);

static inline struct idm_span
idm_uuid_span(const struct idm_uuid *uuid)
{
	return (struct idm_span){ uuid->bytes, IDM_UUID_BYTES };
}

#endif
