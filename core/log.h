/*
 * The one ordered log of changes (CHANGES 23).  Who groups changes, and who follows them, knows
 * nothing of what holds it: on one box it is LMDB, and appending is its commit.
 *
 * What a box keeps of the log is `changes`, by size, and the requests that they answered, by their
 * number and age: applying a change forgets some of the oldest, and `trim` what that left.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include "core/change.h"

enum {
	IDM_FRAME_BYTES = 64 * 1024, /* change sets that are appended together; one may be larger */
	IDM_FRAME_MS = 5,            /* and for so long others may be decided behind the first */
};

enum idm_log_outcome {
	IDM_LOG_OK,          /* it is in the log, durable */
	IDM_LOG_MOVED,       /* the head is another one: decide anew, on that */
	IDM_LOG_UNKNOWN,     /* it may be there or not: a new process finds out */
	IDM_LOG_UNAVAILABLE, /* it is not there; nothing can be appended now */
};

struct idm_log {
	/* The number of the last change. */
	enum idm_result (*head)(struct idm_log *log, uint64_t *no, struct idm_error *err);
	/*
	 * Append what was applied in `frame`, a write transaction of the store that began on the
	 * change `on`.  It is over afterwards; all but IDM_LOG_OK have a text in `err`, whose
	 * result is *why.
	 */
	enum idm_log_outcome (*append)(struct idm_log *log, uint64_t on, struct idm_txn *frame,
	    enum idm_result *why, struct idm_error *err);
	/*
	 * Show `visit` the changes behind `from` that are kept, in order, each decoded in `arena`,
	 * which is reset between them.  Ends with the first result that is not IDM_OK.
	 */
	enum idm_result (*follow)(struct idm_log *log, uint64_t from, struct idm_arena *arena,
	    enum idm_result (*visit)(
		void *ctx, const struct idm_change_set *set, struct idm_error *err),
	    void *ctx, struct idm_error *err);
	/*
	 * Forget the oldest of what is more than is kept, a bounded part of it; *more: there is
	 * more of it.
	 */
	enum idm_result (*trim)(struct idm_log *log, bool *more, struct idm_error *err);
	struct idm_store *store;
};

/* The log of one box, in its store. */
void idm_log_local(struct idm_log *log, struct idm_store *store);

#endif
