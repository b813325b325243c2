/* Reset tokens (core/reset.h): made, and exchanged for a credential update session. */
#include <arpa/inet.h>

#include <openssl/crypto.h>

#include "common/clock.h"
#include "core/admission.h"
#include "core/closure.h"
#include "core/session.h"
#include "ldapd/ber.h"
#include "ldapd/core_audit.h"
#include "ldapd/core_update.h"
#include "ldapd/log.h"

/* --- rows */

enum idm_result
core_reset_store(struct core_job *job, const struct idm_token_row *row, struct idm_error *err)
{
	struct idm_txn txn;
	struct idm_uuid ended;
	bool any;
	enum idm_result result = idm_store_local_write_begin(job->core->data.store, &txn, err);

	if (result == IDM_OK)
		result = idm_session_remove(&txn, &row->id, err);
	if (result == IDM_OK || result == IDM_NOT_FOUND)
		result = idm_session_make_room(
		    &txn, &row->account, IDM_TOKEN_RESET, IDM_RESETS_MAX, &ended, &any, err);
	if (result == IDM_OK)
		result = idm_session_put(&txn, row, job->arena, err);
	return idm_store_write_end(&txn, result, err);
}

enum idm_result
core_reset_remove(struct core_job *job, const struct idm_uuid *id, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_local_write_begin(job->core->data.store, &txn, err);

	if (result == IDM_OK)
		result = idm_session_remove(&txn, id, err);
	return idm_store_write_end(&txn, result, err);
}

enum idm_result
core_reset_check(
    const struct core_read *read, const struct core_update *update, struct idm_error *err)
{
	struct idm_token_row row;
	enum idm_result result = idm_session_get(&read->local, &update->reset.id, &row, err);

	if (result == IDM_OK && CRYPTO_memcmp(row.hash, update->reset.hash, sizeof(row.hash)) != 0)
		return IDM_NOT_FOUND;
	return result;
}

/* --- guesses: wrong tokens of one source are few a minute, however many it tries */

enum {
	GUESS_WINDOW_MS = 60 * 1000,
	GUESS_MAX = 10, /* wrong ones in a window; then none of that source is looked at */
};

/* A source is a network: /24 or /64; all that is no address (the console, ldapi) is one. */
static uint32_t
place_of_source(const char *source)
{
	uint8_t address[16] = { 0 };
	size_t len = 0;
	uint32_t hash =
	    2166136261U; /* FNV-1a; who picks his network to meet another's slows both */

	if (inet_pton(AF_INET, source, address) == 1)
		len = 3;
	else if (inet_pton(AF_INET6, source, address) == 1)
		len = 8;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ address[i]) * 16777619U;
	return len == 0 ? 0 : 1 + hash % (CORE_GUESS_PLACES - 1);
}

static struct core_guesses *
guesses_of(struct core_job *job)
{
	struct core_guesses *guesses = &job->core->guesses[place_of_source(job->source)];
	uint64_t now_ms = clock_monotonic_ms();

	if (now_ms - guesses->begun_ms >= GUESS_WINDOW_MS) {
		guesses->begun_ms = now_ms;
		guesses->wrong = 0;
	}
	return guesses;
}

static enum idm_result
check_guesses(struct core_job *job, struct idm_error *err)
{
	if (guesses_of(job)->wrong < GUESS_MAX)
		return IDM_OK;
	return idm_refuse(
	    err, IDM_BUSY, "too many wrong reset tokens came from here; try again in a minute");
}

/* --- an update session by a token */

/* The row of a token that is right and can begin a session now. */
static enum idm_result
find_row(const struct core_read *read, struct idm_span token, struct idm_token_row *out,
    struct idm_error *err)
{
	uint8_t hash[IDM_TOKEN_HASH_BYTES];
	struct idm_token_row timed;
	struct idm_uuid id;
	enum idm_result result = IDM_NOT_FOUND;

	if (idm_reset_parse(token, &id, hash))
		result = idm_session_get(&read->local, &id, out, err);
	if (result == IDM_OK && out->kind != IDM_TOKEN_RESET)
		result = IDM_NOT_FOUND;
	if (result == IDM_OK) {
		timed = *out;
		timed.expire_s = idm_reset_expire_s(out);
		out->label = IDM_SPAN_EMPTY; /* the map's */
		result = idm_token_check(&timed, hash, read->read.now, err);
	}
	OPENSSL_cleanse(hash, sizeof(hash));
	if (result == IDM_NOT_FOUND || result == IDM_DENIED)
		return idm_refuse(err, IDM_DENIED,
		    "this reset token is wrong, used up, or over: ask for another");
	return result;
}

static enum idm_result
check_account(const struct core_read *read, const struct idm_token_row *row, struct idm_error *err)
{
	struct idm_entry account;
	bool hp = false;
	enum idm_result result = idm_lookup_uuid(&read->read, &row->account, &account, err);

	if (result == IDM_NOT_FOUND || (result == IDM_OK && !idm_entry_is_live(&account)))
		return idm_refuse(err, IDM_DENIED, "the account was deleted");
	if (result == IDM_OK && idm_admission_check(&read->read, &account, NULL) != IDM_OK)
		return idm_refuse(err, IDM_DENIED, "the account is not valid now");
	if (result == IDM_OK)
		result = idm_closure_is_hp(&read->read, &account, &hp, err);
	if (result == IDM_OK && hp && !row->high_privilege)
		return idm_refuse(err, IDM_DENIED,
		    "the account has become high privilege since this reset token was made");
	return result;
}

