/* Refused changes in the log: who wanted what with which entry, and why not (SPEC 11.4). */
#include "ldapd/core.h"

#include "ldapd/log.h"

enum { SHOWN_BYTES = 256 };

struct idm_span
core_job_subject(const struct core_job *job)
{
	const struct ldap_message *message = &job->message;

	switch (message->op) {
	case LDAP_ADD_REQUEST: return message->add.dn;
	case LDAP_MODIFY_REQUEST: return message->modify.dn;
	case LDAP_DELETE_REQUEST: return message->delete_dn;
	case LDAP_MODIFY_DN_REQUEST: return message->modify_dn.dn;
	case LDAP_EXTENDED_REQUEST: return job->subject;
	case LDAP_BIND_REQUEST:
	case LDAP_UNBIND_REQUEST:
	case LDAP_SEARCH_REQUEST:
	case LDAP_COMPARE_REQUEST:
	case LDAP_ABANDON_REQUEST: break;
	}
	return IDM_SPAN_EMPTY;
}

/* The spn of who asked; its uuid, when it has none any more. */
static void
name_actor(struct core_job *job, char out[IDM_SPN_MAX])
{
	struct core_read read;
	struct idm_entry actor;
	enum idm_result result = core_read_begin(job, &read, NULL);

	idm_uuid_format(&job->identity.uuid, out);
	if (result == IDM_OK)
		result = idm_lookup_uuid(&read.read, &job->identity.uuid, &actor, NULL);
	if (result == IDM_OK && idm_entry_has(&actor, IDM_ATTR_NAME))
		idm_lookup_spn(&read.read, &actor, out);
	core_read_end(&read);
}

/* Is it about what somebody may do, or what is there, rather than about how it was asked? */
static bool
is_refusal(enum idm_result result)
{
	switch (result) {
	case IDM_NOT_FOUND:
	case IDM_DENIED:
	case IDM_CONSTRAINT:
	case IDM_EXISTS:
	case IDM_PROTECTED: return true;
	case IDM_OK:
	case IDM_INVALID:
	case IDM_SCHEMA:
	case IDM_ASSERTION:
	case IDM_LIMIT:
	case IDM_BUSY:
	case IDM_CORRUPT:
	case IDM_SYSTEM: break;
	}
	return false;
}

void
core_log_refusal(struct core_job *job, enum idm_result result, const struct idm_error *err)
{
	struct idm_span reason = err == NULL ? IDM_SPAN_EMPTY : idm_span_cstr(err->client_text);
	char actor[IDM_SPN_MAX], subject[SHOWN_BYTES], why[SHOWN_BYTES];

	if (!is_refusal(result) || reason.len == 0 || job->handle == 0)
		return;
	name_actor(job, actor);
	log_warn("core: %s from %s: %s of \"%s\" refused: %s", actor, job->source,
	    ldap_op_name(job->message.op),
	    log_escape(core_job_subject(job), subject, sizeof(subject)),
	    log_escape(reason, why, sizeof(why)));
}
