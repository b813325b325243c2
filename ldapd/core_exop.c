/* The extended operations of common/exop.h and RFC 3062, in the core process. */
#include <stdlib.h>

#include <openssl/crypto.h>

#include "common/exop.h"
#include "core/builtin.h"
#include "core/closure.h"
#include "core/session.h"
#include "ldapd/ber.h"
#include "ldapd/core.h"

enum { VALUE_BYTES = 2048 };

/* --- reading and writing values */

/* A SEQUENCE that holds up to `max` OCTET STRINGs and nothing else; false: it does not. */
static bool
read_strings(struct idm_span value, struct idm_span *out, size_t max)
{
	bool bad = false;
	struct ber_reader r = ber_reader_of(value, &bad);
	struct ber_reader seq = ber_read_nested(&r, BER_SEQUENCE);

	for (size_t i = 0; i < max; i++)
		out[i] = ber_read_octets(&seq, BER_OCTET_STRING);
	ber_read_end(&seq);
	ber_read_end(&r);
	return !bad;
}

/* --- finding out what the caller may do */

struct access {
	struct core_read read;
	struct idm_access *access;
	struct idm_entry target;
	struct idm_attrset readable;
};

/* The target, as far as the caller sees it; an empty name is the caller itself. */
static enum idm_result
begin_access(
    struct core_job *job, struct idm_span target, struct access *out, struct idm_error *err)
{
	enum idm_result result = core_read_begin(job, &out->read, err);

	job->subject = target;
	if (result == IDM_OK && target.len == 0)
		result = idm_lookup_uuid(&out->read.read, &job->identity.uuid, &out->target, err);
	else if (result == IDM_OK)
		result = core_find(&out->read, target, &out->target, err);
	if (result == IDM_OK)
		result = core_rights(&out->read, &out->access, err);
	if (result == IDM_OK)
		result = idm_access_search(
		    &out->read.read, out->access, &out->target, &out->readable, err);
	if (result == IDM_OK && idm_attrset_is_empty(&out->readable))
		result = IDM_NOT_FOUND;
	if (result == IDM_NOT_FOUND)
		return idm_refuse(err, IDM_NOT_FOUND, "no matching entries");
	return result;
}

static enum idm_result
may_read(const struct access *a, uint32_t attr_number, struct idm_error *err)
{
	const struct idm_attr *attr = idm_schema_attr_number(a->read.read.schema, attr_number);

	if (idm_attrset_has(&a->readable, attr))
		return IDM_OK;
	return idm_refuse(err, IDM_DENIED, "you may not read %s of this entry", attr->name);
}

/* Asked before work is done on the change; the change itself is decided anew. */
static enum idm_result
may_write(const struct access *a, uint32_t attr_number, struct idm_error *err)
{
	const struct idm_attr *attr = idm_schema_attr_number(a->read.read.schema, attr_number);
	struct idm_access_change change = { .class_count = 0 };

	idm_attrset_add(&change.present, attr);
	return idm_access_modify(&a->read.read, a->access, &a->target, &change, err);
}

/* --- sessions */

static enum idm_result
write_session(struct core_job *job, const struct idm_token_row *row, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_local_write_begin(job->core->data.store, &txn, err);

	if (result == IDM_OK)
		result = idm_session_put(&txn, row, job->arena, err);
	return idm_store_write_end(&txn, result, err);
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

/* How long: HP accounts and generated passwords an hour, others eight (SPEC 7.3). */
static enum idm_result
session_seconds(const struct access *a, int64_t *out, struct idm_error *err)
{
	bool hp;
	struct idm_span marker = idm_entry_text(&a->target, IDM_ATTR_PRIMARY_CREDENTIAL);
	enum idm_result result = idm_closure_is_hp(&a->read.read, &a->target, &hp, err);

	*out = hp || idm_span_is(marker, "generated") ? IDM_SESSION_SHORT_S : IDM_SESSION_S;
	return result;
}

static void
answer_session(struct core_job *job, const char *token, const struct idm_token_row *row,
    const struct access *a)
{
	struct ber_writer w;
	char spn[IDM_SPN_MAX];
	size_t spn_len = idm_lookup_spn(&a->read.read, &a->target, spn);
	size_t seq;

	ber_writer_init(&w, VALUE_BYTES);
	seq = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_cstr(token));
	ber_write_integer(&w, BER_INTEGER, row->expire_s);
	ber_write_integer(&w, BER_INTEGER, row->privileged_until_s);
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_of(spn, spn_len));
	ber_close(&w, seq);
	core_job_value(job, &w, NULL);
}

