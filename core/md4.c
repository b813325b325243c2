#include "core/md4.h"

#include <endian.h>

#include <openssl/crypto.h>

enum { BLOCK_BYTES = 64, LENGTH_BYTES = 8 };

static uint32_t
rotate(uint32_t x, unsigned by)
{
	return x << by | x >> (32 - by);
}

/* RFC 1320 section 3.4: the three rounds, each over the block's words in its own order. */
static void
add_block(uint32_t state[4], const uint8_t block[BLOCK_BYTES])
{
	static const uint8_t order[3][16] = {
		{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
		{ 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15 },
		{ 0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15 },
	};
	static const uint8_t shifts[3][4] = { { 3, 7, 11, 19 }, { 3, 5, 9, 13 }, { 3, 9, 11, 15 } };
	static const uint32_t constants[3] = { 0, 0x5a827999, 0x6ed9eba1 };
	uint32_t x[16], s[4];

	memcpy(x, block, sizeof(x));
	memcpy(s, state, sizeof(s));
	for (unsigned step = 0; step < 48; step++) {
		unsigned round = step / 16, i = step % 16, at = (4 - i % 4) % 4;
		uint32_t b = s[(at + 1) % 4], c = s[(at + 2) % 4], d = s[(at + 3) % 4];
		uint32_t f = round == 0   ? (b & c) | (~b & d)
			     : round == 1 ? (b & c) | (b & d) | (c & d)
					  : b ^ c ^ d;

		s[at] = rotate(s[at] + f + le32toh(x[order[round][i]]) + constants[round],
		    shifts[round][i % 4]);
	}
	for (int i = 0; i < 4; i++)
		state[i] += s[i];
	OPENSSL_cleanse(x, sizeof(x));
	OPENSSL_cleanse(s, sizeof(s));
}

/* The last octets, a one bit, zeros, and the length in bits: in one block, or in two. */
static void
add_end(uint32_t state[4], struct idm_span rest, uint64_t total)
{
	uint8_t tail[2 * BLOCK_BYTES] = { 0 };
	size_t len = rest.len < BLOCK_BYTES - LENGTH_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;
	uint64_t bits = htole64(8 * total);

	if (rest.len != 0)
		memcpy(tail, rest.ptr, rest.len);
	tail[rest.len] = 0x80;
	memcpy(tail + len - LENGTH_BYTES, &bits, sizeof(bits));
	for (size_t at = 0; at < len; at += BLOCK_BYTES)
		add_block(state, tail + at);
	OPENSSL_cleanse(tail, sizeof(tail));
}

void
idm_md4(struct idm_span in, uint8_t out[IDM_MD4_BYTES])
{
	uint32_t state[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
	size_t at = 0;

	for (; in.len - at >= BLOCK_BYTES; at += BLOCK_BYTES)
		add_block(state, in.ptr + at);
	add_end(state, idm_span_of(in.len == 0 ? NULL : in.ptr + at, in.len - at), in.len);
	for (int i = 0; i < 4; i++)
		state[i] = htole32(state[i]);
	memcpy(out, state, sizeof(state));
	OPENSSL_cleanse(state, sizeof(state));
}
