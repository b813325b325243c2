/* A database directory for the store's own tests; whatever fails here fails the test. */
#ifndef TESTS_SUPPORT_STORE_DIR_H
#define TESTS_SUPPORT_STORE_DIR_H

#include "core/store.h"
#include "tests/support/temp_dir.h"

struct store_dir {
	char path[TEMP_DIR_BYTES];
	struct idm_store *store; /* the writer, or NULL */
	struct idm_error err;    /* of the call last made with it */
};

/* For cmocka: *state is a struct store_dir, its writer open; then everything is removed. */
int store_dir_setup(void **state);
int store_dir_teardown(void **state);

/* Close the writer, if it is open, and remove the directory. */
void store_dir_remove(struct store_dir *dir);

void store_dir_open(struct store_dir *dir);
void store_dir_reopen(struct store_dir *dir);

/* DIR/name; in one of four buffers that take turns. */
const char *store_dir_file(const struct store_dir *dir, const char *name);

/* A file's bytes, to be freed; and back. */
uint8_t *store_dir_load(const char *path, size_t *len);
void store_dir_save(const char *path, const uint8_t *bytes, size_t len);

/* Change the first place in the file where `from` stands into `to`, of the same length. */
void store_dir_patch(const char *path, const char *from, const char *to);

/* Records of meta with texts as key and value; put_one in a transaction of its own. */
void store_put(const struct idm_txn *txn, const char *key, const char *value);
void store_put_one(struct idm_store *store, const char *key, const char *value);
/* The value in a snapshot of its own, "" if the result is not IDM_OK. */
enum idm_result store_look_up(struct idm_store *store, const char *key, char value[64]);
void assert_stored(struct idm_store *store, const char *key, const char *value);

#endif
