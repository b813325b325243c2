#include "core/entry.h"

#include <assert.h>
#include <endian.h>

#include "core/entry_format.h"

/* How long a stored value of a built-in attribute is; 0: any length (core/schema.h). */
static const uint8_t fixed_bytes[] = {
#define FIXED(number, constant, name, syntax, flags) [number] = FIXED_##syntax,
	IDM_ATTRIBUTES(FIXED)
#undef FIXED
};

static uint32_t
load32(const uint8_t *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return le32toh(value);
}

static uint64_t
load64(const uint8_t *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return le64toh(value);
}

size_t
idm_entry_fixed_bytes(uint32_t number)
{
	return number < sizeof(fixed_bytes) ? fixed_bytes[number] : 0;
}

/* What a value takes, header and padding included, given the two lengths in front of it. */
static uint64_t
value_bytes(uint32_t stored_len, uint32_t norm_len)
{
	uint64_t bytes = VALUE_HEADER_BYTES + (uint64_t)stored_len;

	if (norm_len != NORM_IS_STORED)
		bytes += norm_len;
	return (bytes + 3) & ~UINT64_C(3);
}

/* Walk over `count` values; the position behind them, or NULL where one does not fit. */
static const uint8_t *
check_values(const uint8_t *pos, const uint8_t *end, uint32_t count, size_t fixed)
{
	for (; count != 0; count--) {
		uint32_t stored_len;
		uint64_t bytes;

		if (end - pos < VALUE_HEADER_BYTES)
			return NULL;
		stored_len = load32(pos);
		bytes = value_bytes(stored_len, load32(pos + 4));
		if (bytes > (uint64_t)(end - pos) || (fixed != 0 && stored_len != fixed))
			return NULL;
		pos += bytes;
	}
	return pos;
}

/*
 * The table and all values in one pass: each attribute's values begin where the last one's end,
 * so nothing overlaps, and the last ends where the bytes do.
 */
static bool
check_attrs(struct idm_span bytes, uint32_t count)
{
	const uint8_t *row = bytes.ptr + ENTRY_HEADER_BYTES;
	const uint8_t *end = bytes.ptr + bytes.len;
	const uint8_t *pos = row + (size_t)count * ATTR_ROW_BYTES;
	uint32_t last = 0;

	for (; count != 0; count--, row += ATTR_ROW_BYTES) {
		uint32_t number = load32(row);
		uint32_t value_count = load32(row + 8);

		if (number <= last || value_count == 0 ||
		    load32(row + 4) != (uint64_t)(pos - bytes.ptr))
			return false;
		pos = check_values(pos, end, value_count, idm_entry_fixed_bytes(number));
		if (pos == NULL)
			return false;
		last = number;
	}
	return pos == end;
}

enum idm_result
idm_entry_view(struct idm_span bytes, uint64_t id, struct idm_entry *out, struct idm_error *err)
{
	uint32_t count;

	if (bytes.len < ENTRY_HEADER_BYTES || bytes.len > IDM_ENTRY_BYTES_MAX)
		return idm_fail(err, IDM_CORRUPT, "entry %llu: a length of %zu octets",
		    (unsigned long long)id, bytes.len);
	if (load32(bytes.ptr) != (ENTRY_MAGIC | (uint32_t)ENTRY_FORMAT << 16))
		return idm_fail(err, IDM_CORRUPT, "entry %llu: not an entry of format %d",
		    (unsigned long long)id, ENTRY_FORMAT);
	count = load32(bytes.ptr + 4);
	if (count > (bytes.len - ENTRY_HEADER_BYTES) / ATTR_ROW_BYTES || !check_attrs(bytes, count))
		return idm_fail(err, IDM_CORRUPT, "entry %llu: its table of values is damaged",
		    (unsigned long long)id);
	out->bytes = bytes;
	out->id = id;
	out->version = load64(bytes.ptr + 8);
	memcpy(out->uuid.bytes, bytes.ptr + 16, IDM_UUID_BYTES);
	out->attr_count = count;
	return IDM_OK;
}

/* The row of an attribute; NULL: the entry has none of it. */
static const uint8_t *
find_row(const struct idm_entry *entry, uint32_t number)
{
	const uint8_t *rows = entry->bytes.ptr + ENTRY_HEADER_BYTES;
	uint32_t low = 0, high = entry->attr_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const uint8_t *row = rows + (size_t)middle * ATTR_ROW_BYTES;
		uint32_t found = load32(row);

		if (found == number)
			return row;
		if (found < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

struct idm_value_iter
idm_entry_values(const struct idm_entry *entry, uint32_t number)
{
	const uint8_t *row = find_row(entry, number);
	uint32_t offset;

	if (row == NULL)
		return (struct idm_value_iter){ IDM_SPAN_EMPTY, 0 };
	offset = load32(row + 4);
	return (struct idm_value_iter){ { entry->bytes.ptr + offset, entry->bytes.len - offset },
		load32(row + 8) };
}

bool
idm_value_next(struct idm_value_iter *iter, struct idm_value *out)
{
	const uint8_t *pos = iter->rest.ptr;
	uint32_t stored_len, norm_len;
	size_t bytes;

	if (iter->left == 0)
		return false;
	stored_len = load32(pos);
	norm_len = load32(pos + 4);
	out->stored = idm_span_of(pos + VALUE_HEADER_BYTES, stored_len);
	out->norm = norm_len == NORM_IS_STORED
			? out->stored
			: idm_span_of(pos + VALUE_HEADER_BYTES + stored_len, norm_len);
	bytes = (size_t)value_bytes(stored_len, norm_len);
	iter->rest = idm_span_of(pos + bytes, iter->rest.len - bytes);
	iter->left--;
	return true;
}

bool
idm_entry_first(const struct idm_entry *entry, uint32_t number, struct idm_value *out)
{
	struct idm_value_iter iter = idm_entry_values(entry, number);

	return idm_value_next(&iter, out);
}

bool
idm_entry_has(const struct idm_entry *entry, uint32_t number)
{
	return find_row(entry, number) != NULL;
}

bool
idm_entry_has_norm(const struct idm_entry *entry, uint32_t number, struct idm_span norm)
{
	struct idm_value_iter iter = idm_entry_values(entry, number);
	struct idm_value value;

	while (idm_value_next(&iter, &value)) {
		if (idm_span_equal(value.norm, norm))
			return true;
	}
	return false;
}

bool
idm_entry_has_class(const struct idm_entry *entry, const char *class_name)
{
	return idm_entry_has_norm(entry, IDM_ATTR_CLASS, idm_span_cstr(class_name));
}

uint32_t
idm_entry_attr_at(const struct idm_entry *entry, uint32_t index)
{
	if (index >= entry->attr_count)
		return 0;
	return load32(entry->bytes.ptr + ENTRY_HEADER_BYTES + (size_t)index * ATTR_ROW_BYTES);
}

int64_t
idm_entry_datetime(const struct idm_entry *entry, uint32_t number, int64_t fallback)
{
	struct idm_value value;

	/* The view checked the length, so that damage never passes for "no such value". */
	assert(idm_entry_fixed_bytes(number) == FIXED_DATETIME);
	if (!idm_entry_first(entry, number, &value))
		return fallback;
	return idm_datetime_load(value.stored);
}

struct idm_span
idm_entry_text(const struct idm_entry *entry, uint32_t number)
{
	struct idm_value value;

	return idm_entry_first(entry, number, &value) ? value.stored : IDM_SPAN_EMPTY;
}
