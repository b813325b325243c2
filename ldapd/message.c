#include "ldapd/message.h"

#include <string.h>

enum {
	TAG_CONTROLS = 0xa0,    /* LDAPMessage: [0] */
	TAG_AUTH_SIMPLE = 0x80, /* AuthenticationChoice */
	TAG_AUTH_SASL = 0xa3,
	TAG_NEW_SUPERIOR = 0x80, /* ModifyDNRequest */
	TAG_REQUEST_NAME = 0x80, /* ExtendedRequest */
	TAG_REQUEST_VALUE = 0x81,
	TAG_RESPONSE_NAME = 0x8a, /* ExtendedResponse */
	TAG_RESPONSE_VALUE = 0x8b,
	TAG_INTERMEDIATE_NAME = 0x80,
	TAG_INTERMEDIATE_VALUE = 0x81,
	TAG_PASSWORD_USER = 0x80, /* PasswdModifyRequestValue */
	TAG_PASSWORD_OLD = 0x81,
	TAG_PASSWORD_NEW = 0x82,
	TAG_PASSWORD_GENERATED = 0x80,

	TAG_FILTER_AND = 0xa0,
	TAG_FILTER_OR = 0xa1,
	TAG_FILTER_NOT = 0xa2,
	TAG_FILTER_EQUALITY = 0xa3,
	TAG_FILTER_SUBSTRINGS = 0xa4,
	TAG_FILTER_GREATER_OR_EQUAL = 0xa5,
	TAG_FILTER_LESS_OR_EQUAL = 0xa6,
	TAG_FILTER_PRESENT = 0x87,
	TAG_FILTER_APPROX = 0xa8,
	TAG_FILTER_EXTENSIBLE = 0xa9,
	TAG_SUBSTRING_INITIAL = 0x80,
	TAG_SUBSTRING_ANY = 0x81,
	TAG_SUBSTRING_FINAL = 0x82,
	TAG_MATCH_RULE = 0x81, /* MatchingRuleAssertion */
	TAG_MATCH_TYPE = 0x82,
	TAG_MATCH_VALUE = 0x83,
	TAG_MATCH_DN_ATTRIBUTES = 0x84,

	TAG_CLASS = 0xc0,
	TAG_CLASS_CONTEXT = 0x80,
	TAG_NUMBER = 0x1f,
	FILTER_CHOICES = 10, /* numbers below have a meaning, and so one tag alone */
};

static const char NOTICE_OF_DISCONNECTION[] = "1.3.6.1.4.1.1466.20036";

const struct ldap_limits ldap_limits_default = {
	.filter_depth = 12,
	.filter_nodes = 600,
	.substring_pieces = 8,
	.attributes_asked = 64,
	.attributes_sent = 64,
	.controls = 8,
	.dn_bytes = 1024,
	.description_bytes = 256,
	.assertion_bytes = 1024,
};

/* One message as it is decoded.  A refusal sets `bad` too, so that nothing more is read. */
struct decoder {
	const struct ldap_limits *limits;
	struct idm_arena *arena;
	bool bad;
	enum ldap_result_code refusal; /* LDAP_SUCCESS: none */
	const char *refusal_text;
};

/* The first of violations and refusals counts, for what is read after it is nothing. */
static void
refuse(struct decoder *d, enum ldap_result_code code, const char *text)
{
	if (d->bad)
		return;
	d->bad = true;
	d->refusal = code;
	d->refusal_text = text;
}

static void
limit(struct decoder *d, size_t count, size_t max, const char *text)
{
	if (count > max)
		refuse(d, LDAP_ADMIN_LIMIT_EXCEEDED, text);
}

static void *
new_array(struct decoder *d, size_t count, size_t bytes)
{
	void *out = NULL;

	if (!d->bad && count != 0) {
		out = idm_arena_array(d->arena, count, bytes);
		if (out == NULL)
			refuse(d, LDAP_ADMIN_LIMIT_EXCEEDED, "the request needs too much memory");
	}
	return out;
}

static struct idm_span
read_dn(struct decoder *d, struct ber_reader *r, uint8_t tag)
{
	struct idm_span out = ber_read_octets(r, tag);

	limit(d, out.len, d->limits->dn_bytes, "a DN is too long");
	return out;
}

static struct idm_span
read_description(struct decoder *d, struct ber_reader *r, uint8_t tag)
{
	struct idm_span out = ber_read_octets(r, tag);

	limit(d, out.len, d->limits->description_bytes, "a name or an OID is too long");
	return out;
}

static struct idm_span
read_assertion(struct decoder *d, struct ber_reader *r, uint8_t tag)
{
	struct idm_span out = ber_read_octets(r, tag);

	limit(d, out.len, d->limits->assertion_bytes, "an assertion value is too long");
	return out;
}

/* A sequence may end in components of later standards; they are ignored (RFC 4511 section 4). */
static void
read_extensions(struct ber_reader *r)
{
	uint8_t tag;

	while (!ber_at_end(r)) {
		ber_read_any(r, &tag);
		if ((tag & TAG_CLASS) != TAG_CLASS_CONTEXT)
			*r->bad = true;
	}
}

