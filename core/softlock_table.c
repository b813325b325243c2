/* The table of softlocks: credentials by their account, ranked by failures, and their sources. */
#include <stdlib.h>

#include "core/softlock_impl.h"

size_t
softlock_bucket_of(const struct idm_softlocks *locks, const struct idm_uuid *account)
{
	uint32_t hash = 2166136261U; /* FNV-1a: uuids are not a client's choice */

	for (size_t i = 0; i < IDM_UUID_BYTES; i++)
		hash = (hash ^ account->bytes[i]) * 16777619U;
	return hash & locks->bucket_mask;
}

static bool
same_id(const struct idm_softlock_id *a, const struct idm_softlock_id *b)
{
	return a->attr_number == b->attr_number && idm_uuid_equal(&a->account, &b->account);
}

struct idm_softlocks *
idm_softlocks_new(size_t credentials_max, size_t sources_max)
{
	struct idm_softlocks *locks = calloc(1, sizeof(*locks));
	size_t buckets = 1;

	if (locks == NULL)
		return NULL;
	while (buckets < credentials_max)
		buckets *= 2;
	locks->credentials_max = credentials_max;
	locks->sources_max = sources_max;
	locks->bucket_mask = buckets - 1;
	locks->buckets = calloc(buckets, sizeof(*locks->buckets));
	if (locks->buckets == NULL)
		idm_softlocks_free(&locks);
	return locks;
}

struct softlock *
softlock_find(const struct idm_softlocks *locks, const struct idm_softlock_id *id)
{
	struct softlock *lock = locks->buckets[softlock_bucket_of(locks, &id->account)];

	while (lock != NULL && !same_id(&lock->id, id))
		lock = lock->chain;
	return lock;
}

void
softlock_mark(struct idm_softlocks *locks, struct softlock *lock)
{
	if (lock->dirty)
		return;
	lock->dirty = true;
	lock->next_dirty = locks->dirty;
	lock->dirty_at = &locks->dirty;
	if (lock->next_dirty != NULL)
		lock->next_dirty->dirty_at = &lock->next_dirty;
	locks->dirty = lock;
}

void
softlock_unmark(struct softlock *lock)
{
	if (!lock->dirty)
		return;
	*lock->dirty_at = lock->next_dirty;
	if (lock->next_dirty != NULL)
		lock->next_dirty->dirty_at = lock->dirty_at;
	lock->dirty = false;
}

static void
leave_rank(struct idm_softlocks *locks, struct softlock *lock)
{
	struct softlock_list *list;

	if (lock->rank < 0)
		return;
	list = &locks->ranks[lock->rank];
	*(lock->older == NULL ? &list->oldest : &lock->older->newer) = lock->newer;
	*(lock->newer == NULL ? &list->newest : &lock->newer->older) = lock->older;
	lock->older = lock->newer = NULL;
	lock->rank = -1;
}

void
softlock_rank(struct idm_softlocks *locks, struct softlock *lock)
{
	struct softlock_list *list;

	leave_rank(locks, lock);
	lock->rank = lock->failures <= 8 ? 0 : lock->failures <= IDM_SOFTLOCK_SLOW_FAILURES ? 1 : 2;
	list = &locks->ranks[lock->rank];
	lock->older = list->newest;
	*(list->newest == NULL ? &list->oldest : &list->newest->newer) = lock;
	list->newest = lock;
}

void
softlock_free_slot(struct idm_softlocks *locks, struct softlock *lock, struct softlock_slot *slot)
{
	struct softlock_slot **at = &lock->slots;

	while (*at != slot)
		at = &(*at)->next;
	*at = slot->next;
	free(slot);
	lock->slot_count--;
	locks->source_count--;
}

/* With its row. */
void
softlock_forget(struct idm_softlocks *locks, struct softlock *lock)
{
	struct softlock **at = &locks->buckets[softlock_bucket_of(locks, &lock->id.account)];

	while (*at != lock)
		at = &(*at)->chain;
	*at = lock->chain;
	while (lock->slots != NULL)
		softlock_free_slot(locks, lock, lock->slots);
	leave_rank(locks, lock);
	softlock_unmark(lock);
	if (lock->stored && locks->gone_count < SOFTLOCK_GONE)
		locks->gone[locks->gone_count++] = lock->id;
	free(lock);
	locks->credential_count--;
}

void
idm_softlocks_free(struct idm_softlocks **locks)
{
	struct idm_softlocks *l = *locks;

	if (l == NULL)
		return;
	for (size_t i = 0; l->buckets != NULL && i <= l->bucket_mask; i++) {
		while (l->buckets[i] != NULL)
			softlock_forget(l, l->buckets[i]);
	}
	free(l->buckets);
	free(l);
	*locks = NULL;
}

/* --- making room */

static bool
is_idle(const struct softlock *lock, uint64_t now_ms)
{
	return lock->testing == 0 && now_ms >= lock->until_ms &&
	       now_ms >= softlock_slow_until(lock, NULL, now_ms);
}

/* Forget the credential with the fewest failures that is not locked, and not `except`. */
static bool
evict_credential(struct idm_softlocks *locks, const struct softlock *except, uint64_t now_ms)
{
	for (int rank = 0; rank < SOFTLOCK_RANKS; rank++) {
		struct softlock *lock = locks->ranks[rank].oldest;

		while (lock != NULL && (lock == except || !is_idle(lock, now_ms)))
			lock = lock->newer;
		if (lock != NULL) {
			softlock_forget(locks, lock);
			return true;
		}
	}
	return false;
}

/* The same of a credential's sources. */
static bool
evict_source(struct idm_softlocks *locks, struct softlock *lock, uint64_t now_ms)
{
	struct softlock_slot *least = NULL;

	for (struct softlock_slot *slot = lock->slots; slot != NULL; slot = slot->next) {
		if (!slot->testing && now_ms >= slot->until_ms &&
		    (least == NULL || slot->failures < least->failures))
			least = slot;
	}
	if (least == NULL)
		return false;
	softlock_free_slot(locks, lock, least);
	return true;
}

struct softlock *
softlock_add(struct idm_softlocks *locks, const struct idm_softlock_id *id, uint64_t now_ms)
{
	struct softlock **bucket = &locks->buckets[softlock_bucket_of(locks, &id->account)];
	struct softlock *lock;

	if (locks->credential_count >= locks->credentials_max &&
	    !evict_credential(locks, NULL, now_ms))
		return NULL;
	lock = calloc(1, sizeof(*lock));
	if (lock == NULL)
		return NULL;
	lock->id = *id;
	lock->rank = -1;
	lock->shared.source = softlock_shared_source;
	lock->chain = *bucket;
	*bucket = lock;
	locks->credential_count++;
	return lock;
}

static bool
has_room(struct idm_softlocks *locks, struct softlock *lock, uint64_t now_ms)
{
	if (lock->slot_count >= IDM_SOFTLOCK_SOURCES_OF_ONE)
		return evict_source(locks, lock, now_ms);
	return locks->source_count < locks->sources_max || evict_credential(locks, lock, now_ms) ||
	       evict_source(locks, lock, now_ms);
}

struct softlock_slot *
softlock_place(struct idm_softlocks *locks, struct softlock *lock,
    const struct idm_softlock_source *source, uint64_t now_ms)
{
	struct softlock_slot *slot =
	    has_room(locks, lock, now_ms) ? calloc(1, sizeof(*slot)) : NULL;

	if (slot == NULL)
		return &lock->shared;
	slot->source = *source;
	slot->next = lock->slots;
	lock->slots = slot;
	lock->slot_count++;
	locks->source_count++;
	return slot;
}
