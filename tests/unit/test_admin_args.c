/* The command line of `kanidm`: both grammars, options anywhere, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "admin/args.h"

enum { LINE_WORDS = 300 };

static struct cli cli;
static struct args args;
static char line[1400];
static char *argv[LINE_WORDS + 1];
static char said[4096];

/* Parse `text`, cut at its blanks; what is said on stderr goes into `said`. */
static int
parse(const char *text)
{
	FILE *file = tmpfile();
	int saved, argc = 0, status;

	assert_non_null(file);
	saved = dup(STDERR_FILENO);
	assert_true(saved >= 0);
	snprintf(line, sizeof(line), "kanidm %s", text);
	for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " ")) {
		assert_true(argc < LINE_WORDS);
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	args_free(&args);
	cli = (struct cli){ .command = "" };
	fflush(stderr);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	status = args_parse(&cli, argc, argv, &args);
	fflush(stderr);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	rewind(file);
	said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
	fclose(file);
	return status;
}

/* The command that a line names. */
static int (*run_of(const char *text))(struct cli *)
{
	assert_int_equal(parse(text), CLI_DONE);
	assert_non_null(args.command);
	return args.command->run;
}

static int
set_up(void **state)
{
	(void)state;
	unsetenv("KANIDM_OUTPUT");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	args_free(&args);
	unsetenv("KANIDM_OUTPUT");
	return 0;
}

/* --- words */

static void
every_line_of_the_chapter_names_its_command(void **state)
{
	(void)state;
	assert_ptr_equal(run_of("login -D admin"), cmd_login);
	assert_ptr_equal(run_of("service-account credential generate-pw -D admin idm_admin"),
	    cmd_credential_generate);
	assert_ptr_equal(run_of("group list"), cmd_group_list);
	assert_ptr_equal(run_of("group get idm_admins"), cmd_group_get);
	assert_ptr_equal(run_of("account create demo Demo --name idm_admin"), cmd_account_create);
	assert_ptr_equal(run_of("account get demo --name idm_admin"), cmd_account_get);
	assert_ptr_equal(run_of("group create g --name idm_admin"), cmd_group_create);
	assert_ptr_equal(run_of("group add_members g demo"), cmd_group_add_members);
	assert_ptr_equal(run_of("group list_members g"), cmd_group_list_members);
	assert_ptr_equal(
	    run_of("account person update demo --legalname x --mail a@b"), cmd_account_update);
	assert_ptr_equal(run_of("account credential update demo"), cmd_credential_update);
	assert_ptr_equal(run_of("self whoami --name demo"), cmd_self_whoami);
	assert_ptr_equal(run_of("service-account create svc Service"), cmd_account_create);
	assert_ptr_equal(run_of("service-account get svc"), cmd_account_get);
	assert_ptr_equal(run_of("account validity show demo"), cmd_validity_show);
	assert_ptr_equal(run_of("account validity begin_from demo any"), cmd_validity_begin_from);
	assert_ptr_equal(run_of("account validity expire_at demo never"), cmd_validity_expire_at);
}

static void
hyphens_and_underscores_are_alike(void **state)
{
	static const char *const lines[] = { "group add_members g m", "group add-members g m",
		"service_account credential generate_pw x",
		"service-account credential generate-pw x", "person radius show-secret x",
		"person radius show_secret x" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i += 2)
		assert_ptr_equal(run_of(lines[i]), run_of(lines[i + 1]));
}

static void
the_subject_is_the_first_word_in_one_spelling(void **state)
{
	(void)state;
	assert_int_equal(parse("service-account get x"), CLI_DONE);
	assert_string_equal(cli.subject, "service_account");
	assert_int_equal(parse("person get x"), CLI_DONE);
	assert_string_equal(cli.subject, "person");
	assert_int_equal(parse("account person update x -n y"), CLI_DONE);
	assert_string_equal(cli.subject, "account");
}

static void
the_command_is_kept_as_it_was_typed(void **state)
{
	(void)state;
	assert_int_equal(parse("service-account credential generate-pw svc"), CLI_DONE);
	assert_string_equal(cli.command, "service-account credential generate-pw");
	assert_int_equal(cli.arg_count, 1);
	assert_string_equal(cli.args[0], "svc");
	assert_null(cli.args[1]);
}

static void
an_account_may_have_the_name_of_a_command(void **state)
{
	(void)state;
	assert_ptr_equal(run_of("account update person -n y"), cmd_account_update);
	assert_string_equal(cli.args[0], "person");
	assert_ptr_equal(run_of("account get list"), cmd_account_get);
	assert_string_equal(cli.args[0], "list");
}

