/* The extended operations of common/exop.h and RFC 3062, in the core process: which there are, and
 * what they stand on. */
#include "ldapd/core_exop.h"

#include "common/exop.h"
#include "ldapd/ber.h"
#include "ldapd/core_audit.h"

bool
core_read_strings(struct idm_span value, struct idm_span *out, size_t max)
{
	bool bad = false;
	struct ber_reader r = ber_reader_of(value, &bad);
	struct ber_reader seq = ber_read_nested(&r, BER_SEQUENCE);

	for (size_t i = 0; i < max; i++)
		out[i] = ber_read_octets(&seq, BER_OCTET_STRING);
	ber_read_end(&seq);
	ber_read_end(&r);
	return !bad;
}

/* --- what the caller may do */

enum idm_result
core_access_begin(
    struct core_job *job, struct idm_span target, struct core_access *out, struct idm_error *err)
{
	enum idm_result result = core_read_begin(job, &out->read, err);

	job->subject = target;
	job->has_target = false;
	if (result == IDM_OK && target.len == 0)
		result = idm_lookup_uuid(&out->read.read, &job->identity.uuid, &out->target, err);
	else if (result == IDM_OK)
		result = core_find(&out->read, target, &out->target, err);
	if (result == IDM_OK) {
		job->request.target = out->target.uuid;
		job->has_target = true;
		result = core_rights(&out->read, &out->access, err);
	}
	if (result == IDM_OK)
		result = idm_access_search(
		    &out->read.read, out->access, &out->target, &out->readable, err);
	if (result == IDM_OK && idm_attrset_is_empty(&out->readable))
		result = IDM_NOT_FOUND;
	if (result == IDM_NOT_FOUND)
		return idm_refuse(err, IDM_NOT_FOUND, "no matching entries");
	return result;
}

enum idm_result
core_may_read(const struct core_access *a, uint32_t attr_number, struct idm_error *err)
{
	const struct idm_attr *attr = idm_schema_attr_number(a->read.read.schema, attr_number);

	if (idm_attrset_has(&a->readable, attr))
		return IDM_OK;
	return idm_access_refuse_search(&a->read.read, a->access, &a->target, attr, err);
}

enum idm_result
core_may_write(const struct core_access *a, uint32_t attr_number, struct idm_error *err)
{
	const struct idm_attr *attr = idm_schema_attr_number(a->read.read.schema, attr_number);
	struct idm_access_change change = { .class_count = 0 };

	idm_attrset_add(&change.present, attr);
	return idm_access_modify(&a->read.read, a->access, &a->target, &change, err);
}

enum idm_result
core_may_remove(const struct core_access *a, uint32_t attr_number, struct idm_error *err)
{
	const struct idm_attr *attr = idm_schema_attr_number(a->read.read.schema, attr_number);
	struct idm_access_change change = { .class_count = 0 };

	idm_attrset_add(&change.removed, attr);
	return idm_access_modify(&a->read.read, a->access, &a->target, &change, err);
}

enum idm_result
core_open_secret(struct core_job *job, const struct core_access *a, uint32_t attr_number,
    struct idm_span *out, struct idm_error *err)
{
	struct idm_span blob;
	enum idm_result result =
	    idm_lookup_secret(&a->read.read, a->target.id, attr_number, &blob, err);

	*out = IDM_SPAN_EMPTY;
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	if (result == IDM_OK)
		result = idm_unseal(job->core->data.radius_ring, &a->target.uuid, attr_number, blob,
		    job->arena, out, err);
	return result;
}

void
core_change_secret(struct core_job *job, core_changed changed)
{
	static const uint32_t factor[] = { IDM_ATTR_TOTP_SECRET, IDM_ATTR_BACKUP_CODES };
	struct idm_request_secret *secrets = idm_arena_array(job->arena, 3, sizeof(*secrets));

	if (secrets == NULL) {
		changed(job, IDM_LIMIT, NULL);
		return;
	}
	secrets[0] = job->secret;
	job->request.operation = IDM_OP_MODIFY;
	job->request.secrets = secrets;
	job->request.secret_count = 1;
	for (size_t i = 0; job->clears_factor && i < sizeof(factor) / sizeof(factor[0]); i++)
		secrets[job->request.secret_count++].attr_number = factor[i];
	core_change(job, changed);
}

void
core_hash_password(struct core_job *job, struct idm_span password, hash_done done)
{
	struct hash_job *hash = hash_job_new(HASH_MAKE, password);
	struct idm_error err = { .text = "" };

	if (hash == NULL) {
		core_job_fail(job, IDM_SYSTEM, NULL);
		return;
	}
	hash->context = job;
	hash->done = done;
	if (hash_pool_submit(job->core->pool, hash))
		return;
	hash_job_free(&hash);
	idm_refuse(&err, IDM_BUSY, "too many passwords are being hashed; try again");
	core_job_fail(job, IDM_BUSY, &err);
}

/* --- the table */

static const struct {
	const char *oid;
	void (*serve)(struct core_job *job);
} exops[] = {
	{ EXOP_SESSION_BEGIN, core_session_begin },
	{ EXOP_SESSION_END, core_session_end },
	{ EXOP_SESSION_REAUTH, core_session_reauth },
	{ EXOP_CREDENTIAL_STATUS, core_credential_status },
	{ EXOP_SOFTLOCK_RESET, core_softlock_reset },
	{ EXOP_CREDENTIAL_JUDGE, core_credential_judge },
	{ EXOP_RADIUS_SECRET, core_radius_secret },
	{ EXOP_SESSION_LIST, core_session_list },
	{ EXOP_API_TOKEN, core_api_token },
	{ EXOP_UNIX_PASSWORD, core_unix_password },
	{ EXOP_AUDIT, core_audit_trail },
	{ EXOP_APPLICATION_PASSWORD, core_application_password },
	{ EXOP_ACCESS_EXPLAIN, core_explain },
	{ EXOP_CREDENTIAL_UPDATE, core_credential_update },
	{ EXOP_RESET_TOKEN, core_reset_token },
	{ EXOP_LOGIN, core_login },
	{ EXOP_PASSWORD_MODIFY, core_password_modify },
};

/* Most of them are about an account that is bound; these look themselves at who asks. */
static bool
takes_anybody(const char *oid)
{
	static const char *const oids[] = { EXOP_CREDENTIAL_UPDATE, EXOP_LOGIN };

	for (size_t i = 0; i < sizeof(oids) / sizeof(oids[0]); i++) {
		if (strcmp(oid, oids[i]) == 0)
			return true;
	}
	return false;
}

void
core_exop(struct core_job *job)
{
	struct idm_error err = { .text = "" };

	for (size_t i = 0; i < sizeof(exops) / sizeof(exops[0]); i++) {
		if (!idm_span_is(job->message.extended.oid, exops[i].oid))
			continue;
		if (job->identity.kind == IDM_IDENTITY_ANONYMOUS && !takes_anybody(exops[i].oid))
			core_job_fail(job, idm_refuse(&err, IDM_DENIED, "bind first"), &err);
		else
			exops[i].serve(job);
		return;
	}
	core_job_done(job, LDAP_PROTOCOL_ERROR, "unknown extended operation");
}
