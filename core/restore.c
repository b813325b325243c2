#include "core/restore.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "core/backup_format.h"
#include "core/change.h"
#include "core/child.h"
#include "core/dbfile.h"
#include "core/scratch.h"
#include "core/store_impl.h"

enum {
	ARENA_BYTES = 1024 * 1024,
	EPOCH_MAX = (1 << 24) - 1,
};

static const char epoch_key[] = "epoch"; /* in local.mdb: the highest that was used here */
static const char floor_key[] = "clock_floor";

struct restore {
	const struct idm_restore *ask;
	struct idm_restored *out;
	struct idm_workdir work;
	struct idm_unpacked unpacked;
	struct idm_rings rings; /* that open the secrets afterwards */
	bool new_keys;          /* they are in *.restored */
	bool new_local;
	uint64_t epoch; /* the highest that was used here */
	uint64_t floor_s;
	struct idm_error *err;
};

static enum idm_result
path_of(
    struct restore *r, const char *dir, const char *name, const char *suffix, char out[PATH_MAX])
{
	if (snprintf(out, PATH_MAX, "%s/%s%s", dir, name, suffix) >= PATH_MAX)
		return idm_fail(r->err, IDM_INVALID, "%s: path too long", dir);
	return IDM_OK;
}

static bool
is_there(struct restore *r, const char *dir, const char *name)
{
	char path[PATH_MAX];

	return path_of(r, dir, name, "", path) == IDM_OK && access(path, F_OK) == 0;
}

/* --- keys */

/* The file's text, or NULL. */
static const char *
current_text(struct restore *r, const char *name, struct idm_arena *arena)
{
	char path[PATH_MAX];
	struct idm_span text;

	if (path_of(r, r->ask->key_dir, name, "", path) != IDM_OK ||
	    idm_file_load(path, ARENA_BYTES / 8, arena, &text, NULL) != IDM_OK)
		return NULL;
	return (const char *)text.ptr;
}

static bool
is_current(struct restore *r, const char *name, const char *text, struct idm_arena *arena)
{
	const char *current = current_text(r, name, arena);

	return current != NULL && strcmp(current, text) == 0;
}

/* Write a key file of the backup beside the one that it may replace, and read it. */
static enum idm_result
stage_ring(struct restore *r, const char *name, enum idm_purpose purpose, const char *text,
    struct idm_keyring **out)
{
	gid_t group = purpose == IDM_PURPOSE_RADIUS ? r->ask->radius_group : (gid_t)-1;
	char path[PATH_MAX];
	enum idm_result result = path_of(r, r->ask->key_dir, name, ".restored", path);

	if (result == IDM_OK)
		result = idm_keyring_write(path, text, group, r->err);
	return result == IDM_OK ? idm_keyring_open(path, purpose, out, r->err) : result;
}

static enum idm_result
take_keys(struct restore *r, struct idm_arena *arena)
{
	struct idm_key_texts texts;
	enum idm_result result;

	if (!r->unpacked.has_keys)
		return idm_fail(r->err, IDM_INVALID,
		    "there are no key rings in this backup: leave the passphrase out");
	result = idm_unpack_keys(&r->work, r->ask->passphrase, arena, &texts, r->err);
	if (result != IDM_OK)
		return result;
	if (is_current(r, PASSWORD_KEYS, texts.password, arena) &&
	    is_current(r, RADIUS_KEYS, texts.radius, arena))
		return idm_rings_open(r->ask->key_dir, &r->rings, r->err);
	r->new_keys = true;
	result =
	    stage_ring(r, PASSWORD_KEYS, IDM_PURPOSE_PASSWORD, texts.password, &r->rings.password);
	if (result == IDM_OK)
		result =
		    stage_ring(r, RADIUS_KEYS, IDM_PURPOSE_RADIUS, texts.radius, &r->rings.radius);
	return result;
}

static enum idm_result
choose_keys(struct restore *r)
{
	struct idm_arena *arena;
	enum idm_result result;

	if (r->ask->passphrase.len == 0)
		return r->ask->lost_secrets ? IDM_OK
					    : idm_rings_open(r->ask->key_dir, &r->rings, r->err);
	arena = idm_arena_new(ARENA_BYTES);
	if (arena == NULL)
		return idm_fail(r->err, IDM_SYSTEM, "out of memory");
	result = take_keys(r, arena);
	idm_arena_free(&arena);
	return result;
}

