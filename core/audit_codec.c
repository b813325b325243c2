/* Records of the audit trail as octets, and back. */
#include "core/audit.h"

#include "core/fields.h"

enum { BODY_FORMAT = 1 };

enum flag { FLAG_TRUSTED = 1, FLAG_ACTOR = 2, FLAG_TARGET = 4, FLAGS_ALL = 7 };

/* --- words */

const char *
idm_audit_operation_name(enum idm_audit_operation operation)
{
	switch (operation) {
#define OPERATION_NAME(number, constant, name)                                                     \
	case IDM_AUDIT_##constant: return name;
		IDM_AUDIT_OPERATIONS(OPERATION_NAME)
#undef OPERATION_NAME
	}
	return NULL;
}

bool
idm_audit_operation_find(struct idm_span name, enum idm_audit_operation *out)
{
	static const enum idm_audit_operation all[] = {
#define OPERATION(number, constant, text) IDM_AUDIT_##constant,
		IDM_AUDIT_OPERATIONS(OPERATION)
#undef OPERATION
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (idm_span_is(name, idm_audit_operation_name(all[i]))) {
			*out = all[i];
			return true;
		}
	}
	return false;
}

const char *
idm_audit_protocol_name(enum idm_audit_protocol protocol)
{
	switch (protocol) {
	case IDM_AUDIT_LDAP: return "ldap";
	case IDM_AUDIT_LDAPI: return "ldapi";
	case IDM_AUDIT_RADIUS: return "radius";
	case IDM_AUDIT_INTERNAL: return "internal";
	case IDM_AUDIT_KANIDMD: return "kanidmd";
	}
	return NULL;
}

/*
 * How outcomes are stored: by their place here.  enum idm_result is not stored and may get values
 * in between; here they are added at the end.
 */
static const enum idm_result outcomes[] = { IDM_OK, IDM_NOT_FOUND, IDM_DENIED, IDM_INVALID,
	IDM_SCHEMA, IDM_CONSTRAINT, IDM_EXISTS, IDM_PROTECTED, IDM_LIMIT, IDM_BUSY, IDM_CORRUPT,
	IDM_SYSTEM, IDM_ASSERTION };

enum { OUTCOME_COUNT = sizeof(outcomes) / sizeof(outcomes[0]) };

_Static_assert((int)OUTCOME_COUNT == (int)IDM_SYSTEM + 1, "each result has its place");

static uint8_t
outcome_number(enum idm_result outcome)
{
	uint8_t number = 0;

	while (number < OUTCOME_COUNT - 1 && outcomes[number] != outcome)
		number++;
	return number;
}

void
idm_audit_name_attribute(struct idm_audit_record *record, struct idm_span name)
{
	for (size_t i = 0; i < record->attribute_count; i++) {
		if (idm_span_equal_nocase(record->attributes[i], name))
			return;
	}
	if (record->attribute_count == IDM_AUDIT_ATTRIBUTES_MAX)
		record->attributes_left++;
	else
		record->attributes[record->attribute_count++] = name;
}

/* --- encoding: what can be in a record has room (IDM_AUDIT_BODY_MAX) */

struct writer {
	uint8_t *to;
	size_t len;
};

static void
put_u8(struct writer *w, uint8_t value)
{
	w->to[w->len++] = value;
}

static void
put_u32(struct writer *w, uint32_t value)
{
	idm_store_u32(value, w->to + w->len);
	w->len += 4;
}

static void
put_u64(struct writer *w, uint64_t value)
{
	idm_store_u64(value, w->to + w->len);
	w->len += 8;
}

static void
put_uuid(struct writer *w, const struct idm_uuid *uuid)
{
	memcpy(w->to + w->len, uuid->bytes, IDM_UUID_BYTES);
	w->len += IDM_UUID_BYTES;
}

static bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f;
}

/* Printable ASCII as it is, all else as \xNN; with "..." at its end where it was cut to `max`. */
static void
put_text(struct writer *w, struct idm_span text, size_t max)
{
	static const char hex[] = "0123456789ABCDEF";
	uint8_t *out = w->to + w->len + 4;
	size_t len = 0, whole = 0; /* of what is left whole where it has to be cut */

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		size_t takes = is_plain(c) ? 1 : 4;

		if (len + takes > max) {
			memset(out + whole, '.', 3);
			len = whole + 3;
			break;
		}
		if (takes == 1)
			out[len] = c;
		else
			memcpy(out + len, (const char[]){ '\\', 'x', hex[c >> 4], hex[c & 15] }, 4);
		len += takes;
		if (len + 3 <= max)
			whole = len;
	}
	put_u32(w, (uint32_t)len);
	w->len += len;
}

static uint8_t
flags_of(const struct idm_audit_record *record)
{
	bool has_actor = record->has_actor || !idm_uuid_is_null(&record->actor);
	bool has_target = record->has_target || !idm_uuid_is_null(&record->target);

	return (uint8_t)((record->trusted ? FLAG_TRUSTED : 0) | (has_actor ? FLAG_ACTOR : 0) |
			 (has_target ? FLAG_TARGET : 0));
}

