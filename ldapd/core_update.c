/* The steps of a credential update session (common/exop.h, SPEC 6.8). */
#include "ldapd/core_update.h"

#include <openssl/crypto.h>

#include "common/exop.h"
#include "core/admission.h"
#include "core/authenticate.h"
#include "core/closure.h"
#include "ldapd/ber.h"
#include "ldapd/core_audit.h"

/* --- whose rights it has, and what with */

/* Who made the token that the session began with, as if he had just logged in. */
static struct idm_identity
maker_of(const struct core_update *update)
{
	return (struct idm_identity){ .kind = IDM_IDENTITY_PASSWORD,
		.uuid = update->begun_by,
		.scope = IDM_SCOPE_READ_WRITE,
		.high_privilege = true, /* he has no login that would end by it */
		.privileged_until_s = INT64_MAX,
		.expire_s = INT64_MAX };
}

/* A step needs no privilege beyond that of the beginning: for its time there is the session's. */
static enum idm_result
take_identity(struct core_job *job, const struct core_update *update, struct idm_error *err)
{
	if (update->by_reset) {
		job->identity = maker_of(update);
		job->request.actor = update->account; /* who is recorded */
		return IDM_OK;
	}
	if (!idm_uuid_equal(&job->identity.uuid, &update->begun_by))
		return idm_refuse(err, IDM_DENIED,
		    "this credential update session is another account's: begin one");
	if (job->identity.kind == IDM_IDENTITY_SESSION ||
	    job->identity.kind == IDM_IDENTITY_PASSWORD)
		job->identity.privileged_until_s = INT64_MAX;
	return IDM_OK;
}

/* The account is no longer what it was (SPEC 4); core_updates_review has not been here yet. */
static enum idm_result
check_privilege(
    const struct core_update *update, const struct core_access *a, struct idm_error *err)
{
	bool now;
	enum idm_result result = idm_closure_is_hp(&a->read.read, &a->target, &now, err);

	if (result == IDM_OK && now && !update->high_privilege)
		return idm_refuse(err, IDM_DENIED,
		    "the account has become high privilege: this credential update session is "
		    "over");
	return result;
}

/* With a reset token there is no login that would have been looked at. */
static enum idm_result
check_reset(struct core_job *job, const struct core_update *update, const struct core_access *a,
    struct idm_error *err)
{
	enum idm_result result;

	if (!update->by_reset)
		return IDM_OK;
	if (idm_admission_check(&a->read.read, &a->target, NULL) != IDM_OK)
		return idm_refuse(err, IDM_DENIED, "the account is not valid now");
	if (idm_auth_recheck(&a->read.read, NULL, &job->identity, NULL) != IDM_OK)
		return idm_refuse(err, IDM_DENIED,
		    "who made the reset token is not valid any more: ask for another");
	result = core_reset_check(&a->read, update, err);
	if (result == IDM_NOT_FOUND)
		return idm_refuse(
		    err, IDM_DENIED, "the reset token is used up, or was ended: ask for another");
	return result;
}

enum idm_result
core_update_access(struct core_job *job, const struct core_update *update, struct core_access *a,
    enum idm_result *may_write, struct idm_error *why, struct idm_error *err)
{
	struct idm_read *read = &a->read.read;
	enum idm_result result = core_read_begin(job, &a->read, err);

	*may_write = IDM_DENIED;
	if (result == IDM_OK)
		result = take_identity(job, update, err);
	if (result == IDM_OK)
		result = idm_lookup_uuid(read, &update->account, &a->target, err);
	if (result == IDM_NOT_FOUND || (result == IDM_OK && !idm_entry_is_live(&a->target)))
		return idm_refuse(err, IDM_NOT_FOUND, "no matching entries");
	if (result == IDM_OK)
		result = check_privilege(update, a, err);
	if (result == IDM_OK)
		result = check_reset(job, update, a, err);
	if (result == IDM_OK)
		result = core_rights(&a->read, &a->access, err);
	if (result == IDM_OK)
		result = idm_access_search(read, a->access, &a->target, &a->readable, err);
	if (result == IDM_OK)
		result = core_may_read(a, IDM_ATTR_PRIMARY_CREDENTIAL, err);
	if (result == IDM_OK)
		*may_write = core_may_write(a, IDM_ATTR_PRIMARY_CREDENTIAL, why);
	return result;
}

