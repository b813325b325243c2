/*
 * The LMDB environments, their databases and transactions (DESIGN 2).
 *
 * `identity.mdb` is the state that a cluster would share; one process at a time opens it for
 * writing.  All others open it read-only and without LMDB's lock file, from files that they can
 * only read: the writer keeps every page of recent snapshots alive (guards) and publishes the id of
 * each finished commit in `identity.pub`.  `local.mdb` belongs to the writer's process alone.
 * Nobody outside this module knows of guards, published ids or LMDB handles.
 *
 * Files of a database directory: identity.mdb, identity.mdb-lock, identity.pub, local.mdb,
 * local.mdb-lock, writer.lock.  A reader opens identity.mdb and identity.pub, and the former again
 * when another file was put in its place.
 */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include <sys/types.h>

#include "core/result.h"
#include "core/span.h"
#include "core/timefmt.h"
#include "core/uuid.h"

enum {
	IDM_STORE_FORMAT = 3,      /* meta.format_version of a database that this build reads */
	IDM_STORE_KEEP_MS = 1000,  /* how long a snapshot's pages stay alive at least */
	IDM_STORE_READ_MS = 500,   /* a reader's transaction that is older is thrown away */
	IDM_STORE_TICK_MS = 100,   /* how often the writer calls idm_store_tick */
	IDM_STORE_KEY_BYTES = 511, /* LMDB's limit; see idm_store_key */
	IDM_STORE_FILE_ID_BYTES = 16,
};

enum idm_db {
	/* identity.mdb */
	IDM_DB_META,     /* name -> value */
	IDM_DB_ENTRIES,  /* id (u64, big endian) -> flat entry */
	IDM_DB_UUID,     /* 16 bytes -> id */
	IDM_DB_NAME,     /* claim (see claim.h): kind, normalised value -> id */
	IDM_DB_INDEX,    /* see index.h */
	IDM_DB_UP,       /* member id -> ids of the groups that list it */
	IDM_DB_DOWN,     /* group id, kind of member, window -> container of member ids */
	IDM_DB_SECRETS,  /* entry id, attribute number (u32, big endian) -> sealed blob */
	IDM_DB_TOKENS,   /* token id (16 bytes) -> struct idm_token_row, encoded */
	IDM_DB_CHANGES,  /* change number (u64, big endian) -> encoded change set */
	IDM_DB_REQUESTS, /* request id (16 bytes) -> change number, at, result */
	/* local.mdb */
	IDM_DB_LOCAL_META,
	IDM_DB_SESSIONS, /* session id (16 bytes) -> struct idm_token_row, encoded */
	IDM_DB_SOFTLOCKS,
	IDM_DB_AUDIT, /* serial number (u64, big endian) -> hash, record: see audit.h */
	IDM_DB_COUNT
};

struct idm_store;

/* A transaction, or a nested one.  Zeroed when it is over. */
struct idm_txn {
	struct idm_store *store;
	struct idm_txn *parent;
	void *mdb; /* MDB_txn; for this module alone */
	bool write;
	uint64_t begun_ms; /* CLOCK_MONOTONIC, before the first load of the published id */
};

/*
 * Open DIR/identity.mdb and DIR/local.mdb for writing, create them if there are none (modes as
 * DESIGN 1: identity.mdb and identity.pub 0640 with group `read_group` (-1: leave it), all else
 * 0600; directory fsynced), take the writer's lock and the first guard, and return when no reader
 * of an earlier writer can still hold a snapshot.  One environment pair per process, after fork.
 *
 * A database of a former format is upgraded, after a copy of it was made and verified
 * (identity.mdb.format-N, local.mdb.format-N; see idm_store_upgraded_from).
 *
 * IDM_BUSY: another process writes ("a server runs on this database").  IDM_INVALID: a newer
 * format, or a file system that can't hold it; nothing was changed.  IDM_CORRUPT: shorter
 * than its own page count, or not a database.  IDM_SYSTEM: the text names file and errno.
 */
enum idm_result idm_store_open_writer(
    const char *dir, gid_t read_group, struct idm_store **out, struct idm_error *err);

/*
 * Open DIR/identity.mdb to read, from another process than the writer's or with none running.
 * Needs read permission on identity.mdb and identity.pub, creates and writes nothing.
 */
enum idm_result idm_store_open_reader(
    const char *dir, struct idm_store **out, struct idm_error *err);

/*
 * Have DIR's files for oneself until *lock_fd is closed: to replace them.  IDM_BUSY: a writer is
 * open, or somebody holds the files.  The lock is on DIR/writer.lock, which nobody else can open:
 * on identity.pub, whoever reads it could hold the writer off.
 */
enum idm_result idm_store_lock(const char *dir, int *lock_fd, struct idm_error *err);

/*
 * Let nobody replace DIR's files until *lock_fd is closed: for who reads them beside their writer,
 * by LMDB's own lock file, as the owner can (idm_store_copy_beside, idm_verify).  That file holds
 * the newest transaction's number, and one of another file must not be taken for it.  IDM_BUSY:
 * they are being replaced.
 */
