/*
 * One snapshot, as a request reads it: the transaction, the arena, now, the schema and the domain;
 * and how entries are found by uuid, id, name, spn, gid number.
 */
#ifndef CORE_LOOKUP_H
#define CORE_LOOKUP_H

#include "core/arena.h"
#include "core/entry.h"
#include "core/store.h"

enum { IDM_DOMAIN_MAX = 254, IDM_SPN_MAX = 64 + 1 + IDM_DOMAIN_MAX };

struct idm_index_batch;
struct idm_groups; /* core/groups.h */

/* Borrows all that it points to; made by idm_read_attach for one transaction. */
struct idm_read {
	const struct idm_txn *txn;
	struct idm_arena *arena;
	struct idm_now now;
	const struct idm_schema *schema;
	char domain[IDM_DOMAIN_MAX]; /* from meta */
	/* Ids of the dynamic groups that hold everybody (SPEC 3.2): members by class, no edges. */
	uint64_t all_persons_id;
	uint64_t all_accounts_id;
	uint64_t high_privilege_id; /* 0 in a database that is being made */
	/* Where changes of the index wait to be written (core/index_batch.h); NULL: they don't. */
	struct idm_index_batch *index_batch;
	struct idm_groups *groups; /* what is known of groups, by idm_groups_use; NULL: nothing */
};

/* IDM_NOT_FOUND never: a database without a domain or these ids is one that is being made. */
enum idm_result idm_read_attach(const struct idm_txn *txn, struct idm_arena *arena,
    struct idm_now now, struct idm_read *out, struct idm_error *err);

/* The same for who checks or repairs the index, which therefore is not looked at: slow. */
enum idm_result idm_read_attach_scan(const struct idm_txn *txn, struct idm_arena *arena,
    struct idm_read *out, struct idm_error *err);

/* What idm_read_attach finds; written where a database is made and where its domain is renamed.
 * IDM_INVALID: not a domain's length. */
enum idm_result idm_lookup_store_domain(
    const struct idm_txn *txn, struct idm_span domain, struct idm_error *err);
enum idm_result idm_lookup_store_wellknown(const struct idm_txn *txn, uint64_t all_persons_id,
    uint64_t all_accounts_id, uint64_t high_privilege_id, struct idm_error *err);

/*
 * Claims: the keys of IDM_DB_NAME, a kind octet and the normalised value.  A value that is too long
 * for a key is stored by its hash, with the kind's top bit set, and compared after the look-up.
 */
enum idm_claim {
	IDM_CLAIM_NAME = 'n',
	IDM_CLAIM_PROFILE = 'p', /* name of an access control profile: no account's or group's */
	IDM_CLAIM_MAIL = 'm',
	IDM_CLAIM_GID = 'g',
	IDM_CLAIM_CUSTOM = 'c', /* attribute number (u32, big endian), then the value */
};

struct idm_claim_key {
	uint8_t bytes[IDM_STORE_KEY_BYTES];
	size_t len;
};

/*
 * What the values of an attribute claim; 0: they need not be unique.  The names of access control
 * profiles are unique among these (SPEC 5.1).
 */
enum idm_claim idm_claim_kind(const struct idm_attr *attr, bool of_profile);

struct idm_claim_key idm_claim_key(enum idm_claim kind, uint32_t attr_number, struct idm_span norm);

/* Let go of all claims of an attribute, of kind IDM_CLAIM_CUSTOM; on a write transaction. */
enum idm_result idm_lookup_drop_claims(
    const struct idm_read *read, uint32_t attr_number, struct idm_error *err);

/* The id that holds a claim, whether its entry is live or not.  IDM_NOT_FOUND without a text. */
enum idm_result idm_lookup_claim_id(const struct idm_read *read, const struct idm_claim_key *key,
    uint64_t *id, struct idm_error *err);

/*
 * The entry with this id, uuid or claim (of any kind but IDM_CLAIM_CUSTOM), live or not.
 * IDM_NOT_FOUND without a text.  A uuid or claim that no entry stands behind is IDM_CORRUPT.
 */
enum idm_result idm_lookup_id(
    const struct idm_read *read, uint64_t id, struct idm_entry *out, struct idm_error *err);
enum idm_result idm_lookup_uuid(const struct idm_read *read, const struct idm_uuid *uuid,
    struct idm_entry *out, struct idm_error *err);
enum idm_result idm_lookup_claim(const struct idm_read *read, enum idm_claim kind,
    struct idm_span norm, struct idm_entry *out, struct idm_error *err);

/* The sealed record of an entry's secret (core/seal.h).  IDM_NOT_FOUND without a text: none. */
enum idm_result idm_lookup_secret(const struct idm_read *read, uint64_t id, uint32_t attr_number,
    struct idm_span *blob, struct idm_error *err);

/* The entry that claims a value of a unique attribute other than uuid, name, mail and gid number.
 */
enum idm_result idm_lookup_unique(const struct idm_read *read, uint32_t attr_number,
    struct idm_span norm, struct idm_entry *out, struct idm_error *err);

/*
 * By what people type: name, spn (its domain must be ours), uuid, or gid number, in any case.
 * Live entries only: neither recycled nor tombstones.  IDM_NOT_FOUND without a text.
 */
enum idm_result idm_lookup_text(const struct idm_read *read, struct idm_span text,
    struct idm_entry *out, struct idm_error *err);
/* The same, or a mail address: LDAP's mail=X. */
enum idm_result idm_lookup_mail(const struct idm_read *read, struct idm_span text,
    struct idm_entry *out, struct idm_error *err);

/* `name@domain` into `out`, with a NUL; the length.  0: the entry has no name. */
size_t idm_lookup_spn(
    const struct idm_read *read, const struct idm_entry *entry, char out[IDM_SPN_MAX]);

/* Neither recycled nor a tombstone. */
bool idm_entry_is_live(const struct idm_entry *entry);

#endif
