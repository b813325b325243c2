/* Argon2 on threads, answers on the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <argon2.h>
#include <openssl/crypto.h>
#include <cmocka.h>

#include "ldapd/hash_pool.h"

static const struct idm_argon2 cheap = { .m_kib = 64, .t = 1, .p = 1 };

/* What Argon2 is doing, on all threads. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint32_t busy; /* threads */
	uint32_t busy_most;
	uint64_t kib;
	uint64_t kib_most;
	uint64_t blocks; /* ever: memory times passes */
	uint32_t gather; /* threads that wait for each other once; 0: no more */
} argon2 = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void
note_begin(uint32_t kib)
{
	pthread_mutex_lock(&argon2.lock);
	argon2.busy++;
	argon2.kib += kib;
	if (argon2.busy > argon2.busy_most)
		argon2.busy_most = argon2.busy;
	if (argon2.kib > argon2.kib_most)
		argon2.kib_most = argon2.kib;
	if (argon2.busy == argon2.gather) {
		argon2.gather = 0;
		pthread_cond_broadcast(&argon2.changed);
	}
	while (argon2.gather != 0)
		pthread_cond_wait(&argon2.changed, &argon2.lock);
	pthread_mutex_unlock(&argon2.lock);
}

static int
compute(argon2_context *context, argon2_type type)
{
	int code;

	note_begin(context->m_cost);
	code = argon2_ctx(context, type);
	pthread_mutex_lock(&argon2.lock);
	argon2.busy--;
	argon2.kib -= context->m_cost;
	argon2.blocks += (uint64_t)context->m_cost * context->t_cost;
	pthread_mutex_unlock(&argon2.lock);
	return code;
}

int
argon2id_ctx(argon2_context *context)
{
	return compute(context, Argon2_id);
}

int
argon2i_ctx(argon2_context *context)
{
	return compute(context, Argon2_i);
}

static int
forget_work(void **state)
{
	(void)state;
	argon2.busy_most = argon2.gather = 0;
	argon2.kib_most = argon2.blocks = 0;
	return 0;
}

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
what_nobody_waits_for_leaves_half_of_the_queue(void **state)
{
	struct waiting w = { .base = event_base_new() };
	struct hash_pool *pool = hash_pool_new(w.base, 1, 8, &cheap);
	struct hash_job *job = job_for(&w, HASH_MAKE, "x");

	(void)state;
	argon2.gather = 2; /* the thread stays in its first job */
	assert_true(hash_pool_submit_spare(pool, job));
	for (w.left = 1; hash_pool_submit_spare(pool, job = job_for(&w, HASH_MAKE, "x")); w.left++)
		;
	assert_in_range(w.left, 4, 5); /* the thread may have taken one */
	for (int i = 0; i < 4; i++) {
		assert_true(hash_pool_submit(pool, job));
		w.left++;
		job = job_for(&w, HASH_MAKE, "x");
	}
	hash_job_free(&job);
	note_begin(0);
	event_base_dispatch(w.base);
	assert_int_equal(w.left, 0);
	hash_pool_free(&pool);
	event_base_free(w.base);
	argon2.busy = 0;
}

/* --- memory, and work (SPEC 6.2) */

