/* The store on a real LMDB: files, formats, records, walks, space; replacing the data file. */
#include "core/store.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/dbfile.h"
#include "core/store_impl.h"
#include "tests/support/store_dir.h"

enum { SMALL_MAP = 16 << 20 };

static enum idm_result
put_entry(struct store_dir *dir, uint64_t id)
{
	static const uint8_t entry[1500];
	struct idm_txn txn;
	uint8_t key[8];
	enum idm_result result;

	assert_int_equal(idm_store_write_begin(dir->store, &txn, &dir->err), IDM_OK);
	idm_store_u64(id, key);
	result = idm_store_put(&txn, IDM_DB_ENTRIES, idm_span_of(key, 8),
	    idm_span_of(entry, sizeof(entry)), &dir->err);
	return idm_store_write_end(&txn, result, &dir->err);
}

/* --- opening */

static void
what_was_committed_is_read_again(void **state)
{
	struct store_dir *dir = *state;
	char value[64];

	assert_true(idm_store_is_new(dir->store));
	store_put_one(dir->store, "domain", "idm.example.com");
	assert_stored(dir->store, "domain", "idm.example.com");
	store_dir_reopen(dir);
	assert_false(idm_store_is_new(dir->store));
	assert_stored(dir->store, "domain", "idm.example.com");
	assert_int_equal(store_look_up(dir->store, "nothing", value), IDM_NOT_FOUND);
}

static void
a_reader_without_lock_file_sees_each_commit(void **state)
{
	struct store_dir *dir = *state;
	struct idm_store *reader;

	store_put_one(dir->store, "k", "1");
	assert_int_equal(idm_store_open_reader(dir->path, &reader, &dir->err), IDM_OK);
	assert_stored(reader, "k", "1");
	store_put_one(dir->store, "k", "2");
	assert_stored(reader, "k", "2");
	assert_false(idm_store_is_new(reader));
	idm_store_close(&reader);
	idm_store_close(&dir->store);
	assert_int_equal(idm_store_open_reader(dir->path, &reader, &dir->err), IDM_OK);
	assert_stored(reader, "k", "2");
	idm_store_close(&reader);
	assert_null(reader);
}

static unsigned
mode_of(const struct store_dir *dir, const char *name)
{
	struct stat st;

	assert_int_equal(stat(store_dir_file(dir, name), &st), 0);
	return st.st_mode & 07777;
}

static void
files_have_their_modes_whatever_the_umask(void **state)
{
	struct store_dir *dir = *state;
	static const mode_t masks[] = { 0, 077 };

	for (size_t i = 0; i < 2; i++) {
		mode_t before = umask(masks[i]);

		idm_store_close(&dir->store);
		assert_int_equal(unlink(store_dir_file(dir, "identity.mdb")), 0);
		assert_int_equal(unlink(store_dir_file(dir, "identity.mdb-lock")), 0);
		assert_int_equal(unlink(store_dir_file(dir, "identity.pub")), 0);
		assert_int_equal(unlink(store_dir_file(dir, "local.mdb")), 0);
		assert_int_equal(unlink(store_dir_file(dir, "local.mdb-lock")), 0);
		assert_int_equal(unlink(store_dir_file(dir, "writer.lock")), 0);
		store_dir_open(dir);
		assert_int_equal(mode_of(dir, "identity.mdb"), 0640);
		assert_int_equal(mode_of(dir, "identity.pub"), 0640);
		assert_int_equal(mode_of(dir, "identity.mdb-lock"), 0600);
		assert_int_equal(mode_of(dir, "local.mdb"), 0600);
		assert_int_equal(mode_of(dir, "local.mdb-lock"), 0600);
		assert_int_equal(mode_of(dir, "writer.lock"), 0600);
		umask(before);
	}
}

static void
what_readers_open_belongs_to_their_group(void **state)
{
	struct store_dir *dir = *state;
	struct stat st;

	if (geteuid() != 0)
		skip(); /* only root may give a file to any group */
	idm_store_close(&dir->store);
	assert_int_equal(unlink(store_dir_file(dir, "identity.mdb")), 0);
	assert_int_equal(unlink(store_dir_file(dir, "identity.pub")), 0);
	assert_int_equal(idm_store_open_writer(dir->path, 12345, &dir->store, &dir->err), IDM_OK);
	assert_int_equal(stat(store_dir_file(dir, "identity.mdb"), &st), 0);
	assert_int_equal(st.st_gid, 12345);
	assert_int_equal(stat(store_dir_file(dir, "identity.pub"), &st), 0);
	assert_int_equal(st.st_gid, 12345);
	assert_int_equal(stat(store_dir_file(dir, "local.mdb"), &st), 0);
	assert_int_not_equal(st.st_gid, 12345);
}

static enum idm_result
open_in_another_process(const struct store_dir *dir)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct idm_store *store;
		struct idm_error err;

		_exit((int)idm_store_open_writer(dir->path, (gid_t)-1, &store, &err));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return (enum idm_result)WEXITSTATUS(status);
}

static void
a_second_writer_is_refused(void **state)
{
	struct store_dir *dir = *state;
	struct idm_store *second;

	assert_int_equal(idm_store_open_writer(dir->path, (gid_t)-1, &second, &dir->err), IDM_BUSY);
	assert_null(second);
	assert_int_equal(open_in_another_process(dir), IDM_BUSY);
	store_put_one(dir->store, "k", "still works");
	idm_store_close(&dir->store);
	assert_int_equal(open_in_another_process(dir), IDM_OK);
}

