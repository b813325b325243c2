#include "ldapd/sort_order.h"

#include <assert.h>

#include "core/text.h"

/*
 * A part of a key: PRESENT, the value with END within it escaped, END twice; or ABSENT.  So no part
 * begins another, and a part of octets turned over has the order turned over.
 */
enum {
	END = 0x00,
	END_WITHIN = 0xff, /* behind an END that is the value's own */
	PRESENT = 0x01,
	ABSENT = 0xff,
	NUMBER_BYTES = 8,
	NUMBER_DIGITS = 18, /* that an int64_t surely holds */
};

static const struct view_rule fold_rule = { "caseIgnoreOrderingMatch", "2.5.13.3" };
static const struct view_rule exact_rule = { "caseExactOrderingMatch", "2.5.13.6" };

/* --- keys of a request */

static enum sort_form
form_of(enum view_syntax syntax)
{
	switch (syntax) {
	case VIEW_SYNTAX_STRING:
	case VIEW_SYNTAX_IA5:
	case VIEW_SYNTAX_DN:
	case VIEW_SYNTAX_OID: return SORT_FOLDED;
	case VIEW_SYNTAX_INTEGER: return SORT_NUMBER;
	case VIEW_SYNTAX_EXACT_STRING:
	case VIEW_SYNTAX_UUID:
	case VIEW_SYNTAX_TIME:
	case VIEW_SYNTAX_BOOLEAN:
	case VIEW_SYNTAX_OCTETS:
	case VIEW_SYNTAX_COUNT: break;
	}
	return SORT_OCTETS;
}

/* Who names other entries has as many values as a group has members, and no ordering rule. */
static bool
has_order(const struct view_attr *attr)
{
	return attr->syntax != VIEW_SYNTAX_DN && attr->form != VIEW_MEMBER_UID;
}

static bool
is_text(enum view_syntax syntax)
{
	return syntax == VIEW_SYNTAX_STRING || syntax == VIEW_SYNTAX_EXACT_STRING ||
	       syntax == VIEW_SYNTAX_IA5;
}

/* An ordering rule of the attribute's syntax; text has the choice whether case matters. */
static bool
take_rule(const struct view_attr *attr, struct idm_span rule, struct sort_column *column)
{
	if (rule.len == 0 || view_rule_is(&view_syntax_info(attr->syntax)->ordering, rule))
		return true;
	if (!is_text(attr->syntax))
		return false;
	column->form = view_rule_is(&fold_rule, rule) ? SORT_FOLDED : SORT_OCTETS;
	return column->form == SORT_FOLDED || view_rule_is(&exact_rule, rule);
}

static bool
is_named_before(const struct sort_order *order, const struct view_attr *attr)
{
	for (size_t i = 0; i < order->count; i++) {
		if (order->columns[i].attr == attr)
			return true;
	}
	return false;
}

static enum ldap_result_code
add_key(const struct idm_schema *schema, const struct sort_key *key, struct sort_order *out)
{
	const struct view_attr *attr = view_find(schema, key->attribute);
	struct sort_column *column = &out->columns[out->count];

	if (attr == NULL)
		return LDAP_NO_SUCH_ATTRIBUTE;
	*column = (struct sort_column){ attr, form_of(attr->syntax), key->reverse };
	if (!has_order(attr) || !take_rule(attr, key->rule, column))
		return LDAP_INAPPROPRIATE_MATCHING;
	if (is_named_before(out, attr))
		return LDAP_UNWILLING_TO_PERFORM;
	out->count++;
	return LDAP_SUCCESS;
}

enum ldap_result_code
sort_order_resolve(const struct idm_schema *schema, const struct sort_request *request,
    struct sort_order *out, struct idm_span *attribute)
{
	enum ldap_result_code code = LDAP_SUCCESS;

	*out = (struct sort_order){ 0 };
	*attribute = IDM_SPAN_EMPTY;
	if (request->count > SORT_KEYS_MAX)
		return LDAP_UNWILLING_TO_PERFORM;
	for (size_t i = 0; i < request->count && code == LDAP_SUCCESS; i++) {
		code = add_key(schema, &request->keys[i], out);
		if (code != LDAP_SUCCESS)
			*attribute = request->keys[i].attribute;
	}
	return code;
}

void
sort_order_needs(const struct sort_order *order, struct idm_attrset *out)
{
	for (size_t i = 0; i < order->count; i++)
		view_attr_needs(order->columns[i].attr, out);
}

