/* RADIUS secrets: shown, generated, deleted (SPEC 5.1). */
#include <openssl/crypto.h>

#include "common/exop.h"
#include "ldapd/ber.h"
#include "ldapd/core_audit.h"
#include "ldapd/core_exop.h"

static void
answer_radius(struct core_job *job, struct idm_span secret)
{
	struct ber_writer w;
	size_t seq;

	ber_writer_init(&w, CORE_VALUE_BYTES);
	seq = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_octets(&w, BER_OCTET_STRING, secret);
	ber_close(&w, seq);
	core_job_value(job, &w, NULL);
}

static void
on_radius_changed(struct core_job *job, enum idm_result result, const struct idm_error *err)
{
	if (result == IDM_OK)
		answer_radius(job, job->generated);
	else
		core_job_fail(job, result, err);
}

static enum idm_result
generate_radius(struct core_job *job, struct idm_error *err)
{
	char secret[IDM_GENERATED_SECRET_BYTES];

	if (!idm_secret_generate(secret))
		return idm_fail(err, IDM_SYSTEM, "no random octets");
	job->generated = idm_arena_copy(job->arena, idm_span_cstr(secret));
	OPENSSL_cleanse(secret, sizeof(secret));
	job->secret.plain = job->generated;
	job->secret.marker = "set";
	return job->generated.ptr == NULL ? IDM_LIMIT : IDM_OK;
}

static bool
read_radius(struct idm_span value, struct idm_span *target, int64_t *action)
{
	bool bad = false;
	struct ber_reader r = ber_reader_of(value, &bad);
	struct ber_reader seq = ber_read_nested(&r, BER_SEQUENCE);

	*target = ber_read_octets(&seq, BER_OCTET_STRING);
	*action = ber_read_integer(&seq, BER_ENUMERATED, EXOP_RADIUS_SHOW, EXOP_RADIUS_DELETE);
	ber_read_end(&seq);
	ber_read_end(&r);
	return !bad;
}

void
core_radius_secret(struct core_job *job)
{
	struct core_access a;
	struct idm_span target, secret = IDM_SPAN_EMPTY;
	struct idm_error err = { .text = "" };
	int64_t action;
	enum idm_result result;

	if (!read_radius(job->message.extended.value, &target, &action)) {
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
		return;
	}
	job->secret.attr_number = IDM_ATTR_RADIUS_SECRET;
	job->asked = action == EXOP_RADIUS_SHOW ? IDM_AUDIT_READ_SECRET : IDM_AUDIT_MODIFY;
	result = core_access_begin(job, target, &a, &err);
	if (result == IDM_OK && action == EXOP_RADIUS_SHOW)
		result = core_may_read(&a, IDM_ATTR_RADIUS_SECRET, &err);
	if (result == IDM_OK && action == EXOP_RADIUS_SHOW)
		result = core_open_secret(job, &a, IDM_ATTR_RADIUS_SECRET, &secret, &err);
	if (result == IDM_OK && action == EXOP_RADIUS_GENERATE)
		result = generate_radius(job, &err);
	core_read_end(&a.read);
	if (result != IDM_OK) {
		core_job_fail(job, result, &err);
	} else if (action == EXOP_RADIUS_SHOW) {
		core_audit_done(job, IDM_AUDIT_READ_SECRET, IDM_ATTR_RADIUS_SECRET);
		answer_radius(job, secret);
	} else {
		core_change_secret(job, on_radius_changed);
	}
}
