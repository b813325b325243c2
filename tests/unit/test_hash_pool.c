/* Argon2 on threads, answers on the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "ldapd/hash_pool.h"

static const struct idm_argon2 cheap = { .m_kib = 64, .t = 1, .p = 1 };

struct waiting {
	struct event_base *base;
	int left;
	int fitted;
	enum idm_result result;
	char phc[IDM_PHC_BYTES];
};

static void
on_done(struct hash_job *job)
{
	struct waiting *w = job->context;

	w->fitted = job->fitted;
	w->result = job->result;
	memcpy(w->phc, job->phc, sizeof(w->phc));
	if (--w->left == 0)
		event_base_loopbreak(w->base);
}

static struct hash_job *
job_for(struct waiting *w, enum hash_work work, const char *password)
{
	struct hash_job *job = hash_job_new(work, idm_span_cstr(password));

	assert_non_null(job);
	job->done = on_done;
	job->context = w;
	return job;
}

static void
run_one(struct waiting *w, struct hash_pool *pool, struct hash_job *job)
{
	w->left = 1;
	assert_true(hash_pool_submit(pool, job));
	event_base_dispatch(w->base);
}

static void
what_is_hashed_verifies_and_nothing_else_does(void **state)
{
	struct waiting w = { .base = event_base_new() };
	struct hash_pool *pool = hash_pool_new(w.base, 2, 8, &cheap);
	struct hash_job *job;

	(void)state;
	assert_non_null(pool);
	run_one(&w, pool, job_for(&w, HASH_MAKE, "correct horse"));
	assert_int_equal(w.result, IDM_OK);

	job = job_for(&w, HASH_VERIFY, "correct horse");
	job->plan.tests[1].attr_number = IDM_ATTR_PRIMARY_CREDENTIAL;
	memcpy(job->plan.tests[1].phc, w.phc, sizeof(w.phc));
	run_one(&w, pool, job);
	assert_int_equal(w.fitted, 1);

	job = job_for(&w, HASH_VERIFY, "wrong horse");
	job->plan.tests[1].attr_number = IDM_ATTR_PRIMARY_CREDENTIAL;
	memcpy(job->plan.tests[1].phc, w.phc, sizeof(w.phc));
	run_one(&w, pool, job);
	assert_int_equal(w.fitted, -1);
	hash_pool_free(&pool);
	event_base_free(w.base);
}

static void
a_full_queue_refuses_and_what_is_in_it_is_done(void **state)
{
	struct waiting w = { .base = event_base_new() };
	struct hash_pool *pool = hash_pool_new(w.base, 1, 4, &cheap);
	struct hash_job *refused = NULL;

	(void)state;
	assert_non_null(pool);
	while (refused == NULL) {
		struct hash_job *job = job_for(&w, HASH_VERIFY, "x");

		if (hash_pool_submit(pool, job))
			w.left++;
		else
			refused = job;
	}
	hash_job_free(&refused);
	assert_null(refused);
	assert_true(w.left >= 4);
	event_base_dispatch(w.base);
	assert_int_equal(w.left, 0);
	hash_pool_free(&pool);
	event_base_free(w.base);
}

static void
it_ends_with_jobs_that_nobody_waits_for(void **state)
{
	struct waiting w = { .base = event_base_new() };
	struct hash_pool *pool = hash_pool_new(w.base, 1, 64, &cheap);

	(void)state;
	assert_non_null(pool);
	for (int i = 0; i < 32; i++)
		assert_true(hash_pool_submit(pool, job_for(&w, HASH_VERIFY, "x")));
	hash_pool_free(&pool);
	assert_null(pool);
	assert_int_equal(w.left, 0);
	event_base_free(w.base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_hashed_verifies_and_nothing_else_does),
		cmocka_unit_test(a_full_queue_refuses_and_what_is_in_it_is_done),
		cmocka_unit_test(it_ends_with_jobs_that_nobody_waits_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
