#include "admin/prompt.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

bool
prompt_is_terminal(void)
{
	return isatty(STDIN_FILENO) == 1;
}

/* Octet by octet: what stdio reads ahead would stay in its buffer, a password included. */
static bool
read_line(char out[PROMPT_BYTES])
{
	size_t len = 0;
	char c = 0;

	while (read(STDIN_FILENO, &c, 1) == 1) {
		if (c == '\n') {
			out[len] = '\0';
			return true;
		}
		if (len < PROMPT_BYTES - 1)
			out[len++] = c;
	}
	out[len] = '\0';
	return len != 0;
}

bool
prompt_line(const char *prompt, char out[PROMPT_BYTES])
{
	fputs(prompt, stdout);
	fflush(stdout);
	return read_line(out);
}

bool
prompt_password(const char *prompt, char out[PROMPT_BYTES])
{
	struct termios before, quiet;
	bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
	bool got;

	/* Echo goes first, so that nothing typed behind the prompt is ever shown. */
	if (terminal) {
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	fputs(prompt, terminal ? stderr : stdout);
	fflush(stdout);
	got = read_line(out);
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputs("\n", stderr);
	}
	return got;
}
