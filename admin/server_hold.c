/* kanidmd hold: accounts that are let in nowhere, said at the console (core/hold.h). */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "admin/server.h"
#include "admin/server_console.h"
#include "common/clock.h"
#include "common/privilege.h"
#include "common/server_data.h"
#include "core/hold.h"

enum { ARENA_BYTES = 1024 * 1024, NAME_BYTES = IDM_SPN_MAX + 1 };

/* --- one account */

static enum idm_result
change_offline(const struct server_config *config, const char *name, bool add, bool *changed,
    struct idm_error *err)
{
	struct server_data data;
	struct idm_uuid account;
	enum idm_result result = privilege_drop(config->core_user, config->read_group, err);

	if (result == IDM_OK)
		result = server_data_open(config, &data, err);
	if (result != IDM_OK)
		return result;
	server_tell_upgrade(data.store, config);
	result = (add ? idm_hold_set_named : idm_hold_clear_named)(
	    data.store, name, idm_store_now(data.store, clock_now_s()), &account, changed, err);
	server_data_close(&data);
	return result;
}

static enum idm_result
change_online(const struct server_config *config, const char *name, bool add, bool *changed,
    struct idm_error *err)
{
	const char *const words[] = { CONSOLE_HOLD, add ? "add" : "remove", name, NULL };
	char answer[CONSOLE_PACKET_BYTES];
	enum idm_result result = console_ask(config, words, answer, err);

	*changed = result == IDM_OK && strcmp(answer, "*") == 0;
	return result;
}

static int
tell(const struct server_cli *cli, bool add, bool changed)
{
	const char *name = cli->args[0];
	json_t *answer;

	if (!cli->json) {
		if (!changed)
			printf("Account '%s' is %s already\n", name, add ? "held" : "not held");
		else if (add)
			printf("Account '%s' is held: it is let in nowhere until `kanidmd hold "
			       "remove`\n",
			    name);
		else
			printf("Account '%s' is held no longer\n", name);
	} else {
		answer =
		    json_pack("{s:s, s:b, s:b}", "account", name, "held", add, "changed", changed);
		if (answer == NULL || json_dumpf(answer, stdout, JSON_INDENT(2)) != 0)
			return server_fail("the output could not be written");
		json_decref(answer);
		putchar('\n');
	}
	return fflush(stdout) == 0 ? SERVER_DONE : server_fail("the output could not be written");
}

static int
change(struct server_cli *cli, bool add)
{
	static struct server_config config;
	struct idm_error err = { .text = "" };
	bool changed = false;
	enum idm_result result = config_load(cli->config_path, &config, &err);

	if (result == IDM_OK)
		result = (cli->online ? change_online : change_offline)(
		    &config, cli->args[0], add, &changed, &err);
	if (result == IDM_BUSY)
		return server_fail(
		    "%s: stop the server first, or give --online; nothing was changed", err.text);
	return result == IDM_OK ? tell(cli, add, changed) : server_fail("%s", err.text);
}

int
server_hold_add(struct server_cli *cli)
{
	return change(cli, true);
}

int
server_hold_remove(struct server_cli *cli)
{
	return change(cli, false);
}

/* --- all of them: as readers see it, whether a server runs or not */

struct listing {
	struct idm_store *store;
	struct idm_arena *arena;
	struct idm_txn txn;
	struct idm_read read;
};

static void
end(struct listing *l)
{
	if (l->txn.store != NULL)
		idm_store_read_end(&l->txn);
	idm_store_close(&l->store);
	idm_arena_free(&l->arena);
}

/* Always ended by end(), also after a failure. */
static enum idm_result
begin(const struct server_config *config, struct listing *l, struct idm_error *err)
{
	enum idm_result result = privilege_drop(config->core_user, config->read_group, err);

	*l = (struct listing){ .arena = idm_arena_new(ARENA_BYTES) };
	if (l->arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	if (result == IDM_OK)
		result = idm_store_open_reader(config->db_path, &l->store, err);
	if (result == IDM_OK)
		result = idm_store_read_begin(l->store, &l->txn, err);
	if (result == IDM_OK)
		result = idm_read_attach(
		    &l->txn, l->arena, idm_store_now(l->store, clock_now_s()), &l->read, err);
	return result;
}

/* Its spn; "": the account is not there any more. */
static void
name_of(const struct listing *l, const struct idm_uuid *uuid, char out[NAME_BYTES])
{
	struct idm_entry account;
	size_t len = 0;

	if (idm_lookup_uuid(&l->read, uuid, &account, NULL) == IDM_OK &&
	    idm_entry_has_spn(&account))
		len = idm_lookup_spn(&l->read, &account, out);
	out[len] = '\0';
}

static int
print_text(const struct listing *l, const struct idm_uuid *held, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char uuid[IDM_UUID_TEXT], name[NAME_BYTES];

		idm_uuid_format(&held[i], uuid);
		name_of(l, &held[i], name);
		printf("%s %s\n", uuid, name[0] == '\0' ? "(no such account)" : name);
	}
	if (count == 0)
		puts("No account is held.");
	return fflush(stdout) == 0 ? SERVER_DONE : server_fail("the output could not be written");
}

static int
print_json(const struct listing *l, const struct idm_uuid *held, size_t count)
{
	json_t *list = json_array();
	bool done = list != NULL;

	for (size_t i = 0; i < count && done; i++) {
		char uuid[IDM_UUID_TEXT], name[NAME_BYTES];

		idm_uuid_format(&held[i], uuid);
		name_of(l, &held[i], name);
		done = json_array_append_new(
			   list, json_pack("{s:s, s:s}", "uuid", uuid, "spn", name)) == 0;
	}
	done = done && json_dumpf(list, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF &&
	       fflush(stdout) == 0;
	json_decref(list);
	return done ? SERVER_DONE : server_fail("the output could not be written");
}

int
server_hold_list(struct server_cli *cli)
{
	static struct server_config config;
	struct idm_uuid held[IDM_HOLDS_MAX];
	struct listing listing = { .store = NULL };
	struct idm_error err = { .text = "" };
	size_t count;
	int status;
	enum idm_result result = config_load(cli->config_path, &config, &err);

	if (result != IDM_OK)
		return server_fail("%s", err.text);
	result = begin(&config, &listing, &err);
	if (result == IDM_OK) {
		count = idm_hold_list(listing.store, held);
		status = cli->json ? print_json(&listing, held, count)
				   : print_text(&listing, held, count);
	} else {
		status = server_fail("%s", err.text);
	}
	end(&listing);
	return status;
}
