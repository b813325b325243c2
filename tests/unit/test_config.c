/* server.toml: defaults, each key, and the exact text for each bad input. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/config.h"
#include "tests/support/temp_dir.h"

#define DOMAIN "domain = \"idm.example.com\"\n"

static char dir[TEMP_DIR_BYTES];
static char path[sizeof(dir) + 16];

static int
make_dir(void **state)
{
	(void)state;
	temp_dir_make("config", dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/s.toml", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void
write_file(const char *text, size_t len)
{
	FILE *file;

	unlink(path);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static enum idm_result
load(const char *text, struct server_config *config, struct idm_error *err)
{
	write_file(text, strlen(text));
	return config_load(path, config, err);
}

static void
load_well(const char *text, struct server_config *config)
{
	struct idm_error err = { .text = "" };

	if (load(text, config, &err) != IDM_OK)
		fail_msg("%s", err.text);
}

/* The text's first word is the file's name. */
static void
assert_refused(const char *text, const char *expected)
{
	struct server_config config;
	struct idm_error err = { .text = "" };
	size_t len = strlen(path);

	assert_int_equal(load(text, &config, &err), IDM_INVALID);
	assert_memory_equal(err.text, path, len);
	assert_string_equal(err.text + len, expected);
	assert_string_equal(err.client_text, "");
}

static void
a_file_with_the_domain_alone_has_the_defaults(void **state)
{
	struct server_config config, defaults;

	(void)state;
	load_well(DOMAIN, &config);
	config_defaults(&defaults);
	snprintf(defaults.domain, sizeof(defaults.domain), "idm.example.com");
	assert_memory_equal(&config, &defaults, sizeof(config));
	assert_string_equal(config.db_path, "/var/lib/kanidm");
	assert_string_equal(config.key_path, "/var/lib/kanidm/keys");
	assert_string_equal(config.ldapbindaddress[0].text, "127.0.0.1:3636");
	assert_int_equal(config.argon2.m_kib, 19456);
	assert_int_equal(config.argon2.t, 2);
	assert_int_equal(config.argon2.p, 1);
	assert_int_equal(config.audit_bytes, 268435456);
	assert_int_equal(config.limits.message_bytes_unbound, 65536);
	assert_int_equal(config.limits.filter_depth, 12);
	assert_true(config.workers >= 1);
	assert_true(config.limits.hash_pool_threads >= 1);
}

static void
the_example_shows_the_defaults(void **state)
{
	char text[16384];
	struct server_config config, defaults;
	FILE *file = fopen("config/server.toml", "re");
	size_t len;

	(void)state;
	assert_non_null(file); /* tests run from the top of the tree */
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	load_well(text, &config);
	config_defaults(&defaults);
	snprintf(defaults.domain, sizeof(defaults.domain), "idm.example.com");
	snprintf(defaults.tls_chain, sizeof(defaults.tls_chain), "/etc/kanidm/chain.pem");
	snprintf(defaults.tls_key, sizeof(defaults.tls_key), "/etc/kanidm/key.pem");
	assert_memory_equal(&config, &defaults, sizeof(config));
}

