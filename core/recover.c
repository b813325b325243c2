#include "core/recover.h"

#include <stdio.h>

#include <openssl/crypto.h>

#include "core/builtin.h"
#include "core/builtin_profiles.h"
#include "core/session.h"
#include "core/softlock.h"

enum { ARENA_BYTES = 16 * 1024 * 1024 };

struct recovery {
	struct idm_store *store;
	const struct idm_change_context *context;
	struct idm_now now;
	struct idm_arena *arena;
	struct idm_txn txn; /* all of it is one commit */
	struct idm_error *err;
};

static enum idm_result
change(struct recovery *r, struct idm_request *request)
{
	const struct idm_identity console = {
		.kind = IDM_IDENTITY_INTERNAL, .scope = IDM_SCOPE_READ_WRITE, .expire_s = INT64_MAX
	};
	struct idm_change_set set;

	request->operation = IDM_OP_RECOVER;
	snprintf(request->source, sizeof(request->source), "console");
	if (!idm_uuid_generate(&request->id))
		return idm_fail(r->err, IDM_SYSTEM, "no random octets");
	return idm_change_run(
	    &r->txn, r->context, &console, request, r->now, r->arena, &set, r->err);
}

/* The account, in the transaction; groups are none. */
static enum idm_result
find_account(struct recovery *r, const char *name, struct idm_entry *out)
{
	struct idm_read read;
	enum idm_result result = idm_read_attach(&r->txn, r->arena, r->now, &read, r->err);

	if (result == IDM_OK)
		result = idm_lookup_text(&read, idm_span_cstr(name), out, r->err);
	if (result == IDM_NOT_FOUND || (result == IDM_OK && !idm_entry_has_class(out, "account")))
		return idm_refuse(r->err, IDM_NOT_FOUND, "there is no account '%s'", name);
	return result;
}

static enum idm_result
check_recoverable(struct recovery *r, const struct idm_entry *account)
{
	struct idm_uuid anonymous = idm_uuid_builtin(IDM_BUILTIN_ANONYMOUS);

	if (!idm_uuid_equal(&account->uuid, &anonymous))
		return IDM_OK;
	return idm_refuse(r->err, IDM_PROTECTED,
	    "anonymous has no password and never gets one: recover another account");
}

/* What is surely past: a clock that is not trusted may lie years behind the floor (SPEC 11.5). */
static int64_t
past_s(const struct recovery *r)
{
	int64_t floor_s = idm_store_clock_floor(r->store);

	return r->now.trusted || floor_s < r->now.at_s ? r->now.at_s : floor_s;
}

/* A password, and a window that is open now. */
static enum idm_result
reset(struct recovery *r, const struct idm_entry *account, const char *phc)
{
	const struct idm_schema *schema = idm_schema_builtin();
	struct idm_request_mod mods[2];
	struct idm_request_secret secrets[] = {
		{ .attr_number = IDM_ATTR_PRIMARY_CREDENTIAL,
		    .plain = idm_span_cstr(phc),
		    .marker = "generated" },
		{ .attr_number =
			IDM_ATTR_TOTP_SECRET }, /* who has it may be who is to be kept out */
		{ .attr_number = IDM_ATTR_BACKUP_CODES },
	};
	struct idm_request request = {
		.target = account->uuid, .mods = mods, .secrets = secrets, .secret_count = 3
	};

	if (idm_entry_has(account, IDM_ATTR_ACCOUNT_VALID_FROM))
		mods[request.mod_count++] = (struct idm_request_mod){ IDM_REQUEST_REPLACE,
			idm_schema_attr_number(schema, IDM_ATTR_ACCOUNT_VALID_FROM), NULL, 0 };
	if (idm_entry_datetime(account, IDM_ATTR_ACCOUNT_EXPIRE, INT64_MAX) <= past_s(r))
		mods[request.mod_count++] = (struct idm_request_mod){ IDM_REQUEST_REPLACE,
			idm_schema_attr_number(schema, IDM_ATTR_ACCOUNT_EXPIRE), NULL, 0 };
	return change(r, &request);
}

static bool
lists(const char *members, const char *name)
{
	struct idm_span word;

	while (idm_word_next(&members, &word)) {
		if (idm_span_is(word, name))
			return true;
	}
	return false;
}

static enum idm_result
add_member(struct recovery *r, uint64_t group_number, const char *name)
{
	const struct idm_span value = idm_span_cstr(name);
	const struct idm_request_mod mod = { IDM_REQUEST_ADD,
		idm_schema_attr_number(idm_schema_builtin(), IDM_ATTR_MEMBER), &value, 1 };
	struct idm_request request = {
		.target = idm_uuid_builtin(group_number), .mods = &mod, .mod_count = 1
	};

	return change(r, &request);
}

