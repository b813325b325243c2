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
#include "core/change_log.h"
#include "tests/support/realm.h"

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
	name_of('r', n, other);
	if (n % 2 == 0)
		acknowledge(fd, realm_modify(r, NULL, person, "=name", other, NULL), r);
	else
		acknowledge(fd, realm_delete(r, NULL, person), r);
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
apply_recorded(struct realm *from, struct realm *to, uint64_t first, uint64_t last)
{
	struct idm_change_set set;
	struct idm_read read;
	struct idm_txn txn;

	assert_int_equal(idm_store_write_begin(to->store, &txn, &to->err), IDM_OK);
	for (uint64_t no = first; no <= last; no++) {
		realm_entry(
		    from, "admin"); /* also takes back the arena, and with it the last set */
		assert_int_equal(idm_change_log_get(&from->read, no, &set, &from->err), IDM_OK);
		realm_done(from);
		idm_arena_reset(to->arena);
		assert_int_equal(
		    idm_read_attach(&txn, to->arena, to->now, &read, &to->err), IDM_OK);
		if (idm_change_apply(&read, &set, &to->err) != IDM_OK)
			fail_msg("change %d: %s", (int)no, to->err.text);
	}
	assert_int_equal(idm_store_write_commit(&txn, &to->err), IDM_OK);
}

/* One database of both, record by record, derived data too. */
static void
assert_same_records(struct realm *a, struct realm *b, enum idm_db db)
{
	struct idm_cursor cursors[2];
	struct idm_span key[2], value[2];
	enum idm_result result[2];

	realm_entry(a, "admin");
	realm_entry(b, "admin");
	assert_int_equal(
	    idm_cursor_open(&a->txn, db, IDM_SPAN_EMPTY, &cursors[0], &a->err), IDM_OK);
	assert_int_equal(
	    idm_cursor_open(&b->txn, db, IDM_SPAN_EMPTY, &cursors[1], &b->err), IDM_OK);
	do {
		for (size_t i = 0; i < 2; i++)
			result[i] = idm_cursor_next(&cursors[i], &key[i], &value[i], &a->err);
		assert_int_equal(result[0], result[1]);
		if (result[0] != IDM_OK)
			break;
		assert_true(idm_span_equal(key[0], key[1]));
		assert_true(idm_span_equal(value[0], value[1]));
	} while (true);
	assert_int_equal(result[0], IDM_NOT_FOUND);
	idm_cursor_close(&cursors[0]);
	idm_cursor_close(&cursors[1]);
	realm_done(a);
	realm_done(b);
}

static void
a_killed_writer_loses_nothing_and_leaves_no_half_change(void **state)
{
	static const enum idm_db compared[] = { IDM_DB_ENTRIES, IDM_DB_UUID, IDM_DB_NAME,
		IDM_DB_INDEX, IDM_DB_UP, IDM_DB_DOWN, IDM_DB_SECRETS, IDM_DB_TOKENS, IDM_DB_CHANGES,
		IDM_DB_REQUESTS };
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
		apply_recorded(r, follower, 1 + followed / 2, no);
		followed = no;
		assert_sound(follower);
	}
	for (size_t i = 0; i < sizeof(compared) / sizeof(compared[0]); i++)
		assert_same_records(r, follower, compared[i]);
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
