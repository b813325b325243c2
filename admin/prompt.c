#include "admin/prompt.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

bool
prompt_is_terminal(void)
{
	return isatty(STDIN_FILENO) == 1;
}

/*
 * Octet by octet: what stdio reads ahead would stay in its buffer, a password included.  `waiting`:
 * the signals that may end the wait for the next octet.  A line with a NUL is none: what stands
 * behind it would be lost.
 */
static bool
read_line(char out[PROMPT_BYTES], const sigset_t *waiting)
{
	struct pollfd in = { STDIN_FILENO, POLLIN, 0 };
	bool whole = true;
	size_t len = 0;
	char c = 0;

	while (ppoll(&in, 1, NULL, waiting) == 1 && read(STDIN_FILENO, &c, 1) == 1 && c != '\n') {
		whole = whole && c != '\0';
		if (len < PROMPT_BYTES - 1)
			out[len++] = c;
	}
	out[len] = '\0';
	if (whole && (c == '\n' || len != 0))
		return true;
	explicit_bzero(out, PROMPT_BYTES);
	return false;
}

bool
prompt_line(const char *prompt, char out[PROMPT_BYTES])
{
	fflush(stdout);
	if (prompt_is_terminal())
		fputs(prompt, stderr);
	return read_line(out, NULL);
}

/* --- without echo */

static const int endings[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
enum { ENDING_COUNT = sizeof(endings) / sizeof(endings[0]) };

static volatile sig_atomic_t caught;

static void
on_signal(int number)
{
	caught = number;
}

struct quiet {
	struct termios termios;
	struct sigaction actions[ENDING_COUNT];
	sigset_t mask;
};

/* Echo off; and the signals that would leave it so wait for read_line's ppoll. */
static void
quiet_begin(struct quiet *before)
{
	const struct sigaction action = { .sa_handler = on_signal };
	struct termios quiet = before->termios;
	sigset_t blocked;

	caught = 0;
	sigemptyset(&blocked);
	for (size_t i = 0; i < ENDING_COUNT; i++)
		sigaddset(&blocked, endings[i]);
	sigprocmask(SIG_BLOCK, &blocked, &before->mask);
	for (size_t i = 0; i < ENDING_COUNT; i++) {
		sigaction(endings[i], NULL, &before->actions[i]);
		if (before->actions[i].sa_handler != SIG_IGN)
			sigaction(endings[i], &action, NULL);
	}
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
}

/* The terminal as it was; and then what the signal asked for. */
static void
quiet_end(const struct quiet *before)
{
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before->termios);
	fputs("\n", stderr);
	for (size_t i = 0; i < ENDING_COUNT; i++)
		sigaction(endings[i], &before->actions[i], NULL);
	if (caught != 0)
		raise(caught);
	sigprocmask(SIG_SETMASK, &before->mask, NULL);
}

bool
prompt_password(const char *prompt, char out[PROMPT_BYTES])
{
	struct quiet before = { .termios = { 0 } };
	bool got;

	fflush(stdout);
	if (tcgetattr(STDIN_FILENO, &before.termios) != 0)
		return read_line(out, NULL);
	do {
		/* Echo goes first, so that nothing typed behind the prompt is ever shown. */
		quiet_begin(&before);
		fputs(prompt, stderr);
		got = read_line(out, &before.mask);
		if (caught != 0)
			explicit_bzero(out, PROMPT_BYTES);
		quiet_end(&before);
	} while (caught == SIGTSTP); /* stopped, and taken up again: ask once more */
	return got && caught == 0;
}
