/*
 * Which entries can match a filter at all, by claims, edges and indexes; for core/search alone.
 * A plan gives every entry for which the filter is TRUE, and others: each is tested.
 */
#ifndef CORE_PLAN_H
#define CORE_PLAN_H

#include "core/filter.h"
#include "core/idset.h"

struct idm_plan {
	const struct idm_read *read;
	const struct idm_filter *filter; /* prepared for this snapshot */
	const struct idm_attrset
	    *anywhere; /* a term on another attribute is Undefined everywhere */
	bool dead;     /* recycled entries are asked for: they have given up their claims */
};

/* *few: the candidates are `out`, named one by one; else they are found by window. */
enum idm_result idm_plan_ids(
    const struct idm_plan *plan, struct idm_ids *out, bool *few, struct idm_error *err);

/* Set `out` to the candidates in one window. */
enum idm_result idm_plan_window(
    const struct idm_plan *plan, uint64_t window_no, struct idm_window *out, struct idm_error *err);

#endif
