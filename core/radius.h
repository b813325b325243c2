/* What RADIUS asks of the core (SPEC 9.2): may this User-Name in, now, and with which secret? */
#ifndef CORE_RADIUS_H
#define CORE_RADIUS_H

#include "core/lookup.h"
#include "core/seal.h"

enum { IDM_RADIUS_SECRET_MAX = 256 };

enum idm_radius_verdict {
	IDM_RADIUS_ACCEPT,
	IDM_RADIUS_NOT_FOUND,
	IDM_RADIUS_OUTSIDE_WINDOW,
	IDM_RADIUS_SERVICE_ACCOUNT,
	IDM_RADIUS_NO_SECRET,
	IDM_RADIUS_NOT_IN_GROUP,
};

struct idm_radius_query {
	struct idm_span
	    user_name; /* as typed: name, spn, uuid, DOMAIN\name, with or without realm */
	const struct idm_span *groups; /* required ones, any of them, by name, spn or uuid; */
	size_t group_count; /* 0: the domain's radius_required_group; none there: nobody */
	bool need_secret;   /* false: re-check only (post-auth, EAP-TLS) */
};

struct idm_radius_answer {
	enum idm_radius_verdict verdict;
	char reason[192]; /* for the log and Module-Failure-Message; names no secret */
	struct idm_uuid uuid;
	char name[65];
	char spn[IDM_SPN_MAX];
	int64_t expire_s;                      /* INT64_MAX: never */
	uint8_t secret[IDM_RADIUS_SECRET_MAX]; /* wipe it: idm_radius_answer_wipe */
	size_t secret_len;
};

/* What one thread needs to decide, and keeps from one decision to the next.  NULL: out of memory.
 */
struct idm_radius_memory;
struct idm_radius_memory *idm_radius_memory_new(size_t decision_budget_bytes);
void idm_radius_memory_free(struct idm_radius_memory **memory);

/*
 * Decide on one snapshot.  IDM_OK: `out->verdict` holds; anything else: the core is unreadable and
 * nobody may be let in on it.  `ring` may be NULL when no secret is needed.  Thread safe: it opens
 * its own read transaction; `memory` belongs to the calling thread.
 */
enum idm_result idm_radius_decide(struct idm_store *store, const struct idm_keyring *ring,
    const struct idm_radius_query *query, struct idm_now now, struct idm_radius_memory *memory,
    struct idm_radius_answer *out, struct idm_error *err);

void idm_radius_answer_wipe(struct idm_radius_answer *answer);

#endif