/* The row, and room for it: *any: the account had as many as it may, and *ended is over. */
static enum idm_result
store_session(struct core_job *job, const struct idm_token_row *row, struct idm_uuid *ended,
    bool *any, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_local_write_begin(job->core->data.store, &txn, err);

	if (result == IDM_OK)
		result = idm_session_make_room(&txn, &row->account, ended, any, err);
	if (result == IDM_OK)
		result = idm_session_put(&txn, row, job->arena, err);
	return idm_store_write_end(&txn, result, err);
}

static enum idm_result
begin_session(
    struct core_job *job, struct access *a, struct idm_token_row *row, struct idm_error *err)
{
	int64_t seconds = 0;
	int64_t now_s = a->read.read.now.at_s;
	struct idm_uuid ended;
	bool any = false;
	enum idm_result result = session_seconds(a, &seconds, err);

	row->kind = IDM_TOKEN_SESSION;
	row->account = a->target.uuid;
	row->issued_by = a->target.uuid;
	row->scope = IDM_SCOPE_READ_WRITE;
	row->issued_s = now_s;
	row->expire_s = now_s + seconds;
	row->privileged_until_s = job->identity.privileged_until_s;
	row->credential_no = job->identity.credential_no;
	row->label = idm_span_cstr(job->source);
	if (result == IDM_OK)
		result = store_session(job, row, &ended, &any, err);
	if (result == IDM_OK && any)
		core_revoke_session(job->core, &row->account, &ended);
	return result;
}

static void
session_begin(struct core_job *job)
{
	struct access a;
	struct idm_token_row row = { .id = { { 0 } } };
	struct idm_error err = { .text = "" };
	char token[IDM_TOKEN_TEXT];
	enum idm_result result = begin_access(job, IDM_SPAN_EMPTY, &a, &err);

	if (result == IDM_OK && job->identity.kind != IDM_IDENTITY_PASSWORD)
		result = idm_refuse(&err, IDM_DENIED,
		    "a session begins with the account's password: bind with that");
	if (result == IDM_OK && !idm_token_generate(token, &row))
		result = idm_fail(&err, IDM_SYSTEM, "no random octets");
	if (result == IDM_OK)
		result = begin_session(job, &a, &row, &err);
	if (result == IDM_OK)
		answer_session(job, token, &row, &a);
	else
		core_job_fail(job, result, &err);
	core_read_end(&a.read);
	OPENSSL_cleanse(token, sizeof(token));
}

/* Whose session is it?  One may end one's own alone. */
static enum idm_result
find_session(struct core_job *job, const struct core_read *read, const struct idm_uuid *id,
    struct idm_error *err)
{
	struct idm_token_row row;
	enum idm_result result = idm_session_get(&read->local, id, &row, err);

	if (result == IDM_OK && !idm_uuid_equal(&row.account, &job->identity.uuid))
		result = IDM_NOT_FOUND;
	if (result == IDM_NOT_FOUND)
		return idm_refuse(err, IDM_NOT_FOUND, "you have no such session");
	return result;
}

static void
session_end(struct core_job *job)
{
	struct core *core = job->core;
	const struct ldap_extended_request *request = &job->message.extended;
	struct idm_token_row row = { .id = job->identity.session };
	struct idm_uuid account = job->identity.uuid;
	struct core_read read;
	struct idm_error err = { .text = "" };
	struct idm_span text;
	enum idm_result result;

	if (request->has_value &&
	    (!read_strings(request->value, &text, 1) || !idm_uuid_parse(text, &row.id))) {
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value is not a session's id");
		return;
	}
	result = core_read_begin(job, &read, &err);
	if (result == IDM_OK)
		result = find_session(job, &read, &row.id, &err);
	core_read_end(&read);
	if (result == IDM_OK)
		result = remove_session(job, &row.id, &err);
	if (result != IDM_OK) {
		core_job_fail(job, result, &err);
		return;
	}
	core_job_done(job, LDAP_SUCCESS, "");
	core_revoke_session(core, &account, &row.id);
}

/* --- re-authentication */

static enum idm_result
extend_session(struct core_job *job, const struct core_read *read, struct idm_identity *identity,
    struct idm_error *err)
{
	struct idm_token_row row;
	enum idm_result result = idm_session_get(&read->local, &identity->session, &row, err);

