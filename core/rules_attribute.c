/* Attributes of administrators: their words, and what entries hold of them. */
#include <stdlib.h>

#include <xxhash.h>

#include "core/rules_schema.h"
#include "core/schema_entry.h"
#include "core/schema_load.h"
#include "core/schema_users.h"

/* --- what entries hold */

/* What a change of an attribute asks of those that hold it. */
struct holding {
	const struct idm_attr *attr; /* as it is to be */
	bool any;                    /* nobody may hold a value */
	struct idm_named named;
};

static enum idm_result
visit_holder(void *context, const struct idm_entry *entry, struct idm_error *err)
{
	struct holding *h = context;
	uint32_t count = idm_entry_values(entry, h->attr->number).left;

	(void)err;
	if (h->any ? count != 0 : count > 1)
		idm_named_add(&h->named, entry);
	return IDM_OK;
}

static enum idm_result
refuse_holders(struct idm_evaluation *e, const struct idm_attr *attr, bool any, const char *what)
{
	struct holding h = { .attr = attr, .any = any };
	enum idm_result result =
	    idm_schema_visit_attr(e->read, e->read->schema, attr, visit_holder, &h, e->err);

	if (result != IDM_OK || h.named.count == 0)
		return result;
	return idm_refuse(e->err, IDM_SCHEMA, "%s of %s can't change: %s hold%s %s", what,
	    attr->name, h.named.text, h.named.count == 1 ? "s" : "",
	    any ? "values: remove them first" : "several values: leave one each");
}

/* A value of somebody, by its hash: of the length that stands for long values in claims too. */
struct held {
	XXH128_hash_t hash;
	uint64_t id;
};

struct held_list {
	const struct idm_attr *attr;
	struct held *held;
	size_t count;
	size_t room;
};

static bool
hold(struct held_list *list, struct idm_span norm, uint64_t id)
{
	if (list->count == list->room) {
		size_t room = list->room == 0 ? 256 : 2 * list->room;
		struct held *more = realloc(list->held, room * sizeof(*more));

		if (more == NULL)
			return false;
		list->held = more;
		list->room = room;
	}
	list->held[list->count++] = (struct held){ XXH3_128bits(norm.ptr, norm.len), id };
	return true;
}

/* What rests in the recycle bin has given up its claims, and asks for them when it comes back. */
static enum idm_result
visit_values(void *context, const struct idm_entry *entry, struct idm_error *err)
{
	struct held_list *list = context;
	struct idm_value_iter iter = idm_entry_values(entry, list->attr->number);
	struct idm_value value;

	if (!idm_entry_is_live(entry))
		return IDM_OK;
	while (idm_value_next(&iter, &value)) {
		if (!hold(list, value.norm, entry->id))
			return idm_fail(err, IDM_LIMIT, "no memory to compare all values");
	}
	return IDM_OK;
}

static int
compare_held(const void *a, const void *b)
{
	const struct held *left = a, *right = b;
	int order = XXH128_cmp(&left->hash, &right->hash);

	return order != 0 ? order : (left->id > right->id) - (left->id < right->id);
}

static enum idm_result
name_id(struct idm_evaluation *e, uint64_t id, struct idm_named *named)
{
	struct idm_entry entry;
	enum idm_result result = idm_lookup_id(e->read, id, &entry, e->err);

	if (result == IDM_OK)
		idm_named_add(named, &entry);
	return result;
}

/* All of each run of equal values, but those that were named before. */
static enum idm_result
name_equals(struct idm_evaluation *e, const struct held_list *list, struct idm_named *named)
{
	enum idm_result result = IDM_OK;

	for (size_t i = 1; i < list->count && result == IDM_OK; i++) {
		const struct held *one = &list->held[i - 1], *other = &list->held[i];

		if (!XXH128_isEqual(one->hash, other->hash))
			continue;
		if (i < 2 || !XXH128_isEqual(list->held[i - 2].hash, one->hash))
			result = name_id(e, one->id, named);
		if (result == IDM_OK)
			result = name_id(e, other->id, named);
	}
	return result;
}

static enum idm_result
refuse_equals(struct idm_evaluation *e, const struct idm_attr *attr)
{
	struct held_list list = { .attr = attr };
	struct idm_named named = { .count = 0 };
	enum idm_result result =
	    idm_schema_visit_attr(e->read, e->read->schema, attr, visit_values, &list, e->err);

	if (result == IDM_OK && list.count > 1)
		qsort(list.held, list.count, sizeof(*list.held), compare_held);
	if (result == IDM_OK)
		result = name_equals(e, &list, &named);
	free(list.held);
	if (result != IDM_OK || named.count == 0)
		return result;
	return idm_refuse(e->err, IDM_SCHEMA,
	    "%s can't become unique: %s hold equal values: change them first", attr->name,
	    named.text);
}

