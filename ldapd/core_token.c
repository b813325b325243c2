/* API tokens of service accounts: listed, generated, destroyed (SPEC 7.4). */
#include <openssl/crypto.h>

#include "common/exop.h"
#include "ldapd/ber.h"
#include "ldapd/core_issue.h"

enum { LIST_BYTES = 64 * 1024 };

/* The years 0000 to 9999, which can be written. */
#define FIRST_S INT64_C(-62167219200)
#define LAST_S INT64_C(253402300799)

/* What is asked for. */
struct asked {
	struct idm_span target;
	int64_t action;
	struct idm_token_row row; /* to generate */
	struct idm_uuid id;       /* to destroy */
};

static bool
read_asked(struct idm_span value, struct asked *out)
{
	bool bad = false;
	struct ber_reader r = ber_reader_of(value, &bad);
	struct ber_reader seq = ber_read_nested(&r, BER_SEQUENCE);

	memset(out, 0, sizeof(*out));
	out->target = ber_read_octets(&seq, BER_OCTET_STRING);
	out->action = ber_read_integer(&seq, BER_ENUMERATED, EXOP_TOKEN_STATUS, EXOP_TOKEN_DESTROY);
	if (out->action == EXOP_TOKEN_GENERATE) {
		out->row.label = ber_read_octets(&seq, BER_OCTET_STRING);
		out->row.scope = ber_read_boolean(&seq, BER_BOOLEAN) ? IDM_SCOPE_READ_WRITE
								     : IDM_SCOPE_READ_ONLY;
		out->row.expire_s = INT64_MAX;
		if (!ber_at_end(&seq))
			out->row.expire_s = ber_read_integer(&seq, BER_INTEGER, FIRST_S, LAST_S);
	} else if (out->action == EXOP_TOKEN_DESTROY) {
		bad = !idm_uuid_parse(ber_read_octets(&seq, BER_OCTET_STRING), &out->id) || bad;
	}
	ber_read_end(&seq);
	ber_read_end(&r);
	return !bad;
}

/* --- status */

static void
write_row(struct ber_writer *w, const struct idm_token_row *row)
{
	size_t seq = ber_open(w, BER_SEQUENCE, BER_LONG);
	char id[IDM_UUID_TEXT];

	idm_uuid_format(&row->id, id);
	ber_write_octets(w, BER_OCTET_STRING, idm_span_cstr(id));
	ber_write_octets(w, BER_OCTET_STRING, row->label);
	ber_write_integer(w, BER_INTEGER, row->issued_s);
	ber_write_boolean(w, BER_BOOLEAN, row->scope == IDM_SCOPE_READ_WRITE);
	if (row->expire_s != INT64_MAX)
		ber_write_integer(w, BER_INTEGER, row->expire_s);
	ber_close(w, seq);
}

static void
answer_status(struct core_job *job, const struct core_access *a)
{
	struct ber_writer w;
	struct idm_token_row *rows;
	struct idm_error err = { .text = "" };
	char spn[IDM_SPN_MAX];
	size_t count, seq, list;
	enum idm_result result = core_issued_rows(job, a, IDM_TOKEN_API, &rows, &count, &err);

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
		write_row(&w, &rows[i]);
	ber_close(&w, list);
	ber_close(&w, seq);
	core_job_value(job, &w, NULL);
}

/* --- generate */

static void
generate(struct core_job *job, struct asked *asked)
{
	struct idm_error err = { .text = "" };
	char text[IDM_TOKEN_TEXT] = "";

	asked->row.kind = IDM_TOKEN_API;
	if (idm_token_generate(text, &asked->row)) {
		core_issue(job, &asked->row, idm_span_cstr(text));
	} else {
		idm_fail(&err, IDM_SYSTEM, "no random octets");
		core_job_fail(job, IDM_SYSTEM, &err);
	}
	OPENSSL_cleanse(text, sizeof(text));
}

/* --- the operation */

/* Who asks about another kind of entry is told that before what he may. */
static enum idm_result
check_kind(const struct core_access *a, struct idm_error *err)
{
	if (idm_entry_has_class(&a->target, "service_account"))
		return IDM_OK;
	return idm_refuse(err, IDM_CONSTRAINT,
	    "%.*s is no service account: only those have API "
	    "tokens",
	    IDM_SPAN_ARG(idm_entry_text(&a->target, IDM_ATTR_NAME)));
}

static void
serve(struct core_job *job, const struct core_access *a, struct asked *asked)
{
	if (asked->action == EXOP_TOKEN_STATUS)
		answer_status(job, a);
	else if (asked->action == EXOP_TOKEN_GENERATE)
		generate(job, asked);
	else
		core_issue_destroy(job, &asked->id);
}

void
core_api_token(struct core_job *job)
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
	if (result == IDM_OK)
		result = check_kind(&a, &err);
	if (result == IDM_OK && asked.action == EXOP_TOKEN_STATUS)
		result = core_may_read(&a, IDM_ATTR_API_TOKEN_SESSION, &err);
	if (result == IDM_OK)
		serve(job, &a, &asked);
	else
		core_job_fail(job, result, &err);
	core_read_end(&a.read);
}
