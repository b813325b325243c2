#include "core/softlock_impl.h"

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
uint64_t
softlock_slow_until(const struct softlock *lock, const struct softlock_slot *slot, uint64_t now_ms)
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
	*until_ms =
	    later(slot == NULL ? 0 : slot->until_ms, softlock_slow_until(lock, slot, now_ms));
	if (now_ms < *until_ms)
		return IDM_SOFTLOCK_LOCKED;
	return slot != NULL && slot->testing ? IDM_SOFTLOCK_TESTING : IDM_SOFTLOCK_OPEN;
}

/* What is there for no reason any more. */
static void
tidy(struct idm_softlocks *locks, struct softlock *lock, struct softlock_slot *slot)
{
	if (slot != &lock->shared && !slot->testing && slot->failures == 0)
		softlock_free_slot(locks, lock, slot);
	if (lock->slots == NULL && lock->testing == 0 && lock->failures == 0)
		softlock_forget(locks, lock);
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
			softlock_free_slot(locks, lock, slot);
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
		softlock_forget(locks, lock);
}

bool
idm_softlock_clear(struct idm_softlocks *locks, const struct idm_uuid *account)
{
	struct softlock *next, *lock = locks->buckets[softlock_bucket_of(locks, account)];
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
