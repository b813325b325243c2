/* A filter that is stored means the same entries, whoever bears their names later. */
#include "core/filter.h"

/* What stands where a filter names an entry: an equality on a reference, without escapes. */
static bool
is_name(const struct idm_read *read, struct idm_span term, struct idm_span *value)
{
	const uint8_t *equals = memchr(term.ptr, '=', term.len);
	size_t len = 0;
	const struct idm_attr *attr;

	if (equals == NULL)
		return false;
	while (term.ptr + len < equals && strchr("<>~:", term.ptr[len]) == NULL)
		len++;
	attr = idm_schema_attr(read->schema, idm_span_of(term.ptr, len));
	*value = idm_span_of(equals + 1, (size_t)(term.ptr + term.len - equals - 1));
	return attr != NULL && attr->syntax == IDM_SYNTAX_REFERENCE && value->len != 0 &&
	       memchr(value->ptr, '*', value->len) == NULL &&
	       memchr(value->ptr, '\\', value->len) == NULL;
}

/* The uuid's text instead of `name`; or `name`, when nobody bears it. */
static enum idm_result
pin_name(
    const struct idm_read *read, struct idm_span name, struct idm_span *out, struct idm_error *err)
{
	char text[IDM_UUID_TEXT];
	struct idm_entry named;
	enum idm_result result = idm_lookup_text(read, name, &named, err);

	*out = name;
	if (result != IDM_OK)
		return result == IDM_NOT_FOUND ? IDM_OK : result;
	idm_uuid_format(&named.uuid, text);
	*out = idm_arena_copy(read->arena, idm_span_cstr(text));
	return out->ptr == NULL ? IDM_LIMIT : IDM_OK;
}

/* Octets that are written behind one another; the room is known beforehand. */
static void
put(uint8_t *to, size_t *len, const uint8_t *from, size_t count)
{
	if (count != 0)
		memcpy(to + *len, from, count);
	*len += count;
}

/* Names are as long as one octet, and each takes a `=` and a bracket too. */
static size_t
room_for(struct idm_span text)
{
	return text.len + text.len / 3 * IDM_UUID_TEXT + 1;
}

enum idm_result
idm_filter_pin(
    const struct idm_read *read, struct idm_span text, struct idm_span *out, struct idm_error *err)
{
	const uint8_t *end = text.ptr + text.len;
	const uint8_t *from = text.ptr; /* not copied yet */
	uint8_t *to = idm_arena_alloc(read->arena, room_for(text));
	size_t len = 0;

	if (to == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory for a filter");
	for (const uint8_t *at = text.ptr; at < end; at++) {
		struct idm_span term = { at, 0 }, value, pinned;
		enum idm_result result;

		while (at < end && *at != '(' && *at != ')')
			at++;
		term.len = (size_t)(at - term.ptr);
		if (at == end || *at == '(' || !is_name(read, term, &value))
			continue;
		result = pin_name(read, value, &pinned, err);
		if (result != IDM_OK)
			return result;
		put(to, &len, from, (size_t)(value.ptr - from));
		put(to, &len, pinned.ptr, pinned.len);
		from = value.ptr + value.len;
	}
	put(to, &len, from, (size_t)(end - from));
	*out = idm_span_of(to, len);
	return IDM_OK;
}
