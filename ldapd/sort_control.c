#include "ldapd/sort_control.h"

#include "ldapd/ber.h"

enum {
	TAG_RULE = 0x80,
	TAG_REVERSE = 0x81,
	TAG_ATTRIBUTE = 0x80,
	RESPONSE_BYTES = 4096,
};

static const struct ldap_control *
find_control(const struct ldap_message *message)
{
	for (size_t i = 0; i < message->control_count; i++) {
		if (idm_span_is(message->controls[i].oid, LDAP_CONTROL_SORT))
			return &message->controls[i];
	}
	return NULL;
}

/* SEQUENCE { attributeType, orderingRule [0] OPTIONAL, reverseOrder [1] DEFAULT FALSE } */
static struct sort_key
decode_key(struct ber_reader *list)
{
	struct ber_reader r = ber_read_nested(list, BER_SEQUENCE);
	struct sort_key key = { .attribute = ber_read_octets(&r, BER_OCTET_STRING) };

	if (ber_next_tag(&r) == TAG_RULE)
		key.rule = ber_read_octets(&r, TAG_RULE);
	if (ber_next_tag(&r) == TAG_REVERSE)
		key.reverse = ber_read_boolean(&r, TAG_REVERSE);
	ber_read_end(&r);
	return key;
}

static bool
decode(struct sort_request *out)
{
	bool bad = false;
	struct ber_reader top = ber_reader_of(out->value, &bad);
	struct ber_reader list = ber_read_nested(&top, BER_SEQUENCE);

	while (!ber_at_end(&list)) {
		struct sort_key key = decode_key(&list);

		if (out->count < SORT_KEYS_MAX)
			out->keys[out->count] = key;
		out->count++;
	}
	ber_read_end(&top);
	return !bad && out->count != 0;
}

bool
sort_read(const struct ldap_message *message, struct sort_request *out, const char **text)
{
	const struct ldap_control *control = find_control(message);

	*out = (struct sort_request){ 0 };
	if (control == NULL)
		return true;
	out->asked = true;
	out->critical = control->critical;
	out->value = control->value;
	*text = "the sort control does not decode";
	return control->has_value && decode(out);
}

/* SEQUENCE { sortResult ENUMERATED, attributeType [0] OPTIONAL } */
const struct ldap_control *
sort_control(struct idm_arena *arena, enum ldap_result_code code, struct idm_span attribute)
{
	struct ldap_control *control = idm_arena_alloc(arena, sizeof(*control));
	struct ber_writer w;
	size_t mark;

	ber_writer_init(&w, RESPONSE_BYTES);
	mark = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_integer(&w, BER_ENUMERATED, code);
	if (attribute.len != 0)
		ber_write_octets(&w, TAG_ATTRIBUTE, attribute);
	ber_close(&w, mark);
	if (control != NULL && !w.failed) {
		control->oid = IDM_SPAN_LIT(LDAP_CONTROL_SORTED);
		control->has_value = true;
		control->value = idm_arena_copy(arena, idm_span_of(w.data, w.len));
	}
	ber_writer_free(&w);
	return control == NULL || control->value.ptr == NULL ? NULL : control;
}
