/* The end of a credential update session: what it prepared is stored as one change (SPEC 6.8). */
#include "ldapd/ber.h"
#include "ldapd/core_update.h"
#include "ldapd/log.h"

enum { SECRETS_MAX = 4 };

static enum idm_result
add_secret(struct core_job *job, struct idm_request_secret *secrets, uint32_t attr_number,
    const struct core_update_password *password)
{
	struct idm_request_secret *secret = &secrets[job->request.secret_count];

	if (password->what == CORE_UPDATE_KEEP)
		return IDM_OK;
	job->request.secret_count++;
	secret->attr_number = attr_number;
	if (password->what == CORE_UPDATE_REMOVE)
		return IDM_OK;
	secret->marker = password->marker;
	secret->plain = idm_arena_copy(job->arena, idm_span_cstr(password->phc));
	return secret->plain.ptr == NULL ? IDM_LIMIT : IDM_OK;
}

/* A second factor is stored with whether the password is short without it. */
static enum idm_result
add_factor(struct core_job *job, struct idm_request_secret *secrets,
    const struct core_update *update, enum core_update_what what, uint32_t attr_number)
{
	struct idm_request_secret *secret = &secrets[job->request.secret_count];
	const struct core_update_factor *factor = &update->factor;
	bool is_short = update->primary.what == CORE_UPDATE_SET ? update->primary.is_short
								: factor->stored_short;

	if (what == CORE_UPDATE_KEEP)
		return IDM_OK;
	job->request.secret_count++;
	secret->attr_number = attr_number;
	if (what == CORE_UPDATE_REMOVE)
		return IDM_OK;
	secret->marker = "set";
	secret->plain = attr_number == IDM_ATTR_TOTP_SECRET
			    ? idm_factor_encode_totp(&factor->totp, is_short, job->arena)
			    : idm_factor_encode_codes(&factor->codes, job->arena);
	return secret->plain.ptr == NULL ? IDM_LIMIT : IDM_OK;
}

/* The change, by the rights of who began the session. */
static enum idm_result
prepare(struct core_job *job, const struct core_update *update, struct idm_error *err)
{
	struct idm_request_secret *secrets =
	    idm_arena_array(job->arena, SECRETS_MAX, sizeof(*secrets));
	enum idm_result result;

	if (secrets == NULL)
		return IDM_LIMIT;
	job->request.operation = IDM_OP_MODIFY;
	job->request.secrets = secrets;
	result = add_secret(job, secrets, IDM_ATTR_PRIMARY_CREDENTIAL, &update->primary);
	if (result == IDM_OK)
		result = add_secret(job, secrets, IDM_ATTR_UNIX_PASSWORD, &update->unix_password);
	if (result == IDM_OK)
		result = add_factor(
		    job, secrets, update, update->factor.totp_what, IDM_ATTR_TOTP_SECRET);
	if (result == IDM_OK)
		result = add_factor(
		    job, secrets, update, update->factor.codes_what, IDM_ATTR_BACKUP_CODES);
	if (result == IDM_OK && job->request.secret_count == 0)
		return idm_refuse(
		    err, IDM_CONSTRAINT, "there is nothing to commit: set a password first");
	return result;
}

/* A login by one's own old password goes on with the new one. */
static const struct idm_identity *
renewed_identity(struct core_job *job)
{
	struct core_worker *worker = core_worker_find(job->core, job->worker_no);
	struct idm_identity *bound = worker == NULL ? NULL : core_identity(worker, job->handle);

	if (bound == NULL || !idm_uuid_equal(&bound->uuid, &job->request.target) ||
	    bound->credential_attr != IDM_ATTR_PRIMARY_CREDENTIAL ||
	    !idm_uuid_is_null(&job->request.actor) ||
	    job->request.secrets[0].attr_number != IDM_ATTR_PRIMARY_CREDENTIAL)
		return NULL;
	job->identity = *bound; /* without the session's privilege */
	job->identity.credential_no = job->change_no;
	return &job->identity;
}

/* The session is open again, and a reset token can be used again. */
static void
take_back(struct core_job *job)
{
	struct core_update *update;

	core_updates_find_id(job->core, &job->update, &update, NULL);
	if (update == NULL)
		return;
	if (update->state == CORE_UPDATE_COMMITTING)
		update->state = CORE_UPDATE_OPEN;
	if (update->by_reset && update->state != CORE_UPDATE_REVOKED)
		(void)core_reset_store(job, &update->reset, NULL);
}

/* The code that proved the new second factor is not good for a login, whatever became of the
 * session meanwhile. */
static enum idm_result
note_step(struct core_job *job, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result;

	if (job->factor_step == 0)
		return IDM_OK;
	result = idm_store_local_write_begin(job->core->data.store, &txn, err);
	if (result == IDM_OK)
		result = idm_factor_begin(
		    &txn, &job->request.target, job->change_no, job->factor_step, err);
	return idm_store_write_end(&txn, result, err);
}

static void
on_committed(struct core_job *job, enum idm_result result, const struct idm_error *err)
{
	struct idm_error failed = { .text = "" };
	struct ber_writer w;

	if (result != IDM_OK) {
		take_back(job);
		core_job_fail(job, result, err);
		return;
	}
	if (note_step(job, &failed) != IDM_OK)
		log_error("core: a code that was used could not be noted: %s", failed.text);
	core_updates_remove(job->core, &job->update);
	ber_writer_init(&w, CORE_VALUE_BYTES);
	core_job_value(job, &w, renewed_identity(job));
}

/* The token is used up before the change, for the other order could leave it behind a crash. */
void
core_update_commit(struct core_job *job, struct core_update *update)
{
	struct idm_error err = { .text = "" };
	enum idm_result result = prepare(job, update, &err);

	if (result == IDM_OK && update->by_reset)
		result = core_reset_remove(job, &update->reset.id, &err);
	if (result != IDM_OK) {
		core_job_fail(job, result, &err);
		return;
	}
	if (update->factor.totp_what == CORE_UPDATE_SET)
		job->factor_step = update->factor.step;
	update->state = CORE_UPDATE_COMMITTING;
	core_change(job, on_committed);
}
