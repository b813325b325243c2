/* The store on a real LMDB in a directory of its own: one writer, no other process but where said.
 */
#include "core/store.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/store_impl.h"

enum { SMALL_MAP = 4 << 20 };

struct fixture {
	char dir[32];
	struct idm_store *store;
	struct idm_error err;
};

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/idm-store-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(idm_store_open_writer(f->dir, (gid_t)-1, &f->store, &f->err), IDM_OK);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	idm_store_close(&f->store);
	nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static void
reopen(struct fixture *f)
{
	idm_store_close(&f->store);
	assert_int_equal(idm_store_open_writer(f->dir, (gid_t)-1, &f->store, &f->err), IDM_OK);
}

static void
put(const struct idm_txn *txn, const char *key, const char *value)
{
	struct idm_error err;

	assert_int_equal(
	    idm_store_put(txn, IDM_DB_META, idm_span_cstr(key), idm_span_cstr(value), &err),
	    IDM_OK);
}

static void
put_one(struct idm_store *store, const char *key, const char *value)
{
	struct idm_error err;
	struct idm_txn txn;

	assert_int_equal(idm_store_write_begin(store, &txn, &err), IDM_OK);
	put(&txn, key, value);
	assert_int_equal(idm_store_write_commit(&txn, &err), IDM_OK);
	assert_null(txn.mdb);
}

static enum idm_result
look_up(struct idm_store *store, const char *key, char out[64])
{
	struct idm_span value;
	struct idm_error err;
	struct idm_txn txn;
	enum idm_result result;

	assert_int_equal(idm_store_read_begin(store, &txn, &err), IDM_OK);
	result = idm_store_get(&txn, IDM_DB_META, idm_span_cstr(key), &value, &err);
	snprintf(out, 64, "%.*s", IDM_SPAN_ARG(value));
	idm_store_read_end(&txn);
	assert_null(txn.mdb);
	return result;
}

static void
what_was_committed_is_read_again(void **state)
{
	struct fixture *f = *state;
	char value[64];

	assert_true(idm_store_is_new(f->store));
	put_one(f->store, "domain", "idm.example.com");
	assert_int_equal(look_up(f->store, "domain", value), IDM_OK);
	assert_string_equal(value, "idm.example.com");
	reopen(f);
	assert_false(idm_store_is_new(f->store));
	assert_int_equal(look_up(f->store, "domain", value), IDM_OK);
	assert_string_equal(value, "idm.example.com");
	assert_int_equal(look_up(f->store, "nothing", value), IDM_NOT_FOUND);
}

static void
a_reader_without_lock_file_sees_each_commit(void **state)
{
	struct fixture *f = *state;
	struct idm_store *reader;
	char value[64];

	put_one(f->store, "k", "1");
	assert_int_equal(idm_store_open_reader(f->dir, &reader, &f->err), IDM_OK);
	assert_int_equal(look_up(reader, "k", value), IDM_OK);
	assert_string_equal(value, "1");
	put_one(f->store, "k", "2");
	assert_int_equal(look_up(reader, "k", value), IDM_OK);
	assert_string_equal(value, "2");
	idm_store_close(&reader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_was_committed_is_read_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_reader_without_lock_file_sees_each_commit, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