enum idm_result
core_update_check_target(const struct core_access *a, struct idm_error *err)
{
	struct idm_span name = idm_entry_text(&a->target, IDM_ATTR_NAME);

	if (!idm_entry_has_class(&a->target, "account"))
		return idm_refuse(err, IDM_CONSTRAINT, "%.*s is no account", IDM_SPAN_ARG(name));
	if (!idm_entry_has_class(&a->target, "service_account"))
		return IDM_OK;
	return idm_refuse(err, IDM_CONSTRAINT,
	    "a service account has generated passwords alone: `kanidm service-account credential "
	    "generate-pw %.*s`",
	    IDM_SPAN_ARG(name));
}

/* --- the state */

static const char *
state_of(
    const struct core_access *a, const struct core_update_password *password, uint32_t attr_number)
{
	struct idm_span marker = idm_entry_text(&a->target, attr_number);

	if (password->what == CORE_UPDATE_SET)
		marker = idm_span_cstr(password->marker);
	if (password->what == CORE_UPDATE_REMOVE || marker.len == 0)
		return "not set";
	return idm_span_is(marker, "generated") ? "generated password set" : "password set";
}

static void
write_password(struct ber_writer *w, const struct core_access *a,
    const struct core_update_password *password, uint32_t attr_number)
{
	size_t seq = ber_open(w, BER_SEQUENCE, BER_SHORT);

	ber_write_octets(w, BER_OCTET_STRING, idm_span_cstr(state_of(a, password, attr_number)));
	ber_write_boolean(w, BER_BOOLEAN, password->what != CORE_UPDATE_KEEP);
	ber_close(w, seq);
}

/* Is it somebody else who sets this account's credentials, or lets them be set by a token? */
static bool
is_reset(const struct core_update *update)
{
	return update->by_reset || !idm_uuid_equal(&update->begun_by, &update->account);
}

static bool
is_short(const struct core_update *update)
{
	if (update->primary.what == CORE_UPDATE_SET)
		return update->primary.is_short;
	return update->factor.totp_what == CORE_UPDATE_REMOVE && update->factor.stored_short;
}

/* Nobody locks himself out. */
enum idm_result
core_update_check(const struct core_update *update, const struct core_access *a,
    enum idm_result may_write, const struct idm_error *why, struct idm_error *why_not)
{
	bool factor = core_update_has_factor(update, &a->target);
	bool primary = update->primary.what == CORE_UPDATE_SET ||
		       (update->primary.what == CORE_UPDATE_KEEP &&
			   idm_entry_has(&a->target, IDM_ATTR_PRIMARY_CREDENTIAL));

	if (may_write != IDM_OK)
		return idm_refuse(why_not, may_write, "%s", why->client_text);
	if (update->primary.what == CORE_UPDATE_REMOVE &&
	    (update->by_reset || idm_uuid_equal(&update->begun_by, &update->account)))
		return idm_refuse(why_not, IDM_CONSTRAINT,
		    "without a password you could not log in any more: set one");
	if (factor && !primary)
		return idm_refuse(
		    why_not, IDM_CONSTRAINT, "a second factor needs a password beside it: set one");
	if (!factor && primary && is_short(update))
		return idm_refuse(why_not, IDM_CONSTRAINT,
		    "the password is too short without a second factor: set a longer one");
	return IDM_OK;
}

static enum idm_result
write_state(struct core_job *job, const struct core_update *update, const struct core_access *a,
    const struct idm_error *why, struct idm_span session, struct idm_span told,
    struct idm_error *err)
{
	struct ber_writer w;
	char spn[IDM_SPN_MAX];
	char uuid[IDM_UUID_TEXT];
	size_t spn_len = idm_lookup_spn(&a->read.read, &a->target, spn);
	size_t seq;
	enum idm_result result;

