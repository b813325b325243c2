/* The workers that the core process serves, and the identities that each of them was given. */
#include <stdlib.h>

#include "common/clock.h"
#include "ldapd/channel.h"
#include "ldapd/core.h"
#include "ldapd/log.h"

struct idm_now
core_now(const struct core *core)
{
	return idm_store_now(core->data.store, clock_now_s());
}

void
core_revoke(struct core *core, const struct idm_uuid *account, const struct idm_uuid *session)
{
	struct ipc_frame frame = { .type = IPC_REVOKED };

	frame.revoked.account = *account;
	if (session != NULL)
		frame.revoked.session = *session;
	for (struct core_worker *w = core->workers; w != NULL; w = w->next) {
		if (!channel_send(w->channel, &frame))
			log_error("core: a worker could not be told of a revocation");
	}
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
	channel_free(&worker->channel);
	free(worker->identities);
	free(worker->used);
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

struct idm_identity *
core_identity(struct core_worker *worker, uint64_t handle)
{
	if (handle == 0 || handle > worker->identity_room || !worker->used[handle - 1])
		return NULL;
	return &worker->identities[handle - 1];
}

static bool
grow_identities(struct core_worker *worker)
{
	size_t room = worker->identity_room == 0 ? 64 : 2 * worker->identity_room;
	struct idm_identity *identities;
	bool *used;

	if (room > CORE_IDENTITY_MAX)
		return false;
	identities = reallocarray(worker->identities, room, sizeof(*identities));
	if (identities == NULL)
		return false;
	worker->identities = identities;
	used = reallocarray(worker->used, room, sizeof(*used));
	if (used == NULL)
		return false;
	memset(used + worker->identity_room, 0, (room - worker->identity_room) * sizeof(*used));
	worker->used = used;
	worker->identity_room = room;
	return true;
}

uint64_t
core_identity_add(struct core_worker *worker, const struct idm_identity *identity)
{
	size_t i = worker->first_free;

	while (i < worker->identity_room && worker->used[i])
		i++;
	if (i == worker->identity_room && !grow_identities(worker))
		return 0;
	worker->identities[i] = *identity;
	worker->used[i] = true;
	worker->first_free = i + 1;
	return i + 1;
}

void
core_identity_remove(struct core_worker *worker, uint64_t handle)
{
	if (core_identity(worker, handle) == NULL)
		return;
	worker->used[handle - 1] = false;
	if (handle - 1 < worker->first_free)
		worker->first_free = handle - 1;
}
