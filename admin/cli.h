/* The command `kanidm`: what its files share.  It is an LDAP client, with no privilege of its own.
 */
#ifndef ADMIN_CLI_H
#define ADMIN_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#define CLI_DEFAULT_URL "ldapi://%2Frun%2Fkanidm%2Fldapi"

enum {
	CLI_DONE = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_VALUES_MAX = 130, /* of one option, with the NULL behind them */
};

struct client;

/* The values of an option that may be given several times; a NULL behind them. */
struct cli_values {
	char *list[CLI_VALUES_MAX];
	int count;
};

/* The command line, the settings behind it, and the connection once there is one. */
struct cli {
	const char *command; /* its words as typed, for messages: "group add_members" */
	char subject[32];    /* "account", "person", "service_account", "group": the first word */
	char **args;         /* behind the command's words */
	int arg_count;

	const char *url;
	const char *name; /* who acts; NULL: to be found out */
	const char *ca;
	bool json;
	bool debug;
	bool yes;

	/* Options of single commands; NULL, or false: not given. */
	const char *legalname;
	const char *displayname;
	const char *newname;
	const char *description;
	const char *entry_managed_by;
	struct cli_values mails;
	const char *ttl;
	const char *syntax;
	struct cli_values index;
	struct cli_values must;
	struct cli_values may;
	bool multi;
	bool single;
	bool unique;
	bool not_unique;
	const char *gidnumber;
	const char *shell;
	const char *home;
	bool read_write;
	const char *since;
	const char *until;
	const char *actor;
	const char *target;
	const char *outcome;
	const char *operation;
	const char *limit;
	const char *head;

	struct client *client;
};

/*
 * One line on stderr: "kanidm: COMMAND: ...", what, why, and what to do.  Returns CLI_FAILED, so
 * that a caller writes `return cli_fail(...)`.
 */
int cli_fail(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same, but it is the command line that is wrong: returns CLI_USAGE. */
int cli_misuse(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A line on stderr that is no failure. */
void cli_note(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Ask on the terminal; only "yes" and "y" are yes.  With --yes it is not asked.  Without a terminal
 * it is no, and says that --yes is wanted.
 */
bool cli_confirm(const struct cli *cli, const char *question);

/* The commands, each in the cmd_*.c of its noun. */
int cmd_login(struct cli *cli);
int cmd_logout(struct cli *cli);
int cmd_reauth(struct cli *cli);
int cmd_session_list(struct cli *cli);
int cmd_session_destroy(struct cli *cli);
int cmd_session_cleanup(struct cli *cli);
int cmd_self_whoami(struct cli *cli);
int cmd_account_list(struct cli *cli);
int cmd_account_search(struct cli *cli);
int cmd_account_get(struct cli *cli);
int cmd_account_create(struct cli *cli);
int cmd_account_update(struct cli *cli);
int cmd_account_delete(struct cli *cli);
int cmd_account_into_person(struct cli *cli);
int cmd_credential_status(struct cli *cli);
int cmd_credential_softlock_reset(struct cli *cli);
int cmd_credential_update(struct cli *cli);
int cmd_credential_generate(struct cli *cli);
int cmd_token_status(struct cli *cli);
int cmd_token_generate(struct cli *cli);
int cmd_token_destroy(struct cli *cli);
int cmd_credential_create_reset_token(struct cli *cli);
int cmd_credential_use_reset_token(struct cli *cli);
int cmd_validity_show(struct cli *cli);
int cmd_validity_begin_from(struct cli *cli);
int cmd_validity_expire_at(struct cli *cli);
int cmd_radius_show_secret(struct cli *cli);
int cmd_radius_generate_secret(struct cli *cli);
int cmd_radius_delete_secret(struct cli *cli);
int cmd_application_list(struct cli *cli);
int cmd_application_create(struct cli *cli);
int cmd_application_destroy(struct cli *cli);
int cmd_posix_show(struct cli *cli);
int cmd_posix_set(struct cli *cli);
int cmd_posix_reset_gidnumber(struct cli *cli);
int cmd_posix_set_password(struct cli *cli);
int cmd_posix_delete_password(struct cli *cli);
int cmd_ssh_list(struct cli *cli);
int cmd_ssh_add(struct cli *cli);
int cmd_ssh_delete(struct cli *cli);
int cmd_group_list(struct cli *cli);
int cmd_group_get(struct cli *cli);
int cmd_group_create(struct cli *cli);
int cmd_group_delete(struct cli *cli);
int cmd_group_list_members(struct cli *cli);
int cmd_group_add_members(struct cli *cli);
int cmd_group_remove_members(struct cli *cli);
int cmd_group_set_members(struct cli *cli);
int cmd_group_purge_members(struct cli *cli);
int cmd_group_rename(struct cli *cli);
int cmd_group_describe(struct cli *cli);
int cmd_group_set_manager(struct cli *cli);
int cmd_policy_show(struct cli *cli);
int cmd_policy_enable(struct cli *cli);
int cmd_policy_disable(struct cli *cli);
int cmd_policy_set(struct cli *cli);
int cmd_system_application_list(struct cli *cli);
int cmd_system_application_create(struct cli *cli);
int cmd_system_application_delete(struct cli *cli);
int cmd_domain_show(struct cli *cli);
int cmd_domain_set_display_name(struct cli *cli);
int cmd_denied_names_show(struct cli *cli);
int cmd_denied_names_append(struct cli *cli);
int cmd_denied_names_remove(struct cli *cli);
int cmd_badlist_show(struct cli *cli);
int cmd_badlist_upload(struct cli *cli);
int cmd_badlist_remove(struct cli *cli);
int cmd_audit_list(struct cli *cli);
int cmd_audit_verify(struct cli *cli);
int cmd_recycle_list(struct cli *cli);
int cmd_recycle_get(struct cli *cli);
int cmd_recycle_revive(struct cli *cli);
int cmd_access_list(struct cli *cli);
int cmd_access_get(struct cli *cli);
int cmd_access_create(struct cli *cli);
int cmd_access_update(struct cli *cli);
int cmd_access_enable(struct cli *cli);
int cmd_access_disable(struct cli *cli);
int cmd_access_delete(struct cli *cli);
int cmd_access_explain(struct cli *cli);
int cmd_attribute_list(struct cli *cli);
int cmd_attribute_get(struct cli *cli);
int cmd_attribute_create(struct cli *cli);
int cmd_attribute_update(struct cli *cli);
int cmd_attribute_delete(struct cli *cli);
int cmd_class_list(struct cli *cli);
int cmd_class_get(struct cli *cli);
int cmd_class_create(struct cli *cli);
int cmd_class_update(struct cli *cli);
int cmd_class_delete(struct cli *cli);
int cmd_version(struct cli *cli);

#endif
