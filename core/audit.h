/*
 * The audit trail of a box (SPEC 11.3): who did what to whom, from where, with which outcome; rows
 * of local.mdb that are appended and never changed.
 *
 * Records have serial numbers without a gap.  Each row holds SHA-256 over the hash of the row
 * before it, its own serial number and its octets, so that a record that was changed, taken out or
 * put in is seen, and local meta holds the last number and hash, so that a cut at the end is seen
 * too.  What is older than the trail may be large is forgotten from its beginning; the hash before
 * the oldest row that is kept is kept with it, and forgetting is itself a record.
 *
 * A record names attributes, never values, and its texts are printable ASCII: all else stands in
 * them as \xNN.
 */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include "core/result.h"
#include "core/span.h"
#include "core/store.h"
#include "core/timefmt.h"
#include "core/uuid.h"

enum {
	IDM_AUDIT_HASH_BYTES = 32,
	IDM_AUDIT_TEXT_MAX = 320, /* octets of a text; what is longer is cut */
	IDM_AUDIT_ATTRIBUTES_MAX = 32,
	IDM_AUDIT_ATTRIBUTE_MAX = 64,             /* octets of a name */
	IDM_AUDIT_BODY_MAX = 4096,                /* of an encoded record; longer ones can't be */
	IDM_AUDIT_KEEP_BYTES = 256 * 1024 * 1024, /* the default of `audit_bytes` */
};

/* How it came in.  These numbers and the next ones are stored: never use one again. */
enum idm_audit_protocol {
	IDM_AUDIT_LDAP = 1,
	IDM_AUDIT_LDAPI = 2, /* the local socket */
	IDM_AUDIT_RADIUS = 3,
	IDM_AUDIT_INTERNAL = 4, /* the server itself: what time brings */
	IDM_AUDIT_KANIDMD = 5,  /* the console's offline tool */
};

/* What was done or asked for. */
#define IDM_AUDIT_OPERATIONS(O)                                                                    \
	O(1, LOGIN, "login") /* `session` is the token's id, where one was used */                 \
	O(2, SESSION_BEGIN, "session-begin")                                                       \
	O(3, SESSION_END, "session-end")                                                           \
	O(4, REAUTH, "reauth")                                                                     \
	O(5, CREATE, "create")                                                                     \
	O(6, MODIFY, "modify") /* a new name, a password or a secret too: see the attributes */    \
	O(7, DELETE, "delete")                                                                     \
	O(8, REVIVE, "revive")                                                                     \
	O(9, TOMBSTONE, "tombstone")                                                               \
	O(10, PURGE, "purge")                                                                      \
	O(11, RECOVER, "recover-account")                                                          \
	O(12, RENAME_DOMAIN, "rename-domain")                                                      \
	O(13, BOOTSTRAP, "bootstrap")                                                              \
	O(14, READ, "read")               /* of what a search does not show */                     \
	O(15, READ_SECRET, "read-secret") /* a secret was shown, or was to be */                   \
	O(16, JUDGE, "judge-password")                                                             \
	O(17, LOST, "lost")     /* records that could not be kept */                               \
	O(18, FORGET, "forget") /* the oldest records, for the trail's size */                     \
	O(19, CLOCK, "clock")                                                                      \
	O(20, SOFTLOCK_RESET, "softlock-reset")                                                    \
	O(21, UPDATE_SESSION, "update-session") /* of credentials: begun, taken over, ended */     \
	O(22, RESET_TOKEN, "reset-token")                                                          \
	O(23, API_TOKEN, "api-token")                                                              \
	O(24, SECOND_FACTOR, "second-factor")                                                      \
	O(25, APPLICATION_PASSWORD, "application-password")                                        \
	O(26, ACCOUNTING, "accounting")                                                            \
	O(27, EXTENDED, "extended") /* another extended operation */                               \
	O(28, HOLD, "hold")         /* an account is let in nowhere, or is again: the reason says */

enum idm_audit_operation {
#define IDM_AUDIT_ENUM(number, constant, name) IDM_AUDIT_##constant = (number),
	IDM_AUDIT_OPERATIONS(IDM_AUDIT_ENUM)
#undef IDM_AUDIT_ENUM
};

