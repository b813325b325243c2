/* What configtest looks at besides the file: each thing that would keep the server from starting.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "ldapd/check.h"
#include "tests/support/certificate.h"
#include "tests/support/server.h"
#include "tests/support/store_dir.h"

/* A configuration with which the server starts, in *state. */
static int
setup(void **state)
{
	struct server *s;

	server_setup_core(state);
	s = *state;
	/* Those of every Debian: who runs this may be root. */
	snprintf(s->config.core_user, sizeof(s->config.core_user), "nobody");
	snprintf(s->config.worker_user, sizeof(s->config.worker_user), "nobody");
	snprintf(s->config.read_group, sizeof(s->config.read_group), "nogroup");
	return 0;
}

static void
expect(const struct server_config *config, const char *text)
{
	struct idm_error err = { .text = "" };
	enum idm_result result = check_configuration(config, &err);

	if (text == NULL && result != IDM_OK)
		fail_msg("%s", err.text);
	if (text != NULL && (result == IDM_OK || strstr(err.text, text) == NULL))
		fail_msg("%s: %s", idm_result_name(result), err.text);
}

static void
what_would_start_passes_while_it_runs_too(void **state)
{
	struct server *s = *state;

	expect(&s->config, NULL);
}

static void
an_empty_directory_is_a_first_start(void **state)
{
	struct server *s = *state;
	struct server_config config = s->config;

	snprintf(config.db_path, sizeof(config.db_path), "%s/new", s->dir);
	snprintf(config.key_path, sizeof(config.key_path), "%s/new", s->dir);
	assert_int_equal(mkdir(config.db_path, 0700), 0);
	expect(&config, NULL);
	assert_int_equal(rmdir(config.db_path), 0); /* nothing was made in it */
}

static void
a_directory_that_is_missing_is_told(void **state)
{
	struct server *s = *state;
	struct server_config config = s->config;

	snprintf(config.db_path, sizeof(config.db_path), "%s/none", s->dir);
	expect(&config, "db_path");
	config = s->config;
	snprintf(config.key_path, sizeof(config.key_path), "%s/none", s->dir);
	expect(&config, "key_path");
	snprintf(config.key_path, sizeof(config.key_path), "%s/chain.pem", s->dir);
	expect(&config, "not a directory");
}

static void
another_domain_s_database_is_told(void **state)
{
	struct server *s = *state;
	struct server_config config = s->config;

	snprintf(config.domain, sizeof(config.domain), "other.example.com");
	expect(&config, "other.example.com");
}

static void
a_certificate_that_does_not_do_is_told(void **state)
{
	struct server *s = *state;
	struct server_config config = s->config;

	snprintf(config.tls_chain, sizeof(config.tls_chain), "%s/none.pem", s->dir);
	expect(&config, "none.pem");
	config.ldapbindaddress_count = 0; /* nobody needs it */
	expect(&config, NULL);
	config = s->config;
	certificate_write(config.tls_chain, config.tls_key, -7200, -3600, NULL);
	expect(&config, "has expired");
	certificate_write(config.tls_chain, config.tls_key, -3600, 3600, NULL);
}

static void
key_rings_that_do_not_do_are_told(void **state)
{
	struct server *s = *state;
	char path[128];
	uint8_t *bytes;
	size_t len;

	snprintf(path, sizeof(path), "%s/radius.keys", s->dir);
	bytes = store_dir_load(path, &len);
	store_dir_save(path, bytes, len / 2);
	expect(&s->config, "radius.keys");
	store_dir_save(path, bytes, len);
	free(bytes);
	expect(&s->config, NULL);
}

/* Root becomes somebody else, whom there must be; who is not root stays who he is. */
static void
users_that_are_missing_are_told_to_root(void **state)
{
	struct server *s = *state;
	struct server_config config = s->config;
	bool root = geteuid() == 0;

	snprintf(config.core_user, sizeof(config.core_user), "no-such-user");
	expect(&config, root ? "there is no user no-such-user" : NULL);
	config = s->config;
	snprintf(config.worker_user, sizeof(config.worker_user), "no-such-user");
	expect(&config, root ? "there is no user no-such-user" : NULL);
	config = s->config;
	snprintf(config.read_group, sizeof(config.read_group), "no-such-group");
	expect(&config, root ? "there is no group no-such-group" : NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_would_start_passes_while_it_runs_too),
		cmocka_unit_test(an_empty_directory_is_a_first_start),
		cmocka_unit_test(a_directory_that_is_missing_is_told),
		cmocka_unit_test(another_domain_s_database_is_told),
		cmocka_unit_test(a_certificate_that_does_not_do_is_told),
		cmocka_unit_test(key_rings_that_do_not_do_are_told),
		cmocka_unit_test(users_that_are_missing_are_told_to_root),
	};

	return cmocka_run_group_tests(tests, setup, server_teardown);
}
