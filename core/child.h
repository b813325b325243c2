/*
 * Work in a child process that may die.  LMDB trusts its file: on a damaged one it aborts, or the
 * kernel ends the process for reading behind the file's end.  For the offline tools and for
 * starting up, in a process of one thread, before it opens an environment of its own.
 */
#ifndef CORE_CHILD_H
#define CORE_CHILD_H

#include "core/result.h"
#include "core/span.h"

enum { IDM_CHILD_MESSAGE_MAX = 1024 };

struct idm_child_task {
	/* In the child, on a copy of all that `ctx` holds; its result and text are the run's. */
	enum idm_result (*work)(void *ctx, int to_parent, struct idm_error *err);
	/* In the parent, for each message in turn; NULL: there are none. */
	void (*on_message)(void *ctx, struct idm_span message);
	void *ctx;
};

/*
 * Fork, let the child work, wait for it.  IDM_CORRUPT: it died; the text says how.  IDM_SYSTEM:
 * there could be no child.
 */
enum idm_result idm_child_run(const struct idm_child_task *task, struct idm_error *err);

/* In the child: a message of 1 to IDM_CHILD_MESSAGE_MAX octets.  A parent that is gone ends it. */
void idm_child_send(int to_parent, const void *message, size_t len);

#endif
