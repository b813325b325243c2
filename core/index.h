/*
 * Index keys of an entry, and the candidates of one term in one window (DESIGN 2).
 *
 * Keys of IDM_DB_INDEX: equality and ordering: attribute u32, kind, value, window u64; class,
 * presence, trigrams: window u64, attribute u32, kind, term.  Values are containers (idset.h).
 * A value too long for a key is stored by its hash; such a term gives candidates, not answers.
 */
#ifndef CORE_INDEX_H
#define CORE_INDEX_H

#include "core/idset.h"
#include "core/lookup.h"

/*
 * Bring the index from `before` to `after`, entries with the same id; NULL: there was or will be
 * none.  Touches only keys that differ.  `read` is on a write transaction.
 */
enum idm_result idm_index_update(const struct idm_read *read, const struct idm_entry *before,
    const struct idm_entry *after, struct idm_error *err);

/* OR the ids in window `window_no` that the index names for a term into `window`. */
enum idm_result idm_index_equal(const struct idm_read *read, const struct idm_attr *attr,
    struct idm_span norm, uint64_t window_no, struct idm_window *window, struct idm_error *err);
enum idm_result idm_index_present(const struct idm_read *read, const struct idm_attr *attr,
    uint64_t window_no, struct idm_window *window, struct idm_error *err);
/* All entries that may hold `piece` (norm form, at least three octets) somewhere in a value. */
enum idm_result idm_index_substring(const struct idm_read *read, const struct idm_attr *attr,
    struct idm_span piece, uint64_t window_no, struct idm_window *window, struct idm_error *err);
/* All entries with a value in [from, to]; an empty span leaves that side open. */
enum idm_result idm_index_range(const struct idm_read *read, const struct idm_attr *attr,
    struct idm_span from, struct idm_span to, uint64_t window_no, struct idm_window *window,
    struct idm_error *err);

/* Every live and recycled entry's window: one behind the highest that holds an entry. */
enum idm_result idm_index_window_end(
    const struct idm_read *read, uint64_t *out, struct idm_error *err);

#endif
