/*
 * Ids in the order of their keys, within bounded memory: a heap that is put in order as far as
 * somebody looks, so that no step takes long, and stays so for who looks again.
 */
#ifndef LDAPD_SORTER_H
#define LDAPD_SORTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/result.h"
#include "core/span.h"

enum { SORTER_REQUEST_BYTES = 16 };

/* What all sorters of a worker hold together. */
struct sorter_total {
	size_t used_bytes;
	size_t max_bytes;
};

/* A search whose order this is, and whose pages a connection takes: both set by the search. */
struct sorter_pages {
	uint64_t no; /* of the connection's lists; 0: no page was asked for */
	uint8_t request[SORTER_REQUEST_BYTES]; /* a hash of what was asked */
};

struct idm_arena;
struct record;

struct sorter {
	struct sorter_pages pages;
	struct idm_arena *arena; /* keys, and the list of them */
	struct sorter_total *total;
	/* A heap, the least at the top; behind it what was added, later what is in order,
	 * backwards. */
	struct record **records;
	size_t heap;
	size_t count;
	size_t room;
	unsigned refs;
};

/* With one reference; NULL: out of memory.  `total` must outlive it. */
struct sorter *sorter_new(size_t max_bytes, struct sorter_total *total);
struct sorter *sorter_ref(struct sorter *sorter);
void sorter_unref(struct sorter **sorter); /* *sorter = NULL, which it may be already */

/*
 * Add an id, until it is kept or forgotten; the key is copied.  Not once somebody has looked.
 * IDM_LIMIT: it holds as much as one may; IDM_BUSY: all of them together do.
 */
enum idm_result sorter_add(struct sorter *sorter, struct idm_span key, uint64_t id);
void sorter_keep(struct sorter *sorter);
void sorter_forget(struct sorter *sorter); /* what was added since the last sorter_keep */

/* All of it goes, and its memory. */
void sorter_clear(struct sorter *sorter);

/* The id at a place below sorter->count; of equal keys the lower id comes first. */
uint64_t sorter_at(struct sorter *sorter, size_t position);

#endif
