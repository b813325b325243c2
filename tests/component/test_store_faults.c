/*
 * What is left of a commit when one of its system calls fails, when the disk is full, and when the
 * process dies between two of them.  LMDB's calls come through the definitions below, which take
 * the place of the C library's.
 */
#include "core/store.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/store_impl.h"
#include "tests/support/store_dir.h"

#define EXPORTED __attribute__((visibility("default")))

enum fault { FAULT_ENOSPC, FAULT_EIO, FAULT_SHORT, FAULT_DEATH, FAULT_COUNT };

static struct {
	unsigned left; /* calls until the fault; 0: none is to come, or it came */
	bool armed;
	enum fault kind;
} next;

EXPORTED ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at);
EXPORTED ssize_t writev(int fd, const struct iovec *parts, int count);
EXPORTED int fdatasync(int fd);

static void
arm(enum fault kind, unsigned calls)
{
	next.kind = kind;
	next.left = calls;
	next.armed = true;
}

/* True if the fault came. */
static bool
disarm(void)
{
	next.armed = false;
	return next.left == 0;
}

static bool
is_due(void)
{
	return next.armed && next.left > 0 && --next.left == 0;
}

/* What a call that fails returns; `some` is less than was asked for. */
static ssize_t
come(ssize_t some)
{
	if (next.kind == FAULT_DEATH)
		_exit(9);
	if (next.kind == FAULT_SHORT && some > 0)
		return some;
	errno = next.kind == FAULT_ENOSPC ? ENOSPC : EIO;
	return -1;
}

ssize_t
pwrite(int fd, const void *bytes, size_t count, off_t at)
{
	if (is_due()) {
		if (next.kind == FAULT_SHORT)
			syscall(SYS_pwrite64, fd, bytes, count / 2, at);
		return come((ssize_t)count / 2);
	}
	return syscall(SYS_pwrite64, fd, bytes, count, at);
}

ssize_t
writev(int fd, const struct iovec *parts, int count)
{
	if (is_due()) {
		struct iovec half = { parts[0].iov_base, parts[0].iov_len / 2 };

		if (next.kind == FAULT_SHORT)
			syscall(SYS_writev, fd, &half, 1);
		return come((ssize_t)half.iov_len);
	}
	return syscall(SYS_writev, fd, parts, count);
}

int
fdatasync(int fd)
{
	return is_due() ? (int)come(0) : (int)syscall(SYS_fdatasync, fd);
}

/* --- a change that touches several pages, and its check */

enum { RECORDS = 40, RECORD_BYTES = 900 };

/* All records and a name get the number `no`. */
static enum idm_result
change_all(struct store_dir *dir, uint64_t no, struct idm_txn *txn)
{
	uint8_t value[RECORD_BYTES];
	enum idm_result result = idm_store_write_begin(dir->store, txn, &dir->err);

	memset(value, (int)no, sizeof(value));
	for (uint64_t i = 0; result == IDM_OK && i < RECORDS; i++) {
		uint8_t key[8];

		idm_store_u64(i, key);
		result = idm_store_put(txn, IDM_DB_ENTRIES, idm_span_of(key, 8),
		    idm_span_of(value, sizeof(value)), &dir->err);
	}
	if (result == IDM_OK)
		result = idm_store_put_number(txn, IDM_DB_META, "no", no, &dir->err);
	return result;
}

static void
commit_all(struct store_dir *dir, uint64_t no)
{
	struct idm_txn txn;

	assert_int_equal(change_all(dir, no, &txn), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &dir->err), IDM_OK);
}

/* The number that all of them have. */
static uint64_t
state_of(struct idm_store *store)
{
	struct idm_error err;
	struct idm_txn txn;
	uint64_t no;

	assert_int_equal(idm_store_read_begin(store, &txn, &err), IDM_OK);
	assert_int_equal(idm_store_get_number(&txn, IDM_DB_META, "no", &no, &err), IDM_OK);
	for (uint64_t i = 0; i < RECORDS; i++) {
		struct idm_span value;
		uint8_t key[8];

		idm_store_u64(i, key);
		assert_int_equal(
		    idm_store_get(&txn, IDM_DB_ENTRIES, idm_span_of(key, 8), &value, &err), IDM_OK);
		assert_int_equal(value.len, RECORD_BYTES);
		assert_int_equal(value.ptr[0], no);
		assert_int_equal(value.ptr[RECORD_BYTES - 1], no);
	}
	idm_store_read_end(&txn);
	return no;
}

