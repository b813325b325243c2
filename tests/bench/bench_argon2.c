/*
 * bench_argon2 hash M_KIB T P: a hash of BENCH_PASSWORD as it is stored.
 *
 * bench_argon2 ROW M_KIB T P THREADS MS: how many hashes libargon2 makes by itself on so many
 * threads, which is what a server can reach at best; and how many with the memory of core/.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <argon2.h>

#include "core/credential.h"
#include "tests/bench/bench.h"

enum { THREADS_MAX = 64 };

struct work {
	struct idm_argon2 params;
	void (*hash)(const struct idm_argon2 *params);
	uint64_t end_ns;
	atomic_uint count;
};

static void
hash_plain(const struct idm_argon2 *params)
{
	uint8_t tag[32];

	if (argon2id_hash_raw(params->t, params->m_kib, params->p, "correct horse", 13,
		"saltsaltsaltsalt", 16, tag, sizeof(tag)) != ARGON2_OK)
		bench_die("libargon2 failed");
}

static void
hash_core(const struct idm_argon2 *params)
{
	idm_password_dummy(IDM_SPAN_LIT("correct horse"), params);
}

static void *
run(void *arg)
{
	struct work *work = arg;

	while (bench_ns() < work->end_ns) {
		work->hash(&work->params);
		work->count++;
	}
	return NULL;
}

struct rate {
	double per_s;
	double cpu_ns; /* of one */
};

static uint64_t
own_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct rate
measure(struct work *work, uint32_t threads, uint32_t ms)
{
	pthread_t ids[THREADS_MAX];
	uint64_t start_ns = bench_ns(), cpu_ns = own_cpu_ns();

	work->count = 0;
	work->end_ns = start_ns + UINT64_C(1000000) * ms;
	for (uint32_t i = 0; i < threads; i++) {
		if (pthread_create(&ids[i], NULL, run, work) != 0)
			bench_die("no threads");
	}
	for (uint32_t i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	return (struct rate){ (double)work->count * 1e9 / (double)(bench_ns() - start_ns),
		(double)(own_cpu_ns() - cpu_ns) / work->count };
}

static void
print_hash(const struct idm_argon2 *params)
{
	const char *password = getenv("BENCH_PASSWORD");
	char phc[IDM_PHC_BYTES];
	struct idm_error err = { .text = "" };

	if (password == NULL)
		bench_die("BENCH_PASSWORD is needed");
	bench_check(idm_password_hash(idm_span_cstr(password), params, phc, &err), &err, "a hash");
	puts(phc);
}

static void
print_rates(const char *row, struct work *work, uint32_t threads, uint32_t ms)
{
	struct rate plain, core;

	if (threads > THREADS_MAX)
		bench_die("too many threads");
	work->hash = hash_plain;
	plain = measure(work, threads, ms);
	work->hash = hash_core;
	core = measure(work, threads, ms);
	printf("{\"row\": \"%s\", \"plain_per_s\": %.2f, \"plain_cpu_ns\": %.0f, "
	       "\"core_per_s\": %.2f, \"core_cpu_ns\": %.0f}\n",
	    row, plain.per_s, plain.cpu_ns, core.per_s, core.cpu_ns);
}

static uint32_t
number_of(const char *text)
{
	unsigned long value = strtoul(text, NULL, 10);

	if (value == 0 || value > 1000000)
		bench_die("%s: not a number", text);
	return (uint32_t)value;
}

int
main(int argc, char **argv)
{
	struct work work = { .end_ns = 0 };

	if (argc < 5)
		bench_die("usage: bench_argon2 hash M_KIB T P, or ROW M_KIB T P THREADS MS");
	work.params =
	    (struct idm_argon2){ number_of(argv[2]), number_of(argv[3]), number_of(argv[4]) };
	if (!idm_argon2_valid(&work.params))
		bench_die("out of bounds");
	if (argc == 7)
		print_rates(argv[1], &work, number_of(argv[5]), number_of(argv[6]));
	else
		print_hash(&work.params);
	return EXIT_SUCCESS;
}
