/*
 * Argon2 off the event loop (SPEC 6.2): a fixed number of threads and a bounded queue.  The jobs
 * under way take threads x m of memory at most; one whose hash was made elsewhere, and takes more
 * than that by itself, runs alone.  Jobs come back on the loop that made the pool.
 */
#ifndef LDAPD_HASH_POOL_H
#define LDAPD_HASH_POOL_H

#include <event2/event.h>

#include "core/authenticate.h"

struct hash_pool;
struct hash_job;

/* Called on the loop when the work is done; the job is wiped and freed behind it. */
typedef void (*hash_done)(struct hash_job *job);

enum hash_work {
	HASH_VERIFY, /* run `plan` on the password: `fitted` */
	HASH_MAKE,   /* hash the password: `result`, `phc` */
};

struct hash_job {
	enum hash_work work;
	struct idm_auth_plan plan;
	char password[IDM_PASSWORD_MAX_BYTES];
	size_t password_len;
	hash_done done;
	hash_done
	    dropped;   /* in its place where the pool ends before; NULL: nothing is to be done */
	void *context; /* the caller's */

	int fitted; /* number of the test that fitted, -1: none */
	enum idm_result result;
	char phc[IDM_PHC_BYTES];
	struct idm_error err;

	struct hash_job *next; /* the pool's, as is what follows */
	uint32_t memory_kib;
};

/* NULL: threads or descriptors can't be had.  `params` are those of hashes made and of dummies. */
struct hash_pool *hash_pool_new(
    struct event_base *base, uint32_t threads, uint32_t queue_max, const struct idm_argon2 *params);

/* Waits for the threads; what is queued is dropped. */
void hash_pool_free(struct hash_pool **pool);

/* A zeroed job, in locked memory as far as that goes, with a copy of the password, cut where it is
 * too long to be one; NULL: no memory. */
struct hash_job *hash_job_new(enum hash_work work, struct idm_span password);
void hash_job_free(struct hash_job **job); /* wipes */

/* How it is doing. */
struct hash_pool_state {
	uint32_t threads;
	uint32_t running; /* jobs that a thread is at */
	uint32_t queued;
	uint64_t done; /* ever */
};
void hash_pool_look(struct hash_pool *pool, struct hash_pool_state *out);

/* Hand a job over.  False: the queue is full, and the job is still the caller's. */
bool hash_pool_submit(struct hash_pool *pool, struct hash_job *job);
/* The same for work that nobody waits for: it leaves half of the queue to others. */
bool hash_pool_submit_spare(struct hash_pool *pool, struct hash_job *job);

#endif
