/*
 * Frames of the log (CHANGES 23): what is decided together, and what becomes of the changes that
 * wait when the log says that its head moved, or that nothing can be appended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/change_log.h"
#include "ldapd/core.h"
#include "tests/support/realm.h"

enum { JOBS = 100 };

/* A log that answers as it is told before it does what the local one does. */
static struct idm_log local;
static enum idm_log_outcome answers[8];
static size_t answer_count, answer_at, appended;
static uint64_t first_on; /* of the first frame that was taken */

static enum idm_result
fake_head(struct idm_log *log, uint64_t *no, struct idm_error *err)
{
	(void)log;
	return local.head(&local, no, err);
}

static enum idm_log_outcome
fake_append(struct idm_log *log, uint64_t on, struct idm_txn *frame, enum idm_result *why,
    struct idm_error *err)
{
	enum idm_log_outcome answer = answer_at < answer_count ? answers[answer_at++] : IDM_LOG_OK;

	(void)log;
	appended++;
	if (answer == IDM_LOG_OK && first_on == 0)
		first_on = on;
	if (answer == IDM_LOG_OK)
		return local.append(&local, on, frame, why, err);
	idm_store_write_abort(frame);
	*why = idm_fail(err, IDM_BUSY, "as the test wants it");
	return answer;
}

static struct core core;
static struct core_worker worker;
static struct realm *realm;
static char texts[JOBS][200];
static struct idm_request_mod mods[JOBS];
static struct idm_span values[JOBS];
static size_t done, refused;

static void
on_changed(struct core_job *job, enum idm_result result, const struct idm_error *err)
{
	done += result == IDM_OK;
	refused += result != IDM_OK;
	if (result == IDM_OK)
		core_job_done(job, LDAP_SUCCESS, "");
	else
		core_job_fail(job, result, err);
}

static void
on_batch(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void
answer_with(size_t count, ...)
{
	va_list args;

	va_start(args, count);
	for (size_t i = 0; i < count; i++)
		answers[i] = va_arg(args, enum idm_log_outcome);
	va_end(args);
	answer_count = count;
	answer_at = appended = done = refused = first_on = 0;
}

static int
setup(void **state)
{
	realm_setup(state);
	realm = *state;
	core = (struct core){ .batch_end = &core.batch,
		.data = { .store = realm->store, .change = realm->context } };
	core.data.change.table = &core.data.table;
	idm_log_local(&local, realm->store);
	core.log = (struct idm_log){ fake_head, fake_append, NULL, NULL, realm->store };
	core.base = event_base_new();
	core.batch_event = event_new(core.base, -1, 0, on_batch, &core);
	worker = (struct core_worker){ .core = &core, .no = 1 };
	idm_store_publish_clock(realm->store, 0, true);
	realm_person(realm, "alice");
	realm_group(realm, "staff");
	answer_with(0);
	return 0;
}

static int
teardown(void **state)
{
	idm_access_table_free(&core.data.table);
	event_free(core.batch_event);
	event_base_free(core.base);
	return realm_teardown(state);
}

/* Let a change wait that sets an attribute of an entry to a text of its own. */
static struct core_job *
ask(const char *name, const char *attribute, size_t i, size_t bytes)
{
	struct core_job *job = core_job_new(&worker, i, IDM_SPAN_LIT("ldapi"));

	snprintf(texts[i], sizeof(texts[i]), "text %zu", i);
	values[i] = idm_span_cstr(texts[i]);
	if (bytes != 0) {
		uint8_t *long_text = idm_arena_alloc(job->arena, bytes);

		memset(long_text, 'x', bytes);
		memcpy(long_text, texts[i], strlen(texts[i]));
		values[i] = idm_span_of(long_text, bytes);
	}
	mods[i] = (struct idm_request_mod){ IDM_REQUEST_REPLACE,
		idm_schema_attr(idm_schema_builtin(), idm_span_cstr(attribute)), &values[i], 1 };
	job->identity = realm_identity(realm, NULL);
	job->request.operation = IDM_OP_MODIFY;
	job->request.target = realm_uuid(realm, name);
	job->request.mods = &mods[i];
	job->request.mod_count = 1;
	core_change(job, on_changed);
	return job;
}

static void
run_all(void)
{
	for (int i = 0; core.batch != NULL; i++) {
		assert_true(i < 1000);
		core_batch_run(&core);
	}
	assert_int_equal(core.batch_bytes, 0);
}

static void
changes_that_wait_share_a_frame(void **state)
{
	uint64_t before = realm_applied(realm);

	(void)state;
	for (size_t i = 0; i < 10; i++)
		ask("alice", i % 2 == 0 ? "displayname" : "legalname", i, 0);
	run_all();
	assert_int_equal(done, 10);
	assert_true(appended <= 2); /* one, unless this machine stood still for 5 ms */
	assert_int_equal(realm_applied(realm), before + 10);
}

static void
a_frame_has_so_many_octets_and_no_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < 40; i++)
		ask("staff", "description", i, 4000);
	run_all();
	assert_int_equal(done, 40);
	assert_true(appended >= 3); /* 160 KB and more, in frames of 64 KiB */
}

