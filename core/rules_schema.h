/*
 * What attributes and classes of administrators must hold to (SPEC 2.1): their own words, and that
 * no entry that is there breaks by them.  What the rules for both share; for nobody else.
 */
#ifndef CORE_RULES_SCHEMA_H
#define CORE_RULES_SCHEMA_H

#include "core/evaluation.h"

/* One that is made or changed, and one that is to be deleted. */
enum idm_result idm_rules_attribute(struct idm_evaluation *e);
enum idm_result idm_rules_attribute_goes(struct idm_evaluation *e);
enum idm_result idm_rules_class(struct idm_evaluation *e);
enum idm_result idm_rules_class_goes(struct idm_evaluation *e);

/*
 * May something new be called so?  Not as LDAP or the server calls something (IDM_EXISTS), and of
 * attributes and classes not two alike, for both stand in one container.  Letters, digits and '-'
 * alone (RFC 4512 section 1.4: keystring): libldap lets nobody ask for what has a '_'.  `what` is
 * the attribute that says the name.
 */
enum idm_result idm_rules_schema_name(
    struct idm_evaluation *e, const char *what, struct idm_span name);

/* Classes and profiles refer to attributes and classes by their names, which therefore stay. */
enum idm_result idm_rules_schema_kept_name(
    struct idm_evaluation *e, const char *what, const char *kept, struct idm_span name);

/* Refuse where a profile or a dynamic group names the attribute, or (NULL) the class. */
enum idm_result idm_rules_schema_mentions(
    struct idm_evaluation *e, const struct idm_attr *attr, struct idm_span name);

/* The draft as an entry; *complete false: it has no `name_attr`, as the check of the schema says.
 */
enum idm_result idm_rules_schema_view(
    struct idm_evaluation *e, uint32_t name_attr, struct idm_entry *out, bool *complete);

#endif
