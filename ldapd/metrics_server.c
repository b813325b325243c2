#include "ldapd/metrics_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "ldapd/log.h"

enum { ANSWER_BYTES = 1024 * 1024 };

struct metrics_client {
	struct metrics_server *server;
	struct bufferevent *stream;
	struct event *deadline;
	bool answered; /* what still comes is thrown away */
	struct metrics_client *next;
};

struct metrics_server {
	struct event_base *base;
	int fd;
	struct event *event;
	metrics_source source;
	void *context;
	struct metrics_client *clients;
	size_t client_count;
};

/* --- what is asked for */

static bool
ends_header(struct idm_span request)
{
	return memmem(request.ptr, request.len, "\r\n\r\n", 4) != NULL;
}

/* The next word of the request line; `end` stands behind it. */
static struct idm_span
take_word(struct idm_span *line)
{
	return idm_span_take(line, ' ');
}

static int
status_of_line(struct idm_span line)
{
	struct idm_span method = take_word(&line);
	struct idm_span target = take_word(&line);

	if (method.len == 0 || target.len == 0 || target.ptr[0] != '/' || line.len != 8 ||
	    memcmp(line.ptr, "HTTP/1.", 7) != 0)
		return 400;
	if (!idm_span_is(method, "GET"))
		return 405;
	return idm_span_is(idm_span_take(&target, '?'), "/metrics") ? 200 : 404;
}

int
metrics_request_status(struct idm_span request)
{
	struct idm_span rest = request;
	struct idm_span line;

	if (request.len > METRICS_REQUEST_MAX)
		return 431;
	if (!ends_header(request))
		return 0;
	line = idm_span_take(&rest, '\n');
	if (line.len == 0 || line.ptr[line.len - 1] != '\r')
		return 400;
	line.len--;
	return status_of_line(line);
}

/* --- clients */

static void
client_free(struct metrics_client *client)
{
	struct metrics_server *server = client->server;
	struct metrics_client **at = &server->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	if (server->client_count-- == METRICS_CLIENTS_MAX)
		event_add(server->event, NULL);
	if (client->deadline != NULL)
		event_free(client->deadline);
	bufferevent_free(client->stream);
	free(client);
}

static const char *
phrase_of(int status)
{
	switch (status) {
	case 200: return "OK";
	case 400: return "Bad Request";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 431: return "Request Header Fields Too Large";
	default: return "Internal Server Error";
	}
}

static void
put_answer(struct evbuffer *out, int status, struct idm_span body)
{
	evbuffer_add_printf(out,
	    "HTTP/1.1 %d %s\r\n"
	    "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
	    "Content-Length: %zu\r\n"
	    "%s"
	    "Cache-Control: no-store\r\n"
	    "Connection: close\r\n\r\n",
	    status, phrase_of(status), body.len, status == 405 ? "Allow: GET\r\n" : "");
	evbuffer_add(out, body.ptr, body.len);
}

static void
answer(struct metrics_client *client, int status)
{
	struct metrics_server *server = client->server;
	struct idm_arena *arena = idm_arena_new(ANSWER_BYTES);
	struct idm_span body = IDM_SPAN_EMPTY;

	client->answered = true;
	if (status == 200 && arena != NULL)
		body = server->source(server->context, arena);
	if (status == 200 && body.ptr == NULL)
		status = 500;
	if (status != 200)
		body = idm_span_cstr("GET /metrics is all that there is.\n");
	put_answer(bufferevent_get_output(client->stream), status, body);
	idm_arena_free(&arena);
}

static void
on_read(struct bufferevent *stream, void *arg)
{
	struct metrics_client *client = arg;
	struct evbuffer *in = bufferevent_get_input(stream);
	size_t len = evbuffer_get_length(in);
	size_t looked_at = len > METRICS_REQUEST_MAX ? METRICS_REQUEST_MAX + 1 : len;
	int status;

	if (!client->answered) {
		status = metrics_request_status(
		    idm_span_of(evbuffer_pullup(in, (ev_ssize_t)looked_at), looked_at));
		if (status == 0)
			return;
		answer(client, status);
	}
	evbuffer_drain(in, len);
}

/* All has left: say so, and let the client close, lest what it still sends resets the connection
 * before it has read the answer. */
static void
on_written(struct bufferevent *stream, void *arg)
{
	struct metrics_client *client = arg;

	if (client->answered)
		shutdown(bufferevent_getfd(stream), SHUT_WR);
}

static void
on_end(struct bufferevent *stream, short what, void *arg)
{
	(void)stream;
	(void)what;
	client_free(arg);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	client_free(arg);
}

static void
client_new(struct metrics_server *server, int fd)
{
	const struct timeval patience = { .tv_sec = METRICS_CLIENT_S };
	struct metrics_client *client = calloc(1, sizeof(*client));
	struct bufferevent *stream =
	    bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);

	if (client == NULL || stream == NULL) {
		log_error("metrics: out of memory");
		free(client);
		if (stream != NULL)
			bufferevent_free(stream);
		else
			close(fd);
		return;
	}
	client->server = server;
	client->stream = stream;
	client->next = server->clients;
	server->clients = client;
	if (++server->client_count == METRICS_CLIENTS_MAX)
		event_del(server->event);
	client->deadline = evtimer_new(server->base, on_deadline, client);
	bufferevent_setcb(stream, on_read, on_written, on_end, client);
	bufferevent_setwatermark(stream, EV_READ, 0, METRICS_REQUEST_MAX + 1);
	if (client->deadline == NULL || event_add(client->deadline, &patience) != 0 ||
	    bufferevent_enable(stream, EV_READ | EV_WRITE) != 0)
		client_free(client);
}

static void
on_accept(evutil_socket_t listen_fd, short what, void *arg)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	int fd = accept4(listen_fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (fd >= 0)
		client_new(arg, fd);
}

/* --- the listener */

static int
listen_on(const struct config_address *address, struct idm_error *err)
{
	int on = 1;
	int fd = socket(address->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, (const struct sockaddr *)&address->addr, address->addr_len) == 0 &&
	    listen(fd, METRICS_CLIENTS_MAX) == 0)
		return fd;
	idm_fail(err, IDM_SYSTEM, "metrics_address: %s: can't listen: %s%s", address->text,
	    strerror(errno),
	    errno == EADDRINUSE ? ": another program does; end it or choose another" : "");
	if (fd >= 0)
		close(fd);
	return -1;
}

struct metrics_server *
metrics_server_open(struct event_base *base, const struct config_address *address,
    metrics_source source, void *context, struct idm_error *err)
{
	struct metrics_server *server = calloc(1, sizeof(*server));

	if (server == NULL) {
		idm_fail(err, IDM_SYSTEM, "out of memory");
		return NULL;
	}
	server->base = base;
	server->source = source;
	server->context = context;
	server->fd = listen_on(address, err);
	if (server->fd >= 0) {
		server->event =
		    event_new(base, server->fd, EV_READ | EV_PERSIST, on_accept, server);
		if (server->event == NULL || event_add(server->event, NULL) != 0) {
			idm_fail(err, IDM_SYSTEM, "out of memory");
			metrics_server_close(&server);
		}
		return server;
	}
	metrics_server_close(&server);
	return NULL;
}

void
metrics_server_close(struct metrics_server **server)
{
	struct metrics_server *s = *server;

	if (s == NULL)
		return;
	for (struct metrics_client *next, *client = s->clients; client != NULL; client = next) {
		next = client->next;
		client_free(client);
	}
	if (s->event != NULL)
		event_free(s->event);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
	*server = NULL;
}

int
metrics_server_fd(const struct metrics_server *server)
{
	return server->fd;
}
