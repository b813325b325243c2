#include "core/fields.h"

#include "core/store.h"

struct idm_span
idm_fields_take(struct idm_fields *fields, size_t n)
{
	struct idm_span out = { fields->rest.ptr, n };

	if (fields->bad || n > fields->rest.len) {
		fields->bad = true;
		return IDM_SPAN_EMPTY;
	}
	fields->rest.ptr += n;
	fields->rest.len -= n;
	return out;
}

uint8_t
idm_fields_u8(struct idm_fields *fields)
{
	struct idm_span bytes = idm_fields_take(fields, 1);

	return bytes.len == 1 ? bytes.ptr[0] : 0;
}

uint32_t
idm_fields_u32(struct idm_fields *fields)
{
	struct idm_span bytes = idm_fields_take(fields, 4);

	return bytes.len == 4 ? idm_store_load_u32(bytes.ptr) : 0;
}

uint64_t
idm_fields_u64(struct idm_fields *fields)
{
	struct idm_span bytes = idm_fields_take(fields, 8);

	return bytes.len == 8 ? idm_store_load_u64(bytes.ptr) : 0;
}

bool
idm_fields_bool(struct idm_fields *fields)
{
	uint8_t value = idm_fields_u8(fields);

	fields->bad = fields->bad || value > 1;
	return value == 1;
}

struct idm_span
idm_fields_span(struct idm_fields *fields)
{
	return idm_fields_take(fields, idm_fields_u32(fields));
}

struct idm_uuid
idm_fields_uuid(struct idm_fields *fields)
{
	struct idm_uuid uuid = { { 0 } };

	idm_uuid_load(idm_fields_take(fields, IDM_UUID_BYTES), &uuid);
	return uuid;
}

bool
idm_fields_end(const struct idm_fields *fields)
{
	return !fields->bad && fields->rest.len == 0;
}