static void
a_reader_cannot_keep_the_writer_out(void **state)
{
	struct store_dir *dir = *state;
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	struct idm_store *reader;
	int fd;

	idm_store_close(&dir->store);
	fd = open(store_dir_file(dir, "identity.pub"), O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	store_dir_open(dir);
	store_put_one(dir->store, "k", "v");
	assert_int_equal(idm_store_open_reader(dir->path, &reader, &dir->err), IDM_OK);
	assert_stored(reader, "k", "v");
	idm_store_close(&reader);
	close(fd);
}

static void
a_database_that_is_not_there_cannot_be_read(void **state)
{
	struct store_dir *dir = *state;
	struct idm_store *reader;

	idm_store_close(&dir->store);
	store_dir_save(store_dir_file(dir, "identity.mdb"), NULL, 0);
	assert_int_equal(idm_store_open_reader(dir->path, &reader, &dir->err), IDM_SYSTEM);
	assert_non_null(strstr(dir->err.text, "being created"));
	assert_int_equal(unlink(store_dir_file(dir, "identity.mdb")), 0);
	assert_int_equal(idm_store_open_reader(dir->path, &reader, &dir->err), IDM_SYSTEM);
	assert_int_equal(unlink(store_dir_file(dir, "identity.pub")), 0);
	assert_int_equal(idm_store_open_reader(dir->path, &reader, &dir->err), IDM_SYSTEM);
	assert_non_null(strstr(dir->err.text, "identity.pub"));
	assert_int_equal(
	    idm_store_open_reader("/tmp/idm-no-such-directory", &reader, &dir->err), IDM_SYSTEM);
	assert_null(reader);
}

/* Neither opening may change the file. */
static void
assert_refused_untouched(struct store_dir *dir, enum idm_result expected, const char *words)
{
	const char *path = store_dir_file(dir, "identity.mdb");
	struct idm_store *reader;
	size_t len_before, len_after;
	uint8_t *before = store_dir_load(path, &len_before);
	uint8_t *after;

	assert_int_equal(idm_store_open_reader(dir->path, &reader, &dir->err), expected);
	assert_non_null(strstr(dir->err.text, words));
	assert_int_equal(
	    idm_store_open_writer(dir->path, (gid_t)-1, &dir->store, &dir->err), expected);
	assert_null(dir->store);
	assert_non_null(strstr(dir->err.text, words));
	assert_non_null(strstr(dir->err.text, "identity.mdb"));
	after = store_dir_load(path, &len_after);
	assert_int_equal(len_after, len_before);
	assert_memory_equal(after, before, len_before);
	free(before);
	free(after);
}

static void
another_format_version_is_refused_and_left_alone(void **state)
{
	struct store_dir *dir = *state;
	struct idm_txn txn;

	assert_int_equal(idm_store_write_begin(dir->store, &txn, &dir->err), IDM_OK);
	assert_int_equal(
	    idm_store_put_number(&txn, IDM_DB_META, "format_version", 4711, &dir->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &dir->err), IDM_OK);
	idm_store_close(&dir->store);
	assert_refused_untouched(dir, IDM_INVALID, "format 4711, which a newer version");
}

static void
another_lmdb_format_is_refused_and_left_alone(void **state)
{
	struct store_dir *dir = *state;
	const char *path = store_dir_file(dir, "identity.mdb");
	size_t len;
	uint8_t *bytes;

	idm_store_close(&dir->store);
	bytes = store_dir_load(path, &len);
	bytes[20] = 2; /* mm_version of both meta pages */
	bytes[4096 + 20] = 2;
	store_dir_save(path, bytes, len);
	free(bytes);
	assert_refused_untouched(dir, IDM_INVALID, "LMDB data format 2, this program reads 1");
}

static void
another_program_s_database_is_refused_and_left_alone(void **state)
{
	struct store_dir *dir = *state;
	const char *path = store_dir_file(dir, "identity.mdb");
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	char text[] = "hello";
	MDB_val val = { sizeof(text), text };

	idm_store_close(&dir->store);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &val, &val, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	assert_refused_untouched(dir, IDM_INVALID, "another program");
}

static void
a_file_that_is_cut_off_is_refused(void **state)
{
	struct store_dir *dir = *state;
	const char *path = store_dir_file(dir, "identity.mdb");
	static const off_t lengths[] = { 100, 4096, 8192, 4 * 4096 };
	size_t len;
	uint8_t *bytes;

	for (uint64_t id = 0; id < 8; id++)
		assert_int_equal(put_entry(dir, id), IDM_OK);
	idm_store_close(&dir->store);
	bytes = store_dir_load(path, &len);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		store_dir_save(path, bytes, len);
		assert_int_equal(truncate(path, lengths[i]), 0);
		assert_refused_untouched(dir, IDM_CORRUPT, "");
	}
	memset(bytes, 'x', len);
	store_dir_save(path, bytes, len);
	assert_refused_untouched(dir, IDM_CORRUPT, "not a database");
	free(bytes);
}

static void
a_creation_that_was_broken_off_is_done_again(void **state)
{
	struct store_dir *dir = *state;
	MDB_env *env;

	idm_store_close(&dir->store);
	/* As after a crash between two steps: an empty file, then one with LMDB's meta pages. */
	store_dir_save(store_dir_file(dir, "identity.mdb"), NULL, 0);
	store_dir_save(store_dir_file(dir, "identity.pub"), NULL, 0);
	store_dir_open(dir);
	assert_true(idm_store_is_new(dir->store));
	idm_store_close(&dir->store);
	assert_int_equal(unlink(store_dir_file(dir, "identity.mdb")), 0);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(
	    mdb_env_open(env, store_dir_file(dir, "identity.mdb"), MDB_NOSUBDIR, 0600), 0);
	mdb_env_close(env);
	store_dir_open(dir);
	assert_true(idm_store_is_new(dir->store));
	store_put_one(dir->store, "k", "v");
}

