#include "core/authenticate.h"

#include <stdio.h>

#include <openssl/crypto.h>

#include "core/admission.h"
#include "core/application.h"
#include "core/builtin.h"
#include "core/closure.h"
#include "core/policy.h"
#include "core/second_factor.h"
#include "core/session.h"
#include "core/token_store.h"

static void
say(struct idm_auth_plan *plan, enum idm_auth_why why, const char *text)
{
	plan->why = why;
	snprintf(plan->reason, sizeof(plan->reason), "%s", text);
}

static enum idm_result
add_test(const struct idm_read *read, const struct idm_entry *account, uint32_t attr_number,
    struct idm_auth_test *test, struct idm_error *err)
{
	struct idm_span blob;
	enum idm_result result = idm_lookup_secret(read, account->id, attr_number, &blob, err);

	if (result != IDM_OK)
		return result;
	test->attr_number = attr_number;
	test->set_at_no = idm_seal_set_at(blob);
	return IDM_OK;
}

/* Of these credentials, up to IDM_AUTH_TESTS. */
static enum idm_result
plan_tests(const struct idm_read *read, const struct idm_entry *account, const uint32_t *tested,
    size_t tested_count, struct idm_auth_plan *out, struct idm_error *err)
{
	struct idm_error why;
	size_t count = 0;
	enum idm_result result = IDM_OK;

	if (account == NULL || !idm_entry_has_class(account, "account")) {
		say(out, IDM_AUTH_NO_ACCOUNT,
		    account == NULL ? "no such account" : "not an account");
		return IDM_OK;
	}
	out->account = account->uuid;
	out->account_id = account->id;
	if (idm_admission_check(read, account, &why) != IDM_OK) {
		say(out, IDM_AUTH_OUTSIDE_WINDOW, why.text);
		return IDM_OK;
	}
	for (size_t i = 0; i < tested_count; i++) {
		result = add_test(read, account, tested[i], &out->tests[count], err);
		if (result == IDM_OK)
			count++;
		else if (result != IDM_NOT_FOUND)
			return result;
	}
	if (count == 0 && !out->no_primary)
		say(out, IDM_AUTH_NO_CREDENTIAL, "no credential is set");
	return IDM_OK;
}

/* Does the primary password bind by itself?  IDM_DENIED: why it does not. */
static enum idm_result
check_primary(
    const struct idm_entry *account, const struct idm_policy *policy, struct idm_error *err)
{
	if (idm_factor_is_set(account))
		return idm_fail(err, IDM_DENIED,
		    "the primary password alone does not bind, for a second factor is set; and no "
		    "other one fits");
	if (!policy->primary_ldap_bind)
		return idm_fail(err, IDM_DENIED,
		    "the primary password does not bind, by account policy; and no other one fits");
	return IDM_OK;
}

/* A primary password that does not bind is not even tested, so nobody learns whether it fits. */
enum idm_result
idm_auth_plan_tests(const struct idm_read *read, const struct idm_entry *account,
    struct idm_auth_plan *out, struct idm_error *err)
{
	static const uint32_t tested[IDM_AUTH_TESTS] = { IDM_ATTR_UNIX_PASSWORD,
		IDM_ATTR_PRIMARY_CREDENTIAL };
	struct idm_error why = { .text = "" };
	struct idm_policy policy;
	enum idm_result result = IDM_OK;

	memset(out, 0, sizeof(*out));
	if (account != NULL)
		result = idm_policy_of(read, account, &policy, &why);
	if (account != NULL && result == IDM_OK)
		result = check_primary(account, &policy, &why);
	out->no_primary = result == IDM_DENIED;
	if (result != IDM_OK && result != IDM_DENIED) {
		if (err != NULL)
			*err = why;
		return result;
	}
	result = plan_tests(read, account, tested, out->no_primary ? 1 : IDM_AUTH_TESTS, out, err);
	if (result == IDM_OK && out->no_primary && out->reason[0] == '\0')
		say(out, idm_factor_is_set(account) ? IDM_AUTH_NEEDS_FACTOR : IDM_AUTH_BARRED,
		    why.text);
	return result;
}

