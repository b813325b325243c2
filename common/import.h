/*
 * The import of an LDIF file (SPEC 10.5): entries first, then what refers to others, so that these
 * may stand anywhere in the file or be in the database already.  All of it goes into a bulk change
 * (core/bulk.h); whether that is adopted is the caller's to decide, by what was found.
 */
#ifndef COMMON_IMPORT_H
#define COMMON_IMPORT_H

#include "common/ldif_file.h"
#include "core/bulk.h"

struct import_request {
	struct ldif_file *ldif;
	struct idm_bulk *bulk;
	/* Attributes of the file whose lines need not be taken; patterns of fnmatch(3), in any
	 * case. */
	const char *const *ignore;
	size_t ignore_count;
	/* Told of each line that could not be taken: why, and what to do.  `type` may be empty. */
	void (*problem)(void *ctx, uint64_t line, struct idm_span type, const char *why);
	/* NULL: not told.  `done` of `total` of what is being done; false: it is to end. */
	bool (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
	void *ctx;
};

struct import_totals {
	uint64_t persons;
	uint64_t service_accounts;
	uint64_t groups;
	uint64_t others;
	uint64_t memberships;
	uint64_t containers; /* left out: the tree here is as it is */
	uint64_t problems;   /* lines that were told */
	uint64_t ignored;    /* lines that would have been, but for `ignore` */
};

/*
 * Take all of the file that can be taken into the bulk change.  IDM_OK: it was read to its end;
 * what could not be taken is in totals->problems.  Else nothing but dropping the bulk is left;
 * IDM_BUSY: `progress` ended it.
 */
enum idm_result import_run(
    const struct import_request *request, struct import_totals *totals, struct idm_error *err);

#endif
