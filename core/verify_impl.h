/* What the parts of the check share (core/verify.h); for nobody else. */
#ifndef CORE_VERIFY_IMPL_H
#define CORE_VERIFY_IMPL_H

#include "core/store_impl.h"
#include "core/verify.h"

enum { VERIFY_NAME_BYTES = 160, VERIFY_TEXT_BYTES = 480 };

/* The check, in its child process. */
struct verify {
	const struct idm_verify *ask;
	int to_parent;
	struct idm_verify_totals totals;
	struct idm_environment *env; /* of the file at hand */
	struct idm_txn txn;          /* the one snapshot that is looked at */
	struct idm_read read;
	uint64_t next_id;
	void *part; /* what the part at hand keeps over a walk */
	struct idm_error err;
};

/* Tell what is wrong. */
void verify_found(struct verify *v, enum idm_finding kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Walk over all records of a database.  Those whose checksum is wrong are told and left out; the
 * arena is as it was after each.
 */
void verify_walk(struct verify *v, enum idm_db db, const char *what,
    void (*record)(struct verify *v, struct idm_span key, struct idm_span value));

/* A look-up that is expected to find something: a checksum that fails is told once, by the walk. */
enum idm_result verify_get(
    struct verify *v, enum idm_db db, struct idm_span key, struct idm_span *value);
bool verify_entry(struct verify *v, uint64_t id, struct idm_entry *out);
/* The live entry of a stored uuid. */
bool verify_referent(struct verify *v, struct idm_span uuid);

/* "entry 17 (alice, 6f0c...)", "id 17"; octets as hexadecimal digits, the first of many. */
const char *verify_entry_text(const struct idm_entry *entry, char out[VERIFY_NAME_BYTES]);
const char *verify_octets_text(struct idm_span octets, char out[VERIFY_NAME_BYTES]);

/* Is it a value that is sealed in `secrets`, of which the entry holds the marker alone? */
bool verify_is_sealed(const struct idm_attr *attr);

/* The parts, in this order. */
void verify_meta(struct verify *v);
void verify_entries(struct verify *v);
void verify_claims(struct verify *v);
void verify_edges(struct verify *v);
void verify_dyngroups(struct verify *v);
void verify_index(struct verify *v);
void verify_secrets(struct verify *v);
void verify_log(struct verify *v);
void verify_digest(struct verify *v);
void verify_local(struct verify *v);
void verify_audit(struct verify *v);

#endif
