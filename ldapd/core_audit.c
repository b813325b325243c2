#include "ldapd/core_audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "ldapd/log.h"

enum {
	LENGTH_BYTES = 2,
	ARENA_BYTES = 256 * 1024,
	WRITE_MS = 1000,
	CHANGES_AT_ONCE = 256,
	RECORDS_AT_ONCE = 1024, /* of changes */
	RETRY_MS = 60 * 1000,
	BUDGET_MS = 1000,
};

/* The queue holds encoded records, each behind its length. */
struct core_audit {
	struct event *event;
	uint8_t *queue; /* CORE_AUDIT_QUEUE_BYTES */
	size_t used;
	uint64_t lost; /* records that had no room */
	struct {
		uint64_t since_ms;
		unsigned unproven; /* of this second */
		unsigned refused;
	} budget;
	bool failing;                    /* the last write did not succeed */
	struct idm_arena *arena;         /* for one look at the store */
	struct idm_arena *changes_arena; /* for one change */
};

/* --- names */

struct idm_span
core_audit_name(const struct idm_read *read, const struct idm_entry *entry, char out[IDM_SPN_MAX])
{
	static const uint32_t names[] = { IDM_ATTR_NAME, IDM_ATTR_ATTRIBUTETYPE_NAME,
		IDM_ATTR_CLASSTYPE_NAME, IDM_ATTR_OU };

	if (idm_entry_has_spn(entry) && idm_entry_has(entry, IDM_ATTR_NAME))
		return idm_span_of(out, idm_lookup_spn(read, entry, out));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (idm_entry_has(entry, names[i]))
			return idm_entry_text(entry, names[i]);
	}
	return IDM_SPAN_EMPTY;
}

static bool
lacks_name(bool has, const struct idm_uuid *uuid, struct idm_span name)
{
	return name.len == 0 && (has || !idm_uuid_is_null(uuid));
}

static void
fill_name(const struct idm_read *read, const struct idm_uuid *uuid, struct idm_span *name)
{
	char spn[IDM_SPN_MAX];
	struct idm_entry entry;

	if (idm_lookup_uuid(read, uuid, &entry, NULL) == IDM_OK)
		*name = idm_arena_copy(read->arena, core_audit_name(read, &entry, spn));
}

/* Whose names are not known as yet: looked up, in the trail's arena. */
static void
fill_names(struct core *core, struct idm_audit_record *record)
{
	struct core_audit *audit = core->audit;
	bool actor = lacks_name(record->has_actor, &record->actor, record->actor_name);
	bool target = lacks_name(record->has_target, &record->target, record->target_name);
	struct idm_txn txn;
	struct idm_read read;

	if (!actor && !target)
		return;
	if (idm_store_read_begin(core->data.store, &txn, NULL) != IDM_OK)
		return;
	if (idm_read_attach(&txn, audit->arena, core_now(core), &read, NULL) == IDM_OK) {
		if (actor)
			fill_name(&read, &record->actor, &record->actor_name);
		if (target)
			fill_name(&read, &record->target, &record->target_name);
	}
	idm_store_read_end(&txn);
}

/* --- the queue */

static void
arm(struct core_audit *audit, int ms)
{
	const struct timeval when = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	if (!event_pending(audit->event, EV_TIMEOUT, NULL))
		event_add(audit->event, &when);
}

void
core_audit_changed(struct core *core)
{
	if (core->audit != NULL)
		arm(core->audit, WRITE_MS);
}

/* What needs no account to be brought about. */
static bool
is_unproven(const struct idm_audit_record *record)
{
	struct idm_uuid anonymous = idm_uuid_builtin(IDM_BUILTIN_ANONYMOUS);

	return (record->operation == IDM_AUDIT_LOGIN && record->outcome != IDM_OK) ||
	       idm_uuid_equal(&record->actor, &anonymous);
}

/*
 * Nobody may push others out of the trail with what he is refused: so much of it is recorded a
 * second, and apart of that what needs an account, so that strangers can't drown it.
 */
static bool
is_within_budget(struct core_audit *audit, const struct idm_audit_record *record)
{
	uint64_t now_ms = clock_monotonic_ms();

	if (now_ms - audit->budget.since_ms >= BUDGET_MS) {
		audit->budget.since_ms = now_ms;
		audit->budget.unproven = audit->budget.refused = 0;
	}
	if (is_unproven(record))
		return audit->budget.unproven++ < CORE_AUDIT_REFUSED_MAX;
	return record->outcome == IDM_OK || audit->budget.refused++ < CORE_AUDIT_REFUSED_MAX;
}

