/* Second factors in the core process: proved behind the password (SPEC 6.1, common/exop.h). */
#include "common/clock.h"
#include "core/second_factor.h"

#include "ldapd/core_audit.h"
#include "ldapd/core_exop.h"

/* The code counts when it is noted as used, for good. */
static enum idm_result
use_code(struct core_job *job, const struct core_read *read, const struct idm_entry *account,
    const struct idm_factor *factor, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_local_write_begin(job->core->data.store, &txn, err);

	if (result == IDM_OK)
		result = idm_factor_use(
		    &txn, &account->uuid, factor, job->code, read->read.now.at_s, err);
	return idm_store_write_end(&txn, result, err);
}

/* Codes are few, and so are guesses: a wrong one counts as a wrong password does (SPEC 6.6). */
static enum idm_result
use_unlocked(struct core_job *job, const struct core_read *read, const struct idm_entry *account,
    const struct idm_factor *factor, struct idm_error *err)
{
	struct idm_softlocks *locks = job->core->softlocks;
	const struct idm_softlock_id id = { account->uuid, IDM_ATTR_TOTP_SECRET };
	struct idm_softlock_source source = idm_softlock_source_of(job->source);
	uint64_t until_ms, now_ms = clock_monotonic_ms();
	enum idm_result result;

	if (idm_softlock_look(locks, &id, &source, now_ms, &until_ms) != IDM_SOFTLOCK_OPEN ||
	    !idm_softlock_begin(locks, &id, &source, now_ms))
		return idm_fail(
		    err, IDM_DENIED, "softlock: no code is tested so soon after a wrong one");
	result = use_code(job, read, account, factor, err);
	idm_softlock_end(locks, &id, &source, result == IDM_DENIED, now_ms);
	core_softlock_changed(job->core);
	return result;
}

enum idm_result
core_factor_prove(struct core_job *job, const struct core_read *read,
    const struct idm_entry *account, enum core_factor *out, struct idm_error *err)
{
	struct idm_factor factor;
	enum idm_result result;

	*out = CORE_FACTOR_FINE;
	if (!idm_factor_is_set(account))
		return IDM_OK;
	*out = CORE_FACTOR_WANTED;
	if (job->code.len == 0)
		return IDM_OK;
	result = idm_factor_load(&read->read, job->core->data.password_ring, account, &factor, err);
	if (result == IDM_OK)
		result = use_unlocked(job, read, account, &factor, err);
	idm_factor_wipe(&factor);
	*out = result == IDM_DENIED ? CORE_FACTOR_WRONG : CORE_FACTOR_FINE;
	return result == IDM_DENIED ? IDM_OK : result;
}

void
core_factor_refuse(struct core_job *job, enum core_factor factor, const struct idm_error *err)
{
	const struct idm_error wanted = { .text = "a code of the second factor is wanted" };
	char text[sizeof(err->text) + 32];

	core_audit_refused(job, IDM_DENIED, factor == CORE_FACTOR_WANTED ? &wanted : err);
	if (factor == CORE_FACTOR_WANTED) {
		core_job_done(job, LDAP_STRONGER_AUTH_REQUIRED,
		    "this account has a second factor: a code of it is wanted");
		return;
	}
	snprintf(text, sizeof(text), "%s: wait for the next one", err->text);
	core_job_done(job, LDAP_INVALID_CREDENTIALS, text);
}