	idm_uuid_format(&a->target.uuid, uuid);
	ber_writer_init(&w, 3 * CORE_VALUE_BYTES);
	seq = ber_open(&w, BER_SEQUENCE, BER_LONG);
	ber_write_octets(&w, BER_OCTET_STRING, session);
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_of(spn, spn_len));
	ber_write_octets(&w, BER_OCTET_STRING, idm_entry_text(&a->target, IDM_ATTR_DISPLAYNAME));
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_cstr(uuid));
	write_password(&w, a, &update->primary, IDM_ATTR_PRIMARY_CREDENTIAL);
	write_password(&w, a, &update->unix_password, IDM_ATTR_UNIX_PASSWORD);
	result = core_update_write_factor(job, update, a, &w, err);
	ber_write_boolean(&w, BER_BOOLEAN, why->client_text[0] == '\0');
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_cstr(why->client_text));
	ber_write_octets(&w, BER_OCTET_STRING, told);
	ber_write_integer(&w, BER_INTEGER, update->expire_s);
	ber_close(&w, seq);
	if (result == IDM_OK)
		core_job_value(job, &w, NULL);
	else
		ber_writer_free(&w);
	return result;
}

void
core_update_answer(struct core_job *job, const struct core_update *update, struct idm_span session,
    struct idm_span told)
{
	struct core_access a;
	enum idm_result may_write;
	struct idm_error why = { .text = "" }, why_not = { .text = "" }, err = { .text = "" };
	enum idm_result result = core_update_access(job, update, &a, &may_write, &why, &err);

	if (result == IDM_OK)
		core_update_check(update, &a, may_write, &why, &why_not);
	if (result == IDM_OK)
		result = write_state(job, update, &a, &why_not, session, told, &err);
	core_read_end(&a.read);
	if (result != IDM_OK)
		core_job_fail(job, result, &err);
}

/* --- begin */

static enum idm_result
may_begin(struct core_access *a, struct idm_error *err)
{
	enum idm_result result = core_may_read(a, IDM_ATTR_PRIMARY_CREDENTIAL, err);

	if (result == IDM_OK)
		result = core_may_write(a, IDM_ATTR_PRIMARY_CREDENTIAL, err);
	return result == IDM_OK ? core_update_check_target(a, err) : result;
}

static void
begin(struct core_job *job, struct idm_span target)
{
	struct core_access a;
	struct core_update *update = NULL;
	char token[IDM_TOKEN_TEXT];
	bool hp;
	struct idm_error err = { .text = "" };
	enum idm_result result = core_access_begin(job, target, &a, &err);

	if (result == IDM_OK)
		result = may_begin(&a, &err);
	if (result == IDM_OK)
		result = idm_closure_is_hp(&a.read.read, &a.target, &hp, &err);
	if (result == IDM_OK)
		result = core_updates_add(job->core, &a.target.uuid, hp, token, &update, &err);
	core_read_end(&a.read);
	if (result != IDM_OK) {
		core_job_fail(job, result, &err);
		return;
	}
	update->begun_by = job->identity.uuid;
	job->request.target = update->account;
	job->has_target = true;
	core_audit_done(job, IDM_AUDIT_UPDATE_SESSION, IDM_ATTR_PRIMARY_CREDENTIAL);
	core_update_answer(job, update, idm_span_cstr(token), IDM_SPAN_EMPTY);
	OPENSSL_cleanse(token, sizeof(token));
}

/* --- passwords */

static struct core_update_password *
password_of(struct core_update *update, uint32_t attr_number)
{
	return attr_number == IDM_ATTR_UNIX_PASSWORD ? &update->unix_password : &update->primary;
}

static void
on_hashed(struct hash_job *hash)
{
	struct core_job *job = hash->context;
	struct core_update *update;
	struct core_update_password *password;
	enum idm_result result = hash->result;

	if (result == IDM_OK)
		result = core_updates_find_id(job->core, &job->update, &update, &hash->err);
	if (result != IDM_OK) {
		core_job_fail(job, result, &hash->err);
		return;
	}
	password = password_of(update, job->secret.attr_number);
	password->what = CORE_UPDATE_SET;
	password->marker = job->secret.marker;
	password->is_short = job->short_password;
	memcpy(password->phc, hash->phc, sizeof(password->phc));
	core_update_answer(job, update, IDM_SPAN_EMPTY, job->generated);
}