static void
put_queue(struct core_audit *audit, const uint8_t *body, size_t len)
{
	if (LENGTH_BYTES + len > CORE_AUDIT_QUEUE_BYTES - audit->used) {
		audit->lost++;
		return;
	}
	audit->queue[audit->used++] = (uint8_t)(len >> 8);
	audit->queue[audit->used++] = (uint8_t)len;
	memcpy(audit->queue + audit->used, body, len);
	audit->used += len;
	if (audit->used > CORE_AUDIT_QUEUE_BYTES / 2 && !audit->failing)
		event_active(audit->event, EV_TIMEOUT, 0);
}

void
core_audit(struct core *core, struct idm_audit_record *record)
{
	struct core_audit *audit = core->audit;
	uint8_t body[IDM_AUDIT_BODY_MAX];
	struct idm_now now;

	if (audit == NULL)
		return;
	arm(audit, WRITE_MS);
	if (!is_within_budget(audit, record)) {
		audit->lost++;
		return;
	}
	now = core_now(core);
	record->at_s = now.at_s;
	record->trusted = now.trusted;
	fill_names(core, record);
	put_queue(audit, body, idm_audit_encode(record, body));
	idm_arena_reset(audit->arena); /* the names */
}

static enum idm_result
append_queue(const struct core_audit *audit, struct idm_audit *trail, struct idm_error *err)
{
	const uint8_t *at = audit->queue;
	const uint8_t *end = audit->queue + audit->used;
	enum idm_result result = IDM_OK;

	while (at < end && result == IDM_OK) {
		size_t len = (size_t)at[0] << 8 | at[1];

		result = idm_audit_append_body(trail, idm_span_of(at + LENGTH_BYTES, len), err);
		at += LENGTH_BYTES + len;
	}
	return result;
}

/* --- what is lost is told */

static enum idm_result
tell_lost(struct core *core, struct idm_audit *trail, const char *text, struct idm_error *err)
{
	struct idm_now now = core_now(core);
	struct idm_audit_record record = { .at_s = now.at_s,
		.trusted = now.trusted,
		.protocol = IDM_AUDIT_INTERNAL,
		.operation = IDM_AUDIT_LOST,
		.outcome = IDM_LIMIT,
		.reason = idm_span_cstr(text) };

	log_warn("core: audit trail: %s", text);
	return idm_audit_append(trail, &record, err);
}

static enum idm_result
append_lost(struct core *core, struct idm_audit *trail, struct idm_error *err)
{
	char text[96];

	if (core->audit->lost == 0)
		return IDM_OK;
	snprintf(text, sizeof(text), "%" PRIu64 " records had no room: too many came at once",
	    core->audit->lost);
	return tell_lost(core, trail, text, err);
}

/* --- changes */

/* Taking changes over; ends with IDM_BUSY where others are left for the next time. */
struct taking {
	struct core *core;
	struct idm_audit *trail;
	struct idm_read read;
	size_t changes;
	size_t records;
};

/* Changes between the last one that was taken over and this one that are no longer recorded. */
static enum idm_result
tell_gap(struct taking *t, uint64_t no, struct idm_error *err)
{
	uint64_t last = idm_change_counter(t->trail->change_no);
	uint64_t counter = idm_change_counter(no);
	char text[128];

	if (counter <= last + 1)
		return IDM_OK;
	snprintf(text, sizeof(text),
	    "changes %" PRIu64 " to %" PRIu64 " are recorded nowhere any more", last + 1,
	    counter - 1);
	return tell_lost(t->core, t->trail, text, err);
}

static enum idm_result
append_record(void *ctx, struct idm_audit_record *record, struct idm_error *err)
{
	struct taking *t = ctx;

	t->records++;
	return idm_audit_append(t->trail, record, err);
}

static enum idm_result
take_change(void *ctx, const struct idm_change_set *set, struct idm_error *err)
{
	struct taking *t = ctx;
	struct idm_arena_mark mark = idm_arena_mark(t->read.arena);
	enum idm_result result;

	if (t->changes == CHANGES_AT_ONCE || t->records >= RECORDS_AT_ONCE)
		return IDM_BUSY;
	result = tell_gap(t, set->no, err);
	if (result == IDM_OK)
		result = core_audit_of_change(&t->read, set, append_record, t, err);
	idm_arena_rewind(t->read.arena, mark);
	t->trail->change_no = set->no;
	t->changes++;
	return result;
}

