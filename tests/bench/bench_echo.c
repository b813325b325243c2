/*
 * bench_echo PORT CHAIN KEY: an LDAP server that knows one answer, for the bench to tell what TLS
 * and the socket cost by themselves.  One connection at a time; many requests in a record are
 * answered in one.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "ldapd/message.h"
#include "tests/bench/bench.h"

enum { BUFFER_BYTES = 64 * 1024, OUT_BYTES = 1 << 20, TAG_BIND = 0x60 };

struct echo {
	SSL *ssl;
	uint8_t in[BUFFER_BYTES];
	size_t in_len;
	struct ber_writer out;
};

static void
answer(struct echo *echo, struct idm_span message)
{
	static const uint8_t dn[] = "uid=somebody,ou=people,dc=idm,dc=example,dc=com";
	const struct ldap_result success = { .code = LDAP_SUCCESS };
	const struct ldap_controls none = { NULL, 0 };
	bool bad = false;
	struct ber_reader top = ber_reader_of(message, &bad);
	struct ber_reader inner = ber_read_nested(&top, BER_SEQUENCE);
	int32_t id = (int32_t)ber_read_integer(&inner, BER_INTEGER, 1, INT32_MAX);
	struct ldap_entry_writer writer;

	if (ber_next_tag(&inner) == TAG_BIND) {
		ldap_result_encode(&echo->out, id, LDAP_TAG_BIND_RESPONSE, &success, none);
		return;
	}
	ldap_entry_begin(&writer, &echo->out, id, idm_span_of(dn, sizeof(dn) - 1), false);
	ldap_entry_attribute(&writer, IDM_SPAN_LIT("uid"));
	ldap_entry_value(&writer, IDM_SPAN_LIT("somebody"));
	ldap_entry_end(&writer, none);
	ldap_result_encode(&echo->out, id, LDAP_TAG_SEARCH_DONE, &success, none);
}

/* Answer what has come; false: the client is gone. */
static bool
serve_once(struct echo *echo)
{
	size_t got, total, sent, pos = 0;

	if (SSL_read_ex(
		echo->ssl, echo->in + echo->in_len, sizeof(echo->in) - echo->in_len, &got) != 1)
		return false;
	echo->in_len += got;
	while (ber_frame(echo->in + pos, echo->in_len - pos, BUFFER_BYTES, &total) ==
	       BER_FRAME_COMPLETE) {
		answer(echo, idm_span_of(echo->in + pos, total));
		pos += total;
	}
	echo->in_len -= pos;
	memmove(echo->in, echo->in + pos, echo->in_len);
	if (echo->out.len != 0 &&
	    SSL_write_ex(echo->ssl, echo->out.data, echo->out.len, &sent) != 1)
		return false;
	ber_writer_reset(&echo->out);
	return true;
}

static void
serve(struct echo *echo, SSL_CTX *context, int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	echo->in_len = 0;
	echo->ssl = SSL_new(context);
	if (echo->ssl != NULL && SSL_set_fd(echo->ssl, fd) == 1 && SSL_accept(echo->ssl) == 1) {
		while (serve_once(echo))
			;
	}
	SSL_free(echo->ssl);
	close(fd);
}

int
main(int argc, char **argv)
{
	static struct echo echo;
	struct sockaddr_in addr = { .sin_family = AF_INET };
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (argc != 4)
		bench_die("usage: bench_echo PORT CHAIN KEY");
	if (context == NULL || SSL_CTX_use_certificate_chain_file(context, argv[2]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, argv[3], SSL_FILETYPE_PEM) != 1)
		bench_die("%s and %s are not usable", argv[2], argv[3]);
	addr.sin_port = htons((uint16_t)atoi(argv[1]));
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 || listen(fd, 8) != 0)
		bench_die("port %s is not free", argv[1]);
	ber_writer_init(&echo.out, OUT_BYTES);
	for (;;) {
		int client = accept(fd, NULL, NULL);

		if (client < 0)
			bench_die("no client comes");
		serve(&echo, context, client);
	}
}