/* There are no readers here: let the next writer not wait for them. */
static void
forget_readers(struct store_dir *dir)
{
	struct idm_published pub;

	idm_store_close(&dir->store);
	assert_int_equal(idm_published_open_writer(
			     &pub, store_dir_file(dir, "identity.pub"), (gid_t)-1, &dir->err),
	    IDM_OK);
	atomic_store(&pub.page->last_commit_ms, 0);
	idm_published_close(&pub);
	store_dir_open(dir);
	dir->store->write_after_ms = 0;
}

/* Not published: what the caller has no answer for may be there or not, but whole. */
static void
assert_old_or_new(struct store_dir *dir, uint64_t old)
{
	uint64_t no = state_of(dir->store);

	assert_true(no == old || no == old + 1);
}

static void
assert_failed_for_good(struct store_dir *dir)
{
	struct idm_txn txn;

	assert_true(idm_store_failed(dir->store));
	assert_int_equal(idm_store_write_begin(dir->store, &txn, &dir->err), IDM_SYSTEM);
	assert_null(txn.mdb);
	assert_int_equal(idm_store_local_write_begin(dir->store, &txn, &dir->err), IDM_SYSTEM);
}

/* One commit, whose `nth` call fails; false: it has fewer. */
static bool
commit_with_fault(struct store_dir *dir, enum fault kind, unsigned nth)
{
	struct idm_txn txn;
	enum idm_result result;

	commit_all(dir, 1);
	assert_int_equal(change_all(dir, 2, &txn), IDM_OK);
	arm(kind, nth);
	result = idm_store_write_commit(&txn, &dir->err);
	if (!disarm()) {
		assert_int_equal(result, IDM_OK);
		assert_int_equal(state_of(dir->store), 2);
		return false;
	}
	assert_true(result == IDM_LIMIT || result == IDM_SYSTEM);
	assert_true(dir->err.text[0] != '\0');
	if (result == IDM_SYSTEM) {
		assert_failed_for_good(dir);
		forget_readers(dir);
		assert_old_or_new(dir, 1);
	} else { /* nothing is kept, and work goes on */
		assert_false(idm_store_failed(dir->store));
		assert_int_equal(state_of(dir->store), 1);
		commit_all(dir, 3);
		assert_int_equal(state_of(dir->store), 3);
		forget_readers(dir);
		assert_int_equal(state_of(dir->store), 3);
	}
	return true;
}

static void
each_failing_call_of_a_commit_leaves_the_old_state_or_the_new(void **state)
{
	struct store_dir *dir = *state;

	for (enum fault kind = FAULT_ENOSPC; kind <= FAULT_SHORT; kind++) {
		unsigned nth = 1;

		while (commit_with_fault(dir, kind, nth))
			nth++;
		assert_true(nth > 4); /* pages, sync, meta page, sync: all were tried */
	}
}

static enum idm_result
commit_local(struct store_dir *dir, const char *value)
{
	struct idm_txn txn;

	assert_int_equal(idm_store_local_write_begin(dir->store, &txn, &dir->err), IDM_OK);
	assert_int_equal(idm_store_put(&txn, IDM_DB_LOCAL_META, IDM_SPAN_LIT("k"),
			     idm_span_cstr(value), &dir->err),
	    IDM_OK);
	return idm_store_write_commit(&txn, &dir->err);
}

static void
a_failing_call_of_a_local_commit_is_told(void **state)
{
	struct store_dir *dir = *state;
	bool came = true;

	for (unsigned nth = 1; came; nth++) {
		enum idm_result result;

		assert_int_equal(commit_local(dir, "old"), IDM_OK);
		arm(FAULT_ENOSPC, nth);
		result = commit_local(dir, "new");
		came = disarm();
		assert_int_equal(result != IDM_OK, came);
		assert_int_equal(idm_store_failed(dir->store), result == IDM_SYSTEM);
		forget_readers(dir);
	}
}

/* --- creation */

