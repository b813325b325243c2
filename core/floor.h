/*
 * The clock's floor (SPEC 11.5): the newest trusted second, kept in local.mdb and published to all
 * processes.  A clock that lies more than five minutes below it is not believed.  Beside it stands
 * where the clock was last seen, by which a jump is told from time that passed.
 */
#ifndef CORE_FLOOR_H
#define CORE_FLOOR_H

#include "core/store.h"

enum {
	IDM_FLOOR_EVERY_S = 60,       /* the floor moves at most once a minute */
	IDM_CLOCK_JUMP_S = 24 * 3600, /* so far ahead of where it should be, a clock has jumped */
	IDM_CLOCK_BOOT_BYTES = 16,    /* of the kernel's boot id */
};

/* Publish the stored floor: before the first decision of a process that writes. */
enum idm_result idm_floor_load(struct idm_store *store, struct idm_error *err);

/* Publish `least_s` where the floor is below it: no time before this build was made can be right.
 */
void idm_floor_at_least(struct idm_store *store, int64_t least_s);

/*
 * Store and publish `trusted_s`, a second that the caller trusts (the kernel says that the clock is
 * synchronised, or an administrator set it), when the floor is a minute or more behind.
 */
enum idm_result idm_floor_raise(struct idm_store *store, int64_t trusted_s, struct idm_error *err);

/* Store and publish the floor as it is told, lower ones too: an administrator says so. */
enum idm_result idm_floor_set(struct idm_store *store, int64_t floor_s, struct idm_error *err);

/* Where the wall clock was, and the clock that counts since boot; all nulls: it was never seen. */
struct idm_clock_seen {
	uint8_t boot[IDM_CLOCK_BOOT_BYTES];
	int64_t wall_s;
	uint64_t boot_ms;
	bool synchronised; /* in this boot, at some time */
};

enum idm_result idm_clock_seen_load(
    struct idm_store *store, struct idm_clock_seen *out, struct idm_error *err);
enum idm_result idm_clock_seen_store(
    struct idm_store *store, const struct idm_clock_seen *seen, struct idm_error *err);

/*
 * Has the wall clock, at `now`, gone ahead more than a day further than time has passed?  How long
 * a machine was off is not known, so that it may have jumped over that.  Never where `seen` is
 * nulls.
 */
bool idm_clock_has_jumped(const struct idm_clock_seen *seen, const struct idm_clock_seen *now);

#endif