int
idm_auth_plan_recall(const struct idm_auth_plan *plan, struct idm_verified *cache,
    struct idm_span password, uint64_t now_ms)
{
	for (int i = 0; i < IDM_AUTH_TESTS; i++) {
		const struct idm_verified_id id = idm_auth_verified_id(plan, i);

		if (id.attr_number != 0 && idm_verified_has(cache, &id, password, now_ms))
			return i;
	}
	return -1;
}

static enum idm_result
unseal_test(const struct idm_read *read, const struct idm_keyring *ring,
    const struct idm_auth_plan *plan, struct idm_auth_test *test, struct idm_error *err)
{
	struct idm_span blob, phc;
	enum idm_result result =
	    idm_lookup_secret(read, plan->account_id, test->attr_number, &blob, err);

	if (result == IDM_OK)
		result = idm_unseal(
		    ring, &plan->account, test->attr_number, blob, read->arena, &phc, err);
	if (result == IDM_OK && phc.len >= sizeof(test->phc))
		result = idm_fail(err, IDM_CORRUPT, "a stored hash has %zu octets", phc.len);
	if (result != IDM_OK)
		return result;
	memcpy(test->phc, phc.ptr, phc.len);
	test->phc[phc.len] = '\0';
	return IDM_OK;
}

enum idm_result
idm_auth_plan_unseal(const struct idm_read *read, const struct idm_keyring *ring,
    struct idm_auth_plan *plan, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < IDM_AUTH_TESTS && result == IDM_OK; i++) {
		if (plan->tests[i].attr_number != 0)
			result = unseal_test(read, ring, plan, &plan->tests[i], err);
	}
	return result;
}

enum idm_result
idm_auth_plan(const struct idm_read *read, const struct idm_keyring *ring,
    const struct idm_entry *account, struct idm_auth_plan *out, struct idm_error *err)
{
	enum idm_result result = idm_auth_plan_tests(read, account, out, err);

	return result == IDM_OK ? idm_auth_plan_unseal(read, ring, out, err) : result;
}

enum idm_result
idm_auth_plan_login(const struct idm_read *read, const struct idm_keyring *ring,
    const struct idm_entry *account, struct idm_auth_plan *out, struct idm_error *err)
{
	static const uint32_t tested[] = { IDM_ATTR_PRIMARY_CREDENTIAL };
	enum idm_result result;

	memset(out, 0, sizeof(*out));
	out->login = true;
	result = plan_tests(read, account, tested, 1, out, err);
	return result == IDM_OK ? idm_auth_plan_unseal(read, ring, out, err) : result;
}

int
idm_auth_plan_run(
    const struct idm_auth_plan *plan, struct idm_span password, const struct idm_argon2 *params)
{
	for (int i = 0; i < IDM_AUTH_TESTS; i++) {
		const struct idm_auth_test *test = &plan->tests[i];

		bool real = test->attr_number != 0;

		if (real && idm_password_verify(idm_span_cstr(test->phc), password, NULL) == IDM_OK)
			return i;
		/* A hash from elsewhere may have cost nothing itself. */
		if (!real || idm_password_needs_upgrade(idm_span_cstr(test->phc), params))
			idm_password_dummy(password, params);
	}
	return -1;
}

uint32_t
idm_auth_plan_memory_kib(const struct idm_auth_plan *plan, const struct idm_argon2 *params)
{
	uint32_t most_kib = params->m_kib; /* of a dummy */

	for (size_t i = 0; i < IDM_AUTH_TESTS; i++) {
		uint32_t kib = idm_password_memory_kib(idm_span_cstr(plan->tests[i].phc));

		most_kib = kib > most_kib ? kib : most_kib;
	}
	return most_kib;
}

void
idm_auth_plan_drop(struct idm_auth_plan *plan, size_t test)
{
	OPENSSL_cleanse(&plan->tests[test], sizeof(plan->tests[test]));
}

void
idm_auth_plan_wipe(struct idm_auth_plan *plan)
{
	OPENSSL_cleanse(plan, sizeof(*plan));
}

static enum idm_result
load_account(const struct idm_read *read, const struct idm_uuid *uuid, struct idm_entry *out,
    struct idm_error *err)
{
	enum idm_result result = idm_lookup_uuid(read, uuid, out, err);

