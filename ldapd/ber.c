#include "ldapd/ber.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	LENGTH_OCTETS_MAX = 4,
	TAG_NUMBER = 0x1f, /* all ones: the number follows in more octets, which LDAP never needs */
	LENGTH_LONG = 0x80,
	FIRST_BLOCK_BYTES = 4096,
};

enum ber_frame
ber_frame(const uint8_t *data, size_t len, size_t max, size_t *total)
{
	size_t header = 2;
	size_t content = 0;

	*total = 0;
	if (len >= 1 && data[0] != BER_SEQUENCE)
		return BER_FRAME_BAD;
	if (len < 2)
		return BER_FRAME_MORE;
	if (data[1] < LENGTH_LONG) {
		content = data[1];
	} else {
		header += data[1] & ~LENGTH_LONG;
		if (header == 2 || header > 2 + LENGTH_OCTETS_MAX)
			return BER_FRAME_BAD;
		if (len < header)
			return BER_FRAME_MORE;
		for (size_t i = 2; i < header; i++)
			content = content << 8 | data[i];
	}
	if (content == 0)
		return BER_FRAME_BAD;
	if (max < header || content > max - header)
		return BER_FRAME_TOO_LARGE;
	*total = header + content;
	return len < *total ? BER_FRAME_MORE : BER_FRAME_COMPLETE;
}

struct ber_reader
ber_reader_of(struct idm_span data, bool *bad)
{
	struct ber_reader out = { data.ptr, data.ptr, bad };

	if (data.len != 0)
		out.end += data.len;
	return out;
}

bool
ber_at_end(const struct ber_reader *r)
{
	return *r->bad || r->pos == r->end;
}

uint8_t
ber_next_tag(const struct ber_reader *r)
{
	return ber_at_end(r) ? 0 : *r->pos;
}

/* The one place that compares with `end` and moves `pos`. */
static struct idm_span
take(struct ber_reader *r, size_t n)
{
	struct idm_span out = { r->pos, n };

	if (*r->bad || n > (size_t)(r->end - r->pos)) {
		*r->bad = true;
		return IDM_SPAN_EMPTY;
	}
	if (n != 0)
		r->pos += n;
	return out;
}

static uint8_t
take_octet(struct ber_reader *r)
{
	struct idm_span octet = take(r, 1);

	return octet.len ? octet.ptr[0] : 0;
}

/* Long forms need not be the shortest: Windows writes every length as 84 xx xx xx xx. */
static size_t
take_length(struct ber_reader *r)
{
	uint8_t first = take_octet(r);
	struct idm_span octets;
	size_t len = 0;

	if (first < LENGTH_LONG)
		return first;
	first &= (uint8_t)~LENGTH_LONG;
	if (first == 0 || first > LENGTH_OCTETS_MAX) {
		*r->bad = true;
		return 0;
	}
	octets = take(r, first);
	for (size_t i = 0; i < octets.len; i++)
		len = len << 8 | octets.ptr[i];
	return len;
}

struct idm_span
ber_read_octets(struct ber_reader *r, uint8_t tag)
{
	if (take_octet(r) != tag)
		*r->bad = true;
	return take(r, take_length(r));
}

struct idm_span
ber_read_any(struct ber_reader *r, uint8_t *tag)
{
	*tag = take_octet(r);
	if ((*tag & TAG_NUMBER) == TAG_NUMBER)
		*r->bad = true;
	return take(r, take_length(r));
}

struct ber_reader
ber_read_nested(struct ber_reader *r, uint8_t tag)
{
	return ber_reader_of(ber_read_octets(r, tag), r->bad);
}

/* The first nine bits of an integer in its shortest form are not all alike. */
static bool
is_shortest(struct idm_span octets)
{
	if (octets.len < 2)
		return octets.len == 1;
	if (octets.ptr[0] == 0x00)
		return octets.ptr[1] >= 0x80;
	if (octets.ptr[0] == 0xff)
		return octets.ptr[1] < 0x80;
	return true;
}

int64_t
ber_read_integer(struct ber_reader *r, uint8_t tag, int64_t min, int64_t max)
{
	struct idm_span octets = ber_read_octets(r, tag);
	uint64_t bits = 0;
	int64_t value;

	if (!is_shortest(octets) || octets.len > sizeof(bits)) {
		*r->bad = true;
		return 0;
	}
	if (octets.ptr[0] >= 0x80)
		bits = UINT64_MAX;
	for (size_t i = 0; i < octets.len; i++)
		bits = bits << 8 | octets.ptr[i];
	value = (int64_t)bits;
	if (value < min || value > max) {
		*r->bad = true;
		return 0;
	}
	return value;
}

bool
ber_read_boolean(struct ber_reader *r, uint8_t tag)
{
	struct idm_span octet = ber_read_octets(r, tag);

	if (octet.len != 1) {
		*r->bad = true;
		return false;
	}
	return octet.ptr[0] != 0;
}

void
ber_read_end(struct ber_reader *r)
{
	if (r->pos != r->end)
		*r->bad = true;
}

