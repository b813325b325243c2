/*
 * Softlocks (SPEC 6.6): how soon a credential may be tested again after a password that did not
 * fit.  A table in the memory of the one process that tests, with rows in local.mdb from which the
 * next process goes on.  All times are milliseconds since boot, given by the caller.
 *
 * Each credential counts its failures apart for each source, which is a network, and in all.  It is
 * tested for one source at a time, so that guesses sent at once are no more than guesses sent one
 * after the other: who tests begins with idm_softlock_begin and ends with idm_softlock_end.
 *
 * Memory is bounded, and no lock ends early for that: what makes room is a credential, or a source,
 * that is not locked, those with the fewest failures first; where all are locked, the sources of a
 * credential that have no place of their own share one, and a credential without a place is not
 * tested.  Names that nobody has leave nothing here.
 */
#ifndef CORE_SOFTLOCK_H
#define CORE_SOFTLOCK_H

#include "core/floor.h"
#include "core/store.h"

enum {
	IDM_SOFTLOCK_CREDENTIALS = 65536, /* that a server keeps */
	IDM_SOFTLOCK_SOURCES = 131072,    /* of all of them */
	IDM_SOFTLOCK_SOURCES_OF_ONE =
	    128,                          /* before it has so many, it is slowed over all sources */
	IDM_SOFTLOCK_SLOW_FAILURES = 100, /* more in all: one test a second over all sources */
	IDM_SOFTLOCK_RESET_S = 24 * 3600, /* after the first failure it begins anew */
	IDM_SOFTLOCK_SOURCE_BYTES = 9,
};

struct idm_softlocks;

struct idm_softlock_id {
	struct idm_uuid account;
	uint32_t attr_number; /* PRIMARY_CREDENTIAL, UNIX_PASSWORD */
};

/* Where a test is asked from: what kind of network, and the network. */
struct idm_softlock_source {
	uint8_t bytes[IDM_SOFTLOCK_SOURCE_BYTES];
};

/* The /24 or /64 of an address as text; all else ("ldapi") is the one source of the console. */
struct idm_softlock_source idm_softlock_source_of(const char *text);

/* How long a credential is locked for a source after so many failures from there. */
uint64_t idm_softlock_pause_ms(uint32_t failures);

/* NULL: out of memory. */
struct idm_softlocks *idm_softlocks_new(size_t credentials_max, size_t sources_max);
void idm_softlocks_free(struct idm_softlocks **locks);

enum idm_softlock_state {
	IDM_SOFTLOCK_OPEN,    /* it may be tested */
	IDM_SOFTLOCK_LOCKED,  /* not before *until_ms */
	IDM_SOFTLOCK_TESTING, /* it is being tested for this source: not before that has ended */
};

enum idm_softlock_state idm_softlock_look(const struct idm_softlocks *locks,
    const struct idm_softlock_id *id, const struct idm_softlock_source *source, uint64_t now_ms,
    uint64_t *until_ms);

/*
 * A test begins, of a credential that is open for the source.  False: there is no room to count
 * what comes of it, so it must not be tested.
 */
bool idm_softlock_begin(struct idm_softlocks *locks, const struct idm_softlock_id *id,
    const struct idm_softlock_source *source, uint64_t now_ms);

/* Its end; `failed`: it was tested and did not fit, nor did another one of the same bind. */
void idm_softlock_end(struct idm_softlocks *locks, const struct idm_softlock_id *id,
    const struct idm_softlock_source *source, bool failed, uint64_t now_ms);

/* What is known of a credential, over all sources. */
struct idm_softlock_status {
	uint32_t failures; /* since the first one that counts */
	uint32_t sources;  /* from which they came, as far as they have places of their own */
	uint64_t until_ms; /* when the longest lock ends; 0: nobody is locked out */
	uint64_t reset_ms; /* when the failures are forgotten; 0: there are none */
	bool slowed;       /* one test a second over all sources */
};

struct idm_softlock_status idm_softlock_status_of(
    const struct idm_softlocks *locks, const struct idm_softlock_id *id, uint64_t now_ms);

/* Forget the failures of all credentials of an account; false: there were none. */
bool idm_softlock_clear(struct idm_softlocks *locks, const struct idm_uuid *account);

/* Forget what is over; once a minute. */
void idm_softlock_sweep(struct idm_softlocks *locks, uint64_t now_ms);

/* How many credentials are kept, and places of sources. */
void idm_softlock_count(const struct idm_softlocks *locks, size_t *credentials, size_t *sources);

/* --- rows of local.mdb */

/* Is anything not stored as it is? */
bool idm_softlocks_dirty(const struct idm_softlocks *locks);

/*
 * Write what changed since the last time; `txn` is a write transaction of local.mdb.  When that is
 * committed, idm_softlocks_stored says so; else it is written again the next time.
 */
enum idm_result idm_softlocks_store(const struct idm_softlocks *locks, const struct idm_txn *txn,
    const uint8_t boot[IDM_CLOCK_BOOT_BYTES], uint64_t now_ms, struct idm_error *err);
void idm_softlocks_stored(struct idm_softlocks *locks);

/* What to do about a row that does not decode: err->text names it and says what is wrong. */
typedef void (*idm_softlock_on_bad)(void *context, const struct idm_error *err);

/*
 * Read all rows into an empty table, as they are now: what remained when they were written, less
 * the time that passed since, as far as that is known: in this boot, or up to where the clock was
 * `seen` last in theirs.  Rows that are damaged are told and deleted; `txn` can write.
 */
enum idm_result idm_softlocks_load(struct idm_softlocks *locks, const struct idm_txn *txn,
    const uint8_t boot[IDM_CLOCK_BOOT_BYTES], const struct idm_clock_seen *seen, uint64_t now_ms,
    idm_softlock_on_bad on_bad, void *context, struct idm_error *err);

/* Does a row of IDM_DB_SOFTLOCKS decode?  IDM_CORRUPT with a text that names it: no. */
enum idm_result idm_softlock_check_row(
    struct idm_span key, struct idm_span value, struct idm_error *err);

/* Delete the rows of an account: of a server that does not run. */
enum idm_result idm_softlock_delete_rows(
    const struct idm_txn *txn, const struct idm_uuid *account, struct idm_error *err);

#endif
