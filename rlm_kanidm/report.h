/*
 * Reports to the core process (core/radius_report.h): one datagram each, never waiting.  What the
 * core process does not take is lost, counted, and told in the log once a minute at most.
 */
#ifndef RLM_KANIDM_REPORT_H
#define RLM_KANIDM_REPORT_H

#include <freeradius/radiusd.h>

#include "core/radius_report.h"

struct reporter;

/* To the socket at `path`, which need not be there yet; "": reports go nowhere.  NULL: the path is
 * too long, or memory or descriptors are short. */
struct reporter *reporter_new(const char *path);
void reporter_free(struct reporter **reporter);

/* For all threads. */
void report_send(struct reporter *reporter, const struct idm_report *report);

/* The socket in the directory of the key file, in `ctx`; NULL: out of memory. */
char *report_default_path(TALLOC_CTX *ctx, const char *key_file);

/* Reports that were lost since the reporter began. */
uint64_t reporter_lost(const struct reporter *reporter);

#endif
