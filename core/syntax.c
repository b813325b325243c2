/* What the text of a value must look like, and how it is stored. */
#include "core/schema.h"

#include "core/name.h"
#include "core/network.h"
#include "core/sshkey.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "core/uuid.h"

enum {
	TEXT_BYTES_MAX = 1024,
	LONG_TEXT_BYTES_MAX = 4096, /* description, and what holds a filter */
	KEYWORD_BYTES_MAX = 128,
};

/* One call of idm_value_parse. */
struct input {
	const struct idm_attr *attr;
	struct idm_span text;
	struct idm_arena *arena;
	struct idm_error *err;
};

static enum idm_result
refuse(const struct input *in, const char *remedy)
{
	return idm_refuse(in->err, IDM_INVALID, "%s %s", in->attr->name, remedy);
}

/* A value of a fixed form: compared as it is stored. */
static enum idm_result
keep(const struct input *in, const uint8_t *bytes, size_t len, struct idm_value *out)
{
	out->stored = idm_arena_copy(in->arena, idm_span_of(bytes, len));
	out->norm = out->stored;
	return out->stored.ptr == NULL ? idm_text_no_memory(in->err) : IDM_OK;
}

static enum idm_result
parse_uuid(const struct input *in, struct idm_value *out)
{
	struct idm_uuid uuid;

	if (!idm_uuid_parse(in->text, &uuid))
		return refuse(in, "takes a UUID such as 01234567-89ab-4cde-8f01-23456789abcd");
	return keep(in, uuid.bytes, sizeof(uuid.bytes), out);
}

static enum idm_result
parse_datetime(const struct input *in, struct idm_value *out)
{
	uint8_t bytes[8];
	int64_t at_s;

	if (!idm_time_parse(in->text, &at_s))
		return refuse(in, "takes a time such as 2030-12-31T23:59:59+10:00");
	idm_datetime_store(at_s, bytes);
	return keep(in, bytes, sizeof(bytes), out);
}

bool
idm_uint32_parse(struct idm_span text, uint32_t *out)
{
	uint64_t value = 0;

	if (text.len == 0 || text.len > 10 || (text.len > 1 && text.ptr[0] == '0'))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		value = value * 10 + (text.ptr[i] - '0');
	}
	*out = (uint32_t)value;
	return value <= UINT32_MAX;
}

static enum idm_result
parse_uint32(const struct input *in, struct idm_value *out)
{
	uint8_t bytes[4];
	uint32_t value;

	if (!idm_uint32_parse(in->text, &value))
		return refuse(in, "takes a number from 0 to 4294967295");
	idm_uint32_store(value, bytes);
	return keep(in, bytes, sizeof(bytes), out);
}

/* RFC 4517 section 3.3.3 writes TRUE and FALSE. */
static enum idm_result
parse_boolean(const struct input *in, struct idm_value *out)
{
	uint8_t value = idm_span_equal_nocase(in->text, IDM_SPAN_LIT("true"));

	if (value == 0 && !idm_span_equal_nocase(in->text, IDM_SPAN_LIT("false")))
		return refuse(in, "takes true or false");
	return keep(in, &value, 1, out);
}

static enum idm_result
parse_network(const struct input *in, struct idm_value *out)
{
	uint8_t bytes[IDM_NETWORK_BYTES];
	char nearest[IDM_NETWORK_TEXT];
	const char *fault = idm_network_parse(in->text, bytes);

	if (fault == NULL)
		return keep(in, bytes, sizeof(bytes), out);
	if (bytes[0] == 0 || !idm_network_format(idm_span_of(bytes, sizeof(bytes)), nearest))
		return refuse(in, fault);
	return idm_refuse(in->err, IDM_INVALID, "%s %s: write %s", in->attr->name, fault, nearest);
}

static bool
is_keyword(struct idm_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' &&
		    c != '.' && c != ':')
			return false;
	}
	return text.len != 0;
}

static enum idm_result
parse_keyword(const struct input *in, struct idm_value *out)
{
	enum idm_result result;

	if (in->text.len > KEYWORD_BYTES_MAX)
		return refuse(in, "is longer than 128 characters: shorten it");
	result = idm_text_lower(in->text, in->arena, &out->stored, in->err);
	if (result != IDM_OK)
		return result;
	out->norm = out->stored;
	if (!is_keyword(out->stored))
		return refuse(
		    in, "takes letters from a to z, digits, '_', '-', '.' and ':', at least one");
	return IDM_OK;
}

static size_t
text_bytes_max(const struct idm_attr *attr)
{
	if (attr->number == IDM_ATTR_DESCRIPTION || attr->number == IDM_ATTR_ACP_TARGET ||
	    attr->syntax == IDM_SYNTAX_FILTER)
		return LONG_TEXT_BYTES_MAX;
	return TEXT_BYTES_MAX;
}

