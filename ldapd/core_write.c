/* Add, modify, delete and modifyDN (RFC 4511 sections 4.6 to 4.9): requests for changes. */
#include "ldapd/assertion.h"
#include "ldapd/core_audit.h"
#include "ldapd/entry_read.h"
#include "ldapd/ldap_filter.h"
#include "ldapd/view.h"

/* What a request is put together from; lives in the job's arena. */
struct writing {
	struct core_job *job;
	const struct core_read *read;
	struct idm_request_mod *mods;
	size_t count;
	size_t room;
	enum dn_container container; /* of the entry */
	bool recycled;               /* the entry is in the recycle bin */
	uint32_t naming;             /* the attribute that its RDN is of */
	enum ldap_result_code code;  /* to answer with, where it is not the result's own */
	struct idm_error *err;
};

static enum idm_result
add_mod(struct writing *w, enum idm_request_kind kind, const struct idm_attr *attr,
    const struct idm_span *values, size_t count)
{
	if (w->count == w->room)
		return idm_refuse(w->err, IDM_LIMIT, "the request is too large: split it");
	w->mods[w->count++] = (struct idm_request_mod){ kind, attr, values, count };
	return IDM_OK;
}

/* The values in native form: DNs become what they name, classes that say nothing go. */
static enum idm_result
native_values(struct writing *w, const struct idm_attr *attr, const struct ldap_attribute *in,
    struct idm_span *values, size_t *count)
{
	struct idm_access *access = NULL;
	struct view view = { &w->read->read, &w->read->tree->suffix, NULL };
	enum idm_result result = IDM_OK;

	*count = 0;
	if (attr->syntax == IDM_SYNTAX_REFERENCE)
		result = core_rights(w->read, &access, w->err);
	view.access = access;
	for (size_t i = 0; i < in->value_count && result == IDM_OK; i++) {
		result = view_native_value(&view, attr, in->values[i], &values[*count], w->err);
		if (values[*count].ptr != NULL)
			(*count)++;
	}
	return result;
}

static enum idm_result
native_attr(struct writing *w, struct idm_span type, const struct idm_attr **out)
{
	const struct idm_schema *schema = w->read->read.schema;
	const struct view_attr *attr = view_find(schema, type);

	if (w->container == DN_CONTAINER_SCHEMA && attr != NULL && attr->form == VIEW_NAMES) {
		*out = idm_schema_attr_number(schema, w->naming); /* cn */
		return IDM_OK;
	}
	switch (view_native(schema, type, w->container, out)) {
	case VIEW_WRITABLE: return IDM_OK;
	case VIEW_COMPUTED:
		return idm_refuse(w->err, IDM_CONSTRAINT, "%.*s is computed and can't be written",
		    IDM_SPAN_ARG(type));
	case VIEW_UNKNOWN: break;
	}
	w->code = LDAP_UNDEFINED_ATTRIBUTE_TYPE;
	return idm_refuse(w->err, IDM_SCHEMA, "there is no attribute %.*s", IDM_SPAN_ARG(type));
}

static enum idm_result
add_attribute(struct writing *w, enum idm_request_kind kind, const struct ldap_attribute *attribute)
{
	const struct idm_attr *attr = NULL;
	struct idm_span *values =
	    idm_arena_array(w->job->arena, attribute->value_count + 1, sizeof(*values));
	size_t count = 0;
	enum idm_result result = native_attr(w, attribute->type, &attr);

	if (values == NULL)
		return IDM_LIMIT;
	if (result == IDM_OK)
		result = native_values(w, attr, attribute, values, &count);
	if (result != IDM_OK)
		return result;
	if (count == 0 && attribute->value_count != 0)
		return IDM_OK; /* only values that say nothing */
	return add_mod(w, kind, attr, values, count);
}

static enum idm_result
room_for_mods(struct writing *w, size_t room)
{
	w->mods = idm_arena_array(w->job->arena, room, sizeof(*w->mods));
	w->room = room;
	return w->mods == NULL ? IDM_LIMIT : IDM_OK;
}

