/*
 * Guards: read transactions that the writer holds so that LMDB does not reuse the pages of recent
 * snapshots.  Readers have no lock file, so these are all that keeps their pages alive.
 *
 * A guard covers every snapshot from its own up to the next newer guard's.  A reader may have taken
 * the last of those until the moment when the newer guard began, so a guard ends only when the next
 * newer one is older than IDM_STORE_KEEP_MS; however late a tick comes.
 */
#ifndef CORE_GUARD_H
#define CORE_GUARD_H

#include <lmdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/result.h"

enum { IDM_GUARD_MAX = 32 };

struct idm_guard {
	MDB_txn *txn;
	uint64_t
	    begun_ms; /* CLOCK_MONOTONIC; what is older than its snapshot was superseded then */
};

struct idm_guards {
	struct idm_guard list[IDM_GUARD_MAX]; /* oldest first */
	size_t count;
};

/* Begin the first guard.  `now_ms` was read after everything that it is to cover was published. */
enum idm_result idm_guards_begin(
    struct idm_guards *guards, MDB_env *env, uint64_t now_ms, struct idm_error *err);

/*
 * Begin a guard if there were commits since the newest one and it is a tick old; end the oldest,
 * and no more than that one, if the rule above allows it.  In the thread that commits.
 */
void idm_guards_tick(struct idm_guards *guards, MDB_env *env, uint64_t now_ms);

/* True unless the one guard is that of the newest commit: pages wait to be used again. */
bool idm_guards_keep_something(const struct idm_guards *guards, MDB_env *env);

void idm_guards_end(struct idm_guards *guards);

#endif
