#include "ldapd/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "ldapd/log.h"

enum {
	READ_BYTES = 32 * 1024,         /* the room that a read finds at least */
	WAITING_MAX = 64 * 1024 * 1024, /* octets that the peer does not take: it is stuck */
};

struct channel {
	int fd;
	struct event *read_event;
	struct event *write_event;
	channel_on_frame on_frame;
	channel_on_closed on_closed;
	void *context;
	struct ipc_buffer in;
	struct ipc_buffer out;
	size_t out_sent; /* octets of `out` that have left */
	bool full;       /* the socket took not all: `write_event` tells when it takes more */
	bool busy;       /* a callback runs: channel_free waits for its end */
	bool freed;
	bool cut; /* nothing is sent any more */
};

static void
destroy(struct channel *ch)
{
	if (ch->read_event != NULL)
		event_free(ch->read_event);
	if (ch->write_event != NULL)
		event_free(ch->write_event);
	if (ch->fd >= 0)
		close(ch->fd);
	ipc_buffer_free(&ch->in);
	ipc_buffer_free(&ch->out);
	free(ch);
}

enum taken {
	TAKEN,
	TAKEN_BAD,   /* the peer broke the rules */
	TAKEN_FREED, /* a callback freed the channel */
};

/* Hand over all whole frames, and wipe them. */
static enum taken
take_frames(struct channel *ch)
{
	size_t pos = 0;
	size_t len;

	ch->busy = true;
	while ((len = ipc_frame_length(ch->in.data + pos, ch->in.len - pos)) != 0) {
		struct ipc_frame frame;
		bool good = len != SIZE_MAX &&
			    ipc_decode(idm_span_of(ch->in.data + pos, len), &frame) &&
			    ch->on_frame(ch->context, &frame);

		if (ch->freed) {
			destroy(ch);
			return TAKEN_FREED;
		}
		if (!good)
			break;
		pos += len;
	}
	ch->busy = false;
	memmove(ch->in.data, ch->in.data + pos, ch->in.len - pos);
	OPENSSL_cleanse(ch->in.data + ch->in.len - pos, pos);
	ch->in.len -= pos;
	return len == 0 ? TAKEN : TAKEN_BAD;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *ch = arg;
	ssize_t n = 0;

	(void)what;
	if (ipc_buffer_reserve(&ch->in, READ_BYTES))
		n = read(fd, ch->in.data + ch->in.len, ch->in.room - ch->in.len);
	else
		log_error("channel: out of memory");
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		ch->in.len += (size_t)n;
		if (take_frames(ch) != TAKEN_BAD)
			return;
	}
	ch->on_closed(ch->context);
}

/* Be told when the socket takes more, or no longer.  False: out of memory. */
static bool
await_room(struct channel *ch, bool full)
{
	if (ch->full == full)
		return true;
	ch->full = full;
	return (full ? event_add(ch->write_event, NULL) : event_del(ch->write_event)) == 0;
}

static void
cut(struct channel *ch)
{
	log_error("channel: the peer does not take what it is sent: it is cut off");
	ch->cut = true;
	event_del(ch->write_event);
	shutdown(ch->fd, SHUT_RDWR); /* which makes it readable, at both ends */
}

/* Something waits, and the loop has run the callbacks that were due, or the socket has room. */
static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *ch = arg;
	ssize_t n;

	(void)what;
	n = write(fd, ch->out.data + ch->out_sent, ch->out.len - ch->out_sent);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		await_room(ch, false); /* the reading side sees the end */
		return;
	}
	if (n > 0) {
		OPENSSL_cleanse(ch->out.data + ch->out_sent, (size_t)n);
		ch->out_sent += (size_t)n;
	}
	if (ch->out_sent == ch->out.len)
		ch->out.len = ch->out_sent = 0;
	if (!await_room(ch, ch->out.len != 0))
		cut(ch);
}

struct channel *
channel_new(struct event_base *base, int fd, channel_on_frame on_frame, channel_on_closed on_closed,
    void *context)
{
	struct channel *ch = calloc(1, sizeof(*ch));

	if (ch == NULL)
		return NULL;
	ch->fd = fd;
	ch->on_frame = on_frame;
	ch->on_closed = on_closed;
	ch->context = context;
	ch->read_event = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, ch);
	ch->write_event = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, ch);
	if (ch->read_event == NULL || ch->write_event == NULL ||
	    event_add(ch->read_event, NULL) != 0) {
		ch->fd = -1; /* stays the caller's */
		channel_free(&ch);
	}
	return ch;
}

void
channel_free(struct channel **channel)
{
	struct channel *ch = *channel;

	*channel = NULL;
	if (ch == NULL)
		return;
	if (ch->busy)
		ch->freed = true;
	else
		destroy(ch);
}

static void
forget_sent(struct channel *ch)
{
	size_t left = ch->out.len - ch->out_sent;

	if (ch->out_sent <= left)
		return;
	memcpy(ch->out.data, ch->out.data + ch->out_sent, left);
	OPENSSL_cleanse(ch->out.data + ch->out_sent, left);
	ch->out.len = left;
	ch->out_sent = 0;
}

/* Frames gather while the loop runs its callbacks, and leave in one system call. */
bool
channel_send(struct channel *ch, const struct ipc_frame *frame)
{
	if (ch->cut)
		return false;
	forget_sent(ch);
	if (channel_waiting(ch) >= WAITING_MAX || !ipc_encode(&ch->out, frame)) {
		cut(ch);
		return false;
	}
	if (!ch->full) /* as far as is known the socket takes it: no need to ask */
		event_active(ch->write_event, EV_WRITE, 0);
	return true;
}

size_t
channel_waiting(const struct channel *ch)
{
	return ch->out.len - ch->out_sent;
}
