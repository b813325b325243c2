/* Stored values: the numbers in them, and their text. */
#include "core/schema.h"

#include <assert.h>
#include <endian.h>

#include "core/network.h"
#include "core/timefmt.h"
#include "core/uuid.h"

#define SIGN_BIT (UINT64_C(1) << 63) /* flipped, so that times before 1970 sort first */

int64_t
idm_datetime_load(struct idm_span stored)
{
	uint64_t value;

	assert(stored.len == sizeof(value));
	memcpy(&value, stored.ptr, sizeof(value));
	return (int64_t)(be64toh(value) ^ SIGN_BIT);
}

void
idm_datetime_store(int64_t at_s, uint8_t out[8])
{
	uint64_t value = htobe64((uint64_t)at_s ^ SIGN_BIT);

	memcpy(out, &value, sizeof(value));
}

uint32_t
idm_uint32_load(struct idm_span stored)
{
	uint32_t value;

	assert(stored.len == sizeof(value));
	memcpy(&value, stored.ptr, sizeof(value));
	return be32toh(value);
}

void
idm_uint32_store(uint32_t value, uint8_t out[4])
{
	value = htobe32(value);
	memcpy(out, &value, sizeof(value));
}

/* Text that lives in the arena, from one of the formatting functions. */
static struct idm_span
printed(struct idm_arena *arena, const char *text)
{
	return idm_arena_copy(arena, idm_span_cstr(text));
}

static struct idm_span
print_uuid(struct idm_span stored, struct idm_arena *arena)
{
	char text[IDM_UUID_TEXT];
	struct idm_uuid uuid;

	if (!idm_uuid_load(stored, &uuid))
		return IDM_SPAN_EMPTY;
	idm_uuid_format(&uuid, text);
	return printed(arena, text);
}

static struct idm_span
print_datetime(struct idm_span stored, struct idm_arena *arena)
{
	char text[IDM_TIME_TEXT];

	if (stored.len != 8)
		return IDM_SPAN_EMPTY;
	idm_time_format(idm_datetime_load(stored), text);
	return printed(arena, text);
}

static struct idm_span
print_uint32(struct idm_span stored, struct idm_arena *arena)
{
	char *text;

	if (stored.len != 4)
		return IDM_SPAN_EMPTY;
	text = idm_arena_printf(arena, "%u", (unsigned)idm_uint32_load(stored));
	return text == NULL ? IDM_SPAN_EMPTY : idm_span_cstr(text);
}

static struct idm_span
print_boolean(struct idm_span stored)
{
	if (stored.len != 1 || stored.ptr[0] > 1)
		return IDM_SPAN_EMPTY;
	return stored.ptr[0] == 1 ? IDM_SPAN_LIT("true") : IDM_SPAN_LIT("false");
}

static struct idm_span
print_network(struct idm_span stored, struct idm_arena *arena)
{
	char text[IDM_NETWORK_TEXT];

	return idm_network_format(stored, text) ? printed(arena, text) : IDM_SPAN_EMPTY;
}

struct idm_span
idm_value_print(const struct idm_attr *attr, struct idm_span stored, struct idm_arena *arena)
{
	switch (attr->syntax) {
	case IDM_SYNTAX_UUID:
	case IDM_SYNTAX_REFERENCE: return print_uuid(stored, arena);
	case IDM_SYNTAX_KEYWORD:
	case IDM_SYNTAX_INAME:
	case IDM_SYNTAX_INAME_DNS:
	case IDM_SYNTAX_SPN:
	case IDM_SYNTAX_UTF8:
	case IDM_SYNTAX_UTF8_NOCASE:
	case IDM_SYNTAX_EMAIL:
	case IDM_SYNTAX_FILTER:
	case IDM_SYNTAX_SSHKEY:
	case IDM_SYNTAX_PATH: return stored;
	case IDM_SYNTAX_DATETIME: return print_datetime(stored, arena);
	case IDM_SYNTAX_CREDENTIAL:
	case IDM_SYNTAX_SECRET: return IDM_SPAN_LIT("set");
	case IDM_SYNTAX_SESSION: return IDM_SPAN_EMPTY;
	case IDM_SYNTAX_UINT32: return print_uint32(stored, arena);
	case IDM_SYNTAX_BOOLEAN: return print_boolean(stored);
	case IDM_SYNTAX_NETWORK: return print_network(stored, arena);
	}
	return IDM_SPAN_EMPTY;
}
