/* What the commands on the database tell while they work, and what they found (core/backup.h). */
#ifndef ADMIN_SERVER_REPORT_H
#define ADMIN_SERVER_REPORT_H

#include <jansson.h>

#include "admin/server.h"
#include "admin/server_progress.h"
#include "common/config.h"
#include "core/backup.h"

struct server_report {
	struct server_progress progress;
	bool json;
	FILE *lines;      /* where findings go as text */
	json_t *findings; /* where they go else */
	struct idm_report report;
};

/* Findings go to `lines`, a line each, or into the answer.  False: out of memory. */
bool server_report_begin(struct server_report *report, const struct server_cli *cli, FILE *lines);
void server_report_end(struct server_report *report);

/*
 * Print the answer, `pairs` (a reference that this takes) with the findings in it, as the one JSON
 * value; or nothing, as text.  SERVER_DONE; SERVER_FAILED: it could not be written.
 */
int server_report_answer(struct server_report *report, json_t *pairs);

/*
 * The configuration, and root becomes the owner of the database.  False: that was told.  What root
 * alone may open is to be opened before.
 */
bool server_load_config(const struct server_cli *cli, struct server_config *config);
bool server_become_owner(const struct server_config *config);

/*
 * The passphrase of a file's first line, or else typed on a terminal, twice if `twice`; "": none.
 * False: that was told.  The caller wipes it.
 */
enum { SERVER_PASSPHRASE_BYTES = 1100 }; /* as PROMPT_BYTES */
bool server_read_passphrase(const struct server_cli *cli, const char *question, bool twice,
    char out[SERVER_PASSPHRASE_BYTES]);

#endif
