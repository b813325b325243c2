#include "ldapd/assertion.h"

#include "ldapd/ldap_filter.h"
#include "ldapd/rootdse.h"
#include "ldapd/search.h"

bool
assertion_read(const struct ldap_message *message, const struct ldap_limits *limits,
    struct idm_arena *arena, const struct ldap_filter **out, struct ldap_result *refusal)
{
	const struct ldap_control *control = NULL;

	*out = NULL;
	for (size_t i = 0; i < message->control_count && control == NULL; i++) {
		if (idm_span_is(message->controls[i].oid, LDAP_CONTROL_ASSERTION))
			control = &message->controls[i];
	}
	if (control == NULL)
		return true;
	switch (ldap_filter_decode(control->value, limits, arena, out, refusal)) {
	case LDAP_DECODE_OK: return true;
	case LDAP_DECODE_REFUSED: return false;
	case LDAP_DECODE_BAD: break;
	}
	*refusal = (struct ldap_result){ .code = LDAP_PROTOCOL_ERROR,
		.text = IDM_SPAN_LIT("the assertion control does not decode") };
	return false;
}

static enum idm_result
test_entry(const struct request_read *read, const struct ldap_filter *assertion,
    const struct idm_entry *entry, const struct idm_attrset *readable, bool *holds,
    struct idm_error *err)
{
	const struct view view = { &read->read, &read->tree->suffix, read->access };
	enum idm_truth truth = IDM_UNDEFINED;
	struct idm_filter filter;
	enum idm_result result = ldap_filter_translate(&view, assertion, &filter, err);

	if (result == IDM_OK)
		result = idm_filter_test(&read->read, &filter, entry, readable, &truth, err);
	*holds = truth == IDM_TRUE;
	return result;
}

static enum idm_result
test_made(const struct request_read *read, const struct ldap_filter *assertion,
    enum idm_result (*make)(const struct view *view, struct made_entry *out, struct idm_error *err),
    bool *holds, struct idm_error *err)
{
	const struct view view = { &read->read, &read->tree->suffix, read->access };
	struct made_entry entry;
	enum idm_result result = make(&view, &entry, err);

	*holds = result == IDM_OK && made_test(&entry, assertion) == IDM_TRUE;
	return result;
}

/* Below the suffix, and what everybody knows to be there, a search goes on without seeing it. */
static bool
is_for_all(const struct dn_target *target)
{
	return target->kind == DN_SUFFIX ||
	       (target->kind == DN_CONTAINER && target->container <= DN_CONTAINER_SERVICES);
}

static enum idm_result
test_target(const struct request_read *read, const struct dn_target *target,
    const struct ldap_filter *assertion, bool *holds, struct idm_error *err)
{
	struct idm_attrset readable;
	struct idm_entry entry;
	enum idm_result result = search_find_visible(read, target, NULL, &entry, &readable, err);

	*holds = !is_for_all(target);
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	return result == IDM_OK ? test_entry(read, assertion, &entry, &readable, holds, err)
				: result;
}

enum idm_result
assertion_holds(const struct request_read *read, const struct dn_target *target,
    const struct ldap_filter *assertion, bool *holds, struct idm_error *err)
{
	switch (target->kind) {
	case DN_ROOT: return test_made(read, assertion, rootdse_make, holds, err);
	case DN_SUBSCHEMA: return test_made(read, assertion, subschema_make, holds, err);
	case DN_SUFFIX:
	case DN_CONTAINER:
	case DN_ENTRY: return test_target(read, target, assertion, holds, err);
	case DN_INVALID:
	case DN_TOKEN:
	case DN_UNKNOWN:
	case DN_FOREIGN: break;
	}
	*holds = true;
	return IDM_OK;
}
