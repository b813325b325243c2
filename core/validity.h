/*
 * The one answer to "may this account in, now?": its window valid_from <= now < expire (SPEC 10.6),
 * decided on the stored entry for every protocol alike.  A missing border is no border; an expire
 * that lies before valid_from still locks.
 */
#ifndef CORE_VALIDITY_H
#define CORE_VALIDITY_H

#include "core/entry.h"
#include "core/result.h"
#include "core/timefmt.h"

/*
 * IDM_DENIED, err->text: "not valid before ...", "expired at ...", or, with a window but without
 * trusted time, "time is not trusted" (SPEC 11.5).
 */
enum idm_result idm_validity_check(
    const struct idm_entry *entry, struct idm_now now, struct idm_error *err);

/* The next second at which the answer can change; INT64_MAX: never. */
int64_t idm_validity_border_s(const struct idm_entry *entry, struct idm_now now);

#endif
