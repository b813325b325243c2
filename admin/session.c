#include "admin/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/prompt.h"

enum { PATH_BYTES = 4096 };

static const char *
cache_path(char out[PATH_BYTES])
{
	const char *path = getenv("KANIDM_TOKEN_CACHE_PATH");
	const char *home = getenv("HOME");

	snprintf(out, PATH_BYTES, "%s%s",
	    path != NULL   ? path
	    : home != NULL ? home
			   : "",
	    path != NULL ? "" : "/.cache/kanidm_tokens");
	return out;
}

/* Each session has a token, but anonymous', who needs none: it binds without. */
static bool
is_cache(json_t *sessions)
{
	const char *name;
	json_t *session;

	json_object_foreach(sessions, name, session)
	{
		bool token = json_is_string(json_object_get(session, "token"));

		if (!json_is_object(session) || (!token && strcmp(name, "anonymous") != 0))
			return false;
	}
	return json_is_object(sessions);
}

json_t *
session_load(const struct cli *cli)
{
	char path[PATH_BYTES];
	json_error_t error;
	struct stat st;
	json_t *sessions;
	int fd = open(cache_path(path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		return json_object();
	if (fd < 0 || fstat(fd, &st) != 0) {
		cli_fail(cli, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	if ((st.st_mode & 077) != 0 || st.st_uid != geteuid()) {
		close(fd);
		cli_fail(cli,
		    "%s holds sessions and may be read by others: chmod 600 it, or log in anew",
		    path);
		return NULL;
	}
	sessions = json_loadfd(fd, JSON_REJECT_DUPLICATES, &error);
	close(fd);
	if (!is_cache(sessions)) {
		json_decref(sessions);
		cli_fail(cli, "%s is damaged: remove it, and log in anew", path);
		return NULL;
	}
	return sessions;
}

/* The directory may be missing in a new home. */
static void
make_directory(const char *path)
{
	char dir[PATH_BYTES];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash == NULL || slash == dir)
		return;
	*slash = '\0';
	mkdir(dir, 0700);
}

/* One at a time: PATH.lock is held until it is closed.  -1 after it said why. */
static int
lock(const struct cli *cli)
{
	char path[PATH_BYTES];
	char lock_path[PATH_BYTES + 8];
	int fd;

	snprintf(lock_path, sizeof(lock_path), "%s.lock", cache_path(path));
	make_directory(path);
	fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) != 0) {
		cli_fail(cli, "%s: %s", lock_path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* In place of what was there: whole, or not at all. */
static int
store(const struct cli *cli, json_t *sessions)
{
	char path[PATH_BYTES];
	char temporary[PATH_BYTES + 16];
	bool stored;
	int fd;

	snprintf(temporary, sizeof(temporary), "%s.%ld", cache_path(path), (long)getpid());
	unlink(temporary); /* of an earlier process with our number, which did not finish */
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return cli_fail(cli, "%s: %s", path, strerror(errno));
	stored = json_dumpfd(sessions, fd, JSON_INDENT(1) | JSON_SORT_KEYS) == 0 &&
		 fsync(fd) == 0 && rename(temporary, path) == 0;
	close(fd);
	if (stored)
		return CLI_DONE;
	unlink(temporary);
	return cli_fail(cli, "%s: %s", path, strerror(errno));
}

int
session_put(const struct cli *cli, const char *name, json_t *session)
{
	int fd = lock(cli);
	json_t *sessions = fd < 0 ? NULL : session_load(cli);
	int status = CLI_FAILED;

	if (sessions != NULL) {
		if (session == NULL)
			json_object_del(sessions, name);
		else
			json_object_set(sessions, name, session);
		status = store(cli, sessions);
		json_decref(sessions);
	}
	if (fd >= 0)
		close(fd);
	return status;
}

static const char *
ask_which(json_t *sessions)
{
	char line[PROMPT_BYTES];
	const char *name;
	json_t *value;
	long number = 0;

	fputs("Several are logged in. Who acts?\n", stderr);
	json_object_foreach(sessions, name, value) fprintf(stderr, "%ld  %s\n", ++number, name);
	if (!prompt_line("Number: ", line))
		return NULL;
	number = strtol(line, NULL, 10);
	json_object_foreach(sessions, name, value) if (--number == 0) return name;
	return NULL;
}

/* Who is logged in, for a message. */
static void
list_names(json_t *sessions, char *out, size_t size)
{
	const char *name;
	json_t *value;
	size_t len = 0;

	out[0] = '\0';
	json_object_foreach(sessions, name, value)
	{
		if (len < size)
			len += (size_t)snprintf(
			    out + len, size - len, "%s%s", len == 0 ? "" : ", ", name);
	}
}

const char *
session_choose(struct cli *cli, json_t *sessions)
{
	const char *name = NULL;
	char names[512];

	if (cli->name != NULL)
		return cli->name;
	if (json_object_size(sessions) == 1)
		return json_object_iter_key(json_object_iter(sessions));
	if (json_object_size(sessions) == 0) {
		cli_fail(cli, "nobody is logged in: `kanidm login -D NAME` first");
		return NULL;
	}
	if (prompt_is_terminal())
		name = ask_which(sessions);
	if (name == NULL) {
		list_names(sessions, names, sizeof(names));
		cli_fail(cli, "several are logged in: say who acts with -D NAME, one of %s", names);
	}
	return name;
}
