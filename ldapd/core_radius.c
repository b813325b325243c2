#include "ldapd/core_radius.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "ldapd/core_audit.h"
#include "ldapd/log.h"
#include "ldapd/shown_name.h"

enum {
	REPORTS_A_TURN = 64,
	BUDGET_MS = 1000,
	TELL_MS = 60 * 1000, /* what was lost, not more often */
};

struct core_radius {
	struct core *core;
	int fd;
	struct event *event;
	struct sockaddr_un address;
	uint64_t second_ms; /* that `taken` counts in */
	unsigned taken;
	uint64_t untold; /* reports that were lost and not told of */
	uint64_t told_ms;
};

/* --- reports that are lost */

static void
lose(struct core_radius *radius, uint64_t *count)
{
	uint64_t now_ms = clock_monotonic_ms();

	++*count;
	radius->untold++;
	if (radius->told_ms != 0 && now_ms - radius->told_ms < TELL_MS)
		return;
	log_warn(
	    "core: %llu reports of FreeRADIUS were lost: too many a second, or none that we know",
	    (unsigned long long)radius->untold);
	radius->told_ms = now_ms;
	radius->untold = 0;
}

static bool
is_within_budget(struct core_radius *radius)
{
	uint64_t now_ms = clock_monotonic_ms();

	if (now_ms - radius->second_ms >= BUDGET_MS) {
		radius->second_ms = now_ms;
		radius->taken = 0;
	}
	return radius->taken++ < CORE_RADIUS_REPORTS_MAX;
}

/* --- records */

/* Without the DOMAIN of `DOMAIN\name`, as the module takes a name. */
static struct idm_span
bare_name(struct idm_span name)
{
	const uint8_t *backslash = name.len == 0 ? NULL : memchr(name.ptr, '\\', name.len);
	size_t skip = backslash == NULL ? 0 : (size_t)(backslash - name.ptr) + 1;

	return idm_span_of(name.ptr + skip, name.len - skip);
}

/* Who it is: by the uuid that the module told, or by the name that was typed; else that name, if it
 * looks like one. */
static void
name_actor(const struct core_read *read, const struct idm_report *report,
    struct idm_audit_record *record, char shown[SHOWN_NAME_BYTES])
{
	struct idm_span name = bare_name(report->name);
	struct idm_entry account;

	record->actor = report->account;
	record->has_actor = !idm_uuid_is_null(&report->account);
	if (record->has_actor)
		return;
	if (name.len != 0 && idm_lookup_text(&read->read, name, &account, NULL) == IDM_OK) {
		record->actor = account.uuid;
		record->has_actor = true;
		return;
	}
	record->actor_name =
	    idm_span_cstr(shown_name(&read->tree->suffix, name, read->read.arena, shown));
}

/* "wrong password (port 17, station 02-00-00-00-00-01, session 5A)" */
static struct idm_span
reason_of(const struct idm_report *report, struct idm_arena *arena)
{
	const struct {
		const char *what;
		struct idm_span text;
	} parts[] = {
		{ "port", report->port },
		{ "station", report->station },
		{ "session", report->session },
	};
	const char *text = idm_arena_printf(arena, "%.*s", IDM_SPAN_ARG(report->reason));
	const char *before = " (";

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && text != NULL; i++) {
		if (parts[i].text.len == 0)
			continue;
		text = idm_arena_printf(
		    arena, "%s%s%s %.*s", text, before, parts[i].what, IDM_SPAN_ARG(parts[i].text));
		before = ", ";
	}
	if (text != NULL && before[0] == ',')
		text = idm_arena_printf(arena, "%s)", text);
	return text == NULL ? report->reason : idm_span_cstr(text);
}

static enum idm_result
outcome_of(enum idm_report_kind kind)
{
	switch (kind) {
	case IDM_REPORT_REFUSED: return IDM_DENIED;
	case IDM_REPORT_FAILED: return IDM_SYSTEM;
	case IDM_REPORT_ACCEPTED:
	case IDM_REPORT_STARTED:
	case IDM_REPORT_STOPPED: break;
	}
	return IDM_OK;
}