	if (result == IDM_NOT_FOUND)
		return idm_fail(err, IDM_DENIED, "the account was deleted");
	if (result == IDM_OK)
		result = idm_admission_check(read, out, err);
	return result;
}

/* Is the secret that was proved still the stored one? */
static enum idm_result
check_credential(const struct idm_read *read, const struct idm_entry *account, uint32_t attr_number,
    uint64_t set_at_no, struct idm_error *err)
{
	struct idm_span blob;
	enum idm_result result = idm_lookup_secret(read, account->id, attr_number, &blob, err);

	if (result == IDM_NOT_FOUND || (result == IDM_OK && idm_seal_set_at(blob) != set_at_no))
		return idm_fail(err, IDM_DENIED, "the password was changed since");
	return result;
}

/*
 * Who was not high privilege when a login began, and is now, has lost it: by this, from the very
 * snapshot in which that is so, however many there are (SPEC 4).
 */
static enum idm_result
check_privilege(const struct idm_read *read, const struct idm_entry *account, bool high_privilege,
    struct idm_error *err)
{
	bool now;
	enum idm_result result = idm_closure_is_hp(read, account, &now, err);

	if (result == IDM_OK && now && !high_privilege)
		return idm_fail(err, IDM_DENIED, "the account became high privilege since");
	return result;
}

/* A bind by the primary password counts as a session that begins with it (SPEC 7.3). */
static void
begin_login(const struct idm_read *read, const struct idm_entry *account,
    const struct idm_policy *policy, struct idm_identity *out)
{
	out->kind = IDM_IDENTITY_PASSWORD;
	out->scope = IDM_SCOPE_READ_WRITE;
	out->privileged_until_s = read->now.at_s + policy->privileged_s;
	out->expire_s =
	    read->now.at_s + idm_session_lifetime_s(account, out->high_privilege, policy);
}

enum idm_result
idm_auth_verdict(const struct idm_read *read, const struct idm_auth_plan *plan, int fitted,
    struct idm_identity *out, struct idm_error *err)
{
	const struct idm_auth_test *test;
	struct idm_entry account;
	struct idm_policy policy;
	bool primary;
	enum idm_result result;

	memset(out, 0, sizeof(*out));
	if (fitted < 0 || fitted >= IDM_AUTH_TESTS || plan->tests[fitted].attr_number == 0)
		return idm_fail(err, IDM_DENIED, "%s",
		    plan->reason[0] != '\0' ? plan->reason : "wrong password");
	test = &plan->tests[fitted];
	result = load_account(read, &plan->account, &account, err);
	if (result != IDM_OK)
		return result;
	result = check_credential(read, &account, test->attr_number, test->set_at_no, err);
	if (result != IDM_OK)
		return result;
	primary = test->attr_number == IDM_ATTR_PRIMARY_CREDENTIAL;
	if (primary)
		result = idm_policy_of(read, &account, &policy, err);
	if (result == IDM_OK && primary && !plan->login) /* it may have been barred meanwhile */
		result = check_primary(&account, &policy, err);
	if (result != IDM_OK)
		return result;
	out->uuid = account.uuid;
	out->expire_s = INT64_MAX;
	out->credential_attr = test->attr_number;
	out->credential_no = test->set_at_no;
	out->kind = IDM_IDENTITY_UNIX_PASSWORD;
	result = idm_closure_is_hp(read, &account, &out->high_privilege, err);
	if (result == IDM_OK && primary)
		begin_login(read, &account, &policy, out);
	return result;
}

static enum idm_result
no_such_row(struct idm_error *err)
{
	return idm_fail(err, IDM_DENIED, "no such token or session");
}

/* The row of a token: an API token's, or a session's. */
static enum idm_result
load_row(const struct idm_read *read, const struct idm_txn *local, const struct idm_uuid *id,
    struct idm_token_row *out, struct idm_error *err)
{
	enum idm_result result = idm_token_get(read->txn, id, out, err);

	if (result == IDM_NOT_FOUND)
		result = idm_session_get(local, id, out, err);
	if (result == IDM_OK && out->kind != IDM_TOKEN_API && out->kind != IDM_TOKEN_SESSION)
		result = IDM_NOT_FOUND;
	return result == IDM_NOT_FOUND ? no_such_row(err) : result;
}

