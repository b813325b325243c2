/* Login sessions: begun, and proved again (SPEC 7.3). */
#include <openssl/crypto.h>

#include "core/closure.h"
#include "core/policy.h"
#include "core/second_factor.h"
#include "core/session.h"
#include "ldapd/ber.h"
#include "ldapd/core_audit.h"
#include "ldapd/core_exop.h"

static enum idm_result
write_session(struct core_job *job, const struct idm_token_row *row, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_local_write_begin(job->core->data.store, &txn, err);

	if (result == IDM_OK)
		result = idm_session_put(&txn, row, job->arena, err);
	return idm_store_write_end(&txn, result, err);
}

/* How long a session lasts, and whether its account is high privilege as it begins. */
static enum idm_result
session_seconds(const struct core_access *a, bool *hp, int64_t *out, struct idm_error *err)
{
	struct idm_policy policy;
	enum idm_result result = idm_closure_is_hp(&a->read.read, &a->target, hp, err);

	if (result == IDM_OK)
		result = idm_policy_of(&a->read.read, &a->target, &policy, err);
	if (result == IDM_OK)
		*out = idm_session_lifetime_s(&a->target, *hp, &policy);
	return result;
}

static void
answer_session(struct core_job *job, const char *token, const struct idm_token_row *row,
    const struct core_access *a)
{
	struct ber_writer w;
	char spn[IDM_SPN_MAX];
	size_t spn_len = idm_lookup_spn(&a->read.read, &a->target, spn);
	size_t seq;

	ber_writer_init(&w, CORE_VALUE_BYTES);
	seq = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_cstr(token));
	ber_write_integer(&w, BER_INTEGER, row->expire_s);
	ber_write_integer(&w, BER_INTEGER, row->privileged_until_s);
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_of(spn, spn_len));
	ber_close(&w, seq);
	core_job_value(job, &w, NULL);
}

/* The row, and room for it: *any: the account had as many as it may, and *ended is over. */
static enum idm_result
store_session(struct core_job *job, const struct idm_token_row *row, struct idm_uuid *ended,
    bool *any, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_local_write_begin(job->core->data.store, &txn, err);

	if (result == IDM_OK)
		result = idm_session_make_room(
		    &txn, &row->account, row->kind, IDM_SESSIONS_MAX, ended, any, err);
	if (result == IDM_OK)
		result = idm_session_put(&txn, row, job->arena, err);
	return idm_store_write_end(&txn, result, err);
}

static enum idm_result
begin_session(
    struct core_job *job, struct core_access *a, struct idm_token_row *row, struct idm_error *err)
{
	int64_t seconds = 0;
	int64_t now_s = a->read.read.now.at_s;
	struct idm_uuid ended;
	bool any = false;
	enum idm_result result = session_seconds(a, &row->high_privilege, &seconds, err);

	row->kind = IDM_TOKEN_SESSION;
	row->account = a->target.uuid;
	row->issued_by = a->target.uuid;
	row->scope = IDM_SCOPE_READ_WRITE;
	row->issued_s = now_s;
	row->expire_s = now_s + seconds;
	if (row->expire_s > job->identity.expire_s)
		row->expire_s = job->identity.expire_s; /* it began with the bind */
	row->privileged_until_s = job->identity.privileged_until_s;
	row->credential_no = job->identity.credential_no;
	row->label = idm_span_cstr(job->source);
	if (result == IDM_OK)
		result = store_session(job, row, &ended, &any, err);
	if (result == IDM_OK && any)
		core_revoke_session(job->core, &row->account, &ended);
	return result;
}

void
core_session_issue(struct core_job *job)
{
	struct core_access a;
	struct idm_token_row row = { .id = { { 0 } } };
	struct idm_error err = { .text = "" };
	char token[IDM_TOKEN_TEXT];
	enum idm_result result = core_access_begin(job, IDM_SPAN_EMPTY, &a, &err);

	if (result == IDM_OK && !idm_token_generate(token, &row))
		result = idm_fail(&err, IDM_SYSTEM, "no random octets");
	if (result == IDM_OK)
		result = begin_session(job, &a, &row, &err);
	if (result == IDM_OK) {
		job->identity.session = row.id;
		core_audit_done(job, IDM_AUDIT_SESSION_BEGIN, 0);
		answer_session(job, token, &row, &a);
	} else {
		core_job_fail(job, result, &err);
	}
	core_read_end(&a.read);
	OPENSSL_cleanse(token, sizeof(token));
}

/* A bind has proved no second factor: one that was set since is asked for by a new login. */
static enum idm_result
may_begin(struct core_job *job, struct idm_error *err)
{
	struct core_read read;
	struct idm_entry account;
	enum idm_result result;

	if (job->identity.kind != IDM_IDENTITY_PASSWORD)
		return idm_refuse(err, IDM_DENIED,
		    "a session begins with the account's password: bind with that");
	result = core_read_begin(job, &read, err);
	if (result == IDM_OK)
		result = idm_lookup_uuid(&read.read, &job->identity.uuid, &account, err);
	if (result == IDM_OK && idm_factor_is_set(&account))
		result = idm_refuse(err, IDM_DENIED,
		    "this account has a second factor: `kanidm login` asks for it");
	core_read_end(&read);
	return result;
}

void
core_session_begin(struct core_job *job)
{
	struct idm_error err = { .text = "" };
	enum idm_result result = may_begin(job, &err);

	if (result == IDM_OK)
		core_session_issue(job);
	else
		core_job_fail(job, result, &err);
}