	if (result == IDM_NOT_FOUND)
		return idm_refuse(err, IDM_DENIED, "the session is over: log in again");
	if (result != IDM_OK)
		return result;
	row.label = idm_arena_copy(job->arena, row.label); /* the map moves under the write */
	row.privileged_until_s = read->read.now.at_s + IDM_SESSION_PRIVILEGED_S;
	identity->privileged_until_s = row.privileged_until_s;
	return write_session(job, &row, err);
}

static void
answer_privileged(struct core_job *job, const struct idm_identity *identity)
{
	struct ber_writer w;
	size_t seq;

	ber_writer_init(&w, VALUE_BYTES);
	seq = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_integer(&w, BER_INTEGER, identity->privileged_until_s);
	ber_close(&w, seq);
	core_job_value(job, &w, identity);
}

static void
on_reauth(struct hash_job *hash)
{
	struct core_job *job = hash->context;
	struct idm_identity proved, identity = job->identity;
	struct core_read read;
	struct idm_error err = { .text = "" };
	enum idm_result result = core_read_begin(job, &read, &err);

	if (result == IDM_OK)
		result = idm_auth_verdict(&read.read, &hash->plan, hash->fitted, &proved, &err);
	if (result == IDM_OK && proved.kind != IDM_IDENTITY_PASSWORD)
		result = IDM_DENIED;
	if (result == IDM_OK)
		result = extend_session(job, &read, &identity, &err);
	core_read_end(&read);
	if (result == IDM_OK)
		answer_privileged(job, &identity);
	else if (result == IDM_DENIED && err.client_text[0] == '\0')
		core_job_done(job, LDAP_INVALID_CREDENTIALS, "");
	else
		core_job_fail(job, result, &err);
}

/* Let the pool test a password of the caller's account; `done` has the job as its context. */
static void
verify_own(struct core_job *job, struct idm_span password, hash_done done)
{
	struct core_read read;
	struct idm_entry account;
	struct idm_error err = { .text = "" };
	struct hash_job *hash = hash_job_new(HASH_VERIFY, password);
	enum idm_result result = core_read_begin(job, &read, &err);

	if (result == IDM_OK && hash == NULL)
		result = idm_fail(&err, IDM_SYSTEM, "out of memory");
	if (result == IDM_OK)
		result = idm_lookup_uuid(&read.read, &job->identity.uuid, &account, &err);
	if (result == IDM_OK)
		result = idm_auth_plan(&read.read, job->core->data.password_ring,
		    password.len > IDM_PASSWORD_MAX_BYTES ? NULL : &account, &hash->plan, &err);
	core_read_end(&read);
	if (result == IDM_OK) {
		hash->context = job;
		hash->done = done;
		if (hash_pool_submit(job->core->pool, hash))
			return;
		result =
		    idm_refuse(&err, IDM_BUSY, "too many passwords are being tested; try again");
	}
	hash_job_free(&hash);
	core_job_fail(job, result, &err);
}

static void
session_reauth(struct core_job *job)
{
	struct idm_span password;

	if (!read_strings(job->message.extended.value, &password, 1))
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value is not a password");
	else if (job->identity.kind != IDM_IDENTITY_SESSION)
		core_job_done(job, LDAP_UNWILLING_TO_PERFORM, "only a session is re-authenticated");
	else
		verify_own(job, password, on_reauth);
}

/* --- credentials */

static const char *
state_of(const struct idm_entry *entry, uint32_t attr_number)
{
	struct idm_span marker = idm_entry_text(entry, attr_number);

	if (marker.len == 0)
		return "not set";
	return idm_span_is(marker, "generated") ? "generated password set" : "password set";
}

static void
answer_status(struct core_job *job, const struct access *a)
{
	struct ber_writer w;
	char spn[IDM_SPN_MAX];
	char uuid[IDM_UUID_TEXT];
	size_t spn_len = idm_lookup_spn(&a->read.read, &a->target, spn);
	size_t seq;

	idm_uuid_format(&a->target.uuid, uuid);
	ber_writer_init(&w, VALUE_BYTES);
	seq = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_of(spn, spn_len));
	ber_write_octets(&w, BER_OCTET_STRING, idm_entry_text(&a->target, IDM_ATTR_DISPLAYNAME));
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_cstr(uuid));
	ber_write_octets(
	    &w, BER_OCTET_STRING, idm_span_cstr(state_of(&a->target, IDM_ATTR_PRIMARY_CREDENTIAL)));
	ber_write_octets(
	    &w, BER_OCTET_STRING, idm_span_cstr(state_of(&a->target, IDM_ATTR_UNIX_PASSWORD)));
	ber_write_boolean(
	    &w, BER_BOOLEAN, may_write(a, IDM_ATTR_PRIMARY_CREDENTIAL, NULL) == IDM_OK);
	ber_close(&w, seq);
	core_job_value(job, &w, NULL);
}

