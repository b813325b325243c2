/*
 * The LDAP face of entries (SPEC 8.5): attribute descriptions, native and standard ones alike, what
 * each needs the right to, how its values are made, and what an administrator's values become.
 *
 * One table, in view_table.c, serves searches, filters, compare, changes and the subschema.
 */
#ifndef LDAPD_VIEW_H
#define LDAPD_VIEW_H

#include "common/tree.h"
#include "core/search.h"
#include "ldapd/message.h"

#define VIEW_SUBSCHEMA_DN "cn=subschema"

/* How the values of a description are made. */
enum view_form {
	VIEW_STORED,       /* those of `attr`, as they print; references are DNs */
	VIEW_TIME,         /* `attr` as GeneralizedTime (RFC 4517 section 3.3.13) */
	VIEW_SSHKEY,       /* "type base64 tag", as authorized_keys has it */
	VIEW_FIRST,        /* the first value of `attr` */
	VIEW_REST,         /* all but the first */
	VIEW_NAMES,        /* `attr` and `second`, each value once */
	VIEW_GIVEN_NAME,   /* the first of several words of either */
	VIEW_SURNAME,      /* the last word of either */
	VIEW_OBJECT_CLASS, /* native classes, and the standard ones that fit */
	VIEW_STRUCTURAL_CLASS,
	VIEW_ENTRY_DN,
	VIEW_SUBSCHEMA,
	VIEW_HAS_SUBORDINATES,
	VIEW_CSN,        /* of OpenLDAP, from the last change */
	VIEW_MEMBER_UID, /* names of the accounts in a group, through other groups too */
	VIEW_MEMBERS,    /* member, or dynmember: whichever the group has */
	VIEW_DC,         /* of the domain */
	/* From the validity window and now, for clients that decide by themselves. */
	VIEW_SHADOW_EXPIRE, /* in days (shadow(5)) */
	VIEW_KRB_EXPIRE,    /* GeneralizedTime */
	VIEW_AD_EXPIRE,     /* in 100 ns since 1601 */
	VIEW_LOCKED,        /* TRUE or FALSE */
	VIEW_LOCKED_SINCE,  /* "000001010000Z": until further notice */
	VIEW_WRITTEN_ONLY,  /* never any value: userPassword */
};

/* How a value looks and is compared, as the subschema tells. */
enum view_syntax {
	VIEW_SYNTAX_STRING,
	VIEW_SYNTAX_EXACT_STRING,
	VIEW_SYNTAX_IA5,
	VIEW_SYNTAX_DN,
	VIEW_SYNTAX_OID,
	VIEW_SYNTAX_UUID,
	VIEW_SYNTAX_TIME,
	VIEW_SYNTAX_INTEGER,
	VIEW_SYNTAX_BOOLEAN,
	VIEW_SYNTAX_OCTETS,
	VIEW_SYNTAX_COUNT,
};

/* To whom it is shown who does not name it. */
enum view_show {
	VIEW_USER = 1,        /* "*", or no list at all */
	VIEW_OPERATIONAL = 2, /* "+" (RFC 3673) */
};

struct view_attr {
	const char *name;
	const char *other; /* another name; NULL: none */
	const char *oid;   /* NULL: a name with an option, which the subschema does not tell */
	enum view_form form;
	uint32_t number; /* of `attr`; IDM_ATTR_NONE: needs no right but to see the entry */
	uint32_t second_number;
	const char *only; /* class of the entries that have it; NULL: of any */
	unsigned show;    /* of enum view_show */
	enum view_syntax syntax;
	bool single;
	/* The attributes that it is computed from, and whose right it needs. */
	const struct idm_attr *attr;
	const struct idm_attr *second;
	/* Of VIEW_NAMES: those that name entries of ou=schema, instead of `second`. */
	const struct idm_attr *made[2];
};

/*
 * Find an attribute description by name, in any case, or by OID.  An option is part of the name
 * where we know it (`mail;primary`), else nothing has it.  NULL: there is none.  What is found
 * holds until another schema is asked about; one thread asks.
 */
const struct view_attr *view_find(const struct idm_schema *schema, struct idm_span description);

/* Walk over all of them, each once: index from 0; NULL behind the last. */
const struct view_attr *view_attr_at(const struct idm_schema *schema, size_t index);

/* A matching rule; name NULL: a syntax has none. */
struct view_rule {
	const char *name;
	const char *oid;
};

struct view_syntax_info {
	const char *oid;
	const char *description;
	struct view_rule equality;
	struct view_rule ordering;
	struct view_rule substrings;
};
const struct view_syntax_info *view_syntax_info(enum view_syntax syntax);