static void
what_names_no_command_is_usage(void **state)
{
	static const char *const lines[] = { "", "frobnicate", "account", "account frob", "group",
		"session", "ACCOUNT get x", "accountget x", "serviceaccount get x", "acc get x" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i]), CLI_USAGE);
		assert_non_null(strstr(said, "usage: kanidm "));
	}
}

static void
usage_shows_what_begins_as_the_line_does(void **state)
{
	(void)state;
	assert_int_equal(parse("account validity frob"), CLI_USAGE);
	assert_non_null(strstr(said, "validity show"));
	assert_non_null(strstr(said, "validity expire_at"));
	assert_null(strstr(said, "credential"));
	assert_null(strstr(said, "group"));
}

static void
too_few_and_too_many_operands_are_usage(void **state)
{
	static const char *const lines[] = { "account get", "account get a b", "account create a",
		"account create a b c", "group add_members g", "group purge_members", "login a",
		"logout a b", "version x", "account validity expire_at a" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i]), CLI_USAGE);
		assert_non_null(strstr(said, "usage: kanidm "));
	}
}

static void
members_may_be_many(void **state)
{
	(void)state;
	assert_int_equal(parse("group set-members g a b c d e f"), CLI_DONE);
	assert_int_equal(cli.arg_count, 7);
	assert_string_equal(cli.args[6], "f");
	assert_null(cli.args[7]);
}

/* --- options */

static void
options_may_stand_anywhere(void **state)
{
	static const char *const lines[] = { "--name admin account get x -o json",
		"account --name admin get -o json x", "account get x -Dadmin --output=json",
		"-ojson account get x --name=admin", "account -D admin get --output json x" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i]), CLI_DONE);
		assert_string_equal(cli.name, "admin");
		assert_true(cli.json);
		assert_string_equal(cli.args[0], "x");
		assert_int_equal(cli.arg_count, 1);
	}
}

static void
each_global_option_is_taken(void **state)
{
	(void)state;
	assert_int_equal(parse("group list -H ldaps://h -C /ca.pem -d --yes -o text"), CLI_DONE);
	assert_string_equal(cli.url, "ldaps://h");
	assert_string_equal(cli.ca, "/ca.pem");
	assert_true(cli.debug);
	assert_true(cli.yes);
	assert_false(cli.json);
	assert_null(cli.name);
}

static void
behind_two_hyphens_nothing_is_an_option(void **state)
{
	(void)state;
	assert_int_equal(parse("account get -- --name"), CLI_DONE);
	assert_string_equal(cli.args[0], "--name");
	assert_null(cli.name);
	assert_int_equal(parse("account get -"), CLI_DONE);
	assert_string_equal(cli.args[0], "-");
}

static void
a_wrong_option_is_named(void **state)
{
	static const char *const lines[][2] = { { "group list --frob", "--frob" },
		{ "group list -x", "-x" }, { "group list --nam x", "--nam" },
		{ "group list --yes=1", "--yes=1" }, { "group list -dx", "-dx" },
		{ "group list --name", "--name" }, { "group list -o", "--output" },
		{ "group list -o yaml", "yaml" },
		{ "group list --output=", "output is text or json" } };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i][0]), CLI_USAGE);
		assert_non_null(strstr(said, lines[i][1]));
	}
}

static void
details_belong_to_update_alone(void **state)
{
	(void)state;
	assert_int_equal(
	    parse("account update x -l L -i I -n N -m a@b --mail c@d --description D"), CLI_DONE);
	assert_string_equal(cli.legalname, "L");
	assert_string_equal(cli.displayname, "I");
	assert_string_equal(cli.newname, "N");
	assert_string_equal(cli.description, "D");
	assert_int_equal(cli.mails.count, 2);
	assert_string_equal(cli.mails.list[0], "a@b");
	assert_string_equal(cli.mails.list[1], "c@d");
	assert_null(cli.mails.list[2]);
	assert_int_equal(parse("account get x --mail a@b"), CLI_USAGE);
	assert_non_null(strstr(said, "--mail"));
	assert_int_equal(parse("account create x y --legalname z"), CLI_USAGE);
}

