#include "ldapd/core_console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "common/console.h"
#include "core/hold.h"
#include "core/recover.h"
#include "ldapd/core_audit.h"
#include "ldapd/core_update.h"
#include "ldapd/log.h"

enum { CLIENTS_MAX = 8, CLIENT_S = 10 };

/* Somebody at the console, until he has his answer. */
struct client {
	struct core_console *console;
	struct event *event; /* NULL: a free place */
	int fd;
};

struct core_console {
	struct core *core;
	struct sockaddr_un address;
	struct event *event;
	int fd;
	struct client clients[CLIENTS_MAX];
};

static void
client_end(struct client *client)
{
	if (client->event == NULL)
		return;
	event_free(client->event);
	client->event = NULL;
	close(client->fd);
}

/* --- commands */

/* The words of a request; 0: there are none, or too many, or the last one does not end. */
static int
split(char *packet, size_t len, const char *words[CONSOLE_WORDS_MAX])
{
	int count = 0;

	if (len == 0 || packet[len - 1] != '\0')
		return 0;
	for (size_t at = 0; at < len; at += strlen(packet + at) + 1) {
		if (count == CONSOLE_WORDS_MAX)
			return 0;
		words[count++] = packet + at;
	}
	return count;
}

/* What the change brings along, as if a worker had asked for it. */
static enum idm_result
follow(struct core *core, const struct idm_uuid *account, struct idm_error *err)
{
	enum idm_result result = core_follow_missed(core, err);

	core_audit_changed(core);
	core_updates_revoke(core, account);
	idm_verified_drop(core->verified, account);
	core_revoke_all(core, account);
	core_revoke_risen(core); /* roles may have come back, and those of others with them */
	return result == IDM_OK ? core_updates_review(core, err) : result;
}

/* The hash is made here, on the loop: it takes as long as some changes, and root asks seldom. */
static enum idm_result
recover(struct core *core, const char **words, int count, char *answer, size_t size,
    struct idm_error *err)
{
	bool roles = count == 3 && strcmp(words[2], "restore-roles") == 0;
	char password[IDM_GENERATED_PASSWORD_BYTES] = "";
	struct idm_uuid account;
	enum idm_result result;

	if (count < 2 || (count == 3 && !roles) || count > 3)
		return idm_refuse(err, IDM_INVALID, "recover_account takes a name");
	result = idm_recover_account(core->data.store, &core->data.change, words[1], roles,
	    &core->config->argon2, core_now(core), password, &account, err);
	if (result == IDM_OK)
		result = follow(core, &account, err);
	if (result == IDM_OK)
		result = core_softlock_clear(core, &account, err);
	if (result == IDM_OK)
		snprintf(answer, size, "%s", password);
	OPENSSL_cleanse(password, sizeof(password));
	return result;
}

static enum idm_result
disable(struct core *core, const char **words, int count, char *answer, size_t size,
    struct idm_error *err)
{
	struct idm_uuid account;
	enum idm_result result;

	if (count != 2)
		return idm_refuse(err, IDM_INVALID, "disable_account takes a name");
	result = idm_disable_account(
	    core->data.store, &core->data.change, words[1], core_now(core), &account, err);
	if (result == IDM_OK)
		result = follow(core, &account, err);
	snprintf(answer, size, "%s", "");
	return result;
}

/* A hold is no change: workers are told of it here. */
static enum idm_result
hold(struct core *core, const char **words, int count, char *answer, size_t size,
    struct idm_error *err)
{
	bool add = count == 3 && strcmp(words[1], "add") == 0;
	bool changed = false;
	struct idm_uuid account;
	enum idm_result result;

	if (count != 3 || (!add && strcmp(words[1], "remove") != 0))
		return idm_refuse(err, IDM_INVALID, "hold takes add or remove, and a name");
	result = (add ? idm_hold_set_named : idm_hold_clear_named)(
	    core->data.store, words[2], core_now(core), &account, &changed, err);
	if (result == IDM_OK && add)
		core_revoke(core, &account);
	snprintf(answer, size, "%s", changed ? "*" : "");
	return result;
}

static const struct {
	const char *word;
	enum idm_result (*run)(struct core *core, const char **words, int count, char *answer,
	    size_t size, struct idm_error *err);
} commands[] = {
	{ CONSOLE_RECOVER, recover },
	{ CONSOLE_DISABLE, disable },
	{ CONSOLE_HOLD, hold },
};

