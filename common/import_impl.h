/* A running import: shared by its two passes, and for nobody else. */
#ifndef COMMON_IMPORT_IMPL_H
#define COMMON_IMPORT_IMPL_H

#include "common/import.h"
#include "common/import_map.h"
#include "common/import_names.h"
#include "common/tree.h"

/* Somebody who is to be in a group, or an entry that another refers to. */
struct import_member {
	uint64_t id;
	struct idm_uuid uuid;
	uint64_t line;
	struct idm_span type; /* constant text, or of the record */
};

/* An account whose first group is told by its number. */
struct import_first_group {
	uint64_t group_id;
	struct import_member member;
};

struct import {
	const struct import_request *request;
	struct import_totals *totals;
	struct idm_error *err;
	struct idm_arena *arena; /* of one record */
	struct import_names *names;
	struct tree *tree; /* DNs of the database */
	bool *second;      /* the records that the second pass is about */
	size_t record_count;
	size_t record_room;
	struct import_first_group *first_groups;
	size_t first_group_count;
	size_t first_group_room;
};

/* Tell of a line; true: it is to be disregarded. */
bool import_problem(struct import *import, uint64_t line, struct idm_span type, const char *why);
/* The same with the text of an error. */
bool import_problem_of(
    struct import *import, uint64_t line, struct idm_span type, const struct idm_error *why);

/* Every so many records; IDM_BUSY: it is to end. */
enum { IMPORT_PROGRESS_RECORDS = 256 };
enum idm_result import_progress(const struct import *import, const char *what);

/* The account's own number, as it is written; empty: it has none. */
struct idm_span import_own_gid(const struct import_entry *entry);

/* Has the second pass something to do for the entry? */
bool import_needs_second(const struct import_entry *entry);

/* The second pass: what refers to other entries. */
enum idm_result import_references(struct import *import);

#endif
