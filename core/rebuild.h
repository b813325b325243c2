/*
 * A database made anew from itself, while no server runs (SPEC 10.5): without its free pages
 * (vacuum), or with all derived data computed again (reindex).  What was made is verified and takes
 * the place of what is there whole, or not at all; readers follow.
 */
#ifndef CORE_REBUILD_H
#define CORE_REBUILD_H

#include "core/backup.h"

struct idm_rebuild {
	const char *db_dir;
	gid_t read_group; /* -1: as of idm_store_open_writer */
	/*
	 * Reindex: where neither direction of the memberships fits the digest, take those that both
	 * have, and make the digest anew.
	 */
	bool accept;
	struct idm_report report;
};

/* Where a reindex has the direct memberships from. */
enum idm_edge_source {
	IDM_EDGES_AGREE, /* both directions are the same */
	IDM_EDGES_DOWN,  /* of these, the digest fits one: the groups' lists, */
	IDM_EDGES_UP,    /* the members' lists, */
	IDM_EDGES_UNION, /* what stands in either, */
	IDM_EDGES_BOTH,  /* what stands in both; or it was accepted */
};

struct idm_rebuilt {
	struct idm_verify_totals totals; /* of what was made */
	uint64_t bytes_before;           /* of identity.mdb and local.mdb */
	uint64_t bytes_after;
	enum idm_edge_source edges; /* reindex */
	bool new_digest;            /* reindex, accepted: the one there did not fit */
};

/*
 * IDM_BUSY: a server runs, or a backup is being made.  IDM_CORRUPT: damage that this does not mend,
 * told as findings; nothing was replaced.  IDM_LIMIT: no space.
 */
enum idm_result idm_vacuum(
    const struct idm_rebuild *ask, struct idm_rebuilt *out, struct idm_error *err);

/*
 * From entries, secrets, tokens, changes, requests and meta, and from the direct memberships, come:
 * uuids, claims, both directions of the memberships, members of dynamic groups, the index.
 */
enum idm_result idm_reindex(
    const struct idm_rebuild *ask, struct idm_rebuilt *out, struct idm_error *err);

#endif