/* VmLck of this process, in KiB. */
static long
locked_kib(void)
{
	char line[256];
	long kib = -1;
	FILE *file = fopen("/proc/self/status", "r");

	assert_non_null(file);
	while (kib < 0 && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "VmLck:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	}
	fclose(file);
	return kib;
}

static void
a_password_lies_in_memory_that_is_locked(void **state)
{
	struct waiting w = { .base = NULL };
	struct event_base *base = event_base_new();
	struct hash_pool *pool = hash_pool_new(base, 1, 1, &cheap);
	struct hash_job *job = job_for(&w, HASH_VERIFY, "correct horse");
	struct hash_job *more[1000];
	struct rlimit limit;

	(void)state;
	assert_non_null(pool);
	assert_true(CRYPTO_secure_allocated(job));
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
	if (limit.rlim_cur >= 1024 * 1024)
		assert_true(locked_kib() >= 512);
	hash_job_free(&job);
	assert_null(job);
	for (size_t i = 0; i < 1000; i++)
		more[i] = job_for(&w, HASH_VERIFY, "correct horse");
	assert_false(CRYPTO_secure_allocated(more[999])); /* but it is there */
	for (size_t i = 0; i < 1000; i++)
		hash_job_free(&more[i]);
	hash_pool_free(&pool);
	event_base_free(base);
}

static void
submit_test_of(struct hash_pool *pool, struct waiting *w, const char *phc)
{
	struct hash_job *job = job_for(w, HASH_VERIFY, "wrong");

	job->plan.tests[0].attr_number = IDM_ATTR_PRIMARY_CREDENTIAL;
	memcpy(job->plan.tests[0].phc, phc, strlen(phc) + 1);
	assert_true(hash_pool_submit(pool, job));
	w->left++;
}

static void
all_threads_work_and_take_no_more_than_threads_times_m(void **state)
{
	struct waiting w = { .base = event_base_new() };
	struct hash_pool *pool = hash_pool_new(w.base, 4, 512, &cheap);
	char phc[IDM_PHC_BYTES];

	(void)state;
	assert_int_equal(idm_password_hash(idm_span_cstr("right"), &cheap, phc, NULL), IDM_OK);
	argon2.gather = 4;
	for (int i = 0; i < 200; i++)
		submit_test_of(pool, &w, phc);
	event_base_dispatch(w.base);
	assert_int_equal(argon2.busy_most, 4);
	assert_int_equal(argon2.kib_most, 4 * cheap.m_kib);
	hash_pool_free(&pool);
	event_base_free(w.base);
}

/* Of another directory, or of a server.toml that is no more. */
static void
hashes_that_take_more_take_turns(void **state)
{
	static const struct idm_argon2 large = { .m_kib = 150, .t = 1, .p = 1 };
	static const struct idm_argon2 too_large = { .m_kib = 1000, .t = 1, .p = 1 };
	struct waiting w = { .base = event_base_new() };
	struct hash_pool *pool = hash_pool_new(w.base, 4, 512, &cheap);
	char phc[3][IDM_PHC_BYTES];

	(void)state;
	idm_password_hash(idm_span_cstr("right"), &cheap, phc[0], NULL);
	idm_password_hash(idm_span_cstr("right"), &large, phc[1], NULL);
	idm_password_hash(idm_span_cstr("right"), &too_large, phc[2], NULL);
	forget_work(NULL);
	argon2.gather = 2;
	for (int i = 0; i < 200; i++)
		submit_test_of(pool, &w, phc[i % 3 == 0]);
	event_base_dispatch(w.base);
	assert_true(argon2.kib_most <= 4 * cheap.m_kib);
	for (int i = 0; i < 200; i++)
		submit_test_of(pool, &w, phc[i % 10 == 0 ? 2 : 0]);
	event_base_dispatch(w.base);
	assert_int_equal(argon2.kib_most, too_large.m_kib); /* and nobody beside it */
	hash_pool_free(&pool);
	event_base_free(w.base);
}

static uint64_t
work_of(struct waiting *w, struct hash_pool *pool, const char *first, const char *second)
{
	struct hash_job *job = job_for(w, HASH_VERIFY, "wrong");
	const char *const phc[] = { first, second };

	for (int i = 0; i < 2; i++) {
		if (phc[i] == NULL)
			continue;
		job->plan.tests[i].attr_number = IDM_ATTR_PRIMARY_CREDENTIAL;
		memcpy(job->plan.tests[i].phc, phc[i], strlen(phc[i]) + 1);
	}
	forget_work(NULL);
	run_one(w, pool, job);
	assert_int_equal(w->fitted, -1);
	return argon2.blocks;
}

/* Blocks are counted, for time depends on who else is at work. */
static void
a_refusal_is_as_much_work_whatever_there_is(void **state)
{
	static const char ssha[] = "{SSHA}NSZEu/ZzEMKdBO5ESNEYml3qKRYBAgMEBQYHCA==";
	static const struct idm_argon2 other = { .m_kib = 64, .t = 2, .p = 1 };
	struct waiting w = { .base = event_base_new() };
	struct hash_pool *pool = hash_pool_new(w.base, 1, 8, &cheap);
	char ours[IDM_PHC_BYTES], old[IDM_PHC_BYTES];
	uint64_t all = 2 * (uint64_t)cheap.m_kib * cheap.t;

	(void)state;
	idm_password_hash(idm_span_cstr("right"), &cheap, ours, NULL);
	idm_password_hash(idm_span_cstr("right"), &other, old, NULL);
	assert_int_equal(work_of(&w, pool, NULL, NULL), all); /* nobody, or not now */
	assert_int_equal(work_of(&w, pool, ours, NULL), all);
	assert_int_equal(work_of(&w, pool, NULL, ours), all);
	assert_int_equal(work_of(&w, pool, ours, ours), all);
	assert_int_equal(work_of(&w, pool, ssha, NULL), all);
	assert_int_equal(work_of(&w, pool, ssha, ours), all);
	assert_true(work_of(&w, pool, old, NULL) >= all);
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
		cmocka_unit_test_setup(what_nobody_waits_for_leaves_half_of_the_queue, forget_work),
		cmocka_unit_test_setup(
		    all_threads_work_and_take_no_more_than_threads_times_m, forget_work),
		cmocka_unit_test(a_password_lies_in_memory_that_is_locked),
		cmocka_unit_test_setup(hashes_that_take_more_take_turns, forget_work),
		cmocka_unit_test(a_refusal_is_as_much_work_whatever_there_is),
		cmocka_unit_test(it_ends_with_jobs_that_nobody_waits_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
