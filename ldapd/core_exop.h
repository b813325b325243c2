/* What the extended operations of the core process share, and each of them. */
#ifndef LDAPD_CORE_EXOP_H
#define LDAPD_CORE_EXOP_H

#include "ldapd/core.h"

enum { CORE_VALUE_BYTES = 2048 };

/* A SEQUENCE that holds up to `max` OCTET STRINGs and nothing else; false: it does not. */
bool core_read_strings(struct idm_span value, struct idm_span *out, size_t max);

/* What the caller may do with an entry. */
struct core_access {
	struct core_read read;
	struct idm_access *access;
	struct idm_entry target;
	struct idm_attrset readable;
};

/*
 * The target, as far as the caller sees it; an empty name is the caller itself.  Always ended by
 * core_read_end(&out->read), also after a failure.
 */
enum idm_result core_access_begin(
    struct core_job *job, struct idm_span target, struct core_access *out, struct idm_error *err);

/* IDM_DENIED: not this attribute. */
enum idm_result core_may_read(
    const struct core_access *a, uint32_t attr_number, struct idm_error *err);
/* Asked before work is done on the change; the change itself is decided anew. */
enum idm_result core_may_write(
    const struct core_access *a, uint32_t attr_number, struct idm_error *err);
enum idm_result core_may_remove(
    const struct core_access *a, uint32_t attr_number, struct idm_error *err);

/* The sealed secret of an attribute under the RADIUS key, opened, in the job's arena; empty: there
 * is none. */
enum idm_result core_open_secret(struct core_job *job, const struct core_access *a,
    uint32_t attr_number, struct idm_span *out, struct idm_error *err);

/* The request that stores job->secret; core_change. */
void core_change_secret(struct core_job *job, core_changed changed);

/* Let the pool test the primary password of the caller's account, as core_verify does. */
void core_verify_own(struct core_job *job, struct idm_span password, hash_done done);
/* That was not the password: the client gets `text`, the log `reason`. */
void core_refuse_password(struct core_job *job, const char *reason, const char *text);

/*
 * The second factor of an account whose password has just been proved: nothing to prove, or proved
 * by job->code; wanted, where that is empty; else wrong.  For a wrong one `err` has the reason.
 */
enum core_factor {
	CORE_FACTOR_FINE,
	CORE_FACTOR_WANTED,
	CORE_FACTOR_WRONG,
};
enum idm_result core_factor_prove(struct core_job *job, const struct core_read *read,
    const struct idm_entry *account, enum core_factor *out, struct idm_error *err);
/* The answer to one that is not fine. */
void core_factor_refuse(struct core_job *job, enum core_factor factor, const struct idm_error *err);

/* A session for job->identity, which has just logged in; the answer to EXOP_SESSION_BEGIN. */
void core_session_issue(struct core_job *job);

/* Is the password good enough for a's target (idm_password_judge)?  IDM_CONSTRAINT tells why not.
 */
enum idm_result core_judge_password(struct core_job *job, const struct core_access *a,
    struct idm_span password, struct idm_error *err);

/* The same for a password beside a second factor; *is_short (may be NULL): it would not do without.
 */
enum idm_result core_judge_password_beside(struct core_job *job, const struct core_access *a,
    struct idm_span password, bool factor, bool *is_short, struct idm_error *err);

/* What softlocks there are on the target's credentials (EXOP_CREDENTIAL_STATUS), if the caller may
 * know that. */
void core_softlock_write(struct core_job *job, const struct core_access *a, struct ber_writer *w);

/* Let the pool hash a password for the job; `done` has the job as its context. */
void core_hash_password(struct core_job *job, struct idm_span password, hash_done done);

/* One extended operation each (common/exop.h). */
void core_session_begin(struct core_job *job);
void core_session_list(struct core_job *job);
void core_session_end(struct core_job *job);
void core_session_reauth(struct core_job *job);
void core_credential_status(struct core_job *job);
void core_softlock_reset(struct core_job *job);
void core_credential_judge(struct core_job *job);
void core_password_modify(struct core_job *job);
void core_unix_password(struct core_job *job);
void core_radius_secret(struct core_job *job);
void core_audit_trail(struct core_job *job);
void core_api_token(struct core_job *job);
void core_application_password(struct core_job *job);
void core_credential_update(struct core_job *job);
void core_reset_token(struct core_job *job);
void core_login(struct core_job *job);

#endif
