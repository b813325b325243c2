/* Login sessions that there are: listed, and ended before their time (SPEC 7.3). */
#include "core/session.h"
#include "ldapd/ber.h"
#include "ldapd/core_audit.h"
#include "ldapd/core_exop.h"

enum { LIST_BYTES = 32 * 1024 };

/* --- listed */

static void
write_row(struct ber_writer *w, const struct core_job *job, const struct idm_token_row *row)
{
	size_t seq = ber_open(w, BER_SEQUENCE, BER_SHORT);
	char id[IDM_UUID_TEXT];

	idm_uuid_format(&row->id, id);
	ber_write_octets(w, BER_OCTET_STRING, idm_span_cstr(id));
	ber_write_octets(w, BER_OCTET_STRING, row->label);
	ber_write_integer(w, BER_INTEGER, row->issued_s);
	ber_write_integer(w, BER_INTEGER, row->expire_s);
	ber_write_integer(w, BER_INTEGER, row->privileged_until_s);
	ber_write_boolean(w, BER_BOOLEAN, idm_uuid_equal(&row->id, &job->identity.session));
	ber_close(w, seq);
}

static void
answer_list(struct core_job *job, const struct core_access *a)
{
	struct ber_writer w;
	struct idm_token_row *rows;
	struct idm_error err = { .text = "" };
	char spn[IDM_SPN_MAX];
	size_t count, seq, list;
	enum idm_result result =
	    idm_session_list(&a->read.local, &a->target.uuid, job->arena, &rows, &count, &err);

	if (result != IDM_OK) {
		core_job_fail(job, result, &err);
		return;
	}
	ber_writer_init(&w, LIST_BYTES);
	seq = ber_open(&w, BER_SEQUENCE, BER_LONG);
	ber_write_octets(
	    &w, BER_OCTET_STRING, idm_span_of(spn, idm_lookup_spn(&a->read.read, &a->target, spn)));
	list = ber_open(&w, BER_SEQUENCE, BER_LONG);
	for (size_t i = 0; i < count; i++) {
		if (rows[i].expire_s > a->read.read.now.at_s)
			write_row(&w, job, &rows[i]);
	}
	ber_close(&w, list);
	ber_close(&w, seq);
	core_job_value(job, &w, NULL);
}

void
core_session_list(struct core_job *job)
{
	struct core_access a;
	struct idm_span target;
	struct idm_error err = { .text = "" };
	enum idm_result result;

	if (!core_read_strings(job->message.extended.value, &target, 1)) {
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
		return;
	}
	result = core_access_begin(job, target, &a, &err);
	if (result == IDM_OK)
		result = core_may_read(&a, IDM_ATTR_USER_SESSION, &err);
	if (result == IDM_OK)
		answer_list(job, &a);
	else
		core_job_fail(job, result, &err);
	core_read_end(&a.read);
}

/* --- ended */

/* Which one is to end. */
struct ending {
	struct idm_span target; /* empty: one's own account */
	struct idm_uuid id;
	struct idm_uuid account;
};

/* No value: the session that is bound. */
static bool
read_ending(const struct core_job *job, struct ending *out)
{
	const struct ldap_extended_request *request = &job->message.extended;
	bool bad = false;
	struct ber_reader r = ber_reader_of(request->value, &bad);
	struct ber_reader seq;
	struct idm_span id;

	*out = (struct ending){ .id = job->identity.session };
	if (!request->has_value)
		return true;
	seq = ber_read_nested(&r, BER_SEQUENCE);
	id = ber_read_octets(&seq, BER_OCTET_STRING);
	if (!ber_at_end(&seq))
		out->target = ber_read_octets(&seq, BER_OCTET_STRING);
	ber_read_end(&seq);
	ber_read_end(&r);
	return !bad && idm_uuid_parse(id, &out->id);
}

/* One's own can be ended at any time by who has logged in; for others it takes a right. */
static enum idm_result
may_end(const struct core_job *job, const struct core_access *a, struct idm_error *err)
{
	const struct idm_identity *identity = &job->identity;

	if (idm_uuid_equal(&a->target.uuid, &identity->uuid) &&
	    (identity->kind == IDM_IDENTITY_SESSION || identity->kind == IDM_IDENTITY_PASSWORD))
		return IDM_OK;
	return core_may_remove(a, IDM_ATTR_USER_SESSION, err);
}

static enum idm_result
check_session(const struct core_access *a, const struct ending *ending, struct idm_error *err)
{
	struct idm_token_row row;
	struct idm_span name = idm_entry_text(&a->target, IDM_ATTR_NAME);
	enum idm_result result = idm_session_get(&a->read.local, &ending->id, &row, err);

	if (result == IDM_OK &&
	    (row.kind != IDM_TOKEN_SESSION || !idm_uuid_equal(&row.account, &ending->account)))
		result = IDM_NOT_FOUND;
	if (result == IDM_NOT_FOUND)
		return idm_refuse(
		    err, IDM_NOT_FOUND, "%.*s has no such session", IDM_SPAN_ARG(name));
	return result;
}

static enum idm_result
remove_session(struct core_job *job, const struct idm_uuid *id, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_local_write_begin(job->core->data.store, &txn, err);

	if (result == IDM_OK)
		result = idm_session_remove(&txn, id, err);
	return idm_store_write_end(&txn, result, err);
}

/* Of one's own the record names the session that ended, of another's the one that ended it. */
static void
record_end(struct core_job *job, const struct ending *ending)
{
	job->request.target = ending->account;
	if (idm_uuid_equal(&ending->account, &job->identity.uuid))
		job->identity.session = ending->id;
	core_audit_done(job, IDM_AUDIT_SESSION_END, IDM_ATTR_USER_SESSION);
}

void
core_session_end(struct core_job *job)
{
	struct core *core = job->core;
	struct core_access a;
	struct ending ending;
	struct idm_error err = { .text = "" };
	enum idm_result result;

	if (!read_ending(job, &ending)) {
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value is not a session's id");
		return;
	}
	result = core_access_begin(job, ending.target, &a, &err);
	if (result == IDM_OK)
		result = may_end(job, &a, &err);
	if (result == IDM_OK)
		ending.account = a.target.uuid;
	if (result == IDM_OK)
		result = check_session(&a, &ending, &err);
	core_read_end(&a.read);
	if (result == IDM_OK)
		result = remove_session(job, &ending.id, &err);
	if (result != IDM_OK) {
		core_job_fail(job, result, &err);
		return;
	}
	record_end(job, &ending);
	core_job_done(job, LDAP_SUCCESS, "");
	core_revoke_session(core, &ending.account, &ending.id);
}
