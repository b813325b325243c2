/* The control sockets between supervisor and children: both ends of what supervisor.h describes. */
#include "ldapd/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/store.h"
#include "ldapd/supervisor.h"

enum { MATERIAL_BYTES_MAX = 512 * 1024 };

bool
control_send(int control_fd, char type, const char *text, int fd)
{
	char head[CONTROL_BYTES] = { type };
	struct iovec iov = { head, 1 };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (text != NULL) {
		size_t len = strnlen(text, sizeof(head) - 1);

		memcpy(head + 1, text, len);
		iov.iov_len += len;
	}
	if (fd >= 0) {
		struct cmsghdr *cmsg;

		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	return sendmsg(control_fd, &msg, MSG_NOSIGNAL) >= 0;
}

enum control_received
control_receive(int control_fd, char *type, char text[CONTROL_BYTES], int *fd)
{
	char head[CONTROL_BYTES];
	struct iovec iov = { head, sizeof(head) - 1 };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(control_fd, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *cmsg;

	*fd = -1;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return CONTROL_AGAIN;
	if (n <= 0)
		return CONTROL_GONE;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg != NULL && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS &&
	    cmsg->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(cmsg), sizeof(int));
	*type = head[0];
	memcpy(text, head + 1, (size_t)n - 1);
	text[n - 1] = '\0';
	return CONTROL_MESSAGE;
}

void
supervisor_report(int control_fd, const char *error)
{
	control_send(control_fd, error == NULL ? 'O' : 'E', error, -1);
}

/* --- certificate and key in a memfd: the chain's length, then the two */

static bool
write_all(int fd, const void *bytes, size_t len)
{
	return write(fd, bytes, len) == (ssize_t)len;
}

bool
control_send_material(int control_fd, const struct tls_material *material)
{
	int fd = memfd_create("tls", MFD_CLOEXEC);
	uint8_t chain_len[8];
	bool sent;

	if (fd < 0)
		return false;
	idm_store_u64(material->chain_len, chain_len);
	sent = write_all(fd, chain_len, sizeof(chain_len)) &&
	       write_all(fd, material->chain, material->chain_len) &&
	       write_all(fd, material->key, material->key_len) &&
	       control_send(control_fd, 'M', NULL, fd);
	close(fd);
	return sent;
}

static bool
copy_part(uint8_t **out, size_t *out_len, const uint8_t *from, size_t len)
{
	*out = malloc(len);
	if (*out == NULL)
		return false;
	memcpy(*out, from, len);
	*out_len = len;
	return true;
}

static bool
read_material(int fd, struct tls_material *material)
{
	static uint8_t buffer[MATERIAL_BYTES_MAX];
	ssize_t n = pread(fd, buffer, sizeof(buffer), 0);
	uint64_t chain_len;
	bool good = false;

	*material = (struct tls_material){ .chain_name = "the new tls_chain",
		.key_name = "the new tls_key" };
	if (n > 8) {
		chain_len = idm_store_load_u64(buffer);
		good = chain_len < (uint64_t)n - 8 &&
		       copy_part(&material->chain, &material->chain_len, buffer + 8, chain_len) &&
		       copy_part(&material->key, &material->key_len, buffer + 8 + chain_len,
			   (size_t)n - 8 - chain_len);
	}
	OPENSSL_cleanse(buffer, sizeof(buffer));
	if (!good)
		tls_material_free(material);
	return good;
}

enum supervisor_message
supervisor_receive_material(int control_fd, struct tls_material *material)
{
	char type = 0;
	char text[CONTROL_BYTES];
	int fd;
	enum control_received received = control_receive(control_fd, &type, text, &fd);
	bool good = false;

	if (received == CONTROL_GONE)
		return SUPERVISOR_GONE;
	if (fd >= 0) {
		good = type == 'M' && read_material(fd, material);
		close(fd);
	}
	return good ? SUPERVISOR_MATERIAL : SUPERVISOR_AGAIN;
}

enum supervisor_message
supervisor_receive_worker(int control_fd, int *fd)
{
	char type = 0;
	char text[CONTROL_BYTES];
	enum control_received received = control_receive(control_fd, &type, text, fd);

	if (received == CONTROL_GONE)
		return SUPERVISOR_GONE;
	if (*fd >= 0 && type == 'W')
		return SUPERVISOR_WORKER;
	if (*fd >= 0)
		close(*fd);
	else if (received == CONTROL_MESSAGE && type == 'B')
		return SUPERVISOR_BACKED_UP;
	else if (received == CONTROL_MESSAGE && type == 'F')
		return SUPERVISOR_BACKUP_FAILED;
	return SUPERVISOR_AGAIN;
}
