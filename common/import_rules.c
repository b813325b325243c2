#include "common/import_rules.h"

#include <pthread.h>

#include "core/attributes.h"

/* clang-format off */
static const struct import_rule rules[] = {
	/* RFC 4519, RFC 2798, RFC 4524 */
	{ "objectClass", IMPORT_NOTHING, 0 },
	{ "uid", IMPORT_UID, 0 },
	{ "userid", IMPORT_UID, 0 },
	{ "cn", IMPORT_CN, 0 },
	{ "commonName", IMPORT_CN, 0 },
	{ "sn", IMPORT_NOTHING, 0 }, /* computed from displayname and legalname, as is givenName */
	{ "surname", IMPORT_NOTHING, 0 },
	{ "givenName", IMPORT_NOTHING, 0 },
	{ "gn", IMPORT_NOTHING, 0 },
	{ "rfc822Mailbox", IMPORT_AS, IDM_ATTR_MAIL },
	{ "email", IMPORT_AS, IDM_ATTR_MAIL },
	{ "emailAddress", IMPORT_AS, IDM_ATTR_MAIL },
	{ "mailAlternateAddress", IMPORT_AS, IDM_ATTR_MAIL },
	{ "mailLocalAddress", IMPORT_AS, IDM_ATTR_MAIL },
	{ "member", IMPORT_MEMBER, 0 },
	{ "uniqueMember", IMPORT_UNIQUE_MEMBER, 0 },

	/* RFC 2307, shadow(5) */
	{ "uidNumber", IMPORT_UID_NUMBER, 0 },
	{ "gidNumber", IMPORT_GID_NUMBER, 0 },
	{ "gecos", IMPORT_GECOS, 0 },
	{ "memberUid", IMPORT_MEMBER_UID, 0 },
	{ "shadowExpire", IMPORT_EXPIRE_DAYS, 0 },
	{ "shadowLastChange", IMPORT_NOTHING, 0 },

	/* secrets */
	{ "userPassword", IMPORT_PASSWORD, 0 },
	{ "password_import", IMPORT_PASSWORD, 0 },
	{ "sambaNTPassword", IMPORT_NT_PASSWORD, 0 },
	{ "ipaNTHash", IMPORT_NT_HASH, 0 },
	{ "sshPublicKey", IMPORT_SSH_KEY, 0 },
	{ "ipaSshPubKey", IMPORT_SSH_KEY, 0 },

	/* validity elsewhere */
	{ "krbPrincipalExpiration", IMPORT_EXPIRE_TIME, 0 },
	{ "accountExpires", IMPORT_EXPIRE_TICKS, 0 },
	{ "nsAccountLock", IMPORT_LOCKED, 0 },
	{ "loginDisabled", IMPORT_LOCKED, 0 },
	{ "pwdAccountLockedTime", IMPORT_LOCKED_SINCE, 0 },

	/* operational: RFC 4512, RFC 4530, RFC 5020, OpenLDAP, 389-ds */
	{ "uuid", IMPORT_UUID, 0 },
	{ "entryUUID", IMPORT_UUID, 0 },
	{ "entryDN", IMPORT_NOTHING, 0 },
	{ "entryCSN", IMPORT_NOTHING, 0 },
	{ "contextCSN", IMPORT_NOTHING, 0 },
	{ "entryid", IMPORT_NOTHING, 0 },
	{ "parentid", IMPORT_NOTHING, 0 },
	{ "nsUniqueId", IMPORT_NOTHING, 0 },
	{ "structuralObjectClass", IMPORT_NOTHING, 0 },
	{ "subschemaSubentry", IMPORT_NOTHING, 0 },
	{ "hasSubordinates", IMPORT_NOTHING, 0 },
	{ "numSubordinates", IMPORT_NOTHING, 0 },
	{ "creatorsName", IMPORT_NOTHING, 0 },
	{ "modifiersName", IMPORT_NOTHING, 0 },
	{ "createTimestamp", IMPORT_NOTHING, 0 },
	{ "modifyTimestamp", IMPORT_NOTHING, 0 },
	{ "pwdChangedTime", IMPORT_NOTHING, 0 },
	{ "pwdFailureTime", IMPORT_NOTHING, 0 },
	{ "pwdLastSuccess", IMPORT_NOTHING, 0 },
	{ "authTimestamp", IMPORT_NOTHING, 0 },
	{ "memberOf", IMPORT_NOTHING, 0 }, /* follows from the groups */

	/* what our own server computes for others */
	{ "emailPrimary", IMPORT_NOTHING, 0 },
	{ "emailAlternative", IMPORT_NOTHING, 0 },
	{ "keys", IMPORT_NOTHING, 0 },
	{ "dc", IMPORT_NOTHING, 0 },
};

