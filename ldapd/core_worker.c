/* The workers that the core process serves, and the identities that each of them was given. */
#include <stdlib.h>

#include "ldapd/channel.h"
#include "ldapd/core.h"
#include "ldapd/log.h"

/* A worker that can't be told is cut off (channel.h), and its connections with it. */
static void
tell_all(struct core *core, const struct ipc_revoked *revoked)
{
	const struct ipc_frame frame = { .type = IPC_REVOKED, .revoked = *revoked };

	for (struct core_worker *w = core->workers; w != NULL; w = w->next)
		channel_send(w->channel, &frame);
}

void
core_revoke(struct core *core, const struct idm_uuid *account)
{
	tell_all(core, &(struct ipc_revoked){ .account = *account, .what = IPC_REVOKE_UNFIT });
}

void
core_revoke_session(
    struct core *core, const struct idm_uuid *account, const struct idm_uuid *session)
{
	tell_all(core, &(struct ipc_revoked){
			   .account = *account, .what = IPC_REVOKE_SESSION, .session = *session });
}

void
core_revoke_all(struct core *core, const struct idm_uuid *account)
{
	tell_all(core, &(struct ipc_revoked){ .account = *account, .what = IPC_REVOKE_ALL });
}

void
core_revoke_risen(struct core *core)
{
	tell_all(core, &(struct ipc_revoked){ .what = IPC_REVOKE_RISEN });
}

bool
core_worker_new(struct core *core, int fd, channel_on_frame on_frame, channel_on_closed on_closed)
{
	struct core_worker *worker = calloc(1, sizeof(*worker));

	if (worker == NULL)
		return false;
	worker->core = core;
	worker->no = ++core->worker_count;
	worker->channel = channel_new(core->base, fd, on_frame, on_closed, worker);
	if (worker->channel == NULL) {
		free(worker);
		return false;
	}
	worker->next = core->workers;
	core->workers = worker;
	return true;
}

void
core_worker_free(struct core_worker *worker)
{
	struct core_worker **at = &worker->core->workers;

	while (*at != NULL && *at != worker)
		at = &(*at)->next;
	if (*at != NULL)
		*at = worker->next;
	counts_add(&worker->core->counts.workers, &worker->counts, false);
	channel_free(&worker->channel);
	free(worker->logins);
	free(worker);
}

struct core_worker *
core_worker_find(const struct core *core, uint64_t no)
{
	struct core_worker *worker = core->workers;

	while (worker != NULL && worker->no != no)
		worker = worker->next;
	return worker;
}

/* --- handles: a place in the list below, and which login had it when the handle was given */

static struct core_login *
find_login(const struct core_worker *worker, uint64_t handle)
{
	uint64_t place = handle & UINT32_MAX;
	struct core_login *login;

	if (place == 0 || place > worker->login_room)
		return NULL;
	login = &worker->logins[place - 1];
	return login->used && login->turn == handle >> 32 ? login : NULL;
}

struct idm_identity *
core_identity(struct core_worker *worker, uint64_t handle)
{
	struct core_login *login = find_login(worker, handle);

	return login == NULL ? NULL : &login->identity;
}

static bool
grow_logins(struct core_worker *worker)
{
	size_t room = worker->login_room == 0 ? 64 : 2 * worker->login_room;
	struct core_login *logins;

	if (room > CORE_IDENTITY_MAX)
		return false;
	logins = reallocarray(worker->logins, room, sizeof(*logins));
	if (logins == NULL)
		return false;
	memset(logins + worker->login_room, 0, (room - worker->login_room) * sizeof(*logins));
	worker->logins = logins;
	worker->login_room = room;
	return true;
}

uint64_t
core_identity_add(struct core_worker *worker, const struct idm_identity *identity)
{
	size_t i = worker->first_free;
	struct core_login *login;

	while (i < worker->login_room && worker->logins[i].used)
		i++;
	worker->first_free = i;
	if (i == worker->login_room && !grow_logins(worker))
		return 0;
	login = &worker->logins[i];
	login->identity = *identity;
	login->used = true;
	login->turn++;
	worker->login_count++;
	worker->first_free = i + 1;
	return (uint64_t)login->turn << 32 | (i + 1);
}

void
core_identity_remove(struct core_worker *worker, uint64_t handle)
{
	struct core_login *login = find_login(worker, handle);
	size_t i;

	if (login == NULL)
		return;
	login->used = false;
	worker->login_count--;
	i = (size_t)(login - worker->logins);
	if (i < worker->first_free)
		worker->first_free = i;
}