size_t
ber_count(struct ber_reader r)
{
	size_t count = 0;
	uint8_t tag;

	for (; !ber_at_end(&r); count++)
		ber_read_any(&r, &tag);
	return *r.bad ? 0 : count;
}

void
ber_writer_init(struct ber_writer *w, size_t max_bytes)
{
	*w = (struct ber_writer){ .max = max_bytes };
}

void
ber_writer_reset(struct ber_writer *w)
{
	ber_writer_rewind(w, 0);
}

void
ber_writer_rewind(struct ber_writer *w, size_t len)
{
	assert(len <= w->len);
	if (len < w->len)
		explicit_bzero(w->data + len, w->len - len);
	w->len = len;
	w->failed = false;
}

void
ber_writer_free(struct ber_writer *w)
{
	ber_writer_reset(w);
	free(w->data);
	*w = (struct ber_writer){ 0 };
}

/* Not realloc, which would leave the old octets behind unwiped. */
static bool
grow(struct ber_writer *w, size_t need)
{
	size_t size = w->size ? w->size : FIRST_BLOCK_BYTES;
	uint8_t *data;

	if (w->failed || need > w->max - w->len) {
		w->failed = true;
		return false;
	}
	while (size < w->len + need)
		size = size > w->max / 2 ? w->max : size * 2;
	if (size > w->max)
		size = w->max;
	data = malloc(size);
	if (data == NULL) {
		w->failed = true;
		return false;
	}
	if (w->len != 0) {
		memcpy(data, w->data, w->len);
		explicit_bzero(w->data, w->len);
	}
	free(w->data);
	w->data = data;
	w->size = size;
	return true;
}

/* `need` more octets fit behind `len`. */
static inline bool
reserve(struct ber_writer *w, size_t need)
{
	if (need <= w->size - w->len && !w->failed)
		return true;
	return grow(w, need);
}

/* How many octets the length `len` takes in its shortest form. */
static inline size_t
length_octets(size_t len)
{
	if (len < 0x80)
		return 1;
	if (len <= 0xff)
		return 2;
	if (len <= 0xffff)
		return 3;
	return len <= 0xffffff ? 4 : 5;
}

static inline void
put_length(uint8_t *out, size_t len, size_t octets)
{
	if (octets == 1) {
		out[0] = (uint8_t)len;
		return;
	}
	out[0] = (uint8_t)(LENGTH_LONG | (octets - 1));
	for (size_t i = octets - 1; i > 0; i--) {
		out[i] = (uint8_t)len;
		len >>= 8;
	}
}

size_t
ber_open(struct ber_writer *w, uint8_t tag, enum ber_expect expect)
{
	size_t mark = w->len;

	if (!reserve(w, 1 + (size_t)expect))
		return mark;
	w->data[mark] = tag;
	w->data[mark + 1] = (uint8_t)expect; /* until ber_close: the room for the length */
	w->len += 1 + (size_t)expect;
	return mark;
}

void
ber_close(struct ber_writer *w, size_t mark)
{
	size_t room, start, len, octets;

	if (w->failed)
		return;
	room = w->data[mark + 1];
	start = mark + 1 + room;
	len = w->len - start;
	octets = length_octets(len);
	if (octets != room) {
		if (octets > room && !reserve(w, octets - room))
			return;
		memmove(w->data + mark + 1 + octets, w->data + start, len);
		w->len = mark + 1 + octets + len;
	}
	put_length(w->data + mark + 1, len, octets);
}

uint8_t *
ber_write_room(struct ber_writer *w, uint8_t tag, size_t len)
{
	size_t octets = length_octets(len);
	uint8_t *out;

	if (len > UINT32_MAX || !reserve(w, 1 + octets + len)) {
		w->failed = true;
		return NULL;
	}
	out = w->data + w->len;
	out[0] = tag;
	put_length(out + 1, len, octets);
	w->len += 1 + octets + len;
	return out + 1 + octets;
}

void
ber_write_octets(struct ber_writer *w, uint8_t tag, struct idm_span value)
{
	uint8_t *out = ber_write_room(w, tag, value.len);

	if (out != NULL && value.len != 0)
		memcpy(out, value.ptr, value.len);
}

void
ber_write_raw(struct ber_writer *w, struct idm_span octets)
{
	if (octets.len == 0 || !reserve(w, octets.len))
		return;
	memcpy(w->data + w->len, octets.ptr, octets.len);
	w->len += octets.len;
}

void
ber_write_integer(struct ber_writer *w, uint8_t tag, int64_t value)
{
	uint64_t bits = (uint64_t)value;
	size_t octets = 1;
	uint8_t *out;

	/* One octet more as long as what is left is not the sign alone. */
	while (octets < sizeof(bits) && (value >> (8 * octets - 1)) != (value < 0 ? -1 : 0))
		octets++;
	out = ber_write_room(w, tag, octets);
	for (size_t i = octets; out != NULL && i > 0; i--) {
		out[i - 1] = (uint8_t)bits;
		bits >>= 8;
	}
}

void
ber_write_boolean(struct ber_writer *w, uint8_t tag, bool value)
{
	uint8_t octet = value ? 0xff : 0x00;

	ber_write_octets(w, tag, idm_span_of(&octet, 1));
}
