/* What a schema is made of, for the files that make one; for nobody else. */
#ifndef CORE_SCHEMA_IMPL_H
#define CORE_SCHEMA_IMPL_H

#include <stdatomic.h>

#include "core/schema.h"

enum {
	SCHEMA_NAME_BYTES_MAX = 64, /* no attribute or class has a longer name */
	SCHEMA_BUCKETS = 2048,      /* a power of two, well above the number of names */
	SCHEMA_CLASSES_MAX = 256,
};

/* Dense positions in the order of the list, which is that of the numbers. */
enum schema_slot {
#define SCHEMA_SLOT(number, constant, name, syntax, flags) SCHEMA_SLOT_##constant,
	IDM_ATTRIBUTES(SCHEMA_SLOT)
#undef SCHEMA_SLOT
	    SCHEMA_SLOT_COUNT
};

/* Names to positions: open addressing, filled once, read ever after; 0 is an empty bucket. */
struct schema_names {
	uint16_t position[SCHEMA_BUCKETS]; /* plus one */
};

/* Built-in attributes and classes come first; others by their numbers, and by their names. */
struct idm_schema {
	atomic_uint refs;        /* of one that is loaded */
	struct idm_arena *arena; /* holds what is not built in; NULL: all is */
	const struct idm_attr *attrs[IDM_ATTR_SLOTS];
	size_t attr_count;
	const struct idm_class *classes[SCHEMA_CLASSES_MAX];
	size_t class_count;
	struct schema_names attr_names;
	struct schema_names class_names;
};

/* Put the built-in attributes and classes into an empty schema. */
void idm_schema_fill_builtin(struct idm_schema *schema);

/* One more; false: there is no place, or the name is there. */
bool idm_schema_add_attr(struct idm_schema *schema, const struct idm_attr *attr);
bool idm_schema_add_class(struct idm_schema *schema, const struct idm_class *class);

/* The slot of a built-in attribute; SCHEMA_SLOT_COUNT: there is none of this number. */
size_t idm_schema_builtin_slot(uint32_t number);

#endif
