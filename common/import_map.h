/*
 * One record of an LDIF file as an entry of ours: what the lines of native and of the usual foreign
 * attributes come to.  Nothing is looked up in a database here.
 */
#ifndef COMMON_IMPORT_MAP_H
#define COMMON_IMPORT_MAP_H

#include "common/import_rules.h"
#include "common/ldif_file.h"
#include "core/credential.h"
#include "core/schema.h"

/*
 * Told of each line that can't be taken: its number, the attribute, and why.  Returns whether that
 * is to be disregarded.
 */
struct import_reporter {
	bool (*line)(void *ctx, uint64_t number, struct idm_span type, const char *why);
	void *ctx;
};

struct import_value {
	uint64_t line;
	struct idm_span type; /* as in the file */
	const struct idm_attr *attr;
	struct idm_span text;
};

/* A value that names another entry. */
struct import_reference {
	uint64_t line;
	struct idm_span type;
	const struct idm_attr *attr; /* whose value it is: member, entry_managed_by, ... */
	struct idm_span text;
	bool is_name; /* no DN, whatever it looks like */
};

/* Lives in the arena of the mapping, and borrows from the record. */
struct import_entry {
	enum import_kind kind;
	bool is_ours;    /* written in our own attributes and classes */
	bool is_refused; /* it can't be taken at all; the reporter was told why */
	uint64_t line;   /* of `dn:` */
	struct idm_span dn;
	bool has_uuid; /* it brings `uuid` */
	struct idm_uuid uuid;
	struct import_value *values; /* classes too */
	size_t value_count;
	struct import_reference *references;
	size_t reference_count;
	/* What is not ours tells an account's first group by its number; line 0: it does not. */
	uint64_t primary_gid_line;
	uint32_t primary_gid;
	const char *hash; /* of the password, as it is stored (core/credential.h); NULL: none */
	uint64_t hash_line;
};

/*
 * Map a record.  IDM_LIMIT: the arena is used up.  What can't be taken is told to the reporter, and
 * left out; of what must not be left out (a name, an end of validity) `is_refused` is set too.
 */
enum idm_result import_map(const struct idm_schema *schema, const struct ldif_record *record,
    const struct import_reporter *reporter, struct idm_arena *arena, struct import_entry *out,
    struct idm_error *err);

#endif
