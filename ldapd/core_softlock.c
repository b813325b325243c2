/* Softlocks in the core process: kept in local.mdb, told to who may know, cleared by who may. */
#include "common/clock.h"
#include "ldapd/ber.h"
#include "ldapd/core_audit.h"
#include "ldapd/core_exop.h"
#include "ldapd/log.h"

enum { STORE_MS = 500 /* failures of so long share a commit */ };

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

enum idm_result
core_softlock_clear(struct core *core, const struct idm_uuid *account, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	if (idm_softlock_clear(core->softlocks, account))
		result = store(core, err);
	core_softlock_changed(core); /* what could not be stored is tried again */
	return result;
}

/* --- what there is */

/* A point in time of the clock since boot as one of the wall clock; 0: none. */
static int64_t
wall_s(const struct core *core, uint64_t at_ms)
{
	uint64_t now_ms = clock_monotonic_ms();

	if (at_ms <= now_ms)
		return 0;
	return core_now(core).at_s + (int64_t)((at_ms - now_ms + 999) / 1000);
}

static void
write_one(const struct core *core, const struct idm_softlock_id *id, struct ber_writer *w)
{
	struct idm_softlock_status status =
	    idm_softlock_status_of(core->softlocks, id, clock_monotonic_ms());
	size_t seq;

	if (status.failures == 0)
		return;
	seq = ber_open(w, BER_SEQUENCE, BER_SHORT);
	ber_write_octets(w, BER_OCTET_STRING,
	    idm_span_cstr(idm_schema_attr_number(idm_schema_builtin(), id->attr_number)->name));
	ber_write_integer(w, BER_INTEGER, status.failures);
	ber_write_integer(w, BER_INTEGER, status.sources);
	ber_write_integer(w, BER_INTEGER, wall_s(core, status.until_ms));
	ber_write_integer(w, BER_INTEGER, wall_s(core, status.reset_ms));
	ber_write_boolean(w, BER_BOOLEAN, status.slowed);
	ber_close(w, seq);
}

void
core_softlock_write(struct core_job *job, const struct core_access *a, struct ber_writer *w)
{
	static const uint32_t attrs[] = { IDM_ATTR_PRIMARY_CREDENTIAL, IDM_ATTR_UNIX_PASSWORD,
		IDM_ATTR_TOTP_SECRET };
	bool may = idm_uuid_equal(&job->identity.uuid, &a->target.uuid) ||
		   core_may_read(a, IDM_ATTR_ACCOUNT_SOFTLOCK_EXPIRE, NULL) == IDM_OK;
	size_t seq = ber_open(w, BER_SEQUENCE, BER_SHORT);

	for (size_t i = 0; may && i < sizeof(attrs) / sizeof(attrs[0]); i++)
		write_one(job->core, &(struct idm_softlock_id){ a->target.uuid, attrs[i] }, w);
	ber_close(w, seq);
}

/* --- who may end it */

void
core_softlock_reset(struct core_job *job)
{
	struct core_access a;
	struct idm_span target;
	struct idm_error err = { .text = "" };
	enum idm_result result;

	if (!core_read_strings(job->message.extended.value, &target, 1)) {
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
		return;
	}
	result = core_access_begin(job, target, &a, &err);
	if (result == IDM_OK && !idm_entry_has_class(&a.target, "account"))
		result = idm_refuse(&err, IDM_CONSTRAINT, "it is no account: it has no password");
	if (result == IDM_OK)
		result = core_may_write(&a, IDM_ATTR_ACCOUNT_SOFTLOCK_EXPIRE, &err);
	core_read_end(&a.read);
	if (result == IDM_OK)
		result = core_softlock_clear(job->core, &job->request.target, &err);
	if (result != IDM_OK) {
		core_job_fail(job, result, &err);
		return;
	}
	core_audit_done(job, IDM_AUDIT_SOFTLOCK_RESET, IDM_ATTR_ACCOUNT_SOFTLOCK_EXPIRE);
	core_job_done(job, LDAP_SUCCESS, "");
}
