/* The second factor in a credential update session (SPEC 6.1, 6.8). */
#include <string.h>

#include <openssl/crypto.h>

#include "ldapd/ber.h"
#include "ldapd/core_update.h"

enum { TOLD_BYTES = IDM_BACKUP_CODES * IDM_GENERATED_SECRET_BYTES };

bool
core_update_has_factor(const struct core_update *update, const struct idm_entry *account)
{
	if (update->factor.totp_what == CORE_UPDATE_KEEP)
		return idm_factor_is_set(account);
	return update->factor.totp_what == CORE_UPDATE_SET;
}

/* --- what may be done */

/* Access to a session's account that may be written, and what is stored of its second factor. */
static enum idm_result
begin(
    struct core_job *job, struct core_update *update, struct core_access *a, struct idm_error *err)
{
	struct idm_factor stored;
	enum idm_result may_write;
	struct idm_error why = { .text = "" };
	enum idm_result result = core_update_access(job, update, a, &may_write, &why, err);

	if (result == IDM_OK && may_write != IDM_OK)
		return idm_refuse(err, may_write, "%s", why.client_text);
	if (result != IDM_OK)
		return result;
	result =
	    idm_factor_load(&a->read.read, job->core->data.password_ring, &a->target, &stored, err);
	update->factor.stored_short = stored.set && stored.short_password;
	idm_factor_wipe(&stored);
	return result;
}

/* The end of a step: the state, and what it alone tells. */
static void
answer(struct core_job *job, const struct core_update *update, struct core_access *a,
    enum idm_result result, struct idm_span told, const struct idm_error *err)
{
	core_read_end(&a->read);
	if (result == IDM_OK)
		core_update_answer(job, update, IDM_SPAN_EMPTY, told);
	else
		core_job_fail(job, result, err);
}

/* --- one-time codes */

/* The URI of a secret, in the job's arena. */
static enum idm_result
tell_uri(struct core_job *job, const struct core_access *a, const struct idm_totp *totp,
    struct idm_span *told, struct idm_error *err)
{
	char *uri = idm_arena_alloc(job->arena, IDM_TOTP_URI_BYTES);
	char spn[IDM_SPN_MAX];

	if (uri == NULL)
		return IDM_LIMIT;
	idm_lookup_spn(&a->read.read, &a->target, spn);
	if (!idm_totp_uri(totp, a->read.read.domain, spn, uri))
		return idm_fail(err, IDM_LIMIT, "the account's name is too long for a URI");
	*told = idm_span_cstr(uri);
	return IDM_OK;
}

void
core_update_totp(struct core_job *job, struct core_update *update)
{
	struct core_access a;
	struct idm_span told = IDM_SPAN_EMPTY;
	struct idm_error err = { .text = "" };
	enum idm_result result = begin(job, update, &a, &err);

	if (result == IDM_OK && !idm_totp_generate(&update->factor.offer))
		result = idm_fail(&err, IDM_SYSTEM, "no random octets");
	if (result == IDM_OK)
		result = tell_uri(job, &a, &update->factor.offer, &told, &err);
	update->factor.offered = result == IDM_OK;
	answer(job, update, &a, result, told, &err);
}

/* Some authenticators take every secret for one of SHA-1, whatever the URI says. */
static enum idm_result
take_over(struct core_update_factor *factor, uint32_t code, int64_t now_s, struct idm_error *err)
{
	bool found = idm_totp_find(&factor->offer, code, now_s, 0, &factor->step);

	if (!found) {
		factor->offer.algorithm = IDM_TOTP_SHA1;
		found = idm_totp_find(&factor->offer, code, now_s, 0, &factor->step);
	}
	if (!found) {
		factor->offer.algorithm = IDM_TOTP_SHA256;
		return idm_refuse(
		    err, IDM_CONSTRAINT, "wrong code: is the clock of the authenticator right?");
	}
	factor->totp = factor->offer;
	factor->totp_what = CORE_UPDATE_SET;
	factor->offered = false;
	factor->cleared = false;
	OPENSSL_cleanse(&factor->offer, sizeof(factor->offer));
	return IDM_OK;
}

void
core_update_totp_code(struct core_job *job, struct core_update *update, struct idm_span code)
{
	struct core_access a;
	struct idm_error err = { .text = "" };
	uint32_t number = 0;
	enum idm_result result = begin(job, update, &a, &err);

	if (result == IDM_OK && !update->factor.offered)
		result = idm_refuse(&err, IDM_CONSTRAINT,
		    "there is no new secret whose code this could be: ask for one first");
	if (result == IDM_OK && !idm_totp_parse(code, &number))
		result = idm_refuse(&err, IDM_CONSTRAINT, "a code has six digits");
	if (result == IDM_OK)
		result = take_over(&update->factor, number, a.read.read.now.at_s, &err);
	answer(job, update, &a, result, IDM_SPAN_EMPTY, &err);
}

/* --- none any more */

static void
remove_all(struct core_update_factor *factor, const struct idm_entry *account)
{
	bool stored_short = factor->stored_short;

	OPENSSL_cleanse(factor, sizeof(*factor));
	factor->stored_short = stored_short;
	if (idm_factor_is_set(account))
		factor->totp_what = CORE_UPDATE_REMOVE;
	if (idm_entry_has(account, IDM_ATTR_BACKUP_CODES))
		factor->codes_what = CORE_UPDATE_REMOVE;
}

