/*
 * A whole database as a server has it, with the built-in entries and key rings, and changes asked
 * for as a client would: by text.  Whatever can't be set up fails the test.
 */
#ifndef TESTS_SUPPORT_REALM_H
#define TESTS_SUPPORT_REALM_H

#include "core/builtin.h"
#include "core/change.h"

#define REALM_DOMAIN "idm.example.com"

enum { REALM_NOW_S = 1700000000 };

struct realm {
	char dir[64]; /* "": another's */
	struct idm_store *store;
	struct idm_access_table *table;
	const struct idm_schema *schema; /* of the last change that was asked for */
	struct idm_keyring *password_ring;
	struct idm_keyring *radius_ring;
	struct idm_arena *arena;
	struct idm_now now;
	struct idm_change_context context;
	struct idm_change_set set; /* of the last change; lives until the next */
	struct idm_error err;      /* of the last change */
	struct idm_txn txn;        /* of realm_entry */
	struct idm_read read;
	struct idm_txn group; /* of realm_group_begin */
};

/* For cmocka: *state is a struct realm.  The teardown holds meta.digest against what is stored. */
int realm_setup(void **state);
/* A database without entries: the built-in ones come with the change sets of another. */
int realm_setup_empty(void **state);
int realm_teardown(void **state);

/* The same around a store that is open, and stays its owner's; and the end of that. */
struct realm *realm_of(
    struct idm_store *store, struct idm_keyring *password_ring, struct idm_keyring *radius_ring);
void realm_let_go(struct realm **r);

/*
 * Changes by `actor` (a name, or NULL: the console), each committed when it was IDM_OK.  Pairs of
 * attribute name and value, then NULL.  In realm_modify a name that begins with '+' adds the value,
 * '-' removes it ("": all values), '=' replaces all by it ("": by none).  A target "acp:NAME" is
 * the access control profile of that name.
 */
enum idm_result realm_create(struct realm *r, const char *actor, ...) __attribute__((sentinel));
enum idm_result realm_modify(struct realm *r, const char *actor, const char *target, ...)
    __attribute__((sentinel));
enum idm_result realm_delete(struct realm *r, const char *actor, const char *target);
enum idm_result realm_set_secret(struct realm *r, const char *actor, const char *target,
    uint32_t attr_number, const char *plain);

/*
 * Issue an API token, of scope and expiry (INT64_MAX: never), with its text to `text` and its id to
 * `id`; and destroy one.
 */
enum idm_result realm_issue_token(struct realm *r, const char *actor, const char *target,
    const char *label, enum idm_scope scope, int64_t expire_s, char text[IDM_TOKEN_TEXT],
    struct idm_uuid *id);
enum idm_result realm_destroy_token(
    struct realm *r, const char *actor, const char *target, const struct idm_uuid *id);

/* The same with an identity and a request of the test's own; a null request id becomes a new one.
 */
enum idm_result realm_run(
    struct realm *r, const struct idm_identity *identity, struct idm_request *request);
/* Who has just bound with the primary password; NULL: the console. */
struct idm_identity realm_identity(struct realm *r, const char *actor);

/* Until the commit, all changes share one transaction (group commit). */
void realm_group_begin(struct realm *r);
void realm_group_commit(struct realm *r);
void realm_group_abort(struct realm *r);

/* A person and a group, by the console. */
void realm_person(struct realm *r, const char *name);
void realm_group(struct realm *r, const char *name);

/* Look at the newest snapshot: the entry of a name, in r->read; ends with realm_done. */
struct idm_entry realm_entry(struct realm *r, const char *name);
void realm_done(struct realm *r);

/* Is `name` memberof `group`, in the newest snapshot? */
bool realm_is_memberof(struct realm *r, const char *name, const char *group);
struct idm_uuid realm_uuid(struct realm *r, const char *name);

/* The number of the change that was applied last. */
uint64_t realm_applied(struct realm *r);

/* meta.digest of the newest snapshot. */
void realm_digest(struct realm *r, uint8_t out[32]);

#endif
