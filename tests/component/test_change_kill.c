/*
 * A writer that is killed: what it acknowledged is there, what it did not finish never was, and the
 * record of changes makes the same database again (CHANGES 11-15, SPEC 11.2).
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/change_digest.h"
#include "tests/support/follower.h"

enum { KILLS = 6, TOGETHER = 5, ACKS_MAX = 40, NAME_BYTES = 32 };

/* --- the writer, a process of its own: this program with a directory and a pipe as arguments */

static void
name_of(char kind, unsigned n, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, "%c%u", kind, n);
}

/* One of the persons that come with number n. */
static void
name_of_one(unsigned n, unsigned i, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, "t%u-%u", n, i);
}

static void
acknowledge(int fd, enum idm_result result, const struct realm *r)
{
	assert_int_equal(result, IDM_OK);
	assert_int_equal(write(fd, &r->set.no, sizeof(r->set.no)), sizeof(r->set.no));
}

static enum idm_result
create_group(struct realm *r, const char *name)
{
	return realm_create(r, NULL, "class", "group", "name", name, NULL);
}

/* Persons that come in one commit, all or none. */
static void
create_together(struct realm *r, unsigned n)
{
	char name[NAME_BYTES];

	realm_group_begin(r);
	for (unsigned i = 0; i < TOGETHER; i++) {
		name_of_one(n, i, name);
		realm_person(r, name);
	}
	realm_group_commit(r);
}

static enum idm_result
revive(struct realm *r, struct idm_uuid uuid)
{
	struct idm_identity console = realm_identity(r, NULL);
	struct idm_request request = { .operation = IDM_OP_REVIVE, .target = uuid };

	return realm_run(r, &console, &request);
}

/* The person that is number n gets another name, or goes, and may come back. */
static void
end_of_person(struct realm *r, unsigned n, int fd)
{
	char person[NAME_BYTES], other[NAME_BYTES];
	struct idm_uuid uuid;

	name_of('p', n, person);
	name_of('r', n, other);
	if (n % 2 == 0) {
		acknowledge(fd, realm_modify(r, NULL, person, "=name", other, NULL), r);
		return;
	}
	uuid = realm_uuid(r, person);
	acknowledge(fd, realm_delete(r, NULL, person), r);
	if (n % 4 == 1)
		acknowledge(fd, revive(r, uuid), r);
}

/* Changes of every kind around the group and the person that are number n. */
static void
make_changes(struct realm *r, unsigned n, int fd)
{
	char group[NAME_BYTES], person[NAME_BYTES], other[NAME_BYTES], mail[NAME_BYTES + 16];

	name_of('g', n, group);
	name_of('p', n, person);
	acknowledge(fd, create_group(r, group), r);
	realm_person(r, person);
	acknowledge(fd, realm_modify(r, NULL, group, "=member", person, NULL), r);
	snprintf(mail, sizeof(mail), "%s@example.com", person);
	acknowledge(fd, realm_modify(r, NULL, person, "=mail", mail, NULL), r);
	if (n > 0) {
		name_of('g', n - 1, other);
		acknowledge(
		    fd, realm_modify(r, NULL, other, "+member", group, "+member", person, NULL), r);
	}
	create_together(r, n);
	acknowledge(fd, IDM_OK, r);
	end_of_person(r, n, fd);
}

static bool
is_there(struct realm *r, const char *name)
{
	struct idm_entry entry;
	bool there;

	realm_entry(r, "admin");
	there = idm_lookup_text(&r->read, idm_span_cstr(name), &entry, NULL) == IDM_OK;
	realm_done(r);
	return there;
}

/* How many groups the writers made: where the next one goes on. */
static unsigned
count_groups(struct realm *r)
{
	char name[NAME_BYTES];

	for (unsigned n = 0;; n++) {
		name_of('g', n, name);
		if (!is_there(r, name))
			return n;
	}
}

static void
open_store(struct realm *r)
{
	if (idm_builtin_open(r->dir, (gid_t)-1, REALM_DOMAIN, r->now, &r->store, &r->err) != IDM_OK)
		fail_msg("%s", r->err.text);
}

/* Until it is killed. */
_Noreturn static void
write_on(const char *dir, int fd)
{
	struct realm r = { .now = { REALM_NOW_S, true }, .arena = idm_arena_new(16 * 1024 * 1024) };

	snprintf(r.dir, sizeof(r.dir), "%s", dir);
	r.context.table = &r.table;
	open_store(&r);
	for (unsigned n = count_groups(&r);; n++)
		make_changes(&r, n, fd);
}

/* --- the test, which kills it */

static pid_t
start_writer(struct realm *r, int *from)
{
	char fd[16];
	int ends[2];
	pid_t pid;

	idm_store_close(&r->store); /* the writer's lock, and no environment over a fork */
	assert_int_equal(pipe(ends), 0);
	snprintf(fd, sizeof(fd), "%d", ends[1]);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		execl("/proc/self/exe", "test_change_kill", r->dir, fd, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	*from = ends[0];
	return pid;
}

/* The number of the last change that the writer acknowledged before it died. */
static uint64_t
kill_after(pid_t pid, int from, unsigned acks)
{
	uint64_t no, last = 0;
	unsigned seen = 0;
	int status;

	while (read(from, &no, sizeof(no)) == sizeof(no)) {
		last = no;
		if (++seen != acks)
			continue;
		usleep((useconds_t)rand() % 3000); /* somewhere in what comes next */
		assert_int_equal(kill(pid, SIGKILL), 0);
	}
	close(from);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* and not because one of its changes failed */
	assert_int_equal(WTERMSIG(status), SIGKILL);
	return last;
}

static void
assert_sound(struct realm *r)
{
	char first[NAME_BYTES], name[NAME_BYTES];
	unsigned n = count_groups(r);

	realm_entry(r, "admin");
	if (idm_digest_verify(&r->read, &r->err) != IDM_OK)
		fail_msg("%s", r->err.text);
	realm_done(r);
	for (unsigned i = 1; n > 0 && i < TOGETHER; i++) {
		name_of_one(n - 1, 0, first);
		name_of_one(n - 1, i, name);
		assert_int_equal(is_there(r, name), is_there(r, first));
	}
}

static void
a_killed_writer_loses_nothing_and_leaves_no_half_change(void **state)
{
	struct realm *r = *state;
	void *follower_state;
	struct realm *follower;
	uint64_t followed = 0;

	realm_setup_empty(&follower_state);
	follower = follower_state;
	for (unsigned i = 0; i < KILLS; i++) {
		int from;
		pid_t pid = start_writer(r, &from);
		uint64_t acknowledged = kill_after(pid, from, 1 + (unsigned)rand() % ACKS_MAX);
		uint64_t no;

		open_store(r);
		no = realm_applied(r);
		assert_true(no >= acknowledged);
		assert_sound(r);
		/* From somewhere in what it has already: that changes nothing. */
		follower_apply(r, follower, 1 + followed / 2, no);
		followed = no;
		assert_sound(follower);
	}
	assert_same_stores(r, follower);
	realm_teardown(&follower_state);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_killed_writer_loses_nothing_and_leaves_no_half_change, realm_setup,
		    realm_teardown),
	};

	if (argc == 3)
		write_on(argv[1], atoi(argv[2]));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