/* May the session write this password? */
static enum idm_result
check_password(const struct core_access *a, enum idm_result may_write, const struct idm_error *why,
    uint32_t attr_number, struct idm_error *err)
{
	if (attr_number == IDM_ATTR_PRIMARY_CREDENTIAL)
		return may_write == IDM_OK ? IDM_OK
					   : idm_refuse(err, may_write, "%s", why->client_text);
	return core_may_write(a, attr_number, err);
}

static enum idm_result
generate(struct core_job *job, struct idm_error *err)
{
	char text[IDM_GENERATED_PASSWORD_BYTES];

	if (!idm_password_generate(text))
		return idm_fail(err, IDM_SYSTEM, "no random octets");
	job->generated = idm_arena_copy(job->arena, idm_span_cstr(text));
	OPENSSL_cleanse(text, sizeof(text));
	return job->generated.ptr == NULL ? IDM_LIMIT : IDM_OK;
}

/* Whoever resets the password of somebody else takes the second factor away. */
static enum idm_result
judge(struct core_job *job, struct core_update *update, const struct core_access *a,
    uint32_t attr_number, struct idm_span text, struct idm_error *err)
{
	bool primary = attr_number == IDM_ATTR_PRIMARY_CREDENTIAL;
	bool factor = primary && core_update_has_factor(update, &a->target) &&
		      !(is_reset(update) && update->factor.totp_what == CORE_UPDATE_KEEP);
	bool too_short = false;
	enum idm_result result = core_judge_password_beside(job, a, text, factor, &too_short, err);

	if (result == IDM_OK && factor && too_short)
		result = core_update_keep_factor(job, update, a, err);
	job->short_password = factor && too_short;
	return result;
}

/* `text` NULL: one is generated. */
static void
set_password(struct core_job *job, struct core_update *update, uint32_t attr_number,
    const struct idm_span *text)
{
	struct core_access a;
	enum idm_result may_write;
	struct idm_error why = { .text = "" }, err = { .text = "" };
	enum idm_result result = core_update_access(job, update, &a, &may_write, &why, &err);

	if (result == IDM_OK)
		result = check_password(&a, may_write, &why, attr_number, &err);
	if (result == IDM_OK)
		result = text == NULL ? generate(job, &err)
				      : judge(job, update, &a, attr_number, *text, &err);
	if (result == IDM_OK && attr_number == IDM_ATTR_PRIMARY_CREDENTIAL && is_reset(update))
		core_update_clear_factor(update, &a.target);
	core_read_end(&a.read);
	job->secret.attr_number = attr_number;
	job->secret.marker = text == NULL ? "generated" : "password";
	if (result == IDM_OK)
		core_hash_password(job, text == NULL ? job->generated : *text, on_hashed);
	else
		core_job_fail(job, result, &err);
}

static void
remove_password(struct core_job *job, struct core_update *update, uint32_t attr_number)
{
	struct core_access a;
	enum idm_result may_write;
	struct idm_error why = { .text = "" }, err = { .text = "" };
	struct core_update_password *password = password_of(update, attr_number);
	enum idm_result result = core_update_access(job, update, &a, &may_write, &why, &err);

	if (result == IDM_OK)
		result = check_password(&a, may_write, &why, attr_number, &err);
	if (result == IDM_OK) {
		OPENSSL_cleanse(password, sizeof(*password));
		password->what =
		    idm_entry_has(&a.target, attr_number) ? CORE_UPDATE_REMOVE : CORE_UPDATE_KEEP;
		if (attr_number == IDM_ATTR_PRIMARY_CREDENTIAL && is_reset(update))
			core_update_clear_factor(update, &a.target);
	}
	core_read_end(&a.read);
	if (result == IDM_OK)
		core_update_answer(job, update, IDM_SPAN_EMPTY, IDM_SPAN_EMPTY);
	else
		core_job_fail(job, result, &err);
}

/* --- the end */