static void
network_file_systems_are_refused(void **state)
{
	struct idm_error err;

	(void)state;
	assert_true(idm_dbfile_is_remote(0x6969));      /* NFS */
	assert_true(idm_dbfile_is_remote(0x01021997));  /* 9p */
	assert_true(idm_dbfile_is_remote(0xFF534D42));  /* CIFS */
	assert_true(idm_dbfile_is_remote(0xFE534D42));  /* SMB2 */
	assert_false(idm_dbfile_is_remote(0xEF53));     /* ext4 */
	assert_false(idm_dbfile_is_remote(0x58465342)); /* xfs */
	assert_false(idm_dbfile_is_remote(0x01021994)); /* tmpfs */
	assert_int_equal(idm_dbfile_check_directory("/tmp", &err), IDM_OK);
	assert_int_equal(idm_dbfile_check_directory("/tmp/idm-no-such", &err), IDM_SYSTEM);
}

/* --- transactions */

static void
an_aborted_transaction_leaves_no_trace(void **state)
{
	struct store_dir *dir = *state;
	struct idm_txn txn;
	char value[64];

	assert_int_equal(idm_store_write_begin(dir->store, &txn, &dir->err), IDM_OK);
	store_put(&txn, "k", "v");
	idm_store_write_abort(&txn);
	idm_store_write_abort(&txn); /* harmless on one that is over */
	assert_int_equal(store_look_up(dir->store, "k", value), IDM_NOT_FOUND);
}

static void
a_nested_transaction_comes_and_goes_alone(void **state)
{
	struct store_dir *dir = *state;
	struct idm_txn txn, child, grandchild;
	char value[64];

	store_put_one(dir->store, "old", "1");
	assert_int_equal(idm_store_write_begin(dir->store, &txn, &dir->err), IDM_OK);
	store_put(&txn, "before", "v");

	assert_int_equal(idm_store_write_nest(&txn, &child, &dir->err), IDM_OK);
	store_put(&child, "before", "changed");
	store_put(&child, "gone", "v");
	assert_int_equal(
	    idm_store_del(&child, IDM_DB_META, IDM_SPAN_LIT("old"), &dir->err), IDM_OK);
	idm_store_write_abort(&child);

	assert_int_equal(idm_store_write_nest(&txn, &child, &dir->err), IDM_OK);
	store_put(&child, "kept", "v");
	assert_int_equal(idm_store_write_nest(&child, &grandchild, &dir->err), IDM_OK);
	store_put(&grandchild, "gone too", "v");
	idm_store_write_abort(&grandchild);
	assert_int_equal(idm_store_write_commit(&child, &dir->err), IDM_OK);

	assert_int_equal(idm_store_write_commit(&txn, &dir->err), IDM_OK);
	assert_stored(dir->store, "old", "1");
	assert_stored(dir->store, "before", "v");
	assert_stored(dir->store, "kept", "v");
	assert_int_equal(store_look_up(dir->store, "gone", value), IDM_NOT_FOUND);
	assert_int_equal(store_look_up(dir->store, "gone too", value), IDM_NOT_FOUND);
}

static void
an_end_keeps_what_came_to_a_good_result_alone(void **state)
{
	struct store_dir *dir = *state;
	struct idm_txn txn;
	char value[64];

	assert_int_equal(idm_store_write_begin(dir->store, &txn, &dir->err), IDM_OK);
	store_put(&txn, "good", "v");
	assert_int_equal(idm_store_write_end(&txn, IDM_OK, &dir->err), IDM_OK);
	assert_int_equal(idm_store_write_begin(dir->store, &txn, &dir->err), IDM_OK);
	store_put(&txn, "bad", "v");
	assert_int_equal(idm_store_write_end(&txn, IDM_DENIED, &dir->err), IDM_DENIED);
	assert_null(txn.mdb);
	assert_int_equal(idm_store_write_end(&txn, IDM_SYSTEM, &dir->err), IDM_SYSTEM);

	assert_stored(dir->store, "good", "v");
	assert_int_equal(store_look_up(dir->store, "bad", value), IDM_NOT_FOUND);
}

static void
the_local_database_is_another_one(void **state)
{
	struct store_dir *dir = *state;
	struct idm_txn identity, local;
	struct idm_span value;
	struct idm_span id = IDM_SPAN_LIT("0123456789abcdef");

	/* Both may be written at the same time. */
	assert_int_equal(idm_store_write_begin(dir->store, &identity, &dir->err), IDM_OK);
	assert_int_equal(idm_store_local_write_begin(dir->store, &local, &dir->err), IDM_OK);
	assert_int_equal(
	    idm_store_put(&local, IDM_DB_SESSIONS, id, IDM_SPAN_LIT("row"), &dir->err), IDM_OK);
	assert_int_equal(
	    idm_store_put(&identity, IDM_DB_TOKENS, id, IDM_SPAN_LIT("api"), &dir->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&local, &dir->err), IDM_OK);
	idm_store_write_abort(&identity);
	store_dir_reopen(dir);
	assert_int_equal(idm_store_local_read_begin(dir->store, &local, &dir->err), IDM_OK);
	assert_int_equal(idm_store_get(&local, IDM_DB_SESSIONS, id, &value, &dir->err), IDM_OK);
	assert_true(idm_span_is(value, "row"));
	idm_store_read_end(&local);
	idm_store_read_end(&local);
}

