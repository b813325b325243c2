#include "core/rules_schema.h"

#include "core/reserved.h"
#include "core/schema_users.h"

enum idm_result
idm_rules_schema_name(struct idm_evaluation *e, const char *what, struct idm_span name)
{
	const struct idm_attr *attr = idm_schema_attr(e->read->schema, name);
	const struct idm_class *class = idm_schema_class(e->read->schema, name);

	if (idm_name_is_reserved(name))
		return idm_refuse(e->err, IDM_EXISTS, "%.*s is a name of LDAP: choose another",
		    IDM_SPAN_ARG(name));
	if (attr != NULL)
		return idm_refuse(e->err, IDM_EXISTS, "%s %.*s is %s: choose another name", what,
		    IDM_SPAN_ARG(name),
		    attr->number < IDM_ATTR_CUSTOM_MIN ? "built into the server"
						       : "an attribute that is there already");
	if (class != NULL)
		return idm_refuse(e->err, IDM_EXISTS, "%s %.*s is %s: choose another name", what,
		    IDM_SPAN_ARG(name),
		    idm_class_is_built_in(class) ? "built into the server"
						 : "a class that is there already");
	if (memchr(name.ptr, '.', name.len) != NULL || memchr(name.ptr, '_', name.len) != NULL)
		return idm_refuse(e->err, IDM_INVALID,
		    "%s may hold letters from a to z, digits and '-' only", what);
	return IDM_OK;
}

enum idm_result
idm_rules_schema_kept_name(
    struct idm_evaluation *e, const char *what, const char *kept, struct idm_span name)
{
	if (idm_span_is(name, kept))
		return IDM_OK;
	return idm_refuse(e->err, IDM_CONSTRAINT,
	    "%s can't change: classes and profiles refer to %s by it", what, kept);
}

enum idm_result
idm_rules_schema_view(
    struct idm_evaluation *e, uint32_t name_attr, struct idm_entry *out, bool *complete)
{
	struct idm_span flat;
	enum idm_result result = idm_draft_encode(e->draft, &e->uuid, e->set->no, &flat, e->err);

	if (result == IDM_OK)
		result = idm_entry_view(flat, 0, out, e->err);
	*complete = result == IDM_OK && idm_entry_has(out, name_attr);
	return result;
}

enum idm_result
idm_rules_schema_mentions(
    struct idm_evaluation *e, const struct idm_attr *attr, struct idm_span name)
{
	struct idm_named named = { .count = 0 };
	enum idm_result result = idm_schema_find_mentions(e->read, attr, name, &named, e->err);

	if (result != IDM_OK || named.count == 0)
		return result;
	return idm_refuse(e->err, IDM_SCHEMA,
	    "%.*s is named by access control profiles or dynamic groups (%s): take it out there "
	    "first",
	    IDM_SPAN_ARG(name), named.text);
}

enum idm_result
idm_rules_schema(struct idm_evaluation *e)
{
	if (idm_draft_has_class(e->draft, "attributetype"))
		return idm_rules_attribute(e);
	if (idm_draft_has_class(e->draft, "classtype"))
		return idm_rules_class(e);
	return IDM_OK;
}

enum idm_result
idm_rules_schema_goes(struct idm_evaluation *e)
{
	if (idm_entry_has_class(&e->before, "attributetype"))
		return idm_rules_attribute_goes(e);
	if (idm_entry_has_class(&e->before, "classtype"))
		return idm_rules_class_goes(e);
	return IDM_OK;
}
