#include "ldapd/hash_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/eventfd.h>

#include <openssl/crypto.h>

enum {
	JOB_ROOM_BYTES = 4096, /* of a job in the heap of OpenSSL, which gives powers of two */
	LOCKED_MIN_BYTES = 512 * 1024,
};

_Static_assert(sizeof(struct hash_job) <= JOB_ROOM_BYTES, "a job is larger");

struct job_list {
	struct hash_job *first;
	struct hash_job **end;
};

struct hash_pool {
	pthread_mutex_t lock; /* guards all that follows up to `closing` */
	pthread_cond_t work;
	struct job_list queued;
	struct job_list finished;
	uint32_t queue_len;
	uint64_t busy_kib; /* that the jobs under way may take */
	uint32_t running;
	uint64_t done;
	bool closing;

	uint32_t queue_max;
	uint64_t memory_kib; /* that jobs may take at once */
	struct idm_argon2 params;
	int event_fd; /* wakes the loop */
	struct event *event;
	uint32_t thread_count;
	pthread_t threads[];
};

static void
list_init(struct job_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

static void
list_append(struct job_list *list, struct hash_job *job)
{
	job->next = NULL;
	*list->end = job;
	list->end = &job->next;
}

static struct hash_job *
list_take(struct job_list *list)
{
	struct hash_job *job = list->first;

	if (job == NULL)
		return NULL;
	list->first = job->next;
	if (list->first == NULL)
		list->end = &list->first;
	return job;
}

static void
do_work(const struct hash_pool *pool, struct hash_job *job)
{
	struct idm_span password = { (const uint8_t *)job->password, job->password_len };

	switch (job->work) {
	case HASH_VERIFY:
		job->fitted = idm_auth_plan_run(&job->plan, password, &pool->params);
		break;
	case HASH_MAKE:
		job->result = idm_password_hash(password, &pool->params, job->phc, &job->err);
		break;
	}
}

/* Of each one's turn: who needs more memory than all others leave waits, and who is behind too. */
static bool
may_start(const struct hash_pool *pool)
{
	const struct hash_job *job = pool->queued.first;

	return job != NULL &&
	       (pool->busy_kib == 0 || pool->busy_kib + job->memory_kib <= pool->memory_kib);
}

/* The next job, whose memory is there; NULL: the pool ends. */
static struct hash_job *
await_job(struct hash_pool *pool)
{
	struct hash_job *job;

	while (!may_start(pool) && !pool->closing)
		pthread_cond_wait(&pool->work, &pool->lock);
	if (pool->closing)
		return NULL;
	job = list_take(&pool->queued);
	pool->queue_len--;
	pool->busy_kib += job->memory_kib;
	return job;
}

static void *
run_thread(void *arg)
{
	struct hash_pool *pool = arg;
	struct hash_job *job;

	pthread_mutex_lock(&pool->lock);
	while ((job = await_job(pool)) != NULL) {
		pool->running++;
		pthread_mutex_unlock(&pool->lock);
		do_work(pool, job);
		pthread_mutex_lock(&pool->lock);
		pool->running--;
		pool->done++;
		pool->busy_kib -= job->memory_kib;
		pthread_cond_broadcast(&pool->work); /* for there may be room for several */
		list_append(&pool->finished, job);
		if (eventfd_write(pool->event_fd, 1) != 0)
			abort(); /* cannot fail but on a broken descriptor */
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static void
on_finished(evutil_socket_t fd, short what, void *arg)
{
	struct hash_pool *pool = arg;
	struct job_list list;
	struct hash_job *job;
	eventfd_t count;

	(void)what;
	if (eventfd_read(fd, &count) != 0 && errno != EAGAIN)
		return;
	list_init(&list);
	pthread_mutex_lock(&pool->lock);
	while ((job = list_take(&pool->finished)) != NULL)
		list_append(&list, job);
	pthread_mutex_unlock(&pool->lock);
	while ((job = list_take(&list)) != NULL) {
		job->done(job);
		hash_job_free(&job);
	}
}

/*
 * Memory for passwords: locked, between guard pages, left out of core dumps.  As much as the jobs
 * of a full queue take, and as many that wait for their turn or are done; ordinary memory serves
 * the others.  Once a process.
 */
static void
reserve_locked(uint32_t threads, uint32_t queue_max)
{
	size_t jobs = 2 * ((size_t)queue_max + threads);
	size_t bytes = LOCKED_MIN_BYTES;

	while (bytes < jobs * JOB_ROOM_BYTES)
		bytes *= 2;
	if (!CRYPTO_secure_malloc_initialized())
		CRYPTO_secure_malloc_init(bytes, 64);
}

struct hash_pool *
hash_pool_new(
    struct event_base *base, uint32_t threads, uint32_t queue_max, const struct idm_argon2 *params)
{
	struct hash_pool *pool = calloc(1, sizeof(*pool) + threads * sizeof(pool->threads[0]));

	if (pool == NULL)
		return NULL;
	reserve_locked(threads, queue_max);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	list_init(&pool->queued);
	list_init(&pool->finished);
	pool->queue_max = queue_max;
	pool->memory_kib = (uint64_t)threads * params->m_kib;
	pool->params = *params;
	pool->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (pool->event_fd >= 0)
		pool->event =
		    event_new(base, pool->event_fd, EV_READ | EV_PERSIST, on_finished, pool);
	if (pool->event == NULL || event_add(pool->event, NULL) != 0) {
		hash_pool_free(&pool);
		return NULL;
	}
	for (; pool->thread_count < threads; pool->thread_count++) {
		if (pthread_create(&pool->threads[pool->thread_count], NULL, run_thread, pool) !=
		    0) {
			hash_pool_free(&pool);
			return NULL;
		}
	}
	return pool;
}

static void
list_free(struct job_list *list)
{
	struct hash_job *job;

	while ((job = list_take(list)) != NULL) {
		if (job->dropped != NULL)
			job->dropped(job);
		hash_job_free(&job);
	}
}

void
hash_pool_free(struct hash_pool **pool)
{
	struct hash_pool *p = *pool;

	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (uint32_t i = 0; i < p->thread_count; i++)
		pthread_join(p->threads[i], NULL);
	list_free(&p->queued);
	list_free(&p->finished);
	if (p->event != NULL)
		event_free(p->event);
	if (p->event_fd >= 0)
		close(p->event_fd);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
	*pool = NULL;
}

struct hash_job *
hash_job_new(enum hash_work work, struct idm_span password)
{
	struct hash_job *job = OPENSSL_secure_zalloc(sizeof(*job));

	if (job == NULL)
		job = OPENSSL_zalloc(sizeof(*job));
	if (job == NULL)
		return NULL;
	job->work = work;
	job->fitted = -1;
	job->password_len =
	    password.len < sizeof(job->password) ? password.len : sizeof(job->password);
	if (job->password_len != 0)
		memcpy(job->password, password.ptr, job->password_len);
	return job;
}

void
hash_job_free(struct hash_job **job)
{
	if (*job == NULL)
		return;
	OPENSSL_secure_clear_free(*job, sizeof(**job));
	*job = NULL;
}

static uint32_t
memory_of(const struct hash_pool *pool, const struct hash_job *job)
{
	switch (job->work) {
	case HASH_VERIFY: return idm_auth_plan_memory_kib(&job->plan, &pool->params);
	case HASH_MAKE: break;
	}
	return pool->params.m_kib;
}

/* Where fewer than `queue_max` wait. */
static bool
submit_below(struct hash_pool *pool, struct hash_job *job, uint32_t queue_max)
{
	bool room;

	job->memory_kib = memory_of(pool, job);
	pthread_mutex_lock(&pool->lock);
	room = pool->queue_len < queue_max;
	if (room) {
		list_append(&pool->queued, job);
		pool->queue_len++;
		pthread_cond_signal(&pool->work);
	}
	pthread_mutex_unlock(&pool->lock);
	return room;
}

bool
hash_pool_submit(struct hash_pool *pool, struct hash_job *job)
{
	return submit_below(pool, job, pool->queue_max);
}

bool
hash_pool_submit_spare(struct hash_pool *pool, struct hash_job *job)
{
	return submit_below(pool, job, (pool->queue_max + 1) / 2);
}

void
hash_pool_look(struct hash_pool *pool, struct hash_pool_state *out)
{
	pthread_mutex_lock(&pool->lock);
	*out = (struct hash_pool_state){
		.threads = pool->thread_count,
		.running = pool->running,
		.queued = pool->queue_len,
		.done = pool->done,
	};
	pthread_mutex_unlock(&pool->lock);
}
