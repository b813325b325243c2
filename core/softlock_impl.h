/* What the files of the softlocks share with one another, and with their tests; for nobody else. */
#ifndef CORE_SOFTLOCK_IMPL_H
#define CORE_SOFTLOCK_IMPL_H

#include "core/softlock.h"

enum {
	SOFTLOCK_RANKS = 3, /* by failures in all: the higher, the later one is forgotten */
	SOFTLOCK_GONE =
	    4096, /* rows that wait to be deleted; more than those wait for the next start */
};

/* A source's share of a credential's failures. */
struct softlock_slot {
	struct idm_softlock_source source;
	bool testing;
	uint32_t failures;
	uint64_t until_ms; /* locked before this */
	uint64_t reset_ms; /* from here on `failures` are none */
	struct softlock_slot *next;
};

/* A credential. */
struct softlock {
	struct idm_softlock_id id;
	struct softlock *chain;      /* of its bucket */
	struct softlock_slot *slots; /* of the sources, in no order */
	struct softlock_slot shared; /* of those that found no place */
	uint32_t slot_count;
	uint32_t testing; /* slots that are */

	uint32_t failures; /* over all sources */
	uint64_t reset_ms;
	uint64_t until_ms;  /* no source is locked any longer than this */
	uint64_t tested_ms; /* when the last test began; 0: none did */

	int rank;               /* -1: it never had failures, and is in no list */
	struct softlock *older; /* of its rank, by the last failure */
	struct softlock *newer;

	bool stored; /* there is a row of it */
	bool dirty;  /* and that says something else, or there is none */
	struct softlock *next_dirty;
	struct softlock **dirty_at; /* what points to it in that list */
};

struct softlock_list {
	struct softlock *oldest;
	struct softlock *newest;
};

struct idm_softlocks {
	struct softlock **buckets;
	size_t bucket_mask;
	size_t credential_count;
	size_t credentials_max;
	size_t source_count;
	size_t sources_max;
	struct softlock_list ranks[SOFTLOCK_RANKS];
	struct softlock *dirty; /* list */
	struct idm_softlock_id gone[SOFTLOCK_GONE];
	size_t gone_count;
};

/* --- the table (softlock_table.c) */

/* The bucket of all credentials of an account. */
size_t softlock_bucket_of(const struct idm_softlocks *locks, const struct idm_uuid *account);

/* NULL: there is none. */
struct softlock *softlock_find(const struct idm_softlocks *locks, const struct idm_softlock_id *id);
/* A new one; NULL: no room, where all are locked. */
struct softlock *softlock_add(
    struct idm_softlocks *locks, const struct idm_softlock_id *id, uint64_t now_ms);
/* Free it, and have its row deleted. */
void softlock_forget(struct idm_softlocks *locks, struct softlock *lock);

/* A new place for a source, or the one that is shared. */
struct softlock_slot *softlock_place(struct idm_softlocks *locks, struct softlock *lock,
    const struct idm_softlock_source *source, uint64_t now_ms);
void softlock_free_slot(
    struct idm_softlocks *locks, struct softlock *lock, struct softlock_slot *slot);

/* By its failures, as the newest of them. */
void softlock_rank(struct idm_softlocks *locks, struct softlock *lock);
/* Its row is to be written; it is, or need not be. */
void softlock_mark(struct idm_softlocks *locks, struct softlock *lock);
void softlock_unmark(struct softlock *lock);

/* --- the rule (softlock.c) */

/* Until when a credential is not tested for having failed too often over all sources, if for this
 * one (NULL: none in particular); 0: it has not. */
uint64_t softlock_slow_until(
    const struct softlock *lock, const struct softlock_slot *slot, uint64_t now_ms);

/* The source of a slot that is shared, in a row. */
extern const struct idm_softlock_source softlock_shared_source;

#endif
