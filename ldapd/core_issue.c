#include "ldapd/core_issue.h"

#include <stdlib.h>

#include "core/token_store.h"
#include "ldapd/ber.h"

/* --- rows */

enum idm_result
core_issued_rows(struct core_job *job, const struct core_access *a, enum idm_token_kind kind,
    struct idm_token_row **out, size_t *count, struct idm_error *err)
{
	struct idm_uuid *ids;
	size_t all;
	enum idm_result result =
	    idm_token_list(&a->read.txn, &a->target.uuid, job->arena, &ids, &all, err);

	*count = 0;
	if (result != IDM_OK)
		return result;
	*out = idm_arena_array(job->arena, all, sizeof(**out));
	if (*out == NULL)
		return IDM_LIMIT;
	for (size_t i = 0; i < all && result == IDM_OK; i++) {
		struct idm_token_row *row = &(*out)[*count];

		result = idm_token_get(&a->read.txn, &ids[i], row, err);
		if (result == IDM_NOT_FOUND)
			result = idm_fail(err, IDM_CORRUPT, "an account's token is not there");
		if (result == IDM_OK && row->kind == kind)
			(*count)++;
	}
	if (result == IDM_OK && *count != 0)
		qsort(*out, *count, sizeof(**out), idm_token_row_by_age);
	return result;
}

/* --- changes */

static void
on_issued(struct core_job *job, enum idm_result result, const struct idm_error *err)
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

/* The request's token, in the job's arena; NULL: that is used up. */
static struct idm_request_token *
request_token(struct core_job *job, const struct idm_uuid *id)
{
	struct idm_request_token *token = idm_arena_alloc(job->arena, sizeof(*token));

	if (token != NULL)
		*token = (struct idm_request_token){ .id = *id };
	job->request.token = token;
	job->request.operation = IDM_OP_MODIFY;
	return token;
}

void
core_issue(struct core_job *job, const struct idm_token_row *row, struct idm_span text)
{
	struct idm_request_token *token = request_token(job, &row->id);
	struct idm_token_row *copy = idm_arena_alloc(job->arena, sizeof(*copy));

	job->generated = idm_arena_copy(job->arena, text);
	if (token == NULL || copy == NULL || job->generated.ptr == NULL) {
		core_job_fail(job, IDM_LIMIT, NULL);
		return;
	}
	*copy = *row;
	token->issue = copy;
	core_change(job, on_issued);
}

void
core_issue_destroy(struct core_job *job, const struct idm_uuid *id)
{
	if (request_token(job, id) == NULL)
		core_job_fail(job, IDM_LIMIT, NULL);
	else
		core_change(job, on_destroyed);
}
