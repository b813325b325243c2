/* What stands behind the options of `kanidm`: the environment, then the user's file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "admin/settings.h"
#include "tests/support/temp_dir.h"

static char dir[TEMP_DIR_BYTES];
static char config_dir[TEMP_DIR_BYTES + 16];
static char path[TEMP_DIR_BYTES + 32];
static struct cli cli;
static struct settings settings;
static char said[2048];

static int
make_home(void **state)
{
	(void)state;
	temp_dir_make("settings", dir, sizeof(dir));
	snprintf(config_dir, sizeof(config_dir), "%s/.config", dir);
	snprintf(path, sizeof(path), "%s/kanidm", config_dir);
	assert_int_equal(mkdir(config_dir, 0700), 0);
	return setenv("HOME", dir, 1);
}

static int
remove_home(void **state)
{
	(void)state;
	unlink(path);
	rmdir(config_dir);
	return rmdir(dir);
}

static int
forget(void **state)
{
	(void)state;
	cli = (struct cli){ .command = "test" };
	settings = (struct settings){ .uri = "" };
	unlink(path);
	unsetenv("KANIDM_URL");
	unsetenv("KANIDM_NAME");
	unsetenv("KANIDM_CA_PATH");
	return 0;
}

static void
write_file(const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static bool
load(void)
{
	FILE *ear = tmpfile();
	int saved;
	bool loaded;

	assert_non_null(ear);
	fflush(stderr);
	saved = dup(STDERR_FILENO);
	assert_true(saved >= 0 && dup2(fileno(ear), STDERR_FILENO) >= 0);
	loaded = settings_load(&cli, &settings);
	fflush(stderr);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	rewind(ear);
	said[fread(said, 1, sizeof(said) - 1, ear)] = '\0';
	fclose(ear);
	return loaded;
}

static void
without_anything_it_is_the_local_socket(void **state)
{
	(void)state;
	assert_true(load());
	assert_string_equal(cli.url, "ldapi://%2Frun%2Fkanidm%2Fldapi");
	assert_null(cli.name);
	assert_null(cli.ca);
}

static void
the_file_is_read(void **state)
{
	(void)state;
	write_file(
	    "# mine\nuri = \"ldaps://idm.example.com\"\nname = 'anna'\nca_path = \"/ca.pem\"\n"
	    "verify_ca = true\nverify_hostnames = true\n");
	assert_true(load());
	assert_string_equal(cli.url, "ldaps://idm.example.com");
	assert_string_equal(cli.name, "anna");
	assert_string_equal(cli.ca, "/ca.pem");
}

static void
the_environment_goes_before_the_file_and_options_before_both(void **state)
{
	(void)state;
	write_file("uri = \"ldaps://file\"\nname = \"file\"\n");
	setenv("KANIDM_URL", "ldaps://environment", 1);
	setenv("KANIDM_NAME", "environment", 1);
	setenv("KANIDM_CA_PATH", "", 1);
	cli.name = "option";
	assert_true(load());
	assert_string_equal(cli.url, "ldaps://environment");
	assert_string_equal(cli.name, "option");
	assert_null(cli.ca);
}

static void
a_bad_file_is_told_with_its_line_and_nothing_runs(void **state)
{
	static const char *const texts[][2] = { { "uri = \"x\"\nurl = \"y\"\n", ":2: url" },
		{ "uri = 5\n", ":1: uri" }, { "name = true\n", ":1: name" },
		{ "uri = ldaps://x\n", ":1: uri" }, { "[server]\nuri = \"x\"\n", ":1: [server]" },
		{ "uri = \"x\"\nuri = \"y\"\n", ":2: uri" },
		{ "verify_ca = false\n", ":1: verify_ca" },
		{ "verify_hostnames = \"no\"\n", ":1: verify_hostnames" } };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_file(texts[i][0]);
		assert_false(load());
		if (strstr(said, texts[i][1]) == NULL || strstr(said, path) == NULL)
			fail_msg("not \"%s\": %s", texts[i][1], said);
	}
}

static void
a_text_that_is_too_long_is_refused_and_not_cut(void **state)
{
	char text[400];

	(void)state;
	snprintf(text, sizeof(text), "name = \"%0299d\"\n", 1);
	write_file(text);
	assert_true(load());
	assert_int_equal(strlen(cli.name), 299);
	cli.name = NULL;
	snprintf(text, sizeof(text), "name = \"%0300d\"\n", 1);
	write_file(text);
	assert_false(load());
	assert_non_null(strstr(said, "name"));
}

static void
a_file_that_others_may_write_is_refused(void **state)
{
	(void)state;
	write_file("uri = \"ldaps://x\"\n");
	assert_int_equal(chmod(path, 0662), 0);
	assert_false(load());
	assert_non_null(strstr(said, path));
}

#define FRESH(test) cmocka_unit_test_setup(test, forget)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(without_anything_it_is_the_local_socket),
		FRESH(the_file_is_read),
		FRESH(the_environment_goes_before_the_file_and_options_before_both),
		FRESH(a_bad_file_is_told_with_its_line_and_nothing_runs),
		FRESH(a_text_that_is_too_long_is_refused_and_not_cut),
		FRESH(a_file_that_others_may_write_is_refused),
	};

	return cmocka_run_group_tests(tests, make_home, remove_home);
}
