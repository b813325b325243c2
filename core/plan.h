/*
 * Which entries can match a filter at all, by claims, edges and indexes; for core/search, and for
 * the members of dynamic groups.
 * A plan gives every entry for which the filter is TRUE, and others: each is tested.
 */
#ifndef CORE_PLAN_H
#define CORE_PLAN_H

#include "core/filter.h"
#include "core/index.h"

enum { IDM_PLAN_FEW = 1024 };

struct idm_plan {
	const struct idm_read *read;
	const struct idm_filter *filter; /* its terms on membership narrow when it is prepared */
	/* A term on another attribute is Undefined everywhere. */
	const struct idm_attrset *anywhere;
	/* And one on another than these is Undefined but on the caller's own entry, if he has one:
	 * that is all there is to find, whoever else has such a value. */
	const struct idm_attrset *elsewhere;
	uint64_t own_id;
	uint32_t look_ups;              /* in indexes and edges: what planning has cost so far */
	struct idm_index_orders orders; /* of the filter's pieces */
};

/*
 * *few: the candidates are `out`, named one by one, and at most IDM_PLAN_FEW, and only they are to
 * be tested by the filter until it is released; else they are found window by window.
 */
enum idm_result idm_plan_ids(
    struct idm_plan *plan, struct idm_ids *out, bool *few, struct idm_error *err);

/* Set `out` to the candidates in one window. */
enum idm_result idm_plan_window(
    struct idm_plan *plan, uint64_t window_no, struct idm_window *out, struct idm_error *err);

#endif
