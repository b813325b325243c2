/*
 * The core process: the only writer, and the only holder of the password-hash key (DESIGN 1).  It
 * serves what workers send over their channels, keeps the guards of the store, and the clock that
 * all processes go by.
 */
#include "ldapd/core_process.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "core/builtin.h"
#include "ldapd/channel.h"
#include "ldapd/core_audit.h"
#include "ldapd/core_console.h"
#include "ldapd/core_radius.h"
#include "ldapd/core_review.h"
#include "ldapd/core_update.h"
#include "ldapd/log.h"
#include "ldapd/metrics_server.h"
#include "ldapd/request.h"
#include "ldapd/supervisor.h"

/* --- requests of workers */

static void
serve_bind(struct core_worker *worker, const struct ipc_bind *bind)
{
	struct core_job *job = core_job_new(worker, bind->seq, bind->source);

	job->message.op = LDAP_BIND_REQUEST;
	core_bind(job, bind->name, bind->password);
}

/* The identity behind the handle, if it may still go on; the job is answered if it may not. */
static bool
check_identity(struct core_worker *worker, struct core_job *job)
{
	const struct idm_identity *identity;
	struct core_read read;
	struct idm_error err = { .text = "" };
	enum idm_result result;

	job->identity = (struct idm_identity){ .kind = IDM_IDENTITY_ANONYMOUS,
		.uuid = idm_uuid_builtin(IDM_BUILTIN_ANONYMOUS),
		.expire_s = INT64_MAX };
	if (job->handle != 0) {
		identity = core_identity(worker, job->handle);
		if (identity == NULL) {
			core_job_done(job, LDAP_OTHER, "");
			log_error("core: a worker used a handle that it was not given");
			return false;
		}
		job->identity = *identity;
	}
	result = core_read_begin(job, &read, &err);
	if (result == IDM_OK)
		result = idm_auth_recheck(&read.read, &read.local, &job->identity, &err);
	core_read_end(&read);
	if (result == IDM_OK)
		return true;
	if (result == IDM_DENIED && idm_uuid_is_null(&job->identity.session))
		core_revoke(job->core, &job->identity.uuid);
	else if (result == IDM_DENIED) /* a worker can't see that a session's row is gone */
		core_revoke_session(job->core, &job->identity.uuid, &job->identity.session);
	core_job_fail(job, result, &err);
	return false;
}

static bool
decode(struct core_job *job, struct idm_span pdu)
{
	struct ldap_limits limits = ldap_limits_default;
	struct idm_span copy = idm_arena_copy(job->arena, pdu);
	enum ldap_decode decoded;

	job->bytes += pdu.len;
	if (copy.ptr == NULL) {
		core_job_done(job, LDAP_ADMIN_LIMIT_EXCEEDED, "the request is too large");
		return false;
	}
	decoded = ldap_message_decode(copy, &limits, job->arena, &job->message);
	if (decoded == LDAP_DECODE_OK)
		return true;
	if (decoded == LDAP_DECODE_REFUSED)
		core_job_done(job, job->message.refusal, job->message.refusal_text);
	else
		core_job_done(job, LDAP_PROTOCOL_ERROR, "");
	return false;
}

static void
serve_operation(struct core_worker *worker, const struct ipc_operation *operation)
{
	struct core_job *job = core_job_new(worker, operation->seq, operation->source);

	job->handle = operation->handle;
	if (!decode(job, operation->pdu) || !check_identity(worker, job))
		return;
	switch (job->message.op) {
	case LDAP_EXTENDED_REQUEST: core_exop(job); return;
	case LDAP_SEARCH_REQUEST:
	case LDAP_COMPARE_REQUEST: core_monitor(job); return;
	case LDAP_ADD_REQUEST:
	case LDAP_MODIFY_REQUEST:
	case LDAP_DELETE_REQUEST:
	case LDAP_MODIFY_DN_REQUEST: core_write(job); return;
	case LDAP_BIND_REQUEST:
	case LDAP_UNBIND_REQUEST:
	case LDAP_ABANDON_REQUEST: break;
	}
	core_job_done(job, LDAP_PROTOCOL_ERROR, "");
}

