#include "core/dbfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* LMDB 0.9's meta page on a 64-bit machine: a page header, then struct MDB_meta. */
enum {
	META_FLAGS = 10, /* u16 */
	META_FLAG = 0x08,
	META_MAGIC = 16,      /* u32 */
	META_VERSION = 20,    /* u32 */
	META_PAGE_BYTES = 40, /* u32 */
	META_LAST_PAGE = 136, /* u64 */
	META_TXN_ID = 144,    /* u64 */
	DATA_VERSION = 1,
};
#define MAGIC 0xBEEFC0DEU

/* How much is asked for to find out whether the file can still grow. */
enum { PROBE_BYTES = 256 * 1024 };

enum idm_result
idm_dbfile_create(const char *path, mode_t mode, gid_t group, int *fd, struct idm_error *err)
{
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;

	*fd = open(path, flags);
	if (*fd >= 0)
		return IDM_OK;
	if (errno != ENOENT)
		goto fail;
	*fd = open(path, flags | O_CREAT | O_EXCL, 0600);
	if (*fd < 0)
		goto fail;
	/* The group first: nobody else is to read it in between. */
	if ((group != (gid_t)-1 && fchown(*fd, (uid_t)-1, group) != 0) || fchmod(*fd, mode) != 0) {
		int saved = errno;

		unlink(path);
		close(*fd);
		*fd = -1;
		errno = saved;
		goto fail;
	}
	return IDM_OK;
fail:
	return idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
}

static uint64_t
load(const uint8_t *page, size_t at, size_t bytes)
{
	uint64_t value = 0;

	memcpy(&value, page + at, bytes); /* little endian, as LMDB writes here */
	return value;
}

void
idm_dbfile_load_meta(const uint8_t meta[IDM_DBFILE_META_BYTES], struct idm_dbfile_info *info)
{
	info->page_bytes = (uint32_t)load(meta, META_PAGE_BYTES, 4);
	info->last_page = load(meta, META_LAST_PAGE, 8);
	info->txn_id = load(meta, META_TXN_ID, 8);
}

/* Read the meta page at `offset`; take it if it is the newer one. */
static enum idm_result
read_meta(
    int fd, const char *path, off_t offset, struct idm_dbfile_info *info, struct idm_error *err)
{
	uint8_t page[IDM_DBFILE_META_BYTES];
	ssize_t got = pread(fd, page, sizeof(page), offset);

	if (got < 0)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
	if (got == 0 && offset == 0)
		return IDM_OK; /* just created */
	if (got != sizeof(page) || !(load(page, META_FLAGS, 2) & META_FLAG) ||
	    load(page, META_MAGIC, 4) != MAGIC)
		return idm_fail(err, IDM_CORRUPT, "%s: not a database", path);
	if (load(page, META_VERSION, 4) != DATA_VERSION)
		return idm_fail(err, IDM_INVALID,
		    "%s: LMDB data format %u, this program reads %d; export it with the program "
		    "that wrote it",
		    path, (unsigned)load(page, META_VERSION, 4), DATA_VERSION);
	if (offset == 0 || load(page, META_TXN_ID, 8) > info->txn_id)
		idm_dbfile_load_meta(page, info);
	return IDM_OK;
}

static enum idm_result
check_length(int fd, const char *path, const struct idm_dbfile_info *info, struct idm_error *err)
{
	struct stat st;
	uint64_t pages;

	/* After the meta page was read: a writer at work makes the file only longer. */
	if (fstat(fd, &st) != 0)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
	pages = (uint64_t)st.st_size / info->page_bytes;
	if (info->last_page >= pages)
		return idm_fail(err, IDM_CORRUPT,
		    "%s: has %llu pages and should have %llu: restore a backup", path,
		    (unsigned long long)pages, (unsigned long long)info->last_page + 1);
	return IDM_OK;
}

enum idm_result
idm_dbfile_check_fd(int fd, const char *path, struct idm_dbfile_info *info, struct idm_error *err)
{
	enum idm_result result;

	*info = (struct idm_dbfile_info){ 0 };
	result = read_meta(fd, path, 0, info, err);
	if (result != IDM_OK || info->page_bytes == 0)
		return result;
	if (info->page_bytes < 256 || info->page_bytes > 65536)
		return idm_fail(
		    err, IDM_CORRUPT, "%s: pages of %u bytes", path, (unsigned)info->page_bytes);
	result = read_meta(fd, path, (off_t)info->page_bytes, info, err);
	return result == IDM_OK ? check_length(fd, path, info, err) : result;
}

enum idm_result
idm_dbfile_check(const char *path, struct idm_dbfile_info *info, struct idm_error *err)
{
	enum idm_result result;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*info = (struct idm_dbfile_info){ 0 };
	if (fd < 0)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
	result = idm_dbfile_check_fd(fd, path, info, err);
	close(fd);
	return result;
}

bool
idm_dbfile_is_remote(uint64_t fs_type)
{
	static const uint32_t remote[] = {
		NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC, V9FS_MAGIC,
		CODA_SUPER_MAGIC, AFS_SUPER_MAGIC, AFS_FS_MAGIC, CEPH_SUPER_MAGIC,
		0x786F4256, /* vboxsf */
		0x7461636F, /* ocfs2 */
		0x01161970, /* gfs2 */
		0x0BD00BD0, /* lustre */
	};

	for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++)
		if (remote[i] == fs_type)
			return true;
	return false;
}

enum idm_result
idm_dbfile_check_directory(const char *dir, struct idm_error *err)
{
	struct statfs fs;

	if (statfs(dir, &fs) != 0)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", dir, strerror(errno));
	if (idm_dbfile_is_remote((uint64_t)fs.f_type & UINT32_MAX))
		return idm_fail(err, IDM_INVALID,
		    "%s: on a network file system (type 0x%llx): the database needs a local one",
		    dir, (unsigned long long)fs.f_type & UINT32_MAX);
	return IDM_OK;
}

enum idm_result
idm_dbfile_sync_directory(const char *dir, struct idm_error *err)
{
	enum idm_result result = IDM_OK;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) != 0)
		result = idm_fail(err, IDM_SYSTEM, "%s: fsync: %s", dir, strerror(errno));
	if (fd >= 0)
		close(fd);
	return result;
}

void
idm_dbfile_reach(int fd, uint32_t page_bytes, uint64_t last_page)
{
	struct stat st;
	off_t want = (off_t)((last_page + 1) * page_bytes);

	/* A hole: it takes no space.  If it can't be had, the commit will tell. */
	if (fstat(fd, &st) == 0 && st.st_size < want && ftruncate(fd, want) != 0)
		return;
}

bool
idm_dbfile_is_full(int fd)
{
	struct stat st;
	int rc;

	if (fstat(fd, &st) != 0)
		return false;
	rc = posix_fallocate(fd, st.st_size, PROBE_BYTES);
	if (rc == 0)
		(void)!ftruncate(fd, st.st_size);
	return rc == ENOSPC || rc == EDQUOT || rc == EFBIG;
}
