#include "ldapd/back_off.h"

uint32_t
back_off_next(uint32_t *step_s, int64_t lived_s)
{
	uint32_t wait_s;

	if (lived_s >= BACK_OFF_STEADY_S)
		*step_s = 0;
	wait_s = *step_s;
	*step_s = wait_s == 0 ? 1 : 2 * wait_s;
	if (*step_s > BACK_OFF_MAX_S)
		*step_s = BACK_OFF_MAX_S;
	return wait_s;
}