/* The word of an operation or a protocol; NULL: no such number. */
const char *idm_audit_operation_name(enum idm_audit_operation operation);
const char *idm_audit_protocol_name(enum idm_audit_protocol protocol);
/* False: no operation has that name. */
bool idm_audit_operation_find(struct idm_span name, enum idm_audit_operation *out);

/*
 * One record.  Spans borrow; an empty text: there is none.  Whose uuid is null is admin, unless
 * has_actor or has_target says that there is nobody; they need not be set for any other uuid.
 */
struct idm_audit_record {
	uint64_t serial; /* the trail's */
	uint8_t hash[IDM_AUDIT_HASH_BYTES];

	int64_t at_s;
	bool trusted; /* the clock was, at that time */
	enum idm_audit_protocol protocol;
	enum idm_audit_operation operation;
	enum idm_result outcome;
	bool has_actor;
	bool has_target;
	struct idm_uuid actor;
	struct idm_span actor_name; /* its spn then; of a login by nobody: as it was typed */
	struct idm_uuid session;    /* or API token */
	struct idm_span source;     /* an address, "ldapi", "console", ... */
	struct idm_uuid target;
	struct idm_span target_name; /* at that time; of what was not found: as it was asked for */
	uint64_t change_no;          /* of a change; 0: it was none */
	struct idm_span reason;      /* of a refusal; or what else there is to say */
	struct idm_span attributes[IDM_AUDIT_ATTRIBUTES_MAX];
	size_t attribute_count;
	uint32_t attributes_left; /* others that had no room */
};

/* Name one more attribute, once; what has no room is counted. */
void idm_audit_name_attribute(struct idm_audit_record *record, struct idm_span name);

/* The one encoder and the one bounds-checked decoder (a fuzz target), of all but serial and hash;
 * what is decoded borrows from `body`. */
size_t idm_audit_encode(const struct idm_audit_record *record, uint8_t out[IDM_AUDIT_BODY_MAX]);
enum idm_result idm_audit_decode(
    struct idm_span body, struct idm_audit_record *out, struct idm_error *err);

/*
 * Appending: any number of records in one write transaction of local.mdb.  The end of the trail is
 * looked up by _begin and stored by _end, between which nobody else appends.
 */
struct idm_audit {
	const struct idm_txn *txn;
	uint64_t serial; /* of the last record */
	uint8_t hash[IDM_AUDIT_HASH_BYTES];
	uint64_t bytes;     /* of all rows */
	uint64_t change_no; /* the last change that has its records */
};

enum idm_result idm_audit_begin(
    const struct idm_txn *txn, struct idm_audit *out, struct idm_error *err);
enum idm_result idm_audit_append(
    struct idm_audit *audit, const struct idm_audit_record *record, struct idm_error *err);
/* The same of a record that is encoded already. */
enum idm_result idm_audit_append_body(
    struct idm_audit *audit, struct idm_span body, struct idm_error *err);
/* Forget the oldest where the rows take more than keep_bytes, and store the end. */
enum idm_result idm_audit_end(
    struct idm_audit *audit, uint64_t keep_bytes, struct idm_now now, struct idm_error *err);

/* What is kept: records behind `before` up to `last`. */
struct idm_audit_extent {
	uint64_t before; /* serial of the last record that was forgotten; 0: none was */
	uint8_t before_hash[IDM_AUDIT_HASH_BYTES];
	uint64_t last;
	uint8_t last_hash[IDM_AUDIT_HASH_BYTES];
	uint64_t bytes;
};

enum idm_result idm_audit_extent(
    const struct idm_txn *txn, struct idm_audit_extent *out, struct idm_error *err);

/* The record of a serial number.  IDM_NOT_FOUND without a text: it is not there. */
enum idm_result idm_audit_get(const struct idm_txn *txn, uint64_t serial,
    struct idm_audit_record *out, struct idm_error *err);

/* What a walk over the chain has found. */
struct idm_audit_check {
	struct idm_audit_extent extent;
	uint64_t next;   /* where it is to go on; 0: it came to the end */
	uint64_t broken; /* the first record at which the chain does not hold; 0: it holds */
	char text[160];  /* what is wrong there */
};

/*
 * Walk over up to `most` records from the serial number `from` on (0, or one that was forgotten:
 * from the oldest).  IDM_OK also where the chain is broken; else the store failed.
 */
enum idm_result idm_audit_check(const struct idm_txn *txn, uint64_t from, size_t most,
    struct idm_audit_check *out, struct idm_error *err);

#endif
