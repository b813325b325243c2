/* An entry that is being changed: values in an arena, and their way into flat bytes. */
#include <endian.h>

#include "core/entry.h"
#include "core/entry_format.h"

enum { FIRST_ATTRS = 16, FIRST_VALUES = 4 };

struct attr_values {
	uint32_t number;
	uint32_t count; /* never 0 between two calls */
	uint32_t room;
	struct idm_value *values;
};

struct idm_draft {
	struct idm_arena *arena;
	struct attr_values *attrs; /* sorted by number */
	size_t count;
	size_t room;
};

struct idm_draft *
idm_draft_new(struct idm_arena *arena)
{
	struct idm_draft *draft = idm_arena_alloc(arena, sizeof(*draft));

	if (draft == NULL)
		return NULL;
	draft->arena = arena;
	draft->room = FIRST_ATTRS;
	draft->attrs = idm_arena_array(arena, FIRST_ATTRS, sizeof(*draft->attrs));
	return draft->attrs == NULL ? NULL : draft;
}

/* The values of one attribute of `entry`, which the draft may borrow from. */
static bool
take_values(struct idm_draft *draft, const struct idm_entry *entry, uint32_t number)
{
	struct attr_values *attr = &draft->attrs[draft->count];
	struct idm_value_iter iter = idm_entry_values(entry, number);

	attr->number = number;
	attr->room = iter.left;
	attr->values = idm_arena_array(draft->arena, iter.left, sizeof(*attr->values));
	if (attr->values == NULL)
		return false;
	while (idm_value_next(&iter, &attr->values[attr->count]))
		attr->count++;
	draft->count++;
	return true;
}

struct idm_draft *
idm_draft_of(struct idm_arena *arena, const struct idm_entry *entry)
{
	struct idm_draft *draft = idm_arena_alloc(arena, sizeof(*draft));
	struct idm_entry copy = *entry; /* was checked; its bytes are about to be equal */

	copy.bytes = idm_arena_copy(arena, entry->bytes);
	if (draft == NULL || copy.bytes.ptr == NULL)
		return NULL;
	draft->arena = arena;
	draft->room = entry->attr_count + FIRST_ATTRS;
	draft->attrs = idm_arena_array(arena, draft->room, sizeof(*draft->attrs));
	if (draft->attrs == NULL)
		return NULL;
	for (uint32_t i = 0; i < copy.attr_count; i++) {
		if (!take_values(draft, &copy, idm_entry_attr_at(&copy, i)))
			return NULL;
	}
	return draft;
}

