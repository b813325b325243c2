/*
 * The index of one window of ids, made anew from its entries: all its rows in key order, as
 * idm_index_update would have left them.  To hold an index against, and to write one at once.
 */
#ifndef CORE_INDEX_BUILD_H
#define CORE_INDEX_BUILD_H

#include "core/index.h"

struct idm_index_build;

struct idm_index_build *idm_index_build_new(void); /* NULL: out of memory */
void idm_index_build_free(struct idm_index_build **build);

/* Forget all; the next entry may be of another window. */
void idm_index_build_reset(struct idm_index_build *build);

/* Take an entry: all of one window, by ascending ids.  IDM_LIMIT: more keys than memory is for. */
enum idm_result idm_index_build_add(struct idm_index_build *build, const struct idm_read *read,
    const struct idm_entry *entry, struct idm_error *err);

/* The same with the keys of one attribute alone. */
enum idm_result idm_index_build_add_attr(struct idm_index_build *build, const struct idm_read *read,
    const struct idm_attr *attr, const struct idm_entry *entry, struct idm_error *err);

/* Behind the last entry. */
void idm_index_build_sort(struct idm_index_build *build);

/*
 * Row `index` from 0; false: there are no more.  `key` lives until the reset, `container` until the
 * next call.
 */
bool idm_index_build_row(
    struct idm_index_build *build, size_t index, struct idm_span *key, struct idm_span *container);

#endif
