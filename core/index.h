/*
 * Index keys of an entry, and the candidates of one term in one window (DESIGN 2).
 *
 * Keys of IDM_DB_INDEX: equality: attribute u32, kind, value, window u64; class, presence,
 * ordering, trigrams: window u64, attribute u32, kind, term.  The two cannot meet: attribute
 * numbers begin at 1, and windows end below 2^32.  Values are containers (idset.h).  A value too
 * long for a key is stored by its hash, with the kind's top bit set; such a term gives candidates,
 * not answers.
 *
 * What an attribute is indexed for stands in its flags; asking for more is a mistake of the caller.
 * `uuid` stores its presence alone: its equality is answered from IDM_DB_UUID.
 */
#ifndef CORE_INDEX_H
#define CORE_INDEX_H

#include "core/idset.h"
#include "core/lookup.h"

enum {
	IDM_INDEX_PIECE_MIN = 3, /* octets of a piece that idm_index_substring can use */
	IDM_INDEX_TRIGRAMS = 16, /* of one piece that are looked up at most */
	IDM_INDEX_ORDERS = 8,
};

/*
 * In which order the trigrams of pieces are looked up: those that were rare in the windows before
 * come first, so that most windows take one or two.  All zero at first; pieces are told by where
 * they stand, and must stay there.
 */
struct idm_index_order {
	struct idm_span text;
	int kind;
	size_t count;
	uint32_t at[IDM_INDEX_TRIGRAMS]; /* offsets in the text */
};
struct idm_index_orders {
	struct idm_index_order list[IDM_INDEX_ORDERS]; /* further pieces have none */
	size_t count;
};

/*
 * Bring the index from `before` to `after`, entries with the same id; NULL: there was or will be
 * none.  Touches only keys that differ.  `read` is on a write transaction; both may borrow from it.
 */
enum idm_result idm_index_update(const struct idm_read *read, const struct idm_entry *before,
    const struct idm_entry *after, struct idm_error *err);

/*
 * Add one id to the container under `key`, or take it away; *changed false: it was so.  Of any
 * database whose rows are containers.
 */
enum idm_result idm_index_set_id(const struct idm_read *read, enum idm_db db, struct idm_span key,
    uint64_t id, bool present, bool *changed, struct idm_error *err);

/* The keys of an entry, sorted, in the read's arena. */
struct idm_index_keys {
	struct idm_span *keys;
	size_t count;
};
enum idm_result idm_index_keys(const struct idm_read *read, const struct idm_entry *entry,
    struct idm_index_keys *out, struct idm_error *err);
/* Those of one attribute alone, by its flags, whatever the read's schema says. */
enum idm_result idm_index_attr_keys(const struct idm_read *read, const struct idm_attr *attr,
    const struct idm_entry *entry, struct idm_index_keys *out, struct idm_error *err);

/* A key taken apart; `term` borrows from it.  False: it is none. */
struct idm_index_key_parts {
	uint32_t attr_number;
	char kind; /* e equality, p presence, o ordering, t trigram, d trigram behind the `@` */
	bool hashed;
	bool value_first;
	struct idm_span term;
	uint64_t window_no;
};
bool idm_index_key_parse(struct idm_span key, struct idm_index_key_parts *out);

/* All rows of one attribute go; on a write transaction. */
enum idm_result idm_index_drop_attr(
    const struct idm_read *read, uint32_t attr_number, struct idm_error *err);

/* OR the ids in window `window_no` that the index names for a term into `window`. */
enum idm_result idm_index_equal(const struct idm_read *read, const struct idm_attr *attr,
    struct idm_span norm, uint64_t window_no, struct idm_window *window, struct idm_error *err);
/*
 * The same over all windows: add the ids to `out`, which is initialised.  *few false: they are more
 * than `most`, and `out` is not complete.  Neither `class` nor `uuid` can be asked so.
 */
enum idm_result idm_index_equal_ids(const struct idm_read *read, const struct idm_attr *attr,
    struct idm_span norm, size_t most, struct idm_ids *out, bool *few, struct idm_error *err);
enum idm_result idm_index_present(const struct idm_read *read, const struct idm_attr *attr,
    uint64_t window_no, struct idm_window *window, struct idm_error *err);
/*
 * All entries that may hold `piece` (norm form, at least IDM_INDEX_PIECE_MIN octets) somewhere in a
 * value.  The attribute is indexed for substrings.  `orders` may be NULL.
 */
enum idm_result idm_index_substring(const struct idm_read *read, const struct idm_attr *attr,
    struct idm_span piece, struct idm_index_orders *orders, uint64_t window_no,
    struct idm_window *window, struct idm_error *err);
/* All entries with a value in [from, to]; an empty span leaves that side open. */
enum idm_result idm_index_range(const struct idm_read *read, const struct idm_attr *attr,
    struct idm_span from, struct idm_span to, uint64_t window_no, struct idm_window *window,
    struct idm_error *err);

/* Every live and recycled entry's window: one behind the highest that holds an entry.  Ids below
 * meta "next_id" have been given out. */
enum idm_result idm_index_window_end(
    const struct idm_read *read, uint64_t *out, struct idm_error *err);

#endif