/* The entry at a DN, which must be one that can be there. */
static enum idm_result
find_target(struct writing *w, struct idm_span dn)
{
	struct idm_entry entry;
	enum idm_result result = core_find(w->read, dn, &entry, w->err);

	if (result == IDM_NOT_FOUND)
		return idm_refuse(w->err, IDM_NOT_FOUND, "no matching entries");
	if (result == IDM_OK) {
		w->job->request.target = entry.uuid;
		w->job->has_target = true;
		w->container = tree_container(&entry);
		w->recycled = idm_entry_has_class(&entry, "recycled");
		w->naming = tree_naming_attr(&entry);
	}
	return result;
}

/*
 * A request that can't be put together is refused for that only to those who see the entry: else
 * the refusal would tell that it is there (SPEC 5.6).
 */
static enum idm_result
check_sight(struct writing *w)
{
	const struct idm_read *read = &w->read->read;
	struct idm_error err = { .text = "" };
	struct idm_access *access;
	struct idm_attrset seen;
	struct idm_entry entry;
	enum idm_result result = idm_lookup_uuid(read, &w->job->request.target, &entry, &err);

	if (result == IDM_OK)
		result = core_rights(w->read, &access, &err);
	if (result == IDM_OK)
		result = idm_access_search(read, access, &entry, &seen, &err);
	if (result == IDM_OK && idm_attrset_is_empty(&seen))
		result = IDM_NOT_FOUND;
	return result;
}

/* An entry is revived by a modification that takes its class `recycled` away, and nothing else. */
static bool
asks_to_revive(const struct writing *w)
{
	const struct idm_request_mod *mod = w->mods;

	return w->recycled && w->count == 1 && mod->kind == IDM_REQUEST_DELETE &&
	       mod->attr->number == IDM_ATTR_CLASS && mod->count == 1 &&
	       idm_span_equal_nocase(mod->values[0], IDM_SPAN_LIT("recycled"));
}

/* Where a new entry is to stand decides what it is. */
static const char *const *
classes_of(enum dn_container container)
{
	static const char *const person[] = { "account", "person", NULL };
	static const char *const group[] = { "group", NULL };
	static const char *const service[] = { "account", "service_account", NULL };
	static const char *const profile[] = { "access_control_profile", NULL };
	static const char *const application[] = { "application", NULL };
	static const char *const none[] = { NULL };

	switch (container) {
	case DN_CONTAINER_PEOPLE: return person;
	case DN_CONTAINER_GROUPS: return group;
	case DN_CONTAINER_SERVICES: return service;
	case DN_CONTAINER_ACCESS: return profile;
	case DN_CONTAINER_APPLICATIONS: return application;
	case DN_CONTAINER_SCHEMA: /* the request says which of the two */
	case DN_CONTAINER_NONE: return none;
	}
	return none;
}

static enum idm_result
add_text(struct writing *w, enum idm_request_kind kind, uint32_t attr_number, struct idm_span text)
{
	struct idm_span *value = idm_arena_alloc(w->job->arena, sizeof(*value));

	if (value == NULL)
		return IDM_LIMIT;
	*value = text;
	return add_mod(
	    w, kind, idm_schema_attr_number(w->read->read.schema, attr_number), value, 1);
}

/* Is that one of the values of the class in the request? */
static bool
asks_class(const struct ldap_add_request *add, const char *class)
{
	for (size_t i = 0; i < add->attribute_count; i++) {
		const struct ldap_attribute *attribute = &add->attributes[i];

		if (!idm_span_equal_nocase(attribute->type, IDM_SPAN_LIT("objectClass")) &&
		    !idm_span_equal_nocase(attribute->type, IDM_SPAN_LIT("class")))
			continue;
		for (size_t k = 0; k < attribute->value_count; k++) {
			if (idm_span_equal_nocase(attribute->values[k], idm_span_cstr(class)))
				return true;
		}
	}
	return false;
}

/* What the RDN of a new entry is. */
static enum idm_result
find_naming(struct writing *w, const struct ldap_add_request *add)
{
	w->naming = IDM_ATTR_NAME;
	if (w->container != DN_CONTAINER_SCHEMA)
		return IDM_OK;
	if (asks_class(add, "attributetype"))
		w->naming = IDM_ATTR_ATTRIBUTETYPE_NAME;
	else if (asks_class(add, "classtype"))
		w->naming = IDM_ATTR_CLASSTYPE_NAME;
	else
		return idm_refuse(w->err, IDM_SCHEMA,
		    "objectClass must say which it is: attributetype or classtype");
	return IDM_OK;
}