static void
a_reader_over_age_gets_nothing_more(void **state)
{
	struct store_dir *dir = *state;
	struct idm_span key, value;
	struct idm_store *reader;
	struct idm_cursor cursor;
	struct idm_txn txn;

	assert_int_equal(idm_store_open_reader(dir->path, &reader, &dir->err), IDM_OK);
	assert_int_equal(idm_store_read_begin(reader, &txn, &dir->err), IDM_OK);
	assert_int_equal(
	    idm_cursor_open(&txn, IDM_DB_META, IDM_SPAN_EMPTY, &cursor, &dir->err), IDM_OK);
	assert_int_equal(idm_cursor_next(&cursor, &key, &value, &dir->err), IDM_OK);
	assert_int_equal(idm_store_read_check(&txn, &dir->err), IDM_OK);
	txn.begun_ms -= IDM_STORE_READ_MS + 1;
	assert_int_equal(idm_store_read_check(&txn, &dir->err), IDM_BUSY);
	assert_int_equal(idm_cursor_next(&cursor, &key, &value, &dir->err), IDM_BUSY);
	assert_int_equal(
	    idm_store_get(&txn, IDM_DB_META, IDM_SPAN_LIT("file_id"), &value, &dir->err), IDM_BUSY);
	idm_cursor_close(&cursor);
	idm_store_read_end(&txn);
	idm_store_close(&reader);

	/* In the writer's process LMDB itself keeps the snapshot. */
	assert_int_equal(idm_store_read_begin(dir->store, &txn, &dir->err), IDM_OK);
	txn.begun_ms -= IDM_STORE_READ_MS + 1;
	assert_int_equal(idm_store_read_check(&txn, &dir->err), IDM_OK);
	idm_store_read_end(&txn);
}

/* --- records */

static void
a_flipped_byte_is_noticed(void **state)
{
	struct store_dir *dir = *state;
	struct idm_store *reader;
	char value[64];

	store_put_one(dir->store, "one", "a value that is easy to find");
	store_put_one(dir->store, "two", "untouched");
	idm_store_close(&dir->store);
	store_dir_patch(store_dir_file(dir, "identity.mdb"), "easy to find", "easy to fine");
	/* The last copy in the file is the live one; an older page may hold another. */
	store_dir_open(dir);
	if (store_look_up(dir->store, "one", value) == IDM_OK) {
		idm_store_close(&dir->store);
		store_dir_patch(
		    store_dir_file(dir, "identity.mdb"), "easy to find", "easy to fine");
		store_dir_open(dir);
	}
	assert_int_equal(store_look_up(dir->store, "one", value), IDM_CORRUPT);
	assert_stored(dir->store, "two", "untouched");
	assert_int_equal(idm_store_open_reader(dir->path, &reader, &dir->err), IDM_OK);
	assert_int_equal(store_look_up(reader, "one", value), IDM_CORRUPT);
	idm_store_close(&reader);
}

static void
a_record_under_another_key_is_noticed(void **state)
{
	struct store_dir *dir = *state;
	char value[64];

	store_put_one(dir->store, "record-key-1", "value");
	idm_store_close(&dir->store);
	store_dir_patch(store_dir_file(dir, "identity.mdb"), "record-key-1", "record-key-2");
	store_dir_open(dir);
	assert_int_equal(store_look_up(dir->store, "record-key-2", value), IDM_CORRUPT);
	assert_int_equal(store_look_up(dir->store, "record-key-1", value), IDM_NOT_FOUND);
}

static void
keys_and_values_keep_their_lengths(void **state)
{
	static uint8_t bytes[300000];
	static const size_t value_lens[] = { 0, 1, 7, 8, 2000, 2040, 4096, sizeof(bytes) };
	struct store_dir *dir = *state;
	struct idm_span value;
	struct idm_txn txn;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	assert_int_equal(idm_store_write_begin(dir->store, &txn, &dir->err), IDM_OK);
	for (size_t i = 0; i < sizeof(value_lens) / sizeof(value_lens[0]); i++) {
		struct idm_span key = idm_span_of(bytes, i == 0 ? IDM_STORE_KEY_BYTES : i);

		assert_int_equal(idm_store_put(&txn, IDM_DB_INDEX, key,
				     idm_span_of(bytes, value_lens[i]), &dir->err),
		    IDM_OK);
		assert_int_equal(idm_store_get(&txn, IDM_DB_INDEX, key, &value, &dir->err), IDM_OK);
		assert_int_equal(value.len, value_lens[i]);
		assert_memory_equal(value.ptr, bytes, value.len);
	}
	for (size_t len = 0; len <= 512; len += 512) {
		struct idm_span key = idm_span_of(bytes, len);

		assert_int_equal(
		    idm_store_put(&txn, IDM_DB_INDEX, key, value, &dir->err), IDM_INVALID);
		assert_int_equal(
		    idm_store_get(&txn, IDM_DB_INDEX, key, &value, &dir->err), IDM_INVALID);
		assert_int_equal(idm_store_del(&txn, IDM_DB_INDEX, key, &dir->err), IDM_INVALID);
	}
	assert_int_equal(
	    idm_store_del(&txn, IDM_DB_INDEX, IDM_SPAN_LIT("absent"), &dir->err), IDM_NOT_FOUND);
	assert_int_equal(idm_store_write_commit(&txn, &dir->err), IDM_OK);
}

