#include "tests/support/store_dir.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
store_dir_setup(void **state)
{
	struct store_dir *dir = calloc(1, sizeof(*dir));

	assert_non_null(dir);
	temp_dir_make("store", dir->path, sizeof(dir->path));
	store_dir_open(dir);
	*state = dir;
	return 0;
}

void
store_dir_remove(struct store_dir *dir)
{
	idm_store_close(&dir->store);
	temp_dir_remove(dir->path);
}

int
store_dir_teardown(void **state)
{
	struct store_dir *dir = *state;

	store_dir_remove(dir);
	free(dir);
	return 0;
}

void
store_dir_open(struct store_dir *dir)
{
	assert_int_equal(
	    idm_store_open_writer(dir->path, (gid_t)-1, &dir->store, &dir->err), IDM_OK);
}

void
store_dir_reopen(struct store_dir *dir)
{
	idm_store_close(&dir->store);
	store_dir_open(dir);
}

const char *
store_dir_file(const struct store_dir *dir, const char *name)
{
	static char buffers[4][128];
	static unsigned turn;
	char *path = buffers[turn++ % 4];

	snprintf(path, sizeof(buffers[0]), "%s/%s", dir->path, name);
	return path;
}

uint8_t *
store_dir_load(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes;
	long size;

	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	size = ftell(file);
	assert_true(size >= 0);
	rewind(file);
	bytes = malloc((size_t)size + 1);
	assert_non_null(bytes);
	*len = fread(bytes, 1, (size_t)size, file);
	assert_int_equal(*len, size);
	fclose(file);
	return bytes;
}

void
store_dir_save(const char *path, const uint8_t *bytes, size_t len)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	if (len > 0)
		assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

void
store_dir_patch(const char *path, const char *from, const char *to)
{
	size_t len;
	uint8_t *bytes = store_dir_load(path, &len);
	uint8_t *place = memmem(bytes, len, from, strlen(from));

	assert_int_equal(strlen(from), strlen(to));
	assert_non_null(place);
	memcpy(place, to, strlen(to));
	store_dir_save(path, bytes, len);
	free(bytes);
}

void
store_put(const struct idm_txn *txn, const char *key, const char *value)
{
	struct idm_error err;

	assert_int_equal(
	    idm_store_put(txn, IDM_DB_META, idm_span_cstr(key), idm_span_cstr(value), &err),
	    IDM_OK);
}

void
store_put_one(struct idm_store *store, const char *key, const char *value)
{
	struct idm_error err;
	struct idm_txn txn;

	assert_int_equal(idm_store_write_begin(store, &txn, &err), IDM_OK);
	store_put(&txn, key, value);
	assert_int_equal(idm_store_write_commit(&txn, &err), IDM_OK);
	assert_null(txn.mdb);
}

enum idm_result
store_look_up(struct idm_store *store, const char *key, char value[64])
{
	struct idm_span span;
	struct idm_error err;
	struct idm_txn txn;
	enum idm_result result;

	assert_int_equal(idm_store_read_begin(store, &txn, &err), IDM_OK);
	result = idm_store_get(&txn, IDM_DB_META, idm_span_cstr(key), &span, &err);
	snprintf(value, 64, "%.*s", IDM_SPAN_ARG(span));
	idm_store_read_end(&txn);
	assert_null(txn.mdb);
	return result;
}

void
assert_stored(struct idm_store *store, const char *key, const char *value)
{
	char found[64];

	assert_int_equal(store_look_up(store, key, found), IDM_OK);
	assert_string_equal(found, value);
}