static enum idm_result
run(struct core *core, char *packet, size_t len, char *answer, size_t size, struct idm_error *err)
{
	const char *words[CONSOLE_WORDS_MAX];
	int count = split(packet, len, words);

	for (size_t i = 0; count != 0 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].word, words[0]) == 0)
			return commands[i].run(core, words, count, answer, size, err);
	}
	return idm_refuse(err, IDM_INVALID, "the server knows no such command");
}

/* --- connections */

static void
serve(struct client *client)
{
	/* An end behind the last word, and an empty word. */
	char packet[CONSOLE_PACKET_BYTES + 2] = "";
	char answer[CONSOLE_PACKET_BYTES];
	struct idm_error err = { .text = "" };
	ssize_t len = recv(client->fd, packet, CONSOLE_PACKET_BYTES, MSG_TRUNC);
	enum idm_result result;

	if (len <= 0 || len > CONSOLE_PACKET_BYTES)
		return;
	answer[0] = CONSOLE_DONE;
	result =
	    run(client->console->core, packet, (size_t)len, answer + 1, sizeof(answer) - 1, &err);
	if (result != IDM_OK)
		snprintf(answer, sizeof(answer), "%c%s", CONSOLE_FAILED, err.text);
	log_info("core: console: %.40s %.64s: %s", packet, packet + strlen(packet) + 1,
	    result == IDM_OK ? "done" : err.text);
	if (send(client->fd, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_warn("core: console: the answer was not taken: %s", strerror(errno));
	OPENSSL_cleanse(answer, sizeof(answer));
}

static void
on_client(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	if ((what & EV_READ) != 0)
		serve(arg);
	client_end(arg);
}

/* Root, and the user whose databases these are. */
static bool
may_use(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == 0 || peer.uid == getuid());
}

static struct client *
free_place(struct core_console *console)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (console->clients[i].event == NULL)
			return &console->clients[i];
	}
	return NULL;
}

static void
on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
	struct core_console *console = arg;
	const struct timeval patience = { .tv_sec = CLIENT_S };
	struct sockaddr_un from;
	socklen_t from_len = sizeof(from);
	int fd =
	    accept4(listen_fd, (struct sockaddr *)&from, &from_len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *client = free_place(console);

	(void)what;
	if (fd < 0)
		return;
	if (client == NULL || !may_use(fd)) {
		close(fd);
		return;
	}
	client->console = console;
	client->fd = fd;
	client->event = event_new(console->core->base, fd, EV_READ, on_client, client);
	if (client->event == NULL)
		close(fd);
	else if (event_add(client->event, &patience) != 0)
		client_end(client);
}

/* Nobody can connect before listen(2), so the mode is there in time. */
static int
listen_at(const struct sockaddr_un *address, struct idm_error *err)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	unlink(address->sun_path); /* the databases are locked, so nobody else serves there */
	if (fd >= 0 && bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
	    chmod(address->sun_path, 0600) == 0 && listen(fd, CLIENTS_MAX) == 0)
		return fd;
	idm_fail(err, IDM_SYSTEM, "%s: can't listen: %s", address->sun_path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

struct core_console *
core_console_new(struct core *core, struct idm_error *err)
{
	struct core_console *console = calloc(1, sizeof(*console));

	if (console == NULL || !console_address(core->config, &console->address)) {
		idm_fail(err, IDM_SYSTEM, "%s/console: the path is too long for a socket",
		    core->config->db_path);
		free(console);
		return NULL;
	}
	console->core = core;
	console->fd = listen_at(&console->address, err);
	if (console->fd >= 0)
		console->event =
		    event_new(core->base, console->fd, EV_READ | EV_PERSIST, on_accept, console);
	if (console->event != NULL && event_add(console->event, NULL) == 0)
		return console;
	if (console->fd >= 0)
		idm_fail(err, IDM_SYSTEM, "out of memory");
	core_console_free(&console);
	return NULL;
}

void
core_console_free(struct core_console **console)
{
	struct core_console *c = *console;

	if (c == NULL)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		client_end(&c->clients[i]);
	if (c->event != NULL)
		event_free(c->event);
	if (c->fd >= 0) {
		close(c->fd);
		unlink(c->address.sun_path);
	}
	free(c);
	*console = NULL;
}
