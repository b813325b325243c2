/* Syntaxes and matching rules, as the subschema tells them and filters name them. */
#include "ldapd/view.h"

/* clang-format off */
static const struct view_syntax_info syntaxes[] = {
	[VIEW_SYNTAX_STRING] = { "1.3.6.1.4.1.1466.115.121.1.15", "Directory String",
	    { "caseIgnoreMatch", "2.5.13.2" }, { "caseIgnoreOrderingMatch", "2.5.13.3" },
	    { "caseIgnoreSubstringsMatch", "2.5.13.4" } },
	[VIEW_SYNTAX_EXACT_STRING] = { "1.3.6.1.4.1.1466.115.121.1.15", "Directory String",
	    { "caseExactMatch", "2.5.13.5" }, { "caseExactOrderingMatch", "2.5.13.6" },
	    { "caseExactSubstringsMatch", "2.5.13.7" } },
	[VIEW_SYNTAX_IA5] = { "1.3.6.1.4.1.1466.115.121.1.26", "IA5 String",
	    { "caseIgnoreIA5Match", "1.3.6.1.4.1.1466.109.114.2" }, { NULL, NULL },
	    { "caseIgnoreIA5SubstringsMatch", "1.3.6.1.4.1.1466.109.114.3" } },
	[VIEW_SYNTAX_DN] = { "1.3.6.1.4.1.1466.115.121.1.12", "DN",
	    { "distinguishedNameMatch", "2.5.13.1" }, { NULL, NULL }, { NULL, NULL } },
	[VIEW_SYNTAX_OID] = { "1.3.6.1.4.1.1466.115.121.1.38", "OID",
	    { "objectIdentifierMatch", "2.5.13.0" }, { NULL, NULL }, { NULL, NULL } },
	[VIEW_SYNTAX_UUID] = { "1.3.6.1.1.16.1", "UUID",
	    { "uuidMatch", "1.3.6.1.1.16.2" }, { "uuidOrderingMatch", "1.3.6.1.1.16.3" },
	    { NULL, NULL } },
	[VIEW_SYNTAX_TIME] = { "1.3.6.1.4.1.1466.115.121.1.24", "Generalized Time",
	    { "generalizedTimeMatch", "2.5.13.27" },
	    { "generalizedTimeOrderingMatch", "2.5.13.28" }, { NULL, NULL } },
	[VIEW_SYNTAX_INTEGER] = { "1.3.6.1.4.1.1466.115.121.1.27", "INTEGER",
	    { "integerMatch", "2.5.13.14" }, { "integerOrderingMatch", "2.5.13.15" },
	    { NULL, NULL } },
	[VIEW_SYNTAX_BOOLEAN] = { "1.3.6.1.4.1.1466.115.121.1.7", "Boolean",
	    { "booleanMatch", "2.5.13.13" }, { NULL, NULL }, { NULL, NULL } },
	[VIEW_SYNTAX_OCTETS] = { "1.3.6.1.4.1.1466.115.121.1.40", "Octet String",
	    { "octetStringMatch", "2.5.13.17" }, { NULL, NULL }, { NULL, NULL } },
};
/* clang-format on */

_Static_assert(
    sizeof(syntaxes) / sizeof(syntaxes[0]) == VIEW_SYNTAX_COUNT, "each syntax is described");

const struct view_syntax_info *
view_syntax_info(enum view_syntax syntax)
{
	return &syntaxes[syntax];
}

bool
view_rule_is(const struct view_rule *rule, struct idm_span name)
{
	return rule->name != NULL && (idm_span_equal_nocase(name, idm_span_cstr(rule->name)) ||
					 idm_span_is(name, rule->oid));
}
