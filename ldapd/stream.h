/* A client's socket, with TLS or without: octets in and out, and never a wait for them. */
#ifndef LDAPD_STREAM_H
#define LDAPD_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

struct stream {
	int fd;
	SSL *ssl;        /* NULL: the local socket */
	bool want_write; /* something has to leave before it can go on; cleared by its owner */
};

enum stream_io {
	STREAM_DONE,  /* some octets; or the handshake, as a whole */
	STREAM_LATER, /* not now */
	STREAM_END,   /* the client is gone */
};

/*
 * Take over an accepted socket; `tls` NULL: without TLS.  False: out of memory.  Either way it is
 * ended by stream_close.
 */
bool stream_open(struct stream *stream, int fd, SSL_CTX *tls);

/* Close; with `tell` the client learns by TLS that this is all, and was not cut off. */
void stream_close(struct stream *stream, bool tell);

/* The server's side of the TLS handshake, as far as it comes. */
enum stream_io stream_shake_hands(struct stream *stream);

enum stream_io stream_read(struct stream *stream, uint8_t *buffer, size_t size, size_t *got);
enum stream_io stream_write(struct stream *stream, const uint8_t *data, size_t len, size_t *sent);

/* TLS reads ahead: what it holds makes no event on the socket. */
bool stream_has_pending(const struct stream *stream);

#endif
