/* What the audit trail says of a job: what it was refused, what it did that is no change, and
 * logins. */
#include "common/exop.h"
#include "core/session.h"
#include "core/token_store.h"
#include "ldapd/core_audit.h"
#include "ldapd/shown_name.h"

/* --- what was asked for */

static const struct {
	const char *oid;
	enum idm_audit_operation operation;
	uint32_t attr_number; /* 0: none, or the job's */
} exops[] = {
	{ EXOP_SESSION_BEGIN, IDM_AUDIT_SESSION_BEGIN, 0 },
	{ EXOP_SESSION_LIST, IDM_AUDIT_READ, IDM_ATTR_USER_SESSION },
	{ EXOP_SESSION_END, IDM_AUDIT_SESSION_END, IDM_ATTR_USER_SESSION },
	{ EXOP_SESSION_REAUTH, IDM_AUDIT_REAUTH, 0 },
	{ EXOP_CREDENTIAL_STATUS, IDM_AUDIT_READ, IDM_ATTR_PRIMARY_CREDENTIAL },
	{ EXOP_CREDENTIAL_JUDGE, IDM_AUDIT_JUDGE, IDM_ATTR_PRIMARY_CREDENTIAL },
	{ EXOP_RADIUS_SECRET, IDM_AUDIT_MODIFY, 0 },
	{ EXOP_UNIX_PASSWORD, IDM_AUDIT_MODIFY, 0 },
	{ EXOP_PASSWORD_MODIFY, IDM_AUDIT_MODIFY, 0 },
	{ EXOP_API_TOKEN, IDM_AUDIT_API_TOKEN, IDM_ATTR_API_TOKEN_SESSION },
	{ EXOP_AUDIT, IDM_AUDIT_READ, IDM_ATTR_AUDIT_TRAIL },
	{ EXOP_ACCESS_EXPLAIN, IDM_AUDIT_READ, 0 },
	{ EXOP_CREDENTIAL_UPDATE, IDM_AUDIT_UPDATE_SESSION, IDM_ATTR_PRIMARY_CREDENTIAL },
	{ EXOP_SOFTLOCK_RESET, IDM_AUDIT_SOFTLOCK_RESET, IDM_ATTR_ACCOUNT_SOFTLOCK_EXPIRE },
	{ EXOP_RESET_TOKEN, IDM_AUDIT_RESET_TOKEN, IDM_ATTR_PRIMARY_CREDENTIAL },
};

static enum idm_audit_operation
operation_of_exop(const struct core_job *job, uint32_t *attr_number)
{
	*attr_number = job->secret.attr_number;
	if (job->asked != 0)
		return job->asked;
	for (size_t i = 0; i < sizeof(exops) / sizeof(exops[0]); i++) {
		if (!idm_span_is(job->message.extended.oid, exops[i].oid))
			continue;
		if (*attr_number == 0)
			*attr_number = exops[i].attr_number;
		return exops[i].operation;
	}
	return IDM_AUDIT_EXTENDED;
}

static enum idm_audit_operation
operation_of(const struct core_job *job, uint32_t *attr_number)
{
	*attr_number = 0;
	switch (job->message.op) {
	case LDAP_ADD_REQUEST: return IDM_AUDIT_CREATE;
	case LDAP_MODIFY_REQUEST:
		return job->request.operation == IDM_OP_REVIVE ? IDM_AUDIT_REVIVE
							       : IDM_AUDIT_MODIFY;
	case LDAP_DELETE_REQUEST: return IDM_AUDIT_DELETE;
	case LDAP_MODIFY_DN_REQUEST: *attr_number = IDM_ATTR_NAME; return IDM_AUDIT_MODIFY;
	case LDAP_EXTENDED_REQUEST: return operation_of_exop(job, attr_number);
	case LDAP_BIND_REQUEST: return IDM_AUDIT_LOGIN;
	case LDAP_SEARCH_REQUEST:
	case LDAP_COMPARE_REQUEST: return IDM_AUDIT_READ;
	case LDAP_UNBIND_REQUEST:
	case LDAP_ABANDON_REQUEST: break;
	}
	return IDM_AUDIT_EXTENDED;
}

/* The attributes that a client wrote, as it named them. */
static void
name_attributes(const struct ldap_message *message, struct idm_audit_record *record)
{
	if (message->op == LDAP_ADD_REQUEST) {
		for (size_t i = 0; i < message->add.attribute_count; i++)
			idm_audit_name_attribute(record, message->add.attributes[i].type);
	} else if (message->op == LDAP_MODIFY_REQUEST) {
		for (size_t i = 0; i < message->modify.change_count; i++)
			idm_audit_name_attribute(record, message->modify.changes[i].attribute.type);
	}
}