static enum idm_result
parse_text(const struct input *in, struct idm_value *out)
{
	enum idm_result result = idm_text_parse(
	    in->attr->name, in->text, text_bytes_max(in->attr), in->arena, &out->stored, in->err);

	out->norm = out->stored;
	return result;
}

static enum idm_result
parse_text_nocase(const struct input *in, struct idm_value *out)
{
	enum idm_result result = parse_text(in, out);

	if (result == IDM_OK)
		result =
		    idm_text_fold(out->stored, IDM_TEXT_CUT_ENDS, in->arena, &out->norm, in->err);
	if (result == IDM_OK && out->norm.len == 0)
		return refuse(in, "must not be blank");
	return result;
}

static enum idm_result
parse_mail(const struct input *in, struct idm_value *out)
{
	enum idm_result result =
	    idm_mail_parse(in->attr->name, in->text, in->arena, &out->stored, in->err);

	if (result != IDM_OK)
		return result;
	return idm_text_fold(out->stored, IDM_TEXT_CUT_ENDS, in->arena, &out->norm, in->err);
}

/* Is "." or ".." a component of the path? */
static bool
has_dot_component(struct idm_span path)
{
	size_t start = 1;

	for (size_t i = 1; i <= path.len; i++) {
		struct idm_span part;

		if (i < path.len && path.ptr[i] != '/')
			continue;
		part = idm_span_of(path.ptr + start, i - start);
		if (idm_span_is(part, ".") || idm_span_is(part, ".."))
			return true;
		start = i + 1;
	}
	return false;
}

static enum idm_result
parse_path(const struct input *in, struct idm_value *out)
{
	enum idm_result result = parse_text(in, out);

	if (result != IDM_OK)
		return result;
	/* A ':' would end the field of a line in passwd(5). */
	if (out->stored.ptr[0] != '/' || has_dot_component(out->stored) ||
	    memchr(out->stored.ptr, ':', out->stored.len) != NULL)
		return refuse(in, "takes an absolute path without '.', '..' and ':'");
	return IDM_OK;
}

/* One of the functions of core/name.h, whose values are compared as they are stored. */
static enum idm_result
parse_name(const struct input *in,
    enum idm_result (*parse)(
	const char *, struct idm_span, struct idm_arena *, struct idm_span *, struct idm_error *),
    struct idm_value *out)
{
	enum idm_result result = parse(in->attr->name, in->text, in->arena, &out->stored, in->err);

	out->norm = out->stored;
	return result;
}

static enum idm_result
parse_value(const struct input *in, struct idm_value *out)
{
	switch (in->attr->syntax) {
	case IDM_SYNTAX_UUID:
	case IDM_SYNTAX_REFERENCE: return parse_uuid(in, out);
	case IDM_SYNTAX_KEYWORD: return parse_keyword(in, out);
	case IDM_SYNTAX_INAME: return parse_name(in, idm_iname_parse, out);
	case IDM_SYNTAX_INAME_DNS: return parse_name(in, idm_domain_parse, out);
	case IDM_SYNTAX_SPN: return parse_name(in, idm_spn_parse, out);
	case IDM_SYNTAX_UTF8:
	case IDM_SYNTAX_FILTER: return parse_text(in, out);
	case IDM_SYNTAX_UTF8_NOCASE: return parse_text_nocase(in, out);
	case IDM_SYNTAX_EMAIL: return parse_mail(in, out);
	case IDM_SYNTAX_DATETIME: return parse_datetime(in, out);
	case IDM_SYNTAX_CREDENTIAL:
	case IDM_SYNTAX_SECRET:
	case IDM_SYNTAX_SESSION:
		return refuse(in, "can't be written as a value: use the command or the extended "
				  "operation that sets it");
	case IDM_SYNTAX_SSHKEY:
		return idm_sshkey_parse(in->attr->name, in->text, in->arena, out, in->err);
	case IDM_SYNTAX_UINT32: return parse_uint32(in, out);
	case IDM_SYNTAX_PATH: return parse_path(in, out);
	case IDM_SYNTAX_BOOLEAN: return parse_boolean(in, out);
	case IDM_SYNTAX_NETWORK: return parse_network(in, out);
	}
	return refuse(in, "has an unknown syntax");
}

enum idm_result
idm_value_parse(const struct idm_attr *attr, struct idm_span text, struct idm_arena *arena,
    struct idm_value *out, struct idm_error *err)
{
	struct input in = { attr, text, arena, err };

	return parse_value(&in, out);
}
