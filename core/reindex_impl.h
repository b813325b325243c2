/* What the parts of reindex share; for nobody else. */
#ifndef CORE_REINDEX_IMPL_H
#define CORE_REINDEX_IMPL_H

#include "core/rebuild_impl.h"

/* In the child process: from the file that is there to the one that is made. */
struct reindex {
	const struct idm_rebuild *ask;
	int to_parent;
	struct idm_environment *env; /* what is there */
	struct idm_txn from;
	struct idm_read old; /* attached to `from`: its entries, its schema */
	struct idm_store *made;
	struct idm_txn to; /* the open transaction of `made` */
	size_t put_bytes;  /* since it began */
	bool lost_down;    /* the pages of that direction are damaged */
	bool lost_up;
	enum idm_edge_source edges;
	bool new_digest;
	struct idm_error *err;
};

/* Put a record of the new file; now and then what is there so far is committed. */
enum idm_result reindex_put(
    struct reindex *r, enum idm_db db, struct idm_span key, struct idm_span value);
enum idm_result reindex_commit(struct reindex *r); /* and begin again */

/* Walk over what is there; the arena is as it was after each record.  IDM_CORRUPT: one is damaged.
 */
enum idm_result reindex_walk(struct reindex *r, enum idm_db db,
    enum idm_result (*record)(struct reindex *r, struct idm_span key, struct idm_span value));

void reindex_progress(struct reindex *r, const char *what, uint64_t done, uint64_t total);

/* Choose the direct memberships, and write them in both directions; the digest fits them. */
enum idm_result reindex_edges(struct reindex *r);

#endif
