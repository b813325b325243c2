/*
 * API tokens: rows of IDM_DB_TOKENS (SPEC 7.1, CHANGES 18), by their ids and, to find those of an
 * account, by its uuid.  They come and go with change sets alone.
 */
#ifndef CORE_TOKEN_STORE_H
#define CORE_TOKEN_STORE_H

#include "core/store.h"
#include "core/token.h"

/* IDM_NOT_FOUND without a text.  The row's label borrows from the map. */
enum idm_result idm_token_get(const struct idm_txn *txn, const struct idm_uuid *id,
    struct idm_token_row *out, struct idm_error *err);

/* Store an encoded row, or (empty) remove it: one that is not there is no failure. */
enum idm_result idm_token_put(const struct idm_txn *txn, const struct idm_uuid *id,
    struct idm_span row, struct idm_error *err);

/* The ids of an account's tokens, in the arena. */
enum idm_result idm_token_list(const struct idm_txn *txn, const struct idm_uuid *account,
    struct idm_arena *arena, struct idm_uuid **out, size_t *count, struct idm_error *err);

/*
 * Does a row of IDM_DB_TOKENS fit the other one of its token?  *row: of the token, with its account
 * in any case.  IDM_CORRUPT with a text: it does not.
 */
enum idm_result idm_token_check_row(const struct idm_txn *txn, struct idm_span key,
    struct idm_span value, struct idm_token_row *row, struct idm_error *err);

#endif