/* The position of an attribute, or the one where it belongs. */
static size_t
find_position(const struct idm_draft *draft, uint32_t number)
{
	size_t low = 0, high = draft->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (draft->attrs[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct attr_values *
find_attr(const struct idm_draft *draft, uint32_t number)
{
	size_t at = find_position(draft, number);

	return at < draft->count && draft->attrs[at].number == number ? &draft->attrs[at] : NULL;
}

/* An arena array of twice the room with the same beginning; NULL: arena used up. */
static void *
grow(struct idm_arena *arena, const void *from, size_t room, size_t bytes)
{
	void *out = idm_arena_array(arena, 2 * room, bytes);

	if (out != NULL)
		memcpy(out, from, room * bytes);
	return out;
}

static struct attr_values *
insert_attr(struct idm_draft *draft, uint32_t number)
{
	size_t at = find_position(draft, number);
	struct idm_value *values =
	    idm_arena_array(draft->arena, FIRST_VALUES, sizeof(*draft->attrs->values));

	if (values == NULL)
		return NULL;
	if (draft->count == draft->room) {
		struct attr_values *more =
		    grow(draft->arena, draft->attrs, draft->room, sizeof(*more));

		if (more == NULL)
			return NULL;
		draft->attrs = more;
		draft->room *= 2;
	}
	memmove(
	    &draft->attrs[at + 1], &draft->attrs[at], (draft->count - at) * sizeof(*draft->attrs));
	draft->count++;
	draft->attrs[at] = (struct attr_values){ number, 0, FIRST_VALUES, values };
	return &draft->attrs[at];
}

static struct idm_value *
find_value(const struct attr_values *attr, struct idm_span norm)
{
	for (uint32_t i = 0; i < attr->count; i++) {
		if (idm_span_equal(attr->values[i].norm, norm))
			return &attr->values[i];
	}
	return NULL;
}

static void
drop_attr(struct idm_draft *draft, struct attr_values *attr)
{
	size_t at = (size_t)(attr - draft->attrs);

	draft->count--;
	memmove(attr, attr + 1, (draft->count - at) * sizeof(*attr));
}

enum idm_result
idm_draft_add(struct idm_draft *draft, uint32_t number, struct idm_value value)
{
	size_t fixed = idm_entry_fixed_bytes(number);
	struct attr_values *attr;
	struct idm_value *same;

	if (number == 0 || (fixed != 0 && value.stored.len != fixed))
		return IDM_INVALID;
	attr = find_attr(draft, number);
	same = attr == NULL ? NULL : find_value(attr, value.norm);
	if (same != NULL) {
		*same = value;
		return IDM_OK;
	}
	if (attr == NULL)
		attr = insert_attr(draft, number);
	if (attr == NULL)
		return IDM_LIMIT;
	if (attr->count == attr->room) {
		struct idm_value *more =
		    grow(draft->arena, attr->values, attr->room, sizeof(*more));

		if (more == NULL)
			return IDM_LIMIT;
		attr->values = more;
		attr->room *= 2;
	}
	attr->values[attr->count++] = value;
	return IDM_OK;
}

bool
idm_draft_remove(struct idm_draft *draft, uint32_t number, struct idm_span norm)
{
	struct attr_values *attr = find_attr(draft, number);
	struct idm_value *value = attr == NULL ? NULL : find_value(attr, norm);
	size_t behind;

	if (value == NULL)
		return false;
	attr->count--;
	behind = attr->count - (size_t)(value - attr->values);
	memmove(value, value + 1, behind * sizeof(*value));
	if (attr->count == 0)
		drop_attr(draft, attr);
	return true;
}

void
idm_draft_clear(struct idm_draft *draft, uint32_t number)
{
	struct attr_values *attr = find_attr(draft, number);

	if (attr != NULL)
		drop_attr(draft, attr);
}

enum idm_result
idm_draft_set(
    struct idm_draft *draft, uint32_t number, const struct idm_value *values, size_t count)
{
	size_t fixed = idm_entry_fixed_bytes(number);
	struct attr_values *attr;
	struct idm_value *copy;

	for (size_t i = 0; i < count; i++) {
		if (number == 0 || (fixed != 0 && values[i].stored.len != fixed))
			return IDM_INVALID;
	}
	idm_draft_clear(draft, number);
	if (count == 0)
		return IDM_OK;
	copy = idm_arena_array(draft->arena, count, sizeof(*copy));
	attr = copy == NULL || count > UINT32_MAX ? NULL : insert_attr(draft, number);
	if (attr == NULL)
		return IDM_LIMIT;
	memcpy(copy, values, count * sizeof(*copy));
	attr->values = copy;
	attr->count = attr->room = (uint32_t)count;
	return IDM_OK;
}

const struct idm_value *
idm_draft_values(const struct idm_draft *draft, uint32_t number, size_t *count)
{
	const struct attr_values *attr = find_attr(draft, number);

	*count = attr == NULL ? 0 : attr->count;
	return attr == NULL ? NULL : attr->values;
}

bool
idm_draft_has_norm(const struct idm_draft *draft, uint32_t number, struct idm_span norm)
{
	const struct attr_values *attr = find_attr(draft, number);

	return attr != NULL && find_value(attr, norm) != NULL;
}

bool
idm_draft_has_class(const struct idm_draft *draft, const char *class_name)
{
	return idm_draft_has_norm(draft, IDM_ATTR_CLASS, idm_span_cstr(class_name));
}

uint32_t
idm_draft_attr_at(const struct idm_draft *draft, size_t index)
{
	return index < draft->count ? draft->attrs[index].number : 0;
}

static void
store32(uint8_t *to, uint32_t value)
{
	value = htole32(value);
	memcpy(to, &value, sizeof(value));
}

static void
store64(uint8_t *to, uint64_t value)
{
	value = htole64(value);
	memcpy(to, &value, sizeof(value));
}

/* What a value takes in the flat entry. */
static size_t
flat_bytes(const struct idm_value *value)
{
	size_t bytes = VALUE_HEADER_BYTES + value->stored.len;

	if (!idm_span_equal(value->stored, value->norm))
		bytes += value->norm.len;
	return (bytes + 3) & ~(size_t)3;
}

/* The size of the whole; SIZE_MAX: larger than an entry may be. */
static size_t
flat_size(const struct idm_draft *draft)
{
	size_t size = ENTRY_HEADER_BYTES + draft->count * ATTR_ROW_BYTES;

	for (size_t i = 0; i < draft->count; i++) {
		for (uint32_t j = 0; j < draft->attrs[i].count; j++) {
			const struct idm_value *value = &draft->attrs[i].values[j];

			if (value->stored.len > IDM_ENTRY_BYTES_MAX ||
			    value->norm.len > IDM_ENTRY_BYTES_MAX)
				return SIZE_MAX;
			size += flat_bytes(value);
			if (size > IDM_ENTRY_BYTES_MAX)
				return SIZE_MAX;
		}
	}
	return size;
}

bool
idm_draft_fits(const struct idm_draft *draft)
{
	return flat_size(draft) != SIZE_MAX;
}

static uint8_t *
put_value(uint8_t *pos, const struct idm_value *value)
{
	bool same = idm_span_equal(value->stored, value->norm);

	store32(pos, (uint32_t)value->stored.len);
	store32(pos + 4, same ? NORM_IS_STORED : (uint32_t)value->norm.len);
	if (value->stored.len != 0)
		memcpy(pos + VALUE_HEADER_BYTES, value->stored.ptr, value->stored.len);
	if (!same && value->norm.len != 0)
		memcpy(
		    pos + VALUE_HEADER_BYTES + value->stored.len, value->norm.ptr, value->norm.len);
	return pos + flat_bytes(value);
}

enum idm_result
idm_draft_encode(const struct idm_draft *draft, const struct idm_uuid *uuid, uint64_t version,
    struct idm_span *out, struct idm_error *err)
{
	size_t size = flat_size(draft);
	uint8_t *bytes, *row, *pos;

	if (size == SIZE_MAX)
		return idm_refuse(err, IDM_LIMIT, "the entry is larger than %d octets: %s",
		    IDM_ENTRY_BYTES_MAX, "remove or shorten values");
	bytes = idm_arena_alloc(draft->arena, size); /* zeroed: so is the padding */
	if (bytes == NULL)
		return idm_fail(err, IDM_LIMIT, "the request's memory is used up");
	store32(bytes, ENTRY_MAGIC | (uint32_t)ENTRY_FORMAT << 16);
	store32(bytes + 4, (uint32_t)draft->count);
	store64(bytes + 8, version);
	memcpy(bytes + 16, uuid->bytes, IDM_UUID_BYTES);
	row = bytes + ENTRY_HEADER_BYTES;
	pos = row + draft->count * ATTR_ROW_BYTES;
	for (size_t i = 0; i < draft->count; i++, row += ATTR_ROW_BYTES) {
		store32(row, draft->attrs[i].number);
		store32(row + 4, (uint32_t)(pos - bytes));
		store32(row + 8, draft->attrs[i].count);
		for (uint32_t j = 0; j < draft->attrs[i].count; j++)
			pos = put_value(pos, &draft->attrs[i].values[j]);
	}
	*out = idm_span_of(bytes, size);
	return IDM_OK;
}
