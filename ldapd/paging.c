#include "ldapd/paging.h"

#include "core/store.h"
#include "ldapd/ber.h"

enum {
	ID_BYTES = 8,
	LIST_BYTES = 3 * ID_BYTES,
};

static const struct ldap_control *
find_control(const struct ldap_message *message)
{
	for (size_t i = 0; i < message->control_count; i++) {
		if (idm_span_is(message->controls[i].oid, LDAP_CONTROL_PAGED))
			return &message->controls[i];
	}
	return NULL;
}

/* SEQUENCE { size INTEGER, cookie OCTET STRING } */
static bool
decode(const struct ldap_control *control, struct paging *out, struct idm_span *cookie)
{
	bool bad = false;
	struct ber_reader top = ber_reader_of(control->value, &bad);
	struct ber_reader value = ber_read_nested(&top, BER_SEQUENCE);

	out->size = (uint32_t)ber_read_integer(&value, BER_INTEGER, 0, INT32_MAX);
	*cookie = ber_read_octets(&value, BER_OCTET_STRING);
	ber_read_end(&value);
	ber_read_end(&top);
	return control->has_value && !bad;
}

/* False: no cookie of ours. */
static bool
decode_place(struct idm_span cookie, struct paging_place *out)
{
	if (cookie.len == ID_BYTES)
		out->next_id = idm_store_load_u64(cookie.ptr);
	if (cookie.len == LIST_BYTES) {
		out->conn_no = idm_store_load_u64(cookie.ptr);
		out->list_no = idm_store_load_u64(cookie.ptr + ID_BYTES);
		out->position = idm_store_load_u64(cookie.ptr + 2 * ID_BYTES);
	}
	return cookie.len == 0 || out->next_id != 0 || out->list_no != 0;
}

static struct idm_span
encode_place(const struct paging_place *place, uint8_t out[LIST_BYTES])
{
	if (place->next_id != 0) {
		idm_store_u64(place->next_id, out);
		return idm_span_of(out, ID_BYTES);
	}
	idm_store_u64(place->conn_no, out);
	idm_store_u64(place->list_no, out + ID_BYTES);
	idm_store_u64(place->position, out + 2 * ID_BYTES);
	return idm_span_of(out, place->list_no != 0 ? LIST_BYTES : 0);
}

bool
paging_read(const struct ldap_message *message, struct paging *out, enum ldap_result_code *code,
    const char **text)
{
	const struct ldap_control *control = find_control(message);
	struct idm_span cookie;

	*out = (struct paging){ 0 };
	if (control == NULL)
		return true;
	out->asked = true;
	if (!decode(control, out, &cookie)) {
		*code = LDAP_PROTOCOL_ERROR;
		*text = "the paged results control does not decode";
		return false;
	}
	if (decode_place(cookie, &out->place))
		return true;
	*code = LDAP_UNWILLING_TO_PERFORM;
	*text = PAGING_NOT_OURS;
	return false;
}

const struct ldap_control *
paging_control(struct idm_arena *arena, const struct paging_place *place)
{
	struct ldap_control *control = idm_arena_alloc(arena, sizeof(*control));
	uint8_t cookie[LIST_BYTES];
	struct ber_writer w;
	size_t mark;

	ber_writer_init(&w, 64);
	mark = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_integer(&w, BER_INTEGER, 0); /* how many in all: not known */
	ber_write_octets(&w, BER_OCTET_STRING, encode_place(place, cookie));
	ber_close(&w, mark);
	if (control != NULL && !w.failed) {
		control->oid = IDM_SPAN_LIT(LDAP_CONTROL_PAGED);
		control->has_value = true;
		control->value = idm_arena_copy(arena, idm_span_of(w.data, w.len));
	}
	ber_writer_free(&w);
	return control == NULL || control->value.ptr == NULL ? NULL : control;
}
