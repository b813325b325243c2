#include "ldapd/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 512 };

static int
fail(int fd, struct idm_error *err, const char *what)
{
	idm_fail(err, IDM_SYSTEM, "%s: can't listen: %s%s", what, strerror(errno),
	    errno == EADDRINUSE ? ": another program does; end it or choose another" : "");
	if (fd >= 0)
		close(fd);
	return -1;
}

/*
 * Is the address somebody else's?  SO_REUSEPORT would share it silently with any program of our
 * user, so it is tried without first.
 */
static bool
is_free(const struct config_address *address)
{
	int on = 1;
	int fd = socket(address->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool bound;

	if (fd < 0)
		return true; /* the real one will say why */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	bound = bind(fd, (const struct sockaddr *)&address->addr, address->addr_len) == 0 ||
		errno != EADDRINUSE;
	close(fd);
	return bound;
}

int
listen_tcp(const struct config_address *address, struct idm_error *err)
{
	int on = 1;
	int fd = socket(address->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0 ||
	    bind(fd, (const struct sockaddr *)&address->addr, address->addr_len) != 0 ||
	    listen(fd, BACKLOG) != 0)
		return fail(fd, err, address->text);
	return fd;
}

bool
listen_is_free(const struct config_address *address, struct idm_error *err)
{
	if (is_free(address))
		return true;
	errno = EADDRINUSE;
	fail(-1, err, address->text);
	return false;
}

/* Somebody answers there: it is not ours to take. */
static bool
is_served(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool served = fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0;

	if (fd >= 0)
		close(fd);
	return served;
}

int
listen_local(const char *path, struct idm_error *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
		if (is_served(&addr)) {
			errno = EADDRINUSE;
			return fail(fd, err, path);
		}
		unlink(path);
	}
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0 ||
	    chmod(path, 0666) != 0 || listen(fd, BACKLOG) != 0)
		return fail(fd, err, path);
	return fd;
}
