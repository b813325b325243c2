#include "core/idset.h"

#include <endian.h>
#include <string.h>

/* The first byte of a container. */
enum { KIND_LIST = 1, KIND_BITMAP = 2 };

enum {
	WORDS = IDM_WINDOW_IDS / 64,
	BITMAP_BYTES = IDM_WINDOW_IDS / 8,
	WINDOW_MASK = IDM_WINDOW_IDS - 1,
	VARINT_MAX = 10, /* bytes of a 64-bit number */
};

void
idm_window_clear(struct idm_window *window)
{
	memset(window, 0, sizeof(*window));
}

bool
idm_window_has(const struct idm_window *window, uint64_t id)
{
	return window->bits[(id & WINDOW_MASK) / 64] >> (id % 64) & 1;
}

void
idm_window_add(struct idm_window *window, uint64_t id)
{
	window->bits[(id & WINDOW_MASK) / 64] |= UINT64_C(1) << (id % 64);
}

void
idm_window_remove(struct idm_window *window, uint64_t id)
{
	window->bits[(id & WINDOW_MASK) / 64] &= ~(UINT64_C(1) << (id % 64));
}

/*
 * How many bits are set: of each two, four, eight, and all of them.  The compiler's own is a call
 * and a table unless it may use an instruction that not every machine has; most words are 0.
 */
static uint32_t
count_bits(uint64_t word)
{
	if (word == 0)
		return 0;
	word -= word >> 1 & UINT64_C(0x5555555555555555);
	word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
	word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (uint32_t)(word * UINT64_C(0x0101010101010101) >> 56);
}

uint32_t
idm_window_count(const struct idm_window *window)
{
	uint32_t count = 0;

	for (size_t i = 0; i < WORDS; i++)
		count += count_bits(window->bits[i]);
	return count;
}

bool
idm_window_has_more(const struct idm_window *window, uint32_t than)
{
	for (size_t i = 0; i < WORDS; i++) {
		for (uint64_t word = window->bits[i]; word != 0; word &= word - 1) {
			if (than-- == 0)
				return true;
		}
	}
	return false;
}

void
idm_window_and(struct idm_window *window, const struct idm_window *other)
{
	for (size_t i = 0; i < WORDS; i++)
		window->bits[i] &= other->bits[i];
}

void
idm_window_or(struct idm_window *window, const struct idm_window *other)
{
	for (size_t i = 0; i < WORDS; i++)
		window->bits[i] |= other->bits[i];
}

void
idm_window_xor(struct idm_window *window, const struct idm_window *other)
{
	for (size_t i = 0; i < WORDS; i++)
		window->bits[i] ^= other->bits[i];
}

void
idm_window_and_not(struct idm_window *window, const struct idm_window *other)
{
	for (size_t i = 0; i < WORDS; i++)
		window->bits[i] &= ~other->bits[i];
}

uint64_t
idm_window_next(const struct idm_window *window, uint64_t window_no, uint64_t from)
{
	size_t i = (from & WINDOW_MASK) / 64;
	uint64_t word = window->bits[i] & (UINT64_MAX << (from % 64));

	if (idm_window_of(from) != window_no)
		return UINT64_MAX;
	while (word == 0) {
		if (++i == WORDS)
			return UINT64_MAX;
		word = window->bits[i];
	}
	return window_no << IDM_WINDOW_BITS | (i * 64 + (uint64_t)__builtin_ctzll(word));
}

/* --- numbers of 7 bits a byte, least first, the last byte below 128; in the shortest form alone */

struct numbers {
	const uint8_t *pos;
	const uint8_t *end;
	uint64_t next; /* the least id that may come */
	bool bad;
};

/* The next id of an ascending list that holds each as its distance from the last one + 1. */
static uint64_t
take_id(struct numbers *in)
{
	uint64_t gap = 0;
	uint64_t id;

	for (unsigned shift = 0;; shift += 7) {
		uint8_t byte;

		if (in->pos == in->end || shift > 63) {
			in->bad = true;
			return 0;
		}
		byte = *in->pos++;
		if ((byte == 0 && shift > 0) || (shift == 63 && byte > 1))
			in->bad = true;
		gap |= (uint64_t)(byte & 0x7F) << shift;
		if (byte < 0x80)
			break;
	}
	/* UINT64_MAX is no id: it is how idm_window_next says that there is none. */
	if (in->bad || gap >= UINT64_MAX - in->next) {
		in->bad = true;
		return 0;
	}
	id = in->next + gap;
	in->next = id + 1;
	return id;
}

