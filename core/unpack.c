/* A backup taken apart: its members into files of a directory, their sums against the manifest. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/backup.h"
#include "core/backup_format.h"
#include "core/fd.h"
#include "core/passphrase.h"

enum { ARENA_BYTES = 1024 * 1024, MANIFEST_MAX = 16 * 1024, PIECE_BYTES = 1024 * 1024 };

enum idm_result
idm_file_load(const char *path, size_t most, struct idm_arena *arena, struct idm_span *out,
    struct idm_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *text = idm_arena_alloc(arena, most + 1);
	ssize_t got = 0;
	size_t len = 0;

	if (fd < 0)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
	while (text != NULL && len <= most && (got = read(fd, text + len, most + 1 - len)) > 0)
		len += (size_t)got;
	close(fd);
	if (text == NULL)
		return idm_fail(err, IDM_LIMIT, "%s: no memory for it", path);
	if (got < 0)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
	if (len > most)
		return idm_fail(err, IDM_INVALID, "%s: too large", path);
	text[len] = '\0';
	*out = idm_span_of(text, len);
	return IDM_OK;
}

/* --- members into files */

static int
create(const struct idm_workdir *work, const char *name, struct idm_error *err)
{
	char path[PATH_MAX];
	int fd;

	idm_workdir_path(work, name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
	return fd;
}

static bool
is_ours(const char *name)
{
	static const char *const names[] = { IDENTITY_FILE, LOCAL_FILE, PASSWORD_SEALED,
		RADIUS_SEALED, MANIFEST_FILE };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

static const struct idm_archive_member *
find_member(const struct idm_archive *archive, const char *name)
{
	for (size_t i = 0; i < archive->count; i++) {
		if (strcmp(archive->members[i].name, name) == 0)
			return &archive->members[i];
	}
	return NULL;
}

static enum idm_result
extract_member(struct idm_archive *archive, const struct idm_workdir *work,
    const uint8_t block[IDM_ARCHIVE_BLOCK], struct idm_error *err)
{
	struct idm_archive_member *member;
	enum idm_result result = idm_archive_take_head(archive, block, &member, err);
	int fd;

	if (result != IDM_OK)
		return result;
	if (!is_ours(member->name) || find_member(archive, member->name) != member)
		return idm_fail(err, IDM_CORRUPT, "it holds what no backup does");
	fd = create(work, member->name, err);
	if (fd < 0)
		return IDM_SYSTEM;
	result = idm_archive_extract(archive, member, fd, err);
	close(fd);
	return result;
}

/* --- the manifest */

/* Does the manifest have this member with this sum? */
static bool
is_as_listed(const struct idm_archive_member *member, const char *manifest)
{
	char line[sizeof(MANIFEST_SUM) + 2 * IDM_ARCHIVE_SUM_BYTES + IDM_ARCHIVE_NAME_BYTES + 4];
	int len = snprintf(line, sizeof(line), "\n" MANIFEST_SUM);

	for (size_t i = 0; i < IDM_ARCHIVE_SUM_BYTES; i++)
		len += snprintf(line + len, sizeof(line) - (size_t)len, "%02x", member->sum[i]);
	snprintf(line + len, sizeof(line) - (size_t)len, " %s\n", member->name);
	return strstr(manifest, line) != NULL;
}

static enum idm_result
check_manifest(const struct idm_archive *archive, const struct idm_workdir *work,
    struct idm_arena *arena, struct idm_error *err)
{
	char path[PATH_MAX];
	struct idm_span text;
	enum idm_result result;

	if (find_member(archive, MANIFEST_FILE) == NULL ||
	    find_member(archive, IDENTITY_FILE) == NULL)
		return idm_fail(err, IDM_CORRUPT, "it is no backup: a part is missing");
	idm_workdir_path(work, MANIFEST_FILE, path);
	result = idm_file_load(path, MANIFEST_MAX, arena, &text, err);
	if (result != IDM_OK)
		return result;
	if (strncmp((const char *)text.ptr, MANIFEST_FIRST, strlen(MANIFEST_FIRST)) != 0)
		return idm_fail(
		    err, IDM_INVALID, "it is a backup of a format that this program does not know");
	for (size_t i = 0; i < archive->count; i++) {
		const struct idm_archive_member *member = &archive->members[i];

		if (strcmp(member->name, MANIFEST_FILE) != 0 &&
		    !is_as_listed(member, (const char *)text.ptr))
			return idm_fail(err, IDM_CORRUPT,
			    "%s is not as it was written: its SHA-256 is another", member->name);
	}
	return IDM_OK;
}

static enum idm_result
unpack_archive(struct idm_archive *archive, const struct idm_workdir *work,
    uint8_t block[IDM_ARCHIVE_BLOCK], struct idm_unpacked *out, struct idm_error *err)
{
	struct idm_arena *arena = idm_arena_new(ARENA_BYTES);
	enum idm_result result = IDM_OK;

	if (arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	while (result == IDM_OK) {
		result = extract_member(archive, work, block, err);
		if (result == IDM_OK)
			result = idm_archive_read_block(archive, block, err);
		if (result == IDM_NOT_FOUND)
			break;
	}
	if (result == IDM_NOT_FOUND)
		result = check_manifest(archive, work, arena, err);
	idm_arena_free(&arena);
	out->has_local = find_member(archive, LOCAL_FILE) != NULL;
	out->has_keys = find_member(archive, PASSWORD_SEALED) != NULL &&
			find_member(archive, RADIUS_SEALED) != NULL;
	return result;
}

/* --- a data file on its own */

/* `block` is the first of it. */
static enum idm_result
unpack_data_file(int from, const struct idm_workdir *work, const uint8_t block[IDM_ARCHIVE_BLOCK],
    struct idm_error *err)
{
	int to = create(work, IDENTITY_FILE, err);
	uint8_t *piece = malloc(PIECE_BYTES);
	enum idm_result result = IDM_OK;
	ssize_t got = IDM_ARCHIVE_BLOCK;

	if (to < 0 || piece == NULL) {
		result = to < 0 ? IDM_SYSTEM : idm_fail(err, IDM_SYSTEM, "out of memory");
		goto out;
	}
	memcpy(piece, block, IDM_ARCHIVE_BLOCK);
	do {
		if (got > 0 && !idm_fd_write(to, piece, (size_t)got))
			result = idm_fail(err, errno == ENOSPC ? IDM_LIMIT : IDM_SYSTEM,
			    "writing: %s", strerror(errno));
		got = read(from, piece, PIECE_BYTES);
		if (got < 0 && errno != EINTR)
			result = idm_fail(err, IDM_SYSTEM, "reading: %s", strerror(errno));
	} while (result == IDM_OK && got != 0);
out:
	free(piece);
	if (to >= 0)
		close(to);
	return result;
}

enum idm_result
idm_unpack(int fd, const struct idm_workdir *work, const struct idm_report *report,
    struct idm_unpacked *out, struct idm_error *err)
{
	struct idm_archive archive = { .fd = fd, .progress = report->progress, .ctx = report->ctx };
	uint8_t block[IDM_ARCHIVE_BLOCK];
	enum idm_result result = idm_archive_read_block(&archive, block, err);

	*out = (struct idm_unpacked){ 0 };
	if (result == IDM_NOT_FOUND)
		return idm_fail(err, IDM_CORRUPT, "it is empty");
	if (result != IDM_OK)
		return result;
	if (idm_archive_is_head(block))
		return unpack_archive(&archive, work, block, out, err);
	return unpack_data_file(fd, work, block, err);
}

/* --- its keys */

static enum idm_result
open_keys(const struct idm_workdir *work, const char *name, struct idm_span passphrase,
    struct idm_arena *arena, const char **out, struct idm_error *err)
{
	char path[PATH_MAX];
	struct idm_span sealed, text;
	enum idm_result result;

	idm_workdir_path(work, name, path);
	result = idm_file_load(path, 2 * IDM_PASSPHRASE_PLAIN_MAX, arena, &sealed, err);
	if (result == IDM_OK)
		result = idm_passphrase_open(passphrase, sealed, arena, &text, err);
	if (result != IDM_OK)
		return result;
	*out = (const char *)text.ptr; /* the arena's zeros end it */
	if (memchr(text.ptr, '\0', text.len) != NULL)
		return idm_fail(err, IDM_CORRUPT, "%s holds no keys", name);
	return IDM_OK;
}

enum idm_result
idm_unpack_keys(const struct idm_workdir *work, struct idm_span passphrase, struct idm_arena *arena,
    struct idm_key_texts *out, struct idm_error *err)
{
	enum idm_result result =
	    open_keys(work, PASSWORD_SEALED, passphrase, arena, &out->password, err);

	if (result != IDM_OK)
		return result;
	return open_keys(work, RADIUS_SEALED, passphrase, arena, &out->radius, err);
}
