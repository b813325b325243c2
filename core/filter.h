/*
 * The filter tree and its test: TRUE, FALSE or Undefined (RFC 4511 section 4.5.1.7).  Values are
 * normalised when the tree is made, once.
 */
#ifndef CORE_FILTER_H
#define CORE_FILTER_H

#include "core/idset.h"
#include "core/lookup.h"

enum {
	IDM_FILTER_DEPTH = 12,      /* of AND, OR and NOT inside each other, in text */
	IDM_FILTER_TEST_DEPTH = 40, /* the same, of a tree that a program built around another's */
	IDM_FILTER_NODES = 600,
	IDM_FILTER_PIECES = 8,
};

enum idm_filter_kind {
	IDM_FILTER_AND,
	IDM_FILTER_OR,
	IDM_FILTER_NOT,
	IDM_FILTER_PRESENT,
	IDM_FILTER_EQUAL,
	IDM_FILTER_SUBSTRING,
	IDM_FILTER_GREATER_EQUAL,
	IDM_FILTER_LESS_EQUAL,
	IDM_FILTER_UNDEFINED, /* an attribute or a value that nobody knows */
};

enum idm_truth {
	IDM_FALSE,
	IDM_UNDEFINED,
	IDM_TRUE,
};

/* What a term on membership knows of one snapshot, from idm_filter_prepare to idm_filter_release.
 */
struct idm_filter_cache {
	bool ready;
	bool holds;  /* for each entry that is tested: they are chosen by this term */
	uint64_t id; /* of the entry that the value names; 0: there is none */
	/* memberof: that group and all below it; member, dynmember: the groups that list it, or
	 * with `chain` all above it. */
	struct idm_ids groups;
};

struct idm_filter {
	enum idm_filter_kind kind;
	const struct idm_attr *attr; /* of a term */
	/* Of EQUAL, GREATER_EQUAL, LESS_EQUAL; a REFERENCE: 16 bytes, or empty: names nobody. */
	struct idm_span norm;
	/* SUBSTRING: pieces in order; the first is `initial` and the last `final` when so flagged.
	 */
	struct idm_span *pieces;
	size_t piece_count;
	bool initial;
	bool final;
	bool own;   /* a term that the program adds, not the caller: it needs no right */
	bool chain; /* member, dynmember: holds the entry through other groups too */
	struct idm_filter *children; /* of AND, OR (any number, none too: RFC 4526), NOT (one) */
	size_t child_count;
	struct idm_filter_cache *cache; /* of a term on membership; NULL: it never has one */
};

/*
 * Parse the text of a filter (RFC 4515) over native attribute names, in the read's arena; values
 * of references are resolved as idm_lookup_text does.  IDM_INVALID: syntax, or a limit above; an
 * unknown attribute or an unusable value makes its term UNDEFINED unless `strict`, then
 * IDM_INVALID.  A reference to nobody is a term that is FALSE everywhere, or IDM_INVALID.
 */
enum idm_result idm_filter_parse(const struct idm_read *read, struct idm_span text, bool strict,
    struct idm_filter *out, struct idm_error *err);

/*
 * The text of a filter that is to be stored, in the read's arena: names of entries become the uuids
 * of those who bear them now.  What is no filter stays as it is, and so do names of nobody.
 */
enum idm_result idm_filter_pin(
    const struct idm_read *read, struct idm_span text, struct idm_span *out, struct idm_error *err);

/*
 * Build one term as idm_filter_parse would, for callers that have a tree of their own.  `value` is
 * the assertion value itself, without RFC 4515's escapes; `attr` NULL: an unknown attribute.
 */
enum idm_result idm_filter_term(const struct idm_read *read, enum idm_filter_kind kind,
    const struct idm_attr *attr, struct idm_span value, struct idm_filter *out,
    struct idm_error *err);

/* The same for SUBSTRING, from its pieces: at least one, none of them empty. */
enum idm_result idm_filter_substring(const struct idm_read *read, const struct idm_attr *attr,
    const struct idm_span *pieces, size_t piece_count, bool initial, bool final,
    struct idm_filter *out, struct idm_error *err);

/*
 * Test an entry.  `readable`: the attributes that the caller may search on this entry; a term on
 * another one is Undefined, also under NOT (SPEC 5.2).  NULL: an internal decision, all of them.
 * Computed attributes (spn, memberof, directmemberof, member, dynmember) are tested over the edges
 * of the snapshot; what lives in rows or in the local environment is Undefined.
 */
enum idm_result idm_filter_test(const struct idm_read *read, const struct idm_filter *filter,
    const struct idm_entry *entry, const struct idm_attrset *readable, enum idm_truth *out,
    struct idm_error *err);

/*
 * Before many tests in one snapshot: let the terms on membership find out about their groups, in
 * the read's arena.  Release before that arena or the snapshot goes; a filter that is not prepared
 * gives the same answers, slower.
 */
enum idm_result idm_filter_prepare(
    const struct idm_read *read, const struct idm_filter *filter, struct idm_error *err);
void idm_filter_release(const struct idm_filter *filter);

/* Add the attributes that the filter's terms name to `out`. */
void idm_filter_attributes(const struct idm_filter *filter, struct idm_attrset *out);

/* Does it ask for entries of this class, anywhere but under NOT?  Nothing else shows recycled ones.
 */
bool idm_filter_asks_class(const struct idm_filter *filter, const char *class_name);

/* Accounts and groups have an spn; other entries with a name do not. */
bool idm_entry_has_spn(const struct idm_entry *entry);

/* A group whose members are found by a filter: it has dynmember, and no member (SPEC 3.2). */
bool idm_entry_is_dynamic_group(const struct idm_entry *entry);

#endif