static void
name_attribute(struct idm_audit_record *record, uint32_t attr_number)
{
	static const struct {
		uint32_t number;
		const char *name;
	} names[] = {
#define NAME_OF(number, constant, name, syntax, flags) { number, name },
		IDM_ATTRIBUTES(NAME_OF)
#undef NAME_OF
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].number == attr_number)
			idm_audit_name_attribute(record, idm_span_cstr(names[i].name));
	}
}

static void
begin_record(const struct core_job *job, struct idm_audit_record *out)
{
	struct idm_span source = idm_span_cstr(job->source);

	*out = (struct idm_audit_record){ .source = source,
		.protocol = idm_span_is(source, "ldapi") ? IDM_AUDIT_LDAPI : IDM_AUDIT_LDAP,
		.has_actor = job->identity.kind != IDM_IDENTITY_INTERNAL,
		.has_target = job->has_target,
		.actor = job->identity.uuid,
		.session = job->identity.session,
		.target = job->request.target };
	if (!idm_uuid_is_null(&job->request.actor))
		out->actor = job->request.actor;
}

/* The operator's text. */
static struct idm_span
reason_of(const struct idm_error *err)
{
	if (err == NULL)
		return IDM_SPAN_EMPTY;
	return idm_span_cstr(err->text[0] != '\0' ? err->text : err->client_text);
}

void
core_audit_refused(struct core_job *job, enum idm_result result, const struct idm_error *err)
{
	struct idm_audit_record record;
	uint32_t attr_number;

	if (job->identity.kind == IDM_IDENTITY_INTERNAL)
		return;
	begin_record(job, &record);
	record.operation = operation_of(job, &attr_number);
	record.outcome = result;
	record.reason = reason_of(err);
	name_attributes(&job->message, &record);
	name_attribute(&record, attr_number);
	if (!record.has_target && idm_uuid_is_null(&record.target))
		record.target_name = core_job_subject(job);
	core_audit(job->core, &record);
}

void
core_audit_done(struct core_job *job, enum idm_audit_operation operation, uint32_t attr_number)
{
	struct idm_audit_record record;

	begin_record(job, &record);
	record.operation = operation;
	name_attribute(&record, attr_number);
	core_audit(job->core, &record);
}

/* --- logins */

static const char *
proof_of(enum idm_identity_kind kind)
{
	switch (kind) {
	case IDM_IDENTITY_ANONYMOUS: return "as anonymous";
	case IDM_IDENTITY_PASSWORD: return "by password";
	case IDM_IDENTITY_UNIX_PASSWORD: return "by unix password";
	case IDM_IDENTITY_APPLICATION: return "by application password";
	case IDM_IDENTITY_TOKEN: return "by API token";
	case IDM_IDENTITY_SESSION: return "by session";
	case IDM_IDENTITY_INTERNAL: break;
	}
	return "";
}

void
core_audit_login(struct core_job *job, const struct idm_identity *identity)
{
	struct idm_audit_record record;

	begin_record(job, &record);
	record.operation = IDM_AUDIT_LOGIN;
	record.has_target = false;
	record.actor = identity->uuid;
	if (job->has_target && idm_uuid_equal(&identity->uuid, &job->request.target))
		record.actor_name = job->target_name;
	record.session = identity->session;
	record.target = (struct idm_uuid){ { 0 } };
	record.reason = idm_span_cstr(proof_of(identity->kind));
	core_audit(job->core, &record);
}

void
core_audit_login_refused(struct core_job *job, enum idm_result result, const struct idm_error *err)
{
	struct idm_audit_record record;
	char name[SHOWN_NAME_BYTES];

	begin_record(job, &record);
	record.operation = IDM_AUDIT_LOGIN;
	record.outcome = result;
	record.has_actor = job->has_target;
	record.has_target = false;
	record.actor = job->request.target;
	record.actor_name = job->has_target ? job->target_name : IDM_SPAN_EMPTY;
	record.target = (struct idm_uuid){ { 0 } };
	record.reason = reason_of(err);
	if (!record.has_actor && job->core->tree != NULL)
		record.actor_name = idm_span_cstr(
		    shown_name(&job->core->tree->suffix, job->subject, job->arena, name));
	core_audit(job->core, &record);
}