static void
numbers_are_stored_and_ordered_as_bytes(void **state)
{
	struct store_dir *dir = *state;
	struct idm_txn txn;
	uint64_t number = 1;
	uint8_t low[8], high[8];

	assert_int_equal(idm_store_write_begin(dir->store, &txn, &dir->err), IDM_OK);
	assert_int_equal(
	    idm_store_get_number(&txn, IDM_DB_META, "applied", &number, &dir->err), IDM_OK);
	assert_int_equal(number, 0);
	assert_int_equal(
	    idm_store_put_number(&txn, IDM_DB_META, "applied", UINT64_MAX - 5, &dir->err), IDM_OK);
	assert_int_equal(
	    idm_store_get_number(&txn, IDM_DB_META, "applied", &number, &dir->err), IDM_OK);
	assert_true(number == UINT64_MAX - 5);
	store_put(&txn, "applied", "no number");
	assert_int_equal(
	    idm_store_get_number(&txn, IDM_DB_META, "applied", &number, &dir->err), IDM_CORRUPT);
	idm_store_write_abort(&txn);
	idm_store_u64(0xFF, low);
	idm_store_u64(0x0123456789ABCDEF, high);
	assert_true(memcmp(low, high, 8) < 0);
	assert_true(idm_store_load_u64(high) == 0x0123456789ABCDEF);
	idm_store_u32(0x01234567, high);
	assert_int_equal(high[0], 1);
	assert_int_equal(idm_store_load_u32(high), 0x01234567);
}

/* --- walks */

enum { WALK = 10000 };

/* Keys "a" + number, "b" + number, "c" + number. */
static void
fill_for_walks(struct store_dir *dir, struct idm_txn *txn)
{
	assert_int_equal(idm_store_write_begin(dir->store, txn, &dir->err), IDM_OK);
	for (uint64_t i = 0; i < WALK; i++) {
		uint8_t key[9];

		for (key[0] = 'a'; key[0] <= 'c'; key[0]++) {
			idm_store_u64(i * 10, key + 1);
			assert_int_equal(idm_store_put(txn, IDM_DB_DOWN, idm_span_of(key, 9),
					     idm_span_of(key, 9), &dir->err),
			    IDM_OK);
		}
	}
}

