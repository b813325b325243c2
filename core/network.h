/* Networks in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3) as stored values. */
#ifndef CORE_NETWORK_H
#define CORE_NETWORK_H

#include "core/span.h"

enum {
	IDM_NETWORK_BYTES = 17, /* prefix length of the 128 bits, then the address */
	IDM_NETWORK_TEXT = 50,  /* with its NUL */
};

/*
 * `192.0.2.0/24`, `2001:db8::/32`, or an address alone: a network of one.  IPv4 is stored mapped
 * (RFC 4291 section 2.5.5.2), so that its prefix length is 96 more.
 *
 * NULL, or what is wrong as the end of a sentence; `out` is then the nearest network where only
 * bits behind the prefix are set, else all zero.
 */
const char *idm_network_parse(struct idm_span text, uint8_t out[IDM_NETWORK_BYTES]);

/* False: `stored` is no network. */
bool idm_network_format(struct idm_span stored, char out[IDM_NETWORK_TEXT]);

/* Is an address (16 bytes, IPv4 mapped) in a stored network?  False where `stored` is none. */
bool idm_network_contains(struct idm_span stored, const uint8_t address[16]);

#endif
