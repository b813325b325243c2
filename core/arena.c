#include "core/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

enum {
	BLOCK_BYTES =
	    16 * 1024, /* the first block, kept over resets; larger wishes get their own */
	ALIGN = 16,
};

struct block {
	struct block *next;
	size_t size; /* of data */
	size_t used;
	_Alignas(ALIGN) uint8_t data[];
};

struct hold {
	struct hold *next;
	void *thing;
	void (*release)(void *thing);
};

struct idm_arena {
	struct block *blocks; /* newest first; the last one is the first block */
	struct hold *holds;
	size_t budget;
	size_t spent;
};

static struct block *
block_new(size_t size)
{
	struct block *block = malloc(sizeof(*block) + size);

	if (block == NULL)
		return NULL;
	block->next = NULL;
	block->size = size;
	block->used = 0;
	return block;
}

struct idm_arena *
idm_arena_new(size_t budget_bytes)
{
	struct idm_arena *arena = calloc(1, sizeof(*arena));

	if (arena == NULL)
		return NULL;
	arena->budget = budget_bytes;
	arena->blocks = block_new(budget_bytes < BLOCK_BYTES ? budget_bytes : BLOCK_BYTES);
	if (arena->blocks == NULL) {
		free(arena);
		return NULL;
	}
	return arena;
}

void *
idm_arena_alloc(struct idm_arena *arena, size_t bytes)
{
	struct block *block = arena->blocks;
	size_t need;
	void *out;

	if (bytes > SIZE_MAX - ALIGN)
		return NULL;
	need = bytes == 0 ? ALIGN : (bytes + ALIGN - 1) / ALIGN * ALIGN;
	if (need > arena->budget - arena->spent)
		return NULL;
	if (need > block->size - block->used) {
		block = block_new(need > BLOCK_BYTES ? need : BLOCK_BYTES);
		if (block == NULL)
			return NULL;
		block->next = arena->blocks;
		arena->blocks = block;
	}
	out = block->data + block->used;
	block->used += need;
	arena->spent += need;
	memset(out, 0, bytes);
	return out;
}

/* Wipe and free the newest blocks until `keep` is the newest. */
static void
drop_until(struct idm_arena *arena, const struct block *keep)
{
	while (arena->blocks != keep && arena->blocks->next != NULL) {
		struct block *block = arena->blocks;

		arena->blocks = block->next;
		OPENSSL_cleanse(block->data, block->used);
		free(block);
	}
}

bool
idm_arena_hold(struct idm_arena *arena, void *thing, void (*release)(void *thing))
{
	struct hold *hold = malloc(sizeof(*hold));

	if (hold == NULL)
		return false;
	*hold = (struct hold){ arena->holds, thing, release };
	arena->holds = hold;
	return true;
}

bool
idm_arena_holds(const struct idm_arena *arena, const void *thing)
{
	for (const struct hold *hold = arena->holds; hold != NULL; hold = hold->next) {
		if (hold->thing == thing)
			return true;
	}
	return false;
}

static void
release_holds(struct idm_arena *arena)
{
	while (arena->holds != NULL) {
		struct hold *hold = arena->holds;

		arena->holds = hold->next;
		hold->release(hold->thing);
		free(hold);
	}
}

void
idm_arena_reset(struct idm_arena *arena)
{
	release_holds(arena);
	drop_until(arena, NULL);
	OPENSSL_cleanse(arena->blocks->data, arena->blocks->used);
	arena->blocks->used = 0;
	arena->spent = 0;
}

struct idm_arena_mark
idm_arena_mark(const struct idm_arena *arena)
{
	return (struct idm_arena_mark){ arena->blocks, arena->blocks->used, arena->spent };
}

void
idm_arena_rewind(struct idm_arena *arena, struct idm_arena_mark mark)
{
	drop_until(arena, mark.block);
	assert(arena->blocks == mark.block && arena->blocks->used >= mark.used);
	OPENSSL_cleanse(arena->blocks->data + mark.used, arena->blocks->used - mark.used);
	arena->blocks->used = mark.used;
	arena->spent = mark.spent;
}

void
idm_arena_free(struct idm_arena **arena)
{
	if (*arena == NULL)
		return;
	idm_arena_reset(*arena);
	free((*arena)->blocks);
	free(*arena);
	*arena = NULL;
}

void *
idm_arena_array(struct idm_arena *arena, size_t count, size_t bytes)
{
	if (bytes != 0 && count > SIZE_MAX / bytes)
		return NULL;
	return idm_arena_alloc(arena, count * bytes);
}

struct idm_span
idm_arena_copy(struct idm_arena *arena, struct idm_span from)
{
	uint8_t *copy;

	if (from.len == SIZE_MAX)
		return IDM_SPAN_EMPTY;
	copy = idm_arena_alloc(arena, from.len + 1);
	if (copy == NULL)
		return IDM_SPAN_EMPTY;
	if (from.len != 0)
		memcpy(copy, from.ptr, from.len);
	return idm_span_of(copy, from.len);
}

char *
idm_arena_printf(struct idm_arena *arena, const char *fmt, ...)
{
	va_list args;
	int len;
	char *out;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0)
		return NULL;
	out = idm_arena_alloc(arena, (size_t)len + 1);
	if (out == NULL)
		return NULL;
	va_start(args, fmt);
	vsnprintf(out, (size_t)len + 1, fmt, args);
	va_end(args);
	return out;
}