/* Each key of the example is one that changes something: none is there twice or for show. */
static void
every_key_is_read(void **state)
{
	static const char text[] =
	    "domain = 'x-1.example'  # literal\n"
	    "db_path = \"/a\"\n"
	    "tls_chain=\"/b\"\n"
	    "tls_key\t=\t\"/c\"\r\n"
	    "  ldapbindaddress = [ \"[::1]:636\", \"192.0.2.1:1\" , ] # two\n"
	    "ldapi_path = \"\"\n"
	    "metrics_address = \"[::1]:9\"\n"
	    "log_level = \"debug\"\n"
	    "workers = 3\n"
	    "core_user = \"a\"\nworker_user = \"b\"\nread_group = \"c_d\"\nradius_group = "
	    "\"_e-1\"\n"
	    "argon2_m_kib = 64\nargon2_t = 1\nargon2_p = 4\naudit_bytes = 1_048_576\n"
	    "[limits] # table\n"
	    "message_bytes_unbound = 1_024\nmessage_bytes = 1025\nconnections = 1\n"
	    "connections_per_source = 2\nhandshake_s = 3\nfirst_pdu_s = 4\npdu_s = 5\n"
	    "idle_unbound_s = 6\nidle_s = 7\nwrite_stall_s = 8\noutput_bytes = +16384\n"
	    "outstanding = 9\nsearch_entries = 10\nsort_bytes = 16_385\n"
	    "sort_total_bytes = 16386\nfilter_depth = 11\nfilter_nodes = 13\n"
	    "attributes = 14\ncontrols = 15\nhash_pool_threads = 16\nhash_queue = 17\n"
	    "verified_passwords = 18\nverified_s = 19";
	static const struct server_limits expected = { 1024, 1025, 1, 2, 3, 4, 5, 6, 7, 8, 16384, 9,
		10, 16385, 16386, 11, 13, 14, 15, 16, 17, 18, 19 };
	struct server_config config;

	(void)state;
	load_well(text, &config);
	assert_string_equal(config.domain, "x-1.example");
	assert_string_equal(config.db_path, "/a");
	assert_string_equal(config.key_path, "/a/keys");
	assert_string_equal(config.tls_chain, "/b");
	assert_string_equal(config.tls_key, "/c");
	assert_int_equal(config.ldapbindaddress_count, 2);
	assert_string_equal(config.ldapi_path, "");
	assert_string_equal(config.metrics_address.text, "[::1]:9");
	assert_int_equal(config.log_level, CONFIG_LOG_DEBUG);
	assert_int_equal(config.workers, 3);
	assert_string_equal(config.core_user, "a");
	assert_string_equal(config.worker_user, "b");
	assert_string_equal(config.read_group, "c_d");
	assert_string_equal(config.radius_group, "_e-1");
	assert_int_equal(config.argon2.m_kib, 64);
	assert_int_equal(config.argon2.t, 1);
	assert_int_equal(config.argon2.p, 4);
	assert_int_equal(config.audit_bytes, 1048576);
	assert_memory_equal(&config.limits, &expected, sizeof(expected));
}

static void
addresses_become_socket_addresses(void **state)
{
	struct server_config config;
	const struct config_address *first = &config.ldapbindaddress[0];
	const struct config_address *second = &config.ldapbindaddress[1];
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	(void)state;
	load_well(DOMAIN "ldapbindaddress = [\"[2001:db8::7]:636\", \"192.0.2.7:65535\"]", &config);
	memcpy(&v6, &first->addr, sizeof(v6));
	memcpy(&v4, &second->addr, sizeof(v4));
	assert_int_equal(first->addr_len, sizeof(v6));
	assert_int_equal(v6.sin6_family, AF_INET6);
	assert_int_equal(ntohs(v6.sin6_port), 636);
	assert_int_equal(v6.sin6_addr.s6_addr[0], 0x20);
	assert_int_equal(v6.sin6_addr.s6_addr[15], 7);
	assert_int_equal(second->addr_len, sizeof(v4));
	assert_int_equal(ntohs(v4.sin_port), 65535);
	assert_int_equal(ntohl(v4.sin_addr.s_addr), 0xc0000207);
	load_well(DOMAIN "ldapbindaddress = []", &config);
	assert_int_equal(config.ldapbindaddress_count, 0);
	load_well(DOMAIN "ldapbindaddress = \"[::]:636\"", &config);
	assert_int_equal(config.ldapbindaddress_count, 1);
}

static void
strings_have_the_escapes_of_toml(void **state)
{
	struct server_config config;

	(void)state;
	load_well(DOMAIN "db_path = \"/a\\\\b \\u00e9\\U0001F600 \\\" # ; '\"", &config);
	assert_string_equal(config.db_path, "/a\\b \xc3\xa9\xf0\x9f\x98\x80 \" # ; '");
	load_well(DOMAIN "db_path = '/a\\b\"'", &config);
	assert_string_equal(config.db_path, "/a\\b\"");
}