/* The values of an attribute: SET OF OCTET STRING. */
static void
read_values(struct decoder *d, struct ber_reader *r, struct ldap_attribute *out)
{
	struct ber_reader set = ber_read_nested(r, BER_SET);
	size_t count = ber_count(set);
	struct idm_span *values = new_array(d, count, sizeof(*values));

	if (values == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		values[i] = ber_read_octets(&set, BER_OCTET_STRING);
	out->values = values;
	out->value_count = count;
}

/* PartialAttribute (RFC 4511 section 4.1.7). */
static void
read_attribute(struct decoder *d, struct ber_reader *r, struct ldap_attribute *out)
{
	struct ber_reader attribute = ber_read_nested(r, BER_SEQUENCE);

	out->type = read_description(d, &attribute, BER_OCTET_STRING);
	read_values(d, &attribute, out);
	read_extensions(&attribute);
}

static void
read_sasl(struct decoder *d, struct ber_reader *r, struct ldap_bind_request *out)
{
	struct ber_reader sasl = ber_read_nested(r, TAG_AUTH_SASL);

	out->auth = LDAP_AUTH_SASL;
	out->mechanism = read_description(d, &sasl, BER_OCTET_STRING);
	if (ber_next_tag(&sasl) == BER_OCTET_STRING)
		ber_read_octets(&sasl, BER_OCTET_STRING);
	read_extensions(&sasl);
}

/* RFC 4511 section 4.2; another version is answered, not disconnected for (section 4.2.1). */
static void
read_bind(struct decoder *d, struct ber_reader *r, struct ldap_bind_request *out)
{
	struct ber_reader bind = ber_read_nested(r, LDAP_BIND_REQUEST);
	int64_t version = ber_read_integer(&bind, BER_INTEGER, 1, 127);
	uint8_t tag;

	if (version != 3)
		refuse(d, LDAP_PROTOCOL_ERROR, "only LDAP version 3 is spoken here");
	out->name = read_dn(d, &bind, BER_OCTET_STRING);
	switch (ber_next_tag(&bind)) {
	case TAG_AUTH_SIMPLE:
		out->auth = LDAP_AUTH_SIMPLE;
		out->password = ber_read_octets(&bind, TAG_AUTH_SIMPLE);
		break;
	case TAG_AUTH_SASL: read_sasl(d, &bind, out); break;
	default:
		out->auth = LDAP_AUTH_UNKNOWN;
		ber_read_any(&bind, &tag);
		if ((tag & TAG_CLASS) != TAG_CLASS_CONTEXT)
			d->bad = true;
	}
	read_extensions(&bind);
}

/* The pieces of a substring item: initial first if any, final last if any. */
static void
read_pieces(struct decoder *d, struct ber_reader *r, struct ldap_filter *out)
{
	size_t count = ber_count(*r);
	struct idm_span *any;

	if (count == 0)
		refuse(d, LDAP_PROTOCOL_ERROR, "a substring item has no piece");
	limit(d, count, d->limits->substring_pieces, "a substring item has too many pieces");
	if (ber_next_tag(r) == TAG_SUBSTRING_INITIAL)
		out->initial = read_assertion(d, r, TAG_SUBSTRING_INITIAL);
	any = new_array(d, count, sizeof(*any));
	out->any = any;
	while (ber_next_tag(r) == TAG_SUBSTRING_ANY)
		any[out->any_count++] = read_assertion(d, r, TAG_SUBSTRING_ANY);
	if (ber_next_tag(r) == TAG_SUBSTRING_FINAL)
		out->final = read_assertion(d, r, TAG_SUBSTRING_FINAL);
	ber_read_end(r);
}

static void
read_substrings(struct decoder *d, struct ber_reader *r, struct ldap_filter *out)
{
	struct ber_reader item = ber_read_nested(r, TAG_FILTER_SUBSTRINGS);
	struct ber_reader pieces;

	out->attribute = read_description(d, &item, BER_OCTET_STRING);
	pieces = ber_read_nested(&item, BER_SEQUENCE);
	read_pieces(d, &pieces, out);
	read_extensions(&item);
}

/* MatchingRuleAssertion (RFC 4511 section 4.5.1.7.7). */
static void
read_extensible(struct decoder *d, struct ber_reader *r, struct ldap_filter *out)
{
	struct ber_reader item = ber_read_nested(r, TAG_FILTER_EXTENSIBLE);

	if (ber_next_tag(&item) == TAG_MATCH_RULE)
		out->rule = read_description(d, &item, TAG_MATCH_RULE);
	if (ber_next_tag(&item) == TAG_MATCH_TYPE)
		out->attribute = read_description(d, &item, TAG_MATCH_TYPE);
	out->value = read_assertion(d, &item, TAG_MATCH_VALUE);
	if (ber_next_tag(&item) == TAG_MATCH_DN_ATTRIBUTES)
		out->dn_attributes = ber_read_boolean(&item, TAG_MATCH_DN_ATTRIBUTES);
	read_extensions(&item);
	if (out->rule.len == 0 && out->attribute.len == 0)
		refuse(d, LDAP_PROTOCOL_ERROR, "a match needs a rule or an attribute");
}

/* AttributeValueAssertion (RFC 4511 section 4.1.6). */
static void
read_assertion_pair(struct decoder *d, struct ber_reader *r, uint8_t tag,
    struct idm_span *attribute, struct idm_span *value)
{
	struct ber_reader pair = ber_read_nested(r, tag);

	*attribute = read_description(d, &pair, BER_OCTET_STRING);
	*value = read_assertion(d, &pair, BER_OCTET_STRING);
	read_extensions(&pair);
}

/* A choice of later standards has a number that has no meaning yet. */
static void
read_unknown_filter(struct decoder *d, struct ber_reader *r)
{
	uint8_t tag;

	ber_read_any(r, &tag);
	if ((tag & TAG_CLASS) != TAG_CLASS_CONTEXT || (tag & TAG_NUMBER) < FILTER_CHOICES)
		d->bad = true;
}

static enum ldap_filter_kind
filter_kind(uint8_t tag)
{
	switch (tag) {
	case TAG_FILTER_AND: return LDAP_FILTER_AND;
	case TAG_FILTER_OR: return LDAP_FILTER_OR;
	case TAG_FILTER_NOT: return LDAP_FILTER_NOT;
	case TAG_FILTER_EQUALITY: return LDAP_FILTER_EQUALITY;
	case TAG_FILTER_SUBSTRINGS: return LDAP_FILTER_SUBSTRINGS;
	case TAG_FILTER_GREATER_OR_EQUAL: return LDAP_FILTER_GREATER_OR_EQUAL;
	case TAG_FILTER_LESS_OR_EQUAL: return LDAP_FILTER_LESS_OR_EQUAL;
	case TAG_FILTER_PRESENT: return LDAP_FILTER_PRESENT;
	case TAG_FILTER_APPROX: return LDAP_FILTER_APPROX;
	case TAG_FILTER_EXTENSIBLE: return LDAP_FILTER_EXTENSIBLE;
	default: return LDAP_FILTER_UNKNOWN;
	}
}

/* One node of a filter without its children, which `inner` then holds. */
static struct ldap_filter *
read_node(struct decoder *d, struct ber_reader *r, struct ber_reader *inner)
{
	uint8_t tag = ber_next_tag(r);
	struct ldap_filter *node = new_array(d, 1, sizeof(*node));

	if (node == NULL)
		return NULL;
	*inner = ber_reader_of(IDM_SPAN_EMPTY, &d->bad);
	node->kind = filter_kind(tag);
	switch (node->kind) {
	case LDAP_FILTER_AND:
	case LDAP_FILTER_OR:
	case LDAP_FILTER_NOT: *inner = ber_read_nested(r, tag); break;
	case LDAP_FILTER_EQUALITY:
	case LDAP_FILTER_GREATER_OR_EQUAL:
	case LDAP_FILTER_LESS_OR_EQUAL:
	case LDAP_FILTER_APPROX:
		read_assertion_pair(d, r, tag, &node->attribute, &node->value);
		break;
	case LDAP_FILTER_PRESENT: node->attribute = read_description(d, r, tag); break;
	case LDAP_FILTER_SUBSTRINGS: read_substrings(d, r, node); break;
	case LDAP_FILTER_EXTENSIBLE: read_extensible(d, r, node); break;
	case LDAP_FILTER_UNKNOWN: read_unknown_filter(d, r); break;
	}
	return d->bad ? NULL : node;
}

/* A node whose children are being read. */
struct filter_level {
	struct ldap_filter *node;
	struct ldap_filter **tail; /* where the next child is to be linked */
	struct ber_reader rest;
};

static bool
has_children(const struct ldap_filter *node)
{
	return node->kind == LDAP_FILTER_AND || node->kind == LDAP_FILTER_OR ||
	       node->kind == LDAP_FILTER_NOT;
}

/* Read the next child of `level`; `inner` then holds the child's own. */
static struct ldap_filter *
read_child(struct decoder *d, struct filter_level *level, struct ber_reader *inner)
{
	struct ldap_filter *child = read_node(d, &level->rest, inner);

	if (child == NULL)
		return NULL;
	*level->tail = child;
	level->tail = &child->next;
	level->node->child_count++;
	if (level->node->kind == LDAP_FILTER_NOT)
		ber_read_end(&level->rest);
	return child;
}

/*
 * A filter, with a stack of its own instead of recursion: what a client nests costs no more of
 * the program's stack than what is flat.
 */
static struct ldap_filter *
read_filter(struct decoder *d, struct ber_reader *r)
{
	struct filter_level stack[LDAP_FILTER_DEPTH_MAX];
	struct ber_reader inner;
	struct ldap_filter *root = read_node(d, r, &inner);
	struct ldap_filter *node = root;
	size_t depth = 0;
	size_t nodes = 1;

	while (!d->bad) {
		if (has_children(node)) {
			stack[depth] = (struct filter_level){ node, &node->children, inner };
			depth++;
			/* A negation of nothing. */
			if (node->kind == LDAP_FILTER_NOT && ber_at_end(&inner))
				d->bad = true;
		}
		while (depth > 0 && ber_at_end(&stack[depth - 1].rest))
			depth--;
		if (depth == 0)
			break;
		limit(d, ++nodes, d->limits->filter_nodes, "the filter has too many items");
		if (depth == d->limits->filter_depth || depth == LDAP_FILTER_DEPTH_MAX)
			refuse(d, LDAP_ADMIN_LIMIT_EXCEEDED, "the filter is nested too deeply");
		node = read_child(d, &stack[depth - 1], &inner);
	}
	return root;
}

static void
read_attributes_asked(struct decoder *d, struct ber_reader *r, struct ldap_search_request *out)
{
	struct ber_reader list = ber_read_nested(r, BER_SEQUENCE);
	size_t count = ber_count(list);
	struct idm_span *attributes;

	limit(d, count, d->limits->attributes_asked, "too many attributes are asked for");
	attributes = new_array(d, count, sizeof(*attributes));
	if (attributes == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		attributes[i] = read_description(d, &list, BER_OCTET_STRING);
	out->attributes = attributes;
	out->attribute_count = count;
}

/* An enumeration may be extended: what is not known is refused, and no violation. */
static int
read_enumerated(struct decoder *d, struct ber_reader *r, int max, const char *text)
{
	int64_t value = ber_read_integer(r, BER_ENUMERATED, 0, INT32_MAX);

	if (value > max)
		refuse(d, LDAP_PROTOCOL_ERROR, text);
	return (int)value;
}

/* RFC 4511 section 4.5.1. */
static void
read_search(struct decoder *d, struct ber_reader *r, struct ldap_search_request *out)
{
	struct ber_reader search = ber_read_nested(r, LDAP_SEARCH_REQUEST);

	out->base = read_dn(d, &search, BER_OCTET_STRING);
	out->scope = read_enumerated(d, &search, LDAP_SCOPE_SUB, "the scope is not known");
	out->deref = read_enumerated(d, &search, 3, "the choice of derefAliases is not known");
	out->size_limit = (int32_t)ber_read_integer(&search, BER_INTEGER, 0, INT32_MAX);
	out->time_limit_s = (int32_t)ber_read_integer(&search, BER_INTEGER, 0, INT32_MAX);
	out->types_only = ber_read_boolean(&search, BER_BOOLEAN);
	out->filter = read_filter(d, &search);
	read_attributes_asked(d, &search, out);
	read_extensions(&search);
}

static void
read_change(struct decoder *d, struct ber_reader *r, struct ldap_modification *out)
{
	struct ber_reader change = ber_read_nested(r, BER_SEQUENCE);

	out->kind =
	    read_enumerated(d, &change, LDAP_MODIFY_INCREMENT, "the modification is not known");
	read_attribute(d, &change, &out->attribute);
	read_extensions(&change);
}

/* RFC 4511 section 4.6. */
static void
read_modify(struct decoder *d, struct ber_reader *r, struct ldap_modify_request *out)
{
	struct ber_reader modify = ber_read_nested(r, LDAP_MODIFY_REQUEST);
	struct ldap_modification *changes;
	struct ber_reader list;
	size_t count;

	out->dn = read_dn(d, &modify, BER_OCTET_STRING);
	list = ber_read_nested(&modify, BER_SEQUENCE);
	count = ber_count(list);
	limit(d, count, d->limits->attributes_sent, "too many modifications");
	changes = new_array(d, count, sizeof(*changes));
	for (size_t i = 0; !d->bad && i < count; i++)
		read_change(d, &list, &changes[i]);
	out->changes = changes;
	out->change_count = count;
	read_extensions(&modify);
}

/* RFC 4511 section 4.7. */
static void
read_add(struct decoder *d, struct ber_reader *r, struct ldap_add_request *out)
{
	struct ber_reader add = ber_read_nested(r, LDAP_ADD_REQUEST);
	struct ldap_attribute *attributes;
	struct ber_reader list;
	size_t count;

	out->dn = read_dn(d, &add, BER_OCTET_STRING);
	list = ber_read_nested(&add, BER_SEQUENCE);
	count = ber_count(list);
	limit(d, count, d->limits->attributes_sent, "too many attributes");
	attributes = new_array(d, count, sizeof(*attributes));
	for (size_t i = 0; !d->bad && i < count; i++) {
		read_attribute(d, &list, &attributes[i]);
		if (attributes[i].value_count == 0)
			refuse(d, LDAP_PROTOCOL_ERROR, "an attribute has no value");
	}
	out->attributes = attributes;
	out->attribute_count = count;
	read_extensions(&add);
}

/* RFC 4511 section 4.9. */
static void
read_modify_dn(struct decoder *d, struct ber_reader *r, struct ldap_modify_dn_request *out)
{
	struct ber_reader modify = ber_read_nested(r, LDAP_MODIFY_DN_REQUEST);

	out->dn = read_dn(d, &modify, BER_OCTET_STRING);
	out->new_rdn = read_dn(d, &modify, BER_OCTET_STRING);
	out->delete_old_rdn = ber_read_boolean(&modify, BER_BOOLEAN);
	out->has_new_superior = ber_next_tag(&modify) == TAG_NEW_SUPERIOR;
	if (out->has_new_superior)
		out->new_superior = read_dn(d, &modify, TAG_NEW_SUPERIOR);
	read_extensions(&modify);
}

/* RFC 4511 section 4.10. */
static void
read_compare(struct decoder *d, struct ber_reader *r, struct ldap_compare_request *out)
{
	struct ber_reader compare = ber_read_nested(r, LDAP_COMPARE_REQUEST);

	out->dn = read_dn(d, &compare, BER_OCTET_STRING);
	read_assertion_pair(d, &compare, BER_SEQUENCE, &out->attribute, &out->value);
	read_extensions(&compare);
}

/* RFC 4511 section 4.12. */
static void
read_extended(struct decoder *d, struct ber_reader *r, struct ldap_extended_request *out)
{
	struct ber_reader extended = ber_read_nested(r, LDAP_EXTENDED_REQUEST);

	out->oid = read_description(d, &extended, TAG_REQUEST_NAME);
	out->has_value = ber_next_tag(&extended) == TAG_REQUEST_VALUE;
	if (out->has_value)
		out->value = ber_read_octets(&extended, TAG_REQUEST_VALUE);
	read_extensions(&extended);
}

static void
read_unbind(struct decoder *d, struct ber_reader *r)
{
	if (ber_read_octets(r, LDAP_UNBIND_REQUEST).len != 0)
		d->bad = true;
}

static void
read_op(struct decoder *d, struct ber_reader *r, struct ldap_message *out)
{
	switch (out->op) {
	case LDAP_BIND_REQUEST: read_bind(d, r, &out->bind); return;
	case LDAP_UNBIND_REQUEST: read_unbind(d, r); return;
	case LDAP_SEARCH_REQUEST: read_search(d, r, &out->search); return;
	case LDAP_MODIFY_REQUEST: read_modify(d, r, &out->modify); return;
	case LDAP_ADD_REQUEST: read_add(d, r, &out->add); return;
	case LDAP_DELETE_REQUEST: out->delete_dn = read_dn(d, r, LDAP_DELETE_REQUEST); return;
	case LDAP_MODIFY_DN_REQUEST: read_modify_dn(d, r, &out->modify_dn); return;
	case LDAP_COMPARE_REQUEST: read_compare(d, r, &out->compare); return;
	case LDAP_ABANDON_REQUEST:
		out->abandon_id =
		    (int32_t)ber_read_integer(r, LDAP_ABANDON_REQUEST, 0, LDAP_MESSAGE_ID_MAX);
		return;
	case LDAP_EXTENDED_REQUEST: read_extended(d, r, &out->extended); return;
	}
	d->bad = true; /* no request, or none that is known */
}

static void
read_control(struct decoder *d, struct ber_reader *r, struct ldap_control *out)
{
	struct ber_reader control = ber_read_nested(r, BER_SEQUENCE);

	out->oid = read_description(d, &control, BER_OCTET_STRING);
	if (ber_next_tag(&control) == BER_BOOLEAN)
		out->critical = ber_read_boolean(&control, BER_BOOLEAN);
	out->has_value = ber_next_tag(&control) == BER_OCTET_STRING;
	if (out->has_value)
		out->value = ber_read_octets(&control, BER_OCTET_STRING);
	read_extensions(&control);
}

/* RFC 4511 section 4.1.11. */
static void
read_controls(struct decoder *d, struct ber_reader *r, struct ldap_message *out)
{
	struct ber_reader list;
	struct ldap_control *controls;
	size_t count;

	if (ber_next_tag(r) != TAG_CONTROLS)
		return;
	list = ber_read_nested(r, TAG_CONTROLS);
	count = ber_count(list);
	limit(d, count, d->limits->controls, "too many controls");
	controls = new_array(d, count, sizeof(*controls));
	for (size_t i = 0; !d->bad && i < count; i++)
		read_control(d, &list, &controls[i]);
	out->controls = controls;
	out->control_count = count;
}

enum ldap_decode
ldap_message_decode(struct idm_span pdu, const struct ldap_limits *limits, struct idm_arena *arena,
    struct ldap_message *out)
{
	struct decoder d = { .limits = limits, .arena = arena };
	struct ber_reader top = ber_reader_of(pdu, &d.bad);
	struct ber_reader msg;

	memset(out, 0, sizeof(*out));
	msg = ber_read_nested(&top, BER_SEQUENCE);
	ber_read_end(&top);
	out->message_id = (int32_t)ber_read_integer(&msg, BER_INTEGER, 1, LDAP_MESSAGE_ID_MAX);
	out->op = ber_next_tag(&msg);
	read_op(&d, &msg, out);
	read_controls(&d, &msg, out);
	read_extensions(&msg);
	if (!d.bad)
		return LDAP_DECODE_OK;
	if (d.refusal == LDAP_SUCCESS)
		return LDAP_DECODE_BAD;
	out->refusal = d.refusal;
	out->refusal_text = d.refusal_text;
	return LDAP_DECODE_REFUSED;
}

enum ldap_decode
ldap_filter_decode(struct idm_span value, const struct ldap_limits *limits, struct idm_arena *arena,
    const struct ldap_filter **out, struct ldap_result *refusal)
{
	struct decoder d = { .limits = limits, .arena = arena };
	struct ber_reader top = ber_reader_of(value, &d.bad);

	*out = read_filter(&d, &top);
	ber_read_end(&top);
	if (!d.bad)
		return LDAP_DECODE_OK;
	*out = NULL;
	if (d.refusal == LDAP_SUCCESS)
		return LDAP_DECODE_BAD;
	*refusal = (struct ldap_result){ .code = d.refusal, .text = idm_span_cstr(d.refusal_text) };
	return LDAP_DECODE_REFUSED;
}

uint8_t
ldap_response_tag(enum ldap_op op)
{
	switch (op) {
	case LDAP_BIND_REQUEST: return LDAP_TAG_BIND_RESPONSE;
	case LDAP_SEARCH_REQUEST: return LDAP_TAG_SEARCH_DONE;
	case LDAP_MODIFY_REQUEST: return LDAP_TAG_MODIFY_RESPONSE;
	case LDAP_ADD_REQUEST: return LDAP_TAG_ADD_RESPONSE;
	case LDAP_DELETE_REQUEST: return LDAP_TAG_DELETE_RESPONSE;
	case LDAP_MODIFY_DN_REQUEST: return LDAP_TAG_MODIFY_DN_RESPONSE;
	case LDAP_COMPARE_REQUEST: return LDAP_TAG_COMPARE_RESPONSE;
	case LDAP_EXTENDED_REQUEST: return LDAP_TAG_EXTENDED_RESPONSE;
	case LDAP_UNBIND_REQUEST:
	case LDAP_ABANDON_REQUEST: return 0;
	}
	return 0;
}

const char *
ldap_op_name(enum ldap_op op)
{
	switch (op) {
	case LDAP_BIND_REQUEST: return "bind";
	case LDAP_UNBIND_REQUEST: return "unbind";
	case LDAP_SEARCH_REQUEST: return "search";
	case LDAP_MODIFY_REQUEST: return "modify";
	case LDAP_ADD_REQUEST: return "add";
	case LDAP_DELETE_REQUEST: return "delete";
	case LDAP_MODIFY_DN_REQUEST: return "modifyDN";
	case LDAP_COMPARE_REQUEST: return "compare";
	case LDAP_ABANDON_REQUEST: return "abandon";
	case LDAP_EXTENDED_REQUEST: return "extended";
	}
	return "unknown";
}

const char *
ldap_result_name(enum ldap_result_code code)
{
	switch (code) {
	case LDAP_SUCCESS: return "success";
	case LDAP_OPERATIONS_ERROR: return "operationsError";
	case LDAP_PROTOCOL_ERROR: return "protocolError";
	case LDAP_TIME_LIMIT_EXCEEDED: return "timeLimitExceeded";
	case LDAP_SIZE_LIMIT_EXCEEDED: return "sizeLimitExceeded";
	case LDAP_COMPARE_FALSE: return "compareFalse";
	case LDAP_COMPARE_TRUE: return "compareTrue";
	case LDAP_AUTH_METHOD_NOT_SUPPORTED: return "authMethodNotSupported";
	case LDAP_STRONGER_AUTH_REQUIRED: return "strongerAuthRequired";
	case LDAP_REFERRAL: return "referral";
	case LDAP_ADMIN_LIMIT_EXCEEDED: return "adminLimitExceeded";
	case LDAP_UNAVAILABLE_CRITICAL_EXTENSION: return "unavailableCriticalExtension";
	case LDAP_CONFIDENTIALITY_REQUIRED: return "confidentialityRequired";
	case LDAP_SASL_BIND_IN_PROGRESS: return "saslBindInProgress";
	case LDAP_NO_SUCH_ATTRIBUTE: return "noSuchAttribute";
	case LDAP_UNDEFINED_ATTRIBUTE_TYPE: return "undefinedAttributeType";
	case LDAP_INAPPROPRIATE_MATCHING: return "inappropriateMatching";
	case LDAP_CONSTRAINT_VIOLATION: return "constraintViolation";
	case LDAP_ATTRIBUTE_OR_VALUE_EXISTS: return "attributeOrValueExists";
	case LDAP_INVALID_ATTRIBUTE_SYNTAX: return "invalidAttributeSyntax";
	case LDAP_NO_SUCH_OBJECT: return "noSuchObject";
	case LDAP_ALIAS_PROBLEM: return "aliasProblem";
	case LDAP_INVALID_DN_SYNTAX: return "invalidDNSyntax";
	case LDAP_ALIAS_DEREFERENCING_PROBLEM: return "aliasDereferencingProblem";
	case LDAP_INAPPROPRIATE_AUTHENTICATION: return "inappropriateAuthentication";
	case LDAP_INVALID_CREDENTIALS: return "invalidCredentials";
	case LDAP_INSUFFICIENT_ACCESS_RIGHTS: return "insufficientAccessRights";
	case LDAP_BUSY: return "busy";
	case LDAP_UNAVAILABLE: return "unavailable";
	case LDAP_UNWILLING_TO_PERFORM: return "unwillingToPerform";
	case LDAP_LOOP_DETECT: return "loopDetect";
	case LDAP_NAMING_VIOLATION: return "namingViolation";
	case LDAP_OBJECT_CLASS_VIOLATION: return "objectClassViolation";
	case LDAP_NOT_ALLOWED_ON_NON_LEAF: return "notAllowedOnNonLeaf";
	case LDAP_NOT_ALLOWED_ON_RDN: return "notAllowedOnRDN";
	case LDAP_ENTRY_ALREADY_EXISTS: return "entryAlreadyExists";
	case LDAP_OBJECT_CLASS_MODS_PROHIBITED: return "objectClassModsProhibited";
	case LDAP_AFFECTS_MULTIPLE_DSAS: return "affectsMultipleDSAs";
	case LDAP_OTHER: return "other";
	case LDAP_CANCELED: return "canceled";
	case LDAP_NO_SUCH_OPERATION: return "noSuchOperation";
	case LDAP_TOO_LATE: return "tooLate";
	case LDAP_CANNOT_CANCEL: return "cannotCancel";
	case LDAP_ASSERTION_FAILED: return "assertionFailed";
	case LDAP_AUTHORIZATION_DENIED: return "authorizationDenied";
	case LDAP_SYNC_REFRESH_REQUIRED: return "e-syncRefreshRequired";
	}
	return "unknown";
}

bool
ldap_password_modify_decode(struct idm_span value, struct ldap_password_modify *out)
{
	bool bad = false;
	struct ber_reader top = ber_reader_of(value, &bad);
	struct ber_reader r;

	memset(out, 0, sizeof(*out));
	r = ber_read_nested(&top, BER_SEQUENCE);
	ber_read_end(&top);
	out->has_user = ber_next_tag(&r) == TAG_PASSWORD_USER;
	if (out->has_user)
		out->user = ber_read_octets(&r, TAG_PASSWORD_USER);
	out->has_old = ber_next_tag(&r) == TAG_PASSWORD_OLD;
	if (out->has_old)
		out->old_password = ber_read_octets(&r, TAG_PASSWORD_OLD);
	out->has_new = ber_next_tag(&r) == TAG_PASSWORD_NEW;
	if (out->has_new)
		out->new_password = ber_read_octets(&r, TAG_PASSWORD_NEW);
	ber_read_end(&r);
	return !bad;
}

void
ldap_password_modify_encode(struct ber_writer *w, struct idm_span generated)
{
	size_t mark = ber_open(w, BER_SEQUENCE, BER_SHORT);

	ber_write_octets(w, TAG_PASSWORD_GENERATED, generated);
	ber_close(w, mark);
}

/* A message that is being written. */
struct envelope {
	size_t start; /* what the writer held before */
	size_t op;
};

static struct envelope
envelope_open(struct ber_writer *w, int32_t message_id, uint8_t tag, enum ber_expect expect)
{
	struct envelope out = { .start = ber_open(w, BER_SEQUENCE, expect) };

	ber_write_integer(w, BER_INTEGER, message_id);
	out.op = ber_open(w, tag, expect);
	return out;
}

static void
write_controls(struct ber_writer *w, struct ldap_controls controls)
{
	size_t list;

	if (controls.count == 0)
		return;
	list = ber_open(w, TAG_CONTROLS, BER_SHORT);
	for (size_t i = 0; i < controls.count; i++) {
		const struct ldap_control *control = &controls.list[i];
		size_t mark = ber_open(w, BER_SEQUENCE, BER_SHORT);

		ber_write_octets(w, BER_OCTET_STRING, control->oid);
		if (control->critical)
			ber_write_boolean(w, BER_BOOLEAN, true);
		if (control->has_value)
			ber_write_octets(w, BER_OCTET_STRING, control->value);
		ber_close(w, mark);
	}
	ber_close(w, list);
}

static bool
envelope_close(struct ber_writer *w, struct envelope envelope, struct ldap_controls controls)
{
	ber_close(w, envelope.op);
	write_controls(w, controls);
	ber_close(w, envelope.start);
	if (!w->failed)
		return true;
	ber_writer_rewind(w, envelope.start);
	return false;
}

static void
write_result(struct ber_writer *w, const struct ldap_result *result)
{
	ber_write_integer(w, BER_ENUMERATED, result->code);
	ber_write_octets(w, BER_OCTET_STRING, result->matched_dn);
	ber_write_octets(w, BER_OCTET_STRING, result->text);
}

bool
ldap_result_encode(struct ber_writer *w, int32_t message_id, uint8_t tag,
    const struct ldap_result *result, struct ldap_controls controls)
{
	struct envelope envelope = envelope_open(w, message_id, tag, BER_SHORT);

	write_result(w, result);
	return envelope_close(w, envelope, controls);
}

bool
ldap_extended_encode(struct ber_writer *w, int32_t message_id,
    const struct ldap_extended_response *response, struct ldap_controls controls)
{
	struct envelope envelope =
	    envelope_open(w, message_id, LDAP_TAG_EXTENDED_RESPONSE, BER_SHORT);

	write_result(w, &response->result);
	if (response->oid.len != 0)
		ber_write_octets(w, TAG_RESPONSE_NAME, response->oid);
	if (response->has_value)
		ber_write_octets(w, TAG_RESPONSE_VALUE, response->value);
	return envelope_close(w, envelope, controls);
}

bool
ldap_disconnection_encode(struct ber_writer *w, enum ldap_result_code code, const char *text)
{
	struct ldap_extended_response notice = {
		.result = { .code = code, .text = idm_span_cstr(text) },
		.oid = idm_span_cstr(NOTICE_OF_DISCONNECTION),
	};

	return ldap_extended_encode(w, 0, &notice, (struct ldap_controls){ 0 });
}

bool
ldap_intermediate_encode(struct ber_writer *w, int32_t message_id, struct idm_span oid,
    struct idm_span value, struct ldap_controls controls)
{
	struct envelope envelope = envelope_open(w, message_id, LDAP_TAG_INTERMEDIATE, BER_SHORT);

	if (oid.len != 0)
		ber_write_octets(w, TAG_INTERMEDIATE_NAME, oid);
	if (value.ptr != NULL)
		ber_write_octets(w, TAG_INTERMEDIATE_VALUE, value);
	return envelope_close(w, envelope, controls);
}

void
ldap_entry_begin(struct ldap_entry_writer *e, struct ber_writer *w, int32_t message_id,
    struct idm_span dn, bool types_only)
{
	struct envelope envelope = envelope_open(w, message_id, LDAP_TAG_SEARCH_ENTRY, BER_LONG);

	*e = (struct ldap_entry_writer){
		.w = w,
		.types_only = types_only,
		.message = envelope.start,
		.op = envelope.op,
	};
	ber_write_octets(w, BER_OCTET_STRING, dn);
	e->attributes = ber_open(w, BER_SEQUENCE, BER_LONG);
}

static void
end_attribute(struct ldap_entry_writer *e)
{
	if (!e->in_attribute || e->w->failed)
		return;
	e->in_attribute = false;
	if (!e->has_value) {
		ber_writer_rewind(e->w, e->attribute);
		return;
	}
	ber_close(e->w, e->values);
	ber_close(e->w, e->attribute);
}

void
ldap_entry_attribute(struct ldap_entry_writer *e, struct idm_span type)
{
	end_attribute(e);
	e->in_attribute = true;
	e->has_value = false;
	e->attribute = ber_open(e->w, BER_SEQUENCE, BER_SHORT);
	ber_write_octets(e->w, BER_OCTET_STRING, type);
	e->values = ber_open(e->w, BER_SET, BER_SHORT);
}

void
ldap_entry_value(struct ldap_entry_writer *e, struct idm_span value)
{
	e->has_value = true;
	if (!e->types_only)
		ber_write_octets(e->w, BER_OCTET_STRING, value);
}

uint8_t *
ldap_entry_value_room(struct ldap_entry_writer *e, size_t len)
{
	e->has_value = true;
	return e->types_only ? NULL : ber_write_room(e->w, BER_OCTET_STRING, len);
}

bool
ldap_entry_end(struct ldap_entry_writer *e, struct ldap_controls controls)
{
	struct envelope envelope = { .start = e->message, .op = e->op };

	end_attribute(e);
	ber_close(e->w, e->attributes);
	return envelope_close(e->w, envelope, controls);
}

void
ldap_entry_cancel(struct ldap_entry_writer *e)
{
	ber_writer_rewind(e->w, e->message);
}

void
ldap_entry_move(struct ldap_entry_writer *e, struct ber_writer *to)
{
	struct ber_writer *from = e->w;
	size_t start = e->message, at = to->len;

	ber_write_raw(to, idm_span_of(from->data + start, from->len - start));
	to->failed = to->failed || from->failed;
	ber_writer_rewind(from, start);
	e->w = to;
	e->message = at;
	e->op = e->op - start + at;
	e->attributes = e->attributes - start + at;
	e->attribute = e->attribute - start + at;
	e->values = e->values - start + at;
}
