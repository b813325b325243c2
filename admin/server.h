/* kanidmd, the offline tool: what its subcommands share. */
#ifndef ADMIN_SERVER_H
#define ADMIN_SERVER_H

#include <stdbool.h>
#include <stddef.h>

enum {
	SERVER_DONE = 0,
	SERVER_FAILED = 1,
	SERVER_USAGE = 2,
};

enum { SERVER_IGNORE_MAX = 64 };

struct server_cli {
	const char *config_path;
	bool json;
	bool restore_roles;
	bool dry_run;
	bool keep_going;
	const char *ignore[SERVER_IGNORE_MAX]; /* patterns of attributes */
	size_t ignore_count;
	const char *passphrase_file; /* NULL: not given */
	bool local;
	bool without_secrets;
	bool accept;
	bool online;
	char **args; /* behind the subcommand */
	int arg_count;
};

/* One line on stderr: what, why, what to do.  Returns SERVER_FAILED. */
int server_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A line on stderr, where the database had a former format: that it was upgraded. */
struct idm_store;
struct server_config;
void server_tell_upgrade(const struct idm_store *store, const struct server_config *config);

int server_run(struct server_cli *cli);        /* server */
int server_configtest(struct server_cli *cli); /* configtest */
int server_recover_account(struct server_cli *cli);
int server_disable_account(struct server_cli *cli);
int server_hold_add(struct server_cli *cli); /* hold ... */
int server_hold_remove(struct server_cli *cli);
int server_hold_list(struct server_cli *cli);
int server_rotate_key(struct server_cli *cli); /* key rotate */
int server_trust_clock(struct server_cli *cli);
int server_import(struct server_cli *cli);
int server_backup(struct server_cli *cli); /* database ... */
int server_restore(struct server_cli *cli);
int server_verify(struct server_cli *cli);
int server_reindex(struct server_cli *cli);
int server_vacuum(struct server_cli *cli);
int server_rename_domain(struct server_cli *cli);

#endif
