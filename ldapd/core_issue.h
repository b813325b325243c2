/* What API tokens and application passwords have in common: rows of an account (core/token.h). */
#ifndef LDAPD_CORE_ISSUE_H
#define LDAPD_CORE_ISSUE_H

#include "core/token.h"
#include "ldapd/core_exop.h"

/* Those of a kind that a's target has, oldest first; their labels borrow from the map. */
enum idm_result core_issued_rows(struct core_job *job, const struct core_access *a,
    enum idm_token_kind kind, struct idm_token_row **out, size_t *count, struct idm_error *err);

/*
 * Ask for the change that stores `row`, of which id, hash, kind, scope, expiry, application and
 * label count; the answer is SEQUENCE { text OCTET STRING, id OCTET STRING }, told this once.
 * `text` is copied, and the caller's to wipe.
 */
void core_issue(struct core_job *job, const struct idm_token_row *row, struct idm_span text);

/* Ask for the change that destroys the one of this id. */
void core_issue_destroy(struct core_job *job, const struct idm_uuid *id);

#endif
