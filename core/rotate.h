/* New keys for what is sealed (SPEC 6.10, CHANGES 16): by the owner of the databases alone. */
#ifndef CORE_ROTATE_H
#define CORE_ROTATE_H

#include "core/seal.h"
#include "core/store.h"

/* How far it is; may be NULL. */
typedef void (*idm_rotate_progress)(void *context, uint64_t resealed);

/*
 * Seal each secret of the ring's purpose, that is sealed under another key, under its newest active
 * one.  No entry changes, nor does when a secret was set.  Many transactions: what an interruption
 * leaves is of several keys, all of the ring, and the next call goes on.  *resealed: how many.
 * IDM_CORRUPT names the entry whose secret no key opens; it and those behind it stay as they are.
 */
enum idm_result idm_secrets_reseal(struct idm_store *store, const struct idm_keyring *ring,
    idm_rotate_progress progress, void *context, uint64_t *resealed, struct idm_error *err);

#endif
