#include "core/child.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/fd.h"

/* A frame: its kind and length, then the message, or the result and its text. */
enum frame_kind {
	FRAME_MESSAGE = 1,
	FRAME_RESULT = 2,
};

struct frame {
	uint32_t kind;
	uint32_t len;
	uint8_t body[IDM_CHILD_MESSAGE_MAX];
};

enum { HEAD_BYTES = offsetof(struct frame, body) };

struct answer {
	enum idm_result result;
	struct idm_error err;
};

_Static_assert(sizeof(struct answer) <= IDM_CHILD_MESSAGE_MAX, "an answer is one frame");

static void
send_frame(int fd, enum frame_kind kind, const void *body, size_t len)
{
	struct frame frame = { .kind = kind, .len = (uint32_t)len };

	memcpy(frame.body, body, len);
	if (!idm_fd_write(fd, &frame, HEAD_BYTES + len))
		_exit(1);
}

void
idm_child_send(int to_parent, const void *message, size_t len)
{
	send_frame(to_parent, FRAME_MESSAGE, message, len);
}

/* False: the pipe's end, or what a dying child left of a frame. */
static bool
receive(int fd, void *to, size_t len)
{
	uint8_t *at = to;

	while (len > 0) {
		ssize_t n = read(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
receive_frame(int fd, struct frame *frame)
{
	return receive(fd, frame, HEAD_BYTES) && frame->len <= sizeof(frame->body) &&
	       receive(fd, frame->body, frame->len);
}

static _Noreturn void
be_child(const struct idm_child_task *task, int to_parent)
{
	static const int deadly[] = { SIGBUS, SIGSEGV, SIGABRT, SIGILL, SIGFPE };
	struct answer answer = { .err = { .text = "" } };

	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		signal(deadly[i], SIG_DFL); /* whatever the parent does about them */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	answer.result = task->work(task->ctx, to_parent, &answer.err);
	send_frame(to_parent, FRAME_RESULT, &answer, sizeof(answer));
	_exit(0); /* the parent's buffers and handlers are not ours */
}

static bool
listen_to(int fd, const struct idm_child_task *task, struct answer *answer)
{
	struct frame frame;

	while (receive_frame(fd, &frame)) {
		if (frame.kind == FRAME_RESULT && frame.len == sizeof(*answer)) {
			memcpy(answer, frame.body, sizeof(*answer));
			return true;
		}
		if (frame.kind == FRAME_MESSAGE && task->on_message != NULL)
			task->on_message(task->ctx, idm_span_of(frame.body, frame.len));
	}
	return false;
}

static enum idm_result
died(int status, struct idm_error *err)
{
	if (WIFSIGNALED(status))
		return idm_fail(err, IDM_CORRUPT, "the process that read the file died of it: %s",
		    strsignal(WTERMSIG(status)));
	return idm_fail(err, IDM_CORRUPT, "the process that read the file ended too early");
}

static enum idm_result
wait_for(pid_t pid, int fd, const struct idm_child_task *task, struct idm_error *err)
{
	struct answer answer;
	bool answered = listen_to(fd, task, &answer);
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (!answered)
		return died(status, err);
	if (err != NULL)
		*err = answer.err;
	return answer.result;
}

enum idm_result
idm_child_run(const struct idm_child_task *task, struct idm_error *err)
{
	enum idm_result result;
	int ends[2];
	pid_t pid;

	if (pipe(ends) != 0)
		return idm_fail(err, IDM_SYSTEM, "a pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		be_child(task, ends[1]);
	}
	close(ends[1]);
	if (pid < 0)
		result = idm_fail(err, IDM_SYSTEM, "a child process: %s", strerror(errno));
	else
		result = wait_for(pid, ends[0], task, err);
	close(ends[0]);
	return result;
}
