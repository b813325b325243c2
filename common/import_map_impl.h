/* One record while it is mapped: shared by the files of import_map, and for nobody else. */
#ifndef COMMON_IMPORT_MAP_IMPL_H
#define COMMON_IMPORT_MAP_IMPL_H

#include "common/dn.h"
#include "common/import_map.h"

enum { IMPORT_CLASSES_MAX = 16 };

struct import_mapping {
	const struct idm_schema *schema;
	const struct ldif_record *record;
	const struct import_reporter *reporter;
	struct idm_arena *arena;
	struct import_entry *out;
	const struct idm_class *classes[IMPORT_CLASSES_MAX]; /* of `out` */
	size_t class_count;
	struct dn dn;
	int64_t expire_s; /* the earliest that a line tells; INT64_MAX: none */
	uint64_t expire_line;
	struct idm_span expire_type;
	bool no_memory;
};

/* Tell the reporter of a line that can't be taken; true: it is to be disregarded. */
bool import_tell(struct import_mapping *m, const struct ldif_line *line, const char *why);
/* The same of what the entry must not be without. */
void import_refuse(struct import_mapping *m, const struct ldif_line *line, const char *why);

/* A value of the entry; `text` NULL: the arena is used up. */
void import_add(struct import_mapping *m, const struct ldif_line *line, uint32_t attr_number,
    struct idm_span text);
void import_add_cstr(
    struct import_mapping *m, const struct ldif_line *line, uint32_t attr_number, const char *text);

bool import_is_account(const struct import_mapping *m);
/* Is it a line of this type, without options and faults? */
bool import_is_type(const struct ldif_line *line, const char *type);
bool import_has_line(const struct import_mapping *m, const char *type);

/* names: what the entry is called. */
void import_map_names(struct import_mapping *m);

/* values: what one line comes to, and what all of them together. */
void import_map_line(struct import_mapping *m, const struct ldif_line *line);
void import_map_end(struct import_mapping *m);

#endif
