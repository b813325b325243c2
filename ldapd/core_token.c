/* API tokens of service accounts: listed, generated, destroyed (SPEC 7.4). */
#include <stdlib.h>

#include <openssl/crypto.h>

#include "common/exop.h"
#include "core/token_store.h"
#include "ldapd/ber.h"
#include "ldapd/core_exop.h"

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

static int
compare_rows(const void *a, const void *b)
{
	const struct idm_token_row *left = a, *right = b;

	if (left->issued_s != right->issued_s)
		return left->issued_s < right->issued_s ? -1 : 1;
	return memcmp(left->id.bytes, right->id.bytes, IDM_UUID_BYTES);
}

/* The account's tokens, oldest first; their labels borrow from the map. */
static enum idm_result
load_rows(struct core_job *job, const struct core_access *a, struct idm_token_row **out,
    size_t *count, struct idm_error *err)
{
	struct idm_uuid *ids;
	enum idm_result result =
	    idm_token_list(&a->read.txn, &a->target.uuid, job->arena, &ids, count, err);

	if (result != IDM_OK)
		return result;
	*out = idm_arena_array(job->arena, *count, sizeof(**out));
	if (*out == NULL)
		return IDM_LIMIT;
	for (size_t i = 0; i < *count && result == IDM_OK; i++) {
		result = idm_token_get(&a->read.txn, &ids[i], &(*out)[i], err);
		if (result == IDM_NOT_FOUND)
			result = idm_fail(err, IDM_CORRUPT, "an account's token is not there");
	}
	if (result == IDM_OK && *count != 0)
		qsort(*out, *count, sizeof(**out), compare_rows);
	return result;
}

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
	enum idm_result result = load_rows(job, a, &rows, &count, &err);

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
		if (rows[i].kind == IDM_TOKEN_API)
			write_row(&w, &rows[i]);
	}
	ber_close(&w, list);
	ber_close(&w, seq);
	core_job_value(job, &w, NULL);
}

/* --- generate, destroy */

static void
on_generated(struct core_job *job, enum idm_result result, const struct idm_error *err)
{
	struct ber_writer w;
	char id[IDM_UUID_TEXT];
	size_t seq;

	if (result != IDM_OK) {
		core_job_fail(job, result, err);
		return;
	}
	idm_uuid_format(&job->request.token->id, id);
	ber_writer_init(&w, CORE_VALUE_BYTES);
	seq = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_octets(&w, BER_OCTET_STRING, job->generated);
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_cstr(id));
	ber_close(&w, seq);
	core_job_value(job, &w, NULL);
}

static void
on_destroyed(struct core_job *job, enum idm_result result, const struct idm_error *err)
{
	if (result == IDM_OK)
		core_job_done(job, LDAP_SUCCESS, "");
	else
		core_job_fail(job, result, err);
}

/* The row to store; its text waits in job->generated. */
static enum idm_result
generate(struct core_job *job, struct idm_token_row *row, struct idm_error *err)
{
	char text[IDM_TOKEN_TEXT];

	if (!idm_token_generate(text, row))
		return idm_fail(err, IDM_SYSTEM, "no random octets");
	job->generated = idm_arena_copy(job->arena, idm_span_cstr(text));
	OPENSSL_cleanse(text, sizeof(text));
	return job->generated.ptr == NULL ? IDM_LIMIT : IDM_OK;
}

/* The request's token, in the job's arena, where the label is as well. */
static enum idm_result
prepare(struct core_job *job, const struct asked *asked, struct idm_error *err)
{
	struct idm_request_token *token = idm_arena_alloc(job->arena, sizeof(*token));
	struct idm_token_row *row = idm_arena_alloc(job->arena, sizeof(*row));
	enum idm_result result;

	if (token == NULL || row == NULL)
		return IDM_LIMIT;
	*token = (struct idm_request_token){ .id = asked->id };
	job->request.token = token;
	if (asked->action == EXOP_TOKEN_DESTROY)
		return IDM_OK;
	*row = asked->row;
	result = generate(job, row, err);
	token->id = row->id;
	token->issue = row;
	return result;
}

static void
change(struct core_job *job, const struct asked *asked)
{
	job->request.operation = IDM_OP_MODIFY;
	core_change(job, asked->action == EXOP_TOKEN_GENERATE ? on_generated : on_destroyed);
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
	else if (result == IDM_OK)
		result = prepare(job, &asked, &err);
	if (result != IDM_OK)
		core_job_fail(job, result, &err);
	else if (asked.action == EXOP_TOKEN_STATUS)
		answer_status(job, &a);
	else
		change(job, &asked);
	core_read_end(&a.read);
}