static size_t
put_number(uint8_t *out, uint64_t value)
{
	size_t n = 0;

	for (; value >= 0x80; value >>= 7)
		out[n++] = (uint8_t)(value | 0x80);
	out[n++] = (uint8_t)value;
	return n;
}

/* --- containers */

static enum idm_result
corrupt(struct idm_error *err)
{
	return idm_fail(err, IDM_CORRUPT, "a list of ids does not decode");
}

static bool
is_bitmap(struct idm_span bytes)
{
	return bytes.len == 1 + BITMAP_BYTES && bytes.ptr[0] == KIND_BITMAP;
}

/* Bitmaps are stored least id first, in whatever order the machine has its bytes. */
static uint64_t
load_word(const uint8_t *bitmap, size_t i)
{
	uint64_t word;

	memcpy(&word, bitmap + 8 * i, 8);
	return le64toh(word);
}

static void
store_word(uint8_t *bitmap, size_t i, uint64_t word)
{
	word = htole64(word);
	memcpy(bitmap + 8 * i, &word, 8);
}

static uint32_t
count_bitmap(const uint8_t *bitmap)
{
	uint32_t count = 0;

	for (size_t i = 0; i < WORDS; i++)
		count += count_bits(load_word(bitmap, i));
	return count;
}

/* A list ready to be read; `bad` at once if it is none. */
static struct numbers
list_of(struct idm_span bytes)
{
	struct numbers in = { .bad = true };

	if (bytes.len >= 2 && bytes.len <= IDM_CONTAINER_MAX_BYTES && bytes.ptr[0] == KIND_LIST)
		in = (struct numbers){ bytes.ptr + 1, bytes.ptr + bytes.len, 0, false };
	return in;
}

static enum idm_result
decode_list(struct idm_span bytes, struct idm_window *window, struct idm_error *err)
{
	struct numbers in = list_of(bytes);
	uint32_t count = 0;

	for (; !in.bad && in.pos < in.end; count++) {
		uint64_t id = take_id(&in);

		if (id >= IDM_WINDOW_IDS)
			in.bad = true;
		if (!in.bad)
			idm_window_add(window, id);
	}
	return in.bad || count > IDM_WINDOW_LIST_MAX ? corrupt(err) : IDM_OK;
}

enum idm_result
idm_container_decode(struct idm_span bytes, struct idm_window *window, struct idm_error *err)
{
	if (!is_bitmap(bytes))
		return decode_list(bytes, window, err);
	if (count_bitmap(bytes.ptr + 1) <= IDM_WINDOW_LIST_MAX)
		return corrupt(err);
	for (size_t i = 0; i < WORDS; i++)
		window->bits[i] |= load_word(bytes.ptr + 1, i);
	return IDM_OK;
}

static size_t
encode_list(const struct idm_window *window, uint8_t *out)
{
	size_t len = 0;
	uint64_t least = 0;

	out[len++] = KIND_LIST;
	for (size_t i = 0; i < WORDS; i++) {
		for (uint64_t word = window->bits[i]; word != 0; word &= word - 1) {
			uint64_t id = i * 64 + (uint64_t)__builtin_ctzll(word);

			len += put_number(out + len, id - least);
			least = id + 1;
		}
	}
	return len;
}

size_t
idm_container_encode(const struct idm_window *window, uint8_t out[IDM_CONTAINER_MAX_BYTES])
{
	uint32_t count = idm_window_count(window);

	if (count == 0)
		return 0;
	if (count <= IDM_WINDOW_LIST_MAX)
		return encode_list(window, out);
	out[0] = KIND_BITMAP;
	for (size_t i = 0; i < WORDS; i++)
		store_word(out + 1, i, window->bits[i]);
	return 1 + BITMAP_BYTES;
}

/* Where in a list an id is, or would be. */
struct place {
	const uint8_t
	    *from; /* the number that is replaced: the first whose id is >= the one sought */
	const uint8_t *to;   /* `from` = `to` = the end: there is none */
	uint64_t least;      /* the id behind the one before */
	uint64_t id;         /* of that number */
	uint64_t after;      /* the id of the number behind it, */
	const uint8_t *next; /* and where that ends; NULL: none */
	uint32_t count;      /* of the whole list */
};

