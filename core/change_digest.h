/*
 * meta.digest (CHANGES 15): XOR over all entries and direct edges of their SHA-256, so that it is
 * kept up with each change, and two boxes with the same change number have the same one.
 */
#ifndef CORE_CHANGE_DIGEST_H
#define CORE_CHANGE_DIGEST_H

#include "core/lookup.h"

enum { IDM_DIGEST_BYTES = 32 };

/* Put a flat entry into the digest; what goes in twice is out again. */
enum idm_result idm_digest_entry(
    uint8_t digest[IDM_DIGEST_BYTES], struct idm_span flat, struct idm_error *err);
/* The same for a direct edge. */
enum idm_result idm_digest_edge(uint8_t digest[IDM_DIGEST_BYTES], const struct idm_uuid *group,
    const struct idm_uuid *member, struct idm_error *err);

/* meta.digest; zeros in a database that is being made. */
enum idm_result idm_digest_load(
    const struct idm_txn *txn, uint8_t out[IDM_DIGEST_BYTES], struct idm_error *err);
enum idm_result idm_digest_store(
    const struct idm_txn *txn, const uint8_t digest[IDM_DIGEST_BYTES], struct idm_error *err);

/* Make the digest anew from what is stored.  The arena is as it was afterwards. */
enum idm_result idm_digest_compute(
    const struct idm_read *read, uint8_t out[IDM_DIGEST_BYTES], struct idm_error *err);

/* IDM_CORRUPT: meta.digest is not that of what is stored. */
enum idm_result idm_digest_verify(const struct idm_read *read, struct idm_error *err);

#endif