/* *more: there are others. */
static enum idm_result
take_changes(struct core *core, struct idm_audit *trail, bool *more, struct idm_error *err)
{
	struct taking t = { .core = core, .trail = trail };
	struct idm_txn txn;
	enum idm_result result = idm_store_read_begin(core->data.store, &txn, err);

	if (result != IDM_OK)
		return result;
	result = idm_read_attach(&txn, core->audit->arena, core_now(core), &t.read, err);
	if (result == IDM_OK)
		result = core->log.follow(
		    &core->log, trail->change_no, core->audit->changes_arena, take_change, &t, err);
	idm_store_read_end(&txn);
	idm_arena_reset(core->audit->arena);
	idm_arena_reset(core->audit->changes_arena);
	*more = result == IDM_BUSY;
	return *more ? IDM_OK : result;
}

/* --- writing */

static enum idm_result
write_in(struct core *core, const struct idm_txn *txn, bool *more, struct idm_error *err)
{
	struct idm_audit trail;
	enum idm_result result = idm_audit_begin(txn, &trail, err);

	if (result == IDM_OK)
		result = take_changes(core, &trail, more, err);
	if (result == IDM_OK)
		result = append_queue(core->audit, &trail, err);
	if (result == IDM_OK)
		result = append_lost(core, &trail, err);
	if (result == IDM_OK)
		result = idm_audit_end(&trail, core->config->audit_bytes, core_now(core), err);
	return result;
}

enum idm_result
core_audit_write(struct core *core, bool *more, struct idm_error *err)
{
	struct core_audit *audit = core->audit;
	struct idm_txn txn;
	enum idm_result result = idm_store_local_write_begin(core->data.store, &txn, err);

	*more = false;
	if (result == IDM_OK)
		result = write_in(core, &txn, more, err);
	result = idm_store_write_end(&txn, result, err);
	if (result != IDM_OK)
		return result;
	audit->used = 0;
	audit->lost = 0;
	return IDM_OK;
}

/* What could not be written stays in the queue, and no change is passed over. */
static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	struct core *core = arg;
	struct idm_error err = { .text = "" };
	bool more;

	(void)fd;
	(void)what;
	core->audit->failing = core_audit_write(core, &more, &err) != IDM_OK;
	if (!core->audit->failing) {
		if (more)
			arm(core->audit, 0);
		return;
	}
	log_error("core: the audit trail could not be written: %s", err.text);
	if (idm_store_failed(core->data.store))
		exit(EXIT_FAILURE); /* the supervisor starts anew */
	arm(core->audit, RETRY_MS);
}

/* --- start and end */

bool
core_audit_start(struct core *core)
{
	struct core_audit *audit = calloc(1, sizeof(*audit));

	core->audit = audit;
	if (audit == NULL)
		return false;
	audit->queue = malloc(CORE_AUDIT_QUEUE_BYTES);
	audit->arena = idm_arena_new(ARENA_BYTES);
	audit->changes_arena = idm_arena_new(CORE_JOB_ARENA_BYTES);
	audit->event = event_new(core->base, -1, 0, on_write, core);
	if (audit->queue == NULL || audit->arena == NULL || audit->changes_arena == NULL ||
	    audit->event == NULL)
		return false;
	arm(audit, 0); /* changes that were made while no server ran, or as it ended */
	return true;
}

/* All that waits, if the store is there. */
static void
write_last(struct core *core)
{
	struct idm_error err = { .text = "" };
	bool more = core->data.store != NULL && !idm_store_failed(core->data.store);

	while (more) {
		if (core_audit_write(core, &more, &err) == IDM_OK)
			continue;
		log_error("core: the audit trail could not be written: %s", err.text);
		more = false;
	}
}

void
core_audit_stop(struct core *core)
{
	struct core_audit *audit = core->audit;

	if (audit == NULL)
		return;
	if (audit->event != NULL) {
		write_last(core);
		event_free(audit->event);
	}
	idm_arena_free(&audit->arena);
	idm_arena_free(&audit->changes_arena);
	free(audit->queue);
	free(audit);
	core->audit = NULL;
}
