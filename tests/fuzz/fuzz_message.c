/*
 * What a client may send before anything is known of it: the search for a frame, the decoder, and
 * the value of a Password Modify request.
 *
 *   make fuzz, or by hand:
 *   clang -std=c11 -I. -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined \
 *       tests/fuzz/fuzz_message.c ldapd/ber.c ldapd/message.c core/arena.c core/span.c -lcrypto
 */
#include <assert.h>

#include "ldapd/message.h"
#include "tests/fuzz/fuzz.h"

enum { PDU_BYTES_MAX = 64 * 1024, ARENA_BYTES = 256 * 1024 };

static struct idm_span pdu;

/* What was decoded lies within what it was decoded from. */
static void
check_span(struct idm_span span)
{
	if (span.len != 0)
		assert(span.ptr >= pdu.ptr && span.ptr + span.len <= pdu.ptr + pdu.len);
}

/* Recursion is no danger here: the decoder has bounded the depth, and that is what is checked. */
static void
check_filter(const struct ldap_filter *filter, size_t depth)
{
	assert(filter == NULL || depth <= ldap_limits_default.filter_depth);
	for (; filter != NULL; filter = filter->next) {
		size_t children = 0;

		check_span(filter->attribute);
		check_span(filter->value);
		check_span(filter->rule);
		check_span(filter->initial);
		check_span(filter->final);
		for (size_t i = 0; i < filter->any_count; i++)
			check_span(filter->any[i]);
		for (const struct ldap_filter *c = filter->children; c != NULL; c = c->next)
			children++;
		assert(children == filter->child_count);
		assert(filter->kind != LDAP_FILTER_NOT || children == 1);
		check_filter(filter->children, depth + 1);
	}
}

static void
check_attribute(const struct ldap_attribute *attribute)
{
	check_span(attribute->type);
	for (size_t i = 0; i < attribute->value_count; i++)
		check_span(attribute->values[i]);
}

static void
check_search(const struct ldap_search_request *search)
{
	check_span(search->base);
	assert(search->filter != NULL);
	check_filter(search->filter, 1);
	for (size_t i = 0; i < search->attribute_count; i++)
		check_span(search->attributes[i]);
}

static void
check_extended(const struct ldap_extended_request *extended)
{
	struct ldap_password_modify modify;

	check_span(extended->oid);
	check_span(extended->value);
	if (ldap_password_modify_decode(extended->value, &modify)) {
		check_span(modify.user);
		check_span(modify.old_password);
		check_span(modify.new_password);
	}
}

static void
check_op(const struct ldap_message *m)
{
	switch (m->op) {
	case LDAP_BIND_REQUEST:
		check_span(m->bind.name);
		check_span(m->bind.password);
		check_span(m->bind.mechanism);
		break;
	case LDAP_SEARCH_REQUEST: check_search(&m->search); break;
	case LDAP_MODIFY_REQUEST:
		for (size_t i = 0; i < m->modify.change_count; i++)
			check_attribute(&m->modify.changes[i].attribute);
		break;
	case LDAP_ADD_REQUEST:
		for (size_t i = 0; i < m->add.attribute_count; i++)
			check_attribute(&m->add.attributes[i]);
		break;
	case LDAP_DELETE_REQUEST: check_span(m->delete_dn); break;
	case LDAP_MODIFY_DN_REQUEST:
		check_span(m->modify_dn.dn);
		check_span(m->modify_dn.new_rdn);
		check_span(m->modify_dn.new_superior);
		break;
	case LDAP_COMPARE_REQUEST:
		check_span(m->compare.attribute);
		check_span(m->compare.value);
		break;
	case LDAP_EXTENDED_REQUEST: check_extended(&m->extended); break;
	case LDAP_UNBIND_REQUEST:
	case LDAP_ABANDON_REQUEST: break;
	}
}

static void
check_message(const struct ldap_message *m)
{
	assert(m->message_id >= 1);
	assert(m->control_count <= ldap_limits_default.controls);
	for (size_t i = 0; i < m->control_count; i++) {
		check_span(m->controls[i].oid);
		check_span(m->controls[i].value);
	}
	check_op(m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct idm_arena *arena;
	struct ldap_message message;
	size_t total;

	if (arena == NULL)
		arena = idm_arena_new(ARENA_BYTES);
	if (arena == NULL)
		abort();
	while (ber_frame(data, len, PDU_BYTES_MAX, &total) == BER_FRAME_COMPLETE) {
		assert(total >= 3 && total <= len);
		pdu = idm_span_of(data, total);
		idm_arena_reset(arena);
		switch (ldap_message_decode(pdu, &ldap_limits_default, arena, &message)) {
		case LDAP_DECODE_OK: check_message(&message); break;
		case LDAP_DECODE_REFUSED: assert(message.refusal != LDAP_SUCCESS); break;
		case LDAP_DECODE_BAD: return 0;
		}
		data += total;
		len -= total;
	}
	return 0;
}
