#include "core/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/backup_format.h"
#include "core/passphrase.h"
#include "core/store.h"

enum { ARENA_BYTES = 1024 * 1024 };

/* --- key rings */

static enum idm_result
open_ring(const char *key_dir, const char *name, enum idm_purpose purpose, struct idm_keyring **out,
    struct idm_error *err)
{
	char path[PATH_MAX];
	enum idm_result result;

	*out = NULL;
	if (snprintf(path, sizeof(path), "%s/%s", key_dir, name) >= (int)sizeof(path))
		return idm_fail(err, IDM_INVALID, "%s: path too long", key_dir);
	result = idm_keyring_open(path, purpose, out, err);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

enum idm_result
idm_rings_open(const char *key_dir, struct idm_rings *out, struct idm_error *err)
{
	enum idm_result result;

	*out = (struct idm_rings){ NULL, NULL };
	result = open_ring(key_dir, PASSWORD_KEYS, IDM_PURPOSE_PASSWORD, &out->password, err);
	if (result == IDM_OK)
		result = open_ring(key_dir, RADIUS_KEYS, IDM_PURPOSE_RADIUS, &out->radius, err);
	if (result != IDM_OK)
		idm_rings_close(out);
	return result;
}

void
idm_rings_close(struct idm_rings *rings)
{
	idm_keyring_close(&rings->password);
	idm_keyring_close(&rings->radius);
}

/* --- checks */

static enum idm_result
verify(const char *identity, const char *local, bool beside, const struct idm_rings *rings,
    const struct idm_report *report, struct idm_verify_totals *totals, struct idm_error *err)
{
	const struct idm_verify ask = { .identity_path = identity,
		.local_path = local,
		.beside = beside,
		.password_ring = rings->password,
		.radius_ring = rings->radius,
		.most = report->most,
		.finding = report->finding,
		.progress = report->progress,
		.ctx = report->ctx };

	return idm_verify(&ask, totals, err);
}

enum idm_result
idm_verify_unpacked(const struct idm_workdir *work, const struct idm_unpacked *unpacked,
    const struct idm_rings *rings, const struct idm_report *report,
    struct idm_verify_totals *totals, struct idm_error *err)
{
	char identity[PATH_MAX], local[PATH_MAX];

	idm_workdir_path(work, IDENTITY_FILE, identity);
	idm_workdir_path(work, LOCAL_FILE, local);
	return verify(
	    identity, unpacked->has_local ? local : NULL, false, rings, report, totals, err);
}

enum idm_result
idm_verify_directory(const char *db_dir, const struct idm_rings *rings,
    const struct idm_report *report, struct idm_verify_totals *totals, struct idm_error *err)
{
	char identity[PATH_MAX], local[PATH_MAX];
	enum idm_result result;
	int files_fd;

	*totals = (struct idm_verify_totals){ 0 };
	if (snprintf(identity, sizeof(identity), "%s/" IDENTITY_FILE, db_dir) >= PATH_MAX ||
	    snprintf(local, sizeof(local), "%s/" LOCAL_FILE, db_dir) >= PATH_MAX)
		return idm_fail(err, IDM_INVALID, "%s: path too long", db_dir);
	result = idm_store_hold_files(db_dir, &files_fd, err);
	if (result != IDM_OK)
		return result;
	result = verify(
	    identity, access(local, F_OK) == 0 ? local : NULL, true, rings, report, totals, err);
	close(files_fd);
	return result;
}

/* --- making one */

static enum idm_result
copy_files(const char *db_dir, const struct idm_workdir *work, struct idm_unpacked *copied,
    struct idm_error *err)
{
	char path[PATH_MAX], local[PATH_MAX];
	enum idm_result result;
	int files_fd;

	if (snprintf(local, sizeof(local), "%s/" LOCAL_FILE, db_dir) >= PATH_MAX)
		return idm_fail(err, IDM_INVALID, "%s: path too long", db_dir);
	result = idm_store_hold_files(db_dir, &files_fd, err);
	if (result != IDM_OK)
		return result;
	idm_workdir_path(work, IDENTITY_FILE, path);
	result = idm_store_copy_beside(db_dir, IDM_STORE_IDENTITY, path, err);
	copied->has_local = access(local, F_OK) == 0;
	idm_workdir_path(work, LOCAL_FILE, path);
	if (result == IDM_OK && copied->has_local)
		result = idm_store_copy_beside(db_dir, IDM_STORE_LOCAL, path, err);
	close(files_fd);
	return result;
}

static enum idm_result
add_file(struct idm_archive *archive, const struct idm_workdir *work, const char *name,
    struct idm_error *err)
{
	char path[PATH_MAX];
	struct stat st;
	enum idm_result result;
	int fd;

