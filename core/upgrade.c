#include "core/upgrade.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/dbfile.h"
#include "core/upgrade_steps.h"

enum { ARENA_BYTES = 16 * 1024 * 1024 };

/* --- the copy */

/* Do both hold the same records, whole ones, in one database? */
static enum idm_result
compare_database(
    const struct idm_txn *one, const struct idm_txn *other, enum idm_db db, struct idm_error *err)
{
	const struct idm_txn *const txns[2] = { one, other };
	struct idm_cursor cursors[2] = { { .mdb = NULL }, { .mdb = NULL } };
	struct idm_span keys[2], values[2];
	enum idm_result results[2] = { IDM_OK, IDM_OK };

	for (int i = 0; i < 2 && results[0] == IDM_OK; i++)
		results[0] = idm_cursor_open(txns[i], db, IDM_SPAN_EMPTY, &cursors[i], err);
	while (results[0] == IDM_OK) {
		for (int i = 0; i < 2; i++)
			results[i] = idm_cursor_next(&cursors[i], &keys[i], &values[i], err);
		if (results[0] == results[1] &&
		    (results[0] != IDM_OK ||
			(idm_span_equal(keys[0], keys[1]) && idm_span_equal(values[0], values[1]))))
			continue;
		if (results[0] == IDM_OK || results[0] == IDM_NOT_FOUND)
			results[0] = idm_fail(err, IDM_CORRUPT,
			    "the copy of database %s is not equal to it", idm_db_name(db));
	}
	idm_cursor_close(&cursors[0]);
	idm_cursor_close(&cursors[1]);
	return results[0] == IDM_NOT_FOUND ? IDM_OK : results[0];
}

static enum idm_result
compare_snapshots(const struct idm_environment *env, struct idm_environment *copy,
    const struct idm_txn *one, const struct idm_txn *other, struct idm_error *err)
{
	enum idm_result result = idm_environment_look_former(copy, other, err);

	for (enum idm_db db = env->range.first; db < env->range.end && result == IDM_OK; db++)
		result = compare_database(one, other, db, err);
	return result;
}

static enum idm_result
compare(struct idm_environment *env, struct idm_environment *copy, struct idm_error *err)
{
	struct idm_txn txns[2] = { { .mdb = NULL }, { .mdb = NULL } };
	MDB_env *const envs[2] = { env->mdb, copy->mdb };
	enum idm_result result = IDM_OK;

	for (int i = 0; i < 2 && result == IDM_OK; i++) {
		MDB_txn *mdb = NULL;
		int rc = mdb_txn_begin(envs[i], NULL, MDB_RDONLY, &mdb);

		txns[i].mdb = mdb;
		if (rc != 0)
			result = idm_lmdb_fail(err, rc, "begin");
	}
	if (result == IDM_OK)
		result = compare_snapshots(env, copy, &txns[0], &txns[1], err);
	for (int i = 0; i < 2; i++) {
		if (txns[i].mdb != NULL)
			mdb_txn_abort(txns[i].mdb);
	}
	return result;
}

static enum idm_result
check_copy(struct idm_environment *env, const char *path, struct idm_error *err)
{
	struct idm_environment *copy;
	enum idm_result result = idm_environment_open_bare(&copy, path, env->range, false, err);

	if (result != IDM_OK)
		return result;
	result = compare(env, copy, err);
	idm_environment_unref(&copy);
	return result;
}

/* Under its own name only once it is known to be whole. */
static enum idm_result
name_copy(const char *made, const char *named, struct idm_error *err)
{
	char *dir;
	enum idm_result result;

	if (rename(made, named) != 0)
		return idm_fail(err, IDM_SYSTEM, "%s to %s: %s", made, named, strerror(errno));
	dir = strdup(named);
	if (dir == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = idm_dbfile_sync_directory(dirname(dir), err);
	free(dir);
	return result;
}

static enum idm_result
keep_copy(struct idm_environment *env, const char *path, struct idm_error *err)
{
	char *made = NULL, *named = NULL;
	enum idm_result result;

	if (asprintf(&made, "%s.new-copy", path) < 0)
		made = NULL;
	if (asprintf(&named, "%s.format-%" PRIu64, path, env->format) < 0)
		named = NULL;
	if (made == NULL || named == NULL) {
		result = idm_fail(err, IDM_SYSTEM, "out of memory");
	} else {
		unlink(made); /* of a time when this did not come to its end */
		result = idm_environment_copy(env, made, err);
		if (result == IDM_OK)
			result = check_copy(env, made, err);
		if (result == IDM_OK)
			result = name_copy(made, named, err);
		if (result != IDM_OK)
			unlink(made);
	}
	free(made);
	free(named);
	return result;
}

/* --- the steps */

static enum idm_result
run_steps(const struct idm_environment *env, const struct idm_txn *txn, struct idm_error *err)
{
	bool local = env->range.first != IDM_DB_META;
	struct idm_arena *arena = idm_arena_new(ARENA_BYTES);
	enum idm_result result = IDM_OK;

	if (arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	for (uint64_t from = env->format; from < IDM_STORE_FORMAT && result == IDM_OK; from++) {
		const struct idm_upgrade_step *step = &idm_upgrade_steps[from];

		if (!local && step->identity != NULL)
			result = step->identity(txn, arena, err);
		else if (local && step->local != NULL)
			result = step->local(txn, arena, err);
	}
	idm_arena_free(&arena);
	return result;
}

static enum idm_result
upgrade_in(struct idm_environment *env, const struct idm_txn *txn, struct idm_error *err)
{
	enum idm_result result = run_steps(env, txn, err);

	if (result == IDM_OK) /* so that readers of the former format open it anew, and see */
		result = idm_environment_renew_id(env, txn, err);
	if (result == IDM_OK)
		result = idm_store_put_number(
		    txn, env->range.first, "format_version", IDM_STORE_FORMAT, err);
	return result;
}

enum idm_result
idm_upgrade(struct idm_store *store, struct idm_environment *env, const char *path,
    enum idm_result (*begin)(struct idm_store *store, struct idm_txn *txn, struct idm_error *err),
    struct idm_error *err)
{
	struct idm_txn txn = { .mdb = NULL };
	struct idm_error why = { .text = "" };
	enum idm_result result = keep_copy(env, path, &why);

	if (result == IDM_OK)
		result = begin(store, &txn, &why);
	if (result == IDM_OK)
		result = upgrade_in(env, &txn, &why);
	result = idm_store_write_end(&txn, result, &why);
	if (result != IDM_OK)
		return idm_fail(err, result,
		    "%s: it has the former format %" PRIu64 " and could not be upgraded, and is "
		    "as it was: %s",
		    path, env->format, why.text);
	env->format = IDM_STORE_FORMAT;
	return IDM_OK;
}
