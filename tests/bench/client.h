/* A TLS connection of the bench's client: messages out in one record, answers in as they come. */
#ifndef TESTS_BENCH_CLIENT_H
#define TESTS_BENCH_CLIENT_H

#include <openssl/ssl.h>

#include "ldapd/ber.h"

struct client {
	SSL *ssl;
	int fd;
	struct ber_writer out; /* what client_flush sends */
	uint8_t *in;
	size_t in_len;
	size_t in_room;
};

/* A context that trusts the certificates in a file of PEM. */
SSL_CTX *client_context(const char *ca_path);

/* Connect to a port of this machine and shake hands as a client of "localhost". */
void client_open(struct client *client, SSL_CTX *context, uint16_t port);
void client_close(struct client *client);

void client_flush(struct client *client);

/* Read what is there, or wait for some; then `take` each whole message. */
void client_read(
    struct client *client, void (*take)(void *context, struct idm_span message), void *context);

#endif
