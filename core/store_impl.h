/* What the files of the store share with one another, and with its tests; for nobody else. */
#ifndef CORE_STORE_IMPL_H
#define CORE_STORE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "core/environment.h"
#include "core/guard.h"
#include "core/published.h"
#include "core/store.h"

enum {
	IDM_STORE_MARGIN_MS = 100, /* beyond READ_MS: a coarse clock, and the last use of a read */
	IDM_STORE_PATIENCE_MS = 100, /* after this a reader takes a commit that was not published */
	IDM_STORE_GIVE_UP_MS = 2000, /* and after this it gives up */
};

struct idm_store {
	char *identity_path; /* absolute: a reader opens it again when the file was replaced */
	bool writer;
	bool scratch; /* core/scratch.h: nobody reads it, and nothing is synced */
	atomic_bool failed;
	struct idm_published pub;
	pthread_rwlock_t identity_lock; /* guards the pointer `identity`, not what it points to */
	struct idm_environment *identity;

	pthread_mutex_t companion_lock;
	void *companion;
	void (*companion_free)(void *thing);

	/* the writer's */
	atomic_uint_fast64_t undone;
	uint64_t identity_commits; /* that were made durable */
	uint64_t local_commits;
	int lock_fd; /* DIR/writer.lock */
	struct idm_environment *local;
	uint64_t upgraded_from; /* the older one of both files' former formats; 0: none */
	struct idm_guards guards;
	uint64_t swept_ms;       /* when readers that died were last looked for */
	uint64_t write_after_ms; /* no write before: readers may hold snapshots without a guard */
};

/* As idm_store_open_writer, with another size of identity.mdb's map: small ones fill up sooner. */
enum idm_result idm_store_open_writer_sized(const char *dir, gid_t read_group,
    uint64_t identity_map_bytes, struct idm_store **out, struct idm_error *err);

/* DIR/name, to be freed; NULL: out of memory. */
char *idm_store_path(const char *dir, const char *name);

/* As idm_store_lock, by a writer that is open and is going to replace its own file. */
enum idm_result idm_store_own_files(struct idm_store *store, struct idm_error *err);

/* A backup that was killed still holds its snapshot in LMDB's lock file: end that. */
void idm_store_sweep_readers(struct idm_store *store);

/*
 * Rename the data file at `path` to DIR/identity.mdb and publish it, with the writer's lock held
 * and no environment of DIR open.
 */
enum idm_result idm_store_rename_in(
    const char *dir, gid_t group, const char *path, struct idm_error *err);

/* Close all but the lock. */
void idm_store_close_data(struct idm_store *store);

/* The environment that `txn` reads or writes. */
static inline const struct idm_environment *
idm_txn_environment(const struct idm_txn *txn)
{
	return mdb_env_get_userctx(mdb_txn_env(txn->mdb));
}

/* Check the checksum of a record of `db` and take it off; IDM_BUSY where `txn` is over age. */
enum idm_result idm_record_verify(const struct idm_txn *txn, enum idm_db db, struct idm_span key,
    struct idm_span stored, struct idm_span *value, struct idm_error *err);

/*
 * Milliseconds of CLOCK_MONOTONIC, a few behind at most: asked for at each read, it must cost
 * nothing.  A reader's age is thus told too high at its begin and too low by a tick of the kernel
 * later, which IDM_STORE_MARGIN_MS covers.
 */
static inline uint64_t
idm_store_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

#endif
