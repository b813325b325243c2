#include "tests/support/pdu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum {
	TAG_CONTROLS = 0xa0,
	TAG_SIMPLE = 0x80,
	TAG_SASL = 0xa3,
	FILTER_AND = 0xa0,
	FILTER_OR = 0xa1,
	FILTER_NOT = 0xa2,
	FILTER_EQUALITY = 0xa3,
	FILTER_PRESENT = 0x87,
	TAG_RESPONSE_NAME = 0x8a,
	TAG_RESPONSE_VALUE = 0x8b,
};

void
requests_init(struct requests *r)
{
	memset(r, 0, sizeof(*r));
	ber_writer_init(&r->w, PDU_REQUESTS_BYTES);
}

void
requests_free(struct requests *r)
{
	ber_writer_free(&r->w);
}

void
requests_clear(struct requests *r)
{
	ber_writer_rewind(&r->w, 0);
}

/* --- requests */

struct marks {
	size_t message;
	size_t op;
};

static void
write_text(struct requests *r, uint8_t tag, const char *text)
{
	ber_write_octets(&r->w, tag, idm_span_cstr(text));
}

static struct marks
begin(struct requests *r, int32_t id, uint8_t op)
{
	struct marks marks;

	marks.message = ber_open(&r->w, BER_SEQUENCE, BER_SHORT);
	ber_write_integer(&r->w, BER_INTEGER, id);
	marks.op = op != 0 ? ber_open(&r->w, op, BER_SHORT) : 0;
	return marks;
}

static void
write_control(struct requests *r, struct ldap_control *control)
{
	size_t one;

	if (control->oid.len == 0)
		return;
	one = ber_open(&r->w, BER_SEQUENCE, BER_SHORT);
	ber_write_octets(&r->w, BER_OCTET_STRING, control->oid);
	if (control->critical)
		ber_write_boolean(&r->w, BER_BOOLEAN, true);
	if (control->has_value)
		ber_write_octets(&r->w, BER_OCTET_STRING, control->value);
	ber_close(&r->w, one);
	control->oid.len = 0;
}

static void
end(struct requests *r, struct marks marks)
{
	size_t list;

	if (marks.op != 0)
		ber_close(&r->w, marks.op);
	if (r->control.oid.len != 0 || r->other.oid.len != 0) {
		list = ber_open(&r->w, TAG_CONTROLS, BER_SHORT);
		write_control(r, &r->control);
		write_control(r, &r->other);
		ber_close(&r->w, list);
	}
	ber_close(&r->w, marks.message);
	assert_false(r->w.failed);
}

void
request_bind(struct requests *r, int32_t id, const char *name, const char *password)
{
	struct marks marks = begin(r, id, LDAP_BIND_REQUEST);

	ber_write_integer(&r->w, BER_INTEGER, 3);
	write_text(r, BER_OCTET_STRING, name);
	write_text(r, TAG_SIMPLE, password);
	end(r, marks);
}

void
request_bind_sasl(struct requests *r, int32_t id, const char *mechanism)
{
	struct marks marks = begin(r, id, LDAP_BIND_REQUEST);
	size_t sasl;

	ber_write_integer(&r->w, BER_INTEGER, 3);
	write_text(r, BER_OCTET_STRING, "");
	sasl = ber_open(&r->w, TAG_SASL, BER_SHORT);
	write_text(r, BER_OCTET_STRING, mechanism);
	ber_close(&r->w, sasl);
	end(r, marks);
}

void
request_unbind(struct requests *r, int32_t id)
{
	struct marks marks = begin(r, id, 0);

	ber_write_octets(&r->w, LDAP_UNBIND_REQUEST, IDM_SPAN_EMPTY);
	end(r, marks);
}

/* Writes the filter at `at`; returns what stands behind it. */
static const char *
write_filter(struct requests *r, const char *at)
{
	const char *equals, *close;
	size_t mark;

	assert_int_equal(*at++, '(');
	if (*at == '&' || *at == '|' || *at == '!') {
		mark = ber_open(&r->w,
		    *at == '&'   ? FILTER_AND
		    : *at == '|' ? FILTER_OR
				 : FILTER_NOT,
		    BER_SHORT);
		for (at++; *at == '(';)
			at = write_filter(r, at);
		ber_close(&r->w, mark);
		assert_int_equal(*at, ')');
		return at + 1;
	}
	equals = strchr(at, '=');
	close = strchr(at, ')');
	assert_true(equals != NULL && close != NULL);
	if (strncmp(equals, "=*)", 3) == 0) {
		ber_write_octets(&r->w, FILTER_PRESENT, idm_span_of(at, (size_t)(equals - at)));
		return close + 1;
	}
	mark = ber_open(&r->w, FILTER_EQUALITY, BER_SHORT);
	ber_write_octets(&r->w, BER_OCTET_STRING, idm_span_of(at, (size_t)(equals - at)));
	ber_write_octets(
	    &r->w, BER_OCTET_STRING, idm_span_of(equals + 1, (size_t)(close - equals - 1)));
	ber_close(&r->w, mark);
	return close + 1;
}