static void
a_long_line_is_whole(void **state)
{
	char line[1200];
	char long_path[CONFIG_PATH_BYTES];
	struct server_config config;

	(void)state;
	memset(long_path, 'x', sizeof(long_path));
	long_path[0] = '/';
	long_path[CONFIG_PATH_BYTES - 1] = '\0';
	snprintf(line, sizeof(line), DOMAIN "tls_key = \"/k\"\ntls_chain = \"%s\"\n", long_path);
	load_well(line, &config);
	assert_string_equal(config.tls_chain, long_path);
}

static const struct {
	const char *text;
	const char *error;
} refused[] = {
	/* lines */
	{ DOMAIN "domian", ":2: neither a comment nor a table nor a key; write KEY = VALUE" },
	{ DOMAIN "workers: 1", ":2: neither a comment nor a table nor a key; write KEY = VALUE" },
	{ DOMAIN "; old", ":2: neither a comment nor a table nor a key; write KEY = VALUE" },
	{ DOMAIN "= 1", ":2: neither a comment nor a table nor a key; write KEY = VALUE" },
	{ DOMAIN "\"workers\" = 1",
	    ":2: neither a comment nor a table nor a key; write KEY = VALUE" },
	{ DOMAIN "limits.pdu_s = 1",
	    ":2: neither a comment nor a table nor a key; write KEY = VALUE" },
	{ DOMAIN "[limits", ":2: no table; write [name]" },
	{ DOMAIN "[limits] x = 1", ":2: no table; write [name]" },
	{ DOMAIN "[[limits]]", ":2: no table; write [name]" },
	{ DOMAIN "[]", ":2: no table; write [name]" },
	{ DOMAIN "\n# c\n[users]\n", ":4: [users] is no table; write [limits]" },
	{ DOMAIN "[limits]\n[limits]\n", ":3: stands in line 2 already; write it once" },
	{ DOMAIN "[limits]\npdu_s = 1\npdu_s = 1\n",
	    ":4: pdu_s: stands in line 3 already; write it once" },
	{ DOMAIN "workers = 1\n workers = 1",
	    ":3: workers: stands in line 2 already; write it once" },
	{ DOMAIN "db_path = \"/\xff\"", ":2: no UTF-8; save the file as UTF-8" },
	/* keys */
	{ "dommain = \"x\"", ":1: dommain: unknown key; did you mean domain?" },
	{ DOMAIN "tls_certificate_of_mine = \"x\"", ":2: tls_certificate_of_mine: unknown key; see "
						    "server.toml(5) for those that there are" },
	{ DOMAIN "pdu_s = 1", ":2: pdu_s: unknown key; write it below [limits]" },
	{ DOMAIN "[limits]\nworkers = 1", ":3: workers: unknown key; write it above [limits]" },
	{ DOMAIN "Workers = 1", ":2: Workers: unknown key; did you mean workers?" },
	/* values */
	{ DOMAIN "workers =", ":2: workers: no value; write one behind the =" },
	{ DOMAIN "workers = # 1", ":2: workers: no value; write one behind the =" },
	{ "domain = idm.example.com", ":1: domain: no value; write a string in quotes: \"...\"" },
	{ DOMAIN "workers = 0x10", ":2: workers: no value; write a number, or a string in quotes" },
	{ DOMAIN "workers = 1.5", ":2: workers: text behind the value; a comment begins with #" },
	{ DOMAIN "workers = 1 2", ":2: workers: text behind the value; a comment begins with #" },
	{ DOMAIN "workers = 07", ":2: workers: no number; write decimal digits, no 0 in front" },
	{ DOMAIN "workers = -", ":2: workers: no number; write decimal digits, no 0 in front" },
	{ DOMAIN "workers = 1__0", ":2: workers: no value; write a number, or a string in quotes" },
	{ DOMAIN "workers = 1_", ":2: workers: no value; write a number, or a string in quotes" },
	{ DOMAIN "workers = 9223372036854775808", ":2: workers: a number out of range" },
	{ DOMAIN "workers = 11111111111111111111111111", ":2: workers: a number out of range" },
	{ DOMAIN "workers = 257",
	    ":2: workers: 257 is out of bounds; write a number from 0 to 256" },
	{ DOMAIN "workers = -1", ":2: workers: -1 is out of bounds; write a number from 0 to 256" },
	{ DOMAIN "workers = \"1\"", ":2: workers: is a string; write a number" },
	{ DOMAIN "workers = true", ":2: workers: is true or false; write a number" },
	{ DOMAIN "workers = [ \"1\" ]", ":2: workers: is a list; write a number" },
	{ DOMAIN "log_level = 1", ":2: log_level: is a number; write a string in quotes" },
	{ DOMAIN "ldapbindaddress = 636",
	    ":2: ldapbindaddress: is a number; write a string, or a list of strings" },
	{ DOMAIN "db_path = \"/a", ":2: db_path: the string does not end; write a \" behind it" },
	{ DOMAIN "db_path = '/a", ":2: db_path: the string does not end; write a ' behind it" },
	{ DOMAIN "db_path = \"\"\"/a\"\"\"",
	    ":2: db_path: text behind the value; a comment begins with #" },
	{ DOMAIN "db_path = \"/a\\x\"",
	    ":2: db_path: an unknown escape; write \\\\ for a backslash" },
	{ DOMAIN "db_path = \"/a\\\"",
	    ":2: db_path: the string does not end; write a \" behind it" },
	{ DOMAIN "db_path = \"/a\\u12\"",
	    ":2: db_path: \\u needs 4 hexadecimal digits, \\U needs 8" },
	{ DOMAIN "db_path = \"/a\\u0000\"",
	    ":2: db_path: \\u0000 is no character that may stand here" },
	{ DOMAIN "db_path = \"/a\\ud800\"",
	    ":2: db_path: \\ud800 is no character that may stand here" },
	{ DOMAIN "db_path = \"/a\x01\"", ":2: db_path: a control character; write it as \\uHHHH" },
	{ DOMAIN "ldapbindaddress = [ \"127.0.0.1:1\"",
	    ":2: ldapbindaddress: a list of strings; write it on one line: [ \"a\", \"b\" ]" },
	{ DOMAIN "ldapbindaddress = [ 636 ]",
	    ":2: ldapbindaddress: a list of strings; write it on one line: [ \"a\", \"b\" ]" },
	{ DOMAIN "ldapbindaddress = [\n\"127.0.0.1:1\"\n]",
	    ":2: ldapbindaddress: a list of strings; write it on one line: [ \"a\", \"b\" ]" },
	/* what the values say */
	{ "domain = \"Idm.example.com\"",
	    ":1: domain: \"Idm.example.com\" is no DNS name in lower case; write one such as "
	    "\"idm.example.com\"" },
	{ "domain = \"\"", ":1: domain: \"\" is no DNS name in lower case; write one such as "
			   "\"idm.example.com\"" },
	{ DOMAIN "db_path = \"run\"",
	    ":2: db_path: \"run\" is no absolute path; write one that begins with /" },
	{ DOMAIN "metrics_address = \"0.0.0.0:9637\"",
	    ":2: metrics_address: \"0.0.0.0:9637\" is not on loopback; write \"127.0.0.1:9637\" or "
	    "\"[::1]:9637\", or \"\" for none" },
	{ DOMAIN "metrics_address = \"[::ffff:127.0.0.1]:9637\"",
	    ":2: metrics_address: \"[::ffff:127.0.0.1]:9637\" is not on loopback; write "
	    "\"127.0.0.1:9637\" or \"[::1]:9637\", or \"\" for none" },
	{ DOMAIN "metrics_address = \"localhost:9637\"",
	    ":2: metrics_address: \"localhost:9637\" is no address and port; write one such as "
	    "\"127.0.0.1:9637\"" },
	{ DOMAIN "db_path = \"/a\\nb\"",
	    ":2: db_path: \"/a?b\" holds a control character; write it without" },
	{ DOMAIN "db_path = \"x234567890123456789012345678901234567\u00e9\u00e9\"",
	    ":2: db_path: \"x234567890123456789012345678901234567\xc3\xa9...\" is no absolute "
	    "path; "
	    "write one that begins with /" },
	{ DOMAIN "tls_chain = \"\"",
	    ":2: tls_chain: \"\" is no absolute path; write one that begins with /" },
	{ DOMAIN "log_level = \"loud\"", ":2: log_level: \"loud\" is no level; write \"error\", "
					 "\"warn\", \"info\" or \"debug\"" },
	{ DOMAIN "core_user = \"Root\"",
	    ":2: core_user: \"Root\" is no name of a system user or group; write one such as "
	    "\"kanidm\"" },
	{ DOMAIN "core_user = \"a2345678901234567890123456789012\\u0033\"",
	    ":2: core_user: too long; write at most 32 octets" },
	{ DOMAIN "ldapbindaddress = [ \"[::]:636\", \"[::]:636\" ]",
	    ":2: ldapbindaddress: \"[::]:636\" stands twice; write it once" },
	/* keys that must go together */
	{ "# nothing\n", ": domain: is missing; write a DNS name: domain = \"idm.example.com\"" },
	{ DOMAIN "tls_chain = \"/a\"", ": tls_key: is missing; write the file of tls_chain's key" },
	{ DOMAIN "tls_key = \"/a\"",
	    ": tls_chain: is missing; write the file of tls_key's certificate" },
	{ DOMAIN "[limits]\nmessage_bytes = 65535",
	    ": message_bytes: is less than message_bytes_unbound; write 65536 or more" },
};

