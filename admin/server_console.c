#include "admin/server_console.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE_S = 60 };

static int
connect_to(const struct sockaddr_un *address)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
	    connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return fd;
	if (fd >= 0) {
		int error = errno;

		close(fd);
		errno = error;
	}
	return -1;
}

/* 0: they are too long. */
static size_t
pack(const char *const *words, char packet[CONSOLE_PACKET_BYTES])
{
	size_t len = 0;

	for (; *words != NULL; words++) {
		size_t word = strlen(*words) + 1;

		if (word > CONSOLE_PACKET_BYTES - len)
			return 0;
		memcpy(packet + len, *words, word);
		len += word;
	}
	return len;
}

static enum idm_result
exchange(int fd, const char *const *words, char answer[CONSOLE_PACKET_BYTES], struct idm_error *err)
{
	char packet[CONSOLE_PACKET_BYTES];
	size_t len = pack(words, packet);
	ssize_t got;

	if (len == 0)
		return idm_fail(err, IDM_INVALID, "the command is too long");
	if (send(fd, packet, len, MSG_NOSIGNAL) < 0)
		return idm_fail(err, IDM_SYSTEM, "the server hung up: %s", strerror(errno));
	got = recv(fd, packet, sizeof(packet) - 1, 0);
	if (got <= 0)
		return idm_fail(
		    err, IDM_DENIED, "the server hung up: its console is for root alone");
	packet[got] = '\0';
	if (packet[0] != CONSOLE_DONE)
		return idm_fail(err, IDM_DENIED, "%s", packet + 1);
	memcpy(answer, packet + 1, (size_t)got);
	explicit_bzero(packet, sizeof(packet));
	return IDM_OK;
}

enum idm_result
console_ask(const struct server_config *config, const char *const *words,
    char answer[CONSOLE_PACKET_BYTES], struct idm_error *err)
{
	struct sockaddr_un address;
	enum idm_result result;
	int fd;

	answer[0] = '\0';
	if (!console_address(config, &address))
		return idm_fail(err, IDM_INVALID, "%s is too long a path", config->db_path);
	fd = connect_to(&address);
	if (fd < 0 && (errno == ENOENT || errno == ECONNREFUSED))
		return idm_fail(err, IDM_NOT_FOUND,
		    "%s: no server runs: leave --online out, then it needs none", address.sun_path);
	if (fd < 0)
		return idm_fail(err, IDM_DENIED, "%s: %s: the console is for root alone",
		    address.sun_path, strerror(errno));
	result = exchange(fd, words, answer, err);
	close(fd);
	return result;
}