static enum idm_result
find_place(struct idm_span bytes, uint64_t id, struct place *place, struct idm_error *err)
{
	struct numbers in = list_of(bytes);
	bool found = false;

	*place = (struct place){ .from = in.end, .to = in.end, .id = UINT64_MAX };
	for (; !in.bad && in.pos < in.end; place->count++) {
		const uint8_t *from = in.pos;
		uint64_t least = in.next;
		uint64_t at = take_id(&in);

		if (at >= IDM_WINDOW_IDS)
			in.bad = true;
		if (found && place->next == NULL) {
			place->after = at;
			place->next = in.pos;
		}
		if (!found)
			place->least = at < id ? in.next : least;
		if (!found && at >= id) {
			found = true;
			place->from = from;
			place->to = in.pos;
			place->id = at;
		}
	}
	return in.bad || place->count > IDM_WINDOW_LIST_MAX ? corrupt(err) : IDM_OK;
}

static size_t
copy(uint8_t *out, const uint8_t *from, const uint8_t *to)
{
	size_t len = (size_t)(to - from);

	if (len > 0)
		memcpy(out, from, len);
	return len;
}

/* Put `id` before the number at `place`, whose distance becomes less. */
static size_t
insert(struct idm_span bytes, uint64_t id, const struct place *place, uint8_t *out)
{
	size_t len = copy(out, bytes.ptr, place->from);

	len += put_number(out + len, id - place->least);
	if (place->to != place->from)
		len += put_number(out + len, place->id - id - 1);
	return len + copy(out + len, place->to, bytes.ptr + bytes.len);
}

/* Take the number at `place` away; the distance of the one behind it becomes greater. */
static size_t
erase(struct idm_span bytes, const struct place *place, uint8_t *out)
{
	size_t len = copy(out, bytes.ptr, place->from);

	if (place->count == 1)
		return 0;
	if (place->next == NULL)
		return len;
	len += put_number(out + len, place->after - place->least);
	return len + copy(out + len, place->next, bytes.ptr + bytes.len);
}

/* By way of a window: bitmaps, and a list that becomes one. */
static enum idm_result
set_in_window(struct idm_span bytes, uint64_t id, bool present, uint8_t *out, size_t *out_len,
    bool *changed, struct idm_error *err)
{
	struct idm_window window;
	enum idm_result result;

	idm_window_clear(&window);
	result = idm_container_decode(bytes, &window, err);
	if (result != IDM_OK)
		return result;
	*changed = idm_window_has(&window, id) != present;
	if (present)
		idm_window_add(&window, id);
	else
		idm_window_remove(&window, id);
	*out_len = idm_container_encode(&window, out);
	return IDM_OK;
}

/* Nothing stored is the empty set. */
static void
set_in_nothing(uint64_t id, bool present, uint8_t *out, size_t *out_len, bool *changed)
{
	*changed = present;
	*out_len = 0;
	if (!present)
		return;
	out[0] = KIND_LIST;
	*out_len = 1 + put_number(out + 1, id);
}

enum idm_result
idm_container_set(struct idm_span bytes, uint64_t id, bool present,
    uint8_t out[IDM_CONTAINER_MAX_BYTES], size_t *out_len, bool *changed, struct idm_error *err)
{
	struct place place;
	enum idm_result result;

	id &= WINDOW_MASK;
	if (bytes.len == 0) {
		set_in_nothing(id, present, out, out_len, changed);
		return IDM_OK;
	}
	if (is_bitmap(bytes))
		return set_in_window(bytes, id, present, out, out_len, changed, err);
	result = find_place(bytes, id, &place, err);
	if (result != IDM_OK)
		return result;
	*changed = (place.id == id) != present;
	if (!*changed)
		*out_len = copy(out, bytes.ptr, bytes.ptr + bytes.len);
	else if (!present)
		*out_len = erase(bytes, &place, out);
	else if (place.count < IDM_WINDOW_LIST_MAX)
		*out_len = insert(bytes, id, &place, out);
	else
		return set_in_window(bytes, id, present, out, out_len, changed, err);
	return IDM_OK;
}

/* --- lists in memory, and packed */

