/*
 * The record of applied change sets (`changes`, kept by size) and of the requests that they
 * answered (`requests`, kept by count and by the changes' own time): CHANGES 14, 24.
 */
#ifndef CORE_CHANGE_LOG_H
#define CORE_CHANGE_LOG_H

#include "core/change.h"

/* What a request was answered with. */
struct idm_answer {
	uint64_t no; /* of its change */
	enum idm_result result;
};

/* The answer that a request has had.  IDM_NOT_FOUND: none is known. */
enum idm_result idm_change_log_find(const struct idm_read *read, const struct idm_uuid *request_id,
    struct idm_answer *out, struct idm_error *err);

/* Record a change set and its request, and forget what is beyond the limits. */
enum idm_result idm_change_log_append(
    const struct idm_read *read, const struct idm_change_set *set, struct idm_error *err);

/*
 * Forget up to `most` more of what is beyond the limits, for a change forgets little, and one that
 * is large is followed by none for a while; *forgotten: how many rows.  On a write transaction.
 */
enum idm_result idm_change_log_trim(
    const struct idm_read *read, size_t most, size_t *forgotten, struct idm_error *err);

/* The recorded change set, decoded in the read's arena.  IDM_NOT_FOUND: not or no longer there. */
enum idm_result idm_change_log_get(
    const struct idm_read *read, uint64_t no, struct idm_change_set *out, struct idm_error *err);

/* The first recorded change set behind the number `from`, likewise. */
enum idm_result idm_change_log_next(
    const struct idm_read *read, uint64_t from, struct idm_change_set *out, struct idm_error *err);

/*
 * Does a row of IDM_DB_REQUESTS fit what it leads to, and the row that leads back to it?
 * IDM_CORRUPT with a text: it does not.
 */
enum idm_result idm_change_log_check_request(
    const struct idm_read *read, struct idm_span key, struct idm_span row, struct idm_error *err);

#endif