static enum idm_result
restore_initial_groups(struct recovery *r)
{
	static const char *const names[] = { "admin", "idm_admin" };
	size_t count;
	const struct idm_builtin_group *groups = idm_builtin_groups(&count);
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < count && result == IDM_OK; i++) {
		for (size_t k = 0; k < 2 && result == IDM_OK; k++) {
			if (groups[i].members != NULL && lists(groups[i].members, names[k]))
				result = add_member(r, groups[i].number, names[k]);
		}
	}
	return result;
}

static enum idm_result
end_sessions(struct recovery *r, const struct idm_uuid *account)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_local_write_begin(r->store, &txn, r->err);

	if (result == IDM_OK)
		result = idm_session_remove_all(&txn, account, NULL, NULL, r->err);
	return idm_store_write_end(&txn, result, r->err);
}

/* Those that are stored; a server that runs has them in its memory too. */
static enum idm_result
end_softlocks(struct recovery *r, const struct idm_uuid *account)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_local_write_begin(r->store, &txn, r->err);

	if (result == IDM_OK)
		result = idm_softlock_delete_rows(&txn, account, r->err);
	return idm_store_write_end(&txn, result, r->err);
}

static enum idm_result
recover(struct recovery *r, const char *name, bool restore_roles, const char *phc,
    struct idm_uuid *uuid)
{
	struct idm_entry account;
	enum idm_result result = idm_store_write_begin(r->store, &r->txn, r->err);

	if (result != IDM_OK)
		return result;
	result = find_account(r, name, &account);
	if (result == IDM_OK)
		result = check_recoverable(r, &account);
	if (result == IDM_OK) {
		*uuid = account.uuid;
		result = reset(r, &account, phc);
	}
	if (result == IDM_OK && restore_roles)
		result = restore_initial_groups(r);
	result = idm_store_write_end(&r->txn, result, r->err);
	if (result == IDM_OK)
		result = end_sessions(r, uuid);
	return result == IDM_OK ? end_softlocks(r, uuid) : result;
}

static enum idm_result
disable(struct recovery *r, const char *name, struct idm_uuid *uuid)
{
	const struct idm_span long_ago = IDM_SPAN_LIT("1970-01-01T00:00:00Z");
	const struct idm_request_mod mod = { IDM_REQUEST_REPLACE,
		idm_schema_attr_number(idm_schema_builtin(), IDM_ATTR_ACCOUNT_EXPIRE), &long_ago,
		1 };
	struct idm_request request = { .mods = &mod, .mod_count = 1 };
	struct idm_entry account;
	enum idm_result result = idm_store_write_begin(r->store, &r->txn, r->err);

	if (result != IDM_OK)
		return result;
	result = find_account(r, name, &account);
	if (result == IDM_OK) {
		*uuid = request.target = account.uuid;
		result = change(r, &request);
	}
	result = idm_store_write_end(&r->txn, result, r->err);
	return result == IDM_OK ? end_sessions(r, uuid) : result;
}

enum idm_result
idm_recover_account(struct idm_store *store, const struct idm_change_context *context,
    const char *name, bool restore_roles, const struct idm_argon2 *params, struct idm_now now,
    char password[IDM_GENERATED_PASSWORD_BYTES], struct idm_uuid *account, struct idm_error *err)
{
	struct recovery r = { .store = store, .context = context, .now = now, .err = err };
	char phc[IDM_PHC_BYTES];
	enum idm_result result;

	if (!idm_password_generate(password))
		return idm_fail(err, IDM_SYSTEM, "no random octets");
	result = idm_password_hash(idm_span_cstr(password), params, phc, err);
	r.arena = idm_arena_new(ARENA_BYTES);
	if (r.arena == NULL)
		result = idm_fail(err, IDM_SYSTEM, "out of memory");
	if (result == IDM_OK)
		result = recover(&r, name, restore_roles, phc, account);
	OPENSSL_cleanse(phc, sizeof(phc));
	if (result != IDM_OK)
		OPENSSL_cleanse(password, IDM_GENERATED_PASSWORD_BYTES);
	idm_arena_free(&r.arena);
	return result;
}

enum idm_result
idm_disable_account(struct idm_store *store, const struct idm_change_context *context,
    const char *name, struct idm_now now, struct idm_uuid *account, struct idm_error *err)
{
	struct recovery r = { .store = store, .context = context, .now = now, .err = err };
	enum idm_result result;

	r.arena = idm_arena_new(ARENA_BYTES);
	if (r.arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = disable(&r, name, account);
	idm_arena_free(&r.arena);
	return result;
}
