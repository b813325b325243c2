/*
 * The compare operation (RFC 4511 section 4.10).  What may not be read is answered as what is not
 * there.
 */
#include "ldapd/assertion.h"
#include "ldapd/ldap_filter.h"
#include "ldapd/monitor.h"
#include "ldapd/rootdse.h"
#include "ldapd/search.h"
#include "ldapd/worker.h"

/* A value that is looked for among those that are shown. */
struct looking {
	struct idm_span wanted;
	bool any;
	bool found;
};

static bool
look_for(void *context, struct idm_span value)
{
	struct looking *looking = context;

	looking->any = true;
	looking->found = looking->found || dn_value_equal(value, looking->wanted);
	return !looking->found;
}

static bool
look_for_any(void *context, struct idm_span value)
{
	struct looking *looking = context;

	(void)value;
	looking->any = true;
	return false;
}

static enum ldap_result_code
code_of(const struct looking *looking)
{
	if (!looking->any)
		return LDAP_NO_SUCH_ATTRIBUTE;
	return looking->found ? LDAP_COMPARE_TRUE : LDAP_COMPARE_FALSE;
}

/* As a filter would match it, so that names of a group and forms of a number are all equal. */
static enum idm_result
compare_value(const struct view *view, const struct request_read *read,
    const struct view_attr *attr, const struct idm_entry *entry, const struct idm_attrset *readable,
    struct looking *looking, struct idm_error *err)
{
	struct idm_filter filter;
	enum idm_truth truth = IDM_FALSE;
	bool exact;
	enum idm_result result =
	    ldap_filter_equality(view, attr, looking->wanted, &filter, &exact, err);

	if (result != IDM_OK)
		return result;
	if (!exact)
		return view_values(view, entry, readable, attr, look_for, looking, err);
	result = view_values(view, entry, readable, attr, look_for_any, looking, err);
	if (result == IDM_OK && looking->any)
		result = idm_filter_test(&read->read, &filter, entry, readable, &truth, err);
	looking->found = truth == IDM_TRUE;
	return result;
}

static enum idm_result
compare_entry(struct request *request, const struct request_read *read,
    const struct dn_target *target, enum ldap_result_code *code, struct idm_error *err)
{
	const struct ldap_compare_request *compare = &request->message.compare;
	const struct view view = { &read->read, &read->tree->suffix, read->access };
	struct looking looking = { .wanted = compare->value };
	const struct view_attr *attr;
	struct idm_attrset readable;
	struct idm_entry entry;
	enum idm_result result = search_find_visible(read, target, NULL, &entry, &readable, err);

	if (result != IDM_OK)
		return result;
	attr = view_find(read->read.schema, compare->attribute);
	if (attr == NULL) {
		*code = LDAP_UNDEFINED_ATTRIBUTE_TYPE;
		return IDM_OK;
	}
	result = compare_value(&view, read, attr, &entry, &readable, &looking, err);
	*code = code_of(&looking);
	return result;
}

static enum idm_result
compare_made(struct request *request, const struct request_read *read,
    const struct dn_target *target, enum ldap_result_code *code, struct idm_error *err)
{
	const struct ldap_compare_request *compare = &request->message.compare;
	const struct view view = { &read->read, &read->tree->suffix, read->access };
	const struct made_attr *attr;
	struct made_entry entry;
	enum idm_result result = target->kind == DN_ROOT ? rootdse_make(&view, &entry, err)
							 : subschema_make(&view, &entry, err);

	if (result != IDM_OK)
		return result;
	attr = made_find(&entry, compare->attribute);
	if (attr == NULL)
		*code = LDAP_NO_SUCH_ATTRIBUTE;
	else
		*code =
		    made_has_value(attr, compare->value) ? LDAP_COMPARE_TRUE : LDAP_COMPARE_FALSE;
	return IDM_OK;
}

/* In the snapshot; IDM_NOT_FOUND: there is no such entry for the caller. */
static enum idm_result
compare_in(struct request *request, const struct request_read *read, const struct dn_target *target,
    enum ldap_result_code *code, struct idm_error *err)
{
	switch (target->kind) {
	case DN_ROOT:
	case DN_SUBSCHEMA: return compare_made(request, read, target, code, err);
	case DN_SUFFIX:
	case DN_CONTAINER:
	case DN_ENTRY: return compare_entry(request, read, target, code, err);
	case DN_INVALID: *code = LDAP_INVALID_DN_SYNTAX; return IDM_OK;
	case DN_TOKEN:
	case DN_UNKNOWN:
	case DN_FOREIGN: break;
	}
	return IDM_NOT_FOUND;
}

/* The same, if what is asserted holds. */
static enum idm_result
compare_if(struct request *request, const struct request_read *read, const struct dn_target *target,
    const struct ldap_filter *assertion, enum ldap_result_code *code, struct idm_error *err)
{
	bool holds = true;
	enum idm_result result = IDM_OK;

	if (assertion != NULL)
		result = assertion_holds(read, target, assertion, &holds, err);
	if (result == IDM_OK && !holds) {
		*code = LDAP_ASSERTION_FAILED;
		return IDM_OK;
	}
	return result == IDM_OK ? compare_in(request, read, target, code, err) : result;
}

void
compare_handle(struct request *request)
{
	static const char *const controls[] = { LDAP_CONTROL_MANAGE_DSA_IT,
		LDAP_CONTROL_ASSERTION };
	struct idm_error err = { 0 };
	struct request_read read;
	struct dn_target target;
	const struct ldap_filter *assertion;
	struct ldap_result refusal;
	enum ldap_result_code code = LDAP_OTHER;
	bool monitor = false;
	enum idm_result result;

	if (!request_check_controls(request, controls, 2))
		return;
	if (!assertion_read(&request->message, &request->conn->worker->limits, request->arena,
		&assertion, &refusal)) {
		request_respond_full(request, &refusal, (struct ldap_controls){ NULL, 0 });
		return;
	}
	result = request_read_begin(request, &read, &err);
	if (result != IDM_OK) {
		request_fail(request, result, &err);
		return;
	}
	if (monitor_is_at(request->message.compare.dn, request->arena))
		result = monitor_may_read(&read.read, read.access, &monitor, &err);
	dn_to_target(request->message.compare.dn, &read.tree->suffix, request->arena, &target);
	if (result == IDM_OK && !monitor)
		result = compare_if(request, &read, &target, assertion, &code, &err);
	request_read_end(&read);
	if (monitor && assertion != NULL)
		request_respond(request, LDAP_UNAVAILABLE_CRITICAL_EXTENSION,
		    "nothing can be asserted of what the server tells of itself");
	else if (monitor)
		forward_ask(request);
	else if (result == IDM_NOT_FOUND)
		search_no_such_object(request, &target, &read.tree->suffix);
	else if (result != IDM_OK)
		request_fail(request, result, &err);
	else
		request_respond(request, code, "");
}
