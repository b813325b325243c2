/* The token cache: who may read it, that it is replaced whole, and who acts. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "admin/session.h"
#include "tests/support/temp_dir.h"

static char dir[TEMP_DIR_BYTES];
static char path[TEMP_DIR_BYTES + 32];
static char lock_path[TEMP_DIR_BYTES + 40];
static struct cli cli;
static char said[2048];

static int
make_dir(void **state)
{
	int in = open("/dev/null", O_RDONLY);

	(void)state;
	assert_true(in >= 0 && dup2(in, STDIN_FILENO) == STDIN_FILENO); /* nobody to ask */
	close(in);
	temp_dir_make("session", dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/cache/tokens", dir);
	snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
	return setenv("KANIDM_TOKEN_CACHE_PATH", path, 1);
}

static int
remove_dir(void **state)
{
	char cache[TEMP_DIR_BYTES + 8];

	(void)state;
	unlink(path);
	unlink(lock_path);
	snprintf(cache, sizeof(cache), "%s/cache", dir);
	rmdir(cache);
	return rmdir(dir);
}

static int
forget(void **state)
{
	(void)state;
	cli = (struct cli){ .command = "test" };
	unlink(path);
	return 0;
}

/* stderr into `said`, from listen() to hear(). */
static FILE *ear;
static int saved;

static void
listen_to_stderr(void)
{
	ear = tmpfile();
	assert_non_null(ear);
	fflush(stderr);
	saved = dup(STDERR_FILENO);
	assert_true(saved >= 0 && dup2(fileno(ear), STDERR_FILENO) >= 0);
}

static void
hear(void)
{
	fflush(stderr);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	rewind(ear);
	said[fread(said, 1, sizeof(said) - 1, ear)] = '\0';
	fclose(ear);
}

static void
put(const char *name, const char *token)
{
	json_t *session = json_pack("{s:s, s:I}", "token", token, "expire", (json_int_t)42);

	assert_int_equal(session_put(&cli, name, session), CLI_DONE);
	json_decref(session);
}

static void
write_cache(const char *text, mode_t mode)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
assert_refused(const char *reason)
{
	json_t *sessions;

	listen_to_stderr();
	sessions = session_load(&cli);
	hear();
	assert_null(sessions);
	if (strstr(said, reason) == NULL || strchr(said, '\n') != strrchr(said, '\n'))
		fail_msg("not one line with \"%s\": %s", reason, said);
}

/* --- the file */

static void
no_file_is_no_session(void **state)
{
	json_t *sessions = session_load(&cli);

	(void)state;
	assert_int_equal(json_object_size(sessions), 0);
	json_decref(sessions);
}

static void
what_is_put_is_loaded_and_what_is_taken_is_gone(void **state)
{
	json_t *sessions;

	(void)state;
	put("admin", "kt_a");
	put("idm_admin", "kt_b");
	put("admin", "kt_c");
	sessions = session_load(&cli);
	assert_int_equal(json_object_size(sessions), 2);
	assert_string_equal(
	    json_string_value(json_object_get(json_object_get(sessions, "admin"), "token")),
	    "kt_c");
	json_decref(sessions);
	assert_int_equal(session_put(&cli, "admin", NULL), CLI_DONE);
	assert_int_equal(session_put(&cli, "nobody", NULL), CLI_DONE);
	sessions = session_load(&cli);
	assert_int_equal(json_object_size(sessions), 1);
	assert_non_null(json_object_get(sessions, "idm_admin"));
	json_decref(sessions);
}

static void
the_file_is_the_owner_s_alone_whatever_the_umask(void **state)
{
	struct stat st;
	mode_t before = umask(0);

	(void)state;
	put("admin", "kt_a");
	umask(before);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(lock_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
the_file_is_replaced_and_not_written_over(void **state)
{
	struct stat first, second;

	(void)state;
	put("admin", "kt_a");
	assert_int_equal(stat(path, &first), 0);
	put("admin", "kt_b");
	assert_int_equal(stat(path, &second), 0);
	assert_int_not_equal(first.st_ino, second.st_ino);
}

static void
a_file_that_others_may_read_is_refused(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0660, 0644, 0620, 0601 };

	(void)state;
	put("admin", "kt_a");
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		assert_refused("chmod 600");
	}
	listen_to_stderr();
	assert_int_equal(session_put(&cli, "admin", NULL), CLI_FAILED);
	hear();
	assert_int_equal(chmod(path, 0600), 0);
}

