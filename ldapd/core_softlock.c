/* Softlocks in the core process: kept in local.mdb, told to who may know, cleared by who may. */
#include "common/clock.h"
#include "ldapd/core_exop.h"
#include "ldapd/log.h"

enum {
	STORE_MS = 500, /* failures of so long share a commit */
	NOTE_BYTES = 256,
};

/* --- rows */

static enum idm_result
store(struct core *core, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_local_write_begin(core->data.store, &txn, err);

	if (result == IDM_OK)
		result = idm_softlocks_store(
		    core->softlocks, &txn, core->clock.boot, clock_monotonic_ms(), err);
	result = idm_store_write_end(&txn, result, err);
	if (result == IDM_OK)
		idm_softlocks_stored(core->softlocks);
	return result;
}

static void
store_or_tell(struct core *core)
{
	struct idm_error err = { .text = "" };

	if (idm_softlocks_dirty(core->softlocks) && store(core, &err) != IDM_OK)
		log_error("core: softlocks could not be stored: %s", err.text);
}

static void
on_store(evutil_socket_t fd, short what, void *arg)
{
	struct core *core = arg;

	(void)fd;
	(void)what;
	store_or_tell(core);
	core_softlock_changed(core); /* what could not be stored is tried again */
}

void
core_softlock_changed(struct core *core)
{
	const struct timeval soon = { .tv_usec = STORE_MS * 1000 };

	if (idm_softlocks_dirty(core->softlocks) &&
	    event_pending(core->softlock_event, EV_TIMEOUT, NULL) == 0)
		event_add(core->softlock_event, &soon);
}

static void
on_bad(void *context, const struct idm_error *err)
{
	(void)context;
	log_error("core: local.mdb is damaged: %s; the row is deleted", err->text);
}

static enum idm_result
load(struct core *core, struct idm_error *err)
{
	struct idm_clock_seen seen;
	struct idm_txn txn;
	enum idm_result result = idm_clock_seen_load(core->data.store, &seen, err);

	if (result == IDM_OK)
		result = idm_store_local_write_begin(core->data.store, &txn, err);
	if (result != IDM_OK)
		return result;
	result = idm_softlocks_load(core->softlocks, &txn, core->clock.boot, &seen,
	    clock_monotonic_ms(), on_bad, NULL, err);
	return idm_store_write_end(&txn, result, err);
}

/* Before core_clock_start, which forgets where the clock was before this start. */
enum idm_result
core_softlock_start(struct core *core, struct idm_error *err)
{
	enum idm_result result;

	clock_boot_id(core->clock.boot);
	core->softlocks = idm_softlocks_new(IDM_SOFTLOCK_CREDENTIALS, IDM_SOFTLOCK_SOURCES);
	core->softlock_event = event_new(core->base, -1, 0, on_store, core);
	if (core->softlocks == NULL || core->softlock_event == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = load(core, err);
	if (result == IDM_OK)
		core_softlock_changed(core);
	return result;
}

void
core_softlock_keep(struct core *core)
{
	idm_softlock_sweep(core->softlocks, clock_monotonic_ms());
	core_softlock_changed(core);
}

void
core_softlock_stop(struct core *core)
{
	if (core->softlocks != NULL && core->data.store != NULL)
		store_or_tell(core);
	if (core->softlock_event != NULL)
		event_free(core->softlock_event);
	core->softlock_event = NULL;
	idm_softlocks_free(&core->softlocks);
}
