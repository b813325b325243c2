/*
 * Readers in other processes, of another user where the test may choose, walk over the whole
 * database and check it while a writer commits, is killed, is succeeded, and while another file is
 * put in its place.
 *
 * The database holds accounts whose sum never changes; each record is filled with a pattern that
 * depends on it, and their sizes change so that pages split, merge and are used again.
 */
#include "core/store.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/store_impl.h"
#include "tests/support/store_dir.h"

enum {
	ACCOUNTS = 300,
	EACH = 1000, /* what each account has at first */
	TRANSFERS = 10,
	MAX_BYTES = 2500,
	READERS = 3,
	NOBODY = 65534,
};

/* What the processes tell one another. */
struct shared {
	atomic_bool stop;
	atomic_uint walks;
	atomic_uint over_age;
	atomic_uint wrong;
	atomic_uint commits;
	atomic_uint newest_epoch; /* that a reader has seen */
	char complaint[300];
};

static struct shared *shared;

static uint64_t
random_number(void)
{
	static _Thread_local uint64_t x;

	if (x == 0) /* other numbers in each process and thread */
		x = (uint64_t)getpid() * 2654435761U + (uintptr_t)&x;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void
sleep_ms(uint64_t ms)
{
	struct timespec pause = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	nanosleep(&pause, NULL);
}

static void
complain(const char *what, const struct idm_error *err)
{
	atomic_fetch_add(&shared->wrong, 1);
	snprintf(shared->complaint, sizeof(shared->complaint), "%s: %s", what, err->text);
}

/* --- records: amount (u64), then as many bytes as the amount and the account say */

static struct idm_span
account_value(uint64_t account, uint64_t amount, uint8_t out[8 + MAX_BYTES])
{
	size_t len = (amount * 37 + account * 11) % MAX_BYTES;

	idm_store_u64(amount, out);
	memset(out + 8, (int)(account + amount), len);
	return idm_span_of(out, 8 + len);
}

static bool
put_account(const struct idm_txn *txn, uint64_t account, uint64_t amount, struct idm_error *err)
{
	uint8_t value[8 + MAX_BYTES];
	uint8_t key[8];

	idm_store_u64(account, key);
	return idm_store_put(txn, IDM_DB_ENTRIES, idm_span_of(key, 8),
		   account_value(account, amount, value), err) == IDM_OK;
}

static bool
get_account(const struct idm_txn *txn, uint64_t account, uint64_t *amount, struct idm_error *err)
{
	struct idm_span value;
	uint8_t key[8];

	idm_store_u64(account, key);
	if (idm_store_get(txn, IDM_DB_ENTRIES, idm_span_of(key, 8), &value, err) != IDM_OK)
		return false;
	*amount = idm_store_load_u64(value.ptr);
	return true;
}

static bool
add_number(const struct idm_txn *txn, const char *name, struct idm_error *err)
{
	uint64_t number;

	return idm_store_get_number(txn, IDM_DB_META, name, &number, err) == IDM_OK &&
	       idm_store_put_number(txn, IDM_DB_META, name, number + 1, err) == IDM_OK;
}

static void
create_accounts(struct store_dir *dir)
{
	struct idm_txn txn;

	assert_int_equal(idm_store_write_begin(dir->store, &txn, &dir->err), IDM_OK);
	for (uint64_t account = 0; account < ACCOUNTS; account++)
		assert_true(put_account(&txn, account, EACH, &dir->err));
	assert_int_equal(idm_store_write_commit(&txn, &dir->err), IDM_OK);
}

/* --- the writer's process */

static bool
transfer(const struct idm_txn *txn, struct idm_error *err)
{
	uint64_t from = random_number() % ACCOUNTS;
	uint64_t to = random_number() % ACCOUNTS;
	uint64_t had = 0;
	uint64_t has = 0;

	if (from == to || !get_account(txn, from, &had, err) || had == 0)
		return from == to || had == 0;
	return get_account(txn, to, &has, err) && put_account(txn, from, had - 1, err) &&
	       put_account(txn, to, has + 1, err);
}

static bool
commit_transfers(struct idm_store *store, struct idm_error *err)
{
	struct idm_txn txn;
	bool ok = idm_store_write_begin(store, &txn, err) == IDM_OK;

	for (int i = 0; ok && i < TRANSFERS; i++)
		ok = transfer(&txn, err);
	ok = ok && add_number(&txn, "commits", err);
	if (!ok) {
		idm_store_write_abort(&txn);
		return false;
	}
	return idm_store_write_commit(&txn, err) == IDM_OK;
}

/*
 * Commit until told to stop, or killed: `burst` times as fast as can be, then at a walk.  A burst
 * uses up whatever pages are free, so that none is kept by there being plenty.
 */
static pid_t
start_writer(const struct store_dir *dir, unsigned burst)
{
	pid_t pid = fork();
	struct idm_store *store;
	struct idm_error err;

	if (pid != 0)
		return pid;
	if (idm_store_open_writer(dir->path, (gid_t)-1, &store, &err) != IDM_OK) {
		complain("writer", &err);
		_exit(1);
	}
	while (!atomic_load(&shared->stop)) {
		if (!commit_transfers(store, &err)) {
			complain("commit", &err);
			_exit(1);
		}
		atomic_fetch_add(&shared->commits, 1);
		if (burst > 0)
			burst--;
		else
			sleep_ms(10);
	}
	idm_store_close(&store);
	_exit(0);
}

/* --- a reader's process */

struct seen {
	uint64_t epoch;   /* raised by each file put in place */
	uint64_t commits; /* within it */
};

static enum idm_result
check_record(struct idm_span key, struct idm_span value, uint64_t *sum)
{
	uint8_t expected[8 + MAX_BYTES];
	uint64_t amount;

	if (key.len != 8 || value.len < 8)
		return IDM_CORRUPT;
	amount = idm_store_load_u64(value.ptr);
	*sum += amount;
	return idm_span_equal(value, account_value(idm_store_load_u64(key.ptr), amount, expected))
		   ? IDM_OK
		   : IDM_CORRUPT;
}

static enum idm_result
walk(const struct idm_txn *txn, uint64_t pause_ms, uint64_t *sum, struct idm_error *err)
{
	struct idm_span key, value;
	struct idm_cursor cursor;
	uint64_t pause_at = random_number() % ACCOUNTS;
	enum idm_result result = idm_cursor_open(txn, IDM_DB_ENTRIES, IDM_SPAN_EMPTY, &cursor, err);

	for (uint64_t n = 0; result == IDM_OK; n++) {
		if (n == pause_at)
			sleep_ms(pause_ms);
		result = idm_cursor_next(&cursor, &key, &value, err);
		if (result == IDM_OK)
			result = check_record(key, value, sum);
	}
	idm_cursor_close(&cursor);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

static enum idm_result
read_seen(const struct idm_txn *txn, struct seen *now, struct idm_error *err)
{
	enum idm_result result = idm_store_get_number(txn, IDM_DB_META, "epoch", &now->epoch, err);

	if (result == IDM_OK)
		result = idm_store_get_number(txn, IDM_DB_META, "commits", &now->commits, err);
	return result;
}

static bool
is_older(const struct seen *a, const struct seen *b)
{
	return a->epoch < b->epoch || (a->epoch == b->epoch && a->commits < b->commits);
}

static void
judge(enum idm_result result, uint64_t sum, const struct seen *before, const struct seen *now,
    const struct idm_error *err)
{
	if (result == IDM_BUSY)
		atomic_fetch_add(&shared->over_age, 1);
	else if (result != IDM_OK)
		complain("walk", err);
	else if (sum != (uint64_t)ACCOUNTS * EACH)
		complain("sum", err);
	else if (is_older(now, before))
		complain("time went back", err);
	else
		atomic_fetch_add(&shared->walks, 1);
}

static void
walk_once(struct idm_store *store, uint64_t pause_ms, struct seen *seen)
{
	struct idm_error err = { 0 };
	struct seen now = *seen;
	struct idm_txn txn;
	uint64_t sum = 0;
	enum idm_result result = idm_store_read_begin(store, &txn, &err);

	if (result != IDM_OK) {
		complain("begin", &err);
		return;
	}
	result = read_seen(&txn, &now, &err);
	if (result == IDM_OK)
		result = walk(&txn, pause_ms, &sum, &err);
	if (result == IDM_OK)
		result = idm_store_read_check(&txn, &err);
	judge(result, sum, seen, &now, &err);
	if (result == IDM_OK) {
		*seen = now;
		atomic_store(&shared->newest_epoch, (unsigned)now.epoch);
	}
	idm_store_read_end(&txn);
}

/* With no right to write anything, if the test runs as root. */
static void
drop_rights(void)
{
	if (geteuid() == 0 &&
	    (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
		_exit(1);
}

/* Readers 1 and up pause in some of their walks, some for too long. */
static pid_t
start_reader(const struct store_dir *dir, unsigned number)
{
	pid_t pid = fork();
	struct idm_store *store;
	struct idm_error err;
	struct seen seen = { 0 };

	if (pid != 0)
		return pid;
	drop_rights();
	if (idm_store_open_reader(dir->path, &store, &err) != IDM_OK) {
		complain("reader", &err);
		_exit(1);
	}
	while (!atomic_load(&shared->stop)) {
		bool pauses = number > 0 && random_number() % 4 == 0;

		walk_once(store, pauses ? random_number() % (number * 350) : 0, &seen);
	}
	idm_store_close(&store);
	_exit(0);
}

static void
assert_ends_well(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status)); /* and not by an assertion of LMDB, or SIGBUS */
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
start_readers(struct store_dir *dir, pid_t pids[READERS])
{
	idm_store_close(&dir->store);
	for (unsigned i = 0; i < READERS; i++)
		pids[i] = start_reader(dir, i);
}

static void
stop_all(pid_t writer, const pid_t pids[READERS])
{
	atomic_store(&shared->stop, true);
	assert_ends_well(writer);
	for (unsigned i = 0; i < READERS; i++)
		assert_ends_well(pids[i]);
	if (atomic_load(&shared->wrong) > 0)
		fail_msg(
		    "%u wrong, the last one: %s", atomic_load(&shared->wrong), shared->complaint);
}

static int
setup(void **state)
{
	struct store_dir *dir;
	gid_t group = geteuid() == 0 ? NOBODY : (gid_t)-1;

	store_dir_setup(state);
	dir = *state;
	idm_store_close(&dir->store);
	assert_int_equal(unlink(store_dir_file(dir, "identity.mdb")), 0);
	assert_int_equal(unlink(store_dir_file(dir, "identity.pub")), 0);
	assert_int_equal(chmod(dir->path, 0755), 0);
	assert_int_equal(idm_store_open_writer(dir->path, group, &dir->store, &dir->err), IDM_OK);
	create_accounts(dir);
	shared =
	    mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(shared != MAP_FAILED);
	return 0;
}

static int
teardown(void **state)
{
	munmap(shared, sizeof(*shared));
	return store_dir_teardown(state);
}

/* --- the tests */

static void
every_walk_sees_one_commit_whole_while_a_writer_works(void **state)
{
	struct store_dir *dir = *state;
	pid_t readers[READERS];
	pid_t writer;

	start_readers(dir, readers);
	writer = start_writer(dir, UINT32_MAX);
	sleep_ms(2500);
	stop_all(writer, readers);
	assert_true(atomic_load(&shared->commits) > 20);
	assert_true(atomic_load(&shared->walks) > 20);
}

static void
walks_stay_right_when_the_writer_is_killed_and_succeeded(void **state)
{
	struct store_dir *dir = *state;
	pid_t readers[READERS];
	pid_t writer;
	int status;

	start_readers(dir, readers);
	writer = start_writer(dir, 0);
	for (unsigned kills = 1; kills <= 4; kills++) {
		sleep_ms(900 + random_number() % 100);
		assert_int_equal(kill(writer, SIGKILL), 0);
		assert_int_equal(waitpid(writer, &status, 0), writer);
		writer = start_writer(dir, 100U << kills);
	}
	sleep_ms(1200);
	stop_all(writer, readers);
	assert_true(atomic_load(&shared->commits) > 20);
	assert_true(atomic_load(&shared->walks) > 20);
}

static void
raise_epoch(struct store_dir *dir)
{
	struct idm_txn txn;

	assert_int_equal(idm_store_write_begin(dir->store, &txn, &dir->err), IDM_OK);
	assert_true(add_number(&txn, "epoch", &dir->err));
	assert_int_equal(idm_store_write_commit(&txn, &dir->err), IDM_OK);
}

/* A file of the next epoch at `path`, whose transaction ids begin again; made in another place. */
static void
make_next_epoch(struct store_dir *dir, const char *path)
{
	struct store_dir other = { .store = NULL };

	assert_int_equal(idm_store_copy(dir->store, path, &dir->err), IDM_OK);
	temp_dir_make("store", other.path, sizeof(other.path));
	assert_int_equal(idm_store_replace(other.path, (gid_t)-1, path, &other.err), IDM_OK);
	store_dir_open(&other);
	raise_epoch(&other);
	assert_int_equal(idm_store_copy(other.store, path, &other.err), IDM_OK);
	store_dir_remove(&other);
}

static void
wait_for_epoch(unsigned epoch)
{
	for (int i = 0; i < 200 && atomic_load(&shared->newest_epoch) != epoch; i++)
		sleep_ms(10);
	assert_int_equal(atomic_load(&shared->newest_epoch), epoch);
}

static void
readers_follow_when_another_file_is_put_in_place(void **state)
{
	struct store_dir *dir = *state;
	gid_t group = geteuid() == 0 ? NOBODY : (gid_t)-1;
	const char *copy = store_dir_file(dir, "copy");
	pid_t readers[READERS];
	pid_t writer;

	raise_epoch(dir);
	make_next_epoch(dir, copy);
	for (int i = 0; i < 20; i++) /* the old file goes on meanwhile */
		assert_true(commit_transfers(dir->store, &dir->err));
	start_readers(dir, readers);
	wait_for_epoch(1);
	assert_int_equal(idm_store_replace(dir->path, group, copy, &dir->err), IDM_OK);
	wait_for_epoch(2);
	writer = start_writer(dir, UINT32_MAX); /* and on past the old file's ids */
	sleep_ms(1200);
	stop_all(writer, readers);
	assert_true(atomic_load(&shared->commits) > 20);
}

/* --- threads that share one store, as those of a RADIUS server do */

struct thread {
	pthread_t id;
	struct idm_store *store;
};

static void *
walk_in_thread(void *arg)
{
	struct thread *thread = arg;
	struct seen seen = { 0 };

	while (!atomic_load(&shared->stop))
		walk_once(thread->store, 0, &seen);
	return NULL;
}

static void
threads_share_a_store_over_a_change_of_file(void **state)
{
	struct store_dir *dir = *state;
	gid_t group = geteuid() == 0 ? NOBODY : (gid_t)-1;
	struct thread threads[READERS];
	struct idm_store *reader;

	assert_int_equal(idm_store_open_reader(dir->path, &reader, &dir->err), IDM_OK);
	for (int i = 0; i < READERS; i++) {
		threads[i].store = reader;
		assert_int_equal(
		    pthread_create(&threads[i].id, NULL, walk_in_thread, &threads[i]), 0);
	}
	for (unsigned epoch = 1; epoch <= 3; epoch++) {
		const char *copy = store_dir_file(dir, "copy");

		raise_epoch(dir);
		assert_int_equal(idm_store_copy(dir->store, copy, &dir->err), IDM_OK);
		idm_store_close(&dir->store);
		assert_int_equal(idm_store_replace(dir->path, group, copy, &dir->err), IDM_OK);
		store_dir_open(dir);
		for (int i = 0; i < 10; i++)
			assert_true(commit_transfers(dir->store, &dir->err));
		wait_for_epoch(epoch);
	}
	atomic_store(&shared->stop, true);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(threads[i].id, NULL), 0);
	assert_int_equal(atomic_load(&shared->wrong), 0);
	assert_int_equal(atomic_load(&reader->identity->refs), 1); /* no reference is left over */
	idm_store_close(&reader);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_walk_sees_one_commit_whole_while_a_writer_works),
		TEST(walks_stay_right_when_the_writer_is_killed_and_succeeded),
		TEST(readers_follow_when_another_file_is_put_in_place),
		TEST(threads_share_a_store_over_a_change_of_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