static void
each_command_takes_its_own_options(void **state)
{
	(void)state;
	assert_ptr_equal(run_of("system schema attribute create badge utf8 --multi --unique "
				"--index equality --index substring --description B"),
	    cmd_attribute_create);
	assert_true(cli.multi && cli.unique && !cli.single && !cli.not_unique);
	assert_int_equal(cli.index.count, 2);
	assert_string_equal(cli.index.list[1], "substring");
	assert_string_equal(cli.args[0], "badge");
	assert_string_equal(cli.args[1], "utf8");
	assert_ptr_equal(run_of("system schema attribute update badge --not-unique --single"),
	    cmd_attribute_update);
	assert_true(cli.not_unique && cli.single);
	assert_ptr_equal(
	    run_of("system schema class create employee --must legalname --may badge --may mail"),
	    cmd_class_create);
	assert_string_equal(cli.must.list[0], "legalname");
	assert_int_equal(cli.may.count, 2);
	assert_ptr_equal(run_of("system schema class delete employee"), cmd_class_delete);
	assert_ptr_equal(run_of("audit list --since T --until U --actor a --target t --outcome ok "
				"--operation login --limit 5"),
	    cmd_audit_list);
	assert_string_equal(cli.since, "T");
	assert_string_equal(cli.until, "U");
	assert_string_equal(cli.actor, "a");
	assert_string_equal(cli.target, "t");
	assert_string_equal(cli.outcome, "ok");
	assert_string_equal(cli.operation, "login");
	assert_string_equal(cli.limit, "5");
	assert_ptr_equal(run_of("audit verify"), cmd_audit_verify);
	assert_ptr_equal(run_of("audit verify --head 7:abc"), cmd_audit_verify);
	assert_string_equal(cli.head, "7:abc");
	assert_int_equal(parse("audit verify --limit 5"), CLI_USAGE);
	assert_int_equal(parse("group list --since T"), CLI_USAGE);
	assert_int_equal(parse("system schema class create employee --multi"), CLI_USAGE);
	assert_non_null(strstr(said, "--multi is no option of this command"));
	assert_int_equal(parse("system schema attribute create badge utf8 --may x"), CLI_USAGE);
	assert_int_equal(parse("system schema attribute list --index equality"), CLI_USAGE);
	assert_int_equal(parse("account update x --must y"), CLI_USAGE);
	assert_int_equal(parse("system schema attribute create badge"), CLI_USAGE);
	assert_int_equal(parse("system schema"), CLI_USAGE);
	assert_non_null(strstr(said, "system schema class create"));
}

static void
more_mails_than_there_is_room_for_are_refused(void **state)
{
	char text[1200] = "account update x";

	(void)state;
	for (int i = 1; i < CLI_VALUES_MAX; i++)
		strcat(text, " -m a@b");
	assert_int_equal(parse(text), CLI_DONE);
	assert_int_equal(cli.mails.count, CLI_VALUES_MAX - 1);
	assert_null(cli.mails.list[CLI_VALUES_MAX - 1]);
	strcat(text, " -m a@b");
	assert_int_equal(parse(text), CLI_USAGE);
}

static void
the_environment_chooses_the_output_where_no_option_does(void **state)
{
	(void)state;
	setenv("KANIDM_OUTPUT", "json", 1);
	assert_int_equal(parse("group list"), CLI_DONE);
	assert_true(cli.json);
	assert_int_equal(parse("group list -o text"), CLI_DONE);
	assert_false(cli.json);
	setenv("KANIDM_OUTPUT", "yaml", 1);
	assert_int_equal(parse("group list"), CLI_USAGE);
	assert_non_null(strstr(said, "yaml"));
	setenv("KANIDM_OUTPUT", "", 1);
	assert_int_equal(parse("group list"), CLI_DONE);
	unsetenv("KANIDM_OUTPUT");
}

static void
help_needs_no_whole_command(void **state)
{
	static const char *const lines[] = { "--help", "-h", "group --help", "account get --help",
		"account credential -h", "frobnicate --help" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i]), CLI_DONE);
		assert_true(args.help);
		assert_null(args.command);
		assert_string_equal(said, "");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_of_the_chapter_names_its_command),
		cmocka_unit_test(hyphens_and_underscores_are_alike),
		cmocka_unit_test(the_subject_is_the_first_word_in_one_spelling),
		cmocka_unit_test(the_command_is_kept_as_it_was_typed),
		cmocka_unit_test(an_account_may_have_the_name_of_a_command),
		cmocka_unit_test(what_names_no_command_is_usage),
		cmocka_unit_test(usage_shows_what_begins_as_the_line_does),
		cmocka_unit_test(too_few_and_too_many_operands_are_usage),
		cmocka_unit_test(members_may_be_many),
		cmocka_unit_test(options_may_stand_anywhere),
		cmocka_unit_test(each_global_option_is_taken),
		cmocka_unit_test(behind_two_hyphens_nothing_is_an_option),
		cmocka_unit_test(a_wrong_option_is_named),
		cmocka_unit_test(details_belong_to_update_alone),
		cmocka_unit_test(each_command_takes_its_own_options),
		cmocka_unit_test(more_mails_than_there_is_room_for_are_refused),
		cmocka_unit_test(the_environment_chooses_the_output_where_no_option_does),
		cmocka_unit_test(help_needs_no_whole_command),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
