/*
 * The memory of one request.  What a request allocates comes from its arena and goes with it; the
 * budget bounds what one client can cost, the wipe keeps secrets short-lived.
 */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <stddef.h>

#include "core/span.h"

struct idm_arena;

struct idm_arena *idm_arena_new(size_t budget_bytes);         /* NULL: out of memory */
void *idm_arena_alloc(struct idm_arena *arena, size_t bytes); /* zeroed; NULL: budget used up */
void idm_arena_reset(struct idm_arena *arena);                /* wipe; all of it is free again */
void idm_arena_free(struct idm_arena **arena);                /* wipe, free, *arena = NULL */

/*
 * A place in an arena, and back to it: what was allocated since is wiped and free again.  A loop
 * over many entries marks before each, so that it costs what one of them does.
 */
struct idm_arena_mark {
	const void *block;
	size_t used;
	size_t spent;
};
struct idm_arena_mark idm_arena_mark(const struct idm_arena *arena);
void idm_arena_rewind(struct idm_arena *arena, struct idm_arena_mark mark);

/*
 * Hold something that what is in the arena points to: release(thing) is called when the arena is
 * reset or freed, a rewind keeps it.  False: out of memory.
 */
bool idm_arena_hold(struct idm_arena *arena, void *thing, void (*release)(void *thing));
bool idm_arena_holds(const struct idm_arena *arena, const void *thing);

/* `count` zeroed elements of `bytes` each; NULL on overflow too. */
void *idm_arena_array(struct idm_arena *arena, size_t count, size_t bytes);

/* A copy of `from` with a NUL behind it that the length does not count; ptr NULL: budget used up.
 */
struct idm_span idm_arena_copy(struct idm_arena *arena, struct idm_span from);

/* Formatted text, NUL-terminated; NULL: budget used up. */
char *idm_arena_printf(struct idm_arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