static void
each_bad_input_is_told_with_its_place_and_remedy(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_refused(refused[i].text, refused[i].error);
}

static void
names_that_are_no_domain_are_refused(void **state)
{
	static const char *const wrong[] = { "a..b", ".a", "a.", "-a.b", "a-.b", "a_b.c", "a b",
		"192.0.2.1", "a.7",
		"x234567890123456789012345678901234567890123456789012345678901234.example" };
	static const char *const right[] = { "localdomain", "a.b", "7.example",
		"xn--bcher-kva.example",
		"x23456789012345678901234567890123456789012345678901234567890123.example" };
	struct server_config config;
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "domain = \"%s\"", wrong[i]);
		assert_int_equal(load(text, &config, NULL), IDM_INVALID);
	}
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		snprintf(text, sizeof(text), "domain = \"%s\"", right[i]);
		load_well(text, &config);
		assert_string_equal(config.domain, right[i]);
	}
}

static void
what_is_no_address_is_refused(void **state)
{
	static const char *const wrong[] = { "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", ":636",
		"127.0.0.1:65536", "127.0.0.1:0636", "127.0.0.1:+1", "127.1:636", "localhost:636",
		"::1:636", "[::1]", "[::1]636", "[]:636", "[127.0.0.1]:636", "[::1%lo]:636",
		"*:636", "127.0.0.1:636 ",
		"[2001:db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:636" };
	struct server_config config;
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), DOMAIN "ldapbindaddress = \"%s\"", wrong[i]);
		assert_int_equal(load(text, &config, NULL), IDM_INVALID);
	}
}

