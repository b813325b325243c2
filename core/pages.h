/*
 * The pages of an LMDB data file (format 1 of LMDB 0.9, 64 bit), looked at without LMDB, which
 * trusts them: whether they form trees, with every offset, page number and count as it must be.
 * What has passed here can be read through LMDB without harm to the process.
 */
#ifndef CORE_PAGES_H
#define CORE_PAGES_H

#include "core/result.h"
#include "core/span.h"

struct idm_pages {
	uint64_t total;  /* of the file, as its newest meta page says */
	uint64_t in_use; /* reached from the roots */
	uint64_t free;   /* in the list of free pages */
	uint64_t wrong;  /* findings */
};

struct idm_pages_sink {
	void (*finding)(void *ctx, const char *database, const char *text);
	void (*progress)(void *ctx, uint64_t done, uint64_t total); /* in pages */
	void *ctx;
};

/*
 * Walk the trees of the commit `txn_id`, whose pages must stay as they are meanwhile: a file that
 * nobody writes, or a snapshot that the caller holds.  IDM_BUSY: the file no longer has the meta
 * page of that commit.  IDM_CORRUPT: the file is shorter than it says.  IDM_SYSTEM: it can't be
 * mapped.
 */
enum idm_result idm_pages_check(int fd, uint64_t txn_id, const struct idm_pages_sink *sink,
    struct idm_pages *out, struct idm_error *err);

#endif
