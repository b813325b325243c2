/* How long to wait before something that ended is started again. */
#ifndef LDAPD_BACK_OFF_H
#define LDAPD_BACK_OFF_H

#include <stdint.h>

enum {
	BACK_OFF_MAX_S = 30,
	BACK_OFF_STEADY_S = 60, /* who lived so long is started again at once */
};

/*
 * Seconds to wait before the next start, after a life of `lived_s`: none, then 1, 2, 4 up to
 * BACK_OFF_MAX_S while lives are short.  *step_s, 0 at first, is kept from one call to the next.
 */
uint32_t back_off_next(uint32_t *step_s, int64_t lived_s);

#endif