static void
a_file_that_others_may_write_is_refused(void **state)
{
	struct server_config config;
	struct idm_error err;
	char expected[128];

	(void)state;
	load_well(DOMAIN, &config);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(config_load(path, &config, &err), IDM_OK);
	assert_int_equal(chmod(path, 0660), 0);
	assert_int_equal(config_load(path, &config, &err), IDM_INVALID);
	snprintf(expected, sizeof(expected),
	    "%s: others than its owner may write it (mode 0660); chmod go-w it", path);
	assert_string_equal(err.text, expected);
	assert_int_equal(chmod(path, 0602), 0);
	assert_int_equal(config_load(path, &config, &err), IDM_INVALID);
}

static void
a_file_that_is_not_there_or_no_file_is_told(void **state)
{
	struct server_config config;
	struct idm_error err;
	char expected[128];

	(void)state;
	assert_int_equal(config_load("/nonexistent/s.toml", &config, &err), IDM_NOT_FOUND);
	assert_string_equal(err.text, "/nonexistent/s.toml: No such file or directory");
	assert_int_equal(config_load(dir, &config, &err), IDM_INVALID);
	snprintf(expected, sizeof(expected), "%s: not a regular file", dir);
	assert_string_equal(err.text, expected);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(config_load(path, &config, &err), IDM_INVALID); /* and does not wait */
}