/* --- the key of an entry */

/* The least value of one column. */
struct least {
	enum sort_form form;
	struct idm_arena *arena;
	struct idm_span value; /* ptr NULL: none yet */
	enum idm_result result;
	struct idm_error *err;
};

/* Of digits with a sign or without; what is none comes before all. */
static int64_t
number_of(struct idm_span text)
{
	bool negative = text.len != 0 && text.ptr[0] == '-';
	size_t first = negative ? 1 : 0;
	int64_t number = 0;

	if (text.len - first > NUMBER_DIGITS)
		return negative ? INT64_MIN : INT64_MAX;
	for (size_t i = first; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return INT64_MIN;
		number = 10 * number + (text.ptr[i] - '0');
	}
	return negative ? -number : number;
}

static enum idm_result
copy_number(struct least *least, struct idm_span text, struct idm_span *out)
{
	uint8_t *octets = idm_arena_alloc(least->arena, NUMBER_BYTES);
	uint64_t number = (uint64_t)number_of(text) ^ UINT64_C(1) << 63; /* negative ones first */

	if (octets == NULL)
		return idm_text_no_memory(least->err);
	for (size_t i = 0; i < NUMBER_BYTES; i++)
		octets[i] = (uint8_t)(number >> 8 * (NUMBER_BYTES - 1 - i));
	*out = idm_span_of(octets, NUMBER_BYTES);
	return IDM_OK;
}

/* What is compared of a value, in the arena; of an empty one too. */
static enum idm_result
copy_norm(struct least *least, struct idm_span value, struct idm_span *out)
{
	if (least->form == SORT_NUMBER)
		return copy_number(least, value, out);
	if (least->form == SORT_FOLDED)
		return idm_text_fold(value, IDM_TEXT_CUT_ENDS, least->arena, out, least->err);
	*out = idm_arena_copy(least->arena, value);
	return out->ptr == NULL ? idm_text_no_memory(least->err) : IDM_OK;
}

static bool
take_value(void *context, struct idm_span value)
{
	struct least *least = context;
	struct idm_span norm = IDM_SPAN_EMPTY;

	least->result = copy_norm(least, value, &norm);
	if (least->result != IDM_OK)
		return false;
	if (least->value.ptr == NULL || idm_span_compare(norm, least->value) < 0)
		least->value = norm;
	return true;
}

static uint8_t *
put_value(uint8_t *at, struct idm_span value)
{
	*at++ = PRESENT;
	for (size_t i = 0; i < value.len; i++) {
		*at++ = value.ptr[i];
		if (value.ptr[i] == END)
			*at++ = END_WITHIN;
	}
	*at++ = END;
	*at++ = END;
	return at;
}

static size_t
part_bytes(struct idm_span value)
{
	return 2 * value.len + 3;
}

static uint8_t *
put_part(uint8_t *at, struct idm_span value, bool reverse)
{
	uint8_t *begin = at;

	if (value.ptr != NULL)
		at = put_value(at, value);
	else
		*at++ = ABSENT;
	for (; reverse && begin < at; begin++)
		*begin = (uint8_t) ~*begin;
	return at;
}

enum idm_result
sort_order_key(const struct view *view, const struct idm_entry *entry,
    const struct idm_attrset *readable, const struct sort_order *order, struct idm_span *out,
    struct idm_error *err)
{
	struct idm_span values[SORT_KEYS_MAX];
	size_t bytes = 0;
	uint8_t *key, *at;

	for (size_t i = 0; i < order->count; i++) {
		const struct sort_column *column = &order->columns[i];
		struct least least = {
			.form = column->form, .arena = view->read->arena, .err = err
		};
		enum idm_result result =
		    view_values(view, entry, readable, column->attr, take_value, &least, err);

		if (result == IDM_OK)
			result = least.result;
		if (result != IDM_OK)
			return result;
		values[i] = least.value;
		bytes += part_bytes(least.value);
	}
	key = at = idm_arena_alloc(view->read->arena, bytes);
	if (key == NULL)
		return idm_text_no_memory(err);
	for (size_t i = 0; i < order->count; i++)
		at = put_part(at, values[i], order->columns[i].reverse);
	assert((size_t)(at - key) <= bytes);
	*out = idm_span_of(key, (size_t)(at - key));
	return IDM_OK;
}
