#include "core/softlock_impl.h"

#include <stdlib.h>

#include "core/network.h"

enum {
	SECOND_MS = 1000,
	V4_PREFIX = 96, /* an IPv4 address is stored mapped: 96 bits are no part of it */
	SOURCE_CONSOLE = 0,
	SOURCE_V4 = 4,
	SOURCE_V6 = 6,
	SOURCE_SHARED = 255,
};

const struct idm_softlock_source softlock_shared_source = { { SOURCE_SHARED } };

/* --- sources */

struct idm_softlock_source
idm_softlock_source_of(const char *text)
{
	struct idm_softlock_source out = { { SOURCE_CONSOLE } };
	uint8_t network[IDM_NETWORK_BYTES];
	const uint8_t *address = network + 1;
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (idm_network_parse(idm_span_cstr(text), network) != NULL)
		return out;
	if (network[0] >= V4_PREFIX && memcmp(address, mapped, sizeof(mapped)) == 0) {
		out.bytes[0] = SOURCE_V4;
		memcpy(out.bytes + 1, address + sizeof(mapped), 3);
	} else {
		out.bytes[0] = SOURCE_V6;
		memcpy(out.bytes + 1, address, 8);
	}
	return out;
}

static bool
same_source(const struct idm_softlock_source *a, const struct idm_softlock_source *b)
{
	return memcmp(a->bytes, b->bytes, IDM_SOFTLOCK_SOURCE_BYTES) == 0;
}

/* --- the rule */

uint64_t
idm_softlock_pause_ms(uint32_t failures)
{
	static const struct {
		uint32_t failures; /* up to so many */
		uint64_t seconds;
	} steps[] = { { 0, 0 }, { 2, 1 }, { 8, 3 }, { 24, 5 }, { 99, 10 }, { UINT32_MAX, 60 } };
	size_t i = 0;

	while (failures > steps[i].failures)
		i++;
	return steps[i].seconds * SECOND_MS;
}

static uint64_t
later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/*
 * When a credential that is slowed over all sources may be tested again.  A source from which no
 * failure came need not wait as long as the others, so that its owner finds a gap between theirs.
 */
static uint64_t
slow_until(const struct softlock *lock, const struct softlock_slot *slot, uint64_t now_ms)
{
	bool failed = slot != NULL && slot->failures != 0 && now_ms < slot->reset_ms;

	if (lock->failures <= IDM_SOFTLOCK_SLOW_FAILURES || now_ms >= lock->reset_ms ||
	    lock->tested_ms == 0)
		return 0;
	return lock->tested_ms + (failed ? 2 * SECOND_MS : SECOND_MS);
}

/* One more, from now on. */
static void
count_failure(uint32_t *failures, uint64_t *reset_ms, uint64_t now_ms)
{
	if (*failures == 0 || now_ms >= *reset_ms) {
		*failures = 0;
		*reset_ms = now_ms + (uint64_t)IDM_SOFTLOCK_RESET_S * SECOND_MS;
	}
	if (*failures < UINT32_MAX)
		(*failures)++;
}

/* --- the table */

static size_t
bucket_of(const struct idm_softlocks *locks, const struct idm_uuid *account)
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
	struct softlock *lock = locks->buckets[bucket_of(locks, &id->account)];

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
	locks->dirty = lock;
}

static void
unmark(struct idm_softlocks *locks, struct softlock *lock)
{
	struct softlock **at = &locks->dirty;

	if (!lock->dirty)
		return;
	while (*at != lock)
		at = &(*at)->next_dirty;
	*at = lock->next_dirty;
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

static void
free_slot(struct idm_softlocks *locks, struct softlock *lock, struct softlock_slot *slot)
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
static void
forget(struct idm_softlocks *locks, struct softlock *lock)
{
	struct softlock **at = &locks->buckets[bucket_of(locks, &lock->id.account)];

	while (*at != lock)
		at = &(*at)->chain;
	*at = lock->chain;
	while (lock->slots != NULL)
		free_slot(locks, lock, lock->slots);
	leave_rank(locks, lock);
	unmark(locks, lock);
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
			forget(l, l->buckets[i]);
	}
	free(l->buckets);
	free(l);
	*locks = NULL;
}