static enum idm_result
begin(struct core_job *job, struct idm_token_row *row, char token[IDM_TOKEN_TEXT],
    struct core_update **out, struct idm_error *err)
{
	enum idm_result result =
	    core_updates_add(job->core, &row->account, row->high_privilege, token, out, err);

	if (result != IDM_OK)
		return result;
	(*out)->begun_by = row->issued_by;
	(*out)->by_reset = true;
	(*out)->reset = *row;
	idm_reset_use(row, (*out)->expire_s);
	result = core_reset_store(job, row, err);
	if (result != IDM_OK)
		core_updates_remove(job->core, &(*out)->id);
	return result;
}

void
core_update_use_token(struct core_job *job, struct idm_span text)
{
	struct core_read read;
	struct core_update *update = NULL;
	struct idm_token_row row;
	struct idm_error err = { .text = "" };
	char token[IDM_TOKEN_TEXT];
	enum idm_result result = core_read_begin(job, &read, &err);

	if (result == IDM_OK)
		result = check_guesses(job, &err);
	if (result == IDM_OK) {
		result = find_row(&read, text, &row, &err);
		guesses_of(job)->wrong += result == IDM_DENIED;
	}
	if (result == IDM_OK)
		result = check_account(&read, &row, &err);
	core_read_end(&read);
	if (result == IDM_OK)
		result = begin(job, &row, token, &update, &err);
	if (result != IDM_OK) {
		log_warn("core: a reset token from %s is refused: %s", job->source,
		    err.client_text[0] == '\0' ? err.text : err.client_text);
		core_job_fail(job, result, &err);
		return;
	}
	job->update = update->id;
	job->request.target = update->account;
	job->has_target = true;
	core_audit_done(job, IDM_AUDIT_RESET_TOKEN, IDM_ATTR_PRIMARY_CREDENTIAL);
	core_update_answer(job, update, idm_span_cstr(token), IDM_SPAN_EMPTY);
	OPENSSL_cleanse(token, sizeof(token));
}

/* --- a new token */

static bool
read_request(struct idm_span value, struct idm_span *target, int64_t *seconds)
{
	bool bad = false;
	struct ber_reader r = ber_reader_of(value, &bad);
	struct ber_reader seq = ber_read_nested(&r, BER_SEQUENCE);

	*target = ber_read_octets(&seq, BER_OCTET_STRING);
	*seconds = ber_read_integer(&seq, BER_INTEGER, 0, INT32_MAX);
	ber_read_end(&seq);
	ber_read_end(&r);
	return !bad;
}

static enum idm_result
may_make(struct core_access *a, int64_t seconds, struct idm_error *err)
{
	enum idm_result result = core_may_read(a, IDM_ATTR_PRIMARY_CREDENTIAL, err);

	if (result == IDM_OK)
		result = core_may_write(a, IDM_ATTR_PRIMARY_CREDENTIAL, err);
	if (result == IDM_OK)
		result = core_update_check_target(a, err);
	if (result == IDM_OK && (seconds < IDM_RESET_MIN_S || seconds > IDM_RESET_MAX_S))
		return idm_refuse(
		    err, IDM_CONSTRAINT, "a reset token lasts from 5 minutes to 24 hours");
	return result;
}

static enum idm_result
make(struct core_job *job, const struct core_access *a, int64_t seconds,
    char text[IDM_GENERATED_SECRET_BYTES], struct idm_token_row *row, struct idm_error *err)
{
	enum idm_result result;

	if (!idm_reset_generate(text, row))
		return idm_fail(err, IDM_SYSTEM, "no random octets");
	row->account = a->target.uuid;
	row->issued_by = job->identity.uuid;
	row->issued_s = a->read.read.now.at_s;
	row->expire_s = row->issued_s + seconds;
	result = idm_closure_is_hp(&a->read.read, &a->target, &row->high_privilege, err);
	return result == IDM_OK ? core_reset_store(job, row, err) : result;
}

static void
answer(struct core_job *job, const struct core_access *a, const char *text,
    const struct idm_token_row *row)
{
	struct ber_writer w;
	char spn[IDM_SPN_MAX];
	size_t spn_len = idm_lookup_spn(&a->read.read, &a->target, spn);
	size_t seq;

	ber_writer_init(&w, CORE_VALUE_BYTES);
	seq = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_cstr(text));
	ber_write_integer(&w, BER_INTEGER, row->expire_s);
	ber_write_octets(&w, BER_OCTET_STRING, idm_span_of(spn, spn_len));
	ber_close(&w, seq);
	core_job_value(job, &w, NULL);
}

void
core_reset_token(struct core_job *job)
{
	struct core_access a;
	struct idm_token_row row = { .label = IDM_SPAN_EMPTY };
	struct idm_span target;
	struct idm_error err = { .text = "" };
	char text[IDM_GENERATED_SECRET_BYTES];
	int64_t seconds;
	enum idm_result result;

	if (!read_request(job->message.extended.value, &target, &seconds)) {
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
		return;
	}
	seconds = seconds == 0 ? IDM_RESET_S : seconds;
	result = core_access_begin(job, target, &a, &err);
	if (result == IDM_OK)
		result = may_make(&a, seconds, &err);
	if (result == IDM_OK)
		result = make(job, &a, seconds, text, &row, &err);
	if (result == IDM_OK) {
		core_audit_done(job, IDM_AUDIT_RESET_TOKEN, IDM_ATTR_PRIMARY_CREDENTIAL);
		answer(job, &a, text, &row);
	} else {
		core_job_fail(job, result, &err);
	}
	core_read_end(&a.read);
	OPENSSL_cleanse(text, sizeof(text));
}
