/* EXOP_LOGIN: from a name, a password and a second factor to a session (SPEC 7.3). */
#include "core/builtin.h"
#include "ldapd/core_audit.h"
#include "ldapd/core_exop.h"
#include "ldapd/log.h"

/* As a bind is refused: alike for all reasons; the log and the audit trail say which (SPEC 8.4). */
static void
refuse(struct core_job *job, enum idm_result result, const struct idm_error *err)
{
	char name[256];

	core_audit_login_refused(job, result, err);
	log_info("core: login of \"%s\" from %s refused: %s",
	    log_escape(job->subject, name, sizeof(name)), job->source, err->text);
	if (result == IDM_DENIED || result == IDM_NOT_FOUND)
		core_job_done(job, LDAP_INVALID_CREDENTIALS, "");
	else if (result == IDM_BUSY)
		core_job_done(job, LDAP_BUSY, "too many passwords are being tested; try again");
	else
		core_job_done(job, LDAP_OTHER, "");
}

/* The password fits: the second factor. */
static enum idm_result
prove(struct core_job *job, const struct hash_job *hash, struct idm_identity *identity,
    enum core_factor *factor, struct idm_error *err)
{
	struct core_read read;
	struct idm_entry account;
	enum idm_result result = core_read_begin(job, &read, err);

	if (result == IDM_OK)
		result = idm_auth_verdict(&read.read, &hash->plan, hash->fitted, identity, err);
	if (result == IDM_OK)
		result = idm_lookup_uuid(&read.read, &identity->uuid, &account, err);
	if (result == IDM_OK)
		result = core_factor_prove(job, &read, &account, factor, err);
	core_read_end(&read);
	return result;
}

static void
on_verified(struct hash_job *hash)
{
	struct core_job *job = hash->context;
	struct core *core = job->core;
	struct idm_identity identity;
	struct idm_error err = { .text = "" };
	enum core_factor factor = CORE_FACTOR_FINE;
	enum idm_result result = hash->result;

	if (result != IDM_OK) {
		refuse(job, result, &hash->err);
		return;
	}
	result = prove(job, hash, &identity, &factor, &err);
	if (result != IDM_OK) {
		refuse(job, result, &err);
		return;
	}
	if (factor != CORE_FACTOR_FINE) {
		core_factor_refuse(job, factor, &err);
		return;
	}
	job->identity = identity;
	core_audit_login(job, &identity);
	core_session_issue(job);
	core_rehash(core, hash);
}

static bool
may_log_in(const struct idm_entry *account)
{
	struct idm_uuid anonymous = idm_uuid_builtin(IDM_BUILTIN_ANONYMOUS);

	return !idm_uuid_equal(&account->uuid, &anonymous);
}

/* The name stands for an account, or for nobody: then a dummy is tested. */
static enum idm_result
plan(struct core_job *job, struct idm_span name, struct idm_span password, struct hash_job *hash,
    struct idm_error *err)
{
	struct core_read read;
	struct idm_entry account;
	bool found = false;
	enum idm_result result = core_read_begin(job, &read, err);

	if (result == IDM_OK)
		result = core_find(&read, name, &account, err);
	found = result == IDM_OK && may_log_in(&account);
	if (found) {
		job->request.target = account.uuid;
		job->has_target = true;
	}
	if (result == IDM_OK || result == IDM_NOT_FOUND)
		result = idm_auth_plan_login(&read.read, job->core->data.password_ring,
		    found && password.len <= IDM_PASSWORD_MAX_BYTES ? &account : NULL, &hash->plan,
		    err);
	core_read_end(&read);
	return result;
}

void
core_login(struct core_job *job)
{
	struct idm_span fields[3];
	struct hash_job *hash;
	struct idm_error err = { .text = "out of memory" };
	enum idm_result result = IDM_SYSTEM;

	if (!core_read_strings(job->message.extended.value, fields, 3)) {
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
		return;
	}
	job->message.op = LDAP_BIND_REQUEST; /* whoever may bind by a name may log in by it */
	job->subject = fields[0];
	job->code = fields[2];
	hash = hash_job_new(HASH_VERIFY, fields[1]);
	if (hash != NULL)
		result = plan(job, fields[0], fields[1], hash, &err);
	if (result == IDM_OK) {
		core_verify(job, hash, on_verified);
		return;
	}
	hash_job_free(&hash);
	refuse(job, result, &err);
}
