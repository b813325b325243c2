#include "ldapd/scheduled_backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/privilege.h"
#include "core/backup.h"
#include "core/dbfile.h"
#include "core/passphrase.h"
#include "ldapd/log.h"
#include "ldapd/sandbox.h"

/* "kanidm-20261124T220000Z.backup": by its name a list of them is in the order of time. */
#define NAME_FORMAT "kanidm-%Y%m%dT%H%M%SZ.backup"
#define NAME_SHAPE "kanidm-########T######Z.backup"
#define PART_SUFFIX ".part"

enum { NAME_BYTES = sizeof(NAME_SHAPE), FINDINGS_TOLD = 20, VERSIONS_SEEN_MAX = 4096 };

/* Is it one of ours, with `suffix` behind it?  Nothing else in the directory is touched. */
static bool
is_backup(const char *name, const char *suffix)
{
	for (const char *shape = NAME_SHAPE; *shape != '\0'; shape++, name++) {
		if (*shape == '#' ? *name < '0' || *name > '9' : *name != *shape)
			return false;
	}
	return strcmp(name, suffix) == 0;
}

/* --- the passphrase, which root reads */

/* The first line; *len 0: no file is named. */
static enum idm_result
read_passphrase(const struct server_config *config, char out[IDM_PASSPHRASE_MAX_BYTES + 2],
    struct idm_error *err)
{
	const char *path = config->online_backup_passphrase_file;
	FILE *file;
	bool got;

	out[0] = '\0';
	if (path[0] == '\0')
		return IDM_OK;
	file = fopen(path, "re");
	if (file == NULL)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
	setvbuf(file, NULL, _IONBF, 0); /* its buffer would keep it */
	got = fgets(out, IDM_PASSPHRASE_MAX_BYTES + 2, file) != NULL;
	fclose(file);
	out[strcspn(out, "\r\n")] = '\0';
	if (!got || strlen(out) < IDM_PASSPHRASE_MIN_BYTES)
		return idm_fail(err, IDM_INVALID,
		    "%s: its first line is no passphrase of %d or more", path,
		    IDM_PASSPHRASE_MIN_BYTES);
	return IDM_OK;
}

/* --- making one */

static void
tell_finding(void *ctx, enum idm_finding kind, const char *text)
{
	(void)ctx;
	(void)kind;
	log_error("backup: the database is damaged: %s", text);
}

static void
tell_nothing(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	(void)ctx;
	(void)what;
	(void)done;
	(void)total;
}

static enum idm_result
fill(const struct server_config *config, const char *passphrase, int fd,
    struct idm_verify_totals *totals, struct idm_error *err)
{
	const struct idm_backup ask = { .db_dir = config->db_path,
		.key_dir = config->key_path,
		.fd = fd,
		.passphrase = idm_span_cstr(passphrase),
		.now_s = clock_now_s(),
		.report = {
		    .most = FINDINGS_TOLD, .finding = tell_finding, .progress = tell_nothing } };

	return idm_backup(&ask, totals, err);
}

/* Under its name when it is whole; `name` is in the directory `dir_fd`. */
static enum idm_result
make(const struct server_config *config, const char *passphrase, int dir_fd, const char *name,
    struct idm_verify_totals *totals, struct idm_error *err)
{
	char part[NAME_BYTES + sizeof(PART_SUFFIX)];
	enum idm_result result;
	int fd;

	snprintf(part, sizeof(part), "%s" PART_SUFFIX, name);
	fd = openat(dir_fd, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return idm_fail(err, IDM_SYSTEM, "%s/%s: %s", config->online_backup_path, part,
		    strerror(errno));
	result = fill(config, passphrase, fd, totals, err);
	close(fd);
	if (result == IDM_OK && renameat2(dir_fd, part, dir_fd, name, RENAME_NOREPLACE) != 0)
		result = idm_fail(err, IDM_SYSTEM, "%s/%s: %s", config->online_backup_path, name,
		    strerror(errno));
	if (result == IDM_OK)
		return idm_dbfile_sync_directory(config->online_backup_path, err);
	unlinkat(dir_fd, part, 0);
	return result;
}

/* --- those that are there */

static int
compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* What a killed one left goes first: it may be why there is no room. */
static void
clear_parts(DIR *dir)
{
	const struct dirent *entry;

	while ((entry = readdir(dir)) != NULL) {
		if (is_backup(entry->d_name, PART_SUFFIX))
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
}

/* The oldest go, as many as are too many. */
static void
prune(const struct server_config *config, DIR *dir)
{
	char(*names)[NAME_BYTES] = calloc(VERSIONS_SEEN_MAX, NAME_BYTES);
	const struct dirent *entry;
	size_t count = 0;

	if (names == NULL)
		return;
	rewinddir(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (is_backup(entry->d_name, "") && count < VERSIONS_SEEN_MAX)
			memcpy(names[count++], entry->d_name, NAME_BYTES);
	}
	qsort(names, count, NAME_BYTES, compare_names);
	for (size_t i = 0; i + config->online_backup_versions < count; i++) {
		if (unlinkat(dirfd(dir), names[i], 0) == 0)
			log_info("backup: %s/%s is removed: %u are kept",
			    config->online_backup_path, names[i], config->online_backup_versions);
	}
	free(names);
}

static enum idm_result
run(const struct server_config *config, const char *passphrase, struct idm_error *err)
{
	struct idm_verify_totals totals;
	char name[NAME_BYTES];
	time_t now = (time_t)clock_now_s();
	DIR *dir = opendir(config->online_backup_path);
	struct tm tm;
	enum idm_result result;

	if (dir == NULL)
		return idm_fail(
		    err, IDM_SYSTEM, "%s: %s", config->online_backup_path, strerror(errno));
	clear_parts(dir);
	strftime(name, sizeof(name), NAME_FORMAT, gmtime_r(&now, &tm));
	result = make(config, passphrase, dirfd(dir), name, &totals, err);
	/* A damaged one can't be restored: the older ones are what is left. */
	if (result == IDM_OK && totals.findings == 0)
		prune(config, dir);
	closedir(dir);
	if (result != IDM_OK)
		return result;
	if (totals.findings != 0)
		return idm_fail(err, IDM_CORRUPT,
		    "the database is damaged: %" PRIu64
		    " findings; %s/%s can't be restored, and no "
		    "older backup was removed",
		    totals.findings, config->online_backup_path, name);
	log_info("backup: %s/%s: %" PRIu64 " entries, up to change %" PRIu64 "%s",
	    config->online_backup_path, name, totals.entries, totals.no,
	    passphrase[0] == '\0' ? "; the key rings are not in it" : "");
	return IDM_OK;
}

int
scheduled_backup_run(const struct server_config *config)
{
	char passphrase[IDM_PASSPHRASE_MAX_BYTES + 2];
	struct idm_error err = { .text = "" };
	enum idm_result result = read_passphrase(config, passphrase, &err);

	if (result == IDM_OK)
		result = privilege_drop(config->core_user, config->read_group, &err);
	if (result == IDM_OK)
		result = sandbox_common(&err);
	if (result == IDM_OK)
		result = run(config, passphrase, &err);
	explicit_bzero(passphrase, sizeof(passphrase));
	if (result != IDM_OK)
		log_error("backup: %s", err.text);
	return result == IDM_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
