/*
 * Which entries a change of the schema is about: those that may hold an attribute, those of a
 * class, and those that name either (profiles, dynamic groups).
 */
#ifndef CORE_SCHEMA_USERS_H
#define CORE_SCHEMA_USERS_H

#include "core/lookup.h"

/* Entries that are to be named in an error: the first of them, and how many there are. */
struct idm_named {
	size_t count;
	char text[160]; /* "anna, ben, carl and 12 more" */
};
void idm_named_add(struct idm_named *named, const struct idm_entry *entry);

/* Takes an entry, which borrows from the map: gone behind its first write. */
typedef enum idm_result (*idm_schema_visit)(
    void *context, const struct idm_entry *entry, struct idm_error *err);

/*
 * Visit the entries that have a class, or that a class of `schema` lets hold an attribute: live
 * ones and those in the recycle bin, in the order of their ids.
 */
enum idm_result idm_schema_visit_class(const struct idm_read *read, struct idm_span class_name,
    idm_schema_visit visit, void *context, struct idm_error *err);
enum idm_result idm_schema_visit_attr(const struct idm_read *read, const struct idm_schema *schema,
    const struct idm_attr *attr, idm_schema_visit visit, void *context, struct idm_error *err);

/*
 * Name the profiles and dynamic groups that would mean something else without `attr`, or without
 * the class of this name; of the two one is given.
 */
enum idm_result idm_schema_find_mentions(const struct idm_read *read, const struct idm_attr *attr,
    struct idm_span class_name, struct idm_named *out, struct idm_error *err);

#endif
