/* Application passwords: listed, created, destroyed (core/application.h). */
#include <openssl/crypto.h>

#include "common/exop.h"
#include "core/application.h"
#include "ldapd/ber.h"
#include "ldapd/core_issue.h"

enum { LIST_BYTES = 64 * 1024 };

struct asked {
	struct idm_span target;
	int64_t action;
	struct idm_span application; /* to create */
	struct idm_span label;
	struct idm_uuid id; /* to destroy */
};

static bool
read_asked(struct idm_span value, struct asked *out)
{
	bool bad = false;
	struct ber_reader r = ber_reader_of(value, &bad);
	struct ber_reader seq = ber_read_nested(&r, BER_SEQUENCE);

	memset(out, 0, sizeof(*out));
	out->target = ber_read_octets(&seq, BER_OCTET_STRING);
	out->action =
	    ber_read_integer(&seq, BER_ENUMERATED, EXOP_APPLICATION_LIST, EXOP_APPLICATION_DESTROY);
	if (out->action == EXOP_APPLICATION_CREATE) {
		out->application = ber_read_octets(&seq, BER_OCTET_STRING);
		out->label = ber_read_octets(&seq, BER_OCTET_STRING);
	} else if (out->action == EXOP_APPLICATION_DESTROY) {
		bad = !idm_uuid_parse(ber_read_octets(&seq, BER_OCTET_STRING), &out->id) || bad;
	}
	ber_read_end(&seq);
	ber_read_end(&r);
	return !bad;
}

/* --- list */

static void
write_row(struct ber_writer *w, const struct core_access *a, const struct idm_token_row *row)
{
	size_t seq = ber_open(w, BER_SEQUENCE, BER_LONG);
	struct idm_entry application;
	char id[IDM_UUID_TEXT];

	idm_uuid_format(&row->id, id);
	ber_write_octets(w, BER_OCTET_STRING, idm_span_cstr(id));
	if (idm_lookup_uuid(&a->read.read, &row->application, &application, NULL) == IDM_OK)
		ber_write_octets(w, BER_OCTET_STRING, idm_entry_text(&application, IDM_ATTR_NAME));
	else
		ber_write_octets(w, BER_OCTET_STRING, IDM_SPAN_EMPTY); /* it is gone for good */
	ber_write_octets(w, BER_OCTET_STRING, row->label);
	ber_write_integer(w, BER_INTEGER, row->issued_s);
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
	    core_issued_rows(job, a, IDM_TOKEN_APPLICATION, &rows, &count, &err);

	if (result != IDM_OK) {
		core_job_fail(job, result, &err);
		return;
	}
	ber_writer_init(&w, LIST_BYTES);
	seq = ber_open(&w, BER_SEQUENCE, BER_LONG);
	ber_write_octets(
	    &w, BER_OCTET_STRING, idm_span_of(spn, idm_lookup_spn(&a->read.read, &a->target, spn)));
	list = ber_open(&w, BER_SEQUENCE, BER_LONG);
	for (size_t i = 0; i < count; i++)
		write_row(&w, a, &rows[i]);
	ber_close(&w, list);
	ber_close(&w, seq);
	core_job_value(job, &w, NULL);
}

/* --- create */

/* By the name that people know it by. */
static enum idm_result
find_application(
    const struct core_access *a, struct idm_span name, struct idm_uuid *out, struct idm_error *err)
{
	struct idm_entry entry;
	enum idm_result result = idm_lookup_text(&a->read.read, name, &entry, err);

	if (result == IDM_NOT_FOUND ||
	    (result == IDM_OK && !idm_entry_has_class(&entry, "application")))
		return idm_refuse(
		    err, IDM_CONSTRAINT, "there is no application %.*s", IDM_SPAN_ARG(name));
	*out = entry.uuid;
	return result;
}

static void
create(struct core_job *job, const struct core_access *a, const struct asked *asked)
{
	struct idm_token_row row = { .kind = IDM_TOKEN_APPLICATION,
		.scope = IDM_SCOPE_READ_ONLY,
		.expire_s = INT64_MAX,
		.label = asked->label };
	char text[IDM_GENERATED_PASSWORD_BYTES] = "";
	struct idm_error err = { .text = "" };
	enum idm_result result = find_application(a, asked->application, &row.application, &err);

	if (result == IDM_OK && !idm_application_password_generate(text, &row))
		result = idm_fail(&err, IDM_SYSTEM, "no random octets");
	if (result == IDM_OK)
		core_issue(job, &row, idm_span_cstr(text));
	else
		core_job_fail(job, result, &err);
	OPENSSL_cleanse(text, sizeof(text));
}

/* --- the operation */

static void
serve(struct core_job *job, const struct core_access *a, const struct asked *asked)
{
	if (asked->action == EXOP_APPLICATION_LIST)
		answer_list(job, a);
	else if (asked->action == EXOP_APPLICATION_CREATE)
		create(job, a, asked);
	else
		core_issue_destroy(job, &asked->id);
}

void
core_application_password(struct core_job *job)
{
	struct core_access a;
	struct asked asked;
	struct idm_error err = { .text = "" };
	enum idm_result result;

	if (!read_asked(job->message.extended.value, &asked)) {
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
		return;
	}
	result = core_access_begin(job, asked.target, &a, &err);
	if (result == IDM_OK && asked.action == EXOP_APPLICATION_LIST)
		result = core_may_read(&a, IDM_ATTR_UNIX_PASSWORD, &err);
	else if (result == IDM_OK)
		result = core_may_write(&a, IDM_ATTR_UNIX_PASSWORD, &err);
	if (result == IDM_OK)
		serve(job, &a, &asked);
	else
		core_job_fail(job, result, &err);
	core_read_end(&a.read);
}
