#include "ldapd/revoked.h"

#include "core/closure.h"
#include "ldapd/conn.h"
#include "ldapd/log.h"

/* --- of one account */

/* Is it over whatever the snapshot says? */
static bool
is_over(const struct conn *conn, const struct ipc_revoked *revoked)
{
	switch (revoked->what) {
	case IPC_REVOKE_SESSION: return idm_uuid_equal(&conn->identity.session, &revoked->session);
	case IPC_REVOKE_ALL: return conn->handle != 0;
	case IPC_REVOKE_UNFIT:
	case IPC_REVOKE_RISEN: break;
	}
	return false;
}

static void
revoke_account(struct worker *worker, const struct ipc_revoked *revoked)
{
	struct conn *next;

	for (struct conn *conn = worker->conns; conn != NULL; conn = next) {
		next = conn->next;
		if (!idm_uuid_equal(&conn->identity.uuid, &revoked->account))
			continue;
		if (is_over(conn, revoked))
			conn_end_login(conn, "this login is over");
		else
			conn_recheck(conn);
		conn_settle(conn);
	}
}

/* --- of all that are high privilege now */

/*
 * What the connection's account is now.  Who is no longer high privilege has what is left of this
 * login judged by that, when it is again.
 */
static enum idm_result
look_at(const struct idm_read *read, struct conn *conn, struct idm_error *err)
{
	struct idm_identity *identity = &conn->identity;
	struct idm_arena_mark mark = idm_arena_mark(read->arena);
	struct idm_entry account;
	bool now = false;
	enum idm_result result = idm_lookup_uuid(read, &identity->uuid, &account, err);

	if (result == IDM_OK)
		result = idm_closure_is_hp(read, &account, &now, err);
	idm_arena_rewind(read->arena, mark);
	if (result == IDM_OK && now && !identity->high_privilege)
		conn->border_s = 0; /* over: conn_settle looks at the login, and says good-bye */
	if (result == IDM_OK && !now)
		identity->high_privilege = false;
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* All connections by one snapshot, so that many of them take little longer than a few. */
static enum idm_result
look_at_all(struct worker *worker, struct idm_error *err)
{
	struct idm_arena *arena = idm_arena_new(WORKER_REQUEST_BYTES);
	struct idm_txn txn;
	struct idm_read read;
	enum idm_result result;

	if (arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = idm_store_read_begin(worker->store, &txn, err);
	if (result == IDM_OK) {
		result = idm_read_attach(&txn, arena, worker_now(worker), &read, err);
		if (result == IDM_OK)
			result = idm_groups_use(worker->groups, &read, err);
		for (struct conn *c = worker->conns; c != NULL && result == IDM_OK; c = c->next) {
			if (c->handle != 0)
				result = look_at(&read, c, err);
		}
		idm_store_read_end(&txn);
	}
	idm_arena_free(&arena);
	return result;
}

/* Without a snapshot each connection finds out by itself, or is ended by that it can't. */
static void
revoke_risen(struct worker *worker)
{
	struct idm_error err = { .text = "" };
	enum idm_result result = look_at_all(worker, &err);
	struct conn *next;

	if (result != IDM_OK)
		log_warn("worker: logins are looked at one by one: %s", err.text);
	for (struct conn *conn = worker->conns; conn != NULL; conn = next) {
		next = conn->next;
		if (conn->handle == 0)
			continue;
		if (result != IDM_OK)
			conn_recheck(conn);
		if (result != IDM_OK || conn->border_s == 0)
			conn_settle(conn);
	}
}

void
revoked_handle(struct worker *worker, const struct ipc_revoked *revoked)
{
	if (revoked->what == IPC_REVOKE_RISEN)
		revoke_risen(worker);
	else
		revoke_account(worker, revoked);
}
