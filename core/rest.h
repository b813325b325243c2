/*
 * Names that were given up, and rest (SPEC 2.5): who had each, and until when.  Rows of meta, kept
 * by change sets alone, so that every box has the same ones.
 */
#ifndef CORE_REST_H
#define CORE_REST_H

#include "core/lookup.h"

/* A name of up to 64 octets behind the prefix of its rows. */
enum { IDM_REST_NAME_MAX = 64 };

struct idm_rest {
	struct idm_uuid holder; /* who had it */
	int64_t until_s;
};

/* IDM_NOT_FOUND without a text: the name does not rest. */
enum idm_result idm_rest_find(
    const struct idm_txn *txn, struct idm_span name, struct idm_rest *out, struct idm_error *err);

/* The name rests from now on, or (NULL) no longer does.  `txn` writes. */
enum idm_result idm_rest_set(const struct idm_txn *txn, struct idm_span name,
    const struct idm_rest *rest, struct idm_error *err);

/* Forget up to `most` names whose rest is over at `at_s`. */
enum idm_result idm_rest_sweep(
    const struct idm_txn *txn, int64_t at_s, size_t most, struct idm_error *err);

/*
 * Is the key that of a name that rests (else *is false), and does its row fit the other one of the
 * name?  IDM_CORRUPT with a text: it does not.
 */
enum idm_result idm_rest_check_row(
    const struct idm_txn *txn, struct idm_span key, bool *is, struct idm_error *err);

#endif
