/* What is printed: for people, or as one JSON value. */
#ifndef ADMIN_OUTPUT_H
#define ADMIN_OUTPUT_H

#include "admin/cli.h"

/* An entry: a line `---`, then `attribute: value` in alphabetical order. */
void output_entry(const struct cli *cli, const json_t *entry);
/* An array of entries, one behind the other. */
void output_entries(const struct cli *cli, const json_t *entries);
/* A JSON value and nothing else; takes over `value`. */
void output_json(json_t *value);

/*
 * Done, for people the text, for programs {"status": "ok"} and the pairs (name, text, ..., NULL).
 * An empty text prints nothing.  Returns CLI_DONE.
 */
int output_done(const struct cli *cli, const char *text, ...) __attribute__((sentinel));

#endif
