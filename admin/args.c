#include "admin/args.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ACCOUNTS "account|person|service_account "

static const struct command commands[] = {
	{ "login", "[-D NAME]", 0, 0, 0, cmd_login },
	{ "logout", "[NAME]", 0, 1, 0, cmd_logout },
	{ "reauth", "", 0, 0, 0, cmd_reauth },
	{ "session list", "", 0, 0, 0, cmd_session_list },
	{ "session destroy", "SESSION_ID", 1, 1, 0, cmd_session_destroy },
	{ "session cleanup", "", 0, 0, 0, cmd_session_cleanup },
	{ "self whoami", "", 0, 0, 0, cmd_self_whoami },
	{ "version", "", 0, 0, 0, cmd_version },
	{ ACCOUNTS "list", "", 0, 0, 0, cmd_account_list },
	{ ACCOUNTS "search", "WORD", 1, 1, 0, cmd_account_search },
	{ ACCOUNTS "get", "ACCOUNT", 1, 1, 0, cmd_account_get },
	{ ACCOUNTS "create", "NAME DISPLAYNAME", 2, 2, 0, cmd_account_create },
	{ ACCOUNTS "update",
	    "ACCOUNT [--displayname TEXT] [--legalname TEXT] [--mail ADDRESS]... [--newname NAME] "
	    "[--description TEXT] [--entry-managed-by GROUP]",
	    1, 1, ARGS_ACCOUNT, cmd_account_update },
	{ "account person update",
	    "ACCOUNT [--displayname TEXT] [--legalname TEXT] [--mail ADDRESS]... [--newname NAME] "
	    "[--description TEXT] [--entry-managed-by GROUP]",
	    1, 1, ARGS_ACCOUNT, cmd_account_update },
	{ ACCOUNTS "delete", "ACCOUNT", 1, 1, 0, cmd_account_delete },
	{ "account|service_account into_person", "ACCOUNT", 1, 1, 0, cmd_account_into_person },
	{ ACCOUNTS "credential status", "ACCOUNT", 1, 1, 0, cmd_credential_status },
	{ ACCOUNTS "credential softlock_reset", "ACCOUNT", 1, 1, 0, cmd_credential_softlock_reset },
	{ ACCOUNTS "credential update", "ACCOUNT", 1, 1, 0, cmd_credential_update },
	{ ACCOUNTS "credential generate_pw", "ACCOUNT", 1, 1, 0, cmd_credential_generate },
	{ ACCOUNTS "credential generate", "ACCOUNT", 1, 1, 0, cmd_credential_generate },
	{ ACCOUNTS "api_token status", "ACCOUNT", 1, 1, 0, cmd_token_status },
	{ ACCOUNTS "api_token generate", "ACCOUNT LABEL [EXPIRY] [--rw]", 2, 3, ARGS_TOKEN,
	    cmd_token_generate },
	{ ACCOUNTS "api_token destroy", "ACCOUNT TOKEN_ID", 2, 2, 0, cmd_token_destroy },
	{ ACCOUNTS "credential create_reset_token", "ACCOUNT [--ttl TIME]", 1, 1, ARGS_TTL,
	    cmd_credential_create_reset_token },
	{ ACCOUNTS "credential use_reset_token", "[TOKEN]", 0, 1, 0,
	    cmd_credential_use_reset_token },
	{ ACCOUNTS "session list|status", "ACCOUNT", 1, 1, 0, cmd_session_list },
	{ ACCOUNTS "session destroy", "ACCOUNT SESSION_ID", 2, 2, 0, cmd_session_destroy },
	{ ACCOUNTS "validity show", "ACCOUNT", 1, 1, 0, cmd_validity_show },
	{ ACCOUNTS "validity begin_from", "ACCOUNT TIME|any|clear|now", 2, 2, 0,
	    cmd_validity_begin_from },
	{ ACCOUNTS "validity expire_at", "ACCOUNT TIME|never|clear|now|epoch", 2, 2, 0,
	    cmd_validity_expire_at },
	{ ACCOUNTS "radius show_secret", "ACCOUNT", 1, 1, 0, cmd_radius_show_secret },
	{ ACCOUNTS "radius generate_secret", "ACCOUNT", 1, 1, 0, cmd_radius_generate_secret },
	{ ACCOUNTS "radius delete_secret", "ACCOUNT", 1, 1, 0, cmd_radius_delete_secret },
	{ ACCOUNTS "application list", "ACCOUNT", 1, 1, 0, cmd_application_list },
	{ ACCOUNTS "application create", "ACCOUNT APPLICATION [LABEL]", 2, 3, 0,
	    cmd_application_create },
	{ ACCOUNTS "application destroy", "ACCOUNT ID", 2, 2, 0, cmd_application_destroy },
	{ ACCOUNTS "posix show", "ACCOUNT", 1, 1, 0, cmd_posix_show },
	{ ACCOUNTS "posix set", "ACCOUNT [--gidnumber N] [--shell PATH] [--home PATH]", 1, 1,
	    ARGS_GID | ARGS_SHELL, cmd_posix_set },
	{ ACCOUNTS "posix reset_gidnumber", "ACCOUNT", 1, 1, 0, cmd_posix_reset_gidnumber },
	{ ACCOUNTS "posix set_password", "ACCOUNT", 1, 1, 0, cmd_posix_set_password },
	{ ACCOUNTS "posix delete_password", "ACCOUNT", 1, 1, 0, cmd_posix_delete_password },
	{ ACCOUNTS "ssh list_publickeys", "ACCOUNT", 1, 1, 0, cmd_ssh_list },
	{ ACCOUNTS "ssh add_publickey", "ACCOUNT TAG KEY", 3, 3, 0, cmd_ssh_add },
	{ ACCOUNTS "ssh delete_publickey", "ACCOUNT TAG", 2, 2, 0, cmd_ssh_delete },
	{ "audit list",
	    "[--since TIME] [--until TIME] [--actor ACCOUNT] [--target ENTRY] "
	    "[--outcome ok|refused] [--operation OPERATION] [--limit N]",
	    0, 0, ARGS_AUDIT, cmd_audit_list },
	{ "audit verify", "[--head SERIAL:HASH]", 0, 0, ARGS_HEAD, cmd_audit_verify },
	{ "recycle_bin list", "", 0, 0, 0, cmd_recycle_list },
	{ "recycle_bin get", "UUID|NAME", 1, 1, 0, cmd_recycle_get },
	{ "recycle_bin revive", "UUID|NAME", 1, 1, 0, cmd_recycle_revive },
	{ "group list", "", 0, 0, 0, cmd_group_list },
	{ "group search", "WORD", 1, 1, 0, cmd_account_search },
	{ "group get", "GROUP", 1, 1, 0, cmd_group_get },
	{ "group create", "NAME", 1, 1, 0, cmd_group_create },
	{ "group delete", "GROUP", 1, 1, 0, cmd_group_delete },
	{ "group rename", "GROUP NAME", 2, 2, 0, cmd_group_rename },
	{ "group describe", "GROUP TEXT", 2, 2, 0, cmd_group_describe },
	{ "group set_entry_manager", "GROUP ACCOUNT|GROUP", 2, 2, 0, cmd_group_set_manager },
	{ "group list_members", "GROUP", 1, 1, 0, cmd_group_list_members },
	{ "group add_members", "GROUP MEMBER...", 2, -1, 0, cmd_group_add_members },
	{ "group remove_members", "GROUP MEMBER...", 2, -1, 0, cmd_group_remove_members },
	{ "group set_members", "GROUP MEMBER...", 2, -1, 0, cmd_group_set_members },
	{ "group purge_members", "GROUP", 1, 1, 0, cmd_group_purge_members },
	{ "group posix show", "GROUP", 1, 1, 0, cmd_posix_show },
	{ "group posix set", "GROUP [--gidnumber N]", 1, 1, ARGS_GID, cmd_posix_set },
	{ "group posix reset_gidnumber", "GROUP", 1, 1, 0, cmd_posix_reset_gidnumber },
	{ "group account_policy show", "GROUP", 1, 1, 0, cmd_policy_show },
	{ "group account_policy enable", "GROUP", 1, 1, 0, cmd_policy_enable },
	{ "group account_policy disable", "GROUP", 1, 1, 0, cmd_policy_disable },
	{ "group account_policy password_minimum_length", "GROUP CHARACTERS|clear", 2, 2, 0,
	    cmd_policy_set },
	{ "group account_policy auth_expiry", "GROUP SECONDS|clear", 2, 2, 0, cmd_policy_set },
	{ "group account_policy privilege_expiry", "GROUP SECONDS|clear", 2, 2, 0, cmd_policy_set },
	{ "group account_policy limit_search_max_results", "GROUP ENTRIES|clear", 2, 2, 0,
	    cmd_policy_set },
	{ "group account_policy allow_primary_ldap_bind", "GROUP true|false|clear", 2, 2, 0,
	    cmd_policy_set },
	{ "system domain show", "", 0, 0, 0, cmd_domain_show },
	{ "system domain set_display_name", "TEXT", 1, 1, 0, cmd_domain_set_display_name },
	{ "system denied_names show", "", 0, 0, 0, cmd_denied_names_show },
	{ "system denied_names append", "NAME...", 1, -1, 0, cmd_denied_names_append },
	{ "system denied_names remove", "NAME...", 1, -1, 0, cmd_denied_names_remove },
	{ "system pw_badlist show", "", 0, 0, 0, cmd_badlist_show },
	{ "system pw_badlist upload", "FILE...", 1, -1, 0, cmd_badlist_upload },
	{ "system pw_badlist remove", "FILE...", 1, -1, 0, cmd_badlist_remove },
	{ "system application list", "", 0, 0, 0, cmd_system_application_list },
	{ "system application create", "NAME GROUP [DISPLAYNAME]", 2, 3, 0,
	    cmd_system_application_create },
	{ "system application delete", "NAME", 1, 1, 0, cmd_system_application_delete },
	{ "system access list", "", 0, 0, 0, cmd_access_list },
	{ "system access get", "PROFILE", 1, 1, 0, cmd_access_get },
	{ "system access create", "PROFILE KEY=VALUES...", 2, -1, 0, cmd_access_create },
	{ "system access update", "PROFILE KEY=VALUES|KEY+=VALUES|KEY-=VALUES...", 2, -1, 0,
	    cmd_access_update },
	{ "system access enable", "PROFILE", 1, 1, 0, cmd_access_enable },
	{ "system access disable", "PROFILE", 1, 1, 0, cmd_access_disable },
	{ "system access delete", "PROFILE", 1, 1, 0, cmd_access_delete },
	{ "system access explain", "ACTOR TARGET", 2, 2, 0, cmd_access_explain },
	{ "system schema attribute list", "", 0, 0, 0, cmd_attribute_list },
	{ "system schema attribute get", "NAME", 1, 1, 0, cmd_attribute_get },
	{ "system schema attribute create",
	    "NAME SYNTAX [--multi] [--unique] [--index KIND]... [--description TEXT]", 2, 2,
	    ARGS_ATTRIBUTE, cmd_attribute_create },
	{ "system schema attribute update",
	    "NAME [--syntax SYNTAX] [--multi|--single] [--unique|--not-unique] [--index KIND]... "
	    "[--description TEXT]",
	    1, 1, ARGS_ATTRIBUTE, cmd_attribute_update },
	{ "system schema attribute delete", "NAME", 1, 1, 0, cmd_attribute_delete },
	{ "system schema class list", "", 0, 0, 0, cmd_class_list },
	{ "system schema class get", "NAME", 1, 1, 0, cmd_class_get },
	{ "system schema class create",
	    "NAME [--must ATTRIBUTE]... [--may ATTRIBUTE]... [--description TEXT]", 1, 1,
	    ARGS_CLASS, cmd_class_create },
	{ "system schema class update",
	    "NAME [--must ATTRIBUTE]... [--may ATTRIBUTE]... [--description TEXT]", 1, 1,
	    ARGS_CLASS, cmd_class_update },
	{ "system schema class delete", "NAME", 1, 1, 0, cmd_class_delete },
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

/* --- words */

/* Equal, with '-' and '_' alike; `len` octets of `pattern`. */
static bool
word_equal(const char *pattern, size_t len, const char *word)
{
	if (strlen(word) != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = word[i] == '-' ? '_' : word[i];

		if (pattern[i] != c)
			return false;
	}
	return true;
}

/* Does a word of a pattern, maybe with alternatives, match? */
static bool
alternative_matches(const char *pattern, size_t len, const char *word)
{
	while (len != 0) {
		size_t one = 0;

		while (one < len && pattern[one] != '|')
			one++;
		if (word_equal(pattern, one, word))
			return true;
		pattern += one + (one < len);
		len -= one + (one < len);
	}
	return false;
}

/* How many of the arguments are the words of the command; 0: they are not. */
static int
match_words(const struct command *command, char **args, int count)
{
	const char *pattern = command->words;
	int matched = 0;

	while (*pattern != '\0') {
		size_t len = strcspn(pattern, " ");

		if (matched == count || !alternative_matches(pattern, len, args[matched]))
			return 0;
		matched++;
		pattern += len + strspn(pattern + len, " ");
	}
	return matched;
}

static const struct command *
find_command(char **args, int count, int *words)
{
	const struct command *best = NULL;

	*words = 0;
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		int matched = match_words(&commands[i], args, count);

		if (matched > *words) {
			best = &commands[i];
			*words = matched;
		}
	}
	return best;
}