/* --- making room */

static bool
is_idle(const struct softlock *lock, uint64_t now_ms)
{
	return lock->testing == 0 &&
	       now_ms >= later(lock->until_ms, slow_until(lock, NULL, now_ms));
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
			forget(locks, lock);
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
	free_slot(locks, lock, least);
	return true;
}

struct softlock *
softlock_add(struct idm_softlocks *locks, const struct idm_softlock_id *id, uint64_t now_ms)
{
	struct softlock **bucket = &locks->buckets[bucket_of(locks, &id->account)];
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

/* --- tests */

/* The source's own slot, or the shared one where something is known of that; else NULL. */
static struct softlock_slot *
find_slot(struct softlock *lock, const struct idm_softlock_source *source)
{
	struct softlock_slot *slot = lock->slots;

	while (slot != NULL && !same_source(&slot->source, source))
		slot = slot->next;
	if (slot == NULL && (lock->shared.testing || lock->shared.failures != 0))
		slot = &lock->shared;
	return slot;
}

enum idm_softlock_state
idm_softlock_look(const struct idm_softlocks *locks, const struct idm_softlock_id *id,
    const struct idm_softlock_source *source, uint64_t now_ms, uint64_t *until_ms)
{
	struct softlock *lock = softlock_find(locks, id);
	const struct softlock_slot *slot = lock == NULL ? NULL : find_slot(lock, source);

	*until_ms = 0;
	if (lock == NULL)
		return IDM_SOFTLOCK_OPEN;
	*until_ms = later(slot == NULL ? 0 : slot->until_ms, slow_until(lock, slot, now_ms));
	if (now_ms < *until_ms)
		return IDM_SOFTLOCK_LOCKED;
	return slot != NULL && slot->testing ? IDM_SOFTLOCK_TESTING : IDM_SOFTLOCK_OPEN;
}

/* What is there for no reason any more. */
static void
tidy(struct idm_softlocks *locks, struct softlock *lock, struct softlock_slot *slot)
{
	if (slot != &lock->shared && !slot->testing && slot->failures == 0)
		free_slot(locks, lock, slot);
	if (lock->slots == NULL && lock->testing == 0 && lock->failures == 0)
		forget(locks, lock);
}

bool
idm_softlock_begin(struct idm_softlocks *locks, const struct idm_softlock_id *id,
    const struct idm_softlock_source *source, uint64_t now_ms)
{
	struct softlock *lock = softlock_find(locks, id);
	struct softlock_slot *slot;

	if (lock == NULL)
		lock = softlock_add(locks, id, now_ms);
	if (lock == NULL)
		return false;
	slot = find_slot(lock, source);
	if (slot == NULL)
		slot = softlock_place(locks, lock, source, now_ms);
	slot->testing = true;
	lock->testing++;
	lock->tested_ms = now_ms;
	return true;
}

static void
fail(
    struct idm_softlocks *locks, struct softlock *lock, struct softlock_slot *slot, uint64_t now_ms)
{
	uint64_t until_ms;

	count_failure(&slot->failures, &slot->reset_ms, now_ms);
	count_failure(&lock->failures, &lock->reset_ms, now_ms);
	until_ms = now_ms + idm_softlock_pause_ms(slot->failures);
	slot->until_ms = until_ms < slot->reset_ms ? until_ms : slot->reset_ms;
	lock->until_ms = later(lock->until_ms, slot->until_ms);
	softlock_rank(locks, lock);
	softlock_mark(locks, lock);
}

void
idm_softlock_end(struct idm_softlocks *locks, const struct idm_softlock_id *id,
    const struct idm_softlock_source *source, bool failed, uint64_t now_ms)
{
	struct softlock *lock = softlock_find(locks, id);
	struct softlock_slot *slot = lock == NULL ? NULL : find_slot(lock, source);

	if (slot == NULL || !slot->testing)
		return; /* it was not begun */
	slot->testing = false;
	lock->testing--;
	if (failed)
		fail(locks, lock, slot, now_ms);
	tidy(locks, lock, slot);
}

/* --- looking, clearing, forgetting */

static void
add_status(struct idm_softlock_status *status, const struct softlock_slot *slot, uint64_t now_ms)
{
	if (slot->failures == 0 || now_ms >= slot->reset_ms)
		return;
	status->sources++;
	status->failures += slot->failures;
	status->reset_ms = later(status->reset_ms, slot->reset_ms);
	if (now_ms < slot->until_ms)
		status->until_ms = later(status->until_ms, slot->until_ms);
}

struct idm_softlock_status
idm_softlock_status_of(
    const struct idm_softlocks *locks, const struct idm_softlock_id *id, uint64_t now_ms)
{
	struct idm_softlock_status status = { .failures = 0 };
	const struct softlock *lock = softlock_find(locks, id);

	if (lock == NULL)
		return status;
	for (const struct softlock_slot *slot = lock->slots; slot != NULL; slot = slot->next)
		add_status(&status, slot, now_ms);
	add_status(&status, &lock->shared, now_ms);
	if (lock->failures == 0 || now_ms >= lock->reset_ms)
		return status;
	if (status.failures < lock->failures) /* some came from sources that made room */
		status.failures = lock->failures;
	status.reset_ms = later(status.reset_ms, lock->reset_ms);
	status.slowed = lock->failures > IDM_SOFTLOCK_SLOW_FAILURES;
	return status;
}

static void
forget_slot(struct softlock_slot *slot)
{
	slot->failures = 0;
	slot->until_ms = slot->reset_ms = 0;
}

/* The failures that are over at `now_ms`; UINT64_MAX: all of them. */
static void
forget_failures(struct idm_softlocks *locks, struct softlock *lock, uint64_t now_ms)
{
	for (struct softlock_slot *next, *slot = lock->slots; slot != NULL; slot = next) {
		next = slot->next;
		if (now_ms < slot->reset_ms)
			continue;
		forget_slot(slot);
		if (!slot->testing)
			free_slot(locks, lock, slot);
	}
	if (now_ms >= lock->shared.reset_ms)
		forget_slot(&lock->shared);
	if (lock->failures == 0 || now_ms < lock->reset_ms)
		return;
	lock->failures = 0;
	lock->reset_ms = 0;
	softlock_rank(locks, lock);
	softlock_mark(locks, lock);
}

static void
forget_in(struct idm_softlocks *locks, struct softlock *lock, uint64_t now_ms)
{
	forget_failures(locks, lock, now_ms);
	if (lock->slots == NULL && lock->testing == 0 && lock->failures == 0)
		forget(locks, lock);
}

bool
idm_softlock_clear(struct idm_softlocks *locks, const struct idm_uuid *account)
{
	struct softlock *next, *lock = locks->buckets[bucket_of(locks, account)];
	bool any = false;

	for (; lock != NULL; lock = next) {
		next = lock->chain;
		if (!idm_uuid_equal(&lock->id.account, account))
			continue;
		any = any || lock->failures != 0;
		forget_in(locks, lock, UINT64_MAX);
	}
	return any;
}

void
idm_softlock_sweep(struct idm_softlocks *locks, uint64_t now_ms)
{
	for (size_t i = 0; i <= locks->bucket_mask; i++) {
		for (struct softlock *next, *lock = locks->buckets[i]; lock != NULL; lock = next) {
			next = lock->chain;
			forget_in(locks, lock, now_ms);
		}
	}
}

void
idm_softlock_count(const struct idm_softlocks *locks, size_t *credentials, size_t *sources)
{
	*credentials = locks->credential_count;
	*sources = locks->source_count;
}