static void
a_damaged_file_is_refused_and_stays_as_it_is(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "null", "\"x\"",
		"{\"admin\": \"kt_a\"}", "{\"admin\": {}}", "{\"admin\": {\"token\": 7}}",
		"{\"admin\": null}", "{\"anonymous\": []}",
		"{\"a\": {\"token\": \"x\"}, \"a\": {\"token\": \"y\"}}",
		"{\"admin\": {\"token\": \"x\"}} trailing" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct stat st;

		write_cache(texts[i], 0600);
		assert_refused("damaged");
		listen_to_stderr();
		assert_int_equal(session_put(&cli, "idm_admin", NULL), CLI_FAILED);
		hear();
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, strlen(texts[i]));
	}
}

static void
anonymous_alone_needs_no_token(void **state)
{
	json_t *sessions;

	(void)state;
	write_cache("{\"anonymous\": {\"spn\": \"anonymous\"}}", 0600);
	sessions = session_load(&cli);
	assert_int_equal(json_object_size(sessions), 1);
	json_decref(sessions);
}

static void
a_link_in_its_place_is_not_followed(void **state)
{
	char target[TEMP_DIR_BYTES + 16];

	(void)state;
	snprintf(target, sizeof(target), "%s/target", dir);
	write_cache("{}", 0600);
	assert_int_equal(rename(path, target), 0);
	assert_int_equal(symlink(target, path), 0);
	assert_refused(path);
	assert_int_equal(unlink(target), 0);
}

static void
a_place_that_cannot_be_written_is_named(void **state)
{
	json_t *session = json_pack("{s:s}", "token", "kt_a");

	(void)state;
	setenv("KANIDM_TOKEN_CACHE_PATH", "/dev/null/tokens", 1);
	listen_to_stderr();
	assert_int_equal(session_put(&cli, "admin", session), CLI_FAILED);
	hear();
	setenv("KANIDM_TOKEN_CACHE_PATH", path, 1);
	assert_non_null(strstr(said, "/dev/null/tokens"));
	json_decref(session);
}

/* Each process keeps a session of its own; none may undo another's. */
static void
commands_at_once_keep_all_their_sessions(void **state)
{
	enum { PROCESSES = 12 };
	json_t *sessions;
	int status, failed = 0;

	(void)state;
	for (int i = 0; i < PROCESSES; i++) {
		char name[16];
		json_t *session;

		snprintf(name, sizeof(name), "user%d", i);
		if (fork() != 0)
			continue;
		session = json_pack("{s:s}", "token", name);
		_exit(session_put(&cli, name, session));
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		failed += status != 0;
	}
	assert_int_equal(failed, 0);
	sessions = session_load(&cli);
	assert_int_equal(json_object_size(sessions), PROCESSES);
	json_decref(sessions);
}

/* --- who acts */

static void
the_name_that_is_given_acts(void **state)
{
	json_t *sessions = json_pack("{s:{s:s}}", "admin", "token", "x");

	(void)state;
	cli.name = "somebody";
	assert_string_equal(session_choose(&cli, sessions), "somebody");
	json_decref(sessions);
}

static void
the_only_one_that_is_logged_in_acts(void **state)
{
	json_t *sessions = json_pack("{s:{s:s}}", "admin", "token", "x");

	(void)state;
	assert_string_equal(session_choose(&cli, sessions), "admin");
	json_decref(sessions);
}

static void
nobody_and_several_are_told_what_to_do(void **state)
{
	json_t *none = json_object();
	json_t *two = json_pack("{s:{s:s}, s:{s:s}}", "a", "token", "x", "b", "token", "y");

	(void)state;
	listen_to_stderr();
	assert_null(session_choose(&cli, none));
	hear();
	assert_non_null(strstr(said, "kanidm login"));
	listen_to_stderr();
	assert_null(session_choose(&cli, two));
	hear();
	assert_non_null(strstr(said, "-D NAME"));
	json_decref(none);
	json_decref(two);
}

#define FRESH(test) cmocka_unit_test_setup(test, forget)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(no_file_is_no_session),
		FRESH(what_is_put_is_loaded_and_what_is_taken_is_gone),
		FRESH(the_file_is_the_owner_s_alone_whatever_the_umask),
		FRESH(the_file_is_replaced_and_not_written_over),
		FRESH(a_file_that_others_may_read_is_refused),
		FRESH(a_damaged_file_is_refused_and_stays_as_it_is),
		FRESH(anonymous_alone_needs_no_token),
		FRESH(a_link_in_its_place_is_not_followed),
		FRESH(a_place_that_cannot_be_written_is_named),
		FRESH(commands_at_once_keep_all_their_sessions),
		FRESH(the_name_that_is_given_acts),
		FRESH(the_only_one_that_is_logged_in_acts),
		FRESH(nobody_and_several_are_told_what_to_do),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