static const struct import_class classes[] = {
	{ "radius_client", IMPORT_RADIUS_CLIENT, 6 },
	{ "groupOfNames", IMPORT_GROUP, 5 },
	{ "groupOfUniqueNames", IMPORT_GROUP, 5 },
	{ "groupOfMembers", IMPORT_GROUP, 5 },
	{ "posixGroup", IMPORT_GROUP, 5 },
	{ "ipaUserGroup", IMPORT_GROUP, 5 },
	{ "group", IMPORT_GROUP, 5 },
	{ "service_account", IMPORT_SERVICE, 4 },
	{ "person", IMPORT_PERSON, 3 },
	{ "organizationalPerson", IMPORT_PERSON, 3 },
	{ "inetOrgPerson", IMPORT_PERSON, 3 },
	{ "residentialPerson", IMPORT_PERSON, 3 },
	{ "pilotPerson", IMPORT_PERSON, 3 },
	{ "posixAccount", IMPORT_PERSON, 3 },
	{ "applicationProcess", IMPORT_SERVICE, 2 },
	{ "simpleSecurityObject", IMPORT_SERVICE, 2 },
	{ "organizationalRole", IMPORT_SERVICE, 2 },
	{ "account", IMPORT_PERSON, 1 },
	{ "organization", IMPORT_CONTAINER, 0 },
	{ "organizationalUnit", IMPORT_CONTAINER, 0 },
	{ "domain", IMPORT_CONTAINER, 0 },
	{ "dcObject", IMPORT_CONTAINER, 0 },
	{ "country", IMPORT_CONTAINER, 0 },
	{ "locality", IMPORT_CONTAINER, 0 },
	{ "container", IMPORT_CONTAINER, 0 },
	{ "nsContainer", IMPORT_CONTAINER, 0 },
	{ "domain_info", IMPORT_CONTAINER, 0 },
	{ "system_config", IMPORT_CONTAINER, 0 },
};
/* clang-format on */

enum {
	RULE_COUNT = sizeof(rules) / sizeof(rules[0]),
	CLASS_COUNT = sizeof(classes) / sizeof(classes[0]),
	BUCKETS = 256, /* a power of two, and far more than rules */
};

static uint8_t rule_at[BUCKETS]; /* position + 1; 0: free */
static pthread_once_t rules_once = PTHREAD_ONCE_INIT;

static void
hash_rules(void)
{
	for (size_t i = 0; i < RULE_COUNT; i++) {
		uint32_t at = idm_span_hash_nocase(idm_span_cstr(rules[i].type)) % BUCKETS;

		while (rule_at[at] != 0)
			at = (at + 1) % BUCKETS;
		rule_at[at] = (uint8_t)(i + 1);
	}
}

const struct import_rule *
import_rule(struct idm_span type)
{
	uint32_t at = idm_span_hash_nocase(type) % BUCKETS;

	pthread_once(&rules_once, hash_rules);
	for (; rule_at[at] != 0; at = (at + 1) % BUCKETS) {
		const struct import_rule *rule = &rules[rule_at[at] - 1];

		if (idm_span_equal_nocase(type, idm_span_cstr(rule->type)))
			return rule;
	}
	return NULL;
}

const struct import_class *
import_class(struct idm_span name)
{
	for (size_t i = 0; i < CLASS_COUNT; i++) {
		if (idm_span_equal_nocase(name, idm_span_cstr(classes[i].name)))
			return &classes[i];
	}
	return NULL;
}