enum idm_result idm_store_hold_files(const char *dir, int *lock_fd, struct idm_error *err);

enum idm_store_file {
	IDM_STORE_IDENTITY,
	IDM_STORE_LOCAL,
};

/*
 * Write a compact copy of the newest commit of identity.mdb to `path`, which must not exist (0600,
 * fsynced).  The writer's process; any thread, for writes go on.  IDM_LIMIT: no space, no file.
 */
enum idm_result idm_store_copy(struct idm_store *store, const char *path, struct idm_error *err);

/*
 * The same of one of DIR's files, from another process than the writer's, which may be at work; the
 * caller holds the files.  In a child process: IDM_CORRUPT also where damage ended that.
 */
enum idm_result idm_store_copy_beside(
    const char *dir, enum idm_store_file file, const char *path, struct idm_error *err);

/*
 * Put the data file at `path` (on the same file system; made by idm_store_copy, or identity.mdb of
 * another directory without its writer) in the place of DIR/identity.mdb, with a file id of its
 * own.  Readers follow.  IDM_BUSY: a writer is open, or the files are held.  IDM_INVALID,
 * IDM_CORRUPT: not a database, of another format, cut off; DIR is then unchanged.
 */
enum idm_result idm_store_replace(
    const char *dir, gid_t read_group, const char *path, struct idm_error *err);

/* The same of either file, by who has locked DIR himself. */
enum idm_result idm_store_replace_locked(const char *dir, enum idm_store_file file,
    gid_t read_group, const char *path, struct idm_error *err);

/* Ends the guards, closes both environments, releases the lock; *store = NULL. */
void idm_store_close(struct idm_store **store);

/* True when this build's writer just created the databases: they hold only the format version. */
bool idm_store_is_new(const struct idm_store *store);

/* The former format that idm_store_open_writer has upgraded; 0: it had nothing to upgrade. */
uint64_t idm_store_upgraded_from(const struct idm_store *store);

/*
 * Begin a read transaction on identity.mdb: the newest published snapshot.  Short: never held over
 * the event loop.  Thread safe for readers (rlm_kanidm's threads share one store).
 * IDM_SYSTEM: no consistent snapshot could be had within 100 ms and more (the text says why).
 */
enum idm_result idm_store_read_begin(
    struct idm_store *store, struct idm_txn *txn, struct idm_error *err);

/*
 * Random octets that tell the data file under a transaction from all others: a restore or a vacuum
 * puts another one in its place, in which numbers of changes may come again.
 */
void idm_store_file_id(const struct idm_txn *txn, uint8_t out[IDM_STORE_FILE_ID_BYTES]);

/* The commit that a read transaction sees: of one data file, equal numbers are equal snapshots. */
uint64_t idm_store_commit_id(const struct idm_txn *txn);

/* IDM_BUSY: the transaction is over age; drop what was read and begin again. */
enum idm_result idm_store_read_check(const struct idm_txn *txn, struct idm_error *err);
void idm_store_read_end(struct idm_txn *txn);

/* The same on local.mdb; the writer's process only. */
enum idm_result idm_store_local_read_begin(
    struct idm_store *store, struct idm_txn *txn, struct idm_error *err);

/*
 * The one write transaction of identity.mdb, or of local.mdb; begun and committed by one thread,
 * which also calls idm_store_tick.  The first on identity.mdb after opening may have to wait
 * IDM_STORE_READ_MS for readers of an earlier writer, one on a well-filled map for guards to end.
 */
enum idm_result idm_store_write_begin(
    struct idm_store *store, struct idm_txn *txn, struct idm_error *err);
enum idm_result idm_store_local_write_begin(
    struct idm_store *store, struct idm_txn *txn, struct idm_error *err);

/* A nested write transaction: abort undoes it alone (group commit, DESIGN 4). */
enum idm_result idm_store_write_nest(
    struct idm_txn *parent, struct idm_txn *child, struct idm_error *err);

/*
 * Commit.  An outermost transaction of identity.mdb is published and durable when this returns
 * IDM_OK (commit with NOMETASYNC, publish, sync).  IDM_LIMIT: no space; nothing of it is kept.
 * IDM_SYSTEM: a write or sync failed, so the process must end and open anew (idm_store_failed).
 */
enum idm_result idm_store_write_commit(struct idm_txn *txn, struct idm_error *err);
void idm_store_write_abort(struct idm_txn *txn); /* harmless on one that is over */

/*
 * The end of writing that came to `result`: commit what is good, and return what came of that;
 * abort all else and return `result`, which may be that of a transaction that did not begin.
 */
enum idm_result idm_store_write_end(
    struct idm_txn *txn, enum idm_result result, struct idm_error *err);

/*
 * How often this process has undone writing of identity.mdb, nested or not: what was read in a
 * write transaction may since have come to nothing.
 */
