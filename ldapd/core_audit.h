/*
 * The audit trail as the core process writes it (SPEC 11.3).  What happens is put into a queue and
 * written within a second, many records with one commit, so no answer waits for it.  The queue is
 * bounded: what has no room is counted, and a record says how many were lost.  Changes do not go
 * through it: they are taken over from the record of changes, so that none is without its lines,
 * whatever ends the process.
 */
#ifndef LDAPD_CORE_AUDIT_H
#define LDAPD_CORE_AUDIT_H

#include "core/audit.h"
#include "core/builtin.h"
#include "ldapd/core.h"

enum {
	CORE_AUDIT_QUEUE_BYTES = 1024 * 1024,
	CORE_AUDIT_REFUSED_MAX = 256, /* refusals that are recorded a second; see core_audit */
};

/* False: out of memory.  Stopping writes what waits. */
bool core_audit_start(struct core *core);
void core_audit_stop(struct core *core);

/*
 * Queue a record.  Time, trust in the clock, and the names of actor and target, where there is a
 * uuid without a name, are filled in; all else is the caller's, and copied.  Of what was refused
 * so many are recorded a second, of those who proved who they are and of the others each; the rest
 * is counted as lost.
 */
void core_audit(struct core *core, struct idm_audit_record *record);

/* Changes were committed: take them over soon. */
void core_audit_changed(struct core *core);

/* Write what waits, and changes up to a bound; *more: others wait.  The timer does this. */
enum idm_result core_audit_write(struct core *core, bool *more, struct idm_error *err);

/* The records of one change, in order, each given to `each`; the names are those of `read`, which
 * has the change. */
enum idm_result core_audit_of_change(const struct idm_read *read, const struct idm_change_set *set,
    enum idm_result (*each)(void *ctx, struct idm_audit_record *record, struct idm_error *err),
    void *ctx, struct idm_error *err);

/* How the trail names an entry: an account or group by its spn, in `out`; else what it is called,
 * which borrows; empty: nothing. */
struct idm_span core_audit_name(
    const struct idm_read *read, const struct idm_entry *entry, char out[IDM_SPN_MAX]);

/* --- of a job (core_audit_job.c) */

/* What a job asked for was refused; the records of its success are those of its change. */
void core_audit_refused(struct core_job *job, enum idm_result result, const struct idm_error *err);

/* It did something that is no change: with the entry of job->request.target, and of one attribute
 * (0: of none). */
void core_audit_done(
    struct core_job *job, enum idm_audit_operation operation, uint32_t attr_number);

/*
 * A login, by job->subject as its name, to job->request.target if that name is somebody's: with
 * the identity that it got, or what it was refused for.
 */
void core_audit_login(struct core_job *job, const struct idm_identity *identity);
void core_audit_login_refused(
    struct core_job *job, enum idm_result result, const struct idm_error *err);

#endif
