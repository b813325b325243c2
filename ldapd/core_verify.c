/*
 * Passwords that are tested, as far as softlocks let them be (SPEC 6.6).  A credential that is
 * locked for the source is taken out of the plan, and a dummy of the same cost stands for it.
 *
 * While a credential is tested for a source, nobody knows yet whether the next guess from there may
 * be tested.  So that guess waits; it costs its dummies meanwhile, as a name that nobody has would.
 * If the first one did not fit, the other is refused, for now the credential is locked; else it is
 * tested in its turn.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "ldapd/core.h"

struct core_verify {
	struct core_job *job;
	hash_done done;
	struct idm_softlock_source source;
	struct hash_job *hash; /* while it waits; NULL: the pool has it */
	bool paid;             /* its dummies were run */
	struct core_verify *next;
};

static bool
is_planned(const struct idm_auth_plan *plan)
{
	for (size_t i = 0; i < IDM_AUTH_TESTS; i++) {
		if (plan->tests[i].attr_number != 0)
			return true;
	}
	return false;
}

/* --- the list of those that are not done */

static void
append(struct core_verify *v, struct core_verify **list)
{
	while (*list != NULL)
		list = &(*list)->next;
	v->next = NULL;
	*list = v;
}

static void
take(struct core_verify *v, struct core_verify **list)
{
	while (*list != v)
		list = &(*list)->next;
	*list = v->next;
}

/* Give the hash back as its caller knows it; it is the pool's to free, or whoever has it. */
static void
finish(struct core_verify *v, struct hash_job *hash)
{
	hash->context = v->job;
	hash->done = v->done;
	free(v);
	hash->done(hash);
}

static void
finish_now(struct core_verify *v, struct hash_job *hash)
{
	finish(v, hash);
	hash_job_free(&hash);
}

static void
refuse_busy(struct core_verify *v, struct hash_job *hash)
{
	hash->result =
	    idm_refuse(&hash->err, IDM_BUSY, "too many passwords are being tested; try again");
	snprintf(hash->err.text, sizeof(hash->err.text), "the password pool is full");
	finish_now(v, hash);
}

/* --- what the softlocks say */

static struct idm_softlock_id
id_of(const struct idm_auth_plan *plan, size_t test)
{
	return (struct idm_softlock_id){ plan->account, plan->tests[test].attr_number };
}

/* Leave out a test; the log gets to know why nothing fitted. */
static void
leave_out(struct idm_auth_plan *plan, size_t test, const char *why, uint64_t left_ms)
{
	const struct idm_attr *attr =
	    idm_schema_attr_number(idm_schema_builtin(), plan->tests[test].attr_number);
	char reason[160];

	snprintf(reason, sizeof(reason), "softlock: %s is %s, for %llu s more",
	    attr == NULL ? "a credential" : attr->name, why,
	    (unsigned long long)((left_ms + 999) / 1000));
	idm_auth_plan_drop(plan, test);
	plan->why = is_planned(plan) ? IDM_AUTH_WHY_NOT : IDM_AUTH_SOFTLOCKED;
	snprintf(plan->reason, sizeof(plan->reason), "%s%s",
	    is_planned(plan) ? "wrong password; " : "", reason);
}

/* Leave out what is locked; true: another one is being tested. */
static bool
must_wait(
    const struct core *core, struct idm_auth_plan *plan, const struct idm_softlock_source *source)
{
	uint64_t now_ms = clock_monotonic_ms();
	bool wait = false;

	for (size_t i = 0; i < IDM_AUTH_TESTS; i++) {
		struct idm_softlock_id id = id_of(plan, i);
		uint64_t until_ms;

		if (id.attr_number == 0)
			continue;
		switch (idm_softlock_look(core->softlocks, &id, source, now_ms, &until_ms)) {
		case IDM_SOFTLOCK_OPEN: break;
		case IDM_SOFTLOCK_LOCKED: leave_out(plan, i, "locked", until_ms - now_ms); break;
		case IDM_SOFTLOCK_TESTING: wait = true; break;
		}
	}
	return wait;
}

static void
begin(struct core *core, struct idm_auth_plan *plan, const struct idm_softlock_source *source)
{
	uint64_t now_ms = clock_monotonic_ms();

	for (size_t i = 0; i < IDM_AUTH_TESTS; i++) {
		struct idm_softlock_id id = id_of(plan, i);

		if (id.attr_number != 0 &&
		    !idm_softlock_begin(core->softlocks, &id, source, now_ms))
			leave_out(plan, i, "one of too many", 0);
	}
}

static void
end(struct core *core, const struct idm_auth_plan *plan, const struct idm_softlock_source *source,
    bool failed)
{
	uint64_t now_ms = clock_monotonic_ms();

	for (size_t i = 0; i < IDM_AUTH_TESTS; i++) {
		struct idm_softlock_id id = id_of(plan, i);

		if (id.attr_number != 0)
			idm_softlock_end(core->softlocks, &id, source, failed, now_ms);
	}
	core_softlock_changed(core);
}

/* --- passwords that fitted lately */