static void
commit(struct core_job *job, struct core_update *update)
{
	struct core_access a;
	enum idm_result may_write;
	struct idm_error why = { .text = "" }, err = { .text = "" };
	enum idm_result result = core_update_access(job, update, &a, &may_write, &why, &err);

	if (result == IDM_OK)
		result = core_update_check(update, &a, may_write, &why, &err);
	core_read_end(&a.read);
	if (result == IDM_OK)
		core_update_commit(job, update);
	else
		core_job_fail(job, result, &err);
}

/* A reset token that it began with can be used again. */
static void
cancel(struct core_job *job, const struct core_update *update)
{
	core_updates_remove(job->core, &update->id);
	core_job_done(job, LDAP_SUCCESS, "");
}

/* --- requests */

static bool
read_request(
    struct idm_span value, int64_t *action, struct idm_span *session, struct idm_span *text)
{
	bool bad = false;
	struct ber_reader r = ber_reader_of(value, &bad);
	struct ber_reader seq = ber_read_nested(&r, BER_SEQUENCE);

	*action =
	    ber_read_integer(&seq, BER_ENUMERATED, EXOP_UPDATE_BEGIN, EXOP_UPDATE_BACKUP_CODES);
	*session = ber_read_octets(&seq, BER_OCTET_STRING);
	*text = ber_read_octets(&seq, BER_OCTET_STRING);
	ber_read_end(&seq);
	ber_read_end(&r);
	return !bad;
}

static void
step(struct core_job *job, enum exop_update_action action, struct core_update *update,
    struct idm_span text)
{
	switch (action) {
	case EXOP_UPDATE_BEGIN:
	case EXOP_UPDATE_USE_TOKEN: break;
	case EXOP_UPDATE_STATUS:
		core_update_answer(job, update, IDM_SPAN_EMPTY, IDM_SPAN_EMPTY);
		return;
	case EXOP_UPDATE_PASSWORD:
		set_password(job, update, IDM_ATTR_PRIMARY_CREDENTIAL, &text);
		return;
	case EXOP_UPDATE_GENERATE:
		set_password(job, update, IDM_ATTR_PRIMARY_CREDENTIAL, NULL);
		return;
	case EXOP_UPDATE_REMOVE: remove_password(job, update, IDM_ATTR_PRIMARY_CREDENTIAL); return;
	case EXOP_UPDATE_UNIX_PASSWORD:
		set_password(job, update, IDM_ATTR_UNIX_PASSWORD, &text);
		return;
	case EXOP_UPDATE_UNIX_REMOVE: remove_password(job, update, IDM_ATTR_UNIX_PASSWORD); return;
	case EXOP_UPDATE_TOTP: core_update_totp(job, update); return;
	case EXOP_UPDATE_TOTP_CODE: core_update_totp_code(job, update, text); return;
	case EXOP_UPDATE_TOTP_REMOVE: core_update_totp_remove(job, update); return;
	case EXOP_UPDATE_BACKUP_CODES: core_update_backup_codes(job, update); return;
	case EXOP_UPDATE_COMMIT: commit(job, update); return;
	case EXOP_UPDATE_CANCEL: cancel(job, update); return;
	}
	core_job_done(job, LDAP_PROTOCOL_ERROR, "no such action");
}

void
core_credential_update(struct core_job *job)
{
	struct core_update *update;
	struct idm_span session, text;
	struct idm_error err = { .text = "" };
	int64_t action;
	enum idm_result result;

	if (!read_request(job->message.extended.value, &action, &session, &text)) {
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
		return;
	}
	if (action == EXOP_UPDATE_USE_TOKEN) {
		core_update_use_token(job, text);
		return;
	}
	if (action == EXOP_UPDATE_BEGIN && job->identity.kind == IDM_IDENTITY_ANONYMOUS) {
		core_job_done(job, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "bind first");
		return;
	}
	if (action == EXOP_UPDATE_BEGIN) {
		begin(job, text);
		return;
	}
	result = core_updates_find(job->core, session, &update, &err);
	if (result != IDM_OK) {
		core_job_fail(job, result, &err);
		return;
	}
	job->update = update->id;
	job->request.target = update->account;
	job->has_target = true;
	step(job, (enum exop_update_action)action, update, text);
}
