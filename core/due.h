/*
 * What time alone does (SPEC 11.6, CHANGES 22): entries in the recycle bin become tombstones,
 * tombstones are purged, and API tokens that expired go.  This finds them; the core process asks
 * itself for the changes, through the same path as everybody (CHANGES 22).
 */
#ifndef CORE_DUE_H
#define CORE_DUE_H

#include "core/change.h"

/* A change that is due. */
struct idm_due {
	struct idm_uuid target;
	enum idm_operation operation;
	uint64_t base;         /* the version that was looked at; 0: of a token */
	struct idm_uuid token; /* MODIFY: to be destroyed */
};

enum { IDM_TOKEN_SHOWN_S = 7 * 86400 /* so long `api-token status` tells of one that expired */ };

/*
 * Look at up to `look` entries that were deleted, from the id *from on (0: from the beginning), and
 * collect up to `room` that are due by `read->now`.  *from: where to go on; 0: all were looked at.
 * By a clock that is not trusted nothing is due.
 */
enum idm_result idm_due_find(const struct idm_read *read, uint64_t *from, size_t look,
    struct idm_due *out, size_t room, size_t *count, struct idm_error *err);

/*
 * The same of API tokens that expired IDM_TOKEN_SHOWN_S ago, or were issued then if that is later.
 * *from: the id to go on with; null: all were looked at.
 */
enum idm_result idm_due_find_tokens(const struct idm_read *read, struct idm_uuid *from, size_t look,
    struct idm_due *out, size_t room, size_t *count, struct idm_error *err);

#endif
