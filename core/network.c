#include "core/network.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { MAPPED_BITS = 96, ADDRESS_BITS = 128, PREFIX_AT = 0, ADDRESS_AT = 1 };

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* The prefix length behind the '/'; -1: no number from 0 to `max`, in its shortest form. */
static int
read_prefix(struct idm_span text, int max)
{
	int value = 0;

	if (text.len == 0 || text.len > 3 || (text.len > 1 && text.ptr[0] == '0'))
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return -1;
		value = value * 10 + (text.ptr[i] - '0');
	}
	return value <= max ? value : -1;
}

/* The address in front of the '/'; the bits that a prefix may count, or 0: it is none. */
static int
read_address(struct idm_span text, uint8_t out[16])
{
	char buf[INET6_ADDRSTRLEN];

	if (text.len == 0 || text.len >= sizeof(buf) || memchr(text.ptr, '\0', text.len) != NULL)
		return 0;
	memcpy(buf, text.ptr, text.len);
	buf[text.len] = '\0';
	if (inet_pton(AF_INET6, buf, out) == 1)
		return ADDRESS_BITS;
	memcpy(out, mapped, sizeof(mapped));
	return inet_pton(AF_INET, buf, out + sizeof(mapped)) == 1 ? ADDRESS_BITS - MAPPED_BITS : 0;
}

/* Clear the bits behind the prefix; false: some were set. */
static bool
clear_behind(uint8_t address[16], int prefix)
{
	bool clean = true;

	for (int i = 0; i < 16; i++) {
		int bits = prefix - 8 * i;
		int mask = bits >= 8 ? 0xff : bits <= 0 ? 0 : (0xff00 >> bits) & 0xff;

		clean = clean && (address[i] & ~mask) == 0;
		address[i] = (uint8_t)(address[i] & mask);
	}
	return clean;
}

const char *
idm_network_parse(struct idm_span text, uint8_t out[IDM_NETWORK_BYTES])
{
	const uint8_t *slash = text.len == 0 ? NULL : memchr(text.ptr, '/', text.len);
	size_t address_len = slash == NULL ? text.len : (size_t)(slash - text.ptr);
	int bits, prefix;

	memset(out, 0, IDM_NETWORK_BYTES);
	bits = read_address(idm_span_of(text.ptr, address_len), out + ADDRESS_AT);
	prefix = bits;
	if (bits != 0 && slash != NULL)
		prefix = read_prefix(idm_span_of(slash + 1, text.len - address_len - 1), bits);
	if (bits == 0 || prefix < 0) {
		memset(out, 0, IDM_NETWORK_BYTES);
		return "takes a network such as 192.0.2.0/24 or 2001:db8::/32";
	}
	prefix += ADDRESS_BITS - bits;
	out[PREFIX_AT] = (uint8_t)prefix;
	if (!clear_behind(out + ADDRESS_AT, prefix))
		return "has bits set behind the prefix";
	return NULL;
}

static bool
is_network(struct idm_span stored)
{
	return stored.len == IDM_NETWORK_BYTES && stored.ptr[PREFIX_AT] <= ADDRESS_BITS;
}

bool
idm_network_format(struct idm_span stored, char out[IDM_NETWORK_TEXT])
{
	char address[INET6_ADDRSTRLEN];
	unsigned prefix;
	bool v4;

	if (!is_network(stored))
		return false;
	prefix = stored.ptr[PREFIX_AT];
	v4 = prefix >= MAPPED_BITS && memcmp(stored.ptr + ADDRESS_AT, mapped, sizeof(mapped)) == 0;
	if (v4) {
		inet_ntop(
		    AF_INET, stored.ptr + ADDRESS_AT + sizeof(mapped), address, sizeof(address));
		prefix -= MAPPED_BITS;
	} else {
		inet_ntop(AF_INET6, stored.ptr + ADDRESS_AT, address, sizeof(address));
	}
	snprintf(out, IDM_NETWORK_TEXT, "%s/%u", address, prefix);
	return true;
}

bool
idm_network_contains(struct idm_span stored, const uint8_t address[16])
{
	uint8_t prefix_of[16];

	if (!is_network(stored))
		return false;
	memcpy(prefix_of, address, sizeof(prefix_of));
	clear_behind(prefix_of, stored.ptr[PREFIX_AT]);
	return memcmp(prefix_of, stored.ptr + ADDRESS_AT, sizeof(prefix_of)) == 0;
}