/* The former ones are kept: what is wrong with the new ones may show late. */
static enum idm_result
swap_key_file(struct restore *r, const char *name)
{
	char from[PATH_MAX], to[PATH_MAX], former[PATH_MAX];
	enum idm_result result = path_of(r, r->ask->key_dir, name, ".restored", from);

	if (result == IDM_OK)
		result = path_of(r, r->ask->key_dir, name, "", to);
	if (result == IDM_OK)
		result = path_of(r, r->ask->key_dir, name, ".replaced", former);
	if (result != IDM_OK)
		return result;
	unlink(former);
	if ((link(to, former) != 0 && errno != ENOENT) || rename(from, to) != 0)
		return idm_fail(r->err, IDM_SYSTEM, "%s: %s", to, strerror(errno));
	return IDM_OK;
}

static enum idm_result
swap_keys(struct restore *r)
{
	enum idm_result result = swap_key_file(r, PASSWORD_KEYS);

	if (result == IDM_OK)
		result = swap_key_file(r, RADIUS_KEYS);
	if (result == IDM_OK)
		result = idm_dbfile_sync_directory(r->ask->key_dir, r->err);
	r->out->keys = result == IDM_OK;
	return result;
}

static void
remove_staged_keys(struct restore *r)
{
	char path[PATH_MAX];

	if (path_of(r, r->ask->key_dir, PASSWORD_KEYS, ".restored", path) == IDM_OK)
		unlink(path);
	if (path_of(r, r->ask->key_dir, RADIUS_KEYS, ".restored", path) == IDM_OK)
		unlink(path);
}

/* --- is it what it must be? */

static enum idm_result
check_backup(struct restore *r)
{
	struct idm_verify_totals *totals = &r->out->totals;
	enum idm_result result =
	    idm_verify_unpacked(&r->work, &r->unpacked, &r->rings, &r->ask->report, totals, r->err);

	if (result != IDM_OK)
		return result;
	if (totals->findings != 0)
		return idm_fail(r->err, IDM_CORRUPT,
		    "the backup is damaged: %" PRIu64 " findings; nothing was replaced",
		    totals->findings);
	if (totals->no == 0)
		return idm_fail(r->err, IDM_INVALID, "the backup holds no entries");
	if (r->ask->domain != NULL && strcmp(totals->domain, r->ask->domain) != 0)
		return idm_fail(r->err, IDM_INVALID,
		    "the backup is of the domain %s, the configuration says %s: correct `domain` "
		    "first",
		    totals->domain, r->ask->domain);
	if (totals->untried != 0 && !r->ask->lost_secrets)
		return idm_fail(r->err, IDM_INVALID,
		    "no key ring is there to open the %" PRIu64 " passwords and RADIUS secrets of "
		    "the backup: give the passphrase of its key rings, or copy the key files to %s",
		    totals->untried, r->ask->key_dir);
	return IDM_OK;
}

/* --- what this box has used before */

struct usage {
	uint64_t epoch;
	uint64_t floor_s;
};

static uint64_t
read_number(const char *path, struct idm_db_range range, const char *name)
{
	struct idm_environment *env;
	struct idm_txn txn = { .write = false };
	uint64_t value = 0;
	MDB_txn *mdb;

	if (idm_environment_open_bare(&env, path, range, false, NULL) != IDM_OK)
		return 0;
	if (mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &mdb) == 0) {
		txn.mdb = mdb;
		if (idm_environment_look(env, &txn, NULL) == IDM_OK)
			(void)idm_store_get_number(&txn, range.first, name, &value, NULL);
		mdb_txn_abort(mdb);
	}
	idm_environment_unref(&env);
	return value;
}

static enum idm_result
tell_usage(void *ctx, int to_parent, struct idm_error *err)
{
	struct restore *r = ctx;
	struct usage usage = { 0 };
	char path[PATH_MAX];
	uint64_t epoch;

	(void)err;
	if (path_of(r, r->ask->db_dir, LOCAL_FILE, "", path) == IDM_OK) {
		usage.epoch = read_number(path, idm_dbs_local, epoch_key);
		usage.floor_s = read_number(path, idm_dbs_local, floor_key);
		idm_child_send(to_parent, &usage, sizeof(usage));
	}
	if (path_of(r, r->ask->db_dir, IDENTITY_FILE, "", path) == IDM_OK) {
		epoch = idm_change_epoch(read_number(path, idm_dbs_identity, "applied"));
		usage.epoch = epoch > usage.epoch ? epoch : usage.epoch;
		idm_child_send(to_parent, &usage, sizeof(usage));
	}
	return IDM_OK;
}

