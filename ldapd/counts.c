#include "ldapd/counts.h"

bool
count_op_of(enum ldap_op op, enum count_op *out)
{
	switch (op) {
	case LDAP_BIND_REQUEST: *out = COUNT_OP_BIND; return true;
	case LDAP_UNBIND_REQUEST: *out = COUNT_OP_UNBIND; return true;
	case LDAP_SEARCH_REQUEST: *out = COUNT_OP_SEARCH; return true;
	case LDAP_COMPARE_REQUEST: *out = COUNT_OP_COMPARE; return true;
	case LDAP_ADD_REQUEST: *out = COUNT_OP_ADD; return true;
	case LDAP_MODIFY_REQUEST: *out = COUNT_OP_MODIFY; return true;
	case LDAP_DELETE_REQUEST: *out = COUNT_OP_DELETE; return true;
	case LDAP_MODIFY_DN_REQUEST: *out = COUNT_OP_MODIFY_DN; return true;
	case LDAP_EXTENDED_REQUEST: *out = COUNT_OP_EXTENDED; return true;
	case LDAP_ABANDON_REQUEST: *out = COUNT_OP_ABANDON; return true;
	}
	return false;
}

enum count_result
count_result_of(enum ldap_result_code code)
{
	switch ((int)code) {
	case LDAP_SUCCESS:
	case LDAP_COMPARE_FALSE:
	case LDAP_COMPARE_TRUE: return COUNT_SUCCESS;
	case LDAP_INAPPROPRIATE_AUTHENTICATION:
	case LDAP_INVALID_CREDENTIALS:
	case LDAP_INSUFFICIENT_ACCESS_RIGHTS:
	case LDAP_AUTHORIZATION_DENIED: return COUNT_DENIED;
	case LDAP_NO_SUCH_OBJECT:
	case LDAP_NO_SUCH_ATTRIBUTE: return COUNT_ABSENT;
	case LDAP_TIME_LIMIT_EXCEEDED:
	case LDAP_SIZE_LIMIT_EXCEEDED:
	case LDAP_ADMIN_LIMIT_EXCEEDED: return COUNT_LIMIT;
	case LDAP_BUSY:
	case LDAP_UNAVAILABLE: return COUNT_BUSY;
	case LDAP_OPERATIONS_ERROR:
	case LDAP_OTHER: return COUNT_ERROR;
	default: return COUNT_INVALID;
	}
}

const char *
count_op_name(enum count_op op)
{
	static const char *const names[COUNT_OPS] = { "bind", "unbind", "search", "compare", "add",
		"modify", "delete", "modifydn", "extended", "abandon" };

	return names[op];
}

const char *
count_result_name(enum count_result result)
{
	static const char *const names[COUNT_RESULTS] = { "success", "denied", "absent", "limit",
		"busy", "invalid", "error", "unanswered" };

	return names[result];
}

void
counts_add(struct counts *sum, const struct counts *counts, bool gauges)
{
	for (int i = gauges ? 0 : (int)COUNT_GAUGES; i < (int)COUNT_ALL; i++)
		sum->of[i] += counts->of[i];
}
