/*
 * One LMDB environment with its named databases: identity.mdb or local.mdb.
 *
 * Shared by reference: a reader that meets a new data file opens it and drops the old environment,
 * which is closed when its last transaction ends.
 */
#ifndef CORE_ENVIRONMENT_H
#define CORE_ENVIRONMENT_H

#include <lmdb.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "core/published.h"
#include "core/result.h"
#include "core/store.h"

/*
 * Address space, not memory or disk.  Fixed, and for identity.mdb the same in all processes:
 * growing a map at run time is what LMDB's bug reports are about.
 */
#define IDM_IDENTITY_MAP_BYTES (UINT64_C(32) << 30)
#define IDM_LOCAL_MAP_BYTES (UINT64_C(16) << 30)

/* A part of enum idm_db that lives in one file. */
struct idm_db_range {
	enum idm_db first; /* it holds "format_version" */
	enum idm_db end;   /* the one behind the last */
};

extern const struct idm_db_range idm_dbs_identity;
extern const struct idm_db_range idm_dbs_local;

struct idm_environment {
	MDB_env *mdb;
	struct idm_db_range range;
	MDB_dbi dbis[IDM_DB_COUNT]; /* of `range` alone */
	bool is_new;                /* holds nothing but what idm_environment_open_writer wrote */
	struct idm_file_id file_id; /* meta.file_id */
	uint64_t format;            /* meta.format_version */
	uint64_t map_bytes;
	uint32_t page_bytes;
	dev_t device; /* of the data file, */
	ino_t inode;  /* to tell whether the path still names it */
	atomic_uint refs;
};

/*
 * Open for writing, create databases and the file's id where the file is empty.  Creates the lock
 * file 0600.  A file of a former format is opened too, for idm_upgrade.  `flags` for mdb_env_open
 * beside the usual ones.
 */
enum idm_result idm_environment_open_writer(struct idm_environment **out, const char *path,
    gid_t group, struct idm_db_range range, uint64_t map_bytes, unsigned flags,
    struct idm_error *err);

/* Open identity.mdb without lock file or write access.  file_id is read in a verified snapshot. */
enum idm_result idm_environment_open_reader(
    struct idm_environment **out, const char *path, struct idm_error *err);

/*
 * Open to read, for as long as it takes: by LMDB's lock file, `beside` a writer that may be at work
 * and whose user we are; or a file that nobody writes.  Nothing in it is looked at yet, for it may
 * be damaged: for that, idm_environment_look within a transaction.
 */
enum idm_result idm_environment_open_bare(struct idm_environment **out, const char *path,
    struct idm_db_range range, bool beside, struct idm_error *err);

/* Check format, read the file's id, open the databases.  IDM_INVALID: of another format. */
enum idm_result idm_environment_look(
    struct idm_environment *env, const struct idm_txn *txn, struct idm_error *err);

/* The same for one that may be of a former format. */
enum idm_result idm_environment_look_former(
    struct idm_environment *env, const struct idm_txn *txn, struct idm_error *err);

/* Write a compact copy of the newest commit to `path`, which must not exist (0600, fsynced). */
enum idm_result idm_environment_copy(
    const struct idm_environment *env, const char *path, struct idm_error *err);

/* As it stands in the file, for texts. */
const char *idm_db_name(enum idm_db db);

/* Give the file another id, in memory and, within `txn`, in meta. */
enum idm_result idm_environment_renew_id(
    struct idm_environment *env, const struct idm_txn *txn, struct idm_error *err);

/*
 * Begin a read transaction without LMDB's lock and without the published id: IDM_BUSY unless two
 * begins in a row find the same newest commit.  Then the first one can't have been read while its
 * meta page was overwritten, for that happens only after the next commit is complete, and the
 * second begin would have found that one.
 */
enum idm_result idm_environment_begin_agreed(
    struct idm_environment *env, MDB_txn **txn, struct idm_error *err);

struct idm_environment *idm_environment_ref(struct idm_environment *env);
void idm_environment_unref(struct idm_environment **env);

/* LMDB's code as a result, with `what` and LMDB's words as text. */
enum idm_result idm_lmdb_fail(struct idm_error *err, int rc, const char *what);

#endif