size_t
idm_audit_encode(const struct idm_audit_record *record, uint8_t out[IDM_AUDIT_BODY_MAX])
{
	struct writer w = { out, 0 };

	put_u8(&w, BODY_FORMAT);
	put_u64(&w, (uint64_t)record->at_s);
	put_u8(&w, flags_of(record));
	put_u8(&w, (uint8_t)record->protocol);
	put_u8(&w, (uint8_t)record->operation);
	put_u8(&w, outcome_number(record->outcome));
	put_uuid(&w, &record->actor);
	put_uuid(&w, &record->session);
	put_uuid(&w, &record->target);
	put_u64(&w, record->change_no);
	put_text(&w, record->actor_name, IDM_AUDIT_TEXT_MAX);
	put_text(&w, record->source, IDM_AUDIT_TEXT_MAX);
	put_text(&w, record->target_name, IDM_AUDIT_TEXT_MAX);
	put_text(&w, record->reason, IDM_AUDIT_TEXT_MAX);
	put_u32(&w, record->attributes_left);
	put_u8(&w, (uint8_t)record->attribute_count);
	for (size_t i = 0; i < record->attribute_count; i++)
		put_text(&w, record->attributes[i], IDM_AUDIT_ATTRIBUTE_MAX);
	return w.len;
}

_Static_assert(
    128 + 4 * (4 + IDM_AUDIT_TEXT_MAX) + IDM_AUDIT_ATTRIBUTES_MAX * (4 + IDM_AUDIT_ATTRIBUTE_MAX) <=
	IDM_AUDIT_BODY_MAX,
    "the largest record has room");

/* --- decoding */

static struct idm_span
take_text(struct idm_fields *f, size_t max)
{
	struct idm_span text = idm_fields_span(f);

	f->bad = f->bad || text.len > max;
	for (size_t i = 0; i < text.len && !f->bad; i++)
		f->bad = !is_plain(text.ptr[i]);
	return f->bad ? IDM_SPAN_EMPTY : text;
}

/* Protocol, operation and outcome. */
static void
take_words(struct idm_fields *f, struct idm_audit_record *out)
{
	uint8_t outcome;

	out->protocol = (enum idm_audit_protocol)idm_fields_u8(f);
	out->operation = (enum idm_audit_operation)idm_fields_u8(f);
	outcome = idm_fields_u8(f);
	f->bad = f->bad || idm_audit_protocol_name(out->protocol) == NULL ||
		 idm_audit_operation_name(out->operation) == NULL || outcome >= OUTCOME_COUNT;
	out->outcome = f->bad ? IDM_OK : outcomes[outcome];
}

static void
take_flags(struct idm_fields *f, struct idm_audit_record *out)
{
	uint8_t flags = idm_fields_u8(f);

	f->bad = f->bad || (flags & ~FLAGS_ALL) != 0;
	out->trusted = (flags & FLAG_TRUSTED) != 0;
	out->has_actor = (flags & FLAG_ACTOR) != 0;
	out->has_target = (flags & FLAG_TARGET) != 0;
}

/* What there is none of is null. */
static void
take_uuids(struct idm_fields *f, struct idm_audit_record *out)
{
	out->actor = idm_fields_uuid(f);
	out->session = idm_fields_uuid(f);
	out->target = idm_fields_uuid(f);
	f->bad = f->bad || (!out->has_actor && !idm_uuid_is_null(&out->actor)) ||
		 (!out->has_target && !idm_uuid_is_null(&out->target));
}

static void
take_attributes(struct idm_fields *f, struct idm_audit_record *out)
{
	out->attributes_left = idm_fields_u32(f);
	out->attribute_count = idm_fields_u8(f);
	if (out->attribute_count > IDM_AUDIT_ATTRIBUTES_MAX) {
		f->bad = true;
		out->attribute_count = 0;
	}
	for (size_t i = 0; i < out->attribute_count; i++)
		out->attributes[i] = take_text(f, IDM_AUDIT_ATTRIBUTE_MAX);
}

enum idm_result
idm_audit_decode(struct idm_span body, struct idm_audit_record *out, struct idm_error *err)
{
	struct idm_fields f = { body, body.len > IDM_AUDIT_BODY_MAX };

	memset(out, 0, sizeof(*out));
	f.bad = f.bad || idm_fields_u8(&f) != BODY_FORMAT;
	out->at_s = (int64_t)idm_fields_u64(&f);
	take_flags(&f, out);
	take_words(&f, out);
	take_uuids(&f, out);
	out->change_no = idm_fields_u64(&f);
	out->actor_name = take_text(&f, IDM_AUDIT_TEXT_MAX);
	out->source = take_text(&f, IDM_AUDIT_TEXT_MAX);
	out->target_name = take_text(&f, IDM_AUDIT_TEXT_MAX);
	out->reason = take_text(&f, IDM_AUDIT_TEXT_MAX);
	take_attributes(&f, out);
	if (!idm_fields_end(&f))
		return idm_fail(err, IDM_CORRUPT, "a record of the audit trail does not decode");
	return IDM_OK;
}