static void
a_walk_returns_the_records_of_its_prefix_in_order(void **state)
{
	struct store_dir *dir = *state;
	struct idm_span key, value;
	struct idm_cursor cursor;
	struct idm_txn txn;
	uint8_t wanted[9] = { 'b' };

	fill_for_walks(dir, &txn);
	assert_int_equal(
	    idm_cursor_open(&txn, IDM_DB_DOWN, IDM_SPAN_LIT("b"), &cursor, &dir->err), IDM_OK);
	for (uint64_t i = 0; i < WALK; i++) {
		assert_int_equal(idm_cursor_next(&cursor, &key, &value, &dir->err), IDM_OK);
		assert_int_equal(key.ptr[0], 'b');
		assert_int_equal(idm_store_load_u64(key.ptr + 1), i * 10);
		assert_true(idm_span_equal(key, value));
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(idm_cursor_next(&cursor, &key, &value, &dir->err), IDM_NOT_FOUND);

	/* Between two keys: the greater one comes; and the walk goes on from there. */
	idm_store_u64(4995, wanted + 1);
	assert_int_equal(idm_cursor_seek(&cursor, idm_span_of(wanted, 9), &dir->err), IDM_OK);
	assert_int_equal(idm_cursor_next(&cursor, &key, &value, &dir->err), IDM_OK);
	assert_int_equal(idm_store_load_u64(key.ptr + 1), 5000);
	assert_int_equal(idm_cursor_next(&cursor, &key, &value, &dir->err), IDM_OK);
	assert_int_equal(idm_store_load_u64(key.ptr + 1), 5010);
	/* Below the prefix: its first record.  Above it: nothing, again and again. */
	assert_int_equal(idm_cursor_seek(&cursor, IDM_SPAN_LIT("a"), &dir->err), IDM_OK);
	assert_int_equal(idm_cursor_next(&cursor, &key, &value, &dir->err), IDM_OK);
	assert_int_equal(idm_store_load_u64(key.ptr + 1), 0);
	assert_int_equal(key.ptr[0], 'b');
	assert_int_equal(idm_cursor_seek(&cursor, IDM_SPAN_LIT("d"), &dir->err), IDM_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(idm_cursor_next(&cursor, &key, &value, &dir->err), IDM_NOT_FOUND);
	idm_cursor_close(&cursor);
	idm_cursor_close(&cursor);
	idm_store_write_abort(&txn);
}

static void
a_walk_may_delete_what_it_meets(void **state)
{
	struct store_dir *dir = *state;
	struct idm_span key, value;
	struct idm_cursor cursor;
	struct idm_txn txn;
	size_t count = 0;
	MDB_stat left;

	fill_for_walks(dir, &txn);
	assert_int_equal(
	    idm_cursor_open(&txn, IDM_DB_DOWN, IDM_SPAN_LIT("b"), &cursor, &dir->err), IDM_OK);
	while (idm_cursor_next(&cursor, &key, &value, &dir->err) == IDM_OK) {
		uint8_t copy[9];

		assert_int_equal(idm_store_load_u64(key.ptr + 1), count * 10);
		memcpy(copy, key.ptr, 9);
		assert_int_equal(
		    idm_store_del(&txn, IDM_DB_DOWN, idm_span_of(copy, 9), &dir->err), IDM_OK);
		count++;
	}
	idm_cursor_close(&cursor);
	assert_int_equal(count, WALK);
	assert_int_equal(mdb_stat(txn.mdb, idm_txn_environment(&txn)->dbis[IDM_DB_DOWN], &left), 0);
	assert_int_equal(left.ms_entries, 2 * WALK);
	idm_store_write_abort(&txn);
}

static void
a_walk_over_nothing_ends_at_once(void **state)
{
	struct store_dir *dir = *state;
	struct idm_span key, value;
	struct idm_cursor cursor;
	struct idm_txn txn;
	uint8_t long_prefix[IDM_STORE_KEY_BYTES + 1] = { 0 };

	assert_int_equal(idm_store_read_begin(dir->store, &txn, &dir->err), IDM_OK);
	assert_int_equal(
	    idm_cursor_open(&txn, IDM_DB_UP, IDM_SPAN_EMPTY, &cursor, &dir->err), IDM_OK);
	assert_int_equal(idm_cursor_next(&cursor, &key, &value, &dir->err), IDM_NOT_FOUND);
	assert_int_equal(
	    idm_cursor_seek(&cursor, idm_span_of(long_prefix, sizeof(long_prefix)), &dir->err),
	    IDM_INVALID);
	idm_cursor_close(&cursor);
	assert_int_equal(idm_cursor_open(&txn, IDM_DB_UP,
			     idm_span_of(long_prefix, sizeof(long_prefix)), &cursor, &dir->err),
	    IDM_INVALID);
	idm_cursor_close(&cursor);
	idm_store_read_end(&txn);
}

/* --- space */

static void
open_small(struct store_dir *dir)
{
	idm_store_close(&dir->store);
	assert_int_equal(unlink(store_dir_file(dir, "identity.mdb")), 0);
	assert_int_equal(
	    idm_store_open_writer_sized(dir->path, (gid_t)-1, SMALL_MAP, &dir->store, &dir->err),
	    IDM_OK);
}

static enum idm_result
delete_entry(struct store_dir *dir, uint64_t id)
{
	struct idm_txn txn;
	uint8_t key[8];
	enum idm_result result;

	assert_int_equal(idm_store_write_begin(dir->store, &txn, &dir->err), IDM_OK);
	idm_store_u64(id, key);
	result = idm_store_del(&txn, IDM_DB_ENTRIES, idm_span_of(key, 8), &dir->err);
	return idm_store_write_end(&txn, result, &dir->err);
}

static bool
is_nearly_full(struct store_dir *dir)
{
	struct idm_txn txn;
	bool full;

	assert_int_equal(idm_store_read_begin(dir->store, &txn, &dir->err), IDM_OK);
	full = idm_store_nearly_full(&txn);
	idm_store_read_end(&txn);
	return full;
}

/* In few transactions, so that guards keep little. */
static uint64_t
fill_until_nearly_full(struct store_dir *dir)
{
	static const uint8_t entry[1500];
	uint64_t id = 0;

	while (!is_nearly_full(dir)) {
		struct idm_txn txn;

		assert_int_equal(idm_store_write_begin(dir->store, &txn, &dir->err), IDM_OK);
		for (uint64_t end = id + 50; id < end; id++) {
			uint8_t key[8];

			idm_store_u64(id, key);
			assert_int_equal(idm_store_put(&txn, IDM_DB_ENTRIES, idm_span_of(key, 8),
					     idm_span_of(entry, sizeof(entry)), &dir->err),
			    IDM_OK);
		}
		assert_int_equal(idm_store_write_commit(&txn, &dir->err), IDM_OK);
	}
	return id;
}

static void
what_is_kept_in_reserve_is_enough_to_delete(void **state)
{
	struct store_dir *dir = *state;
	uint64_t count;

	open_small(dir);
	count = fill_until_nearly_full(dir);
	assert_true(count > 2000);
	for (uint64_t id = 0; id < count; id += 99) /* each on a page of its own */
		assert_int_equal(delete_entry(dir, id), IDM_OK);
	while (is_nearly_full(dir))
		assert_int_equal(delete_entry(dir, --count), IDM_OK);
	assert_int_equal(put_entry(dir, count), IDM_OK);
}

static void
a_full_map_refuses_and_goes_on(void **state)
{
	static const uint8_t big[800000];
	struct store_dir *dir = *state;
	struct idm_txn txn, child;
	enum idm_result result = IDM_OK;

	open_small(dir);
	fill_until_nearly_full(dir);
	assert_int_equal(idm_store_write_begin(dir->store, &txn, &dir->err), IDM_OK);
	store_put(&txn, "kept", "v");
	for (int i = 0; result == IDM_OK && i < 20; i++) {
		uint8_t key[8];

		assert_int_equal(idm_store_write_nest(&txn, &child, &dir->err), IDM_OK);
		store_put(&child, "last", "v");
		idm_store_u64((uint64_t)i, key);
		result = idm_store_put(&child, IDM_DB_CHANGES, idm_span_of(key, 8),
		    idm_span_of(big, sizeof(big)), &dir->err);
		if (result == IDM_OK)
			idm_store_write_abort(&child); /* its pages are free again: */
		if (result == IDM_OK)
			result = idm_store_put(&txn, IDM_DB_CHANGES, idm_span_of(key, 8),
			    idm_span_of(big, sizeof(big)), &dir->err);
		else /* a spoilt one is not kept by committing it */
			assert_int_equal(idm_store_write_commit(&child, &dir->err), IDM_LIMIT);
	}
	assert_int_equal(result, IDM_LIMIT);
	assert_int_equal(idm_store_write_commit(&txn, &dir->err), IDM_OK);
	assert_stored(dir->store, "kept", "v");
	assert_false(idm_store_failed(dir->store));
}

static void
a_burst_on_a_well_filled_map_waits_for_guards(void **state)
{
	struct store_dir *dir = *state;

	open_small(dir);
	fill_until_nearly_full(dir);
	for (uint64_t id = 0; id < 1200; id += 10) /* else the map would be full halfway */
		assert_int_equal(put_entry(dir, id), IDM_OK);
}

/* --- copies and other files */

static void
a_copy_can_be_put_back_and_readers_follow(void **state)
{
	struct store_dir *dir = *state;
	const char *copy = store_dir_file(dir, "copy");
	struct idm_store *reader;
	struct idm_txn old;
	struct idm_span value;

	store_put_one(dir->store, "k", "as copied");
	assert_int_equal(idm_store_copy(dir->store, copy, &dir->err), IDM_OK);
	assert_int_equal(idm_store_copy(dir->store, copy, &dir->err), IDM_SYSTEM); /* is there */
	for (int i = 0; i < 20; i++)
		store_put_one(dir->store, "k", "later");
	assert_int_equal(idm_store_open_reader(dir->path, &reader, &dir->err), IDM_OK);
	assert_int_equal(idm_store_copy(reader, store_dir_file(dir, "c"), &dir->err), IDM_INVALID);
	assert_int_equal(idm_store_replace(dir->path, (gid_t)-1, copy, &dir->err), IDM_BUSY);
	assert_stored(reader, "k", "later");
	idm_store_close(&dir->store);

	/* One snapshot of the old file stays as it is. */
	assert_int_equal(idm_store_read_begin(reader, &old, &dir->err), IDM_OK);
	assert_int_equal(idm_store_replace(dir->path, (gid_t)-1, copy, &dir->err), IDM_OK);
	assert_stored(reader, "k", "as copied");
	assert_int_equal(
	    idm_store_get(&old, IDM_DB_META, IDM_SPAN_LIT("k"), &value, &dir->err), IDM_OK);
	assert_true(idm_span_is(value, "later"));
	idm_store_read_end(&old);

	/* The copy's transaction ids begin again; past the old ones nothing is mistaken. */
	store_dir_open(dir);
	for (int i = 0; i < 40; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%d", i);
		store_put_one(dir->store, "k", text);
		assert_stored(reader, "k", text);
	}
	assert_int_equal(access(store_dir_file(dir, "copy"), F_OK), -1);
	assert_int_equal(access(store_dir_file(dir, "copy-lock"), F_OK), -1);
	assert_int_equal(mode_of(dir, "identity.mdb"), 0640);
	idm_store_close(&reader);
}

static void
a_copy_is_made_beside_a_writer_at_work(void **state)
{
	struct store_dir *dir = *state;
	const char *copy = store_dir_file(dir, "copy");
	struct store_dir other;
	struct idm_txn txn;
	int held;

	store_put_one(dir->store, "k", "copied");
	assert_int_equal(idm_store_write_begin(dir->store, &txn, &dir->err), IDM_OK);
	store_put(&txn, "k", "not committed");
	assert_int_equal(idm_store_hold_files(dir->path, &held, &dir->err), IDM_OK);
	assert_int_equal(
	    idm_store_copy_beside(dir->path, IDM_STORE_IDENTITY, copy, &dir->err), IDM_OK);
	assert_int_equal(idm_store_copy_beside(
			     dir->path, IDM_STORE_LOCAL, store_dir_file(dir, "copy2"), &dir->err),
	    IDM_OK);
	assert_int_equal(
	    idm_store_copy_beside(dir->path, IDM_STORE_IDENTITY, copy, &dir->err), IDM_SYSTEM);
	assert_int_equal(idm_store_write_commit(&txn, &dir->err), IDM_OK);
	close(held);

	temp_dir_make("store", other.path, sizeof(other.path));
	other.store = NULL;
	assert_int_equal(idm_store_replace(other.path, (gid_t)-1, copy, &dir->err), IDM_OK);
	store_dir_open(&other);
	assert_stored(other.store, "k", "copied");
	assert_stored(dir->store, "k", "not committed");
	store_dir_remove(&other);
}

static void
files_that_somebody_reads_beside_the_writer_are_not_replaced(void **state)
{
	struct store_dir *dir = *state;
	const char *copy = store_dir_file(dir, "copy");
	int held, held_too, lock;

	assert_int_equal(idm_store_copy(dir->store, copy, &dir->err), IDM_OK);
	idm_store_close(&dir->store);
	assert_int_equal(idm_store_hold_files(dir->path, &held, &dir->err), IDM_OK);
	assert_int_equal(idm_store_hold_files(dir->path, &held_too, &dir->err), IDM_OK);
	assert_int_equal(idm_store_replace(dir->path, (gid_t)-1, copy, &dir->err), IDM_BUSY);
	assert_non_null(strstr(dir->err.text, "backup"));
	store_dir_open(dir); /* a writer may come */
	idm_store_close(&dir->store);
	close(held);
	close(held_too);
	assert_int_equal(idm_store_lock(dir->path, &lock, &dir->err), IDM_OK);
	assert_int_equal(idm_store_replace(dir->path, (gid_t)-1, copy, &dir->err), IDM_BUSY);
	assert_int_equal(
	    idm_store_replace_locked(dir->path, IDM_STORE_IDENTITY, (gid_t)-1, copy, &dir->err),
	    IDM_OK);
	close(lock);
}

/* In a child: take a snapshot beside the writer, and never let go. */
static void
die_with_a_snapshot(struct store_dir *dir)
{
	struct idm_environment *env;
	MDB_txn *txn;
	pid_t pid = fork();

	if (pid == 0) {
		if (idm_environment_open_bare(&env, store_dir_file(dir, "identity.mdb"),
			idm_dbs_identity, true, &dir->err) == IDM_OK &&
		    mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &txn) == 0)
			raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &(int){ 0 }, 0), pid);
}

