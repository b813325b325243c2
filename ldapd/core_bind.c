/* Binds: from a name and a password to a handle, in the core process (SPEC 8.3, 8.4). */
#include "common/clock.h"
#include "core/admission.h"
#include "core/application.h"
#include "core/builtin.h"
#include "core/session.h"
#include "core/token_store.h"
#include "ldapd/core_audit.h"
#include "ldapd/log.h"

static void
count(struct core_job *job, enum core_bind_outcome outcome)
{
	job->core->counts.binds[outcome]++;
}

static enum core_bind_outcome
outcome_of(const struct idm_identity *identity)
{
	switch (identity->kind) {
	case IDM_IDENTITY_ANONYMOUS: return CORE_BOUND_ANONYMOUS;
	case IDM_IDENTITY_PASSWORD: return CORE_BOUND_PASSWORD;
	case IDM_IDENTITY_UNIX_PASSWORD: return CORE_BOUND_UNIX_PASSWORD;
	case IDM_IDENTITY_APPLICATION: return CORE_BOUND_APPLICATION_PASSWORD;
	case IDM_IDENTITY_TOKEN: return CORE_BOUND_TOKEN;
	case IDM_IDENTITY_SESSION: return CORE_BOUND_SESSION;
	case IDM_IDENTITY_INTERNAL: break;
	}
	return CORE_BIND_FAILED;
}

static void
answer_identity(struct core_job *job, const struct idm_identity *identity)
{
	struct core_worker *worker = core_worker_find(job->core, job->worker_no);
	struct ipc_frame frame = { .type = IPC_BOUND };
	struct idm_error busy = { .text = "too many bound connections" };

	if (worker != NULL && identity->kind != IDM_IDENTITY_ANONYMOUS) {
		frame.bound.handle = core_identity_add(worker, identity);
		if (frame.bound.handle == 0) {
			core_audit_login_refused(job, IDM_BUSY, &busy);
			frame.bound.code = LDAP_BUSY;
			frame.bound.reason = idm_span_cstr(busy.text);
			count(job, CORE_BIND_BUSY);
			core_job_bound(job, &frame);
			return;
		}
	}
	core_audit_login(job, identity);
	count(job, outcome_of(identity));
	frame.bound.code = LDAP_SUCCESS;
	frame.bound.identity = *identity;
	core_job_bound(job, &frame);
}

/* Every refusal looks the same from outside (SPEC 8.4); the log and the audit trail say why.  `why`
 * is that of one who was denied. */
static void
answer_refusal(struct core_job *job, enum idm_result result, enum core_bind_outcome why,
    const struct idm_error *err)
{
	struct ipc_frame frame = { .type = IPC_BOUND };

	core_audit_login_refused(job, result, err);
	frame.bound.code = LDAP_INVALID_CREDENTIALS;
	frame.bound.reason = idm_span_cstr(err->text);
	if (result == IDM_BUSY) {
		frame.bound.code = LDAP_BUSY;
		frame.bound.text = IDM_SPAN_LIT("too many logins at once; try again");
		why = CORE_BIND_BUSY;
	} else if (result != IDM_DENIED && result != IDM_NOT_FOUND) {
		frame.bound.code = LDAP_OTHER;
		why = CORE_BIND_FAILED;
	}
	count(job, why);
	core_job_bound(job, &frame);
}

static enum core_bind_outcome
outcome_of_plan(const struct idm_auth_plan *plan)
{
	switch (plan->why) {
	case IDM_AUTH_WHY_NOT: return CORE_BIND_WRONG_PASSWORD;
	case IDM_AUTH_NO_ACCOUNT: return CORE_BIND_NO_ACCOUNT;
	case IDM_AUTH_OUTSIDE_WINDOW: return CORE_BIND_OUTSIDE_WINDOW;
	case IDM_AUTH_NO_CREDENTIAL: return CORE_BIND_NO_CREDENTIAL;
	case IDM_AUTH_NEEDS_FACTOR: return CORE_BIND_NEEDS_FACTOR;
	case IDM_AUTH_BARRED: return CORE_BIND_BARRED;
	case IDM_AUTH_SOFTLOCKED: return CORE_BIND_SOFTLOCKED;
	}
	return CORE_BIND_FAILED;
}

/* The end of a password's test, whether it was hashed or remembered. */
static enum idm_result
answer_verdict(struct core_job *job, const struct core_read *read, const struct idm_auth_plan *plan,
    int fitted)
{
	struct idm_identity identity;
	struct idm_error err = { .text = "" };
	enum idm_result result = idm_auth_verdict(&read->read, plan, fitted, &identity, &err);

	if (result == IDM_OK)
		answer_identity(job, &identity);
	else
		answer_refusal(job, result, outcome_of_plan(plan), &err);
	return result;
}

