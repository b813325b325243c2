/* A backup put in the place of the database (SPEC 10.5, 11.2; CHANGES 26). */
#ifndef CORE_RESTORE_H
#define CORE_RESTORE_H

#include "core/backup.h"

struct idm_restore {
	const char *db_dir;
	const char *key_dir;
	gid_t read_group; /* -1: as of idm_store_open_writer */
	gid_t radius_group;
	const char *domain;         /* a backup of another one is refused */
	int fd;                     /* what is read: a backup, or an identity.mdb */
	struct idm_span passphrase; /* empty: the key rings stay as they are */
	bool local;                 /* local.mdb too; without, only where there is none */
	bool lost_secrets;          /* restore also when no key ring opens the secrets */
	struct idm_report report;
};

struct idm_restored {
	struct idm_verify_totals totals;
	uint64_t epoch; /* of the changes from here on */
	bool keys;      /* were replaced; *.replaced are the former ones */
	bool local;     /* was replaced */
	bool former;    /* identity.mdb.replaced is the former database */
};

/*
 * Verify a backup, raise its epoch, and rename it in; readers follow.  Nothing is changed unless
 * all of it is as it must be: IDM_CORRUPT, with the findings told.  IDM_BUSY: a server runs, or a
 * backup is being made.  IDM_INVALID: of another domain or format, or no key ring opens its
 * secrets.
 */
enum idm_result idm_restore(
    const struct idm_restore *ask, struct idm_restored *out, struct idm_error *err);

#endif