static void
a_moved_head_lets_all_be_decided_anew_under_their_ids(void **state)
{
	struct idm_uuid ids[5];
	uint64_t before = realm_applied(realm);
	struct idm_entry alice;

	(void)state;
	answer_with(3, IDM_LOG_MOVED, IDM_LOG_MOVED, IDM_LOG_OK);
	for (size_t i = 0; i < 5; i++)
		ids[i] = ask("alice", "legalname", i, 0)->request.id;
	core_batch_run(&core);
	assert_int_equal(done + refused, 0);
	assert_int_equal(realm_applied(realm), before);
	assert_non_null(core.batch);
	/* What another did meanwhile counts. */
	assert_int_equal(realm_modify(realm, NULL, "alice", "=displayname", "New", NULL), IDM_OK);
	run_all();
	assert_int_equal(done, 5);
	assert_int_equal(first_on, before + 1);
	alice = realm_entry(realm, "alice");
	assert_true(idm_span_is(idm_entry_text(&alice, IDM_ATTR_DISPLAYNAME), "New"));
	assert_true(idm_span_is(idm_entry_text(&alice, IDM_ATTR_LEGALNAME), "text 4"));
	for (size_t i = 0; i < 5; i++) {
		struct idm_answer answer;

		assert_int_equal(
		    idm_change_log_find(&realm->read, &ids[i], &answer, &realm->err), IDM_OK);
		assert_int_equal(answer.no, before + 2 + i); /* in their order */
	}
	realm_done(realm);
}

static void
what_can_not_be_appended_is_refused_and_leaves_no_trace(void **state)
{
	uint64_t before = realm_applied(realm);

	(void)state;
	answer_with(1, IDM_LOG_UNAVAILABLE);
	for (size_t i = 0; i < 3; i++)
		ask("alice", "legalname", i, 0);
	core_batch_run(&core);
	assert_int_equal(done, 0);
	assert_int_equal(refused, 3);
	assert_int_equal(realm_applied(realm), before);
	ask("alice", "legalname", 3, 0);
	run_all();
	assert_int_equal(done, 1);
}

static void
the_local_log_appends_on_its_head_alone(void **state)
{
	struct realm *r = *state;
	struct idm_txn txn;
	enum idm_result why;
	uint64_t head;

	assert_int_equal(local.head(&local, &head, &r->err), IDM_OK);
	assert_int_equal(head, realm_applied(r));
	assert_int_equal(idm_store_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(idm_store_put_number(&txn, IDM_DB_META, "test", 1, &r->err), IDM_OK);
	assert_int_equal(local.append(&local, head - 1, &txn, &why, &r->err), IDM_LOG_MOVED);
	assert_int_equal(why, IDM_BUSY);
	realm_entry(r, "admin");
	assert_int_equal(
	    idm_store_get_number(&r->txn, IDM_DB_META, "test", &head, &r->err), IDM_OK);
	assert_int_equal(head, 0);
	realm_done(r);
}

struct seen {
	uint64_t last;
	size_t count;
	size_t most;
};

static enum idm_result
see(void *ctx, const struct idm_change_set *set, struct idm_error *err)
{
	struct seen *seen = ctx;

	assert_true(set->no > seen->last);
	assert_true(set->item_count != 0);
	seen->last = set->no;
	if (++seen->count == seen->most)
		return idm_fail(err, IDM_BUSY, "enough");
	return IDM_OK;
}

static void
who_follows_sees_each_change_behind_a_number_also_over_epochs(void **state)
{
	struct realm *r = *state;
	struct idm_txn txn;
	struct seen seen = { 0 };
	uint64_t head;

	assert_int_equal(local.head(&local, &head, &r->err), IDM_OK);
	assert_int_equal(local.follow(&local, 0, r->arena, see, &seen, &r->err), IDM_OK);
	assert_int_equal(seen.count, head);
	seen = (struct seen){ .last = head - 1 };
	assert_int_equal(local.follow(&local, head - 1, r->arena, see, &seen, &r->err), IDM_OK);
	assert_int_equal(seen.count, 1);
	seen = (struct seen){ .most = 2 };
	assert_int_equal(local.follow(&local, 0, r->arena, see, &seen, &r->err), IDM_BUSY);
	assert_int_equal(seen.count, 2);

	/* As a restore does it: the epoch is raised, and no change has the number of the head. */
	assert_int_equal(idm_store_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(idm_store_put_number(&txn, IDM_DB_META, "applied",
			     UINT64_C(7) << IDM_CHANGE_COUNTER_BITS | head, &r->err),
	    IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &r->err), IDM_OK);
	realm_person(r, "bob");
	assert_int_equal(idm_change_epoch(r->set.no), 7);
	seen = (struct seen){ .last = head };
	assert_int_equal(local.follow(&local, head, r->arena, see, &seen, &r->err), IDM_OK);
	assert_int_equal(seen.count, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(changes_that_wait_share_a_frame),
		T(a_frame_has_so_many_octets_and_no_more),
		T(a_moved_head_lets_all_be_decided_anew_under_their_ids),
		T(what_can_not_be_appended_is_refused_and_leaves_no_trace),
		T(the_local_log_appends_on_its_head_alone),
		T(who_follows_sees_each_change_behind_a_number_also_over_epochs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
