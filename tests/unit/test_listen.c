/* Listening sockets: those that can be had, and those that are somebody else's. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "ldapd/listen.h"
#include "tests/support/temp_dir.h"

static char dir[TEMP_DIR_BYTES];
static char path[sizeof(dir) + 16];
static struct idm_error err;

static int
setup(void **state)
{
	(void)state;
	temp_dir_make("listen", dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/ldapi", dir);
	err.text[0] = '\0';
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

/* An address on this machine; a port of 0 is any that is free. */
static struct config_address
address_of(const char *text, int family, uint16_t port)
{
	struct config_address address = { .addr.ss_family = (sa_family_t)family };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&address.addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address.addr;

	snprintf(address.text, sizeof(address.text), "%s", text);
	if (family == AF_INET) {
		v4->sin_port = htons(port);
		inet_pton(AF_INET, text, &v4->sin_addr);
		address.addr_len = sizeof(*v4);
	} else {
		v6->sin6_port = htons(port);
		inet_pton(AF_INET6, text, &v6->sin6_addr);
		address.addr_len = sizeof(*v6);
	}
	return address;
}

static uint16_t
port_of(int fd)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	return ntohs(addr.sin_port);
}

static int
connect_local(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(addr.sun_path, path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Each worker has its own listener on the same address. */
static void
several_listeners_share_an_address(void **state)
{
	struct config_address address = address_of("127.0.0.1", AF_INET, 0);
	int first = listen_tcp(&address, &err), second;

	(void)state;
	assert_true(first >= 0);
	assert_int_not_equal(fcntl(first, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(first, F_GETFD), FD_CLOEXEC);
	address = address_of("127.0.0.1", AF_INET, port_of(first));
	second = listen_tcp(&address, &err);
	assert_true(second >= 0);
	close(first);
	close(second);
}

/* SO_REUSEPORT alone would let us share it with whoever has it. */
static void
an_address_that_another_has_is_told(void **state)
{
	struct config_address address = address_of("127.0.0.1", AF_INET, 0);
	int other = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	(void)state;
	setsockopt(other, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	assert_int_equal(bind(other, (struct sockaddr *)&address.addr, address.addr_len), 0);
	assert_int_equal(listen(other, 1), 0);
	address = address_of("127.0.0.1", AF_INET, port_of(other));
	assert_false(listen_is_free(&address, &err));
	assert_non_null(strstr(err.text, "127.0.0.1"));
	assert_non_null(strstr(err.text, "another program"));
	close(other);
	assert_true(listen_is_free(&address, &err));
}

static void
an_address_that_is_not_here_is_told(void **state)
{
	struct config_address address = address_of("192.0.2.1", AF_INET, 0);

	(void)state;
	assert_int_equal(listen_tcp(&address, &err), -1);
	assert_non_null(strstr(err.text, "192.0.2.1"));
}

static void
everybody_here_may_use_the_local_socket(void **state)
{
	struct stat st;
	int fd = listen_local(path, &err), client;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0666);
	client = connect_local();
	assert_true(client >= 0);
	close(client);
	close(fd);
}

static void
a_socket_that_nobody_listens_on_is_replaced(void **state)
{
	int fd = listen_local(path, &err), client;

	(void)state;
	close(fd); /* as after a crash: the file stays */
	assert_int_equal(connect_local(), -1);
	fd = listen_local(path, &err);
	assert_true(fd >= 0);
	client = connect_local();
	assert_true(client >= 0);
	close(client);
	close(fd);
}

static void
a_socket_that_is_served_is_not_taken(void **state)
{
	int fd = listen_local(path, &err), client;

	(void)state;
	assert_int_equal(listen_local(path, &err), -1);
	assert_non_null(strstr(err.text, path));
	assert_non_null(strstr(err.text, "another program"));
	client = connect_local();
	assert_true(client >= 0); /* still there */
	close(client);
	close(fd);
}

/* A file of somebody's is no socket that was left behind. */
static void
what_is_no_socket_is_left_alone(void **state)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	struct stat st;

	(void)state;
	assert_int_equal(write(fd, "mine", 4), 4);
	close(fd);
	assert_int_equal(listen_local(path, &err), -1);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);
}

static void
a_directory_that_is_missing_is_told(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/no/ldapi", dir);
	assert_int_equal(listen_local(path, &err), -1);
	assert_non_null(strstr(err.text, path));
}

#define in_a_directory(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		in_a_directory(several_listeners_share_an_address),
		in_a_directory(an_address_that_another_has_is_told),
		in_a_directory(an_address_that_is_not_here_is_told),
		in_a_directory(everybody_here_may_use_the_local_socket),
		in_a_directory(a_socket_that_nobody_listens_on_is_replaced),
		in_a_directory(a_socket_that_is_served_is_not_taken),
		in_a_directory(what_is_no_socket_is_left_alone),
		in_a_directory(a_directory_that_is_missing_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
