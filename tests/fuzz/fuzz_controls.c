/*
 * The values of controls: a place in pages (RFC 2696), keys to sort by (RFC 2891), and a filter to
 * assert (RFC 4528).
 * The first octet chooses; what decodes as a place comes back as it was.
 *
 *   make fuzz
 */
#include <assert.h>

#include "ldapd/paging.h"
#include "ldapd/sort_control.h"
#include "tests/fuzz/fuzz.h"

enum { ARENA_BYTES = 64 * 1024 };

static struct ldap_message
message_with(const struct ldap_control *control)
{
	return (struct ldap_message){
		.op = LDAP_SEARCH_REQUEST, .controls = control, .control_count = 1
	};
}

static void
check_paging(struct idm_arena *arena, struct idm_span value)
{
	const struct ldap_control control = {
		.oid = IDM_SPAN_LIT(LDAP_CONTROL_PAGED), .has_value = true, .value = value
	};
	struct ldap_message message = message_with(&control);
	enum ldap_result_code code = LDAP_SUCCESS;
	const char *text = NULL;
	struct paging paging, again;

	if (!paging_read(&message, &paging, &code, &text)) {
		assert(code != LDAP_SUCCESS && text != NULL);
		return;
	}
	assert(paging.asked && paging.size <= INT32_MAX);
	message.controls = paging_control(arena, &paging.place);
	assert(message.controls != NULL);
	assert(paging_read(&message, &again, &code, &text));
	assert(memcmp(&paging.place, &again.place, sizeof(again.place)) == 0);
}

static void
check_span(struct idm_span outer, struct idm_span span)
{
	if (span.len != 0)
		assert(span.ptr >= outer.ptr && span.ptr + span.len <= outer.ptr + outer.len);
}

static void
check_sort(struct idm_arena *arena, struct idm_span value)
{
	const struct ldap_control control = {
		.oid = IDM_SPAN_LIT(LDAP_CONTROL_SORT), .has_value = true, .value = value
	};
	struct ldap_message message = message_with(&control);
	struct sort_request sort;
	const char *text = NULL;

	if (!sort_read(&message, &sort, &text)) {
		assert(text != NULL);
		return;
	}
	assert(sort.asked && sort.count != 0);
	for (size_t i = 0; i < sort.count && i < SORT_KEYS_MAX; i++) {
		check_span(value, sort.keys[i].attribute);
		check_span(value, sort.keys[i].rule);
		sort_control(arena, LDAP_NO_SUCH_ATTRIBUTE, sort.keys[i].attribute);
	}
}

/* Recursion is no danger: the decoder has bounded the depth, and that is what is checked. */
static void
check_filter(const struct ldap_filter *filter, size_t depth)
{
	assert(filter == NULL || depth <= ldap_limits_default.filter_depth);
	for (; filter != NULL; filter = filter->next)
		check_filter(filter->children, depth + 1);
}

static void
check_assertion(struct idm_arena *arena, struct idm_span value)
{
	const struct ldap_filter *filter;
	struct ldap_result refusal = { .code = LDAP_SUCCESS };

	switch (ldap_filter_decode(value, &ldap_limits_default, arena, &filter, &refusal)) {
	case LDAP_DECODE_OK: assert(filter != NULL); break;
	case LDAP_DECODE_REFUSED: assert(filter == NULL && refusal.code != LDAP_SUCCESS); break;
	case LDAP_DECODE_BAD: assert(filter == NULL); break;
	}
	check_filter(filter, 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct idm_arena *arena;

	if (arena == NULL)
		arena = idm_arena_new(ARENA_BYTES);
	if (arena == NULL)
		abort();
	if (len == 0)
		return 0;
	idm_arena_reset(arena);
	switch (data[0] % 3) {
	case 0: check_paging(arena, idm_span_of(data + 1, len - 1)); break;
	case 1: check_sort(arena, idm_span_of(data + 1, len - 1)); break;
	default: check_assertion(arena, idm_span_of(data + 1, len - 1)); break;
	}
	return 0;
}