/* --- re-authentication */

static enum idm_result
extend_session(struct core_job *job, const struct core_read *read, struct idm_identity *identity,
    struct idm_error *err)
{
	struct idm_token_row row;
	struct idm_entry account;
	struct idm_policy policy;
	enum idm_result result = idm_session_get(&read->local, &identity->session, &row, err);

	if (result == IDM_NOT_FOUND)
		return idm_refuse(err, IDM_DENIED, "the session is over: log in again");
	if (result == IDM_OK)
		result = idm_lookup_uuid(&read->read, &identity->uuid, &account, err);
	if (result == IDM_OK)
		result = idm_policy_of(&read->read, &account, &policy, err);
	if (result != IDM_OK)
		return result;
	row.label = idm_arena_copy(job->arena, row.label); /* the map moves under the write */
	row.privileged_until_s = read->read.now.at_s + policy.privileged_s;
	identity->privileged_until_s = row.privileged_until_s;
	return write_session(job, &row, err);
}

static void
answer_privileged(struct core_job *job, const struct idm_identity *identity)
{
	struct ber_writer w;
	size_t seq;

	ber_writer_init(&w, CORE_VALUE_BYTES);
	seq = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_integer(&w, BER_INTEGER, identity->privileged_until_s);
	ber_close(&w, seq);
	core_job_value(job, &w, identity);
}

void
core_refuse_password(struct core_job *job, const char *reason, const char *text)
{
	struct idm_error why;

	idm_refuse(&why, IDM_DENIED, "%s", reason);
	core_audit_refused(job, IDM_DENIED, &why);
	core_log_refusal(job, IDM_DENIED, &why);
	core_job_done(job, LDAP_INVALID_CREDENTIALS, text);
}

/* The second factor of the caller's own account. */
static enum idm_result
prove_own_factor(struct core_job *job, const struct core_read *read, enum core_factor *out,
    struct idm_error *err)
{
	struct idm_entry account;
	enum idm_result result = idm_lookup_uuid(&read->read, &job->identity.uuid, &account, err);

	return result == IDM_OK ? core_factor_prove(job, read, &account, out, err) : result;
}

static void
on_reauth(struct hash_job *hash)
{
	struct core_job *job = hash->context;
	struct idm_identity proved, identity = job->identity;
	struct core_read read;
	struct idm_error err = { .text = "" };
	enum core_factor factor = CORE_FACTOR_FINE;
	enum idm_result result;

	if (hash->result != IDM_OK) {
		core_job_fail(job, hash->result, &hash->err);
		return;
	}
	result = core_read_begin(job, &read, &err);
	if (result == IDM_OK)
		result = idm_auth_verdict(&read.read, &hash->plan, hash->fitted, &proved, &err);
	if (result == IDM_OK)
		result = prove_own_factor(job, &read, &factor, &err);
	if (result == IDM_OK && factor == CORE_FACTOR_FINE)
		result = extend_session(job, &read, &identity, &err);
	core_read_end(&read);
	if (result == IDM_OK && factor != CORE_FACTOR_FINE) {
		core_factor_refuse(job, factor, &err);
	} else if (result == IDM_OK) {
		core_audit_done(job, IDM_AUDIT_REAUTH, 0);
		core_rehash(job->core, hash);
		answer_privileged(job, &identity);
	} else if (result == IDM_DENIED && err.client_text[0] == '\0') {
		core_refuse_password(job, err.text, "");
	} else {
		core_job_fail(job, result, &err);
	}
}

void
core_verify_own(struct core_job *job, struct idm_span password, hash_done done)
{
	struct core_read read;
	struct idm_entry account;
	struct idm_error err = { .text = "" };
	struct hash_job *hash = hash_job_new(HASH_VERIFY, password);
	enum idm_result result = core_read_begin(job, &read, &err);

	if (result == IDM_OK && hash == NULL)
		result = idm_fail(&err, IDM_SYSTEM, "out of memory");
	if (result == IDM_OK)
		result = idm_lookup_uuid(&read.read, &job->identity.uuid, &account, &err);
	if (result == IDM_OK)
		result = idm_auth_plan_login(&read.read, job->core->data.password_ring,
		    password.len > IDM_PASSWORD_MAX_BYTES ? NULL : &account, &hash->plan, &err);
	core_read_end(&read);
	if (result == IDM_OK) {
		core_verify(job, hash, done);
		return;
	}
	hash_job_free(&hash);
	core_job_fail(job, result, &err);
}

/* A password, and maybe a code. */
static bool
read_proof(struct idm_span value, struct idm_span *password, struct idm_span *code)
{
	struct idm_span fields[2];

	*code = IDM_SPAN_EMPTY;
	if (core_read_strings(value, password, 1))
		return true;
	if (!core_read_strings(value, fields, 2))
		return false;
	*password = fields[0];
	*code = fields[1];
	return true;
}

void
core_session_reauth(struct core_job *job)
{
	struct idm_span password;

	if (!read_proof(job->message.extended.value, &password, &job->code))
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value is not a password");
	else if (job->identity.kind != IDM_IDENTITY_SESSION)
		core_job_done(job, LDAP_UNWILLING_TO_PERFORM, "only a session is re-authenticated");
	else
		core_verify_own(job, password, on_reauth);
}
