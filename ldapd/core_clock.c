/*
 * The clock that all processes go by (SPEC 11.5): its floor, whether it is trusted, and whether it
 * went ahead in one step that nobody vouches for.
 */
#include "common/clock.h"
#include "core/floor.h"
#include "ldapd/core_audit.h"
#include "ldapd/log.h"

static struct idm_clock_seen
look(const struct core *core)
{
	const struct core_clock *clock = &core->clock;
	struct idm_clock_seen now = { .wall_s = clock_now_s(), .boot_ms = clock_monotonic_ms() };

	memcpy(now.boot, clock->boot, sizeof(now.boot));
	return now;
}

bool
core_clock_jumped(const struct core *core)
{
	struct idm_clock_seen now = look(core);

	return !core->clock.synchronised && idm_clock_has_jumped(&core->clock.seen, &now);
}

struct idm_now
core_now(const struct core *core)
{
	return idm_store_now(core->data.store, clock_now_s());
}

static const char *
state_text(enum core_clock_state state)
{
	switch (state) {
	case CORE_CLOCK_FINE: return "it is trusted";
	case CORE_CLOCK_JUMPED: return "it went ahead by more than a day and is not synchronised";
	case CORE_CLOCK_BEHIND: return "it is behind the last trusted time";
	case CORE_CLOCK_UNSYNCHRONISED: return "it was not synchronised since the machine started";
	}
	return "";
}

/* For the audit trail: what stood in the way of trusting it, or that nothing does. */
static void
tell_trail(struct core *core, enum core_clock_state state)
{
	struct idm_audit_record record = { .protocol = IDM_AUDIT_INTERNAL,
		.operation = IDM_AUDIT_CLOCK,
		.outcome = state == CORE_CLOCK_FINE ? IDM_OK : IDM_DENIED,
		.reason = idm_span_cstr(state_text(state)) };

	core_audit(core, &record);
}

/* What the operator is to know, once each time that it changes. */
static void
tell(struct core *core, enum core_clock_state state)
{
	if (state == core->clock.state)
		return;
	core->clock.state = state;
	tell_trail(core, state);
	switch (state) {
	case CORE_CLOCK_FINE: log_info("core: the clock is trusted"); break;
	case CORE_CLOCK_JUMPED:
		log_warn(
		    "core: the clock went ahead by more than a day and is not synchronised: "
		    "deleted entries are kept, and changes bear the time before that; if it is "
		    "right, synchronise it, or run `kanidmd trust_clock`");
		break;
	case CORE_CLOCK_BEHIND:
		log_warn("core: the clock is behind the last trusted time: accounts with a "
			 "validity window are refused; set the clock, or, if it is right, run "
			 "`kanidmd trust_clock`");
		break;
	case CORE_CLOCK_UNSYNCHRONISED:
		log_warn("core: the clock was not synchronised since the machine started: accounts "
			 "with a validity window are refused; synchronise it, or, if it is right, "
			 "run `kanidmd trust_clock`");
		break;
	}
}

static enum core_clock_state
judge(const struct core *core, bool jumped)
{
	const struct core_clock *clock = &core->clock;

	if (core->config->clock == CONFIG_CLOCK_SYNCHRONISED && !clock->seen.synchronised)
		return CORE_CLOCK_UNSYNCHRONISED;
	if (!core_now(core).trusted)
		return CORE_CLOCK_BEHIND;
	return jumped ? CORE_CLOCK_JUMPED : CORE_CLOCK_FINE;
}

/* Where the clock stands is remembered, unless it jumped there. */
static enum idm_result
remember(struct core *core, bool jumped, struct idm_error *err)
{
	struct core_clock *clock = &core->clock;
	struct idm_clock_seen now = look(core);

	now.synchronised = clock->seen.synchronised || clock->synchronised;
	if (jumped && memcmp(clock->seen.boot, now.boot, sizeof(now.boot)) == 0)
		return IDM_OK;
	if (jumped) /* since the machine started, time passes from where it was last seen */
		now.wall_s = clock->seen.wall_s;
	clock->seen = now;
	return idm_clock_seen_store(core->data.store, &now, err);
}

void
core_clock_keep(struct core *core)
{
	struct core_clock *clock = &core->clock;
	struct idm_store *store = core->data.store;
	struct idm_error err = { .text = "" };
	enum idm_result result = IDM_OK;
	bool jumped;

	clock->synchronised = clock_is_synchronised();
	jumped = core_clock_jumped(core);
	if (clock->synchronised)
		result = idm_floor_raise(store, clock_now_s(), &err);
	if (result == IDM_OK)
		result = remember(core, jumped, &err);
	if (result != IDM_OK)
		log_error("core: what is known of the clock could not be stored: %s", err.text);
	idm_store_publish_clock(store, idm_store_clock_floor(store),
	    core->config->clock == CONFIG_CLOCK_SYSTEM || clock->seen.synchronised);
	tell(core, judge(core, jumped));
}

enum idm_result
core_clock_start(struct core *core, struct idm_error *err)
{
	struct core_clock *clock = &core->clock;
	enum idm_result result;

	clock_boot_id(clock->boot);
	result = idm_clock_seen_load(core->data.store, &clock->seen, err);
	if (result != IDM_OK)
		return result;
	/* That it was synchronised before the machine was started again says nothing. */
	if (memcmp(clock->seen.boot, clock->boot, sizeof(clock->boot)) != 0)
		clock->seen.synchronised = false;
	core_clock_keep(core);
	return IDM_OK;
}
