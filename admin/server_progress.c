#include "admin/server_progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WIDTH = 40, INTERVAL_MS = 100 };

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void
server_progress_begin(struct server_progress *progress, bool json)
{
	*progress = (struct server_progress){ .on = !json && isatty(STDERR_FILENO) == 1 };
}

void
server_progress_show(
    struct server_progress *progress, const char *what, uint64_t done, uint64_t total)
{
	char bar[WIDTH + 1];
	uint64_t at_ms, filled;

	if (!progress->on)
		return;
	at_ms = now_ms();
	if (at_ms < progress->next_ms)
		return;
	progress->next_ms = at_ms + INTERVAL_MS;
	progress->shown = true;
	if (total == 0) {
		fprintf(stderr, "\r\033[K%s ...", what);
		return;
	}
	filled = done >= total ? WIDTH : (uint64_t)((double)done / (double)total * WIDTH);
	memset(bar, ' ', WIDTH);
	memset(bar, '#', filled);
	bar[WIDTH] = '\0';
	fprintf(stderr, "\r\033[K[%s] %3d %%  %s", bar, (int)(filled * 100 / WIDTH), what);
}

void
server_progress_clear(struct server_progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
	progress->next_ms = 0;
}