static void
take_usage(void *ctx, struct idm_span message)
{
	struct restore *r = ctx;
	struct usage usage;

	memcpy(&usage, message.ptr, sizeof(usage));
	r->epoch = usage.epoch;
	r->floor_s = usage.floor_s;
}

/* The database that goes may be damaged: what can be read of it counts. */
static void
find_usage(struct restore *r)
{
	const struct idm_child_task task = { tell_usage, take_usage, r };

	(void)idm_child_run(&task, NULL);
}

/* --- the new epoch */

/* Every process is to read anew what it keeps by generation: ids may be others now. */
static enum idm_result
move_generations(struct restore *r, const struct idm_txn *txn, uint64_t no)
{
	struct idm_cursor cursor;
	struct idm_span key, value;
	char name[64];
	enum idm_result result =
	    idm_cursor_open(txn, IDM_DB_META, IDM_SPAN_LIT("generation."), &cursor, r->err);

	while (result == IDM_OK) {
		result = idm_cursor_next(&cursor, &key, &value, r->err);
		if (result != IDM_OK)
			break;
		snprintf(name, sizeof(name), "%.*s", IDM_SPAN_ARG(key));
		result = idm_store_put_number(txn, IDM_DB_META, name, no, r->err);
	}
	idm_cursor_close(&cursor);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/*
 * Changes from here on get numbers that the database which goes has never given (CHANGES 2, 26):
 * the counter goes on, the epoch is new.
 */
static enum idm_result
put_epoch(struct restore *r, const struct idm_txn *txn)
{
	uint64_t counter = idm_change_counter(r->out->totals.no);
	uint64_t no = r->out->epoch << IDM_CHANGE_COUNTER_BITS | counter;
	enum idm_result result = idm_store_put_number(txn, IDM_DB_META, "applied", no, r->err);

	return result == IDM_OK ? move_generations(r, txn, no) : result;
}

static enum idm_result
raise_epoch(struct restore *r)
{
	uint64_t epoch = idm_change_epoch(r->out->totals.no);
	char path[PATH_MAX];
	struct idm_store *store;
	struct idm_txn txn;
	enum idm_result result;

	r->out->epoch = (epoch > r->epoch ? epoch : r->epoch) + 1;
	if (r->out->epoch > EPOCH_MAX)
		return idm_fail(r->err, IDM_LIMIT, "there is no epoch left");
	idm_workdir_path(&r->work, IDENTITY_FILE, path);
	result = idm_scratch_at(path, &store, r->err);
	if (result != IDM_OK)
		return result;
	result = idm_store_write_begin(store, &txn, r->err);
	if (result == IDM_OK)
		result = idm_store_write_end(&txn, put_epoch(r, &txn), r->err);
	if (result == IDM_OK)
		return idm_scratch_finish(&store, r->err);
	idm_store_close(&store);
	return result;
}

/* --- local.mdb */

/* One transaction on a local.mdb that nobody has open, and that is whole. */
static enum idm_result
change_local(struct restore *r, const char *path,
    enum idm_result (*change)(struct restore *r, const struct idm_txn *txn))
{
	struct idm_environment *env = NULL;
	struct idm_txn txn = { .write = true };
	MDB_txn *mdb;
	enum idm_result result = idm_environment_open_writer(
	    &env, path, (gid_t)-1, idm_dbs_local, IDM_LOCAL_MAP_BYTES, 0, r->err);
	int rc;

	if (result != IDM_OK)
		return result;
	rc = mdb_txn_begin(env->mdb, NULL, 0, &mdb);
	if (rc == 0) {
		txn.mdb = mdb;
		result = change(r, &txn);
		if (result == IDM_OK)
			rc = mdb_txn_commit(mdb);
		else
			mdb_txn_abort(mdb);
	}
	idm_environment_unref(&env);
	return rc == 0 ? result : idm_lmdb_fail(r->err, rc, path);
}

/* A session that was ended since the backup must not live again; and time does not go back. */
static enum idm_result
put_local(struct restore *r, const struct idm_txn *txn)
{
	uint64_t floor_s = 0;
	enum idm_result result = idm_store_del_all(txn, IDM_DB_SESSIONS, IDM_SPAN_EMPTY, r->err);

	if (result == IDM_OK)
		result = idm_store_get_number(txn, IDM_DB_LOCAL_META, floor_key, &floor_s, r->err);
	if (result == IDM_OK && floor_s < r->floor_s)
		result =
		    idm_store_put_number(txn, IDM_DB_LOCAL_META, floor_key, r->floor_s, r->err);
	return result;
}

static enum idm_result
put_epoch_local(struct restore *r, const struct idm_txn *txn)
{
	return idm_store_put_number(txn, IDM_DB_LOCAL_META, epoch_key, r->out->epoch, r->err);
}

/* Remember the epoch, so that no later restore gives it again. */
static enum idm_result
note_epoch_in_child(void *ctx, int to_parent, struct idm_error *err)
{
	struct restore *r = ctx;
	char path[PATH_MAX];
	enum idm_result result;

	(void)to_parent;
	r->err = err;
	result = path_of(r, r->ask->db_dir, LOCAL_FILE, "", path);
	return result == IDM_OK ? change_local(r, path, put_epoch_local) : result;
}

static enum idm_result
note_epoch(struct restore *r)
{
	const struct idm_child_task task = { note_epoch_in_child, NULL, r };
	struct idm_error inner = { .text = "" };
	enum idm_result result = idm_child_run(&task, &inner);

	if (result == IDM_OK)
		return IDM_OK;
	return idm_fail(r->err, result,
	    "local.mdb: %.150s; restore it too (--local), or remove it: that loses sessions and "
	    "the audit trail",
	    inner.text);
}

/* --- all of it */

/* Let the unpacked files be what is to stand in DIR. */
static enum idm_result
prepare(struct restore *r)
{
	char local[PATH_MAX];
	enum idm_result result;

	find_usage(r);
	result = raise_epoch(r);
	idm_workdir_path(&r->work, LOCAL_FILE, local);
	return result == IDM_OK && r->new_local ? change_local(r, local, put_local) : result;
}

static void
keep_former(struct restore *r)
{
	char now[PATH_MAX], former[PATH_MAX];

	if (path_of(r, r->ask->db_dir, IDENTITY_FILE, "", now) != IDM_OK ||
	    path_of(r, r->ask->db_dir, IDENTITY_FILE, ".replaced", former) != IDM_OK)
		return;
	unlink(former);
	r->out->former = link(now, former) == 0;
}

/* From here on things change; identity.mdb comes last, and all at once. */
static enum idm_result
put_in_place(struct restore *r)
{
	char path[PATH_MAX];
	enum idm_result result = IDM_OK;

	idm_workdir_path(&r->work, LOCAL_FILE, path);
	if (r->new_local)
		result = idm_store_replace_locked(
		    r->ask->db_dir, IDM_STORE_LOCAL, (gid_t)-1, path, r->err);
	r->out->local = r->new_local && result == IDM_OK;
	if (result == IDM_OK)
		result = note_epoch(r);
	if (result == IDM_OK && r->new_keys)
		result = swap_keys(r);
	if (result != IDM_OK)
		return result;
	keep_former(r);
	idm_workdir_path(&r->work, IDENTITY_FILE, path);
	return idm_store_replace_locked(
	    r->ask->db_dir, IDM_STORE_IDENTITY, r->ask->read_group, path, r->err);
}

static enum idm_result
restore_locked(struct restore *r)
{
	enum idm_result result =
	    idm_unpack(r->ask->fd, &r->work, &r->ask->report, &r->unpacked, r->err);

	if (result == IDM_OK)
		result = choose_keys(r);
	if (result == IDM_OK)
		result = check_backup(r);
	r->new_local =
	    r->unpacked.has_local && (r->ask->local || !is_there(r, r->ask->db_dir, LOCAL_FILE));
	if (result == IDM_OK)
		result = prepare(r);
	return result == IDM_OK ? put_in_place(r) : result;
}

enum idm_result
idm_restore(const struct idm_restore *ask, struct idm_restored *out, struct idm_error *err)
{
	struct restore r = { .ask = ask, .out = out, .work = { .fd = -1 }, .err = err };
	int lock_fd;
	enum idm_result result;

	*out = (struct idm_restored){ 0 };
	result = idm_store_lock(ask->db_dir, &lock_fd, err);
	if (result == IDM_OK)
		result = idm_workdir_open(ask->db_dir, "restore.work", &r.work, err);
	if (result == IDM_OK) {
		result = restore_locked(&r);
		remove_staged_keys(&r);
	}
	idm_rings_close(&r.rings);
	idm_workdir_close(&r.work);
	if (lock_fd >= 0)
		close(lock_fd);
	return result;
}
