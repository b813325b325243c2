#include "core/policy.h"

#include "core/closure.h"
#include "core/credential.h"
#include "core/index.h"
#include "core/session.h"

/* Nothing is set yet. */
static const struct idm_policy unset = {
	.password_minimum = 0,
	.session_s = INT64_MAX,
	.privileged_s = INT64_MAX,
	.primary_ldap_bind = true,
	.search_limit = UINT32_MAX,
};

static bool
get_number(const struct idm_entry *group, uint32_t attr_number, uint32_t *out)
{
	struct idm_value_iter iter = idm_entry_values(group, attr_number);
	struct idm_value value;

	if (!idm_value_next(&iter, &value))
		return false;
	*out = idm_uint32_load(value.stored);
	return true;
}

static void
at_most(int64_t *value, uint32_t most)
{
	if (most < *value)
		*value = most;
}

/* Make the policy as strict as the group asks for. */
static void
tighten(struct idm_policy *policy, const struct idm_entry *group)
{
	struct idm_value_iter may = idm_entry_values(group, IDM_ATTR_POLICY_PRIMARY_LDAP_BIND);
	struct idm_value value;
	uint32_t n;

	if (get_number(group, IDM_ATTR_POLICY_PASSWORD_MINIMUM, &n) && n > policy->password_minimum)
		policy->password_minimum = n;
	if (get_number(group, IDM_ATTR_POLICY_SESSION_EXPIRY, &n))
		at_most(&policy->session_s, n);
	if (get_number(group, IDM_ATTR_POLICY_PRIVILEGE_EXPIRY, &n))
		at_most(&policy->privileged_s, n);
	if (get_number(group, IDM_ATTR_POLICY_SEARCH_LIMIT, &n) && n < policy->search_limit)
		policy->search_limit = n;
	if (idm_value_next(&may, &value) && value.stored.ptr[0] == 0)
		policy->primary_ldap_bind = false;
}

static void
fill_defaults(struct idm_policy *policy)
{
	if (policy->password_minimum == 0)
		policy->password_minimum = IDM_PASSWORD_MIN_CHARS;
	if (policy->session_s == INT64_MAX)
		policy->session_s = IDM_SESSION_S;
	if (policy->privileged_s == INT64_MAX)
		policy->privileged_s = IDM_SESSION_PRIVILEGED_S;
}

/* What one of the account's groups, which has a policy, asks for; if that counts for the account.
 */
static enum idm_result
tighten_by(const struct idm_read *read, uint64_t group_id, bool account_is_hp,
    struct idm_policy *policy, struct idm_error *err)
{
	struct idm_entry group;
	bool counts = true;
	enum idm_result result = idm_lookup_id(read, group_id, &group, err);

	if (result == IDM_OK && account_is_hp && group_id != read->high_privilege_id)
		result = idm_closure_is_hp(read, &group, &counts, err);
	if (result == IDM_OK && counts)
		tighten(policy, &group);
	return result;
}

/* Of many groups few have a policy, if any: the index tells which, so that no other is looked at.
 */
enum idm_result
idm_policy_of(const struct idm_read *read, const struct idm_entry *account, struct idm_policy *out,
    struct idm_error *err)
{
	const struct idm_attr *class = idm_schema_attr_number(read->schema, IDM_ATTR_CLASS);
	struct idm_window with_policy;
	uint64_t window_no = UINT64_MAX;
	struct idm_ids groups;
	bool hp;
	enum idm_result result = idm_closure_memberof(read, account, &groups, err);

	*out = unset;
	if (result != IDM_OK)
		return result;
	hp = idm_ids_has(&groups, read->high_privilege_id);
	for (size_t i = 0; i < groups.count && result == IDM_OK; i++) {
		if (idm_window_of(groups.ids[i]) != window_no) {
			window_no = idm_window_of(groups.ids[i]);
			idm_window_clear(&with_policy);
			result = idm_index_equal(read, class, IDM_SPAN_LIT("account_policy"),
			    window_no, &with_policy, err);
		}
		if (result == IDM_OK && idm_window_has(&with_policy, groups.ids[i]))
			result = tighten_by(read, groups.ids[i], hp, out, err);
	}
	fill_defaults(out);
	return result;
}