/* Whoever binds with the same password again need not wait for its hash (SPEC 6.7). */
static void
remember(struct core *core, const struct hash_job *hash)
{
	const struct idm_verified_id id = idm_auth_verified_id(&hash->plan, hash->fitted);

	idm_verified_put(core->verified, &id,
	    idm_span_of((const uint8_t *)hash->password, hash->password_len), clock_monotonic_ms());
}

static void
on_verified(struct hash_job *hash)
{
	struct core_job *job = hash->context;
	struct core *core = job->core;
	struct core_read read;
	struct idm_error err = { .text = "" };
	enum idm_result result;

	if (hash->result != IDM_OK) {
		answer_refusal(job, hash->result, CORE_BIND_FAILED, &hash->err);
		return;
	}
	result = core_read_begin(job, &read, &err);
	if (result == IDM_OK)
		result = answer_verdict(job, &read, &hash->plan, hash->fitted);
	else
		answer_refusal(job, result, CORE_BIND_FAILED, &err);
	core_read_end(&read);
	if (result != IDM_OK)
		return;
	remember(core, hash);
	core_rehash(core, hash);
}

static void
hash_password(struct core_job *job, const struct core_read *read, const struct idm_auth_plan *plan,
    struct idm_span password)
{
	struct hash_job *hash = hash_job_new(HASH_VERIFY, password);
	struct idm_error err = { .text = "out of memory" };
	enum idm_result result = IDM_SYSTEM;

	if (hash != NULL) {
		hash->plan = *plan;
		result = idm_auth_plan_unseal(
		    &read->read, job->core->data.password_ring, &hash->plan, &err);
	}
	if (result == IDM_OK) {
		core_verify(job, hash, on_verified);
		return;
	}
	hash_job_free(&hash);
	answer_refusal(job, result, CORE_BIND_FAILED, &err);
}

/* Whose token it is that was refused, and which one: for the audit trail alone. */
static void
note_token(struct core_job *job, const struct core_read *read, struct idm_span token)
{
	uint8_t hash[IDM_TOKEN_HASH_BYTES];
	struct idm_token_row row;

	if (!idm_token_parse(token, &job->identity.session, hash))
		return;
	if (idm_token_get(&read->txn, &job->identity.session, &row, NULL) == IDM_OK ||
	    idm_session_get(&read->local, &job->identity.session, &row, NULL) == IDM_OK) {
		job->request.target = row.account;
		job->has_target = true;
	}
}

static void
test_password(struct core_job *job, const struct core_read *read, const struct idm_entry *account,
    struct idm_span password)
{
	struct idm_auth_plan plan;
	struct idm_error err = { .text = "" };
	enum idm_result result;
	int fits = -1;

	if (password.len > IDM_PASSWORD_MAX_BYTES)
		account = NULL; /* what was cut off might have told it from another password */
	result = idm_auth_plan_tests(&read->read, account, &plan, &err);
	if (result == IDM_OK)
		fits = core_verify_recall(job, &plan, password);
	if (result != IDM_OK)
		answer_refusal(job, result, CORE_BIND_FAILED, &err);
	else if (fits >= 0)
		answer_verdict(job, read, &plan, fits);
	else
		hash_password(job, read, &plan, password);
}

static void
bind_token(struct core_job *job, const struct core_read *read, const struct idm_uuid *account,
    struct idm_span token)
{
	struct idm_identity identity;
	struct idm_error err = { .text = "" };
	enum idm_result result =
	    idm_auth_token(&read->read, &read->local, token, account, &identity, &err);

	if (result == IDM_OK) {
		answer_identity(job, &identity);
	} else {
		note_token(job, read, token);
		answer_refusal(job, result, CORE_BIND_BAD_TOKEN, &err);
	}
}

static bool
is_anonymous(const struct idm_entry *account)
{
	struct idm_uuid anonymous = idm_uuid_builtin(IDM_BUILTIN_ANONYMOUS);

	return idm_uuid_equal(&account->uuid, &anonymous);
}

