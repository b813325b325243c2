/*
 * Attribute types and classes: syntax, matching, normalised form (SPEC 2.1-2.3).
 *
 * How a value of each syntax is stored (idm_value.stored) and compared (idm_value.norm):
 *   UUID, REFERENCE     16 bytes; norm is the same
 *   DATETIME            8 bytes, big endian, sign bit flipped, so that memcmp orders times
 *   UINT32              4 bytes, big endian
 *   BOOLEAN             1 byte, 0 or 1
 *   KEYWORD, INAME, INAME_DNS   lower-case ASCII text; norm is the same
 *   SPN                 name@domain, lower case
 *   UTF8, PATH, FILTER  NFC text as given; norm is the same
 *   UTF8_NOCASE, EMAIL  NFC text as given; norm is case-folded (Unicode full folding, NFC),
 *                       white space at the ends cut, runs of it one space (RFC 4518 2.6.1)
 *   CREDENTIAL, SECRET  a marker that says only that one is set, and of which kind
 *                       ("password", "generated", "set"); the value itself lives in `secrets`
 *   SSHKEY              "tag type base64", norm is the tag in lower case
 *   NETWORK             1 byte prefix length of the 128 bits, then 16 bytes address; IPv4 is
 *                       mapped, so 192.0.2.0/24 has the prefix length 120 (core/network.h)
 *   SESSION             never in an entry: rows of `tokens` and of the local sessions
 */
#ifndef CORE_SCHEMA_H
#define CORE_SCHEMA_H

#include "core/arena.h"
#include "core/attributes.h"
#include "core/result.h"
#include "core/span.h"
#include "core/uuid.h"

enum idm_syntax {
	IDM_SYNTAX_UUID,
	IDM_SYNTAX_KEYWORD,
	IDM_SYNTAX_INAME,
	IDM_SYNTAX_INAME_DNS,
	IDM_SYNTAX_SPN,
	IDM_SYNTAX_UTF8,
	IDM_SYNTAX_UTF8_NOCASE,
	IDM_SYNTAX_EMAIL,
	IDM_SYNTAX_REFERENCE,
	IDM_SYNTAX_FILTER,
	IDM_SYNTAX_DATETIME,
	IDM_SYNTAX_CREDENTIAL,
	IDM_SYNTAX_SECRET,
	IDM_SYNTAX_SESSION,
	IDM_SYNTAX_SSHKEY,
	IDM_SYNTAX_UINT32,
	IDM_SYNTAX_PATH,
	IDM_SYNTAX_BOOLEAN,
	IDM_SYNTAX_NETWORK,
};

enum idm_attr_flag {
	IDM_ATTR_MULTI = 1 << 0,
	IDM_ATTR_UNIQUE = 1 << 1,
	IDM_ATTR_EQ = 1 << 2,          /* indexed for equality */
	IDM_ATTR_PRES = 1 << 3,        /* for presence */
	IDM_ATTR_SUB = 1 << 4,         /* for substrings */
	IDM_ATTR_ORD = 1 << 5,         /* for ordering */
	IDM_ATTR_COMPUTED = 1 << 6,    /* never stored, never written by a client */
	IDM_ATTR_SYSTEM = 1 << 7,      /* stored, written by the core alone */
	IDM_ATTR_EDGE = 1 << 8,        /* stored as rows of `up` and `down` */
	IDM_ATTR_ROWS = 1 << 9,        /* stored as rows of `tokens` */
	IDM_ATTR_LOCAL = 1 << 10,      /* lives in the local environment */
	IDM_ATTR_WRITE_ONLY = 1 << 11, /* taken, never stored as such */
};

struct idm_attr {
	uint32_t number;
	uint32_t slot; /* dense position in this schema, for struct idm_attrset */
	const char *name;
	enum idm_syntax syntax;
	uint32_t flags;
	const char *description; /* of one that an administrator made; NULL: none */
};

/* A set of attributes, by their slots. */
enum { IDM_ATTRSET_WORDS = 8, IDM_ATTR_SLOTS = 64 * IDM_ATTRSET_WORDS };
struct idm_attrset {
	uint64_t bits[IDM_ATTRSET_WORDS];
};

static inline void
idm_attrset_add(struct idm_attrset *set, const struct idm_attr *attr)
{
	set->bits[attr->slot / 64] |= UINT64_C(1) << attr->slot % 64;
}

static inline bool
idm_attrset_has(const struct idm_attrset *set, const struct idm_attr *attr)
{
	return (set->bits[attr->slot / 64] >> attr->slot % 64 & 1) != 0;
}

/* Is all of `part` in `set`? */
static inline bool
idm_attrset_covers(const struct idm_attrset *set, const struct idm_attrset *part)
{
	for (size_t i = 0; i < IDM_ATTRSET_WORDS; i++) {
		if ((part->bits[i] & ~set->bits[i]) != 0)
			return false;
	}
	return true;
}

static inline bool
idm_attrset_is_empty(const struct idm_attrset *set)
{
	return idm_attrset_covers(&(struct idm_attrset){ { 0 } }, set);
}

struct idm_class {
	const char *name;
	const struct idm_attr *const *must; /* NULL-terminated */
	const struct idm_attr *const *may;
	bool structural;   /* an entry has exactly one of these (SPEC 2.2) */
	const char *needs; /* a class that must be there too; NULL: none */
	/* Of one that an administrator made; a built-in one has neither. */
	const char *description;
	struct idm_uuid uuid; /* of its entry */
};