static void
write_words(struct requests *r, const char *words)
{
	while (words != NULL && *words != '\0') {
		size_t len = strcspn(words, " ");

		ber_write_octets(&r->w, BER_OCTET_STRING, idm_span_of(words, len));
		words += len + (words[len] == ' ');
	}
}

void
request_search(struct requests *r, int32_t id, const struct search *search)
{
	struct marks marks = begin(r, id, LDAP_SEARCH_REQUEST);
	size_t list;

	write_text(r, BER_OCTET_STRING, search->base);
	ber_write_integer(&r->w, BER_ENUMERATED, search->scope);
	ber_write_integer(&r->w, BER_ENUMERATED, 0);
	ber_write_integer(&r->w, BER_INTEGER, search->size_limit);
	ber_write_integer(&r->w, BER_INTEGER, search->time_limit_s);
	ber_write_boolean(&r->w, BER_BOOLEAN, search->types_only);
	write_filter(r, search->filter != NULL ? search->filter : "(objectClass=*)");
	list = ber_open(&r->w, BER_SEQUENCE, BER_SHORT);
	write_words(r, search->attributes);
	ber_close(&r->w, list);
	end(r, marks);
}

void
request_compare(
    struct requests *r, int32_t id, const char *dn, const char *attribute, const char *value)
{
	struct marks marks = begin(r, id, LDAP_COMPARE_REQUEST);
	size_t assertion;

	write_text(r, BER_OCTET_STRING, dn);
	assertion = ber_open(&r->w, BER_SEQUENCE, BER_SHORT);
	write_text(r, BER_OCTET_STRING, attribute);
	write_text(r, BER_OCTET_STRING, value);
	ber_close(&r->w, assertion);
	end(r, marks);
}

void
request_abandon(struct requests *r, int32_t id, int32_t other)
{
	struct marks marks = begin(r, id, 0);

	ber_write_integer(&r->w, LDAP_ABANDON_REQUEST, other);
	end(r, marks);
}

void
request_delete(struct requests *r, int32_t id, const char *dn)
{
	struct marks marks = begin(r, id, 0);

	write_text(r, LDAP_DELETE_REQUEST, dn);
	end(r, marks);
}

void
request_rename(
    struct requests *r, int32_t id, const char *dn, const char *rdn, const char *superior)
{
	struct marks marks = begin(r, id, LDAP_MODIFY_DN_REQUEST);

	write_text(r, BER_OCTET_STRING, dn);
	write_text(r, BER_OCTET_STRING, rdn);
	ber_write_boolean(&r->w, BER_BOOLEAN, true);
	if (superior != NULL)
		write_text(r, 0x80, superior);
	end(r, marks);
}

/* type, and a SET of one value or none */
static void
write_attribute(struct requests *r, const char *type, const char *value)
{
	size_t attribute = ber_open(&r->w, BER_SEQUENCE, BER_SHORT);
	size_t set;

	write_text(r, BER_OCTET_STRING, type);
	set = ber_open(&r->w, BER_SET, BER_SHORT);
	if (value[0] != '\0')
		write_text(r, BER_OCTET_STRING, value);
	ber_close(&r->w, set);
	ber_close(&r->w, attribute);
}

void
request_add(struct requests *r, int32_t id, const char *dn, ...)
{
	struct marks marks = begin(r, id, LDAP_ADD_REQUEST);
	size_t list;
	const char *type;
	va_list args;

	write_text(r, BER_OCTET_STRING, dn);
	list = ber_open(&r->w, BER_SEQUENCE, BER_SHORT);
	va_start(args, dn);
	while ((type = va_arg(args, const char *)) != NULL)
		write_attribute(r, type, va_arg(args, const char *));
	va_end(args);
	ber_close(&r->w, list);
	end(r, marks);
}