/* By how many pages the file grows over many updates of one record. */
static uint64_t
growth(struct store_dir *dir)
{
	MDB_envinfo before, after;

	mdb_env_info(dir->store->identity->mdb, &before);
	for (int i = 0; i < 60; i++) {
		store_put_one(dir->store, "k", i % 2 == 0 ? "a" : "b");
		while (dir->store->guards.count > 1) { /* nobody reads */
			mdb_txn_abort(dir->store->guards.list[0].txn);
			dir->store->guards.count--;
			dir->store->guards.list[0] = dir->store->guards.list[1];
		}
		mdb_txn_reset(dir->store->guards.list[0].txn);
		assert_int_equal(mdb_txn_renew(dir->store->guards.list[0].txn), 0);
	}
	mdb_env_info(dir->store->identity->mdb, &after);
	return after.me_last_pgno - before.me_last_pgno;
}

static void
a_backup_that_was_killed_does_not_make_the_file_grow_for_ever(void **state)
{
	struct store_dir *dir = *state;

	growth(dir);
	assert_true(growth(dir) < 10);
	die_with_a_snapshot(dir);
	assert_true(growth(dir) > 60);
	dir->store->swept_ms = 0; /* a minute passes */
	idm_store_tick(dir->store);
	growth(dir);
	assert_true(growth(dir) < 10);
}

