/*
 * The files below the databases: created with the right owner and mode, on a file system that can
 * hold them, and long enough for what their meta pages say, for reading past the end of a mapped
 * file kills the process.
 */
#ifndef CORE_DBFILE_H
#define CORE_DBFILE_H

#include <sys/types.h>

#include "core/result.h"
#include "core/span.h"

/* What a data file's meta pages say.  A new file is empty: page_bytes 0. */
struct idm_dbfile_info {
	uint32_t page_bytes;
	uint64_t last_page;
	uint64_t txn_id;
};

/*
 * Open for reading and writing; where there is none, create with exactly `mode` and, unless it is
 * -1, `group`.  Never follows a symbolic link at the last component.
 */
enum idm_result idm_dbfile_create(
    const char *path, mode_t mode, gid_t group, int *fd, struct idm_error *err);

/*
 * Look at the meta pages.  IDM_INVALID: written by an LMDB with another format.  IDM_CORRUPT: no
 * LMDB file, or shorter than it says.
 */
enum idm_result idm_dbfile_check(
    const char *path, struct idm_dbfile_info *info, struct idm_error *err);
/* The same of an open file; `path` is for the text. */
enum idm_result idm_dbfile_check_fd(
    int fd, const char *path, struct idm_dbfile_info *info, struct idm_error *err);

/* What one meta page says. */
enum { IDM_DBFILE_META_BYTES = 152 };
void idm_dbfile_load_meta(const uint8_t meta[IDM_DBFILE_META_BYTES], struct idm_dbfile_info *info);

/* IDM_INVALID: mmap and locks do not work there as LMDB needs them (NFS, CIFS, 9p and the like). */
enum idm_result idm_dbfile_check_directory(const char *dir, struct idm_error *err);

/* As f_type of statfs(2). */
bool idm_dbfile_is_remote(uint64_t fs_type);

enum idm_result idm_dbfile_sync_directory(const char *dir, struct idm_error *err);

/*
 * Let the file reach behind page `last_page`.  LMDB does not write the pages at the end that are
 * free again when a transaction commits, and idm_dbfile_check can't know which are.
 */
void idm_dbfile_reach(int fd, uint32_t page_bytes, uint64_t last_page);

/* After a failed write: was it for lack of space (or of quota, or a limit of file size)? */
bool idm_dbfile_is_full(int fd);

#endif