uint64_t idm_store_undone(const struct idm_store *store);

/*
 * What this process has made of a store's data, to be found again with the store: one thing, made
 * when it is first asked for and freed with the store.  Thread safe.  NULL: `make` gave none.
 */
void *idm_store_companion(
    struct idm_store *store, void *(*make)(void), void (*free_it)(void *thing));

/* True after a failure that only a new process may repair. */
bool idm_store_failed(const struct idm_store *store);

/* Over 90 % of the map is used: new entries are refused, revocations and deletions still work. */
bool idm_store_nearly_full(const struct idm_txn *txn);

/*
 * Records.  Each is stored with a checksum that is verified when it is read.  A value that is read
 * borrows from the map until the transaction ends or, in a write transaction, the next write: put
 * takes no key or value that borrows so.  Keys have 1 to IDM_STORE_KEY_BYTES bytes (else
 * IDM_INVALID): what may be longer, the caller hashes.
 * get and del: IDM_NOT_FOUND without a text.  IDM_CORRUPT: checksum.  put: IDM_LIMIT: map full.
 * get, in another process than the writer's: IDM_BUSY as idm_store_read_check.
 * A put or del that failed in LMDB (not IDM_INVALID or IDM_NOT_FOUND) spoils its transaction, if
 * nested the nested one alone: commit gives IDM_LIMIT and keeps nothing of it.
 */
enum idm_result idm_store_get(const struct idm_txn *txn, enum idm_db db, struct idm_span key,
    struct idm_span *value, struct idm_error *err);
enum idm_result idm_store_put(const struct idm_txn *txn, enum idm_db db, struct idm_span key,
    struct idm_span value, struct idm_error *err);
enum idm_result idm_store_del(
    const struct idm_txn *txn, enum idm_db db, struct idm_span key, struct idm_error *err);

/*
 * Walk over the records whose keys begin with `prefix`, in key order.  Records may be changed and
 * deleted during the walk, also the one just returned.  To be closed before its transaction ends.
 */
struct idm_cursor {
	void *mdb; /* MDB_cursor; NULL: closed */
	const struct idm_txn *txn;
	enum idm_db db;
	uint8_t prefix[IDM_STORE_KEY_BYTES];
	size_t prefix_len;
	uint8_t seek[IDM_STORE_KEY_BYTES]; /* where the next record is looked for, if !started */
	size_t seek_len;
	bool started;
	bool ended;
};

enum idm_result idm_cursor_open(const struct idm_txn *txn, enum idm_db db, struct idm_span prefix,
    struct idm_cursor *cursor, struct idm_error *err);
/* IDM_NOT_FOUND behind the last; else as idm_store_get. */
enum idm_result idm_cursor_next(
    struct idm_cursor *cursor, struct idm_span *key, struct idm_span *value, struct idm_error *err);
/* Let the next idm_cursor_next return the first record whose key is >= `key` (within the prefix).
 */
enum idm_result idm_cursor_seek(
    struct idm_cursor *cursor, struct idm_span key, struct idm_error *err);
void idm_cursor_close(struct idm_cursor *cursor);

/* Delete all records whose keys begin with `prefix`. */
enum idm_result idm_store_del_all(
    const struct idm_txn *txn, enum idm_db db, struct idm_span prefix, struct idm_error *err);

/* Numbers in `meta` or local meta; absent: 0. */
enum idm_result idm_store_get_number(const struct idm_txn *txn, enum idm_db db, const char *name,
    uint64_t *out, struct idm_error *err);
enum idm_result idm_store_put_number(const struct idm_txn *txn, enum idm_db db, const char *name,
    uint64_t value, struct idm_error *err);

/* Big-endian integers of keys. */
void idm_store_u64(uint64_t value, uint8_t out[8]);
uint64_t idm_store_load_u64(const uint8_t in[8]);
void idm_store_u32(uint32_t value, uint8_t out[4]);
uint32_t idm_store_load_u32(const uint8_t in[4]);

/* The writer calls this every IDM_STORE_TICK_MS: begins and ends guards. */
void idm_store_tick(struct idm_store *store);

/*
 * The clock as all processes share it through identity.pub (SPEC 11.5): the floor, the newest
 * trusted second, and whether the writer trusts the kernel's clock.  idm_store_now gives what a
 * decision takes: the wall clock's second, untrusted when it is more than 5 minutes below the
 * floor, or when the writer says so, or as long as none has ever published it.
 */
void idm_store_publish_clock(struct idm_store *store, int64_t floor_s, bool trusted);
int64_t idm_store_clock_floor(const struct idm_store *store);
struct idm_now idm_store_now(const struct idm_store *store, int64_t wall_s);

/*
 * Who is held (core/hold.h), as all processes share it likewise.  The number of changes tells who
 * keeps an answer that it has to ask again.
 */
bool idm_store_is_held(const struct idm_store *store, const struct idm_uuid *account);
uint64_t idm_store_hold_changes(const struct idm_store *store);

#endif
