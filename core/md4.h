/* MD4 (RFC 1320), for the NT hashes of imported accounts alone: it protects nothing any more. */
#ifndef CORE_MD4_H
#define CORE_MD4_H

#include "core/span.h"

enum { IDM_MD4_BYTES = 16 };

void idm_md4(struct idm_span in, uint8_t out[IDM_MD4_BYTES]);

#endif
