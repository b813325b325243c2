/* Changes that wait for a commit: how many, and who is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ldapd/core.h"

static size_t refused;

static void
on_changed(struct core_job *job, enum idm_result result, const struct idm_error *err)
{
	assert_int_equal(result, IDM_BUSY);
	assert_true(err->client_text[0] != '\0');
	refused++;
	core_job_fail(job, result, err); /* its worker is gone: the answer goes nowhere */
}

/* Put changes of a size in line until one is refused; how many wait. */
static size_t
fill(struct core *core, size_t pdu_bytes)
{
	struct core_worker worker = { .core = core, .no = 1 };
	size_t count = 0;

	for (refused = 0; refused == 0; count++) {
		struct core_job *job = core_job_new(&worker, count, idm_span_cstr("ldapi"));

		job->bytes += pdu_bytes;
		core_change(job, on_changed);
		assert_true(count < 100000);
	}
	return count - 1;
}

static void
forget(struct core *core)
{
	while (core->batch != NULL) {
		struct core_job *job = core->batch;

		core->batch = job->next;
		idm_arena_free(&job->arena);
		free(job);
	}
	event_free(core->batch_event);
	event_base_free(core->base);
}

static void
on_batch(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void
setup(struct core *core)
{
	*core = (struct core){ .batch_end = &core->batch };
	core->base = event_base_new();
	core->batch_event = event_new(core->base, -1, 0, on_batch, core);
	assert_non_null(core->batch_event);
}

static void
more_than_can_wait_is_busy(void **state)
{
	struct core core;
	size_t small, large;

	(void)state;
	setup(&core);
	small = fill(&core, 100);
	assert_true(small >= 1000); /* clients that are many, not hostile */
	assert_true(core.batch_bytes <= CORE_WAITING_MAX);
	forget(&core);

	setup(&core);
	large = fill(&core, 1000000);
	assert_true(large >= 16 && large < small);
	assert_true(core.batch_bytes <= CORE_WAITING_MAX);
	forget(&core);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_than_can_wait_is_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
