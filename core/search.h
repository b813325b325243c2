/*
 * filter -> candidates -> entries -> access, in slices that yield (DESIGN 3).  Candidates come from
 * the cheapest index terms, window by window; a search keeps only its place between slices, never
 * a transaction.
 */
#ifndef CORE_SEARCH_H
#define CORE_SEARCH_H

#include "core/access.h"
#include "core/filter.h"

struct idm_search {
	const struct idm_filter *filter;
	const struct idm_access *access;
	/* The attributes that `found` looks at, beside those of the filter; NULL: all. */
	const struct idm_attrset *shown;
	uint64_t next_id; /* where the next slice goes on; 0 at first */
	bool many;        /* the candidates were found to be more than can be named one by one */
	bool done;
};

/*
 * Takes an entry that matches and is visible, with the attributes that may be shown.  Entry and
 * read borrow from the snapshot; what it takes from the read's arena stays.  False ends the slice
 * behind this entry.
 */
typedef bool (*idm_search_found)(void *context, const struct idm_read *read,
    const struct idm_entry *entry, const struct idm_attrset *readable);

/*
 * Go on with a search over all live entries: test at most `budget` entries, then return with
 * search->done false.  Entries come in the order of their ids.  Recycled entries only when the
 * filter asks for class=recycled.  A slice takes bounded memory of the read's arena, which its
 * caller gives back.
 */
enum idm_result idm_search_slice(struct idm_search *search, const struct idm_read *read,
    uint32_t budget, idm_search_found found, void *context, struct idm_error *err);

/*
 * The same for entries that were found before, in the order of `ids`: those that match and are
 * visible still.  *tested: how many were looked at, with the one that `found` stopped behind.
 */
enum idm_result idm_search_list(struct idm_search *search, const struct idm_read *read,
    const uint64_t *ids, size_t count, size_t *tested, idm_search_found found, void *context,
    struct idm_error *err);

/* Does an entry match, of which `readable` may be searched?  One that is not there never does. */
enum idm_result idm_search_entry(const struct idm_search *search, const struct idm_read *read,
    const struct idm_entry *entry, const struct idm_attrset *readable, bool *matches,
    struct idm_error *err);

/*
 * The values of an attribute as a client sees them, stored and computed ones alike (spn, memberof,
 * directmemberof, member, dynmember): `emit` gets the stored form of each (references: 16 bytes).
 * Attributes that live in rows or in the local environment give nothing here.  emit false: stop.
 * Groups take memory of the read's arena: who goes over many entries marks and rewinds it.
 */
typedef bool (*idm_value_emit)(void *context, struct idm_span stored);
enum idm_result idm_search_values(const struct idm_read *read, const struct idm_entry *entry,
    const struct idm_attr *attr, idm_value_emit emit, void *context, struct idm_error *err);

/*
 * The same for memberof, directmemberof, member and dynmember alone: the entries that their values
 * name.  Members come in the order of their ids, and those below `from_id` are left out.
 */
typedef bool (*idm_reference_emit)(void *context, const struct idm_entry *named);
enum idm_result idm_search_references(const struct idm_read *read, const struct idm_entry *entry,
    const struct idm_attr *attr, uint64_t from_id, idm_reference_emit emit, void *context,
    struct idm_error *err);

#endif
