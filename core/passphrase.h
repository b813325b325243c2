/* Something kept under a passphrase: Argon2id (RFC 9106) makes the key, AES-256-GCM seals. */
#ifndef CORE_PASSPHRASE_H
#define CORE_PASSPHRASE_H

#include "core/arena.h"
#include "core/result.h"

enum {
	IDM_PASSPHRASE_MIN_BYTES = 12,
	IDM_PASSPHRASE_MAX_BYTES = 1024,
	IDM_PASSPHRASE_PLAIN_MAX = 64 * 1024,
};

/* Takes about a quarter of a second.  IDM_INVALID: a passphrase that is too short or too long. */
enum idm_result idm_passphrase_seal(struct idm_span passphrase, struct idm_span plain,
    struct idm_arena *arena, struct idm_span *sealed, struct idm_error *err);

/* IDM_DENIED: the passphrase is another; IDM_CORRUPT: it was never made here. */
enum idm_result idm_passphrase_open(struct idm_span passphrase, struct idm_span sealed,
    struct idm_arena *arena, struct idm_span *plain, struct idm_error *err);

#endif
