/* What stands in a backup; for core/backup.c, core/unpack.c and core/restore.c alone. */
#ifndef CORE_BACKUP_FORMAT_H
#define CORE_BACKUP_FORMAT_H

#include "core/arena.h"
#include "core/result.h"

#define IDENTITY_FILE "identity.mdb"
#define LOCAL_FILE "local.mdb"
#define PASSWORD_KEYS "password.keys"
#define RADIUS_KEYS "radius.keys"
#define PASSWORD_SEALED "password.keys.sealed"
#define RADIUS_SEALED "radius.keys.sealed"
#define MANIFEST_FILE "MANIFEST"
#define MANIFEST_FIRST "kanidm-backup 1\n"
#define MANIFEST_SUM "sha256 "

/* A whole small file, with a NUL behind it.  IDM_INVALID: it is larger than `most` octets. */
enum idm_result idm_file_load(const char *path, size_t most, struct idm_arena *arena,
    struct idm_span *out, struct idm_error *err);

#endif
