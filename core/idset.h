/*
 * Sets of entry ids.  Stored, they are cut into windows of 2^13 ids, one container a window: a
 * varint list of gaps up to 768 ids, else a bitmap of 1 KiB (DESIGN 2); one set has one encoding.
 * In memory a window is a struct idm_window, a bitmap with a count.
 */
#ifndef CORE_IDSET_H
#define CORE_IDSET_H

#include "core/arena.h"
#include "core/result.h"
#include "core/span.h"

enum {
	IDM_WINDOW_BITS = 13,
	IDM_WINDOW_IDS = 1 << IDM_WINDOW_BITS,
	IDM_WINDOW_LIST_MAX = 768,
	IDM_CONTAINER_MAX_BYTES = 1 + 2 * IDM_WINDOW_LIST_MAX, /* or 1 + 1024 as a bitmap */
};

struct idm_window {
	uint64_t bits[IDM_WINDOW_IDS / 64];
};

static inline uint64_t
idm_window_of(uint64_t id)
{
	return id >> IDM_WINDOW_BITS;
}

void idm_window_clear(struct idm_window *window);
bool idm_window_has(const struct idm_window *window, uint64_t id);
void idm_window_add(struct idm_window *window, uint64_t id);
void idm_window_remove(struct idm_window *window, uint64_t id);
uint32_t idm_window_count(const struct idm_window *window);
bool idm_window_has_more(const struct idm_window *window, uint32_t than); /* faster than that */
void idm_window_and(struct idm_window *window, const struct idm_window *other);
void idm_window_or(struct idm_window *window, const struct idm_window *other);
void idm_window_xor(struct idm_window *window, const struct idm_window *other);
void idm_window_and_not(struct idm_window *window, const struct idm_window *other);
/* The first id of the set that is >= `from`; UINT64_MAX: none, or `from` is not in the window. */
uint64_t idm_window_next(const struct idm_window *window, uint64_t window_no, uint64_t from);

/* Container <-> window.  decode ORs into `window`.  IDM_CORRUPT: not canonical. */
enum idm_result idm_container_decode(
    struct idm_span bytes, struct idm_window *window, struct idm_error *err);
/* At most IDM_CONTAINER_MAX_BYTES; 0: the set is empty, and there is to be no record. */
size_t idm_container_encode(const struct idm_window *window, uint8_t out[IDM_CONTAINER_MAX_BYTES]);
/* Change one id in a container: `out` may not overlap `bytes`.  *changed false: it was so. */
enum idm_result idm_container_set(struct idm_span bytes, uint64_t id, bool present,
    uint8_t out[IDM_CONTAINER_MAX_BYTES], size_t *out_len, bool *changed, struct idm_error *err);

/* A sorted list of ids, in an arena: groups above an entry, and the like. */
struct idm_ids {
	uint64_t *ids;
	size_t count;
	size_t room;
};

/* Insert in order; *added (may be NULL) false: it was there.  IDM_LIMIT: arena used up. */
enum idm_result idm_ids_add(
    struct idm_ids *list, struct idm_arena *arena, uint64_t id, bool *added);
/* Take an id out; false: it was not there. */
bool idm_ids_remove(struct idm_ids *list, uint64_t id);
/* Insert all ids of a window. */
enum idm_result idm_ids_add_window(struct idm_ids *list, struct idm_arena *arena,
    const struct idm_window *window, uint64_t window_no);
bool idm_ids_has(const struct idm_ids *list, uint64_t id);
bool idm_ids_intersect(const struct idm_ids *a, const struct idm_ids *b);

/* A packed list of any length, one record (`up`): varint gaps, ascending. */
enum idm_result idm_packed_decode(
    struct idm_span bytes, struct idm_ids *list, struct idm_arena *arena, struct idm_error *err);
/* ptr NULL: arena used up. */
struct idm_span idm_packed_encode(const struct idm_ids *list, struct idm_arena *arena);

#endif