static bool
on_frame(void *context, const struct ipc_frame *frame)
{
	struct core_worker *worker = context;

	switch (frame->type) {
	case IPC_BIND: serve_bind(worker, &frame->bind); return true;
	case IPC_OPERATION: serve_operation(worker, &frame->operation); return true;
	case IPC_RELEASE: core_identity_remove(worker, frame->release.handle); return true;
	case IPC_COUNTS: worker->counts = frame->counts; return true;
	case IPC_BOUND:
	case IPC_DONE:
	case IPC_REVOKED: break;
	}
	log_error("core: a worker sent what only the core process sends");
	return false;
}

/* --- workers that come and go */

static void
on_closed(void *context)
{
	struct core_worker *worker = context;

	log_info("core: worker %llu is gone", (unsigned long long)worker->no);
	core_worker_free(worker);
}

/* --- timers */

static void
on_batch(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	core_batch_run(arg);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct core *core = arg;

	(void)fd;
	(void)what;
	idm_store_tick(core->data.store);
}

static void
on_term(evutil_socket_t fd, short what, void *arg)
{
	struct core *core = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(core->base);
}

/* --- the supervisor: new workers, or the end */

static void
on_control(evutil_socket_t control_fd, short what, void *arg)
{
	struct core *core = arg;
	int fd = -1;

	(void)what;
	switch (supervisor_receive_worker(control_fd, &fd)) {
	case SUPERVISOR_WORKER:
		if (!core_worker_new(core, fd, on_frame, on_closed)) {
			log_error("core: no memory for a worker");
			close(fd);
		}
		return;
	case SUPERVISOR_BACKED_UP:
		core->counts.backups++;
		core->backup_s = clock_now_s();
		return;
	case SUPERVISOR_BACKUP_FAILED: core->counts.backups_failed++; return;
	case SUPERVISOR_GONE: event_base_loopbreak(core->base); return;
	case SUPERVISOR_MATERIAL:
	case SUPERVISOR_AGAIN: return;
	}
}

/* --- metrics, for Prometheus */

static struct idm_span
tell_metrics(void *context, struct idm_arena *arena)
{
	struct metric_samples samples = { .arena = arena };
	struct idm_error err = { .text = "" };

	if (core_metrics(context, &samples, &err) == IDM_OK)
		return metrics_text(&samples);
	log_error("core: the metrics can't be told: %s", err.text);
	return IDM_SPAN_EMPTY;
}

static bool
serve_metrics(struct core *core, struct idm_error *err)
{
	const struct config_address *address = &core->config->metrics_address;

	if (address->text[0] == '\0')
		return true;
	core->metrics = metrics_server_open(core->base, address, tell_metrics, core, err);
	return core->metrics != NULL;
}

/* --- start and end */

static struct event *
add_event(struct core *core, int fd, short what, event_callback_fn callback, int every_ms)
{
	struct timeval every = { .tv_sec = every_ms / 1000, .tv_usec = every_ms % 1000 * 1000 };
	struct event *event = event_new(core->base, fd, what | EV_PERSIST, callback, core);

	if (event != NULL && event_add(event, every_ms == 0 ? NULL : &every) != 0) {
		event_free(event);
		return NULL;
	}
	return event;
}

static bool
set_up_loop(struct core *core, int control_fd)
{
	core->base = event_base_new();
	if (core->base == NULL)
		return false;
	core->batch_event = event_new(core->base, -1, 0, on_batch, core);
	core->tick_event = add_event(core, -1, 0, on_tick, IDM_STORE_TICK_MS);
	core->control_event = add_event(core, control_fd, EV_READ, on_control, 0);
	core->pool = hash_pool_new(core->base, core->config->limits.hash_pool_threads,
	    core->config->limits.hash_queue, &core->config->argon2);
	return core->batch_event != NULL && core->tick_event != NULL &&
	       core->control_event != NULL && core->pool != NULL && core_keep_start(core) &&
	       core_review_set_up(core) && core_audit_start(core);
}