static void
identity_of(const struct idm_token_row *row, struct idm_identity *out)
{
	struct idm_uuid anonymous = idm_uuid_builtin(IDM_BUILTIN_ANONYMOUS);

	memset(out, 0, sizeof(*out));
	out->uuid = row->account;
	out->session = row->id;
	out->scope = row->scope;
	out->expire_s = row->expire_s;
	out->privileged_until_s = row->privileged_until_s;
	if (row->credential_no != 0) {
		out->credential_attr = IDM_ATTR_PRIMARY_CREDENTIAL;
		out->credential_no = row->credential_no;
	}
	out->kind = row->kind == IDM_TOKEN_SESSION ? IDM_IDENTITY_SESSION : IDM_IDENTITY_TOKEN;
	if (idm_uuid_equal(&row->account, &anonymous))
		out->kind = IDM_IDENTITY_ANONYMOUS;
}

enum idm_result
idm_auth_token(const struct idm_read *read, const struct idm_txn *local, struct idm_span token,
    const struct idm_uuid *account, struct idm_identity *out, struct idm_error *err)
{
	uint8_t hash[IDM_TOKEN_HASH_BYTES];
	struct idm_token_row row;
	struct idm_entry entry;
	struct idm_uuid id;
	enum idm_result result;

	if (!idm_token_parse(token, &id, hash))
		return idm_fail(err, IDM_DENIED, "not a token");
	result = load_row(read, local, &id, &row, err);
	if (result == IDM_OK)
		result = idm_token_check(&row, hash, read->now, err);
	OPENSSL_cleanse(hash, sizeof(hash));
	if (result == IDM_OK && account != NULL && !idm_uuid_equal(account, &row.account))
		result = idm_fail(err, IDM_DENIED, "the token is another account's");
	if (result == IDM_OK)
		result = load_account(read, &row.account, &entry, err);
	if (result == IDM_OK && row.credential_no != 0)
		result = check_credential(
		    read, &entry, IDM_ATTR_PRIMARY_CREDENTIAL, row.credential_no, err);
	if (result == IDM_OK && row.kind == IDM_TOKEN_SESSION)
		result = check_privilege(read, &entry, row.high_privilege, err);
	if (result != IDM_OK)
		return result;
	identity_of(&row, out);
	return idm_closure_is_hp(read, &entry, &out->high_privilege, err);
}

/* Is what was bound with still there?  A session's row, local to this box, only if `local` is. */
static enum idm_result
check_row(const struct idm_read *read, const struct idm_txn *local, const struct idm_entry *account,
    const struct idm_identity *identity, struct idm_error *err)
{
	struct idm_token_row row;
	enum idm_result result = IDM_OK;

	if (idm_uuid_is_null(&identity->session))
		return IDM_OK;
	if (identity->kind == IDM_IDENTITY_APPLICATION)
		return idm_application_recheck(read, account, identity, err);
	if (identity->kind == IDM_IDENTITY_TOKEN)
		result = idm_token_get(read->txn, &identity->session, &row, err);
	else if (local != NULL)
		result = idm_session_get(local, &identity->session, &row, err);
	return result == IDM_NOT_FOUND ? no_such_row(err) : result;
}

enum idm_result
idm_auth_recheck(const struct idm_read *read, const struct idm_txn *local,
    const struct idm_identity *identity, struct idm_error *err)
{
	struct idm_entry account;
	enum idm_result result;

	if (identity->kind == IDM_IDENTITY_INTERNAL)
		return IDM_OK;
	result = load_account(read, &identity->uuid, &account, err);
	if (result != IDM_OK)
		return result;
	if (identity->expire_s <= read->now.at_s)
		return idm_fail(err, IDM_DENIED, "the token or session expired");
	if (identity->credential_no != 0)
		result = check_credential(
		    read, &account, identity->credential_attr, identity->credential_no, err);
	if (result == IDM_OK && identity->kind != IDM_IDENTITY_ANONYMOUS)
		result = check_privilege(read, &account, identity->high_privilege, err);
	return result == IDM_OK ? check_row(read, local, &account, identity, err) : result;
}
