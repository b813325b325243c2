/*
 * Flat entries: a checked view of mapped bytes, and a draft in an arena that becomes one.
 *
 * Layout (all integers little endian; DESIGN 2): header { magic u16, format u16, attribute count
 * u32, version u64, uuid 16 }, then the table of { attribute number u32, offset u32, value count
 * u32 } sorted by number, then for each attribute its values: { stored length u32, norm length u32
 * (0xffffffff: norm is stored), bytes, bytes }, each value aligned to 4.
 */
#ifndef CORE_ENTRY_H
#define CORE_ENTRY_H

#include "core/schema.h"
#include "core/uuid.h"

enum { IDM_ENTRY_BYTES_MAX = 1024 * 1024 }; /* of a flat entry */

/* A view: borrows from the bytes that it was made of; every offset in them was checked. */
struct idm_entry {
	struct idm_span bytes;
	uint64_t id;      /* local, set by whoever fetched it; never leaves this box */
	uint64_t version; /* change number of the last change of its stored values */
	struct idm_uuid uuid;
	uint32_t attr_count;
};

struct idm_value_iter {
	struct idm_span rest;
	uint32_t left;
};

/*
 * IDM_CORRUPT: some length, offset or order in `bytes` is wrong, or a value of a built-in attribute
 * has not the length that its syntax fixes (core/schema.h).
 */
enum idm_result idm_entry_view(
    struct idm_span bytes, uint64_t id, struct idm_entry *out, struct idm_error *err);

/* The values of an attribute, in the order in which they were stored; none: an empty iterator. */
struct idm_value_iter idm_entry_values(const struct idm_entry *entry, uint32_t number);
bool idm_value_next(struct idm_value_iter *iter, struct idm_value *out);

/* The first value; false: the entry has none. */
bool idm_entry_first(const struct idm_entry *entry, uint32_t number, struct idm_value *out);

bool idm_entry_has(const struct idm_entry *entry, uint32_t number);
bool idm_entry_has_norm(const struct idm_entry *entry, uint32_t number, struct idm_span norm);
bool idm_entry_has_class(const struct idm_entry *entry, const char *class_name);

/* The number of the attribute at `index` of the table; 0 behind the last. */
uint32_t idm_entry_attr_at(const struct idm_entry *entry, uint32_t index);

/* A built-in DATETIME: account_valid_from, account_expire, ...; `fallback`: the entry has none. */
int64_t idm_entry_datetime(const struct idm_entry *entry, uint32_t number, int64_t fallback);

/* The text of a text attribute's first value; empty where there is none. */
struct idm_span idm_entry_text(const struct idm_entry *entry, uint32_t number);

/* An entry that is being changed.  All of it lives in the arena. */
struct idm_draft;

struct idm_draft *idm_draft_new(struct idm_arena *arena); /* NULL: arena used up */
/* A draft with the values of `entry`, copied. */
struct idm_draft *idm_draft_of(struct idm_arena *arena, const struct idm_entry *entry);

/*
 * Add one value; one that is there already (by norm) is replaced in its place.  Borrows `value`.
 * IDM_LIMIT: arena used up; IDM_INVALID: not the length that the attribute's syntax fixes.
 */
enum idm_result idm_draft_add(struct idm_draft *draft, uint32_t number, struct idm_value value);
/* Remove one value by its norm; false: it was not there. */
bool idm_draft_remove(struct idm_draft *draft, uint32_t number, struct idm_span norm);
void idm_draft_clear(struct idm_draft *draft, uint32_t number);
/* Exactly these values, no two of them equal by norm: as fast for many as for few. */
enum idm_result idm_draft_set(
    struct idm_draft *draft, uint32_t number, const struct idm_value *values, size_t count);

/* The values of an attribute; *count 0 and NULL where there are none.  Valid until a change. */
const struct idm_value *idm_draft_values(
    const struct idm_draft *draft, uint32_t number, size_t *count);
bool idm_draft_has_norm(const struct idm_draft *draft, uint32_t number, struct idm_span norm);
bool idm_draft_has_class(const struct idm_draft *draft, const char *class_name);
/* Numbers in ascending order; 0 behind the last. */
uint32_t idm_draft_attr_at(const struct idm_draft *draft, size_t index);

/* Is the entry as small as one must be? */
bool idm_draft_fits(const struct idm_draft *draft);

/* The flat bytes, in the arena.  IDM_LIMIT: arena used up, or larger than an entry may be. */
enum idm_result idm_draft_encode(const struct idm_draft *draft, const struct idm_uuid *uuid,
    uint64_t version, struct idm_span *out, struct idm_error *err);

#endif
