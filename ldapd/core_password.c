/* Passwords: their state, their quality, and Password Modify (RFC 3062). */
#include <openssl/crypto.h>

#include "core/builtin.h"
#include "core/policy.h"
#include "core/second_factor.h"
#include "ldapd/ber.h"
#include "ldapd/core_audit.h"
#include "ldapd/core_exop.h"

static const char *
state_of(const struct idm_entry *entry, uint32_t attr_number)
{
	struct idm_span marker = idm_entry_text(entry, attr_number);

	if (marker.len == 0)
		return "not set";
	return idm_span_is(marker, "generated") ? "generated password set" : "password set";
}

static void
answer_status(struct core_job *job, const struct core_access *a)
{
	struct ber_writer w;
	char spn[IDM_SPN_MAX];
	char uuid[IDM_UUID_TEXT];
	size_t spn_len = idm_lookup_spn(&a->read.read, &a->target, spn);
	size_t seq;

	idm_uuid_format(&a->target.uuid, uuid);
	ber_writer_init(&w, CORE_VALUE_BYTES);
	seq = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_of(spn, spn_len));
	ber_write_octets(&w, BER_OCTET_STRING, idm_entry_text(&a->target, IDM_ATTR_DISPLAYNAME));
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_cstr(uuid));
	ber_write_octets(
	    &w, BER_OCTET_STRING, idm_span_cstr(state_of(&a->target, IDM_ATTR_PRIMARY_CREDENTIAL)));
	ber_write_octets(
	    &w, BER_OCTET_STRING, idm_span_cstr(state_of(&a->target, IDM_ATTR_UNIX_PASSWORD)));
	ber_write_octets(
	    &w, BER_OCTET_STRING, idm_span_cstr(idm_factor_is_set(&a->target) ? "set" : "not set"));
	ber_write_boolean(
	    &w, BER_BOOLEAN, core_may_write(a, IDM_ATTR_PRIMARY_CREDENTIAL, NULL) == IDM_OK);
	core_softlock_write(job, a, &w);
	ber_close(&w, seq);
	core_job_value(job, &w, NULL);
}

void
core_credential_status(struct core_job *job)
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
		result = core_may_read(&a, IDM_ATTR_PRIMARY_CREDENTIAL, &err);
	if (result == IDM_OK)
		answer_status(job, &a);
	else
		core_job_fail(job, result, &err);
	core_read_end(&a.read);
}

/* The values of an attribute, in the arena. */
static enum idm_result
collect(struct core_job *job, const struct idm_entry *entry, uint32_t attr_number, bool norm,
    struct idm_span *list, size_t room, size_t *count)
{
	struct idm_value_iter iter = idm_entry_values(entry, attr_number);
	struct idm_value value;

	while (*count < room && idm_value_next(&iter, &value)) {
		struct idm_span copy = idm_arena_copy(job->arena, norm ? value.norm : value.stored);

		if (copy.ptr == NULL)
			return IDM_LIMIT;
		list[(*count)++] = copy;
	}
	return IDM_OK;
}

enum { OWN_WORDS = 16 };

static enum idm_result
load_badlist(struct core_job *job, const struct core_access *a, struct idm_quality *quality,
    struct idm_error *err)
{
	struct idm_uuid uuid = idm_uuid_builtin(IDM_BUILTIN_SYSTEM_CONFIG);
	struct idm_entry config;
	struct idm_span *list;
	size_t room;
	enum idm_result result = idm_lookup_uuid(&a->read.read, &uuid, &config, err);

	if (result != IDM_OK)
		return result;
	room = idm_entry_values(&config, IDM_ATTR_BADLIST_PASSWORD).left;
	list = idm_arena_array(job->arena, room, sizeof(*list));
	if (list == NULL)
		return IDM_LIMIT;
	quality->badlist = list;
	return collect(
	    job, &config, IDM_ATTR_BADLIST_PASSWORD, true, list, room, &quality->badlist_count);
}