static void
what_is_no_database_is_not_put_in_place(void **state)
{
	struct store_dir *dir = *state;
	const char *path = store_dir_file(dir, "new");

	store_put_one(dir->store, "k", "v");
	idm_store_close(&dir->store);
	assert_int_equal(idm_store_replace(dir->path, (gid_t)-1, path, &dir->err), IDM_SYSTEM);
	store_dir_save(path, NULL, 0);
	assert_int_equal(idm_store_replace(dir->path, (gid_t)-1, path, &dir->err), IDM_CORRUPT);
	store_dir_save(path, (const uint8_t *)"garbage", 7);
	assert_int_equal(idm_store_replace(dir->path, (gid_t)-1, path, &dir->err), IDM_CORRUPT);
	store_dir_open(dir);
	assert_stored(dir->store, "k", "v");
}

/* --- the clock */

static void
time_is_trusted_only_as_far_as_it_is_published(void **state)
{
	struct store_dir *dir = *state;
	const int64_t floor_s = 1700000000;
	struct idm_store *reader;

	assert_int_equal(idm_store_open_reader(dir->path, &reader, &dir->err), IDM_OK);
	assert_false(idm_store_now(reader, floor_s).trusted); /* nothing published yet */
	idm_store_publish_clock(dir->store, floor_s, true);
	assert_int_equal(idm_store_clock_floor(reader), floor_s);
	assert_int_equal(idm_store_now(reader, floor_s + 7).at_s, floor_s + 7);
	assert_true(idm_store_now(reader, floor_s + 7).trusted);
	assert_true(idm_store_now(reader, floor_s - 300).trusted);
	assert_false(idm_store_now(reader, floor_s - 301).trusted);
	assert_false(idm_store_now(dir->store, floor_s - 301).trusted);
	idm_store_publish_clock(dir->store, floor_s, false);
	assert_false(idm_store_now(reader, floor_s + 7).trusted);
	idm_store_close(&reader);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_dir_setup, store_dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_was_committed_is_read_again),
		TEST(a_reader_without_lock_file_sees_each_commit),
		TEST(files_have_their_modes_whatever_the_umask),
		TEST(what_readers_open_belongs_to_their_group),
		TEST(a_second_writer_is_refused),
		TEST(a_reader_cannot_keep_the_writer_out),
		TEST(a_database_that_is_not_there_cannot_be_read),
		TEST(another_format_version_is_refused_and_left_alone),
		TEST(another_lmdb_format_is_refused_and_left_alone),
		TEST(another_program_s_database_is_refused_and_left_alone),
		TEST(a_file_that_is_cut_off_is_refused),
		TEST(a_creation_that_was_broken_off_is_done_again),
		TEST(network_file_systems_are_refused),
		TEST(an_aborted_transaction_leaves_no_trace),
		TEST(a_nested_transaction_comes_and_goes_alone),
		TEST(an_end_keeps_what_came_to_a_good_result_alone),
		TEST(the_local_database_is_another_one),
		TEST(a_reader_over_age_gets_nothing_more),
		TEST(a_flipped_byte_is_noticed),
		TEST(a_record_under_another_key_is_noticed),
		TEST(keys_and_values_keep_their_lengths),
		TEST(numbers_are_stored_and_ordered_as_bytes),
		TEST(a_walk_returns_the_records_of_its_prefix_in_order),
		TEST(a_walk_may_delete_what_it_meets),
		TEST(a_walk_over_nothing_ends_at_once),
		TEST(what_is_kept_in_reserve_is_enough_to_delete),
		TEST(a_full_map_refuses_and_goes_on),
		TEST(a_burst_on_a_well_filled_map_waits_for_guards),
		TEST(a_copy_can_be_put_back_and_readers_follow),
		TEST(a_copy_is_made_beside_a_writer_at_work),
		TEST(files_that_somebody_reads_beside_the_writer_are_not_replaced),
		TEST(a_backup_that_was_killed_does_not_make_the_file_grow_for_ever),
		TEST(what_is_no_database_is_not_put_in_place),
		TEST(time_is_trusted_only_as_far_as_it_is_published),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