	idm_workdir_path(work, name, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		result = idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
	else
		result = idm_archive_add_file(archive, name, fd, (uint64_t)st.st_size, err);
	if (fd >= 0)
		close(fd);
	return result;
}

/* A key file's text under the passphrase.  idm_rings_open has checked it. */
static enum idm_result
add_keys(struct idm_archive *archive, const struct idm_backup *ask, const char *name,
    const char *sealed_name, struct idm_arena *arena, struct idm_error *err)
{
	char path[PATH_MAX];
	struct idm_span text, sealed;
	enum idm_result result;

	snprintf(path, sizeof(path), "%s/%s", ask->key_dir, name);
	result = idm_file_load(path, IDM_PASSPHRASE_PLAIN_MAX, arena, &text, err);
	if (result == IDM_OK)
		result = idm_passphrase_seal(ask->passphrase, text, arena, &sealed, err);
	return result == IDM_OK ? idm_archive_add(archive, sealed_name, sealed, err) : result;
}

static void
print_hex(FILE *to, const uint8_t *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fprintf(to, "%02x", octets[i]);
}

static enum idm_result
add_manifest(struct idm_archive *archive, const struct idm_backup *ask,
    const struct idm_verify_totals *totals, struct idm_error *err)
{
	char *text = NULL;
	char when[IDM_TIME_TEXT];
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	enum idm_result result;

	if (to == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	idm_time_format(ask->now_s, when);
	fprintf(to,
	    MANIFEST_FIRST "made %s\ndomain %s\nchange %" PRIu64 "\nfindings %" PRIu64 "\ndigest ",
	    when, totals->domain, totals->no, totals->findings);
	print_hex(to, totals->digest, sizeof(totals->digest));
	for (size_t i = 0; i < archive->count; i++) {
		fputs("\n" MANIFEST_SUM, to);
		print_hex(to, archive->members[i].sum, IDM_ARCHIVE_SUM_BYTES);
		fprintf(to, " %s", archive->members[i].name);
	}
	fputc('\n', to);
	if (fclose(to) != 0)
		result = idm_fail(err, IDM_SYSTEM, "out of memory");
	else
		result = idm_archive_add(archive, MANIFEST_FILE, idm_span_of(text, len), err);
	free(text);
	return result;
}

static enum idm_result
write_archive(const struct idm_backup *ask, const struct idm_workdir *work,
    const struct idm_unpacked *copied, const struct idm_verify_totals *totals,
    struct idm_arena *arena, struct idm_error *err)
{
	struct idm_archive archive = {
		.fd = ask->fd, .progress = ask->report.progress, .ctx = ask->report.ctx
	};
	enum idm_result result = add_file(&archive, work, IDENTITY_FILE, err);

	if (result == IDM_OK && copied->has_local)
		result = add_file(&archive, work, LOCAL_FILE, err);
	if (result == IDM_OK && copied->has_keys) {
		result = add_keys(&archive, ask, PASSWORD_KEYS, PASSWORD_SEALED, arena, err);
		if (result == IDM_OK)
			result = add_keys(&archive, ask, RADIUS_KEYS, RADIUS_SEALED, arena, err);
	}
	if (result == IDM_OK)
		result = add_manifest(&archive, ask, totals, err);
	if (result == IDM_OK)
		result = idm_archive_end(&archive, err);
	if (result == IDM_OK && fsync(ask->fd) != 0 && errno != EINVAL && errno != EROFS)
		result = idm_fail(err, IDM_SYSTEM, "fsync: %s", strerror(errno));
	return result;
}

static enum idm_result
make_backup(const struct idm_backup *ask, const struct idm_workdir *work,
    const struct idm_rings *rings, struct idm_verify_totals *totals, struct idm_error *err)
{
	struct idm_unpacked copied = { .has_keys = ask->passphrase.len != 0 };
	struct idm_arena *arena;
	enum idm_result result;

	if (copied.has_keys && (rings->password == NULL || rings->radius == NULL))
		return idm_fail(err, IDM_INVALID,
		    "%s: there are no key rings to take along: leave the passphrase out",
		    ask->key_dir);
	if (ask->report.progress != NULL)
		ask->report.progress(ask->report.ctx, "copying", 0, 1);
	result = copy_files(ask->db_dir, work, &copied, err);
	if (result == IDM_OK)
		result = idm_verify_unpacked(work, &copied, rings, &ask->report, totals, err);
	if (result != IDM_OK)
		return result;
	arena = idm_arena_new(ARENA_BYTES);
	if (arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = write_archive(ask, work, &copied, totals, arena, err);
	idm_arena_free(&arena);
	return result;
}

enum idm_result
idm_backup(const struct idm_backup *ask, struct idm_verify_totals *totals, struct idm_error *err)
{
	struct idm_workdir work = { .fd = -1 };
	struct idm_rings rings = { NULL, NULL };
	enum idm_result result = idm_rings_open(ask->key_dir, &rings, err);

	*totals = (struct idm_verify_totals){ 0 };
	if (result == IDM_OK)
		result = idm_workdir_open(ask->db_dir, "backup.work", &work, err);
	if (result == IDM_OK)
		result = make_backup(ask, &work, &rings, totals, err);
	idm_workdir_close(&work);
	idm_rings_close(&rings);
	return result;
}
