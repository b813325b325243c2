/* Classes of administrators: their lists, and the entries that have them. */
#include "core/rules_schema.h"
#include "core/schema_entry.h"
#include "core/schema_users.h"

static enum idm_result
count_classes(struct idm_evaluation *e)
{
	const struct idm_class *class;
	size_t count = 0;

	for (size_t i = 0; (class = idm_schema_class_at(e->read->schema, i)) != NULL; i++)
		count += !idm_class_is_built_in(class);
	if (count < IDM_CUSTOM_CLASSES_MAX)
		return IDM_OK;
	return idm_refuse(e->err, IDM_CONSTRAINT,
	    "there are %d classes beside the built-in ones, and no room for more: delete one",
	    IDM_CUSTOM_CLASSES_MAX);
}

/*
 * Built-in attributes that a class of an administrator may list: what people, accounts and groups
 * may hold as plain values.  All others mean something to the server.
 */
static bool
is_plain(const struct idm_schema *schema, const struct idm_attr *attr)
{
	static const char *const classes[] = { "object", "person", "service_account", "account",
		"group", "posixaccount" };
	const uint32_t special = IDM_ATTR_COMPUTED | IDM_ATTR_SYSTEM | IDM_ATTR_EDGE |
				 IDM_ATTR_ROWS | IDM_ATTR_LOCAL | IDM_ATTR_WRITE_ONLY;

	if (attr->number >= IDM_ATTR_CUSTOM_MIN)
		return true;
	if ((attr->flags & special) != 0 || attr->syntax == IDM_SYNTAX_CREDENTIAL ||
	    attr->syntax == IDM_SYNTAX_SECRET || attr->number == IDM_ATTR_CLASS)
		return false;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (idm_class_lists(idm_schema_class(schema, idm_span_cstr(classes[i])), attr))
			return true;
	}
	return false;
}

static enum idm_result
check_listed(struct idm_evaluation *e, const struct idm_class *class,
    const struct idm_attr *const *list, size_t *count)
{
	for (; *list != NULL; list++, (*count)++) {
		if (!is_plain(e->read->schema, *list))
			return idm_refuse(e->err, IDM_CONSTRAINT,
			    "%s means something to the server: no class but its own lists it",
			    (*list)->name);
		if (idm_attr_list_has(class->must, *list) && idm_attr_list_has(class->may, *list))
			return idm_refuse(e->err, IDM_CONSTRAINT,
			    "%s is in classtype_must and in classtype_may: leave it in one",
			    (*list)->name);
	}
	return IDM_OK;
}

static enum idm_result
check_lists(struct idm_evaluation *e, const struct idm_class *class)
{
	size_t count = 0;
	enum idm_result result = check_listed(e, class, class->must, &count);

	if (result == IDM_OK)
		result = check_listed(e, class, class->may, &count);
	for (const struct idm_attr *const *must = class->must; result == IDM_OK && *must != NULL;
	     must++) {
		if ((*must)->syntax == IDM_SYNTAX_REFERENCE)
			result = idm_refuse(e->err, IDM_CONSTRAINT,
			    "%s goes with the entry that it refers to, so it can't be in "
			    "classtype_must: put it in classtype_may",
			    (*must)->name);
	}
	if (result == IDM_OK && count > IDM_CLASS_ATTRS_MAX)
		result = idm_refuse(e->err, IDM_CONSTRAINT,
		    "a class lists at most %d attributes: make two", IDM_CLASS_ATTRS_MAX);
	return result;
}

/* What a change of a class asks of the entries that have it. */
struct classing {
	const struct idm_schema *schema;
	const struct idm_class *before;
	const struct idm_class *after;
	struct idm_named lacking;      /* entries without an attribute that they must have */
	const struct idm_attr *lacked; /* one of these */
	struct idm_named holding;      /* entries with one that no class lets them hold */
	const struct idm_attr *held;
};

/* Does another class of the entry let it hold the attribute? */
static bool
is_allowed_else(
    const struct classing *c, const struct idm_entry *entry, const struct idm_attr *attr)
{
	struct idm_value_iter iter = idm_entry_values(entry, IDM_ATTR_CLASS);
	struct idm_value value;

	while (idm_value_next(&iter, &value)) {
		const struct idm_class *class = idm_schema_class(c->schema, value.norm);

		if (class != NULL && class != c->before && idm_class_lists(class, attr))
			return true;
	}
	return false;
}

