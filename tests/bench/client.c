#include "tests/bench/client.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/bench.h"

enum { OUT_BYTES = 1 << 20, READ_BYTES = 16384, MESSAGE_BYTES = 64 << 20 };

SSL_CTX *
client_context(const char *ca_path)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (context == NULL || SSL_CTX_load_verify_locations(context, ca_path, NULL) != 1)
		bench_die("%s: no certificates", ca_path);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	return context;
}

void
client_open(struct client *client, SSL_CTX *context, uint16_t port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	int on = 1;

	memset(client, 0, sizeof(*client));
	ber_writer_init(&client->out, OUT_BYTES);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	client->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		bench_die("port %u: no connection", port);
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	client->ssl = SSL_new(context);
	if (client->ssl == NULL || SSL_set1_host(client->ssl, "localhost") != 1 ||
	    SSL_set_fd(client->ssl, client->fd) != 1 || SSL_connect(client->ssl) != 1)
		bench_die("port %u: TLS failed", port);
}

void
client_close(struct client *client)
{
	SSL_free(client->ssl);
	close(client->fd);
	ber_writer_free(&client->out);
	free(client->in);
}

void
client_flush(struct client *client)
{
	size_t sent;

	if (client->out.failed)
		bench_die("a request does not fit");
	if (client->out.len != 0 &&
	    SSL_write_ex(client->ssl, client->out.data, client->out.len, &sent) != 1)
		bench_die("the server takes nothing");
	ber_writer_reset(&client->out);
}

static void
read_record(struct client *client)
{
	size_t got;

	if (client->in_room - client->in_len < READ_BYTES) {
		client->in_room = 2 * client->in_room + READ_BYTES;
		client->in = realloc(client->in, client->in_room);
		if (client->in == NULL)
			bench_die("out of memory");
	}
	if (SSL_read_ex(client->ssl, client->in + client->in_len, READ_BYTES, &got) != 1)
		bench_die("the server has closed the connection");
	client->in_len += got;
}

void
client_read(
    struct client *client, void (*take)(void *context, struct idm_span message), void *context)
{
	size_t pos = 0, total;

	do
		read_record(client);
	while (SSL_pending(client->ssl) != 0);
	while (ber_frame(client->in + pos, client->in_len - pos, MESSAGE_BYTES, &total) ==
	       BER_FRAME_COMPLETE) {
		take(context, idm_span_of(client->in + pos, total));
		pos += total;
	}
	client->in_len -= pos;
	memmove(client->in, client->in + pos, client->in_len);
}
