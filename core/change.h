/*
 * Changes: decided by idm_change_evaluate, recorded and executed by idm_change_apply (CHANGES.md of
 * the design).  Apply reads no clock, no random source, no configuration and no rights: a follower
 * that runs it alone ends in the same state.
 */
#ifndef CORE_CHANGE_H
#define CORE_CHANGE_H

#include "core/access.h"
#include "core/seal.h"
#include "core/token.h"

enum {
	IDM_CHANGE_FORMAT = 1,
	IDM_CHANGE_COUNTER_BITS = 40,            /* of its number; the others are the epoch */
	IDM_CHANGE_MAX_BYTES = 64 * 1024 * 1024, /* of one encoded change set */
	IDM_CHANGES_KEEP_BYTES = 256 * 1024 * 1024,
	IDM_REQUESTS_KEEP = 100000,
	IDM_SOURCE_MAX = 64,
	IDM_TOKENS_MAX = 64,             /* API tokens of one account */
	IDM_NAME_REST_S = 7 * 24 * 3600, /* how long a name that was given up rests (SPEC 2.5) */
	IDM_RECYCLED_S = 7 * 24 * 3600,  /* how long a deleted entry can be revived (SPEC 11.6) */
	IDM_TOMBSTONE_S = 7 * 24 * 3600, /* and for how long its uuid is known after that */
};

/* What a client asks for. */
enum idm_operation {
	IDM_OP_CREATE = 1,
	IDM_OP_MODIFY = 2,
	IDM_OP_DELETE = 3,    /* into the recycle bin */
	IDM_OP_BOOTSTRAP = 4, /* the built-in entries of a new database */
	IDM_OP_RECOVER = 5,   /* kanidmd recover_account */
	IDM_OP_REVIVE = 6,    /* out of the recycle bin */
	IDM_OP_TOMBSTONE = 7, /* what was in the recycle bin for IDM_RECYCLED_S; no client asks */
	IDM_OP_PURGE = 8,     /* what was a tombstone for IDM_TOMBSTONE_S; no client asks */
	IDM_OP_RENAME_DOMAIN = 9, /* kanidmd domain rename: alone may write domain_name */
};

enum idm_request_kind {
	IDM_REQUEST_ADD,     /* values */
	IDM_REQUEST_DELETE,  /* values; none: the attribute */
	IDM_REQUEST_REPLACE, /* all values; none: the attribute, which need not be there */
};

/* One modification as asked for, with values as text. */
struct idm_request_mod {
	enum idm_request_kind kind;
	const struct idm_attr *attr;
	const struct idm_span *values;
	size_t count;
};

/* A secret to store, or to remove: sealed by evaluation, its marker becomes the attribute's value.
 */
struct idm_request_secret {
	uint32_t attr_number;  /* PRIMARY_CREDENTIAL, UNIX_PASSWORD: a PHC string; RADIUS_SECRET */
	struct idm_span plain; /* ptr NULL: remove */
	const char *marker;    /* "password", "generated", "set"; not looked at to remove */
	/*
	 * 0: a new secret.  Else the one that was set by that change, in another form: who proved
	 * it goes on.  The core's own alone, and refused when the stored one is another by now.
	 */
	uint64_t set_at_no;
};

/*
 * An API token to issue or to destroy (SPEC 7.4).  Of a row to issue, id, hash, scope, expiry and
 * label count; evaluation says whose it is, who issued it and when.
 */
struct idm_request_token {
	struct idm_uuid id;
	const struct idm_token_row *issue; /* NULL: the one of that id is destroyed */
};

/*
 * Looks at the entry of a request in the transaction of its change: before it, unless it is made by
 * that, and after it.  Anything but IDM_OK refuses the change.
 */
typedef enum idm_result (*idm_request_look)(void *context, const struct idm_read *read,
    const struct idm_uuid *uuid, bool after, struct idm_error *err);

struct idm_request {
	struct idm_uuid id; /* made where the client's request came in, kept over retries */
	enum idm_operation operation;
	/* CREATE: null, one is made; the console's own (import) must be neither built-in nor taken
	 */
	struct idm_uuid target;
	uint64_t base; /* MODIFY, DELETE: refuse if the entry's version differs; 0: any */
	/*
	 * Must be TRUE of the entry by what the caller may search on it, of a new one as it is to
	 * be (RFC 4528); NULL: nothing must.  It was made by the schema.
	 */
	const struct idm_filter *assertion;
	const struct idm_schema *assertion_schema;
	const struct idm_request_mod *mods; /* CREATE: all ADD, class values included */
	size_t mod_count;
	idm_request_look look; /* NULL: nobody looks */
	void *look_context;
	const struct idm_request_secret *secrets;
	size_t secret_count;
	const struct idm_request_token *token; /* MODIFY: or NULL */
	struct idm_uuid actor;       /* who is to be recorded, if it is not whose rights it takes */
	char source[IDM_SOURCE_MAX]; /* where it came from: an address, "ldapi", "console" */
};

/* Decided changes.  A change set and all that it points to live in one arena. */
enum idm_item_kind {
	IDM_ITEM_CREATE = 1,
	IDM_ITEM_MODIFY = 2,
	IDM_ITEM_RECYCLE = 3,
	IDM_ITEM_REVIVE = 4,
	IDM_ITEM_TOMBSTONE = 5,
	IDM_ITEM_PURGE = 6,
	IDM_ITEM_SESSION = 7, /* changes no value: ends tokens and sessions of an account */
};