/* One value, as stored and as compared.  Both borrow: from the map, or from an arena. */
struct idm_value {
	struct idm_span stored;
	struct idm_span norm;
};

/*
 * What administrators may add (SPEC 2.1).  Their attributes have numbers from IDM_ATTR_CUSTOM_MIN
 * on, which are never used again (CHANGES 9).
 */
enum {
	IDM_ATTR_CUSTOM_MIN = 4096,
	IDM_CUSTOM_ATTRS_MAX = 384,
	IDM_CUSTOM_CLASSES_MAX = 192,
	IDM_CLASS_ATTRS_MAX = 128, /* that one of their classes lists */
};

struct idm_schema;
struct idm_draft; /* core/entry.h */

/* The built-in attributes and classes.  Never freed: it is constant. */
const struct idm_schema *idm_schema_builtin(void);

/*
 * A schema with attributes and classes of administrators lives as long as somebody refers to it;
 * all that it gives out lives in it.  idm_schema_hold: as long as what is in the arena; false: out
 * of memory.
 */
const struct idm_schema *idm_schema_ref(const struct idm_schema *schema);
void idm_schema_unref(const struct idm_schema **schema); /* *schema = NULL */
bool idm_schema_hold(const struct idm_schema *schema, struct idm_arena *arena);

/* By name in any case, or by number; NULL: there is none. */
const struct idm_attr *idm_schema_attr(const struct idm_schema *schema, struct idm_span name);
const struct idm_attr *idm_schema_attr_number(const struct idm_schema *schema, uint32_t number);

/* By name in any case; NULL: there is none. */
const struct idm_class *idm_schema_class(const struct idm_schema *schema, struct idm_span name);

/* Walk over all of them: index from 0; NULL behind the last. */
const struct idm_attr *idm_schema_attr_at(const struct idm_schema *schema, size_t index);
const struct idm_class *idm_schema_class_at(const struct idm_schema *schema, size_t index);

/* Is the attribute in a NULL-terminated list; and in either of a class's? */
bool idm_attr_list_has(const struct idm_attr *const *list, const struct idm_attr *attr);
bool idm_class_lists(const struct idm_class *class, const struct idm_attr *attr);

/* False: an administrator made it. */
static inline bool
idm_class_is_built_in(const struct idm_class *class)
{
	return idm_uuid_is_null(&class->uuid);
}

/*
 * Is `draft` an entry (SPEC 2.2)?  Its classes are known, one of them is structural, an account is
 * a person or a service account, each `must` is there, each attribute is allowed by a class and
 * holds one value unless it may hold more.  What the core computes or fills in by itself is left
 * out of this; a tombstone holds nothing else.  IDM_INVALID with a text for the client.
 */
enum idm_result idm_schema_check(
    const struct idm_schema *schema, const struct idm_draft *draft, struct idm_error *err);

/*
 * Check the text of a value against the attribute's syntax and make it storable, in `arena`.
 * A REFERENCE is taken as UUID text here; names are resolved before (idm_evaluation_resolve).
 * CREDENTIAL, SECRET and SESSION are refused: their values go to `secrets` and `tokens`, and
 * whoever sets them writes the marker (idm_value_marker). IDM_INVALID with a text for the client
 * that names the attribute and the remedy (the value itself is never quoted); IDM_LIMIT: the arena
 * is used up.
 */
enum idm_result idm_value_parse(const struct idm_attr *attr, struct idm_span text,
    struct idm_arena *arena, struct idm_value *out, struct idm_error *err);

/* The marker of a CREDENTIAL or SECRET, from a string that outlives it. */
static inline struct idm_value
idm_value_marker(const char *kind)
{
	return (struct idm_value){ idm_span_cstr(kind), idm_span_cstr(kind) };
}

/*
 * The text of a stored value, as clients see it; borrows from `stored` where it is text already,
 * else from `arena`.  CREDENTIAL and SECRET give "set".  ptr NULL: arena used up or bytes that are
 * no value of this syntax.
 */
struct idm_span idm_value_print(
    const struct idm_attr *attr, struct idm_span stored, struct idm_arena *arena);

/*
 * Normalise the assertion value of an equality or ordering match; laxer than idm_value_parse (a
 * value that no entry can hold simply matches nothing).  IDM_INVALID: Undefined (RFC 4511
 * 4.5.1.7).
 */
enum idm_result idm_assertion_parse(const struct idm_attr *attr, struct idm_span text,
    struct idm_arena *arena, struct idm_span *norm, struct idm_error *err);

/*
 * Normalise one piece of a substring assertion: as the attribute's values are normalised, but
 * white space at the ends is kept as one space.  IDM_INVALID: the syntax has no substrings.
 */
enum idm_result idm_assertion_parse_piece(const struct idm_attr *attr, struct idm_span text,
    struct idm_arena *arena, struct idm_span *norm, struct idm_error *err);

/* Numbers in stored values. */
int64_t idm_datetime_load(struct idm_span stored); /* of 8 bytes */
void idm_datetime_store(int64_t at_s, uint8_t out[8]);
uint32_t idm_uint32_load(struct idm_span stored); /* of 4 bytes */
void idm_uint32_store(uint32_t value, uint8_t out[4]);
/* Decimal digits in their shortest form.  False: `text` is no number from 0 to 2^32 - 1. */
bool idm_uint32_parse(struct idm_span text, uint32_t *out);

#endif
