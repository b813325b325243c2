#include "core/admission.h"

#include "core/validity.h"

enum idm_result
idm_admission_check(
    const struct idm_read *read, const struct idm_entry *account, struct idm_error *err)
{
	if (!idm_entry_is_live(account))
		return idm_fail(err, IDM_DENIED, "the account was deleted");
	if (idm_store_is_held(read->txn->store, &account->uuid))
		return idm_fail(err, IDM_DENIED, "held at the console");
	return idm_validity_check(account, read->now, err);
}
