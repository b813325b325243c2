/*
 * Backups (SPEC 10.5, 11.2): one archive with a consistent copy of identity.mdb and local.mdb, and
 * with the key rings under a passphrase.  Made while the server runs; verified when it is made.
 */
#ifndef CORE_BACKUP_H
#define CORE_BACKUP_H

#include "core/archive.h"
#include "core/verify.h"
#include "core/workdir.h"

/* Who is told what is found and how far it is; as of struct idm_verify. */
struct idm_report {
	uint64_t most; /* findings that are told */
	void (*finding)(void *ctx, enum idm_finding kind, const char *text);
	void (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
	void *ctx;
};

/* Key rings of a directory; NULL: there is none. */
struct idm_rings {
	struct idm_keyring *password;
	struct idm_keyring *radius;
};

/* IDM_INVALID, IDM_SYSTEM: there is one, and it can't be read. */
enum idm_result idm_rings_open(const char *key_dir, struct idm_rings *out, struct idm_error *err);
void idm_rings_close(struct idm_rings *rings);

struct idm_backup {
	const char *db_dir;
	const char *key_dir;
	int fd;                     /* what the archive is written to; a pipe will do */
	struct idm_span passphrase; /* empty: the key rings are left out */
	int64_t now_s;
	struct idm_report report;
};

/*
 * Write a backup; totals->findings says how much of what it holds is wrong.  IDM_BUSY: another one
 * is being made, or the database is being replaced.  Needs room for a copy in db_dir.
 */
enum idm_result idm_backup(
    const struct idm_backup *ask, struct idm_verify_totals *totals, struct idm_error *err);

/* What idm_unpack has put into a directory: identity.mdb, and perhaps more. */
struct idm_unpacked {
	bool has_local; /* local.mdb */
	bool has_keys;  /* password.keys.sealed and radius.keys.sealed */
};

/*
 * Take a backup, or a data file on its own, from `fd` apart into `work`.  IDM_CORRUPT: it is none,
 * or not as it was written.
 */
enum idm_result idm_unpack(int fd, const struct idm_workdir *work, const struct idm_report *report,
    struct idm_unpacked *out, struct idm_error *err);

/* The key rings of an unpacked backup as they were, in `arena`. */
struct idm_key_texts {
	const char *password;
	const char *radius;
};
enum idm_result idm_unpack_keys(const struct idm_workdir *work, struct idm_span passphrase,
    struct idm_arena *arena, struct idm_key_texts *out, struct idm_error *err);

/*
 * Verify an unpacked backup with these rings, or DIR beside its server, if one runs.  IDM_BUSY: the
 * database is being replaced.
 */
enum idm_result idm_verify_unpacked(const struct idm_workdir *work,
    const struct idm_unpacked *unpacked, const struct idm_rings *rings,
    const struct idm_report *report, struct idm_verify_totals *totals, struct idm_error *err);
enum idm_result idm_verify_directory(const char *db_dir, const struct idm_rings *rings,
    const struct idm_report *report, struct idm_verify_totals *totals, struct idm_error *err);

#endif
