/* Points in time: seconds since 1970, UTC, 64 bits everywhere; text as of RFC 3339 and RFC 4517. */
#ifndef CORE_TIMEFMT_H
#define CORE_TIMEFMT_H

#include <stdint.h>

#include "core/span.h"

enum { IDM_TIME_TEXT = 32 };

/*
 * What the clock says, as every decision takes it: the second, and whether it can be believed
 * (SPEC 11.5).  While it is not trusted, whoever has a validity window is refused.
 */
struct idm_now {
	int64_t at_s;
	bool trusted;
};

/*
 * RFC 3339 section 5.6 (`2020-09-25T11:22:04+10:00`, `T` and `Z` in either case, a fraction is cut
 * off), years 0000 to 9999, a leap second is the second after; or GeneralizedTime of RFC 4517
 * section 3.3.13 (`20200925112204Z`).  False for anything else.
 */
bool idm_time_parse(struct idm_span text, int64_t *out_s);

/* `2020-09-25T01:22:04Z`.  Times outside the years 0000 to 9999 are clamped. */
void idm_time_format(int64_t at_s, char out[IDM_TIME_TEXT]);

/* `20200925012204Z` (RFC 4517 section 3.3.13). */
void idm_time_format_generalized(int64_t at_s, char out[IDM_TIME_TEXT]);

#endif
