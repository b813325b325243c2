/* What the account policies of an account's groups come to (SPEC 5.5, 6.4, 7.3). */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include "core/lookup.h"

struct idm_policy {
	uint32_t password_minimum; /* characters */
	int64_t session_s;         /* how long a login lasts */
	int64_t privileged_s;      /* how long after a proof of the password it may write */
	bool primary_ldap_bind;    /* may the primary password bind for more than a login? */
	uint32_t search_limit;     /* entries of one search; UINT32_MAX: the server's own limit */
};

/*
 * The strictest value that one of the account's groups sets, and the default where none does.  Of a
 * high privilege account those groups alone count that are high privilege themselves, so that
 * whoever writes ordinary groups has no say.
 */
enum idm_result idm_policy_of(const struct idm_read *read, const struct idm_entry *account,
    struct idm_policy *out, struct idm_error *err);

#endif
