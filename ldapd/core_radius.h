/*
 * What the FreeRADIUS module reports (core/radius_report.h): logins and sessions, which go into the
 * audit trail.  Whoever may write to the socket is believed, so the file is for the core process
 * and radius_group alone, and so many reports are taken a second; the rest is counted, and told.
 */
#ifndef LDAPD_CORE_RADIUS_H
#define LDAPD_CORE_RADIUS_H

#include "core/radius_report.h"
#include "ldapd/core.h"

enum { CORE_RADIUS_REPORTS_MAX = 512 /* a second */ };

/* NULL: *err says why there is none. */
struct core_radius *core_radius_new(struct core *core, struct idm_error *err);
void core_radius_free(struct core_radius **radius);

#endif