static void
credential_status(struct core_job *job)
{
	struct access a;
	struct idm_span target;
	struct idm_error err = { .text = "" };
	enum idm_result result;

	if (!read_strings(job->message.extended.value, &target, 1)) {
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
		return;
	}
	result = begin_access(job, target, &a, &err);
	if (result == IDM_OK)
		result = may_read(&a, IDM_ATTR_PRIMARY_CREDENTIAL, &err);
	if (result == IDM_OK)
		answer_status(job, &a);
	else
		core_job_fail(job, result, &err);
	core_read_end(&a.read);
}

/* The sealed secret of an attribute, opened; empty: there is none. */
static enum idm_result
open_secret(struct core_job *job, const struct access *a, uint32_t attr_number,
    struct idm_span *out, struct idm_error *err)
{
	struct idm_span blob;
	enum idm_result result =
	    idm_lookup_secret(&a->read.read, a->target.id, attr_number, &blob, err);

	*out = IDM_SPAN_EMPTY;
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	if (result == IDM_OK)
		result = idm_unseal(job->core->data.radius_ring, &a->target.uuid, attr_number, blob,
		    job->arena, out, err);
	return result;
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
load_badlist(struct core_job *job, const struct access *a, struct idm_quality *quality,
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

static enum idm_result
judge(struct core_job *job, const struct access *a, struct idm_span password, struct idm_error *err)
{
	static const uint32_t own[] = { IDM_ATTR_NAME, IDM_ATTR_DISPLAYNAME, IDM_ATTR_LEGALNAME,
		IDM_ATTR_MAIL };
	struct idm_span words[OWN_WORDS];
	struct idm_quality quality = { .min_chars = IDM_PASSWORD_MIN_CHARS, .words = words };
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]) && result == IDM_OK; i++)
		result =
		    collect(job, &a->target, own[i], false, words, OWN_WORDS, &quality.word_count);
	if (result == IDM_OK)
		result = load_badlist(job, a, &quality, err);
	if (result == IDM_OK)
		result = open_secret(job, a, IDM_ATTR_RADIUS_SECRET, &quality.radius_secret, err);
	if (result == IDM_OK)
		result = idm_password_judge(password, &quality, err);
	return result;
}

static void
credential_judge(struct core_job *job)
{
	struct access a;
	struct idm_span fields[2];
	struct idm_error err = { .text = "" };
	enum idm_result result;

	if (!read_strings(job->message.extended.value, fields, 2)) {
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
		return;
	}
	result = begin_access(job, fields[0], &a, &err);
	if (result == IDM_OK)
		result = may_write(&a, IDM_ATTR_PRIMARY_CREDENTIAL, &err);
	if (result == IDM_OK)
		result = judge(job, &a, fields[1], &err);
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
	ber_writer_init(&w, VALUE_BYTES);
	if (job->generated.len != 0)
		ldap_password_modify_encode(&w, job->generated);
	core_job_value(job, &w, renewed_identity(job));
}

/* The request that stores job->secret. */
static void
change_secret(struct core_job *job, core_changed changed)
{
	job->request.operation = IDM_OP_MODIFY;
	job->request.secrets = &job->secret;
	job->request.secret_count = 1;
	core_change(job, changed);
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
		change_secret(job, on_secret_set);
}

static void
hash_password(struct core_job *job, struct idm_span password)
{
	struct hash_job *hash = hash_job_new(HASH_MAKE, password);
	struct idm_error err = { .text = "" };

	if (hash == NULL) {
		core_job_fail(job, IDM_SYSTEM, NULL);
		return;
	}
	hash->context = job;
	hash->done = on_hashed;
	if (hash_pool_submit(job->core->pool, hash))
		return;
	hash_job_free(&hash);
	idm_refuse(&err, IDM_BUSY, "too many passwords are being hashed; try again");
	core_job_fail(job, IDM_BUSY, &err);
}

/* The password to be stored: the one that was asked for, if it is good, or a generated one. */
static enum idm_result
choose_password(struct core_job *job, const struct access *a,
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
	result = judge(job, a, modify->new_password, err);
	*out = modify->new_password;
	job->secret.marker = "password";
	return result;
}