void
request_modify(struct requests *r, int32_t id, const char *dn, ...)
{
	static const char signs[] = "+-=#"; /* as enum ldap_modify_kind counts */
	struct marks marks = begin(r, id, LDAP_MODIFY_REQUEST);
	size_t list, change;
	const char *type, *sign;
	va_list args;

	write_text(r, BER_OCTET_STRING, dn);
	list = ber_open(&r->w, BER_SEQUENCE, BER_SHORT);
	va_start(args, dn);
	while ((type = va_arg(args, const char *)) != NULL) {
		sign = strchr(signs, type[0]);
		assert_non_null(sign);
		change = ber_open(&r->w, BER_SEQUENCE, BER_SHORT);
		ber_write_integer(&r->w, BER_ENUMERATED, sign - signs);
		write_attribute(r, type + 1, va_arg(args, const char *));
		ber_close(&r->w, change);
	}
	va_end(args);
	ber_close(&r->w, list);
	end(r, marks);
}

void
request_extended(struct requests *r, int32_t id, const char *oid, struct idm_span value)
{
	struct marks marks = begin(r, id, LDAP_EXTENDED_REQUEST);

	write_text(r, 0x80, oid);
	if (value.ptr != NULL)
		ber_write_octets(&r->w, 0x81, value);
	end(r, marks);
}

struct idm_span
exop_strings(const char *const *texts, size_t count)
{
	static uint8_t value[4096];
	struct ber_writer w;
	size_t mark, len;

	ber_writer_init(&w, sizeof(value));
	mark = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	for (size_t i = 0; i < count; i++)
		ber_write_octets(&w, BER_OCTET_STRING, idm_span_cstr(texts[i]));
	ber_close(&w, mark);
	assert_false(w.failed);
	len = w.len;
	memcpy(value, w.data, len);
	ber_writer_free(&w);
	return idm_span_of(value, len);
}

struct idm_span
filter_value(const char *text)
{
	static uint8_t value[4096];
	struct requests r;
	size_t len;

	requests_init(&r);
	write_filter(&r, text);
	len = r.w.len;
	assert_true(!r.w.failed && len <= sizeof(value));
	memcpy(value, r.w.data, len);
	requests_free(&r);
	return idm_span_of(value, len);
}

/* --- answers */

static void
copy_text(char out[ANSWER_TEXT_BYTES], struct idm_span text)
{
	snprintf(out, ANSWER_TEXT_BYTES, "%.*s", IDM_SPAN_ARG(text));
}

static void
decode_entry(struct ber_reader *op, struct answer *out)
{
	struct ber_reader attributes;
	size_t len = 0;

	copy_text(out->dn, ber_read_octets(op, BER_OCTET_STRING));
	attributes = ber_read_nested(op, BER_SEQUENCE);
	while (!ber_at_end(&attributes)) {
		struct ber_reader attribute = ber_read_nested(&attributes, BER_SEQUENCE);
		struct idm_span type = ber_read_octets(&attribute, BER_OCTET_STRING);
		struct ber_reader values = ber_read_nested(&attribute, BER_SET);

		if (ber_at_end(&values))
			len += (size_t)snprintf(out->entry + len, sizeof(out->entry) - len,
			    "%.*s:\n", IDM_SPAN_ARG(type));
		while (!ber_at_end(&values)) {
			struct idm_span value = ber_read_octets(&values, BER_OCTET_STRING);

			len += (size_t)snprintf(out->entry + len, sizeof(out->entry) - len,
			    "%.*s: %.*s\n", IDM_SPAN_ARG(type), IDM_SPAN_ARG(value));
			assert_true(len < sizeof(out->entry));
		}
		ber_read_end(&attribute);
	}
}

static void
decode_value(struct ber_reader *op, struct answer *out)
{
	struct idm_span value;

	if (ber_next_tag(op) == TAG_RESPONSE_NAME)
		copy_text(out->oid, ber_read_octets(op, TAG_RESPONSE_NAME));
	if (ber_next_tag(op) != TAG_RESPONSE_VALUE)
		return;
	value = ber_read_octets(op, TAG_RESPONSE_VALUE);
	assert_true(value.len <= sizeof(out->value));
	out->has_value = true;
	out->value_len = value.len;
	if (value.len != 0)
		memcpy(out->value, value.ptr, value.len);
}

