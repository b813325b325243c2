/* What a worker asks about cn=monitor: the rights of who asks, then the entries of the moment. */
#include "ldapd/core.h"
#include "ldapd/monitor.h"

enum { ANSWER_BYTES = IPC_FRAME_MAX - 1024 };

static struct idm_span
asked_for(const struct core_job *job)
{
	return job->message.op == LDAP_SEARCH_REQUEST ? job->message.search.base
						      : job->message.compare.dn;
}

static enum idm_result
check_rights(struct core_job *job, struct idm_error *err)
{
	struct idm_access *access = NULL;
	struct core_read read;
	bool allowed = false;
	enum idm_result result = core_read_begin(job, &read, err);

	if (result == IDM_OK)
		result = core_rights(&read, &access, err);
	if (result == IDM_OK)
		result = monitor_may_read(&read.read, access, &allowed, err);
	core_read_end(&read);
	return result == IDM_OK && !allowed ? IDM_NOT_FOUND : result;
}

static void
answer(struct core_job *job, const struct metric_samples *samples)
{
	struct ber_writer out;

	if (job->message.op == LDAP_COMPARE_REQUEST) {
		core_job_done(job, monitor_compare(&job->message.compare, samples, job->arena), "");
		return;
	}
	ber_writer_init(&out, ANSWER_BYTES);
	core_job_found(job,
	    monitor_search(
		&job->message, samples, job->core->config->limits.search_entries, job->arena, &out),
	    &out);
}

void
core_monitor(struct core_job *job)
{
	struct metric_samples samples = { .arena = job->arena };
	struct idm_error err = { .text = "" };
	enum idm_result result;

	if (!monitor_is_at(asked_for(job), job->arena)) {
		core_job_done(job, LDAP_OTHER, ""); /* what a worker answers itself */
		return;
	}
	result = check_rights(job, &err);
	if (result == IDM_OK)
		result = core_metrics(job->core, &samples, &err);
	if (result == IDM_OK)
		answer(job, &samples);
	else
		core_job_fail(job, result, &err);
}