static void
password_set(struct core_job *job, const struct ldap_password_modify *modify)
{
	struct access a;
	struct idm_span password = IDM_SPAN_EMPTY;
	struct idm_error err = { .text = "" };
	enum idm_result result = begin_access(job, modify->user, &a, &err);

	if (result == IDM_OK && !idm_identity_may_write(&job->identity, a.read.read.now))
		result = idm_refuse(&err, IDM_DENIED,
		    "this session is read-only now: prove your password with `kanidm reauth`");
	if (result == IDM_OK)
		result = may_write(&a, IDM_ATTR_PRIMARY_CREDENTIAL, &err);
	if (result == IDM_OK)
		result = choose_password(job, &a, modify, &password, &err);
	if (result == IDM_OK)
		job->request.target = a.target.uuid;
	core_read_end(&a.read);
	job->secret.attr_number = IDM_ATTR_PRIMARY_CREDENTIAL;
	if (result == IDM_OK)
		hash_password(job, password);
	else
		core_job_fail(job, result, &err);
}

/* The old password was given, and tested: the rest of the request. */
static void
on_old_verified(struct hash_job *hash)
{
	struct core_job *job = hash->context;
	struct ldap_password_modify modify;

	if (hash->fitted < 0 ||
	    hash->plan.tests[hash->fitted].attr_number != IDM_ATTR_PRIMARY_CREDENTIAL)
		core_job_done(job, LDAP_INVALID_CREDENTIALS, "the old password is wrong");
	else if (ldap_password_modify_decode(job->message.extended.value, &modify))
		password_set(job, &modify);
	else
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
}

static void
password_modify(struct core_job *job)
{
	const struct ldap_extended_request *request = &job->message.extended;
	struct ldap_password_modify modify = { .has_user = false };

	if (request->has_value && !ldap_password_modify_decode(request->value, &modify))
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
	else if (modify.has_old)
		verify_own(job, modify.old_password, on_old_verified);
	else
		password_set(job, &modify);
}

/* --- RADIUS secrets */

static void
answer_radius(struct core_job *job, struct idm_span secret)
{
	struct ber_writer w;
	size_t seq;

	ber_writer_init(&w, VALUE_BYTES);
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

static void
radius_secret(struct core_job *job)
{
	struct access a;
	struct idm_span target, secret = IDM_SPAN_EMPTY;
	struct idm_error err = { .text = "" };
	int64_t action;
	enum idm_result result;

	if (!read_radius(job->message.extended.value, &target, &action)) {
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
		return;
	}
	result = begin_access(job, target, &a, &err);
	if (result == IDM_OK && action == EXOP_RADIUS_SHOW)
		result = may_read(&a, IDM_ATTR_RADIUS_SECRET, &err);
	if (result == IDM_OK && action == EXOP_RADIUS_SHOW)
		result = open_secret(job, &a, IDM_ATTR_RADIUS_SECRET, &secret, &err);
	if (result == IDM_OK && action == EXOP_RADIUS_GENERATE)
		result = generate_radius(job, &err);
	if (result == IDM_OK)
		job->request.target = a.target.uuid;
	job->secret.attr_number = IDM_ATTR_RADIUS_SECRET;
	core_read_end(&a.read);
	if (result != IDM_OK)
		core_job_fail(job, result, &err);
	else if (action == EXOP_RADIUS_SHOW)
		answer_radius(job, secret);
	else
		change_secret(job, on_radius_changed);
}

/* --- the table */

static const struct {
	const char *oid;
	void (*serve)(struct core_job *job);
} exops[] = {
	{ EXOP_SESSION_BEGIN, session_begin },
	{ EXOP_SESSION_END, session_end },
	{ EXOP_SESSION_REAUTH, session_reauth },
	{ EXOP_CREDENTIAL_STATUS, credential_status },
	{ EXOP_CREDENTIAL_JUDGE, credential_judge },
	{ EXOP_RADIUS_SECRET, radius_secret },
	{ EXOP_ACCESS_EXPLAIN, core_explain },
	{ EXOP_PASSWORD_MODIFY, password_modify },
};

/* All of them are about an account, which anonymous has none of. */
void
core_exop(struct core_job *job)
{
	for (size_t i = 0; i < sizeof(exops) / sizeof(exops[0]); i++) {
		if (!idm_span_is(job->message.extended.oid, exops[i].oid))
			continue;
		if (job->identity.kind == IDM_IDENTITY_ANONYMOUS)
			core_job_done(job, LDAP_INSUFFICIENT_ACCESS_RIGHTS, "bind first");
		else
			exops[i].serve(job);
		return;
	}
	core_job_done(job, LDAP_PROTOCOL_ERROR, "unknown extended operation");
}