void
core_update_totp_remove(struct core_job *job, struct core_update *update)
{
	struct core_access a;
	struct idm_error err = { .text = "" };
	enum idm_result result = begin(job, update, &a, &err);

	if (result == IDM_OK)
		remove_all(&update->factor, &a.target);
	answer(job, update, &a, result, IDM_SPAN_EMPTY, &err);
}

void
core_update_clear_factor(struct core_update *update, const struct idm_entry *account)
{
	if (update->factor.totp_what != CORE_UPDATE_KEEP || !idm_factor_is_set(account))
		return;
	remove_all(&update->factor, account);
	update->factor.cleared = true;
}

enum idm_result
core_update_keep_factor(struct core_job *job, struct core_update *update,
    const struct core_access *a, struct idm_error *err)
{
	struct idm_factor stored;
	enum idm_result result = IDM_OK;

	if (update->factor.totp_what != CORE_UPDATE_KEEP)
		return IDM_OK;
	result =
	    idm_factor_load(&a->read.read, job->core->data.password_ring, &a->target, &stored, err);
	if (result == IDM_OK && stored.set && !stored.short_password) {
		update->factor.totp = stored.totp;
		update->factor.totp_what = CORE_UPDATE_SET;
		/* What was used is noted for the old row: no code of now is taken again. */
		update->factor.step = (uint64_t)a->read.read.now.at_s / IDM_TOTP_STEP_S;
	}
	idm_factor_wipe(&stored);
	return result;
}

/* --- backup codes */

static enum idm_result
generate_codes(
    struct core_job *job, struct core_update *update, struct idm_span *told, struct idm_error *err)
{
	char texts[IDM_BACKUP_CODES][IDM_GENERATED_SECRET_BYTES];
	char *all = idm_arena_alloc(job->arena, TOLD_BYTES);
	enum idm_result result = all == NULL ? IDM_LIMIT : IDM_OK;

	if (result == IDM_OK && !idm_backup_generate(texts, &update->factor.codes))
		result = idm_fail(err, IDM_SYSTEM, "no random octets");
	for (size_t i = 0; i < IDM_BACKUP_CODES && result == IDM_OK; i++) {
		size_t at = i * IDM_GENERATED_SECRET_BYTES;

		memcpy(all + at, texts[i], IDM_GENERATED_SECRET_BYTES - 1);
		all[at + IDM_GENERATED_SECRET_BYTES - 1] = ' ';
	}
	if (result == IDM_OK) {
		update->factor.codes_what = CORE_UPDATE_SET;
		*told = idm_span_of((const uint8_t *)all, TOLD_BYTES - 1);
	}
	OPENSSL_cleanse(texts, sizeof(texts));
	return result;
}

void
core_update_backup_codes(struct core_job *job, struct core_update *update)
{
	struct core_access a;
	struct idm_span told = IDM_SPAN_EMPTY;
	struct idm_error err = { .text = "" };
	enum idm_result result = begin(job, update, &a, &err);

	if (result == IDM_OK && !core_update_has_factor(update, &a.target))
		result = idm_refuse(&err, IDM_CONSTRAINT,
		    "backup codes stand for a second factor: set that up first, with `totp`");
	if (result == IDM_OK)
		result = generate_codes(job, update, &told, &err);
	answer(job, update, &a, result, told, &err);
}

/* --- the state */

static void
write_one(struct ber_writer *w, const char *state, bool pending)
{
	size_t seq = ber_open(w, BER_SEQUENCE, BER_SHORT);

	ber_write_octets(w, BER_OCTET_STRING, idm_span_cstr(state));
	ber_write_boolean(w, BER_BOOLEAN, pending);
	ber_close(w, seq);
}

/* How many backup codes there are after commit. */
static enum idm_result
count_codes(struct core_job *job, const struct core_update *update, const struct core_access *a,
    uint32_t *out, struct idm_error *err)
{
	struct idm_factor stored;
	enum idm_result result;

	*out = update->factor.codes_what == CORE_UPDATE_SET ? IDM_BACKUP_CODES : 0;
	if (update->factor.codes_what != CORE_UPDATE_KEEP ||
	    !idm_entry_has(&a->target, IDM_ATTR_BACKUP_CODES))
		return IDM_OK;
	result =
	    idm_factor_load(&a->read.read, job->core->data.password_ring, &a->target, &stored, err);
	if (result == IDM_OK)
		result = idm_factor_codes_left(&a->read.local, &update->account, &stored, out, err);
	idm_factor_wipe(&stored);
	return result;
}

enum idm_result
core_update_write_factor(struct core_job *job, const struct core_update *update,
    const struct core_access *a, struct ber_writer *w, struct idm_error *err)
{
	const struct core_update_factor *factor = &update->factor;
	const char *none = factor->cleared ? "cleared by the reset" : "not set";
	char left[32];
	uint32_t count;
	enum idm_result result = count_codes(job, update, a, &count, err);

	snprintf(left, sizeof(left), "%u left", count);
	write_one(w, core_update_has_factor(update, &a->target) ? "set" : none,
	    factor->totp_what != CORE_UPDATE_KEEP);
	write_one(w, count == 0 ? "not set" : left, factor->codes_what != CORE_UPDATE_KEEP);
	return result;
}
