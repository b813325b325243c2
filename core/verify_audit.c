/* Check of the audit trail: does its chain hold? */
#include <inttypes.h>

#include "core/audit.h"
#include "core/verify_impl.h"

void
verify_audit(struct verify *v)
{
	struct idm_audit_check check;

	if (idm_audit_check(&v->txn, 0, SIZE_MAX, &check, &v->err) != IDM_OK)
		verify_found(
		    v, IDM_FINDING_AUDIT, "audit: the trail can't be read: %s", v->err.text);
	else if (check.broken != 0)
		verify_found(v, IDM_FINDING_AUDIT, "audit: broken at record %" PRIu64 ": %s",
		    check.broken, check.text);
}