/* A test like any other, but that it takes no time; what it does not find is tested by its hash,
 * and counted then. */
static int
recall(struct core *core, struct idm_auth_plan *plan, const struct idm_softlock_source *source,
    struct idm_span password)
{
	int fitted = idm_auth_plan_recall(plan, core->verified, password, clock_monotonic_ms());

	if (fitted < 0)
		return -1;
	begin(core, plan, source);
	end(core, plan, source, false);
	return plan->tests[fitted].attr_number == 0 ? -1 : fitted;
}

int
core_verify_recall(struct core_job *job, struct idm_auth_plan *plan, struct idm_span password)
{
	struct idm_softlock_source source = idm_softlock_source_of(job->source);

	if (!is_planned(plan) || must_wait(job->core, plan, &source))
		return -1;
	return recall(job->core, plan, &source, password);
}

/* --- the course of a test */

static void start(struct core *core, struct core_verify *v, struct hash_job *hash);

static bool
waits_for(const struct core_verify *v, const struct idm_uuid *account,
    const struct idm_softlock_source *source)
{
	return v->hash != NULL && v->paid && idm_uuid_equal(&v->hash->plan.account, account) &&
	       memcmp(&v->source, source, sizeof(*source)) == 0;
}

/* The test has ended that these waited for. */
static void
wake(struct core *core, const struct idm_uuid *account, const struct idm_softlock_source *source)
{
	struct core_verify *woken = NULL;

	for (struct core_verify *next, *v = core->verifies; v != NULL; v = next) {
		next = v->next;
		if (!waits_for(v, account, source))
			continue;
		take(v, &core->verifies);
		append(v, &woken);
	}
	for (struct core_verify *next; woken != NULL; woken = next) {
		next = woken->next;
		start(core, woken, woken->hash);
	}
}

static void
on_tested(struct hash_job *hash)
{
	struct core_verify *v = hash->context;
	struct core *core = v->job->core;
	struct idm_softlock_source source = v->source;
	struct idm_uuid account = hash->plan.account;

	take(v, &core->verifies);
	end(core, &hash->plan, &source, hash->fitted < 0);
	finish(v, hash);
	wake(core, &account, &source);
}

static void
on_paid(struct hash_job *dummy)
{
	struct core_verify *v = dummy->context;
	struct core *core = v->job->core;

	take(v, &core->verifies);
	v->paid = true;
	start(core, v, v->hash);
}

/* Run the dummies of one that waits.  False: the pool is full. */
static bool
pay(struct core *core, struct core_verify *v)
{
	struct hash_job *dummy = hash_job_new(HASH_VERIFY, IDM_SPAN_LIT("whatever it is"));

	if (dummy == NULL)
		return false;
	dummy->context = v;
	dummy->done = on_paid;
	if (hash_pool_submit(core->pool, dummy))
		return true;
	hash_job_free(&dummy);
	return false;
}

static void
wait(struct core *core, struct core_verify *v, struct hash_job *hash)
{
	if (!v->paid && !pay(core, v)) {
		refuse_busy(v, hash);
		return;
	}
	v->hash = hash;
	append(v, &core->verifies);
}

/* True: there is nothing left to be hashed. */
static bool
is_decided(struct core *core, struct core_verify *v, struct hash_job *hash)
{
	struct idm_span password = { (const uint8_t *)hash->password, hash->password_len };

	if (!v->paid)
		return false;
	hash->fitted = recall(core, &hash->plan, &v->source, password);
	return hash->fitted >= 0 || !is_planned(&hash->plan);
}

/* `v` is in no list. */
static void
start(struct core *core, struct core_verify *v, struct hash_job *hash)
{
	v->hash = NULL;
	if (must_wait(core, &hash->plan, &v->source)) {
		wait(core, v, hash);
		return;
	}
	if (is_decided(core, v, hash)) {
		finish_now(v, hash);
		return;
	}
	begin(core, &hash->plan, &v->source);
	hash->context = v;
	hash->done = on_tested;
	if (hash_pool_submit(core->pool, hash)) {
		append(v, &core->verifies);
		return;
	}
	end(core, &hash->plan, &v->source, false);
	refuse_busy(v, hash);
}

void
core_verify(struct core_job *job, struct hash_job *hash, hash_done done)
{
	struct core_verify *v = calloc(1, sizeof(*v));

	if (v == NULL) {
		hash->context = job;
		hash->result = idm_fail(&hash->err, IDM_SYSTEM, "out of memory");
		done(hash);
		hash_job_free(&hash);
		return;
	}
	v->job = job;
	v->done = done;
	v->source = idm_softlock_source_of(job->source);
	start(job->core, v, hash);
}

void
core_verify_stop(struct core *core)
{
	while (core->verifies != NULL) {
		struct core_verify *v = core->verifies;
		struct hash_job *hash = v->hash; /* else it ended with the pool */

		core->verifies = v->next;
		if (hash == NULL)
			hash = hash_job_new(HASH_VERIFY, IDM_SPAN_EMPTY);
		if (hash == NULL)
			return;
		refuse_busy(v, hash);
	}
}
