/*
 * The audit trail of a core process, as lines for a test to compare with:
 *
 *   PROTOCOL OPERATION OUTCOME ACTOR > TARGET [attribute,attribute] reason
 *
 * ACTOR and TARGET without the realm's domain; what is not there is "-".
 */
#ifndef TESTS_SUPPORT_TRAIL_H
#define TESTS_SUPPORT_TRAIL_H

#include "ldapd/core_audit.h"

enum { TRAIL_LINE_BYTES = 1536 };

/* Write all that waits; the serial number of the last record. */
uint64_t trail_write(struct core *core);

/* The record of this number, after trail_write; it must be there.  One of four buffers that take
 * turns. */
const char *trail_line(struct core *core, uint64_t serial);

/* Writes, and how many records behind `from` have this line (or begin so, with a '*' at its end).
 */
unsigned trail_count(struct core *core, uint64_t from, const char *line);

/* Writes; one record at least behind `from` has this line, or the test fails and shows them all. */
void trail_expect(struct core *core, uint64_t from, const char *line);

#endif