static void
record_report(struct core *core, const struct idm_report *report)
{
	struct core_job *job = core_job_own(core);
	struct idm_audit_record record = { .protocol = IDM_AUDIT_RADIUS,
		.operation =
		    report->kind < IDM_REPORT_STARTED ? IDM_AUDIT_LOGIN : IDM_AUDIT_ACCOUNTING,
		.outcome = outcome_of(report->kind),
		.source = report->nas,
		.reason = reason_of(report, job->arena) };
	char shown[SHOWN_NAME_BYTES];
	struct core_read read;
	struct idm_error err = { .text = "" };

	if (core_read_begin(job, &read, &err) == IDM_OK)
		name_actor(&read, report, &record, shown);
	else
		log_error("core: a report of FreeRADIUS: %s", err.text);
	core_read_end(&read);
	core_audit(core, &record);
	core_job_done(job, LDAP_SUCCESS, "");
}

/* --- the socket */

static void
take_report(struct core_radius *radius, struct idm_span datagram)
{
	struct core_counts *counts = &radius->core->counts;
	struct idm_report report;

	if (!is_within_budget(radius)) {
		lose(radius, &counts->reports_over_rate);
	} else if (!idm_report_decode(datagram, &report)) {
		lose(radius, &counts->reports_unknown);
	} else {
		counts->reports[report.kind]++;
		record_report(radius->core, &report);
	}
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	uint8_t datagram[IDM_REPORT_MAX + 1]; /* a longer one is told by its length */

	(void)what;
	for (int i = 0; i < REPORTS_A_TURN; i++) {
		ssize_t n = recv(fd, datagram, sizeof(datagram), MSG_DONTWAIT);

		if (n < 0)
			return;
		take_report(arg, idm_span_of(datagram, (size_t)n));
	}
}

/* Where root set up the group of the directory, its members may write; else we alone. */
static bool
give_to_radius(const struct server_config *config, const char *path)
{
	gid_t group = server_radius_group(config);
	struct stat st;

	if (group == (gid_t)-1 || stat(path, &st) != 0)
		return chmod(path, 0600) == 0;
	if (st.st_gid != group && chown(path, (uid_t)-1, group) != 0)
		return false;
	return chmod(path, 0620) == 0;
}

static int
listen_at(const struct core *core, const struct sockaddr_un *address, struct idm_error *err)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0177);
	bool bound;

	unlink(address->sun_path); /* the databases are locked, so nobody else serves there */
	bound = fd >= 0 && bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
	umask(mask);
	if (bound && give_to_radius(core->config, address->sun_path))
		return fd;
	idm_fail(err, IDM_SYSTEM, "%s: can't listen: %s", address->sun_path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool
address_of(const struct server_config *config, struct sockaddr_un *out)
{
	int len;

	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	len = snprintf(
	    out->sun_path, sizeof(out->sun_path), "%s/" IDM_REPORT_SOCKET, config->key_path);
	return len > 0 && (size_t)len < sizeof(out->sun_path);
}

struct core_radius *
core_radius_new(struct core *core, struct idm_error *err)
{
	struct core_radius *radius = calloc(1, sizeof(*radius));

	if (radius == NULL || !address_of(core->config, &radius->address)) {
		idm_fail(err, IDM_SYSTEM,
		    "%s/" IDM_REPORT_SOCKET ": the path is too long for a socket",
		    core->config->key_path);
		free(radius);
		return NULL;
	}
	radius->core = core;
	radius->fd = listen_at(core, &radius->address, err);
	if (radius->fd >= 0)
		radius->event =
		    event_new(core->base, radius->fd, EV_READ | EV_PERSIST, on_readable, radius);
	if (radius->event != NULL && event_add(radius->event, NULL) == 0)
		return radius;
	if (radius->fd >= 0)
		idm_fail(err, IDM_SYSTEM, "out of memory");
	core_radius_free(&radius);
	return NULL;
}

void
core_radius_free(struct core_radius **radius)
{
	struct core_radius *r = *radius;

	if (r == NULL)
		return;
	if (r->event != NULL)
		event_free(r->event);
	if (r->fd >= 0) {
		close(r->fd);
		unlink(r->address.sun_path);
	}
	free(r);
	*radius = NULL;
}