static void
free_event(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

static void
commit_what_waits(struct core *core)
{
	struct idm_error err = { .text = "" };

	while (core->batch != NULL) {
		if (core_review_finish(core, &err) != IDM_OK) {
			log_error("core: what waits is not committed: %s", err.text);
			exit(EXIT_FAILURE);
		}
		core_batch_run(core);
	}
}

void
core_close(struct core **core)
{
	struct core *c = *core;

	if (c == NULL)
		return;
	metrics_server_close(&c->metrics);
	core_radius_free(&c->radius);
	hash_pool_free(&c->pool);
	core_verify_stop(c);
	idm_verified_close(&c->verified);
	commit_what_waits(c);
	for (struct core_worker *next, *worker = c->workers; worker != NULL; worker = next) {
		next = worker->next;
		core_worker_free(worker);
	}
	free_event(c->batch_event);
	free_event(c->tick_event);
	core_audit_stop(c);
	core_keep_stop(c);
	core_review_tear_down(c);
	core_softlock_stop(c);
	free_event(c->control_event);
	core_console_free(&c->console);
	if (c->base != NULL)
		event_base_free(c->base);
	core_updates_free(&c->updates);
	idm_groups_free(&c->groups);
	tree_free(&c->tree);
	server_data_close(&c->data);
	free(c);
	*core = NULL;
}

static void
tell_upgrade(const struct core *core)
{
	unsigned long long from = idm_store_upgraded_from(core->data.store);

	if (from != 0)
		log_warn("core: the database had the former format %llu and was upgraded; a copy "
			 "of it is kept in %s as *.format-%llu",
		    from, core->config->db_path, from);
}

/* Without a console the server serves all the same. */
static void
open_console(struct core *core)
{
	struct idm_error err = { .text = "" };

	core->console = core_console_new(core, &err);
	if (core->console == NULL)
		log_warn("core: there is no console: %s", err.text);
}

/* And without reports of FreeRADIUS. */
static void
open_radius(struct core *core)
{
	struct idm_error err = { .text = "" };

	core->radius = core_radius_new(core, &err);
	if (core->radius == NULL)
		log_warn("core: logins over RADIUS are not recorded: %s", err.text);
}

static enum idm_result
open_all(struct core *core, int control_fd, struct idm_error *err)
{
	enum idm_result result;

	if (core->updates == NULL || !set_up_loop(core, control_fd))
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = server_data_open(core->config, &core->data, err);
	if (result != IDM_OK)
		return result;
	idm_log_local(&core->log, core->data.store);
	tell_upgrade(core);
	if (core->config->limits.verified_passwords != 0)
		result = idm_verified_open(core->config->limits.verified_passwords,
		    core->config->limits.verified_s, &core->verified, err);
	if (result == IDM_OK)
		result = core_softlock_start(core, err);
	if (result == IDM_OK)
		result = core_clock_start(core, err);
	if (result == IDM_OK)
		result = core_follow_missed(core, err);
	if (result == IDM_OK)
		core_check_profiles(core);
	if (result == IDM_OK) {
		open_console(core);
		open_radius(core);
	}
	if (result == IDM_OK && !serve_metrics(core, err))
		result = IDM_SYSTEM;
	return result;
}

enum idm_result
core_open(
    const struct server_config *config, int control_fd, struct core **out, struct idm_error *err)
{
	struct core *core = calloc(1, sizeof(*core));
	enum idm_result result;

	*out = NULL;
	if (core == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	core->config = config;
	core->updates = core_updates_new();
	core->begun_s = clock_now_s();
	core->batch_end = &core->batch;
	core->groups = idm_groups_new(IDM_GROUPS_BYTES); /* without, it is slower */
	result = open_all(core, control_fd, err);
	if (result == IDM_OK)
		*out = core;
	else
		core_close(&core);
	return result;
}

/* Until told to end; false: it did not begin. */
static bool
serve(struct core *core, int control_fd)
{
	struct event *term_event = add_event(core, SIGTERM, EV_SIGNAL, on_term, 0);

	if (term_event == NULL) {
		supervisor_report(control_fd, "out of memory");
		return false;
	}
	supervisor_report(control_fd, NULL);
	event_base_dispatch(core->base);
	event_free(term_event);
	return true;
}

int
core_process_run(const struct server_config *config, int control_fd)
{
	struct core *core;
	struct idm_error err = { .text = "" };
	enum idm_result result = core_open(config, control_fd, &core, &err);
	bool served = false;

	if (result == IDM_OK)
		served = serve(core, control_fd);
	else
		supervisor_report(control_fd, err.text);
	core_close(&core);
	return served ? EXIT_SUCCESS : EXIT_FAILURE;
}