/* Is it an entry, by an RDN of its name alone?  What else names one can't be chosen. */
static bool
gives_name(const struct dn_target *target)
{
	return target->kind == DN_ENTRY &&
	       (target->naming == DN_NAMING_UID || target->naming == DN_NAMING_CN ||
		   target->naming == DN_NAMING_NAME);
}

static enum idm_result
prepare_add(struct writing *w)
{
	const struct ldap_add_request *add = &w->job->message.add;
	struct dn_target target;
	const char *const *class;
	enum idm_result result;

	w->job->request.operation = IDM_OP_CREATE;
	dn_to_target(add->dn, &w->read->tree->suffix, w->job->arena, &target);
	if (!gives_name(&target) || target.container == DN_CONTAINER_NONE)
		return idm_refuse(w->err, IDM_INVALID,
		    "new entries stand at uid=NAME,ou=people, cn=NAME,ou=groups, "
		    "uid=NAME,ou=services, cn=NAME,ou=access, cn=NAME,ou=schema or "
		    "cn=NAME,ou=applications below the suffix");
	w->container = target.container;
	result = find_naming(w, add);
	if (result == IDM_OK)
		result = room_for_mods(w, add->attribute_count + 4);
	if (result == IDM_OK)
		result = add_text(w, IDM_REQUEST_ADD, w->naming, target.value);
	for (class = classes_of(target.container); *class != NULL && result == IDM_OK; class ++)
		result = add_text(w, IDM_REQUEST_ADD, IDM_ATTR_CLASS, idm_span_cstr(*class));
	for (size_t i = 0; i < add->attribute_count && result == IDM_OK; i++)
		result = add_attribute(w, IDM_REQUEST_ADD, &add->attributes[i]);
	return result;
}

static enum idm_result
prepare_modify(struct writing *w)
{
	const struct ldap_modify_request *modify = &w->job->message.modify;
	enum idm_result result = find_target(w, modify->dn);

	w->job->request.operation = IDM_OP_MODIFY;
	if (result == IDM_OK)
		result = room_for_mods(w, modify->change_count);
	for (size_t i = 0; i < modify->change_count && result == IDM_OK; i++) {
		const struct ldap_modification *change = &modify->changes[i];

		switch (change->kind) {
		case LDAP_MODIFY_ADD:
			result = add_attribute(w, IDM_REQUEST_ADD, &change->attribute);
			break;
		case LDAP_MODIFY_DELETE:
			result = add_attribute(w, IDM_REQUEST_DELETE, &change->attribute);
			break;
		case LDAP_MODIFY_REPLACE:
			result = add_attribute(w, IDM_REQUEST_REPLACE, &change->attribute);
			break;
		case LDAP_MODIFY_INCREMENT:
			result = idm_refuse(w->err, IDM_CONSTRAINT,
			    "increment (RFC 4525) is not offered: replace the value");
			break;
		}
	}
	return result;
}

static enum idm_result
prepare_delete(struct writing *w)
{
	w->job->request.operation = IDM_OP_DELETE;
	return find_target(w, w->job->message.delete_dn);
}

/* A new name; an entry can't move to another container, for that says what it is. */
static enum idm_result
prepare_rename(struct writing *w)
{
	const struct ldap_modify_dn_request *rename = &w->job->message.modify_dn;
	struct dn_target from, to, superior;
	enum idm_result result = find_target(w, rename->dn);

	w->job->request.operation = IDM_OP_MODIFY;
	if (result != IDM_OK)
		return result;
	dn_to_target(rename->dn, &w->read->tree->suffix, w->job->arena, &from);
	dn_to_target(rename->new_rdn, &w->read->tree->suffix, w->job->arena, &to);
	if (!gives_name(&to))
		return idm_refuse(w->err, IDM_INVALID,
		    "the new RDN is to be uid=NAME, or cn=NAME of a group or profile");
	if (rename->has_new_superior) {
		dn_to_target(
		    rename->new_superior, &w->read->tree->suffix, w->job->arena, &superior);
		if (superior.kind != DN_CONTAINER || superior.container != from.container)
			return idm_refuse(w->err, IDM_CONSTRAINT,
			    "an entry can't move: its container says what it is");
	}
	result = room_for_mods(w, 1);
	return result == IDM_OK ? add_text(w, IDM_REQUEST_REPLACE, w->naming, to.value) : result;
}

