#include "tests/support/follower.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/evp.h>

#include "core/change_log.h"
#include "core/environment.h"

void
follower_apply(struct realm *from, struct realm *to, uint64_t first, uint64_t last)
{
	struct idm_change_set set;
	struct idm_read read;
	struct idm_txn txn;

	assert_int_equal(idm_store_write_begin(to->store, &txn, &to->err), IDM_OK);
	for (uint64_t no = first; no <= last; no++) {
		realm_entry(from, "admin"); /* takes back the arena too, and with it the last set */
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

/* What is of the file, or of the program that made it, and comes with no change. */
static bool
is_of_the_file(enum idm_db db, struct idm_span key)
{
	return db == IDM_DB_META &&
	       (idm_span_is(key, "file_id") || idm_span_is(key, "builtin_format"));
}

static enum idm_result
next(struct idm_cursor *cursor, enum idm_db db, struct idm_span *key, struct idm_span *value)
{
	enum idm_result result;

	do
		result = idm_cursor_next(cursor, key, value, NULL);
	while (result == IDM_OK && is_of_the_file(db, *key));
	return result;
}

static void
fail_different(enum idm_db db, struct idm_span key)
{
	char text[2 * IDM_STORE_KEY_BYTES + 1] = "(the end)";

	for (size_t i = 0; i < key.len; i++)
		snprintf(text + 2 * i, 3, "%02x", key.ptr[i]);
	fail_msg("database %s differs at key %s", idm_db_name(db), text);
}

static void
assert_same_database(struct realm *a, struct realm *b, enum idm_db db)
{
	struct idm_cursor cursors[2];
	struct idm_span keys[2], values[2];
	enum idm_result results[2];

	assert_int_equal(
	    idm_cursor_open(&a->txn, db, IDM_SPAN_EMPTY, &cursors[0], &a->err), IDM_OK);
	assert_int_equal(
	    idm_cursor_open(&b->txn, db, IDM_SPAN_EMPTY, &cursors[1], &b->err), IDM_OK);
	do {
		for (size_t i = 0; i < 2; i++)
			results[i] = next(&cursors[i], db, &keys[i], &values[i]);
		if (results[0] != results[1] || !idm_span_equal(keys[0], keys[1]) ||
		    !idm_span_equal(values[0], values[1]))
			fail_different(db, results[0] == IDM_OK ? keys[0] : keys[1]);
	} while (results[0] == IDM_OK);
	assert_int_equal(results[0], IDM_NOT_FOUND);
	idm_cursor_close(&cursors[0]);
	idm_cursor_close(&cursors[1]);
}

void
assert_same_stores(struct realm *a, struct realm *b)
{
	realm_entry(a, "admin");
	realm_entry(b, "admin");
	for (enum idm_db db = idm_dbs_identity.first; db < idm_dbs_identity.end; db++)
		assert_same_database(a, b, db);
	realm_done(a);
	realm_done(b);
}

static void
add(EVP_MD_CTX *ctx, struct idm_span span)
{
	uint64_t len = span.len;

	assert_int_equal(EVP_DigestUpdate(ctx, &len, sizeof(len)), 1);
	assert_int_equal(EVP_DigestUpdate(ctx, span.ptr, span.len), 1);
}

void
store_hash(struct realm *r, uint8_t out[32])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	assert_int_equal(EVP_DigestInit_ex(ctx, EVP_sha256(), NULL), 1);
	realm_entry(r, "admin");
	for (enum idm_db db = idm_dbs_identity.first; db < idm_dbs_identity.end; db++) {
		struct idm_cursor cursor;
		struct idm_span key, value;

		add(ctx, idm_span_of(&db, sizeof(db)));
		assert_int_equal(
		    idm_cursor_open(&r->txn, db, IDM_SPAN_EMPTY, &cursor, &r->err), IDM_OK);
		while (idm_cursor_next(&cursor, &key, &value, &r->err) == IDM_OK) {
			add(ctx, key);
			add(ctx, value);
		}
		idm_cursor_close(&cursor);
	}
	realm_done(r);
	assert_int_equal(EVP_DigestFinal_ex(ctx, out, NULL), 1);
	EVP_MD_CTX_free(ctx);
}