static uint32_t
count_chars(struct idm_span text)
{
	uint32_t count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += (text.ptr[i] & 0xc0) != 0x80;
	return count;
}

enum idm_result
core_judge_password(struct core_job *job, const struct core_access *a, struct idm_span password,
    struct idm_error *err)
{
	return core_judge_password_beside(job, a, password, false, NULL, err);
}

/* The default minimum is lower beside a second factor; one that a policy raised is not. */
enum idm_result
core_judge_password_beside(struct core_job *job, const struct core_access *a,
    struct idm_span password, bool factor, bool *is_short, struct idm_error *err)
{
	static const uint32_t own[] = { IDM_ATTR_NAME, IDM_ATTR_DISPLAYNAME, IDM_ATTR_LEGALNAME,
		IDM_ATTR_MAIL };
	struct idm_span words[OWN_WORDS];
	struct idm_quality quality = { .words = words };
	struct idm_policy policy;
	enum idm_result result = idm_policy_of(&a->read.read, &a->target, &policy, err);

	quality.min_chars = policy.password_minimum;
	if (factor && policy.password_minimum <= IDM_PASSWORD_MIN_CHARS)
		quality.min_chars = IDM_FACTOR_PASSWORD_MIN_CHARS;
	if (is_short != NULL)
		*is_short = count_chars(password) < policy.password_minimum;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]) && result == IDM_OK; i++)
		result =
		    collect(job, &a->target, own[i], false, words, OWN_WORDS, &quality.word_count);
	if (result == IDM_OK)
		result = load_badlist(job, a, &quality, err);
	if (result == IDM_OK)
		result =
		    core_open_secret(job, a, IDM_ATTR_RADIUS_SECRET, &quality.radius_secret, err);
	if (result == IDM_OK)
		result = idm_password_judge(password, &quality, err);
	return result;
}

void
core_credential_judge(struct core_job *job)
{
	struct core_access a;
	struct idm_span fields[2];
	struct idm_error err = { .text = "" };
	enum idm_result result;

	if (!core_read_strings(job->message.extended.value, fields, 2)) {
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
		return;
	}
	result = core_access_begin(job, fields[0], &a, &err);
	if (result == IDM_OK)
		result = core_may_write(&a, IDM_ATTR_PRIMARY_CREDENTIAL, &err);
	if (result == IDM_OK)
		result = core_judge_password(job, &a, fields[1], &err);
	core_read_end(&a.read);
	if (result == IDM_OK)
		core_job_done(job, LDAP_SUCCESS, "");
	else
		core_job_fail(job, result, &err);
}

/* --- Password Modify (RFC 3062) */

/* A login by one's own old password goes on with the new one. */
static const struct idm_identity *
renewed_identity(struct core_job *job)
{
	struct idm_identity *identity = &job->identity;

	if (!idm_uuid_equal(&identity->uuid, &job->request.target) ||
	    identity->credential_attr != job->secret.attr_number)
		return NULL;
	identity->credential_no = job->change_no;
	return identity;
}

static void
on_secret_set(struct core_job *job, enum idm_result result, const struct idm_error *err)
{
	struct ber_writer w;

	if (result != IDM_OK) {
		core_job_fail(job, result, err);
		return;
	}
	ber_writer_init(&w, CORE_VALUE_BYTES);
	if (job->generated.len != 0)
		ldap_password_modify_encode(&w, job->generated);
	core_job_value(job, &w, renewed_identity(job));
}

static void
on_hashed(struct hash_job *hash)
{
	struct core_job *job = hash->context;

	if (hash->result != IDM_OK) {
		core_job_fail(job, hash->result, &hash->err);
		return;
	}
	job->secret.plain = idm_arena_copy(job->arena, idm_span_cstr(hash->phc));
	if (job->secret.plain.ptr == NULL)
		core_job_fail(job, IDM_LIMIT, NULL);
	else
		core_change_secret(job, on_secret_set);
}