/* Is that the rule's name, in any case, or its OID? */
bool view_rule_is(const struct view_rule *rule, struct idm_span name);

/* Active Directory's rule that follows membership through groups. */
#define VIEW_IN_CHAIN "1.2.840.113556.1.4.1941"

/* A standard object class, and the native class whose entries show it. */
struct view_class {
	const char *name;
	const char *oid;
	const char *native;
	const char *kind; /* "ABSTRACT", "STRUCTURAL", "AUXILIARY" */
	const char *superior;
	const char *must; /* names of attributes, a space between them */
	const char *may;
};
const struct view_class *view_class_at(size_t index); /* NULL behind the last */
/* By name in any case, or by OID; NULL: none of the standard ones (a native one maybe). */
const struct view_class *view_class_find(struct idm_span name);

/* The structural class of an entry as it is shown; and the native class behind that, or NULL. */
const char *view_structural_class(const struct idm_schema *schema, const struct idm_entry *entry);
const char *view_structural_native(const struct idm_schema *schema, struct idm_span name);

/* --- what a search asks for */

struct view_column {
	const struct view_attr *attr;
	struct idm_span type; /* as the client wrote it; an OID is answered with the name */
};

struct view_selection {
	struct view_column *columns; /* each attribute once */
	size_t count;
};

/*
 * Resolve the list of a SearchRequest (RFC 4511 section 4.5.1.8, RFC 3673, RFC 4529), once for all
 * its entries.  Unknown names ask for nothing.  `out` borrows from `asked` and the arena.
 */
enum idm_result view_select(const struct idm_schema *schema, const struct idm_span *asked,
    size_t count, struct idm_arena *arena, struct view_selection *out, struct idm_error *err);

/* The attributes that the selected ones are computed from: whose right is looked at, no other's. */
void view_selection_needs(const struct view_selection *selection, struct idm_attrset *out);
/* Add those of one attribute. */
void view_attr_needs(const struct view_attr *attr, struct idm_attrset *out);

/* --- values */

/* One snapshot, as it is shown. */
struct view {
	const struct idm_read *read;
	const struct dn_suffix *suffix;
	const struct idm_access *access; /* of who names entries by DN; NULL: by no mail address */
};

/* The entry that he names: tree_find_text, and tree_check_naming. */
enum idm_result view_find_entry(
    const struct view *view, struct idm_span text, struct idm_entry *out, struct idm_error *err);

/* Takes a value; it borrows from the entry, or is gone after the call.  False: no more. */
typedef bool (*view_emit)(void *context, struct idm_span value);

/*
 * The values of an attribute that may be shown.  What may not be read has none, as if it were not
 * there.  Takes memory of the read's arena: who goes over many entries marks and rewinds it.
 */
enum idm_result view_values(const struct view *view, const struct idm_entry *entry,
    const struct idm_attrset *readable, const struct view_attr *attr, view_emit emit, void *context,
    struct idm_error *err);

/*
 * How far an entry is written whose attributes may have very many values: the members of a group.
 * They come in the order of their ids, so that another snapshot goes on where one ended.
 */
struct view_progress {
	uint32_t budget;  /* members that may be written before others have their turn */
	size_t column;    /* the first one that is not written, or not as a whole */
	uint64_t from_id; /* the first of its members that is not; 0: it was not begun */
	bool more;        /* the budget was used up */
};

/*
 * Write the attributes of an entry that was begun (ldap_entry_begin), from *progress on, zeroed but
 * for its budget, and to where that is used up; NULL: all of them.
 */
enum idm_result view_write(const struct view *view, const struct idm_entry *entry,
    const struct idm_attrset *readable, const struct view_selection *selection,
    struct view_progress *progress, struct ldap_entry_writer *writer, struct idm_error *err);

/* --- what an administrator writes */

enum view_writable {
	VIEW_WRITABLE, /* as the native attribute, whose rules and rights decide */
	VIEW_COMPUTED, /* shown, and never written: constraintViolation */
	VIEW_UNKNOWN,  /* undefinedAttributeType */
};

/* `container`: of the entry that is written; in ou=groups and ou=access cn is the name, elsewhere
 * displayname. */
enum view_writable view_native(const struct idm_schema *schema, struct idm_span description,
    enum dn_container container, const struct idm_attr **out);

/*
 * A value as the core takes it: a DN becomes the uuid that it names, or the name that it can't
 * find, so that an error tells it; an SSH key without a tag gets one; a standard object class
 * becomes its native one.  ptr NULL with IDM_OK: the value says nothing (objectClass `top`).
 */
enum idm_result view_native_value(const struct view *view, const struct idm_attr *attr,
    struct idm_span value, struct idm_span *out, struct idm_error *err);

#endif