/* --- the rules */

static enum idm_result
count_attrs(struct idm_evaluation *e)
{
	const struct idm_attr *attr;
	size_t count = 0;

	for (size_t i = 0; (attr = idm_schema_attr_at(e->read->schema, i)) != NULL; i++)
		count += attr->number >= IDM_ATTR_CUSTOM_MIN;
	if (count < IDM_CUSTOM_ATTRS_MAX)
		return IDM_OK;
	return idm_refuse(e->err, IDM_CONSTRAINT,
	    "there are %d attributes beside the built-in ones, and no room for more: delete one",
	    IDM_CUSTOM_ATTRS_MAX);
}

static enum idm_result
check_changed_attr(
    struct idm_evaluation *e, const struct idm_attr *before, const struct idm_attr *after)
{
	bool single = (before->flags & ~after->flags & IDM_ATTR_MULTI) != 0;
	bool unique = (after->flags & ~before->flags & IDM_ATTR_UNIQUE) != 0;
	enum idm_result result = idm_rules_schema_kept_name(
	    e, "attributetype_name", before->name, idm_span_cstr(after->name));

	if (result == IDM_OK && before->syntax != after->syntax)
		result = refuse_holders(e, after, true, "the syntax");
	if (result == IDM_OK && before->syntax != after->syntax)
		result = idm_rules_schema_mentions(e, before, idm_span_cstr(before->name));
	if (result == IDM_OK && single)
		result = refuse_holders(e, after, false, "attributetype_multi");
	if (result == IDM_OK && unique)
		result = refuse_equals(e, after);
	return result;
}

/* The next number that no attribute has ever had (CHANGES 9). */
static enum idm_result
give_number(struct idm_evaluation *e)
{
	uint8_t *bytes = idm_arena_alloc(e->read->arena, sizeof(uint32_t));
	struct idm_span span = { bytes, sizeof(uint32_t) };
	uint64_t next;
	size_t count;
	enum idm_result result;

	idm_draft_values(e->draft, IDM_ATTR_ATTRIBUTETYPE_NUMBER, &count);
	if (count != 0)
		return IDM_OK;
	if (bytes == NULL)
		return IDM_LIMIT;
	result =
	    idm_store_get_number(e->read->txn, IDM_DB_META, IDM_SCHEMA_NEXT_ATTR, &next, e->err);
	if (result != IDM_OK)
		return result;
	if (next < IDM_ATTR_CUSTOM_MIN)
		next = IDM_ATTR_CUSTOM_MIN;
	if (next > UINT32_MAX)
		return idm_refuse(e->err, IDM_LIMIT, "no attribute can be made any more");
	idm_uint32_store((uint32_t)next, bytes);
	return idm_draft_add(
	    e->draft, IDM_ATTR_ATTRIBUTETYPE_NUMBER, (struct idm_value){ span, span });
}

enum idm_result
idm_rules_attribute(struct idm_evaluation *e)
{
	const struct idm_attr *before;
	struct idm_attr after;
	struct idm_entry entry;
	bool complete;
	enum idm_result result = give_number(e);

	if (result == IDM_OK)
		result = idm_rules_schema_view(e, IDM_ATTR_ATTRIBUTETYPE_NAME, &entry, &complete);
	if (result != IDM_OK || !complete || !idm_entry_has(&entry, IDM_ATTR_ATTRIBUTETYPE_SYNTAX))
		return result;
	result = idm_schema_parse_attr(&entry, e->read->arena, &after, e->err);
	if (result != IDM_OK)
		return result;
	before = idm_schema_attr_number(e->read->schema, after.number);
	if (before != NULL)
		return check_changed_attr(e, before, &after);
	result = idm_rules_schema_name(e, "attributetype_name", idm_span_cstr(after.name));
	return result == IDM_OK ? count_attrs(e) : result;
}

enum idm_result
idm_rules_attribute_goes(struct idm_evaluation *e)
{
	struct idm_span name = idm_entry_text(&e->before, IDM_ATTR_ATTRIBUTETYPE_NAME);
	const struct idm_attr *attr = idm_schema_attr(e->read->schema, name);
	const struct idm_class *class;

	if (attr == NULL)
		return IDM_OK;
	for (size_t i = 0; (class = idm_schema_class_at(e->read->schema, i)) != NULL; i++) {
		if (idm_class_lists(class, attr))
			return idm_refuse(e->err, IDM_SCHEMA,
			    "%s is listed by the class %s: take it out there first", attr->name,
			    class->name);
	}
	return idm_rules_schema_mentions(e, attr, name);
}
