/* What is printed: for people, or as one JSON value. */
#ifndef ADMIN_OUTPUT_H
#define ADMIN_OUTPUT_H

#include <stdint.h>

#include "admin/cli.h"

/* An entry: a line `---`, then `attribute: value` in alphabetical order. */
void output_entry(const struct cli *cli, const json_t *entry);
/* An array of entries, one behind the other. */
void output_entries(const struct cli *cli, const json_t *entries);
/* A JSON value and nothing else; takes over `value`. */
void output_json(json_t *value);

/* A point in time as a string: for people in their zone, for programs as it is stored. */
json_t *output_time(const struct cli *cli, int64_t at_s);

/*
 * Done: for people the text, if it is not empty; for programs {"status": "ok"}, and with a member
 * `name` of that value.  They return CLI_DONE.
 */
int output_done(const struct cli *cli, const char *text);
int output_done_with(const struct cli *cli, const char *text, const char *name, const char *value);

#endif
