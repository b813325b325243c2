/*
 * The one early answer to "may this account in, now?", for every protocol alike (CHANGES 20): it is
 * live, not held at the console, and in its window.  Decided on the stored entry.
 */
#ifndef CORE_ADMISSION_H
#define CORE_ADMISSION_H

#include "core/lookup.h"

/* IDM_DENIED with the reason in err->text alone: "the account was deleted", "held at the console",
 * or what idm_validity_check says. */
enum idm_result idm_admission_check(
    const struct idm_read *read, const struct idm_entry *account, struct idm_error *err);

#endif