static void
on_changed(struct core_job *job, enum idm_result result, const struct idm_error *err)
{
	if (result == IDM_OK)
		core_job_done(job, LDAP_SUCCESS, job->note == NULL ? "" : job->note);
	else
		core_job_fail(job, result, err);
}

/* Refuse the request by what its controls are. */
static enum idm_result
refuse_control(struct writing *w, const struct ldap_result *refusal)
{
	w->code = refusal->code;
	return idm_refuse(w->err, IDM_INVALID, "%.*s", IDM_SPAN_ARG(refusal->text));
}

/* What the client asserts of the entry; it is looked at where the change is decided. */
static enum idm_result
prepare_assertion(struct writing *w)
{
	struct core_job *job = w->job;
	struct view view = { &w->read->read, &w->read->tree->suffix, NULL };
	struct idm_filter *filter = idm_arena_alloc(job->arena, sizeof(*filter));
	const struct ldap_filter *assertion;
	struct ldap_result refusal;
	struct idm_access *access;
	enum idm_result result;

	if (!assertion_read(&job->message, &ldap_limits_default, job->arena, &assertion, &refusal))
		return refuse_control(w, &refusal);
	if (assertion == NULL)
		return IDM_OK;
	if (filter == NULL)
		return IDM_LIMIT;
	result = core_rights(w->read, &access, w->err);
	view.access = access;
	if (result == IDM_OK)
		result = ldap_filter_translate(&view, assertion, filter, w->err);
	job->request.assertion = filter;
	job->request.assertion_schema = w->read->read.schema;
	return result;
}

static enum idm_result
prepare_reading(struct writing *w)
{
	struct ldap_result refusal;

	return entry_read_ask(w->job, &refusal) ? IDM_OK : refuse_control(w, &refusal);
}

static enum idm_result
prepare(struct writing *w)
{
	switch (w->job->message.op) {
	case LDAP_ADD_REQUEST: return prepare_add(w);
	case LDAP_MODIFY_REQUEST: return prepare_modify(w);
	case LDAP_DELETE_REQUEST: return prepare_delete(w);
	case LDAP_MODIFY_DN_REQUEST: return prepare_rename(w);
	case LDAP_BIND_REQUEST:
	case LDAP_UNBIND_REQUEST:
	case LDAP_SEARCH_REQUEST:
	case LDAP_COMPARE_REQUEST:
	case LDAP_ABANDON_REQUEST:
	case LDAP_EXTENDED_REQUEST: break;
	}
	return idm_fail(w->err, IDM_SYSTEM, "not a write");
}

void
core_write(struct core_job *job)
{
	struct core_read read;
	struct idm_error err = { .text = "" };
	struct writing w = { .job = job, .read = &read, .err = &err };
	enum idm_result result = core_read_begin(job, &read, &err);

	if (result == IDM_OK)
		result = prepare(&w);
	if (result == IDM_OK)
		result = prepare_assertion(&w);
	if (result == IDM_OK)
		result = prepare_reading(&w);
	if (result != IDM_OK && job->has_target && check_sight(&w) != IDM_OK) {
		w.code = LDAP_SUCCESS;
		result = idm_refuse(&err, IDM_NOT_FOUND, "no matching entries");
	}
	core_read_end(&read);
	if (result != IDM_OK && w.code != LDAP_SUCCESS) {
		core_audit_refused(job, result, &err);
		core_job_done(job, w.code, err.client_text);
		return;
	}
	if (result != IDM_OK) {
		core_job_fail(job, result, &err);
		return;
	}
	if (asks_to_revive(&w)) {
		job->request.operation = IDM_OP_REVIVE;
		w.count = 0;
	}
	job->request.mods = w.mods;
	job->request.mod_count = w.count;
	core_change(job, on_changed);
}
