/* How attributes and classes are found by name and by number, and how long a schema lives. */
#include "core/schema_impl.h"

#include <stdlib.h>

/* --- names */

static const char *
attr_name(const struct idm_schema *schema, size_t position)
{
	return schema->attrs[position]->name;
}

static const char *
class_name(const struct idm_schema *schema, size_t position)
{
	return schema->classes[position]->name;
}

/* The bucket that holds the name, or the empty one where it belongs. */
static size_t
find_bucket(const struct idm_schema *schema, const struct schema_names *names,
    const char *(*name_at)(const struct idm_schema *schema, size_t position), struct idm_span name)
{
	size_t at = idm_span_hash_nocase(name) % SCHEMA_BUCKETS;

	while (
	    names->position[at] != 0 &&
	    !idm_span_equal_nocase(name, idm_span_cstr(name_at(schema, names->position[at] - 1U))))
		at = (at + 1) % SCHEMA_BUCKETS;
	return at;
}

const struct idm_attr *
idm_schema_attr(const struct idm_schema *schema, struct idm_span name)
{
	uint16_t position;

	if (name.len == 0 || name.len > SCHEMA_NAME_BYTES_MAX)
		return NULL;
	position =
	    schema->attr_names.position[find_bucket(schema, &schema->attr_names, attr_name, name)];
	return position == 0 ? NULL : schema->attrs[position - 1];
}

const struct idm_class *
idm_schema_class(const struct idm_schema *schema, struct idm_span name)
{
	uint16_t position;

	if (name.len == 0 || name.len > SCHEMA_NAME_BYTES_MAX)
		return NULL;
	position = schema->class_names
		       .position[find_bucket(schema, &schema->class_names, class_name, name)];
	return position == 0 ? NULL : schema->classes[position - 1];
}

/* --- numbers and positions */

const struct idm_attr *
idm_schema_attr_number(const struct idm_schema *schema, uint32_t number)
{
	size_t low = SCHEMA_SLOT_COUNT, high = schema->attr_count;
	size_t slot = idm_schema_builtin_slot(number);

	if (slot != SCHEMA_SLOT_COUNT)
		return schema->attrs[slot];
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (schema->attrs[middle]->number == number)
			return schema->attrs[middle];
		if (schema->attrs[middle]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct idm_attr *
idm_schema_attr_at(const struct idm_schema *schema, size_t index)
{
	return index < schema->attr_count ? schema->attrs[index] : NULL;
}

const struct idm_class *
idm_schema_class_at(const struct idm_schema *schema, size_t index)
{
	return index < schema->class_count ? schema->classes[index] : NULL;
}

bool
idm_attr_list_has(const struct idm_attr *const *list, const struct idm_attr *attr)
{
	for (; *list != NULL; list++) {
		if ((*list)->number == attr->number)
			return true;
	}
	return false;
}

bool
idm_class_lists(const struct idm_class *class, const struct idm_attr *attr)
{
	return idm_attr_list_has(class->must, attr) || idm_attr_list_has(class->may, attr);
}

/* --- making */

bool
idm_schema_add_attr(struct idm_schema *schema, const struct idm_attr *attr)
{
	size_t bucket =
	    find_bucket(schema, &schema->attr_names, attr_name, idm_span_cstr(attr->name));

	if (schema->attr_count == IDM_ATTR_SLOTS || schema->attr_names.position[bucket] != 0)
		return false;
	schema->attrs[schema->attr_count++] = attr;
	schema->attr_names.position[bucket] = (uint16_t)schema->attr_count;
	return true;
}

bool
idm_schema_add_class(struct idm_schema *schema, const struct idm_class *class)
{
	size_t bucket =
	    find_bucket(schema, &schema->class_names, class_name, idm_span_cstr(class->name));

	if (schema->class_count == SCHEMA_CLASSES_MAX || schema->class_names.position[bucket] != 0)
		return false;
	schema->classes[schema->class_count++] = class;
	schema->class_names.position[bucket] = (uint16_t)schema->class_count;
	return true;
}

const struct idm_schema *
idm_schema_ref(const struct idm_schema *schema)
{
	struct idm_schema *it = (struct idm_schema *)(uintptr_t)schema;

	if (it->arena != NULL)
		atomic_fetch_add(&it->refs, 1);
	return schema;
}

void
idm_schema_unref(const struct idm_schema **schema)
{
	struct idm_schema *it = (struct idm_schema *)(uintptr_t)*schema;

	*schema = NULL;
	if (it == NULL || it->arena == NULL || atomic_fetch_sub(&it->refs, 1) != 1)
		return;
	idm_arena_free(&it->arena);
	free(it);
}

static void
release(void *thing)
{
	const struct idm_schema *schema = thing;

	idm_schema_unref(&schema);
}

bool
idm_schema_hold(const struct idm_schema *schema, struct idm_arena *arena)
{
	if (schema->arena == NULL || idm_arena_holds(arena, schema))
		return true;
	if (!idm_arena_hold(arena, (void *)(uintptr_t)schema, release))
		return false;
	idm_schema_ref(schema);
	return true;
}
