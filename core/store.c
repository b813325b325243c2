#include "core/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/dbfile.h"
#include "core/store_impl.h"
#include "core/upgrade.h"

enum { CLOCK_SLACK_S = 300, SWEEP_MS = 60000 };

char *
idm_store_path(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static enum idm_result
store_new(
    const char *dir, bool writer, char **real_dir, struct idm_store **out, struct idm_error *err)
{
	struct idm_store *store;

	*real_dir = realpath(dir, NULL);
	if (*real_dir == NULL)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", dir, strerror(errno));
	store = calloc(1, sizeof(*store));
	if (store == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	store->writer = writer;
	store->pub.fd = -1;
	store->lock_fd = -1;
	pthread_rwlock_init(&store->identity_lock, NULL);
	pthread_mutex_init(&store->companion_lock, NULL);
	*out = store;
	store->identity_path = idm_store_path(*real_dir, "identity.mdb");
	if (store->identity_path == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	return IDM_OK;
}

/* The octets of DIR/writer.lock that are locked. */
enum { WRITER_OCTET = 0, FILES_OCTET = 1 };

static enum idm_result
open_lock_file(const char *dir, int *lock_fd, struct idm_error *err)
{
	char *path = idm_store_path(dir, "writer.lock");
	enum idm_result result;

	*lock_fd = -1;
	if (path == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = idm_dbfile_create(path, 0600, (gid_t)-1, lock_fd, err);
	free(path);
	return result;
}

/* `busy` is what to tell where another process has the lock. */
static enum idm_result
take_lock(int fd, const char *dir, off_t octet, short type, const char *busy, struct idm_error *err)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = octet, .l_len = 1 };

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return IDM_OK;
	if (errno == EAGAIN || errno == EACCES)
		return idm_fail(err, IDM_BUSY, "%s: %s", dir, busy);
	return idm_fail(err, IDM_SYSTEM, "%s/writer.lock: %s", dir, strerror(errno));
}

static enum idm_result
lock_or_close(enum idm_result result, int *lock_fd)
{
	if (result != IDM_OK && *lock_fd >= 0) {
		close(*lock_fd);
		*lock_fd = -1;
	}
	return result;
}

static enum idm_result
take_writer_lock(int fd, const char *dir, struct idm_error *err)
{
	return take_lock(fd, dir, WRITER_OCTET, F_WRLCK,
	    "a server is running on this database, or another tool", err);
}

static enum idm_result
lock_writer(const char *dir, int *lock_fd, struct idm_error *err)
{
	enum idm_result result = open_lock_file(dir, lock_fd, err);

	if (result == IDM_OK)
		result = take_writer_lock(*lock_fd, dir, err);
	return lock_or_close(result, lock_fd);
}

enum idm_result
idm_store_lock(const char *dir, int *lock_fd, struct idm_error *err)
{
	enum idm_result result = open_lock_file(dir, lock_fd, err);

	if (result == IDM_OK)
		result = take_writer_lock(*lock_fd, dir, err);
	if (result == IDM_OK)
		result = take_lock(*lock_fd, dir, FILES_OCTET, F_WRLCK,
		    "a backup or a check is reading the database: wait for its end", err);
	return lock_or_close(result, lock_fd);
}

enum idm_result
idm_store_hold_files(const char *dir, int *lock_fd, struct idm_error *err)
{
	enum idm_result result = open_lock_file(dir, lock_fd, err);

	if (result == IDM_OK)
		result = take_lock(*lock_fd, dir, FILES_OCTET, F_RDLCK,
		    "the database is being replaced: try again", err);
	return lock_or_close(result, lock_fd);
}

enum idm_result
idm_store_own_files(struct idm_store *store, struct idm_error *err)
{
	return take_lock(store->lock_fd, store->identity_path, FILES_OCTET, F_WRLCK,
	    "a backup or a check is reading the database: wait for its end", err);
}

static enum idm_result
open_published(struct idm_store *store, const char *dir, gid_t group, struct idm_error *err)
{
	char *path = idm_store_path(dir, "identity.pub");
	enum idm_result result;

	if (path == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	if (store->writer)
		result = idm_published_open_writer(&store->pub, path, group, err);
	else
		result = idm_published_open_reader(&store->pub, path, err);
	free(path);
	return result;
}

static enum idm_result
open_local(struct idm_store *store, const char *dir, struct idm_error *err)
{
	char *path = idm_store_path(dir, "local.mdb");
	enum idm_result result;

	if (path == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = idm_environment_open_writer(
	    &store->local, path, (gid_t)-1, idm_dbs_local, IDM_LOCAL_MAP_BYTES, 0, err);
	free(path);
	return result;
}

/*
 * When may the first write be?  Readers that began before the last commit was published may still
 * hold older snapshots, for IDM_STORE_READ_MS.  If that was long enough ago, on this boot's clock,
 * nobody does.  (After a boot nobody does either, whatever the number says; then too this waits
 * only once.)
 */
static uint64_t
first_write_ms(const struct idm_store *store, uint64_t newest_id, uint64_t now_ms)
{
	const struct idm_published_page *page = store->pub.page;
	uint64_t limit_ms = IDM_STORE_READ_MS + IDM_STORE_MARGIN_MS;
	uint64_t last_ms = atomic_load(&page->last_commit_ms);
	struct idm_published_view view;
	bool all_published = idm_published_load(&store->pub, &view) &&
			     idm_file_id_equal(&view.file_id, &store->identity->file_id) &&
			     view.commit_id == newest_id;

	if (store->identity->is_new)
		return now_ms;
	if (all_published && last_ms <= now_ms && now_ms - last_ms > limit_ms)
		return now_ms;
	return now_ms + limit_ms;
}

/* The first guard; then readers are told of the newest commit. */
static enum idm_result
start_publishing(struct idm_store *store, struct idm_error *err)
{
	uint64_t now_ms = idm_store_ms();
	MDB_envinfo info;
	enum idm_result result =
	    idm_guards_begin(&store->guards, store->identity->mdb, now_ms, err);

	if (result != IDM_OK)
		return result;
	mdb_env_info(store->identity->mdb, &info);
	store->write_after_ms = first_write_ms(store, info.me_last_txnid, idm_store_ms());
	idm_published_set(&store->pub, &store->identity->file_id, info.me_last_txnid);
	return IDM_OK;
}

/* Each of the two files, should it have a former format. */
static enum idm_result
upgrade(struct idm_store *store, const char *dir, struct idm_error *err)
{
	char *local_path;
	enum idm_result result = IDM_OK;

	if (store->identity->format == IDM_STORE_FORMAT && store->local->format == IDM_STORE_FORMAT)
		return IDM_OK;
	local_path = idm_store_path(dir, "local.mdb");
	if (local_path == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	store->upgraded_from = store->identity->format < store->local->format
				   ? store->identity->format
				   : store->local->format;
	if (store->local->format != IDM_STORE_FORMAT)
		result =
		    idm_upgrade(store, store->local, local_path, idm_store_local_write_begin, err);
	if (result == IDM_OK && store->identity->format != IDM_STORE_FORMAT)
		result = idm_upgrade(
		    store, store->identity, store->identity_path, idm_store_write_begin, err);
	free(local_path);
	return result;
}

static enum idm_result
open_writer(struct idm_store *store, const char *dir, gid_t group, uint64_t map_bytes,
    struct idm_error *err)
{
	enum idm_result result = idm_dbfile_check_directory(dir, err);

	if (result == IDM_OK)
		result = lock_writer(dir, &store->lock_fd, err);
	if (result == IDM_OK)
		result = idm_environment_open_writer(&store->identity, store->identity_path, group,
		    idm_dbs_identity, map_bytes, MDB_NOMETASYNC, err);
	if (result == IDM_OK)
		result = open_local(store, dir, err);
	if (result == IDM_OK)
		result = open_published(store, dir, group, err);
	if (result == IDM_OK)
		result = idm_dbfile_sync_directory(dir, err);
	if (result == IDM_OK)
		result = start_publishing(store, err);
	return result == IDM_OK ? upgrade(store, dir, err) : result;
}

enum idm_result
idm_store_open_writer_sized(const char *dir, gid_t read_group, uint64_t identity_map_bytes,
    struct idm_store **out, struct idm_error *err)
{
	struct idm_store *store = NULL;
	char *real_dir = NULL;
	enum idm_result result = store_new(dir, true, &real_dir, &store, err);

	if (result == IDM_OK)
		result = open_writer(store, real_dir, read_group, identity_map_bytes, err);
	if (result != IDM_OK)
		idm_store_close(&store);
	free(real_dir);
	*out = store;
	return result;
}

enum idm_result
idm_store_open_writer(
    const char *dir, gid_t read_group, struct idm_store **out, struct idm_error *err)
{
	return idm_store_open_writer_sized(dir, read_group, IDM_IDENTITY_MAP_BYTES, out, err);
}

enum idm_result
idm_store_open_reader(const char *dir, struct idm_store **out, struct idm_error *err)
{
	struct idm_store *store = NULL;
	char *real_dir = NULL;
	enum idm_result result = store_new(dir, false, &real_dir, &store, err);

	if (result == IDM_OK)
		result = open_published(store, real_dir, (gid_t)-1, err);
	if (result == IDM_OK)
		result = idm_environment_open_reader(&store->identity, store->identity_path, err);
	if (result != IDM_OK)
		idm_store_close(&store);
	free(real_dir);
	*out = store;
	return result;
}

void
idm_store_close_data(struct idm_store *store)
{
	idm_guards_end(&store->guards);
	idm_environment_unref(&store->identity);
	idm_environment_unref(&store->local);
	idm_published_close(&store->pub);
}

void
idm_store_close(struct idm_store **store)
{
	struct idm_store *it = *store;

	*store = NULL;
	if (it == NULL)
		return;
	if (it->companion != NULL)
		it->companion_free(it->companion);
	idm_store_close_data(it);
	pthread_rwlock_destroy(&it->identity_lock);
	pthread_mutex_destroy(&it->companion_lock);
	if (it->lock_fd >= 0)
		close(it->lock_fd); /* last: now another writer may open */
	free(it->identity_path);
	free(it);
}

void *
idm_store_companion(struct idm_store *store, void *(*make)(void), void (*free_it)(void *thing))
{
	void *companion;

	pthread_mutex_lock(&store->companion_lock);
	if (store->companion == NULL) {
		store->companion = make();
		store->companion_free = free_it;
	}
	companion = store->companion;
	pthread_mutex_unlock(&store->companion_lock);
	return companion;
}

bool
idm_store_is_new(const struct idm_store *store)
{
	return store->writer && store->identity->is_new;
}

uint64_t
idm_store_upgraded_from(const struct idm_store *store)
{
	return store->upgraded_from;
}

bool
idm_store_failed(const struct idm_store *store)
{
	return atomic_load(&store->failed);
}

void
idm_store_tick(struct idm_store *store)
{
	uint64_t now_ms = idm_store_ms();

	if (!store->writer || store->scratch)
		return;
	idm_guards_tick(&store->guards, store->identity->mdb, now_ms);
	if (now_ms - store->swept_ms < SWEEP_MS)
		return;
	store->swept_ms = now_ms;
	idm_store_sweep_readers(store);
}

void
idm_store_sweep_readers(struct idm_store *store)
{
	(void)mdb_reader_check(store->identity->mdb, NULL);
	(void)mdb_reader_check(store->local->mdb, NULL);
}

void
idm_store_publish_clock(struct idm_store *store, int64_t floor_s, bool trusted)
{
	struct idm_published_page *page = store->pub.page;

	atomic_store(&page->clock_floor_s, floor_s);
	atomic_store(&page->clock_trusted, trusted);
}

int64_t
idm_store_clock_floor(const struct idm_store *store)
{
	return atomic_load(&store->pub.page->clock_floor_s);
}

struct idm_now
idm_store_now(const struct idm_store *store, int64_t wall_s)
{
	bool trusted = atomic_load(&store->pub.page->clock_trusted) != 0;

	return (struct idm_now){
		.at_s = wall_s,
		.trusted = trusted && wall_s >= idm_store_clock_floor(store) - CLOCK_SLACK_S,
	};
}

bool
idm_store_is_held(const struct idm_store *store, const struct idm_uuid *account)
{
	return store->pub.page != NULL && idm_published_is_held(&store->pub, account);
}

uint64_t
idm_store_hold_changes(const struct idm_store *store)
{
	return atomic_load(&store->pub.page->hold_changes);
}
