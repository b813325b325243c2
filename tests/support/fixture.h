/*
 * A store of its own for a component test: in a new directory, with a domain, the two groups that
 * hold everybody of a class and idm_high_privilege; and entries without the rules of changes.
 * Whatever fails here fails the test.
 */
#ifndef TESTS_SUPPORT_FIXTURE_H
#define TESTS_SUPPORT_FIXTURE_H

#include "core/lookup.h"

#define FIXTURE_DOMAIN "idm.example.com"

struct fixture {
	char dir[64];
	struct idm_store *store;
	struct idm_arena *arena; /* of `read`; a test that runs long resets it */
	struct idm_txn txn;      /* the one that is open: after fixture_open one to write */
	struct idm_read read;    /* attached to it */
	struct idm_error err;
	uint64_t version; /* of the entry written last */
};

/* Open one, with a write transaction begun; close it, whatever is open, and remove its directory.
 */
void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);

/* For cmocka: *state is a struct fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* End the transaction and begin another one. */
void fixture_commit_then_read(struct fixture *f);
void fixture_read_then_write(struct fixture *f);

/*
 * Store a new entry, with its claims and index; its id.  Pairs of attribute name and value as text,
 * then NULL: fixture_add(f, "class", "person", "name", "alice", NULL).  A pair with "uuid" chooses
 * the uuid.  Needs the write transaction.
 */
uint64_t fixture_add(struct fixture *f, ...) __attribute__((sentinel));
uint64_t fixture_add_pairs(struct fixture *f, const char *const *pairs); /* NULL-terminated */
/* Let the entry have these values and no others; its uuid stays. */
void fixture_replace(struct fixture *f, uint64_t id, ...) __attribute__((sentinel));
void fixture_remove(struct fixture *f, uint64_t id);
/* Let the ids of later entries begin in this window. */
void fixture_skip_to_window(struct fixture *f, uint64_t window_no);

/* A person and a group that have a name and what their class needs. */
uint64_t fixture_person(struct fixture *f, const char *name);
uint64_t fixture_group(struct fixture *f, const char *name);

/* The entry; it borrows from the snapshot, until the next write. */
struct idm_entry fixture_entry(struct fixture *f, uint64_t id);
uint64_t fixture_id(struct fixture *f, const char *text); /* as idm_lookup_text; 0: none */

/* Let the group list the member, or not; whether that changed anything. */
bool fixture_edge(struct fixture *f, uint64_t group_id, uint64_t member_id, bool present);

/* A number from 0 to n - 1; the same seed gives the same sequence. */
uint32_t fixture_random_below(uint64_t *seed, uint32_t n);

#endif