/* The index of the first id that is >= `id`. */
static size_t
lower_bound(const struct idm_ids *list, uint64_t id)
{
	size_t low = 0;
	size_t high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->ids[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
make_room(struct idm_ids *list, struct idm_arena *arena)
{
	size_t room = list->room == 0 ? 8 : 2 * list->room;
	uint64_t *ids;

	if (list->count < list->room)
		return true;
	ids = idm_arena_array(arena, room, sizeof(*ids));
	if (ids == NULL)
		return false;
	if (list->count > 0)
		memcpy(ids, list->ids, list->count * sizeof(*ids));
	list->ids = ids;
	list->room = room;
	return true;
}

enum idm_result
idm_ids_add(struct idm_ids *list, struct idm_arena *arena, uint64_t id, bool *added)
{
	size_t at = lower_bound(list, id);
	bool is_there = at < list->count && list->ids[at] == id;

	if (added != NULL)
		*added = !is_there;
	if (is_there)
		return IDM_OK;
	if (!make_room(list, arena))
		return IDM_LIMIT;
	memmove(&list->ids[at + 1], &list->ids[at], (list->count - at) * sizeof(*list->ids));
	list->ids[at] = id;
	list->count++;
	return IDM_OK;
}

bool
idm_ids_remove(struct idm_ids *list, uint64_t id)
{
	size_t at = lower_bound(list, id);

	if (at == list->count || list->ids[at] != id)
		return false;
	list->count--;
	memmove(&list->ids[at], &list->ids[at + 1], (list->count - at) * sizeof(*list->ids));
	return true;
}

enum idm_result
idm_ids_add_window(struct idm_ids *list, struct idm_arena *arena, const struct idm_window *window,
    uint64_t window_no)
{
	uint64_t id = idm_window_next(window, window_no, window_no << IDM_WINDOW_BITS);
	enum idm_result result = IDM_OK;

	while (result == IDM_OK && id != UINT64_MAX) {
		result = idm_ids_add(list, arena, id, NULL);
		id = idm_window_next(window, window_no, id + 1);
	}
	return result;
}

bool
idm_ids_has(const struct idm_ids *list, uint64_t id)
{
	size_t at = lower_bound(list, id);

	return at < list->count && list->ids[at] == id;
}

enum { FAR_LONGER = 16 }; /* so many times longer a list is searched, not walked along */

static bool
any_of(const struct idm_ids *few, const struct idm_ids *many)
{
	for (size_t i = 0; i < few->count; i++) {
		if (idm_ids_has(many, few->ids[i]))
			return true;
	}
	return false;
}

bool
idm_ids_intersect(const struct idm_ids *a, const struct idm_ids *b)
{
	size_t i = 0;
	size_t j = 0;

	if (a->count > b->count)
		return idm_ids_intersect(b, a);
	if (a->count < b->count / FAR_LONGER)
		return any_of(a, b);
	while (i < a->count && j < b->count) {
		if (a->ids[i] == b->ids[j])
			return true;
		if (a->ids[i] < b->ids[j])
			i++;
		else
			j++;
	}
	return false;
}

enum idm_result
idm_packed_decode(
    struct idm_span bytes, struct idm_ids *list, struct idm_arena *arena, struct idm_error *err)
{
	struct numbers in = { .pos = bytes.ptr, .end = bytes.ptr };
	size_t count = 0;

	*list = (struct idm_ids){ 0 };
	for (size_t i = 0; i < bytes.len; i++)
		count += bytes.ptr[i] < 0x80;
	if (bytes.len == 0)
		return IDM_OK;
	if (count == 0)
		return corrupt(err);
	in.end += bytes.len;
	list->ids = idm_arena_array(arena, count, sizeof(*list->ids));
	if (list->ids == NULL)
		return idm_fail(err, IDM_LIMIT, "memory for a list of %zu ids", count);
	list->room = count;
	while (!in.bad && in.pos < in.end)
		list->ids[list->count++] = take_id(&in);
	if (!in.bad)
		return IDM_OK;
	*list = (struct idm_ids){ 0 };
	return corrupt(err);
}

struct idm_span
idm_packed_encode(const struct idm_ids *list, struct idm_arena *arena)
{
	uint64_t least = 0;
	size_t len = 0;
	uint8_t *out = idm_arena_array(arena, list->count + 1, VARINT_MAX);

	if (out == NULL)
		return IDM_SPAN_EMPTY;
	for (size_t i = 0; i < list->count; i++) {
		len += put_number(out + len, list->ids[i] - least);
		least = list->ids[i] + 1;
	}
	return idm_span_of(out, len);
}
