/* The credential update sessions that there are: one open one an account (core_update.h). */
#include <stdlib.h>

#include <openssl/crypto.h>

#include "common/clock.h"
#include "core/closure.h"
#include "ldapd/core_update.h"

struct core_updates {
	struct core_update *first; /* the newest first */
	size_t count;
};

struct core_updates *
core_updates_new(void)
{
	return calloc(1, sizeof(struct core_updates));
}

/* Take one off the list, and wipe it. */
static void
drop(struct core_updates *updates, struct core_update **at)
{
	struct core_update *update = *at;

	*at = update->next;
	updates->count--;
	OPENSSL_cleanse(update, sizeof(*update));
	free(update);
}

void
core_updates_free(struct core_updates **updates)
{
	if (*updates == NULL)
		return;
	while ((*updates)->first != NULL)
		drop(*updates, &(*updates)->first);
	free(*updates);
	*updates = NULL;
}

void
core_updates_sweep(struct core *core)
{
	uint64_t now_ms = clock_monotonic_ms();

	for (struct core_update **at = &core->updates->first; *at != NULL;) {
		if ((*at)->expire_ms <= now_ms && (*at)->state != CORE_UPDATE_COMMITTING)
			drop(core->updates, at);
		else
			at = &(*at)->next;
	}
}

void
core_updates_remove(struct core *core, const struct idm_uuid *id)
{
	struct core_update **at = &core->updates->first;

	while (*at != NULL && !idm_uuid_equal(&(*at)->id, id))
		at = &(*at)->next;
	if (*at != NULL)
		drop(core->updates, at);
}

/* What was prepared goes at once; that it ended is kept, so that who goes on is told. */
static void
end(struct core_update *update, enum core_update_state state)
{
	update->state = state;
	OPENSSL_cleanse(&update->primary, sizeof(update->primary));
	OPENSSL_cleanse(&update->unix_password, sizeof(update->unix_password));
	OPENSSL_cleanse(&update->factor, sizeof(update->factor));
}

/* All open ones of an account. */
static void
end_all(struct core *core, const struct idm_uuid *account, enum core_update_state state)
{
	for (struct core_update *u = core->updates->first; u != NULL; u = u->next) {
		if (u->state <= CORE_UPDATE_COMMITTING && idm_uuid_equal(&u->account, account))
			end(u, state);
	}
}

void
core_updates_revoke(struct core *core, const struct idm_uuid *account)
{
	end_all(core, account, CORE_UPDATE_REVOKED);
}

/* What the accounts of all open ones are in the newest snapshot. */
static enum idm_result
review_all(struct core *core, const struct idm_read *read, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	for (struct core_update *u = core->updates->first; u != NULL && result == IDM_OK;
	     u = u->next) {
		struct idm_arena_mark mark = idm_arena_mark(read->arena);
		struct idm_entry account;
		bool now = false;

		if (u->state > CORE_UPDATE_COMMITTING)
			continue;
		result = idm_lookup_uuid(read, &u->account, &account, err);
		if (result == IDM_OK)
			result = idm_closure_is_hp(read, &account, &now, err);
		if (result == IDM_OK && now && !u->high_privilege)
			end(u, CORE_UPDATE_REVOKED);
		u->high_privilege = now;
		result = result == IDM_NOT_FOUND ? IDM_OK : result;
		idm_arena_rewind(read->arena, mark);
	}
	return result;
}

enum idm_result
core_updates_review(struct core *core, struct idm_error *err)
{
	struct core_job *job;
	struct core_read read;
	enum idm_result result;

	if (core->updates->first == NULL)
		return IDM_OK;
	job = core_job_own(core);
	result = core_read_begin(job, &read, err);
	if (result == IDM_OK)
		result = review_all(core, &read.read, err);
	core_read_end(&read);
	core_job_done(job, LDAP_SUCCESS, "");
	return result;
}

/* Room for one more: the oldest that is over goes. */
static bool
make_room(struct core *core)
{
	struct core_update **oldest = NULL;

	core_updates_sweep(core);
	if (core->updates->count < CORE_UPDATES_MAX)
		return true;
	for (struct core_update **at = &core->updates->first; *at != NULL; at = &(*at)->next) {
		if ((*at)->state > CORE_UPDATE_COMMITTING)
			oldest = at;
	}
	if (oldest == NULL)
		return false;
	drop(core->updates, oldest);
	return true;
}

enum idm_result
core_updates_add(struct core *core, const struct idm_uuid *account, bool high_privilege,
    char token[IDM_TOKEN_TEXT], struct core_update **out, struct idm_error *err)
{
	struct idm_token_row row;
	struct core_update *update;

	end_all(core, account, CORE_UPDATE_SUPERSEDED);
	if (!make_room(core))
		return idm_refuse(err, IDM_BUSY,
		    "too many credential update sessions are open; try again in some minutes");
	update = calloc(1, sizeof(*update));
	if (update == NULL || !idm_token_generate(token, &row)) {
		free(update);
		return idm_fail(err, IDM_SYSTEM, "no memory, or no random octets");
	}
	update->id = row.id;
	memcpy(update->hash, row.hash, sizeof(update->hash));
	update->account = *account;
	update->high_privilege = high_privilege;
	update->expire_ms = clock_monotonic_ms() + CORE_UPDATE_S * UINT64_C(1000);
	update->expire_s = core_now(core).at_s + CORE_UPDATE_S;
	update->next = core->updates->first;
	core->updates->first = update;
	core->updates->count++;
	*out = update;
	return IDM_OK;
}

static enum idm_result
refuse_ended(const struct core_update *update, struct idm_error *err)
{
	if (update == NULL)
		return idm_refuse(err, IDM_DENIED,
		    "this credential update session is over: it lasts 15 minutes, and ends with a "
		    "restart of the server; begin another");
	switch (update->state) {
	case CORE_UPDATE_OPEN: break;
	case CORE_UPDATE_COMMITTING:
		return idm_refuse(err, IDM_BUSY, "this credential update session is committing");
	case CORE_UPDATE_SUPERSEDED:
		return idm_refuse(err, IDM_DENIED,
		    "a newer credential update session of this account was begun: this one is "
		    "over, and nothing of it was saved");
	case CORE_UPDATE_REVOKED:
		return idm_refuse(err, IDM_DENIED,
		    "the account was deleted, has become high privilege, or was logged out "
		    "everywhere: this credential update session is over, and nothing of it was "
		    "saved");
	}
	return IDM_OK;
}

enum idm_result
core_updates_find_id(
    struct core *core, const struct idm_uuid *id, struct core_update **out, struct idm_error *err)
{
	struct core_update *update = core->updates->first;

	while (update != NULL && !idm_uuid_equal(&update->id, id))
		update = update->next;
	if (update != NULL && update->state != CORE_UPDATE_COMMITTING &&
	    update->expire_ms <= clock_monotonic_ms())
		update = NULL;
	*out = update;
	return refuse_ended(update, err);
}

enum idm_result
core_updates_find(
    struct core *core, struct idm_span token, struct core_update **out, struct idm_error *err)
{
	uint8_t hash[IDM_TOKEN_HASH_BYTES];
	struct idm_uuid id;
	enum idm_result result;

	*out = NULL;
	if (!idm_token_parse(token, &id, hash))
		return refuse_ended(NULL, err);
	result = core_updates_find_id(core, &id, out, err);
	if (*out != NULL && CRYPTO_memcmp((*out)->hash, hash, sizeof(hash)) != 0) {
		*out = NULL;
		result = refuse_ended(NULL, err);
	}
	OPENSSL_cleanse(hash, sizeof(hash));
	return result;
}
