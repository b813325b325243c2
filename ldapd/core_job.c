/* The life of one bind or operation in the core process: begun by a frame, ended by an answer. */
#include "ldapd/channel.h"
#include "ldapd/core_audit.h"
#include "ldapd/log.h"
#include "ldapd/request.h"

#include <stdlib.h>
#include <string.h>

static struct core_job *
job_new(struct core *core, struct idm_span source)
{
	struct core_job *job = calloc(1, sizeof(*job));
	struct idm_arena *arena = idm_arena_new(CORE_JOB_ARENA_BYTES);
	size_t len = source.len < IPC_SOURCE_MAX ? source.len : IPC_SOURCE_MAX - 1;

	if (job == NULL || arena == NULL) {
		log_error("core: out of memory");
		exit(EXIT_FAILURE); /* the supervisor starts anew */
	}
	job->arena = arena;
	job->core = core;
	job->bytes = CORE_JOB_BYTES;
	if (len != 0)
		memcpy(job->source, source.ptr, len);
	memcpy(job->request.source, job->source, sizeof(job->request.source));
	return job;
}

struct core_job *
core_job_new(struct core_worker *worker, uint64_t seq, struct idm_span source)
{
	struct core_job *job = job_new(worker->core, source);

	job->worker_no = worker->no;
	job->seq = seq;
	return job;
}

struct core_job *
core_job_own(struct core *core)
{
	struct core_job *job = job_new(core, IDM_SPAN_LIT("core"));

	job->identity = (struct idm_identity){
		.kind = IDM_IDENTITY_INTERNAL, .scope = IDM_SCOPE_READ_WRITE, .expire_s = INT64_MAX
	};
	return job;
}

static void
job_free(struct core_job *job)
{
	idm_arena_free(&job->arena);
	free(job);
}

static void
send_answer(struct core_job *job, const struct ipc_frame *frame)
{
	struct core_worker *worker = core_worker_find(job->core, job->worker_no);

	if (worker != NULL)
		channel_send(worker->channel, frame);
	job_free(job);
}

void
core_job_bound(struct core_job *job, struct ipc_frame *frame)
{
	frame->bound.seq = job->seq;
	send_answer(job, frame);
}

void
core_job_done(struct core_job *job, enum ldap_result_code code, const char *text)
{
	struct ipc_frame frame = { .type = IPC_DONE };

	frame.done.seq = job->seq;
	frame.done.code = code;
	frame.done.text = idm_span_cstr(text);
	if (code == LDAP_SUCCESS) {
		frame.done.pre_read = job->pre_read.value;
		frame.done.post_read = job->post_read.value;
	}
	send_answer(job, &frame);
}

void
core_job_fail(struct core_job *job, enum idm_result result, const struct idm_error *err)
{
	if (err != NULL && err->text[0] != '\0' && err->client_text[0] == '\0')
		log_warn(
		    "core: %s from %s: %s", ldap_op_name(job->message.op), job->source, err->text);
	core_log_refusal(job, result, err);
	core_audit_refused(job, result, err);
	core_job_done(job, request_result_code(result), err == NULL ? "" : err->client_text);
}

void
core_job_value(struct core_job *job, struct ber_writer *value, const struct idm_identity *identity)
{
	struct ipc_frame frame = { .type = IPC_DONE };
	struct core_worker *worker = core_worker_find(job->core, job->worker_no);
	bool failed = value->failed;

	if (failed) {
		core_job_done(job, LDAP_OTHER, "the answer is too large");
	} else {
		frame.done.seq = job->seq;
		frame.done.code = LDAP_SUCCESS;
		frame.done.has_value = value->len != 0;
		frame.done.value = idm_span_of(value->data, value->len);
		if (identity != NULL && worker != NULL &&
		    core_identity(worker, job->handle) != NULL) {
			*core_identity(worker, job->handle) = *identity;
			frame.done.has_identity = true;
			frame.done.identity = *identity;
		}
		send_answer(job, &frame);
	}
	ber_writer_free(value);
}

void
core_job_found(struct core_job *job, enum ldap_result_code code, struct ber_writer *messages)
{
	struct ipc_frame frame = { .type = IPC_DONE };

	if (messages->failed) {
		core_job_done(job, LDAP_OTHER, "the answer is too large");
	} else {
		frame.done.seq = job->seq;
		frame.done.code = code;
		frame.done.has_value = true;
		frame.done.value = idm_span_of(messages->data, messages->len);
		send_answer(job, &frame);
	}
	ber_writer_free(messages);
}

enum idm_result
core_read_begin(struct core_job *job, struct core_read *out, struct idm_error *err)
{
	enum idm_result result;

	memset(out, 0, sizeof(*out));
	out->job = job;
	result = idm_store_read_begin(job->core->data.store, &out->txn, err);
	if (result == IDM_OK)
		result = idm_store_local_read_begin(job->core->data.store, &out->local, err);
	if (result == IDM_OK)
		result =
		    idm_read_attach(&out->txn, job->arena, core_now(job->core), &out->read, err);
	if (result == IDM_OK)
		result = idm_groups_use(job->core->groups, &out->read, err);
	if (result == IDM_OK)
		result = tree_refresh(&out->read, &job->core->tree, err);
	out->tree = job->core->tree;
	return result;
}

void
core_read_end(struct core_read *read)
{
	if (read->local.store != NULL)
		idm_store_read_end(&read->local);
	if (read->txn.store != NULL)
		idm_store_read_end(&read->txn);
}

enum idm_result
core_rights(const struct core_read *read, struct idm_access **out, struct idm_error *err)
{
	struct core_job *job = read->job;
	struct idm_access_table **table = &job->core->data.table;
	enum idm_result result = idm_access_table_refresh(&read->read, table, err);

	if (result == IDM_OK)
		result =
		    idm_access_resolve(&read->read, *table, &job->identity, job->arena, out, err);
	return result;
}

enum idm_result
core_find(const struct core_read *read, struct idm_span text, struct idm_entry *out,
    struct idm_error *err)
{
	struct idm_access *access = NULL;
	struct dn_target target;
	enum idm_result result;

	dn_to_target(text, &read->tree->suffix, read->job->arena, &target);
	if (target.kind == DN_INVALID)
		return IDM_NOT_FOUND;
	result = tree_find(&read->read, &target, out, err);
	if (result != IDM_OK || read->job->message.op == LDAP_BIND_REQUEST ||
	    target.naming != DN_NAMING_MAIL)
		return result;
	result = core_rights(read, &access, err);
	return result == IDM_OK ? tree_check_naming(&read->read, access, &target, out, err)
				: result;
}
