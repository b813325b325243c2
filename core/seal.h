/*
 * Secrets sealed at rest (SPEC 6.10, CHANGES 16-17): AES-256-GCM under a key of a ring; one ring a
 * purpose, in a file apart from the database, so that a process holds only the keys that it needs.
 *
 * A blob: format 1, purpose 1, key id u32, set-at change number u64 (all big endian), nonce 12,
 * ciphertext, tag 16.  Additional data: all before the nonce, entry uuid, attribute number.
 */
#ifndef CORE_SEAL_H
#define CORE_SEAL_H

#include <sys/types.h>

#include "core/arena.h"
#include "core/result.h"
#include "core/uuid.h"

enum idm_purpose {
	IDM_PURPOSE_PASSWORD = 1, /* password hashes: the core process alone */
	IDM_PURPOSE_RADIUS = 2,   /* RADIUS secrets: the core process and rlm_kanidm */
};

struct idm_keyring; /* in memory that is locked, left out of core dumps, and wiped when closed */

/*
 * Make the key file with one key if it does not exist: mode 0600, or 0640 with group `group` when
 * that is not -1; written beside, fsynced, renamed, directory fsynced.
 */
enum idm_result idm_keyring_create(
    const char *path, enum idm_purpose purpose, gid_t group, struct idm_error *err);

/* The same with the text of a key file, in the place of one that there may be. */
enum idm_result idm_keyring_write(
    const char *path, const char *text, gid_t group, struct idm_error *err);

/*
 * Give the ring of a key file a new active key; those that it had are retired, they unseal only.
 * A ring that is full loses its oldest key.  The file is replaced as a whole, with the group above.
 */
enum idm_result idm_keyring_rotate(
    const char *path, enum idm_purpose purpose, gid_t group, struct idm_error *err);

/*
 * Read a key file.  IDM_INVALID names file and line; a file that others may read or write is
 * refused too.  IDM_NOT_FOUND: there is no such file.
 */
enum idm_result idm_keyring_open(
    const char *path, enum idm_purpose purpose, struct idm_keyring **out, struct idm_error *err);
void idm_keyring_close(struct idm_keyring **ring);
enum idm_purpose idm_keyring_purpose(const struct idm_keyring *ring);

/* Seal under the ring's newest active key. */
enum idm_result idm_seal(const struct idm_keyring *ring, const struct idm_uuid *uuid,
    uint32_t attr_number, uint64_t set_at_no, struct idm_span plain, struct idm_arena *arena,
    struct idm_span *blob, struct idm_error *err);

/* IDM_CORRUPT: no blob, another purpose, an unknown key, or the tag does not verify. */
enum idm_result idm_unseal(const struct idm_keyring *ring, const struct idm_uuid *uuid,
    uint32_t attr_number, struct idm_span blob, struct idm_arena *arena, struct idm_span *plain,
    struct idm_error *err);

/*
 * The same secret under the ring's newest active key, set at the same number; *changed false: it is
 * sealed under that already, or it is of another purpose than the ring.  Errors as of idm_unseal.
 */
enum idm_result idm_reseal(const struct idm_keyring *ring, const struct idm_uuid *uuid,
    uint32_t attr_number, struct idm_span blob, struct idm_arena *arena, struct idm_span *out,
    bool *changed, struct idm_error *err);

/* The change number at which the secret was set; 0: not a blob. */
uint64_t idm_seal_set_at(struct idm_span blob);

#endif