/* By its name, with whatever password. */
static void
bind_anonymous(struct core_job *job, const struct core_read *read, const struct idm_entry *account)
{
	const struct idm_identity anonymous = {
		.kind = IDM_IDENTITY_ANONYMOUS, .uuid = account->uuid, .expire_s = INT64_MAX
	};
	struct idm_error err = { .text = "" };
	enum idm_result result = idm_admission_check(&read->read, account, &err);

	if (result == IDM_OK)
		answer_identity(job, &anonymous);
	else
		answer_refusal(job, result, CORE_BIND_OUTSIDE_WINDOW, &err);
}

static bool
looks_like_token(struct idm_span password)
{
	uint8_t hash[IDM_TOKEN_HASH_BYTES];
	struct idm_uuid id;

	return idm_token_parse(password, &id, hash);
}

/*
 * Is it one of the account's application passwords?  False: it is not, and nothing is answered.  It
 * costs one hash and one look-up, for whatever name.
 */
static bool
bind_application(struct core_job *job, const struct core_read *read,
    const struct idm_entry *account, struct idm_span application, struct idm_span password)
{
	struct idm_identity identity;
	struct idm_error err = { .text = "" };
	enum idm_result result =
	    idm_application_prove(&read->read, account, application, password, &identity, &err);

	if (result == IDM_NOT_FOUND)
		return false;
	if (result == IDM_OK)
		result = idm_auth_recheck(&read->read, &read->local, &identity, &err);
	if (result == IDM_OK)
		answer_identity(job, &identity);
	else
		answer_refusal(job, result, CORE_BIND_BAD_APPLICATION_PASSWORD, &err);
	return true;
}

/* Under the name of an application only its passwords count. */
static void
bind_for_application(struct core_job *job, const struct core_read *read,
    const struct dn_target *target, struct idm_span password)
{
	struct dn_target person = *target;
	struct idm_entry account;
	struct idm_error err = { .text = "no such application password" };
	enum idm_result result;

	person.application = IDM_SPAN_EMPTY;
	result = tree_find(&read->read, &person, &account, NULL);
	if (result == IDM_OK) {
		job->request.target = account.uuid;
		job->has_target = true;
	}
	if (result != IDM_OK ||
	    !bind_application(job, read, &account, target->application, password))
		answer_refusal(job, IDM_DENIED, CORE_BIND_BAD_APPLICATION_PASSWORD, &err);
}

/*
 * The name stands for an account or for nobody (NULL).  What looks like a token is not tested as a
 * password, whoever it is for: the time that takes would tell names from no names.
 */
static void
bind_named(struct core_job *job, const struct core_read *read, const struct idm_entry *account,
    struct idm_span password)
{
	const struct idm_uuid nobody = { { 0 } };

	if (account != NULL && is_anonymous(account)) {
		bind_anonymous(job, read, account);
	} else if (looks_like_token(password)) {
		bind_token(job, read, account == NULL ? &nobody : &account->uuid, password);
	} else if (account == NULL ||
		   !bind_application(job, read, account, IDM_SPAN_EMPTY, password)) {
		test_password(job, read, account, password);
	}
}

static bool
names_a_token(const struct dn_target *target)
{
	return target->kind == DN_ROOT || target->kind == DN_TOKEN;
}

/* For the audit trail, which else would have to look for the name. */
static void
note_account(struct core_job *job, const struct core_read *read, const struct idm_entry *account)
{
	char spn[IDM_SPN_MAX];

	job->request.target = account->uuid;
	job->has_target = true;
	job->target_name = idm_arena_copy(job->arena, core_audit_name(&read->read, account, spn));
}

void
core_bind(struct core_job *job, struct idm_span name, struct idm_span password)
{
	struct core_read read;
	struct dn_target target = { .kind = DN_INVALID };
	struct idm_entry account;
	struct idm_error err = { .text = "" };
	enum idm_result result = core_read_begin(job, &read, &err);

	job->subject = idm_arena_copy(job->arena, name);
	if (result == IDM_OK)
		dn_to_target(name, &read.tree->suffix, read.read.arena, &target);
	if (result != IDM_OK) {
		answer_refusal(job, result, CORE_BIND_FAILED, &err);
	} else if (names_a_token(&target)) {
		bind_token(job, &read, NULL, password);
	} else if (target.application.len != 0) {
		bind_for_application(job, &read, &target, password);
	} else {
		result = core_find(&read, name, &account, &err);
		if (result == IDM_OK)
			note_account(job, &read, &account);
		if (result == IDM_OK || result == IDM_NOT_FOUND)
			bind_named(job, &read, result == IDM_OK ? &account : NULL, password);
		else
			answer_refusal(job, result, CORE_BIND_FAILED, &err);
	}
	core_read_end(&read);
}
