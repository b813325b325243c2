/* Second factors in the core process: proved behind the password (SPEC 6.1, common/exop.h). */
#include "core/second_factor.h"

#include "ldapd/core_audit.h"
#include "ldapd/core_exop.h"

/* The code counts when it is noted as used, for good. */
static enum idm_result
use_code(struct core_job *job, const struct core_read *read, const struct idm_entry *account,
    const struct idm_factor *factor, struct idm_span code, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_local_write_begin(job->core->data.store, &txn, err);

	if (result == IDM_OK)
		result =
		    idm_factor_use(&txn, &account->uuid, factor, code, read->read.now.at_s, err);
	return idm_store_write_end(&txn, result, err);
}

enum idm_result
core_factor_prove(struct core_job *job, const struct core_read *read,
    const struct idm_entry *account, struct idm_span code, enum core_factor *out,
    struct idm_error *err)
{
	struct idm_factor factor;
	enum idm_result result;

	*out = CORE_FACTOR_FINE;
	if (!idm_factor_is_set(account))
		return IDM_OK;
	*out = CORE_FACTOR_WANTED;
	if (code.len == 0)
		return IDM_OK;
	result = idm_factor_load(&read->read, job->core->data.password_ring, account, &factor, err);
	if (result == IDM_OK)
		result = use_code(job, read, account, &factor, code, err);
	idm_factor_wipe(&factor);
	*out = result == IDM_DENIED ? CORE_FACTOR_WRONG : CORE_FACTOR_FINE;
	return result == IDM_DENIED ? IDM_OK : result;
}

void
core_factor_refuse(struct core_job *job, enum core_factor factor, const struct idm_error *err)
{
	const struct idm_error wanted = { .text = "a code of the second factor is wanted" };

	core_audit_refused(job, IDM_DENIED, factor == CORE_FACTOR_WANTED ? &wanted : err);
	if (factor == CORE_FACTOR_WANTED)
		core_job_done(job, LDAP_STRONGER_AUTH_REQUIRED,
		    "this account has a second factor: a code of it is wanted");
	else
		core_job_done(job, LDAP_INVALID_CREDENTIALS,
		    "the code is wrong, or it was used before: wait for the next one");
}