static const struct idm_attr *
first_lacked(const struct classing *c, const struct idm_entry *entry)
{
	for (const struct idm_attr *const *must = c->after->must; *must != NULL; must++) {
		if (!idm_attr_list_has(c->before->must, *must) &&
		    !idm_entry_has(entry, (*must)->number))
			return *must;
	}
	return NULL;
}

static const struct idm_attr *
first_held(
    const struct classing *c, const struct idm_entry *entry, const struct idm_attr *const *list)
{
	for (; *list != NULL; list++) {
		if (!idm_class_lists(c->after, *list) && idm_entry_has(entry, (*list)->number) &&
		    !is_allowed_else(c, entry, *list))
			return *list;
	}
	return NULL;
}

static enum idm_result
visit_classed(void *context, const struct idm_entry *entry, struct idm_error *err)
{
	struct classing *c = context;
	const struct idm_attr *lacked = first_lacked(c, entry);
	const struct idm_attr *held = first_held(c, entry, c->before->must);

	(void)err;
	if (held == NULL)
		held = first_held(c, entry, c->before->may);
	if (lacked != NULL) {
		c->lacked = lacked;
		idm_named_add(&c->lacking, entry);
	}
	if (held != NULL) {
		c->held = held;
		idm_named_add(&c->holding, entry);
	}
	return IDM_OK;
}

static enum idm_result
check_changed_class(
    struct idm_evaluation *e, const struct idm_class *before, const struct idm_class *after)
{
	struct classing c = { .schema = e->read->schema, .before = before, .after = after };
	enum idm_result result =
	    idm_schema_visit_class(e->read, idm_span_cstr(before->name), visit_classed, &c, e->err);

	if (result != IDM_OK)
		return result;
	if (c.lacked != NULL)
		return idm_refuse(e->err, IDM_SCHEMA,
		    "%s can't need %s: %s lack%s it: give it to them first", before->name,
		    c.lacked->name, c.lacking.text, c.lacking.count == 1 ? "s" : "");
	if (c.held != NULL)
		return idm_refuse(e->err, IDM_SCHEMA,
		    "%s can't lose %s: %s hold%s it: remove it there first", before->name,
		    c.held->name, c.holding.text, c.holding.count == 1 ? "s" : "");
	return IDM_OK;
}

/* The class that this entry made; NULL: it made none yet, or rests in the recycle bin. */
static const struct idm_class *
class_of(const struct idm_evaluation *e)
{
	const struct idm_class *class;

	for (size_t i = 0; (class = idm_schema_class_at(e->read->schema, i)) != NULL; i++) {
		if (!idm_class_is_built_in(class) && idm_uuid_equal(&class->uuid, &e->uuid))
			return class;
	}
	return NULL;
}

enum idm_result
idm_rules_class(struct idm_evaluation *e)
{
	const struct idm_class *before = class_of(e);
	struct idm_class after;
	struct idm_entry entry;
	bool complete;
	enum idm_result result =
	    idm_rules_schema_view(e, IDM_ATTR_CLASSTYPE_NAME, &entry, &complete);

	if (result != IDM_OK || !complete)
		return result;
	result = idm_schema_parse_class(e->read->schema, &entry, e->read->arena, &after, e->err);
	if (result == IDM_OK)
		result = check_lists(e, &after);
	if (result != IDM_OK)
		return result;
	if (before != NULL) {
		result = idm_rules_schema_kept_name(
		    e, "classtype_name", before->name, idm_span_cstr(after.name));
		return result == IDM_OK ? check_changed_class(e, before, &after) : result;
	}
	result = idm_rules_schema_name(e, "classtype_name", idm_span_cstr(after.name));
	return result == IDM_OK ? count_classes(e) : result;
}

static enum idm_result
visit_any(void *context, const struct idm_entry *entry, struct idm_error *err)
{
	(void)err;
	idm_named_add(context, entry);
	return IDM_OK;
}

enum idm_result
idm_rules_class_goes(struct idm_evaluation *e)
{
	const struct idm_class *class = class_of(e);
	struct idm_named named = { .count = 0 };
	enum idm_result result;

	if (class == NULL)
		return IDM_OK;
	result =
	    idm_schema_visit_class(e->read, idm_span_cstr(class->name), visit_any, &named, e->err);
	if (result != IDM_OK)
		return result;
	if (named.count != 0)
		return idm_refuse(e->err, IDM_SCHEMA,
		    "%s ha%s the class %s: take it from them first", named.text,
		    named.count == 1 ? "s" : "ve", class->name);
	return idm_rules_schema_mentions(e, NULL, idm_span_cstr(class->name));
}