static void
decode_result(struct ber_reader *op, struct answer *out)
{
	out->code = (enum ldap_result_code)ber_read_integer(
	    op, BER_ENUMERATED, 0, LDAP_SYNC_REFRESH_REQUIRED);
	copy_text(out->matched_dn, ber_read_octets(op, BER_OCTET_STRING));
	copy_text(out->text, ber_read_octets(op, BER_OCTET_STRING));
	if (out->tag == LDAP_TAG_EXTENDED_RESPONSE)
		decode_value(op, out);
}

static void
decode_control(struct ber_reader *list, char *oid, uint8_t *out, size_t room, size_t *len)
{
	struct ber_reader control = ber_read_nested(list, BER_SEQUENCE);
	struct idm_span value;

	copy_text(oid, ber_read_octets(&control, BER_OCTET_STRING));
	if (ber_next_tag(&control) == BER_BOOLEAN)
		ber_read_boolean(&control, BER_BOOLEAN);
	if (ber_next_tag(&control) == BER_OCTET_STRING) {
		value = ber_read_octets(&control, BER_OCTET_STRING);
		assert_true(value.len <= room);
		memcpy(out, value.ptr, value.len);
		*len = value.len;
	}
	ber_read_end(&control);
}

static void
decode_controls(struct ber_reader *message, struct answer *out)
{
	struct ber_reader list = ber_read_nested(message, TAG_CONTROLS);

	decode_control(&list, out->control, out->control_value, sizeof(out->control_value),
	    &out->control_value_len);
	if (!ber_at_end(&list))
		decode_control(&list, out->other, out->other_value, sizeof(out->other_value),
		    &out->other_value_len);
	ber_read_end(&list);
}

void
answer_decode(struct idm_span pdu, struct answer *out)
{
	bool bad = false;
	struct ber_reader top = ber_reader_of(pdu, &bad);
	struct ber_reader message = ber_read_nested(&top, BER_SEQUENCE);
	struct ber_reader op;

	memset(out, 0, sizeof(*out));
	out->id = (int32_t)ber_read_integer(&message, BER_INTEGER, 0, INT32_MAX);
	out->tag = ber_next_tag(&message);
	op = ber_read_nested(&message, out->tag);
	if (out->tag == LDAP_TAG_SEARCH_ENTRY)
		decode_entry(&op, out);
	else
		decode_result(&op, out);
	ber_read_end(&op);
	if (!ber_at_end(&message))
		decode_controls(&message, out);
	ber_read_end(&message);
	ber_read_end(&top);
	assert_false(bad);
}

bool
answer_has(const struct answer *answer, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = answer->entry; *at != '\0'; at = strchr(at, '\n') + 1) {
		if (strncmp(at, line, len) == 0 && at[len] == '\n')
			return true;
	}
	return false;
}

/* A sequence within is written flat. */
static size_t
write_fields(struct ber_reader *r, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	while (!ber_at_end(r)) {
		uint8_t tag = ber_next_tag(r);

		if (len != 0)
			len += (size_t)snprintf(out + len, size - len, "|");
		if (tag == BER_SEQUENCE) {
			struct ber_reader inner = ber_read_nested(r, BER_SEQUENCE);

			len += write_fields(&inner, out + len, size - len);
		} else if (tag == BER_INTEGER || tag == BER_ENUMERATED) {
			len += (size_t)snprintf(out + len, size - len, "%lld",
			    (long long)ber_read_integer(r, tag, INT64_MIN, INT64_MAX));
		} else if (tag == BER_BOOLEAN) {
			len += (size_t)snprintf(out + len, size - len, "%s",
			    ber_read_boolean(r, tag) ? "TRUE" : "FALSE");
		} else {
			struct idm_span text = ber_read_octets(r, BER_OCTET_STRING);

			len += (size_t)snprintf(out + len, size - len, "%.*s", IDM_SPAN_ARG(text));
		}
		assert_true(len < size);
	}
	return len;
}

const char *
exop_fields(struct idm_span value)
{
	static char texts[4][ANSWER_VALUE_BYTES];
	static unsigned turn;
	char *out = texts[turn++ % 4];
	bool bad = false;
	struct ber_reader r = ber_reader_of(value, &bad);
	struct ber_reader seq = ber_read_nested(&r, BER_SEQUENCE);

	write_fields(&seq, out, ANSWER_VALUE_BYTES);
	ber_read_end(&r);
	assert_false(bad);
	return out;
}