static void
each_failing_call_of_a_creation_can_be_made_good(void **state)
{
	struct store_dir *dir = *state;
	bool came = true;

	for (unsigned nth = 1; came; nth++) {
		enum idm_result result;

		idm_store_close(&dir->store);
		assert_int_equal(unlink(store_dir_file(dir, "identity.mdb")), 0);
		assert_int_equal(unlink(store_dir_file(dir, "local.mdb")), 0);
		arm(FAULT_EIO, nth);
		result = idm_store_open_writer(dir->path, (gid_t)-1, &dir->store, &dir->err);
		came = disarm();
		assert_int_equal(result != IDM_OK, came);
		assert_int_equal(dir->store == NULL, came);
		if (came)
			store_dir_open(dir);
		dir->store->write_after_ms = 0; /* nobody reads here */
		store_put_one(dir->store, "k", "v");
		assert_stored(dir->store, "k", "v");
	}
}

/* --- a full disk, as the limit of file size plays it: writes end short at it */

static void
limit_file_size(rlim_t bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static off_t
size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void
a_full_disk_refuses_and_keeps_what_was(void **state)
{
	static const uint8_t big[3 << 20];
	struct store_dir *dir = *state;
	struct idm_txn txn;
	enum idm_result result;

	commit_all(dir, 1);
	assert_int_equal(change_all(dir, 2, &txn), IDM_OK);
	assert_int_equal(idm_store_put(&txn, IDM_DB_CHANGES, IDM_SPAN_LIT("big"),
			     idm_span_of(big, sizeof(big)), &dir->err),
	    IDM_OK);
	limit_file_size((rlim_t)size_of(store_dir_file(dir, "identity.mdb")));
	result = idm_store_write_commit(&txn, &dir->err);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(result, IDM_LIMIT);
	assert_false(idm_store_failed(dir->store));
	assert_int_equal(state_of(dir->store), 1);
	commit_all(dir, 3);
	assert_int_equal(state_of(dir->store), 3);
	forget_readers(dir);
	assert_int_equal(state_of(dir->store), 3);
}

static void
a_copy_that_has_no_room_leaves_no_file(void **state)
{
	struct store_dir *dir = *state;
	const char *copy = store_dir_file(dir, "copy");
	enum idm_result result;

	commit_all(dir, 1);
	limit_file_size(12 << 10);
	result = idm_store_copy(dir->store, copy, &dir->err);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(result, IDM_LIMIT);
	assert_int_equal(access(copy, F_OK), -1);
	assert_int_equal(idm_store_copy(dir->store, copy, &dir->err), IDM_OK);
}

/* --- death between two calls */

/* In another process: commit 1, say so, and die in the commit of 2.  True: it did die. */
static bool
die_in_commit(struct store_dir *dir, unsigned nth)
{
	int status;
	pid_t pid;

	idm_store_close(&dir->store);
	pid = fork();
	if (pid == 0) {
		struct idm_txn txn;

		if (idm_store_open_writer(dir->path, (gid_t)-1, &dir->store, &dir->err) != IDM_OK)
			_exit(1);
		dir->store->write_after_ms = 0;
		if (change_all(dir, 1, &txn) != IDM_OK ||
		    idm_store_write_commit(&txn, &dir->err) != IDM_OK ||
		    change_all(dir, 2, &txn) != IDM_OK)
			_exit(2);
		arm(FAULT_DEATH, nth);
		_exit(idm_store_write_commit(&txn, &dir->err) == IDM_OK ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 9 || WEXITSTATUS(status) == 0);
	return WEXITSTATUS(status) == 9;
}

static void
a_writer_that_dies_in_a_commit_leaves_the_old_state_or_the_new(void **state)
{
	struct store_dir *dir = *state;
	bool died = true;
	bool unpublished = false;

	for (unsigned nth = 1; died; nth++) {
		struct idm_store *reader;
		struct idm_published_view view;
		uint64_t no;

		died = die_in_commit(dir, nth);
		/* Readers need no writer for what it committed, published or not. */
		assert_int_equal(idm_store_open_reader(dir->path, &reader, &dir->err), IDM_OK);
		no = state_of(reader);
		assert_true(no == 1 || no == 2);
		assert_true(died || no == 2);
		assert_true(idm_published_load(&reader->pub, &view));
		unpublished |=
		    atomic_load(&reader->pub.page->last_commit_ms) == IDM_PUBLISHED_COMMITTING;
		store_dir_open(dir);
		assert_int_equal(state_of(dir->store), no);
		assert_int_equal(state_of(reader), no);
		idm_store_close(&reader);
	}
	assert_true(unpublished);
}

static void
a_successor_waits_before_its_first_write_unless_nobody_can_read_old_snapshots(void **state)
{
	struct store_dir *dir = *state;
	struct idm_store *reader;
	struct idm_txn txn, write;
	uint64_t begun_ms;

	assert_true(dir->store->write_after_ms <= idm_store_ms()); /* a new database */
	commit_all(dir, 1);
	assert_int_equal(idm_store_open_reader(dir->path, &reader, &dir->err), IDM_OK);
	assert_true(die_in_commit(dir, 1));
	assert_int_equal(idm_store_read_begin(reader, &txn, &dir->err), IDM_OK);
	store_dir_open(dir);
	begun_ms = idm_store_ms();
	assert_true(dir->store->write_after_ms >= begun_ms + IDM_STORE_READ_MS);
	assert_int_equal(state_of(dir->store), 1); /* reading need not wait */
	assert_int_equal(idm_store_read_check(&txn, &dir->err), IDM_OK);
	assert_int_equal(idm_store_write_begin(dir->store, &write, &dir->err), IDM_OK);
	assert_int_equal(idm_store_read_check(&txn, &dir->err), IDM_BUSY); /* so it is safe now */
	idm_store_read_end(&txn);
	idm_store_close(&reader);
	idm_store_write_abort(&write);
	commit_all(dir, 2);
	assert_true(idm_store_ms() >= begun_ms + IDM_STORE_READ_MS);

	store_dir_reopen(dir); /* closed cleanly, but the last commit was just now */
	assert_true(dir->store->write_after_ms > idm_store_ms());
	atomic_store(&dir->store->pub.page->last_commit_ms, idm_store_ms() - 10000);
	store_dir_reopen(dir);
	assert_true(dir->store->write_after_ms <= idm_store_ms());
}

/* --- readers of a writer that died, or sleeps, before it published */

static void
take_back_publication(struct idm_published *pub)
{
	atomic_fetch_sub(&pub->page->commit_id, 1);
}

static void
what_was_not_published_is_read_when_the_writer_is_gone(void **state)
{
	struct store_dir *dir = *state;
	struct idm_store *reader;
	struct idm_published pub;

	commit_all(dir, 7);
	idm_store_close(&dir->store);
	assert_int_equal(idm_published_open_writer(
			     &pub, store_dir_file(dir, "identity.pub"), (gid_t)-1, &dir->err),
	    IDM_OK);
	take_back_publication(&pub);
	atomic_fetch_add(&pub.page->sequence, 1); /* and it died between the two numbers */
	idm_published_close(&pub);
	assert_int_equal(idm_store_open_reader(dir->path, &reader, &dir->err), IDM_OK);
	for (int i = 0; i < 10; i++)
		assert_int_equal(state_of(reader), 7);
	store_dir_open(dir); /* puts the number right */
	assert_true(atomic_load(&dir->store->pub.page->sequence) % 2 == 0);
	assert_int_equal(state_of(reader), 7);
	idm_store_close(&reader);
}

static void
what_is_not_published_is_read_after_a_while_when_the_writer_lives(void **state)
{
	struct store_dir *dir = *state;
	struct idm_store *reader;
	uint64_t begun_ms;

	commit_all(dir, 7);
	assert_int_equal(idm_store_open_reader(dir->path, &reader, &dir->err), IDM_OK);
	take_back_publication(&dir->store->pub);
	begun_ms = idm_store_ms();
	assert_int_equal(state_of(reader), 7);
	assert_true(idm_store_ms() - begun_ms >= IDM_STORE_PATIENCE_MS);
	idm_store_close(&reader);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_dir_setup, store_dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_failing_call_of_a_commit_leaves_the_old_state_or_the_new),
		TEST(a_failing_call_of_a_local_commit_is_told),
		TEST(each_failing_call_of_a_creation_can_be_made_good),
		TEST(a_full_disk_refuses_and_keeps_what_was),
		TEST(a_copy_that_has_no_room_leaves_no_file),
		TEST(a_writer_that_dies_in_a_commit_leaves_the_old_state_or_the_new),
		TEST(a_successor_waits_before_its_first_write_unless_nobody_can_read_old_snapshots),
		TEST(what_was_not_published_is_read_when_the_writer_is_gone),
		TEST(what_is_not_published_is_read_after_a_while_when_the_writer_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
