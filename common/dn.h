/*
 * Distinguished names: their text (RFC 4514), and which entry a name stands for here.  The tree is
 *
 *   <suffix>                      the domain
 *   ou=people,<suffix>            uid=NAME below it
 *   ou=groups,<suffix>            cn=NAME below it
 *   ou=services,<suffix>          uid=NAME below it
 *
 * That is what is written.  What is read may name an entry in other ways too, so that settings
 * made for other servers work: by another of its names, without container, without suffix, or with
 * nothing but the name.
 */
#ifndef COMMON_DN_H
#define COMMON_DN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/span.h"

enum {
	DN_BYTES_MAX = 1024,
	DN_RDNS_MAX = 16,
	DN_AVAS_MAX = 4, /* of one RDN */
};

/* One `type=value`. */
struct dn_ava {
	struct idm_span type;  /* the short name where we know it, as "uid"; else as written */
	struct idm_span value; /* without escapes and outer spaces */
};

struct dn_rdn {
	struct dn_ava *avas;
	size_t count; /* 1 or more */
};

struct dn {
	struct dn_rdn *rdns; /* the entry's own first */
	size_t count;        /* 0: the root */
};

/*
 * Parse the text of a DN.
 *
 *   text    what `out` borrows from, besides the arena
 *   arena   for the lists, and for values that were escaped
 *
 * Spaces around "=", "," and "+" are tolerated, as people type them.  Returns false on any other
 * violation of RFC 4514 section 3, above the limits, when the arena is used up, and for values in
 * the form #hex: none of our attributes has one that a name could not be written without.
 */
bool dn_parse(struct idm_span text, struct idm_arena *arena, struct dn *out);

/*
 * Equal values by caseIgnoreMatch (RFC 4517 section 4.2.11), with ASCII letters folded: outer
 * spaces do not count and inner ones count as one.
 */
bool dn_value_equal(struct idm_span a, struct idm_span b);

/* Equal by distinguishedNameMatch (RFC 4517 section 4.2.15). */
bool dn_equal(const struct dn *a, const struct dn *b);

/* `dn` is `ancestor` or below it. */
bool dn_is_below(const struct dn *dn, const struct dn *ancestor);

/* The text without needless spaces and escapes; ptr NULL: the arena is used up. */
struct idm_span dn_text(const struct dn *dn, struct idm_arena *arena);

/*
 * Write `value` as it stands in a DN (RFC 4514 section 2.4).  Returns how many octets that takes;
 * with more than `size` of them, `out` holds a part at best.
 */
size_t dn_escape(struct idm_span value, uint8_t *out, size_t size);

/* Where everything stands. */
struct dn_suffix {
	struct idm_span text; /* as it is written */
	struct dn dn;
};

/* The suffix from ldap_base_dn; `out` borrows from the arena alone.  Returns false as dn_parse. */
bool dn_suffix_parse(struct idm_span text, struct idm_arena *arena, struct dn_suffix *out);

/* "idm.example.com" -> "dc=idm,dc=example,dc=com"; false: no domain, or a limit. */
bool dn_suffix_of_domain(struct idm_span domain, struct idm_arena *arena, struct dn_suffix *out);

enum dn_container {
	DN_CONTAINER_NONE,
	DN_CONTAINER_PEOPLE,
	DN_CONTAINER_GROUPS,
	DN_CONTAINER_SERVICES,
	DN_CONTAINER_ACCESS,       /* access control profiles, whose names are their own */
	DN_CONTAINER_SCHEMA,       /* attributes and classes of administrators; so are theirs */
	DN_CONTAINER_APPLICATIONS, /* that application passwords are for */
	DN_CONTAINER_LAST = DN_CONTAINER_APPLICATIONS,
};

enum dn_kind {
	DN_ROOT,      /* empty: the RootDSE; of a bind: anonymous, or a token */
	DN_SUFFIX,    /* the domain */
	DN_CONTAINER, /* `container` itself */
	DN_ENTRY,     /* `naming` and `value`, maybe `container` and `application` */
	DN_TOKEN,     /* "dn=token": the password says who */
	DN_SUBSCHEMA, /* "cn=subschema" */
	DN_UNKNOWN,   /* below the suffix, where nothing can be */
	DN_FOREIGN,   /* not below the suffix */
	DN_INVALID,   /* no DN */
};

/* By which of its names an entry is named. */
enum dn_naming {
	DN_NAMING_UID,
	DN_NAMING_CN,
	DN_NAMING_NAME,
	DN_NAMING_SPN,
	DN_NAMING_UUID,
	DN_NAMING_MAIL,
	DN_NAMING_BARE, /* only the value: a name, spn, uuid or gid number */
};

/* What a DN stands for here.  Whether there is such an entry is for the caller to see. */
struct dn_target {
	enum dn_kind kind;
	enum dn_container container; /* DN_ENTRY: the one it was named in, or NONE */
	enum dn_naming naming;
	struct idm_span value;       /* lower case, spaces folded: ready to be looked up */
	struct idm_span application; /* of `name=X,app=APP`, likewise; len 0: none */
};

/*
 * Classify a DN, a bind name or the value of a DN-valued attribute.
 *
 *   text     as a client sent it
 *   suffix   it may end in this, or in no suffix at all
 *   arena    for the parsed DN and the value
 *
 * DN_INVALID also stands for a DN above the limits and for an arena that is used up.
 */
void dn_to_target(struct idm_span text, const struct dn_suffix *suffix, struct idm_arena *arena,
    struct dn_target *out);

/*
 * Write the DN of the entry `name` in `container`; without a container it is name=NAME,<suffix>.
 * Returns how many octets that takes; with more than `size` of them, `out` holds a part at best.
 */
size_t dn_of_entry(enum dn_container container, struct idm_span name,
    const struct dn_suffix *suffix, uint8_t *out, size_t size);

/* Likewise the DN of the container itself, or of the suffix. */
size_t dn_of_container(
    enum dn_container container, const struct dn_suffix *suffix, uint8_t *out, size_t size);

#endif