/* The password to be stored: the one that was asked for, if it is good, or a generated one. */
static enum idm_result
choose_password(struct core_job *job, const struct core_access *a,
    const struct ldap_password_modify *modify, struct idm_span *out, struct idm_error *err)
{
	char generated[IDM_GENERATED_PASSWORD_BYTES];
	enum idm_result result;

	if (!modify->has_new) {
		if (!idm_password_generate(generated))
			return idm_fail(err, IDM_SYSTEM, "no random octets");
		*out = idm_arena_copy(job->arena, idm_span_cstr(generated));
		OPENSSL_cleanse(generated, sizeof(generated));
		job->generated = *out;
		job->secret.marker = "generated";
		return out->ptr == NULL ? IDM_LIMIT : IDM_OK;
	}
	if (idm_entry_has_class(&a->target, "service_account"))
		return idm_refuse(err, IDM_CONSTRAINT,
		    "a service account holds generated passwords alone: ask for one without naming "
		    "it");
	result = core_judge_password(job, a, modify->new_password, err);
	*out = modify->new_password;
	job->secret.marker = "password";
	return result;
}

/* Of the kind that job->secret.attr_number is. */
static void
password_set(struct core_job *job, const struct ldap_password_modify *modify)
{
	struct core_access a;
	struct idm_span password = IDM_SPAN_EMPTY;
	struct idm_error err = { .text = "" };
	enum idm_result result = core_access_begin(job, modify->user, &a, &err);

	if (result == IDM_OK)
		result = core_may_write(&a, job->secret.attr_number, &err);
	if (result == IDM_OK)
		result = choose_password(job, &a, modify, &password, &err);
	/* Somebody else's reset: who lost the password may have lost the authenticator with it. */
	job->clears_factor = job->secret.attr_number == IDM_ATTR_PRIMARY_CREDENTIAL &&
			     !idm_uuid_equal(&job->request.target, &job->identity.uuid);
	core_read_end(&a.read);
	if (result == IDM_OK)
		core_hash_password(job, password, on_hashed);
	else
		core_job_fail(job, result, &err);
}

static void
refuse_old(struct core_job *job, const struct idm_auth_plan *plan)
{
	job->request.target = job->identity.uuid;
	job->has_target = true;
	core_refuse_password(job, plan->reason[0] == '\0' ? "wrong password" : plan->reason,
	    "the old password is wrong");
}

/* The old password was given, and tested: the rest of the request. */
static void
on_old_verified(struct hash_job *hash)
{
	struct core_job *job = hash->context;
	struct ldap_password_modify modify;

	if (hash->result != IDM_OK)
		core_job_fail(job, hash->result, &hash->err);
	else if (hash->fitted < 0)
		refuse_old(job, &hash->plan);
	else if (ldap_password_modify_decode(job->message.extended.value, &modify))
		password_set(job, &modify);
	else
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
}

void
core_password_modify(struct core_job *job)
{
	const struct ldap_extended_request *request = &job->message.extended;
	struct ldap_password_modify modify = { .has_user = false };

	job->secret.attr_number = IDM_ATTR_PRIMARY_CREDENTIAL;
	if (request->has_value && !ldap_password_modify_decode(request->value, &modify))
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
	else if (modify.has_old)
		core_verify_own(job, modify.old_password, on_old_verified);
	else
		password_set(job, &modify);
}

void
core_unix_password(struct core_job *job)
{
	struct idm_span fields[2];
	struct ldap_password_modify modify = { .has_user = true };

	if (!core_read_strings(job->message.extended.value, fields, 2)) {
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
		return;
	}
	modify.user = fields[0];
	modify.has_new = fields[1].len != 0;
	modify.new_password = fields[1];
	job->secret.attr_number = IDM_ATTR_UNIX_PASSWORD;
	password_set(job, &modify);
}
