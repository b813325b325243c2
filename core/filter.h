/*
 * The filter tree and its test: TRUE, FALSE or Undefined (RFC 4511 section 4.5.1.7).  Values are
 * normalised when the tree is made, once.
 */
#ifndef CORE_FILTER_H
#define CORE_FILTER_H

#include "core/lookup.h"

enum {
	IDM_FILTER_DEPTH = 12,
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

struct idm_filter {
	enum idm_filter_kind kind;
	const struct idm_attr *attr; /* of a term */
	struct idm_span norm; /* of EQUAL, GREATER_EQUAL, LESS_EQUAL; a REFERENCE: 16 bytes */
	/* SUBSTRING: pieces in order; the first is `initial` and the last `final` when so flagged.
	 */
	struct idm_span *pieces;
	size_t piece_count;
	bool initial;
	bool final;
	struct idm_filter *children; /* of AND, OR (any number, none too: RFC 4526), NOT (one) */
	size_t child_count;
};

/*
 * Parse the text of a filter (RFC 4515) over native attribute names, in the read's arena; values
 * of references are resolved as idm_lookup_text does.  IDM_INVALID: syntax, or a limit above; an
 * unknown attribute or an unusable value makes its term UNDEFINED unless `strict`, then
 * IDM_INVALID.
 */
enum idm_result idm_filter_parse(const struct idm_read *read, struct idm_span text, bool strict,
    struct idm_filter *out, struct idm_error *err);

/* Build one term from text as idm_filter_parse would: for callers that have a tree of their own. */
enum idm_result idm_filter_term(const struct idm_read *read, enum idm_filter_kind kind,
    const struct idm_attr *attr, struct idm_span value, struct idm_filter *out,
    struct idm_error *err);

/*
 * Test an entry.  `readable`: the attributes that the caller may search on this entry; a term on
 * another one is Undefined, also under NOT (SPEC 5.2).  NULL: an internal decision, all of them.
 * Computed attributes (spn, memberof, directmemberof, member, dynmember) are tested over the edges
 * of the snapshot.
 */
enum idm_result idm_filter_test(const struct idm_read *read, const struct idm_filter *filter,
    const struct idm_entry *entry, const struct idm_attrset *readable, enum idm_truth *out,
    struct idm_error *err);

#endif
