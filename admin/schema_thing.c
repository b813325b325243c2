#include "admin/schema_thing.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/client.h"
#include "core/schema_entry.h"

const struct schema_kind schema_attributes = { "attribute", "attributetype" };
const struct schema_kind schema_classes = { "class", "classtype" };

static const char *
text_of(const json_t *thing, const char *member)
{
	const char *text = json_string_value(json_object_get(thing, member));

	return text == NULL ? "" : text;
}

/* --- what is built in: the command and the server are of one release */

static json_t *
index_of(const struct idm_attr *attr)
{
	json_t *list = json_array();
	uint32_t flag;
	const char *word;

	for (size_t i = 0; (word = idm_index_word(i, &flag)) != NULL; i++) {
		if ((attr->flags & flag) != 0)
			json_array_append_new(list, json_string(word));
	}
	return list;
}

static json_t *
builtin_attribute(const struct idm_attr *attr)
{
	return json_pack("{s:s, s:s, s:b, s:b, s:o, s:i, s:b}", "name", attr->name, "syntax",
	    idm_syntax_word(attr->syntax), "multi", (attr->flags & IDM_ATTR_MULTI) != 0, "unique",
	    (attr->flags & IDM_ATTR_UNIQUE) != 0, "index", index_of(attr), "number",
	    (int)attr->number, "builtin", 1);
}

static json_t *
names_of(const struct idm_attr *const *attrs)
{
	json_t *list = json_array();

	for (; *attrs != NULL; attrs++)
		json_array_append_new(list, json_string((*attrs)->name));
	return list;
}

static json_t *
builtin_class(const struct idm_class *class)
{
	return json_pack("{s:s, s:o, s:o, s:b}", "name", class->name, "must", names_of(class->must),
	    "may", names_of(class->may), "builtin", 1);
}

void
schema_add_builtin(const struct schema_kind *kind, json_t *out)
{
	const struct idm_schema *schema = idm_schema_builtin();
	const struct idm_attr *attr;
	const struct idm_class *class;

	for (size_t i = 0;
	     kind == &schema_attributes && (attr = idm_schema_attr_at(schema, i)) != NULL; i++)
		json_array_append_new(out, builtin_attribute(attr));
	for (size_t i = 0;
	     kind == &schema_classes && (class = idm_schema_class_at(schema, i)) != NULL; i++)
		json_array_append_new(out, builtin_class(class));
}

/* --- what administrators made */

static bool
is_true(const json_t *entry, const char *attribute)
{
	const char *value = client_first(entry, attribute);

	return value != NULL && strcasecmp(value, "true") == 0;
}

/* All values of an attribute; an empty list where there are none. */
static json_t *
values_of(const json_t *entry, const char *attribute)
{
	json_t *values = json_object_get(entry, attribute);

	return values == NULL ? json_array() : json_incref(values);
}

static void
add_description(json_t *out, const json_t *entry)
{
	const char *description = client_first(entry, "description");

	if (description != NULL)
		json_object_set_new(out, "description", json_string(description));
}

static json_t *
own_attribute(const json_t *entry)
{
	const char *number = client_first(entry, "attributetype_number");
	json_t *out = json_pack("{s:s?, s:s?, s:b, s:b, s:o, s:i, s:b}", "name",
	    client_first(entry, "attributetype_name"), "syntax",
	    client_first(entry, "attributetype_syntax"), "multi",
	    is_true(entry, "attributetype_multi"), "unique", is_true(entry, "attributetype_unique"),
	    "index", values_of(entry, "attributetype_index"), "number",
	    number == NULL ? 0 : (int)strtol(number, NULL, 10), "builtin", 0);

	add_description(out, entry);
	return out;
}

static json_t *
own_class(const json_t *entry)
{
	json_t *out = json_pack("{s:s?, s:o, s:o, s:b}", "name",
	    client_first(entry, "classtype_name"), "must", values_of(entry, "classtype_must"),
	    "may", values_of(entry, "classtype_may"), "builtin", 0);

	add_description(out, entry);
	return out;
}

json_t *
schema_of_entry(const struct schema_kind *kind, const json_t *entry)
{
	return kind == &schema_attributes ? own_attribute(entry) : own_class(entry);
}

const char *
schema_name(const json_t *thing)
{
	return text_of(thing, "name");
}

/* --- printing */

static bool
holds(const json_t *thing, const char *member)
{
	return json_is_true(json_object_get(thing, member));
}

/* "  word a b c", where there are any. */
static void
print_words(const char *word, const json_t *list)
{
	if (json_array_size(list) == 0)
		return;
	printf("  %s", word);
	for (size_t i = 0; i < json_array_size(list); i++)
		printf(" %s", json_string_value(json_array_get(list, i)));
}

void
schema_print_line(const struct schema_kind *kind, const json_t *thing)
{
	printf("%-32s", text_of(thing, "name"));
	if (kind == &schema_attributes) {
		printf("  %-11s%s%s", text_of(thing, "syntax"),
		    holds(thing, "multi") ? "  multi" : "",
		    holds(thing, "unique") ? "  unique" : "");
		print_words("index", json_object_get(thing, "index"));
	} else {
		print_words("must", json_object_get(thing, "must"));
		print_words("may", json_object_get(thing, "may"));
	}
	puts(holds(thing, "builtin") ? "  (built in)" : "");
}

void
schema_print(const json_t *thing)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)thing, name, value)
	{
		if (json_is_array(value)) {
			printf("%s:", name);
			for (size_t i = 0; i < json_array_size(value); i++)
				printf(" %s", json_string_value(json_array_get(value, i)));
			putchar('\n');
		} else if (json_is_boolean(value)) {
			printf("%s: %s\n", name, json_is_true(value) ? "yes" : "no");
		} else if (json_is_integer(value)) {
			printf("%s: %lld\n", name, (long long)json_integer_value(value));
		} else {
			printf("%s: %s\n", name, json_string_value(value));
		}
	}
}