/* --- usage */

/* Do the first `count` words begin the command, or the command those words? */
static bool
begins_as(const struct command *command, char **words, int count)
{
	const char *pattern = command->words;

	for (int i = 0; i < count && *pattern != '\0'; i++) {
		size_t len = strcspn(pattern, " ");

		if (!alternative_matches(pattern, len, words[i]))
			return false;
		pattern += len + strspn(pattern + len, " ");
	}
	return true;
}

void
args_print_usage(FILE *out, const struct args *args)
{
	bool any = false;

	for (int count = args->count; !any; count--) {
		for (size_t i = 0; i < COMMAND_COUNT; i++) {
			const struct command *command = &commands[i];

			if (!begins_as(command, args->words, count))
				continue;
			fprintf(out, "%s kanidm %s%s%s\n",
			    any ? "      " : "usage:", command->words,
			    command->operands[0] == '\0' ? "" : " ", command->operands);
			any = true;
		}
	}
	fputs("options: -D|--name NAME  -H|--url URL  -C|--ca FILE  -o|--output text|json  "
	      "-d|--debug  --yes; see kanidm(1)\n",
	    out);
}

static int __attribute__((format(printf, 1, 2))) bad_usage(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("kanidm: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	return CLI_USAGE;
}

/* --- options */

/* One option has one of `value`, `values` and `flag`. */
struct option {
	const char *word;
	const char **value;        /* where its value goes, */
	struct cli_values *values; /* or its values, */
	bool *flag;                /* or that it was given */
	char letter;               /* '\0': none */
	unsigned details;          /* of which commands it is; 0: of all */
};

/* Does the argument name the option?  *attached: the value that hangs on it, or NULL. */
static bool
is_option(const struct option *option, const char *arg, const char **attached)
{
	size_t len = strlen(option->word);

	*attached = NULL;
	if (arg[1] == '-') {
		if (strncmp(arg + 2, option->word, len) != 0)
			return false;
		if (arg[2 + len] == '=' && option->flag == NULL)
			*attached = arg + 2 + len + 1;
		return arg[2 + len] == '\0' || *attached != NULL;
	}
	if (option->letter == '\0' || arg[1] != option->letter)
		return false;
	if (arg[2] != '\0' && option->flag == NULL)
		*attached = arg + 2;
	return arg[2] == '\0' || *attached != NULL;
}

static int
take_value(const struct option *option, const char *value)
{
	struct cli_values *values = option->values;

	if (values == NULL) {
		*option->value = value;
		return CLI_DONE;
	}
	if (values->count == CLI_VALUES_MAX - 1)
		return bad_usage("--%s: more than %d of them: nothing has so many", option->word,
		    CLI_VALUES_MAX - 1);
	values->list[values->count++] = (char *)(uintptr_t)value;
	return CLI_DONE;
}

/* Note an option that not all commands take. */
static int
note_detail(struct args *out, const struct option *option)
{
	for (int i = 0; i < out->detail_count; i++) {
		if (out->details[i].word == option->word)
			return CLI_DONE;
	}
	if (out->detail_count == ARGS_DETAILS_MAX)
		return bad_usage("--%s: no command takes so many options", option->word);
	out->details[out->detail_count].word = option->word;
	out->details[out->detail_count++].details = option->details;
	return CLI_DONE;
}

/* Take the option argv[*i], and move *i to its last argument. */
static int
take_option(const struct option *options, size_t count, char **argv, int *i, struct args *out)
{
	for (size_t k = 0; k < count; k++) {
		const struct option *option = &options[k];
		const char *value;

		if (!is_option(option, argv[*i], &value))
			continue;
		if (option->details != 0 && note_detail(out, option) != CLI_DONE)
			return CLI_USAGE;
		if (option->flag != NULL) {
			*option->flag = true;
			return CLI_DONE;
		}
		if (value == NULL)
			value = argv[*i + 1] == NULL ? NULL : argv[++*i];
		if (value == NULL)
			return bad_usage("--%s: its value is missing", option->word);
		return take_value(option, value);
	}
	return bad_usage("%s: there is no such option; see kanidm --help", argv[*i]);
}

static int
set_output(struct cli *cli, const char *output)
{
	const char *variable = getenv("KANIDM_OUTPUT");

	if (output == NULL && variable != NULL && variable[0] != '\0')
		output = variable;
	if (output == NULL)
		return CLI_DONE;
	cli->json = strcmp(output, "json") == 0;
	if (cli->json || strcmp(output, "text") == 0)
		return CLI_DONE;
	return bad_usage("--output %s: output is text or json", output);
}

/* Split the line: options into `cli`, the rest into out->words. */
static int
split(struct cli *cli, int argc, char **argv, struct args *out)
{
	const char *output = NULL;
	const unsigned all = ARGS_ACCOUNT | ARGS_ATTRIBUTE | ARGS_CLASS;
	const struct option options[] = {
		{ "name", .value = &cli->name, .letter = 'D' },
		{ "url", .value = &cli->url, .letter = 'H' },
		{ "ca", .value = &cli->ca, .letter = 'C' },
		{ "output", .value = &output, .letter = 'o' },
		{ "debug", .flag = &cli->debug, .letter = 'd' },
		{ "yes", .flag = &cli->yes },
		{ "help", .flag = &out->help, .letter = 'h' },
		{ "legalname", .value = &cli->legalname, .letter = 'l', .details = ARGS_ACCOUNT },
		{ "displayname", .value = &cli->displayname, .letter = 'i',
		    .details = ARGS_ACCOUNT },
		{ "newname", .value = &cli->newname, .letter = 'n', .details = ARGS_ACCOUNT },
		{ "mail", .values = &cli->mails, .letter = 'm', .details = ARGS_ACCOUNT },
		{ "description", .value = &cli->description, .details = all },
		{ "entry-managed-by", .value = &cli->entry_managed_by, .details = ARGS_ACCOUNT },
		{ "syntax", .value = &cli->syntax, .details = ARGS_ATTRIBUTE },
		{ "index", .values = &cli->index, .details = ARGS_ATTRIBUTE },
		{ "multi", .flag = &cli->multi, .details = ARGS_ATTRIBUTE },
		{ "single", .flag = &cli->single, .details = ARGS_ATTRIBUTE },
		{ "unique", .flag = &cli->unique, .details = ARGS_ATTRIBUTE },
		{ "not-unique", .flag = &cli->not_unique, .details = ARGS_ATTRIBUTE },
		{ "ttl", .value = &cli->ttl, .details = ARGS_TTL },
		{ "gidnumber", .value = &cli->gidnumber, .details = ARGS_GID },
		{ "shell", .value = &cli->shell, .details = ARGS_SHELL },
		{ "home", .value = &cli->home, .details = ARGS_SHELL },
		{ "since", .value = &cli->since, .details = ARGS_AUDIT },
		{ "until", .value = &cli->until, .details = ARGS_AUDIT },
		{ "actor", .value = &cli->actor, .details = ARGS_AUDIT },
		{ "target", .value = &cli->target, .details = ARGS_AUDIT },
		{ "outcome", .value = &cli->outcome, .details = ARGS_AUDIT },
		{ "operation", .value = &cli->operation, .details = ARGS_AUDIT },
		{ "limit", .value = &cli->limit, .details = ARGS_AUDIT },
		{ "head", .value = &cli->head, .details = ARGS_HEAD },
		{ "rw", .flag = &cli->read_write, .details = ARGS_TOKEN },
		{ "must", .values = &cli->must, .details = ARGS_CLASS },
		{ "may", .values = &cli->may, .details = ARGS_CLASS },
	};
	bool only_words = false;

	for (int i = 1; i < argc; i++) {
		int status = CLI_DONE;

		if (!only_words && strcmp(argv[i], "--") == 0)
			only_words = true;
		else if (only_words || argv[i][0] != '-' || argv[i][1] == '\0')
			out->words[out->count++] = argv[i];
		else
			status = take_option(
			    options, sizeof(options) / sizeof(options[0]), argv, &i, out);
		if (status != CLI_DONE)
			return status;
	}
	return set_output(cli, output);
}

/* --- the whole line */

/* "service-account credential generate-pw" as it was typed, for messages; and the subject. */
static void
name_command(struct cli *cli, struct args *out, int words)
{
	size_t len = 0;

	for (int i = 0; i < words && len < sizeof(out->typed); i++)
		len += (size_t)snprintf(out->typed + len, sizeof(out->typed) - len, "%s%s",
		    i == 0 ? "" : " ", out->words[i]);
	cli->command = out->typed;
	snprintf(cli->subject, sizeof(cli->subject), "%s", out->words[0]);
	for (char *c = cli->subject; *c != '\0'; c++)
		*c = *c == '-' ? '_' : *c;
	cli->args = out->words + words;
	cli->arg_count = out->count - words;
}

static int
check_operands(const struct cli *cli, const struct args *args)
{
	const struct command *command = args->command;
	bool many = command->max_operands >= 0 && cli->arg_count > command->max_operands;

	if (cli->arg_count < command->min_operands || many) {
		fprintf(stderr, "usage: kanidm %s %s\n", cli->command, command->operands);
		return CLI_USAGE;
	}
	for (int i = 0; i < args->detail_count; i++) {
		if ((args->details[i].details & command->details) == 0)
			return bad_usage("%s: --%s is no option of this command; see kanidm --help",
			    cli->command, args->details[i].word);
	}
	return CLI_DONE;
}

int
args_parse(struct cli *cli, int argc, char **argv, struct args *out)
{
	int words, status;

	*out = (struct args){ .words = calloc((size_t)argc + 1, sizeof(*out->words)) };
	if (out->words == NULL)
		return bad_usage("out of memory");
	status = split(cli, argc, argv, out);
	if (status != CLI_DONE || out->help)
		return status;
	out->command = find_command(out->words, out->count, &words);
	if (out->command == NULL) {
		args_print_usage(stderr, out);
		return CLI_USAGE;
	}
	name_command(cli, out, words);
	return check_operands(cli, out);
}

void
args_free(struct args *args)
{
	free(args->words);
	args->words = NULL;
}
