/* Attributes and classes of the schema, built-in ones and those of administrators, as JSON objects.
 */
#ifndef ADMIN_SCHEMA_THING_H
#define ADMIN_SCHEMA_THING_H

#include <jansson.h>

struct schema_kind {
	const char *word;  /* for people */
	const char *class; /* of the entries */
};

extern const struct schema_kind schema_attributes;
extern const struct schema_kind schema_classes;

/* Add all that is built in: the command and the server are of one release. */
void schema_add_builtin(const struct schema_kind *kind, json_t *out);

/* What an entry of ou=schema has made. */
json_t *schema_of_entry(const struct schema_kind *kind, const json_t *entry);

const char *schema_name(const json_t *thing);

/* On one line, and on several. */
void schema_print_line(const struct schema_kind *kind, const json_t *thing);
void schema_print(const json_t *thing);

#endif
