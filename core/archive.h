/*
 * The file that a backup is: a tar archive (POSIX.1-1988 ustar; lengths beyond 8 GiB as GNU tar has
 * them), written and read as a stream, with its SHA-256 sums as the last member.
 *
 * Reading trusts nothing: names are compared with those that are expected, lengths are bounded.
 */
#ifndef CORE_ARCHIVE_H
#define CORE_ARCHIVE_H

#include <openssl/evp.h>

#include "core/arena.h"
#include "core/result.h"

enum {
	IDM_ARCHIVE_BLOCK = 512,
	IDM_ARCHIVE_MEMBERS_MAX = 8,
	IDM_ARCHIVE_NAME_BYTES = 32,
	IDM_ARCHIVE_SUM_BYTES = 32,
};

struct idm_archive_member {
	char name[IDM_ARCHIVE_NAME_BYTES];
	uint64_t bytes;
	uint8_t sum[IDM_ARCHIVE_SUM_BYTES]; /* SHA-256 */
};

struct idm_archive {
	int fd;
	void (*progress)(
	    void *ctx, const char *name, uint64_t done, uint64_t total); /* NULL: none */
	void *ctx;
	struct idm_archive_member members[IDM_ARCHIVE_MEMBERS_MAX];
	size_t count;
};

/* Append a member; its sum is kept in `archive`.  `fd` gives exactly `bytes`. */
enum idm_result idm_archive_add_file(
    struct idm_archive *archive, const char *name, int fd, uint64_t bytes, struct idm_error *err);
enum idm_result idm_archive_add(
    struct idm_archive *archive, const char *name, struct idm_span content, struct idm_error *err);
/* Two empty blocks. */
enum idm_result idm_archive_end(struct idm_archive *archive, struct idm_error *err);

/* Read one block; IDM_NOT_FOUND: the stream ended before it. */
enum idm_result idm_archive_read_block(
    struct idm_archive *archive, uint8_t block[IDM_ARCHIVE_BLOCK], struct idm_error *err);

/* Is this the head of a member? */
bool idm_archive_is_head(const uint8_t block[IDM_ARCHIVE_BLOCK]);

/*
 * Take the head of the next member apart, whose content follows in the stream.  IDM_NOT_FOUND: it
 * is the empty block at the end.  IDM_CORRUPT: none that was written here.
 */
enum idm_result idm_archive_take_head(struct idm_archive *archive,
    const uint8_t block[IDM_ARCHIVE_BLOCK], struct idm_archive_member **out, struct idm_error *err);

/* Write the content of a member whose head was taken to `fd`, and keep its sum. */
enum idm_result idm_archive_extract(
    struct idm_archive *archive, struct idm_archive_member *member, int fd, struct idm_error *err);

#endif
