/* Whether the classes of an entry and its attributes fit together. */
#include "core/entry.h"

/* The core fills these in behind this check, or never stores them. */
static bool
is_the_cores(const struct idm_attr *attr)
{
	return (attr->flags & (IDM_ATTR_COMPUTED | IDM_ATTR_SYSTEM)) != 0;
}

static enum idm_result
check_must(const struct idm_class *class, const struct idm_draft *draft, struct idm_error *err)
{
	for (const struct idm_attr *const *must = class->must; *must != NULL; must++) {
		size_t count;

		idm_draft_values(draft, (*must)->number, &count);
		if (count == 0 && !is_the_cores(*must))
			return idm_refuse(
			    err, IDM_INVALID, "%s needs %s", class->name, (*must)->name);
	}
	return IDM_OK;
}

/* All classes are known and have what they need; *structural counts the structural ones. */
static enum idm_result
check_classes(const struct idm_schema *schema, const struct idm_draft *draft,
    const struct idm_class **structural, struct idm_error *err)
{
	size_t count;
	const struct idm_value *names = idm_draft_values(draft, IDM_ATTR_CLASS, &count);
	enum idm_result result;

	for (size_t i = 0; i < count; i++) {
		const struct idm_class *class = idm_schema_class(schema, names[i].norm);

		if (class == NULL)
			return idm_refuse(err, IDM_INVALID, "class %.*s is unknown: check its name",
			    IDM_SPAN_ARG(names[i].norm));
		if (class->structural && *structural != NULL)
			return idm_refuse(err, IDM_INVALID,
			    "class %s and class %s exclude each other: keep one",
			    (*structural)->name, class->name);
		if (class->needs != NULL && !idm_draft_has_class(draft, class->needs))
			return idm_refuse(err, IDM_INVALID, "class %s needs the class %s",
			    class->name, class->needs);
		if (class->structural)
			*structural = class;
		result = check_must(class, draft, err);
		if (result != IDM_OK)
			return result;
	}
	return IDM_OK;
}

/* account, and person or service_account, come together. */
static enum idm_result
check_account(
    const struct idm_class *structural, const struct idm_draft *draft, struct idm_error *err)
{
	bool account = idm_draft_has_class(draft, "account");
	bool holder = strcmp(structural->name, "person") == 0 ||
		      strcmp(structural->name, "service_account") == 0;

	if (account && !holder)
		return idm_refuse(
		    err, IDM_INVALID, "account needs the class person or service_account");
	if (holder && !account)
		return idm_refuse(err, IDM_INVALID, "%s needs the class account", structural->name);
	return IDM_OK;
}

static bool
is_allowed(
    const struct idm_schema *schema, const struct idm_draft *draft, const struct idm_attr *attr)
{
	size_t count;
	const struct idm_value *names = idm_draft_values(draft, IDM_ATTR_CLASS, &count);

	for (size_t i = 0; i < count; i++) {
		const struct idm_class *class = idm_schema_class(schema, names[i].norm);

		if (class != NULL && idm_class_lists(class, attr))
			return true;
	}
	return false;
}

static enum idm_result
check_attrs(const struct idm_schema *schema, const struct idm_draft *draft,
    const struct idm_class *structural, struct idm_error *err)
{
	uint32_t number;

	for (size_t i = 0; (number = idm_draft_attr_at(draft, i)) != 0; i++) {
		const struct idm_attr *attr = idm_schema_attr_number(schema, number);
		size_t count;

		if (attr == NULL)
			return idm_refuse(err, IDM_INVALID,
			    "there is no attribute with the number %u", (unsigned)number);
		idm_draft_values(draft, number, &count);
		if (count > 1 && (attr->flags & IDM_ATTR_MULTI) == 0)
			return idm_refuse(err, IDM_INVALID,
			    "%s takes one value: remove the old one first", attr->name);
		if (!is_the_cores(attr) && !is_allowed(schema, draft, attr))
			return idm_refuse(err, IDM_INVALID,
			    "%s is not allowed on this %s: no class of the entry has it",
			    attr->name, structural->name);
	}
	return IDM_OK;
}

/* What is left of a deleted entry: its classes, and what the core itself keeps. */
static enum idm_result
check_tombstone(
    const struct idm_schema *schema, const struct idm_draft *draft, struct idm_error *err)
{
	uint32_t number;

	for (size_t i = 0; (number = idm_draft_attr_at(draft, i)) != 0; i++) {
		const struct idm_attr *attr = idm_schema_attr_number(schema, number);

		if (number == IDM_ATTR_CLASS || (attr != NULL && is_the_cores(attr)))
			continue;
		return idm_refuse(err, IDM_INVALID, "a tombstone holds no %s",
		    attr == NULL ? "such attribute" : attr->name);
	}
	return IDM_OK;
}

enum idm_result
idm_schema_check(
    const struct idm_schema *schema, const struct idm_draft *draft, struct idm_error *err)
{
	const struct idm_class *structural = NULL;
	enum idm_result result;

	if (idm_draft_has_class(draft, "tombstone"))
		return check_tombstone(schema, draft, err);
	if (!idm_draft_has_class(draft, "object"))
		return idm_refuse(err, IDM_INVALID, "every entry needs the class object");
	result = check_classes(schema, draft, &structural, err);
	if (result != IDM_OK)
		return result;
	if (structural == NULL)
		return idm_refuse(err, IDM_INVALID,
		    "class must say what the entry is: person, service_account, group, ...");
	result = check_account(structural, draft, err);
	if (result != IDM_OK)
		return result;
	return check_attrs(schema, draft, structural, err);
}