enum idm_item_flag {
	IDM_ITEM_REVOKES = 1 << 0, /* somebody may have to go: check the account's connections */
	IDM_ITEM_FLAG_SCHEMA = 1 << 1,
	IDM_ITEM_FLAG_ACCESS = 1 << 2,
	IDM_ITEM_FLAG_RADIUS = 1 << 3,
	IDM_ITEM_FLAG_GROUPS = 1 << 4,
	/* Others may be high privilege afterwards, however many: no item names them.  Logins that
	 * began before an account was end with this change (idm_auth_recheck), and what is left of
	 * them on a box is looked through when it follows. */
	IDM_ITEM_FLAG_PRIVILEGE = 1 << 5,
};

enum idm_mod_kind {
	IDM_MOD_SET = 1, /* exactly these values */
	IDM_MOD_ADD = 2,
	IDM_MOD_REMOVE = 3,
	IDM_MOD_CLEAR = 4,
};

struct idm_mod {
	enum idm_mod_kind kind;
	uint32_t attr_number;
	struct idm_value *values; /* REMOVE: norm alone counts */
	size_t count;
};

struct idm_claim_change {
	enum idm_claim kind;
	bool take; /* false: release */
	uint32_t attr_number;
	struct idm_span norm;
};

struct idm_secret_change {
	uint32_t attr_number;
	struct idm_span blob; /* empty: remove */
};

/* Is it another secret, or none any more, rather than the same in another form? */
struct idm_change_set;
bool idm_secret_change_is_new(
    const struct idm_change_set *set, const struct idm_secret_change *change);

struct idm_token_change {
	struct idm_uuid id;
	struct idm_span row; /* empty: remove */
};

struct idm_item {
	struct idm_uuid uuid;
	uint64_t base; /* the version that evaluation saw; 0: must not exist */
	enum idm_item_kind kind;
	uint32_t flags;
	struct idm_mod *mods;
	size_t mod_count;
	struct idm_claim_change *claims;
	size_t claim_count;
	struct idm_secret_change *secrets;
	size_t secret_count;
	struct idm_token_change *tokens;
	size_t token_count;
};

struct idm_change_set {
	struct idm_uuid request_id;
	uint64_t no;  /* epoch (upper 24 bits) and counter (40 bits) */
	int64_t at_s; /* never less than the last one's */
	struct idm_uuid actor;
	struct idm_uuid session;
	struct idm_uuid box;
	struct idm_span source;
	enum idm_operation operation;
	struct idm_item *items;
	size_t item_count;
	/* Not recorded: */
	size_t bytes;     /* that it takes as it is encoded; 0: not known */
	const char *note; /* what the client is to know of a success; NULL: nothing */
};

/* The two parts of a change's number: a restore raises the epoch, the counter goes on. */
static inline uint64_t
idm_change_counter(uint64_t no)
{
	return no & ((UINT64_C(1) << IDM_CHANGE_COUNTER_BITS) - 1);
}

static inline uint64_t
idm_change_epoch(uint64_t no)
{
	return no >> IDM_CHANGE_COUNTER_BITS;
}

/* What a decision needs besides the snapshot. */
struct idm_change_context {
	struct idm_access_table **table; /* kept by the process; refreshed as needed */
	const struct idm_keyring *password_ring;
	const struct idm_keyring *radius_ring;
	struct idm_uuid box;
	bool clock_jumped; /* ahead by more than a day, and not synchronised: `at` stays behind */
};

/*
 * Decide: syntax, access, rules, schema (DESIGN 4).  `read` is attached to a write transaction.
 * Writes nothing.  Every refusal has a text for the client that names thing and remedy.  out->no 0:
 * the request may be made, and changes nothing.
 */
enum idm_result idm_change_evaluate(const struct idm_read *read,
    const struct idm_change_context *context, const struct idm_identity *identity,
    const struct idm_request *request, struct idm_change_set *out, struct idm_error *err);

/*
 * Execute, in the order of CHANGES 12.  Fails only for a gap in the numbers, a version that
 * differs, or the store; a change set that is applied already (no <= meta.applied) changes nothing.
 */
enum idm_result idm_change_apply(
    const struct idm_read *read, const struct idm_change_set *set, struct idm_error *err);

/*
 * Both, in a nested transaction of `outer`: a request that fails leaves no trace.  A request id
 * that is known is answered with its first result, and changes nothing: `set` then holds the number
 * of that change, and no item.  `set` (in `arena`) tells what was done, for revocations; set->no 0:
 * nothing was.
 */
enum idm_result idm_change_run(struct idm_txn *outer, const struct idm_change_context *context,
    const struct idm_identity *identity, const struct idm_request *request, struct idm_now now,
    struct idm_arena *arena, struct idm_change_set *set, struct idm_error *err);

/* The octets that it takes.  IDM_LIMIT: more than a change may have; the text is the client's. */
enum idm_result idm_change_size(
    const struct idm_change_set *set, size_t *bytes, struct idm_error *err);

/* The one encoder and the one bounds-checked decoder (a fuzz target); both in `arena`. */
enum idm_result idm_change_encode(const struct idm_change_set *set, struct idm_arena *arena,
    struct idm_span *out, struct idm_error *err);
enum idm_result idm_change_decode(struct idm_span bytes, struct idm_arena *arena,
    struct idm_change_set *out, struct idm_error *err);

#endif
