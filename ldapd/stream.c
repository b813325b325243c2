#include "ldapd/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

static bool
start_tls(struct stream *stream, SSL_CTX *tls)
{
	int on = 1;

	/* Answers are gathered already; waiting for more would cost 40 ms with delayed ACKs. */
	setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	stream->ssl = SSL_new(tls);
	if (stream->ssl == NULL || SSL_set_fd(stream->ssl, stream->fd) != 1)
		return false;
	SSL_set_accept_state(stream->ssl);
	return true;
}

bool
stream_open(struct stream *stream, int fd, SSL_CTX *tls)
{
	*stream = (struct stream){ .fd = fd };
	return tls == NULL || start_tls(stream, tls);
}

void
stream_close(struct stream *stream, bool tell)
{
	if (stream->ssl != NULL) {
		if (tell)
			SSL_shutdown(stream->ssl); /* once: tell, and do not wait */
		ERR_clear_error();
		SSL_free(stream->ssl);
		stream->ssl = NULL;
	}
	close(stream->fd);
	stream->fd = -1;
}

static enum stream_io
tls_outcome(struct stream *stream, int n)
{
	int error = SSL_get_error(stream->ssl, n);

	ERR_clear_error();
	if (error == SSL_ERROR_WANT_READ)
		return STREAM_LATER;
	if (error == SSL_ERROR_WANT_WRITE) {
		stream->want_write = true;
		return STREAM_LATER;
	}
	return STREAM_END;
}

enum stream_io
stream_shake_hands(struct stream *stream)
{
	int n = SSL_do_handshake(stream->ssl);

	return n == 1 ? STREAM_DONE : tls_outcome(stream, n);
}

enum stream_io
stream_read(struct stream *stream, uint8_t *buffer, size_t size, size_t *got)
{
	ssize_t n;

	if (stream->ssl != NULL) {
		if (SSL_read_ex(stream->ssl, buffer, size, got) == 1)
			return STREAM_DONE;
		return tls_outcome(stream, 0);
	}
	n = read(stream->fd, buffer, size);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? STREAM_LATER : STREAM_END;
	*got = (size_t)n;
	return n == 0 ? STREAM_END : STREAM_DONE;
}

enum stream_io
stream_write(struct stream *stream, const uint8_t *data, size_t len, size_t *sent)
{
	ssize_t n;

	if (stream->ssl != NULL) {
		if (SSL_write_ex(stream->ssl, data, len, sent) == 1)
			return STREAM_DONE;
		return tls_outcome(stream, 0);
	}
	n = send(stream->fd, data, len, MSG_NOSIGNAL);
	if (n < 0) {
		stream->want_write = true;
		return errno == EAGAIN || errno == EINTR ? STREAM_LATER : STREAM_END;
	}
	*sent = (size_t)n;
	return STREAM_DONE;
}

bool
stream_has_pending(const struct stream *stream)
{
	return stream->ssl != NULL && SSL_has_pending(stream->ssl) == 1;
}
