/*
 * BER as LDAP restricts it (RFC 4511 section 5.1): definite lengths, primitive strings.  The reader
 * borrows and cannot pass the end of what it was given; the writer grows up to a budget.
 */
#ifndef LDAPD_BER_H
#define LDAPD_BER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/span.h"

enum {
	BER_BOOLEAN = 0x01,
	BER_INTEGER = 0x02,
	BER_OCTET_STRING = 0x04,
	BER_ENUMERATED = 0x0a,
	BER_SEQUENCE = 0x30,
	BER_SET = 0x31,
};

enum ber_frame {
	BER_FRAME_MORE,      /* not whole yet; read on */
	BER_FRAME_COMPLETE,  /* the first *total octets are one PDU */
	BER_FRAME_BAD,       /* no SEQUENCE, empty, or a form of length that LDAP forbids */
	BER_FRAME_TOO_LARGE, /* it announces more than `max` octets */
};

/*
 * Look for one whole PDU, an LDAPMessage, at the start of what a peer sent.
 *
 *   max     how many octets a PDU may have, header included
 *   total   its octets with the header, also for BER_FRAME_MORE; 0 while that is not known
 *
 * The header alone decides, so that nothing need be allocated for a PDU that is refused.
 */
enum ber_frame ber_frame(const uint8_t *data, size_t len, size_t max, size_t *total);

/*
 * A cursor over the contents of one value.  `pos` only moves forward and never passes `end`.
 * All cursors of a message share one `bad` flag: the first violation sets it, and from then on
 * every read gives zero or nothing.  So a decoder reads straight on and tests the flag once.
 */
struct ber_reader {
	const uint8_t *pos;
	const uint8_t *end;
	bool *bad;
};

/* A cursor over `data`, which must outlive all that is read from it. */
struct ber_reader ber_reader_of(struct idm_span data, bool *bad);

/* Nothing is left, or a violation ended the reading. */
bool ber_at_end(const struct ber_reader *r);

/* The tag of the next element, without taking it; 0 at the end. */
uint8_t ber_next_tag(const struct ber_reader *r);

/* The contents of the next element, which must have `tag`; borrowed. */
struct idm_span ber_read_octets(struct ber_reader *r, uint8_t tag);

/* The contents of the next element, whatever its tag. */
struct idm_span ber_read_any(struct ber_reader *r, uint8_t *tag);

/* A cursor over the contents of the next element, which must have `tag`. */
struct ber_reader ber_read_nested(struct ber_reader *r, uint8_t tag);

/* An integer in its shortest form (X.690 section 8.3.2), from `min` to `max`. */
int64_t ber_read_integer(struct ber_reader *r, uint8_t tag, int64_t min, int64_t max);

/* One octet, zero for false (X.690 section 8.2.2; clients do send others than FF for true). */
bool ber_read_boolean(struct ber_reader *r, uint8_t tag);

/* Violated if anything is left. */
void ber_read_end(struct ber_reader *r);

/* How many elements are left; a copy walks over them, so that an array can be sized. */
size_t ber_count(struct ber_reader r);

/*
 * PDUs one behind the other in a block that grows.  An element whose length is not known yet is
 * opened with room for its length and closed later, when the length is put in; so a caller writes
 * in the order of the wire, many answers share a block, and what turns out too large is rewound.
 * A write that finds the budget used up sets `failed`, and from then on writing does nothing.
 */
struct ber_writer {
	uint8_t *data; /* owned */
	size_t len;    /* octets written */
	size_t size;   /* octets of the block */
	size_t max;    /* budget: `size` never passes it */
	bool failed;   /* the budget or memory was used up */
};

/* How much an element that is opened will hold; guessing wrong costs a move, nothing else. */
enum ber_expect {
	BER_SHORT = 1, /* below 128 octets: one octet of length */
	BER_LONG = 3,  /* up to 64 KiB: three octets of length */
};

/* An empty writer; the first write allocates. */
void ber_writer_init(struct ber_writer *w, size_t max_bytes);

/* Wipe and forget what was written; the block is kept for more. */
void ber_writer_reset(struct ber_writer *w);

/* Forget what was written after the first `len` octets, and that it failed. */
void ber_writer_rewind(struct ber_writer *w, size_t len);

/* Wipe and free. */
void ber_writer_free(struct ber_writer *w);

/* Begin an element; the result is for ber_close. */
size_t ber_open(struct ber_writer *w, uint8_t tag, enum ber_expect expect);

/* End the element that ber_open began at `mark`: its length in the shortest form. */
void ber_close(struct ber_writer *w, size_t mark);

/* A whole element. */
void ber_write_octets(struct ber_writer *w, uint8_t tag, struct idm_span value);
void ber_write_integer(struct ber_writer *w, uint8_t tag, int64_t value);
void ber_write_boolean(struct ber_writer *w, uint8_t tag, bool value);

/* Octets that are whole elements, or a part of one that is open. */
void ber_write_raw(struct ber_writer *w, struct idm_span octets);

/* An element whose `len` octets the caller fills in at once; NULL: failed. */
uint8_t *ber_write_room(struct ber_writer *w, uint8_t tag, size_t len);

#endif
