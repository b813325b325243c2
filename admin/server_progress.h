/* A bar on the terminal for what takes long; nothing where stderr is none, or JSON is asked for. */
#ifndef ADMIN_SERVER_PROGRESS_H
#define ADMIN_SERVER_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct server_progress {
	bool on;
	bool shown; /* a bar stands on the line */
	uint64_t next_ms;
};

void server_progress_begin(struct server_progress *progress, bool json);

/* `done` of `total` (0: nobody knows) of `what`; draws ten times a second at most. */
void server_progress_show(
    struct server_progress *progress, const char *what, uint64_t done, uint64_t total);

/* Make room for a line of text, or for the end. */
void server_progress_clear(struct server_progress *progress);

#endif