static void
a_file_or_line_that_is_too_long_is_refused(void **state)
{
	size_t len = 70000;
	char *text = malloc(len + 1);
	struct server_config config;
	struct idm_error err;

	(void)state;
	assert_non_null(text);
	memset(text, '#', len);
	text[len] = '\0';
	text[4096] = '\n';
	assert_int_equal(load(text, &config, &err), IDM_INVALID);
	assert_string_equal(err.text + strlen(path), ": larger than 65536 octets");
	text[5000] = '\0';
	assert_int_equal(load(text, &config, &err), IDM_INVALID);
	assert_string_equal(err.text + strlen(path), ":1: a line of more than 4096 octets");
	free(text);
}

static void
a_nul_is_refused(void **state)
{
	static const char text[] = DOMAIN "#\0\n";
	struct server_config config;
	struct idm_error err;

	(void)state;
	write_file(text, sizeof(text) - 1);
	assert_int_equal(config_load(path, &config, &err), IDM_INVALID);
	assert_string_equal(err.text + strlen(path), ":2: a NUL; write text");
}

static void
the_mark_in_front_of_utf8_is_skipped(void **state)
{
	struct server_config config;

	(void)state;
	load_well("\xef\xbb\xbf" DOMAIN, &config);
	assert_string_equal(config.domain, "idm.example.com");
}

static void
a_long_file_name_loses_its_middle_and_not_the_message(void **state)
{
	char name[400];
	struct server_config config;
	struct idm_error err;

	(void)state;
	memset(name, 'x', sizeof(name));
	memcpy(name, "/etc/", 5);
	snprintf(name + sizeof(name) - 13, 13, "/server.toml");
	assert_int_not_equal(config_load(name, &config, &err), IDM_OK);
	assert_memory_equal(err.text, "/etc/", 5);
	assert_non_null(strstr(err.text, "..."));
	assert_non_null(strstr(err.text, "/server.toml: "));
	assert_true(strlen(err.text) < 140);
}

static void
a_server_needs_a_certificate_and_somewhere_to_listen(void **state)
{
	struct server_config config;
	struct idm_error err;

	(void)state;
	load_well(DOMAIN, &config);
	assert_int_equal(config_require_listeners(&config, "s.toml", &err), IDM_INVALID);
	assert_string_equal(
	    err.text, "s.toml: tls_chain: is missing; write the file of the certificate");
	load_well(DOMAIN "ldapbindaddress = []", &config);
	assert_int_equal(config_require_listeners(&config, "s.toml", &err), IDM_OK);
	load_well(DOMAIN "ldapbindaddress = []\nldapi_path = \"\"", &config);
	assert_int_equal(config_require_listeners(&config, "s.toml", &err), IDM_INVALID);
	assert_string_equal(
	    err.text, "s.toml: ldapbindaddress: is empty, and ldapi_path too; write one of them");
	load_well(DOMAIN "tls_chain = \"/a\"\ntls_key = \"/b\"", &config);
	assert_int_equal(config_require_listeners(&config, "s.toml", &err), IDM_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_with_the_domain_alone_has_the_defaults),
		cmocka_unit_test(the_example_shows_the_defaults),
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(addresses_become_socket_addresses),
		cmocka_unit_test(strings_have_the_escapes_of_toml),
		cmocka_unit_test(a_long_line_is_whole),
		cmocka_unit_test(each_bad_input_is_told_with_its_place_and_remedy),
		cmocka_unit_test(names_that_are_no_domain_are_refused),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(a_file_that_others_may_write_is_refused),
		cmocka_unit_test(a_file_that_is_not_there_or_no_file_is_told),
		cmocka_unit_test(a_file_or_line_that_is_too_long_is_refused),
		cmocka_unit_test(a_nul_is_refused),
		cmocka_unit_test(the_mark_in_front_of_utf8_is_skipped),
		cmocka_unit_test(a_long_file_name_loses_its_middle_and_not_the_message),
		cmocka_unit_test(a_server_needs_a_certificate_and_somewhere_to_listen),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
